"""`ocici lint-gitlab`: finds jobs of a GitLab pipeline that would skip the sign-in or the cleanup.

A job that extends the template and has a before_script or after_script of its own replaces the template's, since
`extends` merges no lists (docs.gitlab.com, "CI/CD YAML syntax reference", extends). GitLab says nothing about it.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from ocici import files
from ocici.findings import Finding, Refused, finding, refused

TEMPLATES: Final = {"oci-auth": ".oci-auth", "oci-auth-powershell": ".oci-auth-powershell"}
"""The templates, and the name of the hidden job where `inputs: as:` gives no other."""

SECTIONS: Final = ("before_script", "after_script")
MARKS: Final = {"before_script": "# ocici: sign in to OCI", "after_script": "# ocici: remove the session"}
"""The first line of the template's own sections: by it a copy is known that somebody put into the pipeline."""

# Keywords at the top of a pipeline that are no jobs (docs.gitlab.com, "CI/CD YAML syntax reference").
_GLOBAL: Final = frozenset(
    ("default", "include", "stages", "variables", "workflow", "spec", "image", "services", "cache", *SECTIONS)
)
_LARGEST: Final = 10_000  # steps in one section, so that references in a circle come to an end


@dataclass(frozen=True)
class _Reference:
    """`!reference [JOB, SECTION]`."""

    path: tuple[str, ...]


@dataclass(frozen=True)
class _Line:
    """One entry of a script section. `template`: the one whose section it refers to, or is a copy of, if it does."""

    template: str = ""


class _Loader(yaml.SafeLoader):
    """YAML as GitLab reads it. Tags that it does not know come out as nothing."""


def _reference(loader: yaml.SafeLoader, node: yaml.Node) -> _Reference:
    if not isinstance(node, yaml.SequenceNode):
        raise yaml.constructor.ConstructorError(problem="!reference takes a list", problem_mark=node.start_mark)
    return _Reference(tuple(str(part) for part in loader.construct_sequence(node)))


def _unknown(_loader: yaml.SafeLoader, _tag: str, _node: yaml.Node) -> None:
    return None


_Loader.add_constructor("!reference", _reference)
_Loader.add_multi_constructor("!", _unknown)


def run(paths: Sequence[str]) -> list[Finding]:
    """The findings about the pipeline that the files at `paths` make up together; later ones override earlier ones.

    Only these files are read, and no include is followed. A file that cannot be read becomes a finding.
    """
    found: list[Finding] = []
    pipeline = _Pipeline()
    for path in paths:
        try:
            pipeline.add(path, _read(path))
        except Refused as refusal:
            found += refusal.findings
    return [*found, *pipeline.lint()]


def _read(path: str) -> Mapping[str, Any]:
    """The pipeline in the file at `path`: its only YAML document, or the one after a header with `spec`."""
    try:
        content = _content(path)
    except OSError as error:
        raise refused("pipeline-unreadable", file=path, reason=error.strerror or "it cannot be opened") from None
    if len(content) > files.LIMIT:
        raise refused("pipeline-unreadable", file=path, reason=f"it holds more than {files.LIMIT} bytes")
    try:
        documents = list(yaml.load_all(content.decode(), _Loader))
    except UnicodeDecodeError:
        raise refused("pipeline-unreadable", file=path, reason="it is not text in UTF-8") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        reason = f"{where}{getattr(error, 'problem', None) or 'it is not YAML'}"
        raise refused("pipeline-unreadable", file=path, reason=reason) from None
    if len(documents) == 2 and isinstance(documents[0], dict) and "spec" in documents[0]:
        documents = documents[1:]
    if len(documents) > 1 or (documents and documents[0] is not None and not isinstance(documents[0], dict)):
        raise refused("pipeline-unreadable", file=path, reason="it is not one mapping of keywords and jobs")
    return (documents[0] if documents else None) or {}


def _content(path: str) -> bytes:
    """What the file at `path` holds, up to a byte more than is allowed: it may be one without an end."""
    content = files.beginning(path)
    if not content and Path(path).is_fifo():
        raise OSError(errno.ENODATA, "it is a pipe, and nothing came through it")
    return content


class _Pipeline:
    """The jobs of all files together, and the names under which they include the template."""

    def __init__(self) -> None:
        self._jobs: dict[str, dict[Hashable, Any]] = {}
        self._files: dict[str, str] = {}
        self._templates = set(TEMPLATES.values())

    def add(self, path: str, pipeline: Mapping[Any, Any]) -> None:
        """Merge in what a file holds, as GitLab merges files: mappings key by key, anything else replaced."""
        self._templates |= set(_included(pipeline.get("include")))
        for name, job in pipeline.items():
            if isinstance(name, str) and name not in _GLOBAL and isinstance(job, dict):
                self._jobs[name] = {**self._jobs.get(name, {}), **job}
                self._files[name] = path
                lines = [line for line in _as_list(job.get("before_script")) if isinstance(line, str)]
                if any(MARKS["before_script"] in line for line in lines):
                    self._templates.add(name)

    def lint(self) -> Iterator[Finding]:
        """What is wrong, job by job."""
        for name in self._jobs:
            extended = next((each for each in self._ancestors(name) if each in self._templates), "")
            signs_in = [*self._section(name, "before_script"), *self._section(name, "script", "before_script")]
            referred = next((line.template for line in signs_in if line.template), "")
            if extended and not referred:
                yield from self._found("lint-before-script-overridden", name, "before_script", extended)
            if extended or (referred and not name.startswith(".")):  # a hidden job may just hold lines for others
                after = self._section(name, "after_script")
                at = next((number for number, line in enumerate(after) if line.template), None)
                if at is None:
                    yield from self._found("lint-after-script-overridden", name, "after_script", extended or referred)
                elif at > 0:
                    yield from self._found("lint-after-script-late", name, "after_script", extended or referred)

    def _found(self, code: str, name: str, section: str, template: str) -> Iterator[Finding]:
        """The finding `code` about job `name`, unless it is said already of a job that this one extends."""
        whose = self._provider(name, section)
        parents = map(str, _as_list(self._jobs[name].get("extends")))
        if whose != name and any(
            parent in self._jobs and self._provider(parent, section) == whose and self._is_linted(parent)
            for parent in parents
        ):
            return
        how = {"": "missing", name: "its own"}.get(whose, f"that of {whose}")
        yield finding(code, file=self._files[name], job=name, template=template, whose=how)

    def _is_linted(self, name: str) -> bool:
        return any(each in self._templates for each in self._ancestors(name))

    def _ancestors(self, name: str) -> list[str]:
        """`name` and what it extends, in the order in which their keywords win."""
        found: list[str] = []
        waiting = [name]
        while waiting:
            each = waiting.pop()
            if each not in found:
                found.append(each)
                waiting += map(str, _as_list(self._jobs.get(each, {}).get("extends")))  # the last one wins
        return found

    def _provider(self, name: str, section: str) -> str:
        """The job in these files whose `section` job `name` gets; "" if it is the included template's, or none."""
        for each in self._ancestors(name):
            if section in self._jobs.get(each, {}):
                return each
            if each in self._templates:
                return ""
        return ""

    def _section(self, name: str, section: str, looked_for: str = "") -> list[_Line]:
        """The lines of `section` that job `name` gets. `looked_for`: the section of the template to look for in it."""
        provider = self._provider(name, section)
        if provider:
            return list(self._lines(self._jobs[provider][section], looked_for or section))
        template = next((each for each in self._ancestors(name) if each in self._templates), "")
        return [_Line(template)] if template and section in SECTIONS else []

    def _lines(self, value: Any, section: str) -> Iterator[_Line]:
        """The lines of a script section, nested lists and references followed."""
        waiting = [value]
        for _ in range(_LARGEST):
            if not waiting:
                return
            each = waiting.pop()
            if isinstance(each, list):
                waiting += reversed(each)
            elif isinstance(each, _Reference):
                job, *rest = each.path or ("",)
                if job in self._templates and rest == [section]:
                    yield _Line(job)
                    continue
                referred: Any = self._jobs.get(job, {})
                for part in rest:
                    referred = referred.get(part) if isinstance(referred, dict) else None
                waiting.append(referred)
            elif isinstance(each, str):
                yield _Line("the template" if MARKS[section] in each else "")


def _included(include: Any) -> Iterator[str]:
    """The names that the template has by the `include` of a pipeline."""
    for entry in _as_list(include):
        if isinstance(entry, str):
            entry = {"local": entry}
        if not isinstance(entry, dict):
            continue
        named = [entry.get("component"), entry.get("remote"), entry.get("local"), *_as_list(entry.get("file"))]
        names = [re.split(r"[/\\]", re.sub(r"@[^/]*$|\.ya?ml$", "", str(each)))[-1] for each in named if each]
        inputs = entry.get("inputs")
        given = inputs.get("as") if isinstance(inputs, dict) else None
        yield from (str(given or TEMPLATES[name]) for name in names if name in TEMPLATES)


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
