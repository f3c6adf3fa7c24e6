"""Where the bytes of the key have been: nowhere but in the session's key file, whatever the command, fine or failing.

`CASES` is a table: a command, how the secrets arrive, what is on disk before, the CI system, and how it ends. Each
case runs in a process of its own. Then standard output, standard error, the argument lists of all processes seen
meanwhile, the files in which a CI system takes over what a step says, and everything else under the private HOME,
TMPDIR and working folder, names included, are searched for the key and for the pass phrase, raw, escaped and in base64.

Two things may hold them: the key file of a session, and what the case itself put there before (its input files, and
the argument list of its own command). And one may name them: the masks of the GitHub Action, from which the runner
learns what to hide. It prints none of them.
"""

from __future__ import annotations

import base64
import json
import re
import secrets as random
import shlex
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pytest
from _pytest.mark import ParameterSet

from ocici import options
from ocici.emulator import Emulator
from ocici.hosts.github import _INPUTS

from .conftest import TENANCY, USER, Ocici, Pair, encrypt

FINE = "fine"

# Quotes, a backslash and a letter beyond ASCII: in JSON, in a URL and in a shell's quotes it looks different each time.
PHRASE = f'correct "horse" \\ bättery {random.token_hex(6)}'


class LeakError(AssertionError):
    """Something secret was found where it does not belong."""


# -- what is searched for, and where ----------------------------------------------------------------------------


def looks(text: str) -> set[bytes]:
    """What shows `text`, a key: each line, each piece of 16 characters, and pieces of its base64, however wrapped."""
    lines = [line for line in text.splitlines() if len(line) > 20 and "-----" not in line]
    # The first lines of all keys, or of all encrypted ones, have much in common, and are sought as a whole only.
    own = lines[3:] if "ENCRYPTED" in text else lines[1:]
    found = {line[at : at + 16] for line in own for at in range(0, len(line) - 15, 16)}
    for form in (text, text.replace("\n", "\\n")):
        # Not from the first lines and the END line, which other keys on this machine have too.
        for shift in range(3):  # however what stands before it falls into groups of 3
            encoded = base64.b64encode(b"x" * shift + form.encode()).decode()
            found |= {encoded[at : at + 28] for at in range(320, len(encoded) - 80, 4) if _is_whole(at, at + 28)}
    return {each.encode() for each in (*lines, *found)}


def _is_whole(start: int, end: int) -> bool:
    """Whether base64 from `start` to `end` stands in one line, be it wrapped at 64 characters or at 76."""
    return all(start // width == (end - 1) // width for width in (64, 76))


def looks_of_phrase(text: str) -> set[bytes]:
    """What shows `text`, a pass phrase: as it is, escaped in any usual way, and in base64."""
    escaped = {text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], quote(text), shlex.quote(text)}
    escaped |= {repr(text)[1:-1], text.encode("ascii", "backslashreplace").decode()}
    encoded = {base64.b64encode(b"x" * shift + text.encode()).decode()[4:-4] for shift in range(3)}
    return {each.encode() for each in (*escaped, *encoded)}


@contextmanager
def argument_lists() -> Iterator[set[bytes]]:
    """Every argument list of this machine's processes while the context is open (as long as /proc shows them)."""
    seen: set[bytes] = set()
    stop = threading.Event()

    def watch() -> None:
        while not stop.is_set():
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.add(path.read_bytes())
                except OSError:
                    continue
            stop.wait(0.01)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


def files(folder: Path) -> dict[Path, bytes]:
    """All files under `folder` with what is in them, links not followed."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and not path.is_symlink()}


def is_key_file(path: Path) -> bool:
    return path.suffix == ".pem" and (path.parent / "manifest.json").exists()


# -- how the secrets arrive ---------------------------------------------------------------------------------------

WHO = {"OCICI_USER": USER, "OCICI_TENANCY": TENANCY, "OCICI_REGION": "fra"}
KEY = {"OCICI_PRIVATE_KEY": "{raw}"}
LOCKED = {"OCICI_PRIVATE_KEY": "{encrypted}", "OCICI_PASS_PHRASE": "{phrase}"}

# Variables, and how a `setup` with them ends. The names in braces are those of `World.texts`.
ARRIVES: dict[str, tuple[dict[str, str], str]] = {
    "raw": (WHO | KEY, FINE),
    "with \\n": (WHO | {"OCICI_PRIVATE_KEY": "{escaped}"}, FINE),
    "base64": (WHO | {"OCICI_PRIVATE_KEY": "{base64}"}, FINE),
    "encrypted": (WHO | LOCKED, FINE),
    "encrypted base64": (WHO | LOCKED | {"OCICI_PRIVATE_KEY": "{encrypted base64}"}, FINE),
    "bundle": ({"OCICI_CREDENTIALS": "{bundle}"}, FINE),
    "bundle base64": ({"OCICI_CREDENTIALS": "{bundle base64}"}, FINE),
    "config": ({"OCICI_CONFIG": "{config}"}, FINE),
    "files": (
        {f"{name}_FILE": f"{{given}}/{name}" for name in WHO}
        | {"OCICI_PRIVATE_KEY_FILE": "{given}/encrypted.pem", "OCICI_PASS_PHRASE_FILE": "{given}/phrase"},
        FINE,
    ),
    "bundle file": ({"OCICI_CREDENTIALS_FILE": "{given}/bundle.json"}, FINE),
    "config file": ({"OCICI_CONFIG_FILE": "{given}/text.ini"}, FINE),
    "oci-cli": (WHO | {"OCI_CLI_KEY_CONTENT": "{encrypted}", "OCI_CLI_PASSPHRASE": "{phrase}"}, FINE),
    # wrong, each in its own way
    "no pass phrase": (WHO | {"OCICI_PRIVATE_KEY": "{encrypted}"}, "key-encrypted"),
    "wrong phrase": (WHO | LOCKED | {"OCICI_PASS_PHRASE": "{phrase}x"}, "pass-phrase-wrong"),
    "wrong phrase in a file": (
        WHO | {"OCICI_PRIVATE_KEY_FILE": "{given}/encrypted.pem", "OCICI_PASS_PHRASE_FILE": "{given}/wrong phrase"},
        "pass-phrase-wrong",
    ),
    "cut": (WHO | {"OCICI_PRIVATE_KEY": "{cut}", "OCICI_PASS_PHRASE": "{phrase}"}, "key-corrupt"),
    "not registered": (WHO | LOCKED | {"OCICI_USER": USER + "x"}, "not-authenticated"),
    "twice": (WHO | KEY | {"OCICI_PRIVATE_KEY_FILE": "{given}/raw.pem"}, "source-twice"),
    "broken bundle": ({"OCICI_CREDENTIALS": "key_content: |\n{raw}"}, "bundle-syntax"),
    "bundle with the key as a field": ({"OCICI_CREDENTIALS": "{line}: {phrase yaml}"}, "field-unknown"),
    "bundle with the key as a profile": ({"OCICI_CREDENTIALS": "profiles:\n  ? {line}\n  : user: x"}, "profile-name"),
    "broken config": ({"OCICI_CONFIG": "[DEFAULT]\nkey_content=\n{raw}"}, "config-syntax"),
    "config with the key as a profile": ({"OCICI_CONFIG": "[{line}]\nuser={user}"}, "profile-name"),
    # in the wrong place, where nothing else tells ocici that it is a secret
    "key as user": (WHO | {"OCICI_USER": "{raw}"}, "ocid-malformed"),
    "line as user": (WHO | {"OCICI_USER": "{line}"}, "ocid-malformed"),
    "line as tenancy": (WHO | {"OCICI_TENANCY": "{line}"}, "ocid-malformed"),
    "key as region": (WHO | {"OCICI_REGION": "{raw}"}, "region-malformed"),
    "line as region": (WHO | {"OCICI_REGION": "{line}"}, "region-malformed"),
    "line as region beside the key": (WHO | KEY | {"OCICI_REGION": "{line}"}, "region-malformed"),
    "base64 as fingerprint": (WHO | {"OCICI_FINGERPRINT": "{base64}"}, "fingerprint-malformed"),
    "key as profile": (WHO | {"OCICI_PROFILE": "{raw}"}, "profile-name"),
    "line as profile": (WHO | {"OCICI_PROFILE": "{line}"}, "profile-name"),
    "phrase as key": (WHO | {"OCICI_PRIVATE_KEY": "{phrase}"}, "invalid-key-format"),
    "phrase as region": (WHO | KEY | {"OCICI_REGION": "{phrase}"}, "region-malformed"),
    "phrase as user": (WHO | KEY | {"OCICI_USER": "{phrase}"}, "ocid-malformed"),
    "key as path": (WHO | {"OCICI_PRIVATE_KEY_FILE": "{raw}"}, "path-is-key"),
    "line as path": (WHO | {"OCICI_PRIVATE_KEY_FILE": "{line}"}, "source-missing"),
    "base64 as path": (WHO | {"OCICI_PRIVATE_KEY_FILE": "{base64}"}, "path-is-key"),
    "phrase as path": (WHO | {"OCICI_PASS_PHRASE_FILE": "{phrase}"}, "source-missing"),
    "path as key": (WHO | {"OCICI_PRIVATE_KEY": "{given}/raw.pem"}, "key-is-path"),
    "key as key_file": ({"OCICI_CREDENTIALS": "{bundle with the key as key_file}"}, "path-is-key"),
    "key as endpoint": (WHO | KEY | {"OCICI_ENDPOINT": "{line}"}, "usage"),
    "key as deadline": (WHO | KEY | {"OCICI_DEADLINE": "{line}"}, "usage"),
    "key as host": (WHO | {"OCICI_HOST": "{line}"}, "usage"),
    "slash line as path": (WHO | {"OCICI_PRIVATE_KEY_FILE": "/{line}"}, "source-missing"),
    "nothing": ({}, "credentials-missing"),
}

# -- the CI systems -------------------------------------------------------------------------------------------------

TAKEN = ("ENV", "OUTPUT", "STATE", "PATH", "STEP_SUMMARY")
GITHUB = {f"GITHUB_{name}": f"{{taken}}/GITHUB_{name}" for name in TAKEN} | {
    "GITHUB_ACTIONS": "true",
    "GITHUB_REPOSITORY": "own/repo",
    "GITHUB_RUN_ID": "1",
    "GITHUB_JOB": "job",
    "RUNNER_NAME": "runner",
    "RUNNER_TEMP": "{home}/tmp",
}
HOSTS: dict[str, dict[str, str]] = {
    "terminal": {},
    "github": GITHUB,  # a `run:` step
    "action": GITHUB | {"OCICI_ACTION": "1"},
    "gitlab": {
        "GITLAB_CI": "true",
        "CI_JOB_ID": "1",
        "CI_PROJECT_DIR": "{home}",
        "OCICI_DOTENV": "taken/dotenv",
        "OCICI_GITLAB_VARIABLES": "OCICI_PRIVATE_KEY=MY_KEY OCICI_PASS_PHRASE=MY_PHRASE OCICI_CREDENTIALS=MY_BUNDLE",
    },
    "jenkins": {
        "JENKINS_URL": "http://jenkins",
        "BUILD_TAG": "jenkins-job-1",
        "WORKSPACE_TMP": "{home}/tmp",
        "OCICI_JENKINS_VARIABLES": "{taken}/variables",
    },
}
# What a setup that is fine hands over: else the search of these files would prove nothing.
HANDED_OVER = {
    "action": ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_STATE", "GITHUB_STEP_SUMMARY"),
    "gitlab": ("dotenv",),
    "jenkins": ("variables",),
}


def as_handed_over(host: str, variables: Mapping[str, str]) -> dict[str, str]:
    """`variables` as `host` hands them to the step: as inputs of the action, under the project's own names."""
    if host == "action":
        inputs = {variable: f"INPUT_{name.upper()}" for name, variable in _INPUTS.items()}
        return {inputs.get(name, name): value for name, value in variables.items()}
    if host == "gitlab":  # a variable of type File has the same name, and holds a path
        names = dict(pair.split("=") for pair in HOSTS[host]["OCICI_GITLAB_VARIABLES"].split())
        return {names.get(name.removesuffix("_FILE"), name): value for name, value in variables.items()}
    return dict(variables)


# -- what is on disk before -------------------------------------------------------------------------------------------

ENTRY = "user={user}\ntenancy={tenancy}\nregion=eu-frankfurt-1\nfingerprint={fingerprint}\n"

# Files in the folder `given`, in every case. What a config names that is not there is part of its case.
GIVEN = {
    "raw.pem": "{raw}",
    "encrypted.pem": "{encrypted}",
    "cut.pem": "{cut}",
    "public.pem": "{public}",
    "phrase": "{phrase}\n",
    "wrong phrase": "{phrase}x\n",
    "OCICI_USER": "{user}\n",
    "OCICI_TENANCY": "{tenancy}\n",
    "OCICI_REGION": "fra\n",
    "bundle.json": "{bundle}",
    "text.ini": "{config}",
    # configs for `check`
    "fine.ini": "[DEFAULT]\n" + ENTRY + "key_file={given}/raw.pem\n",
    "locked.ini": "[DEFAULT]\n" + ENTRY + "key_file={given}/encrypted.pem\npass_phrase={phrase}\n",
    "wrong phrase.ini": "[DEFAULT]\n" + ENTRY + "key_file={given}/encrypted.pem\npass_phrase={phrase}x\n",
    "inside.ini": "{config}",
    "cut.ini": "[DEFAULT]\n" + ENTRY + "key_file={given}/cut.pem\npass_phrase={phrase}\n",
    "key as key_file.ini": "[DEFAULT]\n" + ENTRY + "key_file={escaped}\n",
    "line as key_file.ini": "[DEFAULT]\n" + ENTRY + "key_file={line}\n",
    "line as user.ini": "[DEFAULT]\nuser={line}\ntenancy={phrase}\nregion={line}\nkey_file={given}/raw.pem\n",
    "line as profile.ini": "[{line}]\n" + ENTRY,
    "broken.ini": "[DEFAULT]\n" + ENTRY + "{raw}",
    "oci.py": "raise SystemExit('broken')\n",  # for `demo`
    # pipelines for `lint-gitlab`
    "fine.yml": "include: [local: oci-auth.yml]\nvariables:\n  OCICI_PRIVATE_KEY: {raw json}\n"
    "job:\n  extends: .oci-auth\n  script: [echo {line}]\n",
    "overridden.yml": "include: [local: oci-auth.yml]\njob:\n  extends: .oci-auth\n  before_script: [echo {line}]\n",
    "broken.yml": "variables:\n  KEY: |\n{raw}",
    "key as alias.yml": "job:\n  script: *{line}\n",
    "key as tag.yml": "%TAG {line}\n",
    "key as job.yml": "include: [local: oci-auth.yml]\n? {line}\n: extends: .oci-auth\n  before_script: [echo]\n",
}


# -- the table ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """One row: `ocici ARGUMENTS` with `variables` on `host`, which ends "fine" or with a finding of the code `ends`.

    `how`: in words, how the secrets arrive. `before`: an `ocici` command for the state on disk. `stdin`: what is
    piped in. `made`: the file of a key that the command makes.
    """

    arguments: str
    how: str
    ends: str = FINE
    variables: Mapping[str, str] = field(default_factory=dict)
    host: str = "terminal"
    before: str = ""
    stdin: str = ""
    made: str = ""

    @property
    def command(self) -> str:
        return self.arguments.split()[0]


def arriving(arguments: str, *hows: str, host: str = "terminal", ends: str = "") -> list[Case]:
    """A row for each of `hows`, or for all of `ARRIVES`; each ends as `setup` does, if not as `ends`."""
    return [
        Case(arguments, how, ends or ARRIVES[how][1], ARRIVES[how][0], host)
        for how in hows or [each for each in ARRIVES if each != "nothing"]
    ]


SECRET = WHO | LOCKED  # in the environment of commands that do not need them
IN_FILE = WHO | {"OCICI_PRIVATE_KEY_FILE": "{given}/raw.pem"}
PHRASE_FILE = {"OCICI_PASS_PHRASE_FILE": "{given}/phrase"}
SESSION = SECRET | {"OCICI_SESSION_DIR": "{home}/tmp/ocici-s"}
# What the command of an `exec` can see: its environment, the argument lists, the session but for the key file.
LOOK = (
    "exec -- sh -c 'env; cat /proc/[0-9]*/cmdline; "
    'cat "$OCICI_SESSION_DIR/config" "$OCICI_SESSION_DIR/manifest.json"\''
)
CHECK = "check --config-file"
JSON = "--format json"
REGISTER = "emulator --register {tenancy} {user}"

# fmt: off (a row a line)
CASES = [
    # setup and exec read secrets from everywhere
    *arriving(f"setup {JSON}"),
    *arriving(f"setup {JSON}", host="action"),
    *arriving("setup", "encrypted", "bundle", "wrong phrase", "line as region", "line as profile", host="gitlab"),
    *arriving("setup", "files", "phrase as key", "line as user", "broken bundle", host="gitlab"),
    *arriving("setup", "files", "config", "cut", "key as user", "line as path", "phrase as user", host="jenkins"),
    *arriving("setup", "encrypted", "not registered", "nothing", host="github"),
    *arriving("setup", "nothing"),
    *arriving("setup", "nothing", host="action", ends="inputs-empty"),
    *arriving("setup --format text", "with \\n", "cut"),
    *arriving("setup --format env", "files", "key as region"),
    *arriving("setup --format dotenv", "bundle", "key as profile"),
    *arriving("setup --validate offline", "config file", "base64 as fingerprint"),
    *arriving("setup --validate off", "encrypted base64", "key as user"),
    *arriving("setup --sdk --probe regions", "encrypted", "not registered"),
    Case("setup --validate off", "line as user", "ocid-malformed", SECRET | {"OCICI_USER": "{line}"}, "action"),
    Case(
        "setup --validate off", "line as fingerprint", "fingerprint-malformed", SECRET | {"OCICI_FINGERPRINT": "{line}"}
    ),
    Case("setup", "line as profile", "profile-name", SECRET | {"OCICI_PROFILE": "{line}"}, "action"),
    Case("setup", "key in a tool's variable", FINE, SECRET | {"OCI_CONFIG_FILE": "{raw}"}, "action"),
    Case("setup", "line as OCICI_SESSION_DIR", "usage", SECRET | {"OCICI_SESSION_DIR": "{line}"}),
    Case("setup --session-dir {line}", "line as --session-dir", "usage", SECRET, "action"),
    Case("setup --session-dir {tame}", "key as --session-dir", "usage", SECRET),
    Case("setup --session-dir {tame}", "key as --session-dir", "usage", SECRET, "action"),
    Case("setup --session-dir {tame}", "key as --session-dir and in a file", "usage", IN_FILE, "jenkins"),
    Case("setup --session-dir {doubled}", "line as --session-dir", "usage", IN_FILE),
    Case("setup --session-dir {given}/raw.pem", "the key's file as session", "session-exists", SECRET),
    Case("setup --region {line}", "line as --region", "region-malformed", SECRET),
    Case("setup --user {line} --tenancy {phrase}", "line as --user", "ocid-malformed", WHO, "action"),
    Case("setup --fingerprint {raw}", "key as --fingerprint", "fingerprint-malformed", WHO),
    Case("setup --profile {line}", "line as --profile", "profile-name", WHO, "gitlab"),
    Case("setup --private-key {raw}", "key with an unknown option", "usage", WHO),
    Case("setup --key={line} {phrase}", "line behind an unknown option", "usage", WHO, "action"),
    Case("setup --probe {phrase}", "phrase as --probe", "usage", WHO),
    Case("setup --endpoint {line}", "line as --endpoint", "usage", IN_FILE),
    *arriving(LOOK, "raw", "encrypted", "bundle base64", "files", "oci-cli"),
    *arriving(LOOK, "wrong phrase", "key as path", "line as user"),
    *arriving(LOOK, "config", "files", "cut", host="gitlab"),
    *arriving(LOOK, "encrypted", "key as profile", host="jenkins"),
    Case("exec -- {raw}", "key as the command", "command-not-started", SECRET),
    Case("exec -- {line}", "line as the command", "command-not-started", IN_FILE, "gitlab"),
    Case("exec --pass-phrase {phrase} -- true", "phrase with an unknown option", "usage", SECRET, "jenkins"),
    # check reads a config
    Case(f"{CHECK} {{given}}/fine.ini", "key_file"),
    Case(f"{CHECK} {{given}}/locked.ini {JSON}", "key_file and phrase", variables=SECRET),
    Case(f"{CHECK} {{given}}/locked.ini", "key_file and phrase", host="action"),
    Case("check", "by oci-cli's variable", FINE, {"OCI_CLI_CONFIG_FILE": "{given}/locked.ini"}, "jenkins"),
    Case(f"check {JSON}", "by the SDK's variable", FINE, {"OCI_CONFIG_FILE": "{given}/fine.ini"}, "gitlab"),
    Case("check", "a session", FINE, {"OCI_CLI_CONFIG_FILE": "{home}/tmp/ocici-s/config"}, before="session"),
    Case(f"{CHECK} {{given}}/inside.ini {JSON}", "all in the config", "key-in-config"),
    Case(f"{CHECK} {{given}}/inside.ini", "all in the config", "key-in-config", host="gitlab"),
    Case(f"{CHECK} '{{given}}/wrong phrase.ini' {JSON}", "wrong phrase", "pass-phrase-wrong"),
    Case(f"{CHECK} '{{given}}/wrong phrase.ini'", "wrong phrase", "pass-phrase-wrong", host="action"),
    Case(f"{CHECK} {{given}}/cut.ini {JSON}", "cut", "key-corrupt", SECRET),
    Case(f"{CHECK} {{given}}/broken.ini", "broken", "config-syntax"),
    Case(f"{CHECK} '{{given}}/key as key_file.ini'", "key as key_file", "path-is-key"),
    Case(f"{CHECK} '{{given}}/line as key_file.ini' {JSON}", "line as key_file", "key-file-elsewhere"),
    Case(f"{CHECK} '{{given}}/line as user.ini'", "line as user", "ocid-malformed", host="action"),
    Case(f"{CHECK} '{{given}}/line as user.ini' {JSON}", "line as user", "ocid-malformed"),
    Case(f"{CHECK} '{{given}}/line as profile.ini'", "line as profile", "profile-missing"),
    Case(f"{CHECK} {{given}}/fine.ini --profile {{line}}", "line as --profile", "profile-missing"),
    Case(f"{CHECK} {{given}}/raw.pem", "the key's file as config", "config-syntax"),
    Case(f"{CHECK} {{raw}} {JSON}", "key as --config-file", "path-is-key"),
    Case(f"{CHECK} {{line}} {JSON}", "line as --config-file", "config-missing"),
    Case(f"{CHECK} {{phrase}}", "phrase as --config-file", "config-missing", SECRET),
    Case("check", "line as variable", "config-missing", {"OCI_CLI_CONFIG_FILE": "{line}"}, "gitlab"),
    Case("check", "key as variable", "path-is-key", {"OCI_CONFIG_FILE": "{escaped}"}, "action"),
    # cleanup and sweep meet a session
    Case("cleanup", "session in the environment", FINE, SESSION, before="session"),
    Case("cleanup --session-dir {home}/tmp/ocici-s", "session by option", FINE, SECRET, before="session"),
    Case("cleanup", "session in the environment", FINE, SESSION, "action", before="session"),
    Case("cleanup", "sessions of the job", FINE, SECRET, "gitlab", before="session"),
    Case("cleanup", "sessions of the job", FINE, SECRET, "jenkins", before="session"),
    Case("cleanup", "line as OCICI_SESSION_DIR", "usage", SECRET | {"OCICI_SESSION_DIR": "{line}"}),
    Case("cleanup --session-dir {given}", "a folder with the key", "not-a-session", SECRET),
    Case("cleanup --session-dir {given}/raw.pem", "the key's file", "not-a-session", SECRET, "action"),
    Case("cleanup --session-dir {base64}", "base64 as --session-dir", "usage"),
    Case("cleanup {line}", "line as an argument", "usage", SECRET),
    Case(f"sweep {JSON}", "dead session", FINE, SECRET, before="dead session"),
    Case("sweep", "dead session", FINE, SECRET, "action", before="dead session"),
    Case("sweep", "living session", FINE, SECRET, before="session"),
    Case("sweep --in {line}", "line as --in", FINE, SECRET),
    Case("sweep --format {line}", "line as --format", "usage", SECRET, before="dead session"),
    Case("sweep --into {phrase}", "phrase with an unknown option", "usage", SECRET, "gitlab"),
    # keygen makes a key, fingerprint reads one
    Case("keygen --out {home}/new.pem", "beside secrets", FINE, SECRET, made="new.pem"),
    Case("keygen --encrypt --out {home}/new.pem", "phrase", FINE, SECRET, "action", made="new.pem"),
    Case("keygen --encrypt --out {home}/new.pem", "phrase in a file", FINE, PHRASE_FILE, made="new.pem"),
    Case("keygen", "line as user", FINE, {"OCICI_USER": "{line}"}, made="oci_api_key.pem"),
    Case("keygen --out {given}/raw.pem", "over a key", "file-exists", SECRET),
    Case("keygen --out {home}/none/new.pem --encrypt", "no folder", "file-unwritable", SECRET),
    Case("keygen --out {raw}", "key as --out", "file-unwritable", SECRET),
    Case("keygen --bits {line}", "line as --bits", "usage", SECRET),
    Case("keygen --encrypt {phrase}", "phrase behind --encrypt", "usage"),
    Case("fingerprint -", "stdin", stdin="{raw}"),
    Case("fingerprint -", "stdin, encrypted", FINE, {"OCICI_PASS_PHRASE": "{phrase}"}, "action", stdin="{encrypted}"),
    Case("fingerprint {given}/encrypted.pem", "phrase in a file", FINE, PHRASE_FILE),
    Case("fingerprint {given}/public.pem", "public", FINE, SECRET),
    Case("fingerprint {given}/encrypted.pem", "no phrase", "key-encrypted"),
    Case("fingerprint {given}/encrypted.pem", "wrong phrase", "pass-phrase-wrong", {"OCICI_PASS_PHRASE": "{phrase}x"}),
    Case("fingerprint {given}/cut.pem", "cut", "key-corrupt", host="action"),
    Case("fingerprint {given}/text.ini", "a config", "key-encrypted"),
    Case("fingerprint -", "phrase on stdin", "invalid-key-format", stdin="{phrase}"),
    Case("fingerprint {raw}", "key as path", "path-is-key"),
    Case("fingerprint {line}", "line as path", "source-missing"),
    Case("fingerprint {escaped}", "escaped key as path", "path-is-key", host="action"),
    # env and explain
    *arriving("env", "raw", "encrypted", "files", "bundle", "config", "wrong phrase", "key as path", ends=FINE),
    *arriving(f"env {JSON}", "line as region", "key as region", "phrase as region", ends=FINE),
    *arriving("env", "line as user", ends=FINE),
    *arriving("env", "base64 as fingerprint", ends=FINE),
    *arriving(f"env {JSON}", "line as profile", ends=FINE),
    Case("env", "phrase as user too", FINE, SECRET | {"OCICI_USER": "{phrase}"}),
    Case(f"env {JSON}", "phrase as user too", FINE, SECRET | {"OCICI_USER": "{phrase}"}),
    Case("env", "line as session", FINE, SECRET | {"OCICI_SESSION_DIR": "{line}"}),
    Case("env --profile {line}", "line as --profile", FINE, WHO),
    Case("env --region {phrase}", "phrase as --region", FINE, SECRET),
    Case("env --format {line}", "line as --format", "usage", SECRET),
    Case("env --user={line}", "line with an unknown option", "usage", SECRET, "action"),
    Case("explain", "beside secrets", FINE, SECRET),
    Case("explain key-corrupt", "beside secrets", FINE, SECRET, "action"),
    Case("explain \"the key_file's value '{raw}' at line 3 must be a valid file path\"", "a message with the key"),
    Case("explain {line}", "line as message", "code-unknown"),
    Case("explain {phrase}", "phrase as message", "code-unknown", SECRET),
    Case("explain {line}", "a line of the key as message", "code-unknown"),
    Case("explain key-corrupt {line}", "line as an argument", "usage", host="action"),
    # lint-gitlab reads a pipeline
    Case("lint-gitlab {given}/fine.yml", "key in the pipeline", FINE, SECRET),
    Case(f"lint-gitlab {{given}}/fine.yml {JSON}", "key in the pipeline", host="gitlab"),
    Case("lint-gitlab {given}/overridden.yml", "line in a script", "lint-before-script-overridden"),
    Case(f"lint-gitlab {{given}}/broken.yml {JSON}", "the key breaks the pipeline", "pipeline-unreadable"),
    Case("lint-gitlab '{given}/key as alias.yml'", "line as an alias", "pipeline-unreadable"),
    Case("lint-gitlab '{given}/key as tag.yml'", "line as a tag", "pipeline-unreadable"),
    Case("lint-gitlab '{given}/key as job.yml'", "line as a job", "lint-before-script-overridden"),
    Case("lint-gitlab {given}/raw.pem", "the key's file", "pipeline-unreadable", host="action"),
    Case("lint-gitlab {line}", "line as path", "pipeline-unreadable"),
    Case("lint-gitlab {raw}", "key as path", "pipeline-unreadable", SECRET),
    # emulator and demo
    Case("emulator", "beside secrets", FINE, SECRET),
    Case(f"{REGISTER} {{given}}/public.pem", "beside secrets", FINE, SECRET, "action"),
    Case(f"{REGISTER} {{given}}/raw.pem", "private key instead of public", "usage"),
    Case(f"{REGISTER} {{raw}}", "key as path", "path-is-key"),
    Case(f"{REGISTER} {{line}}", "line as path", "source-missing", SECRET),
    Case("emulator --fault {line}", "line as --fault", "usage"),
    Case("emulator --port {line}", "line as --port", "usage", SECRET, "gitlab"),
    Case("demo", "beside secrets", FINE, SECRET),
    Case("demo", "the SDK is broken", "internal-error", SECRET | {"PYTHONPATH": "{given}"}),
    Case("demo {line}", "line as an argument", "usage", SECRET, "action"),
]
# fmt: on


# -- running a case -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class World:
    """The folders of one case, and the texts that the table names in braces."""

    home: Path
    texts: Mapping[str, str]

    def filled(self, text: str) -> str:
        """`text` with what its names in braces stand for."""
        return re.sub(r"\{([\w ]+)\}", lambda match: self.texts[match[1]], text)


@pytest.fixture(scope="module")
def locked(pair: Pair) -> str:
    """The key under `PHRASE`."""
    return encrypt(pair.private, PHRASE)


@pytest.fixture
def world(ocici: Ocici, oci: Emulator, pair: Pair, locked: str) -> World:
    home = ocici.home
    lines = pair.private.splitlines()
    word = next(line for line in lines[6:] if line[:17].isalnum())
    fields = {"user": USER, "tenancy": TENANCY, "region": "eu-frankfurt-1"}
    texts = {
        "home": str(home),
        "given": f"{home}/given",
        "taken": f"{home}/taken",
        "endpoint": oci.endpoint,
        "user": USER,
        "tenancy": TENANCY,
        "fingerprint": pair.fingerprint,
        "public": pair.public.decode(),
        "raw": pair.private,
        "raw json": json.dumps(pair.private),
        # "/" would begin a path; and a whole line of letters and digits, which some lines are, is a name: a "piece".
        "line": next(line for line in lines[5:] if line[0].isalnum() and not line.isalnum()),
        "piece": word[:16],
        # In a path "//" becomes "/": the lines of a key that have none, and a line that has one.
        "tame": "\n".join(line for line in lines if "//" not in line),
        "doubled": f"\n{word[:16]}//{word[16:]}",
        "escaped": pair.private.replace("\n", "\\n"),
        "base64": base64.b64encode(pair.private.encode()).decode(),
        "cut": pair.private[:900],
        "encrypted": locked,
        "encrypted base64": base64.b64encode(locked.encode()).decode(),
        "phrase": PHRASE,
        "phrase yaml": json.dumps(PHRASE),
        "bundle": json.dumps(fields | {"key_content": locked, "pass_phrase": PHRASE}),
        "bundle with the key as key_file": json.dumps(fields | {"key_file": pair.private}),
        "config": f"[DEFAULT]\nuser={USER}\ntenancy={TENANCY}\nregion=fra\npass_phrase={PHRASE}\nkey_content="
        + locked.strip().replace("\n", "\n  "),
    }
    texts["bundle base64"] = base64.b64encode(texts["bundle"].encode()).decode()
    made = World(home, texts)
    for folder in ("given", "taken"):
        (home / folder).mkdir()
    for name, text in GIVEN.items():
        (home / "given" / name).write_text(made.filled(text), encoding="utf-8")
    for name in TAKEN:  # as the runner makes them
        (home / "taken" / f"GITHUB_{name}").touch()
    return made


def environ_of(case: Case, world: World) -> dict[str, str]:
    variables = as_handed_over(case.host, case.variables)
    if case.command not in ("setup", "exec"):  # the others read no inputs, but may stand in a step that has them
        variables |= case.variables
    given = {"OCICI_ENDPOINT": "{endpoint}"} | HOSTS[case.host] | variables
    return {name: world.filled(text) for name, text in given.items()}


def prepare(ocici: Ocici, case: Case, world: World) -> None:
    """Make the session that `case` finds."""
    if not case.before:
        return
    environ = environ_of(Case("setup", case.how, variables=SECRET, host=case.host), world)
    done = ocici("setup", "--session-dir", f"{world.home}/tmp/ocici-s", environ=environ)
    assert done.returncode == 0, done.stderr
    if case.before == "dead session":
        manifest = world.home / "tmp" / "ocici-s" / "manifest.json"
        manifest.write_text(manifest.read_text().replace('"tied_to": "job"', '"tied_to": "process"'))


def run(ocici: Ocici, case: Case, world: World, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    environ = environ_of(case, world)
    if case.command != "emulator" or case.ends != FINE:
        return ocici(*arguments, environ=environ, stdin=world.filled(case.stdin))
    with subprocess.Popen(  # it serves until it is told to stop
        [sys.executable, "-m", "ocici", *arguments],
        env={**ocici.environ, **environ},
        cwd=ocici.home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        begun = process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        stdout, stderr = process.communicate(timeout=60)
    return subprocess.CompletedProcess(arguments, process.returncode, begun + stdout, stderr)


def marked(case: Case) -> ParameterSet:
    return pytest.param(case, id=f"{case.host}: {case.arguments[:50]}: {case.how}")


@pytest.mark.parametrize("case", [marked(case) for case in CASES])
def test_the_secret_stays_where_it_belongs(ocici: Ocici, world: World, pair: Pair, locked: str, case: Case) -> None:
    prepare(ocici, case, world)
    before, named_before = files(world.home), set(world.home.rglob("*"))
    arguments = [world.filled(word) for word in shlex.split(case.arguments)]
    with argument_lists() as seen:
        done = run(ocici, case, world, arguments)
    after, named_after = files(world.home), set(world.home.rglob("*"))

    # It went as the table says: else the search would prove nothing.
    output = done.stdout + done.stderr
    assert (done.returncode == 0) == (case.ends == FINE), output
    assert case.ends == FINE or f"[{case.ends}]" in output, output
    is_session = case.command == "setup" and case.ends == FINE
    if is_session:
        for name in HANDED_OVER.get(case.host, ()):
            assert after[world.home / "taken" / name], name

    sought = looks(pair.private) | looks(locked) | looks_of_phrase(PHRASE)
    changed = {path: content for path, content in after.items() if before.get(path) != content}
    if case.made:
        sought |= looks(changed.pop(world.home / case.made).decode())
    if is_session:
        changed = {path: content for path, content in changed.items() if not is_key_file(path)}
    stdout = done.stdout.splitlines()
    if case.host == "action":
        stdout = [line for line in stdout if not line.startswith("::add-mask::")]
    # The argument list of a process that is just ending may come out cut.
    own = "\0".join([sys.executable, "-m", "ocici", *arguments, ""]).encode()
    places = {
        "stdout": "\n".join(stdout).encode(),
        "stderr": done.stderr.encode(),
        "the argument list of a process": b"\n".join(each for each in seen if not own.startswith(each)),
        "the name of a file": "\n".join(map(str, named_after - named_before)).encode(),
        **{str(path): content for path, content in changed.items()},
    }
    leaks = {
        place: len(found) for place, text in places.items() if (found := [each for each in sought if each in text])
    }
    if leaks:
        raise LeakError(f"pieces of secrets found: {leaks}")


def test_every_command_is_in_the_table_in_passing_and_in_failing_form() -> None:
    tried = {(case.command, case.ends == FINE) for case in CASES}
    assert tried == {(name, passing) for name in options.COMMANDS for passing in (True, False)}


def test_every_host_is_in_the_table() -> None:
    assert {case.host for case in CASES} == HOSTS.keys()


def test_the_search_finds_each_form(world: World, pair: Pair, locked: str) -> None:
    sought = looks(pair.private) | looks(locked) | looks_of_phrase(PHRASE)
    forms = ["raw", "raw json", "line", "piece", "escaped", "base64", "cut", "encrypted", "encrypted base64"]
    forms += ["phrase", "phrase yaml", "bundle", "bundle base64", "bundle with the key as key_file", "config"]
    texts = [world.texts[form] for form in forms]
    texts += [text[len(text) // 2 :][:60] for text in (pair.private, locked)]
    for form in ("base64", "encrypted base64"):
        texts += ["\n".join(textwrap.wrap(world.texts[form], width)) for width in (64, 76)]
    for form in ("raw", "escaped", "encrypted", "phrase", "bundle"):
        texts += [base64.b64encode(f"{before}{world.texts[form]}".encode()).decode() for before in ("", "x", "xx")]
    texts += [repr(PHRASE), quote(PHRASE), shlex.quote(PHRASE), PHRASE + "x"]
    assert [text for text in texts if not any(each in text.encode() for each in sought)] == []
    assert not any(each in text for each in sought for text in (pair.public, pair.fingerprint.encode(), USER.encode()))
