"""Where the bytes of the key have been: nowhere but in the session's key file, whatever the command, fine or failing.

Each command runs in a process of its own with secrets in its environment. Then standard output, standard error, the
argument lists of all processes seen meanwhile, the files by which a CI system takes variables over, and everything
written under the private HOME and TMPDIR are searched for any line of the key and for the pass phrase, raw, escaped
and in base64.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ocici.emulator import Emulator

from .conftest import PASS_PHRASE, TENANCY, USER, Ocici, Pair


def canaries(pair: Pair) -> list[bytes]:
    phrase = PASS_PHRASE.encode()
    encoded = [base64.b64encode(b"x" * shift + phrase)[4:-4] for shift in range(3)]  # however it falls into groups of 3
    return [line.encode() for line in pair.lines()] + [phrase, PASS_PHRASE.replace(" ", "%20").encode(), *encoded]


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


def files_with(canary: list[bytes], folder: Path) -> set[Path]:
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return {path for path in files if any(each in path.read_bytes() for each in canary)}


SECRET_FORMS: dict[str, Callable[[Pair], dict[str, str]]] = {
    "raw": lambda pair: {"OCICI_PRIVATE_KEY": pair.private},
    "escaped": lambda pair: {"OCICI_PRIVATE_KEY": pair.private.replace("\n", "\\n")},
    "base64": lambda pair: {"OCICI_PRIVATE_KEY": base64.b64encode(pair.private.encode()).decode()},
    "encrypted": lambda pair: {"OCICI_PRIVATE_KEY": pair.encrypted, "OCICI_PASS_PHRASE": PASS_PHRASE},
    "wrong pass phrase": lambda pair: {"OCICI_PRIVATE_KEY": pair.encrypted, "OCICI_PASS_PHRASE": PASS_PHRASE + "x"},
    "cut": lambda pair: {"OCICI_PRIVATE_KEY": pair.private[:900], "OCICI_PASS_PHRASE": PASS_PHRASE},
    "in the wrong place": lambda pair: {"OCICI_USER": pair.private, "OCICI_PRIVATE_KEY": PASS_PHRASE},
    "as a path": lambda pair: {"OCICI_PRIVATE_KEY_FILE": pair.private},
    "as a region": lambda pair: {"OCICI_REGION": pair.private.split("\n")[3], "OCICI_PRIVATE_KEY": pair.private},
    "bundle": lambda pair: {"OCICI_CREDENTIALS": json.dumps({"key_content": pair.private, "pass_phrase": PASS_PHRASE})},
    "broken bundle": lambda pair: {"OCICI_CREDENTIALS": f"key_content: |\n{pair.private}"},
    "config": lambda pair: {"OCICI_CONFIG": f"[DEFAULT]\npass_phrase={PASS_PHRASE}\nkey_content={pair.private}"},
    "oci-cli": lambda pair: {"OCI_CLI_KEY_CONTENT": pair.encrypted, "OCI_CLI_PASSPHRASE": PASS_PHRASE},
}
COMMANDS = {
    "setup": ("setup", "--format", "json"),
    "setup text": ("setup",),
    "setup env": ("setup", "--format", "env"),
    "setup off": ("setup", "--validate", "off"),
    "exec": ("exec", "--", "sh", "-c", "env; cat /proc/[0-9]*/cmdline"),
    "check": ("check",),
    "cleanup": ("cleanup",),
    "sweep": ("sweep",),
    "env": ("env",),
    "fingerprint": ("fingerprint", "-"),
    "keygen": ("keygen", "--encrypt"),
    "explain": ("explain",),
}


@pytest.mark.parametrize("form", SECRET_FORMS)
def test_every_command_keeps_the_secret_where_it_belongs(
    ocici: Ocici, oci: Emulator, pair: Pair, form: str, subtests: pytest.Subtests
) -> None:
    handed_over = ocici.home / "handed_over"
    handed_over.mkdir()
    files = {f"GITHUB_{name}": str(handed_over / name) for name in ("ENV", "OUTPUT", "STATE", "PATH", "STEP_SUMMARY")}
    environ = {
        "OCICI_USER": USER,
        "OCICI_TENANCY": TENANCY,
        "OCICI_REGION": "fra",
        "OCICI_ENDPOINT": oci.endpoint,
        **files,
        **SECRET_FORMS[form](pair),
    }
    canary = canaries(pair)
    for name, command in COMMANDS.items():
        with subtests.test(command=name):
            with argument_lists() as seen:
                done = ocici(*command, environ=environ, stdin=SECRET_FORMS[form](pair).get("OCICI_PRIVATE_KEY", ""))
            printed = (done.stdout + done.stderr).encode()
            assert not [each for each in canary if each in printed]
            assert not [each for each in canary if any(each in arguments for arguments in seen)]
            kept = files_with(canary, ocici.home)
            sessions = {path for path in kept if path.parent.name.startswith("ocici-") and path.suffix == ".pem"}
            assert kept == sessions
            assert bool(sessions) <= (name.startswith("setup") and done.returncode == 0)
            for path in sessions:
                ocici("cleanup", "--session-dir", str(path.parent))
