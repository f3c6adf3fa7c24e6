"""Blocks: what stands between BEGIN and END lines, in whatever state these are.

Standard library only. See `repair`, which calls it, and `body`.
"""

from __future__ import annotations

import re
from typing import Final

from ocici.body import DASHES, LABEL, QUOTES, Block, Notes, begins_headed, begins_private, begins_whole, read_body

_KIND = (
    r"(?:(?:RSA|EC|DSA|ENCRYPTED|OPENSSH|SSH2|ANY|PGP)[\s+]{0,4}){0,2}(?:PRIVATE|PUBLIC)[\s+]{0,4}KEY(?:\s{0,4}BLOCK)?"
    r"|(?:(?:TRUSTED|X509|NEW)\s{1,4})?CERTIFICATE(?:\s{1,4}REQUEST)?|(?:EC|DSA|DH)\s{1,4}PARAMETERS|X509\s{1,4}CRL"
    r"|PKCS7|CMS"
)
MARK: Final = re.compile(rf"(BEGIN|END)[\s+_]{{0,4}}({_KIND})")
"""A BEGIN or END line without its dashes: those may be of any number and kind."""

_MOST = 32  # bodies without BEGIN and END lines: to look at each costs time that grows with the text

MISMATCH: Final = "its BEGIN and END lines did not match"
MISNAMED: Final = "its BEGIN and END lines named another form of key"
IN_CERTIFICATE: Final = "it stood between the BEGIN and END lines of a certificate (certutil -encode)"

_FIRST = re.compile(  # how a body begins; MII: DER of 256 bytes to 64 KiB, a key if its version or cipher follows
    r"(?i:Proc-Type:|DEK-Info:)|(?<![A-Za-z0-9+/])MII|MII(?=[A-Za-z0-9+/]{3}(?:IBA|[A-Za-z0-9+/]{2}Bgkqhki))"
)


def cut(text: str, notes: Notes) -> tuple[tuple[Block, ...], tuple[Block, ...], str]:
    """The blocks in `text`, whose BEGIN or END lines may be missing, what begins like one, and the text outside."""
    marks = _marks(text, notes)
    found: list[Block] = []
    outside: list[str] = []
    position = 0
    rest = ""  # after a key without an END line
    for index, (word, label, start, stop) in enumerate(marks):
        if word == "BEGIN":
            outside.append(rest + text[position:start])
            end, closing, position = marks[index + 1][:3] if index + 1 < len(marks) else ("", "", len(text))
            body = text[stop:position]
            ended = end == "END"
            found.append(read_body(_true_label(label, closing if ended else "", body, notes), body, Notes(), ended))
            rest = found[-1].rest
        elif index and marks[index - 1][0] == "BEGIN":
            notes.add(MISMATCH, label != marks[index - 1][1])
            position = stop
        else:
            before = rest + text[position:start]
            rest = ""
            first = _FIRST.search(before)
            outside.append(before[: first.start()] if first else "")
            body = before[first.start() :] if first else before
            made = Notes(["its BEGIN line was missing"])
            found.append(read_body(_true_label(label, "", body, notes), body, made, ended=True))
            position = stop
    outside.append(rest + text[position:])
    outside, torn = _without_bare(outside, found)
    if found:
        _note_outside(outside, notes)
    return tuple(found), tuple(torn), "\n".join(outside)


def _true_label(label: str, closing: str, body: str, notes: Notes) -> str:
    """`label`, or none where the END line `closing` or the body says that a private key stands there all the same."""
    if "PRIVATE" in label:
        return label
    if begins_private(body) or begins_headed(body):
        if label == "CERTIFICATE":
            notes.add(IN_CERTIFICATE)
        elif "PRIVATE" not in closing:
            notes.add(MISNAMED)
        return ""
    return "" if "PRIVATE" in closing else label


def without_label(text: str) -> str:
    """`text` without OCI's label at its end."""
    text = text.rstrip()
    while text and (labels := [label for label in LABEL.finditer(text, len(text) - 30) if label.end() == len(text)]):
        text = text[: labels[0].start()].rstrip()
    return text


def _marks(text: str, notes: Notes) -> list[tuple[str, str, int, int]]:
    """The BEGIN and END lines: which of the two, the label, and where it starts and stops with its dashes.

    Where some have dashes those without are mere mention, as in a comment.
    """
    found = [(mark, *_span(text, mark)) for mark in MARK.finditer(text)]
    dashed = [(mark, start, stop) for mark, start, stop in found if (start, stop) != mark.span()]
    for mark, start, stop in dashed or found:
        dashes = text[start : mark.start()], text[mark.end() : stop]
        notes.add("the dashes of its BEGIN and END lines were changed", dashes != ("-----", "-----"))
        spaced = " ".join(mark[0].split())
        notes.add("spaces in its BEGIN and END lines were changed", spaced != mark[0] or "+" in spaced)
    return [
        (mark[1], " ".join(mark[2].replace("+", " ").split()), start, stop) for mark, start, stop in dashed or found
    ]


def _span(text: str, mark: re.Match[str]) -> tuple[int, int]:
    """Where the BEGIN or END line `mark` starts and stops, with the dashes round it."""
    before, after = text[max(0, mark.start() - 40) : mark.start()], text[mark.end() : mark.end() + 40]
    left, right = before.rstrip(" "), after.lstrip(" ")
    start, stop = mark.span()
    if left.endswith(tuple(DASHES)):
        start -= len(before) - len(left.rstrip(DASHES))
    if right.startswith(tuple(DASHES)):
        stop += len(after) - len(right.lstrip(DASHES))
    return start, stop


def _without_bare(outside: list[str], found: list[Block]) -> tuple[list[str], list[Block]]:
    """`outside` without the bodies that stand in it without BEGIN and END lines: those are added to `found`.

    All of them, since a second key must not go unseen. Also what begins like a private key, but is not whole.
    """
    left: list[str] = []
    torn: list[Block] = []
    tried = 0
    for text in outside:
        before = ""
        while first := _FIRST.search(text):
            body = text[first.start() :]
            before += text[: first.start()]
            is_headed = begins_headed(body)
            if is_headed or begins_whole(body) or begins_private(body):
                if tried == _MOST:
                    torn.append(Block("", fault=f"more than {_MOST} pieces in it begin like a key"))
                    break
                tried += 1
                notes = Notes(["its BEGIN and END lines were missing"])
                block = read_body("RSA PRIVATE KEY" if is_headed else "", body, notes, ended=False)
                if block.readings:
                    found.append(block)
                    left.append(before)
                    before, text = "", block.rest
                    continue
                if is_headed or begins_private(body):
                    torn.append(block)
            before += first[0]
            text = body[len(first[0]) :]
        left.append(before + text)
    return left, torn


def _note_outside(outside: list[str], notes: Notes) -> None:
    """Notes what stands before, between and after the blocks."""
    before, after = outside[0], "".join(outside[1:][-1:])
    for text, note in ((before, "text stood before the key"), (after, "text stood after the key")):
        rest = LABEL.sub("", text).strip()
        quotes = rest and not rest.strip(QUOTES + " \n;,>|")
        notes.add("quotes were round it" if quotes else note, rest)
    notes.add("the label line stood before the key", LABEL.fullmatch(before.strip()))
    notes.add("text stood between the keys", "".join(outside[1:-1]).strip(QUOTES + " \n\t;,>|"))
    notes.add("spaces or blank lines stood round it", before[:1].isspace() or after.lstrip("\n")[:1].isspace())
