"""The operations: OCI's paths, field names and error codes, over real sockets."""

from __future__ import annotations

import http.client
import json
import re
import time
from collections.abc import Callable
from contextlib import closing
from urllib.parse import quote, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from ocici.emulator import Emulator
from ocici.emulator.verify import Request

Signed = Callable[..., Request]
Send = Callable[[Request], tuple[int, http.client.HTTPMessage, bytes]]


@pytest.fixture
def users(user: str) -> str:
    return f"/20160918/users/{user}"


def test_get_namespace(emulator: Emulator, send: Send, signed: Signed, key_id: str, tenancy: str) -> None:
    for target in ("/n", "/n/", "/n?compartmentId=ocid1.compartment.oc1..x"):
        status, headers, body = send(signed(target=target))
        assert status == 200
        assert headers.get_content_type() == "application/json"
        assert json.loads(body) == emulator.namespace(tenancy)
    last = emulator.requests[-1]
    assert (last.method, last.path, last.key_id) == ("GET", target, key_id)
    assert (last.host, last.verified, last.status, last.reason) == ("127.0.0.1", True, 200, "")
    assert abs(last.time - time.time()) < 10


def test_list_regions_of_the_realm(
    emulator: Emulator, send: Send, signed: Signed, public_pem: bytes, fingerprint: str
) -> None:
    assert {"key": "FRA", "name": "eu-frankfurt-1"} in json.loads(send(signed(target="/20160918/regions"))[2])
    emulator.register("ocid1.tenancy.oc2..x", "ocid1.user.oc2..y", public_pem)
    other = f"ocid1.tenancy.oc2..x/ocid1.user.oc2..y/{fingerprint}"
    names = [region["name"] for region in json.loads(send(signed(target="/20160918/regions", key_id=other))[2])]
    assert names
    assert all(name.startswith("us-") for name in names)  # oc2 is Oracle's US government cloud


def test_get_user(send: Send, signed: Signed, tenancy: str, user: str, users: str) -> None:
    status, _, body = send(signed(target=users))
    got = json.loads(body)
    assert (status, got["id"], got["compartmentId"], got["lifecycleState"]) == (200, user, tenancy, "ACTIVE")
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", got["timeCreated"])


def test_upload_use_and_delete_a_key(
    send: Send, signed: Signed, key_id: str, users: str, other_key: rsa.RSAPrivateKey, other_pem: bytes
) -> None:
    upload = signed("POST", f"{users}/apiKeys", json.dumps({"key": other_pem.decode()}).encode())
    status, _, body = send(upload)
    uploaded = json.loads(body)
    assert (status, uploaded["lifecycleState"], uploaded["keyValue"]) == (200, "CREATING", other_pem.decode())
    assert uploaded["keyId"].rsplit("/", 1) == [key_id.rsplit("/", 1)[0], uploaded["fingerprint"]]
    listed = json.loads(send(signed(target=f"{users}/apiKeys"))[2])
    assert [key["lifecycleState"] for key in listed] == ["ACTIVE", "ACTIVE"]
    assert listed[1]["fingerprint"] == uploaded["fingerprint"]
    assert send(signed(key=other_key, key_id=uploaded["keyId"]))[0] == 200
    assert json.loads(send(upload)[2])["code"] == "Conflict"
    delete = signed("DELETE", f"{users}/apiKeys/{quote(uploaded['fingerprint'], safe='')}")
    status, headers, body = send(delete)
    assert (status, headers["Content-Length"], headers["Content-Type"], body) == (204, None, None, b"")
    assert send(delete)[0] == 404
    assert send(signed(key=other_key, key_id=uploaded["keyId"]))[0] == 401


def test_a_key_just_uploaded_is_not_active_yet(
    signed: Signed,
    tenancy: str,
    user: str,
    users: str,
    public_pem: bytes,
    other_key: rsa.RSAPrivateKey,
    other_pem: bytes,
) -> None:
    with Emulator(creating=3600) as emulator:
        emulator.register(tenancy, user, public_pem)

        def send(request: Request) -> tuple[int, bytes]:
            with closing(http.client.HTTPConnection(urlsplit(emulator.endpoint).netloc, timeout=10)) as connection:
                connection.request(request.method, request.target, request.body, dict(request.headers))
                answer = connection.getresponse()
                return answer.status, answer.read()

        upload = signed("POST", f"{users}/apiKeys", json.dumps({"key": other_pem.decode()}).encode())
        other = json.loads(send(upload)[1])["keyId"]
        assert send(signed(key=other_key, key_id=other))[0] == 401
        assert emulator.requests[-1].reason == "key is CREATING"
        emulator.register(tenancy, user, other_pem, "ACTIVE")
        assert send(signed(key=other_key, key_id=other))[0] == 200


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "CannotParseRequest"),
        (b"{", "CannotParseRequest"),
        (b"\xff", "CannotParseRequest"),
        (b"[" * 60000, "CannotParseRequest"),
        (b"[]", "MissingParameter"),
        (b"{}", "MissingParameter"),
        (b'{"key": 1}', "MissingParameter"),
        (b'{"key": "ssh-rsa AAAA"}', "InvalidParameter"),
        (b'{"key": "\\ud800"}', "InvalidParameter"),
    ],
)
def test_uploads_that_are_refused(body: bytes, code: str, send: Send, signed: Signed, users: str) -> None:
    status, _, answer = send(signed("POST", f"{users}/apiKeys", body))
    assert (status, json.loads(answer)["code"]) == (400, code)


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/"),
        ("GET", "/n/x"),
        ("GET", "/N"),
        ("POST", "/n"),
        ("HEAD", "/n"),
        ("PATCH", "/20160918/regions"),
        ("GET", "/20160918/users/ocid1.user.oc1..somebodyelse"),
        ("GET", "/20160918/users/ocid1.user.oc1..somebodyelse/apiKeys"),
        ("DELETE", "/20160918/users/{user}/apiKeys"),
        ("DELETE", "/20160918/users/{user}/apiKeys/00:00"),
        ("GET", "/%6e%2f"),
    ],
)
def test_what_is_not_there(method: str, target: str, send: Send, signed: Signed, user: str) -> None:
    status, headers, body = send(signed(method, target.replace("{user}", user)))
    assert status == 404
    assert int(headers["Content-Length"]) > 0
    if method != "HEAD":
        assert json.loads(body)["code"] == "NotAuthorizedOrNotFound"
