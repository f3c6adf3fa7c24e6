"""The manifest of a session: whose it is, and whether that job is provably over. Standard library only.

It stands in the session's folder as `manifest.json`, written first and removed last.
"""

from __future__ import annotations

import json
from typing import Any, Final, Literal, NamedTuple

from ocici import process
from ocici.folder import Folder
from ocici.process import Process

NAME: Final = "manifest.json"
DRAFT: Final = "manifest.json.new"
_NEXT: Final = "manifest.json.next"
"""The draft of the manifest that replaces the first. It has another name, since a sweep removes `DRAFT` from a folder
that it found without a manifest, and may be slow to do so."""
_LIMIT: Final = 65_536


class Owner(NamedTuple):
    """Whose a session is.

    `host`, `job`, `slot`: see `hosts.base.Host`.
    """

    host: str = "terminal"
    job: str = ""
    slot: str = ""


def write(inside: Folder, owner: Owner, tied_to: Literal["process", "job"]) -> None:
    """Write the manifest of `owner`'s session in one step: first tied to the process, then, over that one, to the job.

    `tied_to`: with whose end the session is dead. Raises `OSError`; FileNotFoundError when the folder or the draft was
    removed meanwhile.
    """
    manifest = {
        "ocici": 1,
        "host": owner.host,
        "job": owner.job,
        "slot": owner.slot,
        "tied_to": tied_to,
        "process": process.this().as_json(),
    }
    draft = DRAFT if tied_to == "process" else _NEXT
    # Durable: a machine that loses its power must not keep a key whose manifest is lost.
    inside.write(draft, json.dumps(manifest, indent=1).encode() + b"\n", durable=True)
    inside.rename(draft, NAME)


def read(inside: Folder, name: str = NAME) -> dict[str, Any] | None:
    """The manifest, or None when there is none of ocici's."""
    try:
        manifest = json.loads(inside.read(name, _LIMIT))
    except (OSError, ValueError, RecursionError):
        return None
    return manifest if isinstance(manifest, dict) and manifest.get("ocici") == 1 else None


def is_dead(manifest: dict[str, Any], owner: Owner) -> bool:
    """Whether what `manifest` tells of is provably over, as seen by `owner` (DESIGN.md, rule 6)."""
    maker = Process.from_json(manifest.get("process"))
    if maker is not None and process.is_from_another_boot(maker):
        return True
    if maker is not None and manifest.get("tied_to") == "process":
        if process.is_gone(maker):
            return True
        if process.is_alive(maker):
            return False
    # Whatever the machine: a slot may be a volume, and every job a container with a host name of its own.
    host, job, slot = (manifest.get(name) for name in ("host", "job", "slot"))
    if not (slot and isinstance(job, str) and job and owner.job):
        return False
    return (host, slot) == (owner.host, owner.slot) and not _same(job, owner.job)


def _same(one: str, other: str) -> bool:
    """Whether two names may be of one job: where a step has hidden a part of its name, the rest is the same."""
    return f"{one} ".startswith(f"{other} ") or f"{other} ".startswith(f"{one} ")


def is_of_this_process(manifest: dict[str, Any]) -> bool:
    """Whether this very process made the session and has not handed it over."""
    return manifest.get("tied_to") == "process" and manifest.get("process") == process.this().as_json()


def job_name(manifest: dict[str, Any]) -> str:
    """Whose the session was, in words for a log."""
    # An earlier job may have written the manifest by hand, and the log is another one's.
    job = "".join(each if each.isprintable() else "?" for each in str(manifest.get("job") or ""))[:300]
    return f"the job {job}" if job else "a process"
