"""Killed or stopped at any point: what is left is what the next sweep removes, or nothing at all."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from typing import Any

import pytest

from .conftest import FULL, Program, Row, times
from .world import ROOT, World

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="faults are tried on Linux")

SETUP = ("setup", "--validate", "offline")
EXEC = ("exec", "--validate", "offline", "--", "true")
ON_DISK = ("session", "manifest", "folder", "execute")
"""The modules that write, remove or run: the tests try their lines alone."""
LATER = {"BUILD_TAG": "jenkins-a-2"}


def jenkins(world: World) -> dict[str, str]:
    """A job of Jenkins: the session belongs to it, and the next job in the workspace finds it dead."""
    names = {"JENKINS_URL": "https://ci/", "NODE_NAME": "node", "BUILD_TAG": "jenkins-a-1"}
    return {**names, "WORKSPACE_TMP": str(world.temporary)}


def at_every_line(world: World, environ: dict[str, str], **specification: Any) -> dict[str, Any]:
    """Run at_every_line.py; its tally."""
    defaults = {"before": [], "after": [], "later": {}, "start": "create", "stop": "", "root": str(world.root)}
    whole = {**defaults, "modules": [] if FULL else list(ON_DISK), **specification}
    whole["sought"] = [piece.decode() for piece in world.sought]
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "faults" / "at_every_line.py"), json.dumps(whole)],
        env={**world.environ, **world.secrets, **environ},
        cwd=world.root / "work",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    tally: dict[str, Any] = json.loads(done.stdout)
    return tally


class TestAtEveryLine:
    def test_setup_is_killed(self, world: World, row: Row) -> None:
        with row("setup killed (SIGKILL) at every line; the next job's sweep") as tally:
            tally.merge(
                at_every_line(
                    world,
                    jenkins(world),
                    arguments=SETUP,
                    signal=signal.SIGKILL,
                    codes=[-signal.SIGKILL],
                    after=["sweep"],
                    later=LATER,
                    every=times(37, 1),
                )
            )

    def test_setup_is_stopped(self, online: World, row: Row) -> None:
        with row("setup stopped (SIGTERM, SIGINT, SIGHUP) at every line, probe included") as tally:
            for number, every in ((signal.SIGTERM, 1), (signal.SIGINT, 5), (signal.SIGHUP, 5)):
                tally.merge(
                    at_every_line(
                        online,
                        {},
                        arguments=["setup"],
                        stop="hand_over",
                        signal=number,
                        codes=[128 + number],
                        every=times(137, every),
                    )
                )

    def test_exec_is_killed(self, world: World, row: Row) -> None:
        with row("exec killed (SIGKILL) at every line; sweep") as tally:
            tally.merge(
                at_every_line(
                    world,
                    {},
                    arguments=EXEC,
                    signal=signal.SIGKILL,
                    codes=[-signal.SIGKILL],
                    after=["sweep"],
                    every=times(29, 1),
                )
            )

    def test_exec_is_stopped(self, world: World, row: Row) -> None:
        with row("exec stopped (SIGTERM, SIGINT, SIGHUP) at every line") as tally:
            for number, every in ((signal.SIGTERM, 1), (signal.SIGINT, 5), (signal.SIGHUP, 5)):
                tally.merge(
                    at_every_line(
                        world,
                        {},
                        arguments=EXEC,
                        signal=number,
                        codes=[0, 128 + number],  # 0: the command had ended
                        every=times(67, every),
                    )
                )

    @pytest.mark.parametrize("after", ["cleanup", "sweep"])
    def test_cleanup_is_killed(self, world: World, row: Row, after: str) -> None:
        place = ["--session-dir", str(world.temporary / "ocici-s")]
        with row(f"cleanup killed (SIGKILL) at every line; {after}") as tally:
            tally.merge(
                at_every_line(
                    world,
                    jenkins(world),
                    before=[*SETUP, *place],
                    arguments=["cleanup", *place],
                    start="",
                    signal=signal.SIGKILL,
                    codes=[-signal.SIGKILL],
                    after=["cleanup", *place] if after == "cleanup" else ["sweep"],
                    later={} if after == "cleanup" else LATER,
                    every=times(17, 1),
                )
            )


# Every system call that writes, and closing what was written.
CALLS = (
    "mkdir,mkdirat,open,openat,creat,write,pwrite64,writev,rename,renameat,renameat2,unlink,unlinkat,rmdir,"
    "link,linkat,symlink,symlinkat,chmod,fchmod,fchmodat,fsync,fdatasync,truncate,ftruncate,close"
)
# Not every architecture has them all.
TRACED = ",".join(f"?{name}" for name in CALLS.split(","))


@pytest.fixture
def strace(program: Program) -> str:
    path = program("strace")
    if subprocess.run([path, "-o", "/dev/null", "true"], check=False, capture_output=True).returncode:
        pytest.skip("processes may not be traced here")
    return path


@pytest.mark.slow
class TestAtEverySystemCall:
    """Without the help of Python: the kernel kills the process as it enters the call."""

    def traced(self, world: World, strace: str, command: tuple[str, ...], environ: dict[str, str]) -> range:
        """The numbers of the calls from the first that touches TMPDIR until the end."""
        log = world.root.parent / "trace"
        options = [strace, "-qq", "-o", str(log), "-e", f"trace={TRACED}", "-e", "signal=none"]
        code, output = world.run(environ=environ, command=[*options, *world.command(*command)])
        assert code == 0, output
        calls = log.read_text(errors="replace").splitlines()
        log.unlink()
        first = next(at for at, call in enumerate(calls, 1) if re.search(rf'"{world.temporary}/ocici-', call))
        return range(first, len(calls) + 1)

    def killed(self, world: World, strace: str, at: int, command: tuple[str, ...], environ: dict[str, str]) -> str:
        """Run until the system call number `at`; what it printed."""
        inject = ["-e", f"trace={TRACED}", "-e", f"inject={TRACED}:signal=KILL:when={at}"]
        options = [strace, "-qq", "-o", "/dev/null", *inject]
        _, output = world.run(environ=environ, command=[*options, *world.command(*command)])
        return output

    @pytest.mark.parametrize("command", [SETUP, EXEC], ids=lambda command: command[0])
    def test_setup_and_exec(self, world: World, strace: str, row: Row, command: tuple[str, ...]) -> None:
        environ = jenkins(world)
        numbers = self.traced(world, strace, command, environ)
        world.run("sweep", environ=environ | LATER)
        with row(f"{command[0]} killed at every system call that writes; the next job's sweep") as tally:
            for at in numbers:
                output = self.killed(world, strace, at, command, environ)
                astray = [path for path in world.look().files if path.parent.parent != world.temporary]
                code, swept = world.run("sweep", environ=environ | LATER)
                wrong = f"then exit code {code}" if code else f"the key was in {astray}" if astray else ""
                tally.add(world.look(), output + swept, world.sought, wrong, f"call {at}")

    @pytest.mark.parametrize("after", ["cleanup", "sweep"])
    def test_cleanup(self, world: World, strace: str, row: Row, after: str) -> None:
        environ, place = jenkins(world), ("--session-dir", str(world.temporary / "ocici-s"))
        world.run(*SETUP, *place, environ=environ)
        numbers = self.traced(world, strace, ("cleanup", *place), environ)
        mend = ("cleanup", *place) if after == "cleanup" else ("sweep",)
        with row(f"cleanup killed at every system call that writes; {after}") as tally:
            for at in numbers:
                world.run(*SETUP, *place, environ=environ)
                output = self.killed(world, strace, at, ("cleanup", *place), environ)
                code, mended = world.run(*mend, environ=environ | (LATER if after == "sweep" else {}))
                wrong = f"then exit code {code}" if code else ""
                tally.add(world.look(), output + mended, world.sought, wrong, f"call {at}")
