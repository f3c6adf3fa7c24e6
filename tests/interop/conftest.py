"""A session made by the real `ocici setup`, for the real tools to use: through its exported variables alone."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from ocici import environment
from ocici.emulator import Emulator, Record

ROOT = Path(__file__).resolve().parent.parent.parent
RESULTS = ROOT / ".tools" / "interop" / "results"

TENANCY = "ocid1.tenancy.oc1..aaaainteroptenancy"
USERS = {"DEFAULT": "ocid1.user.oc1..aaaainteropuser", "OTHER": "ocid1.user.oc1..aaaainteropother"}
REGION = "eu-frankfurt-1"


@dataclass(frozen=True)
class Done:
    """What a tool did: its exit code, what it printed, and the requests that reached the emulator meanwhile."""

    code: int
    stdout: str
    stderr: str
    requests: list[Record]


@dataclass(frozen=True)
class SignedIn:
    """The session, and the emulator that knows its keys."""

    emulator: Emulator
    printed: dict[str, Any]  # what setup printed
    home: Path

    @property
    def variables(self) -> dict[str, str]:
        return dict(self.printed["variables"])

    def run(self, *command: str, **more: str) -> Done:
        """Run `command` with PATH, an empty HOME, the exported variables, and `more`; nothing comes on its stdin."""
        before = len(self.emulator.requests)
        done = subprocess.run(
            command,
            env={"PATH": os.environ["PATH"], "HOME": str(self.home), **self.variables, **more},
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        return Done(done.returncode, done.stdout, done.stderr, list(self.emulator.requests)[before:])

    def namespace(self) -> str:
        return self.emulator.namespace(TENANCY)


def _public(key: RSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _pem(key: RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.fixture(scope="session")
def signed_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SignedIn]:
    """A session of two profiles, DEFAULT and OTHER, each with a user and a key of its own."""
    folder, home = tmp_path_factory.mktemp("sessions"), tmp_path_factory.mktemp("home")
    keys = {name: generate_private_key(65537, 2048) for name in USERS}
    bundle = {
        "profiles": {
            name: {"user": user, "tenancy": TENANCY, "region": REGION, "key_content": _pem(keys[name])}
            for name, user in USERS.items()
        }
    }
    environ = {"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(folder)}
    ocici = [sys.executable, "-m", "ocici"]
    with Emulator() as emulator:
        for name, user in USERS.items():
            emulator.register(TENANCY, user, _public(keys[name]))
        made = subprocess.run(
            [*ocici, "setup", "--format", "json", "--host", "terminal", "--endpoint", emulator.endpoint],
            env={**environ, "OCICI_CREDENTIALS": json.dumps(bundle)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        assert made.returncode == 0, made.stderr
        printed = json.loads(made.stdout)
        yield SignedIn(emulator, printed, home)
        subprocess.run([*ocici, "cleanup", "--session-dir", printed["session_dir"]], env=environ, check=True)
        assert not list(folder.iterdir())


@pytest.fixture(scope="session")
def another_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a key that the emulator does not know."""
    path = tmp_path_factory.mktemp("keys") / "another"
    path.write_text(_pem(generate_private_key(65537, 2048)), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def install() -> ModuleType:
    """scripts/install_interop.py."""
    spec = importlib.util.spec_from_file_location("install_interop", ROOT / "scripts" / "install_interop.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def nothing_shadows(signed_in: SignedIn) -> None:
    """Skips where the user database's home has a ~/.oci/config, which Go and Java read whatever HOME says."""
    path = environment.shadowing({"HOME": str(signed_in.home)})
    if path:
        pytest.skip(f"{path} is there, and this SDK reads it before the session")


class Results:
    """What the tests found, one file a tool, for scripts/make_compatibility.py."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def forget(self, tool: str) -> None:
        self._path(tool).unlink(missing_ok=True)

    def verified(self, tool: str, version: str) -> None:
        """`tool` made a signed request that the emulator verified."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._path(tool).write_text(json.dumps({"tool": tool, "version": version}) + "\n", encoding="utf-8")

    def _path(self, tool: str) -> Path:
        return self._folder / f"{tool.replace(' ', '-')}.json"


@pytest.fixture(scope="session")
def results() -> Results:
    return Results(RESULTS)


@pytest.fixture(scope="session")
def oci() -> str:
    """The path of oci-cli, which stands beside this Python."""
    found = shutil.which("oci", path=str(Path(sys.executable).parent))
    assert found, f"oci-cli is not installed beside {sys.executable}"
    return found
