"""Worlds to try faults in, and the table of what came of it.

Each try counts into a row. `make faults` tries in full and prints the table; the tests try a few of each.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from ocici.emulator import Emulator

from ..conftest import TENANCY, USER, Pair
from ..machine import lacking
from .world import ROOT, Tally, World, pieces

FULL = os.environ.get("OCICI_FAULTS") == "full"
ROWS: list[Tally] = []


def times(few: int, many: int) -> int:
    """How often to try: `few` in the tests, `many` in `make faults`."""
    return many if FULL else few


@pytest.fixture
def world(tmp_path: Path, pair: Pair, oci: Emulator) -> World:
    """A world of its own, and an OCI that knows its key."""
    secrets = {
        "OCICI_USER": USER,
        "OCICI_TENANCY": TENANCY,
        "OCICI_REGION": "eu-frankfurt-1",
        "OCICI_PRIVATE_KEY": pair.private,
        "OCICI_PROFILE": "prod",  # whose key file is listed after the manifest
    }
    return World(tmp_path / "world", secrets, pieces(pair.private), oci.endpoint).make()


@pytest.fixture
def online(world: World) -> World:
    """The same world, where `setup` asks OCI."""
    return replace(world, secrets={**world.secrets, "OCICI_ENDPOINT": world.endpoint})


Program = Callable[[str], str]


@pytest.fixture(scope="session")
def program() -> Program:
    """Finds a program of scripts/run_faults.py, which installs it; else the test is skipped, but fails in CI."""
    sys.path.insert(0, str(ROOT))
    from scripts import run_faults

    def find(name: str) -> str:
        why = "" if shutil.which(name) else run_faults.install()
        path = shutil.which(name)
        if not path:
            lacking(why)
        return path

    return find


Row = Callable[[str], AbstractContextManager[Tally]]


@pytest.fixture
def row() -> Row:
    """Opens a row of the table; all that counts in it must be zero at its end, but how often it was tried."""

    @contextmanager
    def opened(fault: str) -> Iterator[Tally]:
        tally = next((each for each in ROWS if each.fault == fault), None) or Tally(fault)
        if tally not in ROWS:
            ROWS.append(tally)
        yield tally
        assert tally.tried
        assert not tally.unexpected, "\n\n".join(tally.unexpected[:3])
        assert (tally.sessions, tally.secret, tally.tracebacks) == (0, 0, 0)

    return opened


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table."""
    if not FULL:
        return
    head = ("fault", "tried", "sessions left", "bytes of secret found", "tracebacks", "else wrong")
    cells = [(r.fault, r.tried, r.sessions, r.secret, r.tracebacks, len(r.unexpected)) for r in ROWS]
    total = ("**all**", *(sum(numbers) for numbers in zip(*(row[1:] for row in cells), strict=True)))
    rows = (head, ("---",) + ("---:",) * (len(head) - 1), *cells, total if cells else ())
    table = "".join("| " + " | ".join(map(str, row)) + " |\n" for row in rows)
    terminalreporter.write_line(f"\n{table}")
    if path := os.environ.get("OCICI_FAULTS_TABLE"):
        Path(path).write_text(table, encoding="utf-8")
