"""`ocici explain`: what a finding means and what to do, in general terms; and which finding a tool's message means."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import Final

from ocici.findings import CATALOGUE, Entry, refused, shown

# What stands for a placeholder whose own name would not tell.
_WORDS: Final = {
    "origin": "<variable or file>",
    "key_origin": "<variable of the key>",
    "pass_origin": "<variable of the pass phrase>",
    "user_origin": "<variable of the user>",
    "tenancy_origin": "<variable of the tenancy>",
    "region_realm": "<its realm>",
    "ocids": "the OCID in <variable or file> is",
    "detail": "<what is wrong>",
    "cause": "<What was mended.>",
    "oci_code": "<error code and message>",
    "times": "<so many> times",
    "seconds": "<so many>",
    "kind": "<kind>",
    "form": "<its form>",
    "names": "<variables>",
    "verb": "are",
    "tools": "<tools> prefer them",
    "missing": "<variables>",
    "known": "<names>",
    "ruled_out": "<what was checked>",
    "evidence": "<by how much this machine's clock is off>",
    "why": "<Usual causes.>",
    "policy": "Allow group GROUP to read objectstorage-namespaces in tenancy",  # for the default probe
    "whose": "<which>",
}
_LONGEST: Final = 10_000
"""Characters of a message that are looked at."""


def general(text: str) -> str:
    """A text of the catalogue with words in angle brackets for its placeholders.

    A placeholder right behind a word is an addition that need not be there; it is left out.
    """
    text = re.sub(r"(?<=[\w}])\{\w+\}", "", text.replace("{{", "\0").replace("}}", "\1"))
    text = re.sub(r"\{(\w+)\}", lambda match: _WORDS.get(match[1]) or f"<{match[1].replace('_', ' ')}>", text)
    return text.replace("\0", "{").replace("\1", "}")


def gravity(entry: Entry) -> str:
    """How grave it is: `error, exit code 1`, `warning`, `note`."""
    return f"error, exit code {entry.exit_code}" if entry.severity == "error" else entry.severity


def one(asked: str) -> str:
    """What the finding with the code `asked` means; or, for a tool's message or a part of it, what it may mean.

    Raises `Refused` (code-unknown), with the nearest code if one is near.
    """
    found = _named(asked) or matching(asked) or _with_status(asked)
    if not found:
        near = get_close_matches(asked[:64], CATALOGUE, 1, 0.7)
        name = repr(asked) if re.fullmatch(r"[A-Za-z0-9 _-]{1,64}", asked) else shown(asked)
        raise refused("code-unknown", name=name, nearest=f" (did you mean {near[0]}?)" if near else "")
    if len(found) == 1:
        return _whole(found[0])
    return "\n".join(
        [
            "One of these. `ocici check` (a config) or `ocici exec -- true` (a pipeline's secrets) says which:",
            *_lines(found),
            "`ocici explain CODE` tells more about one.",
        ]
    )


def every() -> str:
    """All findings, a line each."""
    return "\n".join(_lines(list(CATALOGUE)))


def _named(text: str) -> list[str]:
    """The codes of the findings that `text` names: it is one, or it is ocici's own output, which has it in brackets.

    Or in the address of its page.
    """
    named = [text.strip(), *re.findall(r"(?:\[|TROUBLESHOOTING\.md#)([a-z0-9-]+)", text[:_LONGEST])]
    return [code for code in dict.fromkeys(named) if code in CATALOGUE]


def _with_status(text: str) -> list[str]:
    """The codes of the findings that go with the HTTP status in `text`, if there is one."""
    status = re.search(r"\b[45]\d\d\b", text[:_LONGEST])
    if not status:
        return []
    return matching(f"{status[0]}-") or (["service-failed"] if status[0][0] == "5" else [])


def matching(text: str) -> list[str]:
    """The codes of the findings whose symptoms `text` holds; if there are none, of those that hold `text`."""
    text = " ".join(text[:_LONGEST].split()).casefold()
    said = [code for code, entry in CATALOGUE.items() if any(says(symptom, text) for symptom in entry.symptoms)]
    if said or len(text) < 4:
        return said
    return [
        code
        for code, entry in CATALOGUE.items()
        if any(text in each.casefold() for each in (code, entry.title, *entry.symptoms))
    ]


def says(symptom: str, text: str) -> bool:
    """Whether `text` holds `symptom`, in any case; "…" in it stands for anything."""
    at, text = 0, text.casefold()
    for part in symptom.casefold().split("…"):
        at = text.find(part.strip(), at)
        if at < 0:
            return False
        at += len(part.strip())
    return True


def _whole(code: str) -> str:
    entry = CATALOGUE[code]
    lines = [
        f"{entry.severity}: {entry.title} [{code}]",
        f"  why: {general(entry.cause)}",
        f"  fix: {general(entry.fix)}",
    ]
    if entry.severity == "error":
        lines.append(f"  exit code: {entry.exit_code}")
    lines += [f"  seen as: {symptom}" for symptom in entry.symptoms]
    return "\n".join([*lines, f"  more: docs/TROUBLESHOOTING.md#{code}"])


def _lines(codes: list[str]) -> list[str]:
    width = max(map(len, CATALOGUE))
    return [f"{code:{width}}  {CATALOGUE[code].severity:7}  {CATALOGUE[code].title}" for code in codes]
