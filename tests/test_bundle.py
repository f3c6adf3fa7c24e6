"""What a bundle may hold, and what is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocici import bundle
from ocici.findings import Refused


def refusal(text: str) -> tuple[str, str]:
    with pytest.raises(Refused) as error:
        bundle.read(text, "B")
    found = error.value.findings[0]
    return found.code, found.cause


def test_yaml_and_json_are_read_alike() -> None:
    fields = {"user": "u", "tenancy": "t", "key_content": "line 1\nline 2\n"}
    text = "user: u\ntenancy: t\nkey_content: |\n  line 1\n  line 2\n"
    assert bundle.read(text, "B") == bundle.read(json.dumps(fields), "B") == {"DEFAULT": fields}


def test_json_may_be_indented_with_tabs() -> None:
    fields = {"user": "u", "pass_phrase": "a\tb"}
    profiles = {"profiles": {"a": fields, "b": fields}}
    assert bundle.read(json.dumps(profiles, indent="\t"), "B") == {"a": fields, "b": fields}
    assert bundle.read('{"user":\t"u"\t,\r\n\t"region": "r"}', "B") == {"DEFAULT": {"user": "u", "region": "r"}}


def test_a_tab_within_a_value_of_yaml_stays() -> None:
    assert bundle.read("{pass_phrase: 'a\tb'}", "B") == {"DEFAULT": {"pass_phrase": "a\tb"}}


@pytest.mark.parametrize("text", ["user: u\n\tregion: r\n", "{user: u,\n\tregion: r}"])
def test_a_tab_in_yaml_is_named(text: str) -> None:
    code, cause = refusal(text)
    assert code == "bundle-syntax"
    assert "(line 2, column 1, where a tab stands: YAML takes spaces alone)" in cause


def test_another_mistake_is_no_tab() -> None:
    assert "tab" not in refusal("user: 'u\tv\n")[1]


def test_a_fingerprint_is_text_even_where_yaml_sees_a_number() -> None:
    # YAML 1.1 reads 11:22:33 as a number of base 60.
    digits = ":".join(["11", "22", "33", "44"] * 4)
    assert bundle.read(f"fingerprint: {digits}", "B")["DEFAULT"]["fingerprint"] == digits


@pytest.mark.parametrize("nothing", ["", "~", "null", "''"])
def test_nothing_is_the_empty_text(nothing: str) -> None:
    assert bundle.read(f"user: {nothing}\nregion: r", "B") == {"DEFAULT": {"user": "", "region": "r"}}


def test_several_profiles() -> None:
    assert bundle.read("profiles:\n  a: {user: u}\n  b: {user: v}\n", "B") == {"a": {"user": "u"}, "b": {"user": "v"}}


@pytest.mark.parametrize(
    ("field", "nearest"),
    [
        ("private_key", "key_content"),
        ("fingerprnt", "fingerprint"),
        ("tenancy_ocid", "tenancy"),
        ("passphrase", "pass_phrase"),
        ("Region", "region"),
    ],
)
def test_an_unknown_field_names_the_nearest_known_one(field: str, nearest: str) -> None:
    code, cause = refusal(f"{field}: x")
    assert code == "field-unknown"
    assert f"{field} (did you mean {nearest}?)" in cause


def test_a_field_that_may_be_a_secret_is_not_repeated() -> None:
    code, cause = refusal("MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7: x")
    assert code == "field-unknown"
    assert "MII" not in cause


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("user: [", "bundle-syntax"),
        ("user: 'a\ntenancy: b", "bundle-syntax"),
        ("user: a: b", "bundle-syntax"),
        ("a\x00b: c", "bundle-syntax"),
        ('{"user": "\\ud800"}', "bundle-syntax"),
        ("just text", "bundle-shape"),
        ("", "bundle-shape"),
        ("- a\n- b", "bundle-shape"),
        ("user: [a]", "bundle-shape"),
        ("user: {a: b}", "bundle-shape"),
        ("? [a]\n: b", "bundle-shape"),
        ("profiles: {}", "bundle-shape"),
        ("profiles: x", "bundle-shape"),
        ("profiles: {a: x}", "bundle-shape"),
        ("profiles: {a: {user: u}}\nuser: u", "bundle-shape"),
        ("user: a\n---\nuser: b", "bundle-shape"),
        ("[" * 100_000, "bundle-shape"),
        ("user: &a b", "bundle-unsafe"),
        ("user: &a b\ntenancy: *a", "bundle-unsafe"),
        ("user: !!python/object/apply:os.system [ls]", "bundle-unsafe"),
        ("!x {user: a}", "bundle-unsafe"),
        ("user: a\nuser: b", "profile-duplicate"),
        ("profiles:\n  a: {user: u}\n  a: {user: v}", "profile-duplicate"),
        ("profiles: {'a b': {user: u}}", "profile-name"),
        ("security_token_file: /x", "token-profile"),
    ],
)
def test_what_is_refused(text: str, code: str) -> None:
    assert refusal(text)[0] == code


def test_the_place_of_a_mistake_is_told_and_not_its_text() -> None:
    code, cause = refusal("user: u\nkey_content: 'SECRETSECRET\n")
    assert code == "bundle-syntax"
    assert "line 3" in cause
    assert "SECRET" not in cause


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        profiles = bundle.read(text, "B")
    except Refused:
        return
    assert all(set(fields) <= set(bundle.FIELDS) for fields in profiles.values())


VALUES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]))


@given(st.dictionaries(st.sampled_from(bundle.FIELDS), VALUES))
def test_json_comes_out_as_it_went_in(fields: dict[str, str]) -> None:
    if fields:
        assert bundle.read(json.dumps(fields), "B") == {"DEFAULT": fields}
