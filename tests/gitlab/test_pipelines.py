"""Pipelines run for real, by gitlab-ci-local against the emulator. Each must leave no key (Project.run looks)."""

from __future__ import annotations

import base64
import functools
import hashlib
import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.gitlab.pipeline import GITLAB, ROOT, TEMPLATE, File, Project, Reference

from ocici import __version__
from ocici.emulator import Emulator

NONE = {"install": "none"}
SHOW = [
    'ls -ld "$OCICI_SESSION_DIR" | cut -c1-10',
    'ls -l "$OCICI_SESSION_DIR" | cut -c1-10',
    'grep -c "BEGIN PRIVATE KEY" "$OCI_PRIVATE_KEY_PATH"',
    "echo signed in as $OCI_CLI_PROFILE in $OCI_REGION",
]


def include(**inputs: str) -> dict[str, Any]:
    """The template by `include: local`; underscores in the names of inputs are hyphens."""
    return {
        "local": "ci/oci-auth.yml",
        "inputs": NONE | {name.replace("_", "-"): value for name, value in inputs.items()},
    }


def pipeline(**job: Any) -> dict[str, Any]:
    """One job `deploy` that extends the template."""
    return {"include": [include()], "deploy": {"extends": ".oci-auth", "script": SHOW, **job}}


def one_line(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


# -- the secrets in every form ------------------------------------------------------------------------------


def test_file_base64_and_raw_key_under_names_of_their_own(
    project: Project, settings: dict[str, str], oci: Emulator, pair: Any
) -> None:
    """The template three times under three names, each with its own variable for the key."""
    del settings["OCICI_PRIVATE_KEY"]
    settings |= {"KEY_FILE": File(pair.private), "KEY_LINE": one_line(pair.private), "KEY_TEXT": pair.private}
    forms = ("FILE", "LINE", "TEXT")
    run = project.run(
        {
            "include": [include(**{"as": f".{form}", "private_key_variable": f"KEY_{form}"}) for form in forms],
            **{
                form: {
                    "extends": f".{form}",
                    "script": [
                        *SHOW,
                        f'echo "in the environment of the script: <${{KEY_{form}-}}>"',
                        # the runner's own copy is open to all, and is not the one in use
                        'case $OCI_PRIVATE_KEY_PATH in "$OCICI_SESSION_DIR"/*) echo its own copy ;; esac',
                    ],
                }
                for form in forms
            },
        },
        settings,
    )
    assert run.code == 0, run.log
    for form in forms:
        log = run.of(form)
        assert "drwx------" in log
        assert log.count("-rw-------") == 3  # config, key, manifest
        assert "signed in as DEFAULT in eu-frankfurt-1" in log
        assert "in the environment of the script: <>" in log
        assert "its own copy" in log
    assert run.left == []
    assert [request.verified for request in oci.requests] == [True] * 3


def test_an_encrypted_key_and_oci_cli_itself(
    project: Project, settings: dict[str, str], tools: Path, oci: Emulator, pair: Any
) -> None:
    (tools / "oci").symlink_to(Path(sys.executable).parent / "oci")
    settings |= {"OCICI_PRIVATE_KEY": one_line(pair.encrypted), "OCICI_PASS_PHRASE": "correct horse battery"}
    script = [*SHOW, 'oci os ns get --endpoint "$OCICI_ENDPOINT"', 'echo "<${OCICI_PASS_PHRASE-}>"']
    run = project.run(pipeline(script=script), settings)
    assert run.code == 0, run.log
    assert '"data":' in run.of("deploy")
    assert "warning" not in run.of("deploy").lower()
    assert "<>" in run.of("deploy")
    assert [request.verified for request in oci.requests] == [True, True]
    assert run.left == []


def test_two_profiles_of_one_bundle_in_one_pipeline(
    project: Project, oci: Emulator, pair: Any, other_pair: Any
) -> None:
    who = {"user": "ocid1.user.oc1..blue", "tenancy": "ocid1.tenancy.oc1..aaaatests", "region": "eu-frankfurt-1"}
    bundle = {
        "profiles": {
            "blue": {**who, "key_content": pair.private},
            "green": {**who, "user": "ocid1.user.oc1..green", "key_content": other_pair.private},
        }
    }
    oci.register(who["tenancy"], "ocid1.user.oc1..blue", pair.public)
    oci.register(who["tenancy"], "ocid1.user.oc1..green", other_pair.public)
    project.secret += [line.encode() for line in other_pair.lines()]
    run = project.run(
        {
            "include": [
                include(**{"as": ".blue", "profile": "blue"}),
                include(**{"as": ".green", "profile": "green", "region": "us-ashburn-1"}),
            ],
            "blue": {"extends": ".blue", "script": SHOW},
            "green": {"extends": ".green", "script": SHOW},
        },
        {
            "OCICI_CREDENTIALS": one_line(json.dumps(bundle)),
            "OCICI_ENDPOINT": oci.endpoint,
            "OCICI_PROFILE": "none",  # an input is what counts
        },
    )
    assert run.code == 0, run.log
    assert "signed in as blue in eu-frankfurt-1" in run.of("blue")
    assert "signed in as green in us-ashburn-1" in run.of("green")
    assert run.left == []
    assert len([request for request in oci.requests if request.verified]) == 4  # both profiles in both jobs


def test_inputs_reach_ocici(project: Project, settings: dict[str, str], oci: Emulator) -> None:
    endpoint = settings.pop("OCICI_ENDPOINT")
    jobs = {
        "regions": include(**{"as": ".regions", "probe": "regions", "endpoint": endpoint}),
        "offline": include(**{"as": ".offline", "validate": "offline"}),
    }
    run = project.run(
        {
            "include": list(jobs.values()),
            **{name: {"extends": f".{name}", "script": "true"} for name in jobs},
        },
        settings,
    )
    assert run.code == 0, run.log
    assert [request.path for request in oci.requests] == ["/20160918/regions"]


# -- every way of including -----------------------------------------------------------------------------------


def test_component_project_remote_and_local(project: Project, settings: dict[str, str], tmp_path: Path) -> None:
    """The component project is published by the script that the release runs."""
    server = tmp_path / "server" / "acme" / "ocici.git"
    project.git("init", "-q", "--bare", "-b", "main", str(server))
    project.git("config", "uploadpack.allowFilter", "true", folder=server)
    project.git("config", "--global", f"url.file://{tmp_path}/server/.insteadOf", "https://gitlab.example.com:443/")
    assert publish(project, server).returncode == 0
    again = publish(project, server)
    assert again.returncode != 0
    assert "never published twice" in again.stderr
    digest = base64.b64encode(hashlib.sha256(TEMPLATE.read_bytes()).digest()).decode()
    with Served(GITLAB) as address:
        ways: dict[str, dict[str, str]] = {
            "component": {"component": f"$CI_SERVER_FQDN/acme/ocici/oci-auth@{__version__}"},
            "project": {"project": "acme/ocici", "file": "/templates/oci-auth.yml", "ref": __version__},
            "remote": {"remote": f"{address}/templates/oci-auth.yml", "integrity": f"sha256-{digest}"},
            "local": {"local": "/ci/oci-auth.yml"},
        }
        run = project.run(
            {
                "include": [{**way, "inputs": {**NONE, "as": f".{name}"}} for name, way in ways.items()],
                **{name: {"extends": f".{name}", "script": SHOW} for name in ways},
            },
            settings,
        )
    assert run.code == 0, run.log
    for name in ways:
        assert "signed in as DEFAULT" in run.of(name)
    assert run.left == []


def publish(project: Project, server: Path) -> subprocess.CompletedProcess[str]:
    environ = {
        **project.environ,
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
    }
    command = [sys.executable, str(ROOT / "scripts" / "publish_component.py"), str(server)]
    return subprocess.run(command, env=environ, capture_output=True, text=True)


class Served:
    """`folder` over HTTP on loopback; the context is its address."""

    def __init__(self, folder: Path) -> None:
        class Quiet(http.server.SimpleHTTPRequestHandler):
            def log_message(self, *arguments: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
        self.thread = threading.Thread(target=self.server.serve_forever)

    def __enter__(self) -> str:
        self.thread.start()
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.mark.parametrize(
    "inputs",
    [
        {"private_key_variable": "$MY_KEY"},  # a masked variable arrives so
        {"private_key_variable": "-----BEGIN PRIVATE KEY-----"},
        {"region": "$MY_REGION"},
        {"profile": "a'; touch owned; '"},
        {"as": "not-hidden"},
        {"install": "snap"},
        {"validate": "maybe"},
        {"version": "1 2"},
    ],
)
def test_a_value_that_cannot_be_meant_is_refused_before_anything_runs(
    project: Project, settings: dict[str, str], inputs: Mapping[str, str]
) -> None:
    run = project.run({"include": [include(**inputs)], "deploy": {"script": "echo ran"}}, settings)
    assert run.code != 0
    assert "ran" not in run.of("deploy")
    assert "does not match required regex" in run.log or "not in the list of allowed options" in run.log


# -- jobs that fail ---------------------------------------------------------------------------------------------


def test_a_failing_script_leaves_nothing(project: Project, settings: dict[str, str]) -> None:
    run = project.run(pipeline(script=[*SHOW, "exit 7"]), settings)
    assert run.code != 0
    assert "signed in as DEFAULT" in run.of("deploy")
    assert "FAIL  deploy" in run.log
    assert run.left == []


def test_a_failing_line_after_the_sign_in_leaves_nothing(project: Project, settings: dict[str, str]) -> None:
    before = [Reference([".oci-auth", "before_script"]), *SHOW, "false", "echo never"]
    run = project.run(pipeline(before_script=before), settings)
    assert run.code != 0
    assert "signed in as DEFAULT" in run.of("deploy")
    assert "\nnever" not in run.of("deploy")
    assert run.left == []


def test_a_sign_in_that_fails_ends_the_job(project: Project, settings: dict[str, str], other_pair: Any) -> None:
    settings["OCICI_PRIVATE_KEY"] = one_line(other_pair.private)
    project.secret += [line.encode() for line in other_pair.lines()]
    run = project.run(pipeline(script="echo never"), settings)
    assert run.code != 0
    assert "[not-authenticated]" in run.of("deploy")
    assert "\nnever" not in run.of("deploy")
    assert "finished" in run.of("deploy")
    assert run.left == []


def test_missing_variables_are_named_with_the_usual_cause(project: Project, settings: dict[str, str]) -> None:
    for name in ("OCICI_USER", "OCICI_TENANCY", "OCICI_PRIVATE_KEY", "OCICI_REGION"):
        del settings[name]
    names = {"user_variable": "PROD_USER", "private_key_variable": "PROD_KEY"}
    run = project.run({"include": [include(**names)], "deploy": {"extends": ".oci-auth", "script": "true"}}, settings)
    assert run.code != 0
    assert "[variables-not-handed]" in run.of("deploy")
    assert "Not set in this job: PROD_USER, OCICI_TENANCY, PROD_KEY" in run.of("deploy")
    assert "they are protected, and the branch main is not" in run.of("deploy")
    assert run.left == []


def test_a_killed_runner_is_cleaned_up_after_by_the_next_job(
    project: Project, settings: dict[str, str], tmp_path: Path
) -> None:
    when = tmp_path / "signed-in"
    project.start_and_kill(pipeline(script=[f'echo > "{when}"', "sleep 60"]), settings, when)
    (left,) = project.left()
    assert project.keys() != []
    run = project.run(pipeline(), settings)
    assert run.code == 0, run.log
    assert "[session-swept]" in run.of("deploy")
    assert left in run.of("deploy")
    assert run.left == []


# -- jobs with sections of their own ------------------------------------------------------------------------------


def test_sections_of_ones_own_by_reference(project: Project, settings: dict[str, str]) -> None:
    run = project.run(
        pipeline(
            before_script=["echo first", Reference([".oci-auth", "before_script"]), "echo then $OCI_REGION"],
            after_script=[
                Reference([".oci-auth", "after_script"]),
                '[ ! -e "$OCICI_SESSION_DIR" ] && echo removed before my own lines',
            ],
        ),
        settings,
    )
    assert run.code == 0, run.log
    log = run.of("deploy")
    assert log.index("\nfirst") < log.index("\nthen eu-frankfurt-1") < log.index("signed in as DEFAULT")
    assert "\nremoved before my own lines" in log
    assert run.left == []


def test_the_report_goes_to_a_later_job_and_no_secret_with_it(
    project: Project, settings: dict[str, str], oci: Emulator, pair: Any
) -> None:
    run = project.run(
        {
            "stages": ["build", "test"],
            "include": [include(dotenv="ocici.env")],
            "sign-in": {
                "stage": "build",
                "extends": ".oci-auth",
                "script": "cat ocici.env",
                "artifacts": {"reports": {"dotenv": "ocici.env"}},
            },
            "later": {"stage": "test", "script": ["env | grep OCICI_REPORT_ | sort"]},
        },
        settings,
        isolated=False,  # else gitlab-ci-local, unlike GitLab, removes what the script made before after_script
    )
    assert run.code == 0, run.log
    namespace = oci.namespace(settings["OCICI_TENANCY"])
    assert run.of("later").splitlines()[2:8] == [
        f"OCICI_REPORT_FINGERPRINT={pair.fingerprint}",
        f"OCICI_REPORT_NAMESPACE={namespace}",
        "OCICI_REPORT_PROFILE=DEFAULT",
        "OCICI_REPORT_REGION=eu-frankfurt-1",
        f"OCICI_REPORT_TENANCY={settings['OCICI_TENANCY']}",
        f"OCICI_REPORT_USER={settings['OCICI_USER']}",
    ]
    assert run.left == []


def test_a_place_of_ones_own_for_the_session(project: Project, settings: dict[str, str], tmp_path: Path) -> None:
    """Inside it no variable is needed but OCICI_SESSION_DIR; a folder of somebody else's is never removed."""
    place = tmp_path / "elsewhere"
    run = project.run(pipeline(variables={"OCICI_SESSION_DIR": f"{place}/ocici-$CI_JOB_ID"}), settings)
    assert run.code == 0, run.log
    assert "signed in as DEFAULT" in run.of("deploy")
    assert list(place.iterdir()) == []

    precious = place / "ocici-precious"
    precious.mkdir()
    (precious / "file").write_text("precious")
    run = project.run(pipeline(variables={"OCICI_SESSION_DIR": str(precious)}), settings)
    assert run.code != 0
    assert "[session-exists]" in run.of("deploy")
    assert "[session-left]" in run.of("deploy")
    assert (precious / "file").read_text() == "precious"

    run = project.run(pipeline(variables={"OCICI_SESSION_DIR": str(tmp_path / "project")}), settings)
    assert run.code != 0
    assert "[session-unwritable]" in run.of("deploy")
    assert (tmp_path / "project" / ".gitlab-ci.yml").exists()
