"""withOci where the agent's user has no name and no home, as in docker.image(…).inside with the agent's own number.

Needs root, to become that user; CI has it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from scripts import jenkins_tools
from tests.jenkins.controller import LIBRARY, Agent, Controller

NUMBER = 54321
PYTHON = Path("/usr/bin/python3")


@pytest.fixture
def stranger(
    tool: Callable[[Callable[[], Any]], Any], agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Agent]:
    """`agent`, with a controller and a workspace of user NUMBER."""
    become = ["setpriv", f"--reuid={NUMBER}", f"--regid={NUMBER}", "--clear-groups"]
    if os.geteuid() != 0 or not shutil.which("setpriv") or not PYTHON.exists():
        pytest.skip("needs root, setpriv and the system's own Python")
    java, jars = tool(jenkins_tools.java), tool(jenkins_tools.jars)
    if os.spawnlp(os.P_WAIT, become[0], *become, "test", "-r", str(LIBRARY / "README.md")):
        pytest.skip("another user cannot read this checkout")
    home = Path(tempfile.mkdtemp(prefix="stranger-"))  # pytest's own folders are closed to other users
    os.chown(home, NUMBER, NUMBER)
    (home / "work").mkdir()
    os.chown(home / "work", NUMBER, NUMBER)
    monkeypatch.chdir(home)
    with Controller(java, jars, jenkins_tools.TOOLS, become) as controller:
        agent.controller, agent.workspace = controller, home / "work"
        agent.environment.update(
            PATH="/usr/bin:/bin", TMPDIR=str(home), WORKSPACE=f"{home}/work", WORKSPACE_TMP=f"{home}/work@tmp"
        )
        for name in ("HOME", "OCICI_CACHE"):
            del agent.environment[name]
        yield agent
    shutil.rmtree(home)


def test_without_a_name_and_a_home(stranger: Agent) -> None:
    build = stranger.build(stranger.sign_in(body="sh 'id -u; echo HOME=${HOME-none}; ls \"$OCICI_SESSION_DIR\"'"))
    assert build.passed, build.message
    assert f"\n{NUMBER}\n" in build.log
    assert "\nHOME=none" in build.log
    assert "\nDEFAULT.pem" in build.log
    assert stranger.left() == []


def test_a_session_that_truly_cannot_be_removed_fails_the_build(stranger: Agent) -> None:
    run = stranger.start(stranger.sign_in(body="sh 'echo waiting; until [ -e go ]; do sleep 0.1; done'"))
    run.wait_for("waiting")
    session = next(stranger.temporary.glob("withOci-*/ocici-session"))
    for path in (session, *session.iterdir()):
        os.chown(path, 0, 0)  # as if root had made it
    (stranger.workspace / "go").touch()
    build = run.wait()
    assert "could not be removed" in build.message
    assert str(session.parent) in build.message
