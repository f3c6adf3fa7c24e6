"""The template itself: its shape, GitLab's schema, shellcheck, and its lines in the shells that images have."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.gitlab.pipeline import GITLAB, after, before, job, template

from ocici import __version__
from ocici.emulator import Emulator
from ocici.hosts.gitlab import DOTENV, NAMES
from ocici.sources import VARIABLES

BIN = Path(sys.executable).parent
TEMPLATES = sorted((GITLAB / "templates").glob("*.yml"))

# What the issue asks for, and one more for the report.
INPUTS = ["as", "profile", "region", "validate", "probe", "endpoint", "version", "install", "cli-version", "dotenv"]


@pytest.fixture(params=TEMPLATES, ids=lambda path: path.name)
def path(request: pytest.FixtureRequest) -> Path:
    assert isinstance(request.param, Path)
    return request.param


# -- shape --------------------------------------------------------------------------------------------------


def test_it_is_one_hidden_job_and_nothing_else(path: Path) -> None:
    header, body = template(path)
    assert list(header) == ["spec"]
    assert list(body) == ["$[[ inputs.as ]]"]
    assert set(body["$[[ inputs.as ]]"]) == {"variables", "before_script", "after_script"}
    assert [len(body["$[[ inputs.as ]]"][section]) for section in ("before_script", "after_script")] == [1, 1]


def test_the_inputs_are_settings_and_names_of_variables(path: Path) -> None:
    inputs = template(path)[0]["spec"]["inputs"]
    names = {f"{name[6:].lower().replace('_', '-')}-variable": name for name in VARIABLES}
    assert sorted(inputs) == sorted([*INPUTS, *names])
    for name, variable in names.items():
        assert inputs[name]["default"] == variable
    for about in inputs.values():
        assert about["description"]
        assert "regex" in about or "options" in about
        assert re.fullmatch(about.get("regex", ".*"), about["default"])
        assert about["default"] in about.get("options", [about["default"]])
    assert inputs["as"]["default"] == f".{path.stem}"
    assert inputs["version"]["default"] == __version__


def test_the_session_is_outside_of_checkout_artifacts_and_cache(path: Path) -> None:
    variables = job(path=path)["variables"]
    assert variables["OCICI_SESSION_DIR"] == "${CI_PROJECT_DIR}.tmp/ocici-${CI_JOB_ID}"
    assert set(variables) == {"OCICI_SESSION_DIR", DOTENV}


def test_the_host_reads_what_the_template_says(path: Path) -> None:
    text = job({"private-key-variable": "PROD_KEY"}, path)["before_script"][0]
    assert NAMES in text
    for variable in VARIABLES:
        assert f"{variable}={'PROD_KEY' if variable == 'OCICI_PRIVATE_KEY' else variable}" in text


@pytest.mark.parametrize("document", [0, 1], ids=["header", "jobs"])
def test_gitlab_s_schema_takes_both_documents(path: Path, document: int, tmp_path: Path) -> None:
    text = path.read_text().split("\n---\n")[document]
    assert schema(tmp_path, text).returncode == 0
    broken = (
        text.replace("  inputs:", "  inputs: 1\n  x:", 1)
        if document == 0
        else text.replace("variables:", "image: 1\n  variables:")
    )
    assert schema(tmp_path, broken).returncode != 0  # else it reads nothing


def schema(tmp_path: Path, text: str) -> subprocess.CompletedProcess[str]:
    file = tmp_path / "document.yml"
    file.write_text(text)
    command = [str(BIN / "check-jsonschema"), "--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci"]
    return subprocess.run([*command, str(file)], capture_output=True, text=True)


@pytest.mark.parametrize("section", ["before_script", "after_script"])
def test_shellcheck_has_nothing_to_say(section: str, tmp_path: Path) -> None:
    file = tmp_path / "lines.sh"
    file.write_text("\n".join(job()[section]))
    done = subprocess.run([str(BIN / "shellcheck"), "-s", "sh", str(file)], capture_output=True, text=True)
    assert done.stdout == ""
    assert done.returncode == 0


def test_old_bash_can_read_the_lines() -> None:
    """bash 3.2, which macOS still has, takes a quote in a comment inside $( … ) for the start of a string."""
    inside = job()["before_script"][0].partition("$(\n")[2].partition("\n) ||")[0]
    comments = re.findall(r"(?:^|\s)# (.*)$", inside, re.MULTILINE)
    assert len(comments) > 3
    assert [comment for comment in comments if re.search("['\"`]", comment)] == []
    assert re.findall(r"^\s*[^(\s][^()]*\) ", inside, re.MULTILINE) == []  # a case pattern wants both brackets


# -- the shells that images have ------------------------------------------------------------------------------


def test_a_job_in_each_shell(environ: dict[str, str], shell: list[str], oci: Emulator, tmp_path: Path) -> None:
    session = Path(environ["OCICI_SESSION_DIR"])
    run = before(environ, shell, 'echo "$OCI_CLI_PROFILE <${OCICI_PRIVATE_KEY-}> <${ocici_exports-}>"')
    assert run.code == 0, run.log
    assert run.log.endswith("DEFAULT <> <>\n")
    assert (session / "DEFAULT.pem").exists()
    assert after(environ, shell, "echo and then mine").log == "and then mine\n"
    assert list(session.parent.iterdir()) == []
    assert after(environ, shell).code == 0  # nothing is there, and that is fine
    assert [request.verified for request in oci.requests] == [True]


def test_the_exit_code_of_a_failed_sign_in_is_the_job_s(environ: dict[str, str], shell: list[str]) -> None:
    run = before({**environ, "OCICI_TENANCY": "tenancy"}, shell, "echo never")
    assert run.code == 1
    assert "[ocid-malformed]" in run.log
    assert "never" not in run.log
    run = before({**environ, "OCICI_ENDPOINT": "http://127.0.0.1:1"}, shell, "echo never")
    assert run.code == 3  # worth a retry
    assert after(environ, shell).code == 0


def test_nothing_of_ocici_s_own_shows_a_secret_in_a_debug_trace(
    environ: dict[str, str], shell: list[str], pair: Any
) -> None:
    """What the runner itself prints then is beyond us; hence the warning."""
    run = before({**environ, "CI_DEBUG_TRACE": "true"}, shell, trace=True)
    assert run.code == 0
    assert "+ run setup" in run.log
    assert "[debug-trace]" in run.log
    assert [line for line in pair.lines() if line in run.log] == []
    assert environ["OCICI_PRIVATE_KEY"][300:340] not in run.log


def test_a_session_path_that_could_not_be_removed_later_is_refused_at_once(
    environ: dict[str, str], shell: list[str], tmp_path: Path
) -> None:
    for path in ("ocici-4711", f"{tmp_path}/session", f"{tmp_path}/ocici-x/session", f"{tmp_path}/ocici-", "/"):
        run = before({**environ, "OCICI_SESSION_DIR": path}, shell, "echo never")
        assert run.code == 2
        assert "[session-unwritable]" in run.log
        assert "never" not in run.log


def test_by_reference_alone_the_session_is_where_it_would_be(environ: dict[str, str], shell: list[str]) -> None:
    """`!reference` brings no variables: both scripts fall back to the same place."""
    session = Path(environ.pop("OCICI_SESSION_DIR"))
    assert before(environ, shell).code == 0
    assert session.is_dir()
    assert after(environ, shell).code == 0
    assert not session.exists()


def test_a_project_with_a_name_like_a_session_s(environ: dict[str, str], shell: list[str], tmp_path: Path) -> None:
    project = tmp_path / "ocici-shop"
    project.mkdir()
    environ |= {"CI_PROJECT_DIR": str(project), "OCICI_SESSION_DIR": f"{project}.tmp/ocici-4711"}
    assert before(environ, shell).code == 0
    assert after(environ, shell).code == 0
    assert not Path(environ["OCICI_SESSION_DIR"]).exists()
    assert project.exists()


def test_the_key_s_bytes_are_overwritten(environ: dict[str, str], shell: list[str], tmp_path: Path) -> None:
    session = Path(environ["OCICI_SESSION_DIR"])
    assert before(environ, shell).code == 0
    (tmp_path / "same").hardlink_to(session / "DEFAULT.pem")
    assert b"PRIVATE KEY" in (tmp_path / "same").read_bytes()
    assert after(environ, shell).code == 0
    assert set((tmp_path / "same").read_bytes()) == {0}


def test_cleanup_needs_neither_ocici_nor_python(environ: dict[str, str], shell: list[str], tools: Path) -> None:
    assert before(environ, shell).code == 0
    for path in list(tools.iterdir()):
        if path.name != "rm":
            path.unlink()
    assert after(environ, shell).code == 0
    assert not Path(environ["OCICI_SESSION_DIR"]).exists()


def test_cleanup_of_a_half_made_session(environ: dict[str, str], shell: list[str]) -> None:
    """setup was killed before it had written the manifest."""
    session = Path(environ["OCICI_SESSION_DIR"])
    session.mkdir(parents=True)
    (session / "DEFAULT.pem").write_text("half")
    assert after(environ, shell).code == 0
    assert not session.exists()


def test_what_is_not_this_job_s_is_left_and_said_loudly(
    environ: dict[str, str], shell: list[str], tmp_path: Path
) -> None:
    """A link at the session's path, the session of another job, a folder of somebody else's."""
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "manifest.json").write_text('{"job": "https://gitlab.example.com 47110"}')
    session = Path(environ["OCICI_SESSION_DIR"])
    session.parent.mkdir()
    session.symlink_to(precious)
    other = tmp_path / "ocici-other"
    precious_too = other / "manifest.json"
    other.mkdir()
    precious_too.write_text('{"job": "https://gitlab.example.com 47110", "process": 4711}')
    for path in (session, other):
        run = after({**environ, "OCICI_SESSION_DIR": str(path)}, shell, "echo never")
        assert run.code == 4
        assert "[session-left]" in run.log
        assert str(path) in run.log
        assert "never" not in run.log
    assert (precious / "manifest.json").exists()
    assert precious_too.exists()


def test_an_image_without_python_gets_a_sentence(environ: dict[str, str], shell: list[str], tools: Path) -> None:
    (tools / "ocici").unlink()
    run = before(environ, shell, "echo never", inputs={"install": "auto"})
    assert run.code == 2
    assert "[no-python]" in run.log
    assert "use an image that has" in run.log
    run = before(environ, shell, inputs={"install": "none"})
    assert run.code == 2
    assert "install is none, and no ocici is on the PATH" in run.log
    run = before(environ, shell, inputs={"install": "uvx"})
    assert run.code == 2
    assert "there is no uvx" in run.log


def test_the_readme_s_examples_are_pipelines(tmp_path: Path) -> None:
    """Each YAML block of the README passes the schema, but for those that show two ways side by side."""
    blocks = re.findall(r"```yaml\n(.*?)```", (GITLAB / "README.md").read_text(), re.DOTALL)
    assert len(blocks) >= 5
    for block in blocks:
        done = schema(tmp_path, block)
        assert done.returncode == 0, block + done.stdout


def test_every_input_is_in_the_readme() -> None:
    readme = (GITLAB / "README.md").read_text()
    for name in template()[0]["spec"]["inputs"]:
        assert f"`{name}`" in readme


def test_the_two_templates_have_the_same_inputs() -> None:
    """What works in one shell works in the other, by the same names."""
    headers = [template(path)[0]["spec"]["inputs"] for path in TEMPLATES]
    assert len(headers) == 2
    assert list(headers[0]) == list(headers[1])
    for name in headers[0]:
        if name != "as":
            assert yaml.safe_dump(headers[0][name]) == yaml.safe_dump(headers[1][name])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_the_session_is_closed_to_other_users(environ: dict[str, str], tmp_path: Path) -> None:
    assert before(environ, ["dash"]).code == 0
    command = [sys.executable, "-c", f"import os; os.setuid(65534); open({environ['OCICI_SESSION_DIR'] + '/config'!r})"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert "PermissionError" in done.stderr
