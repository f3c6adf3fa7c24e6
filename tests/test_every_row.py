"""Every way a key goes wrong, one test a row: brought about through the commands, told by its own finding.

Each test asserts which finding it is, that its cause and fix speak of this very case, the exit code, and that the
page which `docs` names has the finding. What other tools say to the same cases is in test_troubleshooting.py.
"""

from __future__ import annotations

import base64
import json
import os
import re
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import oci.config
import oci.signer
import pytest

from ocici import cli, explain, interrupts
from ocici.emulator import Emulator
from ocici.findings import CATALOGUE

from .conftest import PASS_PHRASE, TENANCY, USER, Ocici, Pair, encrypt
from .test_probe_network import FRANKFURT, ConnectProxy, Tls, certificate

if TYPE_CHECKING:
    from tests.corpus import damage
else:
    sys.path.insert(0, str(Path(__file__).parent / "corpus"))
    import damage

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "TROUBLESHOOTING.md").read_text(encoding="utf-8")
NOBODY = 65534


@dataclass(frozen=True)
class Told:
    """What a command told: its exit code and its findings, as JSON has them."""

    exit: int
    findings: list[dict[str, str]]

    def only(self, code: str, cause: str, fix: str, status: int) -> dict[str, str]:
        """The one finding, which is `code`, with `cause` in its cause and `fix` in its fix."""
        assert [found["code"] for found in self.findings] == [code]
        found = self.findings[0]
        assert cause in found["cause"]
        assert fix in found["fix"]
        assert self.exit == status
        return found


@dataclass(frozen=True)
class Commands:
    """Runs commands of ocici in this process (a hundred of them would take a minute in their own).

    `home` is HOME; sessions are made in `folder`. What must hold for every row is asserted here: people see what JSON
    has, a failure leaves nothing, no secret is shown, and the page has what it is named for.
    """

    home: Path
    folder: Path
    pair: Pair
    capture: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str, environ: Mapping[str, str] | None = None, helpless: bool = False) -> Told:
        """Run `ocici ARGUMENTS --format json`; `helpless`: as a user that may read nothing of this test's."""
        base = {"PATH": os.environ["PATH"], "HOME": str(self.home), "TMPDIR": str(self.folder)}
        with (
            mock.patch.dict(os.environ, {**base, **(environ or {})}, clear=True),
            mock.patch.object(tempfile, "tempdir", str(self.folder)),
            mock.patch.object(interrupts, "raised", nullcontext),
            nobody() if helpless else mock.MagicMock(),
        ):
            code = cli.main([*arguments, "--format", "json"])
        out, seen = self.capture.readouterr()
        findings = json.loads(out)["findings"]
        assert not [line for line in [*self.pair.lines(), PASS_PHRASE] if line in out + seen]
        assert not code or not list(self.folder.iterdir())
        for found in findings:
            lines = (
                f"  {word}: {found[name]}\n" for word, name in (("why", "cause"), ("fix", "fix"), ("more", "docs"))
            )
            assert f" [{found['code']}]\n{''.join(lines)}" in seen
            assert not re.search(r"\{\w+\}", found["cause"] + found["fix"])
            page, _, anchor = found["docs"].partition("#")
            assert page == "docs/TROUBLESHOOTING.md"
            assert f'<a id="{anchor}"></a>' in PAGE
        return Told(code, findings)


@contextmanager
def nobody() -> Iterator[None]:
    """Root may read everything: be somebody else meanwhile. Whoever is not root takes the file's mode instead."""
    if os.geteuid():
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def commands(tmp_path: Path, pair: Pair, capsys: pytest.CaptureFixture[str]) -> Commands:
    (tmp_path / "tmp").mkdir()
    return Commands(tmp_path, tmp_path / "tmp", pair, capsys)


# -- what a pipeline hands over -------------------------------------------------------------------------------

Change = Callable[[Pair, Pair], Mapping[str, str | None]]


@dataclass(frozen=True)
class Row:
    """One row: what is handed over instead of good secrets (None: nothing), and what is told of it."""

    name: str
    change: Change
    code: str
    cause: str
    fix: str
    exit: int = 1


def given(**values: str | None) -> Change:
    """These variables, whatever the keys of this run are."""
    return lambda pair, other: values


def key(value: str | None) -> Change:
    """This in place of the key."""
    return given(OCICI_PRIVATE_KEY=value)


@cache
def corpus() -> dict[str, damage.Row]:
    """The keys that must be refused, by name (tests/corpus)."""
    return {row.name: row for row in damage.refusals()}


def kept(name: str) -> Change:
    """The key `name` of the corpus."""
    return lambda pair, other: {"OCICI_PRIVATE_KEY": corpus()[name].data.decode()}


def fingerprint(form: Callable[[str], str]) -> Change:
    """The key's own fingerprint in another form."""
    return lambda pair, other: {"OCICI_FINGERPRINT": form(pair.fingerprint)}


WHOLE = "Store the whole"
PAIR = "`ocici keygen`, upload the public key"
FIRST_LINE = "first line says BEGIN PRIVATE KEY"
FROM_CONSOLE = "copy it again from the OCI console"
SHA256 = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"

SECRETS = [
    Row("no key", key(None), "key-missing", "given for profile DEFAULT", "hand it over as OCICI_PRIVATE_KEY"),
    Row("an empty key", key(""), "secret-empty", "OCICI_PRIVATE_KEY is set, but empty", "pull request may read it", 2),
    Row(r"a key of \n alone", key(r"\n"), "secret-empty", "is set, but empty", "pull request may read it", 2),
    Row("a key of quotes alone", key('""'), "secret-empty", "is set, but empty", "pull request may read it", 2),
    Row("the word null", key("null"), "value-unset", "the variable was not set", "Check the name of the secret", 2),
    Row(
        "the public key of another",
        lambda pair, other: {"OCICI_PRIVATE_KEY": pair.private + other.public.decode()},
        "key-halves-differ",
        "a public key that does not belong to it",
        "Store the private key alone",
    ),
    Row(
        "two keys in one text",
        lambda pair, other: {
            "OCICI_PRIVATE_KEY": json.dumps(
                [base64.b64encode(each.private.encode()).decode() for each in (pair, other)]
            )
        },
        "key-ambiguous",
        "2 different private keys",
        "Store one private key alone",
    ),
    Row("public key", kept("public key"), "key-is-public", "OCICI_PRIVATE_KEY holds a public key", FIRST_LINE),
    Row("certificate", kept("certificate"), "key-is-certificate", "OCICI_PRIVATE_KEY holds a certificate", FIRST_LINE),
    Row("OpenSSH format", kept("OpenSSH"), "key-is-openssh", "OpenSSH's own format", "`ssh-keygen -p -m PEM"),
    Row("OpenSSH, Ed25519", kept("OpenSSH, Ed25519"), "key-not-rsa", "Ed25519, in OpenSSH's format", PAIR),
    Row("PuTTY format", kept("PuTTY"), "key-is-putty", "PuTTY's format (.ppk)", "`puttygen FILE"),
    Row("EC", kept("EC"), "key-not-rsa", "a key of type EC", PAIR),
    Row("Ed25519", kept("Ed25519"), "key-not-rsa", "a key of type Ed25519", PAIR),
    Row("DSA", kept("DSA"), "key-not-rsa", "a key of type DSA", PAIR),
    Row("RSA under 2048 bits", kept("RSA of 1024 bits"), "key-too-short", "has 1024 bits", PAIR),
    Row("truncated body", kept("second half missing"), "key-corrupt", "it was cut off after 13 lines", WHOLE),
    Row("corrupted body", kept("a character changed"), "key-corrupt", "numbers do not fit together", WHOLE),
    Row("neither", key("nonsense"), "invalid-key-format", "a text of 8 characters without a BEGIN line", WHOLE),
    Row(
        "encrypted without a pass phrase",
        kept("encrypted, no pass phrase"),
        "key-encrypted",
        "The key in OCICI_PRIVATE_KEY is encrypted",
        "hand it over as OCICI_PASS_PHRASE",
    ),
    Row(
        "wrong pass phrase",
        lambda pair, other: {"OCICI_PRIVATE_KEY": pair.encrypted, "OCICI_PASS_PHRASE": "of another key"},
        "pass-phrase-wrong",
        "The pass phrase in OCICI_PASS_PHRASE does not open the key in OCICI_PRIVATE_KEY",
        "`openssl pkey -in FILE -noout`",
    ),
    Row(
        "a path where a key was expected",
        key("~/.oci/oci_api_key.pem"),
        "key-is-path",
        "OCICI_PRIVATE_KEY holds the path of a file",
        "Hand the path over as OCICI_PRIVATE_KEY_FILE",
        2,
    ),
    Row(
        "a key where a path was expected",
        lambda pair, other: {"OCICI_PRIVATE_KEY": None, "OCICI_PRIVATE_KEY_FILE": pair.private},
        "path-is-key",
        "OCICI_PRIVATE_KEY_FILE should name a file, and holds a private key itself",
        "Hand the key over as OCICI_PRIVATE_KEY ",
        2,
    ),
    Row("unexpanded $VARIABLE", key("$KEY"), "value-unexpanded", "literal text ($NAME)", "between single quotes", 2),
    Row(
        "unexpanded ${{ … }}",
        given(OCICI_USER="${{ secrets.OCI_USER }}"),
        "value-unexpanded",
        "OCICI_USER holds a reference to a variable as literal text (${{ … }})",
        "the secret does not exist",
        2,
    ),
    Row("the literal ***", key("***"), "value-masked", "OCICI_PRIVATE_KEY holds a mask", "Store the secret again", 2),
    Row("fingerprint in SHA-256 form", given(OCICI_FINGERPRINT=SHA256), "fingerprint-sha256", "MD5", "Leave the"),
    Row("fingerprint in upper case", fingerprint(str.upper), "value-repaired", "put into lower case", "console", 0),
    Row(
        "fingerprint without colons",
        fingerprint(lambda text: text.replace(":", "")),
        "value-repaired",
        "OCICI_FINGERPRINT was read all the same",
        "Nothing to do",
        0,
    ),
    Row(
        "fingerprint cut short",
        fingerprint(lambda text: text[:30]),
        "fingerprint-malformed",
        "20 hex digits instead of 32",
        FROM_CONSOLE,
    ),
    Row(
        "user and tenancy swapped",
        given(OCICI_USER=TENANCY, OCICI_TENANCY=USER),
        "user-tenancy-swapped",
        "OCICI_USER holds a tenancy OCID, and OCICI_TENANCY a user OCID",
        "Swap the two",
    ),
    Row(
        "OCID of a wrong type",
        given(OCICI_TENANCY="ocid1.compartment.oc1..aaaa"),
        "ocid-wrong-type",
        "OCICI_TENANCY should hold a tenancy OCID, and holds a compartment OCID",
        "ocid1.tenancy.",
    ),
    Row(
        "malformed OCID",
        given(OCICI_USER="me@example.com"),
        "ocid-malformed",
        "OCICI_USER should hold a user OCID, and it does not begin with ocid1.user.",
        "Copy it again",
    ),
    Row("OCID with a space", given(OCICI_USER="ocid1.user.oc1..a a"), "ocid-malformed", "a space in it", "ocid1.user."),
    Row("OCID with a comma", given(OCICI_USER=f"{USER},"), "ocid-malformed", "it ends in a comma", "Copy it again"),
    Row(
        "OCID that was cut",
        given(OCICI_USER="ocid1.user.oc1..aaaaaaaat5nvwcna5j6aqzjc"),
        "ocid-length",
        "OCICI_USER holds a user OCID whose last part has 24 characters. OCI's own have 60",
        "whole",
        0,
    ),
    Row(
        "no value", given(OCICI_USER="undefined"), "value-unset", "OCICI_USER holds the word", "this job may read it", 2
    ),
    Row("no key by that name", key("None"), "value-unset", "OCICI_PRIVATE_KEY holds the word", "this job may", 2),
    Row(
        "region in capitals",
        given(OCICI_REGION="EU-FRANKFURT-1"),
        "value-repaired",
        "OCICI_REGION was read all the same: it was put into lower case",
        "Nothing to do",
        0,
    ),
    Row("OCID with a space round it", given(OCICI_USER=f" {USER}"), "value-repaired", "spaces round it", "console", 0),
    Row(
        "unknown region",
        given(OCICI_REGION="eu-frankfrut-1"),
        "region-unknown",
        "OCICI_REGION holds the region 'eu-frankfrut-1', which this version of ocici does not know (did you mean "
        "eu-frankfurt-1?)",
        "Check the spelling",
        0,
    ),
    Row("no region at all", given(OCICI_REGION="Frankfurt"), "region-malformed", "eu-frankfurt-1?", "such as fra"),
    Row("region missing", given(OCICI_REGION=None), "region-not-configured", "profile DEFAULT", "Set OCICI_REGION"),
    Row(
        "realm mismatch",
        given(OCICI_REGION="us-gov-ashburn-1"),
        "realm-mismatch",
        "us-gov-ashburn-1 is in realm oc3, but the OCIDs in OCICI_USER and OCICI_TENANCY are of realm oc1",
        "the tenancy's own realm",
    ),
]


@pytest.mark.parametrize("row", SECRETS, ids=lambda row: row.name)
def test_secrets(commands: Commands, secrets: dict[str, str], pair: Pair, other_pair: Pair, row: Row) -> None:
    changed = {**secrets, **row.change(pair, other_pair)}
    environ = {name: value for name, value in changed.items() if value is not None}
    found = commands("setup", "--validate", "offline", environ=environ).only(row.code, row.cause, row.fix, row.exit)
    assert found["profile"] in ("DEFAULT", "")


@pytest.mark.parametrize(
    ("environ", "code", "cause"),
    [
        ({"OCICI_CREDENTIALS": "***"}, "value-masked", "OCICI_CREDENTIALS holds a mask"),
        ({"OCICI_CONFIG": "${{ secrets.CONFIG }}"}, "value-unexpanded", "(${{ … }})"),
        ({"OCICI_PRIVATE_KEY_FILE": "$HOME/key.pem"}, "value-unexpanded", "OCICI_PRIVATE_KEY_FILE holds a reference"),
        ({"OCICI_CREDENTIALS": "/run/secrets/oci.yaml"}, "source-is-path", "holds the path of a file"),
        ({"OCICI_CONFIG": "[DEFAULT] user=x region=fra"}, "config-syntax", "all of it stands in one line"),
    ],
)
def test_what_stands_in_place_of_a_text_or_path(
    commands: Commands, environ: dict[str, str], code: str, cause: str
) -> None:
    commands("setup", environ=environ).only(code, cause, "", 2)


def test_a_bundle_with_a_key_that_is_not_indented(commands: Commands, pair: Pair) -> None:
    """The fix shows a line that stands in the secret just so."""
    told = commands("setup", environ={"OCICI_CREDENTIALS": f"user: {USER}\nkey_content: |\n{pair.private}"})
    told.only("bundle-syntax", "neither as YAML nor as JSON", "a key wants `key_content: |` and indented lines", 2)


@pytest.mark.parametrize("phrase", ["&abc", "*abc", "!abc", "@abc", "%abc", "`abc", "abc: def", "abc #def"])
def test_a_pass_phrase_with_characters_of_yaml(commands: Commands, pair: Pair, phrase: str) -> None:
    """Quotes are what it wants, and with them it is read."""
    fields = {"user": USER, "tenancy": TENANCY, "region": "fra", "key_content": encrypt(pair.private, phrase)}
    bundle = "".join(f"{name}: {json.dumps(value)}\n" for name, value in fields.items())
    command = ("setup", "--validate", "offline")
    found = commands(*command, environ={"OCICI_CREDENTIALS": f"{bundle}pass_phrase: {phrase}\n"}).findings[0]
    assert found["code"] in ("bundle-unsafe", "bundle-syntax", "pass-phrase-wrong")
    assert "put it in single quotes" in found["fix"]
    told = commands(*command, environ={"OCICI_CREDENTIALS": f"{bundle}pass_phrase: '{phrase}'\n"})
    assert (told.exit, told.findings) == (0, [])


def test_a_key_in_place_of_a_bundle(commands: Commands, pair: Pair) -> None:
    told = commands("setup", environ={"OCICI_CREDENTIALS": pair.private})
    told.only("source-is-key", "OCICI_CREDENTIALS holds a private key itself", "as OCICI_PRIVATE_KEY, beside", 2)


def test_a_path_with_spaces_round_it(commands: Commands, secrets: dict[str, str], pair: Pair) -> None:
    (commands.home / "key").write_text(secrets.pop("OCICI_PRIVATE_KEY"))
    environ = secrets | {"OCICI_PRIVATE_KEY_FILE": f" {commands.home}/key "}
    told = commands("setup", "--validate", "offline", environ=environ)
    told.only("value-repaired", "OCICI_PRIVATE_KEY_FILE was read all the same: spaces", "Nothing to do", 0)


def test_fingerprint_of_another_key(commands: Commands, secrets: dict[str, str], pair: Pair, other_pair: Pair) -> None:
    environ = secrets | {"OCICI_FINGERPRINT": other_pair.fingerprint}
    told = commands("setup", "--validate", "offline", environ=environ)
    cause = (
        f"The fingerprint in OCICI_FINGERPRINT is {other_pair.fingerprint}, "
        f"but that of the key in OCICI_PRIVATE_KEY is {pair.fingerprint}."
    )
    told.only("fingerprint-mismatch", cause, f"Store the private key that belongs to {other_pair.fingerprint}", 1)


def test_two_realms_are_two_findings(commands: Commands, secrets: dict[str, str]) -> None:
    environ = secrets | {"OCICI_USER": "ocid1.user.oc2..aaaa", "OCICI_TENANCY": "ocid1.tenancy.oc3..aaaa"}
    told = commands("setup", "--validate", "offline", environ=environ)
    assert [found["cause"].split("but ")[1] for found in told.findings] == [
        "the OCID in OCICI_USER is of realm oc2.",
        "the OCID in OCICI_TENANCY is of realm oc3.",
    ]


@pytest.mark.parametrize("name", [row.name for row in damage.refusals()])
def test_every_key_of_the_corpus(commands: Commands, secrets: dict[str, str], name: str) -> None:
    """All in files, since not all are texts."""
    row = corpus()[name]
    (commands.home / "key").write_bytes(row.data)
    del secrets["OCICI_PRIVATE_KEY"]
    # A pass phrase is hidden wherever it stands, and "wrong" stands in ocici's own words.
    phrase = row.pass_phrase.decode().replace("wrong", "of another key")
    environ = secrets | {"OCICI_PRIVATE_KEY_FILE": str(commands.home / "key"), "OCICI_PASS_PHRASE": phrase}
    told = commands("setup", "--validate", "offline", environ=environ)
    found = told.only(row.code, "", "", CATALOGUE[row.code].exit_code)
    assert "OCICI_PRIVATE_KEY_FILE" in found["cause"] or "OCICI_PASS_PHRASE" in found["cause"]
    assert re.search(row.cause, found["cause"].lower())


# -- files ----------------------------------------------------------------------------------------------------


def config(commands: Commands, pair: Pair, **changes: str | None) -> Path:
    """A good config whose key is beside it, with `changes` (None: without the field)."""
    path = commands.home / "key.pem"
    path.write_text(pair.private + "OCI_API_KEY\n")
    fields: dict[str, str | None] = {
        "user": USER,
        "tenancy": TENANCY,
        "fingerprint": pair.fingerprint,
        "region": "eu-frankfurt-1",
        "key_file": str(path),
    }
    lines = [f"{name}={value}\n" for name, value in (fields | changes).items() if value is not None]
    file = commands.home / "config"
    file.write_text("[DEFAULT]\n" + "".join(lines))
    for each in (path, file):
        each.chmod(0o600)
    return file


def check(commands: Commands, file: Path, *arguments: str, helpless: bool = False) -> Told:
    """What `ocici check` tells of a config without asking OCI."""
    return commands("check", "--config-file", str(file), "--validate", "offline", *arguments, helpless=helpless)


def test_a_good_config(commands: Commands, pair: Pair) -> None:
    told = check(commands, config(commands, pair))
    assert (told.exit, told.findings) == (0, [])


def test_config_unreadable(commands: Commands, pair: Pair) -> None:
    file = config(commands, pair)
    check(commands, file)  # everything that must be imported is, while it may be
    file.chmod(0o000)
    told = check(commands, file, helpless=True)
    told.only("permission-denied", f"{file} may not be read by the user", "the user that owns the file", 2)


def test_config_that_is_none(commands: Commands) -> None:
    file = commands.home / "config"
    file.write_bytes(b"\xfe\xfd")
    check(commands, file).only("config-syntax", f"{file} is not an OCI config: it is not text in UTF-8", "[PROFILE]", 2)
    file.write_text("user=x\n")
    check(commands, file).only("config-syntax", "(line 1): a line stands before any [PROFILE]", "[PROFILE]", 2)
    file.unlink()
    check(commands, file).only("config-missing", f"There is no OCI config at {file}", "--config-file", 2)


def test_config_in_another_encoding(commands: Commands, pair: Pair) -> None:
    file = config(commands, pair)
    text = file.read_text()
    file.write_text(text, encoding="utf-16")
    cause = f"{file} is not an OCI config: it is encoded in UTF-16 (as Windows PowerShell writes files)"
    check(commands, file).only("config-syntax", cause, "[PROFILE]", 2)
    # The SDK takes the mark for a part of the first line.
    file.write_text(text, encoding="utf-8-sig")
    check(commands, file).only("mended-for-check", f"{file} begins with a byte-order mark.", "Correct the file", 0)


@pytest.mark.parametrize("end", [b"\r", b"\r\n"])
def test_config_with_other_line_ends(commands: Commands, pair: Pair, end: bytes) -> None:
    """The SDK reads them all."""
    file = config(commands, pair)
    file.write_bytes(file.read_bytes().replace(b"\n", end))
    assert oci.config.from_file(str(file))["user"] == USER
    assert check(commands, file).findings == []


def test_a_file_that_its_owner_alone_may_execute_is_open_to_nobody(commands: Commands, pair: Pair) -> None:
    file = config(commands, pair)
    for path in (file, commands.home / "key.pem"):
        path.chmod(0o700)
    assert check(commands, file).findings == []


@pytest.mark.parametrize(("mode", "what"), [(0o644, "read"), (0o666, "write"), (0o640, "read")])
def test_config_world_readable(commands: Commands, pair: Pair, mode: int, what: str) -> None:
    file = config(commands, pair)
    file.chmod(mode)
    cause = f"{file} has mode {mode:04o}: other users of this machine may {what} it"
    check(commands, file).only("open-to-others", cause, f"`chmod 600 {file}`", 0)


def test_key_world_readable(commands: Commands, pair: Pair) -> None:
    file = config(commands, pair)
    (commands.home / "key.pem").chmod(0o644)
    check(commands, file).only("open-to-others", "key.pem has mode 0644", "key.pem`", 0)


def test_config_without_the_profile(commands: Commands, pair: Pair) -> None:
    file = config(commands, pair)
    told = check(commands, file, "--profile", "prod")
    told.only("profile-missing", f"{file} has no profile prod. It has: DEFAULT.", "--profile", 2)


@pytest.mark.parametrize(
    ("more", "cause"),
    [
        ("[A]\nuser=x\n[A]\nuser=y\n", "has a profile more than once (line 9)"),
        ("user=again\n", "has a field of a profile more than once (line 7)"),
        (f"[DEFAULT]\nuser={USER}\n", "has [DEFAULT] more than once (line 7)"),
    ],
)
def test_config_with_a_duplicate_profile(commands: Commands, pair: Pair, more: str, cause: str) -> None:
    file = config(commands, pair)
    file.write_text(file.read_text() + more)
    check(commands, file).only("profile-duplicate", f"{file} {cause}", "Remove all but one", 2)


def test_config_text_with_a_duplicate_profile(commands: Commands, pair: Pair) -> None:
    text = f"[DEFAULT]\nuser={USER}\n[DEFAULT]\ntenancy={TENANCY}\n"
    told = commands("setup", "--validate", "offline", environ={"OCICI_CONFIG": text})
    told.only("profile-duplicate", "OCICI_CONFIG has", "Remove all but one", 2)


def test_config_with_key_file_of_another_machine(commands: Commands, pair: Pair) -> None:
    file = config(commands, pair, key_file="/Users/me/.oci/key.pem")
    cause = f"{file} names /Users/me/.oci/key.pem as key_file, and it is not there: no such file on this machine"
    check(commands, file).only("key-file-elsewhere", cause, "the path of the key on this machine", 1)


def test_config_with_a_tilde_under_another_home(commands: Commands, pair: Pair, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / ".oci").mkdir(parents=True)
    file = config(commands, pair, key_file="~/.oci/key.pem")
    (commands.home / "key.pem").rename(elsewhere / ".oci" / "key.pem")
    cause = f"names ~/.oci/key.pem as key_file, and it is not there: `~` is {commands.home} here"
    check(commands, file).only("key-file-elsewhere", cause, "the path of the key on this machine", 1)
    # Under the HOME that was meant it is found.
    there = Commands(elsewhere, commands.folder, pair, commands.capture)
    assert check(there, file).findings == []


def test_key_file_unreadable(commands: Commands, secrets: dict[str, str], pair: Pair) -> None:
    path = commands.home / "key.pem"
    path.write_text(pair.private)
    del secrets["OCICI_PRIVATE_KEY"]
    environ = secrets | {"OCICI_PRIVATE_KEY_FILE": str(path)}
    commands("setup", environ=secrets)  # everything that must be imported is, while it may be
    path.chmod(0o000)
    told = commands("setup", environ=environ, helpless=True)
    told.only("permission-denied", f"{path} may not be read by the user", "in a variable instead of a file", 2)


def test_key_file_that_holds_the_key_itself(commands: Commands, pair: Pair) -> None:
    file = config(commands, pair, key_file=pair.private.replace("\n", "\\n"))
    told = check(commands, file)
    told.only("path-is-key", f"`key_file` in {file} should name a file", "replace the API key", 2)


def test_key_file_that_holds_the_key_itself_in_base64_is_not_repeated(commands: Commands, pair: Pair) -> None:
    file = config(commands, pair, key_file=base64.b64encode(pair.private.encode()).decode())
    check(commands, file).only("path-is-key", f"`key_file` in {file} should name a file", "replace the API key", 2)


# What a key looks like where a path or a name belongs, and what is no key that could be told by its shape.
MISPLACED: dict[str, Callable[[str], str]] = {
    "PEM": lambda key: key,
    "base64": lambda key: base64.b64encode(key.encode()).decode(),
    "base64 that was cut": lambda key: base64.b64encode(key.encode()).decode()[:900],
    "base64 in quotes": lambda key: f"'{base64.b64encode(key.encode()).decode()}'",
    "lines with spaces": lambda key: " ".join(key.splitlines()[1:-1]),
    "lines after a slash": lambda key: "/" + " ".join(key.splitlines()[1:-1]),
    "one line": lambda key: next(line for line in key.splitlines()[3:] if line[0] != "/"),
}


@pytest.mark.parametrize("form", MISPLACED)
@pytest.mark.parametrize("variable", ["", "OCI_CLI_CONFIG_FILE", "OCI_CONFIG_FILE"])
def test_a_key_for_the_configs_path_is_not_repeated(commands: Commands, pair: Pair, form: str, variable: str) -> None:
    given = MISPLACED[form](pair.private)
    arguments = [] if variable else ["--config-file", given]
    told = commands("check", *arguments, environ={variable: given} if variable else {})
    (found,) = told.findings
    assert found["code"] in ("config-missing", "path-is-key")
    assert told.exit == 2


@pytest.mark.parametrize("form", MISPLACED)
def test_a_key_for_the_profiles_name_is_not_repeated(commands: Commands, pair: Pair, form: str) -> None:
    given = MISPLACED[form](pair.private)
    file = config(commands, pair)
    cause = f"{file} has no profile (a name of {len(given)} characters). It has: DEFAULT."
    check(commands, file, "--profile", given).only("profile-missing", cause, "--profile", 2)
    told = commands("setup", "--profile", given, environ={"OCICI_CONFIG": file.read_text()})
    assert told.findings[0]["code"] in ("profile-missing", "profile-name")


def test_a_line_of_a_key_for_key_file_is_not_repeated(commands: Commands, pair: Pair) -> None:
    file = config(commands, pair, key_file=MISPLACED["one line"](pair.private))
    check(commands, file).only("key-file-elsewhere", "names (a value of 64 characters) as key_file", "the path", 1)


@pytest.mark.parametrize("validate", ["offline", "online", "off"])
def test_key_file_without_a_value(commands: Commands, pair: Pair, validate: str) -> None:
    file = config(commands, pair, key_file="")
    told = check(commands, file, "--validate", validate)
    told.only("secret-empty", f"`key_file` in {file} is set, but empty.", "Check the name", 2)


@pytest.mark.parametrize("form", ['"{}"', "file://{}"])
def test_key_file_with_something_round_it(commands: Commands, pair: Pair, form: str) -> None:
    """Setup removes it, and the tools do not."""
    file = config(commands, pair, key_file=form.format(commands.home / "key.pem"))
    cause = "it is not there: OCI tools take the quotes or the file: round it for a part of the path"
    check(commands, file).only("key-file-elsewhere", cause, "the path of the key on this machine", 1)


@pytest.mark.parametrize("named", ["$HOME/key.pem", "${{ runner.temp }}/key.pem"])
def test_key_file_with_a_variable_in_it(commands: Commands, pair: Pair, named: str) -> None:
    file = config(commands, pair, key_file=named)
    cause = f"`key_file` in {file} holds a reference to a variable as literal text"
    check(commands, file).only("value-unexpanded", cause, "where the value is set", 2)


def test_key_file_that_is_a_folder(commands: Commands, pair: Pair) -> None:
    file = config(commands, pair, key_file=str(commands.home))
    cause = f"cannot be read: `key_file` in {file} names the file {commands.home}, and it is a folder."
    check(commands, file).only("cannot-read-private-key", cause, "the path of the key on this machine", 2)


def test_key_file_that_is_empty(commands: Commands, pair: Pair) -> None:
    file = config(commands, pair)
    (commands.home / "key.pem").write_text("\n")
    check(commands, file).only("secret-empty", "key.pem is set, but empty", "Check the name", 2)


def relabelled(key: str) -> str:
    return key.replace("BEGIN PRIVATE", "BEGIN RSA PRIVATE").replace("END PRIVATE", "END RSA PRIVATE")


REFUSED_BY_THE_SDK: list[tuple[str, Callable[[str], str], str]] = [
    ("base64", lambda key: base64.b64encode(key.encode()).decode(), "it is not PEM"),
    ("base64 with spaces", lambda key: base64.encodebytes(key.encode()).decode().replace("\n", " "), "it is not PEM"),
    ("literal line ends", lambda key: key.replace("\n", "\\n"), r"line breaks were written out (\n)"),
    ("another label", relabelled, ""),
]


@pytest.mark.parametrize(("name", "form", "cause"), REFUSED_BY_THE_SDK, ids=[row[0] for row in REFUSED_BY_THE_SDK])
def test_key_file_that_only_ocici_reads(
    commands: Commands, pair: Pair, name: str, form: Callable[[str], str], cause: str
) -> None:
    file = config(commands, pair)
    path = commands.home / "key.pem"
    path.write_text(form(pair.private) + "\nOCI_API_KEY\n")
    with pytest.raises(Exception, match="not a private key"):  # the SDK agrees
        oci.signer.load_private_key_from_file(str(path))
    found = check(commands, file).only("key-file-refused", cause, f"OCICI_PRIVATE_KEY_FILE={path}", 1)
    assert f"{path} holds a key that ocici reads, but the OCI SDK refuses the file as it stands" in found["cause"]


@pytest.mark.parametrize("phrase", [None, "not needed"])
def test_key_file_that_the_sdk_reads_all_the_same(commands: Commands, pair: Pair, phrase: str | None) -> None:
    file = config(commands, pair, pass_phrase=phrase)
    path = commands.home / "key.pem"
    path.write_text("My key:\r\n" + pair.private.replace("\n", "\r\n") + "OCI_API_KEY\r\n")
    oci.signer.load_private_key_from_file(str(path), phrase)
    codes = [found["code"] for found in check(commands, file).findings]
    assert codes == [*(["pass-phrase-beside-key"] if phrase else []), "mended-for-check"]


@pytest.mark.parametrize("environ", [{}, {"OCICI_PASS_PHRASE": PASS_PHRASE}])
def test_key_file_that_is_encrypted(commands: Commands, pair: Pair, environ: dict[str, str]) -> None:
    """The tools know nothing of OCICI_PASS_PHRASE, so it opens nothing here."""
    file = config(commands, pair)
    (commands.home / "key.pem").write_text(pair.encrypted + "OCI_API_KEY\n")
    told = commands("check", "--config-file", str(file), "--validate", "offline", environ=environ)
    found = told.only("key-encrypted", "is encrypted", f"`pass_phrase=…` to profile DEFAULT of {file}", 1)
    assert "OCICI_PASS_PHRASE" not in found["fix"]


@pytest.mark.parametrize(
    ("field", "code"),
    [
        ("user", "user-missing"),
        ("tenancy", "tenancy-missing"),
        ("region", "region-not-configured"),
        ("key_file", "key-missing"),
    ],
)
def test_config_without_a_field(commands: Commands, pair: Pair, field: str, code: str) -> None:
    told = check(commands, config(commands, pair, **{field: None}))
    found = told.only(code, "given for profile DEFAULT", f"`{field}` ", 1)
    assert f" profile DEFAULT of {commands.home}/config" in found["fix"]
    assert "OCICI_" not in found["fix"]


@pytest.mark.parametrize(
    ("field", "value", "what"),
    [
        ("security_token_file", "/t", "a session token, which expires within the hour"),
        ("delegation_token_file", "/t", "a delegation token of the machine"),
        ("authentication_type", "instance_principal", "a delegation token of the machine"),
    ],
)
def test_config_that_signs_with_a_token(commands: Commands, pair: Pair, field: str, value: str, what: str) -> None:
    told = check(commands, config(commands, pair, **{field: value}))
    told.only("token-profile", f" uses {field}: {what}", "Choose a profile with an API key", 2)


@pytest.mark.parametrize("empty", [None, ""])
def test_config_without_a_fingerprint_is_one_that_no_tool_takes(
    commands: Commands, pair: Pair, empty: str | None
) -> None:
    file = config(commands, pair, fingerprint=empty)
    with pytest.raises(oci.exceptions.InvalidConfig):
        oci.config.validate_config(oci.config.from_file(str(file)))
    told = check(commands, file)
    told.only("fingerprint-missing", f"Profile DEFAULT of {file}", f"`fingerprint={pair.fingerprint}`", 1)


def test_config_with_the_key_in_it(commands: Commands, pair: Pair) -> None:
    file = config(commands, pair, key_file=None, key_content=pair.private.replace("\n", "\\n"))
    told = check(commands, file)
    assert [found["code"] for found in told.findings] == ["key-in-config", "mended-for-check"]
    assert told.exit == 1


def test_what_is_mended_for_the_check_is_still_wrong_in_the_file(commands: Commands, pair: Pair) -> None:
    file = config(commands, pair, fingerprint=pair.fingerprint.upper())
    found = check(commands, file).only("mended-for-check", "put into lower case", "`ocici setup`", 0)
    assert found["severity"] == "warning"
    assert f"`fingerprint` in {file}" in found["cause"]
    assert "OCI tools may refuse it" in found["cause"]


def test_cannot_read_private_key(commands: Commands, pair: Pair) -> None:
    """A config text that came without its key."""
    text = config(commands, pair, key_file="/Users/me/.oci/key.pem").read_text()
    told = commands("setup", "--validate", "offline", environ={"OCICI_CONFIG": text})
    cause = "cannot be read: `key_file` in OCICI_CONFIG names the file /Users/me/.oci/key.pem, and it is not there."
    told.only("cannot-read-private-key", cause, "OCICI_PRIVATE_KEY", 2)


def test_a_secret_file_that_is_not_there(commands: Commands, secrets: dict[str, str]) -> None:
    del secrets["OCICI_PRIVATE_KEY"]
    environ = secrets | {"OCICI_PRIVATE_KEY_FILE": "/nowhere/key.pem"}
    told = commands("setup", environ=environ)
    told.only("source-missing", "OCICI_PRIVATE_KEY_FILE names the file /nowhere/key.pem", "container", 2)


# -- OCI's answers --------------------------------------------------------------------------------------------


@pytest.fixture(params=["setup", "check"])
def ask(request: pytest.FixtureRequest, commands: Commands, secrets: dict[str, str], pair: Pair) -> Callable[..., Told]:
    """Asks OCI by both commands that do, with secrets or a config that nothing is wrong with."""

    def run(endpoint: str, *arguments: str, **environ: str) -> Told:
        where = ["--endpoint", endpoint] if endpoint else []
        if request.param == "setup":
            return commands("setup", *where, *arguments, environ=secrets | environ)
        file = config(commands, pair)
        return commands("check", "--config-file", str(file), *where, *arguments, environ=environ)

    return run


Ask = Callable[..., Told]


@pytest.mark.parametrize(
    ("skew", "told"),
    [("900", "15 minutes behind"), ("-7500", "2 hours 5 minutes ahead"), ("259200", "3 days behind")],
)
def test_clock_skew_told_by_how_much(ask: Ask, oci: Emulator, skew: str, told: str) -> None:
    oci.fault(f"skew:{skew}")
    found = ask(oci.endpoint).only("clock-skew", f"this machine's clock is {told}", "Set the clock", 1)
    assert "more than 5 minutes off" in found["cause"]


def test_not_authenticated_and_what_of_it_is_ruled_out(ask: Ask, oci: Emulator, pair: Pair, other_pair: Pair) -> None:
    oci.register(TENANCY, "ocid1.user.oc1..other", pair.public)
    with Emulator() as another:  # which knows the user by another key
        another.register(TENANCY, USER, other_pair.public)
        found = ask(another.endpoint).only("not-authenticated", "401 NotAuthenticated", pair.fingerprint, 1)
    ruled_out, left = found["cause"].split("Ruled out already: ")[1].split("What is left: ")
    for each in ("a whole RSA key", "its fingerprint is the one sent", "both OCIDs are well formed", "clock is right"):
        assert each in ruled_out
    for each in (pair.fingerprint, "never uploaded", "user or tenancy", "subscribed to region eu-frankfurt-1"):
        assert each in left


def test_an_ocid_that_was_cut_is_not_ruled_out(commands: Commands, secrets: dict[str, str], oci: Emulator) -> None:
    environ = secrets | {"OCICI_USER": "ocid1.user.oc1..aaaaaaaat5nvwcna5j6aqzjc"}
    told = commands("setup", "--endpoint", oci.endpoint, environ=environ)
    assert [found["code"] for found in told.findings] == ["ocid-length", "not-authenticated"]
    assert "a whole RSA key, and its fingerprint is the one sent; this machine's clock" in told.findings[1]["cause"]
    assert "well formed" not in told.findings[1]["cause"]


@pytest.mark.parametrize("state", ["CREATING", "INACTIVE"])
def test_key_disabled_or_not_yet_active(ask: Ask, oci: Emulator, pair: Pair, state: str) -> None:
    """OCI gives the 401 of an unknown key: the finding names both."""
    oci.register(TENANCY, USER, pair.public, state)
    cause = "that key is not active (uploaded a moment ago, or deactivated)"
    ask(oci.endpoint).only("not-authenticated", cause, "try again in a minute", 1)


def test_three_key_limit(ocici: Ocici) -> None:
    """ocici uploads no key, so no command meets the limit: it is explained for who meets it elsewhere."""
    message = '{"code": "LimitExceeded", "message": "…", "status": 400}'
    text = ocici("explain", message).stdout
    assert text == explain.one("key-limit") + "\n"
    assert "at most three API keys a user" in text
    assert '<a id="key-limit"></a>' in PAGE


@pytest.mark.parametrize(
    ("call", "policy"),
    [
        ("namespace", "Allow group GROUP to read objectstorage-namespaces in tenancy"),
        ("regions", "Allow group GROUP to inspect tenancies in tenancy"),
    ],
)
def test_not_authorised_with_the_policy_statement(ask: Ask, oci: Emulator, call: str, policy: str) -> None:
    oci.fault("deny")
    told = ask(oci.endpoint, "--probe", call)
    told.only("not-authorized", "it accepts the signature, but a policy is missing", policy, 1)


def test_not_allowed(ask: Ask, oci: Emulator) -> None:
    oci.fault("not-allowed")
    ask(oci.endpoint).only("not-allowed", "403 NotAllowed", "home region", 1)


@pytest.mark.parametrize(
    ("fault", "code", "cause", "fix"),
    [
        ("throttle", "throttled", "429 TooManyRequests", "fewer jobs at once"),
        ("fail", "service-failed", "500 InternalServerError", "OCI's status page"),
        ("unavailable", "service-failed", "503 ServiceUnavailable", "OCI's status page"),
        ("reset", "connection-reset", "broke before the answer was there", "firewall"),
        ("hang", "timed-out", "gave no answer within 1.", "--deadline"),
        ("garbage", "unexpected-answer", "answered 200 to GetNamespace, not in OCI's form", "HTTPS_PROXY"),
    ],
)
def test_429_5xx_timeout_and_the_like(ask: Ask, oci: Emulator, fault: str, code: str, cause: str, fix: str) -> None:
    oci.fault(fault)
    ask(oci.endpoint, "--deadline", "1.2").only(code, cause, fix, 3)


def test_a_refusal_runs_no_command(ocici: Ocici, oci: Emulator, secrets: dict[str, str]) -> None:
    oci.fault("deny")
    done = ocici("exec", "--", "echo", "ran", environ=secrets | {"OCICI_ENDPOINT": oci.endpoint})
    assert (done.returncode, done.stdout) == (1, "")
    assert "[not-authorized]" in done.stderr
    assert ocici.temporary() == []


# -- the way to OCI -------------------------------------------------------------------------------------------


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def test_dns(ask: Ask) -> None:
    ask("https://oci.invalid").only("host-unknown", "oci.invalid does not resolve", "Check the region", 3)


def test_refused(ask: Ask) -> None:
    port = closed_port()
    told = ask(f"http://127.0.0.1:{port}")
    told.only("connection-refused", f"127.0.0.1:{port} refused the connection", "firewall", 3)


def test_proxy_that_is_not_there(ask: Ask) -> None:
    port = closed_port()
    cause = f"http://127.0.0.1:{port} gave no way through to {FRANKFURT}: it refused the connection"
    ask("", HTTPS_PROXY=f"http://127.0.0.1:{port}").only("proxy-failed", cause, "NO_PROXY", 3)


def test_proxy_that_wants_a_password(ask: Ask) -> None:
    with ConnectProxy({}, login="me:right") as way:
        told = ask("", HTTPS_PROXY=f"http://me:hunter2@127.0.0.1:{way.port}")
    found = told.only("proxy-failed", "it answered 407", "its user and password", 3)
    assert "hunter2" not in found["cause"] + found["fix"]


def test_tls_interception(ask: Ask, oci: Emulator, tmp_path: Path) -> None:
    """A proxy that leads to a server with a certificate of its own for OCI's name, and its CA is not known here."""
    chain = certificate(tmp_path, FRANKFURT)
    with Tls(chain, oci) as server, ConnectProxy({f"{FRANKFURT}:443": server.port}) as way:
        environ = {"HTTPS_PROXY": f"http://127.0.0.1:{way.port}"}
        found = ask("", **environ).only("tls-untrusted", FRANKFURT, "REQUESTS_CA_BUNDLE or SSL_CERT_FILE", 3)
        assert "Often a proxy on the way reads TLS" in found["cause"]
        assert "self-signed certificate" in found["cause"]
        # And the fix mends it.
        assert ask("", **environ, SSL_CERT_FILE=str(chain)).findings == []


def test_a_ca_file_that_is_not_there(ask: Ask) -> None:
    told = ask("https://oci.invalid", SSL_CERT_FILE="/nowhere/ca.pem")
    told.only("ca-unreadable", "SSL_CERT_FILE names /nowhere/ca.pem", "unset SSL_CERT_FILE", 2)


# -- the five classic errors ----------------------------------------------------------------------------------


def test_the_five_classic_errors_are_rows_above() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    assert [code for code in list(CATALOGUE)[:5] if not re.search(rf'"{code}"', text)] == []
