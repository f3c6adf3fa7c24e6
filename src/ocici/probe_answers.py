"""What an answer means: a reply of OCI or a failure on the way in, findings out. No network, no clock.

Both transports (probe_light, probe_sdk) end here, so that they cannot judge differently. What comes from outside is
shown only through `clean`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timezone
from email.utils import parsedate_to_datetime
from typing import Any, Final, Literal

from ocici.findings import Finding, finding

Outcome = Literal["accepted", "refused", "failed"]
CallName = Literal["GetNamespace", "ListRegions"]

ALLOWED_SKEW: Final = 300
"""Seconds that OCI allows a client's clock to be off ("Maximum Allowed Client Clock Skew")."""


@dataclass(frozen=True)
class Call:
    """One of the calls that prove a sign-in.

    `service` is the name that `regions.endpoint` knows; `path` is what follows the endpoint; `policy` is the statement
    that allows the call, should a tenancy forbid what Oracle documents as needing no permission (GetNamespace: "Details
    for Object Storage", verb read of objectstorage-namespaces; ListRegions: "Details for IAM", verb inspect of
    tenancies).
    """

    name: CallName
    service: str
    path: str
    policy: str


CALLS: Final = {
    "namespace": Call(
        "GetNamespace", "objectstorage", "/n", "Allow group GROUP to read objectstorage-namespaces in tenancy"
    ),
    "regions": Call(
        "ListRegions", "identity", "/20160918/regions", "Allow group GROUP to inspect tenancies in tenancy"
    ),
}


@dataclass(frozen=True)
class Reply:
    """An HTTP answer, whoever gave it.

    `headers` have lower-case names; `body` may be cut off where it is larger than OCI's answers are (and is no JSON
    then); `time` is this machine's clock when the answer came, in seconds since the epoch; `straight`: it came over TLS
    and through no proxy that is known of, so that the host itself gave it.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    time: float
    straight: bool = True


class Failure(Exception):  # noqa: N818 (it is no defect, and ends as a finding)
    """No answer: `code` is a finding's, `values` fill it, `mendable` says whether trying again can help."""

    def __init__(self, code: str, mendable: bool = False, **values: str) -> None:
        super().__init__(code)
        self.code = code
        self.mendable = mendable
        self.values = values


@dataclass(frozen=True)
class Asked:
    """Who was asked what, for the texts of findings. `seconds` and `attempts` include the last try.

    `whole`: both OCIDs are of the length that OCI's own have, as far as can be told.
    """

    profile: str
    region: str
    fingerprint: str
    call: Call
    host: str
    seconds: float
    attempts: int
    whole: bool = True


@dataclass(frozen=True)
class Verdict:
    """What an answer means.

    `wait` is what Retry-After asks for, in seconds; 0 where it asks for nothing. `reason` is why there was no answer: a
    finding's code and what it tells beside host and time; () where there was one.
    """

    outcome: Outcome
    findings: tuple[Finding, ...] = ()
    mendable: bool = False
    wait: float = 0.0
    status: int | None = None
    namespace: str = ""
    request_id: str = ""
    reason: tuple[str, ...] = ()


def of_failure(failure: Failure, asked: Asked) -> Verdict:
    """What `failure` means."""
    # The resolver has tried again on its own before it says EAI_AGAIN: ask it once more and no more.
    mendable = failure.mendable and (failure.code != "host-unknown" or asked.attempts < 2)
    # Who had less time left than others may have waited for something else.
    reason = (failure.code, *(value for name, value in failure.values.items() if name != "what"))
    return Verdict("failed", (_finding(failure.code, asked, **failure.values),), mendable, reason=reason)


def of_reply(reply: Reply, asked: Asked) -> Verdict:
    """What `reply` means. Any status, headers and body are fine, from OCI or not."""
    parsed = _json(reply.body)
    code, message = _error(parsed)
    said = (clean(code, 60) or "without a code") + (f' ("{clean(message)}")' if clean(message) else "")
    status = reply.status
    request_id = _request_id(reply.headers.get("opc-request-id", ""))
    if status == 200 and (value := _value(parsed, asked.call)):
        namespace = value if asked.call.name == "GetNamespace" else ""
        return Verdict("accepted", status=status, namespace=namespace, request_id=request_id)
    outcome: Outcome = "refused" if code and 400 <= status < 500 and status != 429 else "failed"
    if status == 429:
        found = _finding("throttled", asked, oci_code=said, who=_who(reply, asked, code))
    elif status < 400 or (status < 500 and not code):
        found = _finding("unexpected-answer", asked, status=str(status))
    elif status == 401:
        found = _unauthenticated(reply, asked, said, message)
    elif status == 404:
        found = _finding("not-authorized", asked, oci_code=said, policy=asked.call.policy)
    elif status in (402, 403):
        found = _finding("not-allowed", asked, status=str(status), oci_code=said)
    elif status < 500:
        found = _finding("call-refused", asked, status=str(status), oci_code=said)
    else:
        found = _finding("service-failed", asked, status=str(status), oci_code=said, who=_who(reply, asked, code))
    mendable = status == 429 or status >= 500
    wait = _wait(reply) if mendable else 0.0
    return Verdict(outcome, (found,), mendable, wait, status, request_id=request_id)


def clean(text: str, limit: int = 200) -> str:
    """`text` from outside as it may stand in a log: one line, printable, no longer than `limit` characters.

    Runner commands (`::error::`, `##[group]`, `##vso[`) are broken up, and so are escape codes: their first byte is a
    control character.
    """
    text = "".join(letter if letter.isprintable() else " " for letter in text[: 4 * limit])
    text = " ".join(text.split()).replace("::", ": :").replace("##", "# #")
    # A second time, for what the first one made: ":::" is now ": ::".
    text = text.replace("::", ": :").replace("##", "# #")
    return text if len(text) <= limit else text[: limit - 1] + "…"


def reason_of(error: BaseException) -> str:
    """What the system or OpenSSL says of `error`, in lower case."""
    text = getattr(error, "reason", "") or getattr(error, "strerror", "") or type(error).__name__
    return clean(str(text)).lower().replace("_", " ")


def _finding(code: str, asked: Asked, **values: str) -> Finding:
    """The finding `code`, filled with `values` and with what `asked` tells."""
    known: dict[str, str] = {
        "call": asked.call.name,
        "host": asked.host,
        "region": asked.region,
        "fingerprint": asked.fingerprint,
        "seconds": f"{asked.seconds:.1f}",
        "times": {1: "once", 2: "twice"}.get(asked.attempts, f"{asked.attempts} times"),
    }
    return finding(code, asked.profile, **{**known, **values})


def _who(reply: Reply, asked: Asked, code: str) -> str:
    """Who answered: OCI where it gave a `code`. Its load balancers give a page or nothing, and so do proxies."""
    if code:
        return "OCI"
    return asked.host if reply.straight else f"{asked.host}, or a proxy on the way,"


def _unauthenticated(reply: Reply, asked: Asked, said: str, message: str) -> Finding:
    """A 401, told apart: this machine's clock, or the credentials."""
    skew = _skew(reply)
    if skew is not None and abs(skew) > ALLOWED_SKEW:
        direction = "ahead" if skew > 0 else "behind"
        evidence = f"by its own Date header this machine's clock is {_span(abs(skew))} {direction}"
        return _finding("clock-skew", asked, oci_code=said, evidence=evidence)
    if "clock skew" in message.lower():
        return _finding("clock-skew", asked, oci_code=said, evidence="by its own words this machine's clock is off")
    ruled_out = "the key is a whole RSA key, and its fingerprint is the one sent"
    if asked.whole:
        ruled_out = "the key is a whole RSA key, its fingerprint is the one sent, and both OCIDs are well formed"
    if skew is not None:
        ruled_out += f"; this machine's clock is right ({abs(skew):.0f} s off)"
    return _finding("not-authenticated", asked, oci_code=said, ruled_out=ruled_out)


def _json(body: bytes) -> Any:
    """The body as JSON; None for what is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _error(parsed: Any) -> tuple[str, str]:
    """OCI's code and message; ("", "") where `parsed` is no error in OCI's form (API reference, "Error")."""
    if not isinstance(parsed, dict) or not isinstance(parsed.get("code"), str):
        return "", ""
    message = parsed.get("message")
    return parsed["code"] or "without a code", message if isinstance(message, str) else ""


_NAMESPACE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")


def _value(parsed: Any, call: Call) -> str:
    """What the call gives when it is OCI that answers: the namespace, or the first region's name. Else ""."""
    if call.name == "GetNamespace":
        return parsed if isinstance(parsed, str) and _NAMESPACE.fullmatch(parsed) else ""
    if isinstance(parsed, list) and parsed and all(isinstance(region, dict) for region in parsed):
        name = parsed[0].get("name")
        return name if isinstance(name, str) and _NAMESPACE.fullmatch(name) else ""
    return ""


def _date(text: str) -> float | None:
    """An HTTP date in seconds since the epoch; None for what is none."""
    try:
        moment = parsedate_to_datetime(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()
    except (ValueError, OverflowError):
        return None


def _skew(reply: Reply) -> float | None:
    """By how many seconds this machine's clock is ahead of the server's; None where the answer does not tell."""
    date = _date(reply.headers.get("date", ""))
    return None if date is None else reply.time - date


def _span(seconds: float) -> str:
    """A length of time in words, in its largest unit and the next: `15 minutes`, `2 hours 5 minutes`, `3 days`."""
    minutes = round(seconds / 60)
    for size, name, smaller, small_name in ((1440, "day", 60, "hour"), (60, "hour", 1, "minute"), (1, "minute", 1, "")):
        if minutes >= size:
            parts = [(minutes // size, name), (minutes % size // smaller, small_name)]
            return " ".join(f"{number} {unit}{'s' * (number > 1)}" for number, unit in parts if number and unit)
    return "0 minutes"


def _wait(reply: Reply) -> float:
    """The seconds that Retry-After asks to wait (RFC 9110, 10.2.3: seconds, or a date); 0 where it asks nothing."""
    text = reply.headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return float(text)
    until = _date(text)
    # Counted from the answer's own Date where there is one: the two clocks need not agree.
    return 0.0 if until is None else max(0.0, until - (_date(reply.headers.get("date", "")) or reply.time))


def _request_id(text: str) -> str:
    """OCI's opc-request-id, which its support asks for; "" for what does not look like one."""
    return text if re.fullmatch(r"[A-Za-z0-9_./-]{1,200}", text) else ""
