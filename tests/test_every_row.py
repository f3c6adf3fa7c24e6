"""Every way a key goes wrong, one test a row: brought about through the commands, told by its own finding.

Each test asserts which finding it is, that its cause and fix speak of this very case, the exit code, and that the
page that `docs` names has the finding. What other tools say to the same cases is in test_troubleshooting.py.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import pytest

from ocici import cli

from .conftest import PASS_PHRASE, Pair

if TYPE_CHECKING:
    pass
else:
    sys.path.insert(0, str(Path(__file__).parent / "corpus"))

ROOT = Path(__file__).parent.parent
NOBODY = 65534


@dataclass(frozen=True)
class Told:
    """What a command told: its exit code, its findings as JSON has them, and what people see."""

    exit: int
    findings: list[dict[str, str]]
    seen: str

    def only(self, code: str) -> dict[str, str]:
        """The one finding, which is `code`."""
        assert [found["code"] for found in self.findings] == [code], self.seen
        return self.findings[0]


@dataclass(frozen=True)
class Commands:
    """Runs commands of ocici in this process (a hundred of them would take a minute in their own).

    `home` is HOME, `folder` where sessions are made. What must hold for every row is asserted here: people see what
    JSON has, a failure leaves nothing, no secret is shown, and the page that a finding names has it.
    """

    home: Path
    folder: Path
    pair: Pair
    capture: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str, **environ: str) -> Told:
        base = {"PATH": os.environ["PATH"], "HOME": str(self.home), "TMPDIR": str(self.folder)}
        with (
            mock.patch.dict(os.environ, {**base, **environ}, clear=True),
            mock.patch.object(tempfile, "tempdir", str(self.folder)),
            mock.patch.object(cli, "_listen_for_signals"),
        ):
            code = cli.main([*arguments, "--format", "json"])
        out, seen = self.capture.readouterr()
        told = Told(code, json.loads(out)["findings"], seen)
        assert not [line for line in [*self.pair.lines(), PASS_PHRASE] if line in out + seen]
        assert not code or not list(self.folder.iterdir())
        page = (ROOT / "docs" / "TROUBLESHOOTING.md").read_text(encoding="utf-8")
        for found in told.findings:
            assert f"[{found['code']}]\n  why: {found['cause']}\n  fix: {found['fix']}\n" in seen
            assert not re.search(r"[{}]", (found["cause"] + found["fix"]).replace("${{ … }}", "")), found
            path, _, anchor = found["docs"].partition("#")
            assert path == "docs/TROUBLESHOOTING.md"
            assert f'<a id="{anchor}"></a>' in page
        return told


@pytest.fixture
def ocici(tmp_path: Path, pair: Pair, capsys: pytest.CaptureFixture[str]) -> Commands:
    (tmp_path / "tmp").mkdir()
    return Commands(tmp_path, tmp_path / "tmp", pair, capsys)


def of(found: Mapping[str, str], cause: str, fix: str) -> None:
    """`found` has `cause` in its cause and `fix` in its fix."""
    assert cause in found["cause"], found
    assert fix in found["fix"], found


# -- what a pipeline hands over ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """One row: what to change in good secrets ("" takes a variable away), and what is told of it."""

    name: str
    change: Callable[[Pair, Pair], dict[str, str]]
    code: str
    cause: str
    fix: str
    exit: int = 1


def given(**values: str) -> Callable[[Pair, Pair], dict[str, str]]:
    """These variables, whatever the keys of this run are."""
    return lambda pair, other: values
