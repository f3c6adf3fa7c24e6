"""Warm: from process start to a validated session, and back to a clean disk.

    python -m bench.warm [--rounds N] [--readme]

ocici as the GitHub Action starts it (`python3 -I src setup`, then `cleanup`), its runtime in the cache; against
`oci os ns get`, and against the script with the SDK that people write (peers/get_namespace.py). All ask the same
emulator, which runs in a process of its own and verifies the signature of every request.
"""

from __future__ import annotations

import sys
from pathlib import Path

from bench.side_by_side import (
    PEERS,
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
    secrets,
    table,
    target,
    version,
)


def main() -> None:
    """Measure and print."""
    assert __doc__
    chosen = options(__doc__.partition("\n")[0], 15).parse_args()
    measured_on = machine(version("oci-cli"), version("oci"), version("cryptography"))
    with Sandbox() as box:
        taken = measure(box, chosen.rounds)
    pairs = zip(taken["ocici setup"], taken["ocici cleanup"], strict=True)
    taken["ocici setup and cleanup"] = [setup + cleanup for setup, cleanup in pairs]
    middle = {name: median(runs) for name, runs in taken.items()}
    setup, both = middle["ocici setup"], middle["ocici setup and cleanup"]
    cli, sdk = middle["oci os ns get"], middle["SDK script"]
    targets = [
        ["setup and cleanup, of `oci os ns get`", *against(both, cli, 0.5)],
        ["setup, of the SDK script", *against(setup, sdk, 0.7)],
        ["peak memory of setup", *target(setup.memory < 45, f"{setup.memory:.0f} MB", "under 45 MB")],
    ]
    text = [
        f"{measured_on}; {chosen.rounds} rounds",
        table(["median of", "wall ms", "CPU ms", "peak MB"], figures(middle)),
        table(["target", "wanted", "seen, wall (CPU)", ""], targets),
    ]
    publish("warm", "\n\n".join(text), chosen.readme)


def measure(box: Sandbox, rounds: int) -> dict[str, list[Run]]:
    """The runs of each contestant."""
    ((key, public),) = box.keys(1)
    endpoint = box.emulator((USER, public))
    given = box.environ | secrets(key, endpoint)
    session, kept = box.folder / "session", box.folder / "kept"
    run(box.ocici("setup", "--session-dir", kept), given)  # for the peers; the first run builds the runtime as well
    peer = box.environ | {
        "OCI_CLI_CONFIG_FILE": f"{kept}/config",
        "OCI_CLI_ENDPOINT": endpoint,
        "OCI_CONFIG_FILE": f"{kept}/config",
        "ENDPOINT": endpoint,
    }
    oci = Path(sys.executable).with_name("oci")

    def cleanup() -> Run:
        taken = run(box.ocici("cleanup", "--session-dir", session), given)
        assert not session.exists()
        return taken

    return alternate(
        {
            "ocici setup": lambda: run(box.ocici("setup", "--session-dir", session), given),
            "ocici cleanup": cleanup,
            "oci os ns get": lambda: run([oci, "os", "ns", "get"], peer),
            "SDK script": lambda: run([sys.executable, PEERS / "get_namespace.py"], peer),
        },
        rounds,
    )


def against(this: Run, other: Run, most: float) -> list[str]:
    """The cells of a target that is a share of a peer."""
    seen = f"{ratio(this.wall, other.wall)} ({ratio(this.cpu, other.cpu)})"
    return target(this.wall <= most * other.wall, seen, f"at most {most:.2f}")


if __name__ == "__main__":
    main()
