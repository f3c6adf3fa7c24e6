"""The session on disk: created, destroyed, swept. Standard library only (DESIGN.md, rule 5).

A session is a folder of mode 0700 with `config`, one key file a profile, and the manifest, which is written first
and removed last: a folder without one holds no secret.
"""

from __future__ import annotations

import atexit
import errno
import os
import signal
import string
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from ocici import folder, manifest
from ocici.credentials import Profile
from ocici.findings import Finding, Refused, finding, refused
from ocici.folder import Folder
from ocici.manifest import Owner as Owner

PREFIX: Final = "ocici-"
CONFIG: Final = "config"
KEY: Final = ".pem"
LABEL: Final = b"OCI_API_KEY\n"
"""The line after the key by which oci-cli knows an API key; it warns without it."""

_LETTERS: Final = string.ascii_lowercase + string.digits
_TRIES: Final = 100
_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Session(NamedTuple):
    """A session on disk, in a folder of that `identity`, with one key file a profile.

    `findings` are what was worth knowing on the way.
    """

    folder: Path
    identity: tuple[int, int]
    config_file: Path
    key_files: dict[str, Path]
    findings: tuple[Finding, ...] = ()


class Swept(NamedTuple):
    """One session that sweep met: removed (`left` is empty), or not, and why."""

    folder: Path
    job: str
    left: str = ""


# -- create ---------------------------------------------------------------------------------------------------


def create(profiles: Sequence[Profile], selected: str, owner: Owner, parent: Path, path: Path | None = None) -> Session:
    """Write a session with `profiles`, complete or not at all. It is dead once this process is, until `hand_over`.

    Parameters: `profiles`, completed by the checks; `selected`, the one that becomes DEFAULT when there is none of
    that name; `parent`, the folder in which a new one is made; `path`, the very folder to make instead (a dead
    session in its place is destroyed). Raises `Refused` (session-exists, session-unwritable, disk-full), with
    nothing left on disk.
    """
    swept = _sweep([path] if path else [], owner)
    findings = [finding("session-swept", path=each.folder, job=each.job) for each in swept if not each.left]
    try:
        inside = _claim(owner, parent, path)
    except OSError as error:
        raise _unwritable(error, path or parent) from None
    made = inside.path
    keys = {profile.name: made / f"{profile.name}{KEY}" for profile in profiles}
    try:
        with inside:
            identity = inside.identity()
            for profile in profiles:
                inside.write(keys[profile.name].name, profile.credentials.key.reveal() + LABEL)
            inside.write(CONFIG, _config(profiles, selected, keys))
        findings += [finding("parent-open", path=made.parent)] if folder.is_open(made.parent) else []
    except BaseException as error:  # an interrupt as well: nothing may be left half-written
        destroy(made)
        if isinstance(error, OSError):
            raise _unwritable(error, made) from None
        raise
    return Session(made, identity, made / CONFIG, keys, tuple(findings))


def _claim(owner: Owner, parent: Path, path: Path | None) -> Folder:
    """Make the folder with its manifest in it; the folder is open.

    A sweep may take an empty folder away between the two (it cannot know whose it is): then both are done again.
    """
    parent = Path(os.path.abspath(path.parent if path else parent))  # noqa: PTH100 (resolve() would follow links)
    if {"\n", "\r"} & set(f"{parent}{path}"):
        raise OSError(errno.EINVAL, "a config cannot name a path with a line break in it")
    folder.make_parents(parent)
    for _ in range(_TRIES):
        name = "".join(_LETTERS[each % len(_LETTERS)] for each in os.urandom(8))
        made = parent / (path.name if path else PREFIX + name)
        _begun.append(made)
        try:
            folder.make(made)
        except FileExistsError:
            if path is None:
                continue
            raise refused("session-exists", path=made, what=_kind(made)) from None
        try:
            return _claimed(made, owner)
        except FileNotFoundError:
            _remove_unclaimed(made)  # the sweep may not have come to the folder itself
        except BaseException:
            _remove_unclaimed(made)
            raise
    raise OSError(errno.EEXIST, "no free name for a folder")


def _claimed(made: Path, owner: Owner) -> Folder:
    inside = folder.opened(made)
    try:
        if not (inside.is_mine() and inside.is_private()):  # a share or a FAT disk, where modes mean nothing
            raise OSError(errno.EPERM, "folders there cannot be closed to other users")
        manifest.write(inside, owner, tied_to="process")
    except BaseException:
        inside.close()
        raise
    return inside


def hand_over(session: Session, owner: Owner) -> None:
    """Let the session outlive this process: from now on it is dead once the job is. Raises `Refused` (disk-full, …)."""
    try:
        with folder.opened(session.folder) as inside:
            manifest.write(inside, owner, tied_to="job")
    except OSError as error:
        raise _unwritable(error, session.folder) from None


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


def _kind(path: Path) -> str:
    return "a symbolic link" if path.is_symlink() else "a folder" if path.is_dir() else "a file"


def _unwritable(error: OSError, path: Path) -> Refused:
    reason = _reason(error)
    return refused("disk-full" if error.errno in _NO_ROOM else "session-unwritable", path=path, reason=reason)


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__


# -- destroy ------------------------------------------------------------------------------------------------------


def destroy(path: Path, identity: tuple[int, int] | None = None) -> bool:
    """Destroy the session at `path`: key files are overwritten, then everything is removed, the manifest last.

    `identity` is that of a folder that this process has made: then it is a session, whatever became of its manifest.
    Returns whether there was one; one that is gone is fine. Raises `Refused`: not-a-session for a folder without
    ocici's manifest (but an empty one is removed), session-left when something could not be removed.
    """
    try:
        with folder.opened(path) as inside:
            if not inside.is_mine():
                raise refused("not-a-session", path=path, reason="belongs to another user")
            if inside.identity() == identity or manifest.read(inside):
                return _remove(inside)
            if not _is_unclaimed(inside):
                raise refused("not-a-session", path=path, reason="holds no manifest of ocici's")
            removed = _remove_unclaimed(path)
    except FileNotFoundError:
        return False
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise refused("not-a-session", path=path, reason=f"is {_kind(path)}") from None
        raise refused("session-left", path=path, reason=_reason(error)) from None
    if not removed and os.path.lexists(path):
        raise refused("session-left", path=path, reason="the folder itself cannot be removed")
    return False  # it never came to be, or somebody else has just removed it


def _remove(inside: Folder) -> bool:
    """Remove the session `inside`; whether that was done here, and not by somebody else at the same time.

    The manifest goes last: with it, a sweep can go on with what is left when this is cut short. Who takes it away has
    removed the session.
    """
    removed = False
    for _ in range(_TRIES):  # a command that still runs may write on
        for name in inside.names():
            if name.endswith(KEY):
                inside.overwrite(name)
        inside.clear(keep=[manifest.NAME])
        if set(inside.names()) - {manifest.NAME}:
            continue
        with suppress(FileNotFoundError):
            inside.remove(manifest.NAME)
            removed = True
        inside.clear()
        try:
            inside.path.rmdir()
        except FileNotFoundError:
            return removed
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            if not inside.names():  # another session has its place by now
                return removed
        else:
            return removed
    raise OSError(errno.ENOTEMPTY, "something is written into it all the time")


def _is_unclaimed(inside: Folder) -> bool:
    """Whether that is the folder of a session that never came to be: empty, or with the draft of a manifest."""
    return inside.is_private() and set(inside.names()) <= {manifest.DRAFT}


def _remove_unclaimed(path: Path) -> bool:
    """Remove the folder of such a session, unless it is claimed this very moment: then it stays. Whether it went."""
    with suppress(OSError), folder.opened(path) as inside:
        inside.remove(manifest.DRAFT)  # and no other name: whoever is about to claim the folder then does it again
    try:
        path.rmdir()
    except OSError:
        return False
    return True


_begun: Final[list[Path]] = []
"""Where this process has begun a session, or tried to."""


@atexit.register
def _undo() -> None:
    """Destroy what this process has begun and neither destroyed nor handed over.

    A signal may come between two statements, where no `except` catches what its handler raises.
    """
    for number in {signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)}:
        signal.signal(number, signal.SIG_IGN)
    for inside, read in _opened(_begun):
        try:
            if read and manifest.is_of_this_process(read):
                _remove(inside)
            elif not read and _is_unclaimed(inside):
                _remove_unclaimed(inside.path)
        except OSError as error:
            sys.stderr.write(f"error: {inside.path} could not be removed: {_reason(error)} [session-left]\n")


# -- find and sweep -----------------------------------------------------------------------------------------------


def of_job(parents: Iterable[Path], owner: Owner) -> list[Path]:
    """The sessions of `owner`'s job in `parents`; none when the job has no name."""
    found = _opened(_named(parents)) if owner.job else ()
    return [inside.path for inside, read in found if read and read.get("job") == owner.job]


def sweep(parents: Iterable[Path], owner: Owner) -> list[Swept]:
    """Destroy the sessions in `parents` whose job is provably dead, as seen by `owner`; leave all others alone.

    Sessions are found by their names, which begin with `PREFIX`. A folder of such a name without a manifest holds
    nothing secret and is removed as well. Raises nothing: what could not be removed is in the answer.
    """
    return _sweep(_named(parents), owner)


def _sweep(paths: Iterable[Path], owner: Owner) -> list[Swept]:
    swept = []
    for inside, read in _opened(paths):
        try:
            if read is None:
                draft = manifest.read(inside, manifest.DRAFT)
                named = inside.path.name.startswith(PREFIX)
                if named and _is_unclaimed(inside) and (not draft or manifest.is_dead(draft, owner)):
                    _remove_unclaimed(inside.path)
            elif manifest.is_dead(read, owner) and _remove(inside):
                swept.append(Swept(inside.path, manifest.job_name(read)))
        except OSError as error:
            if read:
                swept.append(Swept(inside.path, manifest.job_name(read), _reason(error)))
    return swept


def _named(parents: Iterable[Path]) -> Iterator[Path]:
    for parent in dict.fromkeys(parents):
        try:
            names = sorted(name for name in os.listdir(parent) if name.startswith(PREFIX))  # noqa: PTH208
        except OSError:
            continue
        yield from (parent / name for name in names)


def _opened(paths: Iterable[Path]) -> Iterator[tuple[Folder, dict[str, Any] | None]]:
    """Those of `paths` that are folders of this user's, one after the other, open, with their manifests."""
    for path in paths:
        try:
            inside = folder.opened(path)
        except OSError:
            continue
        with inside:
            if inside.is_mine():
                yield inside, manifest.read(inside)
