"""The light signer against the SDK's own, byte for byte, and against the emulator's verifier."""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import example, given, reject, settings
from hypothesis import strategies as st
from oci._vendor import requests
from oci.signer import Signer

from ocici import signing
from ocici.credentials import Secret
from ocici.emulator import Emulator

TENANCY = "ocid1.tenancy.oc1..aaaaaaaaexampletenancy"
USER = "ocid1.user.oc1..aaaaaaaaexampleuser"
FINGERPRINT = "20:3b:97:13:55:1c:5b:0d:d3:37:d8:50:4e:c5:3a:34"
KEY_ID = f"{TENANCY}/{USER}/{FINGERPRINT}"
DATE = "Thu, 05 Jan 2014 21:31:40 GMT"


class Recording:
    """A key that keeps what it was given to sign, beside signing it."""

    def __init__(self, key: rsa.RSAPrivateKey) -> None:
        self._key = key
        self.texts: list[bytes] = []

    def sign(self, text: bytes, *how: Any) -> bytes:
        self.texts.append(text)
        return self._key.sign(text, *how)

    def public_key(self) -> rsa.RSAPublicKey:
        return self._key.public_key()


@functools.cache
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@functools.cache
def pem(form: PrivateFormat = PrivateFormat.PKCS8) -> bytes:
    return key().private_bytes(Encoding.PEM, form, NoEncryption())


@functools.cache
def sdk_signer() -> Signer:
    return Signer(TENANCY, USER, FINGERPRINT, None, private_key_content=pem())


def by_sdk(prepared: Any) -> tuple[dict[str, str], bytes]:
    """The headers that the SDK's signer sends with the request, and the text that it signs."""
    recording = Recording(key())
    for signer in (sdk_signer()._basic_signer, sdk_signer()._body_signer):
        signer.reset_signer(KEY_ID, recording)
    sent = sdk_signer()(prepared)
    return {name.lower(): value for name, value in sent.headers.items()}, recording.texts[0]


def by_us(method: str, url: str, headers: Mapping[str, str], body: str | bytes | None) -> tuple[dict[str, str], bytes]:
    recording: Any = Recording(key())
    return signing.sign(method, url, headers, body, KEY_ID, recording), recording.texts[0]


def cased(name: str) -> st.SearchStrategy[str]:
    return st.sampled_from([name, name.upper(), name.title()])


HEADER_VALUES = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=30)
HEADERS = st.lists(
    st.one_of(
        st.tuples(cased("content-type"), HEADER_VALUES),
        st.tuples(cased("host"), HEADER_VALUES),
        st.tuples(cased("x-content-sha256"), HEADER_VALUES),
        st.tuples(cased("accept"), HEADER_VALUES),
        st.tuples(cased("opc-request-id"), HEADER_VALUES),
        st.tuples(cased("authorization"), HEADER_VALUES),
    ),
    max_size=5,
).map(dict)
PATHS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="?#"), max_size=30).map("/".__add__)
QUERIES = st.lists(
    st.tuples(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), st.text(max_size=8)), max_size=4
)
HOSTS = st.sampled_from(
    ["objectstorage.eu-frankfurt-1.oraclecloud.com", "127.0.0.1:8080", "[::1]:443", "EXAMPLE.com", "user:x@example.com"]
)
BODIES = st.one_of(st.none(), st.binary(max_size=50), st.text(st.characters(exclude_categories=["Cs"]), max_size=50))
METHODS = st.sampled_from(["GET", "HEAD", "DELETE", "POST", "PUT", "PATCH"]).flatmap(
    lambda method: st.sampled_from([method, method.lower(), method.title()])
)


@settings(max_examples=1000, deadline=None)
@given(METHODS, st.sampled_from(["https", "http"]), HOSTS, PATHS, QUERIES, HEADERS, cased("date"), BODIES)
@example("GET", "https", "identity.us-ashburn-1.oci.oraclecloud.com", "/20160918/regions", [], {}, "date", None)
@example("POST", "https", "example.com", "/", [("a", "ü/?&"), ("", "")], {"Content-Type": "x"}, "Date", "kö")
def test_same_as_the_sdk_byte_for_byte(
    method: str,
    scheme: str,
    host: str,
    path: str,
    query: list[tuple[str, str]],
    headers: dict[str, str],
    date: str,
    body: str | bytes | None,
) -> None:
    headers = {**headers, date: DATE}
    try:
        prepared = requests.Request(
            method.upper(), f"{scheme}://{host}{path}", headers=headers, params=query, data=body
        ).prepare()
    except requests.exceptions.RequestException:
        reject()  # not a request that can be sent
    url, before = prepared.url, dict(prepared.headers)
    theirs, their_text = by_sdk(prepared)
    ours, our_text = by_us(method, url, before, prepared.body)
    assert our_text == their_text
    assert ours == theirs


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(["POST", "PUT", "PATCH"]), st.binary(max_size=200))
def test_a_body_of_bytes_gets_its_length(method: str, body: bytes) -> None:
    ours, text = by_us(method, "https://example.com/a", {"date": DATE}, body)
    assert ours["content-length"] == str(len(body))
    assert f"content-length: {len(body)}\n".encode() in text


def test_a_date_is_made_when_it_is_missing() -> None:
    first = by_us("GET", "https://example.com/n", {}, None)[0]
    assert first["date"].endswith(" GMT")
    assert first["host"] == "example.com"


def test_no_path_is_the_root() -> None:
    assert b"(request-target): get /\n" in by_us("GET", "https://example.com", {}, None)[1]


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "CONNECT", "", "get "])
def test_other_methods_are_refused(method: str) -> None:
    with pytest.raises(ValueError, match="not signed"):
        signing.sign(method, "https://example.com/", {}, None, KEY_ID, key())


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_load_reads_the_key(form: PrivateFormat) -> None:
    assert signing.load(Secret(pem(form))).private_numbers() == key().private_numbers()


def test_load_is_fast() -> None:
    # 1,000 profiles are signed for in one probe; with the key's numbers checked again this takes 26 ms each.
    started = time.process_time()
    for _ in range(50):
        signing.load(Secret(pem()))
    assert time.process_time() - started < 0.5


def test_load_refuses_other_keys() -> None:
    from cryptography.hazmat.primitives.asymmetric import ec

    other = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(TypeError):
        signing.load(Secret(other))


def test_the_emulator_verifies_it() -> None:
    import http.client
    from urllib.parse import urlsplit

    with Emulator() as emulator:
        public = key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        key_id = f"{TENANCY}/{USER}/{emulator.register(TENANCY, USER, public)}"
        connection = http.client.HTTPConnection(urlsplit(emulator.endpoint).netloc)
        url = f"{emulator.endpoint}/n?compartmentId=a%20b"
        connection.request("GET", "/n?compartmentId=a%20b", headers=signing.sign("GET", url, {}, None, key_id, key()))
        assert connection.getresponse().status == 200
        connection.close()
        assert emulator.requests[-1].verified
