"""A private folder on disk: made for one user alone, written without following links, removed. Standard library only.

Everything goes through a descriptor of the folder itself, so that nobody can put another one in its place
half-way. Windows has no such descriptors; there the folder's access list keeps others out.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Collection
from itertools import takewhile
from pathlib import Path
from typing import Final

_WINDOWS: Final = sys.platform == "win32"
_NOFOLLOW: Final[int] = getattr(os, "O_NOFOLLOW", 0)
_DIRECTORY: Final[int] = getattr(os, "O_DIRECTORY", 0)
_NONBLOCK: Final[int] = getattr(os, "O_NONBLOCK", 0)  # a pipe must not hold us
_BINARY: Final[int] = getattr(os, "O_BINARY", 0)
_DEEPEST: Final = 100
"""How many folders may lie in one another: each takes a descriptor and a few of Python's stack frames."""


class Folder:
    """An open folder, to be closed or used as a context manager. Names are plain file names in it, never paths.

    All methods raise `OSError` as the system gives it.
    """

    def __init__(self, path: Path, descriptor: int | None, depth: int = 0) -> None:
        self.path = path
        self._descriptor = descriptor
        self._depth = depth

    def __enter__(self) -> Folder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the folder; it stays on disk."""
        if self._descriptor is not None:
            os.close(self._descriptor)

    # -- look ---------------------------------------------------------------------------------------------------

    def names(self) -> list[str]:
        """What is in the folder, sorted."""
        return sorted(os.listdir(self.path if self._descriptor is None else self._descriptor))  # noqa: PTH208

    def is_mine(self) -> bool:
        """Whether the folder belongs to the user that runs this process."""
        return _WINDOWS or self._status().st_uid == os.geteuid()

    def is_private(self) -> bool:
        """Whether its mode keeps all other users out."""
        return _WINDOWS or not self._status().st_mode & 0o077

    def identity(self) -> tuple[int, int]:
        """What tells the folder from every other one on this machine, whatever its name."""
        status = self._status()
        return status.st_dev, status.st_ino

    def read(self, name: str, limit: int) -> bytes:
        """At most `limit` bytes of the file `name`: a plain one of this user's, no link."""
        descriptor = os.open(self._at(name), os.O_RDONLY | _NOFOLLOW | _BINARY | _NONBLOCK, dir_fd=self._descriptor)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or not (_WINDOWS or status.st_uid == os.geteuid()):
                raise PermissionError(errno.EPERM, "not a plain file of this user's")
            return os.read(descriptor, limit)
        finally:
            os.close(descriptor)

    # -- write --------------------------------------------------------------------------------------------------

    def write(self, name: str, content: bytes, durable: bool = False) -> None:
        """Make the file `name` (it must not exist) with mode 0600 and write all of `content`.

        `durable`: return only when the disk has it, so that it outlives a loss of power.
        """
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOFOLLOW | _BINARY
        descriptor = os.open(self._at(name), flags, 0o600, dir_fd=self._descriptor)
        try:
            _write_all(descriptor, content)
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def rename(self, old: str, new: str) -> None:
        """Give the file `old` the name `new`, in one step, replacing what had it."""
        os.replace(self._at(old), self._at(new), src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)

    # -- remove -------------------------------------------------------------------------------------------------

    def overwrite(self, name: str) -> None:
        """Put zeros in place of what the file `name` holds, down to the disk. Raises nothing: removing comes next.

        What is no plain file is left as it is, and so is one that has a second name somewhere (a hard link): its
        bytes are not the folder's alone.
        """
        try:
            status = os.stat(self._at(name), dir_fd=self._descriptor, follow_symlinks=False)
            if stat.S_ISREG(status.st_mode) and not status.st_mode & stat.S_IWUSR:  # `chmod 400 KEY` is a habit
                os.chmod(self._at(name), 0o600, dir_fd=self._descriptor)
            flags = os.O_WRONLY | _NOFOLLOW | _BINARY | _NONBLOCK
            descriptor = os.open(self._at(name), flags, dir_fd=self._descriptor)
        except OSError:
            return
        try:
            status = os.fstat(descriptor)
            if stat.S_ISREG(status.st_mode) and status.st_nlink == 1 and status.st_size <= 1_048_576:
                _write_all(descriptor, b"\0" * status.st_size)
                os.fsync(descriptor)
        except OSError:
            pass  # a full or failing disk
        finally:
            os.close(descriptor)

    def remove(self, name: str) -> None:
        """Remove `name`, a folder with all that is in it. Links are removed and never followed."""
        status = os.stat(self._at(name), dir_fd=self._descriptor, follow_symlinks=False)
        if not _is_folder(status):
            if _WINDOWS and not status.st_mode & stat.S_IWUSR:
                os.chmod(self._at(name), stat.S_IWRITE)  # noqa: PTH101
            os.unlink(self._at(name), dir_fd=self._descriptor)
            return
        if status.st_dev != self._status().st_dev:
            raise OSError(errno.EBUSY, "another file system is mounted in it")
        if status.st_mode & stat.S_IRWXU != stat.S_IRWXU:  # the folders of Go's module cache are such
            os.chmod(self._at(name), 0o700, dir_fd=self._descriptor)
        with self._opened(name) as inner:
            inner.clear()
        os.rmdir(self._at(name), dir_fd=self._descriptor)

    def clear(self, keep: Collection[str] = ()) -> None:
        """Remove all that is in the folder but `keep`.

        What somebody else removes meanwhile is fine. What cannot be removed keeps nothing else: the first error is
        raised once the rest is gone.
        """
        first: OSError | None = None
        if not self._status().st_mode & stat.S_IWUSR and self._descriptor is not None:
            os.chmod(self._descriptor, 0o700)  # noqa: PTH101
        for name in self.names():
            try:
                if name not in keep:
                    self.remove(name)
            except FileNotFoundError:
                continue
            except OSError as error:
                first = first or error
        if first:
            raise first

    def _opened(self, name: str) -> Folder:
        if self._depth == _DEEPEST:
            raise OSError(errno.ENAMETOOLONG, "folders lie too deep in it")
        return opened(self.path / name, self._descriptor, self._depth + 1)

    def _status(self) -> os.stat_result:
        return os.stat(self.path if self._descriptor is None else self._descriptor)  # noqa: PTH116

    def _at(self, name: str) -> str:
        return name if self._descriptor is not None else str(self.path / name)


def make(path: Path) -> None:
    """Make the folder `path` for this user alone (0700); anything that is there already raises FileExistsError."""
    path.mkdir(0o700)
    if _WINDOWS:
        _close_to_others(path)


def is_open(path: Path) -> bool:
    """Whether other users may replace what is in the folder `path`: they may write it, and it has no sticky bit."""
    mode = path.stat().st_mode
    return not _WINDOWS and bool(mode & (stat.S_IWGRP | stat.S_IWOTH)) and not mode & stat.S_ISVTX


def make_parents(path: Path) -> None:
    """Make the folder `path` and those above it, as far as they are missing, for this user alone.

    Raises `OSError`; also where a symbolic link of another user (but root) leads there, which may lead elsewhere soon.
    """
    above = (path, *path.parents)
    for each in above:
        if not _WINDOWS and each.is_symlink() and each.lstat().st_uid not in (0, os.geteuid()):
            raise OSError(errno.ELOOP, f"{each} is a symbolic link of another user")
    for each in reversed(list(takewhile(lambda each: not each.exists(), above))):
        each.mkdir(0o700, exist_ok=True)


def _close_to_others(path: Path) -> None:
    # mkdir honours 0700 on Windows since the security releases of 2024 (CVE-2024-4030); older ones do not.
    # S-1-3-4 is "Owner Rights", whoever that is: services have no user name that icacls would know.
    import subprocess

    command = ["icacls", str(path), "/inheritance:r", "/grant:r", "*S-1-3-4:(OI)(CI)F"]
    try:
        subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        path.rmdir()
        raise PermissionError(errno.EACCES, f"icacls failed: {type(error).__name__}") from None


def opened(path: Path, parent: int | None = None, depth: int = 0) -> Folder:
    """The folder at `path`, open; a symbolic link raises OSError (NotADirectoryError or ELOOP).

    `parent`: the descriptor of the folder above, when it is open already; `depth`: how deep it lies in the first one.
    """
    if _WINDOWS:
        if not _is_folder(os.lstat(path)):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
        return Folder(path, None, depth)
    target = path if parent is None else path.name
    return Folder(path, os.open(target, os.O_RDONLY | _DIRECTORY | _NOFOLLOW, dir_fd=parent), depth)


def _is_folder(status: os.stat_result) -> bool:
    """Whether that is a folder. On Windows junctions look like one, but lead elsewhere as a link does."""
    return stat.S_ISDIR(status.st_mode) and not getattr(status, "st_reparse_tag", 0)


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
