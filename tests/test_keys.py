"""`ocici keygen` and `ocici fingerprint` with nothing to write to or to read from. Other tests: test_cli.py."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ocici import keys
from ocici.credentials import Secret
from ocici.findings import Refused

from .conftest import Ocici, Pair

if TYPE_CHECKING:
    from tests.corpus import damage
else:
    sys.path.insert(0, str(Path(__file__).parent / "corpus"))
    import damage

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="terminals and closed descriptors are POSIX's")


def by_shell(ocici: Ocici, line: str) -> tuple[int, str]:
    """The exit code and standard error of a shell's `line`, in which `ocici` is the program."""
    command = line.replace("ocici", f"'{sys.executable}' -m ocici")
    done = subprocess.run(["sh", "-c", command], env=ocici.environ, cwd=ocici.home, capture_output=True, text=True)
    return done.returncode, done.stderr


# -- keygen ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("out", [".", "", "/", "./"])
def test_a_pair_needs_a_files_name(ocici: Ocici, out: str) -> None:
    done = ocici("keygen", "--out", out)
    assert done.returncode == 2
    assert "[usage]" in done.stderr
    assert f"why: --out takes the path of a file, and {'/' if out == '/' else '.'} is a folder.\n" in done.stderr
    assert [path.name for path in ocici.home.iterdir()] == ["tmp"]


def test_no_half_of_a_pair_is_left(tmp_path: Path) -> None:
    """The public key's name is longer: this one is too long for any file system."""
    with pytest.raises(Refused) as raised:
        keys.generate(tmp_path / ("k" * 251 + ".pem"), 2048, Secret(), {})
    assert raised.value.findings[0].code == "file-unwritable"
    assert list(tmp_path.iterdir()) == []


def at_terminal(ocici: Ocici, typed: bytes) -> tuple[int, str]:
    """The exit code and output of `keygen --encrypt` at a terminal where `typed` answers the first question."""
    import fcntl
    import termios

    ours, theirs = os.openpty()

    def adopt() -> None:
        fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)  # getpass asks at the process's own terminal

    command = [sys.executable, "-m", "ocici", "keygen", "--encrypt", "--out", "key.pem"]
    with subprocess.Popen(
        command, env=ocici.environ, cwd=ocici.home, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        start_new_session=True, preexec_fn=adopt,
    ) as process:  # fmt: skip
        os.close(theirs)
        asked = b""
        while b"Pass phrase: " not in asked:
            asked += os.read(ours, 100)
        os.write(ours, typed)
        assert process.stdout
        told = process.stdout.read().decode()
    os.close(ours)
    return process.returncode, told


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (b"\x04", "The pass phrase was not typed: the input ended."),
        (b"secret\xff\n", "What was typed is not text."),
    ],
)
def test_a_pass_phrase_that_is_not_typed(ocici: Ocici, typed: bytes, told: str) -> None:
    code, output = at_terminal(ocici, typed)
    assert code == 2, output
    assert f"why: {told}\n" in output
    assert "secret" not in output
    assert not (ocici.home / "key.pem").exists()


def test_no_terminal_and_no_input(ocici: Ocici) -> None:
    code, told = by_shell(ocici, "ocici keygen --encrypt <&-")
    assert code == 2
    assert "--encrypt wants OCICI_PASS_PHRASE, or a terminal to ask at." in told


# -- fingerprint ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("ocici fingerprint - <&-", "FILE is -, and standard input is closed."),
        ("ocici fingerprint - 0>written", "FILE is -, and standard input cannot be read: Bad file descriptor."),
    ],
)
def test_standard_input_that_cannot_be_read(ocici: Ocici, line: str, told: str) -> None:
    code, output = by_shell(ocici, line)
    assert code == 2, output
    assert f"why: {told}\n" in output


def refusal(path: Path | str) -> tuple[str, str, str]:
    """The code, cause and fix of the finding that `fingerprint` gives for the file at `path`."""
    with pytest.raises(Refused) as raised:
        keys.fingerprint(str(path), {}, lambda secrets: None)
    (found,) = raised.value.findings
    return found.code, found.cause, found.fix


FIX = "Name the file of an API key: the private or the public one of its pair, whole, in PEM or DER."


@pytest.mark.parametrize(
    ("content", "code", "cause"),
    [
        (damage.certificate().public_bytes(damage.PEM), "key-is-certificate", "holds a certificate. An API key of OCI"),
        (b"hello", "invalid-key-format", "holds no key that can be read: it is a text of 5 characters"),
        (b"/home/me/key.pem", "key-is-path", "holds the path of a file"),
        (b"***", "value-masked", "holds a mask"),
    ],
)
def test_nothing_is_to_be_stored(tmp_path: Path, content: bytes, code: str, cause: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    told = refusal(path)
    assert told[0] == code
    assert told[1].startswith(f"{path} {cause}")
    assert told[2] == FIX


def test_what_is_wrong_with_the_key_itself_is_told_as_ever(tmp_path: Path, pair: Pair) -> None:
    path = tmp_path / "file"
    path.write_text(pair.encrypted)
    assert refusal(path)[0] == "key-encrypted"
    assert "OCICI_PASS_PHRASE" in refusal(path)[2]
    path.write_text(pair.private[:800])
    assert (refusal(path)[0], refusal(path)[2]) == ("key-corrupt", FIX)


def test_an_empty_file(ocici: Ocici, tmp_path: Path) -> None:
    (tmp_path / "blank").write_text("\n")
    for path in ("/dev/null", tmp_path / "blank"):
        assert refusal(path)[:2] == ("source-empty", f"{path} holds nothing.")
    code, told = by_shell(ocici, "ocici fingerprint - </dev/null")
    assert code == 2
    assert "error: an empty file or input [source-empty]\n  why: The standard input holds nothing.\n" in told


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(Refused) as raised:
        keys.fingerprint(str(tmp_path), {}, lambda secrets: None)
    assert raised.value.findings[0].title == "a file that is not there, or cannot be read"
