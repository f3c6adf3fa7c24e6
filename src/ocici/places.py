"""Where sessions are made: the temporary folder, and private folders in memory. Standard library only."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Mapping
from pathlib import Path

from ocici.findings import holds_key, refused


def named(folder: str, command: str) -> Path:
    """The session's folder that the user of `command` named, absolute, `~` being HOME. Links in it are not followed.

    Raises `Refused`: usage.
    """
    try:
        folder.encode()
        if holds_key(folder):
            detail = "The session's folder looks like a piece of a private key."
            raise refused("usage", detail=detail, command=command)
        return Path(os.path.abspath(Path(folder).expanduser()))  # noqa: PTH100
    except UnicodeEncodeError:
        detail = "The session's folder is not in UTF-8, and not every tool reads such a path."
    except RuntimeError:
        detail = "The session's folder begins with ~, and that home is not known."
    except OSError as error:
        detail = f"The session's folder is a relative path, and there is no working folder: {error.strerror}."
    raise refused("usage", detail=detail, command=command)


def temporary(environ: Mapping[str, str]) -> Path:
    """The folder for temporary files: TMPDIR, TEMP or TMP, else the system's own.

    As `tempfile.gettempdir` has it, but no other one is taken where that one is full or read-only: Python would end up
    with the working folder, of which a job may keep all that is in it. Raises `Refused` (session-unwritable) where the
    one that is named is below a working folder that is gone.
    """
    named = next((environ[name] for name in ("TMPDIR", "TEMP", "TMP") if environ.get(name)), "")
    if named or os.name == "posix":
        try:
            return Path(os.path.abspath(named or "/tmp"))  # noqa: PTH100, S108
        except FileNotFoundError:
            reason = "it is meant from the working folder, which is not there any more"
            raise refused("session-unwritable", path=named, reason=reason) from None
    import tempfile

    return Path(tempfile.gettempdir())


def memory(environ: Mapping[str, str]) -> Path | None:
    """XDG_RUNTIME_DIR, if it is what the XDG Base Directory Specification asks for, and in memory; else None.

    That is: a folder of this user alone (mode 0700), on a file system that lives in memory.
    """
    named = environ.get("XDG_RUNTIME_DIR", "")
    if not Path(named).is_absolute() or sys.platform != "linux":
        return None
    path = Path(named)
    try:
        status = path.stat()
    except OSError:
        return None
    private = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o077
    return path if private and os.access(path, os.W_OK) and _file_system(path) in ("tmpfs", "ramfs") else None


def all_memory(environ: Mapping[str, str]) -> list[Path]:
    """The places where `exec` may have left a session besides the host's own."""
    place = memory(environ)
    return [place] if place else []


def _file_system(path: Path) -> str:
    """The type of the file system that `path` is on (proc(5), /proc/self/mountinfo); "" when unknown."""
    try:
        device = path.stat().st_dev
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ""
    number = f"{os.major(device)}:{os.minor(device)}"
    return next((line.partition(" - ")[2].split()[0] for line in mounts if line.split()[2] == number), "")
