"""Writes the README's compatibility table from what tests/interop/ ran: `python scripts/make_compatibility.py`.

The tests leave one JSON file a tool, `{"tool": …, "version": …}`, in `.tools/interop/results/`, and remove it
before they try the tool anew. A tool without one is "not run". So run all of them first: `pytest tests/interop`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from ocici import environment

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
RESULTS = ROOT / ".tools" / "interop" / "results"
BEGIN = "<!-- compatibility: written by scripts/make_compatibility.py -->"
END = "<!-- end of compatibility -->"

NAMES = {
    "oci-cli": "oci-cli",
    "Python SDK": "OCI SDK for Python",
    "TypeScript SDK": "OCI SDK for TypeScript",
    "Java SDK": "OCI SDK for Java",
    "Go SDK": "OCI SDK for Go",
    "Terraform": "Terraform provider oracle/oci",
    "Pulumi": "Pulumi provider oci",
    "Ansible": "Ansible collection oracle.oci",
}

# The version in whose source the lookup was read (ocici/environment.py), where no test could run the tool.
READ_IN = {"Terraform": "8.28.0", "Pulumi": "4.20.0", "Ansible": "5.5.0"}


def results(folder: Path) -> dict[str, str]:
    """What ran and was verified: tool -> version."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    return {result["tool"]: result["version"] for result in found}


def table(ran: Mapping[str, str]) -> str:
    """The table as markdown. `ran`: see `results`."""
    rows = ["| tool | reads | signed in by these alone |", "| --- | --- | --- |"]
    for tool, name in NAMES.items():
        reads = ", ".join(f"`{variable.name}`" for variable in environment.TABLE if tool in variable.tools)
        if tool in ran:
            outcome = f"yes: {ran[tool]} made a call whose signature was verified"
        elif tool in READ_IN:
            outcome = f"not run; the lookup was read in the source of {READ_IN[tool]}"
        else:
            outcome = "not run"
        rows.append(f"| {name} | {reads} | {outcome} |")
    return "\n".join(rows)


def written(text: str, ran: Mapping[str, str]) -> str:
    """`text` of the README with the table made anew. Raises `SystemExit` where the two marks are not there."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"the README has no place for the table: {BEGIN} and, further down, {END}")
    return f"{before}{BEGIN}\n{table(ran)}\n{END}{after}"


if __name__ == "__main__":
    README.write_text(written(README.read_text(encoding="utf-8"), results(RESULTS)), encoding="utf-8")
