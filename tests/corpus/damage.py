"""The corpus: what happens to a private key on its way through secret stores, made from fresh keys.

No key is ever committed. `DAMAGES` are repairable and compose: each takes the key's bytes and a source of
chance, and gives the bytes as they arrive. `rows` is the whole corpus: every damage and every refusal, one
case each, with what ocici must say of it.
"""

from __future__ import annotations

import base64
import datetime
import html
import re
import textwrap
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from random import Random

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

PASS_PHRASE = b"troubadour and three"
FORMS = ("pkcs8", "pkcs1", "pkcs8-encrypted", "pkcs1-encrypted")

PEM = serialization.Encoding.PEM
DER = serialization.Encoding.DER
PKCS8 = serialization.PrivateFormat.PKCS8
PKCS1 = serialization.PrivateFormat.TraditionalOpenSSL
SPKI = serialization.PublicFormat.SubjectPublicKeyInfo
CLEAR = serialization.NoEncryption()


@cache
def key(number: int = 0, bits: int = 2048) -> rsa.RSAPrivateKey:
    """The RSA key `number` of this run."""
    return rsa.generate_private_key(65537, bits)


def pem(private: rsa.RSAPrivateKey, form: str = "pkcs8") -> bytes:
    """`private` as OCI, OpenSSL and others write it, in one of FORMS."""
    encrypted = serialization.BestAvailableEncryption(PASS_PHRASE) if form.endswith("encrypted") else CLEAR
    return private.private_bytes(PEM, PKCS1 if form.startswith("pkcs1") else PKCS8, encrypted)


def public(private: rsa.RSAPrivateKey) -> bytes:
    """The public half, as it is uploaded to OCI."""
    return private.public_key().public_bytes(PEM, SPKI)


@cache
def certificate(names: int = 1) -> x509.Certificate:
    """A self-signed certificate for key 0 with so many alternative `names`, of 20 bytes each."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ocici test")])
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key().public_key())
    builder = builder.serial_number(1).not_valid_before(start).not_valid_after(start + datetime.timedelta(days=9))
    alternatives = [x509.DNSName(f"host-{number:03}.example") for number in range(names)]
    return builder.add_extension(x509.SubjectAlternativeName(alternatives), False).sign(key(), hashes.SHA256())


# -- damages that are repaired ----------------------------------------------------------------------------

Damage = Callable[[bytes, Random], bytes]


def replaced(old: bytes, new: bytes) -> Damage:
    """The damage that puts `new` for every `old`."""
    return lambda data, chance: data.replace(old, new)


def around(before: str, after: str) -> Damage:
    """The damage that puts text round the key."""
    return lambda data, chance: before.encode() + data + after.encode()


def on_lines(change: Callable[[str, Random], str]) -> Damage:
    """The damage that changes each line."""

    def damage(data: bytes, chance: Random) -> bytes:
        lines = data.decode("utf-8", "surrogateescape").split("\n")
        return "\n".join(change(line, chance) if line else line for line in lines).encode("utf-8", "surrogateescape")

    return damage


def on_marks(pattern: bytes, new: bytes | Callable[[re.Match[bytes]], bytes]) -> Damage:
    """The damage that changes the BEGIN and END lines."""
    return lambda data, chance: re.sub(pattern, new, data)


def rewrapped(data: bytes, chance: Random) -> bytes:
    """The body at another width."""
    width = chance.choice([19, 32, 48, 65, 70, 76, 128, 10_000])

    def wrap(match: re.Match[bytes]) -> bytes:
        lines = textwrap.wrap(match[2].replace(b"\n", b"").decode("latin-1"), width)
        return match[1] + "\n".join(lines).encode("latin-1") + b"\n" + match[3]

    return re.sub(rb"(KEY-----\n(?:Proc-Type.*\n.*\n\n)?)([A-Za-z0-9+/=\n]+)(-----END)", wrap, data)


def in_base64(data: bytes, chance: Random) -> bytes:
    """Base64 in one line, as `base64 -w0` prints it."""
    return base64.b64encode(data)


def in_wrapped_base64(data: bytes, chance: Random) -> bytes:
    """Base64 at 76 characters a line, as `base64` prints it."""
    return base64.encodebytes(data)


def in_url_safe_base64(data: bytes, chance: Random) -> bytes:
    """Base64 with - and _, with or without its padding."""
    return base64.urlsafe_b64encode(data).rstrip(chance.choice([b"", b"="]))


def in_utf16(data: bytes, chance: Random) -> bytes:
    """UTF-16, as PowerShell's `>` writes it."""
    text = data.decode("utf-8", "replace")
    return text.encode(chance.choice(["utf-16", "utf-16-le", "utf-16-be"]))


def as_der(data: bytes, chance: Random) -> bytes:
    """The binary form."""
    try:
        private = serialization.load_pem_private_key(data, None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError):  # encrypted, or damaged already
        return data
    return private.private_bytes(DER, chance.choice([PKCS8, PKCS1]), CLEAR)


def own_half(data: bytes) -> bytes:
    """The public half of the key in `data`, which must not be damaged; nothing when it is."""
    for phrase in (None, PASS_PHRASE):
        try:
            private = serialization.load_pem_private_key(data, phrase, unsafe_skip_rsa_key_validation=True)
        except (ValueError, TypeError):  # encrypted or not, or damaged already
            continue
        assert isinstance(private, rsa.RSAPrivateKey)
        return public(private)
    return b""


def with_public_half(data: bytes, chance: Random) -> bytes:
    """Both files of the pair, one after the other."""
    return beside(data, own_half(data), chance)


def beside(data: bytes, half: bytes, chance: Random) -> bytes:
    """`data` and the public key `half`, one after the other."""
    return chance.choice([data.rstrip(b"\n") + b"\n" + half, half + data])


def by_certutil(data: bytes, chance: Random) -> bytes:
    """As `certutil -encode` of Windows writes any file: as if it were a certificate."""
    lines = base64.b64encode(data).decode()
    body = "\r\n".join(lines[start : start + 64] for start in range(0, len(lines), 64))
    return f"-----BEGIN CERTIFICATE-----\r\n{body}\r\n-----END CERTIFICATE-----\r\n".encode()


def with_certificate(data: bytes, chance: Random) -> bytes:
    """The key and a certificate, as web servers want them."""
    return data + b"\n" + certificate().public_bytes(PEM)


def cut_dashes(data: bytes, chance: Random) -> bytes:
    """Dashes of another number or kind, as word processors and careless copying leave them."""
    dashes = chance.choice(["-", "---", "----", "------", "\u2014-", "\u2013\u2013", "\u2014\u2014-"])
    return data.replace(b"-----", dashes.encode())


def labelled(data: bytes, chance: Random) -> bytes:
    """OCI's label line, in the ways in which it is put there."""
    label = chance.choice(["OCI_API_KEY\n", "OCI_API_KEY", "oci_api_key\n", "# OCI_API_KEY", "\nOCI_API_KEY\n\n"])
    return data.rstrip(b"\n") + chance.choice([b"\n", b"\n", b""]) + label.encode()


def quoted(data: bytes, chance: Random) -> bytes:
    """Quotes of one kind or another round it."""
    marks = chance.choice(['""', "''", "``", "\u201c\u201d", "\u2018\u2019"])
    return marks[0].encode() + data + marks[1].encode()


def with_blank_lines(data: bytes, chance: Random) -> bytes:
    """Blank lines before, after and between."""
    return b"\n\n" + data.replace(b"\n", b"\n\n") + b"  \n"


DAMAGES: dict[str, Damage] = {
    r"literal \n": replaced(b"\n", b"\\n"),
    r"literal \r\n": replaced(b"\n", b"\\r\\n"),
    r"literal \\n": replaced(b"\n", b"\\\\n"),
    "n for newline": replaced(b"\n", b"n"),
    "CRLF": replaced(b"\n", b"\r\n"),
    "CR alone": replaced(b"\n", b"\r"),
    "byte-order mark": around("\ufeff", ""),
    "UTF-16": in_utf16,
    "quotes": quoted,
    "quotes round each line": on_lines(lambda line, chance: f'"{line}"'),
    "leading spaces": around("   \n \t", ""),
    "trailing spaces": around("", "  \n \n"),
    "blank lines": with_blank_lines,
    "indentation": on_lines(lambda line, chance: "    " + line),
    "tabs": on_lines(lambda line, chance: "\t" + line + "\t"),
    "quoted mail": on_lines(lambda line, chance: "> " + line),
    "one line with spaces": replaced(b"\n", b" "),
    "one line": replaced(b"\n", b""),
    "spaces into newlines": replaced(b" ", b"\n"),
    "plus into spaces": replaced(b"+", b" "),
    "no final newline": lambda data, chance: data.rstrip(b"\n"),
    "other width": rewrapped,
    "base64": in_base64,
    "base64, wrapped": in_wrapped_base64,
    "base64, URL-safe": in_url_safe_base64,
    "base64 twice": lambda data, chance: base64.b64encode(base64.b64encode(data)),
    "certutil -encode": by_certutil,
    "URL-safe body": lambda data, chance: re.sub(
        rb"(?<=-----\n)[^-]+(?=-----END)", lambda m: m[0].translate(bytes.maketrans(b"+/", b"-_")), data
    ),
    "no padding": replaced(b"=", b""),
    "label line": labelled,
    "label line twice": around("", "OCI_API_KEY\nOCI_API_KEY\n"),
    "name before": lambda data, chance: (
        chance.choice([b"key_content=", b"key: ", b"export OCI_KEY=", b"private_key = "]) + data
    ),
    "YAML block": lambda data, chance: b"key: |\n" + re.sub(rb"(?m)^(?=.)", b"  ", data),
    "prompt before": around("user@host:~$ cat oci_api_key.pem\n", ""),
    "comment before": around("# our key for CI, do not share\n", ""),
    "bag attributes": around("Bag Attributes\n    localKeyID: 01 02 AB\nKey Attributes: <No Attributes>\n", ""),
    "text after": around("", "\nuser@host:~$ "),
    "public half beside it": with_public_half,
    "certificate beside it": with_certificate,
    "same key twice": lambda data, chance: data + b"\n" + data,
    "dashes": cut_dashes,
    "zero-width spaces": on_lines(lambda line, chance: line[:9] + "\u200b" + line[9:] + "\u200b"),
    "non-breaking spaces": replaced(b" ", "\u00a0".encode()),
    "HTML-escaped": lambda data, chance: html.escape(data.decode("latin-1")).replace("\n", "<br>").encode("latin-1"),
    "URL-encoded": lambda data, chance: urllib.parse.quote(data, safe=chance.choice(["", "/"])).encode(),
    "slashes escaped": replaced(b"/", b"\\/"),
    "backslash at line ends": replaced(b"\n", b"\\\n"),
    "no BEGIN line": on_marks(rb"-----BEGIN [A-Z ]+-----\s*", b""),
    "no END line": on_marks(rb"\s*-----END [A-Z ]+-----", b""),
    "no BEGIN and END lines": on_marks(rb"\s*-----(?:BEGIN|END) [A-Z ]+-----\s*", b""),
    "wrong BEGIN line": on_marks(
        rb"BEGIN (RSA )?PRIVATE", lambda m: b"BEGIN PRIVATE" if m[1] else b"BEGIN RSA PRIVATE"
    ),
    "DER": as_der,
}

_BREAKS = r"newline|line ?break|line end|one line|single line|\\n"
_SPACES = r"space|blank|indent|white"
_BASE64 = r"base64|base-64"
_MARKS = r"(?:begin|end|start|header|footer|delimiter|pem).{0,20}(?:line|marker|missing|not found)|no begin|no end"

# What a tool's message has to say, in lower case, to name the damage when it does not read the key.
CAUSES: dict[str, str] = {
    r"literal \n": _BREAKS,
    r"literal \r\n": _BREAKS,
    r"literal \\n": _BREAKS,
    "n for newline": _BREAKS,
    "CRLF": r"crlf|windows|" + _BREAKS,
    "CR alone": r"\bcr\b|carriage|" + _BREAKS,
    "byte-order mark": r"byte.?order|\bbom\b",
    "UTF-16": r"utf|encoding|unicode",
    "quotes": r"quot",
    "quotes round each line": r"quot",
    "leading spaces": _SPACES,
    "trailing spaces": _SPACES,
    "blank lines": _SPACES,
    "indentation": _SPACES,
    "tabs": r"tab|" + _SPACES,
    "quoted mail": r">|quot|prefix",
    "one line with spaces": _BREAKS + "|" + _SPACES,
    "one line": _BREAKS,
    "spaces into newlines": _BREAKS + "|" + _MARKS,
    "plus into spaces": r"plus|\+|" + _SPACES,
    "no final newline": _BREAKS,
    "other width": r"width|wrap|line length|long line",
    "base64": _BASE64,
    "base64, wrapped": _BASE64,
    "base64, URL-safe": _BASE64,
    "base64 twice": _BASE64,
    "certutil -encode": r"certutil|" + _BASE64,
    "URL-safe body": r"url-?safe|" + _BASE64,
    "no padding": r"padding",
    "label line": r"label|after",
    "label line twice": r"label|after",
    "name before": r"before|prefix|leading",
    "YAML block": r"before|prefix|yaml|indent",
    "prompt before": r"before|prefix|leading",
    "comment before": r"before|prefix|comment",
    "bag attributes": r"before|prefix|attributes",
    "text after": r"after|trailing",
    "public half beside it": r"public",
    "certificate beside it": r"certificate",
    "same key twice": r"twice|more than one|two keys",
    "dashes": r"dash|hyphen|" + _MARKS,
    "zero-width spaces": r"invisible|zero.?width|non-ascii|unicode",
    "non-breaking spaces": r"non-?breaking|non-ascii|unicode",
    "HTML-escaped": r"html|<br>|escap",
    "URL-encoded": r"url|percent|%",
    "slashes escaped": r"escap|backslash",
    "backslash at line ends": r"escap|backslash",
    "no BEGIN line": _MARKS,
    "no END line": _MARKS,
    "no BEGIN and END lines": _MARKS,
    "wrong BEGIN line": r"mismatch|do(?:es)? not match|pkcs#?[18]|header",
    "DER": r"\bder\b|binary|" + _MARKS,
}


def chain(data: bytes, chance: Random, length: int) -> tuple[bytes, list[str]]:
    """`data` after `length` damages drawn by chance, and their names."""
    names = [chance.choice(list(DAMAGES)) for _ in range(length)]
    half = own_half(data) if "public half beside it" in names else b""  # later it is too damaged to tell
    for name in names:
        data = beside(data, half, chance) if name == "public half beside it" else DAMAGES[name](data, chance)
    return data, names


# -- what is refused ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """One case of the corpus.

    `code`: the finding that ocici must give, empty when it must read the key. `cause`: a regular expression
    for the words, in lower case, that name this cause: what a reader needs to find in a message.
    """

    name: str
    data: bytes
    code: str = ""
    cause: str = ""
    pass_phrase: bytes = b""


def _lines(data: bytes, change: Callable[[list[bytes]], list[bytes]]) -> bytes:
    return b"\n".join(change(data.split(b"\n")))


def _flipped(data: bytes, line: int, column: int = 20) -> bytes:
    """`data` with one character of one line changed into another of base64."""

    def change(lines: list[bytes]) -> list[bytes]:
        old = lines[line]
        lines[line] = old[:column] + (b"B" if old[column : column + 1] == b"A" else b"A") + old[column + 1 :]
        return lines

    return _lines(data, change)


def rows() -> list[Row]:
    """The whole corpus: damages first, then refusals."""
    chance = Random(6)
    good = pem(key(), "pkcs8")
    cases: list[Row] = []
    for form in FORMS:
        phrase = PASS_PHRASE if form.endswith("encrypted") else b""
        cases.append(Row(form, pem(key(), form), pass_phrase=phrase))
    for name, damage in DAMAGES.items():
        cases.append(Row(name, damage(good, chance), cause=CAUSES[name]))
    return cases + refusals()


def refusals() -> list[Row]:
    """The rows that ocici must refuse."""
    private = key()
    good, traditional = pem(private, "pkcs8"), pem(private, "pkcs1")
    locked, locked1 = pem(private, "pkcs8-encrypted"), pem(private, "pkcs1-encrypted")
    der = private.private_bytes(DER, PKCS8, CLEAR)
    csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(private, hashes.SHA256())
    curve, edwards, montgomery = (
        ec.generate_private_key(ec.SECP256R1()),
        ed25519.Ed25519PrivateKey.generate(),
        x25519.X25519PrivateKey.generate(),
    )
    discrete = dsa.generate_private_key(1024)
    middle = len(good.split(b"\n")) // 2
    half = public(private)
    body = re.sub(rb"-----.*-----\n", b"", half)
    changed = (
        r"corrupt|inconsistent|not fit|do(?:es)? not match|character.* changed|not ok|not prime|congruent"
        r"|invalid.*key.*(?:number|value)|altered"
    )
    cut = r"truncat|cut|missing|incomplete|too short|end line|no end|end marker"
    return [
        Row("nothing", b"", "secret-empty", r"empty|no key|missing"),
        Row("spaces alone", b" \n\t\n", "secret-empty", r"empty|no key|blank"),
        Row(r"a literal \n alone", rb"\n", "secret-empty", r"empty|no key|blank"),
        Row("a non-breaking space alone", b"\xc2\xa0", "secret-empty", r"empty|no key|blank"),
        Row("a byte-order mark alone", b"\xef\xbb\xbf", "secret-empty", r"empty|no key|blank"),
        Row("quotes alone", b'""', "secret-empty", r"empty|no key|blank"),
        Row("null", b"null", "value-unset", r"not set|null|undefined"),
        Row("public key", half, "key-is-public", r"public key"),
        Row(
            "public key, PKCS#1",
            private.public_key().public_bytes(PEM, serialization.PublicFormat.PKCS1),
            "key-is-public",
            r"public key",
        ),
        Row("public key, DER", private.public_key().public_bytes(DER, SPKI), "key-is-public", r"public key"),
        Row("public key, one line", half.replace(b"\n", b" "), "key-is-public", r"public key"),
        Row("public key, base64", base64.b64encode(half), "key-is-public", r"public key"),
        Row(
            "public key under a private BEGIN line",
            b"-----BEGIN PRIVATE KEY-----\n" + body + b"-----END PRIVATE KEY-----\n",
            "key-is-public",
            r"public key",
        ),
        Row(
            "public key, OpenSSH",
            private.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH),
            "key-is-public",
            r"public key",
        ),
        Row("certificate", certificate().public_bytes(PEM), "key-is-certificate", r"certificate"),
        Row("certificate, DER", certificate().public_bytes(DER), "key-is-certificate", r"certificate"),
        Row("certificate request", csr.public_bytes(PEM), "key-is-certificate", r"certificate"),
        Row(
            "OpenSSH",
            private.private_bytes(PEM, serialization.PrivateFormat.OpenSSH, CLEAR),
            "key-is-openssh",
            r"openssh",
        ),
        Row(
            "OpenSSH, Ed25519",
            edwards.private_bytes(PEM, serialization.PrivateFormat.OpenSSH, CLEAR),
            "key-not-rsa",
            r"ed25519|not an rsa",
        ),
        Row(
            "OpenSSH, EC",
            curve.private_bytes(PEM, serialization.PrivateFormat.OpenSSH, CLEAR),
            "key-not-rsa",
            r"\bec(?:privatekey)?\b|ecdsa|elliptic|not an rsa",
        ),
        Row(
            "PuTTY",
            b"PuTTY-User-Key-File-3: ssh-rsa\nEncryption: none\nComment: key\nPublic-Lines: 6\nAAAAB3NzaC1yc2E=\n",
            "key-is-putty",
            r"putty",
        ),
        Row(
            "PGP",
            b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQOY\n-----END PGP PRIVATE KEY BLOCK-----\n",
            "invalid-key-format",
            r"pgp",
        ),
        Row(
            "PKCS#12",
            pkcs12.serialize_key_and_certificates(None, private, certificate(), None, CLEAR),
            "invalid-key-format",
            r"pkcs ?#?12|p12",
        ),
        Row(
            "EC, cut",
            curve.private_bytes(PEM, PKCS1, CLEAR)[:100],
            "key-not-rsa",
            r"\bec(?:privatekey)?\b|elliptic|not an rsa",
        ),
        Row("EC", curve.private_bytes(PEM, PKCS1, CLEAR), "key-not-rsa", r"\bec(?:privatekey)?\b|elliptic|not an rsa"),
        Row(
            "EC, PKCS#8",
            curve.private_bytes(PEM, PKCS8, CLEAR),
            "key-not-rsa",
            r"\bec(?:privatekey)?\b|elliptic|not an rsa",
        ),
        Row("Ed25519", edwards.private_bytes(PEM, PKCS8, CLEAR), "key-not-rsa", r"ed25519|not an rsa"),
        Row("X25519", montgomery.private_bytes(PEM, PKCS8, CLEAR), "key-not-rsa", r"x25519|not an rsa"),
        Row("DSA", discrete.private_bytes(PEM, PKCS1, CLEAR), "key-not-rsa", r"\bdsa|not an rsa"),
        Row("DSA, PKCS#8", discrete.private_bytes(PEM, PKCS8, CLEAR), "key-not-rsa", r"\bdsa|not an rsa"),
        Row(
            "EC, encrypted",
            curve.private_bytes(PEM, PKCS8, serialization.BestAvailableEncryption(PASS_PHRASE)),
            "key-not-rsa",
            r"\bec(?:privatekey)?\b|elliptic|not an rsa",
            PASS_PHRASE,
        ),
        Row("RSA of 1024 bits", pem(key(0, 1024)), "key-too-short", r"1024 bit|too (?:short|small)|2048"),
        Row("second half missing", _lines(good, lambda lines: lines[:middle]), "key-corrupt", cut),
        Row("second half missing, base64", base64.b64encode(good)[:1000], "key-corrupt", cut),
        Row("END line cut", good[:-12].replace(b"=", b"")[:-60], "key-corrupt", cut),
        Row("a line missing", _lines(good, lambda lines: lines[:middle] + lines[middle + 1 :]), "key-corrupt", cut),
        Row("a character missing", good[:400] + good[401:], "key-corrupt", cut),
        Row("DER, cut", der[:-100], "key-corrupt", cut),
        Row("DER, base64, cut", base64.b64encode(der)[:-100], "key-corrupt", cut),
        Row("a character changed", _flipped(good, middle), "key-corrupt", changed),
        Row("a character changed, PKCS#1", _flipped(traditional, middle), "key-corrupt", changed),
        Row(
            "the first character changed",
            _flipped(good, 1, 0),
            "key-corrupt",
            changed + "|something that is no key",
        ),
        Row("a character changed, encrypted", _flipped(locked, middle), "key-corrupt", changed, PASS_PHRASE),
        Row(
            "two lines exchanged",
            _lines(good, lambda lines: [*lines[:middle], lines[middle + 1], lines[middle], *lines[middle + 2 :]]),
            "key-corrupt",
            changed,
        ),
        Row("a foreign character", good[:400] + b"*" + good[401:], "key-corrupt", r"base64"),
        Row(
            "nothing between the lines",
            b"-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n",
            "key-corrupt",
            r"nothing|empty|no body",
        ),
        Row("BEGIN line alone", b"-----BEGIN PRIVATE KEY-----\n", "key-corrupt", r"nothing|empty|no body|" + cut),
        Row(
            "lower case",
            good.lower()
            .replace(b"begin private key", b"BEGIN PRIVATE KEY")
            .replace(b"end private key", b"END PRIVATE KEY"),
            "key-corrupt",
            r"one case|lower.?case",
        ),
        Row(
            "masked body",
            b"-----BEGIN PRIVATE KEY-----\n***\n***\n-----END PRIVATE KEY-----\n",
            "value-masked",
            r"mask|asterisk|\*\*\*",
        ),
        Row("DER as text", der.decode("utf-8", "replace").encode(), "invalid-key-format", r"binary|\bder\b"),
        Row("encrypted, no pass phrase", locked, "key-encrypted", r"pass ?phrase|password|encrypted"),
        Row("encrypted PKCS#1, no pass phrase", locked1, "key-encrypted", r"pass ?phrase|password|encrypted"),
        Row(
            "encrypted, wrong pass phrase",
            locked,
            "pass-phrase-wrong",
            r"(?:wrong|incorrect|bad|maybe).{0,30}(?:pass|password|decrypt)|pass ?phrase is incorrect|does not open",
            b"wrong",
        ),
        Row(
            "encrypted PKCS#1, wrong pass phrase",
            locked1,
            "pass-phrase-wrong",
            r"(?:wrong|incorrect|bad|maybe).{0,30}(?:pass|password|decrypt)|pass ?phrase is incorrect|does not open",
            b"wrong",
        ),
        Row(
            "encrypted, pass phrase unexpanded",
            locked,
            "value-unexpanded",
            r"expand|reference to a variable",
            b"${OCI_PASS}",
        ),
        Row("encrypted, pass phrase masked", locked, "value-masked", r"mask|asterisk", b"***"),
        Row(
            "encrypted PKCS#1 without its headers",
            re.sub(rb"Proc-Type.*\nDEK.*\n\n", b"", locked1),
            "key-corrupt",
            r"dek-info|proc-type|header",
            PASS_PHRASE,
        ),
        Row(
            "encrypted with Camellia",
            locked1.replace(b"AES-256-CBC", b"CAMELLIA-256-CBC"),
            "invalid-key-format",
            r"camellia|cipher",
            PASS_PHRASE,
        ),
        Row("a damaged key beside a whole one", good[:400] + good[401:] + pem(key(1)), "key-corrupt", cut),
        Row(
            "a damaged key, labelled as a certificate, beside a whole one",
            (good[:400] + good[401:]).replace(b"BEGIN PRIVATE KEY", b"BEGIN CERTIFICATE") + pem(key(1)),
            "key-corrupt",
            cut,
        ),
        Row("two keys", good + pem(key(1)), "key-ambiguous", r"more than one|different|two|2 "),
        Row(
            "public half of another key",
            good + public(key(1)),
            "key-halves-differ",
            r"does not belong|another|mismatch|do(?:es)? not match",
        ),
        Row("a path", b"/home/runner/.oci/oci_api_key.pem", "key-is-path", r"\bpath\b|file name"),
        Row("a path with ~", b"~/.oci/oci_api_key.pem\n", "key-is-path", r"\bpath\b|file name"),
        Row("a path of Windows", rb"C:\Users\runner\.oci\key.pem", "key-is-path", r"\bpath\b|file name"),
        Row("a file name", b"oci_api_key.pem", "key-is-path", r"\bpath\b|file name"),
        Row("$NAME", b"$OCI_PRIVATE_KEY", "value-unexpanded", r"expand|reference to a variable"),
        Row("${NAME}", b"${OCI_PRIVATE_KEY}", "value-unexpanded", r"expand|reference to a variable"),
        Row("$(NAME)", b"$(OciPrivateKey)", "value-unexpanded", r"expand|reference to a variable"),
        Row("%NAME%", b"%OCI_PRIVATE_KEY%", "value-unexpanded", r"expand|reference to a variable"),
        Row(
            "${{ secrets.NAME }}",
            b"${{ secrets.OCI_PRIVATE_KEY }}",
            "value-unexpanded",
            r"expand|reference to a variable",
        ),
        Row("***", b"***", "value-masked", r"mask|asterisk"),
        Row("[MASKED]", b"[MASKED]", "value-masked", r"mask"),
        Row("an OCID", b"ocid1.user.oc1..aaaaaaaaexample", "invalid-key-format", r"ocid"),
        Row("a fingerprint", b"20:3b:97:13:55:1c:5b:0d:d3:37:d8:50:4e:c5:3a:34", "invalid-key-format", r"fingerprint"),
        Row(
            "a config", b"[DEFAULT]\nuser=ocid1.user.oc1..a\nkey_file=~/.oci/key.pem\n", "invalid-key-format", r"config"
        ),
        Row("JSON", b'{"user": "ocid1.user.oc1..a"}', "invalid-key-format", r"json"),
        Row(
            "base64 of something else",
            base64.b64encode(b"the quick brown fox jumps over the lazy dog" * 4),
            "invalid-key-format",
            r"base64, but",
        ),
        Row(
            "something else",
            b"the quick brown fox jumps over the lazy dog",
            "invalid-key-format",
            r"begin line|not base64",
        ),
        Row("too large", b"A" * 70_000, "source-too-large", r"too large|more than"),
    ]
