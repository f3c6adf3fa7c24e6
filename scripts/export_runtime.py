"""Writes src/ocici/runtime/*.txt: what the launcher installs, each package pinned with its hashes.

    python scripts/export_runtime.py           write the files
    python scripts/export_runtime.py --check   exit 1 if they are not what uv.lock says

All but uv.txt come from uv.lock. They are layers: each holds only what the layers below it lack, so that no
package is listed twice (the zipapp for Jenkins carries them all). Which layers make a tier is said in
src/ocici/launcher.py. uv.txt pins the tool that builds the others; its hashes come from the package index,
so `--check` looks at its version alone.

Needs uv on the PATH or in UV.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUNTIME = ROOT / "src" / "ocici" / "runtime"
UV_VERSION = "0.13.9"
HEADER = "# {title}\n# Exported from {source} by scripts/export_runtime.py; do not edit.\n"


def uv(*arguments: str, stdin: str = "") -> str:
    """What `uv ARGUMENTS` prints."""
    command = [os.environ.get("UV", "uv"), *arguments]
    return subprocess.run(command, cwd=ROOT, input=stdin, stdout=subprocess.PIPE, text=True, check=True).stdout


def export(*arguments: str) -> str:
    """The pinned requirements of uv.lock, as `uv export` prints them for `arguments`."""
    shape = ("--quiet", "--frozen", "--no-emit-project", "--no-annotate", "--no-header")
    return uv("export", *shape, *arguments)


def blocks(requirements: str) -> list[str]:
    """`requirements` cut into one text a package: its line and its hashes."""
    return re.findall(r"^\S.*\n(?:[ \t].*\n)*", requirements, re.MULTILINE)


def without(requirements: str, *below: str) -> str:
    """`requirements` less every package that a layer `below` has already."""
    known = {block for layer in below for block in blocks(layer)}
    return "".join(block for block in blocks(requirements) if block not in known)


def oci_cli() -> str:
    """The requirements of oci-cli, which stands in the development group, without the rest of that group."""
    group = (ROOT / "pyproject.toml").read_text().partition("\ndev = [")[2].partition("\n]")[0]
    names = [name.lower() for name in re.findall(r'^ +"([A-Za-z0-9._-]+)', group, re.MULTILINE)]
    pruned = [name for name in names if name not in ("oci-cli", "ocici")] + ["actions-toolkit"]
    return export("--only-group", "dev", *(f"--prune={name}" for name in pruned))


def locked() -> dict[str, str]:
    """The text of every file that follows from uv.lock, by its name."""
    base = export("--no-dev", "--prune=oci")
    github = export("--no-dev", "--prune=oci", "--extra=github")
    sdk = export("--no-dev")
    layers = {
        "base.txt": ("What the default step needs.", base),
        "github.txt": ("What GitHub's step needs, on top of base.txt.", without(github, base)),
        "sdk.txt": ("The OCI SDK, on top of base.txt.", without(sdk, base)),
        "cli.txt": ("oci-cli, on top of base.txt and sdk.txt.", without(oci_cli(), base, sdk)),
    }
    return {name: HEADER.format(title=title, source="uv.lock") + text for name, (title, text) in layers.items()}


def tool() -> str:
    """The text of uv.txt, with the hashes that the package index gives."""
    shape = ("--quiet", "--universal", "--no-deps", "--generate-hashes", "--no-annotate", "--no-header")
    pinned = uv("pip", "compile", *shape, "-", stdin=f"uv=={UV_VERSION}\n")
    title = "uv, which builds the runtime where no uv is installed."
    return HEADER.format(title=title, source="the package index") + pinned


def main() -> int:
    """Write the files; with `--check` compare them instead."""
    files = locked()
    if sys.argv[1:] == ["--check"]:
        stale = [name for name, text in files.items() if (RUNTIME / name).read_text() != text]
        if f"\nuv=={UV_VERSION} \\\n" not in (RUNTIME / "uv.txt").read_text():
            stale.append("uv.txt")
        for name in stale:
            print(f"{name} is not what uv.lock says: run scripts/export_runtime.py", file=sys.stderr)
        return 1 if stale else 0
    files["uv.txt"] = tool()
    RUNTIME.mkdir(exist_ok=True)
    for name, text in files.items():
        (RUNTIME / name).write_text(text, newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
