"""`ocici keygen` and `ocici fingerprint`: the steps that people do with openssl today."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from ocici import pem, sources
from ocici.credentials import Secret
from ocici.findings import Refused, refused
from ocici.session import LABEL


def pass_phrase(environ: Mapping[str, str], wanted: bool) -> Secret:
    """The pass phrase for a new key: OCICI_PASS_PHRASE (or its file), else asked for at the terminal; none if unwanted.

    Raises `Refused` (usage) where there is nothing to read it from.
    """
    if not wanted:
        return Secret()
    if given := sources.pass_phrase(environ):
        return given
    if not sys.stdin.isatty():
        raise refused("usage", detail="--encrypt wants OCICI_PASS_PHRASE, or a terminal to ask at.", command="keygen")
    import getpass

    first, second = getpass.getpass("Pass phrase: "), getpass.getpass("Once more: ")
    if not first or first != second:
        raise refused("usage", detail="The two pass phrases are not the same, or empty.", command="keygen")
    return Secret(first)


def generate(path: Path, bits: int, phrase: Secret, environ: Mapping[str, str]) -> str:
    """Make a pair: the private key at `path` (mode 0600), the public one beside it; and say what to do with them.

    Raises `Refused`: file-exists, file-unwritable; then neither file is there.
    """
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
            f"user={environ.get('OCICI_USER') or '<OCID of the user>'}",
            f"fingerprint={pair.fingerprint}",
            f"tenancy={environ.get('OCICI_TENANCY') or '<OCID of the tenancy>'}",
            f"region={environ.get('OCICI_REGION') or '<region, for example eu-frankfurt-1>'}",
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
        content, origin = sys.stdin.buffer.read(sources.LIMIT + 1), "standard input"
    else:
        content, origin = sources.read_file(path, "FILE"), path
    hide([phrase, *pem.forms(Secret(content), Secret())])
    try:
        return pem.public_fingerprint(content, origin, phrase, "OCICI_PASS_PHRASE")
    except Refused as refusal:
        if refusal.findings[0].code == "key-missing" and not content:
            raise refused("secret-empty", origin=origin) from None
        raise
