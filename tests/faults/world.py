"""A private world for the tries of a fault: its folders and its key, and what is found in it afterwards."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
_PIECE = 16
"""So many characters of the key in a row are a leak. A key that was cut short is found as well."""


@dataclass(frozen=True)
class Traces:
    """What is left: folders of sessions, and bytes of the key."""

    sessions: tuple[Path, ...]
    files: Mapping[Path, int]

    @property
    def secret(self) -> int:
        """The bytes of the key that were found."""
        return sum(self.files.values())


def pieces(private_pem: str) -> list[bytes]:
    """What to look for: the base64 of the key, cut into pieces of `_PIECE` characters."""
    lines = [line for line in private_pem.splitlines() if "-----" not in line]
    cut = [line[at : at + _PIECE] for line in lines for at in range(0, len(line), _PIECE)]
    return [piece.encode() for piece in cut if len(piece) == _PIECE]


def secret_in(content: bytes, sought: Sequence[bytes]) -> int:
    """How many bytes of `sought` are in `content`."""
    return sum(len(piece) for piece in sought if piece in content)


def look(folder: Path, sought: Sequence[bytes]) -> Traces:
    """What is left under `folder`, links not followed."""
    sessions, files = [], {}
    for path in _walk(folder):
        with suppress(FileNotFoundError):
            mode = path.lstat().st_mode
            if path.name.startswith("ocici-") and not stat.S_ISREG(mode):
                sessions.append(path)
            if stat.S_ISREG(mode) and (found := secret_in(path.read_bytes(), sought)):
                files[path] = found
    return Traces(tuple(sessions), files)


def until(seen: Callable[..., object], seconds: float = 20.0) -> None:
    """Wait until `seen()`, which another process brings about."""
    end = time.monotonic() + seconds
    while not seen():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds} s")
        time.sleep(0.005)


def _walk(folder: Path) -> Iterator[Path]:
    for path, folders, names in os.walk(folder):
        yield from (Path(path, name) for name in (*folders, *names))


@dataclass
class Tally:
    """One row of the table: a fault, how often it was tried, and what came of it."""

    fault: str
    tried: int = 0
    sessions: int = 0
    secret: int = 0
    tracebacks: int = 0
    unexpected: list[str] = field(default_factory=list)

    def add(self, left: Traces, output: str | bytes, sought: Sequence[bytes], wrong: str = "", where: str = "") -> None:
        """Count one try: what is `left` on disk, and what was printed.

        `wrong`: what else was not as promised, and `where` it was tried, for people to read.
        """
        raw = output.encode("utf-8", "surrogateescape") if isinstance(output, str) else output
        self.tried += 1
        self.sessions += len(left.sessions)
        self.secret += left.secret + secret_in(raw, sought)
        traceback = bool(re.search(rb"Traceback \(most recent call last\)|internal-error|Exception ignored", raw))
        self.tracebacks += traceback
        found = [wrong] if wrong else []
        if left.sessions or left.secret:
            found.append(f"left: {sorted({*map(str, left.sessions), *map(str, left.files)})}")
        if found or traceback or secret_in(raw, sought):
            self.unexpected.append(f"{where}: {'; '.join(found)}; printed: {raw.decode(errors='replace')}")

    def merge(self, other: Mapping[str, Any]) -> None:
        """Count what another process has counted."""
        for name in ("tried", "sessions", "secret", "tracebacks", "unexpected"):
            setattr(self, name, getattr(self, name) + other[name])


@dataclass(frozen=True)
class World:
    """HOME, TMPDIR and the working folder, all under `root`; the secrets of a pipeline; no other environment.

    `secrets`: the variables that hand them over. `sought`: the pieces of the key. `endpoint`: the emulator's.
    """

    root: Path
    secrets: Mapping[str, str]
    sought: Sequence[bytes]
    endpoint: str

    @property
    def temporary(self) -> Path:
        """Where sessions are made."""
        return self.root / "tmp"

    @property
    def environ(self) -> dict[str, str]:
        """The environment of every process."""
        folders = {"HOME": str(self.root / "home"), "TMPDIR": str(self.temporary)}
        return {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **folders}

    def make(self) -> World:
        """Make the folders."""
        for name in ("home", "tmp", "work"):
            (self.root / name).mkdir(parents=True)
        return self

    def look(self) -> Traces:
        """What is left in this world."""
        return look(self.root, self.sought)

    def command(self, *arguments: str) -> list[str]:
        """The command line of `ocici ARGUMENTS`."""
        return [sys.executable, "-m", "ocici", *arguments]

    def start(self, *arguments: str, environ: Mapping[str, str] | None = None, **options: Any) -> subprocess.Popen[str]:
        """Start `ocici ARGUMENTS` with the secrets; what it prints is to be read from `stdout`."""
        return subprocess.Popen(
            options.pop("command", None) or self.command(*arguments),
            env={**self.environ, **self.secrets, **(environ or {})},
            cwd=self.root / "work",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="surrogateescape",
            **options,
        )

    def run(self, *arguments: str, environ: Mapping[str, str] | None = None, **options: Any) -> tuple[int, str]:
        """Run `ocici ARGUMENTS` with the secrets; its exit code and what it prints."""
        with self.start(*arguments, environ=environ, **options) as process:
            output, _ = process.communicate(timeout=120)
        return process.returncode, output
