"""Tries the whole list of faults (tests/faults/) in full, and prints a table of what was left: `make faults`.

    python scripts/run_faults.py [--write] [options of pytest]

`--write` puts the table into docs/SECURITY.md, if it holds nothing but zeros. Takes ten minutes. strace kills at every
system call, faketime moves the clock: on a Debian system, as root, apt installs them. What cannot be had is said, and
its faults are skipped; under CI=true they fail. Exits 0 if the table holds nothing but zeros.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "SECURITY.md"
MARKS = "<!-- faults: written by scripts/run_faults.py --write -->\n", "<!-- end of faults -->\n"
PROGRAMS = ("strace", "faketime")  # each in a package of its own name


def install() -> str:
    """Install what is missing, as far as that can be done; why it cannot, or ""."""
    missing = [name for name in PROGRAMS if not shutil.which(name)]
    if not missing:
        return ""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return f"there is no {' and no '.join(missing)}; on Debian they are in the packages of these names"
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--no-install-recommends", "-y", *missing]):
        done = subprocess.run(["apt-get", "-qq", *command], env=environ, capture_output=True, text=True, check=False)
        if done.returncode:
            return f"apt-get {command[0]} failed: {done.stderr.strip()}"
    return ""


def written(page: str, table: str) -> str:
    """`page` with `table` between the marks. Raises ValueError where there are none."""
    before, rest = page.split(MARKS[0])
    _, after = rest.split(MARKS[1])
    system = f"{platform.system()} {platform.release().partition('-')[0]}, CPython {platform.python_version()}"
    return f"{before}{MARKS[0]}\n{system}, {date.today()}\n\n{table}\n{MARKS[1]}{after}"


def main(options: list[str]) -> int:
    """Try them all; the exit code is pytest's."""
    print(install(), end="")
    write = "--write" in options
    command = [sys.executable, "-m", "pytest", "-q", "tests/faults", *(each for each in options if each != "--write")]
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder, "table")
        environ = {**os.environ, "OCICI_FAULTS": "full", "OCICI_FAULTS_TABLE": str(table)}
        code = subprocess.run(command, cwd=ROOT, env=environ, check=False).returncode
        if write and not code:
            PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), table.read_text()), encoding="utf-8")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
