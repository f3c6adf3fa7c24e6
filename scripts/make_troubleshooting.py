"""Writes docs/TROUBLESHOOTING.md from the catalogue of findings: `python scripts/make_troubleshooting.py`."""

from __future__ import annotations

import re
from pathlib import Path

from ocici.explain import general, gravity
from ocici.findings import CATALOGUE

TARGET = Path(__file__).resolve().parent.parent / "docs" / "TROUBLESHOOTING.md"

# The first finding of each group -> the group's heading, in the catalogue's order.
GROUPS = {
    "invalid-key-format": "The five classic errors",
    "key-missing": "The key",
    "credentials-missing": "User, tenancy, fingerprint, region",
    "source-twice": "What the secrets come in",
    "config-missing": "A config file that is there already",
    "home-config-shadows": "The environment of the tools",
    "session-exists": "The session",
    "not-authenticated": "OCI's answers, and the way to OCI",
    "fork-without-secrets": "The CI systems",
    "no-python": "The launcher",
    "usage": "The commands",
}

HEAD = r"""# What is wrong, and what do I do?

<!-- Made by scripts/make_troubleshooting.py from src/ocici/findings.py: change that. -->

Look for what you see, with your browser's search. What ocici itself says ends in a code, `[fingerprint-mismatch]`:
each code is on this page. `ocici explain CODE` and `ocici explain "MESSAGE"` print the same. Words in \<angle
brackets\> and the sign … stand for what differs from case to case.

When a message may mean several things, let ocici tell:

- a pipeline's secrets: put them into `OCICI_USER` and so on ([COMMANDS.md](COMMANDS.md)), and run
  `ocici exec -- true`, which cleans up after itself
- a config file: `ocici check --config-file FILE --profile NAME`, which writes nothing

Fixes name variables. This is what they are called in the wrappers; in a job's log ocici uses the wrapper's words:

| variable | GitHub Action: `with:` | GitLab template: `inputs:`, each the name of a variable | Jenkins: `withOci(…)` |
| --- | --- | --- | --- |
| `OCICI_USER` | `user` | `user-variable` | `user` |
| `OCICI_TENANCY` | `tenancy` | `tenancy-variable` | `tenancy` |
| `OCICI_FINGERPRINT` | `fingerprint` | `fingerprint-variable` | `fingerprint` |
| `OCICI_REGION` | `region` | `region-variable`, or `region` itself | `region` |
| `OCICI_PRIVATE_KEY` | `private-key` | `private-key-variable` | `keyCredentialsId`, `sshKeyCredentialsId` |
| `OCICI_PASS_PHRASE` | `pass-phrase` | `pass-phrase-variable` | `passPhraseCredentialsId` |
| `OCICI_CREDENTIALS` | `credentials` | `credentials-variable` | `bundleCredentialsId` |
| `OCICI_CONFIG` | `config` | `config-variable` | none |
| `OCICI_PROFILE` | `profile` | `profile`, the name itself | `profile` |
"""

WHICH = "Run `ocici check` (a config) or `ocici exec -- true` (a pipeline's secrets): it says which of these it is."


def page() -> str:
    """The whole page."""
    meaning: dict[str, list[str]] = {}  # symptom -> the codes of what it may mean
    for code, entry in CATALOGUE.items():
        for symptom in entry.symptoms:
            meaning.setdefault(symptom, []).append(code)
    lines = [HEAD, *_index(meaning), *_several(meaning)]
    for code in CATALOGUE:
        if code in GROUPS:
            lines += [f"## {GROUPS[code]}", ""]
        lines += _section(code)
    return "\n".join(lines).rstrip() + "\n"


def _index(meaning: dict[str, list[str]]) -> list[str]:
    rows = []
    for symptom in sorted(meaning, key=lambda each: re.sub(r"\W", "", each).casefold()):
        codes = meaning[symptom]
        link = f"[{_text(CATALOGUE[codes[0]].title)}](#{codes[0]})"
        if len(codes) > 1:
            link = f"[one of {len(codes)}](#{_anchor(meaning, symptom)})"
        shown = _code(symptom).replace("|", r"\|")  # else it would end the cell
        rows.append(f"| {shown} | {link} |")
    return [
        "## What do you see?",
        "",
        "| message of oci-cli, Terraform or an SDK | it means |",
        "| --- | --- |",
        *rows,
        "",
    ]


def _several(meaning: dict[str, list[str]]) -> list[str]:
    """The messages that may mean several things: those that mean the same ones under one heading."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for symptom, codes in meaning.items():
        if len(codes) > 1:
            groups.setdefault(tuple(codes), []).append(symptom)
    lines = ["## One message, several causes", ""]
    for causes, symptoms in groups.items():
        lines += [f'<a id="{_anchor(meaning, symptoms[0])}"></a>', "", f"### {_code(symptoms[0])}", ""]
        if len(symptoms) > 1:
            lines += [f"Also: {', '.join(map(_code, symptoms[1:]))}", ""]
        lines += [WHICH, ""]
        lines += [f"1. [{_text(CATALOGUE[code].title)}](#{code})" for code in causes]
        lines.append("")
    return lines


def _anchor(meaning: dict[str, list[str]], symptom: str) -> str:
    """The anchor of the list for `symptom`: it is named by the first symptom that means the same."""
    first = next(each for each, codes in meaning.items() if codes == meaning[symptom])
    return "several-" + "-".join(re.findall(r"[a-z0-9]+", first.casefold()))


def _section(code: str) -> list[str]:
    entry = CATALOGUE[code]
    title = _text(entry.title[:1].upper() + entry.title[1:])
    heading = f"### {title}: {_code(entry.symptoms[0])}" if entry.symptoms else f"### {title}"
    lines = [f'<a id="{code}"></a>', "", heading, "", f"`{code}` ({gravity(entry)})", ""]
    if entry.symptoms[1:]:
        lines.append(f"- Seen also as: {', '.join(map(_code, entry.symptoms[1:]))}")
    return [*lines, f"- Why: {_text(general(entry.cause))}", f"- Fix: {_text(general(entry.fix))}", ""]


def _code(text: str) -> str:
    """`text` as code in Markdown."""
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def _text(text: str) -> str:
    """`text` as it is in Markdown: what would be markup is escaped, but for code between backticks."""
    parts = re.split(r"(`[^`]*`)", text)
    markup = r"[\\<>*|\[\]]|(?<!\w)_|_(?!\w)"
    return "".join(part if part.startswith("`") else re.sub(markup, r"\\\g<0>", part) for part in parts)


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
