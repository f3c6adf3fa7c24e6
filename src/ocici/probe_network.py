"""The way to OCI: endpoint and proxy by the usual variables, and what failures on it mean.

Both transports take their settings from here, so that a proxy that one of them finds the other finds too. Where the
variables come from: curl (`man curl`, ENVIRONMENT) and Requests ("Proxies"). A proxy set in Windows' or macOS' own
settings is not looked up.
"""

from __future__ import annotations

import datetime
import http.client
import ipaddress
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from ocici.findings import refused
from ocici.probe_answers import Failure, clean, reason_of
from ocici.probe_trust import Trust


@dataclass(frozen=True)
class Endpoint:
    """Where a request goes: `http` or `https`, a host (an IPv6 address without brackets), a port, a path prefix."""

    scheme: str
    host: str
    port: int
    netloc: str
    prefix: str

    @property
    def url(self) -> str:
        """The endpoint as text, without a slash at its end."""
        return f"{self.scheme}://{self.netloc}{self.prefix}"


_HOST: Final = re.compile(r"[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]")
_PREFIX: Final = re.compile(r"(/[A-Za-z0-9._~!$&'()*+,;=:@%-]*)*")


def endpoint(text: str) -> Endpoint:
    """`text` (`https://HOST[:PORT][/PREFIX]`) as an endpoint. Raises `Refused` (usage) for anything else.

    The text itself is not repeated: it may hold a password.
    """
    text = text.strip()
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise _malformed("and the host or port of this cannot be") from None
    if not text.isprintable() or " " in text:  # urlsplit drops some of these without a word
        raise _malformed("and this has blanks or control characters in it")
    host, _, _ = parts.netloc.rpartition(":") if port is not None else (parts.netloc, "", "")
    if parts.scheme not in ("http", "https"):
        raise _malformed("and this does not begin with http:// or https://")
    if "@" in parts.netloc:
        raise _malformed("without a user or password")
    if not _HOST.fullmatch(host) or port == 0:
        raise _malformed("and the host or port of this cannot be")
    if parts.query or parts.fragment or not _PREFIX.fullmatch(parts.path):
        raise _malformed("and the path of this is more than a plain prefix")
    default = 443 if parts.scheme == "https" else 80
    return Endpoint(parts.scheme, host.strip("[]"), port or default, parts.netloc, parts.path.rstrip("/"))


def _malformed(detail: str) -> Exception:
    return refused(
        "usage",
        detail="--endpoint or OCICI_ENDPOINT takes a URL such as https://objectstorage.eu-frankfurt-1.oraclecloud.com, "
        f"{detail}.",
        command="setup",
    )


@dataclass(frozen=True)
class Proxy:
    """A proxy spoken to over plain HTTP. Its user and password are secrets: `shown` is the proxy without them."""

    host: str
    port: int
    url: str = field(repr=False)
    user: str = field(repr=False, default="")
    password: str = field(repr=False, default="")

    @property
    def shown(self) -> str:
        """The proxy as it may be shown."""
        return f"http://{self.host}:{self.port}"


def proxy(target: Endpoint, environ: Mapping[str, str]) -> Proxy | None:
    """The proxy that `environ` names for `target`, or None. Raises `Failure` for one that cannot be used.

    HTTPS_PROXY counts for https, HTTP_PROXY for http, then ALL_PROXY; lower case wins. This machine itself
    (`localhost`, 127.0.0.0/8, ::1) is never asked for through a proxy: a proxy's own loopback is another machine.
    """
    names = [name for stem in (f"{target.scheme}_proxy", "all_proxy") for name in (stem, stem.upper())]
    name = next((name for name in names if environ.get(name)), "")
    if not name or _loopback(target.host) or _bypassed(target, environ):
        return None
    text = environ[name].strip()
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        port = parts.port or 80
    except ValueError:
        parts, port = SplitResult("", "", "", "", ""), 0
    if parts.scheme in ("https", "socks4", "socks4a", "socks5", "socks5h"):
        raise Failure(
            "proxy-failed",
            proxy=f"of {name}",
            reason=f"proxies of kind {parts.scheme}:// are not supported, only http://",
        )
    host = parts.hostname or ""
    if not host or not _is_all(parts):
        form = "http://HOST:PORT or http://USER:PASSWORD@HOST:PORT"
        raise Failure("proxy-failed", proxy=f"of {name}", reason=f"{name} is not of the form {form}")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return Proxy(host, port, parts.geturl(), user, password)


def _is_all(parts: SplitResult) -> bool:
    """Whether `parts` are a proxy and nothing else.

    What follows the port is the rest of a password with a bare / ? or # in it: host and port are then a user and the
    beginning of that password. A host with % or a blank in it may be user and password too.
    """
    if parts.scheme != "http" or not parts.netloc.isprintable() or re.search("[% ]", parts.hostname or ""):
        return False
    return parts.path in ("", "/") and not parts.query and not parts.fragment


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _bypassed(target: Endpoint, environ: Mapping[str, str]) -> bool:
    """Whether NO_PROXY names the target: host name suffixes, `host:port`, `*`, as Python itself reads it, or networks.

    Networks (`10.0.0.0/8`) are for addresses alone: no name is looked up for them.
    """
    text = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    if not text:
        return False
    if any(_in_network(target.host, part.strip()) for part in text.split(",")):
        return True
    from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # 5 ms; few need it

    return bool(proxy_bypass_environment(f"{target.host}:{target.port}", {"no": text}))


def _in_network(host: str, network: str) -> bool:
    """Whether `host` is an IPv4 address in `network`, by the rules of Requests: `/0` is none, nor is a mask."""
    base, _, bits = network.partition("/")
    if not re.fullmatch(r"0*[1-9][0-9]?", bits):
        return False
    try:
        # inet_aton reads what the resolver reads: `127.1` too.
        known = ipaddress.IPv4Network((socket.inet_aton(base), int(bits)), strict=False)
        return ipaddress.IPv4Address(socket.inet_aton(host)) in known
    except (OSError, ValueError):
        return False


# OpenSSL's numbers (X509_STORE_CTX_get_error(3)), of certificates that no other CA file makes good.
_WRONG_TIME: Final = (9, 10)  # not yet valid, expired
_WRONG_HOST: Final = (62, 64)  # not for this name, not for this address


def failure(error: BaseException, through: Proxy | None, trusted: Trust, waited_for: str = "answer") -> Failure:
    """What `error` of a transport means. Raises `error` itself when it is none of the network's.

    `waited_for` is "connection", "TLS handshake" or "answer".

    An error is judged by all that it was raised from: the SDK wraps the socket's own error four times.
    """
    causes = list(causes_of(error))

    def first(*kinds: type[BaseException]) -> BaseException | None:
        return next((cause for cause in causes if isinstance(cause, kinds)), None)

    def of_proxy(reason: str, mendable: bool = False) -> Failure | None:
        return Failure("proxy-failed", mendable, proxy=through.shown, reason=reason) if through else None

    if cause := first(ssl.SSLCertVerificationError):
        said = clean(str(getattr(cause, "verify_message", "")) or "it does not verify")
        code = getattr(cause, "verify_code", None)
        if code in _WRONG_HOST:
            return Failure("tls-wrong-host", reason=said)
        if code in _WRONG_TIME:
            today = datetime.datetime.now(datetime.timezone.utc).date()
            return Failure("tls-wrong-time", reason=f"{said}; by this machine's clock it is {today}")
        return Failure("tls-untrusted", reason=f"{said}; trusted here: {trusted.told}")
    for cause in causes:
        # http.client says no more than "Tunnel connection failed: 407 Proxy Authentication Required".
        match = re.match(r"Tunnel connection failed: ([0-9].*)", str(cause), re.DOTALL)
        if match and isinstance(cause, OSError):
            said = clean(match[1])
            return of_proxy(f"it answered {said}", mendable=said[0] == "5") or Failure("connection-reset", True)
    if cause := first(socket.gaierror):
        again = isinstance(cause, OSError) and cause.errno == socket.EAI_AGAIN
        return of_proxy("its name does not resolve", again) or Failure("host-unknown", again)
    if first(UnicodeError):  # a name that cannot be one: an empty or overlong label
        return of_proxy("its name does not resolve") or Failure("host-unknown")
    if first(TimeoutError):
        way = f" through the proxy {through.shown}" if through and waited_for != "answer" else ""
        return Failure("timed-out", what=waited_for + way)
    if first(ConnectionRefusedError):
        return of_proxy("it refused the connection") or Failure("connection-refused")
    if first(ConnectionError, http.client.IncompleteRead, ssl.SSLEOFError, ssl.SSLZeroReturnError):
        return Failure("connection-reset", mendable=True)
    if first(http.client.HTTPException) or any(map(_is_of_a_chunk, causes)):
        return Failure("unexpected-answer", status="with something that is not HTTP")
    if cause := first(ssl.SSLError):
        return Failure("unexpected-answer", status=f"with no TLS that is understood ({reason_of(cause)})")
    if cause := first(OSError):
        return of_proxy(reason_of(cause)) or Failure("host-unreachable", reason=reason_of(cause))
    raise error


def _is_of_a_chunk(error: BaseException) -> bool:
    """Whether http.client failed to read a chunk whose size is negative or beyond all numbers of the machine."""
    return isinstance(error, OverflowError) or (isinstance(error, ValueError) and "read length" in str(error))


def causes_of(error: BaseException) -> Iterator[BaseException]:
    """`error`, and all that it was raised from or wraps, each once, the outer ones first."""
    seen: list[BaseException] = []
    waiting = [error]
    while waiting:
        cause = waiting.pop(0)
        if any(cause is other for other in seen):
            continue
        seen.append(cause)
        yield cause
        inner = (*cause.args, getattr(cause, "reason", None), cause.__cause__, cause.__context__)
        waiting += [part for part in inner if isinstance(part, BaseException)]
