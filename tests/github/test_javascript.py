"""main.js and post.js under node, as the runner starts them: the runner's signals, and a machine without Python."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from ocici.emulator import Emulator

from ..conftest import PASS_PHRASE, TENANCY, USER, Pair
from .conftest import LONG, ROOT, node, pieces

ACTION = ROOT / "actions" / "oci-auth"


@dataclass
class Job:
    """What the runner keeps for one use of the action: its temporary folder, and the files for commands."""

    folder: Path
    environ: dict[str, str]

    def start(self, script: str, **environ: str) -> subprocess.Popen[str]:
        command = [node(), str(ACTION / script)]
        return subprocess.Popen(
            command,
            env=self.environ | environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, script: str, **environ: str) -> tuple[int, str]:
        process = self.start(script, **environ)
        log, _ = process.communicate(timeout=LONG)
        return process.returncode, log

    def post(self, **environ: str) -> tuple[int, str]:
        """Run post.js with the state that main.js and ocici saved, and nothing of main's inputs."""
        return self.run("post.js", **self.state(), **environ)

    def state(self) -> dict[str, str]:
        text = (self.folder / "GITHUB_STATE").read_text()
        pairs = re.findall(r"^([\w-]+)=(.*)$", text, re.MULTILINE)
        pairs += [(name, value) for name, _, value in re.findall(r"^(\w+)<<(\S+)\n(.*)\n\2$", text, re.MULTILINE)]
        return {f"STATE_{name}": value for name, value in pairs}

    def variables(self) -> dict[str, str]:
        """What a step after this one would find, by what GITHUB_ENV holds: the last value of each name counts."""
        text = (self.folder / "GITHUB_ENV").read_text()
        return {name: value for name, _, value in re.findall(r"^(\w+)<<(\S+)\n(.*)\n\2$", text, re.MULTILINE)}

    def session(self) -> Path:
        return Path(self.state()["STATE_session-dir"])

    def left(self) -> list[str]:
        return [path.name for path in (self.folder / "temp").iterdir()]


@pytest.fixture
def job(tmp_path: Path, cache: Path, oci: Emulator, pair: Pair) -> Job:
    (tmp_path / "temp").mkdir()
    files = {f"GITHUB_{name}": str(tmp_path / f"GITHUB_{name}") for name in ("ENV", "OUTPUT", "STATE", "PATH")}
    for path in files.values():
        Path(path).touch()
    inputs = {
        "INPUT_USER": USER,
        "INPUT_TENANCY": TENANCY,
        "INPUT_REGION": "fra",
        "INPUT_PRIVATE-KEY": pair.private,
        "INPUT_ENDPOINT": oci.endpoint,
        "INPUT_EXPORT-ENV": "true",
    }
    kept = {name: os.environ[name] for name in ("PATH", "PIP_CERT", "SSL_CERT_FILE") if name in os.environ}
    home = {"HOME": str(tmp_path), "RUNNER_TEMP": str(tmp_path / "temp"), "OCICI_CACHE": str(cache)}
    home |= {"OCICI_PYTHON": sys.executable, "GITHUB_ACTIONS": "true"}
    return Job(tmp_path, kept | home | files | inputs)


def test_main_and_post(job: Job, pair: Pair) -> None:
    code, log = job.run("main.js", OCI_REGION="us-ashburn-1")
    assert code == 0, log
    assert (job.session() / "config").is_file()
    assert job.variables()["OCI_REGION"] == "eu-frankfurt-1"
    # The key is in the session and nowhere else: not in what the runner is told, the state and the outputs.
    files = [path for path in job.folder.rglob("*") if path.is_file() and job.session() not in path.parents]
    assert len(files) >= 4
    assert [path for path in files if any(each.encode() in path.read_bytes() for each in pieces(pair.private))] == []
    code, log = job.post()
    assert code == 0, log
    assert job.left() == []
    assert {name: value for name, value in job.variables().items() if value} == {"OCI_REGION": "us-ashburn-1"}
    assert job.post()[0] == 0  # idempotent


def test_a_python_in_the_tool_cache_is_found(job: Job) -> None:
    for version in ("3.9.18", "3.10.2"):
        (job.folder / "tools" / "Python" / version / "x64" / "bin").mkdir(parents=True)
    (job.folder / "tools" / "Python" / "3.10.2" / "x64" / "bin" / "python3").symlink_to(sys.executable)
    code, log = job.run("main.js", PATH="/nowhere", OCICI_PYTHON="", RUNNER_TOOL_CACHE=str(job.folder / "tools"))
    assert code == 0, log
    code, log = job.post(PATH="/nowhere", OCICI_PYTHON="", RUNNER_TOOL_CACHE=str(job.folder / "tools"))
    assert "without Python" not in log
    assert job.left() == []


def test_the_place_is_saved_before_any_secret_is_written(job: Job) -> None:
    # Without Python nothing was written, and yet post knows where it would have been.
    empty = job.folder / "empty"
    empty.mkdir()
    code, log = job.run("main.js", PATH=str(empty), OCICI_PYTHON="")
    assert code == 2
    assert "::error title=no Python that fits::no Python that fits [no-python]%0Awhy: " in log
    assert "%0Amore: docs/TROUBLESHOOTING.md#no-python\n" in log
    assert job.session().parent == job.folder / "temp"


FORMS: dict[str, Callable[[Pair], dict[str, str]]] = {
    "raw": lambda pair: {"INPUT_PRIVATE-KEY": pair.private},
    "escaped": lambda pair: {"INPUT_PRIVATE-KEY": pair.private.replace("\n", "\\n")},
    "base64": lambda pair: {"INPUT_PRIVATE-KEY": base64.b64encode(pair.private.encode()).decode()},
    "encrypted": lambda pair: {"INPUT_PRIVATE-KEY": pair.encrypted, "INPUT_PASS-PHRASE": PASS_PHRASE},
    "bundle": lambda pair: {
        "INPUT_PRIVATE-KEY": "",
        "INPUT_CREDENTIALS": json.dumps({"key_content": pair.private, "pass_phrase": PASS_PHRASE}),
    },
}


@pytest.mark.parametrize("form", FORMS)
def test_masks_come_before_everything_else(job: Job, pair: Pair, form: str) -> None:
    given = FORMS[form](pair)
    _, log = job.run("main.js", **{"INPUT_USER": "nobody"} | given)
    lines = [line for line in log.splitlines() if not line.startswith("ocici: the github runtime")]
    masks = [line.removeprefix("::add-mask::") for line in lines if line.startswith("::add-mask::")]
    assert lines[: len(masks)] == [f"::add-mask::{mask}" for mask in masks]
    assert "::error title=a malformed OCID" in lines[len(masks)]
    secret = [line for value in (*given.values(), pair.private) for line in value.splitlines() if "-----" not in line]
    secret += [PASS_PHRASE] if PASS_PHRASE in str(given) else []
    assert [line for line in secret if len(line) > 8 and line not in masks] == []
    rest = "\n".join(lines[len(masks) :])
    assert not [line for line in [*pair.lines(), PASS_PHRASE] if line in rest]


def test_post_does_without_python(job: Job) -> None:
    job.run("main.js", OCI_REGION="us-ashburn-1")
    (key,) = job.session().glob("*.pem")
    os.link(key, job.folder / "link")
    code, log = job.post(PATH="/nowhere", OCICI_PYTHON="")
    assert code == 0, log
    assert "without Python" in log
    assert job.left() == []
    assert set((job.folder / "link").read_bytes()) == {0}  # it was overwritten, and not only unlinked
    assert {name: value for name, value in job.variables().items() if value} == {"OCI_REGION": "us-ashburn-1"}


@pytest.mark.parametrize("environ", [{"GITHUB_ENV": "/dev/full"}, {"RUNNER_TOOL_CACHE": "tools"}], ids=str)
def test_post_removes_the_session_whatever_else_fails(job: Job, environ: dict[str, str]) -> None:
    job.run("main.js", OCI_REGION="us-ashburn-1")
    (job.folder / "tools").mkdir()
    (job.folder / "tools" / "Python").write_text("a file")
    named = {name: value.replace("tools", str(job.folder / "tools")) for name, value in environ.items()}
    code, log = job.post(PATH="/nowhere", OCICI_PYTHON="", **named)
    assert code == 0, log
    assert job.left() == []


def test_post_does_without_a_python_that_works(job: Job) -> None:
    job.run("main.js")
    broken = job.folder / "python"
    broken.write_text('#!/bin/sh\ntest "$2" = -X && echo "$0"\n')
    broken.chmod(0o755)
    code, log = job.post(OCICI_PYTHON=str(broken))
    assert code == 0, log
    assert "without Python" in log
    assert job.left() == []


def test_post_does_without_the_runtime(job: Job, tmp_path: Path) -> None:
    job.run("main.js")
    code, log = job.post(OCICI_CACHE=str(tmp_path / "gone"))
    assert code == 0, log
    assert "removed the session" in log
    assert not (tmp_path / "gone").exists()


def test_post_reads_neither_inputs_nor_variables(job: Job) -> None:
    job.run("main.js")
    other = {name: "wrong" for name in job.environ if name.startswith("INPUT_")}
    code, log = job.post(**other, OCICI_SESSION_DIR="/elsewhere", OCI_CONFIG_FILE="/elsewhere/config")
    assert code == 0, log
    assert job.left() == []


def test_what_cannot_be_removed_fails_the_post_step(job: Job, undeletable: Callable[[Path], None]) -> None:
    job.run("main.js")
    undeletable(job.session())
    code, log = job.post()
    assert code == 4
    assert "something was left behind" in log
    assert str(job.session()) in log


@pytest.fixture
def undeletable() -> object:
    """Makes a folder that not even root can remove: a mount point."""
    undo: list[Callable[[], object]] = []

    def make(path: Path) -> None:
        if os.geteuid():
            path.parent.chmod(0o500)
            undo.append(lambda: path.parent.chmod(0o700))
            return
        done = subprocess.run(["mount", "--bind", str(path), str(path)], capture_output=True, check=False)
        if done.returncode:
            pytest.skip("this root may not mount, and nothing else stops root from removing a folder")
        undo.append(lambda: subprocess.run(["umount", "--lazy", str(path)], check=True))

    yield make
    for each in undo:
        each()


def test_a_symbolic_link_in_place_of_the_session_is_not_followed(job: Job) -> None:
    job.run("main.js")
    session, mine = job.session(), job.folder / "mine"
    shutil.move(session, mine)
    session.symlink_to(mine)
    code, log = job.post()
    assert code == 4
    assert "something was left behind" in log
    assert (mine / "config").is_file()


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("ladder", [[signal.SIGINT], [signal.SIGTERM], [signal.SIGINT, signal.SIGTERM]])
def test_a_cancelled_setup_undoes_itself(job: Job, oci: Emulator, ladder: list[signal.Signals]) -> None:
    """The runner signals the node process alone (actions/runner, ProcessInvoker.cs)."""
    oci.fault("hang")
    process = job.start("main.js")
    wait_until(lambda: oci.requests)
    for number in ladder:
        process.send_signal(number)
    log, _ = process.communicate(timeout=LONG)
    assert process.returncode != 0
    assert "[interrupted]" in log
    assert "Traceback" not in log
    assert job.left() == []
    assert job.post()[0] == 0


def test_on_windows_the_console_gives_the_signal_to_python(job: Job, oci: Emulator) -> None:
    """There, a signal that node passes on ends Python on the spot: so node passes none on, and waits."""
    (job.folder / "windows.js").write_text("Object.defineProperty(process, 'platform', { value: 'win32' });")
    oci.fault("latency:1500")
    process = job.start("main.js", NODE_OPTIONS=f"--require {job.folder / 'windows.js'}")
    wait_until(lambda: oci.requests)
    process.send_signal(signal.SIGINT)
    log, _ = process.communicate(timeout=LONG)
    assert process.returncode == 0, log
    assert job.post()[0] == 0


@pytest.mark.parametrize(("name", "swept"), [("runner 1", True), ("runner 2", False)])
def test_what_a_lost_job_left_is_removed_by_the_next_on_that_runner(job: Job, name: str, swept: bool) -> None:
    this = {"GITHUB_SERVER_URL": "https://g", "GITHUB_REPOSITORY": "o/r", "GITHUB_JOB": "j"}
    job.run("main.js", **this, RUNNER_NAME="runner 1", GITHUB_RUN_ID="1")
    first = job.session()
    code, log = job.run("main.js", **this, RUNNER_NAME=name, GITHUB_RUN_ID="2")
    assert code == 0, log
    assert first.exists() is not swept
    assert ("[session-swept]" in log) is swept


@pytest.mark.parametrize("ladder", [[], [signal.SIGINT, signal.SIGTERM]])
def test_a_setup_killed_with_its_tree_is_cleaned_up_by_post(
    job: Job, oci: Emulator, ladder: list[signal.Signals]
) -> None:
    """The runner's whole ladder: what hangs so that neither signal reaches it is killed in the end."""
    oci.fault("hang")
    process = job.start("main.js")
    wait_until(lambda: oci.requests)
    if ladder:
        os.killpg(process.pid, signal.SIGSTOP)
    for number in ladder:
        process.send_signal(number)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=LONG)
    assert list(job.session().glob("*.pem"))
    code, log = job.post()
    assert code == 0, log
    assert job.left() == []
