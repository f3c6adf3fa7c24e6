"""What the tests of the Jenkins step share: the tools, the harness, an emulated OCI, credentials, and an agent."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ocici.emulator import Emulator

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from scripts import jenkins_tools  # noqa: E402
from tests.jenkins.controller import PASS_PHRASE, REGION, TENANCY, USER, Agent, Controller  # noqa: E402
from tests.machine import lacking  # noqa: E402

CACHE = ROOT / ".tools" / "cache"  # the launcher's: the runtime is built once for all tests


@pytest.fixture(scope="session")
def tool() -> Callable[[Callable[[], Any]], Any]:
    """Gets a tool of scripts/jenkins_tools.py; skips the test where it cannot be had, and fails it in CI."""

    def get(wanted: Callable[[], Any]) -> Any:
        why = jenkins_tools.at_hand(wanted)
        if why:
            lacking(why)
        return wanted()

    return get


@pytest.fixture(scope="session")
def controller(tool: Callable[[Callable[[], Any]], Any]) -> Iterator[Controller]:
    with Controller(tool(jenkins_tools.java), tool(jenkins_tools.jars), jenkins_tools.TOOLS) as started:
        yield started


@pytest.fixture(scope="session")
def oci(pair: Any) -> Iterator[Emulator]:
    with Emulator() as emulator:
        emulator.register(TENANCY, USER, pair.public)
        yield emulator


@pytest.fixture(scope="session")
def credentials(pair: Any, other_pair: Any) -> dict[str, dict[str, str]]:
    """Jenkins's credentials, by their ids."""
    bundle = {"user": USER, "tenancy": TENANCY, "region": REGION, "key_content": pair.private}
    profiles = {"profiles": {"blue": bundle, "green": {**bundle, "region": "us-ashburn-1"}}}
    return {
        "key": {"kind": "file", "text": pair.private},
        "encrypted": {"kind": "file", "text": pair.encrypted},
        "wrong": {"kind": "file", "text": other_pair.private},
        "phrase": {"kind": "string", "text": PASS_PHRASE},
        "bundle": {"kind": "file", "text": json.dumps(bundle)},
        "profiles": {"kind": "file", "text": json.dumps(profiles)},
        "ssh": {"kind": "sshUserPrivateKey", "text": pair.encrypted, "username": USER, "passphrase": PASS_PHRASE},
    }


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the agent's PATH, with a Python that has neither ocici nor its packages."""
    folder = tmp_path_factory.mktemp("bin")
    (folder / "python3").symlink_to(Path(getattr(sys, "_base_executable", sys.executable)).resolve())
    return folder


@pytest.fixture
def agent(
    controller: Controller, oci: Emulator, credentials: dict[str, dict[str, str]], programs: Path, tmp_path: Path
) -> Agent:
    workspace = tmp_path / """it's a "work" $space"""
    workspace.mkdir()
    environment = {
        "PATH": f"{programs}:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "WORKSPACE": str(workspace),
        "WORKSPACE_TMP": f"{workspace}@tmp",
        "NODE_NAME": "agent-1",
        "JENKINS_URL": "http://jenkins.invalid/",
        "OCICI_CACHE": str(CACHE),
    }
    for name, value in os.environ.items():  # how to reach the package index
        if name.startswith(("PIP_", "UV_")):
            environment[name] = value
    return Agent(controller, workspace, environment, credentials, oci.endpoint)
