"""The operations of OCI that the emulator serves: a verified request in, an answer out.

Paths and JSON field names: OCI API reference (docs.oracle.com/iaas/api), Object Storage GetNamespace and Identity
20160918. Error codes: docs.oracle.com, API, "API Errors". There are no policies: a user may do what OCI
lets every user do without one, that is, see itself and manage its own API keys.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Final
from urllib.parse import unquote

from ocici.emulator.state import ApiKey, KeyExistsError, KeyRefusedError, LimitError, State, namespace
from ocici.regions import REGIONS, SHORT

JSON_TYPE: Final = "application/json"


@dataclass(frozen=True)
class Answer:
    """An answer before it is written: `body` is sent as it is, `headers` beside those that every answer has."""

    status: int
    body: bytes = b""
    content_type: str = JSON_TYPE
    headers: dict[str, str] = field(default_factory=dict)


def data(value: Any, status: int = 200) -> Answer:
    """`value` as JSON."""
    return Answer(status, json.dumps(value).encode())


def failure(status: int, code: str, message: str, **headers: str) -> Answer:
    """An error in OCI's shape; `headers` with underscores for hyphens."""
    body = json.dumps({"code": code, "message": message}).encode()
    return Answer(status, body, headers={name.replace("_", "-"): value for name, value in headers.items()})


NOT_FOUND: Final = failure(404, "NotAuthorizedOrNotFound", "Authorization failed or requested resource not found.")
NOT_ALLOWED: Final = failure(
    403, "NotAllowed", "Please go to your home region IAD to execute CREATE, UPDATE and DELETE operations."
)
THROTTLED: Final = failure(429, "TooManyRequests", "Too many requests for the user", Retry_After="1")
FAILED: Final = failure(500, "InternalServerError", "Internal error occurred")
UNAVAILABLE: Final = failure(503, "ServiceUnavailable", "The service is currently unavailable.")
PORTAL: Final = Answer(
    200,
    b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Welcome to the network</body></html>\n",
    "text/html; charset=utf-8",
)


def answer(state: State, caller: ApiKey, method: str, target: str, body: bytes, now: float, creating: float) -> Answer:
    """The answer to a request that `caller`'s key signed.

    `target` is path and query; `now` the server's time in seconds since the epoch; `creating` for how many
    seconds a key just uploaded is CREATING.
    """
    path = target.partition("?")[0]
    parts = tuple(unquote(part) for part in path.strip("/").split("/"))
    tenancy, user = caller.tenancy, caller.user
    match (method, *parts):
        case ("GET", "n"):
            return data(namespace(tenancy))
        case ("GET", "20160918", "regions"):
            return data(_regions(tenancy))
        case ("GET", "20160918", "users", asked) if asked == user:
            return _user(state, tenancy, user)
        case ("GET", "20160918", "users", asked, "apiKeys") if asked == user:
            return data([_key(key, now) for key in state.keys(tenancy, user)])
        case ("POST", "20160918", "users", asked, "apiKeys") if asked == user:
            return _upload(state, tenancy, user, body, now, creating)
        case ("DELETE", "20160918", "users", asked, "apiKeys", fingerprint) if asked == user:
            return Answer(204) if state.delete(tenancy, user, fingerprint) else NOT_FOUND
        case _:
            return NOT_FOUND


def _regions(tenancy: str) -> list[dict[str, str]]:
    """The regions of the realm that the tenancy's OCID names; of oc1 when it names none."""
    realm = [*tenancy.split("."), "", ""][2] or "oc1"
    return [{"key": short.upper(), "name": name} for short, name in SHORT.items() if REGIONS[name] == realm]


def _user(state: State, tenancy: str, user: str) -> Answer:
    found = state.user(tenancy, user)
    if found is None:
        return NOT_FOUND
    return data(
        {
            "id": user,
            "compartmentId": tenancy,
            "name": "emulated-user",
            "description": "A user of the emulator",
            "timeCreated": _time(found.created),
            "lifecycleState": "ACTIVE",
            "isMfaActivated": False,
        }
    )


def _key(key: ApiKey, now: float) -> dict[str, str]:
    return {
        "keyId": key.key_id,
        "keyValue": key.pem,
        "fingerprint": key.fingerprint,
        "userId": key.user,
        "timeCreated": _time(key.created),
        "lifecycleState": key.state(now),
    }


def _upload(state: State, tenancy: str, user: str, body: bytes, now: float, creating: float) -> Answer:
    try:
        details = json.loads(body)
    except (ValueError, RecursionError):
        return failure(400, "CannotParseRequest", "Incorrectly formatted request. Please refer to our documentation.")
    pem = details.get("key") if isinstance(details, dict) else None
    if not isinstance(pem, str) or not pem:
        return failure(400, "MissingParameter", "The required parameter key is missing.")
    try:
        key = state.upload(tenancy, user, pem.encode("utf-8", "replace"), creating)
    except KeyRefusedError as error:
        return failure(400, "InvalidParameter", f"The key is invalid: {error}.")
    except KeyExistsError:
        return failure(409, "Conflict", "The user has an API key with this fingerprint already.")
    except LimitError:
        return failure(400, "LimitExceeded", "The maximum number of API keys for this user, 3, is reached.")
    # OCI answers an upload with CREATING, however soon the key is ACTIVE.
    return data({**_key(key, now), "lifecycleState": "CREATING"})


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
