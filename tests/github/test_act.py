"""The action in whole workflows, run by act: signed in, failing, cancelled, twice, nested; and nothing is left."""

from __future__ import annotations

import base64
import json
import signal
import subprocess
import time
from pathlib import Path

import yaml

from ocici.emulator import Emulator

from ..conftest import PASS_PHRASE, TENANCY, USER, Pair
from .conftest import LAST, LONG, ROOT, Run, Runner, pieces, sign_in, workflow

PYTHON_SDK = """
import oci, os
client = oci.object_storage.ObjectStorageClient(oci.config.from_file(), service_endpoint=os.environ["ENDPOINT"])
print("namespace is", client.get_namespace().data)
"""


def test_later_steps_are_signed_in(runner: Runner, oci: Emulator) -> None:
    import sys

    (runner.repository / "sdk.py").write_text(PYTHON_SDK)
    step = {"run": f"{sys.executable} sdk.py", "env": {"ENDPOINT": oci.endpoint}}
    runner.workflow(
        workflow(
            sign_in(oci.endpoint, cli_version="3.95.1"),
            f"oci os ns get --endpoint {oci.endpoint}; command -v oci",
            json.dumps(step),
            "echo output ${{ steps.auth.outputs.region }} ${{ steps.auth.outputs.namespace }}",
        )
    )
    done = runner.run()
    assert done.code == 0, done.log
    namespace = oci.namespace(TENANCY)
    assert f'"data": "{namespace}"' in done.log
    assert str(runner.cache) in done.log  # the oci-cli that was asked for, and not one of this machine
    assert f"namespace is {namespace}" in done.log
    assert f"output eu-frankfurt-1 {namespace}" in done.log
    assert [record.verified for record in oci.requests] == [True] * 3
    assert "| DEFAULT | ✅ | eu-frankfurt-1 ✅ | ✅ |" in done.log  # the job summary


def test_a_wrong_key_is_an_annotation_and_leaves_nothing(runner: Runner, oci: Emulator, other_pair: Pair) -> None:
    runner.secrets["OCI_PRIVATE_KEY"] = other_pair.private
    runner.canary += pieces(other_pair.private)
    runner.workflow(workflow(sign_in(oci.endpoint), "echo never"))
    done = runner.run()
    assert done.code == 1
    assert "OCI does not accept the credentials (profile DEFAULT) [not-authenticated]" in done.log
    checks = f"| DEFAULT | ✅ | eu-frankfurt-1 ✅ | ✅ | {other_pair.fingerprint} ✅ |"
    assert f"{checks} ❌ not-authenticated refused (GetNamespace, " in done.log
    assert "Traceback" not in done.log


def test_findings_speak_of_inputs(runner: Runner, oci: Emulator) -> None:
    runner.secrets["OCI_USER"], runner.secrets["OCI_TENANCY"] = TENANCY, USER
    runner.workflow(workflow(sign_in(oci.endpoint)))
    done = runner.run()
    assert done.code == 1
    assert "The input user holds a tenancy OCID, and the input tenancy a user OCID." in done.log
    assert oci.requests == []


def test_a_failing_later_step_is_cleaned_up_after(runner: Runner, oci: Emulator) -> None:
    runner.workflow(workflow(sign_in(oci.endpoint), "exit 3"))
    done = runner.run()
    assert done.code == 1
    assert "ocici: removed the session" in done.log


def test_two_uses_in_one_job_are_both_cleaned_up(runner: Runner, oci: Emulator) -> None:
    runner.workflow(workflow(sign_in(oci.endpoint), sign_in(oci.endpoint, step="second", profile="other")))
    done = runner.run()
    assert done.code == 0, done.log
    assert done.log.count("ocici: removed the session") == 2
    # The second use gives back what the first exported; then the first gives back nothing, as it was before.
    taken_back = [line.rpartition("=")[2] for line in done.log.splitlines() if "set-env:: OCI_CLI_PROFILE=" in line]
    assert taken_back == ["DEFAULT", "other", "DEFAULT", ""]


def test_python_breaks_before_the_post_step(runner: Runner, oci: Emulator) -> None:
    broken = "printf '#!/bin/sh\\nexit 1\\n' | tee bin/python3 bin/python bin/py"
    script = f'mkdir bin && {broken} && chmod +x bin/* && echo "$PWD/bin" >> "$GITHUB_PATH"'
    runner.workflow(workflow(sign_in(oci.endpoint), script, "! python3 --version"))
    done = runner.run()
    assert done.code == 0, done.log
    assert done.log.count("without Python") == 1


def test_variables_get_back_what_they_held(runner: Runner, oci: Emulator) -> None:
    runner.workflow(workflow(sign_in(oci.endpoint), 'echo "signed in to $OCI_REGION"', OCI_REGION="us-ashburn-1"))
    done = runner.run()
    assert done.code == 0, done.log
    assert "| signed in to eu-frankfurt-1" in done.log
    assert "| afterwards OCI_REGION=[us-ashburn-1]" in done.log
    assert "| afterwards OCI_CLI_PROFILE=[]" in done.log


def test_twice_inside_nested_composite_actions(runner: Runner, oci: Emulator) -> None:
    inputs = {
        "user": "${{ inputs.user }}",
        "tenancy": "${{ inputs.tenancy }}",
        "region": "fra",
        "private-key": "${{ inputs.key }}",
        "endpoint": oci.endpoint,
    }
    names = ("user", "tenancy", "key")
    inner = {"uses": "./actions/oci-auth", "with": inputs}
    outer = {"uses": "./inner", "with": {name: f"${{{{ inputs.{name} }}}}" for name in names}}
    for folder, steps in (("inner", [inner]), ("outer", [outer, outer])):
        action = {"name": folder, "description": folder, "inputs": {name: {"description": name} for name in names}}
        action["runs"] = {"using": "composite", "steps": steps}
        (runner.repository / folder).mkdir()
        (runner.repository / folder / "action.yml").write_text(json.dumps(action))
    given = {"user": USER, "tenancy": TENANCY, "key": "${{ secrets.OCI_PRIVATE_KEY }}"}
    runner.workflow(workflow(json.dumps({"uses": "./outer", "with": given}), 'test -f "$OCI_CONFIG_FILE"'))
    done = runner.run()
    assert done.code == 0, done.log
    assert done.log.count("ocici: removed the session") == 2
    assert [record.verified for record in oci.requests] == [True, True]


def test_an_input_that_cannot_be_used_is_told_before_anything_is_done(runner: Runner, oci: Emulator) -> None:
    runner.workflow(workflow(sign_in(oci.endpoint, export_env="yes")))
    done = runner.run()
    assert done.code == 1
    assert "[input-unusable]" in done.log
    assert oci.requests == []


def test_outputs_without_variables(runner: Runner, oci: Emulator) -> None:
    runner.workflow(
        workflow(
            sign_in(oci.endpoint, export_env="false"),
            'test -z "$OCI_CONFIG_FILE" && test -f "${{ steps.auth.outputs.config-file }}" && echo so',
        )
    )
    done = runner.run()
    assert done.code == 0, done.log
    assert "| so" in done.log


def test_every_form_of_the_key_is_masked(runner: Runner, oci: Emulator, pair: Pair) -> None:
    """A later step prints the key in every form: act hides what add-mask named, and nothing of it is in the log."""
    runner.secrets["OCI_PRIVATE_KEY"] = base64.b64encode(pair.encrypted.encode()).decode()
    runner.secrets["PASS"] = PASS_PHRASE
    runner.workflow(
        workflow(
            sign_in(oci.endpoint, pass_phrase="${{ secrets.PASS }}"),
            'cat "$OCI_PRIVATE_KEY_PATH"; head -5 "$OCI_PRIVATE_KEY_PATH" | tail -1; echo end',
        )
    )
    done = runner.run(masked=True)
    assert done.code == 0, done.log
    assert "| end" in done.log
    assert "***" in done.log


def test_a_pull_request_from_a_fork_is_told_from_a_missing_secret(
    runner: Runner, oci: Emulator, tmp_path: Path
) -> None:
    runner.secrets.clear()
    fork = {"pull_request": {"head": {"ref": "x", "repo": {"full_name": "someone/fork"}}, "base": {"ref": "main"}}}
    (tmp_path / "event.json").write_text(json.dumps(fork))
    runner.workflow(workflow(sign_in(oci.endpoint)))
    done = runner.run("-e", str(tmp_path / "event.json"), event="pull_request")
    assert done.code == 1
    assert "[fork-without-secrets]" in done.log
    assert "someone/fork" in done.log
    done = runner.run()
    assert "[secret-empty]" in done.log
    assert "The input private-key is empty" in done.log


def test_no_credentials_at_all(runner: Runner) -> None:
    runner.workflow(workflow('{"uses": "./actions/oci-auth"}'))
    done = runner.run()
    assert done.code == 1
    assert "[inputs-empty]" in done.log
    assert "[secret-empty]" not in done.log


def test_the_projects_own_workflow(runner: Runner) -> None:
    """The job that tries the action on hosted runners, without what has to be fetched for it."""
    job = yaml.safe_load((ROOT / ".github" / "workflows" / "test.yml").read_text())["jobs"]["action"]
    steps = [step for step in job["steps"] if not step.get("uses", "").startswith("actions/")]
    assert steps[0] == json.loads(LAST)
    runner.workflow(workflow(*(json.dumps(step) for step in steps[1:])))
    log = runner.run(masked=True).log  # the key of this run is made by the workflow itself
    assert log.count("ocici: removed the session") == 2
    assert "Job succeeded" in log


def wait_for(process: subprocess.Popen[str], text: str) -> str:
    """The log of `process` up to a line with `text`."""
    log = ""
    assert process.stdout
    for line in process.stdout:
        log += line
        if text in line:
            return log
    raise AssertionError(log)


def test_a_cancelled_job(runner: Runner, oci: Emulator, stop: list[subprocess.Popen[str]]) -> None:
    runner.workflow(workflow(sign_in(oci.endpoint), "echo 'now is' the time; sleep 60"))
    process = runner.start()
    stop.append(process)
    log = wait_for(process, "| now is the time")
    assert list(runner.home.rglob("ocici-*/config"))
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=LONG)
    done = Run(process.returncode, log + rest, runner.home)
    assert done.code == 1
    assert "ocici: removed the session" in done.log
    runner.finished(done)


def test_a_job_cancelled_during_setup(runner: Runner, oci: Emulator, stop: list[subprocess.Popen[str]]) -> None:
    oci.fault("hang")
    runner.workflow(workflow(sign_in(oci.endpoint)))
    process = runner.start()
    stop.append(process)
    deadline = time.monotonic() + LONG
    while not oci.requests:  # the emulator writes it down before it hangs
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    log, _ = process.communicate(timeout=LONG)
    runner.finished(Run(process.returncode, log, runner.home))
