"""Scale: many profiles in one session, many sessions on one machine, and the memory of both.

    python -m bench.scale [--rounds N] [--profiles 1,10,100,1000] [--sessions 1,10,50,100,200] [--readme]

The emulator runs in a process of its own and answers 50 ms late, as an OCI some thousand kilometres away does. The
peer is the SDK script over all profiles of the same session, one after the other (peers/get_namespaces.py), and
for many sessions at the same time the script of `bench.warm`. There are 100 keys at most; of 1,000 profiles ten share
one.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.side_by_side import (
    PEERS,
    REGION,
    TENANCY,
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
    start,
    table,
    target,
    version,
    wait,
)

LATENCY = 50
KEYS = 100
PEER_PROFILES = 100  # the SDK script takes 0.1 s a profile
PEER_SESSIONS = 10  # it takes 0.25 s of CPU a session
DEADLINE = "300"  # seconds; what is measured is the time taken, and never a deadline


def main() -> None:
    """Measure and print."""
    assert __doc__
    parser = options(__doc__.partition("\n")[0], 3)
    parser.add_argument("--profiles", type=numbers, default=[1, 10, 100, 1000], help="how many profiles")
    parser.add_argument("--sessions", type=numbers, default=[1, 10, 50, 100, 200], help="how many sessions at a time")
    chosen = parser.parse_args()
    measured_on = machine(version("oci"), version("cryptography"))
    with Sandbox() as box:
        keys = box.keys(min(KEYS, max(chosen.profiles)))
        users = [(f"ocid1.user.oc1..aaaabench{n}", *keys[n % len(keys)]) for n in range(max(chosen.profiles))]
        endpoint = box.emulator(*((user, public) for user, _, public in users), latency=LATENCY)
        given = box.environ | secrets(keys[0][0], endpoint) | {"OCICI_USER": users[0][0], "OCICI_DEADLINE": DEADLINE}
        run(box.ocici("setup", "--session-dir", box.folder / "first"), given)  # builds the runtime
        profiles = [(count, in_one_session(box, users[:count], endpoint, chosen.rounds)) for count in chosen.profiles]
        sessions = [(count, at_the_same_time(box, given, count)) for count in chosen.sessions]
    text = [
        f"{measured_on}; {chosen.rounds} rounds, one of more than 100 profiles",
        table(["profiles in one session", "wall s", "CPU s", "peak MB"], rows(profiles)),
        table(["sessions at the same time", "wall s", "CPU s", "peak MB of one"], rows(sessions)),
        table(["target", "wanted", "seen", ""], targets(dict(profiles), dict(sessions))),
    ]
    publish("scale", "\n\n".join(text), chosen.readme)


def numbers(text: str) -> list[int]:
    """`1,10,100` as numbers."""
    return [int(part) for part in text.split(",")]


def in_one_session(box: Sandbox, users: Sequence[tuple[str, Path, Path]], endpoint: str, rounds: int) -> dict[str, Run]:
    """A session with one profile for each of `users`: the medians by contestant."""
    bundle, session, kept = box.folder / "bundle.json", box.folder / "session", box.folder / "kept"
    names = ["DEFAULT", *(f"profile{number}" for number in range(1, len(users)))]
    fields = [{"user": u, "tenancy": TENANCY, "region": REGION, "key_file": str(key)} for u, key, _ in users]
    bundle.write_text(json.dumps({"profiles": dict(zip(names, fields, strict=True))}))
    given = box.environ | {
        "OCICI_CREDENTIALS_FILE": str(bundle),
        "OCICI_ENDPOINT": endpoint,
        "OCICI_DEADLINE": DEADLINE,
    }

    def setup(*more: str) -> Run:
        shutil.rmtree(session, ignore_errors=True)
        return run(box.ocici("setup", "--session-dir", session, *more), given)

    def cleanup() -> Run:
        return run(box.ocici("cleanup", "--session-dir", session), given)

    contestants = {
        "setup, offline": lambda: setup("--validate", "offline"),
        "setup, probed": setup,
        "cleanup": cleanup,
    }
    if len(users) <= PEER_PROFILES:
        run(box.ocici("setup", "--validate", "offline", "--session-dir", kept), given)
        peer = box.environ | {"OCI_CONFIG_FILE": f"{kept}/config", "ENDPOINT": endpoint}
        contestants["SDK script over all"] = lambda: run([sys.executable, PEERS / "get_namespaces.py"], peer)
    taken = alternate(contestants, rounds if len(users) <= PEER_PROFILES else 1, warm_up=len(users) <= 10)
    shutil.rmtree(kept, ignore_errors=True)
    return {name: median(runs) for name, runs in taken.items()}


def at_the_same_time(box: Sandbox, given: Mapping[str, str], count: int) -> dict[str, Run]:
    """`count` sessions, each made and removed by processes of its own, all at the same time."""
    folders = [box.folder / f"session{number}" for number in range(count)]
    taken = {
        "setup, probed": together([box.ocici("setup", "--session-dir", folder) for folder in folders], given),
        "cleanup": together([box.ocici("cleanup", "--session-dir", folder) for folder in folders], given),
    }
    assert not any(folder.exists() for folder in folders)
    if count <= PEER_SESSIONS:
        peer = box.environ | {"OCI_CONFIG_FILE": f"{box.folder}/first/config", "ENDPOINT": given["OCICI_ENDPOINT"]}
        taken["SDK script"] = together([[sys.executable, PEERS / "get_namespace.py"]] * count, peer)
    return taken


def together(commands: Sequence[Sequence[str | Path]], environ: Mapping[str, str]) -> Run:
    """All `commands` at once: the time until the last has ended, the CPU time of all, the highest peak of one."""
    begun = time.perf_counter()
    runs = [wait(process, begun) for process in [start(command, environ) for command in commands]]
    return Run(time.perf_counter() - begun, sum(each.cpu for each in runs), max(each.memory for each in runs))


def rows(measured: Sequence[tuple[int, Mapping[str, Run]]]) -> list[list[str]]:
    """One row a number and contestant."""
    return [row for count, runs in measured for row in figures({f"{count}: {name}": runs[name] for name in runs}, "s")]


def targets(profiles: Mapping[int, Mapping[str, Run]], sessions: Mapping[int, Mapping[str, Run]]) -> list[list[str]]:
    """The targets of which the figures are there."""
    made = []
    for name, most in (("setup, offline", 1.0), ("setup, probed", 2.0)):
        if 100 in profiles:
            wall = profiles[100][name].wall
            made.append([f"100 profiles, {name}", *target(wall < most, f"{wall:.2f} s", f"under {most:.0f} s")])
    peaks = [runs["setup, probed"].memory for _, runs in sorted(sessions.items())]
    highest, growth = max(peaks), peaks[-1] / peaks[0]
    made.append(["peak memory of one setup", *target(highest < 45, f"{highest:.0f} MB", "under 45 MB")])
    flat = f"{growth:.2f} of that of {min(sessions)}"
    made.append([f"the same, of {max(sessions)} sessions", *target(growth <= 1.05, flat, "flat: at most 1.05")])
    return made


if __name__ == "__main__":
    main()
