"""Instead: what a text is when it is no private key, told by its shape alone. Standard library only."""

from __future__ import annotations

import re
from typing import Final

from ocici.body import masked
from ocici.findings import Refused, refused
from ocici.repair import Found

_REFERENCES = (
    (r"\$\{\{.{0,200}\}\}", "${{ … }}"),  # GitHub
    (r"\{\{.{0,200}\}\}", "{{ … }}"),  # Ansible, Jinja, Helm
    (r"\$\[\[.{0,200}\]\]", "$[[ … ]]"),  # GitLab's inputs
    (r"\$\{[^{}]{1,200}\}", "${…}"),  # shells, Terraform
    (r"\$\([^()]{1,200}\)", "$(…)"),  # shells, Azure, Tekton
    (r"\\?\${1,2}[A-Za-z_]\w{0,200}", "$NAME"),
    (r"file\([^()]{1,200}\)", "file(…)"),  # Terraform
    (
        r"(?:(?:op|vault|ref\+\w{1,20})://|secretref:)\S{1,400}",
        "a reference to a secret store",
    ),  # 1Password, Vault, vals
    (r"%[A-Za-z_]\w{0,200}%", "%NAME%"),
    (r"\$env:\w{1,200}", "$env:NAME"),
)

_IDENTIFIERS: Final = {  # object identifiers as they stand at the start of a key's DER
    bytes.fromhex("06072a8648ce3d0201"): "EC",
    bytes.fromhex("06072a8648ce380401"): "DSA",
    bytes.fromhex("06032b6570"): "Ed25519",
    bytes.fromhex("06032b6571"): "Ed448",
    bytes.fromhex("06032b656e"): "X25519",
    bytes.fromhex("06032b656f"): "X448",
    bytes.fromhex("06092a864886f70d010301"): "DH",
}
_OPENSSH = {  # as the names of types begin
    "ssh-ed25519": "Ed25519",
    "ecdsa-sha2-": "EC",
    "ssh-dss": "DSA",
    "sk-ssh-ed25519": "Ed25519 (of a security key)",
    "sk-ecdsa-sha2-": "EC (of a security key)",
}
_PKCS12 = bytes.fromhex("06092a864886f70d010701")


def refusal(found: Found, origin: str) -> Refused:
    """What to say of a text in which there is no private key."""
    labels = [block.label for block in found.blocks]
    text = found.texts[0].strip(" \t\r\n\"'`") if found.texts else ""
    if any("PUBLIC" in label for label in labels):
        return refused("key-is-public", origin=origin)
    if any("CERTIFICATE" in label or label == "PKCS7" for label in labels):
        request = all("REQUEST" in label for label in labels)
        return refused("key-is-certificate", origin=origin, detail=" request" if request else "")
    if labels:
        return refused("invalid-key-format", origin=origin, detail=f"it holds {labels[0]} and nothing else")
    for inner in (inner.lstrip() for inner in found.texts):
        if "PuTTY-User-Key-File-" in inner:
            return refused("key-is-putty", origin=origin)
        if "b3BlbnNzaC1rZXktdjEA" in inner:  # "openssh-key-v1" and a zero
            return refused("key-is-openssh", origin=origin)
        if re.match(r"(?:ssh-|ecdsa-sha2-|sk-)\S{1,60} AAAA|AAAA[A-E][23]N", inner):  # or the length of its type's name
            return refused("key-is-public", origin=origin)
    if masked(text):
        return refused("value-masked", origin=origin)
    if form := unexpanded(text):
        return refused("value-unexpanded", origin=origin, form=form)
    if is_null(text):
        return refused("value-unset", origin=origin)
    if _is_path(text):
        return refused("key-is-path", origin=origin)
    return refused("invalid-key-format", origin=origin, detail=_described(found, text))


def is_null(text: str) -> bool:
    """Whether `text` is what a language prints of a variable that is not set."""
    return text.lower().strip("()<>\"' \r\n") in ("null", "none", "undefined", "nil", "no value")


def unexpanded(text: str) -> str:
    """The form of the reference to a variable that `text` is; empty when it is none."""
    return next((form for pattern, form in _REFERENCES if re.fullmatch(pattern, text)), "")


def kind(der: bytes, label: str) -> str:
    """The type that `der` says it is of, where it is a private key of no RSA type; else empty."""
    named = label.split(" ")[0] if label.startswith(("EC ", "DSA ")) else ""
    return next((kind for identifier, kind in _IDENTIFIERS.items() if identifier in der[:40]), named)


def openssh_kind(data: bytes) -> str:
    """The type of the key in OpenSSH's own format `data`, where it is no RSA key; else empty.

    The public part, which is never encrypted, names it: after the magic word, the cipher, how the pass phrase is
    turned into a key, the parameters of that, and the number of keys (OpenSSH's PROTOCOL.key).
    """
    rest = data.removeprefix(b"openssh-key-v1\0")
    for _ in range(3):
        rest = rest[4 + int.from_bytes(rest[:4], "big") :]
    name = rest[12 : 12 + int.from_bytes(rest[8:12], "big")].decode("ascii", "replace")
    return next((kind for start, kind in _OPENSSH.items() if name.startswith(start)), "")


def is_store(der: bytes) -> bool:
    """Whether `der` is a PKCS#12 store."""
    return _PKCS12 in der[:40]


def _is_path(text: str) -> bool:
    if "\n" in text or not 1 < len(text) < 256 or re.match(r"(?!file:)\w+://", text):
        return False
    return bool(
        re.match(r"(?:~|\.{1,2}|file:/|@)?[/\\]|[A-Za-z]:[/\\]", text) or re.search(r"\.(?:pem|key|der|p8|ppk)$", text)
    )


def _described(found: Found, text: str) -> str:
    for inner in (text, found.texts[-1] if found.texts else ""):
        if told := _shape(inner.strip()):
            return told
    if found.depth and len(text) >= _LONG:  # shorter, it may be any word
        return "it is base64, but not of a key"
    return f"it is a text of {len(text)} character{'s'[: len(text) != 1]} without a BEGIN line of a private key"


_LONG = 64
_SHAPES = (
    (r"ocid1\.", "it holds an OCID"),
    (r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){7,31}$", "it holds a fingerprint"),
    (r"0[\ufffd\u201a\x82]", "it holds a binary key (DER) that was stored as text, which destroys it"),
    (
        r"(?s:.*\n)?[ \t]{0,9}key_file[ \t]{0,9}[=:]",
        "it holds an OCI config without the key, which is in a file of its own",
    ),
    (r"\$ANSIBLE_VAULT;", "it is still encrypted, by Ansible Vault"),
    (r"ENC\[", "it is still encrypted, by SOPS"),
    (r"vault:v\d", "it is still encrypted, by Vault's transit engine"),
    (r"\{A[A-Za-z0-9+/]{20,}={0,2}\}$", "it is a secret as Jenkins encrypts it in its own files"),
    (r"version https://git-lfs", "it is a pointer of Git LFS, and not the file"),
    (r"\{(?s:.*)\"kty\"", "it holds a JSON Web Key, and OCI's tools read PEM alone"),
    (r"\{", "it holds JSON without a key in it"),
    (r"(?i:<!doctype|<html)", "it holds a page of HTML, perhaps one that asks to sign in"),
    (r"https?://", "it holds a URL"),
)


def _shape(text: str) -> str:
    """What `text` looks like; empty when it looks like nothing that is known."""
    if begin := re.search(r"-BEGIN ([A-Z0-9][A-Z0-9 ]{0,40})-", text):
        return f"it holds {begin[1]}, which is no private key"
    return next((told for pattern, told in _SHAPES if re.match(pattern, text)), "")
