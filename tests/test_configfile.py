"""How the text of an OCI config file is read: as the Python SDK reads it."""

from __future__ import annotations

import contextlib
from pathlib import Path

import oci.config
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocici import configfile
from ocici.findings import Finding, Refused

from .conftest import Pair


def read(text: str) -> dict[str, dict[str, str]]:
    return configfile.read(text, "C", [])


def refusal(text: str) -> str:
    with pytest.raises(Refused) as error:
        read(text)
    return error.value.findings[0].code


def test_profiles_inherit_from_default() -> None:
    text = "[DEFAULT]\nuser = u\nregion: r\n\n[other]\nuser=v\n"
    assert read(text) == {"DEFAULT": {"user": "u", "region": "r"}, "other": {"user": "v", "region": "r"}}


def test_it_is_the_sdks_own_reading(tmp_path: Path) -> None:
    text = "[DEFAULT]\nuser = a=b\ntenancy: t%(x)s\nregion=r ; not a comment\n[p]\nFingerprint = f\n# comment\n"
    (tmp_path / "config").write_text(text)
    for name in ("DEFAULT", "p"):
        theirs = oci.config.from_file(str(tmp_path / "config"), name)
        ours = read(text)[name]
        assert {field: theirs[field] for field in ours} == ours


def test_no_default_and_one_profile() -> None:
    assert read("[ci]\nuser=u\n") == {"ci": {"user": "u"}}


def test_what_does_not_belong_to_the_credentials_is_noted() -> None:
    findings: list[Finding] = []
    assert configfile.read("[DEFAULT]\nuser=u\nlog_requests=True\n", "C", findings) == {"DEFAULT": {"user": "u"}}
    assert [found.code for found in findings] == ["field-ignored"]


@pytest.mark.parametrize("name", ["compartment", "compartment-id", "compartment_id", "compartment_ocid"])
def test_a_compartment_is_ignored_whatever_it_is_called(name: str) -> None:
    findings: list[Finding] = []
    assert configfile.read(f"[DEFAULT]\nuser=u\n{name}=x\n", "C", findings) == {"DEFAULT": {"user": "u"}}
    assert [found.code for found in findings] == ["field-ignored"]


def test_a_field_that_has_no_place_may_be_removed() -> None:
    with pytest.raises(Refused) as error:
        read("[DEFAULT]\nuser=u\ntenancy_name=x\n")
    assert error.value.findings[0].fix.endswith("or remove the line.")


def test_oci_clis_own_sections_are_no_profiles() -> None:
    assert list(read("[DEFAULT]\nuser=u\n[OCI_CLI_SETTINGS]\ndefault_profile=x\n")) == ["DEFAULT"]


@pytest.mark.parametrize("begin", ["key_content=", "key_content: ", "Key_Content = "])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("label", ["", "OCI_API_KEY\n"])
@pytest.mark.parametrize("margin", ["", "  "])
def test_a_key_that_was_expanded_into_a_config(margin: str, begin: str, end: str, label: str, pair: Pair) -> None:
    findings: list[Finding] = []
    locked = "Proc-Type: 4,ENCRYPTED\n\n"
    key = pair.private.replace("KEY-----\n", f"KEY-----\n{locked}", 1) + label
    text = f"[a]\n{margin}user=u\n{margin}{begin}{key}{margin}region=r\n[b]\nuser=v\n".replace("\n", end)
    profiles = configfile.read(text, "C", findings)
    assert {**profiles["a"], "key_content": ""} == {"user": "u", "key_content": "", "region": "r"}
    assert profiles["a"]["key_content"].replace("\r", "") == key.strip()
    assert profiles["b"] == {"user": "v"}
    assert [found.code for found in findings] == ["value-repaired"]


def test_a_key_that_is_indented_needs_no_mending(pair: Pair) -> None:
    findings: list[Finding] = []
    key = pair.private.replace("\n", "\n  ")
    assert configfile.read(f"[a]\nkey_content={key}\n", "C", findings)["a"]["key_content"] == pair.private.strip()
    assert findings == []


def test_a_key_without_its_end_takes_nothing_with_it(pair: Pair) -> None:
    assert refusal(f"[a]\nkey_content={pair.private[:200]}\nregion=r\n") == "config-syntax"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("user=u\n", "config-syntax"),
        ("[DEFAULT]\nuser\n", "config-syntax"),
        ("[DEFAULT\nuser=u\n", "config-syntax"),
        ("[DEFAULT]\n", "config-syntax"),
        ("", "config-syntax"),
        ("[a]\nuser=u\n[a]\nuser=v\n", "profile-duplicate"),
        ("[DEFAULT]\nuser=u\n[DEFAULT]\nuser=v\n", "profile-duplicate"),
        ("[a]\nuser=u\nuser=v\n", "profile-duplicate"),
        ("[a b]\nuser=u\n", "profile-name"),
        ("[a]\nusr=u\n", "field-unknown"),
        ("[a]\nsecurity_token_file=/x\n", "token-profile"),
    ],
)
def test_what_is_refused(text: str, code: str) -> None:
    assert refusal(text) == code


@given(st.text(alphabet="[]=:\n\t \\ab#;%\ufeffDEFAULTuser", max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(Refused):
        read(text)
