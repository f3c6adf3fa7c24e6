"""`ocici keygen` and `ocici fingerprint`: the steps that people do with openssl today."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

from ocici import files, pem, sources
from ocici.credentials import Secret
from ocici.findings import Finding, Refused, refused, without_keys
from ocici.session import LABEL


def pass_phrase(environ: Mapping[str, str], wanted: bool) -> Secret:
    """The pass phrase for a new key: OCICI_PASS_PHRASE (or its file), else asked for at the terminal; none if unwanted.

    Raises `Refused` (usage) where there is nothing to read it from, or nothing was typed.
    """
    if not wanted:
        return Secret()
    if given := sources.pass_phrase(environ):
        return given
    if sys.stdin is None or not sys.stdin.isatty():  # None: it was closed before ocici began
        raise refused("usage", detail="--encrypt wants OCICI_PASS_PHRASE, or a terminal to ask at.", command="keygen")
    import getpass

    try:
        first, second = getpass.getpass("Pass phrase: "), getpass.getpass("Once more: ")
    except EOFError:
        raise refused("usage", detail="The pass phrase was not typed: the input ended.", command="keygen") from None
    except UnicodeDecodeError:
        raise refused("usage", detail="What was typed is not text.", command="keygen") from None
    if not first or first != second:
        raise refused("usage", detail="The two pass phrases are not the same, or empty.", command="keygen")
    return Secret(first)


def generate(path: Path, bits: int, phrase: Secret, environ: Mapping[str, str]) -> str:
    """Make a pair: the private key at `path` (mode 0600), the public one beside it; and say what to do with them.

    Raises `Refused`: usage for a path without a file's name, file-exists, file-unwritable; then no file was made.
    """
    if not path.name:  # "/", ".", and "" too, which is the same to Path
        raise refused("usage", detail=f"--out takes the path of a file, and {path} is a folder.", command="keygen")
    public = path.with_name(f"{path.stem}_public.pem")
    for each in (path, public):
        if os.path.lexists(each):
            raise refused("file-exists", path=each)
    pair = pem.generate(bits, phrase)
    _write(path, pair.private_pem.reveal() + LABEL, 0o600)
    try:
        _write(public, pair.public_pem, 0o644)
    except BaseException:
        path.unlink()
        raise
    encrypted = ", encrypted" if phrase else ""
    return "\n".join(
        [
            f"private key  {path} ({bits} bits{encrypted}): keep it secret",
            f"public key   {public}: upload it in the OCI console (Profile, My profile, API keys, Add API key)",
            f"fingerprint  {pair.fingerprint}",
            "",
            pair.public_pem.decode().rstrip(),
            "",
            "For the config file:",
            "",
            "[DEFAULT]",
            f"user={without_keys(environ.get('OCICI_USER', '')) or '<OCID of the user>'}",
            f"fingerprint={pair.fingerprint}",
            f"tenancy={without_keys(environ.get('OCICI_TENANCY', '')) or '<OCID of the tenancy>'}",
            f"region={without_keys(environ.get('OCICI_REGION', '')) or '<region, for example eu-frankfurt-1>'}",
            f"key_file={path.absolute()}",
        ]
    )


def _write(path: Path, content: bytes, mode: int) -> None:
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        descriptor = os.open(path, flags, mode)
    except FileExistsError:
        raise refused("file-exists", path=path) from None
    except OSError as error:
        raise refused("file-unwritable", path=path, reason=error.strerror) from None
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
    except OSError as error:
        with contextlib.suppress(OSError):
            path.unlink()
        raise refused("file-unwritable", path=path, reason=error.strerror) from None
    except BaseException:
        path.unlink()
        raise


def fingerprint(path: str, environ: Mapping[str, str], hide: Callable[[Iterable[Secret | str]], None]) -> str:
    """The fingerprint of the private or public key in the file `path`; "-" is standard input. Raises `Refused`."""
    phrase = sources.pass_phrase(environ)
    if path == "-":
        content, origin = _standard_input(), "the standard input"
    else:
        content, origin = files.read(path, "FILE"), path
    hide([phrase, *pem.forms(Secret(content), Secret())])
    if not content.strip():
        raise refused("source-empty", origin=origin)
    try:
        return pem.public_fingerprint(content, origin, phrase, "OCICI_PASS_PHRASE")
    except Refused as refusal:
        raise Refused(*map(_asked_for_a_fingerprint, refusal.findings)) from None


# Findings that tell people to store another key, or to hand it over in another way.
_TO_STORE: Final = (
    "invalid-key-format",
    "key-ambiguous",
    "key-corrupt",
    "key-is-certificate",
    "key-is-path",
    "value-masked",
    "value-unexpanded",
)


def _asked_for_a_fingerprint(found: Finding) -> Finding:
    """`found` for whoever asked for a fingerprint: a public key is as good, and there is nothing to store."""
    if found.code not in _TO_STORE:
        return found
    cause = found.cause.replace("holds no private key", "holds no key")
    fix = "Name the file of an API key: the private or the public one of its pair, whole, in PEM or DER."
    return found._replace(cause=cause, fix=fix)


def _standard_input() -> bytes:
    """What comes on standard input, up to a byte more than is read of any source. Raises `Refused` (usage)."""
    if sys.stdin is None:
        raise refused("usage", detail="FILE is -, and standard input is closed.", command="fingerprint")
    try:
        return sys.stdin.buffer.read(files.LIMIT + 1)
    except OSError as error:  # it is open for writing alone
        reason = error.strerror or "it is not open for reading"
        detail = f"FILE is -, and standard input cannot be read: {reason}."
        raise refused("usage", detail=detail, command="fingerprint") from None
