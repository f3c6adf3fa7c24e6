"""Signals that end a command: each becomes an exception, which undoes what is half-done on its way out."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Interrupted(KeyboardInterrupt):
    """A signal came, its `number`.

    A KeyboardInterrupt, for Python's compiler takes no other exception seriously: one that comes while it computes a
    constant is forgotten without a word (Python/ast_opt.c, make_const).
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


_passed_over: list[bool] = []


@contextmanager
def raised() -> Iterator[None]:
    """Within it SIGINT, SIGTERM, SIGHUP and SIGQUIT raise `Interrupted`, once; after it they change nothing."""
    _passed_over.clear()
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"):
        number = getattr(signal, name, None)
        if number and signal.getsignal(number) is not signal.SIG_IGN:  # nohup
            signal.signal(number, _raise)
    earlier, sys.unraisablehook = sys.unraisablehook, _lost
    try:
        yield
    finally:
        pass_over()
        sys.unraisablehook = earlier


def pass_over() -> None:
    """From now on a signal changes nothing: what was begun is being undone, or it is done."""
    _passed_over.append(True)


def _raise(number: int, _frame: Any) -> None:
    # A second one must not disturb the undoing. It may be on its way already, so ignoring it is not enough.
    if not _passed_over:
        pass_over()
        raise Interrupted(number)


def _lost(unraisable: Any) -> None:
    """Have a signal come once more whose `Interrupted` nobody can catch: it came while an object was being freed."""
    lost = unraisable.exc_value
    if not isinstance(lost, Interrupted) or sys.platform == "win32":
        sys.__unraisablehook__(unraisable)
        return
    _passed_over.clear()
    signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(lost.number))
    signal.setitimer(signal.ITIMER_REAL, 0.01)
