"""The pages that compare what tools say of mistakes have every row, add up, and are right about ocici."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import pytest

from ocici import cli, interrupts

from .conftest import Pair

ROOT = Path(__file__).parent.parent
if TYPE_CHECKING:
    from scripts import compare_configs, compared
    from tests.corpus import damage
else:
    sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests" / "corpus")]
    import compare_configs
    import compared
    import damage

PAGE = compare_configs.TARGET.read_text(encoding="utf-8")


def cells(heading: str) -> list[list[str]]:
    """The rows of the table under `heading`, without its head."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [re.split(r" (?<!\\)\| ", line.strip("| ")) for line in lines]


def test_the_page_has_the_rows_of_the_script() -> None:
    assert re.findall(r"^## (.*)$", PAGE, re.MULTILINE) == [*compare_configs.GROUPS, "Which words count?"]
    for heading, rows in compare_configs.GROUPS.items():
        names = [compared.named(row.name, row.code) for row in rows]
        assert [name for name, *_ in cells(heading)] == names, "run: .venv/bin/python scripts/compare_configs.py"
    words = [
        [compared.named(row.name, ""), ", ".join(f"`{word}`" for word in row.words)] for row in compare_configs.ROWS
    ]
    assert cells("Which words count?") == words, "run: .venv/bin/python scripts/compare_configs.py"


def test_the_counts_are_those_of_the_tables() -> None:
    rows = [row for heading in compare_configs.GROUPS for row in cells(heading)]
    assert f"| names the cause, of {len(rows)} |" in PAGE
    for column, tool in enumerate(compare_configs.TOOLS, 1):
        count = sum(row[column].startswith("names it") for row in rows)
        assert f"\n| {tool} | {count} |\n" in PAGE


def test_the_page_of_keys_has_the_rows_of_the_corpus() -> None:
    page = (ROOT / "docs" / "KEY-FORMS.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (.*?) (?<!\\)\| ", page.split("\n## ", 1)[1], re.MULTILINE)
    names = [compared.named(row.name, row.code) for row in sorted(damage.rows(), key=lambda row: bool(row.code))]
    listed = [row for row in rows if row not in ("arrived as", "---")]
    assert listed == names, "run: .venv/bin/python scripts/compare_keys.py"
    refused = sum(bool(row.code) for row in damage.rows())
    assert f"\n| ocici | {len(names) - refused} | {refused} | {len(names)} |\n" in page


def findings(case: compare_configs.Case, capture: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    """What ocici finds, in this process: fifty of its own would take ten seconds."""
    if case.helpless:  # which this process is not
        if not compare_configs.can_be_helpless():
            pytest.skip("root cannot be kept from reading every file here")
        return compare_configs.ocici_finds(case)
    with (
        mock.patch.dict(os.environ, compare_configs.environ(case), clear=True),
        mock.patch.object(interrupts, "raised", contextlib.nullcontext),
    ):
        cli.main(compare_configs.check(case))
    found: list[dict[str, str]] = json.loads(capture.readouterr().out)["findings"]
    return found


@pytest.fixture
def key(pair: Pair) -> compare_configs.Key:
    return compare_configs.Key(pair.private + "OCI_API_KEY\n", pair.public, pair.fingerprint)


@pytest.mark.parametrize("row", compare_configs.ROWS, ids=lambda row: row.name)
def test_ocici_names_the_cause(
    row: compare_configs.Row, key: compare_configs.Key, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with compare_configs.arranged(row.change, key, tmp_path) as case:
        causes = [found["cause"] for found in findings(case, capsys) if found["code"] == row.code]
    assert [compare_configs.names(row, cause) for cause in causes] == [True]


def test_nothing_is_found_where_nothing_is_wrong(
    key: compare_configs.Key, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with compare_configs.arranged(compare_configs.nothing, key, tmp_path) as case:
        assert findings(case, capsys) == []


def test_a_page_quotes_no_key_and_no_path(pair: Pair) -> None:
    for key in (pair.private, pair.private.replace("\n", "\\n")):
        shown = compared.quoted(f"error at\n/tmp/x/key.pem | '{key}'").shown
        assert shown == r"“error at …/key.pem \| '…”"


@pytest.mark.parametrize(
    ("answer", "quoted"),
    [
        (
            "ServiceError: {'status': 401, 'code': 'Wrong', 'message': 'It is wrong.', 'tips': 'Try'}",
            "Wrong: It is wrong.",
        ),
        ('RequestException:\n{\n    "message": "No way to http://127.0.0.1:4711",\n}', "No way to http://127.0.0.1"),
        ("ERROR:\n\n| Key  | Error     |\n+---+---+\n| user | malformed |\n+---+---+\n", "user | malformed"),
        ("InvalidConfig: {'user': 'malformed'}", "InvalidConfig: {'user': 'malformed'}"),
    ],
)
def test_the_message_is_what_is_quoted(answer: str, quoted: str) -> None:
    assert compare_configs.message(answer) == quoted
