"""lint-gitlab: which overrides it finds, and which it leaves alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from ocici.lint_gitlab import MARKS, run

ROOT = Path(__file__).resolve().parent.parent

INCLUDE = """
include:
  - component: $CI_SERVER_FQDN/acme/ocici/oci-auth@1.0.0
"""


def lint(tmp_path: Path, *pipelines: str) -> list[tuple[str, str]]:
    """The codes found in `pipelines`, each a file, and the job each is about."""
    paths = []
    for number, pipeline in enumerate(pipelines):
        paths.append(tmp_path / f"{number}.yml")
        paths[-1].write_text(pipeline)
    return [
        (found.code, found.cause.partition("job ")[2].split()[0] if "job " in found.cause else found.cause)
        for found in run([str(path) for path in paths])
    ]


BEFORE, AFTER, LATE = "lint-before-script-overridden", "lint-after-script-overridden", "lint-after-script-late"


@pytest.mark.parametrize(
    "job",
    [
        "deploy: {extends: .oci-auth, script: [x]}",
        "deploy: {extends: [.base, .oci-auth], script: [x]}\n.base: {before_script: [x], after_script: [x]}",
        "deploy: {extends: .oci-auth, script: x, before_script: [x, !reference [.oci-auth, before_script], y]}",
        "deploy: {extends: .oci-auth, script: x, after_script: [!reference [.oci-auth, after_script], y]}",
        # by way of another job's section, and nested lists
        "deploy: {extends: .oci-auth, script: x, before_script: [[!reference [.own, before_script]]]}\n"
        ".own: {before_script: [x, [!reference [.oci-auth, before_script]]]}",
        # before_script and script are one shell, so the sign-in may stand in either
        "deploy: {extends: .oci-auth, before_script: [x], script: [!reference [.oci-auth, before_script], y]}",
        # no extends at all, but both sections
        "deploy: {script: [!reference [.oci-auth, before_script]], "
        "after_script: [!reference [.oci-auth, after_script]]}",
        # a job that has nothing to do with it
        "test: {before_script: [x], script: [x], after_script: [x]}",
        "deploy: {extends: .oci-auth, script: [x]}\n.oci-auth: {variables: {A: b}}",
    ],
)
def test_what_is_fine(tmp_path: Path, job: str) -> None:
    assert lint(tmp_path, f"{INCLUDE}\n{job}") == []


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        ("deploy: {extends: .oci-auth, script: x, before_script: [x]}", [(BEFORE, "deploy")]),
        ("deploy: {extends: .oci-auth, script: x, before_script: []}", [(BEFORE, "deploy")]),
        ("deploy: {extends: .oci-auth, script: x, before_script: x}", [(BEFORE, "deploy")]),
        ("deploy: {extends: .oci-auth, script: x, after_script: [x]}", [(AFTER, "deploy")]),
        (
            "deploy: {extends: .oci-auth, script: x, after_script: [x, !reference [.oci-auth, after_script]]}",
            [(LATE, "deploy")],
        ),
        # the last of several wins
        (
            "deploy: {extends: [.oci-auth, .base], script: [x]}\n.base: {before_script: [x], after_script: [x]}",
            [(BEFORE, "deploy"), (AFTER, "deploy")],
        ),
        # through a chain, said once where it begins
        (
            "a: {extends: .mine}\nb: {extends: .mine}\n.mine: {extends: .oci-auth, script: x, before_script: [x]}",
            [(BEFORE, ".mine")],
        ),
        # the wrong section, and a section of another job
        (
            "deploy: {extends: .oci-auth, script: x, after_script: [!reference [.oci-auth, before_script]]}",
            [(AFTER, "deploy")],
        ),
        (
            "deploy: {extends: .oci-auth, script: x, before_script: [!reference [.own, before_script]]}\n"
            ".own: {before_script: [x]}",
            [(BEFORE, "deploy")],
        ),
        # signs in by reference alone, and nothing removes the session
        ("deploy: {before_script: [!reference [.oci-auth, before_script]], script: x}", [(AFTER, "deploy")]),
        # the hidden job itself redefined
        (".oci-auth: {before_script: [x]}\ndeploy: {extends: .oci-auth, script: x}", [(BEFORE, ".oci-auth")]),
        ("deploy: {extends: .oci-auth-powershell, after_script: [x]}", [(AFTER, "deploy")]),
        # references in a circle end
        (
            "deploy: {extends: .oci-auth, script: x, before_script: [!reference [.own, before_script]]}\n"
            ".own: {before_script: [x, !reference [.own, before_script]]}",
            [(BEFORE, "deploy")],
        ),
        # jobs that extend each other end as well
        ("a: {extends: [b, .oci-auth], before_script: [x]}\nb: {extends: a}", [(BEFORE, "a")]),
    ],
)
def test_what_is_found(tmp_path: Path, job: str, expected: list[tuple[str, str]]) -> None:
    assert lint(tmp_path, f"{INCLUDE}\n{job}") == expected


@pytest.mark.parametrize(
    "entry",
    [
        {"component": "$CI_SERVER_FQDN/acme/ocici/oci-auth@1.2", "inputs": {"as": ".prod"}},
        {"component": "gitlab.example.com/acme/ocici/oci-auth-powershell@~latest", "inputs": {"as": ".prod"}},
        {"project": "acme/ocici", "file": "/templates/oci-auth.yml", "inputs": {"as": ".prod"}},
        {"project": "acme/ocici", "file": ["/a.yml", "/templates/oci-auth.yml"], "inputs": {"as": ".prod"}},
        {"remote": "https://example.com/v1/oci-auth.yml", "integrity": "sha256-x", "inputs": {"as": ".prod"}},
        {"local": "/ci/oci-auth.yml", "inputs": {"as": ".prod"}},
    ],
)
def test_every_way_of_including_and_its_name(tmp_path: Path, entry: dict[str, object]) -> None:
    jobs = {"deploy": {"extends": ".prod", "script": "x", "before_script": ["x"]}}
    assert lint(tmp_path, yaml.safe_dump({"include": [entry], **jobs})) == [(BEFORE, "deploy")]
    assert lint(tmp_path, yaml.safe_dump({"include": entry, **jobs})) == [(BEFORE, "deploy")]
    assert lint(tmp_path, yaml.safe_dump(jobs)) == []  # .prod is somebody else's job then


def test_include_as_plain_text(tmp_path: Path) -> None:
    assert lint(tmp_path, "include: /ci/oci-auth.yml\na: {extends: .oci-auth, after_script: [x]}") == [(AFTER, "a")]


def test_several_files_are_one_pipeline(tmp_path: Path) -> None:
    jobs = "deploy: {extends: .prod, script: x, after_script: [x]}"
    include = "include: {local: /oci-auth.yml, inputs: {as: .prod}}"
    assert lint(tmp_path, include, jobs) == [(AFTER, "deploy")]
    found = run([str(tmp_path / "0.yml"), str(tmp_path / "1.yml")])
    assert "1.yml" in found[0].cause


def test_a_copy_of_the_template_is_known_by_its_first_lines(tmp_path: Path) -> None:
    """The marks are the template's, and somebody may have put the whole job into the pipeline."""
    for path in (ROOT / "gitlab" / "templates").iterdir():
        template = yaml.safe_load(path.read_text().partition("\n---\n")[2])["$[[ inputs.as ]]"]
        for section, mark in MARKS.items():
            assert template[section][0].startswith(f"{mark}\n")
    pipeline = {".mine": template, "deploy": {"extends": ".mine", "script": "x"}}
    assert lint(tmp_path, json.dumps(pipeline)) == []
    pipeline["deploy"]["after_script"] = ["x"]
    assert lint(tmp_path, json.dumps(pipeline)) == [(AFTER, "deploy")]


def test_the_templates_themselves_and_a_header_are_fine(tmp_path: Path) -> None:
    assert run([str(path) for path in (ROOT / "gitlab" / "templates").iterdir()]) == []
    pipeline = "spec: {inputs: {a: {}}}\n---\ndeploy: {extends: .oci-auth, before_script: [x]}"
    assert lint(tmp_path, pipeline) == [(BEFORE, "deploy")]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"a: [", "line 1"),
        (b"- a\n- b", "not one mapping"),
        (b"a: 1\n---\nb: 2", "not one mapping"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b"a: !reference x", "takes a list"),
        (b"a: &a [*a]", ""),
        (b"", ""),
        (b"a: !custom {b: c}", ""),
    ],
)
def test_what_cannot_be_read(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "pipeline.yml"
    path.write_bytes(content)
    found = run([str(path)])
    assert [each.code for each in found] == (["pipeline-unreadable"] if says else [])
    assert all(says in each.cause for each in found)


def test_a_file_that_is_not_there_keeps_the_others(tmp_path: Path) -> None:
    (tmp_path / "there.yml").write_text("deploy: {extends: .oci-auth, after_script: [x]}")
    found = run([str(tmp_path / "gone.yml"), str(tmp_path / "there.yml")])
    assert [each.code for each in found] == ["pipeline-unreadable", AFTER]


@pytest.mark.skipif(sys.platform == "win32", reason="these files are POSIX's")
def test_what_is_no_file_to_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path, says in (
        ("/dev/zero", "it holds more than 1048576 bytes"),
        (str(tmp_path), "Is a directory"),
        (str(pipe), "it is a pipe, and nothing came through it"),
        (sys.executable, "it is not text in UTF-8"),
        (str(tmp_path / "gone"), "No such file or directory"),
    ):
        (found,) = run([path])
        assert (found.code, found.cause) == (
            "pipeline-unreadable",
            f"{path} cannot be read as a GitLab pipeline: {says}.",
        )


@pytest.mark.skipif(sys.platform == "win32", reason="there is no /dev/fd")
def test_what_comes_through_a_pipe_is_read(tmp_path: Path) -> None:
    """As a shell's `<(…)` has it, from a writer that is slow."""
    reader, writer = os.pipe()
    command = "import time; time.sleep(0.3); print('deploy: {extends: .oci-auth, script: x, after_script: [x]}')"
    with subprocess.Popen([sys.executable, "-c", command], stdout=writer):
        os.close(writer)
        assert [each.code for each in run([f"/dev/fd/{reader}"])] == [AFTER]
    os.close(reader)


def test_aliases_that_multiply_take_no_time(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    lines.append("deploy: {extends: .oci-auth, script: x, before_script: *a11}")
    assert lint(tmp_path, "\n".join(lines)) == [(BEFORE, "deploy")]


def test_the_command(tmp_path: Path, ocici: Any) -> None:
    path = tmp_path / ".gitlab-ci.yml"
    path.write_text("deploy: {extends: .oci-auth, script: x, after_script: [x]}")
    done = ocici("lint-gitlab", str(path), "--format", "json")
    assert done.returncode == 2
    assert [each["code"] for each in json.loads(done.stdout)["findings"]] == [AFTER]
    path.write_text("deploy: {extends: .oci-auth, script: x}")
    assert ocici("lint-gitlab", str(path)).returncode == 0
