"""Builds jenkins/resources/ocici/ocici.pyz: the launcher and ocici in one file, for the Jenkins library.

    python scripts/build_zipapp.py           write the file
    python scripts/build_zipapp.py --check   exit 1 if it is not what a fresh build gives

The same sources give the same bytes: names are sorted, times and modes fixed. The compression is zlib's own at its
best level; zlib-ng, which some builds of Python have in its place, gives other bytes for the same contents.
"""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src"
TARGET = ROOT / "jenkins" / "resources" / "ocici" / "ocici.pyz"
LIMIT = 200_000  # bytes; Jenkins sends the file to the agent in every call

# What withOci never runs.
LEFT_OUT = (
    "ocici/demo.py",
    "ocici/emulator/",
    "ocici/execute.py",
    "ocici/existing.py",
    "ocici/hosts/github.py",
    "ocici/hosts/gitlab.py",
    "ocici/keys.py",
    "ocici/lint_gitlab.py",
    "ocici/runtime/github.txt",
    "ocici/variables.py",
)


def contents() -> dict[str, bytes]:
    """The files of the zipapp, by their names in it, sorted. The licence goes with them."""
    paths = [SOURCE / "__main__.py", *(SOURCE / "ocici").rglob("*.py"), *(SOURCE / "ocici").rglob("*.txt")]
    files = {path.relative_to(SOURCE).as_posix(): path for path in paths}
    files["LICENSE"] = ROOT / "LICENSE"
    return {name: files[name].read_bytes() for name in sorted(files) if not name.startswith(LEFT_OUT)}


def build() -> bytes:
    """The zipapp."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in contents().items():
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3  # Unix, on every system
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED, 9)
    return buffer.getvalue()


def main(arguments: list[str]) -> int:
    """Write the zipapp, or check it."""
    fresh = build()
    if len(fresh) > LIMIT:
        print(f"{len(fresh)} bytes: more than {LIMIT}")
        return 1
    if arguments == ["--check"]:
        same = TARGET.is_file() and TARGET.read_bytes() == fresh
        print(f"{TARGET.relative_to(ROOT)} is {'up to date' if same else 'out of date: run scripts/build_zipapp.py'}")
        return 0 if same else 1
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_bytes(fresh)
    print(f"{TARGET.relative_to(ROOT)}: {len(fresh)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
