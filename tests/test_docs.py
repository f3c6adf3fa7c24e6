"""The docs say what is so: commands, options, examples and links."""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ocici import __version__, bundle, options, sources

from .conftest import Ocici

ROOT = Path(__file__).parent.parent
COMMANDS = (ROOT / "docs" / "COMMANDS.md").read_text(encoding="utf-8")
PAGES = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not re.search(r"/(node_modules|\.(?!github)\w+)/", f"/{path.relative_to(ROOT)}")
)


def options_of(command: str) -> list[str]:
    parser = options.parser(command)
    (commands,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return [option for action in commands.choices[command]._actions for option in action.option_strings]


@pytest.mark.parametrize("command", options.COMMANDS)
def test_every_command_and_option_is_described(command: str) -> None:
    assert re.search(rf"^\| `{command}[ `]", COMMANDS, re.MULTILINE)
    assert [option for option in options_of(command) if option not in ("-h", "--help") and option not in COMMANDS] == []


def test_every_variable_is_described() -> None:
    assert [name for name in sources.VARIABLES if f"`{name}`" not in COMMANDS] == []


def test_the_example_of_a_bundle_is_one() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", COMMANDS, re.DOTALL)
    assert set(bundle.read(example, "B")["DEFAULT"]) == {"user", "tenancy", "region", "key_content"}


def test_the_example_of_what_setup_prints_has_its_fields(ocici: Ocici, secrets: dict[str, str]) -> None:
    (example,) = (json.loads(text) for text in re.findall(r"```json\n(.*?)```", COMMANDS, re.DOTALL))
    made = json.loads(ocici("setup", "--validate", "offline", "--format", "json", environ=secrets).stdout)
    assert set(made) == set(example) - {"namespace"}  # which the probe learns
    assert set(made["profiles"][0]) == set(example["profiles"][0]) - {"probe"}


def test_the_readmes_commands_are_targets() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^make (\w+)", readme, re.MULTILINE)
    assert targets == ["demo", "test"]
    for target in targets + re.findall(r"^make ([\w-]+)", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_readmes_exec_example_runs(ocici: Ocici, secrets: dict[str, str]) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```sh\npip install ocici\n(.*?)```", readme, re.DOTALL)
    tools = ocici.home / "bin"
    tools.mkdir()
    (tools / "terraform").write_text('#!/bin/sh\ntest -f "$OCI_PRIVATE_KEY_PATH" && echo "$@"\n')
    (tools / "terraform").chmod(0o755)
    (tools / "ocici").symlink_to(shutil.which("ocici") or ROOT / ".venv/bin/ocici")
    exports = re.sub(r"(\w+)=…", r'\1="$IN_\1"', example)
    environ = {
        **ocici.environ,
        **{f"IN_{name}": value for name, value in secrets.items()},
        "SECRET": secrets["OCICI_PRIVATE_KEY"],
        "OCICI_VALIDATE": "offline",
        "PATH": f"{tools}:{ocici.environ['PATH']}",
    }
    done = subprocess.run(["sh", "-euc", exports], env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "apply -auto-approve\n"), done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        assert link.startswith("https://") or (page.parent / link).exists(), link


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_page_is_headed_by_the_readers_question(page: Path) -> None:
    first = page.read_text(encoding="utf-8").splitlines()[0]
    assert first == "# ocici" or re.fullmatch(r"# .*\?", first), first


def test_the_table_of_faults_holds_nothing_but_zeros() -> None:
    page = (ROOT / "docs" / "SECURITY.md").read_text(encoding="utf-8")
    table = page.split("<!-- faults: written by scripts/run_faults.py --write -->")[1].split("<!-- end of faults -->")[
        0
    ]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line.startswith("|")
    ]
    assert len(rows) > 25
    for fault, tried, *left in rows[2:]:
        assert (fault, int(tried) > 0, left) == (fault, True, ["0"] * 4)


def test_examples_name_this_version() -> None:
    major = __version__.split(".")[0]
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        assert set(re.findall(r"ocici/actions/oci-auth@(\S+)", text)) <= {f"v{major}"}, path
        assert set(re.findall(r"ocici/oci-auth@(\S+)", text)) <= {__version__}, path
