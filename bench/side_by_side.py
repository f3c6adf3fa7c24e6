"""What every command here uses: a sandbox, runs that are measured from outside, and tables in Markdown.

This process stays small on purpose: Linux counts the memory of the process that starts a program as that program's
own until it is replaced, so no peak below ours can be seen.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / "bench" / "peers"
README = ROOT / "bench" / "README.md"
TENANCY = "ocid1.tenancy.oc1..aaaabench"
USER = "ocid1.user.oc1..aaaabench"
REGION = "eu-frankfurt-1"


@dataclass(frozen=True)
class Run:
    """One run of one program, the processes that it waited for included: seconds, CPU seconds, peak memory in MB."""

    wall: float
    cpu: float
    memory: float

    def __add__(self, other: Run) -> Run:
        """Both, one after the other."""
        return Run(self.wall + other.wall, self.cpu + other.cpu, max(self.memory, other.memory))


def start(command: Sequence[str | Path], environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start `command` with its output going nowhere, but for standard error, which goes to a file (`failed` reads)."""
    errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the process)
    process = subprocess.Popen(
        [str(part) for part in command],
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=errors,
    )
    process.stderr = errors
    return process


def wait(process: subprocess.Popen[bytes], begun: float) -> Run:
    """What `process`, started at `begun`, took. Raises SystemExit when it failed, since there is no figure then."""
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.stderr
    with process.stderr as errors:
        if process.returncode:
            errors.seek(0)
            said = errors.read().decode(errors="replace")
            raise SystemExit(f"{process.args!r} failed ({process.returncode}):\n{said}")
    kilobyte = 1 if sys.platform == "darwin" else 1024  # getrusage(2): bytes there, kilobytes on Linux
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * kilobyte / 1e6)


def run(command: Sequence[str | Path], environ: Mapping[str, str]) -> Run:
    """Run `command` and measure it."""
    begun = time.perf_counter()
    return wait(start(command, environ), begun)


def alternate(contestants: Mapping[str, Callable[[], Run]], rounds: int, warm_up: bool = True) -> dict[str, list[Run]]:
    """Run each contestant once a round, so that what else the machine does falls on all of them alike."""
    for contestant in contestants.values() if warm_up else ():
        contestant()
    taken: dict[str, list[Run]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, contestant in contestants.items():
            taken[name].append(contestant())
    return taken


def median(runs: Iterable[Run]) -> Run:
    """The median of each figure. The peak memory is the highest that was seen."""
    runs = list(runs)
    middle = statistics.median
    return Run(middle(r.wall for r in runs), middle(r.cpu for r in runs), max(r.memory for r in runs))


# -- the sandbox ------------------------------------------------------------------------------------------------------


class Sandbox:
    """A folder with all that the contestants use, removed at the end: nothing of this machine's settings comes in.

    `python` is a virtual environment of its own: what some machines load at every start of Python, by a .pth file in
    their site-packages, would fall on ocici alone. `source` is a copy of src/, as a checkout of the action is.
    """

    def __init__(self) -> None:
        builder = uv()
        self.folder = Path(tempfile.mkdtemp(prefix="ocici-bench-"))
        self.source = self.folder / "src"
        self.python = self.folder / "python" / "bin" / "python"
        self._emulators: list[subprocess.Popen[bytes]] = []
        home, temporary = self.folder / "home", self.folder / "tmp"
        home.mkdir()
        temporary.mkdir()
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "TMPDIR": str(temporary),
            "LANG": "C.UTF-8",
            "OCICI_CACHE": str(self.folder / "cache"),
            "OCICI_UV": builder,
        }
        # How to reach the package index, wherever this runs.
        reach = r"(PIP|UV)_.*(INDEX|CERT|FIND_LINKS|TRUSTED|TIMEOUT|PROXY).*|(HTTPS?|NO|ALL)_PROXY|SSL_CERT_.*"
        self.environ |= {name: value for name, value in os.environ.items() if re.fullmatch(reach, name.upper())}

    def __enter__(self) -> Sandbox:
        try:
            shutil.copytree(ROOT / "src", self.source, ignore=shutil.ignore_patterns("__pycache__"))
            run([sys.executable, "-m", "venv", "--without-pip", self.folder / "python"], self.environ)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop what runs, remove what was written."""
        for process in self._emulators:
            process.terminate()
            process.wait()
            assert process.stdout
            process.stdout.close()
        shutil.rmtree(self.folder)

    def keys(self, count: int) -> list[tuple[Path, Path]]:
        """`count` new key pairs of 2048 bits: the private and the public file of each."""
        folder = self.folder / "keys"
        run([sys.executable, PEERS.parent / "make_keys.py", folder, str(count)], self.environ)
        return [(folder / f"{number}.pem", folder / f"{number}.public.pem") for number in range(count)]

    def emulator(self, *users: tuple[str, Path], latency: int = 0) -> str:
        """The endpoint of an emulator in a process of its own that knows `users`: OCID and public key of each."""
        registered = [word for user, public in users for word in ("--register", TENANCY, user, str(public))]
        late = ["--fault", f"latency:{latency}"] if latency else []
        command = [sys.executable, "-I", "-m", "ocici", "emulator", *registered, *late]
        process = subprocess.Popen(command, env=self.environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self._emulators.append(process)
        assert process.stdout
        line = process.stdout.readline()
        if not line:
            raise SystemExit("the emulator did not start")
        return str(json.loads(line)["endpoint"])

    def ocici(self, *arguments: str | Path) -> list[str | Path]:
        """ocici as the action starts it."""
        return [self.python, "-I", self.source, *arguments]


def uv() -> str:
    """The uv that the project has, else the one on the PATH."""
    own = ROOT / ".tools" / "uv" / "bin" / "uv"
    found = os.environ.get("OCICI_UV") or (str(own) if own.exists() else shutil.which("uv"))
    if not found:
        raise SystemExit("there is no uv: `make bench` installs it")
    return found


def secrets(key: Path, endpoint: str) -> dict[str, str]:
    """The variables from which ocici signs `USER` in."""
    return {
        "OCICI_USER": USER,
        "OCICI_TENANCY": TENANCY,
        "OCICI_REGION": REGION,
        "OCICI_PRIVATE_KEY": key.read_text(),
        "OCICI_ENDPOINT": endpoint,
    }


# -- what is printed --------------------------------------------------------------------------------------------------


def ratio(this: float, other: float) -> str:
    """How `this` compares to `other`."""
    return f"{this / other:.2f}"


def target(met: bool, figure: str, wanted: str) -> list[str]:
    """The last cells of a row that has a target."""
    return [wanted, figure, "met" if met else "**not met**"]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table that can be read as it is: the first column to the left, the others to the right."""
    if not rows:
        return ""
    widths = [max(len(row[at]) for row in [head, *rows]) for at in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        padded = [cell.rjust(width) for cell, width in zip(cells, widths, strict=True)]
        padded[0] = cells[0].ljust(widths[0])
        return f"| {' | '.join(padded)} |"

    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join([line(head), line(rule), *(line(row) for row in rows)])


def figures(names: Mapping[str, Run], unit: str = "ms") -> list[list[str]]:
    """One row a contestant: its wall time, CPU time and peak memory."""
    scale = {"ms": 1e3, "s": 1.0}[unit]
    digits = {"ms": 0, "s": 2}[unit]
    return [
        [name, f"{each.wall * scale:.{digits}f}", f"{each.cpu * scale:.{digits}f}", f"{each.memory:.0f}"]
        for name, each in names.items()
    ]


def machine(*versions: str) -> str:
    """What the figures are taken on; the load is that of the last minute."""
    model = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
        model = found[1].strip() if found else model
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return ", ".join(
        [
            f"{os.cpu_count()} cores ({model}), {platform.system()} {platform.release().split('-')[0]}, {python}",
            *versions,
            f"load {os.getloadavg()[0]:.1f}",
        ]
    )


def version(package: str) -> str:
    """Name and version of an installed package."""
    from importlib import metadata

    return f"{package} {metadata.version(package)}"


def options(description: str, rounds: int) -> argparse.ArgumentParser:
    """The options that every command has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--rounds", type=int, default=rounds, help=f"how often each is run (default: {rounds})")
    parser.add_argument("--readme", action="store_true", help="put what is printed into bench/README.md too")
    return parser


def publish(name: str, text: str, readme: bool) -> None:
    """Print `text`; with `readme` put it between the marks of `name` in bench/README.md as well."""
    text = text.strip()
    print(f"### {name}\n\n{text}\n")
    if readme:
        begin, end = f"<!-- {name}: written by bench/{name}.py --readme -->\n", f"<!-- end of {name} -->"
        before, _, rest = README.read_text(encoding="utf-8").partition(begin)
        _, _, after = rest.partition(end)
        if not after:
            raise SystemExit(f"{README} has no marks for {name}")
        README.write_text(f"{before}{begin}\n{text}\n\n{end}{after}", encoding="utf-8")
