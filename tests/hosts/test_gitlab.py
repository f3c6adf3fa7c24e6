"""The GitLab host: where it is, how it takes the project's variables, what it says and hands over."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

from ocici.findings import Finding, Refused, finding
from ocici.hosts import detect
from ocici.hosts.base import Report
from ocici.hosts.gitlab import Host

JOB = {
    "GITLAB_CI": "true",
    "CI_SERVER_URL": "https://gitlab.example.com",
    "CI_JOB_ID": "4711",
    "CI_RUNNER_ID": "12",
    "CI_PROJECT_ID": "34",
    "CI_CONCURRENT_ID": "3",
    "CI_CONCURRENT_PROJECT_ID": "0",
    "CI_PROJECT_DIR": "/builds/acme/shop",
    "CI_COMMIT_REF_NAME": "feature-x",
    "CI_COMMIT_REF_PROTECTED": "false",
}
RENAMED = {"OCICI_GITLAB_VARIABLES": "OCICI_USER=PROD_USER\n  OCICI_PRIVATE_KEY=PROD_KEY OCICI_REGION=OCICI_REGION"}
SESSION = {
    "session_dir": "/builds/acme/shop.tmp/ocici-4711",
    "config_file": "/builds/acme/shop.tmp/ocici-4711/config",
    "profile": "DEFAULT",
    "user": "ocid1.user.oc1..u",
    "tenancy": "ocid1.tenancy.oc1..t",
    "fingerprint": "20:3b:97",
    "region": "eu-frankfurt-1",
    "namespace": "shop",
    "variables": {},
}


def host(**environ: str) -> Host:
    return Host({**JOB, **environ}, io.StringIO())


def said(of: Host) -> str:
    assert isinstance(of.out, io.StringIO)
    return of.out.getvalue()


# -- where we are -----------------------------------------------------------------------------------------


def test_it_is_found_by_its_variable() -> None:
    assert isinstance(detect(JOB, "auto", io.StringIO()), Host)


def test_a_job_is_its_number_on_its_server() -> None:
    assert host().job() == "https://gitlab.example.com 4711"
    assert Host({}, io.StringIO()).job() == ""


def test_a_slot_is_the_folder_and_not_the_number_across_projects() -> None:
    assert host().slot() == host(CI_CONCURRENT_ID="4", CI_JOB_ID="4712").slot() != ""
    for name in ("CI_SERVER_URL", "CI_RUNNER_ID", "CI_PROJECT_ID", "CI_CONCURRENT_PROJECT_ID", "CI_PROJECT_DIR"):
        assert host(**{name: "other"}).slot() != host().slot()
    assert Host({}, io.StringIO()).slot() == ""


def test_sessions_are_made_beside_the_checkout() -> None:
    assert host().parents()[0] == Path("/builds/acme/shop.tmp")
    assert len(host().parents()) == 2
    assert len(Host({}, io.StringIO()).parents()) == 1


# -- what comes in ------------------------------------------------------------------------------------------


def test_values_are_left_where_they_are() -> None:
    assert host(OCICI_PRIVATE_KEY="LS0t", OCICI_USER="ocid1.user.oc1..u").inputs() == {}


def test_a_file_variable_becomes_a_path(tmp_path: Path) -> None:
    key = tmp_path / "OCICI_PRIVATE_KEY"
    key.write_text("key")
    assert host(OCICI_PRIVATE_KEY=str(key)).inputs() == {
        "OCICI_PRIVATE_KEY": "",
        "OCICI_PRIVATE_KEY_FILE": str(key),
    }


@pytest.mark.parametrize(
    "value", ["-----BEGIN PRIVATE KEY-----\n/etc/hostname\n", "/etc", "/etc/hostname\n", "/\0", "/x" * 9000, "key"]
)
def test_what_is_no_path_of_a_file_is_a_value(value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of the checkout must not be read because a value happens to be its name."""
    (tmp_path / "key").write_text("key of the checkout")
    monkeypatch.chdir(tmp_path)
    assert host(OCICI_PRIVATE_KEY=value).inputs() == {}


def test_renamed_variables_win_over_ocicis_own_names(tmp_path: Path) -> None:
    key = tmp_path / "PROD_KEY"
    key.write_text("key")
    ambient = {"OCICI_USER": "other", "OCICI_USER_FILE": "/other", "OCICI_PRIVATE_KEY": "other"}
    taken = host(**RENAMED, **ambient, PROD_USER="ocid1.user.oc1..u", PROD_KEY=str(key)).inputs()
    assert taken == {
        "OCICI_USER": "ocid1.user.oc1..u",
        "OCICI_USER_FILE": "",
        "OCICI_PRIVATE_KEY": "",
        "OCICI_PRIVATE_KEY_FILE": str(key),
    }


def test_a_renamed_variable_that_is_not_there_is_not_replaced_by_another() -> None:
    taken = host(**RENAMED, OCICI_USER="other").inputs()
    assert taken["OCICI_USER"] == taken["OCICI_PRIVATE_KEY"] == ""


def test_a_file_variable_and_a_path_are_one_too_many(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("key")
    assert host(OCICI_PRIVATE_KEY=str(key), OCICI_PRIVATE_KEY_FILE="/other").inputs() == {}  # sources.py says so


# -- what is said ---------------------------------------------------------------------------------------------


def missing(of: Host, *findings: Finding) -> Finding:
    (found,) = of.explain(findings)
    assert found.code == "variables-not-handed"
    return found


def test_nothing_handed_over_names_each_and_the_usual_cause() -> None:
    found = missing(host(), finding("credentials-missing", missing="x"))
    assert "OCICI_USER, OCICI_TENANCY, OCICI_PRIVATE_KEY (or OCICI_CREDENTIALS or OCICI_CONFIG" in found.cause
    assert "the branch feature-x is not" in found.cause
    assert "this job has no `environment:`" in found.cause
    assert "fork" not in found.cause


def test_the_project_s_own_names_are_the_ones_named() -> None:
    of = host(**RENAMED)
    found = missing(of, finding("secret-empty", origin="OCICI_PRIVATE_KEY"))
    assert "PROD_USER, OCICI_TENANCY, PROD_KEY (or" in found.cause
    both = finding("secret-empty", origin="Each of OCICI_USER and OCICI_PRIVATE_KEY")
    assert "PROD_USER, OCICI_TENANCY, PROD_KEY (or" in missing(of, both).cause
    whole = finding("secret-empty", origin="Each of OCICI_CREDENTIALS and OCICI_CONFIG")
    assert missing(of, whole).cause.startswith("Not set in this job: OCICI_CREDENTIALS, OCICI_CONFIG. ")


@pytest.mark.parametrize("field", ["OCICI_PRIVATE_KEY", "OCICI_REGION"])
def test_where_one_is_missing_no_other_is_named(field: str) -> None:
    found = missing(host(**RENAMED), finding("secret-empty", "DEFAULT", origin=field))
    assert found.cause.startswith(f"Not set in this job: {field.replace('OCICI_PRIVATE', 'PROD')}. ")


def test_a_protected_ref_is_not_blamed() -> None:
    found = missing(
        host(CI_COMMIT_REF_PROTECTED="true", CI_ENVIRONMENT_NAME="production"),
        finding("user-missing", name="DEFAULT"),
        finding("key-missing", name="DEFAULT"),
    )
    assert found.cause.startswith("Not set in this job: OCICI_USER, OCICI_PRIVATE_KEY. Usual")
    assert "protected" not in found.cause
    assert "this job is for production" in found.cause


def test_a_tag_and_a_fork_are_named_as_such() -> None:
    fork = {"CI_MERGE_REQUEST_SOURCE_PROJECT_PATH": "eve/shop", "CI_MERGE_REQUEST_PROJECT_PATH": "acme/shop"}
    found = missing(host(CI_COMMIT_TAG="v1", CI_COMMIT_REF_NAME="v1", **fork), finding("tenancy-missing", name="x"))
    assert "the tag v1 is not" in found.cause
    assert "eve/shop" in found.cause


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        ({"OCICI_CREDENTIALS": "user: x"}, finding("key-missing", name="DEFAULT")),  # the bundle lacks it
        ({"OCICI_CONFIG_FILE": "/config"}, finding("user-missing", name="DEFAULT")),
        ({}, finding("secret-empty", origin="the file that OCICI_PRIVATE_KEY_FILE names")),
        ({}, finding("secret-empty", origin="OCI_CLI_USER")),
        ({}, finding("region-not-configured", name="DEFAULT")),
    ],
)
def test_what_gitlab_did_hand_over_is_not_blamed_on_it(environ: dict[str, str], found: Finding) -> None:
    assert host(**environ).explain([found]) == [found]


def test_other_findings_speak_of_the_project_s_names() -> None:
    (found,) = host(**RENAMED).explain([finding("invalid-key-format", origin="OCICI_PRIVATE_KEY_FILE", detail="x")])
    assert found.cause.startswith("PROD_KEY holds no private key")
    (found,) = host(**RENAMED).explain([finding("user-missing", name="x", profile="y")])
    assert "PROD_USER" in found.cause


@pytest.mark.parametrize("value", ["true", "TRUE", "1", "t"])
def test_a_debug_trace_is_a_warning_whatever_else_there_is(value: str) -> None:
    assert [each.code for each in host(CI_DEBUG_TRACE=value).explain([])] == ["debug-trace"]
    assert host(CI_DEBUG_TRACE="false").explain([]) == []


def test_an_open_folder_matters_only_where_others_are() -> None:
    found = finding("parent-open", path="/builds/acme/shop.tmp")
    assert host(CI_SHARED_ENVIRONMENT="true").explain([found]) == [found]
    assert host(CI_DISPOSABLE_ENVIRONMENT="true").explain([found]) == []


def test_the_report_is_a_section_and_what_is_wrong_stands_outside_of_it() -> None:
    of = host()
    note = finding("key-repaired", origin="OCICI_PRIVATE_KEY", repairs="CRLF")
    of.report(Report("setup", [note, finding("debug-trace")], SESSION))
    section = re.search(
        r"\x1b\[0Ksection_start:\d+:(\w+)\[collapsed=true\]\r\x1b\[0K(.*?)\x1b\[0Ksection_end:\d+:\1\r\x1b\[0K\n$",
        said(of),
        re.DOTALL,
    )
    assert section
    header, _, body = section[2].partition("\n")
    assert "profile DEFAULT, region eu-frankfurt-1, namespace shop" in header
    assert "ocid1.user.oc1..u" in body
    assert "key-repaired" in body
    before = said(of)[: section.start()]
    assert "\x1b[33;1mwarning:" in before
    assert "debug-trace" in before


def test_without_a_session_there_is_no_section() -> None:
    of = host()
    of.report(Report("setup", [finding("key-missing", name="DEFAULT")]))
    assert said(of).startswith("\x1b[31;1merror:\x1b[0;m no private key [key-missing]\n  why: ")
    assert said(of).endswith("\n  more: docs/TROUBLESHOOTING.md#key-missing\n")
    assert "section_start" not in said(of)


# -- what is handed over ----------------------------------------------------------------------------------------


def project(tmp_path: Path, **environ: str) -> Host:
    (tmp_path / "shop").mkdir(exist_ok=True)
    return host(CI_PROJECT_DIR=str(tmp_path / "shop"), **environ)


def test_no_report_is_written_unasked(tmp_path: Path) -> None:
    project(tmp_path, OCICI_DOTENV="").hand_over({}, SESSION)
    assert list((tmp_path / "shop").iterdir()) == []


def test_the_report_has_names_that_nothing_else_reads(tmp_path: Path) -> None:
    project(tmp_path, OCICI_DOTENV="ocici.env").hand_over({"OCI_REGION": "x"}, SESSION)
    assert (tmp_path / "shop" / "ocici.env").read_text() == (
        "OCICI_REPORT_PROFILE=DEFAULT\n"
        "OCICI_REPORT_NAMESPACE=shop\n"
        "OCICI_REPORT_REGION=eu-frankfurt-1\n"
        "OCICI_REPORT_USER=ocid1.user.oc1..u\n"
        "OCICI_REPORT_TENANCY=ocid1.tenancy.oc1..t\n"
        "OCICI_REPORT_FINGERPRINT=20:3b:97\n"
    )


def test_the_report_replaces_a_link_and_does_not_follow_it(tmp_path: Path) -> None:
    of = project(tmp_path, OCICI_DOTENV="ocici.env")
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "shop" / "ocici.env").symlink_to(tmp_path / "precious")
    of.hand_over({}, {**SESSION, "namespace": ""})
    assert (tmp_path / "precious").read_text() == "precious"
    assert "NAMESPACE" not in (tmp_path / "shop" / "ocici.env").read_text()


@pytest.mark.parametrize("name", ["../ocici.env", "/etc/ocici.env", ".", "no/such/folder/ocici.env", "link/x"])
def test_a_report_that_cannot_be_an_artifact_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "link").symlink_to(tmp_path)
    with pytest.raises(Refused) as refusal:
        project(tmp_path, OCICI_DOTENV=name).hand_over({}, SESSION)
    assert [each.code for each in refusal.value.findings] == ["file-unwritable"]
