"""Offline: setup without asking OCI, cleanup, fingerprint.

    python -m bench.offline [--rounds N] [--readme]

Against a Python that does nothing, which is what any program in Python costs, and against the lines of shell and
openssl that people use for the same (peers/setup.sh, peers/fingerprint.sh, `rm -r`).
"""

from __future__ import annotations

from pathlib import Path

from bench.side_by_side import (
    PEERS,
    Run,
    Sandbox,
    alternate,
    figures,
    machine,
    median,
    options,
    publish,
    run,
    secrets,
    table,
    target,
    version,
)


def main() -> None:
    """Measure and print."""
    assert __doc__
    chosen = options(__doc__.partition("\n")[0], 25).parse_args()
    measured_on = machine(version("cryptography"))
    with Sandbox() as box:
        middle = {name: median(runs) for name, runs in measure(box, chosen.rounds).items()}
    bare = middle["python -I -c pass"]
    targets = [
        ["offline setup, over bare Python", *over(middle["ocici setup --validate offline"], bare, 100)],
        ["cleanup, over bare Python", *over(middle["ocici cleanup"], bare, 30)],
    ]
    text = [
        f"{measured_on}; {chosen.rounds} rounds",
        table(["median of", "wall ms", "CPU ms", "peak MB"], figures(middle)),
        table(["target", "wanted", "seen, wall (CPU)", ""], targets),
    ]
    publish("offline", "\n\n".join(text), chosen.readme)


def measure(box: Sandbox, rounds: int) -> dict[str, list[Run]]:
    """The runs of each contestant."""
    ((key, _),) = box.keys(1)
    given = box.environ | secrets(key, "")
    session, by_hand = box.folder / "session", box.folder / "by-hand"
    offline: list[str | Path] = ["setup", "--validate", "offline", "--session-dir", session]
    run(box.ocici(*offline), given)  # builds the runtime
    run(box.ocici("cleanup", "--session-dir", session), given)

    return alternate(
        {
            "python -I -c pass": lambda: run([box.python, "-I", "-c", "pass"], given),
            "ocici setup --validate offline": lambda: run(box.ocici(*offline), given),
            "setup by shell and openssl": lambda: run([PEERS / "setup.sh", by_hand], given),
            "ocici cleanup": lambda: run(box.ocici("cleanup", "--session-dir", session), given),
            "rm -r": lambda: run(["rm", "-r", by_hand], given),
            "ocici fingerprint": lambda: run(box.ocici("fingerprint", key), given),
            "fingerprint by openssl": lambda: run([PEERS / "fingerprint.sh", key], given),
        },
        rounds,
    )


def over(this: Run, bare: Run, most: float) -> list[str]:
    """The cells of a target that is a number of milliseconds more than a Python that does nothing."""
    wall, cpu = (this.wall - bare.wall) * 1e3, (this.cpu - bare.cpu) * 1e3
    return target(wall <= most, f"{wall:.0f} ms ({cpu:.0f} ms)", f"at most {most:.0f} ms")


if __name__ == "__main__":
    main()
