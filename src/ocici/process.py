"""Which process this is, and whether another one is provably gone. Standard library only.

A process number is used again once its process has ended, so a process is known by its number and its start
time together, within one boot of one machine and one process namespace. The start time is only compared for being
the same, so clocks may jump. What cannot be found out is empty, and proves nothing.
"""

from __future__ import annotations

import functools
import os
import sys
from pathlib import Path
from typing import Any, NamedTuple


class Process(NamedTuple):
    """One process. `boot` names the boot of the machine, `space` the process namespace; empty is unknown."""

    pid: int
    started: str
    machine: str
    boot: str
    space: str

    def as_json(self) -> dict[str, Any]:
        """The process as it stands in a manifest."""
        return self._asdict()

    @staticmethod
    def from_json(value: Any) -> Process | None:
        """The process that `as_json` wrote; None when `value` is anything else."""
        names = ("started", "machine", "boot", "space")
        if not isinstance(value, dict) or type(value.get("pid")) is not int or not 0 < value["pid"] < 2**31:
            return None
        if not all(isinstance(value.get(name), str) for name in names):
            return None
        return Process(value["pid"], *(value[name] for name in names))


def this() -> Process:
    """The process that runs this."""
    return Process(os.getpid(), _started(os.getpid()) or "", _machine(), _boot(), _space())


def is_gone(process: Process) -> bool:
    """Whether `process` has provably ended. When in doubt it has not."""
    if is_from_another_boot(process):
        return True
    return _can_be_seen(process) and _started(process.pid) not in (process.started, "")


def is_alive(process: Process) -> bool:
    """Whether `process` provably lives. When in doubt it does not: the opposite of `is_gone` only where it is seen."""
    return _can_be_seen(process) and _started(process.pid) == process.started


def _can_be_seen(process: Process) -> bool:
    here = (process.machine, process.boot, process.space) == (_machine(), _boot(), _space())
    return here and "" not in (process.started, process.boot, process.space)


def is_from_another_boot(process: Process) -> bool:
    """Whether this machine was started anew since; no process and no job has outlived that."""
    return process.machine == _machine() != "" and "" not in (process.boot, _boot()) and process.boot != _boot()


@functools.cache
def _machine() -> str:
    """A name that no other machine has; empty when unknown.

    Host names alone repeat: containers have fixed ones, and folders may be shared over a network.
    """
    name = os.environ.get("COMPUTERNAME", "") if sys.platform == "win32" else os.uname().nodename
    number = _read("/etc/machine-id")
    return f"{name} {number}" if number else ""


@functools.cache
def _boot() -> str:
    if sys.platform == "linux":
        return _read("/proc/sys/kernel/random/boot_id")
    if sys.platform == "darwin":
        return _output("/usr/sbin/sysctl", "-n", "kern.bootsessionuuid")  # kern.boottime moves with the clock
    return ""  # on Windows nothing is provable here, so nothing is swept on these grounds


@functools.cache
def _space() -> str:
    """The namespaces in which a process number and a start time mean something (namespaces(7))."""
    if sys.platform != "linux":
        return "one"
    try:
        if Path("/proc/self").readlink() != Path(str(os.getpid())):
            return ""  # a /proc of another namespace, whose numbers are not ours
        kinds = [Path("/proc/self/ns", kind) for kind in ("pid", "time")]  # "time" is there since Linux 5.6
        return " ".join(str(kind.readlink()) for kind in kinds if kind.is_symlink())
    except OSError:
        return ""


def _started(pid: int) -> str | None:
    """When the process `pid` started, in a form to be compared; None when it has ended, "" when that is unknown."""
    if sys.platform == "linux":
        try:
            text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            return "" if _exists(pid) else None
        except OSError:
            return ""
        # proc(5): the name in parentheses may hold anything; after it, field 3 is the state, field 22 the start.
        fields = text.rpartition(")")[2].split()
        if len(fields) < 20:
            return ""
        return None if fields[0] in ("Z", "X") else fields[19]  # a zombie has ended, and only waits to be reaped
    if sys.platform == "darwin":
        return _output("/bin/ps", "-o", "lstart=", "-p", str(pid)) if _exists(pid) else None
    return ""


def _exists(pid: int) -> bool:
    """Whether there is a process `pid`, ours or not (for POSIX: on Windows this would end it)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _output(*command: str) -> str:
    """What `command` prints, "" when it fails. Times are printed alike wherever the job believes to be."""
    import subprocess

    environ = {**os.environ, "LC_ALL": "C", "TZ": "UTC0"}
    quiet = subprocess.DEVNULL
    try:
        return subprocess.check_output(command, env=environ, text=True, stdin=quiet, stderr=quiet).strip()
    except (OSError, subprocess.SubprocessError):
        return ""
