"""Generated bad inputs: never a traceback, never a byte of the key, never anything left."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ocici import cli, findings, interrupts

from .conftest import PASS_PHRASE, TENANCY, USER, Pair

EXAMPLES = 2000

# No zero byte: no environment can hold one.
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=80)
OCIDS = st.sampled_from(
    [USER, TENANCY, f" {USER}", USER.upper(), "ocid1.user", "ocid1.group.oc1..x", "***", "$OCI_USER"]
)
FINGERPRINTS = st.sampled_from([":".join(["ab"] * 16), ":".join(["AB"] * 16), "ab" * 16, "ab:ab", "SHA256:x"])
REGIONS = st.sampled_from(["fra", "eu-frankfurt-1", "EU-FRANKFURT-1 ", "xx-nowhere-9", "a\nb", "x.y/z", "${REGION}"])


def keys(pair: Pair) -> st.SearchStrategy[str]:
    """The key, whole, damaged, or in a form that no tool reads."""
    forms = [
        pair.private,
        pair.encrypted,
        pair.private.replace("\n", "\\n"),
        pair.private.replace("\n", " "),
        base64.b64encode(pair.private.encode()).decode(),
        json.dumps(pair.private),
        f'"{pair.private}"',
    ]
    whole = st.sampled_from(forms)
    cut = st.builds(lambda text, at: text[:at], whole, st.integers(0, 1800))
    changed = st.builds(lambda text, at, new: text[:at] + new + text[at + 1 :], whole, st.integers(0, 1700), TEXT)
    twice = st.builds(lambda one, two: one + two, whole, whole)
    return st.one_of(whole, cut, changed, twice, TEXT)


def environments(pair: Pair) -> st.SearchStrategy[dict[str, str]]:
    key = keys(pair)
    fields = {
        "user": st.one_of(OCIDS, TEXT),
        "tenancy": st.one_of(OCIDS, TEXT),
        "region": st.one_of(REGIONS, TEXT),
        "fingerprint": st.one_of(FINGERPRINTS, TEXT),
        "key_content": key,
        "pass_phrase": st.one_of(st.just(PASS_PHRASE), TEXT),
        "key_file": TEXT,
        "nonsense": TEXT,
    }
    bundle = st.fixed_dictionaries({}, optional=fields).map(json.dumps)
    profiles = st.dictionaries(TEXT, st.fixed_dictionaries({}, optional=fields)).map(
        lambda named: json.dumps({"profiles": named})
    )
    config = st.dictionaries(TEXT, st.fixed_dictionaries({}, optional=fields)).map(
        lambda named: "".join(
            f"[{name}]\n" + "".join(f"{f}={v}\n" for f, v in each.items()) for name, each in named.items()
        )
    )
    yaml = key.map(lambda text: "user: u\nkey_content: |\n" + text)
    any_text = st.one_of(bundle, profiles, config, yaml, key)
    odd = st.fixed_dictionaries(
        {},
        optional={
            "OCICI_USER": fields["user"],
            "OCICI_TENANCY": fields["tenancy"],
            "OCICI_REGION": st.one_of(fields["region"], key),
            "OCICI_FINGERPRINT": st.one_of(fields["fingerprint"], key),
            "OCICI_PRIVATE_KEY": key,
            "OCICI_PRIVATE_KEY_FILE": st.one_of(TEXT, key),
            "OCICI_PASS_PHRASE": fields["pass_phrase"],
            "OCICI_CREDENTIALS": any_text,
            "OCICI_CONFIG": any_text,
            "OCICI_PROFILE": TEXT,
            "OCICI_VALIDATE": st.sampled_from(["offline", "off", "offline", "nonsense"]),
            "OCI_CLI_KEY_CONTENT": key,
            "OCI_CLI_USER": fields["user"],
            "OCI_REGION_METADATA": TEXT,
            "OCICI_HOST": st.sampled_from(["terminal", "jenkins", "nonsense"]),
        },
    )
    good = {
        "OCICI_USER": USER,
        "OCICI_TENANCY": TENANCY,
        "OCICI_REGION": "fra",
        "OCICI_PRIVATE_KEY": pair.private,
        "OCICI_FINGERPRINT": pair.fingerprint,
    }

    def mostly_good(values: dict[str, str], names: list[str]) -> dict[str, str]:
        return good | {name: values[name] for name in names if name in values}

    # Anything at all; good credentials with one to three odd values, which get past the first checks; and such with
    # values that look right, which get past more of them.
    some = st.lists(st.sampled_from([*good, "OCICI_PASS_PHRASE", "OCICI_CREDENTIALS"]), min_size=1, max_size=3)
    likely = st.fixed_dictionaries(
        {
            "OCICI_USER": OCIDS,
            "OCICI_TENANCY": OCIDS,
            "OCICI_REGION": REGIONS,
            "OCICI_FINGERPRINT": FINGERPRINTS,
            "OCICI_PRIVATE_KEY": key,
        }
    )
    few = st.lists(st.sampled_from([*good]), min_size=1, max_size=2)
    return st.one_of(odd, st.builds(mostly_good, odd, some), st.builds(mostly_good, likely, few))


def run(environ: dict[str, str], *arguments: str) -> tuple[int, str]:
    """The exit code and everything printed. In this process: 2,000 interpreters would take minutes."""
    out = io.StringIO()
    with (
        mock.patch.dict(os.environ, environ, clear=True),
        mock.patch.object(interrupts, "raised", contextlib.nullcontext),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(out),
    ):
        code = cli.main(arguments)
    return code, out.getvalue()


def test_no_bad_input_gives_a_traceback_or_a_byte_of_the_key(pair: Pair, tmp_path: Path) -> None:
    folder = tmp_path / "tmp"
    folder.mkdir()
    secret = [*pair.lines(), PASS_PHRASE]
    good = {"OCICI_VALIDATE": "offline", "TMPDIR": str(folder), "HOME": str(tmp_path)}
    seen: set[str] = set()

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(environments(pair))
    def check(environ: dict[str, str]) -> None:
        with mock.patch("tempfile.tempdir", str(folder)):
            code, text = run(good | environ, "setup")
        assert "Traceback" not in text
        assert "internal-error" not in text, text
        assert not [line for line in secret if line in text]
        if code:
            assert "fix: " in text
            assert not list(folder.iterdir())
        else:
            for path in folder.iterdir():
                session_code, _ = run(good, "cleanup", "--session-dir", str(path))
                assert session_code == 0
        seen.update(found for found in findings.CATALOGUE if f"[{found}]" in text)

    check()
    # The inputs must reach deep: a generator that fails at the first check would prove little.
    assert {"fingerprint-mismatch", "key-corrupt", "key-encrypted", "ocid-wrong-type", "region-unknown"} <= seen, seen


@pytest.mark.parametrize("command", ["check", "fingerprint"])
def test_nor_does_a_bad_file(pair: Pair, tmp_path: Path, command: str) -> None:
    file = tmp_path / "file"

    @settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.one_of(st.binary(max_size=300), keys(pair).map(lambda text: text.encode("utf-8", "surrogateescape"))))
    def check(content: bytes) -> None:
        file.write_bytes(content)
        arguments = ["fingerprint", str(file)] if command == "fingerprint" else ["check", "--config-file", str(file)]
        _, text = run({"HOME": str(tmp_path)}, *arguments)
        assert "Traceback" not in text
        assert "internal-error" not in text, text
        assert not [line for line in pair.lines() if line in text]

    check()
