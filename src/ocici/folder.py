"""A private folder on disk: made for one user alone, written without following links, wiped. Standard library only.

Everything goes through a descriptor of the folder itself, so that nobody can put another one in its place
half-way. Windows has no such descriptors; there the folder's access list keeps others out.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_WINDOWS: Final = sys.platform == "win32"
_NOFOLLOW: Final[int] = getattr(os, "O_NOFOLLOW", 0)
_DIRECTORY: Final[int] = getattr(os, "O_DIRECTORY", 0)
_BINARY: Final[int] = getattr(os, "O_BINARY", 0)


class Folder:
    """An open folder. Names are plain file names in it, never paths.

    All methods raise `OSError` as the system gives it.
    """

    def __init__(self, path: Path, descriptor: int | None) -> None:
        self.path = path
        self._descriptor = descriptor

    def write(self, name: str, content: bytes) -> None:
        """Make the file `name` (it must not exist) with mode 0600 and write all of `content`."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOFOLLOW | _BINARY
        descriptor = os.open(self._at(name), flags, 0o600, dir_fd=self._descriptor)
        try:
            _write_all(descriptor, content)
        finally:
            os.close(descriptor)

    def read(self, name: str, limit: int) -> bytes:
        """At most `limit` bytes of the regular file `name`, which is no link."""
        flags = os.O_RDONLY | _NOFOLLOW | _BINARY | getattr(os, "O_NONBLOCK", 0)  # a pipe must not hold us
        descriptor = os.open(self._at(name), flags, dir_fd=self._descriptor)
        try:
            return os.read(descriptor, limit)
        finally:
            os.close(descriptor)

    def rename(self, old: str, new: str) -> None:
        """Give the file `old` the name `new`, in one step, replacing what had it."""
        os.replace(self._at(old), self._at(new), src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)

    def names(self) -> list[str]:
        """What is in the folder, sorted."""
        return sorted(os.listdir(self.path if self._descriptor is None else self._descriptor))  # noqa: PTH208

    def is_mine(self) -> bool:
        """Whether the folder belongs to the user that runs this process."""
        return _WINDOWS or os.stat(self._at("."), dir_fd=self._descriptor).st_uid == os.geteuid()

    def wipe(self, name: str) -> None:
        """Remove `name`, a folder with all that is in it; a file's bytes are overwritten first."""
        if stat.S_ISDIR(os.stat(self._at(name), dir_fd=self._descriptor, follow_symlinks=False).st_mode):
            with opened(self.path / name, self._descriptor, name) as inner:
                for each in inner.names():
                    inner.wipe(each)
            os.rmdir(self._at(name), dir_fd=self._descriptor)
            return
        self._overwrite(name)
        os.unlink(self._at(name), dir_fd=self._descriptor)

    def _overwrite(self, name: str) -> None:
        # A link, a pipe or a file that may not be written is only unlinked: that is all that is ours to do.
        try:
            flags = os.O_WRONLY | _NOFOLLOW | _BINARY | getattr(os, "O_NONBLOCK", 0)
            descriptor = os.open(self._at(name), flags, dir_fd=self._descriptor)
        except OSError:
            return
        try:
            status = os.fstat(descriptor)
            if stat.S_ISREG(status.st_mode) and status.st_size <= 1_048_576:  # nothing of ours is larger
                _write_all(descriptor, b"\0" * status.st_size)
                os.fsync(descriptor)
        except OSError:
            pass  # a full or failing disk must not keep the file from being unlinked
        finally:
            os.close(descriptor)

    def _at(self, name: str) -> str:
        return name if self._descriptor is not None else str(self.path / name)


def make(path: Path) -> None:
    """Make the folder `path` for this user alone (0700); anything that is there already raises FileExistsError."""
    path.mkdir(0o700)
    if _WINDOWS:
        # mkdir honours 0700 on Windows since the security releases of 2024 (CVE-2024-4030); older ones do not.
        import subprocess

        user = f"{os.environ.get('USERDOMAIN', '.')}\\{os.environ.get('USERNAME', '')}"
        command = ["icacls", str(path), "/inheritance:r", "/grant:r", f"{user}:(OI)(CI)F"]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if done.returncode:
            path.rmdir()
            raise PermissionError(f"icacls failed with exit code {done.returncode}")


@contextmanager
def opened(path: Path, parent: int | None = None, name: str = "") -> Iterator[Folder]:
    """The folder at `path`, open; a symbolic link raises OSError (NotADirectoryError or ELOOP).

    `parent` and `name`: the descriptor of the folder above and the name there, when it is known already.
    """
    if _WINDOWS:
        if path.is_symlink() or not path.is_dir():
            raise NotADirectoryError(20, os.strerror(20), str(path))
        yield Folder(path, None)
        return
    target = path if parent is None else name
    descriptor = os.open(target, os.O_RDONLY | _DIRECTORY | _NOFOLLOW, dir_fd=parent)
    try:
        yield Folder(path, descriptor)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
