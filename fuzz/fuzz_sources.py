"""Fuzzes the readers of bundles and config texts with atheris: profiles or `Refused`, whatever comes in.

    uv pip install atheris
    python fuzz/fuzz_sources.py -max_total_time=3600 -max_len=4096 -timeout=20

Each input goes to both readers, as it is and through `sources.read`, which undoes base64 and other encodings. What a
finding says must hold no piece of the value that stands for the key.
"""

from __future__ import annotations

import base64
import contextlib
import sys

import atheris

with atheris.instrument_imports(include=["ocici", "configparser"]):
    from ocici import bundle, configfile, sources
    from ocici.findings import Refused

CANARY = "canary" * 6
SEEDS = [
    f"user: u\ntenancy: t\nregion: fra\nfingerprint: 11:22\npass_phrase: p\nkey_content: |\n  {CANARY}\n",
    f'{{"profiles": {{"a": {{"user": "u", "key_content": "{CANARY}"}}, "DEFAULT": {{"region": "fra"}}}}}}',
    f"[DEFAULT]\nuser=u\nregion: fra\n\n[other]\nkey_content={CANARY}\nkey_file=~/x\n",
]


def edited(data: atheris.FuzzedDataProvider) -> str:
    """One of the seeds after a few cuts and insertions."""
    text = data.PickValueInList(SEEDS)
    for _ in range(data.ConsumeIntInRange(0, 5)):
        start = data.ConsumeIntInRange(0, len(text))
        length = data.ConsumeIntInRange(0, 20)
        text = text[:start] + data.ConsumeUnicode(data.ConsumeIntInRange(0, 20)) + text[start + length :]
    return text


@contextlib.contextmanager
def refusal_or_none() -> object:
    """Lets `Refused` pass, but not one that repeats the canary."""
    try:
        yield
    except Refused as refusal:
        if CANARY in str(refusal.findings):
            raise AssertionError("a finding repeats the canary") from None


def one_input(raw: bytes) -> None:
    """Raises when a reader raises anything but `Refused`, or shows what it must not."""
    data = atheris.FuzzedDataProvider(raw)
    whole, encoded = data.ConsumeBool(), data.ConsumeBool()
    text = data.ConsumeUnicode(4096) if whole else edited(data)
    with refusal_or_none():
        profiles = bundle.read(text, "BUNDLE")
        assert all(set(fields) <= set(bundle.FIELDS) for fields in profiles.values())
    with refusal_or_none():
        profiles = configfile.read(text, "CONFIG", [])
        assert all(set(fields) <= set(bundle.FIELDS) for fields in profiles.values())
    value = text.encode("utf-8", "surrogatepass").replace(b"\0", b"").decode("utf-8", "surrogateescape")
    if encoded:
        value = base64.b64encode(value.encode("utf-8", "surrogateescape")).decode()
    for variable in ("OCICI_CREDENTIALS", "OCICI_CONFIG"):
        with refusal_or_none():
            sources.read({variable: value, "OCICI_PROFILE": "DEFAULT"}, {})


def main() -> None:
    """Runs until told to stop, or the first input that fails."""
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
