"""Private folders in memory, where a session never reaches a disk. Standard library only."""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Mapping
from pathlib import Path


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
    """The type of the file system that `path` is on (proc(5), /proc/self/mounts); "" when unknown."""
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        real = path.resolve()
    except OSError:
        return ""
    best = ("", "")
    for line in mounts:
        point, kind = line.split(" ")[1:3]
        point = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), point)  # a blank is \040
        if len(point) >= len(best[0]) and (real == Path(point) or Path(point) in real.parents):
            best = (point, kind)
    return best[1]
