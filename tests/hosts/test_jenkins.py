"""What ocici knows about Jenkins: which build and workspace it is in, and what it hands to withOci."""

from __future__ import annotations

import io
import os
import re
import time
from pathlib import Path

import pytest

from ocici import hosts
from ocici.findings import CATALOGUE, finding
from ocici.hosts import jenkins

STEP = (Path(__file__).parent.parent.parent / "jenkins" / "vars" / "withOci.groovy").read_text(encoding="utf-8")


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    temporary = tmp_path / "app@tmp"
    temporary.mkdir()
    return {
        "JENKINS_URL": "https://jenkins.example/",
        "BUILD_TAG": "jenkins-app-7",
        "NODE_NAME": "agent-1",
        "WORKSPACE": str(tmp_path / "app"),
        "WORKSPACE_TMP": str(temporary),
    }


def host(environ: dict[str, str]) -> hosts.Host:
    return hosts.detect(environ, "auto", io.StringIO())


def test_it_is_known_by_its_address(environ: dict[str, str]) -> None:
    assert host(environ).name == "jenkins"


def test_the_build_is_the_job_and_the_workspace_the_slot(environ: dict[str, str]) -> None:
    this = host(environ)
    assert this.job() == "https://jenkins.example/ jenkins-app-7"
    assert this.slot() == f"agent-1:{environ['WORKSPACE_TMP']}"
    del environ["WORKSPACE_TMP"]
    assert host(environ).slot() == f"agent-1:{environ['WORKSPACE']}"


def test_what_is_unknown_stays_empty() -> None:
    this = host({"JENKINS_URL": "https://jenkins.example/"})
    assert (this.job(), this.slot()) == ("", "")
    assert this.parents() == hosts.Host({}, io.StringIO()).parents()


def test_sessions_are_made_in_the_workspaces_temporary_folder(environ: dict[str, str]) -> None:
    temporary = Path(environ["WORKSPACE_TMP"])
    (temporary / "withOci-2").mkdir()
    (temporary / "withOci-1").mkdir()
    (temporary / "other").mkdir()
    assert host(environ).parents() == [temporary, temporary / "withOci-1", temporary / "withOci-2"]


def test_a_temporary_folder_that_is_not_there_is_not_used(environ: dict[str, str]) -> None:
    """As in a container where it is not mounted."""
    environ["WORKSPACE_TMP"] = "/nowhere"
    assert host(environ).parents() == hosts.Host({}, io.StringIO()).parents()


def test_variables_are_handed_over_in_a_file(environ: dict[str, str], tmp_path: Path) -> None:
    environ[jenkins.VARIABLES] = str(tmp_path / "variables")
    host(environ).hand_over({"OCI_CLI_PROFILE": "DEFAULT", "OCI_CONFIG_FILE": "/a b/c=d"}, {})
    assert (tmp_path / "variables").read_text() == "OCI_CLI_PROFILE=DEFAULT\nOCI_CONFIG_FILE=/a b/c=d\n"
    host({**environ, "OCICI_CLI_BIN": "/cli/bin"}).hand_over({}, {})
    assert (tmp_path / "variables").read_text() == "PATH+OCICI=/cli/bin\nOCICI_CLI_BIN=/cli/bin\n"


def test_without_withoci_nothing_is_handed_over(environ: dict[str, str]) -> None:
    host(environ).hand_over({"OCI_CLI_PROFILE": "DEFAULT"}, {})


def test_remains_of_dead_calls_are_removed_and_nothing_else(environ: dict[str, str]) -> None:
    temporary = Path(environ["WORKSPACE_TMP"])
    for name in ("withOci-swept", "withOci-alive/ocici-session", "withOci-begun/tool", "withOci-dead/tool", "other"):
        (temporary / name).mkdir(parents=True)
    old = time.time() - 7200
    for name in ("withOci-alive", "withOci-dead", "other"):
        os.utime(temporary / name, (old, old))
    this = host(environ)
    this.parents()
    (temporary / "withOci-new").mkdir()  # a call that begins meanwhile
    this.hand_over({}, {})
    assert sorted(path.name for path in temporary.iterdir()) == [
        "other",
        "withOci-alive",
        "withOci-begun",
        "withOci-new",
    ]


def test_fixes_are_in_the_words_of_a_jenkinsfile(environ: dict[str, str]) -> None:
    found = [finding("region-not-configured", name="DEFAULT"), finding("key-too-short", origin="a file", bits=1024)]
    assert host(environ).explain(found) == found
    environ[jenkins.VARIABLES] = "variables"
    told = host(environ).explain(found)
    assert "withOci(region: 'eu-frankfurt-1')" in told[0].fix
    assert told[1] == found[1]


def test_causes_name_the_parameters_of_the_step(environ: dict[str, str]) -> None:
    environ[jenkins.VARIABLES] = "variables"
    found = [
        finding("key-is-public", origin="OCICI_PRIVATE_KEY_FILE", detail=""),
        finding("connection-refused", host="h"),
        finding("usage", detail="--validate or OCICI_VALIDATE is one of online, offline.", command="setup"),
    ]
    told = host(environ).explain(found)
    assert "he parameter keyCredentialsId (or sshKeyCredentialsId)" in told[0].cause
    assert told[1].fix == "Check the parameter endpoint, the firewall and the proxy of this machine."
    assert told[2].cause == "The parameter validate is one of online, offline."
    for variable, names in jenkins._PARAMETERS.items():
        assert variable.startswith("OCICI_")
        for name in re.findall(r"\w+", names.replace(" (or ", " ")):
            assert re.search(rf"\b{name}\b", STEP), name


def test_every_fix_belongs_to_a_finding() -> None:
    assert set(jenkins._FIXES) <= set(CATALOGUE)
