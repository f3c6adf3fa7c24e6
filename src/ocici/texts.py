"""Texts: a bundle, a config text or a path out of what arrived, and what may be shown of it.

What stands in place of one is told by its shape alone.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from ocici.findings import Finding, finding, refused

UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")
"""The byte-order marks of its two forms."""

# Lines of a bundle or config that hold no secret, and that findings and reports are to show.
_REGION: Final = r"""region[ \t]*[=:][ \t]*["']?(?:[a-z]{2,4}(?:-[a-z]{2,20}){1,2}-[0-9]{1,2}|[a-z]{3})["']?"""
_HEADING: Final = r"\[[\w .-]{1,64}\]|[\w-]{1,64}:(?:[ \t]*[|>][0-9+-]{0,2})?"
_OPEN: Final = re.compile(rf"(?m)^[ \t]*(?:{_HEADING}|{_REGION})[ \t\r]*$")

_BEGIN = re.compile(r"[\s\"'`\ufeff]*-----BEGIN [A-Z ]{0,20}PRIVATE KEY")
_BASE64 = re.compile(rb"(?!--)[A-Za-z0-9+/_-]{16,}=*")  # a BEGIN line has its letters too
_WITHIN = re.compile(rb"\{|\[|---\s|[A-Za-z_-]{1,40}[ \t]*[:=]|[A-Za-z0-9+/=_\s-]{16,}\Z")
_PATH = re.compile(r"(?:~|\.{1,2}|file:|@)?/\S*|[A-Za-z]:[/\\]\S*|[\w./\\-]+\.(?:ya?ml|json|pem|key|txt|cfg)")


def read(raw: bytes, origin: str, code: str, findings: list[Finding]) -> str:
    """The text of a bundle or config: as it is, or out of one line of base64, which every secret store keeps.

    Parameters: `raw`, what arrived; `origin`, where, for findings; `code`, the finding to raise where it is no text;
    `findings`, to add a note to of what was mended.
    Raises `Refused` with it, or: value-masked, value-unexpanded, source-is-path, source-is-key,
    source-is-config, source-is-bundle.
    """
    whole = raw.strip(b" \t\r\n\"'`").decode("utf-8", "replace")
    variable = origin.removesuffix("_FILE")
    refuse_stand_in(whole, origin)
    repairs: list[str] = []
    raw = _unquoted(raw, repairs)
    decoded = _decoded(raw, repairs)
    text = _text(decoded or raw)
    if not (decoded and text is not None) and len(whole) < 4096 and _PATH.fullmatch(whole):
        raise refused("source-is-path", origin=origin, variable=variable)
    if (decoded or raw).startswith(b"0\x82") or (text and _BEGIN.match(text)):  # how every key begins in DER, in PEM
        raise refused("source-is-key", origin=origin, variable=variable)
    if text is None:
        raise refused(code, origin=origin, where="", detail="it is not text")
    _refuse_the_other(text, origin, code)
    if repairs:
        findings.append(finding("value-repaired", origin=origin, repairs="; ".join(repairs)))
    return text


def _refuse_the_other(text: str, origin: str, code: str) -> None:
    """Raise `Refused` where a config stands in place of a bundle, or a bundle in place of a config.

    No bundle begins with a heading in brackets. No config has braces, nor fields by `name: value` without a heading.
    """
    begins = next((line for line in map(str.strip, text.splitlines()) if line and line[0] not in "#;"), "")
    other = "OCICI_CONFIG" if code == "bundle-syntax" else "OCICI_CREDENTIALS"
    variable = f"{other}_FILE" if origin.endswith("_FILE") else other
    if code == "bundle-syntax" and re.match(r"\[[\w .-]{1,64}\]", begins):
        raise refused("source-is-config", origin=origin, variable=variable)
    headed = re.search(r"(?m)^[ \t]*\[", text)
    fields = begins == "---" or re.match(r"[\"']?[A-Za-z_-]{1,40}[\"']?:(?:\s|$)", begins)
    if code == "config-syntax" and (begins.startswith("{") or (fields and not headed)):
        raise refused("source-is-bundle", origin=origin, variable=variable)


def _unquoted(raw: bytes, repairs: list[str]) -> bytes:
    """`raw` without the quotes round the whole of it, as `docker --env-file` keeps them.

    Those of the first name and the last value of a bundle stay: what begins within must be a bundle, config or base64.
    """
    bare = raw.strip()
    inner = bare[1:-1].strip()
    if len(bare) < 2 or bare[:1] != bare[-1:] or bare[:1] not in b"\"'`" or not _WITHIN.match(inner):
        return raw
    repairs.append("quotes round it were removed")
    return inner


def _decoded(raw: bytes, repairs: list[str]) -> bytes:
    """What `raw` is the base64 of; empty when it is none. The = at its end may be missing, where it is of a text."""
    compact = b"".join(raw.split())
    if not _BASE64.fullmatch(compact):
        return b""
    bare = compact.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    padded = bare + b"=" * (-len(bare) % 4)
    try:
        decoded = base64.b64decode(padded, validate=True)
    except binascii.Error:
        return b""
    if len(padded) != len(compact):
        if _text(decoded) is None:
            return b""
        repairs.append("the = that were missing at the end of its base64 were added")
    return decoded


def _text(raw: bytes) -> str | None:
    encoding = "utf-8-sig"
    if raw[:2] in UTF_16:
        encoding = "utf-16"
    elif raw[1:4:2] == b"\0\0":  # two letters of ASCII in UTF-16 as PowerShell's [Text.Encoding]::Unicode makes it
        encoding = "utf-16-le"
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        return None


def refuse_stand_in(text: str, origin: str) -> None:
    """Raise `Refused` where `text` is a mask (value-masked) or a variable's name (value-unexpanded), also in a path."""
    from ocici import instead  # which loads what reads keys
    from ocici.body import masked

    if masked(text):
        raise refused("value-masked", origin=origin)
    parts = [text] if "\n" in text else [text, *re.split(r"[/\\]", text)]
    if form := next((form for part in parts if (form := instead.unexpanded(part))), ""):
        raise refused("value-unexpanded", origin=origin, form=form)


def without_open_lines(text: str) -> str:
    """The bundle or config `text` without its lines that hold no secret."""
    return _OPEN.sub("", text)


def is_open(line: str) -> bool:
    """Whether `line`, of a bundle or config text, holds no secret: a heading, a field without its value, a region."""
    return bool(_OPEN.fullmatch(line))


# -- paths and names ------------------------------------------------------------------------------------------


def clean_path(path: str) -> str:
    """`path` without spaces, line ends and quotes round it, and out of a `file:` URL."""
    path = path.strip()
    if len(path) > 1 and path[0] == path[-1] and path[0] in "\"'`":
        path = path[1:-1].strip()
    if url := re.fullmatch(r"(?i)file:(?://(?:localhost)?)?(/.*)", path):
        from urllib.parse import unquote

        path = unquote(url.group(1))
    return path


def shown_path(path: str) -> str:
    """`path` as it may stand in a finding: a secret put where a path belongs is described by its length alone."""
    # Base64 looks like a path to some degree. A long name of hex digits is none: containers have folders of such names.
    begins = re.match(r"[/~.\\]|[A-Za-z]:[/\\]", path)
    relative = re.fullmatch(r"(?=.{1,40}$)[\w.-]+(?:[/\\][\w.-]+|\.[A-Za-z0-9]{1,6})+", path)
    encoded = re.search(r"(?<![A-Za-z0-9+=])(?![0-9a-f]{64}(?![A-Za-z0-9+=]))[A-Za-z0-9+=]{50}", path)
    if not (begins or relative) or len(path) > 400 or not path.isprintable() or encoded:
        return length(path)
    return path


def length(text: str) -> str:
    """What is told of `text` where it may be a secret."""
    return f"(a value of {len(text)} character{'s'[: len(text) != 1]})"


def shown_name(name: str) -> str:
    """The profile name `name` as it may stand in a finding: whole where it looks like one, else by its length alone."""
    return name if re.fullmatch(r"[A-Za-z0-9_.-]{1,40}", name) else f"(a name of {len(name)} characters)"
