"""Installs what tests/interop/ runs: `python scripts/install_interop.py [typescript] [go] [java]` (default: all).

Each is pinned by the files in tests/interop/tools/ and goes to `.tools/interop/NAME-PINS`, once: a folder that is
there is complete. It takes npm about 3 s, Maven 15 s, and Go a minute (a download of 245 MB, of which 11 MB stay).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / "tests" / "interop" / "tools"
CACHE = ROOT / ".tools" / "interop"

# The programs that must be there to install and to run each.
NEEDS = {"typescript": ("npm", "node"), "go": ("go",), "java": ("mvn", "java")}


def missing(name: str) -> list[str]:
    """The programs that `name` needs and that are not on the PATH."""
    return [program for program in NEEDS[name] if not shutil.which(program)]


def command(name: str) -> list[str]:
    """The command that runs the signing program of `name`, installed if need be; the endpoint is to be added.

    Raises `subprocess.CalledProcessError` when the installation fails; its output goes to standard error.
    """
    folder = _installed(name)
    return {
        "typescript": ["node", str(folder / "sign.js")],
        "go": [str(folder / "sign")],
        "java": ["java", "-cp", str(folder / "*"), str(folder / "Sign.java")],
    }[name]


def _installed(name: str) -> Path:
    pins = hashlib.sha256()
    for file in sorted((TOOLS / name).iterdir()):
        pins.update(file.name.encode() + b"\0" + file.read_bytes())
    folder = CACHE / f"{name}-{pins.hexdigest()[:12]}"
    if folder.is_dir():
        return folder
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE, prefix=f".{name}-") as temporary:
        work = Path(temporary)
        shutil.copytree(TOOLS / name, work / "new")
        _INSTALL[name](work / "new", work / "cache")
        try:
            (work / "new").rename(folder)
        except OSError:  # another process was faster, and its folder is as good
            if not folder.is_dir():
                raise
    return folder


def _typescript(new: Path, cache: Path) -> None:
    _run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--cache", str(cache)], new)


def _go(new: Path, cache: Path) -> None:
    environ = {"GOMODCACHE": str(cache / "mod"), "GOCACHE": str(cache / "build"), "CGO_ENABLED": "0"}
    _run(["go", "build", "-modcacherw", "-mod=readonly", "-buildvcs=false", "-o", "sign", "."], new, environ)


def _java(new: Path, cache: Path) -> None:
    plugin = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
    options = [f"-Dmaven.repo.local={cache}", "-DincludeScope=runtime", f"-DoutputDirectory={new}"]
    _run(["mvn", "--batch-mode", "--no-transfer-progress", "--quiet", plugin, *options], new)


_INSTALL: dict[str, Callable[[Path, Path], None]] = {"typescript": _typescript, "go": _go, "java": _java}


def _run(arguments: list[str], folder: Path, environ: dict[str, str] | None = None) -> None:
    subprocess.run(
        [shutil.which(arguments[0]) or arguments[0], *arguments[1:]],
        cwd=folder,
        env={**os.environ, **(environ or {})},
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        check=True,
    )


if __name__ == "__main__":
    for tool in sys.argv[1:] or NEEDS:
        print(" ".join(command(tool)))
