"""Verifies OCI request signatures: request, known keys and clock in, verdict out. Pure; no network, no state.

Written from OCI's documentation (docs.oracle.com, API, "Request Signatures", signature version 1) and
draft-cavage-http-signatures-08 that it builds on; it shares no code with any signer.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from ocici.emulator.state import ApiKey

ALLOWED_SKEW: Final = timedelta(minutes=5)
"""OCI: a clock more than 5 minutes off is answered with 401 ("Maximum Allowed Client Clock Skew")."""

# OCI's own words, as they stand in many public reports, for example:
NOT_PROVIDED: Final = "The required information to complete authentication was not provided or was incorrect."
"""For everything that names no usable key: no or a malformed header, an unknown tenancy, user or fingerprint."""
NOT_VERIFIED: Final = "Failed to verify the HTTP(S) Signature"
"""For a known key whose signature does not fit (github.com/hitrov/oci-arm-host-capacity/issues/127)."""
SKEWED: Final = (
    "Date '{date}' is not within allowed clock skew. Current '{now}', valid datetime range: ['{low}', '{high}']"
)
"""For a clock that is off (github.com/oracle/terraform-provider-oci/issues/474)."""

WITH_BODY: Final = ("POST", "PUT", "PATCH")
ALWAYS_SIGNED: Final = ("(request-target)", "host")
SIGNED_WITH_BODY: Final = ("content-length", "content-type", "x-content-sha256")


@dataclass(frozen=True)
class Request:
    """A request as it came in.

    `target` is path and query exactly as in the request line; `headers` are name and value pairs in their
    order, repeated ones included; `body` is the whole body.
    """

    method: str
    target: str
    headers: Sequence[tuple[str, str]]
    body: bytes = b""

    def values(self, name: str) -> list[str]:
        """All values of the header `name` (lower case), without the blanks around them."""
        return [value.strip(" \t") for given, value in self.headers if given.lower() == name]


@dataclass(frozen=True)
class Verdict:
    """`key` signed the request; or else `reason` says why not (for people who test), `message` what OCI says."""

    key: ApiKey | None
    key_id: str = ""
    reason: str = ""
    message: str = ""


@dataclass(frozen=True)
class Authorization:
    """The parts of an Authorization header: the key's name, the signed headers in order, the signature."""

    key_id: str
    headers: tuple[str, ...]
    signature: bytes


class WrongError(Exception):
    """Raised by the steps below: what is wrong, and what OCI says to it."""

    def __init__(self, reason: str, message: str = NOT_PROVIDED) -> None:
        super().__init__(reason)
        self.message = message


def verify(request: Request, lookup: Callable[[str], ApiKey | None], now: datetime) -> Verdict:
    """Whether `request` is signed by an ACTIVE key that `lookup` knows by its key id, at the time `now` (UTC)."""
    key_id = ""
    try:
        authorization = parse(_single(request, "authorization"))
        key_id = authorization.key_id
        _check_signed(request, authorization)
        _check_date(request, now)
        key = lookup(key_id)
        if key is None:
            raise WrongError("unknown key id")
        if (state := key.state(now.timestamp())) != "ACTIVE":
            raise WrongError(f"key is {state}")
        _check_signature(request, authorization, key)
        _check_body(request)
    except WrongError as wrong:
        return Verdict(None, key_id, str(wrong), wrong.message)
    return Verdict(key, key_id)


_PARAMETER = re.compile(r'[ \t]*([A-Za-z]+)="([^"]*)"[ \t]*(,|$)')
_KEY_ID = re.compile(r"[^/\s]+/[^/\s]+/[^/\s]+")
_HEADER_NAME = re.compile(r"\(request-target\)|[a-z0-9!#$%&'*+.^_`|~-]+")


def parse(text: str) -> Authorization:
    """The parts of the Authorization header `text`. Raises `WrongError` when OCI would not read it.

    Form: `Signature version="1",keyId="tenancy/user/fingerprint",algorithm="rsa-sha256",headers="a b c",
    signature="BASE64"`, the parameters in any order.
    """
    scheme, _, rest = text.partition(" ")
    if scheme.lower() != "signature":
        raise WrongError("not the Signature scheme")
    parameters: dict[str, str] = {}
    position, more = 0, ","
    while more:
        match = _PARAMETER.match(rest, position)
        if match is None:
            raise WrongError("malformed Authorization")
        name, value, more = match.groups()
        if name in parameters:
            raise WrongError(f"{name} given twice in Authorization")
        parameters[name] = value
        position = match.end()
    if parameters.get("version") != "1":
        raise WrongError("signature version is not 1")
    if parameters.get("algorithm") != "rsa-sha256":
        raise WrongError("algorithm is not rsa-sha256")
    if not _KEY_ID.fullmatch(parameters.get("keyId", "")):
        raise WrongError("keyId is not tenancy/user/fingerprint")
    headers = tuple(parameters.get("headers", "").split(" "))
    if not all(_HEADER_NAME.fullmatch(name) for name in headers):
        raise WrongError("malformed list of headers")
    if len(set(headers)) < len(headers):
        raise WrongError("a header is listed twice")
    try:
        signature = base64.b64decode(parameters.get("signature", ""), validate=True)
    except (binascii.Error, ValueError):
        raise WrongError("signature is not base64") from None
    return Authorization(parameters["keyId"], headers, signature)


def signing_string(request: Request, headers: Sequence[str]) -> bytes:
    """What the signature is made over: one line for each of `headers`, in their order, without a last newline.

    HTTP's text is bytes read as Latin-1; raises `UnicodeEncodeError` for text that cannot be such.
    """
    lines = []
    for name in headers:
        if name == "(request-target)":
            lines.append(f"{name}: {request.method.lower()} {request.target}")
        else:
            lines.append(f"{name}: {', '.join(request.values(name))}")
    return "\n".join(lines).encode("latin-1")


def _date_name(request: Request) -> str:
    """OCI: "If both are included, Oracle uses x-date"."""
    return "x-date" if request.values("x-date") else "date"


def _with_body(request: Request) -> bool:
    """POST, PUT and PATCH count as having a body even when it is empty."""
    return request.method.upper() in WITH_BODY or bool(request.body)


def _single(request: Request, name: str) -> str:
    values = request.values(name)
    if not values:
        raise WrongError(f"no {name} header")
    if len(values) > 1:
        raise WrongError(f"more than one {name} header")
    return values[0]


def _check_signed(request: Request, authorization: Authorization) -> None:
    """Every mandatory header is signed and there once; every header that is said to be signed is there."""
    mandatory = (_date_name(request), *ALWAYS_SIGNED, *(SIGNED_WITH_BODY if _with_body(request) else ()))
    for name in mandatory:
        if name not in authorization.headers:
            raise WrongError(f"{name} is not signed")
        if name != "(request-target)":
            _single(request, name)
    for name in authorization.headers:
        if name != "(request-target)" and not request.values(name):
            raise WrongError(f"no {name} header")


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_HTTP_DATE = re.compile(
    rf"(?:{'|'.join(_DAYS)}), (\d\d) ({'|'.join(_MONTHS)}) (\d{{4}}) (\d\d):(\d\d):(\d\d) GMT", re.ASCII
)


def http_date(moment: datetime, zone: str = "GMT") -> str:
    """`moment` (UTC) as HTTP writes it: `Tue, 24 Nov 2026 10:52:00 GMT`. OCI's messages say UTC instead."""
    day, month = _DAYS[moment.weekday()], _MONTHS[moment.month - 1]
    return f"{day}, {moment.day:02d} {month} {moment.year:04d} {moment:%H:%M:%S} {zone}"


def parse_http_date(text: str) -> datetime | None:
    """The moment that `text` names in HTTP's form (RFC 9110, IMF-fixdate), or None."""
    match = _HTTP_DATE.fullmatch(text)
    if match is None:
        return None
    day, month, year, hour, minute, second = match.groups()
    try:
        return datetime(
            int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second), tzinfo=timezone.utc
        )
    except ValueError:
        return None


def _check_date(request: Request, now: datetime) -> None:
    date = parse_http_date(_single(request, _date_name(request)))
    if date is None:
        raise WrongError("the date cannot be read")
    now = now.replace(microsecond=0)
    low, high = now - ALLOWED_SKEW, now + ALLOWED_SKEW + timedelta(seconds=1)
    if not low <= date <= high:
        date_, now_, low_, high_ = (http_date(moment, "UTC") for moment in (date, now, low, high))
        raise WrongError("clock skew", SKEWED.format(date=date_, now=now_, low=low_, high=high_))


def _check_signature(request: Request, authorization: Authorization, key: ApiKey) -> None:
    try:
        text = signing_string(request, authorization.headers)
        key.public_key.verify(authorization.signature, text, PKCS1v15(), SHA256())
    except (InvalidSignature, UnicodeEncodeError):
        raise WrongError("the signature does not fit", NOT_VERIFIED) from None


def _check_body(request: Request) -> None:
    if not _with_body(request):
        return
    digest = base64.b64encode(hashlib.sha256(request.body).digest())
    if not hmac.compare_digest(digest, _single(request, "x-content-sha256").encode("utf-8")):
        raise WrongError("the digest is not the body's", NOT_VERIFIED)
    if _single(request, "content-length") != str(len(request.body)):
        raise WrongError("the length is not the body's", NOT_VERIFIED)
