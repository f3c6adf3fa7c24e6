"""Every way a key goes wrong: repaired where it is safe, explained where it is not."""

from __future__ import annotations

import base64
import collections
import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ocici import pem
from ocici.body import Block
from ocici.credentials import Secret
from ocici.findings import Refused
from ocici.opener import Opener

if TYPE_CHECKING:
    from tests.corpus import damage
else:
    sys.path.insert(0, str(Path(__file__).parent / "corpus"))
    import damage

PHRASE = Secret(damage.PASS_PHRASE)
NONE = Secret()
QUICK = settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=400)

_BREAKS = r"line breaks were written out (\n)"
_LINES = "spaces or blank lines stood in it"
_ROUND = "spaces or blank lines stood round it"
_BEFORE = "text stood before the key"
_MARKS = "quotes or other marks stood in its lines"

REPAIRS: dict[str, tuple[str, ...]] = {
    r"literal \n": (_BREAKS,),
    r"literal \r\n": (_BREAKS,),
    r"literal \\n": (_BREAKS,),
    "n for newline": (
        "text stood after the key",
        "its line breaks were lost",
        _BREAKS + " and lost their backslash",
    ),
    "CRLF": ("line ends were those of Windows (CRLF)",),
    "CR alone": ("line ends were those of an old Mac (CR)",),
    "byte-order mark": ("a byte-order mark was in it",),
    "UTF-16": ("it was encoded in UTF-16",),
    "quotes": ("quotes were round it",),
    "quotes round each line": ("quotes were round it", _MARKS),
    "leading spaces": (_ROUND,),
    "trailing spaces": (_ROUND,),
    "blank lines": (_ROUND, _LINES),
    "indentation": (_ROUND, _LINES),
    "tabs": (_ROUND, _LINES),
    "quoted mail": ("quotes were round it", _MARKS, _LINES),
    "one line with spaces": (_ROUND, "its line breaks were turned into spaces"),
    "one line": ("its line breaks were lost",),
    "spaces into newlines": ("spaces in its BEGIN and END lines were changed",),
    "other width": ("its lines were wrapped at another width",),
    "base64, wrapped": ("its base64 was wrapped over lines",),
    "certutil -encode": (
        "line ends were those of Windows (CRLF)",
        "it stood between the BEGIN and END lines of a certificate (certutil -encode)",
    ),
    "base64 twice": ("it was base64-encoded more than once",),
    "name before": (_BEFORE,),
    "YAML block": (_BEFORE, _LINES),
    "prompt before": (_BEFORE,),
    "comment before": (_BEFORE,),
    "bag attributes": (_BEFORE,),
    "text after": ("text stood after the key",),
    "public half beside it": ("a public key stood beside it",),
    "certificate beside it": ("a certificate stood beside it",),
    "same key twice": ("the same key stood in it more than once",),
    "dashes": ("the dashes of its BEGIN and END lines were changed",),
    "zero-width spaces": ("invisible or non-breaking characters were in it",),
    "non-breaking spaces": ("invisible or non-breaking characters were in it",),
    "HTML-escaped": ("it was HTML-escaped",),
    "URL-encoded": ("it was URL-encoded",),
    "slashes escaped": ("backslashes stood in it",),
    "backslash at line ends": ("backslashes stood in it",),
    "no BEGIN line": ("its BEGIN line was missing",),
    "no END line": ("its END line was missing",),
    "no BEGIN and END lines": ("its BEGIN and END lines were missing",),
    "wrong BEGIN line": ("its BEGIN and END lines did not match",),
    "DER": ("it was in binary form (DER)",),
    # As keys are meant to be stored, or as they come from OCI: nothing to note.
    "no final newline": (),
    "base64": (),
    "label line": (),
    "label line twice": (),
}
DEPENDS = {  # on the key: whether its base64 ends in padding, and where its + and / are
    "no padding": "padding",
    "base64, URL-safe": "padding",
    "URL-safe body": "URL-safe",
    "plus into spaces": "plus signs",
}
BEYOND_PKCS1_ENCRYPTED = {"n for newline"}  # its blank line becomes an n that may be one of the key


def md5_fingerprint(private: rsa.RSAPrivateKey) -> str:
    """As `openssl rsa -pubout -outform DER | openssl md5 -c` has it; compared below with openssl itself."""
    import hashlib

    der = private.public_key().public_bytes(damage.DER, damage.SPKI)
    digits = hashlib.md5(der, usedforsecurity=False).hexdigest()
    return ":".join(digits[start : start + 2] for start in range(0, 32, 2))


def refusal(data: bytes, pass_phrase: Secret = NONE) -> Refused:
    with pytest.raises(Refused) as caught:
        pem.load(Secret(data), pass_phrase, "OCICI_PRIVATE_KEY", "OCICI_PASS_PHRASE")
    return caught.value


def assert_silent(refused: Refused, *secrets: bytes) -> None:
    """No 12 characters of a secret stand in the findings, the exception or their reprs."""
    text = " ".join([repr(refused), str(refused), *map(repr, refused.findings)])
    texts = [
        re.sub(r"(?s)-----.{,40}?-----|Proc-Type:.{,15}ENCRYPTED|DEK-Info: [A-Z0-9-]*", "", one.decode("latin-1"))
        for one in secrets
    ]
    texts += ["".join(one.split()) for one in texts]
    for start in range(len(text) - 11):
        for one in texts:
            assert text[start : start + 12] not in one


# -- repairs --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", damage.FORMS)
def test_a_whole_key_is_read_without_a_note(form: str) -> None:
    loaded = pem.load(Secret(damage.pem(damage.key(), form)), PHRASE if "encrypted" in form else NONE, "KEY")
    assert loaded.key.fingerprint == md5_fingerprint(damage.key())
    assert loaded.key.bits == 2048
    assert loaded.repairs == ()


@pytest.mark.parametrize("name", damage.DAMAGES)
def test_damage_is_repaired_and_noted(name: str) -> None:
    for seed in range(3):
        data = damage.DAMAGES[name](damage.pem(damage.key()), Random(seed))
        loaded = pem.load(Secret(data), NONE, "KEY")
        assert loaded.key.fingerprint == md5_fingerprint(damage.key())
        assert loaded.key.pem.reveal() == damage.pem(damage.key())
        if name in DEPENDS:
            assert all(re.search(DEPENDS[name] + "|URL-safe|" + _LINES + "|width", note) for note in loaded.repairs)
        else:
            assert loaded.repairs == REPAIRS[name]


@pytest.mark.parametrize("name", sorted(set(damage.DAMAGES) - BEYOND_PKCS1_ENCRYPTED))
def test_damage_to_the_headers_of_an_encrypted_key_is_repaired(name: str) -> None:
    data = damage.DAMAGES[name](damage.pem(damage.key(), "pkcs1-encrypted"), Random(1))
    assert pem.load(Secret(data), PHRASE, "KEY").key.fingerprint == md5_fingerprint(damage.key())


def test_every_damage_has_its_note() -> None:
    names = [row.name for row in damage.rows()]
    assert len(names) == len(set(names))
    assert set(REPAIRS) | set(DEPENDS) == set(damage.DAMAGES) == set(damage.CAUSES)


def test_missing_padding_is_noted() -> None:
    number = next(number for number in range(3, 30) if b"=" in damage.pem(damage.key(number)))
    loaded = pem.load(Secret(damage.pem(damage.key(number)).replace(b"=", b"")), NONE, "KEY")
    assert loaded.repairs == ("the padding of its base64 was missing",)


@pytest.mark.parametrize(
    ("text", "note"),
    [
        (b"%b\n", "line end"),
        (b"%b\r\n", "line end"),
        (b"  %b ", "spaces"),
        (b'"%b"', "quotes"),
        (b"'%b'\n", "quotes"),
    ],
)
@pytest.mark.parametrize("form", ["pkcs8-encrypted", "pkcs1-encrypted"])
def test_what_a_secret_store_adds_to_a_pass_phrase_is_taken_off(form: str, text: bytes, note: str) -> None:
    loaded = pem.load(Secret(damage.pem(damage.key(), form)), Secret(text % damage.PASS_PHRASE), "KEY")
    assert loaded.key.fingerprint == md5_fingerprint(damage.key())
    assert (loaded.repairs, len(loaded.pass_phrase_repairs)) == ((), 1)
    assert note in loaded.pass_phrase_repairs[0]


def test_a_pass_phrase_with_quotes_of_its_own_is_taken_as_it_is() -> None:
    phrase = b'"quoted"\n'
    encrypted = damage.key().private_bytes(damage.PEM, damage.PKCS8, serialization.BestAvailableEncryption(phrase))
    loaded = pem.load(Secret(encrypted), Secret(phrase), "KEY")
    assert loaded.repairs == loaded.pass_phrase_repairs == ()


def test_a_pass_phrase_that_is_not_needed_is_fine() -> None:
    assert pem.load(Secret(damage.pem(damage.key())), Secret("any"), "KEY").repairs == ()


@pytest.mark.parametrize(
    ("form", "label"),
    [
        ("pkcs8", b"RSA PRIVATE KEY"),
        ("pkcs8", b"ENCRYPTED PRIVATE KEY"),
        ("pkcs8", b"EC PRIVATE KEY"),
        ("pkcs1", b"PRIVATE KEY"),
        ("pkcs1", b"ENCRYPTED PRIVATE KEY"),
        ("pkcs8-encrypted", b"PRIVATE KEY"),
        ("pkcs8-encrypted", b"RSA PRIVATE KEY"),
        ("pkcs1-encrypted", b"PRIVATE KEY"),
        ("pkcs1-encrypted", b"ENCRYPTED PRIVATE KEY"),
    ],
)
def test_lines_that_name_another_form_are_noted(form: str, label: bytes) -> None:
    data = re.sub(rb"(BEGIN|END) [A-Z ]+ KEY", rb"\1 " + label, damage.pem(damage.key(), form))
    loaded = pem.load(Secret(data), PHRASE, "KEY")
    assert loaded.key.fingerprint == md5_fingerprint(damage.key())
    assert loaded.repairs == ("its BEGIN and END lines named another form of key",)


def test_any_private_key_is_a_name_of_every_form() -> None:
    data = damage.pem(damage.key(), "pkcs1").replace(b"RSA PRIVATE", b"ANY PRIVATE")
    assert pem.load(Secret(data), NONE, "KEY").repairs == ()


def test_a_label_line_before_the_key_is_noted() -> None:
    data = b"OCI_API_KEY\n" + damage.pem(damage.key())
    assert pem.load(Secret(data), NONE, "KEY").repairs == ("the label line stood before the key",)


def test_base64_with_spaces_for_line_breaks_is_noted() -> None:
    data = base64.encodebytes(damage.pem(damage.key())).strip().replace(b"\n", b" ")
    note = "the line breaks of its base64 were turned into spaces"
    assert pem.load(Secret(data), NONE, "KEY").repairs == (note,)


def test_a_missing_blank_line_after_the_headers_is_noted() -> None:
    data = damage.pem(damage.key(), "pkcs1-encrypted").replace(b"\n\n", b"\n")
    assert pem.load(Secret(data), PHRASE, "KEY").repairs == ("the blank line after its DEK-Info line was missing",)


def headed(change: Callable[[bytes, bytes], bytes]) -> bytes:
    """A key in PKCS#1's own encryption, its lines Proc-Type and DEK-Info changed."""
    return re.sub(rb"(Proc-Type.*\n)(DEK-Info.*\n)", lambda m: change(m[1], m[2]), damage.pem(damage.key(), FORM))


FORM = "pkcs1-encrypted"
_CAPITALS = "capital letters of its lines Proc-Type and DEK-Info were changed"
_CIPHER = "capital letters of its DEK-Info line were changed"
HEADERS: dict[str, tuple[Callable[[bytes, bytes], bytes], tuple[str, ...]]] = {
    "names in lower case": (
        lambda proc, dek: proc.replace(b"Proc-Type", b"proc-type") + dek.replace(b"DEK-Info", b"dek-info"),
        (_CAPITALS,),
    ),
    "all in lower case": (lambda proc, dek: (proc + dek).lower(), (_CIPHER, _CAPITALS)),
    "all in upper case": (lambda proc, dek: (proc + dek).upper(), (_CAPITALS,)),
    "exchanged": (lambda proc, dek: dek + proc, ("its lines Proc-Type and DEK-Info were exchanged",)),
    "DEK-Info alone": (lambda proc, dek: dek, ("its Proc-Type line was missing",)),
}


@pytest.mark.parametrize("name", HEADERS)
def test_headers_of_an_encrypted_key_are_mended(name: str) -> None:
    change, notes = HEADERS[name]
    loaded = pem.load(Secret(headed(change)), PHRASE, "KEY")
    assert loaded.key.fingerprint == md5_fingerprint(damage.key())
    assert loaded.repairs == notes
    for damaged in (
        "literal \\n",
        "one line",
        "no BEGIN line",
        "no BEGIN and END lines",
        "base64",
        "CRLF",
        "indentation",
    ):
        data = damage.DAMAGES[damaged](headed(change), Random(1))
        assert pem.load(Secret(data), PHRASE, "KEY").key.fingerprint == md5_fingerprint(damage.key())


def test_begin_and_end_in_a_comment_are_mere_words() -> None:
    data = b"# from BEGIN PRIVATE KEY to END PRIVATE KEY\n" + damage.pem(damage.key())
    assert pem.load(Secret(data), NONE, "KEY").repairs == (_BEFORE,)


@pytest.mark.parametrize(
    "after", [b"\nuser@host:~$ ", b"\nregion = eu-frankfurt-1\n", b"\nOCI_API_KEY\n", b"\n-----END PRIV"]
)
def test_without_an_end_line_the_key_itself_says_where_it_ends(after: bytes) -> None:
    cut = damage.pem(damage.key()).replace(b"\n-----END PRIVATE KEY-----\n", after)
    loaded = pem.load(Secret(cut), NONE, "KEY")
    assert loaded.key.fingerprint == md5_fingerprint(damage.key())
    assert "its END line was missing" in loaded.repairs


def test_base64_many_times() -> None:
    data = damage.pem(damage.key())
    for _ in range(8):
        data = base64.b64encode(data)
    assert pem.load(Secret(data), NONE, "KEY").repairs == ("it was base64-encoded more than once",)


@pytest.mark.parametrize("form", damage.FORMS)
@pytest.mark.parametrize("before", ["DER", "base64", "UTF-16", "CRLF", "certutil -encode"])
def test_whatever_certutil_encodes(before: str, form: str) -> None:
    data = damage.pem(damage.key(), form)
    if before == "DER":
        data = base64.b64decode(raw_base64(data)) if form != "pkcs1-encrypted" else data
    else:
        data = damage.DAMAGES[before](data, Random(1))
    loaded = pem.load(Secret(damage.by_certutil(data, Random(1))), PHRASE, "KEY")
    assert loaded.key.fingerprint == md5_fingerprint(damage.key())
    assert "it stood between the BEGIN and END lines of a certificate (certutil -encode)" in loaded.repairs


def test_what_certutil_encodes_may_be_no_private_key() -> None:
    for data, code in (
        (damage.public(damage.key()), "key-is-public"),
        (base64.b64decode(raw_base64(damage.public(damage.key()))), "key-is-public"),
        (damage.certificate().public_bytes(damage.PEM), "key-is-certificate"),
        (damage.pem(damage.key())[:900], "key-corrupt"),
        (damage.pem(damage.key()) + damage.pem(damage.key(1)), "key-ambiguous"),
        (b"any text", "key-is-certificate"),
        (bytes.fromhex("3003020130"), "key-is-certificate"),
    ):
        assert refusal(damage.by_certutil(data, Random(1))).findings[0].code == code


_LABELS = ("CERTIFICATE", "CERTIFICATE REQUEST", "PUBLIC KEY", "RSA PUBLIC KEY", "X509 CRL")


def relabelled(data: bytes, begin: str, end: str) -> bytes:
    """`data` with other words on its BEGIN and END lines."""
    data = re.sub(rb"BEGIN [A-Z ]+", f"BEGIN {begin}".encode(), data)
    return re.sub(rb"END [A-Z ]+", f"END {end}".encode(), data)


@pytest.mark.parametrize("form", damage.FORMS)
@pytest.mark.parametrize("label", _LABELS)
@pytest.mark.parametrize("end", ["", "PRIVATE KEY"])
def test_a_private_key_is_one_whatever_its_begin_line_says(label: str, end: str, form: str) -> None:
    key, other = damage.pem(damage.key(), form), damage.pem(damage.key(1))
    whole = relabelled(key, label, end or label)
    damaged = relabelled(key[:400] + key[470:], label, end or label)
    loaded = pem.load(Secret(whole), PHRASE, "KEY")
    assert loaded.key.fingerprint == md5_fingerprint(damage.key())
    assert set(loaded.repairs) & {
        "its BEGIN and END lines named another form of key",
        "its BEGIN and END lines did not match",
        "it stood between the BEGIN and END lines of a certificate (certutil -encode)",
    }
    assert refusal(whole + other, PHRASE).findings[0].code == "key-ambiguous"
    assert refusal(other + whole, PHRASE).findings[0].code == "key-ambiguous"
    for text in (damaged, damaged + other, other + damaged):
        assert refusal(text, PHRASE).findings[0].code == "key-corrupt"


def test_an_end_line_of_a_private_key_makes_a_damaged_block_one() -> None:
    key = damage.pem(damage.key(1))
    for label in _LABELS:
        text = f"-----BEGIN {label}-----\nAAAA*AAA\n-----END PRIVATE KEY-----\n".encode()
        for both in (text, text + key, key + text):
            assert refusal(both).findings[0].code == "key-corrupt"


def test_a_cut_encrypted_key_without_lines_beside_a_whole_one() -> None:
    cut = raw_base64(damage.pem(damage.key(), "pkcs8-encrypted"))[:900]
    assert refusal(cut + b"\n\n" + damage.pem(damage.key(1))).findings[0].code == "key-corrupt"


def test_a_certificate_whose_length_looks_like_an_identifier() -> None:
    """1,536 to 1,791 bytes of content: the length begins with 06, as an object identifier does."""
    certificate = damage.certificate(names=70).public_bytes(damage.PEM)
    assert base64.b64decode(raw_base64(certificate))[4:7] == b"0\x82\x06"
    assert refusal(certificate).findings[0].code == "key-is-certificate"
    assert (
        "a certificate stood beside it" in pem.load(Secret(certificate + damage.pem(damage.key())), NONE, "KEY").repairs
    )


def indented(data: bytes) -> bytes:
    """The base64 of `data` as a block in YAML, with another field after it."""
    return b"data:\n  key: |\n" + re.sub(rb"(?m)^", b"    ", base64.encodebytes(data).rstrip()) + b"\n  user: YWRtaW4\n"


HONEST: dict[str, Callable[[bytes], bytes]] = {
    "a block of base64 in YAML": indented,
    "a block of base64 in YAML, without padding": lambda data: indented(data).replace(b"=", b""),
    "base64 of many lines, indented": lambda data: re.sub(rb"(?m)^", b"\t", base64.encodebytes(data)),
    "paragraphs of HTML": lambda data: re.sub(rb"(?m)^(.*)$", rb"<p>\1</p>", data.strip()),
    "HTML with other tags": lambda data: b"<div class='key'>" + data.replace(b"\n", b"<BR class=x>") + b"</div>",
    "plus signs in its BEGIN and END lines": lambda data: re.sub(rb"(?<=[A-Z]) (?=[A-Z])", b"+", data),
    "a list of lines": lambda data: b"[" + b",\n".join(b'"%b"' % line for line in data.split(b"\n")) + b"]",
}


@pytest.mark.parametrize("form", damage.FORMS)
@pytest.mark.parametrize("how", HONEST)
def test_honest_damage_is_mended(how: str, form: str) -> None:
    loaded = pem.load(Secret(HONEST[how](damage.pem(damage.key(), form))), PHRASE, "KEY")
    assert loaded.key.fingerprint == md5_fingerprint(damage.key())


def openssh(number: int = 0) -> bytes:
    return damage.key(number).private_bytes(damage.PEM, serialization.PrivateFormat.OpenSSH, damage.CLEAR)


@pytest.mark.parametrize("label", [b"OPENSSH ", b"RSA ", b""])
def test_an_openssh_key_is_one_whatever_its_begin_line_says(label: bytes) -> None:
    data = openssh().replace(b"OPENSSH ", label)
    assert refusal(data).findings[0].code == "key-is-openssh"
    assert refusal(raw_base64(data)).findings[0].code == "key-is-openssh"


def masked_lines(mask: bytes) -> bytes:
    return re.sub(rb"(?m)^[A-Za-z0-9+/=]+$", mask, damage.pem(damage.key()))


@pytest.mark.parametrize(
    "data",
    [
        masked_lines(b"[MASKED]"),
        masked_lines("\u2022\u2022\u2022".encode()),
        b"-----BEGIN PRIVATE KEY-----\n[MASKED]\n-----END PRIVATE KEY-----\n",
        b"***\n" * 28,
        b"<sensitive>",
        b"(sensitive value)",
        b"(known after apply)",
        b"<concealed by 1Password>",
    ],
    ids=repr,
)
def test_what_a_log_shows_in_its_place(data: bytes) -> None:
    assert refusal(data).findings[0].code == "value-masked"


def test_ciphertext_without_its_header_lines_that_begins_like_der() -> None:
    data = b"-----BEGIN RSA PRIVATE KEY-----\n%b\n-----END RSA PRIVATE KEY-----\n" % base64.b64encode(
        b"\x30\x80" + os.urandom(1190)
    )
    assert "has lost its lines Proc-Type and DEK-Info" in refusal(data).findings[0].cause


def test_a_key_in_base64_that_is_joined_to_another() -> None:
    first, second = damage.pem(damage.key()), damage.pem(damage.key(1))
    for before in (b"# key\n", b"Bag Attributes\n", b"export X=", b"\n"):
        for more in range(3):  # with each length of padding, which is then lost
            joined = base64.b64encode(first + b"\n" * more).rstrip(b"=") + b"\n" + base64.b64encode(before + second)
            assert refusal(joined).findings[0].code in ("key-corrupt", "key-ambiguous"), (before, more)


def test_many_copies_of_one_key_are_opened_once(monkeypatch: pytest.MonkeyPatch) -> None:
    times: list[Block] = []
    opened = Opener.open

    def counted(self: Opener, block: Block) -> tuple[pem.PrivateKey, tuple[str, ...]]:
        times.append(block)
        return opened(self, block)

    monkeypatch.setattr(Opener, "open", counted)
    loaded = pem.load(Secret(damage.pem(damage.key()) * 20), NONE, "KEY")
    assert (len(times), loaded.repairs) == (1, ("the same key stood in it more than once",))


def test_more_pieces_that_begin_like_a_key_than_are_looked_at() -> None:
    piece = b" " + raw_base64(damage.pem(damage.key()))[:60]
    assert refusal(damage.pem(damage.key()) + piece * 40).findings[0].code == "key-corrupt"


def ed25519_of(length: int) -> bytes:
    """PKCS#8 of an Ed25519 key of `length` bytes, which has 32."""
    inner = bytes([4, length]) + bytes(length)
    body = bytes.fromhex("020100300506032b6570") + bytes([4, len(inner)]) + inner
    return bytes([0x30, len(body)]) + body


def another_version() -> bytes:
    """A certificate of a version that there is not."""
    data = bytearray(damage.certificate().public_bytes(damage.DER))
    data[data.index(bytes.fromhex("a003020102")) + 4] = 6
    return bytes(data)


def field(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def compressed() -> bytes:
    """An EC public key in OpenSSH's form, its point compressed."""
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    point = public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)
    data = base64.b64encode(field(b"ecdsa-sha2-nistp256") + field(b"nistp256") + field(point))
    return b"ecdsa-sha2-nistp256 " + data + b"\n"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (ed25519_of(31), "key-not-rsa"),
        (ed25519_of(33), "key-not-rsa"),
        (another_version(), "key-is-certificate"),
        (compressed(), "key-is-public"),
    ],
    ids=["short Ed25519", "long Ed25519", "certificate of no version", "compressed point"],
)
def test_what_cryptography_cannot_read_is_told_all_the_same(data: bytes, code: str) -> None:
    for form in (data, base64.b64encode(data)) if code != "key-is-public" else (data,):
        assert refusal(form).findings[0].code == code
        with pytest.raises(Refused):
            pem.public_fingerprint(form, "KEY")


def test_a_public_key_that_cannot_be_read_beside_a_key() -> None:
    loaded = pem.load(Secret(damage.pem(damage.key()) + compressed()), NONE, "KEY")
    assert loaded.key.fingerprint == md5_fingerprint(damage.key())


@pytest.mark.parametrize(
    ("data", "code", "told"),
    [
        (b"$(cat ~/.oci/key.pem)", "value-unexpanded", "$(…)"),
        (b"$(< key.pem)", "value-unexpanded", "$(…)"),
        (b'${file("~/.oci/key.pem")}', "value-unexpanded", "${…}"),
        (b'file("~/.oci/key.pem")', "value-unexpanded", "file(…)"),
        (b"${OCI_KEY:?not set}", "value-unexpanded", "${…}"),
        (b"$$OCI_KEY", "value-unexpanded", "$NAME"),
        (rb"\$OCI_KEY", "value-unexpanded", "$NAME"),
        (b"op://vault/item/private-key", "value-unexpanded", "a reference to a secret store"),
        (b"ref+vault://secret/oci#/key", "value-unexpanded", "a reference to a secret store"),
        (b"https://example.com/oci_api_key.pem", "invalid-key-format", "a URL"),
        (base64.b64encode(b"\xfe\xed\xfe\xed" + bytes(300)), "invalid-key-format", "base64, but not of a key"),
        (b"/u3+7QAAAAIA" + b"A" * 400, "invalid-key-format", "base64, but not of a key"),
        (b"-----BEGIN PGP MESSAGE-----\n\nhQEMA\n-----END PGP MESSAGE-----\n", "invalid-key-format", "PGP MESSAGE"),
        (b"-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n", "invalid-key-format", "AGE ENCRYPTED FILE"),
        (b"$ANSIBLE_VAULT;1.1;AES256\n3263\n", "invalid-key-format", "Ansible Vault"),
        (b"ENC[AES256_GCM,data:abc,iv:def,tag:ghi,type:str]", "invalid-key-format", "SOPS"),
        (b"vault:v1:8SDd3WHDOjf7mq69CyCqYjBXAiQQAVZRkFM13ok481zoCmHnSeDX9vyf7w==", "invalid-key-format", "transit"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "invalid-key-format", "Git LFS"),
        (b'{"kty":"RSA","n":"AQAB","d":"AQAB"}', "invalid-key-format", "JSON Web Key"),
        (b"{AQAAABAAAAAQ" + b"b" * 40 + b"=}", "invalid-key-format", "Jenkins"),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "invalid-key-format", "HTML"),
        (b"YOUR_PRIVATE_KEY_HERE", "invalid-key-format", "a text of 21 characters"),
        (b"glpat-abcdefghijklmnopqrst", "invalid-key-format", "a text of 26 characters"),
        (base64.b64encode(b"ocid1.user.oc1..aaaaaaaaexample"), "invalid-key-format", "an OCID"),
        (base64.b64encode(b'{"user": "ocid1.user.oc1..a"}'), "invalid-key-format", "JSON without a key"),
        ("0\x82\x04\xbd\x02".encode() * 9, "invalid-key-format", "binary"),
        (b"AAAAB3NzaC1yc2EAAAADAQABAAABgQC7", "key-is-public", ""),
        (b'"PuTTY-User-Key-File-3: ssh-rsa\nEncryption: none\n"', "key-is-putty", ""),
        (b"KEY=PuTTY-User-Key-File-2: ssh-rsa\n", "key-is-putty", ""),
    ],
    ids=repr,
)
def test_what_it_is_instead_is_named(data: bytes, code: str, told: str) -> None:
    (found,) = refusal(data).findings
    assert found.code == code
    assert told in found.cause


def test_the_clean_key_is_what_every_tool_reads() -> None:
    loaded = pem.load(Secret(damage.pem(damage.key(), "pkcs1")), NONE, "KEY")
    text = loaded.key.pem.reveal().decode()
    lines = text.split("\n")
    assert lines[0] == "-----BEGIN PRIVATE KEY-----"
    assert lines[-2:] == ["-----END PRIVATE KEY-----", ""]
    assert {len(line) for line in lines[1:-3]} == {64}
    assert "\r" not in text


def test_nothing_of_a_key_shows() -> None:
    loaded = pem.load(Secret(damage.pem(damage.key())), NONE, "KEY")
    pair = pem.generate(2048, NONE)
    for value in (loaded, loaded.key, pair):
        text = f"{value!r} {value}"
        assert "PRIVATE" not in text
        assert loaded.key.fingerprint not in text
        assert pair.fingerprint not in text
    with pytest.raises(AttributeError):
        loaded.key.bits = 1  # type: ignore[misc]


# -- refusals -------------------------------------------------------------------------------------------------

REFUSALS = {row.name: row for row in damage.refusals()}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusal_names_the_cause(name: str) -> None:
    row = REFUSALS[name]
    refused = refusal(row.data, Secret(row.pass_phrase))
    assert [finding.code for finding in refused.findings] == [row.code]
    assert re.search(row.cause, refused.findings[0].cause.lower())
    if len(row.data) > 60:
        assert_silent(refused, row.data, damage.PASS_PHRASE)


@pytest.mark.parametrize(
    ("name", "detail"),
    [
        ("second half missing", "its END line is missing: it was cut off after 13 lines"),
        ("a line missing", "its body is cut: 48 of "),
        ("DER, cut", "its body is cut: 100 of "),
        ("a foreign character", "line 6 of its body holds a character that base64 does not have"),
        ("a character changed", "its numbers do not fit together"),
        ("lower case", "all its letters were turned into lower case"),
    ],
)
def test_a_corrupt_key_is_described_by_its_shape(name: str, detail: str) -> None:
    assert detail in refusal(REFUSALS[name].data).findings[0].cause


def test_a_damaged_key_beside_a_whole_one_is_refused() -> None:
    good, other = damage.pem(damage.key()), damage.pem(damage.key(1))
    refused = refusal(good + other[:900] + b"\n-----END PRIVATE KEY-----\n")
    assert refused.findings[0].code == "key-corrupt"


def bare(data: bytes) -> bytes:
    """The body of a PEM file, without its BEGIN and END lines."""
    return b"".join(line + b"\n" for line in data.split(b"\n") if line and b"-" not in line)


def unended(data: bytes) -> bytes:
    """A PEM file without its END line."""
    return re.sub(rb"-----END .*\n", b"", data)


def raw_base64(data: bytes) -> bytes:
    """The base64 of the DER form, in one line."""
    return bare(data).replace(b"\n", b"")


WRAP = base64.b64encode
TWO: dict[str, Callable[[bytes, bytes], bytes]] = {
    "JSON": lambda old, new: b'{"old":"%b","key":"%b"}' % (WRAP(old), WRAP(new)),
    "JSON of DER": lambda old, new: b'{"old":"%b","key":"%b"}' % (raw_base64(old), raw_base64(new)),
    "list": lambda old, new: WRAP(old) + b"," + WRAP(new),
    "variables": lambda old, new: b"OLD=" + WRAP(old) + b"\nNEW=" + WRAP(new),
    "headings": lambda old, new: b"OLD\n" + WRAP(old).rstrip(b"=") + b"\nNEW\n" + WRAP(new),
    "labels": lambda old, new: b"".join(WRAP(each).rstrip(b"=") + b"\nOCI_API_KEY\n" for each in (old, new)),
    "base64 lines": lambda old, new: WRAP(old) + b"\n" + WRAP(new),
    "base64 after long words": lambda old, new: WRAP(old).rstrip(b"=") + b"\n" + b"x" * 17 + b"\n" + WRAP(new),
    "base64 with text in it": lambda old, new: WRAP(b"Bag Attributes\n" + old) + b"," + WRAP(new),
    "base64 once and twice": lambda old, new: WRAP(WRAP(old)) + b";" + WRAP(new),
    "bodies": lambda old, new: bare(old) + bare(new),
    "bodies in one line": lambda old, new: raw_base64(old) + raw_base64(new),
    "bodies with names": lambda old, new: b"old: " + bare(old) + b"new: " + bare(new),
    "no END lines": lambda old, new: unended(old) + unended(new),
    "BEGIN, two bodies": lambda old, new: unended(old) + bare(new),
    "BEGIN, two bodies in one line": lambda old, new: (unended(old) + bare(new)).replace(b"\n", b""),
    "two bodies with spaces": lambda old, new: (unended(old) + bare(new)).replace(b"\n", b" "),
    "two bodies, pluses lost": lambda old, new: (unended(old) + bare(new)).replace(b"+", b" "),
    "bodies with a word between": lambda old, new: raw_base64(old) + b"new" + raw_base64(new),
    "base64 with a word between": lambda old, new: WRAP(old).rstrip(b"=") + b"new" + WRAP(new),
    "base64, body": lambda old, new: WRAP(old).rstrip(b"=") + raw_base64(new),
    "PEM, base64": lambda old, new: old + WRAP(new),
    "base64, PEM": lambda old, new: WRAP(old) + b"\n" + new,
    "PEM, variable": lambda old, new: old + b"NEW=" + WRAP(new),
    "PEM, body": lambda old, new: old + bare(new),
    "body, PEM": lambda old, new: bare(old) + new,
    "PEM without END, base64": lambda old, new: unended(old) + b"key: " + WRAP(new),
    "PEM, DER in base64": lambda old, new: old + raw_base64(new),
    "PEM, JSON": lambda old, new: old + b'{"key":"%b"}' % raw_base64(new),
}


@pytest.mark.parametrize("other", [1, 2, 3])  # keys end with padding, or not
@pytest.mark.parametrize("form", ["pkcs8", "pkcs1", "pkcs8-encrypted"])
@pytest.mark.parametrize("name", TWO)
def test_of_two_keys_none_is_chosen(name: str, form: str, other: int) -> None:
    two, last = damage.pem(damage.key(), form), damage.pem(damage.key(other), form)
    for data in (TWO[name](two, last), WRAP(TWO[name](two, last))):
        finding = refusal(data, PHRASE).findings[0]
        assert finding.code == "key-ambiguous"
        assert "2 different private keys" in finding.cause


def test_of_two_keys_none_is_chosen_whatever_stands_between() -> None:
    chance = Random(5)
    ways: list[Callable[[bytes], bytes]] = [
        bytes,
        bare,
        raw_base64,
        WRAP,
        base64.encodebytes,
        unended,
        lambda data: WRAP(WRAP(data)),
    ]
    between = [b"", b"\n", b" ", b",", b";", b"old", b"\n# new\n", b"\nNEW=", b'","key":"', b"\nOCI_API_KEY\n"]
    forms = damage.FORMS[:3]  # the body of the fourth is any bytes: it tells a key by its header lines alone
    for _ in range(300):
        old, new = (damage.pem(damage.key(number), chance.choice(forms)) for number in chance.sample([1, 2, 3], 2))
        data = chance.choice(ways)(old) + chance.choice(between) + chance.choice(ways)(new)
        name = chance.choice(["one line", "CRLF", "quotes", "base64", "no padding", "no END line"])
        data = damage.DAMAGES[name](data, chance)
        assert refusal(data, PHRASE).findings[0].code in {"key-ambiguous", "key-corrupt", "pass-phrase-wrong"}


@pytest.mark.parametrize("form", ["pkcs8", "pkcs1", "pkcs8-encrypted"])
@pytest.mark.parametrize("name", TWO)
def test_the_same_key_twice_is_fine(name: str, form: str) -> None:
    data = damage.pem(damage.key(), form)
    loaded = pem.load(Secret(TWO[name](data, data)), PHRASE, "KEY")
    assert loaded.key.fingerprint == md5_fingerprint(damage.key())
    assert "the same key stood in it more than once" in loaded.repairs


@pytest.mark.parametrize("rest", [bare, raw_base64, WRAP])
def test_a_key_cut_off_after_a_whole_one_is_refused(rest: Callable[[bytes], bytes]) -> None:
    data = damage.pem(damage.key()) + rest(damage.pem(damage.key(1)))[:800]
    assert refusal(data).findings[0].code == "key-corrupt"


@pytest.mark.parametrize("wrap", [bare, raw_base64, WRAP])
def test_what_stands_beside_a_key_may_be_no_key(wrap: Callable[[bytes], bytes]) -> None:
    good = damage.pem(damage.key())
    for other, what in (
        (damage.certificate().public_bytes(damage.PEM), "a certificate"),
        (damage.public(damage.key()), "a public key"),
    ):
        for data in (good + wrap(other), b'{"other":"%b","key":"%b"}' % (wrap(other), WRAP(good))):
            loaded = pem.load(Secret(data), NONE, "KEY")
            assert loaded.key.fingerprint == md5_fingerprint(damage.key())
            assert f"{what} stood beside it" in loaded.repairs


def ssh(data: bytes) -> bytes:
    """A public key in PEM as `ssh-keygen` prints it."""
    public = serialization.load_pem_public_key(data)
    return public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH) + b" me@host\n"


HALVES: list[Callable[[bytes], bytes]] = [bytes, bare, raw_base64, WRAP, unended, ssh]


@pytest.mark.parametrize("form", ["pkcs8", "pkcs1-encrypted"])
@pytest.mark.parametrize("half", HALVES)
def test_the_public_half_beside_a_key_must_be_its_own(half: Callable[[bytes], bytes], form: str) -> None:
    good = damage.pem(damage.key(), form)
    own, other = (half(damage.public(private)) for private in (damage.key(), damage.key(1)))
    for data in (good + own, own + b"\n" + good, WRAP(good + own)):
        loaded = pem.load(Secret(data), PHRASE, "KEY")
        assert loaded.key.fingerprint == md5_fingerprint(damage.key())
        assert "a public key stood beside it" in loaded.repairs
    for data in (good + other, other + b"\n" + good, WRAP(good + other), good + own + other):
        assert refusal(data, PHRASE).findings[0].code == "key-halves-differ"


def test_a_public_key_of_another_type_is_not_the_own_half() -> None:
    curve = ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(damage.PEM, damage.SPKI)
    assert refusal(damage.pem(damage.key()) + curve).findings[0].code == "key-halves-differ"


def test_a_damaged_public_half_is_told_as_such() -> None:
    data = damage.pem(damage.key()) + damage.public(damage.key())[:200]
    assert "a damaged public key stood beside it" in pem.load(Secret(data), NONE, "KEY").repairs


@pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="OpenSSH's own keys are made by it")
@pytest.mark.parametrize("phrase", ["", "a pass phrase"])
@pytest.mark.parametrize(
    ("kind", "code", "cause"),
    [
        ("rsa", "key-is-openssh", "OpenSSH's own format"),
        ("ed25519", "key-not-rsa", "a key of type Ed25519, in OpenSSH's format. OCI accepts API requests from RSA"),
        ("ecdsa", "key-not-rsa", "a key of type EC, in OpenSSH's format"),
    ],
)
def test_the_type_of_an_openssh_key(tmp_path: Path, kind: str, code: str, cause: str, phrase: str) -> None:
    command = ["ssh-keygen", "-q", "-t", kind, "-N", phrase, "-f", str(tmp_path / "key")]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    data = (tmp_path / "key").read_bytes()
    for each in (data, WRAP(data), data.replace(b"\n", b" "), data[: data.index(b"-----END")]):
        finding = refusal(each).findings[0]
        assert finding.code == code
        assert cause in finding.cause


def test_an_openssh_key_of_type_dsa() -> None:
    """No tool of today makes one."""
    words = (b"none", b"none", b"")
    data = b"openssh-key-v1\0" + b"".join(len(word).to_bytes(4, "big") + word for word in words)
    data += b"\0\0\0\1\0\0\0\x20\0\0\0\7ssh-dss" + bytes(21)
    data = b"-----BEGIN OPENSSH PRIVATE KEY-----\n%b-----END OPENSSH PRIVATE KEY-----\n" % base64.encodebytes(data)
    assert "a key of type DSA, in OpenSSH's format" in refusal(data).findings[0].cause


def test_an_openssh_key_that_says_nothing_is_one_all_the_same() -> None:
    for rest in (b"", b"b3BlbnNzaC1rZXktdjEA", b"b3BlbnNzaC1rZXktdjEA/////w==", b"!"):
        data = b"-----BEGIN OPENSSH PRIVATE KEY-----\n%b\n-----END OPENSSH PRIVATE KEY-----\n" % rest
        assert refusal(data).findings[0].code == "key-is-openssh"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        r"\n",
        r"\r\n\n",
        "\\",
        "\u00a0",
        "\ufeff",
        "\ufeff\r\n",
        '""',
        "''",
        "'",
        ' "" \n',
        '"\\n"',
        "\u200b",
        "%0A",
    ],
)
def test_what_is_empty_is_told_as_such(text: str) -> None:
    for data in (text.encode(), text.encode("utf-16")):
        assert refusal(data).findings[0].code == "secret-empty"


@pytest.mark.parametrize(
    "text", ["null", "None", "undefined", "nil", '"null"\n', "<nil>", "<no value>", "(null)", "NULL"]
)
def test_words_for_nothing_are_told_as_such(text: str) -> None:
    assert refusal(text.encode()).findings[0].code == "value-unset"
    finding = refusal(damage.pem(damage.key(), "pkcs8-encrypted"), Secret(text)).findings[0]
    assert finding.code == "value-unset"
    assert "OCICI_PASS_PHRASE" in finding.cause


def test_null_may_be_a_pass_phrase() -> None:
    encrypted = damage.key().private_bytes(damage.PEM, damage.PKCS8, serialization.BestAvailableEncryption(b"null"))
    assert pem.load(Secret(encrypted), Secret("null"), "KEY").repairs == ()


def test_one_character_is_one() -> None:
    assert "a text of 1 character without" in refusal(b"x").findings[0].cause
    assert "a text of 2 characters without" in refusal(b"xy").findings[0].cause


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda proc, dek: proc, "its DEK-Info line is missing"),
        (lambda proc, dek: proc + b"DEK-Info:\n", "its lines Proc-Type and DEK-Info are damaged"),
        (lambda proc, dek: proc + dek[:-9] + b"\n", "its DEK-Info line is damaged"),
        (lambda proc, dek: proc + dek.replace(b",", b" "), "its lines Proc-Type and DEK-Info are damaged"),
        (lambda proc, dek: proc + dek.replace(b":", b""), "its lines Proc-Type and DEK-Info are damaged"),
        (lambda proc, dek: proc.replace(b"4", b"5") + dek, "its lines Proc-Type and DEK-Info are damaged"),
        (lambda proc, dek: proc.replace(b":", b"") + dek, "its lines Proc-Type and DEK-Info are damaged"),
        (lambda proc, dek: dek + proc.replace(b"ENC", b""), "its lines Proc-Type and DEK-Info are damaged"),
        (lambda proc, dek: proc + proc + dek, "its lines Proc-Type and DEK-Info are damaged"),
    ],
)
def test_damaged_headers_are_named(change: Callable[[bytes, bytes], bytes], cause: str) -> None:
    finding = refusal(headed(change), PHRASE).findings[0]
    assert finding.code == "key-corrupt"
    assert cause in finding.cause


def test_an_encrypted_key_cut_off_is_not_called_a_wrong_pass_phrase() -> None:
    lines = damage.pem(damage.key(), "pkcs1-encrypted").split(b"\n")
    assert refusal(b"\n".join(lines[:15]), PHRASE).findings[0].code == "key-corrupt"


def test_rounds_without_end_are_refused_at_once() -> None:
    der = base64.b64decode(b"".join(damage.pem(damage.key(), "pkcs8-encrypted").split(b"\n")[1:-2]))
    rounds = der.index(b"\x02\x02", 40)
    # A salt of two bytes less leaves room for two bytes more of rounds, so that all lengths stay as they are.
    salt = der.rindex(b"\x04\x10", 0, rounds)
    endless = der[:salt] + b"\x04\x0e" + der[salt + 2 : salt + 16] + b"\x02\x04\x7f\xff\xff\xff" + der[rounds + 4 :]
    assert len(endless) == len(der)
    start = time.monotonic()
    assert refusal(endless, PHRASE).findings[0].code == "invalid-key-format"
    assert time.monotonic() - start < 5


def test_one_changed_byte_never_makes_another_key() -> None:
    """Each byte of the key, changed in turn: the same key (where it does not count) or a finding."""
    der = damage.key().private_bytes(damage.DER, damage.PKCS8, damage.CLEAR)
    outcomes: collections.Counter[str] = collections.Counter()
    for index in range(len(der)):
        changed = bytearray(der)
        changed[index] ^= 1 << index % 8
        try:
            loaded = pem.load(Secret(bytes(changed)), NONE, "KEY")
        except Refused as refused:
            outcomes[refused.findings[0].code] += 1
        else:
            assert loaded.key.pem.reveal() == damage.pem(damage.key())
            outcomes["same"] += 1
    assert outcomes["key-corrupt"] > len(der) * 0.9


def built(p: int, q: int, n: int) -> bytes:
    """The DER of an RSA key of these numbers, the others following from them."""
    d = pow(65537, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(65537, n)
    numbers = rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public)
    private = numbers.private_key(unsafe_skip_rsa_key_validation=True)
    return private.private_bytes(damage.DER, damage.PKCS1, damage.CLEAR)


def composite(bits: int) -> int:
    """An odd number that is no prime, and for which 65537 has an inverse modulo one less."""
    number = 3 * ((1 << bits - 1) // 3 | 1)
    while (number - 1) % 65537 == 0 or number.bit_length() != bits:
        number += 6
    return number


def test_numbers_that_fit_but_are_no_primes_are_refused() -> None:
    p, q = composite(1025), damage.key().private_numbers().q
    assert "its numbers do not fit together" in refusal(built(p, q, p * q)).findings[0].cause


def test_a_key_that_signs_but_whose_factor_anyone_finds_is_refused() -> None:
    """561 is no prime, but the smallest number that passes for one in RSA (a Carmichael number)."""
    q = rsa.generate_private_key(65537, 4096).private_numbers().q
    assert "its numbers do not fit together" in refusal(built(561, q, 561 * q)).findings[0].cause


def test_a_key_too_long_to_be_checked_is_refused_at_once() -> None:
    """OpenSSL would take minutes to check it."""
    p, q = composite(60_001), damage.key().private_numbers().q
    start = time.monotonic()
    refused = refusal(built(p, q, p * q))
    assert re.search("an RSA key of 6102[45] bits, and ocici reads up to 8192", refused.findings[0].cause)
    assert time.monotonic() - start < 5


# -- the mutation test ------------------------------------------------------------------------------------------


def run_chains(count: int, seed: int) -> collections.Counter[str]:
    """Random chains of one to four repairable damages on random keys: the same key back, or a finding."""
    chance = Random(seed)
    outcomes: collections.Counter[str] = collections.Counter()
    for _ in range(count):
        number, form = chance.randrange(4), chance.choice(damage.FORMS)
        data, names = damage.chain(damage.pem(damage.key(number), form), chance, chance.randint(1, 4))
        try:
            loaded = pem.load(Secret(data), PHRASE if "encrypted" in form else NONE, "KEY", "PHRASE")
        except Refused as refused:
            assert_silent(refused, data, damage.pem(damage.key(number), form), damage.PASS_PHRASE)
            outcomes[refused.findings[0].code] += 1
        else:
            assert loaded.key.pem.reveal() == damage.pem(damage.key(number)), names
            outcomes["same key"] += 1
    return outcomes


@pytest.mark.parametrize("seed", range(5))
def test_chains_of_damage(seed: int) -> None:
    outcomes = run_chains(400, seed)
    assert outcomes["same key"] > 340  # 95 % are read; the rest cannot be, such as CRLF put into DER


@pytest.mark.slow
def test_many_chains_of_damage(capsys: pytest.CaptureFixture[str]) -> None:
    outcomes = run_chains(100_000, 100)
    with capsys.disabled():
        print(f"\n{dict(outcomes.most_common())}")
    assert outcomes["same key"] > 85_000


# -- any input --------------------------------------------------------------------------------------------------


def same_or_refused(data: bytes, pass_phrase: bytes = b"") -> None:
    try:
        loaded = pem.load(Secret(data), Secret(pass_phrase), "KEY")
    except Refused:
        pass
    else:
        assert loaded.key.pem.reveal() == damage.pem(damage.key())
    pem.forms(Secret(data), NONE)


@QUICK
@given(st.binary(max_size=300), st.binary(max_size=40))
def test_any_bytes(data: bytes, pass_phrase: bytes) -> None:
    same_or_refused(data, pass_phrase)


# fmt: off
MARKS = st.sampled_from([
    "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "-----BEGIN RSA PRIVATE KEY-----", "BEGIN CERTIFICATE",
    "-----END RSA PRIVATE KEY-----", "Proc-Type: 4,ENCRYPTED", "DEK-Info: AES-128-CBC,", "MII", "LS0tLS1", "***", "---",
    "PuTTY-User-Key-File-2:", "ssh-rsa AAAA", "OCI_API_KEY", "\\n", "%0A", "&#10;", "\ufeff", "\n", "\x00", "=", "'",
])
LONG = [
    "-", "----", "'", "$", "{{", "#", "=", "A=", "0", " ", "\n", "\t", "\x00", "\u200b", "\\", "\\n", "\\r\\", "|",
    "`n", "`r", "%0A", "&amp;", "<br", "a:", "MII", "MII ", "LS0tLS1", "OCI", "OCI_API_KEY", " OCI_API_KEY ", "BEGIN ",
    "-----BEGIN PRIVATE KEY-----\n", "-----END PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----MIIE", "Proc-Type: ",
    "key_file", "A" * 63 + "\n", "sk-", "ssh-", "$a", "export ", "data:", "BEGIN RSA ", "\\u0041", "a" * 100 + " ",
    "MIIAAAIBAn", "MIIAAAIBA \n", " MIIAAAIBA", "MIIBAAIBA", "MII//wIBA \n", "MIIEMDBX\n ", "<p ", "***\n", "A\n  ",
]
# fmt: on


@QUICK
@given(st.lists(st.one_of(MARKS, st.text(max_size=20)), max_size=12))
def test_any_text(pieces: list[str]) -> None:
    same_or_refused("".join(pieces).encode("utf-8", "surrogatepass"))


@QUICK
@given(
    st.sampled_from(damage.FORMS),
    st.lists(st.tuples(st.integers(0, 1800), st.integers(0, 12), st.binary(max_size=12)), min_size=1, max_size=4),
    st.booleans(),
)
def test_any_change_to_a_key(form: str, changes: list[tuple[int, int, bytes]], wrapped: bool) -> None:
    data = damage.pem(damage.key(), form)
    for start, length, new in changes:
        data = data[:start] + new + data[start + length :]
    same_or_refused(base64.b64encode(data) if wrapped else data, damage.PASS_PHRASE)


@QUICK
@given(st.binary(max_size=1200))
def test_any_pass_phrase(phrase: bytes) -> None:
    refused = refusal(damage.pem(damage.key(), "pkcs1-encrypted"), Secret(phrase))
    assert refused.findings[0].code in {"key-encrypted", "pass-phrase-wrong", "value-masked", "value-unexpanded"}
    assert_silent(refused, phrase)


@pytest.mark.parametrize("text", LONG)
def test_large_input_is_answered_soon(text: str) -> None:
    data = (text * (pem.LIMIT // len(text.encode())))[: pem.LIMIT].encode()[: pem.LIMIT]
    start = time.monotonic()
    refusal(data)
    with contextlib.suppress(Refused):
        pem.public_fingerprint(data, "KEY")
    pem.forms(Secret(data), NONE)
    assert time.monotonic() - start < 5


# -- fingerprints and new pairs -----------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", [damage.PEM, damage.DER])
@pytest.mark.parametrize("form", ["spki", "pkcs1"])
def test_fingerprint_of_a_public_key(form: str, encoding: serialization.Encoding) -> None:
    formats = {"spki": serialization.PublicFormat.SubjectPublicKeyInfo, "pkcs1": serialization.PublicFormat.PKCS1}
    data = damage.key().public_key().public_bytes(encoding, formats[form])
    assert pem.public_fingerprint(data, "FILE") == md5_fingerprint(damage.key())
    assert pem.public_fingerprint(base64.b64encode(data), "FILE") == md5_fingerprint(damage.key())


def test_fingerprint_of_a_public_key_of_openssh() -> None:
    data = ssh(damage.public(damage.key()))
    for each in (data, data.replace(b" me@host", b""), b"\n" + data + b"\n" + data, base64.b64encode(data)):
        assert pem.public_fingerprint(each, "FILE") == md5_fingerprint(damage.key())


def test_who_asks_for_a_fingerprint_is_not_told_to_store_a_private_key() -> None:
    with pytest.raises(Refused) as caught:
        pem.public_fingerprint(damage.public(damage.key()) + damage.public(damage.key(1)), "FILE")
    assert "2 different public keys" in caught.value.findings[0].cause
    assert "private key file" not in caught.value.findings[0].fix


@pytest.mark.parametrize("name", ["literal \\n", "CRLF", "quotes", "one line with spaces", "base64", "no END line"])
def test_fingerprint_of_a_damaged_public_key(name: str) -> None:
    data = damage.DAMAGES[name](damage.public(damage.key()), Random(1))
    assert pem.public_fingerprint(data, "FILE") == md5_fingerprint(damage.key())


@pytest.mark.parametrize("form", damage.FORMS)
def test_fingerprint_of_a_private_key(form: str) -> None:
    fingerprint = pem.public_fingerprint(damage.pem(damage.key(), form), "FILE", PHRASE)
    assert fingerprint == md5_fingerprint(damage.key())


def test_fingerprint_of_both_halves_is_that_of_the_private_one() -> None:
    data = damage.public(damage.key()) + damage.pem(damage.key())
    assert pem.public_fingerprint(data, "FILE") == md5_fingerprint(damage.key())
    with pytest.raises(Refused) as caught:
        pem.public_fingerprint(damage.public(damage.key(1)) + damage.pem(damage.key()), "FILE")
    assert [finding.code for finding in caught.value.findings] == ["key-halves-differ"]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (damage.certificate().public_bytes(damage.PEM), "key-is-certificate"),
        (damage.public(damage.key()) + damage.public(damage.key(1)), "fingerprint-of-what"),
        (ssh(damage.public(damage.key())) + ssh(damage.public(damage.key(1))), "fingerprint-of-what"),
        (damage.public(damage.key()) + ssh(damage.public(damage.key(1))), "fingerprint-of-what"),
        (damage.public(damage.key())[:200], "fingerprint-of-what"),
        (ssh(damage.public(damage.key()))[:200], "fingerprint-of-what"),
        (b"---- BEGIN SSH2 PUBLIC KEY ----\nAAAAB3NzaC1yc2E=\n---- END SSH2 PUBLIC KEY ----\n", "fingerprint-of-what"),
        (
            ssh(ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(damage.PEM, damage.SPKI)),
            "key-not-rsa",
        ),
        (ssh(damage.key(0, 1024).public_key().public_bytes(damage.PEM, damage.SPKI)), "key-too-short"),
        (ssh(ed25519.Ed25519PrivateKey.generate().public_key().public_bytes(damage.PEM, damage.SPKI)), "key-not-rsa"),
        (b"ssh-ed25519 AAAA me@host", "fingerprint-of-what"),
        (b"sk-ssh-ed25519@openssh.com AAAA me@host", "fingerprint-of-what"),
        (b"ssh-dss AAAA me@host", "fingerprint-of-what"),
        (damage.key(0, 1024).public_key().public_bytes(damage.PEM, damage.SPKI), "key-too-short"),
        (REFUSALS["Ed25519"].data, "key-not-rsa"),
        (
            ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(damage.PEM, damage.SPKI),
            "key-not-rsa",
        ),
        (damage.pem(damage.key(), "pkcs8-encrypted"), "key-encrypted"),
        (b"", "secret-empty"),
        (b"no key", "invalid-key-format"),
    ],
    ids=lambda value: value if isinstance(value, str) else "data",  # keys differ from worker to worker
)
def test_no_fingerprint(data: bytes, code: str) -> None:
    with pytest.raises(Refused) as caught:
        pem.public_fingerprint(data, "FILE")
    assert [finding.code for finding in caught.value.findings] == [code]


@pytest.mark.parametrize("bits", [2048, 3072])
@pytest.mark.parametrize("phrase", [b"", b"a pass phrase", "Größe \u2713\n".encode()])
def test_generate(bits: int, phrase: bytes) -> None:
    pair = pem.generate(bits, Secret(phrase))
    begin = b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n" if phrase else b"-----BEGIN PRIVATE KEY-----\n"
    assert pair.private_pem.reveal().startswith(begin)
    loaded = pem.load(pair.private_pem, Secret(phrase), "KEY")
    assert loaded.repairs == ()
    assert loaded.key.bits == bits
    assert loaded.key.fingerprint == pair.fingerprint == pem.public_fingerprint(pair.public_pem, "FILE")


def test_generate_refuses_a_pass_phrase_that_is_too_long() -> None:
    with pytest.raises(Refused) as caught:
        pem.generate(2048, Secret(b"x" * 1024))
    assert caught.value.findings[0].code == "usage"


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is compared with where it is installed")
def test_openssl_agrees(tmp_path: Path) -> None:
    pair = pem.generate(2048, PHRASE)
    (tmp_path / "key.pem").write_bytes(pair.private_pem.reveal())
    environ = {**os.environ, "PHRASE": damage.PASS_PHRASE.decode()}
    command = ["openssl", "pkey", "-in", str(tmp_path / "key.pem"), "-passin", "env:PHRASE"]
    public = subprocess.run([*command, "-pubout", "-outform", "DER"], env=environ, capture_output=True, check=True)
    digest = subprocess.run(["openssl", "md5", "-c"], input=public.stdout, capture_output=True, check=True)
    assert digest.stdout.decode().split()[-1] == pair.fingerprint
    clear = subprocess.run(command, env=environ, capture_output=True, check=True)
    assert clear.stdout == pem.load(pair.private_pem, PHRASE, "KEY").key.pem.reveal()


# -- masks ------------------------------------------------------------------------------------------------------


def hidden(text: str, masks: list[str]) -> str:
    """`text` as a CI log shows it: each mask replaced, the longest first."""
    for mask in sorted(masks, key=len, reverse=True):
        text = text.replace(mask, "***")
    return text


@pytest.mark.parametrize("form", ["pkcs8", "pkcs1-encrypted"])
@pytest.mark.parametrize("name", damage.DAMAGES)
def test_masks_hide_every_line(name: str, form: str) -> None:
    raw = damage.DAMAGES[name](damage.pem(damage.key(), form), Random(2))
    clean = damage.pem(damage.key())
    masks = pem.forms(Secret(raw), Secret(clean))
    assert len(masks) == len(set(masks))
    assert all(len(mask) >= 8 and "\n" not in mask and "\r" not in mask for mask in masks)
    for log in (raw, raw.strip(), clean, clean.strip(), clean + b"OCI_API_KEY\n"):
        for shown in (log, base64.b64encode(log), base64.encodebytes(log), log.replace(b"\n", b"\\n")):
            if shown.isascii():
                assert_hidden(hidden(shown.decode(), masks), raw, clean)


def assert_hidden(shown: str, *secrets: bytes) -> None:
    """No 20 characters of the bodies of `secrets` are left in `shown`, as they are or in base64."""
    for secret in secrets:
        body = re.sub(rb"(?s)-----.{,40}?-----|Proc-Type.{,15}|OCI_API_KEY", b"", secret)
        for text in (body.decode("latin-1"), base64.b64encode(secret).decode()):
            pieces = {text[start : start + 20] for start in range(len(text) - 19)}
            left = [start for start in range(len(shown) - 19) if shown[start : start + 20] in pieces]
            assert not left, len(left)


def test_masks_hide_lines_that_became_words() -> None:
    raw = base64.encodebytes(damage.pem(damage.key())).replace(b"\n", b" ")
    masks = pem.forms(Secret(raw), NONE)
    assert_hidden(hidden(raw.decode().replace(" ", "\n"), masks), damage.pem(damage.key()))


def test_masks_leave_open_what_is_no_secret() -> None:
    raw = damage.pem(damage.key(), "pkcs1-encrypted") + b"OCI_API_KEY\n"
    masks = pem.forms(Secret(raw), Secret(damage.pem(damage.key())))
    for line in ("-----BEGIN RSA PRIVATE KEY-----", "OCI_API_KEY", "Proc-Type: 4,ENCRYPTED", "PRIVATE KEY-----"):
        assert line not in masks


@pytest.mark.parametrize("secret", ["bananarn", "--------", "a pass phrase", "Proc-Typ"])
def test_masks_of_a_pass_phrase(secret: str) -> None:
    assert secret in pem.forms(Secret(secret), NONE)


def test_masks_of_nothing() -> None:
    assert pem.forms(NONE, NONE) == []


# -- cost -------------------------------------------------------------------------------------------------------


def test_importing_pem_does_not_import_cryptography() -> None:
    code = "import sys, ocici.pem; sys.exit(any(name.split('.')[0] in {'cryptography', 'oci'} for name in sys.modules))"
    subprocess.run([sys.executable, "-c", code], check=True)
