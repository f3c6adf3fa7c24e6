"""The emulator: verifies every request that the listener reads, answers it or misbehaves, and records it."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timezone
from types import TracebackType
from typing import Final

from ocici.emulator import api
from ocici.emulator.faults import Faults
from ocici.emulator.listener import Listener, Reply
from ocici.emulator.state import State, namespace
from ocici.emulator.verify import Request, Verdict, verify

RECORDS_KEPT: Final = 10_000

_FAULTS: Final[dict[str, Reply]] = {
    "deny": api.NOT_FOUND,
    "not-allowed": api.NOT_ALLOWED,
    "throttle": api.THROTTLED,
    "fail": api.FAILED,
    "unavailable": api.UNAVAILABLE,
    "garbage": api.PORTAL,
    "hang": "hang",
    "reset": "reset",
}


@dataclass(frozen=True)
class Record:
    """One request that the emulator saw.

    `path` is path and query as they came; `status` is 0 when no answer was given; `reason` says why a
    request was refused (`clock skew`, `unknown key id`, `fault: deny`), and is empty for one that was served;
    `time` is in seconds since the epoch, by this machine's clock.
    """

    method: str
    path: str
    host: str
    key_id: str
    verified: bool
    status: int
    reason: str
    time: float


class Emulator:
    """The embedded OCI. Use it as a context manager; it serves while the block runs.

    Parameters: `port` on 127.0.0.1 (0: a free one); `latency`, seconds by which every answer is late;
    `creating`, seconds for which a key that was uploaded through the API is CREATING before it is ACTIVE.
    Entering raises `OSError` when the port cannot be had.
    """

    def __init__(self, port: int = 0, latency: float = 0.0, creating: float = 0.0) -> None:
        self._port = port
        self._latency = latency
        self._creating = creating
        self._faults = Faults()
        self._records: deque[Record] = deque(maxlen=RECORDS_KEPT)
        self._lock = threading.Lock()
        self._state = State(self.now)
        self._listener: Listener | None = None
        self._endpoint = ""

    # -- for whoever uses it ------------------------------------------------------------------------------

    @property
    def endpoint(self) -> str:
        """`http://127.0.0.1:PORT`. Raises `RuntimeError` before the emulator was entered."""
        if not self._endpoint:
            raise RuntimeError("the emulator has not been started")
        return self._endpoint

    @property
    def requests(self) -> list[Record]:
        """The last 10,000 requests, oldest first. A request stands here before its answer is sent."""
        with self._lock:
            return list(self._records)

    def register(self, tenancy: str, user: str, public_pem: bytes, lifecycle: str = "ACTIVE") -> str:
        """Give `user` of `tenancy` (OCIDs) a public key (RSA, PEM); returns the key's fingerprint.

        Registering the same key again sets its `lifecycle`: CREATING, ACTIVE, INACTIVE, DELETING or DELETED;
        only an ACTIVE key signs. Raises `ValueError` for what OCI would not take, a fourth key included.
        """
        return self._state.put(tenancy, user, public_pem, lifecycle).fingerprint

    def fault(self, *kinds: str | None) -> None:
        """Misbehave from now on (module `faults` has the table), in place of what was set before; None: behave.

        Raises `ValueError` for a fault that is not in the table.
        """
        faults = Faults(*(kind for kind in kinds if kind is not None))
        with self._lock:
            self._faults = faults

    def namespace(self, tenancy: str) -> str:
        """The Object Storage namespace that GetNamespace gives for `tenancy`."""
        return namespace(tenancy)

    def __enter__(self) -> Emulator:
        self._listener = Listener(self._port, self)
        self._endpoint = f"http://127.0.0.1:{self._listener.server_address[1]}"
        self._listener.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._listener is not None:
            self._listener.stop()
            self._listener = None

    # -- for the listener ---------------------------------------------------------------------------------

    def now(self) -> float:
        """The server's clock, in seconds since the epoch: this machine's, unless it is told to be off."""
        return time.time() + self._faults.measure("skew")

    def reply(self, request: Request) -> tuple[Reply, float]:
        """What to answer to `request`, and the seconds to wait before that."""
        verdict = verify(request, self._state.key, datetime.fromtimestamp(self.now(), timezone.utc))
        with self._lock:
            fault = self._faults.take(signed=verdict.key is not None)
            late = self._latency + self._faults.measure("latency") / 1000
        reply: Reply
        if fault is not None:
            reply, reason = _FAULTS[fault], f"fault: {fault}"
        elif verdict.key is None:
            reply, reason = api.failure(401, "NotAuthenticated", verdict.message), verdict.reason
        else:
            reply = api.answer(
                self._state, verdict.key, request.method, request.target, request.body, self.now(), self._creating
            )
            reason = "" if reply.status < 400 else f"answered {reply.status}"
        self._record(request, verdict, reply.status if isinstance(reply, api.Answer) else 0, reason)
        return reply, late

    def malformed(self, request: Request, status: int, reason: str) -> None:
        """Record a request that could not be read."""
        self._record(request, Verdict(None), status, reason)

    def _record(self, request: Request, verdict: Verdict, status: int, reason: str) -> None:
        record = Record(
            method=request.method,
            path=request.target,
            host=", ".join(request.values("host")),
            key_id=verdict.key_id,
            verified=verdict.key is not None,
            status=status,
            reason=reason,
            time=time.time(),
        )
        with self._lock:
            self._records.append(record)
