"""Asks ocici, the oci SDK and oci-cli about every mistake of a config; writes docs/CONFIG-MISTAKES.md.

    python scripts/compare_configs.py [FILE]

Each row makes a good config, its key and an emulator that knows it, puts one mistake in, and asks the tools as their
users do, each in a process of its own: `ocici check`, a few lines of Python with the SDK, `oci os ns get`. A tool does
well when what it says holds one of the row's words, which are generous; ocici's finding must be the row's own, too.
Takes a minute. All happens on loopback, but that DNS is asked for hosts that do not exist.
"""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import oci

from ocici import pem
from ocici.credentials import Secret
from ocici.emulator import Emulator

ROOT = Path(__file__).resolve().parent.parent
if TYPE_CHECKING:
    from scripts import compared
    from tests import test_probe_network as network
else:
    sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests")]
    import compared
    import test_probe_network as network

TARGET = ROOT / "docs" / "CONFIG-MISTAKES.md"
USER, TENANCY = "ocid1.user.oc1..aaaaexample", "ocid1.tenancy.oc1..aaaaexample"
SAYS_NOTHING = compared.Verdict(False, "says nothing")
PRINTS_THE_KEY = compared.Verdict(True, "names it, and prints the key")


# -- what the tools are asked with ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Key:
    """A key pair of this run, in PEM; `private` with the label line that oci-cli wants."""

    private: str
    public: bytes
    fingerprint: str


def make_key() -> Key:
    """A new key."""
    made = pem.generate(2048, Secret())
    return Key(made.private_pem.text() + "OCI_API_KEY\n", made.public_pem, made.fingerprint)


@dataclass
class Case:
    """What the tools are asked with: everything is right until a row changes it, before the files are written."""

    folder: Path
    """HOME, and where the config and the key are."""
    key: Key
    emulator: Emulator
    stack: ExitStack
    """Closes the servers of the row."""
    fields: dict[str, str | None]
    """The fields of the config's profile; None: without the field."""
    endpoint: str
    """Empty: the region's own."""
    key_text: str
    more: str = ""
    """What follows the profile in the config."""
    config_there: bool = True
    modes: dict[str, int] = field(default_factory=lambda: {"config": 0o600, "key.pem": 0o600})
    helpless: bool = False
    """Ask without root's right to read every file."""
    profile: str = "DEFAULT"
    known_as: str = "ACTIVE"
    """The state in which OCI has the key; empty: not at all."""
    environ: dict[str, str] = field(default_factory=dict)
    deadline: str = "1.2"
    """ocici's, in seconds; with the other tools' timeouts it makes the rows short in which OCI does not answer."""

    @property
    def config(self) -> Path:
        """The config's path."""
        return self.folder / "config"


Change = Callable[[Case], None]


@contextmanager
def arranged(change: Change, key: Key, folder: Path) -> Iterator[Case]:
    """The case with `change` made, its files written into `folder` (an empty one) and its servers running."""
    with ExitStack() as stack:
        emulator = stack.enter_context(Emulator())
        fields: dict[str, str | None] = {
            "user": USER,
            "tenancy": TENANCY,
            "fingerprint": key.fingerprint,
            "region": "eu-frankfurt-1",
            "key_file": str(folder / "key.pem"),
        }
        case = Case(folder, key, emulator, stack, fields, emulator.endpoint, key.private)
        change(case)
        if case.known_as:
            emulator.register(TENANCY, USER, key.public, case.known_as)
        lines = [f"{name}={value}\n" for name, value in case.fields.items() if value is not None]
        files = {"config": "".join(["[DEFAULT]\n", *lines, case.more]), "key.pem": case.key_text}
        for name, text in files.items():
            if name != "config" or case.config_there:
                (folder / name).write_text(text, encoding="utf-8")
                (folder / name).chmod(case.modes[name])
        yield case


# -- the mistakes ---------------------------------------------------------------------------------------------


def nothing(_: Case) -> None:
    """No mistake at all."""


def put(**fields: str | None) -> Change:
    """These in place of the config's own; None: without the field."""
    return lambda case: case.fields.update(fields)


def region(name: str | None) -> Change:
    """This region (None: none), and no endpoint that would hide what a tool makes of it."""

    def change(case: Case) -> None:
        case.fields["region"] = name
        case.endpoint = ""

    return change


def having(**values: Any) -> Change:
    """These attributes of the case in place of its own."""

    def change(case: Case) -> None:
        for name, value in values.items():
            setattr(case, name, value)

    return change


def mode(name: str, bits: int, helpless: bool = False) -> Change:
    """The file `name` with mode `bits`."""

    def change(case: Case) -> None:
        case.modes[name] = bits
        case.helpless = helpless

    return change


def fault(kind: str) -> Change:
    """OCI misbehaves like that (src/ocici/emulator/faults.py)."""
    return lambda case: case.emulator.fault(kind)


def fingerprint(form: Callable[[str], str]) -> Change:
    """The key's own fingerprint in another form."""
    return lambda case: case.fields.update(fingerprint=form(case.key.fingerprint))


def key_in_key_file(case: Case) -> None:
    """The key itself as the path, in one line as a variable carries it."""
    case.fields["key_file"] = case.key_text.replace("\n", "\\n")


def another_realm(case: Case) -> None:
    """A region of another realm, where nobody knows this tenancy."""
    case.fields["region"] = "us-gov-ashburn-1"
    case.known_as = ""


def second_profile(case: Case) -> None:
    """The same profile twice."""
    case.more = f"[PROD]\nuser={USER}\n[PROD]\nuser={USER}\n"
    case.profile = "PROD"


def refusing(case: Case) -> None:
    """A port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        case.endpoint = f"http://127.0.0.1:{server.getsockname()[1]}"


def proxy(**what: str) -> Change:
    """A proxy that lets nobody through to the region's own endpoint."""

    def change(case: Case) -> None:
        way = case.stack.enter_context(network.ConnectProxy({}, **what))
        case.endpoint = ""
        case.environ["HTTPS_PROXY"] = f"http://127.0.0.1:{way.port}"

    return change


def unknown_ca(case: Case) -> None:
    """TLS with a certificate of nobody's."""
    chain = network.certificate(case.folder, "localhost")
    server = case.stack.enter_context(network.Tls(chain, case.emulator))
    case.endpoint = f"https://localhost:{server.port}"


@dataclass(frozen=True)
class Row:
    """One mistake. `code`: ocici's finding; `words`, in lower case: a message with one of them names the cause."""

    name: str
    code: str
    words: tuple[str, ...]
    change: Change


VARIABLE = ("variable", "expand")
MASK = ("mask", "asterisk", "***")
FORM = ("malformed", "hex digits")
NOT_THERE = ("not there", "no such file", "could not find", "not found", "not exist", "valid file path")
UNREADABLE = ("permission", "denied", "may not be read", "unreadable")
OPEN = ("permission", "too open", "other users")
TWICE = ("already exists", "more than once", "twice", "duplicate")
NOT_ACTIVE = ("not active", "inactive", "deactivated", "disabled", "creating", "not yet")
SHA256 = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"

GROUPS: dict[str, list[Row]] = {
    "The values": [
        Row(
            "a path where a key was expected", "key-is-path", ("path of",), having(key_text="~/.oci/oci_api_key.pem\n")
        ),
        Row(
            "a key where a path was expected",
            "path-is-key",
            ("private key itself", "valid file path", "begin private key"),
            key_in_key_file,
        ),
        Row("user=$OCI_USER", "value-unexpanded", (*VARIABLE, "$oci"), put(user="$OCI_USER")),
        Row("region=$OCI_REGION", "value-unexpanded", (*VARIABLE, "$oci"), region("$OCI_REGION")),
        Row("key_file=$OCI_KEY_FILE", "value-unexpanded", (*VARIABLE, "$oci"), put(key_file="$OCI_KEY_FILE")),
        Row(
            "tenancy=${{ secrets.TENANCY }}",
            "value-unexpanded",
            (*VARIABLE, "${{"),
            put(tenancy="${{ secrets.TENANCY }}"),
        ),
        Row(
            "fingerprint=${{ secrets.FINGERPRINT }}",
            "value-unexpanded",
            (*VARIABLE, "${{"),
            put(fingerprint="${{ secrets.FINGERPRINT }}"),
        ),
        Row("user=***", "value-masked", MASK, put(user="***")),
        Row("fingerprint=***", "value-masked", MASK, put(fingerprint="***")),
        Row("region=***", "value-masked", MASK, region("***")),
        Row("key_file=***", "value-masked", MASK, put(key_file="***")),
        Row("key_file=", "secret-empty", ("empty", "missing", "value ''"), put(key_file="")),
        Row("fingerprint in SHA-256 form", "fingerprint-sha256", ("sha-256", "md5", *FORM), put(fingerprint=SHA256)),
        Row(
            "fingerprint in upper case",
            "mended-for-check",
            ("upper case", "lower case", "capital", *FORM),
            fingerprint(str.upper),
        ),
        Row(
            "fingerprint without colons",
            "mended-for-check",
            ("colon", *FORM),
            fingerprint(lambda text: text.replace(":", "")),
        ),
        Row("fingerprint cut short", "fingerprint-malformed", ("short", *FORM), fingerprint(lambda text: text[:30])),
        Row(
            "fingerprint of another key",
            "fingerprint-mismatch",
            ("another key", "mismatch", "not match", "that of the key"),
            lambda case: case.fields.update(fingerprint=make_key().fingerprint),
        ),
        Row(
            "user and tenancy swapped",
            "user-tenancy-swapped",
            ("swap", "tenancy ocid", "ocid1.tenancy"),
            put(user=TENANCY, tenancy=USER),
        ),
        Row(
            "OCID of a wrong type",
            "ocid-wrong-type",
            ("wrong type", "compartment"),
            put(tenancy="ocid1.compartment.oc1..aaaaexample"),
        ),
        Row("malformed OCID", "ocid-malformed", ("malformed", "begin with ocid1"), put(user="me@example.com")),
        Row(
            "OCID with a space",
            "ocid-malformed",
            ("a space", "malformed"),
            put(user="ocid1.user.oc1..aaaa aaaaexample"),
        ),
        Row("unknown region", "region-unknown", ("region", "frankfrut"), region("eu-frankfrut-1")),
        Row("region missing", "region-not-configured", ("region",), region(None)),
        Row("region of another realm", "realm-mismatch", ("realm",), another_realm),
    ],
    "The files": [
        Row("config missing", "config-missing", ("could not find", "no oci config"), having(config_there=False)),
        Row("config unreadable", "permission-denied", UNREADABLE, mode("config", 0o000, helpless=True)),
        Row("key unreadable", "permission-denied", UNREADABLE, mode("key.pem", 0o000, helpless=True)),
        Row("config world-readable", "open-to-others", OPEN, mode("config", 0o644)),
        Row("key world-readable", "open-to-others", OPEN, mode("key.pem", 0o644)),
        Row("config without the profile", "profile-missing", ("profile",), having(profile="PROD")),
        Row("profile twice", "profile-duplicate", TWICE, second_profile),
        Row("[DEFAULT] twice", "profile-duplicate", TWICE, having(more=f"[DEFAULT]\nuser={USER}\n")),
        Row("field twice", "profile-duplicate", TWICE, having(more=f"user={USER}\n")),
        Row("key_file of another machine", "key-file-elsewhere", NOT_THERE, put(key_file="/Users/me/.oci/key.pem")),
        Row("~ under another HOME", "key-file-elsewhere", ("~", "home", *NOT_THERE), put(key_file="~/.oci/key.pem")),
    ],
    "OCI's answers": [
        Row("clock 15 minutes behind", "clock-skew", ("clock", "skew"), fault("skew:900")),
        Row("clock 2 hours ahead", "clock-skew", ("clock", "skew"), fault("skew:-7200")),
        Row("key that OCI does not know", "not-authenticated", ("uploaded", "unknown key"), having(known_as="")),
        Row("key deactivated", "not-authenticated", NOT_ACTIVE, having(known_as="INACTIVE")),
        Row("key uploaded a moment ago", "not-authenticated", NOT_ACTIVE, having(known_as="CREATING")),
        Row("not authorised", "not-authorized", ("polic", "permission", "authoriz"), fault("deny")),
        Row("429", "throttled", ("throttl", "too many", "toomany"), fault("throttle")),
        Row("500", "service-failed", ("internal error", "internalserver"), fault("fail")),
        Row("503", "service-failed", ("unavailable",), fault("unavailable")),
    ],
    "The way to OCI": [
        Row(
            "DNS failure",
            "host-unknown",
            ("not resolve", "failed to resolve", "dns", "not known"),
            having(endpoint="https://oci.invalid", deadline="20"),
        ),
        Row("connection refused", "connection-refused", ("refused",), refusing),
        Row("proxy that refuses", "proxy-failed", ("proxy",), proxy(refuse="403 Forbidden")),
        Row("proxy that wants a password", "proxy-failed", ("proxy",), proxy(login="me:right")),
        Row("TLS with an unknown CA", "tls-untrusted", ("certificate",), unknown_ca),
        Row("timeout", "timed-out", ("timed out", "timeout", "no answer"), fault("hang")),
    ],
}
ROWS = [row for rows in GROUPS.values() for row in rows]


# -- asking ---------------------------------------------------------------------------------------------------

SDK = """
import sys
import oci
file, profile, endpoint = sys.argv[1:]
try:
    config = oci.config.from_file(file, profile)
    oci.config.validate_config(config)
    where = {"service_endpoint": endpoint} if endpoint else {}
    quick = {"retry_strategy": oci.retry.NoneRetryStrategy(), "timeout": (2, 1)}
    oci.object_storage.ObjectStorageClient(config, **where, **quick).get_namespace()
except Exception as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""


def run(case: Case, command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run `command` as the case has it."""
    return compared.run([*(HELPLESS if case.helpless and os.geteuid() == 0 else []), *command], environ(case))


def environ(case: Case) -> dict[str, str]:
    """The environment of the tools: nothing of this machine's but the PATH."""
    quiet = {"SUPPRESS_LABEL_WARNING": "True"}  # else oci-cli warns of the label line whatever else is wrong
    return {"PATH": os.environ["PATH"], "HOME": str(case.folder), **quiet, **case.environ}


# Before a command: root without its right to read every file. Another user could not read this Python, perhaps.
HELPLESS = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]


@functools.cache
def can_be_helpless() -> bool:
    """Whether a file's mode can be made to hold for a tool: for root it takes setpriv, and the right to use it."""
    if os.geteuid():
        return True
    return bool(shutil.which(HELPLESS[0])) and compared.run([*HELPLESS, "true"], os.environ).returncode == 0


def ask_ocici(case: Case) -> str:
    """The codes and causes of ocici's findings."""
    return " ".join(f"{found['code']}: {found['cause']}" for found in ocici_finds(case))


def ocici_finds(case: Case) -> list[dict[str, str]]:
    """The findings of `ocici check`, as JSON has them."""
    done = run(case, [sys.executable, "-m", "ocici", *check(case)])
    findings: list[dict[str, str]] = json.loads(done.stdout)["findings"]
    return findings


def check(case: Case) -> list[str]:
    """The arguments with which ocici is asked."""
    arguments = ["check", "--config-file", str(case.config), "--profile", case.profile, "--format", "json"]
    return [*arguments, "--deadline", case.deadline, *(["--endpoint", case.endpoint] if case.endpoint else [])]


def ask_sdk(case: Case) -> str:
    """What the SDK raises, or warns of."""
    return run(case, [sys.executable, "-c", SDK, str(case.config), case.profile, case.endpoint]).stderr


def ask_cli(case: Case) -> str:
    """What oci-cli prints when it fails, without the frames of a traceback, or what it warns of."""
    command = [compared.OCI_CLI, "--config-file", str(case.config), "--profile", case.profile, "--no-retry"]
    command += ["--connection-timeout", "2", "--read-timeout", "1", "os", "ns", "get"]
    done = run(case, [*command, *(["--endpoint", case.endpoint] if case.endpoint else [])])
    # A JSON text is indented as frames are, and no traceback.
    said = done.stderr if done.returncode == 0 else done.stdout + done.stderr
    return "\n".join(compared.without_frames(said)) if "Traceback" in said else said


TOOLS: dict[str, Callable[[Case], str]] = {"ocici": ask_ocici, "oci SDK": ask_sdk, "oci-cli": ask_cli}


def ask_all() -> dict[str, dict[str, str]]:
    """Each tool's answer to each row; without the rows that cannot be brought about here.

    Raises `RuntimeError` when a tool finds fault with a config that is good: then no row would tell anything.
    """
    key = make_key()
    if any((said := asked(nothing, key)).values()):
        raise RuntimeError(f"a good config is not accepted: {said}")
    answers = {row.name: asked(row.change, key) for row in ROWS}
    return {name: each for name, each in answers.items() if each}


def asked(change: Change, key: Key) -> dict[str, str]:
    """Each tool's answer to one change; empty when it cannot be brought about here. The tools are asked at once."""
    with (
        tempfile.TemporaryDirectory() as folder,
        arranged(change, key, Path(folder)) as case,
        ThreadPoolExecutor(len(TOOLS)) as pool,
    ):
        if case.helpless and not can_be_helpless():
            return {}
        return dict(zip(TOOLS, pool.map(lambda ask: ask(case).strip(), TOOLS.values()), strict=True))


# -- the page -------------------------------------------------------------------------------------------------


def names(row: Row, answer: str) -> bool:
    """Whether `answer` names the cause of the row."""
    return any(word in answer.lower() for word in row.words)


def judge(row: Row, tool: str, answer: str) -> compared.Verdict:
    """What the answer of a tool is worth. ocici is held to more than its words: the finding must be the row's."""
    if not answer:
        return SAYS_NOTHING
    if not names(row, answer) or (tool == "ocici" and f"{row.code}: " not in answer):
        return compared.quoted(message(answer))
    return PRINTS_THE_KEY if "BEGIN PRIVATE KEY" in answer else compared.NAMES_IT


def message(answer: str) -> str:
    """What is worth quoting: the code and message of what the SDK and oci-cli print of a call, which holds much else;
    the line of oci-cli's table of mistakes; else all of it. Without ports, which differ each time.
    """
    if found := re.search(r"""["']message["']: (["'])(.*?)\1,""", answer):
        code = re.search(r"""["']code["']: ["'](\w+)""", answer)
        answer = f"{code[1]}: {found[2]}" if code else found[2]
    elif found := re.search(r"^\| (?!Key )(.*?) *\|$", answer, re.MULTILINE):
        answer = " ".join(found[1].split())
    return re.sub(r"(127\.0\.0\.1):\d+", r"\1", answer)


def table(rows: list[Row], answers: dict[str, dict[str, str]]) -> tuple[list[str], dict[str, int]]:
    """The lines of a table, and for how many rows each tool names the cause."""
    verdicts = {
        compared.named(row.name, row.code): {tool: judge(row, tool, answers[row.name][tool]) for tool in TOOLS}
        for row in rows
    }
    return compared.table("mistake", TOOLS, verdicts)


def page(answers: dict[str, dict[str, str]]) -> str:
    """The whole page."""
    rows = [row for row in ROWS if row.name in answers]
    _, counts = table(rows, answers)
    cli = compared.oci_cli_version()
    lines = [
        "# Which mistakes of a config does each tool explain?",
        "",
        "Made by `python scripts/compare_configs.py`: each row is a good config with one mistake in it, or OCI or the",
        f"network misbehaving. Asked were `ocici check`, the oci SDK for Python {oci.__version__} (`from_file`,",
        f"`validate_config`, `get_namespace`) and oci-cli {cli} (`oci os ns get`), against ocici's",
        "emulator. openssl is not asked: it knows nothing of configs. What all four say of the key itself is in",
        "[KEY-FORMS.md](KEY-FORMS.md). The three-key limit is no row: none of these calls meets it.",
        "",
        "A tool names the cause when what it says holds one of the words [below](#which-words-count), which are",
        "generous: to show the wrong value is enough. ocici is held to more: its finding must be the one beside the",
        "mistake. A mistake of which a tool says nothing shows only later, or never.",
        "",
        f"| tool | names the cause, of {len(rows)} |",
        "| --- | --- |",
        *(f"| {tool} | {count} |" for tool, count in counts.items()),
    ]
    if left_out := [row.name for row in ROWS if row.name not in answers]:
        lines += ["", f"Not asked, since they cannot be brought about where this was made: {', '.join(left_out)}."]
    for heading, group in GROUPS.items():
        lines += ["", f"## {heading}", "", *table([row for row in group if row in rows], answers)[0]]
    lines += ["", "## Which words count?", "", "| mistake | one of |", "| --- | --- |"]
    lines += [f"| {compared.named(row.name, '')} | {', '.join(f'`{word}`' for word in row.words)} |" for row in rows]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET
    target.write_text(page(ask_all()), encoding="utf-8")
