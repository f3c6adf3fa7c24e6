"""The body of a block: the base64 between a BEGIN and an END line, in whatever state it is, and what it says.

Standard library only. See `blocks`, which calls it.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import Final

LABEL: Final = re.compile(r"[#\"' \t]{0,8}OCI[ _-]API[ _-]KEY[\"' \t]{0,8}", re.IGNORECASE)
"""The line that the OCI console asks people to put after the key, so that scanners find leaked keys."""

QUOTES: Final = "\"'`\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u00ab\u00bb"
IN_LINES: Final = dict.fromkeys(map(ord, QUOTES + ">|"))
"""Marks that stand at the ends of lines, in source code, YAML and mail."""

DASHES: Final = "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"

SSH_PUBLIC: Final = "SSH PUBLIC KEY"
"""The label of a block that was a line such as `ssh-rsa AAAA…`."""

MASKED: Final = "asterisks stand where its body should be"

_MASK = re.compile(
    r"[*\u2022\u25cf]+|[\[<(]?(?:masked|secure|redacted|hidden|secret|filtered|sensitive(?: value)?|known after apply"
    r"|concealed by 1Password)[\])>]?",
    re.IGNORECASE,
)

BASE64: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_PLUS = "plus signs were turned into spaces"
_LOST_BACKSLASH = "line breaks were written out (\\n) and lost their backslash"
_URL_SAFE = str.maketrans("-_", "+/")
_PROC_TYPE = re.compile(r"[\s,;]{0,9}(Proc-Type):\s{0,4}4\s{0,4},\s{0,4}ENCRYPTED", re.IGNORECASE)
_DEK_INFO = re.compile(
    r"[\s,;]{0,9}(DEK-Info):\s{0,4}((?:AES|DES|CAMELLIA|ARIA|SEED|BF|RC2|IDEA|CAST5)(?:-[A-Z0-9]{2,4}){1,3})"
    r"\s{0,4},\s{0,4}",
    re.IGNORECASE,
)
_HEADERS = 200  # characters that damaged header lines may take up; far fewer than a body has
_ENCRYPTED = (bytes.fromhex("2a864886f70d0105"), bytes.fromhex("2a864886f70d010c"))
"""How the identifiers of encryption with a pass phrase begin: PKCS#5's and PKCS#12's (RFC 8018, RFC 7292)."""
_HEADER_NAME = re.compile(r"Proc-?Type|DEK-?Info", re.IGNORECASE)


@dataclass(frozen=True, slots=True, repr=False)
class Reading:
    """One way to read a block: its bytes (DER, or the ciphertext where the block names a cipher)."""

    data: bytes
    repairs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class Block:
    """One thing that was found.

    `label`: what the BEGIN line says, empty without one. `readings`: the likely one first. `fault`: what is
    wrong with the body if no reading opens; empty when it looks whole. `cipher`, `iv`: from the header
    DEK-Info, PKCS#1's own encryption. `rest`: what follows the key, where no END line says where it ends.
    `inside`: what the body decodes to where that is no DER.
    """

    label: str
    readings: tuple[Reading, ...] = ()
    fault: str = ""
    cipher: str = ""
    iv: str = ""
    rest: str = ""
    inside: bytes = b""

    @property
    def is_private(self) -> bool:
        """Whether it may be a private key: it says so, or says nothing."""
        return not self.label or "PRIVATE" in self.label


@dataclass(slots=True, repr=False)
class Notes:
    """Repairs in the order in which they were made, each once."""

    made: list[str] = field(default_factory=list)

    def add(self, note: str, when: object = True) -> None:
        """Adds `note`, if `when`."""
        if when and note not in self.made:
            self.made.append(note)


def read_body(label: str, body: str, made: Notes, ended: bool) -> Block:
    """The block with the base64 text `body`; `ended`: an END line follows it."""
    plain = body.translate(IN_LINES)
    made.add("quotes or other marks stood in its lines", plain != body)
    cipher, iv, fault, plain = _headers(plain, made)
    if fault:
        return Block(label, fault=fault)
    cut_off = ""
    if not ended:
        whole = plain
        plain = re.split(rf"[{DASHES}]{{3}}", LABEL.split(plain, maxsplit=1)[0], maxsplit=1)[0]
        cut_off = whole[len(plain) :]
        made.add("its END line was missing", "its BEGIN and END lines were missing" not in made.made)
    made.add("quotes or other marks stood in its lines", "," in plain or ";" in plain)
    as_it_stood = plain
    plain = plain.replace(",", "").replace(";", "")
    _note_layout(plain, made)
    readings: list[Reading] = []
    rest = ""
    inside = b""
    fault = "" if ended else _cut_off(plain)
    for compact, note in _variants(plain):
        notes = Notes([*made.made])
        notes.add(note, note)
        if not ended and not cipher:  # what follows may be other text: the key itself says where it ends
            compact = _first_key(compact)
        data = decoded(compact, notes)
        wrong = "" if data and cipher and not len(data) % 8 else _fault(plain, label, data)
        if data and not wrong:
            readings.append(Reading(data, tuple(notes.made)))
            if not ended and not cipher:
                rest = max(rest, _after(as_it_stood, len(compact.rstrip("=")), note), key=len)
        elif data and not cipher and not der_length(data):
            inside = inside or data
        fault = fault or wrong
    if readings and not (cipher and not ended):
        fault = ""
    return Block(label, tuple(readings), fault, cipher, iv, rest + cut_off, inside)


def _headers(body: str, made: Notes) -> tuple[str, str, str, str]:
    """The cipher and the IV that the header lines of `body` name, what is wrong with these, and the text after them.

    In either order, and DEK-Info alone will do: it says all that is needed.
    """
    cipher = iv = ""
    names: list[str] = []
    rest = body
    for pattern in (_PROC_TYPE, _DEK_INFO, _PROC_TYPE):
        if not (header := pattern.match(rest)) or header[1].lower() in map(str.lower, names):
            continue
        names.append(header[1])
        rest = rest[header.end() :]
        if pattern is _DEK_INFO:
            cipher = header[2].upper()
            size = 16 if cipher.startswith("DES") else 32
            iv, rest = rest[:size], rest[size:]
            if not re.fullmatch(rf"[0-9A-Fa-f]{{{size}}}", iv):
                return "", "", "its DEK-Info line is damaged", rest
            made.add("capital letters of its DEK-Info line were changed", cipher != header[2])
    if _HEADER_NAME.search(rest[:_HEADERS]):
        return "", "", "its lines Proc-Type and DEK-Info are damaged", rest
    if names and not cipher:
        return "", "", "its DEK-Info line is missing", rest
    if cipher:
        lower = [name.lower() for name in names]
        made.add("its Proc-Type line was missing", "proc-type" not in lower)
        made.add("its lines Proc-Type and DEK-Info were exchanged", lower == ["dek-info", "proc-type"])
        spelt = set(names) <= {"Proc-Type", "DEK-Info"}
        made.add("capital letters of its lines Proc-Type and DEK-Info were changed", not spelt)
        made.add("the blank line after its DEK-Info line was missing", re.match(r"[ \t]{0,9}\n[ \t]{0,9}\S", rest))
    return cipher, iv, "", rest


def _after(body: str, count: int, note: str) -> str:
    """What follows the first `count` characters of base64 in `body`, read in the way that `note` stands for."""
    if note == _LOST_BACKSLASH:
        count += count // 64 + 1
    ends = [match.end() for match in re.finditer(r"[^\n\t,;]" if note == _PLUS else r"[^\s,;]", body)]
    return body[ends[count - 1] :].lstrip("=") if 0 < count <= len(ends) else ""


def masked(text: str) -> bool:
    """Whether `text`, or each line of it, is what a log shows in place of a secret."""
    lines = text.split("\n") if len(text) < 65_536 else []
    shown = [line.strip() for line in lines if line.strip()]
    return bool(shown) and all(_MASK.fullmatch(line) for line in shown)


def begins_headed(body: str) -> bool:
    """Whether `body` begins with the header lines of PKCS#1's own encryption."""
    return bool(_PROC_TYPE.match(body) or _DEK_INFO.match(body))


def begins_private(body: str) -> bool:
    """Whether the base64 text `body` begins like a private key: a sequence, then its version or how it is encrypted."""
    data = _first_bytes(body)
    return data[4:6] == b"\x02\x01" or (data[4:5] == b"0" and data[8:16] in _ENCRYPTED)


def begins_whole(body: str) -> bool:
    """Whether `body` begins like DER, with a number or a sequence in a sequence, and is long enough for all of it."""
    data = _first_bytes(body)
    return data[4:5] in (b"\x02", b"0") and der_length(data) * 8 <= len(body) * 6 + 5


def _first_bytes(body: str) -> bytes:
    """The first 18 bytes of `body`, or the 9 that stand before a damaged place."""
    compact = "".join(body[:80].translate(IN_LINES).replace(",", "").replace(";", "").split())
    return decoded(compact[:24], Notes()) or decoded(compact[:12], Notes()) or b""


def _first_key(compact: str) -> str:
    """The part of `compact` that the DER sequence at its start takes up; all of it when there is none."""
    length = der_length(decoded(compact[:8], Notes()) or b"")
    characters = (length * 8 + 5) // 6
    return compact[:characters] + "=" * (-characters % 4) if 0 < characters <= len(compact) else compact


def _variants(body: str) -> list[tuple[str, str]]:
    """The ways to read `body`, each with the repair that it stands for: the plain one first."""
    compact = "".join(body.split())
    variants = [(compact, "")]
    if " " in body.strip():
        spaced = body.strip("\n").replace("\n", "").replace("\t", "").replace(" ", "+")
        variants.append((spaced, _PLUS))
    if compact[:1] == "n" and set(compact[:-1:65]) == {"n"}:
        lines = [compact[start + 1 : start + 65] for start in range(0, len(compact), 65)]
        joined = "".join(lines)
        variants += [(joined, _LOST_BACKSLASH), (joined.removesuffix("n"), _LOST_BACKSLASH)]
    return variants


def _note_layout(body: str, notes: Notes) -> None:
    """Notes how the lines of `body` differ from those of a file: 64 characters each, but for the last."""
    lines = [line.strip() for line in body.split("\n") if line.strip()]
    if not lines:
        return
    if "\n" not in body:
        notes.add("its line breaks were turned into spaces" if " " in body.strip() else "its line breaks were lost")
        return
    inside = body.strip("\n").split("\n")
    notes.add("spaces or blank lines stood in it", any(line != line.strip() or not line for line in inside))
    widths = {len(line) for line in lines[:-1]} or {64}
    notes.add("its lines were wrapped at another width", widths != {64} or len(lines[-1]) > 64)


# -- faults ---------------------------------------------------------------------------------------------------


def _cut_off(body: str) -> str:
    count = len([line for line in body.split("\n") if line.strip()])
    if not count:
        return "nothing follows its BEGIN line"
    return f"its END line is missing: it was cut off after {count} line{'s'[: count > 1]}"


def _fault(body: str, label: str, data: bytes | None) -> str:
    """Why the base64 text `body` is no whole key, in words that tell shapes alone; empty when it is."""
    if "***" in body or masked(body):
        return MASKED
    lines = ["".join(line.split()) for line in body.split("\n") if line.strip()]
    if not lines:
        return "nothing stands between its BEGIN and END lines"
    joined = "".join(lines)
    if len(joined) > 200 and joined.isupper() != joined.islower():
        return f"all its letters were turned into {'upper' if joined.isupper() else 'lower'} case"
    if data:
        fault = der_fault(data)
        if fault and label == "RSA PRIVATE KEY" and data[4:6] != b"\x02\x01" and len(data) % 8 == 0:
            fault += ", or was encrypted and has lost its lines Proc-Type and DEK-Info"
        return fault
    for number, line in enumerate(lines, 1):
        if line.rstrip("=").strip(BASE64 + "-_"):
            return f"line {number} of its body holds a character that base64 does not have"
    return f"its body of {len(''.join(lines))} characters is not whole base64: one or more are missing"


def decoded(compact: str, notes: Notes, *, cut: bool = False) -> bytes | None:
    """The bytes that `compact` is the base64 of (URL-safe too, padded or not); None when it is not base64.

    `cut`: drop a last character too many, as a field that cuts its text leaves one.
    """
    bare = compact.rstrip("=")
    url_safe = "-" in bare or "_" in bare
    bare = bare.translate(_URL_SAFE)
    if cut and len(bare) % 4 == 1:
        bare = bare[:-1]
    if bare.strip(BASE64) or len(bare) % 4 == 1:
        return None
    padding = "=" * (-len(bare) % 4)
    notes.add("its base64 was URL-safe", url_safe)
    notes.add("the padding of its base64 was missing", not compact.endswith(padding))
    try:
        return base64.b64decode(bare + padding)
    except binascii.Error:
        return None


def der_length(data: bytes) -> int:
    """How many bytes the DER sequence at the start of `data` says it has, header included; 0 if it is none."""
    if len(data) < 2 or data[0] != 0x30:
        return 0
    if data[1] < 0x80:
        return 2 + data[1]
    count = data[1] & 0x7F
    if not 1 <= count <= 3 or len(data) < 2 + count:
        return 0
    return 2 + count + int.from_bytes(data[2 : 2 + count], "big")


def der_fault(data: bytes) -> str:
    """Why `data` is not one whole DER sequence; empty when it is."""
    length = der_length(data)
    if not length:
        return "its body decodes to something that is no key"
    if length > len(data):
        return f"its body is cut: {length - len(data)} of {length} bytes are missing"
    if length < len(data):
        return f"its body has {len(data) - length} bytes more than the {length} of the key"
    return ""
