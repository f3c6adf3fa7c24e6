"""The emulator misbehaves as it is told, and no more."""

from __future__ import annotations

import errno
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import pytest

from ocici.emulator import Emulator
from ocici.emulator.verify import Request

Signed = Callable[..., Request]
Send = Callable[[Request], tuple[int, http.client.HTTPMessage, bytes]]


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("deny", 404, "NotAuthorizedOrNotFound"),
        ("not-allowed", 403, "NotAllowed"),
        ("throttle", 429, "TooManyRequests"),
        ("fail", 500, "InternalServerError"),
        ("unavailable", 503, "ServiceUnavailable"),
    ],
)
def test_answers_in_ocis_shape(
    fault: str, status: int, code: str, emulator: Emulator, send: Send, signed: Signed
) -> None:
    emulator.fault(fault)
    for _ in range(2):
        got, headers, body = send(signed())
        assert got == status
        assert json.loads(body).keys() == {"code", "message"}
        assert json.loads(body)["code"] == code
        assert headers["opc-request-id"]
        assert headers["Retry-After"] == ("1" if fault == "throttle" else None)
    assert [(record.status, record.reason, record.verified) for record in emulator.requests] == [
        (status, f"fault: {fault}", True)
    ] * 2
    emulator.fault(None)
    assert send(signed())[0] == 200


@pytest.mark.parametrize(("fault", "status"), [("throttle:2", 429), ("fail:2", 500), ("unavailable:2", 503)])
def test_a_number_of_times(fault: str, status: int, emulator: Emulator, send: Send, signed: Signed) -> None:
    emulator.fault(fault)
    assert [send(signed())[0] for _ in range(4)] == [status, status, 200, 200]


@pytest.mark.parametrize("fault", ["deny", "not-allowed"])
def test_policies_are_asked_after_the_signature(fault: str, emulator: Emulator, send: Send, signed: Signed) -> None:
    emulator.fault(fault)
    assert send(signed(algorithm="none"))[0] == 401


def test_several_at_once(emulator: Emulator, send: Send, signed: Signed) -> None:
    emulator.fault("throttle:1", "fail:1", "latency:1")
    assert [send(signed())[0] for _ in range(3)] == [429, 500, 200]


@pytest.mark.parametrize("seconds", [-600, 400, 86400 * 365 * 30])
def test_a_skewed_clock(seconds: int, emulator: Emulator, send: Send, signed: Signed) -> None:
    emulator.fault(f"skew:{seconds}")
    status, headers, body = send(signed())
    assert status == 401
    assert json.loads(body)["code"] == "NotAuthenticated"
    assert "is not within allowed clock skew. Current '" in json.loads(body)["message"]
    assert abs(parsedate_to_datetime(headers["Date"]).timestamp() - time.time() - seconds) < 10
    assert emulator.requests[-1].reason == "clock skew"
    assert abs(emulator.requests[-1].time - time.time()) < 10


def test_a_clock_that_is_a_little_off(emulator: Emulator, send: Send, signed: Signed) -> None:
    emulator.fault("skew:-120.5")
    assert send(signed())[0] == 200


def test_garbage(emulator: Emulator, send: Send, signed: Signed) -> None:
    emulator.fault("garbage")
    status, headers, body = send(signed())
    assert (status, headers.get_content_type()) == (200, "text/html")
    assert body.startswith(b"<!DOCTYPE html>")


def test_reset(emulator: Emulator, send: Send, signed: Signed) -> None:
    emulator.fault("reset:20")
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", urlsplit(emulator.endpoint).port or 0), timeout=10) as peer:
            peer.sendall(b"GET /n HTTP/1.1\r\n\r\n")
            with pytest.raises(ConnectionResetError) as caught:  # not an end of file, as a mere close would give
                peer.recv(1)
            assert caught.value.errno == errno.ECONNRESET
    assert send(signed())[0] == 200
    assert [record.status for record in emulator.requests] == [0] * 20 + [200]


def test_latency(emulator: Emulator, send: Send, signed: Signed, public_pem: bytes) -> None:
    emulator.fault("latency:150")
    start = time.monotonic()
    assert send(signed())[0] == 200
    assert 0.15 <= time.monotonic() - start < 5


def test_hang_until_the_emulator_stops(signed: Signed) -> None:
    emulator = Emulator()
    emulator.fault("hang")
    got: list[bytes] = []
    with emulator, socket.create_connection(("127.0.0.1", urlsplit(emulator.endpoint).port or 0), timeout=10) as peer:
        request = signed()
        lines = [f"GET {request.target} HTTP/1.1", *(f"{name}: {value}" for name, value in request.headers)]
        peer.sendall("\r\n".join([*lines, "", ""]).encode())
        peer.settimeout(0.2)
        with pytest.raises(TimeoutError):
            peer.recv(1)
        peer.settimeout(10)
        reader = threading.Thread(target=lambda: got.append(peer.recv(1)))
        reader.start()
        start = time.monotonic()
        emulator.__exit__(None, None, None)
        reader.join()
    assert time.monotonic() - start < 5
    assert got == [b""]
    assert [(record.status, record.reason) for record in emulator.requests] == [(0, "fault: hang")]


@pytest.mark.parametrize(
    "fault",
    ["", "deny:1", "throttle:", "throttle:x", "throttle:-1", "throttle:²", "skew", "skew:", "skew:1e9", "skew:nan"],
)
def test_faults_that_are_none(fault: str, emulator: Emulator, send: Send, signed: Signed) -> None:
    for text in (fault, "latency:-1", "latency", "hang:1", "Deny", "deny ", "explode"):
        with pytest.raises(ValueError, match="no such fault"):
            emulator.fault(text)
    assert send(signed())[0] == 200
