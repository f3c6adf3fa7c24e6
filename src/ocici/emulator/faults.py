"""How the emulator misbehaves when told to: one text a fault, as `Emulator.fault` and `--fault` take it.

| text | what happens |
| --- | --- |
| `deny` | 404 NotAuthorizedOrNotFound to every signed request: a policy is missing |
| `not-allowed` | 403 NotAllowed to every signed request: the home region is wanted |
| `throttle`, `throttle:N` | 429 TooManyRequests with Retry-After; N times, then no more |
| `fail`, `fail:N` | 500 InternalServerError |
| `unavailable`, `unavailable:N` | 503 ServiceUnavailable |
| `reset`, `reset:N` | the connection is reset (TCP RST) without an answer |
| `hang` | the request is read and never answered, until the emulator stops |
| `garbage` | 200 and an HTML page, as a captive portal gives it |
| `skew:SECONDS` | the server's clock is off by SECONDS (may be negative), its Date header too |
| `latency:MS` | every answer comes MS milliseconds late |
"""

from __future__ import annotations

import math
import re
from typing import Final

COUNTED: Final = ("throttle", "fail", "unavailable", "reset")
PLAIN: Final = ("deny", "not-allowed", "hang", "garbage")
MEASURED: Final = ("skew", "latency")
KINDS: Final = (*COUNTED, *PLAIN, *MEASURED)

_FORMS = (*(f"{kind}[:N]" for kind in COUNTED), *PLAIN, "skew:SECONDS", "latency:MS")
_NUMBER = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,3})?")


class Faults:
    """The faults that are set. Not safe to use from several threads: the emulator guards it.

    Parameters: `texts`, as the table above has them. Raises `ValueError` for a text that is not in it.
    """

    def __init__(self, *texts: str) -> None:
        self._left: dict[str, float] = {}
        self._measures: dict[str, float] = {}
        for text in texts:
            self._add(text)

    def _add(self, text: str) -> None:
        kind, colon, argument = text.partition(":")
        if kind in MEASURED and _NUMBER.fullmatch(argument) and (kind == "skew" or float(argument) >= 0):
            self._measures[kind] = float(argument)
        elif kind in COUNTED and colon and argument.isascii() and argument.isdigit() and len(argument) <= 9:
            self._left[kind] = int(argument)
        elif kind in COUNTED + PLAIN and not colon:
            self._left[kind] = math.inf
        else:
            raise ValueError(f"no such fault: {text!r}; there are {', '.join(_FORMS)}")

    def measure(self, kind: str) -> float:
        """The seconds of `skew` or milliseconds of `latency` that are set, else 0."""
        return self._measures.get(kind, 0.0)

    def take(self, signed: bool) -> str | None:
        """The fault that this request meets, used up by one. `deny` and `not-allowed` are for signed requests."""
        for kind, left in self._left.items():
            if left > 0 and (signed or kind not in ("deny", "not-allowed")):
                self._left[kind] = left - 1
                return kind
        return None
