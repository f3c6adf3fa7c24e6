"""Fuzzes the key reader with atheris: the same key or `Refused`, whatever comes in, and soon.

    uv pip install atheris
    python fuzz/fuzz_pem.py -max_total_time=3600 -max_len=4096 -timeout=20

An input is used as it is, or as edits to a fresh key (in each of its forms), so that the fuzzer gets past the BEGIN
line. It starts from the test corpus, made anew; a corpus kept from another run would hold other keys.
"""

from __future__ import annotations

import base64
import contextlib
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import atheris

with atheris.instrument_imports(include=["ocici"]):
    from ocici import pem
    from ocici.credentials import Secret
    from ocici.findings import Refused

if TYPE_CHECKING:
    from tests.corpus import damage
else:
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "corpus"))
    import damage

KEYS = [damage.pem(damage.key(), form) for form in damage.FORMS]
CLEAN = KEYS[0]


def edited(data: atheris.FuzzedDataProvider) -> bytes:
    """One of the keys after a few cuts and insertions, perhaps in base64."""
    text = data.PickValueInList(KEYS)
    for _ in range(data.ConsumeIntInRange(0, 4)):
        start = data.ConsumeIntInRange(0, len(text))
        length = data.ConsumeIntInRange(0, 80)
        text = text[:start] + data.ConsumeBytes(data.ConsumeIntInRange(0, 40)) + text[start + length :]
    return base64.b64encode(text) if data.ConsumeBool() else text


def one_input(raw: bytes) -> None:
    """Raises when the reader gives another key, or raises anything but `Refused`."""
    data = atheris.FuzzedDataProvider(raw)
    whole = data.ConsumeBool()
    phrase = damage.PASS_PHRASE if data.ConsumeBool() else b""
    text = data.ConsumeBytes(pem.LIMIT) if whole else edited(data)
    with contextlib.suppress(Refused):
        loaded = pem.load(Secret(text), Secret(phrase), "KEY", "PHRASE")
        assert loaded.key.pem.reveal() == CLEAN
    with contextlib.suppress(Refused):
        pem.public_fingerprint(text, "KEY", Secret(phrase))
    for form in pem.forms(Secret(text), Secret()):
        assert len(form) >= 8
        assert "\n" not in form


def seeds(folder: Path) -> None:
    """Writes the test corpus into `folder`, in the form that `one_input` takes."""
    for number, row in enumerate(damage.rows()):
        if len(row.data) <= 4096:
            # FuzzedDataProvider takes booleans from the end: whole text, with the pass phrase.
            (folder / f"seed-{number}").write_bytes(row.data + b"\x01\x01")


def main() -> None:
    """Runs until told to stop, or the first input that fails."""
    with tempfile.TemporaryDirectory() as folder:
        seeds(Path(folder))
        child = os.fork()
        if not child:
            atheris.Setup([*sys.argv, folder], one_input)
            atheris.Fuzz()  # ends the process without a return: the parent cleans up
        _, status = os.waitpid(child, 0)
    sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
