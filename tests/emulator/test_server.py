"""The emulator as a whole: what it refuses, what it records."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from ocici.emulator import Emulator
from ocici.emulator.verify import NOT_PROVIDED, NOT_VERIFIED, Request

Signed = Callable[..., Request]
Send = Callable[[Request], tuple[int, http.client.HTTPMessage, bytes]]


@pytest.mark.parametrize("target", ["/n", "/20160918/regions", "/nowhere"])
def test_without_a_signature_everything_is_refused(target: str, emulator: Emulator, send: Send, signed: Signed) -> None:
    status, headers, body = send(signed(target=target, without=("authorization",)))
    assert status == 401
    assert json.loads(body) == {"code": "NotAuthenticated", "message": NOT_PROVIDED}
    assert headers.get_content_type() == "application/json"
    assert headers["Date"]
    last = emulator.requests[-1]
    assert (last.verified, last.key_id, last.status, last.reason) == (False, "", 401, "no authorization header")


def test_another_key_is_told_so(emulator: Emulator, send: Send, signed: Signed, other_key: rsa.RSAPrivateKey) -> None:
    status, _, body = send(signed(key=other_key))
    assert (status, json.loads(body)["message"]) == (401, NOT_VERIFIED)
    assert emulator.requests[-1].reason == "the signature does not fit"


@pytest.mark.parametrize("target", ["/n?x=1", "//n", "/./n", "/%6e"])
def test_the_target_is_taken_as_it_came(target: str, send: Send, signed: Signed) -> None:
    assert send(replace(signed(target="/n"), target=target))[0] == 401
    assert send(signed(target=target))[0] != 401


def test_an_endpoint_only_when_started() -> None:
    with pytest.raises(RuntimeError):
        _ = Emulator().endpoint


def test_latency_of_every_answer(signed: Signed, tenancy: str, user: str, public_pem: bytes) -> None:
    with Emulator(latency=0.1) as emulator:
        emulator.register(tenancy, user, public_pem)
        with closing(http.client.HTTPConnection(urlsplit(emulator.endpoint).netloc, timeout=10)) as connection:
            start = time.monotonic()
            request = signed()
            connection.request("GET", request.target, headers=dict(request.headers))
            assert connection.getresponse().read()
            assert time.monotonic() - start >= 0.1


def test_it_shares_nothing_with_the_sdk() -> None:
    program = "import sys, ocici.emulator.serve; print([name for name in sys.modules if name.split('.')[0] == 'oci'])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
