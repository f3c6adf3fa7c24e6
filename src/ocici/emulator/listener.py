"""HTTP on loopback, in threads of its own: reads requests, writes answers, survives whatever comes in.

It knows nothing of OCI but the shape of errors and headers; what to answer is the `Site`'s business.
"""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import socket
import socketserver
import struct
import threading
import uuid
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler
from typing import Any, Final, Literal, Protocol

from ocici.emulator.api import Answer, failure
from ocici.emulator.verify import Request, http_date

LARGEST_BODY: Final = 64 * 1024
"""Bytes; the largest body that an operation here takes is a public key. More is answered with 413."""
IDLE: Final = 60.0
"""Seconds without a byte after which a connection is dropped."""

Reply = Answer | Literal["hang", "reset"]

# What a socket's SO_LINGER must be for close() to send a reset (RST) instead of an end (FIN).
_RESET: Final = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9_/-]{1,98}")  # as far as the SDK lets one be chosen


class Site(Protocol):
    """What is served. Called from several threads at once."""

    def now(self) -> float:
        """The time for Date headers, in seconds since the epoch."""

    def reply(self, request: Request) -> tuple[Reply, float]:
        """What to answer to `request`, and the seconds to wait before that."""

    def malformed(self, request: Request, status: int, reason: str) -> None:
        """Take note of a request that could not be read, and is answered with `status`."""


class Listener(socketserver.ThreadingTCPServer):
    """Listens on 127.0.0.1, one thread a connection; knows its threads and sockets, so that none outlives it.

    Parameters: `port` (0: a free one). Raises `OSError` when it cannot be had.
    """

    daemon_threads = True
    allow_reuse_address = os.name == "posix"  # on Windows it would let two emulators share one port
    request_queue_size = 128
    timeout = 0  # handle_request() is called when there is one, and does not wait

    def __init__(self, port: int, site: Site) -> None:
        super().__init__(("127.0.0.1", port), _Connection)
        self.socket.setblocking(False)  # a peer may be gone between select() and accept()
        self.site = site
        self.stopping = threading.Event()
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._open: dict[socket.socket, threading.Thread] = {}
        self._open_lock = threading.Lock()
        self._acceptor = threading.Thread(target=self._accept, name="ocici-emulator", daemon=True)

    def start(self) -> None:
        """Serve from now on, in a thread."""
        self._acceptor.start()

    def stop(self) -> None:
        """Close everything: the listening socket, the connections, and their threads."""
        self.stopping.set()
        self._wake_writer.send(b"x")
        self._acceptor.join()
        self.server_close()
        with self._open_lock:
            connections = dict(self._open)
        for connection in connections:
            with contextlib.suppress(OSError):  # the peer may have closed it
                connection.shutdown(socket.SHUT_RDWR)
        for thread in connections.values():
            thread.join()
        self._wake_reader.close()
        self._wake_writer.close()

    def _accept(self) -> None:
        # Not serve_forever(): that looks twice a second whether it is to stop.
        with selectors.DefaultSelector() as selector:
            selector.register(self, selectors.EVENT_READ)
            selector.register(self._wake_reader, selectors.EVENT_READ)
            while not self.stopping.is_set():
                if any(key.fileobj is self for key, _ in selector.select()):
                    self.handle_request()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve one connection in a thread that `stop` can wait for."""
        thread = threading.Thread(target=self._run, args=(request, client_address), daemon=True)
        with self._open_lock:
            thread.start()
            self._open[request] = thread

    def _run(self, request: socket.socket, client_address: Any) -> None:
        try:
            self.process_request_thread(request, client_address)
        finally:
            with self._open_lock:
                del self._open[request]

    def shutdown_request(self, request: Any) -> None:
        """Close one connection; one that is to be reset without the FIN that would come first."""
        if request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, len(_RESET)) == _RESET:
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Peers that go away in the middle are none of our business: print nothing."""


class _Connection(BaseHTTPRequestHandler):
    """One connection, and the requests that come over it one after the other."""

    server: Listener
    protocol_version = "HTTP/1.1"
    timeout = IDLE
    disable_nagle_algorithm = True  # headers and body are two writes: 40 ms a request otherwise

    def _handle(self) -> None:
        request = self._read()
        if request is None:
            return
        reply, late = self.server.site.reply(request)
        self.server.stopping.wait(late)
        if isinstance(reply, Answer):
            self._write(reply)
            return
        self.close_connection = True
        if reply == "hang":
            self.server.stopping.wait()
        else:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _handle  # noqa: N815 (http.server's names)

    def _read(self) -> Request | None:
        """The request, with its body; None when it was malformed, and has been refused."""
        headers = [(name, str(value)) for name, value in self.headers.items()]
        lengths = self.headers.get_all("content-length", ["0"])
        if self.headers.defects or any("\n" in value or "\r" in value for _, value in headers):
            self.send_error(400, "malformed headers")
        elif "transfer-encoding" in self.headers:
            self.send_error(400, "Transfer-Encoding is not supported")
        elif len(lengths) > 1 or not re.fullmatch(r"[0-9]{1,18}", lengths[0]):
            self.send_error(400, "malformed Content-Length")
        elif int(lengths[0]) > LARGEST_BODY:
            self.send_error(413, "the body is too large")
        else:
            body = self.rfile.read(int(lengths[0]))
            if len(body) == int(lengths[0]):
                return Request(self.command, self._target(), headers, body)
            self.close_connection = True  # the peer closed its side in the middle of the body
        return None

    def _target(self) -> str:
        """Path and query as they were sent: http.server mends `self.path`, and the signature is over the original."""
        words = self.requestline.split()
        return words[1] if len(words) > 1 else ""

    def _write(self, answer: Answer) -> None:
        self.send_response_only(answer.status)
        self.send_header("Date", http_date(datetime.fromtimestamp(self.server.site.now(), timezone.utc)))
        self.send_header("opc-request-id", self._request_id())
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def _request_id(self) -> str:
        """The client's own id first, as OCI does, then two of the server's."""
        headers = getattr(self, "headers", None)  # there are none yet when the request line was malformed
        given = (headers.get("opc-request-id") or "") if headers else ""
        first = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex.upper()
        return f"{first}/{uuid.uuid4().hex.upper()}/{uuid.uuid4().hex.upper()}"

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse a request that cannot be read, in OCI's shape; http.server calls this too."""
        self.close_connection = True
        self.request_version = self.protocol_version  # http.server holds what it cannot read for HTTP/0.9
        status = 405 if code == 501 else int(code)
        name = {405: "MethodNotAllowed", 413: "RequestEntityTooLarge"}.get(status, "CannotParseRequest")
        text = message or "malformed request"
        self.server.site.malformed(Request(self.command or "", self._target(), ()), status, text)
        self._write(failure(status, name, text))
        self._drain()

    def _drain(self) -> None:
        """Read some of what still comes: closing over unread bytes resets, and the peer loses the answer."""
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(1.0)
            for _ in range(64):
                if not self.connection.recv(64 * 1024):
                    return

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (http.server's name)
        """Print nothing: `Emulator.requests` tells what came."""
