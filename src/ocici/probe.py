"""The probe: asks OCI, for each profile, whether it accepts the credentials.

The profiles are asked in parallel, within one deadline that holds whatever the network does. What a retry can mend is
asked again (429, 5xx, a connection that broke, DNS that says "try again"), with full jitter; a refusal never is.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from ocici import checks, regions
from ocici.credentials import Credentials, Profile
from ocici.findings import Finding, Refused, refused
from ocici.probe_answers import CALLS, Asked, Call, CallName, Failure, Outcome, Reply, Verdict, of_failure, of_reply
from ocici.probe_network import Endpoint
from ocici.probe_network import endpoint as parse_endpoint
from ocici.probe_trust import Trust, trust

THREADS: Final = 32
"""Profiles asked at a time. 1,000 profiles at 50 ms are then 1.6 s of waiting; more would be threads for nothing."""
FIRST_PAUSE: Final = 0.25
LONGEST_PAUSE: Final = 4.0
"""Seconds; the longest pause before the first retry and before any. Drawn from 0 to that ("full jitter")."""
NAMED: Final = 10
"""Profiles that a finding about all of them names."""
WORTH_IT: Final = 0.2
"""Seconds; with less than that left of the deadline there is no time for another try."""


@dataclass(frozen=True)
class Answer:
    """What OCI said to one profile.

    `accepted`: it takes the credentials; `refused`: it answered, and does not; `failed`: nothing that tells. `status`
    is the HTTP status, None where there was no answer; `seconds` and `attempts` count the whole of it, retries and
    pauses included; `namespace` is empty for ListRegions; `request_id` is OCI's opc-request-id, which its support
    asks for; `findings` are empty when accepted; `host` is who was asked, and `reason` why there was no answer: a
    finding's code and what it tells beside host and time, () where there was one.
    """

    profile: str
    call: CallName
    outcome: Outcome
    status: int | None
    seconds: float
    attempts: int
    namespace: str
    request_id: str
    findings: tuple[Finding, ...]
    host: str
    reason: tuple[str, ...]


def told(answers: Sequence[Answer]) -> list[tuple[Finding, ...]]:
    """What to tell of each of `answers`: its findings.

    But where none of several profiles got an answer, all for the same reason, the first has one finding that is about
    all of them, and the others have none.
    """
    reasons = {answer.reason for answer in answers}
    if len(reasons) > 1:
        reasons.discard(_NOT_ASKED)  # which goes with whatever kept the others
    if len(answers) < 2 or len(reasons) > 1 or () in reasons:
        return [answer.findings for answer in answers]
    found = max(answers, key=lambda answer: (answer.attempts > 0, answer.seconds)).findings[0]
    names = [answer.profile for answer in answers]
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    hosts = {answer.host for answer in answers}
    also = f" and their {len(hosts)} hosts" if len(hosts) > 1 else ""
    cause = f"{found.cause} It is the same for all {len(names)} profiles ({', '.join(names[:NAMED])}{more}){also}."
    return [(found._replace(cause=cause, profile=""),), *[()] * (len(answers) - 1)]


_NOT_ASKED: Final = ("not-asked",)


def probe(
    profiles: Sequence[Profile],
    call: str = "namespace",
    endpoint: str = "",
    deadline: float = 20.0,
    sdk: bool = False,
    environ: Mapping[str, str] | None = None,
) -> list[Answer]:
    """One answer a profile, in the order of `profiles`.

    Parameters: `profiles`, completed by the checks (clean key, fingerprint, region); `call`, "namespace" (Object
    Storage GetNamespace) or "regions" (Identity ListRegions); `endpoint`, a URL to ask instead of each region's own;
    `deadline` in seconds, for all profiles together; `sdk`: ask through the oci SDK; `environ`, read for proxies,
    CAs and OCI_REGION_METADATA (default: the process's). Raises `Refused` before anything is sent: usage for a
    malformed endpoint or domain or an SDK that is not there, ca-unreadable for a CA file that is not.
    """
    if not profiles:
        return []
    end = time.monotonic() + deadline
    environ = os.environ if environ is None else environ
    asked = CALLS[call]
    targets = _targets(profiles, asked, endpoint, environ)
    make = _transport(asked, targets, sdk, environ)
    tries = [_Try(profile, target, asked, end) for profile, target in zip(profiles, targets, strict=True)]
    # Threads of our own, and daemons: nothing can interrupt a look-up in DNS, and one that hangs must neither hold up
    # this function at its deadline nor the process at its exit.
    queue = iter(tries)
    lock = threading.Lock()
    errors: list[Exception] = []

    def work() -> None:
        transport = make()
        try:
            while True:
                with lock:
                    following = next(queue, None)
                if following is None or time.monotonic() >= end:
                    return
                following.run(transport)
        except Exception as error:  # noqa: BLE001 (raised again below, where it is seen)
            errors.append(error)
        finally:
            transport.close()

    threads = [threading.Thread(target=work, name="ocici-probe", daemon=True) for _ in range(min(THREADS, len(tries)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    if errors:
        raise errors[0]
    return [attempt.answer() for attempt in tries]


class _Transport(Protocol):
    def ask(self, credentials: Credentials, target: Endpoint, left: float) -> Reply: ...

    def close(self) -> None: ...


def _targets(profiles: Sequence[Profile], call: Call, url: str, environ: Mapping[str, str]) -> list[Endpoint]:
    """Where each profile's question goes."""
    if url:
        return [parse_endpoint(url)] * len(profiles)
    known: dict[str, Endpoint] = {}
    for region in {profile.credentials.region for profile in profiles}:
        known[region] = _own_endpoint(call.service, region, environ)
    return [known[profile.credentials.region] for profile in profiles]


def _own_endpoint(service: str, region: str, environ: Mapping[str, str]) -> Endpoint:
    """The region's own endpoint. Raises `Refused` (usage), which names the variable that gave no domain for it."""
    url = regions.endpoint(service, region, environ)
    for name in ("OCI_REGION_METADATA", "OCI_DEFAULT_REALM"):
        others = {other: value for other, value in environ.items() if other != name}
        if name in environ and url != regions.endpoint(service, region, others) and not _is_host(url):
            detail = f"{name} takes a domain such as oraclecloud.com, with nothing before or after it."
            raise refused("usage", detail=detail, command="setup")
    return parse_endpoint(url)


def _is_host(url: str) -> bool:
    try:
        return not parse_endpoint(url).prefix
    except Refused:
        return False


def _transport(
    call: Call, targets: Sequence[Endpoint], sdk: bool, environ: Mapping[str, str]
) -> Callable[[], _Transport]:
    """What makes a transport for a thread."""
    secure = any(target.scheme == "https" for target in targets)
    trusted = trust(environ) if secure else Trust()
    if sdk:
        from ocici.probe_sdk import Sdk, load_sdk

        module = load_sdk()
        return lambda: Sdk(module, call, environ, trusted)
    from ocici.probe_light import Light, context

    tls = context(trusted) if secure else None
    return lambda: Light(call, environ, trusted, tls)


class _Try:
    """One profile's question, asked until it is answered, refused, or out of time."""

    def __init__(self, profile: Profile, target: Endpoint, call: Call, end: float) -> None:
        self._profile = profile
        self._target = target
        self._call = call
        self._end = end
        self._started = time.monotonic()
        self._attempts = 0
        self._latest: Verdict | None = None
        self._answer: Answer | None = None

    def run(self, transport: _Transport) -> None:
        """Ask, and ask again while a retry can mend what came."""
        self._started = time.monotonic()
        while self._answer is None:
            self._attempts += 1
            left = max(0.01, self._end - time.monotonic())
            try:
                reply = transport.ask(self._profile.credentials, self._target, left)
                verdict = of_reply(reply, self._asked())
            except Failure as failure:
                verdict = self._failed(failure)
            self._latest = verdict
            pause = self._pause(verdict)
            if pause is None:
                self._answer = self._made(verdict)
            else:
                time.sleep(pause)

    def _pause(self, verdict: Verdict) -> float | None:
        """The seconds to wait before the next try; None: do not try again."""
        if not verdict.mendable:
            return None
        longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self._attempts - 1, 10))
        pause = verdict.wait + random.uniform(0.0, longest)  # noqa: S311 (spreads load, hides nothing)
        return pause if pause + WORTH_IT < self._end - time.monotonic() else None

    def answer(self) -> Answer:
        """The answer; the deadline has passed when there is none yet."""
        if self._answer:
            return self._answer
        if not self._attempts:
            return self._made(of_failure(Failure("not-asked"), self._asked()))
        return self._made(self._failed(Failure("timed-out", what="answer")))

    def _failed(self, failure: Failure) -> Verdict:
        """What `failure` means; what was said to the try before says more than silence."""
        if failure.code == "timed-out" and self._latest:
            return self._latest
        return of_failure(failure, self._asked())

    def _asked(self) -> Asked:
        credentials = self._profile.credentials
        return Asked(
            profile=self._profile.name,
            region=credentials.region,
            fingerprint=credentials.fingerprint,
            call=self._call,
            host=self._target.netloc,
            seconds=time.monotonic() - self._started,
            attempts=self._attempts,
            whole=checks.has_usual_length(credentials.user) and checks.has_usual_length(credentials.tenancy),
        )

    def _made(self, verdict: Verdict) -> Answer:
        return Answer(
            profile=self._profile.name,
            call=self._call.name,
            outcome=verdict.outcome,
            status=verdict.status,
            seconds=time.monotonic() - self._started,
            attempts=self._attempts,
            namespace=verdict.namespace,
            request_id=verdict.request_id,
            findings=verdict.findings,
            host=self._target.netloc,
            reason=verdict.reason,
        )
