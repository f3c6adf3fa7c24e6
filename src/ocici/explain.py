"""`ocici explain`: what a finding means and what to do, in general terms."""

from __future__ import annotations

import re
from difflib import get_close_matches

from ocici.findings import CATALOGUE, refused


def general(text: str) -> str:
    """A text of the catalogue with its placeholders as words in angle brackets."""
    return (
        re.sub(r"\{(\w+)\}", r"<\1>", text.replace("{{", "\0").replace("}}", "\1"))
        .replace("\0", "{")
        .replace("\1", "}")
    )


def one(code: str) -> str:
    """What the finding `code` means. Raises `Refused` (code-unknown) with the nearest known one."""
    if code not in CATALOGUE:
        near = get_close_matches(code[:64], CATALOGUE, 1, 0.5)
        raise refused("code-unknown", name=repr(code[:64]), nearest=f" (did you mean {near[0]}?)" if near else "")
    entry = CATALOGUE[code]
    lines = [
        f"{entry.severity}: {entry.title} [{code}]",
        f"  why: {general(entry.cause)}",
        f"  fix: {general(entry.fix)}",
    ]
    lines += [f"  seen as: {symptom}" for symptom in entry.symptoms]
    return "\n".join([*lines, f"  more: docs/TROUBLESHOOTING.md#{code}"])


def every() -> str:
    """All findings, a line each."""
    width = max(map(len, CATALOGUE))
    return "\n".join(f"{code:{width}}  {entry.severity:7}  {entry.title}" for code, entry in CATALOGUE.items())
