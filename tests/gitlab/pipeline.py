"""Runs pipelines and single job scripts as GitLab does, and looks at what they leave.

`Project` has gitlab-ci-local execute a whole pipeline. `script` runs the lines of one job in a shell of choice, in the
form in which GitLab's runner hands them over: gitlab-ci-local knows only bash.
"""

from __future__ import annotations

import json
import os
import re
import select
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
GITLAB = ROOT / "gitlab"
TEMPLATE = GITLAB / "templates" / "oci-auth.yml"
SERVER = "https://gitlab.example.com"


class File(str):
    """The value of a project variable of type File."""


class Reference(list[str]):
    """`!reference [JOB, SECTION]` in a pipeline that is written as Python."""


yaml.SafeDumper.add_representer(
    Reference,
    lambda dumper, reference: dumper.represent_sequence("!reference", reference, flow_style=True),
)


def template(path: Path = TEMPLATE) -> tuple[dict[str, Any], dict[str, Any]]:
    """The two documents of the template: its header, and its jobs."""
    header, body = path.read_text().split("\n---\n")
    return yaml.safe_load(header), yaml.safe_load(body)


def job(inputs: Mapping[str, str] | None = None, path: Path = TEMPLATE) -> dict[str, Any]:
    """The template's job with `inputs` put in, the others at their defaults."""
    header, body = template(path)
    values = {name: about["default"] for name, about in header["spec"]["inputs"].items()} | dict(inputs or {})
    text = re.sub(r"\$\[\[ inputs\.([a-z-]+) \]\]", lambda match: str(values[match[1]]), json.dumps(body))
    made: dict[str, Any] = json.loads(text)[values["as"]]
    return made


@dataclass(frozen=True)
class Run:
    """What a run ended with: exit code, log (colours and prefixes as they are), and the paths it left behind."""

    code: int
    log: str
    left: list[str] = field(default_factory=list)

    def of(self, name: str) -> str:
        """The log of job `name`."""
        lines = re.findall(rf"^{re.escape(name)} +(?:> )?(.*)$", self.log, re.MULTILINE)
        return "\n".join(lines)


class Project:
    """A GitLab project in `folder`, and a runner for its pipelines.

    Parameters: `runner`, the program gitlab-ci-local; `tools`, a folder that is first on the PATH of the jobs;
    `secret`, lines that must never be found in any file or log.
    """

    def __init__(self, folder: Path, runner: Path, tools: Path, secret: Sequence[str]) -> None:
        self.folder = folder / "project"
        self.home = folder / "home"
        self.temporary = folder / "tmp"
        self.runner = runner
        self.secret = [line.encode() for line in secret]
        places = [str(Path(shutil.which(name) or "/usr/bin/x").parent) for name in ("node", "git", "rsync", "bash")]
        self.environ = {
            "PATH": os.pathsep.join(dict.fromkeys([str(tools), *places, "/usr/bin", "/bin"])),
            "HOME": str(self.home),
            "TMPDIR": str(self.temporary),
            "GIT_CONFIG_NOSYSTEM": "1",
        }
        for path in (self.folder / "ci", self.home, self.temporary):
            path.mkdir(parents=True)
        for path in TEMPLATE.parent.iterdir():
            shutil.copy(path, self.folder / "ci")
        self.git("init", "-q", "-b", "main")
        self.git("config", "--global", "user.name", "Walter")
        self.git("config", "--global", "user.email", "walter@example.com")
        self.git("remote", "add", "origin", f"{SERVER}/acme/shop.git")

    def git(self, *arguments: str, folder: Path | None = None) -> None:
        """Run git in the project, or in `folder`."""
        subprocess.run(
            ["git", *arguments], cwd=folder or self.folder, env=self.environ, check=True, capture_output=True
        )

    def prepare(self, pipeline: Mapping[str, Any], variables: Mapping[str, str]) -> None:
        """Commit `pipeline`, and set the project's CI/CD variables."""
        (self.folder / ".gitlab-ci.yml").write_text(yaml.safe_dump(dict(pipeline), sort_keys=False))
        self.git("add", "--all")
        self.git("commit", "-q", "--allow-empty", "-m", "pipeline")
        given = {
            name: {"type": "file", "values": {"*": str(value)}} if isinstance(value, File) else str(value)
            for name, value in variables.items()
        }
        (self.folder / ".git" / "info" / "exclude").write_text(".gitlab-ci-local*\n")
        (self.folder / ".gitlab-ci-local-variables.yml").write_text(yaml.safe_dump(given))

    def command(self, isolated: bool = True) -> list[str]:
        return ["node", str(self.runner), "--force-shell-executor", *(["--shell-isolation"] if isolated else [])]

    def run(
        self,
        pipeline: Mapping[str, Any],
        variables: Mapping[str, str],
        environ: Mapping[str, str] | None = None,
        isolated: bool = True,
    ) -> Run:
        """Run `pipeline` to its end. Fails the test if a line of the key is in the log, or in any file afterwards.

        `isolated`: each job gets a copy of the checkout, which is made anew before after_script.
        """
        self.prepare(pipeline, variables)
        done = subprocess.run(
            self.command(isolated),
            cwd=self.folder,
            env={**self.environ, **(environ or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        self.forget_file_variables()
        assert [line for line in self.secret if line in done.stdout.encode()] == [], "a key is in the log"
        assert self.keys() == [], "a key was left"
        return Run(done.returncode, done.stdout, self.left())

    def start_and_kill(self, pipeline: Mapping[str, Any], variables: Mapping[str, str], when: Path) -> None:
        """Run `pipeline` until its job writes to the named pipe `when`, then kill runner and job: no after_script."""
        self.prepare(pipeline, variables)
        os.mkfifo(when)
        pipe = os.open(when, os.O_RDONLY | os.O_NONBLOCK)
        with subprocess.Popen(
            self.command(), cwd=self.folder, env=self.environ, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True,
        ) as runner:  # fmt: skip
            written, _, _ = select.select([pipe], [], [], 60)
            os.killpg(runner.pid, signal.SIGKILL)
        os.close(pipe)
        assert written, "the job never came so far"
        self.forget_file_variables()

    def left(self) -> list[str]:
        """The sessions, and all that is in the temporary folder."""
        found = [*self.folder.glob(".gitlab-ci-local/builds/*.tmp/*"), *self.folder.parent.glob("project.tmp/*")]
        return sorted(path.name for path in [*found, *self.temporary.iterdir()])

    def keys(self) -> list[str]:
        """The files that hold a line of the key, but for the one in which the project's variables are set."""
        found = []
        for top in (self.folder, Path(f"{self.folder}.tmp"), self.home, self.temporary):
            for path in top.rglob("*"):
                if path.is_file() and path.name != ".gitlab-ci-local-variables.yml":
                    content = path.read_bytes()
                    if any(line in content for line in self.secret):
                        found.append(str(path))
        return found

    def forget_file_variables(self) -> None:
        """gitlab-ci-local leaves File variables in the temporary folder; GitLab's runner removes them at the end."""
        for path in Path("/tmp").glob("gitlab-ci-local-file-variables-*"):
            contents = [file.read_bytes() for file in path.iterdir() if file.is_file()]
            if any(line in content for content in contents for line in self.secret):
                shutil.rmtree(path)


def script(
    shell: Sequence[str], lines: Iterable[str], environ: Mapping[str, str], folder: Path, trace: bool = False
) -> Run:
    """Run the entries `lines` of a job's script in `shell`, in one shell that ends at the first that fails.

    So does GitLab's runner: gitlab-org/gitlab-runner shells/bash.go (BashWriter.Finish): errexit, all entries
    together as one text for `eval`, no standard input; with CI_DEBUG_TRACE xtrace as well.
    """
    text = "\n".join(entry.strip() for entry in lines)
    whole = f"{'set -o xtrace' if trace else ':'}\nset -o errexit\n(eval {shlex.quote(text)}) </dev/null\nexit 0\n"
    with tempfile.TemporaryFile("w+") as file:
        file.write(whole)
        file.seek(0)
        done = subprocess.run(
            list(shell), stdin=file, env=dict(environ), cwd=folder, text=True, timeout=120,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
    return Run(done.returncode, done.stdout)


def before(
    environ: Mapping[str, str],
    shell: Sequence[str],
    *lines: str,
    inputs: Mapping[str, str] | None = None,
    trace: bool = False,
) -> Run:
    """Run the template's before_script, and `lines` of a script of its own, in one shell (default: `install: none`)."""
    text = [*job({"install": "none"} | dict(inputs or {}))["before_script"], *lines]
    return script(_located(shell), text, environ, Path(environ["CI_PROJECT_DIR"]), trace)


def after(environ: Mapping[str, str], shell: Sequence[str], *lines: str) -> Run:
    """Run the template's after_script, and `lines`, in a shell of their own, as GitLab does."""
    return script(_located(shell), [*job()["after_script"], *lines], environ, Path(environ["CI_PROJECT_DIR"]))


def _located(shell: Sequence[str]) -> list[str]:
    # The job's own PATH has no shell on it.
    return [shutil.which(shell[0]) or shell[0], *shell[1:]]
