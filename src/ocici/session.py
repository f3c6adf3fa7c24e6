"""The session on disk: created, destroyed, swept. Standard library only (DESIGN.md, rule 5).

A session is a folder of mode 0700 with `config`, one key file a profile, and `manifest.json`, which is written
first and removed last: a folder without one holds no secret. The manifest says whose the session is, so that the
next step on the machine can tell whether that job is provably over.
"""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
import stat
import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ocici import folder, process
from ocici.credentials import Profile
from ocici.findings import Finding, Refused, finding, refused
from ocici.folder import Folder
from ocici.process import Process

PREFIX: Final = "ocici-"
MANIFEST: Final = "manifest.json"
DRAFT: Final = "manifest.json.new"
CONFIG: Final = "config"
LABEL: Final = b"OCI_API_KEY\n"
"""The line after the key by which oci-cli knows an API key; it warns without it."""

_ALPHABET: Final = string.ascii_lowercase + string.digits
_TRIES: Final = 100
_MANIFEST_LIMIT: Final = 1_048_576
_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True)
class Owner:
    """Whose a session is.

    `host`, `job`, `slot`: see `hosts.base.Host`.
    """

    host: str = "terminal"
    job: str = ""
    slot: str = ""


@dataclass(frozen=True)
class Session:
    """A session on disk. `key_files` has one path a profile; `findings` are what was worth knowing on the way."""

    folder: Path
    config_file: Path
    key_files: dict[str, Path]
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Swept:
    """One session that sweep met: removed (`left` is empty), or not, and why."""

    folder: Path
    job: str
    left: str = ""


# -- create ---------------------------------------------------------------------------------------------------


def create(profiles: Sequence[Profile], selected: str, owner: Owner, parent: Path, path: Path | None = None) -> Session:
    """Write a session with `profiles`, complete or not at all. It is dead once this process is, until `hand_over`.

    Parameters: `profiles`, completed by the checks; `selected`, the one that becomes DEFAULT when there is none of
    that name; `parent`, the folder in which a new one is made; `path`, the very folder to make instead. Raises
    `Refused` (session-exists, session-unwritable, disk-full), with nothing left on disk.
    """
    try:
        made, parent_findings = _claim(owner, parent, path)
    except OSError as error:
        raise _unwritable(error, path or parent) from None
    keys = {profile.name: made / f"{profile.name}.pem" for profile in profiles}
    try:
        with folder.opened(made) as inside:
            for profile in profiles:
                inside.write(keys[profile.name].name, profile.credentials.key.reveal() + LABEL)
            inside.write(CONFIG, _config(profiles, selected, keys))
    except BaseException as error:  # an interrupt as well: nothing may be left half-written
        destroy(made)
        if isinstance(error, OSError):
            raise _unwritable(error, made) from None
        raise
    return Session(made, made / CONFIG, keys, parent_findings)


def _claim(owner: Owner, parent: Path, path: Path | None) -> tuple[Path, tuple[Finding, ...]]:
    """Make the folder with its manifest in it.

    A sweep may take an empty folder away between the two (it cannot know whose it is): then both are done again.
    """
    parent = Path(os.path.abspath(path.parent if path else parent))  # noqa: PTH100 (resolve() would follow links)
    os.makedirs(parent, 0o700, exist_ok=True)  # noqa: PTH103 (Path.mkdir gives parents the default mode)
    for _ in range(_TRIES):
        made = parent / (path.name if path else PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(8)))
        try:
            folder.make(made)
        except FileExistsError:
            if path is None:
                continue
            raise refused("session-exists", path=made, what=_kind(made)) from None
        try:
            with folder.opened(made) as inside:
                _write_manifest(inside, owner, tied_to="process")
        except FileNotFoundError:
            continue
        except BaseException:
            _remove_unclaimed(made)
            raise
        return made, _check_parent(parent)
    raise OSError(errno.EEXIST, "no free name for a folder")


def hand_over(session: Session, owner: Owner) -> None:
    """Let the session outlive this process: from now on it is dead once the job is. Raises `Refused` (disk-full, …)."""
    try:
        with folder.opened(session.folder) as inside:
            _write_manifest(inside, owner, tied_to="job")
    except OSError as error:
        raise _unwritable(error, session.folder) from None


def _write_manifest(inside: Folder, owner: Owner, tied_to: str) -> None:
    manifest = {
        "ocici": 1,
        "host": owner.host,
        "job": owner.job,
        "slot": owner.slot,
        "tied_to": tied_to,
        "process": process.this().as_json(),
    }
    inside.write(DRAFT, json.dumps(manifest, indent=1).encode() + b"\n")
    inside.rename(DRAFT, MANIFEST)


def _config(profiles: Sequence[Profile], selected: str, keys: dict[str, Path]) -> bytes:
    """The plainest file that every tool's parser reads: every field in every profile, LF, no BOM, no comment."""
    sections = {profile.name: profile for profile in profiles}
    sections = {"DEFAULT": sections.get("DEFAULT", sections[selected]), **sections}
    lines = []
    for name, profile in sections.items():
        who = profile.credentials
        lines += [f"[{name}]", f"user={who.user}", f"fingerprint={who.fingerprint}", f"tenancy={who.tenancy}"]
        lines += [f"region={who.region}", f"key_file={keys[profile.name]}", ""]
    return "\n".join(lines).encode("utf-8", "surrogateescape")


def _check_parent(parent: Path) -> tuple[Finding, ...]:
    mode = parent.stat().st_mode
    if os.name == "posix" and mode & (stat.S_IWGRP | stat.S_IWOTH) and not mode & stat.S_ISVTX:
        return (finding("parent-open", path=parent),)
    return ()


def _kind(path: Path) -> str:
    if path.is_symlink():
        return "a symbolic link"
    return "a folder" if path.is_dir() else "a file"


def _remove_unclaimed(made: Path) -> None:
    # Nothing secret is in it yet; what cannot be removed is an empty folder, and sweep takes it away.
    try:
        with folder.opened(made) as inside:
            for name in inside.names():
                inside.wipe(name)
        made.rmdir()
    except OSError:
        pass


def _unwritable(error: OSError, path: Path) -> Refused:
    reason = _reason(error)
    return refused("disk-full" if error.errno in _NO_ROOM else "session-unwritable", path=path, reason=reason)


# -- destroy ------------------------------------------------------------------------------------------------------


def destroy(path: Path) -> bool:
    """Destroy the session at `path`: key files are overwritten, then everything is removed, the manifest last.

    Returns whether there was one; one that is gone is fine. Raises `Refused`: not-a-session for a folder without
    ocici's manifest, session-left when something could not be removed.
    """
    try:
        with folder.opened(path) as inside:
            if not inside.is_mine():
                raise refused("not-a-session", path=path, reason="belongs to another user")
            if _manifest(inside) is None and not set(inside.names()) <= {DRAFT}:
                raise refused("not-a-session", path=path, reason="holds no manifest of ocici's")
            for name in sorted(inside.names(), key=lambda name: name in (MANIFEST, DRAFT)):
                inside.wipe(name)
        path.rmdir()
    except FileNotFoundError:
        if not os.path.lexists(path):
            return False
        return destroy(path)  # another cleanup is at work in it: what it has removed is gone, go on with the rest
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise refused("not-a-session", path=path, reason=f"is {_kind(path)}") from None
        raise refused("session-left", path=path, reason=_reason(error)) from None
    return True


def _manifest(inside: Folder) -> dict[str, Any] | None:
    """The manifest, or None when there is none of ocici's."""
    try:
        manifest = json.loads(inside.read(MANIFEST, _MANIFEST_LIMIT))
    except (OSError, ValueError, RecursionError):
        return None
    return manifest if isinstance(manifest, dict) and manifest.get("ocici") == 1 else None


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__


# -- find and sweep -----------------------------------------------------------------------------------------------


def of_job(parents: Iterable[Path], owner: Owner) -> list[Path]:
    """The sessions of `owner`'s job in `parents`; none when the job has no name."""
    if not owner.job:
        return []
    return [path for path, manifest in _sessions(parents) if manifest and manifest.get("job") == owner.job]


def sweep(parents: Iterable[Path], owner: Owner) -> list[Swept]:
    """Destroy the sessions in `parents` whose job is provably dead, as seen by `owner`; leave all others alone.

    A folder of ocici's name without a manifest holds nothing secret and is removed as well. Raises nothing: what
    could not be removed is in the answer.
    """
    swept = []
    for path, manifest in _sessions(parents):
        if manifest is not None and not _is_dead(manifest, owner):
            continue
        try:
            if destroy(path) and manifest is not None:
                swept.append(Swept(path, _job_name(manifest)))
        except Refused as refusal:
            if manifest is not None:  # without one it is somebody else's folder, or no secret is in it
                swept.append(Swept(path, _job_name(manifest), refusal.findings[0].cause))
    return swept


def _sessions(parents: Iterable[Path]) -> list[tuple[Path, dict[str, Any] | None]]:
    found = []
    for parent in dict.fromkeys(parents):
        try:
            paths = sorted(path for path in parent.iterdir() if re.fullmatch(r"ocici-[A-Za-z0-9_-]+", path.name))
        except OSError:
            continue
        for path in paths:
            try:
                with folder.opened(path) as inside:
                    if inside.is_mine():
                        found.append((path, _manifest(inside)))
            except OSError:
                continue
    return found


def _is_dead(manifest: dict[str, Any], owner: Owner) -> bool:
    maker = Process.from_json(manifest.get("process"))
    if maker is not None and manifest.get("tied_to") == "process" and process.is_gone(maker):
        return True
    if maker is not None and process.is_from_another_boot(maker):
        return True
    slot, job = manifest.get("slot"), manifest.get("job")
    return bool(slot and job and owner.job) and slot == owner.slot and job != owner.job


def _job_name(manifest: dict[str, Any]) -> str:
    job = manifest.get("job")
    return f"the job {job}" if job else "a process"
