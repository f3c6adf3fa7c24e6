"""Stopped from outside: signals at random moments, a runner's ladder of them, an OCI that does not answer."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from typing import Any

import pytest

from .conftest import FULL, Row, times
from .world import World, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="faults are tried on Linux")

# A command that lets every signal through but those that it is told to ignore.
COMMAND = "trap '' {}; echo ready; exec sleep 60"


class TestExec:
    @pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
    def test_signals_at_random_moments(self, world: World, row: Row, name: str) -> None:
        """From the first moment on; the command gets what comes after its start. Nothing needs a sweep."""
        number = getattr(signal, name)
        moments = random.Random(name)
        with row("signals to exec (SIGINT, SIGTERM, SIGHUP) at random moments") as tally:
            for _ in range(times(2, 60)):
                command = ("exec", "--validate", "offline", "--", "sleep", "60")
                moment = moments.uniform(0, 0.6)
                with world.start(*command) as running:
                    if number == signal.SIGINT:  # Python itself answers a SIGINT while it starts, with a traceback
                        until(lambda: any(world.temporary.iterdir()))
                        moment /= 4
                    time.sleep(moment)
                    running.send_signal(number)
                    output, _ = running.communicate()
                code = 128 - running.returncode if running.returncode < 0 else running.returncode
                wrong = "" if code == 128 + number else f"exit code {running.returncode}: {output}"
                tally.add(world.look(), output, world.sought, wrong, f"{name} after {moment:.3f} s")

    def test_the_command_decides(self, world: World, row: Row) -> None:
        """A command that shuts down on SIGTERM, with the key still there: it is waited for, then cleaned up after."""
        script = 'trap "test -s $OCI_PRIVATE_KEY_PATH && exit 7" TERM; echo ready; while :; do sleep 0.02; done'
        with row("exec's command shuts down in its own time") as tally:
            for _ in range(times(1, 10)):
                with world.start("exec", "--validate", "offline", "--", "sh", "-c", script) as running:
                    assert running.stdout
                    assert running.stdout.readline() == "ready\n"
                    for _ in range(3):  # impatient
                        running.send_signal(signal.SIGTERM)
                    output, _ = running.communicate()
                wrong = "" if running.returncode == 7 else f"exit code {running.returncode}"
                tally.add(world.look(), output, world.sought, wrong)

    @pytest.mark.parametrize("ignored", ["INT", "INT TERM"])
    def test_a_runners_ladder(self, world: World, row: Row, ignored: str) -> None:
        """SIGINT, SIGTERM, SIGKILL to the whole tree, as a runner cancels a job; here with short waits."""
        with row("a runner's ladder (SIGINT, SIGTERM, SIGKILL) on exec; sweep where it was killed") as tally:
            for _ in range(times(1, 10)):
                command = ("exec", "--validate", "offline", "--", "sh", "-c", COMMAND.format(ignored))
                with world.start(*command, start_new_session=True) as running:
                    assert running.stdout
                    assert running.stdout.readline() == "ready\n"
                    running.send_signal(signal.SIGINT)
                    time.sleep(0.1)
                    running.send_signal(signal.SIGTERM)
                    time.sleep(0.1)
                    if ignored == "INT TERM":
                        os.killpg(running.pid, signal.SIGKILL)
                    output, _ = running.communicate()
                right = -signal.SIGKILL if ignored == "INT TERM" else 128 + signal.SIGTERM
                wrong = "" if running.returncode == right else f"exit code {running.returncode}"
                if ignored == "INT TERM":
                    code, swept = world.run("sweep")
                    output += swept
                    wrong = wrong or (f"then exit code {code}" if code else "")
                tally.add(world.look(), output, world.sought, wrong, ignored)


class TestSetup:
    @pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
    @pytest.mark.parametrize("fault", ["hang", "throttle", "latency:30000"])
    def test_stopped_while_oci_is_asked(self, online: World, row: Row, oci: Any, name: str, fault: str) -> None:
        """It ends at once, long before a runner would lose its patience."""
        number = getattr(signal, name)
        oci.fault(fault)
        with row("setup stopped (SIGTERM, SIGINT, SIGHUP) while OCI hangs, throttles or is slow") as tally:
            for _ in range(times(1, 5)):
                before = len(oci.requests)
                with online.start("setup") as setup:
                    until(lambda seen=before: len(oci.requests) > seen)
                    sent = time.monotonic()
                    setup.send_signal(number)
                    output, _ = setup.communicate()
                    took = time.monotonic() - sent
                wrong = "" if setup.returncode == 128 + number else f"exit code {setup.returncode}: {output}"
                wrong = wrong or ("" if took < 5 else f"it took {took:.1f} s")
                tally.add(online.look(), output, online.sought, wrong, f"{name}, {fault}")

    @pytest.mark.parametrize(
        ("fault", "right"),
        [
            ("hang", 3), ("reset", 3), ("throttle", 3), ("fail", 3), ("unavailable", 3), ("garbage", 3),
            ("latency:3000", 3), ("deny", 1), ("not-allowed", 1),
        ],
    )  # fmt: skip
    def test_an_oci_that_fails(self, online: World, row: Row, oci: Any, fault: str, right: int) -> None:
        oci.fault(fault)
        ran = online.root / "ran"
        commands: dict[str, tuple[str, ...]] = {"setup": (), "exec": ("--", "touch", str(ran))}
        with row("OCI hangs, resets, throttles, fails, is captured, refuses: setup and exec") as tally:
            for command in list(commands) if FULL or fault in ("reset", "deny") else ["setup"]:
                code, output = online.run(command, "--deadline", "0.5", *commands[command])
                wrong = "" if code == right else f"exit code {code}: {output}"
                wrong += "; the command ran" if ran.exists() else ""
                tally.add(online.look(), output, online.sought, wrong, f"{command}, {fault}")
