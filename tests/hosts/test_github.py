"""What GitHub alone knows: inputs, masks, files for later steps, and why there are no secrets."""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path
from string import Formatter
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocici.findings import CATALOGUE, Finding, Refused, exit_code, finding
from ocici.hosts.base import Report
from ocici.hosts.github import Host, _row

ACTION = {"OCICI_ACTION": "1"}
MISSING = [finding("key-missing", name="DEFAULT"), finding("region-not-configured", name="DEFAULT")]


def of_profile(code: str) -> Finding:
    """The finding `code` of profile P, with whatever its text wants."""
    texts = (CATALOGUE[code].cause, CATALOGUE[code].fix)
    return finding(code, "P", **{name: "x" for text in texts for _, name, _, _ in Formatter().parse(text) if name})


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

    @pytest.mark.parametrize("value", ["yes", "truefalse", "-----BEGIN PRIVATE KEY-----"])
    def test_export_env_is_true_or_false(self, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
        monkeypatch.setenv("INPUT_EXPORT-ENV", value)
        with pytest.raises(Refused) as refusal:
            host(**ACTION).inputs()
        assert codes(list(refusal.value.findings)) == ["input-unusable"]
        assert value not in refusal.value.findings[0].cause


GITHUB = {"GITHUB_SERVER_URL": "https://g", "GITHUB_REPOSITORY": "o/r", "GITHUB_RUN_ID": "1", "GITHUB_JOB": "j"}


class TestWhere:
    def test_legs_of_a_matrix_are_different_jobs(self) -> None:
        legs = {host(**GITHUB, RUNNER_NAME="a", RUNNER_TRACKING_ID=each).job() for each in ("x", "y")}
        assert len(legs) == 2

    def test_runners_on_one_machine_have_slots_of_their_own(self) -> None:
        assert host(RUNNER_NAME="a", RUNNER_TEMP="/a").slot() != host(RUNNER_NAME="a", RUNNER_TEMP="/b").slot()

    def test_nothing_known_is_nothing_claimed(self) -> None:
        assert (host().job(), host().slot()) == ("", "")
        assert host(RUNNER_TEMP="/r").slot() == ""

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


class TestIdToken:
    """Not for ocici itself: a step before it may fetch the credentials from a vault, with an id token."""

    EMPTY = (finding("secret-empty", origin="OCICI_PRIVATE_KEY"),)

    def test_nothing_arrived_and_the_job_may_not_ask_for_one(self) -> None:
        found = host(**ACTION, OCICI_PRIVATE_KEY="").explain(self.EMPTY)
        assert codes(found) == ["secret-empty", "id-token-missing"]
        assert exit_code(found) == exit_code(list(self.EMPTY))

    def test_the_job_may(self) -> None:
        environ = {"ACTIONS_ID_TOKEN_REQUEST_URL": "https://token.example"}
        assert codes(host(**ACTION, **environ).explain(self.EMPTY)) == ["secret-empty"]

    def test_something_arrived(self) -> None:
        found = [finding("user-missing", name="P")]
        assert codes(host(**ACTION, OCICI_CREDENTIALS="{}").explain(found)) == ["user-missing"]

    def test_where_all_inputs_are_empty_none_is_singled_out(self) -> None:
        empty = (finding("secret-empty", origin="Each of OCICI_USER and OCICI_PRIVATE_KEY"),)
        assert codes(host(**ACTION).explain(empty)) == ["inputs-empty", "id-token-missing"]
        assert codes(host().explain(empty)) == ["secret-empty"]

    def test_in_a_fork_that_is_not_why(self, tmp_path: Path) -> None:
        environ = TestWhyThereAreNoSecrets().event(tmp_path, {"repo": {"full_name": "other/repo"}})
        assert codes(host(**ACTION, **environ).explain(self.EMPTY)) == ["fork-without-secrets"]


def test_findings_speak_of_inputs_in_the_action_alone() -> None:
    found = [finding("secret-empty", origin="OCICI_PRIVATE_KEY")]
    assert host(**ACTION).explain(found)[0].cause.startswith("The input private-key is empty.")
    assert host().explain(found) == found


def test_options_that_no_job_can_give_are_left_out_in_the_action() -> None:
    found = [
        finding("connection-refused", host="h"),
        finding("usage", detail="--validate or OCICI_VALIDATE is one of online, offline.", command="setup"),
        finding("usage", detail="--session-dir names no folder.", command="setup"),
    ]
    told = host(**ACTION).explain(found)
    assert told[0].fix == "Check the input endpoint, the firewall and the proxy of this machine."
    assert (told[1].cause, told[1].fix) == (
        "The input validate is one of online, offline.",
        "Correct it, or leave it out.",
    )
    assert told[2] == found[2]
    assert host().explain(found) == found


def test_only_the_names_of_inputs_are_changed() -> None:
    found = [finding("session-unwritable", path="ocici-folder", reason="it is OCICI_USER_FILE")]
    assert host(**ACTION).explain(found) == found


def test_masks_are_printed_once_and_in_the_action_alone(capsys: pytest.CaptureFixture[str]) -> None:
    here = host(**ACTION)
    here.mask(["line 1", "line 2"])
    here.mask(["line 2"])
    host().mask(["line 3"])
    assert capsys.readouterr().out.split("\n") == ["::add-mask::line 1", "::add-mask::line 2", ""]


def test_standard_output_is_utf_8_whatever_the_locale_and_lines_end_once(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()  # as on Windows, where the runner's pipe would get cp1252 and CR CR LF
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="cp1252", newline="\r\n"))
    monkeypatch.setattr("os.linesep", "\r\n")
    host(**ACTION).mask(["zażółć gęślą"])
    sys.stdout.flush()
    assert written.getvalue() == "::add-mask::zażółć gęślą\r\n".encode()


class TestHandOver:
    @pytest.mark.parametrize("name", ["GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_STATE"])
    @pytest.mark.parametrize("value", ["", "/no/such"])
    def test_a_file_of_the_runner_that_is_not_there(self, tmp_path: Path, name: str, value: str) -> None:
        files = {each: str(tmp_path / each) for each in ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_STATE")}
        for path in files.values():
            Path(path).touch()
        with pytest.raises(FileNotFoundError, match=f"the runner makes for {name}"):
            host(**ACTION, **{**files, name: value}).hand_over({"OCI_REGION": "new"}, {"region": "new"})

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

    def summary(self, folder: Path, report: Report, **environ: str) -> list[list[str]]:
        """The rows of all tables of the job summary, each a list of cells."""
        path = folder / "summary.md"
        host(**ACTION, GITHUB_STEP_SUMMARY=str(path), **environ).report(report)
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
        return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "---" not in line]

    PROBE: Final = {"outcome": "accepted", "call": "GetNamespace", "seconds": 0.2}

    def test_the_summary_has_each_check_and_the_answer(self, tmp_path: Path) -> None:
        profile = {"profile": "P", "region": "r", "fingerprint": "f", "probe": self.PROBE}
        found = [
            finding("key-repaired", "P", origin="o", repairs="r"),
            finding("region-malformed", "Q", origin="o", value="v"),
        ]
        table = self.summary(tmp_path, Report("setup", found, {"profiles": [profile]}))
        assert table[0] == ["profile", "user and tenancy", "region", "private key", "fingerprint", "OCI"]
        assert table[1] == ["P", "✅", "r ✅", "✅ key-repaired", "f ✅", "✅ accepted (GetNamespace, 0.2 s)"]
        assert [row[1] for row in table[3:]] == [
            "the key was mended [key-repaired]",
            "a malformed region [region-malformed]",
        ]

    @pytest.mark.parametrize(
        ("validate", "cells"),
        [
            ("offline", ["✅", "r ✅", "✅", "f ✅"]),
            ("off", ["not checked", "r not checked", "not checked", "f not checked"]),
        ],
    )
    def test_the_summary_claims_no_check_that_was_not_made(
        self, tmp_path: Path, validate: str, cells: list[str]
    ) -> None:
        profile = {"profile": "P", "region": "r", "fingerprint": "f"}
        table = self.summary(tmp_path, Report("setup", [], {"profiles": [profile]}), OCICI_VALIDATE=validate)
        assert table[1] == ["P", *cells, "not asked"]

    @pytest.mark.parametrize(
        ("found", "cells"),
        [
            ([of_profile("not-authenticated")], ["✅", "✅", "✅", "✅", "❌ not-authenticated"]),
            ([of_profile("timed-out")], ["✅", "✅", "✅", "✅", "❌ timed-out"]),
            ([of_profile("region-unknown"), of_profile("key-is-public")],
             ["✅", "⚠️ region-unknown", "❌ key-is-public", "", "not asked"]),
            ([of_profile("bundle-syntax")], ["", "", "", "", "not asked"]),
        ],
    )  # fmt: skip
    def test_the_summary_of_a_failure(self, tmp_path: Path, found: list[Finding], cells: list[str]) -> None:
        assert self.summary(tmp_path, Report("setup", found))[1] == ["P", *cells]
        assert "Not signed in." in (tmp_path / "summary.md").read_text(encoding="utf-8")

    def test_the_summary_of_a_refusal_that_is_known_in_detail(self, tmp_path: Path) -> None:
        probe = {"outcome": "refused", "call": "GetNamespace", "seconds": 0.2}
        profile = {"profile": "P", "region": "r", "fingerprint": "f", "probe": probe}
        report = Report("setup", [of_profile("not-authenticated")], {"profiles": [profile]})
        answer = "❌ not-authenticated refused (GetNamespace, 0.2 s)"
        assert self.summary(tmp_path, report)[1] == ["P", "✅", "r ✅", "✅", "f ✅", answer]
        assert "Not signed in." in (tmp_path / "summary.md").read_text(encoding="utf-8")

    @pytest.mark.parametrize("code", ["region-malformed", "fingerprint-malformed", "bundle-syntax"])
    def test_the_summary_shows_no_value_that_is_wrong(self, tmp_path: Path, code: str) -> None:
        profile = {"profile": "P", "region": "-----BEGIN", "fingerprint": "-----BEGIN"}
        if code == "region-malformed":
            profile["fingerprint"] = "f"
        elif code == "fingerprint-malformed":
            profile["region"] = "r"
        row = self.summary(tmp_path, Report("setup", [of_profile(code)], {"profiles": [profile]}))[1]
        assert "BEGIN" not in " ".join(row)
        assert row.count(f"❌ {code}") == (code != "bundle-syntax")

    def test_a_summary_that_cannot_be_written_is_no_failure(self, tmp_path: Path) -> None:
        host(**ACTION, GITHUB_STEP_SUMMARY=str(tmp_path)).report(Report("setup", MISSING))

    def test_findings_link_to_where_they_are_explained(self, capsys: pytest.CaptureFixture[str]) -> None:
        fetched = {"GITHUB_ACTION_REPOSITORY": "own/ocici", "GITHUB_ACTION_REF": "v1", "GITHUB_SERVER_URL": "https://g"}
        host(**ACTION, **fetched).report(Report("setup", MISSING[:1]))
        assert "https://g/own/ocici/blob/v1/docs/TROUBLESHOOTING.md#key-missing" in capsys.readouterr().out

    @given(st.text())
    def test_no_text_breaks_out_of_its_cell(self, text: str) -> None:
        row = _row("a", text)
        assert "\n" not in row
        assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", row)) == 3
        assert "<" not in row

    @pytest.mark.parametrize("text", ["##[add-mask]a", "a ##[add-mask]b", "a\n::add-mask::b", "a\r::add-mask::b"])
    def test_no_text_becomes_a_command_outside_the_action(self, text: str) -> None:
        here = host()
        here.report(Report("check", [finding("source-missing", origin="o", path=text, reason="r")]))
        here.say(text)
        assert isinstance(here.out, io.StringIO)
        lines = here.out.getvalue().replace("\r", "\n").split("\n")
        assert not [line for line in lines if "##[" in line or line.lstrip().startswith("::")]

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


def test_a_sentence_that_begins_with_an_input_begins_in_upper_case() -> None:
    (found,) = host(**ACTION).explain([finding("usage", detail="x", command="y")._replace(fix="Do. OCICI_USER is it.")])
    assert found.fix == "Do. The input user is it."
