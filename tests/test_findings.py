"""The catalogue: every code that is used is there, and is filled with what its texts name."""

from __future__ import annotations

import ast
import base64
import hashlib
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocici import findings
from ocici.findings import CATALOGUE, Finding, finding, shown, without_keys

from .conftest import Pair

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
        ("ocidv1:user:oc1:phx:1460406592660:aaaaaaaabbbb", "'ocidv1:user:oc1:phx:1460406592660:aa…' (46 characters)"),
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
    if not value.startswith(("ocid1.", "ocidv1:")) and not any(
        pattern.fullmatch(value) for pattern in findings._HARMLESS[1:]
    ):
        assert shown(value) == f"a value of {len(value)} characters"


def test_findings_are_values() -> None:
    assert isinstance(finding("user-missing", name="x"), Finding)
    assert finding("user-missing", name="x") == finding("user-missing", name="x")


def test_what_looks_like_a_piece_of_a_key_is_never_shown(pair: Pair) -> None:
    lines = pair.private.splitlines()
    made_up = base64.b64encode(hashlib.sha512(b"a key").digest()).decode()[:40]
    for piece in (pair.private, lines[5], made_up, base64.b64encode(pair.private.encode()).decode()):
        assert without_keys(f"names {piece.strip()}!") == "names ***!"
        assert lines[5][20:40] not in finding("source-missing", origin=piece, path=piece, reason=piece).cause


@pytest.mark.parametrize(
    "text",
    [
        "/home/runner/work/_temp/ocici-8f3a52d1c4e7/DEFAULT.pem",
        "/Users/Alice/Projects2024/infrastructure/terraform/config",
        "/var/folders/zz/zyxvpxvq6csfxvn_n0000000000000/T/",
        "ocid1.user.oc1..aaaaaaaa3p67n2kmpxnbcnffjow6j5bhe6jze3obob3cjdctfftyfd4zou2q",
        "20:3b:97:13:55:1c:5b:0d:d3:37:d8:50:4e:c5:3a:34",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "OCICI_PRIVATE_KEY_FILE, OCI_CLI_CONFIG_FILE and TF_VAR_private_key_path",
    ],
)
def test_what_is_no_key_is_shown(text: str) -> None:
    assert without_keys(text) == text
