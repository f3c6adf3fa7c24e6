"""The one-way flow: no module imports anything to its right (CONTRIBUTING.md, "Where is what?")."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "ocici"

# Each row may import from its own row and from those above. A new module needs its place here.
ROWS = (
    ("credentials", "findings"),
    ("output", "interrupts"),
    ("regions", "blocks", "body", "repair", "instead", "opener", "pem", "folder", "process", "places"),
    ("texts", "files", "bundle", "configfile", "sources"),
    ("environment", "signing", "checks"),
    ("manifest", "session"),
    ("probe_network", "probe_trust", "probe_answers", "probe_light", "probe_sdk", "probe"),
    ("hosts",),
    ("signin",),
    ("emulator",),
    ("existing", "execute", "keys", "variables", "explain", "lint_gitlab", "demo"),
    (
        "options",
        "cli",
        "launcher",
        "__main__",
    ),  # the launcher hands over to cli, which asks it for the SDK where it is missing
)
PLACE = {name: row for row, names in enumerate(ROWS) for name in names}


def modules() -> list[Path]:
    return sorted(path for path in SOURCE.rglob("*.py") if path != SOURCE / "__init__.py")


def name_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """The modules of ocici that the module at `path` imports, at any place in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "ocici":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ocici."):
            found.add(str(node.module).split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("ocici.")}
    return found - {"__version__"}


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_go_one_way(path: Path) -> None:
    here = PLACE[name_of(path)]
    assert {name: PLACE[name] for name in imported(path) if PLACE[name] > here} == {}


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_module_is_too_long(path: Path) -> None:
    # The catalogue is one table, and the launcher must be one file.
    limit = {"findings": 1200, "launcher": 900, "cli": 400}.get(name_of(path), 320)
    assert len(path.read_text(encoding="utf-8").splitlines()) <= limit
