"""Workflows executed for real by act, on this machine, against the emulator.

act (nektos/act) runs the steps and the post steps of a job as GitHub's runner does, but it is not that runner:
actions/oci-auth/README.md says what differs.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ..conftest import PASS_PHRASE, TENANCY, USER, Pair
from ..machine import lacking

ROOT = Path(__file__).resolve().parent.parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from scripts import github_tools  # noqa: E402

ACT = Path(sys.executable).with_name("act")
ACTION = "./actions/oci-auth"
LAST = '{"uses": "./tests/github/last"}'
LONG = 300  # seconds; so long takes only what hangs, even where the runtimes are built on a busy machine


def need(program: str) -> str:
    """The path of `program`; the test is skipped where it is not there, but not in CI."""
    found = shutil.which(program)
    if not found:
        lacking(f"{program} is not on the PATH")
    return found


def path() -> str:
    """The PATH of a runner: the Node.js that action.yml names comes first, where scripts/github_tools.py got it."""
    return f"{github_tools.NODE}{os.pathsep}{os.environ['PATH']}" if github_tools.NODE.exists() else os.environ["PATH"]


def node() -> str:
    """The path of Node.js."""
    return shutil.which("node", path=path()) or need("node")


def pieces(text: str) -> list[str]:
    """What shows `text`, a key: each line, and pieces of its base64, however that is wrapped."""
    encoded = base64.b64encode(text.encode()).decode()
    lines = [line for line in text.splitlines() if len(line) > 20 and "-----" not in line]
    # Wrapped at 64 or 76 characters, each of these is whole in one of the two ways.
    return [*lines, *(encoded[start : start + 28] for start in range(80, len(encoded) - 28, 32))]


@pytest.fixture(scope="session")
def cache() -> Path:
    """The launcher's cache of this checkout, which the other wrappers' tests use too: runtimes are built once."""
    folder = ROOT / ".tools" / "cache"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


@dataclass
class Run:
    """One workflow that has run: act's exit code, the whole log, and where the runner kept its files."""

    code: int
    log: str
    home: Path

    def leaks(self, canary: Sequence[str]) -> list[str]:
        """Where in the log or in any file of the runner one of `canary` stands (act shows no add-mask line)."""
        found = [f"log: {line}" for line in self.log.splitlines() if any(each in line for each in canary)]
        for path in self.home.rglob("*"):
            if path.is_file() and not path.is_symlink():
                content = path.read_bytes()
                found += [str(path) for each in canary if each.encode() in content]
        return found


@dataclass
class Runner:
    """Runs workflows. `secrets` are those of the repository's settings."""

    home: Path
    repository: Path
    cache: Path
    canary: list[str]
    secrets: dict[str, str] = field(default_factory=dict)

    def environ(self, **more: str) -> dict[str, str]:
        """The environment of act: nothing of this machine's but the PATH, and what reaches the package index."""
        kept = ("PIP_INDEX_URL", "PIP_CERT", "PIP_FIND_LINKS", "SSL_CERT_FILE", "UV_DEFAULT_INDEX", "LANG")
        environ = {name: os.environ[name] for name in kept if name in os.environ}
        environ |= {
            "PATH": path(),
            "SNAPSHOT": str(self.home / "snapshot"),
            "HOME": str(self.home),
            "XDG_CACHE_HOME": str(self.home / "cache"),
            "TMPDIR": str(self.home / "tmp"),
        }
        return environ | {"OCICI_CACHE": str(self.cache)} | more

    def workflow(self, text: str, name: str = "test") -> None:
        """Write the workflow and commit it: act reads a repository."""
        folder = self.repository / ".github" / "workflows"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.yml").write_text(text)

    def start(
        self, *arguments: str, event: str = "push", masked: bool = False, **environ: str
    ) -> subprocess.Popen[str]:
        """Start act; a process group of its own, so that a signal can be sent to act alone.

        Its log is raw unless `masked`: a mask must not hide what should not have been printed in the first place.
        """
        git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com"]
        subprocess.run([*git, "add", "-A"], cwd=self.repository, check=True)
        subprocess.run([*git, "commit", "-q", "-m", "t", "--allow-empty"], cwd=self.repository, check=True)
        # In a file: act hands its own environment on to every step.
        store = self.repository.parent / "secrets"
        store.write_text("".join(f"{name}={json.dumps(value)}\n" for name, value in self.secrets.items()))
        command = [str(ACT), event, "-P", "ubuntu-latest=-self-hosted", "--no-cache-server"]
        command += ["--secret-file", str(store), *arguments]
        command += [] if masked else ["--insecure-secrets"]
        return subprocess.Popen(
            command,
            cwd=self.repository,
            env=self.environ(**environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str, event: str = "push", masked: bool = False, **environ: str) -> Run:
        """Run the workflows to their end, and see that nothing secret is left or was shown."""
        process = self.start(*arguments, event=event, masked=masked, **environ)
        log, _ = process.communicate(timeout=LONG)
        return self.finished(Run(process.returncode, log, self.home))

    def finished(self, run: Run) -> Run:
        """`run`, after the search that every run must stand."""
        assert run.leaks(self.canary) == [], run.log
        assert "| left behind: nothing" in run.log, run.log
        assert not list(self.home.rglob("ocici-*")), run.log
        return run


@pytest.fixture
def runner(tmp_path: Path, cache: Path, pair: Pair) -> Runner:
    """A runner whose repository holds the action and the sources, as a checkout of this project does."""
    need("git")
    node()
    repository, home = tmp_path / "repository", tmp_path / "home"
    (home / "tmp").mkdir(parents=True)
    ignore = shutil.ignore_patterns("__pycache__")
    for part in ("actions", "src", "tests/github/last"):
        shutil.copytree(ROOT / part, repository / part, ignore=ignore)
    subprocess.run(["git", "init", "-q", "-b", "main"], cwd=repository, check=True)
    canary = [*pieces(pair.private), *pieces(pair.encrypted), PASS_PHRASE]
    secrets = {"OCI_USER": USER, "OCI_TENANCY": TENANCY, "OCI_PRIVATE_KEY": pair.private}
    return Runner(home, repository, cache, canary, secrets)


def sign_in(endpoint: str, *, step: str = "auth", **inputs: str) -> str:
    """A step that uses the action, to stand in a workflow's `steps`, with good inputs unless told otherwise."""
    values = {
        "user": "${{ secrets.OCI_USER }}",
        "tenancy": "${{ secrets.OCI_TENANCY }}",
        "region": "fra",
        "private-key": "${{ secrets.OCI_PRIVATE_KEY }}",
        "endpoint": endpoint,
    }
    values |= {name.replace("_", "-"): value for name, value in inputs.items()}
    return json.dumps({"uses": ACTION, "id": step, "with": values})


def workflow(*steps: str, **env: str) -> str:
    """A workflow of one job with `steps`, each a step in JSON, or a shell script; `env` is the job's."""
    lines = ["on: [push, pull_request]", "jobs:", "  job:", "    runs-on: ubuntu-latest", f"    env: {json.dumps(env)}"]
    lines += ["    steps:", "      - uses: actions/checkout@v4"]  # act puts the repository there itself
    for step in (LAST, *steps):
        lines.append(f"      - {step if step.startswith('{') else json.dumps({'run': step})}")
    return "\n".join(lines) + "\n"


@pytest.fixture
def stop() -> Iterator[list[subprocess.Popen[str]]]:
    """Processes put here are killed at the end of the test, with their group."""
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
