"""What every test may use: a key made for this run, an emulator that knows it, and a way to run ocici as users do."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from ocici import pem
from ocici.credentials import Secret
from ocici.emulator import Emulator

# A shell that starts the tests in the background has them ignore these, and all their children too: then no test
# could interrupt anything.
for each in (signal.SIGINT, signal.SIGQUIT):
    if signal.getsignal(each) is signal.SIG_IGN:
        signal.signal(each, signal.default_int_handler if each is signal.SIGINT else signal.SIG_DFL)

TENANCY = "ocid1.tenancy.oc1..aaaatests"
USER = "ocid1.user.oc1..aaaatests"
PASS_PHRASE = "correct horse battery"


@dataclass(frozen=True)
class Pair:
    """A key pair of this run. `encrypted` is the same key under `PASS_PHRASE`."""

    private: str
    encrypted: str
    public: bytes
    fingerprint: str

    def lines(self) -> list[str]:
        """What must never be found anywhere: the lines of the key, clean and encrypted, and both in base64."""
        texts = [self.private, self.encrypted]
        lines = [line for text in texts for line in text.splitlines() if len(line) > 20 and "-----" not in line]
        whole = [base64.b64encode(text.encode()).decode() for text in texts]
        # A piece that is whole in lines of 64 and of 76 characters, and that no cut at the ends takes away.
        return lines + [text[160:190] for text in whole]


def make_pair() -> Pair:
    made = pem.generate(2048, Secret())
    private = made.private_pem.text()
    return Pair(private, encrypt(private, PASS_PHRASE), made.public_pem, made.fingerprint)


def encrypt(private: str, pass_phrase: str) -> str:
    """The key `private` (PEM) under `pass_phrase`."""
    from cryptography.hazmat.primitives import serialization

    return (
        serialization.load_pem_private_key(private.encode(), None)
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(pass_phrase.encode()),
        )
        .decode()
    )


@pytest.fixture(scope="session")
def pair() -> Pair:
    return make_pair()


@pytest.fixture(scope="session")
def other_pair() -> Pair:
    return make_pair()


@pytest.fixture(autouse=True)
def environment_is_put_back() -> Iterator[None]:
    """What a test leaves in this process's environment must not reach the next: the SDK and others read it."""
    before = dict(os.environ)
    yield
    if os.environ != before:
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture
def oci(pair: Pair) -> Iterator[Emulator]:
    """An emulator in which `USER` of `TENANCY` has the key `pair`."""
    with Emulator() as emulator:
        emulator.register(TENANCY, USER, pair.public)
        yield emulator


@dataclass(frozen=True)
class Ocici:
    """Runs ocici in a process of its own, with nothing of this machine's environment but the PATH."""

    home: Path
    environ: Mapping[str, str]

    def __call__(
        self,
        *arguments: str,
        environ: Mapping[str, str] | None = None,
        stdin: str = "",
        python: Sequence[str] = (sys.executable,),
    ) -> subprocess.CompletedProcess[str]:
        """Run `ocici ARGUMENTS`; output that is no UTF-8 comes out escaped."""
        return subprocess.run(
            [*python, "-m", "ocici", *arguments],
            env={**self.environ, **(environ or {})},
            cwd=self.home,
            input=stdin,
            capture_output=True,
            text=True,
            errors="backslashreplace",
            timeout=60,
            check=False,
        )

    def temporary(self) -> list[str]:
        """What is left where sessions are made."""
        return sorted(path.name for path in (self.home / "tmp").iterdir())


@pytest.fixture
def ocici(tmp_path: Path) -> Ocici:
    (tmp_path / "tmp").mkdir()
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TMPDIR": str(tmp_path / "tmp")}
    return Ocici(tmp_path, environ)


@pytest.fixture
def secrets(pair: Pair) -> dict[str, str]:
    """The secrets as a pipeline hands them over."""
    return {
        "OCICI_USER": USER,
        "OCICI_TENANCY": TENANCY,
        "OCICI_REGION": "eu-frankfurt-1",
        "OCICI_PRIVATE_KEY": pair.private,
    }
