"""Whether a process is provably gone: against real processes, living, ended, unreaped, and out of sight."""

from __future__ import annotations

import ast
import functools
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ocici import folder, manifest, process, session
from ocici.process import Process

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="proofs of death are tried on Linux")

TELL = "import json, sys; from ocici import process; print(json.dumps(process.this().as_json()), flush=True); "


@contextmanager
def running(code: str = "sys.stdin.read()", prefix: tuple[str, ...] = ()) -> Iterator[tuple[Any, Process]]:
    """Another process, as it describes itself; it ends when its standard input does."""
    command = [*prefix, sys.executable, "-c", TELL + code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout
        told = Process.from_json(json.loads(child.stdout.readline()))
        assert told is not None
        yield child, told


def asked_inside(who: Process, *prefix: str) -> bool:
    """Whether a process started with `prefix` takes `who` for gone."""
    code = (
        "import json, sys; from ocici import process as p; print(p.is_gone(p.Process.from_json(json.load(sys.stdin))))"
    )
    done = subprocess.run(
        [*prefix, sys.executable, "-c", code],
        input=json.dumps(who.as_json()),
        capture_output=True,
        text=True,
        check=True,
    )
    return {"True\n": True, "False\n": False}[done.stdout]


def but(who: Process, **values: str) -> Process:
    changed = Process.from_json({**who.as_json(), **values})
    assert changed is not None
    return changed


@pytest.fixture(autouse=True)
def nothing_is_remembered() -> Iterator[None]:
    """What a test has this machine look like must not stay for the next."""
    for known in (process._machine, process._boot, process._space):
        known.cache_clear()
    yield
    for known in (process._machine, process._boot, process._space):
        known.cache_clear()


class TestIsGone:
    def test_this_one_is_not(self) -> None:
        assert "" not in (process.this().started, process.this().boot, process.this().space)
        assert not process.is_gone(process.this())
        assert process.is_alive(process.this())

    def test_a_living_one_is_not_and_an_ended_one_is(self) -> None:
        with running() as (child, told):
            assert (told.pid, told.machine, told.boot) == (child.pid, process.this().machine, process.this().boot)
            assert not process.is_gone(told)
            assert process.is_alive(told)
        assert process.is_gone(told)
        assert not process.is_alive(told)

    def test_a_stopped_one_is_not(self) -> None:
        with running() as (child, told):
            child.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOWAIT)
            assert not process.is_gone(told)
            child.send_signal(signal.SIGCONT)

    def test_a_zombie_is(self) -> None:
        with running("") as (child, told):
            os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and nobody has reaped it
            assert Path(f"/proc/{child.pid}/stat").exists()
            assert process.is_gone(told)

    def test_a_number_used_again_is_another_process(self) -> None:
        assert process.is_gone(process.this()._replace(started="1"))

    @pytest.mark.parametrize("name", ["machine", "space"])
    def test_one_elsewhere_is_out_of_sight(self, name: str) -> None:
        with running("") as (_, told):
            pass
        assert process.is_gone(told)
        assert not process.is_gone(but(told, **{name: "elsewhere"}))
        assert not process.is_alive(but(process.this(), **{name: "elsewhere"}))

    @pytest.mark.parametrize("name", ["started", "boot", "space"])
    def test_what_is_unknown_proves_nothing(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        with running("") as (_, told):
            pass
        if name != "started":
            monkeypatch.setattr(process, f"_{name}", lambda: "")
        assert not process.is_gone(but(told, **{name: ""}))

    def test_no_descriptor_left_to_look_with_proves_nothing(self) -> None:
        code = """
import os, resource
process.is_gone(process.this())
resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
print(process.is_gone(process.Process(os.getppid(), "1", *list(process.this().as_json().values())[2:])))
"""
        done = subprocess.run([sys.executable, "-c", TELL + code], capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == "False"

    def test_one_that_proc_hides_is_not(self, monkeypatch: pytest.MonkeyPatch) -> None:
        # Mounted with hidepid, /proc may show nothing of a process that lives.
        monkeypatch.setattr(Path, "read_text", lambda *_, **__: (_ for _ in ()).throw(FileNotFoundError()))
        assert process._started(os.getpid()) == ""


class TestNamespaces:
    @pytest.fixture(autouse=True)
    def permitted(self) -> None:
        if (
            not shutil.which("unshare")
            or subprocess.run(["unshare", "--pid", "--fork", "true"], check=False).returncode
        ):
            pytest.skip("namespaces of one's own are not permitted here")

    def test_a_process_of_another_pid_namespace_is_out_of_sight(self) -> None:
        with running(prefix=("unshare", "--pid", "--fork", "--mount-proc")) as (_, told):
            assert told.pid == 1
            assert not process.is_gone(told)
        assert not process.is_gone(told)

    def test_and_so_are_those_outside_for_one_within(self) -> None:
        with running("") as (_, ended):
            pass
        assert asked_inside(ended)
        assert not asked_inside(ended, "unshare", "--pid", "--fork", "--mount-proc")

    def test_a_proc_of_another_namespace_proves_nothing(self) -> None:
        with running(prefix=("unshare", "--pid", "--fork")) as (_, told):  # pid 1 here, and /proc/1 is somebody else
            assert told.space == ""
            assert not asked_inside(told)

    def test_start_times_of_another_time_namespace_are_not_compared(self) -> None:
        shifted = ("unshare", "--time", "--boottime", "100000", "--fork")
        if subprocess.run([*shifted, "true"], check=False).returncode:
            pytest.skip("time namespaces are not permitted here")
        with running() as (_, told):
            assert not asked_inside(told, *shifted)
        assert not asked_inside(told, *shifted)


class TestAnotherBoot:
    def test_this_boot_is_not(self) -> None:
        assert not process.is_from_another_boot(process.this())

    def test_another_one_of_this_machine_is(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(process, "_machine", functools.cache(lambda: "runner 0123"))
        other = process.this()._replace(boot="00000000-0000-0000-0000-000000000000")
        assert process.is_from_another_boot(other)
        assert process.is_gone(other)

    def test_one_without_a_number_of_its_own_is_not(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Two containers with one host name and a shared folder: an image has no machine-id."""
        read = process._read
        monkeypatch.setattr(process, "_read", lambda path: "" if path == "/etc/machine-id" else read(path))
        other = process.this()._replace(boot="00000000-0000-0000-0000-000000000000")
        assert not process.is_from_another_boot(other)

    def test_another_machine_is_not(self) -> None:
        assert not process.is_from_another_boot(process.this()._replace(boot="other", machine="elsewhere"))

    def test_the_unknown_is_not(self) -> None:
        assert not process.is_from_another_boot(process.this()._replace(boot=""))

    def test_machines_of_the_same_host_name_are_told_apart(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(process, "_read", lambda path: f"the id in {path}")
        assert "the id in /etc/machine-id" in process.this().machine


class TestMacOS:
    """macOS has no /proc; its `ps` is asked, and Linux has one that takes the same options."""

    @pytest.fixture(autouse=True)
    def platform(self, monkeypatch: pytest.MonkeyPatch) -> None:
        if not Path("/bin/ps").exists():
            pytest.skip("there is no /bin/ps")
        monkeypatch.setattr(sys, "platform", "darwin")

    def test_the_start_does_not_depend_on_zone_and_language(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with running() as (child, _):
            first = process._started(child.pid)
            monkeypatch.setenv("TZ", "Asia/Tokyo")
            monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
            assert first
            assert process._started(child.pid) == first
        assert process._started(child.pid) is None

    def test_a_ps_that_fails_proves_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(process, "_output", lambda *_: process_output("/nonexistent/ps"))
        assert process._started(os.getpid()) == ""

    def test_a_sysctl_that_fails_proves_nothing(self) -> None:
        assert process._boot() == ""  # Linux has no kern.bootsessionuuid


process_output = process._output


def test_on_windows_nothing_is_proven(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(os, "kill", lambda *_: pytest.fail("os.kill ends a process on Windows"))
    told = process.this()
    assert (told.started, told.boot) == ("", "")
    assert not process.is_gone(told._replace(pid=99_999_999))


class TestJson:
    def test_it_comes_back(self) -> None:
        assert Process.from_json(json.loads(json.dumps(process.this().as_json()))) == process.this()

    @pytest.mark.parametrize(
        "value",
        [
            None, [], 7, "x", {}, {"pid": 1},
            {**process.this().as_json(), "pid": "1"},
            {**process.this().as_json(), "pid": True},
            {**process.this().as_json(), "pid": 0},
            {**process.this().as_json(), "pid": -1},
            {**process.this().as_json(), "pid": 10**30},
            {**process.this().as_json(), "pid": 1.5},
            {**process.this().as_json(), "boot": None},
            {**process.this().as_json(), "space": ["x"]},
        ],
    )  # fmt: skip
    def test_anything_else_is_none(self, value: Any) -> None:
        assert Process.from_json(value) is None


@pytest.mark.parametrize("module", [process, manifest, session, folder])
def test_no_clock_is_asked(module: Any) -> None:
    # Clocks jump. What decides about a session must not be one.
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert not names & {"time", "datetime"}
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not {name for name in attributes if name.startswith(("st_mtime", "st_ctime", "st_atime"))}
