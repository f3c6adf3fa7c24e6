"""Puts what the tests of the GitLab template need in place; what is there already is left alone.

    python scripts/gitlab_tools.py

- .tools/gitlab/   gitlab-ci-local, as tests/gitlab/package-lock.json pins it (needs node 20 and npm)
- rsync, busybox   from Debian's packages, where this is a Debian system and the user is root

Says what cannot be had, and why. Exits 1 then where CI=true, and 0 elsewhere: the tests that need it are skipped.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PINS = ROOT / "tests" / "gitlab"
TOOLS = ROOT / ".tools" / "gitlab"


class Missing(Exception):  # noqa: N818 (it is no error)
    """A tool cannot be had; the message says why."""


def runner() -> Path:
    """The program gitlab-ci-local."""
    program("rsync", "rsync")
    if not shutil.which("node"):
        raise Missing("there is no node")
    path = TOOLS / "node_modules" / ".bin" / "gitlab-ci-local"
    lock = (PINS / "package-lock.json").read_bytes()
    installed = TOOLS / "installed"  # the lock that was installed
    if not path.exists() or not installed.exists() or installed.read_bytes() != lock:
        npm = shutil.which("npm")
        if not npm:
            raise Missing("there is no npm")
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(PINS / name, TOOLS / name)
        run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder=TOOLS)
        installed.write_bytes(lock)
    return path


def busybox() -> Path:
    """The program busybox."""
    return program("busybox", "busybox")


def program(name: str, package: str) -> Path:
    """The program `name`, from Debian's `package` if it is not there and may be installed."""
    found = shutil.which(name)
    if not found:
        if os.geteuid() != 0 or not shutil.which("apt-get"):
            raise Missing(f"there is no {name}; on Debian it is in the package {package}")
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        run(["apt-get", "-qq", "update"], environment=environment)
        run(["apt-get", "-qq", "install", "--no-install-recommends", "-y", package], environment=environment)
        found = shutil.which(name)
        if not found:
            raise Missing(f"the package {package} brought no {name}")
    return Path(found)


def run(command: list[str], environment: dict[str, str] | None = None, folder: Path | None = None) -> None:
    """Run `command`. Raises Missing with its last lines where it fails."""
    done = subprocess.run(
        command, env=environment, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-5:])
        raise Missing(f"{command[0]} failed with {done.returncode}:\n{tail}")


def at_hand(tool: Callable[[], Path]) -> tuple[Path | None, str]:
    """Get `tool`, one of the functions above, one process at a time: its path, or why it cannot be had."""
    TOOLS.mkdir(parents=True, exist_ok=True)
    with (TOOLS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            return tool(), ""
        except Missing as missing:
            return None, str(missing)


def main() -> int:
    """Get every tool; say for each whether it is there."""
    failed = False
    for tool in (runner, busybox):
        _, why = at_hand(tool)
        print(f"{tool.__name__}: {why or 'there'}")
        failed = failed or bool(why)
    return 1 if failed and os.environ.get("CI") == "true" else 0


if __name__ == "__main__":
    sys.exit(main())
