"""The launcher finds or builds the runtime, whatever is missing, broken, hostile or in a hurry.

Real builds, by the real pip and the real uv, from the package index of this machine. What is launched is a copy of
the sources with a stand-in for `ocici.cli`, which tells where it was run and what it could import.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import hashlib
import http.server
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import venv
import zipapp
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ocici import launcher
from ocici.findings import CATALOGUE, finding

from .machine import lacking

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "ocici"
# The Python that the virtual environment was made with: it has no ocici.
PYTHON = str(getattr(sys, "_base_executable", sys.executable))
TOOLS = ("pip", "pip3", "uv", "python", "python3", *(f"python3.{minor}" for minor in range(6, 20)))
NEEDS_POSIX = pytest.mark.skipif(os.name == "nt", reason="owners, modes and signals of POSIX")

CLI = """
import json, os, sys

def main(arguments):
    if arguments[:1] == ["require"]:
        from ocici import findings, launcher
        try:
            launcher.require(arguments[1])
        except findings.Refused as refused:
            print(refused.findings[0].code)
            return refused.findings[0].exit_code
        arguments = arguments[1:]
    modules = sorted(sys.modules)
    where = {}
    for name in arguments:
        if name.startswith("+"):
            where[name[1:]] = __import__(name[1:]).__file__
    print(json.dumps({"arguments": arguments, "where": where, "modules": modules, "python": sys.executable,
                      "version": sys.version_info[:2], "path": os.environ["PATH"], "source": __file__,
                      "oci": os.environ.get("OCICI_CLI_BIN", "")}))
    return 7
"""


class Run(NamedTuple):
    """What one run of the launcher came to."""

    code: int
    out: str
    err: str

    @property
    def told(self) -> dict[str, Any]:
        """What the stand-in told; it must have been reached, and its exit code handed on."""
        assert self.code == 7, self.err
        return dict(json.loads(self.out))


def copy(folder: Path) -> Path:
    """A copy of the sources at `folder`/src, with the stand-in."""
    package = folder / "src" / "ocici"
    package.mkdir(parents=True)
    for name in ("__init__.py", "findings.py", "launcher.py"):
        shutil.copy(PACKAGE / name, package)
    shutil.copytree(PACKAGE / "runtime", package / "runtime")
    shutil.copy(PACKAGE.parent / "__main__.py", folder / "src")
    (package / "cli.py").write_text(CLI)
    return folder / "src"


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy(tmp_path_factory.mktemp("sources"))


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """This machine's settings about the index, no tool on the PATH, and folders of our own for all caches."""
    own = tmp_path_factory.mktemp("home")
    kept = {name: value for name, value in os.environ.items() if not re.match("OCICI_|OCI_|INPUT_|GITHUB_", name)}
    tools = tmp_path_factory.mktemp("path")
    for folder in ("/usr/bin", "/bin"):  # what a shell script needs, and nothing that installs packages
        for path in Path(folder).iterdir() if Path(folder).is_dir() else ():
            if path.name not in TOOLS and not (tools / path.name).exists():
                (tools / path.name).symlink_to(path)
    for name in ("RUNNER_TOOL_CACHE", "AGENT_TOOLSDIRECTORY", "XDG_CACHE_HOME", "PYENV_ROOT", "PYTHONPATH"):
        kept.pop(name, None)
    if os.name != "nt":
        kept["PATH"] = str(tools)
    # uv links files from its cache into the runtime, and tests damage runtimes: keep out of the user's own cache.
    return {**kept, "HOME": str(own), "UV_CACHE_DIR": str(own / "uv"), "PIP_CACHE_DIR": str(own / "pip")}


def launch(start: str | Path, *arguments: str, env: dict[str, str], python: str = PYTHON, **options: Any) -> Run:
    """Run the launcher that is started by `start`, to its end."""
    command = [python, "-I", str(start), *arguments]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=300, **options)
    assert "Traceback" not in done.stderr, done.stderr
    return Run(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def first(sources: Path, environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run]:
    """A cache that was built where there was only pip, and the run that built it."""
    cache = tmp_path_factory.mktemp("cache")
    run = launch(sources, "--", "setup", "+cryptography", "+yaml", env={**environment, "OCICI_CACHE": str(cache)})
    return cache, run


@pytest.fixture(scope="session")
def uv(first: tuple[Path, Run]) -> str:
    """The uv that the launcher itself fetched."""
    (folder,) = first[0].glob("ocici/uv-*/site-packages/bin")
    return str(folder / ("uv.exe" if os.name == "nt" else "uv"))


@pytest.fixture
def env(environment: dict[str, str], uv: str, tmp_path: Path) -> dict[str, str]:
    """An empty cache, and a uv to fill it."""
    return {**environment, "OCICI_CACHE": str(tmp_path / "cache"), "OCICI_UV": uv}


@pytest.fixture(scope="session")
def wheelhouse(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheels of the base runtime, filled as the documentation says."""
    house = tmp_path_factory.mktemp("wheelhouse")
    command = [PYTHON, "-m", "pip", "download", "-q", "--require-hashes", "--no-deps", "--only-binary", ":all:"]
    command += ["-r", str(PACKAGE / "runtime" / "base.txt"), "-d", str(house)]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return house


@pytest.fixture
def dead_index() -> Iterator[dict[str, str]]:
    """Settings that send pip and uv to a port where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://walter:hunter2-secret@127.0.0.1:{taken.getsockname()[1]}/simple"
        yield {"PIP_INDEX_URL": url, "UV_DEFAULT_INDEX": url, "PIP_RETRIES": "1", "UV_HTTP_RETRIES": "0"}


def script(path: Path, *lines: str) -> str:
    """A shell script at `path`."""
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)
    return str(path)


def runtimes(env: dict[str, str]) -> list[Path]:
    """What is in the cache, but for the locks."""
    return sorted(path for path in Path(env["OCICI_CACHE"], "ocici").iterdir() if path.suffix != ".lock")


# -- what ships -------------------------------------------------------------------------------------------------------


def test_the_requirement_files_are_what_the_lock_says(uv: str, environment: dict[str, str]) -> None:
    command = [sys.executable, str(ROOT / "scripts" / "export_runtime.py"), "--check"]
    done = subprocess.run(command, env={**os.environ, "UV": uv}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_each_requirement_is_pinned_and_has_hashes() -> None:
    for path in (PACKAGE / "runtime").glob("*.txt"):
        for block in re.findall(r"^[^\s#].*\n(?:[ \t].*\n)*", path.read_text(), re.MULTILINE):
            assert re.match(r"[a-z0-9-]+==\S+ ", block), block
            assert "--hash=sha256:" in block


# -- which Python -----------------------------------------------------------------------------------------------------


def test_it_parses_on_python_3_6() -> None:
    for path in (PACKAGE / "launcher.py", PACKAGE / "__init__.py", PACKAGE.parent / "__main__.py"):
        ast.parse(path.read_text(), feature_version=(3, 6))


def old_pythons() -> list[str]:
    """Pythons of this machine that are too old for ocici."""
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep)]
    folders += Path(os.environ.get("PYENV_ROOT", str(Path.home() / ".pyenv"))).glob("versions/3.[6-9].*/bin")
    found = {str(folder / f"python3.{minor}") for folder in folders for minor in range(6, 10)}
    return sorted(
        path for path in found if subprocess.run(["/bin/sh", "-c", f'"{path}" -V'], capture_output=True).returncode == 0
    )


def test_an_old_python_says_what_to_do(sources: Path, env: dict[str, str], tmp_path: Path) -> None:
    """On every old Python that this machine has; and on one that only claims to be old, since it may have none."""
    pretender = tmp_path / "pretender.py"
    pretender.write_text(
        "import runpy, sys\n"
        "sys.version_info = (3, 8, 1, 'final', 0)\n"
        f"sys.argv = [{str(sources / 'ocici' / 'launcher.py')!r}, 'setup']\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    runs = [(PYTHON, "3.8.1", launch(pretender, env={**env, "OCICI_UV": ""}))]
    for path in old_pythons():
        told = subprocess.run(
            [path, "-c", "import sys; print('%d.%d.%d' % sys.version_info[:3])"], capture_output=True, text=True
        )
        runs.append((path, told.stdout.strip(), launch(sources, "setup", env={**env, "OCICI_UV": ""}, python=path)))
    for path, version, run in runs:
        expected = finding("no-python", version=version, path=path)
        lines = f"  why: {expected.cause}\n  fix: {expected.fix}\n  more: {expected.docs}\n"
        assert run == (2, "", f"error: {expected.title} [no-python]\n{lines}")


@pytest.mark.parametrize("place", ["OCICI_PYTHON", "PATH", "RUNNER_TOOL_CACHE", "PYENV_ROOT"])
def test_an_old_python_finds_a_newer_one(sources: Path, env: dict[str, str], place: str, tmp_path: Path) -> None:
    if not old_pythons():
        pytest.skip("this machine has no Python older than 3.10")
    folder = {"RUNNER_TOOL_CACHE": "Python/3.12.1/x64/bin", "PYENV_ROOT": "versions/3.12.1/bin"}.get(place, "bin")
    name = tmp_path / folder / ("python3.10" if place == "PATH" else "python3")
    name.parent.mkdir(parents=True)
    name.symlink_to(PYTHON)
    found = {"OCICI_PYTHON": str(name), "PATH": str(name.parent)}.get(place, str(tmp_path))
    run = launch(sources, "--tier", "none", "--", "setup", "a b", env={**env, place: found}, python=old_pythons()[0])
    assert run.told["arguments"] == ["setup", "a b"]
    assert Path(run.told["python"]).resolve() == Path(PYTHON).resolve()


def test_ocici_python_wins_over_a_python_that_fits(sources: Path, env: dict[str, str], tmp_path: Path) -> None:
    other = tmp_path / "other"
    venv.create(other, symlinks=True, with_pip=False)
    python = str(other / "bin" / "python")
    run = launch(sources, "--tier", "none", "--", "setup", env={**env, "OCICI_PYTHON": python})
    assert run.told["python"] == python
    assert run.told["arguments"] == ["setup"]


# -- where the packages come from -------------------------------------------------------------------------------------


def test_where_there_is_only_pip_it_fetches_uv(first: tuple[Path, Run]) -> None:
    cache, run = first
    assert re.fullmatch(r"ocici: the base runtime built with uv \(fetched by pip\) in \d+\.\d+ s\n", run.err)
    for path in run.told["where"].values():
        assert path.startswith(str(cache / "ocici" / "base-"))
    assert run.told["arguments"] == ["setup", "+cryptography", "+yaml"]


def test_a_warm_start_starts_no_tool_and_imports_little(
    sources: Path, first: tuple[Path, Run], environment: dict[str, str], dead_index: dict[str, str], tmp_path: Path
) -> None:
    never = script(tmp_path / "uv", "exit 1")
    env = {**environment, **dead_index, "OCICI_CACHE": str(first[0]), "OCICI_UV": never}
    run = launch(sources, "setup", env=env)
    assert re.fullmatch(r"ocici: the base runtime found in the cache in 0\.0\d\d s\n", run.err)
    bare = subprocess.run(
        [PYTHON, "-I", "-c", "import sys; print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    added = set(run.told["modules"]) - set(bare.stdout.split())
    assert not added & {"subprocess", "tempfile", "shutil", "pathlib", "configparser", "typing", "argparse", "signal"}


def test_it_hands_over_to_ocici_itself(first: tuple[Path, Run], environment: dict[str, str]) -> None:
    run = launch(PACKAGE.parent, "explain", "no-python", env={**environment, "OCICI_CACHE": str(first[0])})
    assert run.code == 0
    assert CATALOGUE["no-python"].title in run.out


@pytest.mark.parametrize("command", ["cleanup", "sweep"])
def test_cleanup_needs_no_runtime(sources: Path, env: dict[str, str], command: str) -> None:
    run = launch(sources, "--tier", "github", "--", command, env=env)
    assert run.told["arguments"] == [command]
    assert run.err == ""
    assert not Path(env["OCICI_CACHE"]).exists()


def test_started_as_one_file_too(sources: Path, env: dict[str, str]) -> None:
    run = launch(sources / "ocici" / "launcher.py", "--tier", "base", "--", "setup", "--tier", env=env)
    assert "built with uv in" in run.err
    assert run.told["arguments"] == ["setup", "--tier"]


def test_from_the_zipapp(sources: Path, env: dict[str, str], tmp_path: Path) -> None:
    archive = tmp_path / "ocici.pyz"
    zipapp.create_archive(sources, archive, compressed=True, filter=lambda path: "__pycache__" not in path.parts)
    run = launch("ocici.pyz", "setup", "+yaml", env=env, cwd=tmp_path)
    assert run.told["source"] == str(archive / "ocici" / "cli.py")
    assert run.told["where"]["yaml"].startswith(env["OCICI_CACHE"])
    assert "found in the cache" in launch(archive, "setup", env=env).err


@pytest.mark.parametrize(("tier", "module"), [("github", "actions_toolkit"), ("sdk", "oci")])
def test_require_adds_a_tier_while_ocici_runs(sources: Path, env: dict[str, str], tier: str, module: str) -> None:
    run = launch(sources, "require", tier, "+cryptography", f"+{module}", env=env)
    assert "the base runtime built with uv" in run.err
    assert f"the {tier} runtime built with uv" in run.err
    assert f"/{tier}-" in run.told["where"][module]
    assert "found in the cache" in launch(sources, "--tier", tier, "--", "setup", f"+{module}", env=env).err


def test_require_takes_the_locked_packages_before_those_of_the_system(
    sources: Path, env: dict[str, str], tmp_path: Path
) -> None:
    venv.create(tmp_path / "system", symlinks=True, with_pip=False)
    (site,) = tmp_path.glob("system/lib/python3*/site-packages")
    (site / "actions_toolkit.py").touch()
    python = str(tmp_path / "system" / "bin" / "python")
    for start in (sources, sources / "ocici" / "launcher.py"):
        run = launch(start, "require", "github", "+actions_toolkit", env=env, python=python)
        assert run.told["where"]["actions_toolkit"].startswith(env["OCICI_CACHE"])


def test_require_refuses_with_a_finding(
    sources: Path, first: tuple[Path, Run], env: dict[str, str], dead_index: dict[str, str]
) -> None:
    run = launch(sources, "require", "github", env={**env, **dead_index, "OCICI_CACHE": str(first[0])})
    assert (run.code, run.out) == (3, "index-unreachable\n")


def installed_ocici(folder: Path, version: str) -> str:
    """A Python with an ocici of that version, and something called cryptography and yaml."""
    venv.create(folder, symlinks=True, with_pip=False)
    (site,) = folder.glob("lib/python3*/site-packages")
    (site / "ocici").mkdir()
    (site / "ocici" / "__init__.py").write_text(f'__version__ = "{version}"\n')
    (site / "ocici" / "cli.py").write_text(CLI)
    for name in ("cryptography", "yaml"):
        (site / f"{name}.py").touch()
    return str(folder / "bin" / "python")


def test_an_installed_ocici_of_the_same_version_is_used(
    sources: Path, env: dict[str, str], dead_index: dict[str, str], tmp_path: Path
) -> None:
    version = re.findall(r'__version__ = "(.*)"', (PACKAGE / "__init__.py").read_text())[0]
    python = installed_ocici(tmp_path / "same", version)
    archive = tmp_path / "ocici.pyz"
    zipapp.create_archive(sources, archive)
    for start in (sources, sources / "ocici" / "launcher.py", archive):
        run = launch(start, "setup", "+yaml", env={**env, **dead_index}, python=python)
        assert run.told["source"].startswith(str(tmp_path / "same"))
        assert run.err.startswith("ocici: using the ocici installed in ")
    other = installed_ocici(tmp_path / "other", version + ".1")
    assert launch(sources, "setup", env={**env, **dead_index}, python=other).code == 3  # it wanted to build


@NEEDS_POSIX
def test_ocici_command_is_run_as_it_is(sources: Path, env: dict[str, str], tmp_path: Path) -> None:
    command = script(tmp_path / "my ocici", 'printf "%s\\n" "$@"', "exit 9")
    run = launch(sources, "--tier", "sdk", "--", "exec", "--", "a b", env={**env, "OCICI_COMMAND": command})
    assert run == (9, "exec\n--\na b\n", "")


def test_oci_cli_gets_a_folder_of_its_own(sources: Path, env: dict[str, str]) -> None:
    version = re.findall(r"^oci-cli==(\S+)", (PACKAGE / "runtime" / "cli.txt").read_text(), re.MULTILINE)[0]
    run = launch(sources, "--cli-version", version, env=env)
    assert re.fullmatch(rf"ocici: oci-cli {version} built with uv in \d+\.\d+ s\n", run.err)
    folder = Path(run.out.rstrip("\n"))
    shown = subprocess.run([folder / "oci", "--version"], env=env, capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == version
    run = launch(sources, "--tier", "none", "--cli-version", version, "--", "setup", env=env)
    assert run.told["path"].split(os.pathsep)[0] == run.told["oci"] == str(folder)
    assert "found in the cache" in run.err


@pytest.mark.slow
def test_another_oci_cli_is_installed_without_hashes_and_says_so(sources: Path, env: dict[str, str]) -> None:
    run = launch(sources, "--cli-version", "3.90.0", env=env)
    assert "oci-cli 3.90.0 is not the one that ocici was released with" in run.err
    shown = subprocess.run([Path(run.out.rstrip("\n")) / "oci", "--version"], env=env, capture_output=True, text=True)
    assert shown.stdout.strip() == "3.90.0"


# -- index, proxy and CA settings -------------------------------------------------------------------------------------


def test_a_wheelhouse_needs_no_index(
    sources: Path, env: dict[str, str], wheelhouse: Path, dead_index: dict[str, str], tmp_path: Path
) -> None:
    for tool, settings in (("uv", {}), ("pip", {"OCICI_UV": "", "OCICI_CACHE": str(tmp_path / "other")})):
        run = launch(
            sources, "setup", "+yaml",
            env={**env, **dead_index, "OCICI_WHEELHOUSE": wheelhouse.name, **settings}, cwd=wheelhouse.parent,
        )  # fmt: skip
        assert f"the base runtime built with {tool} in" in run.err
        assert run.told["where"]["yaml"]


@pytest.mark.parametrize("tool", ["uv", "pip"])
def test_an_altered_package_is_refused(
    sources: Path, env: dict[str, str], wheelhouse: Path, tool: str, tmp_path: Path
) -> None:
    house = shutil.copytree(wheelhouse, tmp_path / "house")
    (wheel,) = house.glob("cryptography-*.whl")
    with wheel.open("ab") as file:
        file.write(b"\0")
    changed = {"OCICI_WHEELHOUSE": str(house), "UV_NO_VERIFY_HASHES": "1", "PIP_NO_DEPS": "1"}
    run = launch(sources, "setup", env={**env, **changed, **({} if tool == "uv" else {"OCICI_UV": ""})})
    assert run.code == 2
    assert "[package-altered]" in run.err
    assert f"why: {tool} got a package" in run.err
    assert runtimes(env) == []


@pytest.mark.parametrize("tool", ["uv", "pip"])
def test_an_unreachable_index_is_a_finding(
    sources: Path, env: dict[str, str], dead_index: dict[str, str], tool: str
) -> None:
    run = launch(sources, "setup", env={**env, **dead_index, **({} if tool == "uv" else {"OCICI_UV": ""})})
    assert run.code == 3
    assert run.err.startswith("error: the package index cannot be reached [index-unreachable]\n  why: ")
    assert "  | " in run.err
    assert "hunter2-secret" not in run.err
    assert "walter" not in run.err
    assert runtimes(env) == []


def test_relative_settings_below_a_folder_that_is_gone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert launcher.located("bin/python") == ""
    monkeypatch.setenv("OCICI_CACHE", "cache")
    with pytest.raises(launcher.Failed) as raised:
        next(launcher.caches())
    assert raised.value.code == "setting-unusable"
    assert raised.value.values["variable"] == "OCICI_CACHE"


def test_passwords_and_commands_are_taken_out_of_what_a_tool_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_INDEX_OURS_PASSWORD", "hunter2")
    monkeypatch.setenv("PIP_INDEX_URL", "https://walter:swordfish@index.example/simple")
    monkeypatch.setenv("HTTPS_PROXY", "http://ciuser:7351/geheim@proxy.corp:3128")
    assert "geheim" not in launcher.scrubbed("proxy http://ciuser:7351/geheim@proxy.corp:3128 failed")
    line = "##[warning]hunter2 https://other:secret@index.example/simple?x#y swordfish"
    assert launcher.scrubbed(line) == "## [warning]*** https://***@index.example/simple?x#y ***"


def test_uv_does_not_take_the_python_of_the_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uv = ROOT / ".tools" / "uv" / "bin" / "uv"
    if not uv.exists():
        lacking("there is no uv")
    own = tmp_path / "workspace" / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", own], check=True)
    monkeypatch.chdir(own.parent)
    for name in ("PATH", "PYENV_ROOT", "HOME", "RUNNER_TOOL_CACHE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("OCICI_UV", str(uv))
    monkeypatch.delenv("OCICI_PYTHON", raising=False)
    assert not [path for path in launcher.pythons() if path.startswith(str(tmp_path))]


@pytest.mark.parametrize("where", ["2>&-", "2> /dev/full"])
def test_progress_that_cannot_be_written_disturbs_no_work(sources: Path, env: dict[str, str], where: str) -> None:
    code = f"import sys; sys.path.insert(0, {str(sources)!r}); from ocici.launcher import say; say('x'); print('done')"
    script = f'"$1" -c "$2" {where}'
    done = subprocess.run(["sh", "-c", script, "sh", sys.executable, code], env=env, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, b"done\n")


def test_a_key_in_base64_reaches_no_tool_under_any_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRODUCTION_KEY", "LS0t" * 200)
    monkeypatch.setenv("WRAPPED_KEY", ("LS0t" * 16 + "\n") * 20)
    monkeypatch.setenv("PIP_INDEX_URL", f"https://aws:{'x' * 900}@index.example/simple")
    given = launcher.tool_environment()
    assert {"PRODUCTION_KEY", "WRAPPED_KEY"} & set(given) == set()
    assert "PIP_INDEX_URL" in given


def test_a_setting_that_is_quoted_gives_the_runner_no_command(sources: Path, env: dict[str, str]) -> None:
    run = launch(sources, "setup", env={**env, "OCICI_WHEELHOUSE": "/no/##[error]such"})
    assert run.code == 2
    assert "/no/## [error]such" in run.err
    assert "##[" not in run.err


def test_github_gets_an_annotation(sources: Path, env: dict[str, str]) -> None:
    run = launch(sources, "setup", env={**env, "OCICI_WHEELHOUSE": "/no/such", "GITHUB_ACTIONS": "true"})
    assert run.code == 2
    title = "a setting of the launcher cannot be used"
    annotation = f"\n::error title={title}::{title} [setting-unusable]%0Awhy: OCICI_WHEELHOUSE is '/no/such'"
    assert annotation in run.err
    assert "%0Amore: docs/TROUBLESHOOTING.md#setting-unusable\n" in run.err


@pytest.fixture
def index(wheelhouse: Path, tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    """A package index on loopback with the wheels of the base runtime: its address, and what it was asked for."""
    root, asked = tmp_path / "index", []
    for wheel in wheelhouse.glob("*.whl"):
        project = root / "simple" / re.sub(r"[-_.]+", "-", wheel.name.split("-")[0]).lower()
        project.mkdir(parents=True)
        shutil.copy(wheel, project)

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            asked.append(self.path)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(root)))
    threading.Thread(target=server.serve_forever).start()
    yield f"http://127.0.0.1:{server.server_port}/simple/", asked
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("said_by", ["PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "pip.conf", "PIP_FIND_LINKS"])
def test_uv_goes_where_pip_is_told_to_go(
    sources: Path, env: dict[str, str], index: tuple[str, list[str]], wheelhouse: Path, dead_index: dict[str, str],
    said_by: str, tmp_path: Path,
) -> None:  # fmt: skip
    settings = {said_by: index[0]}
    if said_by == "pip.conf":
        (tmp_path / "pip.conf").write_text(f"[global]\nindex-url = {index[0]}\nuser = true\n")
        settings = {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf")}
    elif said_by == "PIP_FIND_LINKS":
        settings = {said_by: f"/no/such {wheelhouse}", "PIP_NO_INDEX": "1"}
    run = launch(sources, "setup", env={**env, **settings})
    assert "built with uv in" in run.err
    assert run.told
    assert said_by == "PIP_FIND_LINKS" or any("/simple/pyyaml/" in path for path in index[1])


def test_pip_goes_where_uv_is_told_to_go(
    sources: Path, env: dict[str, str], index: tuple[str, list[str]], tmp_path: Path
) -> None:
    settings = {"OCICI_UV": "", "UV_INDEX": f"ours={index[0]}", "UV_DEFAULT_INDEX": index[0]}
    (tmp_path / "pip.conf").write_text("[install]\nuser = true\n[global]\nrequire-virtualenv = true\n")
    settings["PIP_CONFIG_FILE"] = str(tmp_path / "pip.conf")  # neither goes with what the launcher asks of pip
    run = launch(sources, "setup", env={**env, **settings})
    assert "built with pip in" in run.err  # this index has no uv
    assert any("/simple/pyyaml/" in path for path in index[1])


@NEEDS_POSIX
def test_the_tools_do_not_see_the_secrets(sources: Path, env: dict[str, str], uv: str, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    spy = script(tmp_path / "spy", f'env >> "{seen}"', f'exec "{uv}" "$@"')
    secrets = ["OCICI_PRIVATE_KEY", "OCICI_PASS_PHRASE", "OCICI_CREDENTIALS", "OCICI_CONFIG", "OCI_CLI_KEY_CONTENT"]
    secrets += ["OCI_CLI_PASSPHRASE", "INPUT_PASS-PHRASE", "INPUT_PRIVATE_KEY", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"]
    hostile = {"PIP_TARGET": "/unwanted", "UV_NO_VERIFY_HASHES": "unwanted", "PYTHONPATH": "/unwanted"}
    env.update(dict.fromkeys(secrets, "swordfish"), MY_KEY="-----BEGIN PRIVATE KEY-----", OCICI_UV=spy, **hostile)
    assert "built with uv" in launch(sources, "setup", env=env).err
    text = seen.read_text()
    assert "NO_COLOR=1" in text
    for unwanted in ("swordfish", "PRIVATE KEY", "unwanted"):
        assert unwanted not in text


# -- the cache --------------------------------------------------------------------------------------------------------


def test_concurrent_jobs_build_once(sources: Path, env: dict[str, str]) -> None:
    command = [PYTHON, "-I", str(sources), "setup", "+yaml"]
    jobs = [
        subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(8)
    ]
    errors = [job.communicate()[1] for job in jobs]
    assert [job.returncode for job in jobs] == [7] * 8
    assert sorted("built with uv in" in error for error in errors) == [False] * 7 + [True]
    assert len(runtimes(env)) == 1


@pytest.fixture
def stuck(sources: Path, env: dict[str, str], tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A launcher in the midst of building, in a process group of its own."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    tool = script(tmp_path / "stuck", f'echo begun > "{fifo}"', "exec sleep 60")
    job = subprocess.Popen(
        [PYTHON, "-I", str(sources), "setup"], env={**env, "OCICI_UV": tool}, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert fifo.read_text() == "begun\n"
    assert [path.suffix for path in runtimes(env)] == [".building"]
    with job:
        yield job
        with contextlib.suppress(ProcessLookupError):
            os.killpg(job.pid, signal.SIGKILL)


@NEEDS_POSIX
def test_what_a_killed_builder_left_is_removed(
    sources: Path, env: dict[str, str], stuck: subprocess.Popen[str]
) -> None:
    os.killpg(stuck.pid, signal.SIGKILL)
    stuck.wait()
    (left,) = runtimes(env)
    run = launch(sources, "setup", "+yaml", env=env)
    assert "built with uv in" in run.err
    assert run.told
    assert not left.exists()
    assert len(runtimes(env)) == 1


@NEEDS_POSIX
def test_a_tool_that_outlives_its_launcher_is_waited_for(
    sources: Path, env: dict[str, str], stuck: subprocess.Popen[str]
) -> None:
    stuck.kill()  # the launcher alone
    stuck.wait()
    (left,) = runtimes(env)
    next_job = subprocess.Popen(
        [PYTHON, "-I", str(sources), "setup"], env=env, stderr=subprocess.PIPE, text=True, stdout=-1
    )
    with pytest.raises(subprocess.TimeoutExpired):
        next_job.wait(1)
    assert runtimes(env) == [left]  # nothing was cleared away under the tool
    os.killpg(stuck.pid, signal.SIGKILL)
    assert "built with uv in" in next_job.communicate()[1]


@NEEDS_POSIX
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_build_and_leaves_nothing(
    env: dict[str, str], stuck: subprocess.Popen[str], number: signal.Signals
) -> None:
    stuck.send_signal(number)
    _, error = stuck.communicate(timeout=60)
    assert stuck.returncode == 128 + number
    assert error == ""
    assert runtimes(env) == []


@pytest.mark.parametrize("damage", ["truncated", "missing", "unsealed", "half-sealed"])
def test_a_damaged_runtime_is_rebuilt(sources: Path, env: dict[str, str], damage: str) -> None:
    launch(sources, "setup", env=env)
    (runtime,) = runtimes(env)
    library = next(
        path for path in runtime.rglob("*") if path.suffix in (".so", ".pyd") and "cryptography" in path.parts
    )
    seal = runtime / "complete"
    whole = hashlib.sha256(library.read_bytes()).digest()
    if damage == "truncated":
        os.truncate(library, 1000)  # in uv's cache too, if uv linked the file
    elif damage == "missing":
        library.unlink()
    elif damage == "unsealed":
        seal.unlink()
    else:
        os.truncate(seal, seal.stat().st_size // 2)
    run = launch(sources, "setup", "+cryptography.hazmat.bindings._rust", env=env)
    assert "the base runtime was damaged, rebuilt with uv in" in run.err
    assert run.told
    assert hashlib.sha256(library.read_bytes()).digest() == whole
    assert runtimes(env) == [runtime]


def test_unused_runtimes_are_removed(sources: Path, env: dict[str, str]) -> None:
    folder = Path(env["OCICI_CACHE"], "ocici")
    for name, days in (("base-cpython-39-old", 31), ("base-cpython-39-new", 29)):
        (folder / name).mkdir(parents=True, mode=0o700)
        (folder / name / "complete").write_text("end 0")
        os.utime(folder / name / "complete", (0, time.time() - days * 86400))
    folder.chmod(0o700)
    launch(sources, "setup", env=env)
    assert "base-cpython-39-new" in [path.name for path in runtimes(env)]
    assert len(runtimes(env)) == 2


@NEEDS_POSIX
@pytest.mark.parametrize("hazard", ["writable", "link", "parent", "owner", "file"])
def test_a_cache_that_others_could_fill_is_not_used(
    sources: Path, env: dict[str, str], hazard: str, tmp_path: Path
) -> None:
    launch(sources, "setup", env=env)  # a whole runtime is there, and still not trusted
    folder = Path(env["OCICI_CACHE"], "ocici")
    if hazard == "writable":
        folder.chmod(0o770)
    elif hazard == "link":
        folder.rename(tmp_path / "elsewhere")
        folder.symlink_to(tmp_path / "elsewhere")
    elif hazard == "parent":
        folder.parent.chmod(0o777)
    elif hazard == "file":
        shutil.rmtree(folder)
        folder.touch()
    elif os.geteuid() == 0:
        os.chown(folder, 12345, 12345)
    else:
        pytest.skip("only root can give a folder to another user")
    private = tmp_path / "tmp"
    private.mkdir()
    for how in ("built with uv", "found in the cache"):
        run = launch(sources, "setup", "+yaml", env={**env, "TMPDIR": str(private)})
        assert re.match(f"ocici: {folder} is not used: .*\n.*{how}", run.err), run.err
        assert run.told["where"]["yaml"].startswith(f"{private}/ocici-{os.geteuid()}/base-")
    (own,) = private.iterdir()
    assert own.stat().st_mode & 0o777 == 0o700
    # That name can be guessed: if another user took it, there is still a place, for this run alone.
    own.chmod(0o777)
    run = launch(sources, "setup", "+yaml", env={**env, "TMPDIR": str(private)})
    assert not run.told["where"]["yaml"].startswith(f"{own}/")
    assert list(private.iterdir()) == [own]


@pytest.mark.parametrize("variable", ["RUNNER_TOOL_CACHE", "XDG_CACHE_HOME", "HOME"])
def test_where_the_cache_is(sources: Path, env: dict[str, str], variable: str, tmp_path: Path) -> None:
    del env["OCICI_CACHE"]
    run = launch(sources, "setup", "+yaml", env={**env, "HOME": "/dev/null", variable: str(tmp_path / "there")})
    expected = tmp_path / "there" / (".cache/ocici" if variable == "HOME" else "ocici")
    assert run.told["where"]["yaml"].startswith(str(expected))


def test_without_a_home_the_cache_is_private(sources: Path, env: dict[str, str], tmp_path: Path) -> None:
    del env["OCICI_CACHE"], env["UV_CACHE_DIR"]
    run = launch(sources, "setup", "+yaml", env={**env, "HOME": "/dev/null", "TMPDIR": str(tmp_path)})
    assert "built with uv" in run.err
    assert run.told["where"]["yaml"].startswith(str(tmp_path))


# -- hostile surroundings, wrong usage --------------------------------------------------------------------------------


@NEEDS_POSIX
def test_nothing_in_the_working_directory_is_run(sources: Path, env: dict[str, str], uv: str, tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    names = ("ocici", "os", "json", "hashlib", "subprocess", "pip", "yaml", "cryptography", "sitecustomize", "findings")
    for name in names:
        (workspace / f"{name}.py").write_text("raise SystemExit('shadowed')")
    for name in ("uv", "pip", "pip3", "python3.12"):
        script(workspace / name, "echo shadowed >&2", "exit 1")
    (workspace / "uv.toml").write_text('index-url = "http://127.0.0.1:1/"\nrequired-version = ">=99"\n')
    (workspace / "pip.conf").write_text("[global]\nindex-url = http://127.0.0.1:1/\n")
    path = {"PATH": f".:{Path(uv).parent}:{env['PATH']}:", "OCICI_UV": ""}
    run = launch(sources, "setup", "+yaml", env={**env, **path}, cwd=workspace)
    assert "built with uv in" in run.err
    assert "shadowed" not in run.err
    assert run.told["where"]["yaml"].startswith(env["OCICI_CACHE"])


@pytest.mark.parametrize(
    ("arguments", "settings", "code"),
    [
        (["--tier", "all", "--", "setup"], {}, "launcher-usage"),
        (["--tier"], {}, "launcher-usage"),
        (["--cli-version", "1.0 @ http://127.0.0.1/", "--", "setup"], {}, "launcher-usage"),
        (["--cli-version", "--", "setup"], {}, "launcher-usage"),
        (["setup"], {"OCICI_PYTHON": "/no/such/python"}, "setting-unusable"),
        (["setup"], {"OCICI_COMMAND": "no-such-ocici"}, "setting-unusable"),
        (["setup"], {"OCICI_UV": "/no/such/uv"}, "setting-unusable"),
        (["setup"], {"OCICI_WHEELHOUSE": "/no/such"}, "setting-unusable"),
    ],
)
def test_wrong_usage_is_a_finding(
    sources: Path, env: dict[str, str], arguments: list[str], settings: dict[str, str], code: str
) -> None:
    run = launch(sources, *arguments, env={**env, **settings})
    assert run.code == 2
    assert re.fullmatch(
        rf"error: {CATALOGUE[code].title} \[{code}\]\n  why: .*\n  fix: .*\n  more: .*#{code}\n", run.err
    )
