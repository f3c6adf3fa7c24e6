"""`ocici explain`: findings in general terms, and the finding that a tool's message means."""

from __future__ import annotations

import json
import re

import pytest

from ocici import explain
from ocici.findings import CATALOGUE, Refused
from ocici.probe_answers import CALLS

from .conftest import Ocici

TERRAFORM = (
    "│ Error: 401-NotAuthenticated, The required information to complete authentication was not provided or was "
    "incorrect.\n│ Suggestion: Please retry or contact support for help with service: Identity Availability Domains\n"
)


@pytest.mark.parametrize("code", CATALOGUE)
def test_every_finding_reads_well_without_its_values(code: str) -> None:
    text = explain.one(code)
    entry = CATALOGUE[code]
    assert text.startswith(f"{entry.severity}: {entry.title} [{code}]\n  why: ")
    assert text.endswith(f"\n  more: docs/TROUBLESHOOTING.md#{code}")
    assert (f"\n  exit code: {entry.exit_code}\n" in text) == (entry.severity == "error")
    told = text.replace("{ id-token: write, contents: read }", "").partition("\n  seen as:")[0]
    assert not re.search(r"[{}]|  \w+: \w*<>|\w<|> ?>", told), told
    assert not re.search(r"<\w*_\w*>", told), "a placeholder's own name is for the code, not for people"


def test_words_stand_for_placeholders() -> None:
    assert explain.general("{origin} is {{kept}} by {some_name}.") == "<variable or file> is {kept} by <some name>."


def test_an_addition_that_need_not_be_there_is_left_out() -> None:
    assert explain.general("not known{nearest}; {field}{nearest}.") == "not known; <field>."


def test_the_policy_is_the_default_probes() -> None:
    assert CALLS["namespace"].policy in explain.one("not-authorized")


def test_all_are_listed_a_line_each() -> None:
    lines = explain.every().splitlines()
    assert [line.split()[0] for line in lines] == list(CATALOGUE)
    assert lines[1].split(maxsplit=2) == ["fingerprint-mismatch", "error", "fingerprint mismatch"]


# -- a message in place of a code -----------------------------------------------------------------------------


def test_a_message_with_one_cause_is_explained_at_once() -> None:
    message = (
        "ServiceError: {'status': 401, 'message': \"Date 'Sun, 11 Mar 2018 16:32:46 UTC' is not within allowed clock "
        "skew. Current 'Sun, 11 Mar 2018 16:39:04 UTC', valid datetime range: ['Sun, 11 Mar 2018 16:34:04 UTC', 'Sun, "
        "11 Mar 2018 16:44:05 UTC']\"}"
    )
    assert explain.one(message) == explain.one("clock-skew")


def test_a_message_with_several_causes_leads_to_a_list() -> None:
    lines = explain.one(TERRAFORM).splitlines()
    assert "`ocici check`" in lines[0]
    codes = [line.split()[0] for line in lines[1:-1]]
    assert {"fingerprint-mismatch", "user-tenancy-swapped", "not-authenticated"} <= set(codes)
    assert "clock-skew" not in codes
    assert "`ocici explain CODE`" in lines[-1]


@pytest.mark.parametrize(
    ("part", "code"),
    [
        ("passphrase is incorrect", "pass-phrase-wrong"),
        ("CLOCK", "clock-skew"),
        ("others may read", "open-to-others"),
        ("not within   allowed\nclock skew", "clock-skew"),
        ("swapped", "user-tenancy-swapped"),
    ],
)
def test_a_part_of_a_message_a_title_or_a_code_will_do(part: str, code: str) -> None:
    assert code in explain.matching(part)


def test_what_says_more_goes_before_what_holds_the_words() -> None:
    """A whole message may hold a word that stands in others."""
    assert explain.matching("File contains no section headers. file: '/x/config', line: 1") == ["config-syntax"]


@pytest.mark.parametrize(
    ("symptom", "text", "expected"),
    [
        ("a … b … c", "A 1 B 2 C", True),
        ("a … b", "b 1 a", False),
        ("x: …", "said X:", True),
        ("…", "", True),
        ("Profile '…' not found in config file …", "Profile 'prod' not found in config file /x/config", True),
        ("Profile '…' not found in config file …", "profile prod is there", False),
    ],
)
def test_what_differs_each_time_may_be_anything(symptom: str, text: str, expected: bool) -> None:
    assert explain.says(symptom, text) is expected


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("clock-scew", "'clock-scew' (did you mean clock-skew?)"),
        ("zzz", "'zzz'."),
        ("nope", "'nope'."),
        ("key-mising", "'key-mising' (did you mean key-missing?)"),
        ("abc", "'abc'."),  # too short to be looked for in texts
        ("-----BEGIN PRIVATE KEY-----\nMIIE", "a value of 32 characters"),
    ],
)
def test_what_is_not_known(asked: str, told: str) -> None:
    with pytest.raises(Refused) as error:
        explain.one(asked)
    (found,) = error.value.findings
    assert (found.code, found.exit_code) == ("code-unknown", 2)
    assert told in found.cause
    assert "MIIE" not in found.cause


def test_a_megabyte_takes_no_time() -> None:
    with pytest.raises(Refused):
        explain.one("Date '" * 200_000)


def test_the_command(ocici: Ocici) -> None:
    assert ocici("explain", "key-limit").stdout == explain.one("key-limit") + "\n"
    done = ocici("explain", TERRAFORM)
    assert (done.returncode, done.stdout) == (0, explain.one(TERRAFORM) + "\n")
    assert ocici("explain").stdout == explain.every() + "\n"


def test_the_code_of_a_finding_is_explained(ocici: Ocici) -> None:
    found = json.loads(ocici("setup", "--format", "json").stdout)["findings"][0]
    assert ocici("explain", found["code"]).stdout.endswith(f"more: {found['docs']}\n")


@pytest.mark.parametrize(
    "asked",
    [
        "[key-corrupt]",
        " key-corrupt\n",
        "error: a truncated or corrupted private key (profile DEFAULT) [key-corrupt]\n  why: OCICI_PRIVATE_KEY holds",
        "  more: docs/TROUBLESHOOTING.md#key-corrupt",
        "https://github.com/OWNER/ocici/blob/v1/docs/TROUBLESHOOTING.md#key-corrupt",
    ],
)
def test_what_ocici_itself_said_is_understood(asked: str) -> None:
    assert explain.one(asked) == explain.one("key-corrupt")


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ("401", "not-authenticated"),
        ("Error: 404", "not-authorized"),
        ("HTTP 429", "throttled"),
        ("500", "service-failed"),
        ("502", "service-failed"),
        ("504 Gateway Timeout", "service-failed"),
        ("Error: 503-ServiceUnavailable, The service is not available.", "service-failed"),
        ("{'status': 503, 'code': 'ServiceUnavailable', 'message': '…'}", "service-failed"),
        ('"code": "NotAuthenticated"', "not-authenticated"),
    ],
)
def test_a_status_alone_is_understood(asked: str, code: str) -> None:
    assert code in explain.one(asked)


def test_what_the_go_sdk_says_of_a_key_without_line_breaks() -> None:
    assert "key-repaired" in explain.one("can not create client, bad configuration: PEM data was not found in buffer")
