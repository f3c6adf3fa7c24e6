"""`ocici emulator`: one line of JSON, then serving until a signal."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ocici.emulator import Emulator
from ocici.emulator.serve import serve
from ocici.emulator.verify import Request
from ocici.findings import Refused

Start = Callable[..., "tuple[subprocess.Popen[str], str]"]

PROGRAM = """
import json, sys
from ocici.emulator.serve import serve
port, registrations, faults = json.loads(sys.argv[1])
sys.exit(serve(port, registrations, faults, sys.stdout))
"""


@pytest.fixture
def start() -> Iterator[Start]:
    """A function that starts `serve` in a process of its own; gives the process and the endpoint that it printed."""
    with contextlib.ExitStack() as stack:

        def begin(registrations: list[list[str]], faults: list[str]) -> tuple[subprocess.Popen[str], str]:
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", PROGRAM, json.dumps([0, registrations, faults])],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
            stack.callback(process.kill)
            assert process.stdout is not None
            printed = json.loads(process.stdout.readline())
            assert printed.keys() == {"endpoint"}
            return process, printed["endpoint"]

        yield begin


def get(endpoint: str, request: Request) -> tuple[int, bytes]:
    with contextlib.closing(http.client.HTTPConnection(urlsplit(endpoint).netloc, timeout=10)) as connection:
        connection.request(request.method, request.target, headers=dict(request.headers))
        answer = connection.getresponse()
        return answer.status, answer.read()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serves_until_a_signal(
    number: signal.Signals,
    start: Start,
    signed: Callable[..., Request],
    tenancy: str,
    user: str,
    public_pem: bytes,
    tmp_path: Path,
) -> None:
    path = tmp_path / "public.pem"
    path.write_bytes(public_pem)
    process, endpoint = start([[tenancy, user, str(path)]], ["throttle:1", "latency:1"])
    assert [get(endpoint, signed())[0] for _ in range(2)] == [429, 200]
    assert json.loads(get(endpoint, signed())[1]) == Emulator().namespace(tenancy)
    process.send_signal(number)
    assert process.communicate(timeout=10) == ("", "")
    assert process.returncode == 0


def refusal(port: int, registrations: list[tuple[str, str, str]], faults: list[str]) -> tuple[str, str]:
    """The code and cause of the finding with which `serve` refuses; it must not have printed, nor kept the signals."""
    out = io.StringIO()
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with pytest.raises(Refused) as caught:
        serve(port, registrations, faults, out)
    assert out.getvalue() == ""
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
    [found] = caught.value.findings
    return found.code, found.cause


def test_an_address_in_use(emulator: Emulator) -> None:
    port = urlsplit(emulator.endpoint).port or 0
    code, cause = refusal(port, [], [])
    assert code == "address-in-use"
    assert f"127.0.0.1:{port}" in cause
    for beyond in (70000, -1):
        assert refusal(beyond, [], []) == (
            "address-in-use",
            f"The emulator cannot listen on 127.0.0.1:{beyond}: a port is 0 to 65535.",
        )


def test_a_key_that_is_not_there(tmp_path: Path, tenancy: str, user: str) -> None:
    for path in (str(tmp_path / "missing.pem"), str(tmp_path), "a\0b"):
        assert refusal(0, [(tenancy, user, path)], [])[0] == "source-missing"
    assert refusal(0, [(tenancy, user, "c.pem")], []) == (
        "source-missing",
        "--register names the file c.pem, and it is not there.",
    )
    assert refusal(0, [(tenancy, user, "/dev/zero")], [])[0] == "source-too-large"


def test_a_key_that_is_none(tmp_path: Path, tenancy: str, user: str, public_pem: bytes) -> None:
    path = tmp_path / "key.pem"
    path.write_text("not a key")
    assert refusal(0, [(tenancy, user, str(path))], []) == (
        "usage",
        f"{path} cannot be registered: not a public key in PEM.",
    )
    path.write_bytes(public_pem)
    assert refusal(0, [("", user, str(path))], [])[0] == "usage"


def test_a_fault_that_is_none() -> None:
    code, cause = refusal(0, [], ["explode"])
    assert code == "usage"
    assert cause.startswith("no such fault: 'explode'; there are throttle[:N], fail[:N],")
