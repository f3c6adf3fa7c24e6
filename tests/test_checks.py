"""The offline checks: what is mended, what is found, and what is let through."""

from __future__ import annotations

import base64

import oci.config
import pytest

from ocici import checks
from ocici.credentials import Credentials, Profile, Secret

from .conftest import PASS_PHRASE, TENANCY, USER, Pair


@pytest.fixture
def good(pair: Pair) -> Credentials:
    return Credentials(user=USER, tenancy=TENANCY, region="eu-frankfurt-1", key=Secret(pair.private))


def run(who: Credentials, full: bool = True, **environ: str) -> checks.Checked:
    return checks.check(Profile("P", who), environ, full)


def codes(who: Credentials, full: bool = True) -> list[str]:
    return [found.code for found in run(who, full).findings]


def test_good_credentials_are_completed_without_a_word(good: Credentials, pair: Pair) -> None:
    checked = run(good)
    assert checked.findings == []
    who = checked.profile.credentials
    assert (who.user, who.tenancy, who.region, who.fingerprint) == (USER, TENANCY, "eu-frankfurt-1", pair.fingerprint)
    assert who.key == Secret(pair.private)


def test_a_pass_phrase_is_used_and_not_kept(good: Credentials, pair: Pair) -> None:
    checked = run(good._replace(key=Secret(pair.encrypted), pass_phrase=Secret(PASS_PHRASE)))
    assert checked.findings == []
    assert checked.profile.credentials.key == Secret(pair.private)
    assert not checked.profile.credentials.pass_phrase


@pytest.mark.parametrize("short", ["fra", "iad", "eu-frankfurt-1", " eu-frankfurt-1\n"])
def test_short_region_codes_resolve(good: Credentials, short: str) -> None:
    expected = "us-ashburn-1" if short == "iad" else "eu-frankfurt-1"
    assert run(good._replace(region=short)).profile.credentials.region == expected


def test_a_region_of_the_metadata_variable_is_known(good: Credentials) -> None:
    metadata = (
        '{"realmKey": "oc1", "realmDomainComponent": "example.com", "regionKey": "xyz", '
        '"regionIdentifier": "xy-test-1"}'
    )
    assert run(good._replace(region="xyz"), OCI_REGION_METADATA=metadata).profile.credentials.region == "xy-test-1"


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("user", "", "user-missing"),
        ("user", "  ", "secret-empty"),
        ("user", "***", "value-masked"),
        ("user", "${{ secrets.OCI_USER }}", "value-unexpanded"),
        ("user", "$OCI_USER", "value-unexpanded"),
        ("user", "alice@example.com", "ocid-malformed"),
        ("user", "ocid1.user.oc1..aa aa", "ocid-malformed"),
        ("user", "ocid1.user.oc1..aaa\nregion=evil", "ocid-malformed"),
        ("user", "ocid1.user.oc1..AAAA", "ocid-malformed"),
        ("user", "ocid1.user", "ocid-malformed"),
        ("user", f"{USER},", "ocid-malformed"),
        ("user", "null", "value-unset"),
        ("tenancy", "None", "value-unset"),
        ("region", "undefined", "value-unset"),
        ("fingerprint", "null", "value-unset"),
        ("key", Secret("undefined\n"), "value-unset"),
        ("fingerprint", "0a" * 32, "fingerprint-sha256"),
        ("fingerprint", ":".join(["0A"] * 32), "fingerprint-sha256"),
        ("fingerprint", f"SHA2-256(stdin)= {'0a' * 32}", "fingerprint-sha256"),
        ("user", TENANCY, "ocid-wrong-type"),
        ("user", "ocid1.group.oc1..aaaa", "ocid-wrong-type"),
        ("user", "ocid1.user.oc2..aaaa", "realm-mismatch"),
        ("tenancy", "", "tenancy-missing"),
        ("tenancy", "ocid1.compartment.oc1..aaaa", "ocid-wrong-type"),
        ("tenancy", USER, "ocid-wrong-type"),
        ("tenancy", "ocid1.tenancy.oc4..aaaa", "realm-mismatch"),
        ("region", "", "region-not-configured"),
        ("region", "Frankfurt", "region-malformed"),
        ("region", "eu-frankfurt-1 # mine", "region-malformed"),
        ("region", "evil.example.com/", "region-malformed"),
        ("region", "a\nb", "region-malformed"),
        ("region", "xy-nowhere-1", "region-unknown"),
        ("region", "eu-frankfrut-1", "region-unknown"),
        ("fingerprint", "SHA256:abcd", "fingerprint-sha256"),
        ("fingerprint", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "fingerprint-sha256"),
        ("fingerprint", "aa:bb:cc", "fingerprint-malformed"),
        ("fingerprint", "not one", "fingerprint-malformed"),
        ("fingerprint", ":".join(["ab"] * 16), "fingerprint-mismatch"),
        ("key", Secret(), "key-missing"),
        ("key", Secret("nonsense"), "invalid-key-format"),
    ],
)
def test_each_mistake_has_its_own_finding(good: Credentials, field: str, value: object, code: str) -> None:
    assert codes(good._replace(**{field: value})) == [code]  # type: ignore[arg-type]


OLD = "ocidv1:{}:oc1:phx:1460406592660:aaaaaaaabbbbccccddddeeeeffffgggghh"


def test_ocids_of_the_old_form_are_taken_as_they_are(good: Credentials) -> None:
    old = good._replace(user=OLD.format("user"), tenancy=OLD.format("tenancy"))
    for field in ("user", "tenancy"):
        assert oci.config.PATTERNS[field].match(getattr(old, field))
    checked = run(old)
    assert checked.findings == []
    assert (checked.profile.credentials.user, checked.profile.credentials.tenancy) == (old.user, old.tenancy)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (OLD.format("tenancy"), "ocid-wrong-type"),
        (OLD.format("user").replace("oc1", "oc4"), "realm-mismatch"),
        (OLD.format("user").upper(), "ocid-malformed"),
        ("ocidv1:user:oc1", "ocid-malformed"),
    ],
)
def test_mistakes_in_ocids_of_the_old_form(good: Credentials, value: str, code: str) -> None:
    found = run(good._replace(user=value)).findings
    assert [each.code for each in found] == [code]
    assert "does not begin with" not in found[0].cause


@pytest.mark.parametrize("name", ["user", "tenancy", "region", "fingerprint"])
def test_a_value_that_is_none_goes_no_further(good: Credentials, name: str) -> None:
    """It may be a secret in the wrong field, and what failed is shown."""
    checked = run(good._replace(**{name: "a-secret"}))  # type: ignore[arg-type]
    assert "a-secret" not in getattr(checked.profile.credentials, name)


def test_swapped_ocids_are_one_finding(good: Credentials) -> None:
    assert codes(good._replace(user=TENANCY, tenancy=USER)) == ["user-tenancy-swapped"]


def test_a_misspelt_region_names_the_nearest(good: Credentials) -> None:
    (found,) = run(good._replace(region="eu-frankfrut-1")).findings
    assert found.severity == "warning"
    assert "eu-frankfurt-1" in found.cause


def test_an_empty_variable_is_told_from_a_missing_one(good: Credentials) -> None:
    assert codes(good._replace(user="", origins={"user": "OCICI_USER"})) == ["secret-empty"]
    assert codes(good._replace(key=Secret(), origins={"key": "OCICI_PRIVATE_KEY"})) == ["secret-empty"]


BEFORE = "what stood before it (such as MD5:) was removed"
LOWER = "it was put into lower case"
COLONS = "colons were put between its pairs"


def test_what_was_mended_of_the_pass_phrase_is_told_of_the_pass_phrase(good: Credentials, pair: Pair) -> None:
    key = Secret(base64.b64encode(pair.encrypted.encode()))
    given = good._replace(key=key, pass_phrase=Secret(f"{PASS_PHRASE}\n"), origins={"key": "K", "pass_phrase": "P"})
    checked = run(given)
    assert [found.code for found in checked.findings] == ["value-repaired"]
    assert checked.findings[0].cause == "P was read all the same: a line end stood after it."
    assert checked.repairs == ("a line end stood after it",)


@pytest.mark.parametrize(
    ("form", "repairs"),
    [
        ("{upper}", LOWER),
        ("{bare}", COLONS),
        ("{spaced}", COLONS),
        ("{hyphened}", COLONS),
        ("MD5:{plain}", BEFORE),
        ("(stdin)= {plain}", BEFORE),
        ("MD5(stdin)= {plain}", BEFORE),
        ("MD5(key_public.pem)= {bare}", f"{BEFORE}; {COLONS}"),
        ("md5={upper}", f"{BEFORE}; {LOWER}"),
    ],
)
def test_a_fingerprint_in_another_shape_is_mended(good: Credentials, pair: Pair, form: str, repairs: str) -> None:
    plain = pair.fingerprint
    shapes = {"upper": plain.upper(), "bare": plain.replace(":", ""), "plain": plain}
    shapes |= {"spaced": plain.replace(":", " "), "hyphened": plain.replace(":", "-")}
    checked = run(good._replace(fingerprint=form.format(**shapes), origins={"fingerprint": "F"}))
    assert [found.code for found in checked.findings] == ["value-repaired"]
    assert checked.findings[0].cause == f"F was read all the same: {repairs}."
    assert checked.profile.credentials.fingerprint == plain


@pytest.mark.parametrize(
    ("around", "what"),
    [
        ("'{}'", "quotes"),
        ('"{}"', "quotes"),
        (" {}", "spaces"),
        ("{}\t", "spaces"),
        ("\ufeff{}", "invisible characters"),
        ("{}\u200b", "invisible characters"),
        ("\u201c{}\u201d", "quotes"),
        ("' {}'", "spaces and quotes"),
        ("\u200b'{}' \n", "spaces and invisible characters and quotes"),
    ],
)
def test_what_gets_round_a_value_is_removed(good: Credentials, around: str, what: str) -> None:
    checked = run(good._replace(user=around.format(USER), region=around.format("eu-frankfurt-1")))
    assert [found.code for found in checked.findings] == ["value-repaired"] * 2
    assert checked.findings[0].cause == f"OCICI_USER was read all the same: {what} round it were removed."
    assert checked.profile.credentials.user == USER


@pytest.mark.parametrize("region", ["FRA", "EU-FRANKFURT-1", "Eu-Frankfurt-1"])
def test_a_region_in_capitals_is_mended(good: Credentials, region: str) -> None:
    checked = run(good._replace(region=region))
    assert [found.code for found in checked.findings] == ["value-repaired"]
    assert "it was put into lower case" in checked.findings[0].cause
    assert checked.profile.credentials.region == "eu-frankfurt-1"


def test_a_short_region_code_needs_no_mending(good: Credentials) -> None:
    assert codes(good._replace(region="fra")) == []


@pytest.mark.parametrize(("ending", "what"), [(",", "a comma"), (";", "a semicolon"), (r"\n", "written out")])
def test_what_an_ocid_ends_in_is_named(good: Credentials, ending: str, what: str) -> None:
    (found,) = run(good._replace(tenancy=TENANCY + ending)).findings
    assert found.code == "ocid-malformed"
    assert "it ends in" in found.cause
    assert what in found.cause


@pytest.mark.parametrize("length", [8, 24, 59, 61])
def test_an_ocid_of_another_length_than_ocis_own(good: Credentials, length: int) -> None:
    checked = run(good._replace(user="ocid1.user.oc1.." + ("aaaaaaaa" + "q7" * 40)[:length]))
    assert [(found.code, found.severity) for found in checked.findings] == [("ocid-length", "warning")]
    assert f"{length} characters" in checked.findings[0].cause


@pytest.mark.parametrize("unique", ["aaaaaaaa" + "q7" * 26, "aaaatests", "u", "aaaainteroptenancy"])
def test_an_ocid_of_the_usual_length_or_plainly_made_up(good: Credentials, unique: str) -> None:
    assert codes(good._replace(user=f"ocid1.user.oc1..{unique}")) == []


def test_a_fingerprint_of_another_key_names_both(good: Credentials, pair: Pair, other_pair: Pair) -> None:
    (found,) = run(good._replace(fingerprint=other_pair.fingerprint)).findings
    assert other_pair.fingerprint in found.cause
    assert pair.fingerprint in found.cause


def test_several_mistakes_are_all_told() -> None:
    assert codes(Credentials()) == ["user-missing", "tenancy-missing", "region-not-configured", "key-missing"]


def test_off_checks_only_what_the_file_needs(good: Credentials) -> None:
    odd = good._replace(user="anybody", tenancy="any", fingerprint=":".join(["ab"] * 16))
    assert codes(odd, full=False) == []
    assert run(odd, full=False).profile.credentials.fingerprint == ":".join(["ab"] * 16)
    assert codes(good._replace(user="a\nkey_file=/etc/passwd"), full=False) == ["ocid-malformed"]
    assert codes(good._replace(key=Secret("x")), full=False) == ["invalid-key-format"]
    assert codes(good._replace(region="a b"), full=False) == ["region-malformed"]


def test_findings_name_the_profile_and_the_origin(good: Credentials) -> None:
    (found,) = run(good._replace(user="x", origins={"user": "OCI_CLI_USER"})).findings
    assert found.profile == "P"
    assert "OCI_CLI_USER" in found.cause
