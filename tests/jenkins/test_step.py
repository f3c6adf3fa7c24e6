"""The step withOci, run by the harness: the real zipapp, real shells and files, against the emulated OCI.

Every build here is written to disk at every step, and goes on from what was read back.
"""

from __future__ import annotations

import os
import re
import socket
import sys
import time
from pathlib import Path

import pytest
from tests.jenkins.controller import USER, Agent

INTERRUPTED = "org.jenkinsci.plugins.workflow.steps.FlowInterruptedException"
CALLS = {  # one OCI call by the Python SDK, which finds the credentials by the session's variables alone
    "sdk": "import oci, os; config = oci.config.from_file(os.environ['OCI_CONFIG_FILE']); "
    "client = oci.object_storage.ObjectStorageClient(config, service_endpoint=os.environ['ENDPOINT']); "
    "print('namespace', client.get_namespace().data)"
}


# -- what the body gets ------------------------------------------------------------------------------------------


def test_the_body_is_signed_in_and_its_value_returned(agent: Agent) -> None:
    call = f'{sys.executable} -c \\"{CALLS["sdk"]}\\"'
    body = f"""sh "{call}"; return 'the value'"""
    build = agent.build("return " + agent.sign_in(body=body), env={"ENDPOINT": agent.endpoint})
    assert (build.error, build.message) == ("", "")
    assert "\nnamespace " in build.log
    assert build.returned == "the value"
    assert agent.left() == []


def test_the_body_sees_paths_and_no_secret(agent: Agent) -> None:
    body = """sh 'env | sort; find "$OCICI_SESSION_DIR/.." -printf "%M %f\\n"'"""
    build = agent.build(agent.sign_in("passPhraseCredentialsId: 'phrase'", key="encrypted", body=body))
    assert build.passed, build.message
    shown = build.log.rpartition("[Pipeline] sh\n")[2]
    assert "OCI_CLI_CONFIG_FILE=" in shown
    for name in ("OCICI_PRIVATE_KEY_FILE", "OCICI_PASS_PHRASE", "OCICI_USER", "secretFiles"):
        assert name not in shown
    assert "-rw------- DEFAULT.pem" in shown
    assert "drwx------ ocici-session" in shown
    assert "ocici.pyz" not in shown  # gone before the body runs


def test_masking_and_the_shell_keep_the_log_clean(agent: Agent) -> None:
    """The check of the log can fail: a careless pipeline is caught by it, and by the harness itself."""
    careless = "withCredentials([file(credentialsId: 'key', variable: 'K')]) { sh 'cat \"$K\"' }"
    assert agent.leaks(agent.build(careless, careless=True).log)
    masked = "withCredentials([string(credentialsId: 'phrase', variable: 'P')]) { sh 'echo \"$P\"' }"
    assert "\n****" in agent.build(masked).log
    interpolated = "withCredentials([string(credentialsId: 'phrase', variable: 'P')]) { sh \"echo ${env.P}\" }"
    assert "a secret stands in sh" in agent.build(interpolated).message


# -- parameters -----------------------------------------------------------------------------------------------------


def test_ssh_key_gives_user_key_and_pass_phrase(agent: Agent) -> None:
    given = ", ".join(f"{name}: '{value}'" for name, value in agent.identity.items() if name != "user")
    build = agent.build(f"withOci(sshKeyCredentialsId: 'ssh', {given}) {{ sh 'cat \"$OCI_CLI_CONFIG_FILE\"' }}")
    assert build.passed, build.message
    assert f"user={USER}" in build.log


def test_bundle_is_one_secret_with_everything(agent: Agent) -> None:
    build = agent.build(f"withOci(bundleCredentialsId: 'bundle', endpoint: '{agent.endpoint}') {{ echo 'in' }}")
    assert build.passed, build.message


def test_profile_is_chosen(agent: Agent) -> None:
    call = f"withOci(bundleCredentialsId: 'profiles', profile: 'green', endpoint: '{agent.endpoint}')"
    build = agent.build(call + " { sh 'echo $OCI_CLI_PROFILE $OCI_REGION' }")
    assert "\ngreen us-ashburn-1\n" in build.log + "\n", build.message


def test_null_and_empty_parameters_are_not_given(agent: Agent) -> None:
    build = agent.build(agent.sign_in("profile: null", "validate: ''", "passPhraseCredentialsId: null"))
    assert build.passed, build.message


def test_unknown_parameter_is_refused_with_the_valid_names(agent: Agent) -> None:
    build = agent.build(agent.sign_in("regoin: 'fra'"))
    assert build.error == "hudson.AbortException"
    assert "unknown parameter: regoin. Valid are: keyCredentialsId, " in build.message
    assert build.steps == ["error"]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ("keyCredentialsId: 'key', sshKeyCredentialsId: 'ssh'", "both name a private key"),
        ("command: '/bin/true', cliVersion: '3.95.1'", "cliVersion is installed by the launcher"),
    ],
)
def test_parameters_that_exclude_each_other(agent: Agent, parameters: str, message: str) -> None:
    build = agent.build(f"withOci({parameters}) {{ echo 'never' }}")
    assert message in build.message
    assert "never" not in build.log


def test_a_windows_agent_is_told(agent: Agent) -> None:
    build = agent.build(agent.sign_in(), unix=False)
    assert "this agent runs Windows" in build.message
    assert agent.left() == []


def test_credentials_that_jenkins_does_not_know(agent: Agent) -> None:
    build = agent.build(agent.sign_in(key="nowhere"))
    assert build.message == "Could not find credentials entry with ID 'nowhere'"
    assert agent.left() == []


# -- where it runs -----------------------------------------------------------------------------------------------------


def test_without_home(agent: Agent) -> None:
    build = agent.build(agent.sign_in(body="sh 'echo HOME=${HOME-unset}'"), env={"HOME": None})
    assert "\nHOME=unset" in build.log, build.message


def test_with_a_home_that_cannot_be_written(agent: Agent, tmp_path: Path) -> None:
    """Nor is there a cache, so the runtime is built among the temporary files."""
    home = {"HOME": "/proc", "OCICI_CACHE": None, "TMPDIR": str(tmp_path / "tmp")}
    (tmp_path / "tmp").mkdir()
    build = agent.build(agent.sign_in(body="sh 'test -s \"$OCI_PRIVATE_KEY_PATH\"'"), env=home)
    assert build.passed, build.message
    assert "the base runtime built with" in build.log


def test_in_a_folder_of_the_workspace(agent: Agent) -> None:
    call = agent.sign_in(body="sh 'pwd; echo $OCICI_SESSION_DIR'")
    build = agent.build(f"dir('sub') {{ {call} }}")
    assert build.passed, build.message
    assert f"\n{agent.workspace}/sub\n" in build.log
    assert f"\n{agent.temporary}/withOci-" in build.log
    assert not list((agent.workspace / "sub").iterdir())


def test_without_workspace_tmp(agent: Agent) -> None:
    build = agent.build(agent.sign_in(body="sh 'echo $OCICI_SESSION_DIR'"), env={"WORKSPACE_TMP": None})
    assert f"\n{agent.temporary}/withOci-" in build.log, build.message
    assert agent.left() == []


def test_in_a_declarative_pipeline_without_a_script_block(agent: Agent) -> None:
    call = agent.sign_in(body="sh 'echo $OCI_CLI_PROFILE'")
    build = agent.build(f"pipeline {{ agent any\n stages {{ stage('x') {{ steps {{ {call} }} }} }} }}")
    assert "\nDEFAULT" in build.log, build.message


def test_command_is_a_preinstalled_ocici(agent: Agent) -> None:
    """No zipapp is sent, and no Python needs to be on the PATH."""
    installed = Path(sys.executable).parent / "ocici"
    build = agent.build(agent.sign_in(f"command: '{installed}'"), env={"PATH": "/usr/bin:/bin"})
    assert build.passed, build.message
    assert "libraryResource" not in build.steps


def test_python_is_the_one_named(agent: Agent, programs: Path) -> None:
    build = agent.build(agent.sign_in(f"python: '{programs / 'python3'}'"), env={"PATH": "/usr/bin:/bin"})
    assert build.passed, build.message
    build = agent.build(agent.sign_in("python: '/nowhere/python3'"))
    assert "/nowhere/python3" in build.message
    assert agent.left() == []


def test_no_python_is_a_finding(agent: Agent, tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("sh", "env", "mkdir", "rm", "tee", "sed", "grep", "tail", "cat"):
        (programs / name).symlink_to(
            Path("/usr/bin") / name if Path("/usr/bin", name).exists() else Path("/bin") / name
        )
    build = agent.build(agent.sign_in(), env={"PATH": str(programs)})
    assert build.message.startswith("withOci: no Python that fits [no-python]\n  why: ")
    assert build.message.endswith("\n  more: docs/TROUBLESHOOTING.md#no-python")
    assert agent.left() == []


@pytest.mark.slow
def test_cli_version_puts_oci_on_the_path(agent: Agent) -> None:
    build = agent.build(
        agent.sign_in("cliVersion: '3.95.1'", body="sh 'oci --version; \"$OCICI_CLI_BIN/oci\" --version'")
    )
    assert build.log.count("\n3.95.1") == 2, build.message


# -- failures -----------------------------------------------------------------------------------------------------


def test_a_finding_is_the_message_of_the_error(agent: Agent) -> None:
    build = agent.build(agent.sign_in(key="wrong", body="echo 'the body runs'"))
    assert build.error == "hudson.AbortException"  # which Jenkins shows without a stack trace
    assert build.message.startswith("withOci: OCI does not accept the credentials (profile DEFAULT) [not-auth")
    assert len(build.message.splitlines()) == 4
    assert build.message.endswith("\n  more: docs/TROUBLESHOOTING.md#not-authenticated")
    assert "the body runs" not in build.log
    assert agent.left() == []


def test_what_is_missing_is_named_in_the_words_of_a_jenkinsfile(agent: Agent) -> None:
    build = agent.build("withOci { echo 'never' }")
    assert build.message.startswith("withOci: no credentials [credentials-missing]\n")
    assert "withOci(keyCredentialsId: '" in build.message
    build = agent.build("withOci(keyCredentialsId: 'key') { echo 'never' }")
    assert "withOci(user: '" in build.message
    assert "withOci(region: 'eu-frankfurt-1')" in build.message


def test_a_failing_body_fails_the_build_with_its_own_error(agent: Agent) -> None:
    build = agent.build(agent.sign_in(body="sh 'exit 3'"))
    assert (build.error, build.message) == ("hudson.AbortException", "script returned exit code 3")
    assert agent.left() == []


def test_a_session_that_stays_fails_the_build(agent: Agent) -> None:
    build = agent.build(agent.sign_in(), undeletable=2)
    assert "could not be removed (Unable to delete" in build.message
    assert "It may hold the private key" in build.message


def test_a_session_that_stays_does_not_hide_the_failure_of_the_body(agent: Agent) -> None:
    build = agent.build(agent.sign_in(body="error 'the own error'"), undeletable=2)
    assert build.message == "the own error"
    assert "could not be removed (Unable to delete" in build.log


def test_what_remoting_may_not_remove_the_shell_removes(agent: Agent) -> None:
    """As where a container runs as root, and the agent does not."""
    build = agent.build(agent.sign_in(), undeletable=1)
    assert build.passed, build.message
    assert build.steps[-7:] == ["dir", "deleteDir", "timeout", "withEnv", "sh", "dir", "deleteDir"]
    assert agent.left() == []


# -- aborts -----------------------------------------------------------------------------------------------------


def test_an_abort_at_any_step_leaves_nothing(agent: Agent) -> None:
    pipeline = agent.sign_in(body="sh 'true'")
    steps = agent.build(pipeline).steps
    assert steps == [
        *("isUnix", "libraryResource", "writeFile", "withEnv", "withCredentials", "sh"),
        *("withEnv", "sh", "dir", "deleteDir"),
    ]
    for number in range(1, len(steps) + 1):
        for when in ("before", "after"):
            build = agent.build(pipeline, abort={"step": number, "when": when})
            assert (build.error, agent.left()) == (INTERRUPTED, []), (steps[number - 1], when, build.message)


@pytest.fixture
def silent_oci() -> socket.socket:
    """An OCI that takes a call and never answers."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(60)
    return listener


def test_an_abort_while_oci_is_asked_leaves_nothing(agent: Agent, silent_oci: socket.socket) -> None:
    agent.endpoint = f"http://127.0.0.1:{silent_oci.getsockname()[1]}"
    with silent_oci:
        run = agent.start(agent.sign_in())
        connection, _ = silent_oci.accept()  # the session is on disk, and the probe waits
        assert list(agent.temporary.glob("withOci-*/ocici-session/DEFAULT.pem"))
        run.abort()
        build = run.wait()
        connection.close()
    assert build.error == INTERRUPTED
    assert agent.left() == []


def test_a_timeout_round_it_leaves_nothing(agent: Agent, silent_oci: socket.socket) -> None:
    agent.endpoint = f"http://127.0.0.1:{silent_oci.getsockname()[1]}"
    with silent_oci:
        build = agent.build(f"timeout(time: 2, unit: 'SECONDS') {{ {agent.sign_in()} }}")
    assert (build.error, build.message) == (INTERRUPTED, "Timeout has been exceeded")
    assert agent.left() == []


def test_an_abort_in_the_body_leaves_nothing(agent: Agent) -> None:
    run = agent.start(agent.sign_in(body="sh 'echo waiting; sleep 60'"))
    run.wait_for("waiting")
    run.abort()
    assert run.wait().error == INTERRUPTED
    assert agent.left() == []


# -- several at once -----------------------------------------------------------------------------------------------


def test_nested_calls_have_sessions_of_their_own(agent: Agent) -> None:
    inner = (
        f"withOci(bundleCredentialsId: 'profiles', profile: 'green', endpoint: '{agent.endpoint}') "
        """{ sh 'echo "inner=$OCI_REGION $OCICI_SESSION_DIR"' }"""
    )
    show = """sh 'cat "$OCI_CLI_CONFIG_FILE" > /dev/null; echo "outer=$OCI_REGION $OCICI_SESSION_DIR"'"""
    build = agent.build(agent.sign_in(body=f"{show}; {inner}; {show}"))
    assert build.passed, build.message
    outer = re.findall(r"^outer=(.*)$", build.log, re.MULTILINE)
    assert outer[0] == outer[1] != re.findall(r"^inner=(.*)$", build.log, re.MULTILINE)[0]
    assert agent.left() == []


def test_eight_in_parallel_do_not_touch_each_other(agent: Agent) -> None:
    body = """sh 'echo "session=$OCICI_SESSION_DIR"; test -s "$OCICI_SESSION_DIR/DEFAULT.pem"'"""
    branches = ", ".join(f"b{number}: {{ {agent.sign_in(body=body)} }}" for number in range(8))
    build = agent.build(f"parallel({branches})")
    assert build.passed, build.message
    assert len(set(re.findall(r"^session=(.*)$", build.log, re.MULTILINE))) == 8
    assert agent.left() == []


# -- what dies with its agent ------------------------------------------------------------------------------------


def test_the_next_build_sweeps_what_died_in_the_body(agent: Agent) -> None:
    run = agent.start(agent.sign_in(body="sh 'echo waiting; sleep 60'"))
    run.wait_for("waiting")
    run.lose_agent()
    assert run.wait().message == "Agent was removed"
    assert list(agent.temporary.glob("withOci-*/ocici-session/DEFAULT.pem"))
    assert agent.start("echo 'one that does not call it'").wait().passed
    build = agent.build(agent.sign_in(body="sh 'ls \"$OCICI_SESSION_DIR/../..\"'"))
    assert build.passed, build.message
    assert "[session-swept]" in build.log
    assert [path for path in agent.left() if not path.startswith("durable-")] == []


def test_the_next_build_sweeps_what_died_in_the_setup(agent: Agent, silent_oci: socket.socket) -> None:
    told, agent.endpoint = agent.endpoint, f"http://127.0.0.1:{silent_oci.getsockname()[1]}"
    with silent_oci:
        run = agent.start(agent.sign_in())
        connection, _ = silent_oci.accept()
        run.lose_agent()
        run.wait()
        connection.close()
    agent.endpoint = told
    dead = next(agent.temporary.glob("withOci-*"))
    assert (dead / "ocici-session" / "DEFAULT.pem").exists()
    assert agent.build(agent.sign_in()).passed
    assert [path.name for path in dead.iterdir()] == ["tool"]  # what is left is no secret, and goes when it is old
    old = time.time() - 7200
    os.utime(dead, (old, old))
    assert agent.build(agent.sign_in()).passed
    assert not dead.exists()


def test_a_call_in_another_workspace_sweeps_nothing(agent: Agent, tmp_path: Path) -> None:
    run = agent.start(agent.sign_in(body="sh 'echo waiting; sleep 60'"))
    run.wait_for("waiting")
    other = tmp_path / "other"
    build = agent.start(agent.sign_in(), env={"WORKSPACE": str(other), "WORKSPACE_TMP": f"{other}@tmp"}).wait()
    assert build.passed, build.message
    assert list(agent.temporary.glob("withOci-*/ocici-session/DEFAULT.pem"))
    run.abort()
    run.wait()
    assert agent.left() == []


def test_the_harness_kills_the_processes_of_its_own_build_alone(agent: Agent) -> None:
    """Builds of other test runs have the same tags, and run on the same machine."""
    waits = "sh 'echo waiting; until [ -e go ]; do sleep 0.1; done; echo went'"
    other = agent.start(waits, env={"BUILD_TAG": "jenkins-app-1"})
    other.wait_for("waiting")
    for end in ("lose_agent", "abort"):
        run = agent.start("sh 'echo waiting; sleep 60'", env={"BUILD_TAG": "jenkins-app-1"})
        run.wait_for("waiting")
        getattr(run, end)()
        assert run.wait().error == INTERRUPTED
    (agent.workspace / "go").touch()
    assert "\nwent" in other.wait().log
