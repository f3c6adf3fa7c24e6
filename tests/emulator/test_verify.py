"""The verifier: what OCI documents is accepted, and everything that differs from it is refused."""

from __future__ import annotations

import base64
import string
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from hypothesis import given, settings
from hypothesis import strategies as st

from ocici.emulator import verify as v
from ocici.emulator.state import ApiKey
from ocici.emulator.verify import NOT_PROVIDED, NOT_VERIFIED, Request, Verdict, WrongError, parse, verify

Signed = Callable[..., Request]
Judge = Callable[..., Verdict]

NOW = datetime(2026, 11, 24, 10, 52, 30, 250000, tzinfo=timezone.utc)
TODAY = "Tue, 24 Nov 2026 10:52:30 GMT"


@pytest.fixture(scope="session")
def judge(key: rsa.RSAPrivateKey, key_id: str) -> Judge:
    """A function that judges a request at `NOW`, by one key in the given state."""
    tenancy, user, fingerprint = key_id.split("/")

    def over(request: Request, lifecycle: str = "ACTIVE", now: datetime = NOW, active_from: float = 0.0) -> Verdict:
        known = ApiKey(tenancy, user, fingerprint, "", key.public_key(), lifecycle, 0.0, active_from)
        return verify(request, {key_id: known}.get, now)

    return over


# -- Oracle's own test values (docs.oracle.com, API, Request Signatures, "Test Values"; also in oci-go-sdk's tests) ---

# The public half of the key that the documentation prints.
DOCUMENTED_KEY = b"""-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDCFENGw33yGihy92pDjZQhl0C3
6rPJj+CvfSC8+q28hxA161QFNUd13wuCTUcq0Qd2qsBe/2hFyc2DCJJg0h1L78+6
Z4UMR7EOcpfdUE9Hf3m/hs+FUR45uBJeDK1HSFHD8bHKD6kv8FPGfJTotc+2xjJw
oYi+1hqp1fIekaxsyQIDAQAB
-----END PUBLIC KEY-----
"""
DOCUMENTED_KEY_ID = (
    "ocid1.tenancy.oc1..aaaaaaaaba3pv6wkcr4jqae5f15p2b2m2yt2j6rx32uzr4h25vqstifsfdsq/"
    "ocid1.user.oc1..aaaaaaaat5nvwcna5j6aqzjcaty5eqbb6qt2jvpkanghtgdaqedqw3rynjq/"
    "20:3b:97:13:55:1c:5b:0d:d3:37:d8:50:4e:c5:3a:34"
)
DOCUMENTED_DATE = ("date", "Thu, 05 Jan 2014 21:31:40 GMT")
DOCUMENTED_HOST = ("host", "iaas.us-phoenix-1.oraclecloud.com")
DOCUMENTED_GET = Request(
    "GET",
    "/20160918/instances?availabilityDomain=Pjwf%3A%20PHX-AD-1"
    "&compartmentId=ocid1.compartment.oc1..aaaaaaaam3we6vgnherjq5q2idnccdflvjsnog7mlr6rtdb25gilchfeyjxa"
    "&displayName=TeamXInstances"
    "&volumeId=ocid1.volume.oc1.phx.abyhqljrgvttnlx73nmrwfaux7kcvzfs3s66izvxf2h4lgvyndsdsnoiwr5q",
    [
        DOCUMENTED_DATE,
        DOCUMENTED_HOST,
        (
            "Authorization",
            f'Signature version="1",headers="date (request-target) host",keyId="{DOCUMENTED_KEY_ID}",'
            'algorithm="rsa-sha256",signature="GBas7grhyrhSKHP6AVIj/h5/Vp8bd/peM79H9Wv8kjoaCivujVXlpbKLjMPeDUhxkFIWtTtL'
            'Bj3sUzaFj34XE6YZAHc9r2DmE4pMwOAy/kiITcZxa1oHPOeRheC0jP2dqbTll8fmTZVwKZOKHYPtrLJIJQHJjNvxFWeHQjMaR7M="',
        ),
    ],
)
DOCUMENTED_POST = Request(
    "POST",
    "/20160918/volumeAttachments",
    [
        DOCUMENTED_DATE,
        DOCUMENTED_HOST,
        ("x-content-sha256", "V9Z20UJTvkvpJ50flBzKE32+6m2zJjweHpDMX/U4Uy0="),
        ("content-type", "application/json"),
        ("content-length", "316"),
        (
            "Authorization",
            'Signature version="1",headers="date (request-target) host content-length content-type x-content-sha256",'
            f'keyId="{DOCUMENTED_KEY_ID}",algorithm="rsa-sha256",'
            'signature="Mje8vIDPlwIHmD/cTDwRxE7HaAvBg16JnVcsuqaNRim23fFPgQfLoOOxae6WqKb1uPjYEl0qIdazWaBy/Ml8DRhqlocMwoSX'
            'v0fbukP8J5N80LCmzT/FFBvIvTB91XuXI3hYfP9Zt1l7S6ieVadHUfqBedWH0itrtPJBgKmrWso="',
        ),
    ],
    b"""{
    "compartmentId": "ocid1.compartment.oc1..aaaaaaaam3we6vgnherjq5q2idnccdflvjsnog7mlr6rtdb25gilchfeyjxa",
    "instanceId": "ocid1.instance.oc1.phx.abuw4ljrlsfiqw6vzzxb43vyypt4pkodawglp3wqxjqofakrwvou52gb6s5a",
    "volumeId": "ocid1.volume.oc1.phx.abyhqljrgvttnlx73nmrwfaux7kcvzfs3s66izvxf2h4lgvyndsdsnoiwr5q"
}""",
)


def documented(request: Request) -> Verdict:
    public_key = load_pem_public_key(DOCUMENTED_KEY)
    assert isinstance(public_key, rsa.RSAPublicKey)
    tenancy, user, fingerprint = DOCUMENTED_KEY_ID.split("/")
    known = ApiKey(tenancy, user, fingerprint, "", public_key, "ACTIVE", 0.0)
    return verify(request, {DOCUMENTED_KEY_ID: known}.get, datetime(2014, 1, 5, 21, 31, 40, tzinfo=timezone.utc))


@pytest.mark.parametrize("request_", [DOCUMENTED_GET, DOCUMENTED_POST], ids=["GET", "POST"])
def test_oracles_own_examples_verify(request_: Request) -> None:
    verdict = documented(request_)
    assert verdict.reason == ""
    assert verdict.key is not None
    assert verdict.key_id == DOCUMENTED_KEY_ID


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (replace(DOCUMENTED_GET, method="DELETE"), NOT_VERIFIED),
        (replace(DOCUMENTED_GET, target=DOCUMENTED_GET.target.replace("%20", "+")), NOT_VERIFIED),
        (replace(DOCUMENTED_GET, target=DOCUMENTED_GET.target.replace("%3A", "%3a")), NOT_VERIFIED),
        (replace(DOCUMENTED_GET, target=DOCUMENTED_GET.target + "&"), NOT_VERIFIED),
        (replace(DOCUMENTED_POST, body=DOCUMENTED_POST.body + b" "), NOT_VERIFIED),
        (replace(DOCUMENTED_POST, body=DOCUMENTED_POST.body.replace(b"phx", b"iad")), NOT_VERIFIED),
        (replace(DOCUMENTED_POST, body=b""), NOT_VERIFIED),
        (replace(DOCUMENTED_GET, body=b"something"), NOT_PROVIDED),
    ],
    ids=["method", "plus", "case of an escape", "a parameter more", "longer body", "other body", "no body", "a body"],
)
def test_oracles_own_examples_tampered_with_do_not(request_: Request, message: str) -> None:
    verdict = documented(request_)
    assert verdict.key is None
    assert verdict.message == message


# -- what must be signed ------------------------------------------------------------------------------------------

GET_HEADERS = ("date", "(request-target)", "host")
POST_HEADERS = (*GET_HEADERS, "content-length", "content-type", "x-content-sha256")


@pytest.mark.parametrize("method", ["GET", "DELETE", "HEAD"])
def test_a_request_without_body(method: str, signed: Signed, judge: Judge, key_id: str) -> None:
    verdict = judge(signed(method, date=TODAY))
    assert (verdict.key_id, verdict.reason) == (key_id, "")
    assert verdict.key is not None


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
@pytest.mark.parametrize("body", [b"", b'{"key": "\xc3\xa9"}'], ids=["empty", "json"])
def test_a_request_with_body(method: str, body: bytes, signed: Signed, judge: Judge) -> None:
    assert judge(signed(method, "/x?y=z", body, date=TODAY)).reason == ""


@pytest.mark.parametrize("method", ["GET", "DELETE", "HEAD", "POST", "PUT", "PATCH"])
def test_each_mandatory_header_must_be_signed(method: str, signed: Signed, judge: Judge) -> None:
    mandatory = POST_HEADERS if method.startswith("P") else GET_HEADERS
    for name in mandatory:
        names = tuple(other for other in mandatory if other != name)
        verdict = judge(signed(method, date=TODAY, names=names))
        assert (verdict.key, verdict.reason, verdict.message) == (None, f"{name} is not signed", NOT_PROVIDED)


@pytest.mark.parametrize("name", [name for name in POST_HEADERS if name != "(request-target)"])
def test_each_mandatory_header_must_be_there_once(name: str, signed: Signed, judge: Judge) -> None:
    missing = judge(signed("POST", body=b"{}", date=TODAY, without=(name,)))
    assert (missing.reason, missing.message) == (f"no {name} header", NOT_PROVIDED)
    request = signed("POST", body=b"{}", date=TODAY)
    twice = judge(replace(request, headers=[*request.headers, *(h for h in request.headers if h[0] == name)]))
    assert (twice.reason, twice.message) == (f"more than one {name} header", NOT_PROVIDED)


def test_every_header_that_is_listed_counts(signed: Signed, judge: Judge) -> None:
    extra = (("opc-retry-token", "once"),)
    assert judge(signed(extra=extra, date=TODAY)).reason == ""
    assert judge(signed(extra=extra, date=TODAY, without=("opc-retry-token",))).reason == "no opc-retry-token header"
    request = signed(extra=extra, date=TODAY)
    twice = replace(request, headers=[*request.headers, ("opc-retry-token", "twice")])
    assert judge(twice).message == NOT_VERIFIED


def test_names_of_headers_may_be_in_any_case_and_values_padded(signed: Signed, judge: Judge) -> None:
    request = signed(date=TODAY)
    assert judge(replace(request, headers=[(n.title(), f" {value}\t") for n, value in request.headers])).reason == ""


def test_two_authorizations_are_refused(signed: Signed, judge: Judge) -> None:
    request = signed(date=TODAY)
    double = [*request.headers, *(h for h in request.headers if h[0] == "authorization")]
    assert judge(replace(request, headers=double)).reason == "more than one authorization header"
    assert judge(signed(date=TODAY, without=("authorization",))).reason == "no authorization header"


@pytest.mark.parametrize("part", ["method", "target", "date", "host", "content-type", "opc-retry-token"])
def test_each_signed_part_counts(part: str, signed: Signed, judge: Judge) -> None:
    request = signed("POST", "/a?b=c", b"{}", date=TODAY, extra=(("opc-retry-token", "once"),))
    changed = {
        "method": replace(request, method="PUT"),
        "target": replace(request, target="/a?b=d"),
        "date": "Tue, 24 Nov 2026 10:52:31 GMT",
    }.get(part, "else")
    if isinstance(changed, str):
        changed = replace(request, headers=[(n, changed if n == part else value) for n, value in request.headers])
    verdict = judge(changed)
    assert (verdict.key, verdict.message) == (None, NOT_VERIFIED)


def test_the_digest_must_be_the_bodys(signed: Signed, judge: Judge) -> None:
    wrong = base64.b64encode(bytes(32)).decode()
    verdict = judge(signed("POST", body=b"{}", date=TODAY, digest=wrong))
    assert (verdict.reason, verdict.message) == ("the digest is not the body's", NOT_VERIFIED)
    assert judge(signed("POST", body=b"{}", date=TODAY, digest="\xe9")).reason == "the digest is not the body's"


def test_a_length_that_is_not_the_bodys(signed: Signed, judge: Judge) -> None:
    request = signed("POST", body=b"{}", date=TODAY)
    longer = signed("POST", body=b"{}\n", date=TODAY, digest=dict(request.headers)["x-content-sha256"])
    assert judge(replace(longer, body=b"{}")).reason == "the length is not the body's"


# -- whose key ------------------------------------------------------------------------------------------------------


def test_another_key_does_not_fit(signed: Signed, judge: Judge, other_key: rsa.RSAPrivateKey) -> None:
    verdict = judge(signed(date=TODAY, key=other_key))
    assert (verdict.reason, verdict.message) == ("the signature does not fit", NOT_VERIFIED)


@pytest.mark.parametrize("part", [0, 1, 2], ids=["tenancy", "user", "fingerprint"])
def test_an_unknown_key_id(part: int, signed: Signed, judge: Judge, key_id: str) -> None:
    parts = key_id.split("/")
    parts[part] = parts[part][:-1] + ("0" if parts[part][-1] != "0" else "1")
    verdict = judge(signed(date=TODAY, key_id="/".join(parts)))
    assert (verdict.reason, verdict.message) == ("unknown key id", NOT_PROVIDED)
    assert verdict.key_id == "/".join(parts)


@pytest.mark.parametrize("lifecycle", ["CREATING", "INACTIVE", "DELETING", "DELETED"])
def test_a_key_must_be_active(lifecycle: str, signed: Signed, judge: Judge) -> None:
    verdict = judge(signed(date=TODAY), lifecycle)
    assert (verdict.reason, verdict.message) == (f"key is {lifecycle}", NOT_PROVIDED)


def test_a_key_becomes_active(signed: Signed, judge: Judge) -> None:
    soon = NOW.timestamp() + 1
    assert judge(signed(date=TODAY), active_from=soon).reason == "key is CREATING"
    assert judge(signed(date=TODAY), active_from=soon, now=NOW + timedelta(seconds=1)).reason == ""


# -- the clock ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("offset", "fine"), [(0, True), (-300, True), (301, True), (-301, False), (302, False)])
def test_five_minutes(offset: int, fine: bool, signed: Signed, judge: Judge) -> None:
    date = format_datetime(NOW + timedelta(seconds=offset), usegmt=True)
    assert (judge(signed(date=date)).key is not None) is fine


def test_clock_skew_in_ocis_words(signed: Signed, judge: Judge) -> None:
    # After github.com/oracle/terraform-provider-oci/issues/474: 6 minutes 18 seconds behind.
    now = datetime(2018, 3, 11, 16, 39, 4, 900000, tzinfo=timezone.utc)
    verdict = judge(signed(date="Sun, 11 Mar 2018 16:32:46 GMT"), now=now)
    assert verdict.message == (
        "Date 'Sun, 11 Mar 2018 16:32:46 UTC' is not within allowed clock skew. Current 'Sun, 11 Mar 2018 16:39:04 "
        "UTC', valid datetime range: ['Sun, 11 Mar 2018 16:34:04 UTC', 'Sun, 11 Mar 2018 16:44:05 UTC']"
    )


def test_x_date_wins_and_must_be_signed(signed: Signed, judge: Judge) -> None:
    old = "Tue, 24 Nov 2026 09:00:00 GMT"
    assert judge(signed(date=old, extra=(("x-date", TODAY),))).reason == ""
    assert judge(signed(date=TODAY, extra=(("x-date", old),))).reason == "clock skew"
    assert judge(signed(date=TODAY, extra=(("x-date", TODAY),), names=GET_HEADERS)).reason == "x-date is not signed"
    assert judge(signed(extra=(("x-date", TODAY),), names=("x-date", *GET_HEADERS[1:]), without=("date",))).reason == ""


@pytest.mark.parametrize(
    "date",
    ["now", "2026-11-24T10:52:30Z", TODAY.replace("GMT", "UTC"), TODAY.lower(), "Tue, 31 Feb 2026 10:52:30 GMT", ""],
)
def test_other_dates_cannot_be_read(date: str, signed: Signed, judge: Judge) -> None:
    assert judge(signed(extra=(("date", date),))).reason == "the date cannot be read"
    assert v.parse_http_date(TODAY.replace("2026", "\u0662\u0660\u0662\u0666")) is None


# -- the Authorization header -----------------------------------------------------------------------------------------

GOOD = 'Signature version="1",keyId="t/u/f",algorithm="rsa-sha256",headers="date host",signature="QUJD"'


def test_parse_reads_the_parts() -> None:
    assert parse(GOOD) == v.Authorization("t/u/f", ("date", "host"), b"ABC")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not the Signature scheme"),
        ("Bearer abc", "not the Signature scheme"),
        ("Signature", "malformed Authorization"),
        ("Signature ", "malformed Authorization"),
        (GOOD + ",", "malformed Authorization"),
        (GOOD.replace(",", ";"), "malformed Authorization"),
        (GOOD.replace('"', "'"), "malformed Authorization"),
        (GOOD[:-1], "malformed Authorization"),
        (GOOD + ',keyId="t/u/g"', "keyId given twice in Authorization"),
        (GOOD.replace('version="1",', ""), "signature version is not 1"),
        (GOOD.replace('version="1"', 'version="2"'), "signature version is not 1"),
        (GOOD.replace("rsa-sha256", "hmac-sha256"), "algorithm is not rsa-sha256"),
        (GOOD.replace("rsa-sha256", "none"), "algorithm is not rsa-sha256"),
        (GOOD.replace('algorithm="rsa-sha256",', ""), "algorithm is not rsa-sha256"),
        (GOOD.replace("t/u/f", "t/u"), "keyId is not tenancy/user/fingerprint"),
        (GOOD.replace("t/u/f", "t/u/f/g"), "keyId is not tenancy/user/fingerprint"),
        (GOOD.replace("t/u/f", "t//f"), "keyId is not tenancy/user/fingerprint"),
        (GOOD.replace('keyId="t/u/f",', ""), "keyId is not tenancy/user/fingerprint"),
        (GOOD.replace("date host", ""), "malformed list of headers"),
        (GOOD.replace("date host", "date  host"), "malformed list of headers"),
        (GOOD.replace("date host", "Date host"), "malformed list of headers"),
        (GOOD.replace("date host", "date host date"), "a header is listed twice"),
        (GOOD.replace("QUJD", "QUJD!"), "signature is not base64"),
        (GOOD.replace("QUJD", "\xe9"), "signature is not base64"),
    ],
)
def test_parse_refuses(text: str, reason: str) -> None:
    with pytest.raises(WrongError) as caught:
        parse(text)
    assert str(caught.value) == reason
    assert caught.value.message == NOT_PROVIDED


@given(st.text() | st.text(alphabet='Signature ="/,ab\t').map("Signature ".__add__) | st.text().map(GOOD.__add__))
@settings(deadline=None)
def test_parse_never_fails_otherwise(text: str) -> None:
    try:
        parts = parse(text)
    except WrongError:
        return
    assert parts.key_id.count("/") == 2
    assert parts.headers


_names = st.text(string.ascii_lowercase + string.digits + "-", min_size=1, max_size=20)


@given(
    key_id=st.lists(st.text(string.ascii_letters + string.digits + ".:-_", min_size=1), min_size=3, max_size=3),
    headers=st.lists(_names | st.just("(request-target)"), min_size=1, max_size=8, unique=True),
    signature=st.binary(max_size=300),
    order=st.permutations(range(6)),
    blanks=st.sampled_from(["", " ", "\t", "  "]),
)
@settings(deadline=None)
def test_parse_reads_what_was_written(
    key_id: list[str], headers: list[str], signature: bytes, order: list[int], blanks: str
) -> None:
    written = [
        'version="1"',
        f'keyId="{"/".join(key_id)}"',
        'algorithm="rsa-sha256"',
        f'headers="{" ".join(headers)}"',
        f'signature="{base64.b64encode(signature).decode()}"',
        'opc="whatever"',
    ]
    text = "signature " + f"{blanks},{blanks}".join(written[index] for index in order)
    assert parse(text) == v.Authorization("/".join(key_id), tuple(headers), signature)


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(9999, 1, 1)))
@settings(deadline=None)
def test_dates_are_written_as_python_writes_them_and_read_back(moment: datetime) -> None:
    moment = moment.replace(microsecond=0, tzinfo=timezone.utc)
    assert v.http_date(moment) == format_datetime(moment, usegmt=True)
    assert v.parse_http_date(v.http_date(moment)) == moment


@given(st.data())
@settings(deadline=None, max_examples=200)
def test_no_changed_byte_survives(signed: Signed, judge: Judge, data: st.DataObject) -> None:
    """One character of anything that is signed is changed: the request is refused."""
    request = signed("POST", "/20160918/users/u/apiKeys?x=%20", b'{"key":"abc"}', date=TODAY)
    where = data.draw(st.sampled_from(["target", "body", *POST_HEADERS[2:], "date"]))
    old = {**dict(request.headers), "target": request.target, "body": request.body.decode()}[where]
    place = data.draw(st.integers(0, len(old) - 1))
    other = data.draw(st.sampled_from(string.ascii_letters + string.digits + "/%?&=").filter(old[place].__ne__))
    new = old[:place] + other + old[place + 1 :]
    changed = {
        "target": replace(request, target=new),
        "body": replace(request, body=new.encode()),
    }.get(where) or replace(request, headers=[(n, new if n == where else value) for n, value in request.headers])
    assert judge(changed).key is None
