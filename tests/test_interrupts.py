"""Signals that end a command, at moments when they are easily lost."""

from __future__ import annotations

import subprocess
import sys

import pytest

from .conftest import Ocici

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")


SIGNAL = """
import os, signal, sys, time
from pathlib import Path
from ocici import cli, hosts, interrupts, signin

def terminate():
    os.kill(os.getpid(), signal.SIGTERM)

class Freed:
    __del__ = staticmethod(terminate)

def free(*_):
    Freed()
    time.sleep(60)

def report(self, report, before=hosts.Host.report):
    if report.findings[0].code != "interrupted":
        terminate()
    before(self, report)

def done(before=interrupts.pass_over):
    before()
    terminate()

moment = sys.argv.pop(1)
if moment == "an object is freed":
    signin.sign_in = free
elif moment == "a failure is told":
    hosts.Host.report = report
else:
    interrupts.pass_over = done
sys.exit(cli.main())
"""


class TestSignals:
    def interrupted(
        self, ocici: Ocici, moment: str, environ: dict[str, str], validate: str = "offline"
    ) -> tuple[int, str]:
        command = [sys.executable, "-c", SIGNAL, moment, "setup", "--validate", validate]
        environ = {**ocici.environ, **environ}
        done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=30, check=False)
        assert "Exception ignored" not in done.stderr
        assert "Traceback" not in done.stderr
        return done.returncode, done.stderr

    @pytest.mark.parametrize("moment", ["an object is freed", "a failure is told"])
    def test_none_is_lost(self, ocici: Ocici, moment: str) -> None:
        code, told = self.interrupted(ocici, moment, {})
        assert code == 143
        assert "[interrupted]" in told

    def test_one_that_comes_when_all_is_done_changes_nothing(self, ocici: Ocici, secrets: dict[str, str]) -> None:
        assert self.interrupted(ocici, "all is done", secrets) == (0, "")
        assert len(ocici.temporary()) == 1


COMPILING = """
import os, signal, sys, time
from ocici import interrupts
source = "x = [" + ",".join(["7**40*7**40"] * 400_000) + "]"
try:
    with interrupts.raised():
        if os.fork() == 0:
            time.sleep(0.05)  # the parent compiles for a second, and looks for signals only where it computes
            os.kill(os.getppid(), signal.SIGTERM)
            os._exit(0)
        compile(source, "x", "exec")
        print("compiled")
except interrupts.Interrupted as interrupt:
    print(interrupt.number)
"""


def test_none_is_lost_while_python_compiles() -> None:
    done = subprocess.run([sys.executable, "-c", COMPILING], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "15\n"


IMPORTING = """
import os, runpy, signal, sys

class Finder:
    def find_spec(self, name, *_):
        if name == "ocici.cli":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Finder())
runpy.run_module("ocici", run_name="__main__")
"""


def test_ctrl_c_while_ocici_is_imported_is_no_traceback() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORTING], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (-2, "")
