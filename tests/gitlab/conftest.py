"""What the tests of the GitLab template share: the runner, a project, and the secrets of its settings."""

from __future__ import annotations

import base64
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from ocici.emulator import Emulator

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from scripts import gitlab_tools  # noqa: E402
from tests.gitlab.pipeline import Project  # noqa: E402
from tests.machine import lacking  # noqa: E402


@pytest.fixture(scope="session")
def tool() -> Callable[[Callable[[], Path]], Path]:
    """Gets a tool of scripts/gitlab_tools.py; skips the test where it cannot be had, and fails it in CI."""

    def get(wanted: Callable[[], Path]) -> Path:
        path, why = gitlab_tools.at_hand(wanted)
        if path is None:
            lacking(why)
        return path

    return get


@pytest.fixture(scope="session")
def runner(tool: Callable[[Callable[[], Path]], Path]) -> Path:
    return tool(gitlab_tools.runner)


@pytest.fixture(scope="session")
def busybox(tool: Callable[[Callable[[], Path]], Path]) -> Path:
    return tool(gitlab_tools.busybox)


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """The folder that is first on a job's PATH; ocici is in it, as in an image with `install: none`."""
    folder = tmp_path / "tools"
    folder.mkdir()
    (folder / "ocici").symlink_to(Path(sys.executable).parent / "ocici")
    return folder


@pytest.fixture
def project(tmp_path: Path, runner: Path, tools: Path, pair: Any) -> Project:
    return Project(tmp_path, runner, tools, pair.lines())


@pytest.fixture
def settings(secrets: Mapping[str, str], oci: Emulator) -> dict[str, str]:
    """The project's CI/CD variables, the key in the form that GitLab can mask."""
    return {**secrets, "OCICI_PRIVATE_KEY": one_line(secrets["OCICI_PRIVATE_KEY"]), "OCICI_ENDPOINT": oci.endpoint}


@pytest.fixture(params=["busybox", "dash", "bash", "bash --posix"])
def shell(request: pytest.FixtureRequest, busybox: Path) -> list[str]:
    if request.param == "busybox":
        return [str(busybox), "sh"]
    command = str(request.param).split()
    if not shutil.which(command[0]):
        lacking(f"there is no {command[0]}")
    return command


@pytest.fixture
def environ(tmp_path: Path, tools: Path, busybox: Path, settings: dict[str, str]) -> dict[str, str]:
    """The environment of a job whose image has busybox and an ocici, and nothing else."""
    for applet in subprocess.run([str(busybox), "--list"], capture_output=True, text=True, check=True).stdout.split():
        if not (tools / applet).exists():
            (tools / applet).symlink_to(busybox)
    (tmp_path / "shop").mkdir()
    return {
        **settings,
        "PATH": str(tools),
        "HOME": str(tmp_path),
        "GITLAB_CI": "true",
        "CI_SERVER_URL": "https://gitlab.example.com",
        "CI_JOB_ID": "4711",
        "CI_PROJECT_ID": "34",
        "CI_PROJECT_DIR": str(tmp_path / "shop"),
        "OCICI_SESSION_DIR": f"{tmp_path}/shop.tmp/ocici-4711",
        "OCICI_DOTENV": "",
    }


def one_line(text: str) -> str:
    """`base64 -w0` of `text`."""
    return base64.b64encode(text.encode()).decode()
