"""The catalogue: every code that is used is there, and is filled with what its texts name."""

from __future__ import annotations

import ast
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocici import findings
from ocici.findings import CATALOGUE, Finding, finding, shown

SOURCE = Path(__file__).parent.parent / "src" / "ocici"


def placeholders(code: str) -> set[str]:
    entry = CATALOGUE[code]
    texts = (entry.title, entry.cause, entry.fix)
    return {name for text in texts for _, name, _, _ in string.Formatter().parse(text) if name}


def uses() -> list[tuple[str, str, set[str], bool]]:
    """Every call that makes a finding with a literal code: place, code, names given, and whether more may be given."""
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
                continue
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            code = node.args[0].value
            if name in ("finding", "refused") and isinstance(code, str):
                given = {keyword.arg for keyword in node.keywords if keyword.arg}
                more = any(keyword.arg is None for keyword in node.keywords)
                found.append((f"{path.name}:{node.lineno}", code, given, more))
    return found


def test_every_use_fills_what_the_texts_name() -> None:
    wrong = {
        place: code
        for place, code, given, more in uses()
        if code not in CATALOGUE or (not more and placeholders(code) - given)
    }
    assert wrong == {}
    assert len(uses()) > 40


@pytest.mark.parametrize("code", CATALOGUE)
def test_every_entry_is_whole(code: str) -> None:
    entry = CATALOGUE[code]
    assert code == code.lower()
    assert entry.title
    assert entry.cause.endswith((".", "}", ".)"))
    assert entry.fix
    assert "profile" not in placeholders(code)  # the finding has it already
    made = finding(code, "P", **dict.fromkeys(placeholders(code), "x"))
    assert made.docs == f"docs/TROUBLESHOOTING.md#{code}"


def test_the_five_classic_errors_head_the_list() -> None:
    assert [CATALOGUE[code].title for code in list(CATALOGUE)[:5]] == [
        "invalid key format",
        "fingerprint mismatch",
        "permission denied",
        "cannot read private key",
        "region not configured",
    ]


def exit_code(*codes: str) -> int:
    return findings.exit_code([finding(code, **dict.fromkeys(placeholders(code), "x")) for code in codes])


def test_exit_codes() -> None:
    assert exit_code() == 0
    assert exit_code("key-repaired", "region-unknown") == 0
    assert exit_code("user-missing") == 1
    assert exit_code("timed-out") == 3
    assert exit_code("timed-out", "user-missing") == 1
    assert exit_code("usage", "user-missing") == 2
    assert exit_code("session-left", "usage") == 4


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("ocid1.user.oc1..aaaaaaaabbbbbbbbccccccccdddddddd", "'ocid1.user.oc1..aaaaaaaabbbbbbbbcccc…' (48 characters)"),
        ("eu-frankfrut-1", "'eu-frankfrut-1'"),
        ("aa:bb", "'aa:bb'"),
        ("hunter2", "a value of 7 characters"),
        ("", "a value of 0 characters"),
    ],
)
def test_shown(value: str, text: str) -> None:
    assert shown(value) == text


@given(st.text(min_size=5))
def test_shown_never_repeats_an_unknown_shape(value: str) -> None:
    if not value.startswith("ocid1.") and not any(pattern.fullmatch(value) for pattern in findings._HARMLESS[1:]):
        assert shown(value) == f"a value of {len(value)} characters"


def test_findings_are_values() -> None:
    assert isinstance(finding("user-missing", name="x"), Finding)
    assert finding("user-missing", name="x") == finding("user-missing", name="x")
