"""GitLab CI/CD: the template gitlab/templates/oci-auth.yml calls ocici in a job's before_script.

GitLab cannot be told at run time what to mask in a log, so `mask` does nothing here: what GitLab masks are the
variables that are marked so in its settings, and the last guard (output.py) hides the rest.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from ocici.findings import Finding, finding, refused
from ocici.hosts import base
from ocici.sources import VARIABLES

NAMES: Final = "OCICI_GITLAB_VARIABLES"
"""Set by the template: which CI/CD variables of the project hold the secrets, "OCICI_USER=NAME OCICI_…=NAME"."""

DOTENV: Final = "OCICI_DOTENV"
"""Set by the user: the file of the report, inside the project's folder; empty is none."""

# What the report holds, under names that nothing reads: GitLab sets them in every later job, where OCI_REGION and the
# like would half configure a tool, and OCICI_REGION would be taken as an input of the next setup.
_REPORTED: Final = ("profile", "namespace", "region", "user", "tenancy", "fingerprint")

_FIELDS: Final = {"user-missing": "OCICI_USER", "tenancy-missing": "OCICI_TENANCY", "key-missing": "OCICI_PRIVATE_KEY"}
_WHOLE: Final = ("OCICI_CREDENTIALS", "OCICI_CONFIG")

_COLOURS: Final = {"error": "\x1b[31;1m", "warning": "\x1b[33;1m", "note": "\x1b[36;1m"}
_PLAIN: Final = "\x1b[0;m"


class Host(base.Host):
    """A job on a GitLab runner."""

    name = "gitlab"

    # -- where we are ---------------------------------------------------------------------------------

    def job(self) -> str:
        """The job's number on its server; a retried job has a number of its own."""
        number = self.environ.get("CI_JOB_ID", "")
        return f"{self.environ.get('CI_SERVER_URL', '')} {number}".strip() if number else ""

    def slot(self) -> str:
        """The project's folder on this runner, among the jobs that run at once.

        A runner gives each job of a project that runs at the same time a number of its own, and a folder or a volume
        by that number (gitlab-org/gitlab-runner commands/builds_helper.go addBuild, common/build.go ProjectUniqueDir
        and ProjectRealUniqueName). The number is CI_CONCURRENT_PROJECT_ID; CI_CONCURRENT_ID counts across projects,
        and the next job in the same folder may well have another. Server, runner and project are in the name, since
        GIT_CLONE_PATH can put several projects into one folder.
        """
        names = ("CI_SERVER_URL", "CI_RUNNER_ID", "CI_PROJECT_ID", "CI_CONCURRENT_PROJECT_ID", "CI_PROJECT_DIR")
        parts = [self.environ.get(name, "") for name in names]
        return " ".join(parts) if parts[-1] else ""

    def parents(self) -> list[Path]:
        """The runner's own folder beside the checkout (outside of artifacts and caches), then the temporary one.

        gitlab-org/gitlab-runner common/build.go TmpProjectDir: the project's folder and ".tmp".
        """
        project = self.environ.get("CI_PROJECT_DIR", "")
        return [*([Path(f"{project}.tmp")] if project else []), *super().parents()]

    # -- what comes in --------------------------------------------------------------------------------

    def inputs(self) -> Mapping[str, str]:
        """The secrets under ocici's own names. A variable of type File holds a path: it becomes `…_FILE`."""
        taken: dict[str, str] = {}
        for variable, name in self._names().items():
            value, file = self.environ.get(name, ""), f"{variable}_FILE"
            if _is_file(value):
                if name != variable or not self.environ.get(file):  # else both are set, which sources.py refuses
                    taken |= {variable: "", file: value}
            elif name != variable:
                taken |= {variable: value, file: ""}
        return taken

    def _names(self) -> dict[str, str]:
        """For each of ocici's variables the one of the project that holds its value."""
        given = dict(pair.split("=", 1) for pair in self.environ.get(NAMES, "").split() if "=" in pair)
        return {variable: given.get(variable) or variable for variable in VARIABLES}

    # -- what is said about it --------------------------------------------------------------------------

    def explain(self, findings: Sequence[Finding]) -> list[Finding]:
        """`findings` with the project's own names, missing values by their usual cause, and a warning for a trace."""
        disposable = self.environ.get("CI_DISPOSABLE_ENVIRONMENT") == "true"  # a container: nobody else is in it
        kept = [each for each in findings if not (disposable and each.code == "parent-open")]
        missing = list(dict.fromkeys(name for each in kept for name in self._missing(each)))
        explained = [self._renamed(each) for each in kept if not self._missing(each)]
        if missing:
            names = ", ".join(self._names().get(name, name) for name in missing)
            if set(missing) >= set(_FIELDS.values()):
                names += f" (or {' or '.join(self._names()[name] for name in _WHOLE)} instead of them)"
            explained.insert(0, finding("variables-not-handed", names=names, why=self._why()))
        if self.environ.get("CI_DEBUG_TRACE", "").lower() in ("1", "t", "true"):  # as Go's strconv.ParseBool
            explained.append(finding("debug-trace"))
        return explained

    def _missing(self, found: Finding) -> list[str]:
        """The variables of ocici's that `found` says are not there; none if it is about something else."""
        if found.code == "credentials-missing":
            return list(_FIELDS.values())
        if found.code == "secret-empty":
            names = re.split(", | and ", found.cause.removeprefix("Each of ").removesuffix(" is set, but empty."))
            if set(names) <= set(VARIABLES):  # else "the file that …", which GitLab did hand over
                return names if found.profile or set(names) <= set(_WHOLE) else list(_FIELDS.values())
        if found.code in _FIELDS and not any(self.environ.get(name + end) for name in _WHOLE for end in ("", "_FILE")):
            return [_FIELDS[found.code]]
        return []

    def _why(self) -> str:
        """Why GitLab may have kept a variable from this job, as far as the job itself can tell."""
        environ = self.environ
        ref = environ.get("CI_COMMIT_REF_NAME", "")
        causes = []
        if environ.get("CI_COMMIT_REF_PROTECTED") != "true":
            kind = "tag" if environ.get("CI_COMMIT_TAG") else "branch"
            causes.append(f"they are protected, and the {kind} {ref or 'of this job'} is not")
        stage = environ.get("CI_ENVIRONMENT_NAME", "")
        here = f"this job is for {stage}" if stage else "this job has no `environment:`"
        causes.append(f"they are limited to another environment ({here})")
        source = environ.get("CI_MERGE_REQUEST_SOURCE_PROJECT_PATH", "")
        if source and source != environ.get("CI_MERGE_REQUEST_PROJECT_PATH"):
            causes.append(f"the merge request comes from a fork, {source}, and runs with the variables of that project")
        return f"Usual causes: {'; or '.join(causes)}."

    def _renamed(self, found: Finding) -> Finding:
        """`found` with the names that the project gave its variables, which are the ones that its people know."""
        other = {variable: name for variable, name in self._names().items() if name != variable}
        if not other:
            return found
        return base.reworded(found, {**other, **{f"{variable}_FILE": name for variable, name in other.items()}})

    # -- what goes out --------------------------------------------------------------------------------

    def report(self, report: base.Report) -> None:
        """Show the session and the notes in a section that is collapsed, errors and warnings in the open."""
        notes = [each for each in report.findings if each.severity == "note"]
        for each in report.findings:
            if each not in notes:
                self.show(each)
        session = report.description
        if "session_dir" in session:
            namespace = f", namespace {session['namespace']}" if session.get("namespace") else ""
            title = f"ocici: signed in to OCI as profile {session['profile']}, region {session['region']}{namespace}"
            with self._section(f"ocici_{report.command}_{os.getpid()}", title):
                for name in ("session_dir", "config_file", "user", "tenancy", "fingerprint"):
                    print(f"  {name:<11}  {session[name]}", file=self.out)
                for each in notes:
                    self.show(each)
        else:
            for each in notes:
                self.show(each)

    def show(self, finding: Finding) -> None:
        """Show one finding: what is wrong, why, what to do, and where there is more to read."""
        where = f" (profile {finding.profile})" if finding.profile else ""
        severity = f"{_COLOURS[finding.severity]}{finding.severity}:{_PLAIN}"
        print(f"{severity} {finding.title}{where} [{finding.code}]", file=self.out)
        print(f"  why: {finding.cause}", file=self.out)
        print(f"  fix: {finding.fix}", file=self.out)
        print(f"  more: {self.page(finding)}", file=self.out)

    @contextmanager
    def _section(self, name: str, title: str) -> Iterator[None]:
        """A collapsed section of the job's log (docs.gitlab.com, "Custom collapsible sections")."""
        start = f"\x1b[0Ksection_start:{int(time.time())}:{name}[collapsed=true]\r\x1b[0K"
        print(f"{start}\x1b[32;1m{title}{_PLAIN}", file=self.out)
        yield
        print(f"\x1b[0Ksection_end:{int(time.time())}:{name}\r\x1b[0K", file=self.out)

    def hand_over(self, variables: Mapping[str, str], description: Mapping[str, Any]) -> None:
        """Write the report that `artifacts: reports: dotenv:` hands to later jobs, if one was asked for.

        Raises `Refused`: file-unwritable.
        """
        wanted = self.environ.get(DOTENV, "")
        if not wanted:
            return
        project = Path(self.environ.get("CI_PROJECT_DIR") or Path.cwd()).resolve()
        path = Path(os.path.normpath(project / wanted))
        if project not in (path.parent.resolve() / path.name).parents:
            raise refused("file-unwritable", path=path, reason="GitLab takes artifacts from CI_PROJECT_DIR alone")
        lines = [f"OCICI_REPORT_{name.upper()}={description[name]}\n" for name in _REPORTED if description.get(name)]
        try:
            path.unlink(missing_ok=True)  # never write through a link that the repository may hold
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "w", encoding="utf-8") as file:
                file.writelines(lines)
        except OSError as error:
            raise refused("file-unwritable", path=path, reason=error.strerror or type(error).__name__) from None


def _is_file(value: str) -> bool:
    """Whether `value` is the path of a file that is there. The runner's paths are absolute; a key or an OCID is not."""
    return os.path.isabs(value) and "\n" not in value and os.path.isfile(value)  # noqa: PTH113, PTH117 (raise nothing)
