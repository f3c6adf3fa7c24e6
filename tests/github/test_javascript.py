"""main.js and post.js under node, as the runner starts them: the runner's signals, and a machine without Python."""

from __future__ import annotations

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

from ..conftest import TENANCY, USER, Pair
from .conftest import ROOT, need

ACTION = ROOT / "actions" / "oci-auth"


@dataclass
class Job:
    """What the runner keeps for one use of the action: its temporary folder, and the files for commands."""

    folder: Path
    environ: dict[str, str]

    def start(self, script: str, **environ: str) -> subprocess.Popen[str]:
        command = [need("node"), str(ACTION / script)]
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
        log, _ = process.communicate(timeout=60)
        return process.returncode, log

    def post(self, **environ: str) -> tuple[int, str]:
        """Run post.js with the state that main.js and ocici saved, and nothing of main's inputs."""
        return self.run("post.js", **self.state(), **environ)

    def state(self) -> dict[str, str]:
        text = (self.folder / "GITHUB_STATE").read_text()
        pairs = re.findall(r"^([\w-]+)=(.*)$", text, re.MULTILINE)
        pairs += [(name, value) for name, _, value in re.findall(r"^(\w+)<<(\S+)\n(.*)\n\2$", text, re.MULTILINE)]
        return {f"STATE_{name}": value for name, value in pairs}

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


def test_main_and_post(job: Job, oci: Emulator) -> None:
    code, log = job.run("main.js")
    assert code == 0, log
    assert (job.session() / "config").is_file()
    code, log = job.post()
    assert code == 0, log
    assert job.left() == []
    assert job.post()[0] == 0  # idempotent


def test_the_place_is_saved_before_any_secret_is_written(job: Job) -> None:
    # Without Python nothing was written, and yet post knows where it would have been.
    empty = job.folder / "empty"
    empty.mkdir()
    node = Path(need("node"))
    (empty / "node").symlink_to(node.resolve())
    code, log = job.run("main.js", PATH=str(empty), OCICI_PYTHON="")
    assert code == 2
    assert "::error title=no Python that fits::" in log
    assert job.session().parent == job.folder / "temp"


def test_masks_come_before_everything_else(job: Job, pair: Pair) -> None:
    _, log = job.run("main.js", **{"INPUT_USER": "nobody", "INPUT_PRIVATE-KEY": pair.private.replace("\n", "\\n")})
    lines = [line for line in log.splitlines() if not line.startswith("ocici: the github runtime")]
    masks = [line.removeprefix("::add-mask::") for line in lines if line.startswith("::add-mask::")]
    assert lines[: len(masks)] == [f"::add-mask::{mask}" for mask in masks]
    assert "::error title=a malformed OCID" in lines[len(masks)]
    key = [line for line in pair.private.splitlines() if "-----" not in line]
    assert [line for line in key if line not in masks] == []
    rest = "\n".join(lines[len(masks) :])
    assert not [line for line in pair.lines() if line in rest]


def test_post_does_without_python(job: Job) -> None:
    job.run("main.js")
    empty = job.folder / "empty"
    empty.mkdir()
    code, log = job.post(PATH=str(empty), OCICI_PYTHON="")
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
    mounted = []

    def make(path: Path) -> None:
        if os.geteuid() == 0 and shutil.which("mount"):
            done = subprocess.run(["mount", "--bind", str(path), str(path)], capture_output=True, check=False)
            if done.returncode == 0:
                mounted.append(path)
                return
        if os.geteuid() == 0:
            pytest.skip("this root may not mount, and nothing else stops root from removing a folder")
        path.parent.chmod(0o500)
        mounted.append(path.parent)

    yield make
    for path in mounted:
        if path.is_mount():
            subprocess.run(["umount", str(path)], check=True)
        else:
            path.chmod(0o700)


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
    deadline = time.monotonic() + 60
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
    log, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "[interrupted]" in log
    assert "Traceback" not in log
    assert job.left() == []
    assert job.post()[0] == 0


def test_a_setup_killed_with_its_tree_is_cleaned_up_by_post(job: Job, oci: Emulator) -> None:
    oci.fault("hang")
    process = job.start("main.js")
    wait_until(lambda: oci.requests)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    assert list(job.session().glob("*.pem"))
    code, log = job.post()
    assert code == 0, log
    assert job.left() == []
