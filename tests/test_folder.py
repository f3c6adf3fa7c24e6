"""A private folder: who may read it, and what removing it never touches."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from ocici import folder

from .machine import NOBODY, mounted, open_folder, read_only, tmpfs, unprivileged

__all__ = ["open_folder"]
IS_ROOT = os.geteuid() == 0


@pytest.fixture(params=["by descriptor", "by path"])
def path(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new private folder; both ways in which folders are used: with descriptors, and as on Windows."""
    made = tmp_path / "folder"
    folder.make(made)
    if request.param == "by path":
        monkeypatch.setattr(folder, "_WINDOWS", True)
    return made


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A file that is nobody's business."""
    file = tmp_path / "outside"
    file.write_text("precious")
    return file


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.fixture
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


class TestMake:
    @pytest.mark.parametrize("umask", [0o000, 0o022, 0o077], indirect=True)
    def test_nobody_else_may_enter_whatever_the_umask(self, umask: None, tmp_path: Path) -> None:
        folder.make(tmp_path / "a")
        with folder.opened(tmp_path / "a") as inside:
            inside.write("file", b"x")
            assert inside.is_private()
            assert inside.is_mine()
        assert mode(tmp_path / "a") == 0o700
        assert mode(tmp_path / "a" / "file") == 0o600

    @pytest.mark.parametrize("there", ["folder", "file", "link", "dangling link"])
    def test_what_is_there_is_never_taken_over(self, there: str, tmp_path: Path) -> None:
        path, target = tmp_path / "a", tmp_path / "target"
        if there == "folder":
            path.mkdir()
        elif there == "file":
            path.touch()
        else:
            path.symlink_to(target)
            if there == "link":
                target.mkdir()
        with pytest.raises(FileExistsError):
            folder.make(path)
        assert not (target.exists() and list(target.iterdir()))

    def test_what_others_may_read_is_told(self, tmp_path: Path) -> None:
        with folder.opened(tmp_path) as inside:
            tmp_path.chmod(0o710)
            assert not inside.is_private()

    @pytest.mark.skipif(not IS_ROOT, reason="only root has folders of others")
    def test_and_so_is_what_belongs_to_others(self, tmp_path: Path) -> None:
        os.chown(tmp_path, NOBODY, 0)
        with folder.opened(tmp_path) as inside:
            assert not inside.is_mine()

    @pytest.mark.parametrize("code", [0, 5, None])
    def test_on_windows_the_access_list_is_set_or_nothing_is_left(
        self, code: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(folder, "_WINDOWS", True)
        if code is not None:  # None: there is no icacls
            (tmp_path / "bin").mkdir()
            (tmp_path / "bin" / "icacls").write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/told\nexit {code}\n')
            (tmp_path / "bin" / "icacls").chmod(0o700)
        monkeypatch.setenv("PATH", f"{tmp_path}/bin")
        if code == 0:
            folder.make(tmp_path / "a")
            told = (tmp_path / "told").read_text()
            assert told == f"{tmp_path}/a /inheritance:r /grant:r *S-1-3-4:(OI)(CI)F\n"
        else:
            with pytest.raises(PermissionError):
                folder.make(tmp_path / "a")
            assert not (tmp_path / "a").exists()


class TestMakeParents:
    @pytest.mark.parametrize("umask", [0o000], indirect=True)
    def test_all_that_are_missing_are_private(self, umask: None, tmp_path: Path) -> None:
        folder.make_parents(tmp_path / "a" / "b" / "c")
        assert [mode(tmp_path / each) for each in ("a", "a/b", "a/b/c")] == [0o700] * 3
        folder.make_parents(tmp_path / "a" / "b" / "c")

    def test_a_link_of_ones_own_is_fine(self, tmp_path: Path) -> None:
        (tmp_path / "target").mkdir()
        (tmp_path / "link").symlink_to("target")
        folder.make_parents(tmp_path / "link" / "a")
        assert (tmp_path / "target" / "a").is_dir()

    @pytest.mark.skipif(not IS_ROOT, reason="only root can make links of others")
    @pytest.mark.parametrize("below", ["", "a", "a/b"])
    def test_a_link_of_somebody_else_is_not_followed(self, below: str, tmp_path: Path) -> None:
        (tmp_path / "target").mkdir()
        (tmp_path / "link").symlink_to("target")
        os.lchown(tmp_path / "link", NOBODY, NOBODY)
        with pytest.raises(OSError, match="symbolic link of another user"):
            folder.make_parents(tmp_path / "link" / below)
        assert list((tmp_path / "target").iterdir()) == []

    @pytest.mark.skipif(not IS_ROOT, reason="only root can become another user")
    def test_one_of_roots_is_fine_for_all(self, open_folder: Path) -> None:
        (open_folder / "target").mkdir()
        (open_folder / "target").chmod(0o777)
        (open_folder / "link").symlink_to("target")
        unprivileged("folder.make_parents(Path(sys.argv[1]))", open_folder / "link" / "a")
        assert (open_folder / "target" / "a").is_dir()

    @pytest.mark.parametrize("there", ["file", "dangling link"])
    def test_what_is_no_folder_is_an_error(self, there: str, tmp_path: Path) -> None:
        if there == "file":
            (tmp_path / "a").touch()
        else:
            (tmp_path / "a").symlink_to("nowhere")
        with pytest.raises(OSError, match="a"):
            folder.make_parents(tmp_path / "a" / "b")
        assert not (tmp_path / "nowhere").exists()


class TestOpened:
    def test_a_link_is_not_followed(self, path: Path, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to(path)
        with pytest.raises(OSError, match="Not a directory") as error:
            folder.opened(tmp_path / "link")
        assert error.value.errno in (errno.ENOTDIR, errno.ELOOP)

    @pytest.mark.parametrize("kind", ["file", "nothing"])
    def test_what_is_no_folder_is_an_error(self, path: Path, outside: Path, kind: str) -> None:
        with pytest.raises(OSError):  # noqa: PT011 (which one is the system's business)
            folder.opened(outside if kind == "file" else path / "none")

    def test_another_folder_in_its_place_is_not_touched(self, tmp_path: Path) -> None:
        path = tmp_path / "a"
        folder.make(path)
        with folder.opened(path) as inside:
            path.rename(tmp_path / "moved")
            path.mkdir()
            inside.write("file", b"x")
            (path / "theirs").touch()
            inside.clear()
        assert [each.name for each in path.iterdir()] == ["theirs"]

    def test_a_closed_one_holds_no_descriptor(self, tmp_path: Path) -> None:
        def descriptors() -> int:
            return len(list(Path("/proc/self/fd").iterdir())) if sys.platform == "linux" else 0

        before = descriptors()
        with folder.opened(tmp_path) as inside:
            inside.write("file", b"x")
            inside.read("file", 1)
            inside.overwrite("file")
            (tmp_path / "sub").mkdir()
            inside.clear()
        assert descriptors() == before


class TestWriteAndRead:
    def test_all_of_it(self, path: Path) -> None:
        with folder.opened(path) as inside:
            inside.write("file", b"abc" * 100_000, durable=True)
            assert inside.read("file", 1_000_000) == b"abc" * 100_000
            assert inside.read("file", 4) == b"abca"

    @pytest.mark.parametrize("there", ["file", "link", "dangling link"])
    def test_a_name_that_is_taken_is_not_written_through(self, path: Path, outside: Path, there: str) -> None:
        if there == "file":
            (path / "key").write_text("old")
        else:
            (path / "key").symlink_to(outside if there == "link" else path / "nowhere")
        with folder.opened(path) as inside, pytest.raises(FileExistsError):
            inside.write("key", b"secret")
        assert outside.read_text() == "precious"
        assert not (path / "nowhere").exists()

    @pytest.mark.parametrize("kind", ["link", "pipe", "folder", "nothing"])
    def test_only_plain_files_are_read(self, path: Path, outside: Path, kind: str) -> None:
        file = path / "manifest"
        if kind == "link":
            file.symlink_to(outside)
        elif kind == "pipe":
            os.mkfifo(file)
        elif kind == "folder":
            file.mkdir()
        with folder.opened(path) as inside, pytest.raises(OSError):  # noqa: PT011
            inside.read("manifest", 10)

    @pytest.mark.skipif(not IS_ROOT, reason="only root has files of others")
    def test_a_file_of_somebody_else_is_not_read(self, tmp_path: Path, outside: Path) -> None:
        os.chown(outside, NOBODY, 0)
        with folder.opened(tmp_path) as inside, pytest.raises(PermissionError):
            inside.read("outside", 10)

    def test_a_rename_replaces(self, path: Path) -> None:
        with folder.opened(path) as inside:
            inside.write("old", b"1")
            inside.write("new", b"2")
            inside.rename("new", "old")
            assert (inside.names(), inside.read("old", 9)) == (["old"], b"2")


class TestOverwrite:
    def test_nothing_of_the_bytes_is_left(self, path: Path) -> None:
        with folder.opened(path) as inside:
            inside.write("key", b"secret" * 300)
            with (path / "key").open("rb") as same:  # what a disk would still hold
                inside.overwrite("key")
                inside.remove("key")
                assert same.read() == bytes(1800)

    def test_a_mode_that_forbids_writing_does_not_help_the_key(self, open_folder: Path) -> None:
        code = """
path = Path(sys.argv[1])
(path / "key").write_text("secret")
(path / "key").chmod(0o400)
with folder.opened(path) as inside, (path / "key").open() as same:
    inside.overwrite("key")
    print(repr(same.read()))
"""
        assert unprivileged(code, open_folder) == repr("\0" * 6) + "\n"

    @pytest.mark.parametrize("kind", ["link", "hard link"])
    def test_what_is_outside_is_not_touched(self, path: Path, outside: Path, kind: str) -> None:
        if kind == "link":
            (path / "key.pem").symlink_to(outside)
        else:
            (path / "key.pem").hardlink_to(outside)
        before = mode(outside)
        with folder.opened(path) as inside:
            inside.overwrite("key.pem")
            inside.remove("key.pem")
        assert (outside.read_text(), mode(outside)) == ("precious", before)

    @pytest.mark.parametrize("kind", ["pipe", "folder", "nothing"])
    def test_what_is_no_file_is_let_be(self, path: Path, kind: str) -> None:
        if kind == "pipe":
            os.mkfifo(path / "key.pem")
        elif kind == "folder":
            (path / "key.pem").mkdir()
        with folder.opened(path) as inside:
            inside.overwrite("key.pem")


class TestRemove:
    def test_everything_goes_and_nothing_outside(self, path: Path, outside: Path) -> None:
        precious = outside.parent / "precious"
        precious.mkdir()
        (precious / "file").write_text("precious")
        (path / "a" / "b").mkdir(parents=True)
        (path / "a" / "b" / "file").write_text("x")
        (path / "a" / "link").symlink_to(precious)
        (path / "link").symlink_to(precious)
        (path / "dangling").symlink_to("nowhere")
        (path / "hard").hardlink_to(outside)
        os.mkfifo(path / "pipe")
        with folder.opened(path) as inside:
            inside.clear(keep=["hard"])
            assert inside.names() == ["hard"]
            inside.clear()
            assert inside.names() == []
        assert (precious / "file").read_text() == outside.read_text() == "precious"

    def test_a_thousand_files(self, path: Path) -> None:
        for number in range(1000):
            (path / str(number)).touch()
        with folder.opened(path) as inside:
            inside.clear()
            assert inside.names() == []

    def test_folders_that_lie_too_deep_are_an_error_and_the_rest_goes(self, path: Path) -> None:
        deep = path
        for _ in range(folder._DEEPEST + 5):
            deep = deep / "d"
            deep.mkdir()
        (path / "z").touch()
        with folder.opened(path) as inside:
            with pytest.raises(OSError, match="too deep"):
                inside.clear()
            assert inside.names() == ["d"]

    def test_what_cannot_be_removed_keeps_nothing_else(self, open_folder: Path) -> None:
        if not IS_ROOT:
            pytest.skip("only root can put what is another user's into a folder")
        inner = open_folder / "session"
        (inner / "a-roots").mkdir(parents=True)
        (inner / "a-roots" / "file").touch()
        (inner / "z").write_text("x")
        os.chown(inner, NOBODY, NOBODY)
        code = """
with folder.opened(Path(sys.argv[1])) as inside:
    try:
        inside.clear()
    except PermissionError:
        print(inside.names())
"""
        assert unprivileged(code, inner) == "['a-roots']\n"

    def test_folders_that_may_not_be_written_or_read_go_as_well(self, open_folder: Path) -> None:
        code = """
path = Path(sys.argv[1])
for name, mode in (("read-only", 0o555), ("closed", 0o000)):
    (path / name / "sub").mkdir(parents=True)
    (path / name / "file").touch()
    (path / name).chmod(mode)
with folder.opened(path) as inside:
    inside.clear()
    print(inside.names())
"""
        assert unprivileged(code, open_folder) == "[]\n"

    def test_a_folder_whose_own_mode_forbids_it_is_emptied(self, open_folder: Path) -> None:
        code = """
path = Path(sys.argv[1]) / "session"
folder.make(path)
(path / "file").touch()
path.chmod(0o500)
with folder.opened(path) as inside:
    inside.clear()
    print(inside.names())
"""
        assert unprivileged(code, open_folder) == "[]\n"

    def test_another_file_system_is_not_emptied(self, tmp_path: Path) -> None:
        path = tmp_path / "folder"
        folder.make(path)
        with mounted(path / "share", *tmpfs()) as share:
            (share / "file").write_text("precious")
            (path / "key").touch()
            with folder.opened(path) as inside, pytest.raises(OSError, match="another file system"):
                inside.clear()
            assert (share / "file").read_text() == "precious"
            assert not (path / "key").exists()

    def test_what_is_read_only_is_an_error(self, tmp_path: Path) -> None:
        path = tmp_path / "folder"
        (path / "inner").mkdir(parents=True)
        (path / "inner" / "file").touch()
        (path / "key").touch()
        with mounted(path / "inner", *read_only(path / "inner")):
            with folder.opened(path) as inside, pytest.raises(OSError, match="Read-only"):
                inside.clear()
            assert [each.name for each in path.iterdir()] == ["inner"]

    def test_an_immutable_file_is_an_error_and_the_rest_goes(self, tmp_path: Path) -> None:
        path = tmp_path / "folder"
        folder.make(path)
        for name in ("a", "b", "c"):
            (path / name).touch()
        if subprocess.run(["chattr", "+i", str(path / "b")], capture_output=True, check=False).returncode:
            pytest.skip("this file system has no immutable files, or they are not ours to make")
        try:
            with folder.opened(path) as inside:
                with pytest.raises(PermissionError):
                    inside.clear()
                assert inside.names() == ["b"]
        finally:
            subprocess.run(["chattr", "-i", str(path / "b")], check=True)

    def test_what_somebody_else_removes_meanwhile_is_fine(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (path / "a").touch()
        names = folder.Folder.names
        monkeypatch.setattr(folder.Folder, "names", lambda self: [*names(self), "gone"])
        with folder.opened(path) as inside:
            inside.clear()
        assert list(path.iterdir()) == []


def test_a_junction_is_no_folder() -> None:
    # To lstat on Windows a junction is a directory; IO_REPARSE_TAG_MOUNT_POINT tells it from one (docs of os.stat).
    kinds = [SimpleNamespace(st_mode=stat.S_IFDIR | 0o777, st_reparse_tag=tag) for tag in (0, 0xA0000003)]
    assert [folder._is_folder(kind) for kind in kinds] == [True, False]  # type: ignore[arg-type]
