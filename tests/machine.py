"""What tests do to this machine, mounts and work as another user, and what it lacks for them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

NOBODY = 65534


@contextmanager
def mounted(point: Path, *options: str) -> Iterator[Path]:
    """`mount OPTIONS point` while the block runs; skips the test where that is not permitted."""
    point.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["mount", *options, str(point)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"mounting is not permitted here: {done.stderr.strip()}")
    try:
        yield point
    finally:
        subprocess.run(["umount", "--lazy", str(point)], check=True)


def tmpfs(size: str = "1m") -> tuple[str, ...]:
    """The options of `mount` for a file system in memory of that size."""
    return ("-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs")


def read_only(source: Path) -> tuple[str, ...]:
    """The options of `mount` that show the folder `source`, read-only."""
    return ("--bind", "-o", "ro", str(source))


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter and write, unlike `tmp_path`."""
    path = Path(tempfile.mkdtemp(prefix="open-"))
    path.chmod(0o777)
    yield path
    for each, _, _ in os.walk(path):
        Path(each).chmod(0o700)
    shutil.rmtree(path)


def unprivileged(code: str, *arguments: object, before: str = "") -> str:
    """What the Python program `code` prints as a user without privileges; its arguments are in `sys.argv[1:]`.

    It begins with these modules loaded, and with what `before` loads: others may not enter root's folders for more.
    """
    become = (
        "import os, sys, json, stat, pathlib, errno\n"
        "from pathlib import Path\n"
        "from ocici import cli, folder, manifest, process, session, signin, execute, places, hosts\n"
        "from ocici.findings import Refused\n"
        f"{before}\n"
        f"if os.geteuid() == 0: os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", become + code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def lacking(why: str) -> NoReturn:
    """Skip the test for lack of a tool, `why`. Under CI=true nothing may skip for that: there it fails."""
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)
