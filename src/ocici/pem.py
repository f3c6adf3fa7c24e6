"""Repairs, loads, fingerprints and generates private keys.

The module that uses `cryptography`, which is imported where it is needed: importing `pem` costs nothing.
"""

from __future__ import annotations

import base64
import re
import string
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ocici import instead, repair
from ocici.blocks import MARK, MISMATCH, MISNAMED
from ocici.body import LABEL, QUOTES, SSH_PUBLIC, Block
from ocici.credentials import Secret
from ocici.findings import Refused, refused
from ocici.opener import LONGEST_PASS_PHRASE, SHORTEST, Opener, PrivateKey, fingerprint

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

__all__ = ["LIMIT", "Loaded", "Pair", "PrivateKey", "forms", "generate", "load", "public_fingerprint"]

LIMIT: Final = 65_536
"""Bytes that a key may have as it arrives: the longest that is read takes a third of it in base64 twice."""

_NO_PHRASE: Final = Secret()


@dataclass(frozen=True, slots=True)
class Loaded:
    """A key, and what of it and of its pass phrase had to be mended to read it: short phrases that hold no secret."""

    key: PrivateKey
    repairs: tuple[str, ...]
    pass_phrase_repairs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class Pair:
    """A new key: `private_pem` in PKCS#8, encrypted when a pass phrase was given; `public_pem` to be uploaded."""

    private_pem: Secret
    public_pem: bytes
    fingerprint: str

    def __repr__(self) -> str:
        return "Pair(***)"


def load(raw: Secret, pass_phrase: Secret, origin: str, pass_origin: str = "") -> Loaded:
    """The private key in `raw`, in whatever state it arrived.

    Parameters: `raw`, the key: PEM in any state, base64, DER. `pass_phrase`: empty is none; one that is not
    needed is fine. `origin`, `pass_origin`: where the two were read, for findings.

    Raises `Refused` with one finding that says what `raw` is instead, and nothing else.
    """
    found = _found(raw.reveal(), origin)
    private = [block for block in found.blocks if block.is_private]
    if not private:
        raise instead.refusal(found, origin)
    opener = Opener(pass_phrase, origin, pass_origin or "the variable of the pass phrase")
    opened: list[tuple[PrivateKey, tuple[str, ...]]] = []
    others: list[tuple[Block, Refused]] = []
    for block in dict.fromkeys(private):  # each must open: a damaged one may be the one meant
        try:
            opened.append(opener.open(block))
        except Refused as refusal:
            if block.label or refusal.findings[0].code not in ("key-is-public", "key-is-certificate"):
                raise
            others.append((block, refusal))  # nothing said that it is a private key, and it is none
    if not opened:
        raise others[0][1]
    count = len({key.fingerprint for key, _ in opened})
    if count > 1:
        raise refused("key-ambiguous", origin=origin, count=count)
    key, repairs = opened[0]
    publics = [block for block in found.blocks if "PUBLIC" in block.label]
    publics += [block for block, refusal in others if refusal.findings[0].code == "key-is-public"]
    halves = [half for block in publics if (half := _public_key(block))]
    if any(_fingerprint(half) != key.fingerprint for half in halves):
        raise refused("key-halves-differ", origin=origin)
    if MISMATCH in found.repairs:
        repairs = tuple(note for note in repairs if note != MISNAMED)  # one of the two lines may well be right
    notes = [*found.repairs, *repairs]
    if len(private) - len(others) > 1:
        notes.append("the same key stood in it more than once")
    if publics:
        notes.append("a public key stood beside it" if halves else "a damaged public key stood beside it")
    certified = any("CERTIFICATE" in block.label for block in found.blocks)
    if certified or any(refusal.findings[0].code == "key-is-certificate" for _, refusal in others):
        notes.append("a certificate stood beside it")
    return Loaded(key, tuple(dict.fromkeys(notes)), tuple(opener.repairs))


def public_fingerprint(raw: bytes, origin: str, pass_phrase: Secret = _NO_PHRASE, pass_origin: str = "") -> str:
    """The fingerprint of the private or public RSA key in `raw`: PEM, DER or OpenSSH's `ssh-rsa`, repaired alike.

    Raises `Refused` as `load` does.
    """
    found = _found(raw, origin)
    if not any("PRIVATE" in block.label for block in found.blocks):
        fingerprints = {_checked(half, origin) for block in found.blocks if (half := _public_key(block))}
        if len(fingerprints) > 1:
            detail = f"it has {len(fingerprints)} different public keys"
            raise refused("fingerprint-of-what", origin=origin, detail=detail)
        if fingerprints:
            return fingerprints.pop()
        for label in (block.label for block in found.blocks if "PUBLIC" in block.label):
            detail = "its public key is truncated or corrupted"
            if label.startswith(("SSH2", "PGP")):
                detail = f"its public key is in the format of {label[:4].strip()}, which is not read here"
            raise refused("fingerprint-of-what", origin=origin, detail=detail)
    try:
        return load(Secret(raw), pass_phrase, origin, pass_origin).key.fingerprint
    except Refused as refusal:
        if refusal.findings[0].code != "key-is-public":  # whose fix is to store the private one
            raise
        detail = "its public key is of a type or in a form that is not read here"
        raise refused("fingerprint-of-what", origin=origin, detail=detail) from None


def generate(bits: int, pass_phrase: Secret) -> Pair:
    """A new RSA pair of `bits` (2048, 3072 or 4096); encrypted when `pass_phrase` is not empty.

    Raises `Refused` when the pass phrase is longer than keys can be encrypted with.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if pass_phrase:
        if len(pass_phrase.reveal()) > LONGEST_PASS_PHRASE:
            detail = f"The pass phrase is longer than {LONGEST_PASS_PHRASE} bytes."
            raise refused("usage", command="keygen", detail=detail)
        encryption = serialization.BestAvailableEncryption(pass_phrase.reveal())
    key = rsa.generate_private_key(65537, bits)
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    public = key.public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return Pair(Secret(private), pem, fingerprint(public))


def _found(raw: bytes, origin: str) -> repair.Found:
    if len(raw) > LIMIT:
        raise refused("source-too-large", origin=origin, limit=LIMIT)
    found = repair.find(raw)
    if not found.blocks and not found.texts[-1].strip(QUOTES + string.whitespace):
        raise refused("secret-empty", origin=origin)
    return found


def _public_key(block: Block) -> PublicKeyTypes | None:
    """The public key in `block`, whatever its type; None when there is none that can be read."""
    import warnings

    from cryptography.exceptions import InternalError, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    with warnings.catch_warnings():  # of types that are deprecated, which is no matter here
        warnings.simplefilter("ignore")
        for reading in block.readings:
            try:
                if block.label == SSH_PUBLIC:
                    kind = reading.data[4 : 4 + int.from_bytes(reading.data[:4], "big")]
                    return serialization.load_ssh_public_key(kind + b" " + base64.b64encode(reading.data))
                return serialization.load_der_public_key(reading.data)
            except (ValueError, UnsupportedAlgorithm, InternalError, NotImplementedError):
                continue
    return None


def _fingerprint(key: PublicKeyTypes) -> str:
    """The fingerprint of `key`, empty when it is no RSA key."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    return fingerprint(key) if isinstance(key, rsa.RSAPublicKey) else ""


def _checked(key: PublicKeyTypes, origin: str) -> str:
    """The fingerprint of `key`, if it is one that OCI takes. Raises `Refused`."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    if not isinstance(key, rsa.RSAPublicKey):
        raise refused("key-not-rsa", origin=origin, kind=type(key).__name__.removesuffix("PublicKey"))
    if key.key_size < SHORTEST:
        raise refused("key-too-short", origin=origin, bits=key.key_size)
    return fingerprint(key)


# -- masks ------------------------------------------------------------------------------------------------------


def forms(raw: Secret, pem: Secret) -> list[str]:
    """Every one-line text of 8 characters or more that shows the key or a part of it: what a log must hide.

    `raw` is the key as it arrived, `pem` the clean one; either may be empty. BEGIN and END lines and OCI's
    label line are left out: they are no secret, and hiding them makes logs hard to read.
    """
    made: list[str] = []
    for secret in (raw, pem):
        data = secret.reveal()
        for text in repair.find(data).texts if len(data) <= LIMIT else (secret.text(),):
            lines = text.splitlines()
            words = re.split(r"\\+[rnt]?|[\s\"'`]+", LABEL.sub(" ", MARK.sub(" ", text)))
            made += lines
            made += [word for word in words if len(word) >= 16]  # lines that became words of one long line
            made += [joint.join(lines) for joint in (r"\n", r"\r\n", " ", "")]
        for whole in (data, data.strip(), data.strip() + b"\n", data[: len(data) // 3 * 3]):
            encoded = base64.b64encode(whole).decode()
            for width in (len(encoded) or 1, 76, 64):  # `base64 -w0`, `base64` and `openssl base64`
                made += [encoded[start : start + width] for start in range(0, len(encoded), width)]
    shown = (line.strip().strip("\"'`") for line in made)
    return [line for line in dict.fromkeys(shown) if len(line) >= 8 and not _is_open(line)]


def _is_open(line: str) -> bool:
    """Whether `line` is a BEGIN or END line, OCI's label or a header, and holds nothing of the key."""
    rest = LABEL.sub("", MARK.sub("", line))
    return line.lower().startswith("proc-type:") or (rest != line and len(rest.strip("- \t\\nr\"'")) < 8)
