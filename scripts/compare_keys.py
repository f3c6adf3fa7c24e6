"""Asks ocici, the oci SDK, oci-cli and openssl about every row of the key corpus; writes docs/KEY-FORMS.md.

    python scripts/compare_keys.py [FILE]

Each tool gets the key as a file, as its users do: the SDK through `Signer.from_config` and one signature, oci-cli
through a config file and a call to a closed port, openssl through `openssl rsa -check`. What counts:

- a damaged key of the right kind: the tool reads it, or its message names the damage;
- anything else: its message names the cause. To accept it is a failure, which shows only later, as a 401.

A message names a cause when it holds the words that the corpus lists for the row (`cause` in
tests/corpus/damage.py), which are generous: "base64" alone will do, or "newline".
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import oci
import requests

from ocici import pem
from ocici.credentials import Secret
from ocici.findings import Refused

ROOT = Path(__file__).resolve().parent.parent
if TYPE_CHECKING:
    from scripts import compared
    from tests.corpus import damage
else:
    sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests" / "corpus")]
    import compared
    import damage

USER, TENANCY = "ocid1.user.oc1..aaaaexample", "ocid1.tenancy.oc1..aaaaexample"
REGION = "eu-frankfurt-1"
FINGERPRINT = "20:3b:97:13:55:1c:5b:0d:d3:37:d8:50:4e:c5:3a:34"
ACCEPTED = ""


def ask_ocici(row: damage.Row, _: Path) -> str:
    """What ocici says of the row; ACCEPTED when it takes the key."""
    try:
        pem.load(Secret(row.data), Secret(row.pass_phrase), "the key", "the pass phrase")
    except Refused as refused:
        return refused.findings[0].cause
    return ACCEPTED


def ask_sdk(row: damage.Row, key: Path) -> str:
    """The SDK: the config as from a file, then one signature."""
    config = {"user": USER, "tenancy": TENANCY, "region": REGION, "fingerprint": FINGERPRINT, "key_file": str(key)}
    if row.pass_phrase:
        config["pass_phrase"] = row.pass_phrase.decode()
    try:
        signer = oci.signer.Signer.from_config(config)
        signer(requests.Request("GET", "https://iaas.eu-frankfurt-1.oraclecloud.com/", {"date": "now"}).prepare())
    except Exception as error:  # noqa: BLE001 - whatever it raises is its answer
        return f"{type(error).__name__}: {error}"
    return ACCEPTED


def ask_cli(row: damage.Row, key: Path) -> str:
    """oci-cli: a call that gets as far as a closed port when the key is accepted."""
    config = key.with_name("config")
    fields = {"user": USER, "tenancy": TENANCY, "region": REGION, "fingerprint": FINGERPRINT, "key_file": key}
    if row.pass_phrase:
        fields["pass_phrase"] = row.pass_phrase.decode()
    config.write_text("\n".join(["[DEFAULT]", *(f"{name}={value}" for name, value in fields.items())]) + "\n")
    config.chmod(0o600)
    command = [compared.OCI_CLI, "--config-file", str(config), "--no-retry", "os", "ns", "get"]
    quiet = {"OCI_CLI_SUPPRESS_FILE_PERMISSIONS_WARNING": "True", "SUPPRESS_LABEL_WARNING": "True"}
    done = compared.run([*command, "--endpoint", "http://127.0.0.1:9"], {**os.environ, **quiet})
    text = done.stdout + done.stderr
    if "127.0.0.1" in text and re.search("refused|connection|timed out", text, re.IGNORECASE):
        return ACCEPTED
    return " ".join(compared.without_frames(text)[-3:]) or f"nothing, exit code {done.returncode}"


def ask_openssl(row: damage.Row, key: Path) -> str:
    """The openssl program, told that it is an RSA key and to check it."""
    command = ["openssl", "rsa", "-in", str(key), "-check", "-noout"]
    command += ["-passin", "env:PHRASE"] if row.pass_phrase else []
    done = compared.run(command, {**os.environ, "PHRASE": row.pass_phrase.decode()})
    text = done.stdout + done.stderr
    if done.returncode == 0 and "RSA key ok" in text:
        return ACCEPTED
    lines = re.sub(r"[0-9A-F]{16}:error:[0-9A-F]+:", "", text).splitlines()
    return " ".join(sorted(set(lines)))  # it prints its causes in no fixed order


TOOLS: dict[str, Callable[[damage.Row, Path], str]] = {
    "ocici": ask_ocici,
    "oci SDK": ask_sdk,
    "oci-cli": ask_cli,
    "openssl": ask_openssl,
}


def judge(row: damage.Row, answer: str) -> compared.Verdict:
    """The rules of this comparison (see the head of this file)."""
    if answer == ACCEPTED:
        return compared.Verdict(not row.code, "**accepts it**" if row.code else "reads it")
    if row.cause and re.search(row.cause, answer.lower()):
        return compared.NAMES_IT
    return compared.quoted(answer)


def table(rows: list[damage.Row], answers: dict[str, dict[str, str]]) -> tuple[list[str], dict[str, int]]:
    """The lines of a table, and for how many rows each tool does well."""
    verdicts = {
        compared.named(row.name, row.code): {tool: judge(row, answers[row.name][tool]) for tool in TOOLS}
        for row in rows
    }
    return compared.table("arrived as", TOOLS, verdicts)


def page(answers: dict[str, dict[str, str]]) -> str:
    """The whole page."""
    rows = damage.rows()
    damaged, refused = [row for row in rows if not row.code], [row for row in rows if row.code]
    damaged_lines, read = table(damaged, answers)
    refused_lines, named = table(refused, answers)
    openssl = compared.run(["openssl", "version"], os.environ).stdout.split()[1]
    summary = [f"| {tool} | {read[tool]} | {named[tool]} | {read[tool] + named[tool]} |" for tool in TOOLS]
    return "\n".join(
        [
            "# Which key mistakes does each tool explain?",
            "",
            "Made by `python scripts/compare_keys.py` from fresh keys. The rows are the corpus that ocici is tested",
            f"with (tests/corpus/damage.py). Asked were oci {oci.__version__}, oci-cli {compared.oci_cli_version()},",
            f"and OpenSSL {openssl} (`openssl rsa -check`). A tool does well when it reads a damaged key or names",
            "the damage, and when it names what is wrong with anything else. A message names a cause when it holds one",
            "of the words listed for the row, and the words are generous.",
            "",
            f"| tool | damaged keys read or explained, of {len(damaged)} | mistakes named, of {len(refused)} "
            f"| together, of {len(rows)} |",
            "| --- | --- | --- | --- |",
            *summary,
            "",
            "## A key that can be read",
            "",
            *damaged_lines,
            "",
            "## What is no such key",
            "",
            "To accept one of these is no success: OCI refuses the key or the signature later, and does not say why.",
            "",
            *refused_lines,
            "",
        ]
    )


def ask_all() -> dict[str, dict[str, str]]:
    """Each tool's answer to each row."""
    answers: dict[str, dict[str, str]] = {}
    while b"=" not in damage.pem(damage.key()):  # a key without padding cannot lose it
        damage.key.cache_clear()
    with tempfile.TemporaryDirectory() as folder:
        key = Path(folder) / "key"
        for row in damage.rows():
            key.write_bytes(row.data)
            key.chmod(0o600)
            answers[row.name] = {tool: ask(row, key) for tool, ask in TOOLS.items()}
    return answers


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "KEY-FORMS.md"
    target.write_text(page(ask_all()), encoding="utf-8")
