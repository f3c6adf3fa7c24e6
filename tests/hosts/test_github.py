"""What GitHub alone knows: inputs, masks, files for later steps, and why there are no secrets."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocici.findings import Finding, finding
from ocici.hosts.base import Report
from ocici.hosts.github import Host, _cells

ACTION = {"OCICI_ACTION": "1"}
MISSING = [finding("key-missing", name="DEFAULT"), finding("region-not-configured", name="DEFAULT")]


def host(**environ: str) -> Host:
    return Host(environ, io.StringIO())


def codes(found: list[Finding]) -> list[str]:
    return [each.code for each in found]


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """actions-toolkit reads the process's own environment."""
    for name in ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_STATE", "GITHUB_PATH", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


class TestInputs:
    def test_they_are_read_when_the_action_asks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("INPUT_PRIVATE-KEY", " line\n")
        assert host(**ACTION).inputs()["OCICI_PRIVATE_KEY"] == " line\n"

    def test_those_of_a_surrounding_action_are_not(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("INPUT_USER", "somebody")
        assert host().inputs() == {}

    def test_an_empty_one_does_not_hide_the_steps_variable(self) -> None:
        inputs = host(**ACTION, OCICI_USER="u").inputs()
        assert "OCICI_USER" not in inputs
        assert inputs["OCICI_TENANCY"] == ""


GITHUB = {"GITHUB_SERVER_URL": "https://g", "GITHUB_REPOSITORY": "o/r", "GITHUB_RUN_ID": "1", "GITHUB_JOB": "j"}


class TestWhere:
    def test_legs_of_a_matrix_are_different_jobs(self) -> None:
        legs = {host(**GITHUB, RUNNER_NAME="a", RUNNER_TRACKING_ID=each).job() for each in ("x", "y")}
        assert len(legs) == 2

    def test_runners_on_one_machine_have_slots_of_their_own(self) -> None:
        assert host(RUNNER_NAME="a", RUNNER_TEMP="/a").slot() != host(RUNNER_NAME="a", RUNNER_TEMP="/b").slot()

    def test_nothing_known_is_nothing_claimed(self) -> None:
        assert (host().job(), host().slot()) == ("", "")

    def test_sessions_are_made_in_the_runners_folder(self) -> None:
        assert host(RUNNER_TEMP="/r").parents()[0] == Path("/r")


class TestWhyThereAreNoSecrets:
    def event(self, folder: Path, head: object) -> dict[str, str]:
        (folder / "event.json").write_text(json.dumps({"pull_request": {"head": head}}))
        path = str(folder / "event.json")
        return {"GITHUB_EVENT_PATH": path, "GITHUB_EVENT_NAME": "pull_request", "GITHUB_REPOSITORY": "own/repo"}

    def test_a_fork(self, tmp_path: Path) -> None:
        found = host(**self.event(tmp_path, {"repo": {"full_name": "other/repo"}})).explain(MISSING)
        assert codes(found) == ["fork-without-secrets", "region-not-configured"]
        assert "other/repo" in found[0].cause

    @pytest.mark.parametrize("head", [{"repo": {"full_name": "own/repo"}}, {"repo": None}, None])
    def test_no_fork_or_one_that_has_gone(self, tmp_path: Path, head: object) -> None:
        assert codes(host(**self.event(tmp_path, head)).explain(MISSING)) == codes(MISSING)

    def test_dependabot(self, tmp_path: Path) -> None:
        environ = self.event(tmp_path, {"repo": {"full_name": "own/repo"}}) | {"GITHUB_ACTOR": "dependabot[bot]"}
        assert codes(host(**environ).explain(MISSING))[0] == "dependabot-without-secrets"

    def test_pull_request_target_has_secrets(self, tmp_path: Path) -> None:
        environ = self.event(tmp_path, {"repo": {"full_name": "other/repo"}})
        environ["GITHUB_EVENT_NAME"] = "pull_request_target"
        assert codes(host(**environ).explain(MISSING)) == codes(MISSING)

    def test_what_is_wrong_otherwise_stays(self, tmp_path: Path) -> None:
        wrong = [finding("key-too-short", origin="o", bits=1024)]
        environ = self.event(tmp_path, {"repo": {"full_name": "other/repo"}})
        assert codes(host(**environ).explain(wrong)) == ["key-too-short"]


def test_findings_speak_of_inputs_in_the_action_alone() -> None:
    found = [finding("secret-empty", origin="OCICI_PRIVATE_KEY")]
    assert host(**ACTION).explain(found)[0].cause.startswith("The input private-key is set")
    assert host().explain(found) == found


def test_masks_are_printed_once_and_in_the_action_alone(capsys: pytest.CaptureFixture[str]) -> None:
    here = host(**ACTION)
    here.mask(["line 1", "line 2"])
    here.mask(["line 2"])
    host().mask(["line 3"])
    assert capsys.readouterr().out.split("\n") == ["::add-mask::line 1", "::add-mask::line 2", ""]


class TestHandOver:
    def files(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
        files = {f"GITHUB_{name}": str(folder / name) for name in ("ENV", "OUTPUT", "STATE", "PATH")}
        for name, path in files.items():
            Path(path).touch()
            monkeypatch.setenv(name, path)
        return files

    @pytest.mark.parametrize("before", ["", "old value", "two\nlines"])
    def test_variables_are_taken_back(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str) -> None:
        files = self.files(tmp_path, monkeypatch)
        monkeypatch.setenv("INPUT_EXPORT-ENV", "true")
        host(**ACTION, **files, OCI_REGION=before).hand_over({"OCI_REGION": "new"}, {"region": "new"})
        exported = (tmp_path / "ENV").read_text()
        assert "new" in exported
        state = (tmp_path / "STATE").read_text().split("\n")
        kept = {"STATE_variables": state[state.index(next(line for line in state if "variables" in line)) + 1]}
        host(**ACTION, **files, **kept).take_back()
        taken = (tmp_path / "ENV").read_text().removeprefix(exported)
        assert taken.startswith("OCI_REGION<<")
        assert f"\n{before}\n" in taken

    def test_without_export_there_are_outputs_alone(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        files = self.files(tmp_path, monkeypatch)
        monkeypatch.setenv("INPUT_EXPORT-ENV", "false")
        host(**ACTION, **files).hand_over({"OCI_REGION": "new"}, {"region": "new"})
        assert (tmp_path / "ENV").read_text() == ""
        assert "region<<" in (tmp_path / "OUTPUT").read_text()

    @pytest.mark.parametrize("state", ["", "{", "[]", "null"])
    def test_a_state_that_is_none_takes_nothing_back(self, tmp_path: Path, state: str) -> None:
        (tmp_path / "ENV").touch()
        host(**ACTION, GITHUB_ENV=str(tmp_path / "ENV"), STATE_variables=state).take_back()
        assert (tmp_path / "ENV").read_text() == ""


class TestReport:
    def test_an_annotation_has_title_cause_fix_and_docs(self, capsys: pytest.CaptureFixture[str]) -> None:
        host(**ACTION).report(Report("setup", MISSING[:1]))
        (line,) = capsys.readouterr().out.splitlines()
        assert line.startswith("::error title=no private key,")
        assert "%0Awhy: " in line
        assert "%0Afix: " in line
        assert "docs/TROUBLESHOOTING.md#key-missing" in line

    def test_outside_the_action_it_is_plain_text(self, capsys: pytest.CaptureFixture[str]) -> None:
        here = host()
        here.report(Report("setup", MISSING[:1]))
        assert capsys.readouterr().out == ""
        assert isinstance(here.out, io.StringIO)
        assert here.out.getvalue().startswith("error: no private key")

    def test_the_summary_is_a_table(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        summary = tmp_path / "summary.md"
        probe = {"outcome": "accepted", "call": "GetNamespace", "seconds": 0.2}
        profile = {"profile": "P", "region": "r", "fingerprint": "f", "probe": probe}
        host(**ACTION, GITHUB_STEP_SUMMARY=str(summary)).report(Report("setup", [], {"profiles": [profile]}))
        assert "| P | r | f | accepted (GetNamespace, 0.2 s) |" in summary.read_text()

    @given(st.text())
    def test_no_text_breaks_out_of_its_cell(self, text: str) -> None:
        row = _cells("a", text)
        assert "\n" not in row
        assert row.count("|") - row.count("\\|") == 3
        assert "<" not in row

    @given(text=st.text(st.characters(codec="utf-8")))
    def test_no_text_becomes_a_command(self, text: str) -> None:
        import contextlib

        out = io.StringIO()
        made = finding("usage", detail=text, command="setup")
        with contextlib.redirect_stdout(out):
            host(**ACTION).report(Report("check", [made]))
        lines = out.getvalue().replace("\r", "\n").split("\n")
        assert [line for line in lines if line.startswith("::")] == [lines[0]]
        assert lines[0].startswith("::error title=wrong usage,")
