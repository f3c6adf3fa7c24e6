"""The README's compatibility table: made of what ran, and no older than the pins."""

from __future__ import annotations

import importlib.util
import re
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from ocici import environment

if TYPE_CHECKING:
    from tests.interop.conftest import Results

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def make() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_compatibility", ROOT / "scripts" / "make_compatibility.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_tool_of_the_table_has_a_row(make: ModuleType) -> None:
    assert set(make.NAMES) == {tool for row in environment.TABLE for tool in row.tools} - {"ocici"}


def test_what_ran_and_what_did_not(make: ModuleType, results: Results, tmp_path: Path) -> None:
    written = type(results)(tmp_path)
    written.verified("Go SDK", "65.0.0")
    written.verified("Java SDK", "3.0.0")
    written.forget("Java SDK")
    ran = make.results(tmp_path)
    assert ran == {"Go SDK": "65.0.0"}
    text = f"before\n{make.BEGIN}\nan old table\n{make.END}\nafter\n"
    rows = make.written(text, ran).splitlines()
    assert (rows[0], rows[-1], "an old table" in rows) == ("before", "after", False)
    [go] = [row for row in rows if "SDK for Go" in row]
    assert go == (
        "| OCI SDK for Go | `OCI_CONFIG_FILE`, `OCI_REGION` | yes: 65.0.0 made a call whose signature was verified |"
    )
    [java] = [row for row in rows if "SDK for Java" in row]
    assert java.endswith("| not run |")
    [terraform] = [row for row in rows if "Terraform" in row]
    assert "not run; the lookup was read in the source of" in terraform
    assert make.written("\n".join(rows), ran) == "\n".join(rows)


def test_a_readme_without_a_place_for_it_is_refused(make: ModuleType) -> None:
    for text in ("", make.BEGIN, f"{make.END}{make.BEGIN}"):
        with pytest.raises(SystemExit, match="no place for the table"):
            make.written(text, {})


def test_the_readmes_table_is_no_older_than_the_pins(make: ModuleType) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    if make.BEGIN not in text:
        pytest.skip("the README has no table yet")
    said = dict(re.findall(r"^\| (.+?) \|.*\| yes: (\S+) made", text, re.MULTILINE))
    tools = ROOT / "tests" / "interop" / "tools"
    pinned = {
        "oci-cli": version("oci-cli"),
        "OCI SDK for Python": version("oci"),
        "OCI SDK for TypeScript": (tools / "typescript" / "package.json").read_text(encoding="utf-8"),
        "OCI SDK for Java": (tools / "java" / "pom.xml").read_text(encoding="utf-8"),
        "OCI SDK for Go": (tools / "go" / "go.mod").read_text(encoding="utf-8"),
    }
    assert set(pinned) <= set(said), "run: pytest tests/interop, then python scripts/make_compatibility.py"
    for name, pins in pinned.items():
        assert said[name] in pins, name
