"""Every YAML file of the action, the workflows and the examples in the docs: schema, actionlint, zizmor."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ocici.hosts import github

from .conftest import ROOT, need

BIN = Path(sys.executable).parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ACTION = ROOT / "actions" / "oci-auth" / "action.yml"
LAST = ROOT / "tests" / "github" / "last" / "action.yml"
PAGES = (ROOT / "README.md", ROOT / "actions" / "oci-auth" / "README.md")


def examples() -> list[tuple[str, str]]:
    """The YAML examples for GitHub in the docs, as whole workflows: those that are only steps get a job round them."""
    found = []
    for page in PAGES:
        for number, text in enumerate(re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)):
            if "actions/oci-auth@" not in text:
                continue
            whole = text
            if not re.search(r"^jobs:", text, re.MULTILINE):
                steps = re.sub(r"^", "      ", text, flags=re.MULTILINE)
                whole = f"jobs:\n  example:\n    runs-on: ubuntu-latest\n    permissions: {{}}\n    steps:\n{steps}"
            if not re.search(r"^on:", whole, re.MULTILINE):
                whole = f"on: push\n{whole}"
            found.append((f"{page.parent.name}-{number}.yml", whole))
    return found


@pytest.fixture(params=[*(path.name for path in WORKFLOWS), *(name for name, _ in examples())])
def workflow(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    text = dict(examples()).get(request.param) or (ROOT / ".github" / "workflows" / request.param).read_text()
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    (folder / request.param).write_text(text)
    return folder / str(request.param)


def check(*command: str | Path) -> None:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_there_is_something_to_check() -> None:
    assert {path.name for path in WORKFLOWS} >= {"test.yml", "release.yml"}
    assert len(examples()) >= 3


def test_workflows_follow_their_schema(workflow: Path) -> None:
    check(BIN / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", workflow)


@pytest.mark.parametrize("action", [ACTION, LAST])
def test_actions_follow_their_schema(action: Path) -> None:
    check(BIN / "check-jsonschema", "--builtin-schema", "vendor.github-actions", action)


def test_dependabot_follows_its_schema() -> None:
    check(BIN / "check-jsonschema", "--builtin-schema", "vendor.dependabot", ROOT / ".github" / "dependabot.yml")


def test_actionlint_finds_nothing(workflow: Path) -> None:
    actionlint = ROOT / ".tools" / "github" / "actionlint"
    if not actionlint.exists():
        need("actionlint")
    check(actionlint, "-no-color", f"-shellcheck={BIN / 'shellcheck'}", "-pyflakes=", workflow)


def zizmor(*arguments: str | Path) -> None:
    check(BIN / "zizmor", "--offline", "--no-progress", "--quiet", *arguments)


@pytest.mark.parametrize("folder", [".github", "actions", "tests/github/last"])
def test_zizmor_finds_nothing(folder: str) -> None:
    zizmor(ROOT / folder)


@pytest.mark.parametrize(("name", "text"), examples())
def test_zizmor_finds_nothing_in_examples(name: str, text: str, tmp_path: Path) -> None:
    """They use this project by its major tag, as its users do; all else is pinned."""
    config = tmp_path / "zizmor.yml"
    config.write_text("rules: {unpinned-uses: {config: {policies: {OWNER/ocici/*: ref-pin, '*': hash-pin}}}}")
    path = tmp_path / ".github" / "workflows" / name
    path.parent.mkdir(parents=True)
    path.write_text(text)
    zizmor("--config", config, path)


def test_actions_are_pinned_by_hash() -> None:
    for path in WORKFLOWS:
        for line in path.read_text().splitlines():
            if match := re.match(r"\s*(?:- )?uses: ([^ ]+)", line):
                assert match.group(1).startswith("./") or re.search(r"@[0-9a-f]{40}$", match.group(1)), line


def test_the_readme_lists_every_input_and_output() -> None:
    action = yaml.safe_load(ACTION.read_text())
    readme = (ROOT / "actions" / "oci-auth" / "README.md").read_text()
    for part in ("inputs", "outputs"):
        table = readme.partition(f"## Which {part}")[2].partition("\n## ")[0]
        assert re.findall(r"^\| `([\w-]+)`", table, re.MULTILINE) == list(action[part])


def test_every_input_is_read() -> None:
    inputs = set(yaml.safe_load(ACTION.read_text())["inputs"])
    assert inputs == {*github._INPUTS, "export-env", "cli-version"}
    assert "INPUT_CLI-VERSION" in (ROOT / "actions" / "oci-auth" / "main.js").read_text()


def test_examples_use_inputs_that_there_are() -> None:
    inputs = set(yaml.safe_load(ACTION.read_text())["inputs"])
    for name, text in examples():
        for job in yaml.safe_load(text)["jobs"].values():
            for step in job["steps"]:
                if "oci-auth@" in step.get("uses", ""):
                    assert set(step.get("with", {})) <= inputs, name
