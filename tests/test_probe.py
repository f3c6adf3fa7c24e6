"""The probe against the emulator: each answer of OCI and each failure, by both transports."""

from __future__ import annotations

import functools
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ocici.credentials import Credentials, Profile, Secret
from ocici.emulator import Emulator
from ocici.findings import Refused
from ocici.probe import Answer, _Try, probe, told
from ocici.probe_answers import CALLS, Asked, Failure, Reply, clean, of_failure, of_reply
from ocici.probe_light import Light
from ocici.probe_network import Endpoint, failure
from ocici.probe_network import endpoint as parse_endpoint
from ocici.probe_trust import Trust

TENANCY = "ocid1.tenancy.oc1..aaaaaaaaexampletenancy"
USER = "ocid1.user.oc1..aaaaaaaaexampleuser"

both = pytest.mark.parametrize("sdk", [False, True], ids=["light", "sdk"])


@functools.cache
def pems(which: int) -> tuple[bytes, bytes]:
    """A private and a public key; another pair for each number."""
    key = rsa.generate_private_key(65537, 2048)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def profile(fingerprint: str, name: str = "DEFAULT", user: str = USER, key: int = 0) -> Profile:
    return Profile(name, Credentials(user, TENANCY, fingerprint, "eu-frankfurt-1", Secret(pems(key)[0])))


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator() as running:
        yield running


@pytest.fixture
def known(emulator: Emulator) -> Profile:
    """A profile that the emulator knows."""
    return profile(emulator.register(TENANCY, USER, pems(0)[1]))


def ask(profile: Profile, endpoint: str, sdk: bool = False, deadline: float = 5.0, call: str = "namespace") -> Answer:
    """The one answer to the one profile. No variable of this machine takes part."""
    (answer,) = probe([profile], call, endpoint, deadline, sdk, environ={})
    assert answer.profile == profile.name
    return answer


def code(answer: Answer) -> str:
    (finding,) = answer.findings
    assert finding.profile == answer.profile
    assert "{" not in finding.cause + finding.fix
    return finding.code


# -- OCI's answers ----------------------------------------------------------------------------------------


@both
def test_accepted(emulator: Emulator, known: Profile, sdk: bool) -> None:
    answer = ask(known, emulator.endpoint, sdk)
    assert (answer.outcome, answer.call, answer.status, answer.attempts) == ("accepted", "GetNamespace", 200, 1)
    assert answer.namespace == emulator.namespace(TENANCY)
    assert answer.request_id
    assert answer.findings == ()
    assert 0 < answer.seconds < 5
    assert [(record.path, record.verified) for record in emulator.requests] == [("/n", True)]


@both
def test_accepted_by_list_regions(emulator: Emulator, known: Profile, sdk: bool) -> None:
    answer = ask(known, emulator.endpoint, sdk, call="regions")
    assert (answer.outcome, answer.call, answer.namespace) == ("accepted", "ListRegions", "")
    assert [record.path for record in emulator.requests] == ["/20160918/regions"]


@both
def test_a_key_that_was_not_uploaded(emulator: Emulator, known: Profile, sdk: bool) -> None:
    answer = ask(profile(known.credentials.fingerprint, key=1), emulator.endpoint, sdk)
    assert (answer.outcome, answer.status, answer.attempts) == ("refused", 401, 1)
    assert code(answer) == "not-authenticated"
    cause = answer.findings[0].cause
    assert known.credentials.fingerprint in cause
    assert "eu-frankfurt-1" in cause
    assert "this machine's clock is right (" in cause
    assert len(emulator.requests) == 1


@both
def test_an_unknown_user(emulator: Emulator, known: Profile, sdk: bool) -> None:
    answer = ask(profile(known.credentials.fingerprint, user=USER + "x"), emulator.endpoint, sdk)
    assert (answer.outcome, code(answer)) == ("refused", "not-authenticated")
    assert 'NotAuthenticated ("The required information to complete' in answer.findings[0].cause


@both
@pytest.mark.parametrize(
    ("call", "policy"),
    [
        ("namespace", "Allow group GROUP to read objectstorage-namespaces in tenancy"),
        ("regions", "Allow group GROUP to inspect tenancies in tenancy"),
    ],
)
def test_denied_by_policy(emulator: Emulator, known: Profile, sdk: bool, call: str, policy: str) -> None:
    emulator.fault("deny")
    answer = ask(known, emulator.endpoint, sdk, call=call)
    assert (answer.outcome, answer.status, answer.attempts) == ("refused", 404, 1)
    assert code(answer) == "not-authorized"
    assert policy in answer.findings[0].fix
    assert len(emulator.requests) == 1


@both
def test_not_allowed(emulator: Emulator, known: Profile, sdk: bool) -> None:
    emulator.fault("not-allowed")
    answer = ask(known, emulator.endpoint, sdk)
    assert (answer.outcome, answer.status, answer.attempts, code(answer)) == ("refused", 403, 1, "not-allowed")
    assert "home region IAD" in answer.findings[0].cause


@both
@pytest.mark.parametrize(("skew", "said"), [(900, "15 minutes behind"), (-900, "15 minutes ahead")])
def test_a_clock_that_is_wrong(emulator: Emulator, known: Profile, sdk: bool, skew: int, said: str) -> None:
    emulator.fault(f"skew:{skew}")
    answer = ask(known, emulator.endpoint, sdk)
    assert (answer.outcome, answer.status, answer.attempts, code(answer)) == ("refused", 401, 1, "clock-skew")
    assert said in answer.findings[0].cause


def test_a_clock_that_is_right_enough(emulator: Emulator, known: Profile) -> None:
    emulator.fault("skew:250")
    assert ask(known, emulator.endpoint).outcome == "accepted"


@both
def test_a_sign_in_page(emulator: Emulator, known: Profile, sdk: bool) -> None:
    emulator.fault("garbage")
    answer = ask(known, emulator.endpoint, sdk)
    assert (answer.outcome, answer.status, answer.namespace) == ("failed", 200, "")
    assert (code(answer), answer.attempts) == ("unexpected-answer", 1)


@both
def test_a_failure_over_plain_http_may_be_a_proxy_s(known: Profile, sdk: bool) -> None:
    with Raw(b"HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Length: 6\r\n\r\n<html>") as server:
        answer = ask(known, server.endpoint, sdk, deadline=2.5)
        assert answer.attempts == len(server.seen) > 1
    assert (code(answer), answer.status) == ("service-failed", 502)
    assert ", or a proxy on the way, answered 502 without a code" in answer.findings[0].cause
    assert "the proxy if there is one" in answer.findings[0].fix


# -- what a retry can mend --------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("fault", ["fail:2", "unavailable:2", "reset:2"])
def test_mended_by_retries(emulator: Emulator, known: Profile, sdk: bool, fault: str) -> None:
    emulator.fault(fault)
    answer = ask(known, emulator.endpoint, sdk)
    assert (answer.outcome, answer.attempts, answer.findings) == ("accepted", 3, ())
    assert len(emulator.requests) == 3


@both
def test_throttled_and_told_when_to_come_back(emulator: Emulator, known: Profile, sdk: bool) -> None:
    emulator.fault("throttle:1")
    answer = ask(known, emulator.endpoint, sdk)
    assert (answer.outcome, answer.attempts) == ("accepted", 2)
    first, second = emulator.requests
    assert 1.0 <= second.time - first.time < 2.0  # Retry-After: 1


@both
@pytest.mark.parametrize(
    ("fault", "expected", "status"),
    [("throttle", "throttled", 429), ("fail", "service-failed", 500), ("reset", "connection-reset", None)],
)
def test_never_mended(
    emulator: Emulator, known: Profile, sdk: bool, fault: str, expected: str, status: int | None
) -> None:
    emulator.fault(fault)
    started = time.monotonic()
    answer = ask(known, emulator.endpoint, sdk, deadline=1.6)
    assert time.monotonic() - started < 1.7
    assert (answer.outcome, answer.status, code(answer)) == ("failed", status, expected)
    assert answer.attempts == len(emulator.requests) >= 2
    assert answer.findings[0].exit_code == 3


def test_no_waiting_beyond_the_deadline(emulator: Emulator, known: Profile) -> None:
    emulator.fault("throttle")
    answer = ask(known, emulator.endpoint, deadline=0.9)  # Retry-After: 1
    assert (code(answer), answer.attempts) == ("throttled", 1)
    assert answer.seconds < 0.5


# -- the deadline -----------------------------------------------------------------------------------------


@both
def test_a_server_that_hangs(emulator: Emulator, known: Profile, sdk: bool) -> None:
    emulator.fault("hang")
    started = time.monotonic()
    answer = ask(known, emulator.endpoint, sdk, deadline=1.0)
    assert 0.9 < time.monotonic() - started < 1.3
    assert (answer.outcome, answer.status, code(answer)) == ("failed", None, "timed-out")
    for thread in threading.enumerate():
        if thread.name == "ocici-probe":
            thread.join(1)
            assert not thread.is_alive()  # its own timeouts end it too


def test_a_server_that_fails_and_then_hangs(emulator: Emulator, known: Profile) -> None:
    emulator.fault("fail:1", "hang")
    answer = ask(known, emulator.endpoint, deadline=1.0)
    assert (code(answer), answer.status, answer.attempts) == ("service-failed", 500, 2)


class Scripted:
    """A transport that gives what it is told to, one thing a try."""

    def __init__(self, *script: Reply | Failure) -> None:
        self._script = list(script)

    def ask(self, credentials: Credentials, target: Endpoint, left: float) -> Reply:
        following = self._script.pop(0)
        if isinstance(following, Failure):
            raise following
        return following

    def close(self) -> None: ...


def test_an_answer_says_more_than_the_silence_after_it(known: Profile) -> None:
    attempt = _Try(known, parse_endpoint("http://127.0.0.1:9"), CALLS["namespace"], time.monotonic() + 0.7)
    attempt.run(Scripted(Reply(503, {}, b'{"code": "X"}', 0.0), *[Failure("timed-out", what="answer")] * 9))
    assert code(attempt.answer()) == "service-failed"


def test_a_server_that_drips(known: Profile) -> None:
    """One byte every 50 ms: no single wait is ever long."""
    with Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b" " * 1000, drip=0.05) as server:
        started = time.monotonic()
        answer = ask(known, server.endpoint, deadline=0.5)
        assert 0.4 < time.monotonic() - started < 0.8
    assert code(answer) == "timed-out"


def test_more_profiles_than_a_hanging_server_leaves_time_for(emulator: Emulator, known: Profile) -> None:
    emulator.fault("hang")
    started = time.monotonic()
    answers = probe([known] * 100, endpoint=emulator.endpoint, deadline=0.5, environ={})
    assert time.monotonic() - started < 0.9
    assert {(code(answer), answer.attempts) for answer in answers} == {("timed-out", 1), ("not-asked", 0)}
    ((found,), *others) = told(answers)
    assert (found.code, found.profile, set(others)) == ("timed-out", "", {()})
    assert found.cause.startswith(f"{emulator.endpoint[7:]} gave no answer within 0.5 s (asked once). It is the same ")


def test_a_name_look_up_that_hangs_holds_up_nothing(known: Profile) -> None:
    """Nothing can interrupt getaddrinfo: the probe and the whole process must end all the same."""
    script = f"""
import socket, time, sys
socket.getaddrinfo = lambda *_, **__: time.sleep(60)
from ocici.credentials import Credentials, Profile, Secret
from ocici.probe import probe
key = Secret(sys.stdin.read())
profile = Profile("DEFAULT", Credentials({USER!r}, {TENANCY!r}, "aa", "eu-frankfurt-1", key))
print(probe([profile], deadline=0.5, environ={{}})[0].findings[0].code)
"""
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", script], input=pems(0)[0].decode(), capture_output=True, text=True, timeout=30
    )
    assert (done.stdout, done.stderr) == ("timed-out\n", "")
    assert time.monotonic() - started < 3


# -- many profiles ----------------------------------------------------------------------------------------


@both
def test_many_profiles_in_their_order(emulator: Emulator, sdk: bool) -> None:
    profiles = []
    for number in range(50):
        user = f"{USER}{number}"
        fingerprint = emulator.register(TENANCY, user, pems(0)[1])
        profiles.append(profile(fingerprint, f"P{number}", user if number % 7 else user + "x"))
    answers = probe(profiles, endpoint=emulator.endpoint, deadline=20, sdk=sdk, environ={})
    assert [answer.profile for answer in answers] == [f"P{number}" for number in range(50)]
    for number, answer in enumerate(answers):
        assert answer.outcome == ("accepted" if number % 7 else "refused")
        assert all(finding.profile == answer.profile for finding in answer.findings)


def test_a_hundred_profiles_under_two_seconds(emulator: Emulator, known: Profile) -> None:
    emulator.fault("latency:50")
    started = time.monotonic()
    answers = probe([known] * 100, endpoint=emulator.endpoint, environ={})
    assert time.monotonic() - started < 2
    assert {answer.outcome for answer in answers} == {"accepted"}


def test_many_failures_trip_no_circuit_breaker(emulator: Emulator, known: Profile) -> None:
    emulator.fault("throttle")
    for _ in range(12):  # the SDK's own breaker opens at the tenth
        assert code(ask(known, emulator.endpoint, sdk=True, deadline=1.1)) == "throttled"


def names(answers: list[Answer]) -> list[str]:
    """What is told of `answers`: for each finding its code and profile."""
    return [f"{found.code} {found.profile}".strip() for findings in told(answers) for found in findings]


@both
def test_what_keeps_all_profiles_from_oci_is_told_once(known: Profile, sdk: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        endpoint = f"http://127.0.0.1:{server.getsockname()[1]}"
    some = [known._replace(name=f"P{number}") for number in range(12)]

    def cause(profiles: list[Profile]) -> str:
        answers = probe(profiles, endpoint=endpoint, sdk=sdk, environ={})
        assert {code(answer) for answer in answers} == {"connection-refused"}
        assert names(answers) == ["connection-refused"]
        return told(answers)[0][0].cause.partition("refused the connection. ")[2]

    assert cause(some[:2]) == "It is the same for all 2 profiles (P0, P1)."
    assert cause(some) == ("It is the same for all 12 profiles (P0, P1, P2, P3, P4, P5, P6, P7, P8, P9 and 2 more).")
    assert names(probe(some[:1], endpoint=endpoint, sdk=sdk, environ={})) == ["connection-refused P0"]


def test_hosts_that_are_all_out_of_reach_are_told_once(known: Profile) -> None:
    places = ["eu-frankfurt-1", "us-ashburn-1", "us-ashburn-1"]
    profiles = [Profile(str(number), known.credentials._replace(region=region)) for number, region in enumerate(places)]
    with socket.create_server(("127.0.0.1", 0)) as server:
        environ = {"HTTPS_PROXY": f"http://127.0.0.1:{server.getsockname()[1]}"}
    answers = probe(profiles, environ=environ)
    assert names(answers) == ["proxy-failed"]
    assert told(answers)[0][0].cause.endswith(" It is the same for all 3 profiles (0, 1, 2) and their 2 hosts.")


def test_what_is_not_the_same_for_all_is_told_of_each(emulator: Emulator, known: Profile) -> None:
    one, other, stranger = (known._replace(name=name) for name in ("ONE", "OTHER", "STRANGER"))
    stranger = stranger._replace(credentials=known.credentials._replace(user=USER + "x"))
    emulator.fault("hang")
    hung = probe([one], endpoint=emulator.endpoint, deadline=0.3, environ={})
    unknown = probe([other], endpoint="http://objectstorage.nowhere.invalid", environ={})
    emulator.fault(None)
    well = probe([other], endpoint=emulator.endpoint, environ={})
    refused = probe([stranger, stranger], endpoint=emulator.endpoint, environ={})
    assert names([*hung, *unknown]) == ["timed-out ONE", "host-unknown OTHER"]
    assert names([*hung, *well]) == ["timed-out ONE"]
    assert names([*well, *hung]) == ["timed-out ONE"]
    assert names(refused) == ["not-authenticated STRANGER"] * 2


def test_no_profiles() -> None:
    assert probe([]) == []


# -- the network ------------------------------------------------------------------------------------------


@both
def test_an_unknown_host(known: Profile, sdk: bool) -> None:
    answer = ask(known, "http://objectstorage.nowhere.invalid", sdk)
    assert (answer.outcome, answer.status, code(answer)) == ("failed", None, "host-unknown")
    assert answer.attempts <= 2
    assert "objectstorage.nowhere.invalid" in answer.findings[0].cause


def test_a_host_name_that_cannot_be_one(known: Profile) -> None:
    assert code(ask(known, f"http://{'a' * 64}.example")) == "host-unknown"


@both
def test_a_refused_port(known: Profile, sdk: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    answer = ask(known, f"http://127.0.0.1:{port}", sdk)
    assert (answer.outcome, answer.attempts, code(answer)) == ("failed", 1, "connection-refused")
    assert f"127.0.0.1:{port}" in answer.findings[0].cause


def test_a_network_without_a_way(known: Profile) -> None:
    # 240.0.0.0/4 is reserved: Linux has no way there, other systems find none.
    assert code(ask(known, "http://255.255.255.255", deadline=1.0)) in ("host-unreachable", "timed-out")


@both
def test_a_server_that_does_not_speak_http(known: Profile, sdk: bool) -> None:
    with Raw(b"220 mail.example ESMTP\r\n") as server:
        answer = ask(known, server.endpoint, sdk)
    assert (code(answer), answer.attempts) == ("unexpected-answer", 1)


@both
def test_a_redirect_is_not_followed(known: Profile, sdk: bool) -> None:
    with Raw(b'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n"name"') as elsewhere:
        with Raw(f"HTTP/1.1 302 Found\r\nLocation: {elsewhere.endpoint}/n\r\n\r\n".encode()) as server:
            answer = ask(known, server.endpoint, sdk)
        assert (code(answer), answer.status) == ("unexpected-answer", 302)
        assert elsewhere.seen == []


def test_an_answer_larger_than_any_of_oci(known: Profile) -> None:
    for size, outcome in ((1000, "accepted"), (20_000, "failed")):
        body = json.dumps([{"key": "FRA", "name": "eu-frankfurt-1"}] * size).encode()
        with Raw(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body) as server:
            assert ask(known, server.endpoint, call="regions").outcome == outcome


def test_after_an_answer_that_is_too_large_the_next_one_is_read(known: Profile) -> None:
    transport = Light(CALLS["namespace"], {}, Trust(), None)
    with Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + b" " * 300_000) as server:
        for _ in range(2):
            assert transport.ask(known.credentials, parse_endpoint(server.endpoint), 5.0).status == 200
    transport.close()


def test_one_connection_serves_while_it_is_fit(emulator: Emulator, known: Profile) -> None:
    transport = Light(CALLS["namespace"], {}, Trust(), None)

    def status(at: Emulator, left: float = 5.0) -> int | str:
        try:
            return transport.ask(known.credentials, parse_endpoint(at.endpoint), left).status
        except Failure as failure:
            return failure.code

    def ports() -> set[int]:
        """The client's ends of the connections to the emulator."""
        assert transport._open
        port: int = transport._open[1].sock.getsockname()[1]
        return {port}

    assert status(emulator) == 200
    first = ports()
    assert status(emulator) == 200
    assert ports() == first
    emulator.fault("hang")
    assert status(emulator, 0.2) == "timed-out"
    emulator.fault(None)
    assert status(emulator) == 200
    assert ports() != first
    with Emulator() as other:
        assert status(other) == 401
        assert len(other.requests) == 1
    assert status(emulator) == 200
    transport.close()


def test_an_endpoint_with_a_prefix(known: Profile) -> None:
    with Raw(b'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n"name"') as server:
        assert ask(known, f"{server.endpoint}/oci/").namespace == "name"
        assert server.seen[0].startswith(b"GET /oci/n HTTP/1.1\r\n")


@pytest.mark.parametrize(
    "endpoint",
    [
        "objectstorage.eu-frankfurt-1.oraclecloud.com",
        "ftp://example.com",
        "https://",
        "https://:443",
        "https://example.com:",
        "https://example.com:99999",
        "https://example.com:0",
        "https://example.com:8o",
        "https://exa mple.com",
        "https://exa\nmple.com",
        "https://[::1",
        "https://example.com/?a=hunter2",
        "https://example.com/#hunter2",
        "https://example.com/hunter2 x",
        'https://example.com"',
    ],
)
def test_a_malformed_endpoint_is_refused_before_anything_is_sent(known: Profile, endpoint: str) -> None:
    with pytest.raises(Refused) as raised:
        probe([known], endpoint=endpoint, environ={})
    (finding,) = raised.value.findings
    assert (finding.code, finding.exit_code) == ("usage", 2)
    assert "hunter2" not in finding.cause


@pytest.mark.parametrize(
    "domain", ["https://geheim.example", "//geheim.example", "geheim.example/x", " geheim.example"]
)
@pytest.mark.parametrize("variable", ["OCI_DEFAULT_REALM", "OCI_REGION_METADATA"])
def test_a_domain_that_is_none_is_told_of_its_variable(variable: str, domain: str) -> None:
    metadata = {"realmKey": "oc99", "realmDomainComponent": domain, "regionKey": "xxa", "regionIdentifier": "xx-a-1"}
    environ = {"OCI_DEFAULT_REALM": domain if variable == "OCI_DEFAULT_REALM" else "other.example"}
    if variable == "OCI_REGION_METADATA":
        environ[variable] = json.dumps(metadata)
    credentials = profile("aa:bb").credentials._replace(region="xx-a-1")
    with pytest.raises(Refused) as raised:
        probe([Profile("DEFAULT", credentials)], environ=environ)
    (finding,) = raised.value.findings
    assert (finding.code, finding.exit_code) == ("usage", 2)
    assert finding.cause.startswith(f"{variable} takes a domain such as oraclecloud.com")
    assert "geheim" not in repr(finding)


def test_an_endpoint_takes_no_password(known: Profile) -> None:
    with pytest.raises(Refused) as raised:
        probe([known], endpoint="https://user:hunter2@example.com", environ={})
    assert raised.value.findings[0].cause.endswith("without a user or password.")


# -- answers from anybody ---------------------------------------------------------------------------------


class Raw:
    """A server that gives every request the same bytes and hangs up.

    `drip`: seconds between two bytes. `seen` holds the requests.
    """

    def __init__(self, answer: bytes, drip: float = 0.0) -> None:
        self.answer = answer
        self.seen: list[bytes] = []
        self._drip = drip
        self._stop = threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.endpoint = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Raw:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        # Closing alone does not wake accept().
        socket.create_connection(self._server.getsockname()).close()
        self._thread.join()
        self._server.close()

    def _serve(self) -> None:
        while True:
            connection, _ = self._server.accept()
            with connection:
                if self._stop.is_set():
                    return
                try:
                    self._answer(connection)
                except OSError:
                    continue  # the client has gone

    def _answer(self, connection: socket.socket) -> None:
        connection.settimeout(5)
        request = b""
        while b"\r\n\r\n" not in request:
            received = connection.recv(65536)
            if not received:
                return
            request += received
        self.seen.append(request)
        if not self._drip:
            connection.sendall(self.answer)
            return
        for byte in self.answer:
            if self._stop.wait(self._drip):
                return
            connection.sendall(bytes([byte]))


def fit_to_print(answer: Answer) -> None:
    """An answer without anything that a log or a runner would take for its own."""
    for text in (answer.namespace, answer.request_id, *(f.cause + f.fix for f in answer.findings)):
        assert text.isprintable()
        assert "::" not in text
        assert "##" not in text
        assert len(text) < 1500


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["code", "message", "name"]), inner),
    max_leaves=6,
)
NASTY = st.sampled_from(["\x1b[31m", "::error::", "::set-output name=x::", "##vso[", "\r\n", "\u202e", "\x00", "a"])
ERRORS = st.fixed_dictionaries({"code": st.lists(NASTY).map("".join), "message": st.lists(NASTY).map("".join)})
BODIES = st.binary(max_size=300) | (JSON | ERRORS).map(lambda value: json.dumps(value).encode())
DATES = st.sampled_from(
    [
        "Thu, 05 Jan 2014 21:31:40 GMT",
        "Thu, 05 Jan 99999999999999999999 21:31:40 GMT",
        "Mon, 32 Foo 99999 99:99:99 +9999",
        "0",
        "-1",
        "1e9",
        "٣",
    ]
)
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(
            ["Date", "Retry-After", "opc-request-id", "Content-Type", "Location", "Transfer-Encoding", "X"]
        ),
        DATES | st.text(max_size=20) | st.sampled_from(["chunked", "https://example.invalid/", "5"]),
    ),
    max_size=4,
)
STATUSES = st.sampled_from(
    [100, 101, 200, 204, 206, 301, 302, 304, 307, 400, 401, 403, 404, 407, 418, 429, 500, 503, 999]
)


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    """An HTTP answer, more or less."""
    body = draw(BODIES)
    length = draw(st.sampled_from([len(body), len(body) + 1, 0, -1, 10**30, None]))
    lines = [f"HTTP/1.{draw(st.sampled_from('0129'))} {draw(STATUSES)} {draw(st.text(max_size=5))}"]
    lines += [f"{name}: {value}" for name, value in draw(HEADERS)]
    lines += [f"Content-Length: {length}"] if length is not None else []
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "replace") + body


fuzz = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@settings(fuzz, max_examples=400)
@given(answers() | st.binary(max_size=200))
@example(b"")
@example(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
@example(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-8000000000000001")
@example(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-7\r\n")
@example(b'HTTP/1.1 401 X\r\n\r\n{"code": "a\\u001b[1m", "message": "::error::x\\n::add-mask::y"}')
@example(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200 + b"\r\n")
@example(b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + b'"' + b"a" * 299998 + b'"')
def test_no_answer_gives_a_traceback(raw: Raw, fingerprinted: Profile, answer: bytes) -> None:
    raw.answer = answer
    got = ask(fingerprinted, raw.endpoint, deadline=0.2)
    assert (got.outcome == "accepted") == (got.findings == ())
    fit_to_print(got)


@settings(fuzz, max_examples=60)
@given(answers())
@example(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-8000000000000001")
def test_no_answer_gives_the_sdk_s_transport_a_traceback(raw: Raw, fingerprinted: Profile, answer: bytes) -> None:
    raw.answer = answer
    got = ask(fingerprinted, raw.endpoint, sdk=True, deadline=0.2)
    assert (got.outcome == "accepted") == (got.findings == ())
    fit_to_print(got)


@pytest.fixture(scope="module")
def raw() -> Iterator[Raw]:
    with Raw(b"") as server:
        yield server


@pytest.fixture(scope="module")
def fingerprinted() -> Profile:
    return profile("20:3b:97:13:55:1c:5b:0d:d3:37:d8:50:4e:c5:3a:34")


@settings(max_examples=500)
@given(
    st.integers(100, 999),
    st.dictionaries(st.sampled_from(["date", "retry-after", "opc-request-id"]), DATES | st.text()),
    BODIES,
    st.sampled_from(list(CALLS)),
)
def test_every_reply_has_a_meaning(status: int, headers: dict[str, str], body: bytes, call: str) -> None:
    asked = Asked("DEFAULT", "eu-frankfurt-1", "aa:bb", CALLS[call], "example.com", 0.1, 1)
    verdict = of_reply(Reply(status, headers, body, time.time()), asked)
    assert (verdict.outcome == "accepted") == (verdict.findings == ())
    assert verdict.mendable == (status == 429 or status >= 500)
    assert verdict.wait >= 0


def test_outcomes_by_status() -> None:
    def outcome(status: int, body: object) -> tuple[str, str]:
        asked = Asked("DEFAULT", "eu-frankfurt-1", "aa:bb", CALLS["namespace"], "example.com", 0.1, 1)
        verdict = of_reply(Reply(status, {}, json.dumps(body).encode(), 0.0), asked)
        return verdict.outcome, verdict.findings[0].code if verdict.findings else ""

    error = {"code": "SomeCode", "message": "some message"}
    assert outcome(200, "ns") == ("accepted", "")
    assert outcome(200, "") == ("failed", "unexpected-answer")
    assert outcome(200, "a b") == ("failed", "unexpected-answer")
    assert outcome(200, error) == ("failed", "unexpected-answer")
    assert outcome(302, "ns") == ("failed", "unexpected-answer")
    assert outcome(400, error) == ("refused", "call-refused")
    assert outcome(401, error) == ("refused", "not-authenticated")
    assert outcome(401, "Please log in") == ("failed", "unexpected-answer")
    assert outcome(402, error) == ("refused", "not-allowed")
    assert outcome(403, {"html": 1}) == ("failed", "unexpected-answer")
    assert outcome(404, error) == ("refused", "not-authorized")
    assert outcome(404, None) == ("failed", "unexpected-answer")
    assert outcome(429, None) == ("failed", "throttled")
    assert outcome(500, error) == ("failed", "service-failed")
    assert outcome(502, "<html>") == ("failed", "service-failed")


@pytest.mark.parametrize(
    "body", [b"", b"<html><h1>503 Service Temporarily Unavailable</h1></html>", b'{"code": "\\u0000"}']
)
@pytest.mark.parametrize(("status", "expected"), [(429, "throttled"), (503, "service-failed")])
def test_a_failure_without_a_code(status: int, expected: str, body: bytes) -> None:
    asked = Asked("DEFAULT", "eu-frankfurt-1", "aa:bb", CALLS["namespace"], "oci.example", 2.0, 3)
    (finding,) = of_reply(Reply(status, {}, body, 0.0), asked).findings
    assert finding.code == expected
    who = "OCI" if b"code" in body else "oci.example"
    assert finding.cause == f"{who} answered {status} without a code to GetNamespace (asked 3 times in 2.0 s)."


def test_a_name_that_the_resolver_may_find_later_is_asked_for_twice() -> None:
    def mendable(attempts: int, again: bool) -> bool:
        asked = Asked("DEFAULT", "eu-frankfurt-1", "aa:bb", CALLS["namespace"], "example.com", 0.1, attempts)
        return of_failure(
            failure(socket.gaierror(socket.EAI_AGAIN if again else socket.EAI_NONAME, "x"), None, Trust()), asked
        ).mendable

    assert [mendable(1, True), mendable(2, True), mendable(1, False)] == [True, False, False]


def test_clock_skew_by_the_message_alone() -> None:
    said = (
        "Date 'Wed, 26 Apr 2023 13:08:43 UTC' is not within allowed clock skew. Current 'Wed, 26 Apr 2023 14:23:55 UTC'"
    )
    body = json.dumps({"code": "NotAuthenticated", "message": said}).encode()
    asked = Asked("DEFAULT", "eu-frankfurt-1", "aa:bb", CALLS["namespace"], "example.com", 0.1, 1)
    (finding,) = of_reply(Reply(401, {}, body, 0.0), asked).findings
    assert finding.code == "clock-skew"
    assert said in finding.cause


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (301, "5 minutes ahead"),
        (3600, "1 hour ahead"),
        (7500, "2 hours 5 minutes ahead"),
        (90000, "1 day 1 hour ahead"),
        (-400 * 86400, "400 days behind"),
    ],
)
def test_how_far_a_clock_is_off(seconds: float, said: str) -> None:
    server = 1_700_000_000.0
    headers = {"date": "Tue, 14 Nov 2023 22:13:20 GMT"}
    asked = Asked("DEFAULT", "eu-frankfurt-1", "aa:bb", CALLS["namespace"], "example.com", 0.1, 1)
    reply = Reply(401, headers, b'{"code": "NotAuthenticated", "message": "x"}', server + seconds)
    (finding,) = of_reply(reply, asked).findings
    assert f"clock is {said}." in finding.cause


@pytest.mark.parametrize(
    ("retry_after", "wait"),
    [
        ("7", 7.0),
        (" 7 ", 7.0),
        ("-7", 0.0),
        ("7.5", 0.0),
        ("soon", 0.0),
        ("", 0.0),
        ("Tue, 14 Nov 2023 22:13:50 GMT", 30.0),
        ("Tue, 14 Nov 2023 22:13:00 GMT", 0.0),
    ],
)
def test_retry_after(retry_after: str, wait: float) -> None:
    # The server's clock counts for a date of its own, not this machine's.
    headers = {"date": "Tue, 14 Nov 2023 22:13:20 GMT", "retry-after": retry_after}
    asked = Asked("DEFAULT", "eu-frankfurt-1", "aa:bb", CALLS["namespace"], "example.com", 0.1, 1)
    assert of_reply(Reply(429, headers, b"", 0.0), asked).wait == wait


@given(st.text() | st.lists(NASTY).map("".join))
def test_clean(text: str) -> None:
    cleaned = clean(text)
    assert cleaned.isprintable()
    assert "::" not in cleaned
    assert "##" not in cleaned
    assert len(cleaned) <= 200
    assert clean(cleaned) == cleaned


# -- what is not touched ----------------------------------------------------------------------------------


def run_apart(code: str, emulator: Emulator, fingerprint: str, environ: dict[str, str]) -> dict[str, object]:
    """Run `code` after a probe in a process of its own; returns what it puts into `found`."""
    script = f"""
import json, sys
opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
from ocici.credentials import Credentials, Profile, Secret
from ocici.probe import probe
sdk = {environ.pop("sdk", "")!r} == "yes"
credentials = Credentials({USER!r}, {TENANCY!r}, {fingerprint!r}, "eu-frankfurt-1", Secret(sys.stdin.read()))
(answer,) = probe([Profile("DEFAULT", credentials)], endpoint={emulator.endpoint!r}, sdk=sdk)
found = {{"outcome": answer.outcome}}
{code}
print(json.dumps(found))
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=pems(0)[0].decode(),
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environ},
    )
    assert done.stderr == ""
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_the_light_transport_loads_no_sdk(emulator: Emulator, known: Profile) -> None:
    code = 'found["modules"] = sorted({name.partition(".")[0] for name in sys.modules})'
    found = run_apart(code, emulator, known.credentials.fingerprint, {})
    assert found["outcome"] == "accepted"
    assert isinstance(found["modules"], list)
    assert not {"oci", "requests", "urllib3", "httpx", "certifi"} & set(found["modules"])


@both
def test_the_home_folder_is_not_read(emulator: Emulator, known: Profile, sdk: bool, tmp_path: Path) -> None:
    folder = tmp_path / ".oci"
    folder.mkdir()
    (folder / "config").write_text("[DEFAULT]\nregion=nowhere\n")
    (folder / "regions-config.json").write_text("[]")
    (tmp_path / ".netrc").write_text("default login a password b\n", "ascii")
    code = 'found["opened"] = opened'
    environ = {"HOME": str(tmp_path), "sdk": "yes" if sdk else ""}
    found = run_apart(code, emulator, known.credentials.fingerprint, environ)
    assert found["outcome"] == "accepted"
    assert isinstance(found["opened"], list)
    assert not [path for path in found["opened"] if path.startswith(str(tmp_path))]


def test_the_sdk_is_asked_for_and_not_there(known: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "oci", None)
    with pytest.raises(Refused) as raised:
        probe([known], endpoint="http://127.0.0.1:9", sdk=True, environ={})
    assert re.search("pip install oci", raised.value.findings[0].cause)
