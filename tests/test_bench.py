"""The commands of bench/ run, print every contestant and target, and leave nothing; figures are not judged here."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def bench(name: str, *arguments: str, temporary: Path) -> str:
    """What `python -m bench.NAME` prints."""
    uv = os.environ.get("OCICI_UV") or (ROOT / ".tools/uv/bin/uv").exists() or shutil.which("uv")
    if not uv and os.environ.get("CI") != "true":
        pytest.skip("there is no uv: `make .tools/uv/bin/uv` installs it")
    done = subprocess.run(
        [sys.executable, "-m", f"bench.{name}", *arguments],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert list(temporary.iterdir()) == []
    return done.stdout


def rows(printed: str) -> dict[str, list[str]]:
    """The cells of each row, by the first."""
    lines = [line.strip("| \n").split("|") for line in printed.splitlines() if line.startswith("|")]
    return {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in lines}


def test_warm(tmp_path: Path) -> None:
    shown = rows(bench("warm", "--rounds", "1", temporary=tmp_path))
    for name in ("ocici setup", "ocici cleanup", "ocici setup and cleanup", "oci os ns get", "SDK script"):
        assert all(float(figure) > 0 for figure in shown[name]), name
    setup, cleanup, both = (int(shown[f"ocici {name}"][0]) for name in ("setup", "cleanup", "setup and cleanup"))
    assert abs(setup + cleanup - both) <= 1
    assert re.fullmatch(r"\d\.\d\d \(\d\.\d\d\)", shown["setup, of the SDK script"][1])
    assert shown["setup, of the SDK script"][2] in ("met", "**not met**")


def test_offline(tmp_path: Path) -> None:
    shown = rows(bench("offline", "--rounds", "1", temporary=tmp_path))
    bare, setup = int(shown["python -I -c pass"][0]), int(shown["ocici setup --validate offline"][0])
    seen = int(shown["offline setup, over bare Python"][1].split(" ms")[0])
    assert abs(setup - bare - seen) <= 1
    assert (shown["offline setup, over bare Python"][2] == "met") == (seen <= 100)
    assert {
        "ocici cleanup",
        "ocici fingerprint",
        "fingerprint by openssl",
        "setup by shell and openssl",
    } <= shown.keys()


def test_scale(tmp_path: Path) -> None:
    printed = bench("scale", "--rounds", "1", "--profiles", "1,3", "--sessions", "1,2", temporary=tmp_path)
    shown = rows(printed)
    for name in ("1: setup, offline", "3: setup, probed", "3: SDK script over all", "2: setup, probed", "2: cleanup"):
        assert float(shown[name][1]) > 0, name
    wall, cpu, _ = map(float, shown["3: SDK script over all"])
    assert wall - cpu > 0.1  # it waited for the emulator's 50 ms three times
    assert shown["peak memory of one setup"][2] in ("met", "**not met**")


def test_cold(tmp_path: Path) -> None:
    arguments = ("--rounds", "1", "--routes", "ocici-uv", "--no-downloads")
    shown = rows(bench("cold", *arguments, temporary=tmp_path))
    _, _, disk, _ = shown["ocici setup, where there is uv"]
    assert 10 < int(disk) < 100  # it was built here: the packages take 20 MB


@pytest.mark.slow
def test_cold_against_its_peers(tmp_path: Path) -> None:
    shown = rows(bench("cold", "--rounds", "1", "--routes", "uv,ocici-uv", temporary=tmp_path))
    assert shown["of the uv route"][2] == "met"
    assert int(shown["uv tool install oci-cli, oci os ns get"][3]) > 60


def test_a_contestant_that_fails_gives_no_figure(tmp_path: Path) -> None:
    code = "from bench.side_by_side import run; run(['sh', '-c', 'echo gone wrong >&2; exit 3'], {})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "failed (3)" in done.stderr
    assert "gone wrong" in done.stderr


def test_the_figures_go_into_the_readme_between_their_marks(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    marks = "<!-- warm: written by bench/warm.py --readme -->", "<!-- end of warm -->"
    readme.write_text(f"before\n{marks[0]}\n\nold\n\n{marks[1]}\nafter\n")
    code = f"""
from pathlib import Path
from bench import side_by_side
side_by_side.README = Path({str(readme)!r})
side_by_side.publish("warm", "| new |", readme=True)
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)
    assert readme.read_text() == f"before\n{marks[0]}\n\n| new |\n\n{marks[1]}\nafter\n"


def test_the_readme_has_a_place_for_each() -> None:
    text = (ROOT / "bench" / "README.md").read_text()
    for name in ("action", "cold", "warm", "offline", "scale"):
        assert f"<!-- {name}: written by bench/{name}.py --readme -->\n" in text
        assert f"<!-- end of {name} -->" in text
