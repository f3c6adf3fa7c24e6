"""Which process this is, and whether another one is provably gone. Standard library only.

A process number is used again once its process has ended, so a process is known by its number and its start
time together, within one boot of one machine and one process namespace.
"""

from __future__ import annotations

import functools
import os
import platform
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Process:
    """One process. `boot` names the boot of the machine, `space` the process namespace; empty is unknown."""

    pid: int
    started: str
    machine: str
    boot: str
    space: str

    def as_json(self) -> dict[str, Any]:
        """The process as it stands in a manifest."""
        return asdict(self)

    @staticmethod
    def from_json(value: Any) -> Process | None:
        """The process that `as_json` wrote; None when `value` is anything else."""
        names = ("started", "machine", "boot", "space")
        if not isinstance(value, dict) or not isinstance(value.get("pid"), int):
            return None
        if not all(isinstance(value.get(name), str) for name in names):
            return None
        return Process(value["pid"], *(value[name] for name in names))


def this() -> Process:
    """The process that runs this."""
    return Process(os.getpid(), _started(os.getpid()) or "", platform.node(), _boot(), _space())


def is_gone(process: Process) -> bool:
    """Whether `process` has provably ended. When in doubt it has not."""
    if is_from_another_boot(process):
        return True
    here = process.machine == platform.node() and process.boot == _boot() != "" and process.space == _space()
    return here and process.started != "" and _started(process.pid) != process.started


def is_from_another_boot(process: Process) -> bool:
    """Whether this machine was started anew since; no process and no job has outlived that."""
    return process.machine == platform.node() and "" not in (process.boot, _boot()) and process.boot != _boot()


@functools.cache
def _boot() -> str:
    if sys.platform == "linux":
        return _read("/proc/sys/kernel/random/boot_id")
    if sys.platform == "darwin":
        return _output("sysctl", "-n", "kern.boottime")
    return ""  # on Windows nothing is provable here, so nothing is swept on these grounds


@functools.cache
def _space() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _started(pid: int) -> str | None:
    """When the process `pid` started, in a form to be compared; None when there is none, or only its remains."""
    if sys.platform == "linux":
        # proc(5): the name in parentheses may hold anything; after it, field 3 is the state, field 22 the start.
        fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
        return fields[19] if len(fields) > 19 and fields[0] not in ("Z", "X") else None
    if sys.platform == "darwin":
        return _output("ps", "-o", "lstart=", "-p", str(pid)) or None
    return None


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _output(*command: str) -> str:
    import subprocess

    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return done.stdout.strip()
