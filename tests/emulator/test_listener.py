"""HTTP: nothing that comes in harms the server, makes it print, or outlives it."""

from __future__ import annotations

import http.client
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ocici.emulator import Emulator
from ocici.emulator.listener import LARGEST_BODY
from ocici.emulator.verify import Request

Signed = Callable[..., Request]
Send = Callable[[Request], tuple[int, http.client.HTTPMessage, bytes]]


@pytest.fixture
def users(user: str) -> str:
    return f"/20160918/users/{user}"


@pytest.fixture
def raw(emulator: Emulator) -> Callable[[bytes], bytes]:
    """A function that sends bytes, ends its side, and reads all that comes back."""

    def exchange(data: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", urlsplit(emulator.endpoint).port or 0), timeout=10) as peer:
            try:
                peer.sendall(data)
                peer.shutdown(socket.SHUT_WR)
                return b"".join(iter(lambda: peer.recv(65536), b""))
            except ConnectionError:
                return b""

    return exchange


@pytest.fixture(autouse=True)
def _silent(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Whatever happens, the server prints nothing."""
    yield
    assert capfd.readouterr() == ("", "")


def test_the_clients_request_id_comes_back_first(send: Send, signed: Signed) -> None:
    pattern = r"[0-9A-F]{32}/[0-9A-F]{32}/[0-9A-F]{32}"
    assert re.fullmatch(pattern, send(signed())[1]["opc-request-id"])
    own = send(signed(extra=(("opc-request-id", "MINE_1/two"),)))[1]["opc-request-id"]
    assert re.fullmatch(r"MINE_1/two/[0-9A-F]{32}/[0-9A-F]{32}", own)
    assert re.fullmatch(pattern, send(signed(extra=(("opc-request-id", "<b>"),)))[1]["opc-request-id"])


def test_many_requests_over_one_connection(emulator: Emulator, signed: Signed) -> None:
    with closing(http.client.HTTPConnection(urlsplit(emulator.endpoint).netloc, timeout=10)) as connection:
        start = time.monotonic()
        for _ in range(50):
            request = signed()
            connection.request("GET", request.target, headers=dict(request.headers))
            answer = connection.getresponse()
            assert answer.status == 200
            answer.read()
        assert time.monotonic() - start < 1.9  # 50 times 40 ms, if an answer waited for the peer's delayed ACK


def test_many_connections_at_once(emulator: Emulator, send: Send, signed: Signed) -> None:
    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(lambda _: send(signed())[0], range(64))) == {200}
    assert len(emulator.requests) == 64


def test_a_large_body_is_not_read(emulator: Emulator, send: Send, signed: Signed, users: str) -> None:
    assert send(signed("POST", f"{users}/apiKeys", b" " * LARGEST_BODY))[0] == 400
    status, _, body = send(signed("POST", f"{users}/apiKeys", b" " * (LARGEST_BODY + 1)))
    assert (status, json.loads(body)["code"]) == (413, "RequestEntityTooLarge")
    assert emulator.requests[-1].reason == "the body is too large"


def test_what_still_comes_after_a_refusal_is_read(emulator: Emulator) -> None:
    """Else the peer's next write would meet a reset, and on some systems the answer would be lost."""
    with socket.create_connection(("127.0.0.1", urlsplit(emulator.endpoint).port or 0), timeout=10) as peer:
        peer.sendall(b"POST /n HTTP/1.1\r\nContent-Length: 200000\r\n\r\n")
        answer = b"".join(iter(lambda: peer.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 413 ")
        for _ in range(20):
            peer.sendall(bytes(10000))
            assert peer.recv(1) == b""


def test_an_answer_without_body_has_none(signed: Signed, raw: Callable[[bytes], bytes]) -> None:
    request = signed("HEAD")
    lines = [f"HEAD {request.target} HTTP/1.1", *(f"{name}: {value}" for name, value in request.headers)]
    head, end, body = raw("\r\n".join([*lines, "", ""]).encode()).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 404 ")
    assert b"\r\nContent-Length: " in head
    assert (end, body) == (b"\r\n\r\n", b"")


def test_expect_100_continue(signed: Signed, users: str, raw: Callable[[bytes], bytes]) -> None:
    request = signed("POST", f"{users}/apiKeys", b"{}")
    lines = [f"POST {request.target} HTTP/1.1", *(f"{name}: {value}" for name, value in request.headers)]
    got = raw("\r\n".join([*lines, "Expect: 100-continue", "", "{}"]).encode())
    assert got.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 400 ")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"garbage\r\n\r\n", 400),
        (b"GET /n HTTP/9.9.9\r\n\r\n", 400),
        (b"GET /n HTTP/2.0\r\n\r\n", 505),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),  # TLS by mistake
        (b"GET /" + b"n" * 70000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET /n HTTP/1.1\r\nx: " + b"n" * 70000 + b"\r\n\r\n", 431),
        (b"GET /n HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n", 431),
        (b"GET /n HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET /n HTTP/1.1\r\na: b\r\n folded: c\r\n\r\n", 400),
        (b"OPTIONS /n HTTP/1.1\r\n\r\n", 405),
        (b"CONNECT a:1 HTTP/1.1\r\n\r\n", 405),
        (b"POST /n HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST /n HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
        (b"POST /n HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /n HTTP/1.1\r\nContent-Length: \xb2\r\n\r\n", 400),
        (b"POST /n HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", 400),
        (b"POST /n HTTP/1.1\r\nContent-Length: 999999\r\n\r\nab", 413),
    ],
)
def test_malformed_requests(
    data: bytes, status: int, raw: Callable[[bytes], bytes], emulator: Emulator, send: Send, signed: Signed
) -> None:
    head, _, body = raw(data).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert json.loads(body).keys() == {"code", "message"}
    assert b"opc-request-id: " in head
    assert emulator.requests[-1].status == status
    assert send(signed())[0] == 200


def test_a_body_that_ends_early(raw: Callable[[bytes], bytes], send: Send, signed: Signed) -> None:
    assert raw(b"POST /n HTTP/1.1\r\nContent-Length: 10\r\n\r\nab") == b""
    assert send(signed())[0] == 200


_pieces = st.sampled_from(
    b'GET |POST |/n| HTTP/1.1|\r\n|\r\n\r\n|\n|Content-Length: 5|Host: a|: |\x00|Authorization: Signature |keyId="|'
    b"date: |Transfer-Encoding: |chunked|opc-request-id: ".split(b"|")
)


@given(st.lists(_pieces | st.binary(max_size=20), max_size=20).map(b"".join))
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_harm_it(raw: Callable[[bytes], bytes], data: bytes) -> None:
    got = raw(data)
    assert b"200 OK" not in got
    assert got == b"" or got.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5", b'{"code": '))


def test_nothing_is_left_running() -> None:
    threads = threading.active_count()
    with Emulator() as emulator:
        address = ("127.0.0.1", urlsplit(emulator.endpoint).port or 0)
        idle = [socket.create_connection(address) for _ in range(3)]
        idle[0].sendall(b"GET /n HTTP/1.1\r\nHalf: a hea")
        start = time.monotonic()
    assert time.monotonic() - start < 2
    assert threading.active_count() == threads
    for peer in idle:
        peer.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)


def test_loopback_alone(emulator: Emulator) -> None:
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", emulator.endpoint)
    listening = emulator._listener
    assert listening is not None
    assert listening.server_address[0] == "127.0.0.1"


def test_a_port_that_is_taken(emulator: Emulator) -> None:
    with pytest.raises(OSError, match="in use"), Emulator(port=urlsplit(emulator.endpoint).port or 0):
        pass


def test_the_same_port_again() -> None:
    with Emulator() as first:
        port = urlsplit(first.endpoint).port or 0
        peer = socket.create_connection(("127.0.0.1", port))  # still open when the emulator stops
        peer.sendall(b"GET /n HTTP/1.1\r\n\r\n")
        assert peer.recv(12) == b"HTTP/1.1 401"
    with Emulator(port=port) as second:
        assert second.endpoint == first.endpoint
    peer.close()
