"""Puts what the tests of the action need beyond Python and Node.js into .tools/github/: actionlint, built by Go.

    python scripts/github_tools.py

Where there is no Go it says so; it exits 1 then if CI=true, and 0 elsewhere: the tests that need it are skipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

# Go checks the module against the checksum database, so that the version is pin enough.
MODULE = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12"
FOLDER = Path(__file__).resolve().parent.parent / ".tools" / "github"


def main() -> int:
    """Install actionlint unless it is there already."""
    if (FOLDER / "actionlint").exists():
        return 0
    if not shutil.which("go"):
        print("github_tools: there is no Go on the PATH, so actionlint cannot be built", file=sys.stderr)
        return 1 if os.environ.get("CI") == "true" else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    environ = {**os.environ, "GOBIN": str(FOLDER), "GOFLAGS": "-mod=mod"}
    return subprocess.run(["go", "install", MODULE], env=environ, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
