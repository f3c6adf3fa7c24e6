"""Opens blocks: the bytes of a key in, a checked RSA key out, or a finding that says why not.

`cryptography` is imported where it is needed: importing this module costs nothing.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ocici import instead
from ocici.blocks import MISNAMED
from ocici.body import MASKED, Block, Reading, masked
from ocici.credentials import Secret
from ocici.findings import Refused, refused

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

SHORTEST: Final = 2048
"""Bits; OCI refuses the upload of less."""

LONGEST: Final = 8192
"""Bits; no tool makes longer ones, and to check them takes ever longer."""

LONGEST_PASS_PHRASE: Final = 1023
"""Bytes; cryptography takes no more."""

_CIPHERS = ("AES-128-CBC", "AES-256-CBC", "DES-EDE3-CBC")  # what cryptography reads of PKCS#1's own encryption
_DERIVATION = re.compile(
    rb"(?s)\x06(?:\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05.|\x0a\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01."
    rb"|\x09\x2b\x06\x01\x04\x01\xda\x47\x04\x0b)\x30.\x04(.)"
)
_CHANGED = "its numbers do not fit together: one character or more was changed"


@dataclass(frozen=True, slots=True, repr=False)
class PrivateKey:
    """An RSA key that was checked.

    `pem`: unencrypted PKCS#8 PEM, LF, 64 characters a line, final newline. `fingerprint`: as OCI names API
    keys, the MD5 of the DER SubjectPublicKeyInfo, lower case with colons. `bits`: of the modulus.
    """

    pem: Secret
    fingerprint: str
    bits: int

    def __repr__(self) -> str:
        return "PrivateKey(***)"


class Opener:
    """Opens blocks with one pass phrase, and remembers how that had to be mended."""

    def __init__(self, pass_phrase: Secret, origin: str, pass_origin: str) -> None:
        self.origin = origin
        self.pass_origin = pass_origin
        self.repairs: list[str] = []
        self._pass_phrase = pass_phrase

    def open(self, block: Block) -> tuple[PrivateKey, tuple[str, ...]]:
        """The key in `block`, and the repairs of the reading that it came from. Raises `Refused`."""
        if "OPENSSH" in block.label or block.inside.startswith(b"openssh-key-v1\0"):
            if kind := instead.openssh_kind(block.inside):
                raise refused("key-not-rsa", origin=self.origin, kind=f"{kind}, in OpenSSH's format")
            raise refused("key-is-openssh", origin=self.origin)
        if block.label.startswith(("SSH2", "PGP")):
            raise self._invalid(f"it holds a key in the format of {block.label[:4].strip()}")
        if block.cipher and block.cipher not in _CIPHERS:
            detail = f"it is encrypted with {block.cipher}, which is not read here (openssl pkey converts it)"
            raise self._invalid(detail)
        refusals: list[Refused] = []
        for reading in block.readings:
            try:
                key = self._checked(self._parsed(block, reading))
                return key, (*reading.repairs, *([MISNAMED] if _is_misnamed(block, reading) else []))
            except Refused as refusal:
                refusals.append(refusal)
        if refusals and (not block.fault or refusals[0].findings[0].code == "key-encrypted"):
            raise refusals[0]
        if block.fault == MASKED:
            raise refused("value-masked", origin=self.origin)
        if kind := instead.kind(b"", block.label):
            raise refused("key-not-rsa", origin=self.origin, kind=kind)
        raise self._corrupt(block.fault)

    def _parsed(self, block: Block, reading: Reading) -> object:
        """The key object, its numbers not yet checked."""
        from cryptography.exceptions import InternalError, UnsupportedAlgorithm

        unread = self._invalid("it is encrypted in a way that is not read here (openssl pkey converts it)")
        if not block.cipher and _is_endless(reading.data):
            raise unread
        try:
            return _parse(block, reading, None)
        except TypeError:  # cryptography says so when it is encrypted
            pass
        except (ValueError, UnsupportedAlgorithm, InternalError):
            raise self._not_private(block, reading) from None
        if not self._pass_phrase:
            raise refused("key-encrypted", origin=self.origin)
        for phrase, note in _phrases(self._pass_phrase.reveal()):
            try:
                key = _parse(block, reading, phrase)
            except ValueError:
                continue
            except (UnsupportedAlgorithm, InternalError, MemoryError):  # the last two: scrypt's parameters
                raise unread from None
            if note and note not in self.repairs:
                self.repairs.append(note)
            return key
        text = self._pass_phrase.text().strip()
        if masked(text):
            raise refused("value-masked", origin=self.pass_origin)
        if form := instead.unexpanded(text):
            raise refused("value-unexpanded", origin=self.pass_origin, form=form)
        if instead.is_null(text):
            raise refused("value-unset", origin=self.pass_origin)
        raise refused("pass-phrase-wrong", origin=self.origin, pass_origin=self.pass_origin)

    def _checked(self, key: object) -> PrivateKey:
        """`key`, if it is an RSA key that OCI takes and its numbers fit together."""
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import rsa

        if not isinstance(key, rsa.RSAPrivateKey):
            raise refused("key-not-rsa", origin=self.origin, kind=type(key).__name__.removesuffix("PrivateKey"))
        if key.key_size > LONGEST:
            raise self._invalid(f"it is an RSA key of {key.key_size} bits, and ocici reads up to {LONGEST}")
        if not _fits(key):
            raise self._corrupt(_CHANGED)
        if key.key_size < SHORTEST:
            raise refused("key-too-short", origin=self.origin, bits=key.key_size)
        if not _signs(key):
            raise self._corrupt(_CHANGED)
        encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        pem = key.private_bytes(encoding, form, serialization.NoEncryption())
        return PrivateKey(Secret(pem), fingerprint(key.public_key()), key.key_size)

    def _not_private(self, block: Block, reading: Reading) -> Refused:
        """What to say of whole DER that is no private key that can be read."""
        import warnings

        from cryptography import x509
        from cryptography.exceptions import InternalError, UnsupportedAlgorithm
        from cryptography.hazmat.primitives import serialization

        for loader, code, detail in (
            (serialization.load_der_public_key, "key-is-public", ""),
            (x509.load_der_x509_certificate, "key-is-certificate", ""),
            (x509.load_der_x509_csr, "key-is-certificate", " request"),
        ):
            try:
                with warnings.catch_warnings():  # of what is deprecated, which is no matter here
                    warnings.simplefilter("ignore")
                    loader(reading.data)
            except x509.InvalidVersion:
                pass
            except (ValueError, UnsupportedAlgorithm, InternalError):
                continue
            return refused(code, origin=self.origin, detail=detail)
        if instead.is_store(reading.data):
            return self._invalid("it is a PKCS#12 store (`openssl pkcs12 -in FILE -nocerts -nodes` takes the key out)")
        if kind := instead.kind(reading.data, block.label):
            return refused("key-not-rsa", origin=self.origin, kind=kind)
        return self._corrupt("its body decodes to something that is no key: one character or more was changed")

    def _corrupt(self, detail: str) -> Refused:
        return refused("key-corrupt", origin=self.origin, detail=detail)

    def _invalid(self, detail: str) -> Refused:
        return refused("invalid-key-format", origin=self.origin, detail=detail)


def _is_misnamed(block: Block, reading: Reading) -> bool:
    """Whether the BEGIN line names another form than that of the key in `reading`."""
    if block.cipher:
        form = "RSA PRIVATE KEY"
    elif reading.data[4:5] == b"0":
        form = "ENCRYPTED PRIVATE KEY"  # two sequences: how it is encrypted, and the key
    else:  # the number of its version, then a sequence (the kind of key) or the modulus
        form = "PRIVATE KEY" if reading.data[7:8] == b"0" else "RSA PRIVATE KEY"
    return block.label.replace(" ", "") not in ("", "ANYPRIVATEKEY", form.replace(" ", ""))


def _parse(block: Block, reading: Reading, pass_phrase: bytes | None) -> object:
    """The key in `reading`, unchecked. Raises TypeError when it is encrypted and `pass_phrase` is None."""
    from cryptography.hazmat.primitives import serialization

    if not block.cipher:
        return serialization.load_der_private_key(reading.data, pass_phrase, unsafe_skip_rsa_key_validation=True)
    import textwrap

    label = block.label if block.label.startswith(("EC ", "DSA ")) else "RSA PRIVATE KEY"
    head = f"-----BEGIN {label}-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: {block.cipher},{block.iv}\n"
    body = textwrap.wrap(base64.b64encode(reading.data).decode(), 64)  # older OpenSSL reads no longer lines
    pem = "\n".join([head, *body, f"-----END {label}-----\n"])
    return serialization.load_pem_private_key(pem.encode(), pass_phrase, unsafe_skip_rsa_key_validation=True)


def _is_endless(der: bytes) -> bool:
    """Whether `der` is encrypted with 16 million rounds or more: years, if the number was damaged.

    Salt and number of rounds follow the identifier of PBKDF2, scrypt, and PKCS#5's and PKCS#12's older ways
    alike (RFC 8018, RFC 7914, RFC 7292).
    """
    if not (start := _DERIVATION.search(der, 0, 100)):
        return False
    rounds = der[start.end() + start[1][0] :]
    return rounds[:1] == b"\x02" and rounds[1:2] >= b"\x04"


def _phrases(phrase: bytes) -> list[tuple[bytes, str]]:
    """The pass phrase as it is, then without what a secret store may have added."""
    stripped = phrase.strip(b" \t\r\n")
    tries = [
        (phrase, ""),
        (phrase.rstrip(b"\r\n"), "a line end stood after it"),
        (stripped, "spaces stood round it"),
    ]
    if len(stripped) > 2 and stripped[:1] == stripped[-1:] and stripped[:1] in (b'"', b"'"):
        tries.append((stripped[1:-1], "quotes stood round it"))
    notes: dict[bytes, str] = {}
    for attempt, note in tries:
        if 0 < len(attempt) <= LONGEST_PASS_PHRASE:
            notes.setdefault(attempt, note)
    return list(notes.items())


def _fits(key: RSAPrivateKey) -> bool:
    """Whether the numbers of `key` belong together."""
    numbers = key.private_numbers()
    p, q, d, e, n = numbers.p, numbers.q, numbers.d, numbers.public_numbers.e, numbers.public_numbers.n
    if min(p, q, d, e) < 3 or min(p, q).bit_length() * 4 < n.bit_length() or p * q != n:
        return False  # the factors of a real key are of one size
    if e * d % (p - 1) != 1 or e * d % (q - 1) != 1:
        return False
    return (numbers.dmp1, numbers.dmq1, numbers.iqmp * q % p) == (d % (p - 1), d % (q - 1), 1)


def _signs(key: RSAPrivateKey) -> bool:
    """Whether the public half of `key` verifies what the private half signs.

    This is what a key is for. OpenSSL's own check also tests whether p and q are primes, which takes 27 times as long;
    where all other numbers fit (see `_fits`) and p or q is none, the signature is wrong.
    """
    from cryptography.exceptions import InternalError, InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    try:
        key.public_key().verify(key.sign(b"ocici", PKCS1v15(), SHA256()), b"ocici", PKCS1v15(), SHA256())
    except (ValueError, InternalError, InvalidSignature):
        return False
    return True


def fingerprint(key: RSAPublicKey) -> str:
    """As OCI names API keys: the MD5 of the DER SubjectPublicKeyInfo, lower case with colons."""
    from cryptography.hazmat.primitives import serialization

    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.md5(der, usedforsecurity=False).digest().hex(":")
