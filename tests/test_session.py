"""The session on disk: complete or not at all, removed to the last byte, swept only when its job is provably dead."""

from __future__ import annotations

import functools
import json
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from ocici import folder, manifest, process, session
from ocici.credentials import Credentials, Profile, Secret
from ocici.findings import Refused
from ocici.session import Owner, Session

from .conftest import Ocici
from .machine import NOBODY, mounted, open_folder, read_only, tmpfs, unprivileged

__all__ = ["open_folder"]
IS_ROOT = os.geteuid() == 0

MINE = Owner("jenkins", "job 1", "slot")
NEXT = Owner("jenkins", "job 2", "slot")
KEY = b"-----BEGIN PRIVATE KEY-----\nnot a key but long enough to be looked for\n-----END PRIVATE KEY-----\n"
PROFILES = [
    Profile(name, Credentials("user", "tenancy", "finger:print", "region", Secret(KEY))) for name in ("dev", "prod")
]


def make(parent: Path, owner: Owner = MINE, path: Path | None = None) -> Session:
    return session.create(PROFILES, "dev", owner, parent, path)


def handed_over(parent: Path, owner: Owner = MINE, path: Path | None = None) -> Session:
    made = make(parent, owner, path)
    session.hand_over(made, owner)
    return made


def change(made: Session, **values: object) -> None:
    """Change the manifest of `made`."""
    path = made.folder / manifest.NAME
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def of(who: process.Process, **values: object) -> dict[str, object]:
    return {**who.as_json(), **values}


def names(path: Path) -> list[str]:
    return sorted(each.name for each in path.iterdir())


def code_of(error: pytest.ExceptionInfo[Refused]) -> str:
    return error.value.findings[0].code


COMPLETE = ["config", "dev.pem", "manifest.json", "prod.pem"]


class TestCreate:
    def test_all_of_it_for_one_user_alone(self, tmp_path: Path) -> None:
        made = make(tmp_path)
        assert names(made.folder) == COMPLETE
        assert stat.S_IMODE(made.folder.stat().st_mode) == 0o700
        assert {stat.S_IMODE(each.stat().st_mode) for each in made.folder.iterdir()} == {0o600}
        assert made.key_files["prod"].read_bytes() == KEY + b"OCI_API_KEY\n"
        assert made.folder.parent == tmp_path
        assert made.findings == ()
        lines = made.config_file.read_text().split("\n")
        assert lines[:6] == [
            "[DEFAULT]", "user=user", "fingerprint=finger:print", "tenancy=tenancy", "region=region",
            f"key_file={made.folder}/dev.pem",
        ]  # fmt: skip
        assert [line for line in lines if line.startswith("[")] == ["[DEFAULT]", "[dev]", "[prod]"]

    def test_a_relative_place_is_named_in_full(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        assert make(tmp_path, path=Path("x/../a")).folder == tmp_path / "a"

    def test_parents_are_made_for_one_user_alone(self, tmp_path: Path) -> None:
        made = make(tmp_path, path=tmp_path / "a" / "b" / "c")
        assert {stat.S_IMODE(each.stat().st_mode) for each in (made.folder, *made.folder.parents[:2])} == {0o700}

    @pytest.mark.parametrize("there", ["folder", "full folder", "file", "link", "dangling link", "live session"])
    def test_what_is_there_is_refused_and_not_touched(self, there: str, tmp_path: Path) -> None:
        path, target = tmp_path / "s", tmp_path / "target"
        target.mkdir(0o700)
        if there == "live session":
            make(tmp_path, path=path)
        elif there.endswith("folder"):
            path.mkdir(0o700)
            (path / "file").touch() if there == "full folder" else None
        elif there == "file":
            path.touch()
        else:
            path.symlink_to(target if there == "link" else "nowhere")
        before = names(path) if path.is_dir() else []
        with pytest.raises(Refused) as error:
            make(tmp_path, path=path)
        assert code_of(error) == "session-exists"
        assert (names(path) if path.is_dir() else []) == before
        assert names(tmp_path) == ["s", "target"]
        assert names(target) == []

    @pytest.mark.skipif(not IS_ROOT, reason="only root can make links of others")
    def test_a_link_of_somebody_else_on_the_way_is_not_followed(self, tmp_path: Path) -> None:
        (tmp_path / "target").mkdir()
        (tmp_path / "link").symlink_to("target")
        os.lchown(tmp_path / "link", NOBODY, NOBODY)
        for where in ({"path": tmp_path / "link" / "s"}, {"parent": tmp_path / "link"}):
            with pytest.raises(Refused) as error:
                make(**{"parent": tmp_path, **where})  # type: ignore[arg-type]
            assert code_of(error) == "session-unwritable"
        assert names(tmp_path / "target") == []

    def test_a_parent_that_others_may_write_is_told(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o777)
        assert [each.code for each in make(tmp_path).findings] == ["parent-open"]
        tmp_path.chmod(0o1777)
        assert make(tmp_path).findings == ()

    def test_a_place_that_closes_nobody_out_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        # So it is on FAT and on some network shares, whose modes are made up.
        monkeypatch.setattr(folder, "make", lambda path: path.mkdir(0o755))
        with pytest.raises(Refused) as error:
            make(tmp_path)
        assert code_of(error) == "session-unwritable"
        assert names(tmp_path) == []

    @pytest.mark.parametrize("mask", [0o777, 0o477, 0o277, 0o177])
    def test_an_odd_umask_ends_in_a_finding_or_a_session(self, mask: int, open_folder: Path) -> None:
        code = """
from ocici.credentials import Credentials, Profile, Secret
os.umask(int(sys.argv[2]))
profile = Profile("DEFAULT", Credentials("user", "tenancy", "finger:print", "region", Secret("key")))
try:
    made = session.create([profile], "DEFAULT", session.Owner(), Path(sys.argv[1]))
except Refused as refusal:
    print(refusal.findings[0].code)
else:
    print(session.destroy(made.folder))
"""
        assert unprivileged(code, open_folder, mask).strip() in ("session-unwritable", "True")
        assert names(open_folder) == []

    def test_a_line_break_in_the_path_is_refused(self, tmp_path: Path) -> None:
        for where in (tmp_path / "a\nb" / "s", tmp_path / "a\rb"):
            with pytest.raises(Refused) as error:
                make(tmp_path, path=where)
            assert code_of(error) == "session-unwritable"

    @pytest.mark.parametrize("place", ["read-only", "full", "a file", "too long"])
    def test_a_place_that_takes_nothing_ends_in_a_finding(self, place: str, tmp_path: Path) -> None:
        parent = tmp_path / "p"
        if place == "read-only":
            with mounted(parent, *read_only(parent)):
                with pytest.raises(Refused) as error:
                    make(parent)
                assert names(parent) == []
        elif place == "full":
            with mounted(parent, *tmpfs("4k")):
                with pytest.raises(Refused) as error:
                    make(parent)
                assert names(parent) == []
        else:
            parent.touch()
            with pytest.raises(Refused) as error:
                make(tmp_path, path=parent / "s" if place == "a file" else tmp_path / ("s" * 300))
        assert code_of(error) == ("disk-full" if place == "full" else "session-unwritable")
        assert not parent.is_dir() or names(parent) == []

    def test_a_folder_that_may_not_be_written_ends_in_a_finding(self, open_folder: Path) -> None:
        open_folder.chmod(0o555)
        code = """
try:
    session.create([], "x", session.Owner(), Path(sys.argv[1]))
except Refused as refusal:
    print(refusal.findings[0].code, refusal.findings[0].cause)
"""
        assert unprivileged(code, open_folder).startswith("session-unwritable")

    @pytest.mark.parametrize("limit", range(0, 700, 37))
    def test_a_disk_that_fills_up_at_any_byte_leaves_nothing(self, limit: int, tmp_path: Path) -> None:
        # RLIMIT_FSIZE stands in for it where nothing may be mounted: EFBIG after so many bytes of a file.
        code = """
import resource, sys
from pathlib import Path
from ocici import session
from ocici.findings import Refused
from ocici.credentials import Credentials, Profile, Secret
profile = Profile("DEFAULT", Credentials("user", "tenancy", "finger:print", "region", Secret("key" * 160)))
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
try:
    session.create([profile], "DEFAULT", session.Owner(), Path(sys.argv[1]))
except Refused as refusal:
    print(refusal.findings[0].code)
else:
    print("made")
"""
        command = [sys.executable, "-c", code, str(tmp_path), str(limit)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stdout == ("disk-full\n" if limit < 492 else "made\n")  # the key and its label
        assert names(tmp_path) == []  # what was made went with the process: nobody had handed it over


class TestHandOver:
    def test_it_outlives_its_process(self, tmp_path: Path) -> None:
        made = handed_over(tmp_path)
        assert names(made.folder) == COMPLETE
        told = json.loads((made.folder / manifest.NAME).read_text())
        assert (told["ocici"], told["tied_to"], told["job"], told["slot"]) == (1, "job", "job 1", "slot")
        change(made, process=of(process.this(), started="1"))  # gone
        assert session.sweep([tmp_path], MINE) == []
        assert made.folder.exists()

    def test_a_folder_that_has_vanished_is_a_finding(self, tmp_path: Path) -> None:
        made = make(tmp_path)
        session.destroy(made.folder)
        with pytest.raises(Refused) as error:
            session.hand_over(made, MINE)
        assert code_of(error) == "session-unwritable"
        assert names(tmp_path) == []

    @pytest.mark.parametrize("handed", [False, True])
    def test_what_was_not_handed_over_goes_with_its_process(self, handed: bool, tmp_path: Path) -> None:
        code = """
import sys
from pathlib import Path
from ocici import session
made = session.create([], "x", session.Owner(), Path(sys.argv[1])) if False else None
from ocici.credentials import Credentials, Profile, Secret
profile = Profile("x", Credentials(key=Secret("key")))
made = session.create([profile], "x", session.Owner(), Path(sys.argv[1]))
if sys.argv[2] == "True":
    session.hand_over(made, session.Owner())
"""
        subprocess.run([sys.executable, "-c", code, str(tmp_path), str(handed)], check=True)
        assert len(names(tmp_path)) == handed

    def test_but_nothing_that_is_another_process_s(self, tmp_path: Path) -> None:
        made = make(tmp_path, path=tmp_path / "s")
        code = """
import sys
from pathlib import Path
from ocici import session
from ocici.findings import Refused
try:
    session.create([], "x", session.Owner(), Path(sys.argv[1]), Path(sys.argv[1], "s"))
except Refused as refusal:
    print(refusal.findings[0].code)
"""
        command = [sys.executable, "-c", code, str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stdout == "session-exists\n"
        assert names(made.folder) == COMPLETE


class TestDestroy:
    def test_nothing_is_left_and_again_is_fine(self, tmp_path: Path) -> None:
        made = handed_over(tmp_path)
        assert session.destroy(made.folder)
        assert names(tmp_path) == []
        assert not session.destroy(made.folder)

    def test_the_keys_are_overwritten_before_anything_else(self, tmp_path: Path) -> None:
        made = make(tmp_path)
        opened = [path.open("rb") for path in made.key_files.values()]
        session.destroy(made.folder)
        for file in opened:
            assert set(file.read()) == {0}
            file.close()

    @pytest.mark.parametrize("manifest_is", ["missing", "a link", "another's", "empty", "of the future"])
    def test_a_folder_without_ocicis_manifest_is_refused(self, manifest_is: str, tmp_path: Path) -> None:
        made = make(tmp_path)
        file = made.folder / manifest.NAME
        if manifest_is == "another's":
            if not IS_ROOT:
                pytest.skip("only root has files of others")
            os.chown(file, NOBODY, 0)
        elif manifest_is == "empty":
            file.write_text("")
        elif manifest_is == "of the future":
            change(made, ocici=2)
        else:
            file.rename(tmp_path / "manifest")
            if manifest_is == "a link":
                file.symlink_to(tmp_path / "manifest")
        with pytest.raises(Refused) as error:
            session.destroy(made.folder)
        assert code_of(error) == "not-a-session"
        assert made.config_file.exists()
        file.unlink(missing_ok=True)

    @pytest.mark.parametrize("kind", ["link", "file", "full folder", "empty folder"])
    def test_what_is_no_session_is_refused(self, kind: str, tmp_path: Path) -> None:
        path = tmp_path / "ocici-s"
        made = make(tmp_path)
        if kind == "link":
            path.symlink_to(made.folder)
        elif kind == "file":
            path.touch()
        else:
            path.mkdir()
            (path / "precious").touch() if kind == "full folder" else None
        with pytest.raises(Refused) as error:
            session.destroy(path)
        assert code_of(error) == "not-a-session"
        assert path.exists()
        assert names(made.folder) == COMPLETE

    @pytest.mark.parametrize("draft", [False, True])
    def test_a_session_that_never_came_to_be_is_removed(self, draft: bool, tmp_path: Path) -> None:
        path = tmp_path / "s"
        folder.make(path)
        (path / manifest.DRAFT).write_text('{"ocici":') if draft else None
        assert not session.destroy(path)
        assert names(tmp_path) == []

    @pytest.mark.skipif(not IS_ROOT, reason="only root has folders of others")
    def test_another_users_session_is_refused(self, tmp_path: Path) -> None:
        made = handed_over(tmp_path)
        os.chown(made.folder, NOBODY, 0)
        with pytest.raises(Refused) as error:
            session.destroy(made.folder)
        assert code_of(error) == "not-a-session"
        assert session.sweep([tmp_path], NEXT) == []
        assert names(made.folder) == COMPLETE

    def test_links_in_it_lead_to_nothing_that_is_touched(self, tmp_path: Path) -> None:
        outside = tmp_path / "outside"
        outside.mkdir()
        (outside / "file.pem").write_text("precious")
        made = make(tmp_path)
        (made.folder / "link.pem").symlink_to(outside / "file.pem")
        (made.folder / "folder.pem").symlink_to(outside)
        (made.folder / "hard.pem").hardlink_to(outside / "file.pem")
        assert session.destroy(made.folder)
        assert (outside / "file.pem").read_text() == "precious"
        assert names(tmp_path) == ["outside"]

    def test_what_cannot_be_removed_is_told_and_the_keys_are_gone_and_a_sweep_may_go_on(self, tmp_path: Path) -> None:
        made = make(tmp_path)
        stuck = made.folder / "a-volume"
        with mounted(stuck, *tmpfs()):
            with pytest.raises(Refused) as error:
                session.destroy(made.folder)
            assert code_of(error) == "session-left"
            assert names(made.folder) == ["a-volume", "manifest.json"]
            change(made, process=of(process.this(), started="1"))
            assert [bool(each.left) for each in session.sweep([tmp_path], MINE)] == [True]
        assert [each.left for each in session.sweep([tmp_path], MINE)] == [""]
        assert names(tmp_path) == []

    def test_a_parent_that_may_not_be_written_is_told(self, open_folder: Path) -> None:
        code = """
from ocici.credentials import Credentials, Profile, Secret
parent = Path(sys.argv[1]) / "p"
parent.mkdir()
made = session.create([Profile("x", Credentials(key=Secret("key")))], "x", session.Owner(), parent)
parent.chmod(0o500)
for _ in range(2):
    try:
        session.destroy(made.folder)
    except Refused as refusal:
        print(refusal.findings[0].code, [each.name for each in made.folder.iterdir()])
"""
        assert unprivileged(code, open_folder) == "session-left []\n" * 2

    def test_what_is_written_into_it_meanwhile_goes_too(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        made = make(tmp_path)
        clear = folder.Folder.clear
        written: list[Path] = []

        def and_write(inside: folder.Folder, keep: Any = ()) -> None:
            clear(inside, keep)
            if len(written) < 4:
                written.append(made.folder / f"new{len(written)}")
                written[-1].touch()

        monkeypatch.setattr(folder.Folder, "clear", and_write)
        assert session.destroy(made.folder)
        assert names(tmp_path) == []

    def test_one_who_writes_on_and_on_is_told(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        made = make(tmp_path)
        clear = folder.Folder.clear

        def and_write(inside: folder.Folder, keep: Any = ()) -> None:
            clear(inside, keep)
            (made.folder / "new").touch()

        monkeypatch.setattr(folder.Folder, "clear", and_write)
        with pytest.raises(Refused) as error:
            session.destroy(made.folder)
        assert code_of(error) == "session-left"
        assert names(made.folder) == ["manifest.json", "new"]


GONE = {"started": "1"}
ELSEWHERE = {"machine": "elsewhere"}
REBOOTED = {"boot": "00000000-0000-0000-0000-000000000000"}


class TestSweep:
    @pytest.fixture(autouse=True)
    def known(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A machine that has a number of its own, as not every container has."""
        monkeypatch.setattr(process, "_machine", functools.cache(lambda: "runner 0123"))

    @pytest.mark.parametrize(
        ("tied_to", "maker", "seen_by", "dead"),
        [
            ("process", {}, MINE, False),  # it is still being made
            ("process", GONE, MINE, True),
            ("process", GONE, Owner(), True),  # whoever looks
            ("process", GONE | ELSEWHERE, MINE, False),
            ("process", GONE | {"space": "elsewhere"}, MINE, False),
            ("process", GONE | {"boot": ""}, MINE, False),
            ("job", GONE, MINE, False),
            ("job", GONE, Owner(), False),
            ("job", REBOOTED, MINE, True),
            ("job", REBOOTED, Owner(), True),
            ("process", REBOOTED, Owner(), True),
            ("job", REBOOTED | ELSEWHERE, Owner(), False),
            ("job", {}, MINE._replace(job=f"{MINE.job} x"), False),  # a step that has hidden a part of its job's name
            ("job", {}, MINE._replace(job=f"{MINE.job}1"), True),
            ("job", {}, NEXT, True),  # the slot is taken by another job
            ("process", {}, NEXT, False),  # it lives, whatever its job: one that the runner could not stop
            ("process", {"space": "elsewhere"}, NEXT, True),
            ("process", {"started": ""}, NEXT, True),
            ("job", ELSEWHERE, NEXT, True),  # the slot is a volume that containers share, one after the other
            ("job", {}, Owner("jenkins", "job 2", "another slot"), False),
            ("job", {}, Owner("jenkins", "job 2", ""), False),
            ("job", {}, Owner("jenkins", "", "slot"), False),
            ("job", {}, Owner("gitlab", "job 2", "slot"), False),
        ],
    )
    def test_only_what_is_provably_dead_goes(
        self, tied_to: str, maker: dict[str, str], seen_by: Owner, dead: bool, tmp_path: Path
    ) -> None:
        made = make(tmp_path)
        change(made, tied_to=tied_to, process=of(process.this(), **maker))
        swept = session.sweep([tmp_path, tmp_path], seen_by)
        assert [(each.folder, each.job, each.left) for each in swept] == [(made.folder, "the job job 1", "")] * dead
        assert names(tmp_path) == ([] if dead else [made.folder.name])
        assert dead or names(made.folder) == COMPLETE

    @pytest.mark.parametrize(("job", "slot"), [("", "slot"), ("job 1", ""), ("", "")])
    def test_a_session_of_an_unknown_job_or_place_is_nobodys_to_judge(
        self, job: str, slot: str, tmp_path: Path
    ) -> None:
        handed_over(tmp_path, Owner("jenkins", job, slot))
        for owner in (NEXT, Owner("jenkins", "job 2", slot), Owner("terminal", "", "")):
            assert session.sweep([tmp_path], owner) == []

    def test_old_and_future_times_change_nothing(self, tmp_path: Path) -> None:
        alive, dead = make(tmp_path), make(tmp_path)
        change(dead, process=of(process.this(), **GONE))
        for seconds in (0, 2**32):
            for made in (alive, dead):
                for path in (made.folder, *made.folder.iterdir()):
                    os.utime(path, (seconds, seconds))
            assert len(session.sweep([tmp_path], MINE)) == (seconds == 0)
            assert names(tmp_path) == [alive.folder.name]
            dead = alive

    def test_other_folders_are_left_alone(self, tmp_path: Path) -> None:
        made = make(tmp_path, path=tmp_path / "of-another-name")
        change(made, process=of(process.this(), **GONE))
        (tmp_path / "ocici-docs").mkdir()
        (tmp_path / "ocici-file").touch()
        (tmp_path / "ocici-full").mkdir(0o700)
        (tmp_path / "ocici-full" / "file").touch()
        (tmp_path / "ocici-link").symlink_to(made.folder)
        before = names(tmp_path)
        assert session.sweep([tmp_path, tmp_path / "none", tmp_path / "ocici-file"], NEXT) == []
        assert names(tmp_path) == before
        assert names(made.folder) == COMPLETE

    @pytest.mark.parametrize("name", ["ocici-a.b", "ocici-a b", "ocici-ü", "ocici-" + "x" * 200])
    def test_every_name_that_begins_as_ours_is_looked_at(self, name: str, tmp_path: Path) -> None:
        handed_over(tmp_path, path=tmp_path / name)
        assert len(session.sweep([tmp_path], NEXT)) == 1

    def test_a_dead_session_in_the_chosen_place_makes_room(self, tmp_path: Path) -> None:
        path = tmp_path / "of-any-name"
        change(make(tmp_path, path=path), process=of(process.this(), **GONE))
        (path / "old").touch()
        again = make(tmp_path, path=path)
        assert [each.code for each in again.findings] == ["session-swept"]
        assert names(path) == COMPLETE

    @pytest.mark.parametrize("draft", ["", "{", '{"ocici": 1}'])
    def test_what_never_became_a_session_goes(self, draft: str, tmp_path: Path) -> None:
        folder.make(tmp_path / "ocici-s")
        if draft:
            (tmp_path / "ocici-s" / manifest.DRAFT).write_text(draft)
        assert session.sweep([tmp_path], MINE) == []
        assert names(tmp_path) == (["ocici-s"] if draft == '{"ocici": 1}' else [])  # not provably dead

    def test_a_draft_of_a_living_process_stays_and_of_a_dead_one_goes(self, tmp_path: Path) -> None:
        made = make(tmp_path)
        for name in ("config", "dev.pem", "prod.pem"):
            (made.folder / name).unlink()
        (made.folder / manifest.NAME).rename(made.folder / manifest.DRAFT)
        session.sweep([tmp_path], MINE)
        assert names(made.folder) == [manifest.DRAFT]
        draft = json.loads((made.folder / manifest.DRAFT).read_text())
        (made.folder / manifest.DRAFT).write_text(json.dumps({**draft, "process": of(process.this(), **GONE)}))
        session.sweep([tmp_path], MINE)
        assert names(tmp_path) == []

    @pytest.mark.parametrize(
        "text",
        [
            "", "{", "null", "[]", "7", '"x"', "{}", '{"ocici": 2}', '{"ocici": "1"}', "\x00" * 100, "\xff\xfe",
            "[" * 50_000, '{"ocici": 1, "job": ' * 5_000, '{"ocici": 1, "x": "' + "y" * 70_000 + '"}',
            '{"ocici": 1' + "0" * 5_000 + "}", "NaN", '{"ocici": NaN}',
        ],
    )  # fmt: skip
    def test_a_manifest_that_is_none_is_let_be(self, text: str, tmp_path: Path) -> None:
        made = make(tmp_path)
        (made.folder / manifest.NAME).write_bytes(text.encode("latin-1"))
        assert session.sweep([tmp_path], NEXT) == []
        assert session.of_job([tmp_path], MINE) == []
        with pytest.raises(Refused) as error:
            session.destroy(made.folder)
        assert code_of(error) == "not-a-session"
        assert names(made.folder) == COMPLETE

    @pytest.mark.parametrize(
        "values",
        [
            {"process": None}, {"process": []}, {"process": {"pid": "1"}}, {"process": {"pid": 10**30}},
            {"tied_to": ["process"]}, {"tied_to": None}, {"job": None}, {"job": {"a": 1}}, {"job": ["x"]}, {"job": 7},
            {"slot": 7}, {"slot": ["slot"]}, {"host": None}, {"host": {}},
        ],
    )  # fmt: skip
    def test_a_manifest_of_wrong_types_is_no_traceback(self, values: dict[str, object], tmp_path: Path) -> None:
        made = make(tmp_path)
        change(made, **values)
        session.of_job([tmp_path], MINE)
        session.sweep([tmp_path], NEXT)
        session.destroy(made.folder)
        assert names(tmp_path) == []

    def test_a_job_cannot_write_into_the_log_of_the_next(self, tmp_path: Path) -> None:
        made = handed_over(tmp_path)
        change(made, job="evil\n::error::x\x1b[31m\ud800" + "y" * 1000)
        (swept,) = session.sweep([tmp_path], NEXT)
        assert swept.job.startswith("the job evil?::error::x?[31m?y")
        assert len(swept.job) < 400

    @pytest.mark.skipif(not IS_ROOT, reason="only root has folders that others may write")
    def test_a_parent_is_never_taken_for_a_session(self, tmp_path: Path) -> None:
        # Whoever may write into /tmp could else have root empty it.
        made = make(tmp_path)
        change(made, process=of(process.this(), **GONE))
        (made.folder / manifest.NAME).rename(tmp_path / manifest.NAME)
        (tmp_path / "ocici-x").mkdir(0o777)
        planted = tmp_path / "ocici-x" / manifest.NAME
        planted.write_text((tmp_path / manifest.NAME).read_text())
        os.chown(planted, NOBODY, NOBODY)
        (tmp_path / "ocici-x" / "precious").touch()
        session.sweep([tmp_path], NEXT)
        assert (tmp_path / "ocici-x" / "precious").exists()
        assert (tmp_path / manifest.NAME).exists()


class TestOfJob:
    def test_those_of_the_job_and_no_others(self, tmp_path: Path) -> None:
        mine = {handed_over(tmp_path).folder, handed_over(tmp_path).folder}
        handed_over(tmp_path, NEXT)
        assert set(session.of_job([tmp_path], MINE)) == mine
        handed_over(tmp_path, Owner())
        assert session.of_job([tmp_path], Owner()) == []


# -- two at once: one acts at every line of what the other does --------------------------------------------------

SOURCE = {module.__file__ for module in (session, manifest, folder, process)}


def at_every_line(work: Callable[[], object], other: Callable[[], object]) -> Iterator[int]:
    """Runs `work` again and again, and `other` in the middle of it: at its first line, at its second, and so on."""
    at = count = 0

    def trace(frame: FrameType, event: str, _argument: Any) -> Callable[..., Any] | None:
        nonlocal count
        if frame.f_code.co_filename not in SOURCE:
            return None
        if event == "line":
            count += 1
            if count == at:
                other()
        return trace

    while count >= at:
        at, count = at + 1, 0
        before = sys.gettrace()
        sys.settrace(trace)
        try:
            work()
        finally:
            sys.settrace(before)
        yield at
    assert at > 20


class TestTwoAtOnce:
    @pytest.fixture
    def place(self, tmp_path: Path) -> Iterator[Path]:
        """A folder in memory, if there is one: thousands of sessions are made in it, and a disk takes its time."""
        memory = Path("/dev/shm")
        with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else tmp_path) as place:
            yield Path(place)

    def test_a_sweep_takes_nothing_away_from_a_setup(self, place: Path) -> None:
        made: list[Session] = []
        for _ in at_every_line(
            lambda: made.append(handed_over(place)), lambda: session.sweep([place], Owner("jenkins", "job 1"))
        ):
            assert names(made[-1].folder) == COMPLETE
            assert session.destroy(made[-1].folder)
            assert names(place) == []

    def test_nor_from_one_in_a_place_of_its_own(self, place: Path) -> None:
        path = place / "ocici-mine"
        for _ in at_every_line(
            lambda: handed_over(place, path=path), lambda: session.sweep([place], Owner("jenkins", "job 1"))
        ):
            assert names(path) == COMPLETE
            assert session.destroy(path)
            assert names(place) == []

    def test_nor_does_a_slow_sweep_that_saw_the_folder_empty(self, place: Path) -> None:
        path = place / "ocici-mine"
        for _ in at_every_line(
            lambda: handed_over(place, path=path), lambda: (path / manifest.DRAFT).unlink(missing_ok=True)
        ):
            assert names(path) == COMPLETE
            assert session.destroy(path)

    def test_a_setup_in_the_middle_of_a_sweep_is_left_alone(self, place: Path) -> None:
        started: list[Path] = []

        def prepare_and_sweep() -> None:
            folder.make(place / "ocici-zzz")  # one that may be swept, and is then claimed
            session.sweep([place], Owner("jenkins", "job 1"))

        def claim() -> None:
            try:
                with folder.opened(place / "ocici-zzz") as inside:
                    manifest.write(inside, MINE, tied_to="process")
                    inside.write("dev.pem", KEY)
                started.append(place / "ocici-zzz")
            except FileNotFoundError:
                pass  # and does it again, elsewhere

        for _ in at_every_line(prepare_and_sweep, claim):
            for path in started:
                assert names(path) == ["dev.pem", "manifest.json"]
                session.destroy(path)
            started.clear()
            assert names(place) == []

    @pytest.mark.parametrize("first", ["cleanup", "sweep"])
    @pytest.mark.parametrize("second", ["cleanup", "sweep"])
    def test_two_that_remove_the_same(self, first: str, second: str, place: Path) -> None:
        path = place / "ocici-s"
        done: list[bool] = []

        def remove(how: str) -> None:
            if how == "cleanup":
                done.append(session.destroy(path))
            else:
                swept = session.sweep([place], NEXT)
                assert [each.left for each in swept] == [""] * len(swept)
                done.append(bool(swept))

        def work() -> None:
            handed_over(place, path=path)
            (path / "sub").mkdir()
            (path / "sub" / "file").touch()
            remove(first)

        def other() -> None:
            if (path / "sub").exists():  # it is complete, and being removed
                remove(second)

        for _ in at_every_line(work, other):
            assert names(place) == []
            assert done.count(True) <= 1
            done.clear()

    def test_a_new_session_in_the_place_of_one_being_removed_is_left_alone(self, place: Path) -> None:
        path = place / "ocici-s"

        complete: list[bool] = []

        def work() -> None:
            complete.clear()
            handed_over(place, path=path)
            complete.append(True)
            session.destroy(path)

        def replace() -> None:
            if complete and path.exists():
                path.rename(place / "old")
                handed_over(place, path=path)

        kept = 0
        for _ in at_every_line(work, replace):
            if path.exists():
                kept += names(path) == COMPLETE
                session.destroy(path)
            if (place / "old").exists():
                session.destroy(place / "old")
            for each in place.iterdir():
                pytest.fail(f"{each} holds {names(each)}")
        assert kept > 20


# -- what is imported ---------------------------------------------------------------------------------------------

LOADED = """
import json, sys, sysconfig
sys.path.insert(0, sys.argv.pop(1))
from ocici import cli
code = cli.main(sys.argv[1:])
print(json.dumps([code, {name: getattr(module, "__file__", None) for name, module in sys.modules.items()}]))
"""


class TestImports:
    def loaded(self, ocici: Ocici, *arguments: str, environ: dict[str, str], bare: bool) -> dict[str, str | None]:
        source = str(Path(session.__file__).parent.parent)
        options = ["-I", "-S"] if bare else []
        done = subprocess.run(
            [sys.executable, *options, "-c", LOADED, source, *arguments],
            env={**ocici.environ, **environ},
            cwd=ocici.home,
            capture_output=True,
            text=True,
            check=True,
        )
        code, modules = json.loads(done.stdout.splitlines()[-1])
        assert code == 0, done.stderr
        return dict(modules)

    @pytest.mark.parametrize("host", ["terminal", "gitlab", "jenkins", "github"])
    @pytest.mark.parametrize("command", ["cleanup", "sweep"])
    def test_cleanup_needs_nothing_but_the_standard_library(self, ocici: Ocici, host: str, command: str) -> None:
        path = ocici.home / "tmp" / "ocici-s"
        environ = {"OCICI_ACTION": "1", "GITHUB_ACTIONS": "true", "RUNNER_TEMP": str(path.parent), "GITHUB_JOB": "b"}
        made = handed_over(path.parent, Owner(host, "a", f":{path.parent}"), path)
        if command == "sweep":
            change(made, process=of(process.this(), **REBOOTED))
        arguments = (command, "--host", host, *(["--session-dir", str(path)] if command == "cleanup" else []))
        modules = self.loaded(ocici, *arguments, environ=environ, bare=True)
        assert not path.exists()
        allowed = (str(Path(os.__file__).parent), str(Path(session.__file__).parent))
        assert [name for name, file in modules.items() if file and not file.startswith(allowed)] == []

    @pytest.mark.parametrize("host", ["terminal", "gitlab", "jenkins"])
    @pytest.mark.parametrize("command", ["cleanup", "sweep"])
    def test_nor_takes_more_where_there_is_more(self, ocici: Ocici, host: str, command: str) -> None:
        modules = self.loaded(ocici, command, "--host", host, environ={}, bare=False)
        packages = {name.partition(".")[0] for name in modules}
        assert not packages & {"cryptography", "yaml", "oci", "urllib3", "requests", "certifi", "actions_toolkit"}
        assert "ocici.session" in modules

    def test_an_offline_setup_imports_no_sdk_and_no_network(self, ocici: Ocici, secrets: dict[str, str]) -> None:
        modules = self.loaded(ocici, "setup", "--validate", "offline", environ=secrets, bare=False)
        packages = {name.partition(".")[0] for name in modules}
        assert "cryptography" in packages
        assert not packages & {"oci", "urllib3", "requests", "yaml"}
