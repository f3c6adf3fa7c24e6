"""Writes the tables of docs/ENVIRONMENT.md from src/ocici/environment.py: `python scripts/make_environment.py`."""

from __future__ import annotations

from pathlib import Path

from ocici import environment

TARGET = Path(__file__).resolve().parent.parent / "docs" / "ENVIRONMENT.md"

# What each value of a session is, in words.
VALUES = {
    "config_file": "the path of the session's config",
    "profile": "the selected profile's name",
    "user": "the OCID of the profile's user",
    "tenancy": "the OCID of the profile's tenancy",
    "fingerprint": "the fingerprint of the profile's key",
    "region": "the profile's region",
    "key_file": "the path of the profile's key",
    "session_dir": "the session's folder",
}


def tables() -> dict[str, list[str]]:
    """The lines of each table, by the name of its place in the page."""
    variables = [f"| `{each.name}` | {VALUES[each.value]} | {', '.join(each.tools)} |" for each in environment.TABLE]
    read: dict[tuple[str, str], list[str]] = {}  # tool and source -> the variables
    for each in environment.TABLE:
        for tool, source in each.tools.items():
            if tool != "ocici":
                read.setdefault((tool, source), []).append(f"`{each.name}`")
    ordered = sorted(read.items(), key=lambda row: row[0][0].casefold())
    sources = [f"| {tool} | {', '.join(names)} | {_source(source)} |" for (tool, source), names in ordered]
    overrides = [f"| `{each.name}` | {', '.join(each.tools)} | {_unless(each)} |" for each in environment._OVERRIDES]
    return {
        "variables": ["| variable | holds | read by |", "| --- | --- | --- |", *variables],
        "sources": ["| tool | variables | source |", "| --- | --- | --- |", *sources],
        "overrides": ["| variable | preferred by | unless it is |", "| --- | --- | --- |", *overrides],
        "secrets": [", ".join(f"`{name}`" for name in environment.SECRETS)],
    }


def written(text: str) -> str:
    """`text` of the page with its tables made anew. Raises `ValueError` where a table has no place in it."""
    for name, lines in tables().items():
        begin, end = f"<!-- {name}: written by scripts/make_environment.py -->\n", f"<!-- end of {name} -->"
        before, rest = text.split(begin)
        _, after = rest.split(end)
        text = "\n".join([before + begin, *lines, "", end + after])
    return text


def _source(source: str) -> str:
    """A citation (repository, path, symbols): `oracle/oci-cli src/oci_cli/cli_root.py cli`."""
    repository, path, *symbols = source.split()
    return " ".join([f"[{repository}](https://github.com/{repository}) `{path}`", *symbols]).replace("_<", r"_\<")


def _unless(override: environment._Override) -> str:
    allowed = [VALUES[override.value]] if override.value else []
    allowed += [f"`{value}`" for value in override.harmless]
    allowed += [] if override.empty else ["empty"]
    return ", or ".join(allowed)


if __name__ == "__main__":
    TARGET.write_text(written(TARGET.read_text(encoding="utf-8")), encoding="utf-8")
