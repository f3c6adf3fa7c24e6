"""Cold: from empty caches to a validated session.

    python -m bench.cold [--rounds N] [--routes NAME,NAME] [--readme]

Four routes on the same machine: `pip install oci-cli` and `uv tool install oci-cli`, each with the `oci os ns get`
that shows that the credentials work; and ocici's launcher where there is only pip, and where there is uv. Each round
begins with a home, caches and folders that are empty. (The operating system's own cache of files is not emptied.) What
is downloaded is downloaded from the index that pip and uv are set up for, so the network counts, and the routes take
turns. Not counted: Python itself, pip and uv, which are there in all routes; the emulator; and for the first two
routes writing the config, which takes no time.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench.side_by_side import (
    ROOT,
    USER,
    Run,
    Sandbox,
    alternate,
    machine,
    median,
    options,
    publish,
    ratio,
    run,
    secrets,
    table,
    target,
    version,
)

PIP, UV = "pip install oci-cli, oci os ns get", "uv tool install oci-cli, oci os ns get"
OCICI_PIP, OCICI_UV = "ocici setup, where there is pip", "ocici setup, where there is uv"
ROUTES = {"pip": PIP, "uv": UV, "ocici-pip": OCICI_PIP, "ocici-uv": OCICI_UV}


def main() -> None:
    """Measure and print."""
    assert __doc__
    parser = options(__doc__.partition("\n")[0], 2)
    parser.add_argument("--routes", default=",".join(ROUTES), help="which of them (default: all)")
    parser.add_argument("--no-downloads", action="store_true", help="do not fetch the packages again to weigh them")
    chosen = parser.parse_args()
    wanted = {ROUTES[name]: name for name in chosen.routes.split(",")}
    with Sandbox() as box:
        cold = Cold(box)
        measured_on = machine(version("oci-cli"), cold.uv_version())
        routes = {name: route for name, route in cold.routes().items() if name in wanted}
        middle = {name: median(runs) for name, runs in alternate(routes, chosen.rounds, warm_up=False).items()}
        downloads = {} if chosen.no_downloads else cold.downloads(wanted)
    rows = [
        [name, f"{each.wall:.1f}", f"{each.cpu:.1f}", f"{cold.disk[name]:.0f}", downloads.get(name, "not weighed")]
        for name, each in middle.items()
    ]
    text = [
        f"{measured_on}; {chosen.rounds} rounds",
        table(["median of", "wall s", "CPU s", "disk MB", "download MB"], rows),
        table(["target", "wanted", "seen, wall (CPU)", ""], targets(middle)),
    ]
    publish("cold", "\n\n".join(text), chosen.readme)


def targets(middle: Mapping[str, Run]) -> list[list[str]]:
    """The targets of which both routes were run."""
    made = []
    for name, ours, theirs, most in (("pip", OCICI_PIP, PIP, 1 / 8), ("uv", OCICI_UV, UV, 1 / 2)):
        if ours in middle and theirs in middle:
            wall, cpu = ratio(middle[ours].wall, middle[theirs].wall), ratio(middle[ours].cpu, middle[theirs].cpu)
            met = middle[ours].wall <= most * middle[theirs].wall
            made.append([f"of the {name} route", *target(met, f"{wall} ({cpu})", f"at most {most:.3f}")])
    return made


class Cold:
    """The four routes. `disk` is what the last round of each left on disk, in MB."""

    def __init__(self, box: Sandbox) -> None:
        self.disk: dict[str, float] = {}
        self._box = box
        self._folder = box.folder / "cold"
        self._uv = box.environ["OCICI_UV"]
        ((key, public),) = box.keys(1)
        endpoint = box.emulator((USER, public))
        self._secrets = secrets(key, endpoint)
        kept = box.folder / "kept"
        run(box.ocici("setup", "--validate", "offline", "--session-dir", kept), box.environ | self._secrets)
        self._signed_in = {"OCI_CLI_CONFIG_FILE": f"{kept}/config", "OCI_CLI_ENDPOINT": endpoint}

    def routes(self) -> dict[str, Callable[[], Run]]:
        """Each route by its name in the table."""
        return {PIP: self._pip, OCICI_PIP: self._ocici_by_pip, UV: self._uv_tool, OCICI_UV: self._ocici_by_uv}

    def _pip(self) -> Run:
        python = self._begin(with_pip=True)
        oci = python.with_name("oci")
        return self._measured(PIP, [python, "-m", "pip", "install", "oci-cli"], [oci, "os", "ns", "get"])

    def _uv_tool(self) -> Run:
        python = self._begin(with_pip=False)
        install: list[str | Path] = [self._uv, "tool", "install", "--python", python, "oci-cli"]
        return self._measured(UV, install, [self._folder / "bin" / "oci", "os", "ns", "get"])

    def _ocici_by_pip(self) -> Run:
        return self._measured(OCICI_PIP, self._setup(self._begin(with_pip=True)))

    def _ocici_by_uv(self) -> Run:
        return self._measured(OCICI_UV, self._setup(self._begin(with_pip=False)))

    def _setup(self, python: Path) -> list[str | Path]:
        return [python, "-I", self._folder / "src", "setup", "--session-dir", self._folder / "session"]

    def _begin(self, with_pip: bool) -> Path:
        """Empty everything; the Python of this round."""
        shutil.rmtree(self._folder, ignore_errors=True)
        (self._folder / "home").mkdir(parents=True)
        shutil.copytree(ROOT / "src", self._folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
        without = [] if with_pip else ["--without-pip"]
        run([sys.executable, "-m", "venv", *without, self._folder / "python"], self._box.environ)
        return self._folder / "python" / "bin" / "python"

    def _measured(self, name: str, *commands: Sequence[str | Path]) -> Run:
        before = occupied(self._folder)
        taken = [run(command, self._environ(with_uv=name != OCICI_PIP)) for command in commands]
        self.disk[name] = occupied(self._folder) - before
        total = taken[0]
        for each in taken[1:]:
            total += each
        return total

    def _environ(self, with_uv: bool) -> dict[str, str]:
        """An environment in which all caches are in the folder of this round."""
        places = {
            "HOME": "home",
            "XDG_CACHE_HOME": "home/.cache",
            "PIP_CACHE_DIR": "home/.cache/pip",
            "UV_CACHE_DIR": "home/.cache/uv",
            "UV_TOOL_DIR": "tools",
            "UV_TOOL_BIN_DIR": "bin",
            "OCICI_CACHE": "cache",
        }
        environ = self._box.environ | self._secrets | self._signed_in
        environ |= {name: str(self._folder / place) for name, place in places.items()}
        if not with_uv:
            del environ["OCICI_UV"]
            folders = environ["PATH"].split(os.pathsep)
            environ["PATH"] = os.pathsep.join(folder for folder in folders if not Path(folder, "uv").exists())
        return environ

    def downloads(self, routes: Mapping[str, object]) -> dict[str, str]:
        """The MB of packages that each of `routes` downloads: fetched once more, to be weighed."""
        python = self._begin(with_pip=True)
        runtime = self._folder / "src" / "ocici" / "runtime"
        wanted: dict[str, list[str | Path]] = {
            "oci-cli": ["oci-cli"],
            "base": ["--require-hashes", "--no-deps", "-r", runtime / "base.txt"],
            "uv": ["--require-hashes", "--no-deps", "-r", runtime / "uv.txt"],
        }
        parts = {PIP: ["oci-cli"], UV: ["oci-cli"], OCICI_PIP: ["uv", "base"], OCICI_UV: ["base"]}
        weights: dict[str, float] = {}
        for part in {part for route in routes for part in parts[route]}:
            folder = self._folder / "downloads" / part
            run([python, "-m", "pip", "download", "-d", folder, *wanted[part]], self._environ(with_uv=False))
            weights[part] = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
        return {route: f"{sum(weights[part] for part in parts[route]):.0f}" for route in routes}

    def uv_version(self) -> str:
        """Name and version of the uv that is used."""
        return " ".join(subprocess.check_output([self._uv, "--version"], text=True).split()[:2])


def occupied(folder: Path) -> float:
    """The MB that `folder` takes on disk; of files with several names each counts once."""
    files = [os.lstat(path) for path in folder.rglob("*")]
    return sum({(each.st_dev, each.st_ino): each.st_blocks * 512 for each in files}.values()) / 1e6


if __name__ == "__main__":
    main()
