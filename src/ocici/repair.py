"""Repair: finds keys in what arrived, however it was damaged on its way. Standard library only.

Nothing is judged here: a reading may still be no key at all. `pem` opens each reading and checks that its
numbers fit together, and this is why damage may be undone boldly: a wrong reading does not become another
key, it fails.

Not noted as repairs, since this is how keys are meant to be stored: base64 in one line, OCI's label line, a
missing newline at the end, encryption, PKCS#1 or PKCS#8.
"""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ocici import blocks, body
from ocici.body import QUOTES, Block, Notes, Reading

_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\u00ad\u200e\u200f\u202a\u202b\u202c\u202d\u202e"))
_INVISIBLE |= dict.fromkeys(map(ord, "\u00a0\u2007\u202f\u2009\u2003\u2002\u3000"), " ")
_NO_TEXT = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_NAME = re.compile(
    r"data:[\w/;=.+-]{0,60}base64,|(?:export\s{1,4}|set\s{1,4})?[A-Za-z_][\w.-]{0,99}\s{0,4}(?:=(?!=)|:)\s{0,9}"
)
_ESCAPE = re.compile(r"\\+(?:(?:u00|x)([0-9A-Fa-f]{2})|(r\\+n|[rnt]))?|(?:`r)?`(n)")
_SSH_PUBLIC = re.compile(r"(?:ssh-rsa|ssh-ed25519|ecdsa-sha2-nistp\d{3})\s{1,4}(AAAA[A-Za-z0-9+/]*={0,2})")
_LONG = 64
_BEGIN = "(?:LS0tLS1CRUdJ|TFMwdExTMUNSVWRK)"  # "-----BEGI", once and twice: by chance in no key
_ENCODED = re.compile(  # "-----", that again, "MII", DER; or it is too long for anything else
    rf"{_BEGIN}|(?<![A-Za-z0-9+/])(?:LS0tLS1|TFMwdExTM|TUlJ|MII|[A-Za-z0-9+/_-]{{{_LONG},}})"
)
_NEXT = r"\n[ \t]{1,40}(?=[A-Za-z0-9+/_-]{1,4096}={0,2}[ \t]{0,9}(?:\n|$))"
_SECOND = re.compile(rf"(?<!^){_BEGIN}")
_RUN = re.compile(  # it goes on in a line that is indented and holds base64 alone
    rf"[A-Za-z0-9+/_-](?:(?!{_BEGIN})[A-Za-z0-9+/_-]|{_NEXT}(?!{_BEGIN})|\n(?!{_BEGIN}))*(?:=\n?){{0,2}}"
)


@dataclass(frozen=True, slots=True, repr=False)
class Found:
    """What was found: the blocks, and the repairs that led to them.

    `texts`: what was read on the way, outermost first, each as it stood and with true line ends. `depth`: how
    many layers of base64 were taken off.
    """

    blocks: tuple[Block, ...] = ()
    repairs: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    depth: int = 0


def find(raw: bytes, depth: int = 0) -> Found:
    """The blocks in `raw`: PEM in any state, base64 of it, or DER. Raises nothing.

    `depth`: how many layers of base64 were taken off already; each makes it smaller by a quarter.
    """
    if _is_binary(raw):
        return Found((_binary(raw, depth),), depth=depth)
    notes = Notes()
    text = _text(raw, notes)
    plain = _unescaped(text, notes)
    texts: tuple[str, ...] = (text, plain) if plain != text else (text,)
    found, torn, outside = blocks.cut(plain, notes)
    if depth and len(_NO_TEXT.findall(outside)) > 9:  # a heading between two makes a few, the base64 of another many
        torn += (Block("", fault="something else is joined to its base64"),)
    certificates = [(block, _in_certificate(block, depth)) for block in found]
    found = tuple(each for block, inner in certificates for each in (inner.blocks if inner else [block]))
    for inner in (inner for _, inner in certificates if inner):
        notes.add(blocks.IN_CERTIFICATE)
        for note in inner.repairs:
            notes.add(note)
        texts += inner.texts
    found += tuple(_ssh_public(outside))
    layers = [(find(run.data, depth + 1), run) for run in _runs(outside)]
    layers = [
        (deeper, run)
        for deeper, run in layers
        if run.sure or any(block.label or block.readings for block in deeper.blocks)
    ]
    texts += tuple(text for deeper, _ in layers for text in deeper.texts)
    deepest = max([depth, *(deeper.depth for deeper, _ in layers)])
    if layers and not _has_private(found):
        deeper, run = next((layer for layer in layers if _has_private(layer[0].blocks)), layers[0])
        for note in run.notes:
            notes.add(note)
        if not _is_binary(run.data):
            notes.add("its base64 was wrapped over lines", len(outside.strip().split("\n")) > 1)
            notes.add("the line breaks of its base64 were turned into spaces", run.spaced)
            notes.add("it was base64-encoded more than once", depth)
        for note in deeper.repairs:
            notes.add(note)
        found += deeper.blocks
        layers.remove((deeper, run))
    for deeper, _ in layers:  # a second key must not go unseen
        found += tuple(block for block in deeper.blocks if block.label or block.readings)
    if any(block.is_private and block.readings for block in found):
        found += torn  # beside a whole key, one that was cut off may be the one meant
    return Found(found, tuple(notes.made), texts, deepest)


def _in_certificate(block: Block, depth: int) -> Found | None:
    """What `certutil -encode` made of a key: the base64 of any file between the lines of a certificate.

    Not a private key in binary form: `blocks` knows that by how it begins.
    """
    if block.label != "CERTIFICATE":
        return None
    if block.readings:
        data = block.readings[0].data  # a public key begins with its short type, a certificate with a long sequence
        is_public = data[4:5] == b"0" and data[5:6] < b"\x80" and data[6:7] == b"\x06"
        return Found((replace(block, label="PUBLIC KEY"),)) if is_public else None
    inner = find(block.inside, depth + 1)
    return inner if any(found.label for found in inner.blocks) or _has_private(inner.blocks) else None


def _ssh_public(text: str) -> Iterator[Block]:
    """The public keys in OpenSSH's form in `text`."""
    for match in _SSH_PUBLIC.finditer(text):
        data = body.decoded(match[1], Notes())
        yield Block(body.SSH_PUBLIC, (Reading(data),) if data else ())


def _has_private(found: tuple[Block, ...]) -> bool:
    return any(block.is_private for block in found)


def _is_binary(raw: bytes) -> bool:
    """Whether `raw` is DER: a sequence that begins with an integer or a sequence, as every key does."""
    if raw[:1] != b"0" or len(raw) < 4:
        return False
    if raw[1] in (0x81, 0x82, 0x83):  # no text in UTF-8 goes on like this after a zero
        return True
    return raw[2] in (0x02, 0x30) and body.der_length(raw) == len(raw.rstrip(b"\r\n"))


def _binary(raw: bytes, depth: int) -> Block:
    length = body.der_length(raw)
    data = raw if raw[length:].strip() else raw[:length]
    note = "its BEGIN and END lines were missing" if depth else "it was in binary form (DER)"
    fault = body.der_fault(data)
    return Block("", fault=fault) if fault else Block("", (Reading(data, (note,)),))


def _text(raw: bytes, notes: Notes) -> str:
    """`raw` as text: UTF-8, UTF-16 (with or without a byte-order mark) or Windows-1252."""
    encoding = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}.get(raw[:2], "")
    head = raw[:64]
    if not encoding and len(head) >= 8 and head.count(0) * 3 > len(head):
        encoding = "utf-16-le" if head[1] == 0 else "utf-16-be"
    if encoding:
        notes.add("it was encoded in UTF-16")
        return raw.decode(encoding, "replace").lstrip("\ufeff")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def _unescaped(text: str, notes: Notes) -> str:
    """`text` with true line ends, and without what editors, shells and forms put into it."""
    notes.add("a byte-order mark was in it", "\ufeff" in text)
    text = text.replace("\ufeff", "")
    if "%" in text and re.search(r"%(?:0[AaDd]|2[0BbFf]|3[Dd])", text):
        notes.add("it was URL-encoded")
        text = urllib.parse.unquote(text)
    if "&" in text or "<" in text:
        import html  # its table of names takes 1 ms

        plain = re.sub(r"(?i)</?(?:br|p|div|span|pre|code)\b[^<>]{0,99}>", "\n", html.unescape(text))
        notes.add("it was HTML-escaped", plain != text)
        text = plain
    if "\\" in text or "`n" in text:
        plain = _ESCAPE.sub(_unescape, text)
        notes.add(r"line breaks were written out (\n)", plain.count("\n") > text.count("\n"))
        notes.add("backslashes stood in it", plain.count("\n") == text.count("\n"))
        text = plain
    plain = text.translate(_INVISIBLE)
    notes.add("invisible or non-breaking characters were in it", plain != text)
    notes.add("line ends were those of Windows (CRLF)", "\r\n" in plain)
    plain = plain.replace("\r\n", "\n")
    notes.add("line ends were those of an old Mac (CR)", "\r" in plain)
    return plain.replace("\r", "\n")


def _unescape(match: re.Match[str]) -> str:
    if match[1]:
        return chr(int(match[1], 16))
    return {"t": " ", "": ""}.get(match[2] or match[3] or "", "\n")


@dataclass(frozen=True, slots=True, repr=False)
class _Run:
    """What some base64 decodes to, and how it was mended. `sure`: it begins like a key, or is all there is.
    `spaced`: spaces stood in it.
    """

    data: bytes
    notes: tuple[str, ...]
    sure: bool
    spaced: bool


def _runs(text: str) -> list[_Run]:
    """What `text`, or each part of it, is the base64 of; other text may stand before, between and after."""
    notes = Notes()
    bare = blocks.without_label(text).translate(body.IN_LINES).strip(" \n\t;,")
    if (name := _NAME.match(bare)) and len(bare) - name.end() > 16:
        bare = bare[name.end() :]
        notes.add("text stood before the key")
    words = bare.split()
    is_whole = not "".join(words).rstrip("=").strip(body.BASE64 + "-_") and all(len(word) >= 16 for word in words[:-1])
    if is_whole and not _SECOND.search(bare):
        found = [("".join(words), True)]
    else:  # a sentence has short words
        found = _parts(body.LABEL.sub(",", bare))
        notes.add("text stood round the key", not is_whole)
    runs = []
    for compact, sure in found:
        made = Notes([*notes.made])
        data = body.decoded(compact, made, cut=True)
        if data and len(data) >= 12:
            made.add("quotes were round it", any(quote in text for quote in QUOTES))
            runs.append(_Run(data, tuple(made.made), sure, is_whole and " " in bare))
    return runs


def _parts(text: str) -> list[tuple[str, bool]]:
    """The parts of `text` that are base64, without line breaks, and whether they begin like a key."""
    found = []
    position = 0
    while start := _ENCODED.search(text, position):
        run = _RUN.match(text, start.start())
        assert run  # what begins like base64 is a run
        position = run.end()
        found.append(("".join(run[0].split()), len(start[0]) < _LONG))
    return found
