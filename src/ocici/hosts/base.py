"""What a CI system can do for a step, behind one interface. Standard library only.

`Host` itself is what every CI system has in common, and all that an unknown one needs; the others
override what their platform does otherwise. Hosts hold no logic about credentials: they say where they
are, take the platform's inputs, and show what the steps before them found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ocici import places
from ocici.findings import Finding
from ocici.output import Out


class Report(NamedTuple):
    """What a command has to say, ready to be shown. Nothing in it is secret.

    `command`: the command that reports. `description`: the session or config as `--format json` prints it
    (docs/COMMANDS.md), without its findings; when the command failed it has `profiles` alone, as far as they are known.
    """

    command: str
    findings: Sequence[Finding] = ()
    description: Mapping[str, Any] = {}


def reworded(found: Finding, names: Mapping[str, str]) -> Finding:
    """`found` in a platform's words: for each variable in `names` what it is called there.

    An option that does the same as such a variable is left out: no job can give it.
    """
    variable = re.compile(rf"(?:--[a-z-]+ or )?\b({'|'.join(names)})\b")
    cause, fix = (variable.sub(lambda match: names[match[1]], text) for text in (found.cause, found.fix))
    begun = re.compile(r"(^|[.:] )the (?=input |parameter )")
    cause, fix = (begun.sub(r"\1The ", text) for text in (cause, fix))
    if found.code == "usage" and cause != found.cause:  # else it is about the command line
        fix = "Correct it, or leave it out."
    return found._replace(cause=cause, fix=fix)


class Host:
    """The CI system that the step runs in. This one is a plain terminal or a CI system unknown to ocici.

    Parameters: `environ`, the step's environment; `out`, where findings and progress go (standard error).
    """

    name = "terminal"

    def __init__(self, environ: Mapping[str, str], out: Out) -> None:
        self.environ = environ
        self.out = out

    # -- where we are ---------------------------------------------------------------------------------

    def job(self) -> str:
        """A name for this run of this job, that no other run has; empty when unknown."""
        return ""

    def slot(self) -> str:
        """A name for the place in which only one job runs at a time; empty when unknown.

        A session of another job in the same slot belongs to a job that is over (DESIGN.md, rule 6).
        """
        return ""

    def parents(self) -> list[Path]:
        """The folders in which sessions are made here: the first is the default, sweep looks in all."""
        return [places.temporary(self.environ)]

    def all_parents(self) -> list[Path]:
        """Every folder in which sessions may be here: `parents`, and memory, where `exec` makes them if it can."""
        return [*self.parents(), *places.all_memory(self.environ)]

    # -- what comes in --------------------------------------------------------------------------------

    def inputs(self) -> Mapping[str, str]:
        """The platform's own inputs, under the names of ocici's variables; they win over the environment."""
        return {}

    def explain(self, findings: Sequence[Finding]) -> list[Finding]:
        """`findings`, with the causes that only this platform knows added or put in their place."""
        return list(findings)

    # -- what goes out --------------------------------------------------------------------------------

    def mask(self, forms: Iterable[str]) -> None:
        """Tell the platform to hide `forms` (one-line texts) in its log. Called before anything is printed."""

    def report(self, report: Report) -> None:
        """Show the findings, and what was signed in."""
        for finding in report.findings:
            self.show(finding)

    def show(self, finding: Finding) -> None:
        """Show one finding: what is wrong, why, what to do, and where there is more to read."""
        where = f" (profile {finding.profile})" if finding.profile else ""
        print(f"{finding.severity}: {finding.title}{where} [{finding.code}]", file=self.out)
        print(f"  why: {finding.cause}", file=self.out)
        print(f"  fix: {finding.fix}", file=self.out)
        print(f"  more: {self.page(finding)}", file=self.out)

    def page(self, finding: Finding) -> str:
        """Where `finding` is explained at length: in ocici's repository, or a link to it."""
        return finding.docs

    def say(self, line: str) -> None:
        """Show one line of progress."""
        print(f"ocici: {line}", file=self.out)

    def hand_over(self, variables: Mapping[str, str], description: Mapping[str, Any]) -> None:
        """Hand the session to the steps that follow: variables, and outputs taken from `description`."""

    def take_back(self) -> None:
        """Undo `hand_over` as far as the platform can, once the session is gone. Called by cleanup."""
