"""`ocici lint-gitlab`: finds jobs of a GitLab pipeline that would skip the sign-in or the cleanup.

A job that extends the template and has a before_script or after_script of its own replaces the template's, since
`extends` merges no lists (docs.gitlab.com, "CI/CD YAML syntax reference", extends). GitLab says nothing about it.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from ocici.findings import Finding, Refused, finding, refused

TEMPLATES: Final = ("oci-auth", "oci-auth-powershell")
DEFAULT_NAME: Final = ".oci-auth"
SECTIONS: Final = ("before_script", "after_script")

# Keywords at the top of a pipeline that are no jobs (docs.gitlab.com, "CI/CD YAML syntax reference").
_GLOBAL: Final = frozenset(
    ("default", "include", "stages", "variables", "workflow", "spec", "image", "services", "cache", *SECTIONS)
)
_DEEPEST: Final = 11  # GitLab follows `extends` 11 levels deep, and `!reference` and nested lists 10
_LARGEST: Final = 10_000  # lines of one section, references followed; no pipeline has so many


@dataclass(frozen=True)
class _Reference:
    """`!reference [JOB, SECTION]`."""

    path: tuple[str, ...]


@dataclass(frozen=True)
class _Line:
    """One line of a script section as GitLab sees it. `template`: the one whose section it refers to, if it does."""

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
        text = Path(path).read_text(encoding="utf-8")
        documents = list(yaml.load_all(text, _Loader))  # noqa: S506 (a SafeLoader)
    except OSError as error:
        raise refused("pipeline-unreadable", file=path, reason=error.strerror or "it cannot be opened") from None
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


class _Pipeline:
    """The jobs of all files together, and the names under which they include the template."""

    def __init__(self) -> None:
        self._jobs: dict[str, dict[Hashable, Any]] = {}
        self._files: dict[str, str] = {}
        self._templates = {DEFAULT_NAME}

    def add(self, path: str, pipeline: Mapping[Any, Any]) -> None:
        """Merge in what a file holds, as GitLab merges files: mappings key by key, anything else replaced."""
        self._templates |= set(_included(pipeline.get("include")))
        for name, job in pipeline.items():
            if isinstance(name, str) and name not in _GLOBAL and isinstance(job, dict):
                self._jobs[name] = {**self._jobs.get(name, {}), **job}
                self._files[name] = path

    def lint(self) -> Iterator[Finding]:
        """What is wrong, job by job."""
        for name in self._jobs:
            templates = [parent for parent in self._ancestors(name) if parent in self._templates]
            if templates:
                yield from self._lint(name, templates[0])

    def _lint(self, name: str, template: str) -> Iterator[Finding]:
        for section in SECTIONS:
            whose = self._provider(name, section)
            if not whose or (whose in self._templates and whose != name and not self._jobs.get(whose, {}).get(section)):
                continue  # the template's own section is what counts
            if self._is_inherited(name, section, whose):
                continue  # already said of the job that this one extends
            lines = list(self._lines(self._jobs[whose][section], section))
            if section == "before_script":
                lines += self._lines(self._own(name, "script"), section)
            at = next((number for number, line in enumerate(lines) if line.template in self._templates), None)
            values = {
                "file": self._files[name],
                "job": name,
                "template": template,
                "whose": "its own" if whose == name else f"that of {whose}",
            }
            if at is None:
                yield finding(f"lint-{section.replace('_', '-')}-overridden", **values)
            elif at > 0 and section == "after_script":
                yield finding("lint-after-script-late", **values)

    def _ancestors(self, name: str, depth: int = 0) -> Iterator[str]:
        """`name` and what it extends, the last first: that is whose keywords win."""
        yield name
        if depth < _DEEPEST:
            for parent in reversed(_as_list(self._jobs.get(name, {}).get("extends"))):
                yield from self._ancestors(str(parent), depth + 1)

    def _provider(self, name: str, section: str) -> str:
        """The job or template whose `section` job `name` gets; "" if none is known to have one."""
        for each in self._ancestors(name):
            if section in self._jobs.get(each, {}) or each in self._templates:
                return each
        return ""

    def _own(self, name: str, section: str) -> Any:
        return next(
            (self._jobs[each][section] for each in self._ancestors(name) if section in self._jobs.get(each, {})), []
        )

    def _is_inherited(self, name: str, section: str, whose: str) -> bool:
        """Whether a job that `name` extends has the same fault."""
        return any(
            whose != name
            and self._provider(parent, section) == whose
            and any(each in self._templates for each in self._ancestors(parent))
            for parent in map(str, _as_list(self._jobs.get(name, {}).get("extends")))
        )

    def _lines(self, value: Any, section: str, depth: int = 0) -> Iterator[_Line]:
        """The lines of a script section, with nested lists and references followed."""
        budget = _LARGEST
        for line in self._flat(value, section, depth):
            yield line
            budget -= 1
            if not budget:
                return

    def _flat(self, value: Any, section: str, depth: int) -> Iterator[_Line]:
        if depth > _DEEPEST:
            return
        if isinstance(value, list):
            for each in value:
                yield from self._flat(each, section, depth + 1)
        elif isinstance(value, _Reference):
            job, *rest = value.path or ("",)
            if job in self._templates and rest == [section]:
                yield _Line(job)
            else:
                referred: Any = self._jobs.get(job, {})
                for part in rest:
                    referred = referred.get(part) if isinstance(referred, dict) else None
                yield from self._flat(referred, section, depth + 1)
        elif value is not None:
            yield _Line()


def _included(include: Any) -> Iterator[str]:
    """The names that the template has by the `include` of a pipeline."""
    for entry in _as_list(include):
        if isinstance(entry, str):
            entry = {"local": entry}
        if not isinstance(entry, dict):
            continue
        sources = [entry.get("component"), entry.get("remote"), entry.get("local"), *_as_list(entry.get("file"))]
        names = (re.split(r"[/\\]", re.sub(r"@[^/]*$|\.ya?ml$", "", str(source)))[-1] for source in sources if source)
        if any(name in TEMPLATES for name in names):
            inputs = entry.get("inputs")
            yield str((inputs.get("as") if isinstance(inputs, dict) else None) or DEFAULT_NAME)


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
