"""Runs a command, passes signals on to it, and tells its exit code as a shell would."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from ocici.findings import Finding, finding, without_keys

_FORWARDED = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")
    if hasattr(signal, name)
]

_FROM_KEYS = (signal.SIGINT, getattr(signal, "SIGQUIT", None))


def run(command: Sequence[str], environ: Mapping[str, str]) -> tuple[int, Finding | None]:
    """Run `command` with `environ` until it ends. To be called in the main thread.

    Returns its exit code: its own, 128 + N when signal N ended it, 127 when it is not there and 126 when it cannot be
    started; for the last two with the finding that says why.

    Signals stay without effect once the command has ended: what follows is the cleanup, and a runner that stops a job
    sends several.
    """
    came: list[int] = []
    for number in _FORWARDED:
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup: the command inherits that
            signal.signal(number, lambda number, _: came.append(number))
    with _woken() as wait:
        try:
            child = subprocess.Popen(command, env=environ)
        except (OSError, ValueError) as error:
            return _not_started(command[0], error)
        while child.poll() is None:
            while came:  # first: one may have come before there was a socket
                _pass_on(came.pop(0), child)
            wait(child)
    return (child.returncode if child.returncode >= 0 else 128 - child.returncode), None


@contextmanager
def _woken() -> Iterator[Callable[[subprocess.Popen[bytes]], object]]:
    """Yields what waits until a signal comes or has come since the last time, or the child it is given has ended.

    The interpreter writes each signal's number into a socket. `Popen.wait` would sleep through one that comes just
    before it begins to wait.
    """
    if sys.platform == "win32":  # Ctrl-C is all there is, and goes to the command itself
        yield lambda child: child.wait()
        return
    signal.signal(signal.SIGCHLD, lambda *_: None)  # ignored, it would take the exit code with it
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])  # what started ocici may have blocked it
    reader, writer = socket.socketpair()
    with reader, writer:
        writer.setblocking(False)
        signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        try:
            yield lambda _: reader.recv(4096)
        finally:
            signal.set_wakeup_fd(-1)


def _pass_on(number: int, child: subprocess.Popen[bytes]) -> None:
    # Ctrl-C and Ctrl-\ go to every process of a terminal's foreground group: the command has it already.
    if not (number in _FROM_KEYS and _has_the_terminal()):
        with suppress(OSError):  # what sudo started is not ours to signal
            child.send_signal(number)


def _has_the_terminal() -> bool:
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)  # standard input may be another file
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


def _not_started(name: str, error: OSError | ValueError) -> tuple[int, Finding]:
    reason = getattr(error, "strerror", None) or "it holds a zero byte"
    code = 127 if isinstance(error, FileNotFoundError) else 126
    return code, finding("command-not-started", name=without_keys(name)[:200], reason=reason)
