"""Where a session may stay in memory: only in a folder that is the user's alone, and on a file system in memory."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ocici import places
from ocici.findings import Refused

from .machine import NOBODY, mounted, tmpfs

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells which file systems are in memory")


@pytest.fixture
def runtime() -> Iterator[Path]:
    """A private folder in memory, as XDG_RUNTIME_DIR is."""
    if places._file_system(Path("/dev/shm")) != "tmpfs":
        pytest.skip("/dev/shm is not in memory here")
    path = Path(tempfile.mkdtemp(dir="/dev/shm"))
    yield path
    shutil.rmtree(path)


@pytest.mark.parametrize("name", ["TMPDIR", "TEMP", "TMP"])
def test_the_temporary_folder_is_the_one_that_is_named(name: str, tmp_path: Path) -> None:
    # Even if nothing can be written there: to say so is better than to take another one.
    assert places.temporary({"TMP": "/elsewhere", name: str(tmp_path)}) == tmp_path
    assert places.temporary({name: "/proc/none"}) == Path("/proc/none")


def test_the_temporary_folder_is_named_in_full(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", "/elsewhere")
    assert places.temporary({"TMPDIR": "a"}) == tmp_path / "a"
    assert places.temporary({"TMPDIR": ""}) == Path("/tmp")


def test_a_temporary_folder_below_one_that_is_gone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(Refused) as raised:
        places.temporary({"TMPDIR": "a"})
    (found,) = raised.value.findings
    assert found.code == "session-unwritable"
    assert found.cause.startswith("The session's folder cannot be made in a: it is meant from the working folder")
    assert places.temporary({}) == Path("/tmp")


def memory(path: Path | str) -> Path | None:
    return places.memory({"XDG_RUNTIME_DIR": str(path)})


def test_a_private_folder_in_memory(runtime: Path) -> None:
    assert memory(runtime) == runtime
    assert places.all_memory({"XDG_RUNTIME_DIR": str(runtime)}) == [runtime]


def test_none_is_named() -> None:
    assert places.memory({}) is None
    assert places.all_memory({}) == []


@pytest.mark.parametrize("mode", [0o755, 0o710, 0o701, 0o1777])
def test_others_may_enter(runtime: Path, mode: int) -> None:
    runtime.chmod(mode)
    assert memory(runtime) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has folders of others")
def test_it_belongs_to_another_user(runtime: Path) -> None:
    os.chown(runtime, NOBODY, 0)
    assert memory(runtime) is None


def test_it_is_on_a_disk(tmp_path: Path) -> None:
    if places._file_system(tmp_path) in ("tmpfs", "ramfs"):
        pytest.skip("the temporary folder is in memory here")
    tmp_path.chmod(0o700)
    assert memory(tmp_path) is None


def test_it_is_no_folder(runtime: Path) -> None:
    (runtime / "file").touch(0o600)
    assert memory(runtime / "file") is None
    assert memory(runtime / "none") is None


def test_it_is_a_relative_path(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(runtime.parent)
    assert memory(runtime.name) is None


def test_it_may_not_be_written(tmp_path: Path) -> None:
    with mounted(tmp_path / "m", "-t", "tmpfs", "-o", "size=1m,mode=0700,ro", "tmpfs") as point:
        assert memory(point) is None


def test_a_link_leads_to_what_counts(runtime: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(runtime)
    assert memory(tmp_path / "link") == tmp_path / "link"
    tmp_path.chmod(0o700)
    (runtime / "link").symlink_to(tmp_path)
    if places._file_system(tmp_path) not in ("tmpfs", "ramfs"):
        assert memory(runtime / "link") is None


def test_a_mount_point_of_any_name(tmp_path: Path) -> None:
    with mounted(tmp_path / 'a b\tc"\\d', *tmpfs()) as point:
        assert memory(point) == point


def test_a_mount_that_hides_another_counts(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    (tmp_path / "a" / "b").mkdir(parents=True, mode=0o700)
    disk = places._file_system(tmp_path)
    with mounted(tmp_path / "a" / "b", *tmpfs()) as point:
        assert places._file_system(point) == "tmpfs"
        with mounted(tmp_path / "a", "--bind", str(tmp_path / "a")):
            assert places._file_system(point) == disk


def test_the_file_system_on_top_counts(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    disk = places._file_system(tmp_path)
    with mounted(tmp_path / "m", *tmpfs()) as point:
        (point / "inner").mkdir()
        with mounted(point / "inner", "--bind", str(tmp_path)):
            assert places._file_system(point) == "tmpfs"
            assert places._file_system(point / "inner") == disk
