"""Runs pipelines in the harness: the other end of harness/Controller.groovy."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

HARNESS = Path(__file__).parent / "harness"
LIBRARY = Path(__file__).resolve().parents[2] / "jenkins"
SECONDS = 90.0

TENANCY = "ocid1.tenancy.oc1..aaaaaaaajenkinstenancy"
USER = "ocid1.user.oc1..aaaaaaaajenkinsuser"
REGION = "eu-frankfurt-1"
PASS_PHRASE = "correct horse battery"  # that of tests/conftest.py


@dataclass(frozen=True)
class Build:
    """How a build ended. `error` is the class of what it failed with, empty if it passed."""

    error: str
    message: str
    returned: str
    steps: list[str]
    used: list[str]
    log: str

    @property
    def passed(self) -> bool:
        return not self.error


@dataclass
class Run:
    """A build that runs."""

    controller: Controller
    number: int
    changed: threading.Condition = field(default_factory=threading.Condition)
    lines: list[str] = field(default_factory=list)
    end: dict[str, Any] | None = None

    def abort(self) -> None:
        """Abort it, as a user does."""
        self.controller.tell({"order": "abort", "id": self.number})

    def lose_agent(self) -> None:
        """Let its agent die: processes are killed, and no step reaches it any more."""
        self.controller.tell({"order": "lose", "id": self.number})

    def wait_for(self, text: str) -> None:
        """Wait until `text` stands in the log."""
        with self.changed:
            found = self.changed.wait_for(lambda: self.end or any(text in line for line in self.lines), SECONDS)
        assert found, f"{text!r} did not come:\n" + "\n".join(self.lines)

    def wait(self) -> Build:
        """Wait for the end."""
        with self.changed:
            assert self.changed.wait_for(lambda: self.end is not None, SECONDS), "\n".join(self.lines)
        end = self.end or {}
        log = "\n".join(self.lines)
        return Build(end["error"] or "", end["message"] or "", end["returned"], end["steps"], end["used"], log)

    def take(self, told: Mapping[str, Any]) -> None:
        with self.changed:
            if "log" in told:
                self.lines.append(told["log"])
            else:
                self.end = dict(told)
            self.changed.notify_all()


class Controller:
    """The harness's JVM. `launcher` is a command that it is started through."""

    def __init__(self, java: Path, jars: Sequence[Path], tools: Path, launcher: Sequence[str] = ()) -> None:
        path = os.pathsep.join(map(str, jars))
        classes = compiled(java, path, tools)
        command = [*launcher, str(java), "-XX:TieredStopAtLevel=1", "-cp", f"{classes}{os.pathsep}{path}"]
        self.process = subprocess.Popen(
            [*command, "harness.Controller"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.runs: list[Run] = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def __enter__(self) -> Controller:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(SECONDS)
        self.reader.join()
        assert self.process.stdout
        self.process.stdout.close()

    def start(self, job: Mapping[str, Any]) -> Run:
        """Start a build; `job` is what harness/Build.groovy takes."""
        run = Run(self, len(self.runs))
        self.runs.append(run)
        self.tell({"order": "build", "id": run.number, "job": job})
        return run

    def tell(self, order: Mapping[str, Any]) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            told = json.loads(line)
            self.runs[told["id"]].take(told)


def compiled(java: Path, path: str, tools: Path) -> Path:
    """The harness's classes, compiled once for each state of its sources."""
    sources = sorted(HARNESS.rglob("*.groovy"))
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:16]
    classes = tools / f"harness-{digest}"
    if not classes.exists():
        aside = tools / f"harness-{digest}.{os.getpid()}"
        compiler = "org.codehaus.groovy.tools.FileSystemCompiler"
        subprocess.run([java, "-cp", path, compiler, "-cp", path, "-d", aside, *sources], check=True)
        try:
            aside.rename(classes)
        except OSError:  # another worker of pytest was faster
            shutil.rmtree(aside)
    return classes


@dataclass
class Agent:
    """An agent with one workspace, and what the pipelines of the tests are given."""

    controller: Controller
    workspace: Path
    environment: dict[str, str]
    credentials: Mapping[str, Mapping[str, str]]
    endpoint: str
    builds: int = 0

    @property
    def temporary(self) -> Path:
        return Path(f"{self.workspace}@tmp")

    def sign_in(self, *extra: str, body: str = "echo 'signed in'", key: str = "key") -> str:
        """A call of withOci with every value that is needed."""
        given = [f"keyCredentialsId: '{key}'"] if key else []
        given += [f"{name}: '{value}'" for name, value in self.identity.items()]
        return f"withOci({', '.join([*given, *extra])}) {{ {body} }}"

    @property
    def identity(self) -> dict[str, str]:
        return {"user": USER, "tenancy": TENANCY, "region": REGION, "endpoint": self.endpoint}

    def start(self, pipeline: str, library: Path = LIBRARY, **changes: Any) -> Run:
        """Start a build of `pipeline`; `changes` are to the job (harness/Build.groovy)."""
        self.builds += 1
        environment = {**self.environment, "BUILD_TAG": f"jenkins-app-{self.builds}", **changes.pop("env", {})}
        job = {
            "pipeline": pipeline,
            "library": str(library),
            "env": {name: value for name, value in environment.items() if value is not None},
            "credentials": self.credentials,
            "unix": True,
            "sandbox": False,
            "restart": True,
            "launcher": [],
            **changes,
        }
        return self.controller.start(job)

    def build(self, pipeline: str, careless: bool = False, **changes: Any) -> Build:
        """Run `pipeline` to its end. Unless it is `careless`, no secret may stand in its log or be left in a file."""
        build = self.start(pipeline, **changes).wait()
        if not careless:
            paths = [path for folder in (self.workspace, self.temporary) for path in folder.rglob("*")]
            kept = [path.read_text(errors="replace") for path in paths if path.is_file()]
            assert self.leaks(build.log, build.message, *kept) == []
        return build

    def left(self) -> list[str]:
        """What is left beside the workspace. Jenkins itself leaves the empty folder secretFiles."""
        paths = sorted(path.relative_to(self.temporary).as_posix() for path in self.temporary.rglob("*"))
        return [path for path in paths if path != "secretFiles"]

    def leaks(self, *texts: str) -> list[str]:
        """Which lines of which secret stand in `texts`."""
        lines = {
            line
            for each in self.credentials.values()
            for line in each["text"].splitlines()
            if len(line) > 8 and not line.startswith(("-----", "{"))
        }
        return [line for line in lines for text in texts if line in text]
