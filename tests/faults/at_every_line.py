"""Sends a signal to ocici at every line that it runs, one line after the other, and sees what is left.

    python tests/faults/at_every_line.py SPECIFICATION

A process that has imported all of ocici forks for each try, so that a try takes milliseconds. The child walks through
the command and leaves through the interpreter's own end; a trace function counts its lines and sends the signal.

SPECIFICATION is JSON:
- `arguments` of the command; `before`, those of a command to run first, if any; `after`, those of the command that has
  to mend what the signal did, with `later` in its environment (empty: nothing may need mending)
- `signal`, its number; `codes`, the exit codes that are right
- lines count from the call of session.create if `start` is "create", else from the beginning, until the end of the
  function `stop`, if any; `modules`, those whose lines count (empty: all); `every`, 1 for every line, 2 for each other
- `root` and `sought`, the world

Prints a tally as JSON.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import ocici
from ocici import cli, session

if TYPE_CHECKING:
    from .world import Tally, look
else:
    from world import Tally, look

SOURCE = str(Path(ocici.__file__).parent)


@dataclass
class Tracer:
    """Counts lines. At number `at` it writes that line's name to the descriptor `out`, and sends itself the signal."""

    specification: Mapping[str, Any]
    at: int
    out: int
    count: int = 0
    stopped: bool = False

    def start(self) -> None:
        """Count from here on, also in the functions that have been called already."""
        frame: FrameType | None = sys._getframe()
        while frame := frame and frame.f_back:
            if frame.f_code.co_filename.startswith(SOURCE):
                frame.f_trace = self
        sys.settrace(self)

    def __call__(self, frame: FrameType, event: str, _argument: Any) -> Callable[..., Any] | None:
        code = frame.f_code
        if not code.co_filename.startswith(SOURCE) or code.co_name == "<genexpr>":
            # No signal is handled while a generator is closed but in this very function, where nobody could catch it.
            return None
        place = Path(code.co_filename)
        counts = place.stem in self.specification["modules"] or not self.specification["modules"]
        if counts and not self.stopped and event in ("line", "return"):
            self.count += 1
            if self.count == self.at:
                os.write(self.out, f"{place.name}:{frame.f_lineno}".encode())
                os.kill(os.getpid(), self.specification["signal"])
        self.stopped = self.stopped or (event == "return" and code.co_name == self.specification["stop"])
        return self


@dataclass(frozen=True)
class Done:
    """A child that has ended: its exit code (negative: by that signal), what it printed, and where the signal came."""

    code: int
    output: bytes
    place: str


def run(child: Callable[[int], int], environ: Mapping[str, str]) -> Done:
    """Run `child` in a fork of this process; it gets the descriptor on which the tracer reports."""
    reader, writer = os.pipe()
    with tempfile.TemporaryFile() as printed:
        pid = os.fork()
        if pid == 0:
            for number in (1, 2):
                os.dup2(printed.fileno(), number)
            os.environ.update(environ)
            sys.exit(child(writer))
        os.close(writer)
        _, status = os.waitpid(pid, 0)
        place = os.read(reader, 200).decode()
        os.close(reader)
        printed.seek(0)
        return Done(os.waitstatus_to_exitcode(status), printed.read(), place)


def plainly(arguments: Sequence[str]) -> Callable[[int], int]:
    """A child that runs `ocici ARGUMENTS`."""
    return lambda _out: cli.main(arguments)


def disturbed(specification: Mapping[str, Any], at: int) -> Callable[[int], int]:
    """A child that runs the command and gets the signal at line number `at`."""

    def child(out: int) -> int:
        tracer, create = Tracer(specification, at, out), session.create

        def traced(*arguments: Any) -> session.Session:
            tracer.start()
            return create(*arguments)

        if specification["start"] == "create":
            session.create = traced  # type: ignore[assignment]
        else:
            tracer.start()
        return cli.main(specification["arguments"])

    return child


def main(specification: Mapping[str, Any]) -> Tally:
    """Try every line."""
    tally = Tally("")
    root, sought = Path(specification["root"]), [piece.encode() for piece in specification["sought"]]
    at = 1
    while True:
        output = b""
        if specification["before"]:
            first = run(plainly(specification["before"]), {})
            output += first.output if first.code else b""
        done = run(disturbed(specification, at), {})
        if not done.place:  # it ended before
            for path in look(root, sought).sessions:
                shutil.rmtree(path)
            return tally
        output += done.output
        wrong = "" if done.code in specification["codes"] else f"exit code {done.code}"
        astray = {
            path for path in look(root, sought).files if path.suffix != ".pem" or "ocici-" not in str(path.parent)
        }
        if astray:
            wrong = f"the key is in {astray}"
        if specification["after"]:
            mended = run(plainly(specification["after"]), specification["later"])
            output += mended.output
            wrong = wrong or (f"then exit code {mended.code}" if mended.code else "")
        place = f"{specification['arguments'][0]} at line {at}, {done.place}"
        tally.add(look(root, sought), output, sought, wrong, place)
        at += specification["every"]


if __name__ == "__main__":
    for module in pkgutil.walk_packages(ocici.__path__, "ocici."):
        if not module.name.startswith(("ocici.emulator", "ocici.__main__", "ocici.demo", "ocici.probe_sdk")):
            importlib.import_module(module.name)
    print(json.dumps(asdict(main(json.loads(sys.argv[1])))))
