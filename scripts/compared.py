"""What the comparisons with other tools share (compare_keys.py, compare_configs.py): running them, and the tables."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

OCI_CLI = str(Path(sys.executable).with_name("oci"))


def run(command: Sequence[str | Path], environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run `command` with `environ` and nothing else; output that is no UTF-8 comes out with replacement characters.

    In a session of its own: without a terminal nothing can ask for a pass phrase.
    """
    return subprocess.run(
        command,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        timeout=120,
        start_new_session=True,
        check=False,
    )


def oci_cli_version() -> str:
    """The version of oci-cli."""
    return run([OCI_CLI, "--version"], os.environ).stdout.strip()


def without_frames(text: str) -> list[str]:
    """The lines of what a Python program printed, without the frames of a traceback."""
    return [line for line in text.splitlines() if line.strip() and not line.startswith((" ", "Traceback"))]


@dataclass(frozen=True)
class Verdict:
    """What a tool's answer is worth, and how the table shows it."""

    good: bool
    shown: str


NAMES_IT = Verdict(True, "names it")


def quoted(answer: str) -> Verdict:
    """The verdict on an answer that is about something else: its beginning, without paths and keys."""
    answer = re.sub(r"-----BEGIN.*", "…", " ".join(answer.split()))
    answer = re.sub(r"/\S*/", "…/", answer)
    answer = re.sub(r"[A-Za-z0-9+/=]{25,}", "…", answer).replace("|", r"\|").replace("*", r"\*").replace("<", "&lt;")
    return Verdict(False, f"“{answer if len(answer) <= 80 else answer[:79] + '…'}”")


def named(name: str, code: str) -> str:
    """The first cell of a row: its name, as code where Markdown would read it, and ocici's finding if there is one."""
    name = f"`{name}`" if set(name) & set("\\$%*{") else name
    return f"{name} ([{code}](TROUBLESHOOTING.md#{code}))" if code else name


def table(
    head: str, tools: Iterable[str], rows: Mapping[str, Mapping[str, Verdict]]
) -> tuple[list[str], dict[str, int]]:
    """The lines of a table, and for how many rows each tool does well.

    Parameters: `head`, what stands over the first column; `rows`, by what stands in it: the verdict on each tool.
    """
    tools = list(tools)
    lines = [f"| {head} | {' | '.join(tools)} |", "| --- |" + " --- |" * len(tools)]
    lines += [f"| {name} | {' | '.join(verdicts[tool].shown for tool in tools)} |" for name, verdicts in rows.items()]
    return lines, {tool: sum(verdicts[tool].good for verdicts in rows.values()) for tool in tools}
