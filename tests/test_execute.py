"""A command that runs under ocici: its exit code, and the signals that reach it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from ocici import execute

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")

RUN = """
import json, os, signal, sys
from ocici import execute
before = json.loads(sys.argv[1])
for name in before: signal.signal(getattr(signal, name), signal.SIG_IGN)
code, problem = execute.run(sys.argv[2:], os.environ)
print("code", code, problem.code if problem else "", flush=True)
"""

COUNT = """
import os, signal, sys, threading
seen = []
for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"):
    if signal.getsignal(getattr(signal, name)) is signal.SIG_IGN:
        print(name, "ignored", flush=True)
    else:
        signal.signal(getattr(signal, name), lambda number, _: (seen.append(number), os.write(1, b"%d\\n" % number)))
print("ready", flush=True)
sys.stdin.readline()
print("seen", *map(int, seen), flush=True)
sys.exit(9)
"""


EARLY = """
import os, signal, socket, sys
from ocici import execute
class Socket:
    def socketpair(self):
        os.kill(os.getpid(), signal.SIGTERM)  # handled as soon as this returns
        return socket.socketpair()
execute.socket = Socket()
print(*execute.run(["sleep", "60"], os.environ))
"""


@contextmanager
def running(command: Sequence[str], ignored: str = "[]") -> Iterator[subprocess.Popen[str]]:
    whole = [sys.executable, "-c", RUN, ignored, *command]
    with subprocess.Popen(whole, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        yield child
        child.kill()


def until(child: subprocess.Popen[str], line: str) -> list[str]:
    """The lines that come before `line`."""
    assert child.stdout
    before: list[str] = []
    while (read := child.stdout.readline()) != f"{line}\n":
        assert read, before
        before.append(read.strip())
    return before


def codes(*command: str) -> tuple[int, str | None]:
    code, problem = execute.run(command, os.environ)
    return code, problem.code if problem else None


@pytest.fixture
def signals() -> Iterator[None]:
    """The signals' handlers, given back after the test: `run` keeps them."""
    before = {number: signal.getsignal(number) for number in (*execute._FORWARDED, signal.SIGCHLD)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("signals")
class TestExitCode:
    @pytest.mark.parametrize("code", [0, 1, 7, 126, 127, 128, 255])
    def test_it_is_the_commands_own(self, code: int) -> None:
        assert codes("sh", "-c", f"exit {code}") == (code, None)

    @pytest.mark.parametrize("name", ["HUP", "INT", "TERM", "KILL", "SEGV"])
    def test_a_signal_is_128_and_its_number(self, name: str) -> None:
        assert codes("sh", "-c", f"kill -{name} $$") == (128 + getattr(signal, f"SIG{name}"), None)

    def test_what_is_not_there_and_what_is_no_program(self, tmp_path: Path) -> None:
        (tmp_path / "text").write_text("no program")
        (tmp_path / "text").chmod(0o755)
        assert codes("no-such-command") == (127, "command-not-started")
        assert codes(str(tmp_path)) == (126, "command-not-started")
        assert codes(str(tmp_path / "text")) == (126, "command-not-started")
        assert codes("a\0b") == (126, "command-not-started")
        assert codes("true", "x" * 10_000_000) == (126, "command-not-started")

    def test_the_environment_is_the_given_one(self, tmp_path: Path) -> None:
        code, _ = execute.run(["sh", "-c", f"env > {tmp_path}/env"], {"PATH": os.environ["PATH"], "ONLY": "this"})
        assert code == 0
        lines = set((tmp_path / "env").read_text().splitlines())
        assert {line.split("=")[0] for line in lines} - {"PWD", "SHLVL", "_", "OLDPWD"} == {"PATH", "ONLY"}


class TestSignals:
    @pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"])
    def test_each_reaches_the_command_which_decides(self, name: str) -> None:
        number = getattr(signal, name)
        with running([sys.executable, "-c", COUNT]) as child:
            until(child, "ready")
            for _ in range(2):
                child.send_signal(number)
                until(child, str(int(number)))
            assert child.stdin
            child.stdin.write("\n")
            child.stdin.flush()
            until(child, f"seen {int(number)} {int(number)}")
            until(child, "code 9 ")

    def test_a_command_that_does_not_mind_is_ended(self) -> None:
        with running(["sh", "-c", "echo ready; exec sleep 60"]) as child:
            until(child, "ready")
            child.send_signal(signal.SIGTERM)
            until(child, "code 143 ")

    def test_those_that_come_after_the_command_change_nothing(self) -> None:
        code = RUN + "print('waiting', flush=True); sys.stdin.readline(); print('cleaned up', flush=True)"
        command = [sys.executable, "-c", code, "[]", "sh", "-c", "exit 3"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
            assert until(child, "waiting") == ["code 3"]
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                child.send_signal(number)
            output, _ = child.communicate("\n")
        assert (output, child.returncode) == ("cleaned up\n", 0)

    def test_those_that_come_before_it_has_started_reach_it(self) -> None:
        code = RUN.replace(
            "code, problem =",
            """
Popen = execute.subprocess.Popen
def slowly(*given, **named):
    os.kill(os.getpid(), signal.SIGTERM)
    return Popen(*given, **named)
execute.subprocess.Popen = slowly
code, problem =""",
        )
        command = [sys.executable, "-c", code, "[]", "sleep", "60"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
        assert (done.stdout, done.stderr) == ("code 143 \n", "")

    def test_nohup_is_respected(self) -> None:
        with running([sys.executable, "-c", COUNT], ignored='["SIGHUP"]') as child:
            assert until(child, "ready") == ["SIGHUP ignored"]
            child.send_signal(signal.SIGHUP)
            child.send_signal(signal.SIGTERM)
            assert until(child, str(int(signal.SIGTERM))) == []

    def test_one_that_comes_just_before_the_wait_is_not_slept_through(self) -> None:
        # The handler of the interpreter has run, and not yet our own, when the waiting begins.
        code = RUN.replace(
            "code, problem =",
            """
poll = execute.subprocess.Popen.poll
def late(child):
    if execute.subprocess.Popen.poll is late:
        execute.subprocess.Popen.poll = poll
        os.kill(os.getpid(), signal.SIGTERM)
    return poll(child)
execute.subprocess.Popen.poll = late
code, problem =""",
        )
        command = [sys.executable, "-c", code, "[]", "sleep", "60"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
        assert (done.stdout, done.stderr) == ("code 143 \n", "")

    def test_a_starter_that_ignores_its_children_does_not_hide_the_exit_code(self) -> None:
        with running(["sh", "-c", "exit 7"], ignored='["SIGCHLD"]') as child:
            assert until(child, "code 7 ") == []

    def test_a_starter_that_blocks_the_signal_of_ended_children_does_not_hang_it(self) -> None:
        # The command has ended, but was not yet seen to have, when the waiting begins.
        code = RUN.replace(
            "code, problem =",
            """
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
poll = execute.subprocess.Popen.poll
def early(child):
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    execute.subprocess.Popen.poll = poll
execute.subprocess.Popen.poll = early
code, problem =""",
        )
        command = [sys.executable, "-c", code, "[]", "sh", "-c", "exit 7"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
        assert (done.stdout, done.stderr) == ("code 7 \n", "")

    def test_a_command_that_may_not_be_signalled_is_waited_for(self) -> None:
        class Foreign:  # what `sudo COMMAND` is to another user than root
            def send_signal(self, number: int) -> None:
                raise PermissionError(1, "Operation not permitted")

        execute._pass_on(signal.SIGTERM, Foreign())  # type: ignore[arg-type]


class TestTerminal:
    @pytest.mark.parametrize("redirected", [False, True])
    @pytest.mark.parametrize(("key", "number"), [(b"\x03", b"2"), (b"\x1c", b"3")], ids=["Ctrl-C", "Ctrl-Backslash"])
    def test_a_key_reaches_the_command_once(self, key: bytes, number: bytes, redirected: bool) -> None:
        import fcntl
        import termios

        keyboard, screen = os.openpty()

        def take_the_terminal() -> None:
            fcntl.ioctl(1, termios.TIOCSCTTY, 0)

        command = [sys.executable, "-c", RUN, "[]", sys.executable, "-c", COUNT]
        with subprocess.Popen(
            command,
            stdin=subprocess.PIPE if redirected else screen,
            stdout=screen,
            stderr=screen,
            start_new_session=True,
            preexec_fn=take_the_terminal,
        ) as child:
            os.close(screen)
            seen = self.read(keyboard, b"ready")
            os.kill(child.pid, signal.SIGSTOP)  # so that a second signal comes only after the first was answered
            os.write(keyboard, key)
            seen += self.read(keyboard, number + b"\r\n")
            os.kill(child.pid, signal.SIGCONT)
            os.kill(child.pid, signal.SIGTERM)  # its turn comes after whatever else there may be
            seen += self.read(keyboard, b"15\r\n")
            os.write(child.stdin.fileno() if child.stdin else keyboard, b"\n")
            seen += self.read(keyboard, b"code 9")
        os.close(keyboard)
        assert b"seen " + number + b" 15\r\n" in seen

    @staticmethod
    def read(keyboard: int, until: bytes) -> bytes:
        seen = b""
        while until not in seen:
            assert select.select([keyboard], [], [], 20)[0], seen
            seen += os.read(keyboard, 1000)
        return seen


def test_a_signal_that_comes_just_before_the_command_starts_reaches_it() -> None:
    done = subprocess.run([sys.executable, "-c", EARLY], capture_output=True, text=True, timeout=30, check=False)
    assert (done.stdout, done.stderr) == (f"{128 + signal.SIGTERM} None\n", "")
