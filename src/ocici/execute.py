"""Runs a command, passes signals on to it, and tells its exit code as a shell would."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from ocici.findings import Finding, finding

_FORWARDED = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")
    if hasattr(signal, name)
]


def run(command: Sequence[str], environ: Mapping[str, str]) -> tuple[int, Finding | None]:
    """Run `command` with `environ` until it ends.

    Returns its exit code: its own, 128 + N when signal N ended it, 127 when it is not there and 126 when it cannot be
    started; for the last two with the finding that says why.
    """
    child: subprocess.Popen[bytes] | None = None
    early: list[int] = []

    def forward(number: int, _frame: Any) -> None:
        if child is None:
            early.append(number)
        elif not (number == signal.SIGINT and _has_the_terminal()):
            # Ctrl-C goes to every process of a terminal's foreground group: the command has it already.
            child.send_signal(number)

    before = {number: signal.signal(number, forward) for number in _FORWARDED}
    try:
        try:
            child = subprocess.Popen(command, env=environ)
        except (OSError, ValueError) as error:
            return _not_started(command[0], error)
        for number in early:
            child.send_signal(number)
        code = child.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return (code if code >= 0 else 128 - code), None


def _has_the_terminal() -> bool:
    try:
        return sys.stdin.isatty() and os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError, AttributeError):
        return False


def _not_started(name: str, error: OSError | ValueError) -> tuple[int, Finding]:
    reason = getattr(error, "strerror", None) or "it holds a zero byte"
    code = 127 if isinstance(error, FileNotFoundError) else 126
    return code, finding("command-not-started", name=name[:200], reason=reason)
