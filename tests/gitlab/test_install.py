"""How the template gets ocici, with a wheel built from these sources in place of a published one."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.gitlab.pipeline import ROOT, after, before
from tests.machine import lacking

from ocici import __version__
from ocici.emulator import Emulator

CACHE = ROOT / ".tools" / "cache"  # the launcher's: the runtime is built once for all tests
SHELL = ["dash"]


@pytest.fixture(scope="session")
def uv() -> Path:
    """uv, as `make` installs it, or the one on the PATH."""
    path = ROOT / ".tools" / "uv" / "bin" / "uv"
    found = str(path) if path.exists() else os.environ.get("UV") or shutil.which("uv")
    if not found:
        lacking("there is no uv")
    return Path(found)


@pytest.fixture(scope="session")
def wheels(uv: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel of these sources."""
    folder = tmp_path_factory.mktemp("wheels")
    subprocess.run([str(uv), "build", "--quiet", "--wheel", "--out-dir", str(folder), str(ROOT)], check=True)
    assert [path.name for path in folder.glob("*.whl")] == [f"ocici-{__version__}-py3-none-any.whl"]
    return folder


@pytest.fixture
def image(environ: dict[str, str], tools: Path, wheels: Path, tmp_path: Path) -> dict[str, str]:
    """An image without ocici, and this machine's settings about the package index."""
    (tools / "ocici").unlink()
    (tmp_path / "tmp").mkdir()
    index = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_", "SSL_", "HTTPS_"))}
    return {
        **index,
        **environ,
        "PIP_FIND_LINKS": str(wheels),
        "UV_FIND_LINKS": str(wheels),
        "OCICI_CACHE": str(CACHE),
        "TMPDIR": str(tmp_path / "tmp"),
    }


@pytest.fixture
def python(tools: Path) -> None:
    """Python with pip in the image."""
    link(tools / "python3", Path(sys.base_prefix) / "bin" / "python3")


def link(path: Path, target: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def signed_in(image: dict[str, str], oci: Emulator, *lines: str, inputs: dict[str, str]) -> str:
    """Run a job that signs in and cleans up, and return its log; nothing may be left but what is for the next job."""
    run = before(image, SHELL, 'echo "signed in as $OCI_CLI_PROFILE"', *lines, inputs=inputs)
    assert run.code == 0, run.log
    assert "\nsigned in as DEFAULT\n" in run.log
    assert [request.verified for request in oci.requests] == [True]
    assert after(image, SHELL).code == 0
    assert not Path(image["OCICI_SESSION_DIR"]).exists()
    assert list(Path(image["TMPDIR"]).iterdir()) == []
    assert "WARNING" not in run.log
    return run.log


@pytest.mark.usefixtures("python")
def test_pip(image: dict[str, str], oci: Emulator) -> None:
    assert "the base runtime" in signed_in(image, oci, inputs={"install": "pip"})


@pytest.mark.usefixtures("python")
def test_auto_without_uv_is_pip_and_another_version_on_the_path_does_not_count(
    image: dict[str, str], oci: Emulator, tools: Path
) -> None:
    (tools / "ocici").write_text("#!/bin/sh\necho ocici 0.0.1\n")
    (tools / "ocici").chmod(0o755)
    assert "the base runtime" in signed_in(image, oci, inputs={"install": "auto"})


def test_auto_takes_the_right_version_on_the_path(image: dict[str, str], oci: Emulator, tools: Path) -> None:
    link(tools / "ocici", Path(sys.executable).parent / "ocici")
    assert "runtime" not in signed_in(image, oci, inputs={"install": "auto"})


def test_auto_with_uv_is_uvx(image: dict[str, str], oci: Emulator, tools: Path, uv: Path) -> None:
    link(tools / "uv", uv)
    link(tools / "uvx", uv.parent / "uvx")
    image |= {"UV_PYTHON": sys.executable, "UV_CACHE_DIR": str(CACHE / "uv")}
    assert "runtime" not in signed_in(image, oci, inputs={"install": "auto"})


@pytest.mark.usefixtures("python")
def test_a_version_that_is_not_to_be_had_is_a_sentence(image: dict[str, str]) -> None:
    run = before({**image, "PIP_NO_INDEX": "1"}, SHELL, "echo never", inputs={"install": "pip", "version": "9.9.9"})
    assert run.code == 3
    assert "ocici 9.9.9 could not be installed [index-unreachable]" in run.log
    assert "never" not in run.log
    assert list(Path(image["TMPDIR"]).iterdir()) == []


@pytest.mark.usefixtures("python")
@pytest.mark.parametrize("install", ["pip", "none"])
def test_code_in_the_workspace_is_not_run(
    image: dict[str, str], oci: Emulator, tools: Path, tmp_path: Path, install: str
) -> None:
    """As a merge request may bring it: with the key in the environment."""
    workspace = Path(image["CI_PROJECT_DIR"])
    for name in ("pip.py", "sitecustomize.py", "usercustomize.py", "ocici.py"):
        (workspace / name).write_text(f"open({str(tmp_path / 'ran')!r}, 'a').write({name!r})\n")
    if install == "none":
        link(tools / "ocici", Path(sys.executable).parent / "ocici")
    signed_in({**image, "PYTHONPATH": str(workspace)}, oci, inputs={"install": install})
    assert not (tmp_path / "ran").exists()


def test_python_is_isolated_wherever_it_is_started() -> None:
    for name in ("oci-auth.yml", "oci-auth-powershell.yml"):
        text = (ROOT / "gitlab" / "templates" / name).read_text()
        started = re.findall(r'(?:python3?|"\$(?:python|candidate)"|& \$(?:python|candidate)) (-\S+)', text)
        assert len(started) >= 5
        assert set(started) == {"-I"}


def test_an_old_python_is_passed_over(image: dict[str, str], tools: Path) -> None:
    (tools / "python3").write_text("#!/bin/sh\nexit 1\n")
    (tools / "python3").chmod(0o755)
    assert "[no-python]" in before(image, SHELL, inputs={"install": "pip"}).log
    link(tools / "python3.12", Path(sys.base_prefix) / "bin" / "python3")
    assert before(image, SHELL, inputs={"install": "pip"}).code == 0
    assert after(image, SHELL).code == 0


@pytest.mark.slow
def test_cli_version_by_uvx(image: dict[str, str], oci: Emulator, tools: Path, uv: Path) -> None:
    link(tools / "uv", uv)
    link(tools / "uvx", uv.parent / "uvx")
    image |= {"UV_PYTHON": sys.executable, "UV_CACHE_DIR": str(CACHE / "uv")}
    log = signed_in(image, oci, "oci --version", inputs={"install": "uvx", "cli-version": "3.95.1"})
    assert log.endswith("\n3.95.1\n")


@pytest.mark.slow
@pytest.mark.usefixtures("python")
def test_cli_version_puts_oci_cli_on_the_path(image: dict[str, str], oci: Emulator) -> None:
    log = signed_in(image, oci, "oci --version", "command -v oci", inputs={"install": "pip", "cli-version": "3.95.1"})
    assert "\n3.95.1\n" in log
    assert str(CACHE) in log.splitlines()[-1]


@pytest.mark.usefixtures("python")
def test_a_cli_version_that_is_not_to_be_had_is_a_sentence(image: dict[str, str], tmp_path: Path) -> None:
    nowhere = {"PIP_NO_INDEX": "1", "UV_NO_INDEX": "1", "OCICI_CACHE": str(tmp_path / "cache")}
    run = before({**image, **nowhere}, SHELL, "echo never", inputs={"install": "pip", "cli-version": "9.9.9"})
    assert run.code == 2
    assert "[runtime-not-built]" in run.log
    assert "oci-cli==9.9.9" in run.log
    assert "never" not in run.log
    assert not Path(image["OCICI_SESSION_DIR"]).exists()


def test_a_cli_version_beside_an_ocici_that_cannot_install_it(image: dict[str, str], tools: Path) -> None:
    link(tools / "ocici", Path(sys.executable).parent / "ocici")
    run = before(image, SHELL, "echo never", inputs={"install": "none", "cli-version": "3.95.1"})
    assert run.code == 2
    assert "not one that python3 can import" in run.log
    assert "never" not in run.log
