"""What can be said of the Jenkins library without running it: syntax, style, documentation, and the zipapp."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from scripts import build_zipapp, jenkins_tools
from tests.jenkins.controller import LIBRARY, Agent, compiled

STEP = LIBRARY / "vars" / "withOci.groovy"
README = (LIBRARY / "README.md").read_text()
Compile = Callable[[str, str], subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def groovyc(tool: Callable[[Callable[[], object]], object], tmp_path_factory: pytest.TempPathFactory) -> Compile:
    """Debian's groovyc 2.4.21 on a text: what its file is called, and the text."""
    program = tool(jenkins_tools.groovyc)
    java, jars = Path(str(tool(jenkins_tools.java))), tool(jenkins_tools.jars)
    assert isinstance(jars, list)
    path = os.pathsep.join(map(str, jars))
    classes = compiled(java, path, jenkins_tools.TOOLS)
    # groovy-cps has @NonCPS, the harness the exception of Jenkins that is named; groovy itself is Debian's.
    needed = [str(classes), *(str(jar) for jar in jars if "groovy-cps" in jar.name)]

    def run(name: str, text: str) -> subprocess.CompletedProcess[str]:
        folder = tmp_path_factory.mktemp("groovyc")
        (folder / name).write_text(text)
        return subprocess.run(
            [str(program), "-cp", os.pathsep.join(needed), "-d", str(folder), str(folder / name)],
            env={**os.environ, "JAVA_HOME": str(jenkins_tools.java_home())},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_groovy_2_4_compiles_the_step(groovyc: Compile) -> None:
    done = groovyc("withOci.groovy", STEP.read_text())
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    done = groovyc("lambda.groovy", "def f = (x) -> x\n")  # Groovy 3
    assert "found '->'" in done.stderr


def test_groovy_2_4_compiles_the_examples_of_the_readme(groovyc: Compile) -> None:
    examples = re.findall(r"^```groovy\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    assert len(examples) == 2
    for example in examples:
        done = groovyc("Jenkinsfile.groovy", example)
        assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_linter_finds_nothing(tool: Callable[[Callable[[], object]], object], tmp_path: Path) -> None:
    shutil.copy(STEP, tmp_path)
    (tmp_path / "bad.groovy").write_text("def unused = 1;\n")
    command = [str(tool(jenkins_tools.lint)), "--noserver", "--output", "json", "--loglevel", "info"]
    command += ["--config", str(LIBRARY / ".groovylintrc.json"), "--path", str(tmp_path), "--files", "**/*.groovy"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = {Path(path).name: file["errors"] for path, file in json.loads(done.stdout)["files"].items()}
    assert found["withOci.groovy"] == []
    assert found["bad.groovy"]


def test_shellcheck_finds_nothing_in_the_script(tmp_path: Path) -> None:
    script = STEP.read_text().partition("SCRIPT = '''\n")[2].partition("\n'''")[0]
    assert script.startswith("set +x\n")
    for text, code in ((script, 0), (script.replace('mkdir -p "$tool"', "mkdir -p $tool"), 1)):
        (tmp_path / "script").write_text(text + "\n")
        command = [str(Path(sys.executable).parent / "shellcheck"), "--shell=sh", str(tmp_path / "script")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stdout


def parameters() -> list[str]:
    source = STEP.read_text()
    settings = re.findall(r"^    (\w+): 'OCICI_", source, re.MULTILINE)
    credentials = re.findall(r"^    '(\w+CredentialsId)',$", source, re.MULTILINE)
    assert (len(settings), len(credentials)) == (11, 4)
    return settings + credentials


def test_every_parameter_is_in_the_help_page_and_in_the_readme() -> None:
    for name in parameters():
        assert re.search(rf"\b{name}\b", (LIBRARY / "vars" / "withOci.txt").read_text()), name
        assert f"`{name}`" in README, name


def test_every_setting_is_a_variable_of_the_core() -> None:
    commands = (LIBRARY.parent / "docs" / "COMMANDS.md").read_text()
    launcher = (LIBRARY.parent / "src" / "ocici" / "launcher.py").read_text()
    for variable in re.findall(r"^    \w+: '(OCICI_\w+)'", STEP.read_text(), re.MULTILINE):
        assert variable in commands + launcher or variable == "OCICI_CLI_VERSION"  # the step's own


def test_the_smoke_test_of_the_readme_runs(agent: Agent) -> None:
    """In the harness, less the two lines that load the library; the restart of the controller is at every step."""
    example = re.findall(r"^```groovy\n(.*?)^```", README, re.DOTALL | re.MULTILINE)[-1]
    pipeline = example.partition("\n\n")[2].replace("sleep 20", "echo 'no restart needed'")
    agent.credentials = {"ocici-smoke": agent.credentials["key"]}
    build = agent.build(pipeline)
    assert build.passed, build.message
    assert agent.build(pipeline.replace("'returned' ||", "'other' ||")).message == "withOci does not do what it should"


# -- the zipapp -----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(
    "ng" in zlib.ZLIB_RUNTIME_VERSION and os.environ.get("CI") != "true",
    reason="this Python has zlib-ng, which compresses the same contents to other bytes",
)
def test_the_zipapp_is_a_fresh_build_byte_for_byte() -> None:
    same = build_zipapp.TARGET.read_bytes() == build_zipapp.build()  # pytest would compare the bytes for minutes
    assert same, "run: .venv/bin/python scripts/build_zipapp.py"


def test_the_zipapp_holds_the_sources_and_no_more() -> None:
    with zipfile.ZipFile(build_zipapp.TARGET) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    same = held == build_zipapp.contents()
    assert same, "run: .venv/bin/python scripts/build_zipapp.py"
    assert list(held) == sorted(held)


def test_the_zipapp_is_under_its_limit() -> None:
    assert build_zipapp.TARGET.stat().st_size < 200_000


def test_a_changed_source_is_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fresh = build_zipapp.contents()
    monkeypatch.setattr(build_zipapp, "TARGET", tmp_path / "ocici.pyz")
    monkeypatch.setattr(build_zipapp, "ROOT", tmp_path)
    monkeypatch.setattr(build_zipapp, "contents", lambda: fresh)
    assert build_zipapp.main([]) == 0
    assert build_zipapp.main(["--check"]) == 0
    monkeypatch.setattr(build_zipapp, "contents", lambda: {**fresh, "ocici/__init__.py": b"changed = True\n"})
    assert build_zipapp.main(["--check"]) == 1


def test_the_zipapp_starts(tmp_path: Path) -> None:
    """Under -I, as withOci starts it, and with nothing else that could be imported."""
    done = subprocess.run(
        [sys.executable, "-I", str(build_zipapp.TARGET), "--tier", "none", "explain", "region-unknown"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "region" in done.stdout
