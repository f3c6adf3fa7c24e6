"""The light transport: the signed GET with `cryptography` and the standard library's HTTP client.

Why http.client, measured on 2 cores with Python 3.11.7 (median of 15 processes that load a key, sign, and send one
GET over TLS on loopback): http.client 92 ms and 31.0 MB, httpcore 1.0.9 133 ms and 33.6 MB, urllib3 2.8.0 141 ms and
35.6 MB; bare Python takes 7 ms. It speaks CONNECT itself, and the runtime that holds private keys has one dependency
less. What it lacks are proxies spoken to over TLS or SOCKS; those end in a finding.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import ssl
import time
from collections.abc import Mapping
from typing import Final

from ocici import __version__
from ocici.credentials import Credentials
from ocici.probe_answers import Call, Failure, Reply
from ocici.probe_network import Endpoint, Proxy, failure, proxy
from ocici.probe_trust import Trust
from ocici.signing import load, sign

LARGEST_ANSWER: Final = 256 * 1024
"""Bytes; ListRegions takes some 6 KB for 85 regions. What comes after that is not read."""


def context(trusted: Trust) -> ssl.SSLContext:
    """The TLS settings for all connections: certificates and host names verified, TLS 1.2 or newer. Takes 16 ms."""
    made = ssl.create_default_context(cafile=trusted.file, capath=trusted.folder)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    return made


class Light:
    """Asks OCI from one thread, over one connection that is kept while the next request goes to the same place.

    Parameters: `call`; `environ`, read for the proxy; `trusted` and `tls`, the CAs and the settings made of them.
    """

    def __init__(self, call: Call, environ: Mapping[str, str], trusted: Trust, tls: ssl.SSLContext | None) -> None:
        self._call = call
        self._environ = environ
        self._trusted = trusted
        self._tls = tls
        self._open: tuple[Endpoint, http.client.HTTPConnection] | None = None

    def ask(self, credentials: Credentials, target: Endpoint, left: float) -> Reply:
        """The answer to the call, signed with `credentials`, within about `left` seconds. Raises `Failure`."""
        through = proxy(target, self._environ)
        try:
            reply = self._ask(credentials, target, through, left)
        except (OSError, http.client.HTTPException, ValueError, OverflowError) as error:
            waited_for = self._waited_for(target)
            self.close()
            raise failure(error, through, self._trusted, waited_for) from None
        if reply.status == 407 and through:
            raise Failure("proxy-failed", proxy=through.shown, reason="it answered 407 to the user and password given")
        return reply

    def _ask(self, credentials: Credentials, target: Endpoint, through: Proxy | None, left: float) -> Reply:
        end = time.monotonic() + left
        connection = self._connection(target, through, left)
        if connection.sock is not None:
            connection.sock.settimeout(max(0.01, end - time.monotonic()))
        url = target.url + self._call.path
        key_id = f"{credentials.tenancy}/{credentials.user}/{credentials.fingerprint}"
        headers = {"accept": "application/json", "user-agent": f"ocici/{__version__}"}
        headers = sign("GET", url, headers, None, key_id, load(credentials.key))
        asked = target.prefix + self._call.path
        if through and target.scheme == "http":
            asked = url  # a proxy for plain HTTP wants the whole URL (RFC 9112, 3.2.2)
            headers |= _proxy_headers(through)
        connection.request("GET", asked, headers=headers)
        response = connection.getresponse()
        reply = Reply(
            status=response.status,
            headers={name.lower(): value for name, value in response.headers.items()},
            body=response.read(LARGEST_ANSWER),
            time=time.time(),
            straight=target.scheme == "https" and not through,
        )
        if not response.isclosed():  # there is more of it: the connection is not fit for the next request
            self.close()
        return reply

    def _connection(self, target: Endpoint, through: Proxy | None, left: float) -> http.client.HTTPConnection:
        """A connection to `target`: the one that is open, if it is fit, else a new one."""
        if self._open and self._open[0] == target and self._open[1].sock is not None:
            return self._open[1]
        self.close()
        host, port = (through.host, through.port) if through else (target.host, target.port)
        # Each address of a name is tried in turn, with this timeout: half leaves the second one its chance.
        if target.scheme == "https":
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                host, port, timeout=left / 2, context=self._tls
            )
            if through:
                connection.set_tunnel(target.host, target.port, _proxy_headers(through))
        else:
            connection = http.client.HTTPConnection(host, port, timeout=left / 2)
        self._open = target, connection
        connection.connect()
        return connection

    def _waited_for(self, target: Endpoint) -> str:
        """What a connection that broke off was waiting for: each phase leaves its own kind of socket."""
        sock = self._open[1].sock if self._open else None
        if sock is None:
            return "connection"
        return "TLS handshake" if target.scheme == "https" and not isinstance(sock, ssl.SSLSocket) else "answer"

    def close(self) -> None:
        """Close the connection, if one is open."""
        if self._open:
            with contextlib.suppress(OSError):
                self._open[1].close()
            self._open = None


def _proxy_headers(through: Proxy) -> dict[str, str]:
    """The header that names the proxy's user (RFC 9110, 11.7.2; RFC 7617)."""
    if not through.user:
        return {}
    login = base64.b64encode(f"{through.user}:{through.password}".encode()).decode()
    return {"proxy-authorization": f"Basic {login}"}
