"""Puts what the tests of the Jenkins step need into .tools/jenkins/; what is there already is left alone.

    python scripts/jenkins_tools.py

- jars/        the jars of tests/jenkins/pom.xml, fetched by Maven and checked against tests/jenkins/jars.sha256
- lint/        npm-groovy-lint, as tests/jenkins/package-lock.json pins it
- groovyc      Debian's Groovy 2.4.21, the version Jenkins embeds; it, Java and Maven are installed by apt where
               this is a Debian system and the user is root

Says what cannot be had, and why. Exits 1 then where CI=true, and 0 elsewhere: the tests that need it are skipped.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PINS = ROOT / "tests" / "jenkins"
TOOLS = ROOT / ".tools" / "jenkins"
GROOVY = "2.4.21"


class Missing(Exception):  # noqa: N818 (it is no fault of this script)
    """A tool cannot be had; the message says why."""


def java() -> Path:
    """The java program."""
    return program("java", "default-jre-headless")


def java_home() -> Path:
    """The folder of Java, which Debian's groovyc wants to be told (as JAVA_HOME)."""
    return java().resolve().parent.parent


def groovyc() -> Path:
    """Debian's groovyc 2.4.21."""
    path = program("groovyc", "groovy")
    environment = {**os.environ, "JAVA_HOME": str(java_home())}
    version = run([str(path), "--version"], environment=environment)
    if GROOVY not in version:
        raise Missing(f"{path} is not Groovy {GROOVY}: {version.strip()}")
    return path


def jars() -> list[Path]:
    """The jars, each with the right hash."""
    pinned = {line.split()[1]: line.split()[0] for line in (PINS / "jars.sha256").read_text().splitlines()}
    paths = [TOOLS / "jars" / name for name in pinned]
    if not all(path.is_file() for path in paths):
        maven = program("mvn", "maven")
        fetch = "dependency:copy-dependencies"
        run([str(maven), "-q", "-B", "-f", str(PINS / "pom.xml"), fetch, f"-DoutputDirectory={TOOLS / 'jars'}"])
    for path in paths:
        actual = hashlib.sha256(path.read_bytes()).hexdigest()
        if actual != pinned[path.name]:
            path.unlink()
            raise Missing(f"{path.name} has the hash {actual}, and jars.sha256 says {pinned[path.name]}")
    return paths


def lint() -> Path:
    """The program npm-groovy-lint."""
    folder = TOOLS / "lint"
    path = folder / "node_modules" / ".bin" / "npm-groovy-lint"
    lock = (PINS / "package-lock.json").read_bytes()
    installed = folder / "installed"  # the lock that was installed
    if not path.exists() or not installed.exists() or installed.read_bytes() != lock:
        java()
        npm = shutil.which("npm")
        if not npm:
            raise Missing("there is no npm")
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(PINS / name, folder / name)
        run([npm, "ci", "--no-audit", "--no-fund"], folder=folder)
        installed.write_bytes(lock)
    return path


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


def run(command: list[str], environment: dict[str, str] | None = None, folder: Path | None = None) -> str:
    """What `command` prints. Raises Missing with its last lines where it fails."""
    done = subprocess.run(
        command, env=environment, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-5:])
        raise Missing(f"{command[0]} failed with {done.returncode}:\n{tail}")
    return done.stdout + done.stderr


def at_hand(tool: Callable[[], object]) -> str:
    """Get `tool`, one of the functions above, one process at a time; why it cannot be had, or ""."""
    TOOLS.mkdir(parents=True, exist_ok=True)
    with (TOOLS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            tool()
        except Missing as missing:
            return str(missing)
    return ""


def main() -> int:
    """Get every tool; say for each whether it is there."""
    failed = False
    for tool in (java, groovyc, jars, lint):
        why = at_hand(tool)
        print(f"{tool.__name__}: {why or 'there'}")
        failed = failed or bool(why)
    return 1 if failed and os.environ.get("CI") == "true" else 0


if __name__ == "__main__":
    sys.exit(main())
