"""GitHub Actions: inputs, masks, variables, outputs, annotations and the job summary.

What the action does, it does through `actions-toolkit`, imported where it is used: cleanup must work without it.
Inputs are read and masks are printed only when the action itself started ocici (OCICI_ACTION): in a `run:` step the
inputs would be those of a surrounding action, and standard output is often captured.
"""

from __future__ import annotations

import errno
import io
import json
import secrets
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from ocici.findings import SERVICE, Finding, finding, holds_key, refused, shown
from ocici.hosts import base
from ocici.output import Out

_INPUTS: Final = {
    "user": "OCICI_USER",
    "tenancy": "OCICI_TENANCY",
    "fingerprint": "OCICI_FINGERPRINT",
    "region": "OCICI_REGION",
    "private-key": "OCICI_PRIVATE_KEY",
    "pass-phrase": "OCICI_PASS_PHRASE",
    "credentials": "OCICI_CREDENTIALS",
    "config": "OCICI_CONFIG",
    "profile": "OCICI_PROFILE",
    "validate": "OCICI_VALIDATE",
    "probe": "OCICI_PROBE",
    "endpoint": "OCICI_ENDPOINT",
}
_OUTPUTS: Final = (
    "config_file", "key_file", "profile", "fingerprint", "tenancy", "user", "region", "namespace", "session_dir",
)  # fmt: skip
_MISSING: Final = (
    "credentials-missing", "inputs-empty", "secret-empty", "key-missing", "user-missing", "tenancy-missing",
)  # fmt: skip
_OIDC: Final = "ACTIONS_ID_TOKEN_REQUEST_URL"  # set where the job may ask for an id token
_KEYS: Final = ("OCICI_PRIVATE_KEY", "OCICI_CREDENTIALS", "OCICI_CONFIG", "OCI_CLI_KEY_CONTENT")
_STATE: Final = "variables"

# The columns of the job summary: heading, what setup's JSON has for it, and how the codes of its findings begin.
_CHECKS: Final = (
    ("user and tenancy", "", ("user-", "tenancy-", "ocid-")),
    ("region", "region", ("region-", "realm-")),
    ("private key", "", ("key-", "path-is-key", "pass-phrase-", "invalid-key-format", "cannot-read-private-key")),
    ("fingerprint", "fingerprint", ("fingerprint-",)),
)
_ANSWERS: Final = ("not-authenticated", "clock-skew", "not-authorized", "not-allowed", "call-refused")
_MARKS: Final = {"error": "❌", "warning": "⚠️", "note": "✅"}


class Host(base.Host):
    """A job on a GitHub runner. Variables: docs.github.com, "Variables reference", "Default environment variables"."""

    name = "github"

    def __init__(self, environ: Mapping[str, str], out: Out) -> None:
        super().__init__(environ, out)
        self._masked: set[str] = set()
        if self._is_action and isinstance(sys.stdout, io.TextIOWrapper):
            # The runner reads UTF-8 (actions/runner, NodeScriptActionHandler.cs), whatever the locale is; and
            # actions-toolkit ends its lines itself, which must not be done again.
            sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace", newline="")

    @property
    def _is_action(self) -> bool:
        return bool(self.environ.get("OCICI_ACTION"))

    # -- where we are -------------------------------------------------------------------------------------

    def job(self) -> str:
        """This run of this job. Jobs of a matrix share GITHUB_JOB, so the runner is named too.

        RUNNER_TRACKING_ID is new for every job (actions/runner, JobExtension.cs); the rest is for people to read.
        """
        names = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT", "GITHUB_JOB")
        where = "/".join(self.environ.get(name, "") for name in names)
        tracking = self.environ.get("RUNNER_TRACKING_ID", "")
        return f"{where} on {self.environ.get('RUNNER_NAME', '')} {tracking}".strip() if where.strip("/") else ""

    def slot(self) -> str:
        """This runner: it runs one job at a time, and its temporary folder is its own.

        Empty where one of the two is missing: then it is not GitHub's runner, and may run several jobs at a time.
        """
        name, temp = (self.environ.get(variable, "") for variable in ("RUNNER_NAME", "RUNNER_TEMP"))
        return f"{name}:{temp}" if name and temp else ""

    def parents(self) -> list[Path]:
        """The runner's temporary folder, which it empties itself before and after each job."""
        temp = self.environ.get("RUNNER_TEMP", "")
        return [*([Path(temp)] if temp else []), *super().parents()]

    # -- what comes in --------------------------------------------------------------------------------------

    def inputs(self) -> Mapping[str, str]:
        """The action's inputs. One that is not given arrives as empty text, as a secret does that is not there."""
        if not self._is_action:
            return {}
        from actions_toolkit import core

        self._exports()  # so that a wrong value is told before anything is done
        given = {variable: core.get_input(name, trim_whitespace=False) for name, variable in _INPUTS.items()}
        # The step's own `env:` may hold what no input gives.
        return {variable: value for variable, value in given.items() if value or variable not in self.environ}

    @staticmethod
    def _exports() -> bool:
        from actions_toolkit import core

        given = core.get_input("export-env") or "true"
        if given.lower() not in ("true", "false"):
            raise refused("input-unusable", name="export-env", value=shown(given), allowed="true or false")
        return given.lower() == "true"

    def explain(self, findings: Sequence[Finding]) -> list[Finding]:
        """Missing secrets in a pull request that gets none are one finding; variables are named as inputs."""
        found = list(findings)
        if self._is_action and any(each.code == "secret-empty" and each.cause.startswith("Each of") for each in found):
            found = [finding("inputs-empty")]  # all are: GitHub does not tell which of them were given
        if any(each.code in _MISSING for each in found):
            cause = self._no_secrets()
            if cause:
                found = [cause, *(each for each in found if each.code not in _MISSING)]
            elif self._is_action and not any(self.environ.get(name) for name in (*_KEYS, _OIDC)):
                found.append(finding("id-token-missing"))
        return [self._by_inputs(each) for each in found] if self._is_action else found

    def _no_secrets(self) -> Finding | None:
        """Why this run gets no secrets, if that is so (docs.github.com, "Using secrets in GitHub Actions")."""
        if self.environ.get("GITHUB_EVENT_NAME") not in ("pull_request", "pull_request_review"):
            return None
        if self.environ.get("GITHUB_ACTOR") == "dependabot[bot]":
            return finding("dependabot-without-secrets")
        try:
            event = json.loads(Path(self.environ.get("GITHUB_EVENT_PATH", "")).read_text(encoding="utf-8"))
            fork = event["pull_request"]["head"]["repo"]["full_name"]
        except (OSError, ValueError, KeyError, TypeError):  # a deleted fork has no repo
            return None
        if fork == self.environ.get("GITHUB_REPOSITORY"):
            return None
        return finding("fork-without-secrets", fork=str(fork)[:140])

    @staticmethod
    def _by_inputs(found: Finding) -> Finding:
        """`found` with the names that the user of the action knows: the input `user`, not OCICI_USER."""
        found = base.reworded(found, {variable: f"the input {name}" for name, variable in _INPUTS.items()})
        return found._replace(cause=found.cause.replace("is set, but empty", "is empty"))  # as one not given is

    # -- what goes out --------------------------------------------------------------------------------------

    def mask(self, forms: Iterable[str]) -> None:
        """One add-mask a line: the command ends at the first line end, and the rest would be printed."""
        if not self._is_action:
            return
        from actions_toolkit import core

        for form in forms:
            if form not in self._masked:
                self._masked.add(form)
                core.set_secret(form)

    def report(self, report: base.Report) -> None:
        """Annotations, and a table in the job summary."""
        if not self._is_action:  # an annotation is printed on standard output, which a `run:` step may capture
            super().report(report)
            return
        from actions_toolkit import core

        show = {"error": core.error, "warning": core.warning, "note": core.notice}
        for each in report.findings:
            where = f" (profile {each.profile})" if each.profile else ""
            text = f"{each.title}{where} [{each.code}]\nwhy: {each.cause}\nfix: {each.fix}\nmore: {self.page(each)}"
            show[each.severity](text, title=f"{each.title}{where}")
        if report.command == "setup":
            with suppress(OSError):  # no reason to fail
                self._summarise(report)

    def show(self, finding: Finding) -> None:
        """As text in which nothing is a command, whatever a value holds."""
        super().show(finding._replace(cause=_no_command(finding.cause), fix=_no_command(finding.fix)))

    def say(self, line: str) -> None:
        """As text in which nothing is a command, whatever a value holds."""
        super().say(_no_command(line))

    def page(self, finding: Finding) -> str:
        """Where `finding` is explained at length: a link, where the action was fetched from a repository."""
        names = ("GITHUB_SERVER_URL", "GITHUB_ACTION_REPOSITORY", "GITHUB_ACTION_REF")
        server, repository, ref = (self.environ.get(name, "") for name in names)
        return f"{server}/{repository}/blob/{ref}/{finding.docs}" if server and repository and ref else finding.docs

    def _summarise(self, report: base.Report) -> None:
        path = self.environ.get("GITHUB_STEP_SUMMARY", "")
        if not path:
            return
        lines = ["### Oracle Cloud Infrastructure", ""]
        profiles = report.description.get("profiles") or [
            {"profile": name} for name in dict.fromkeys(each.profile for each in report.findings if each.profile)
        ]
        if profiles:
            validate = self.environ.get("OCICI_VALIDATE") or "online"
            lines += _table("profile", *(heading for heading, _, _ in _CHECKS), "OCI")
            lines += [_checked(each, report.findings, validate) for each in profiles]
        if "session_dir" not in report.description:
            lines += ["", "Not signed in."]
        if report.findings:
            lines += ["", *_table("", "finding", "why", "what to do")]
            lines += [
                _row(_MARKS[each.severity], f"{each.title} [{each.code}]", each.cause, each.fix)
                for each in report.findings
            ]
        with open(path, "a", encoding="utf-8", errors="backslashreplace") as file:
            file.write("\n".join([*lines, "", ""]))

    def hand_over(self, variables: Mapping[str, str], description: Mapping[str, Any]) -> None:
        """Variables for later steps (what they held before is kept in the state), outputs, and oci-cli on the PATH."""
        if not self._is_action:
            return
        from actions_toolkit import core

        for name in ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_STATE"):  # the toolkit raises a bare Exception
            if not self.environ.get(name) or not Path(self.environ[name]).exists():
                raise FileNotFoundError(errno.ENOENT, f"it is not the file that the runner makes for {name}", name)
        if self._exports():
            before = {name: self.environ.get(name, "") for name in variables}
            before = {name: "" if holds_key(value) else value for name, value in before.items()}
            core.save_state(_STATE, json.dumps(before))
            for name, value in variables.items():
                core.export_variable(name, value)
        for name in _OUTPUTS:
            core.set_output(name.replace("_", "-"), description.get(name, ""))
        if folder := self.environ.get("OCICI_CLI_BIN"):
            core.add_path(folder)

    def take_back(self) -> None:
        """Give the exported variables back the value that they had; one that had none becomes empty.

        GitHub has no way to unset a variable. By hand and not through actions-toolkit, since cleanup must work without
        it. The form is that of docs.github.com, "Workflow commands", "Multiline strings".
        """
        path = self.environ.get("GITHUB_ENV", "")
        try:
            before = json.loads(self.environ.get(f"STATE_{_STATE}", ""))
        except ValueError:
            return
        if not self._is_action or not path or not isinstance(before, dict):
            return
        end = f"ocici_{secrets.token_hex(16)}"
        with open(path, "a", encoding="utf-8") as file:
            file.writelines(f"{name}<<{end}\n{value}\n{end}\n" for name, value in before.items())


def _no_command(text: str) -> str:
    """`text` without what the runner obeys: `::` where a line begins, and `##[` anywhere.

    It looks for them in both outputs of every step, `run:` steps included (actions/runner, ActionCommand.cs).
    """
    return " ".join(text.splitlines()).replace("##[", "## [")


def _checked(profile: Mapping[str, Any], findings: Sequence[Finding], validate: str) -> str:
    """The row of `profile` (as in setup's JSON, or its name alone when setup failed): each check, and OCI's answer."""
    own = [each for each in findings if each.profile in ("", profile["profile"])]
    answers = [each for each in own if each.exit_code == SERVICE or each.code in _ANSWERS]
    own = [each for each in own if each not in answers]
    by_check = [[each for each in own if each.code.startswith(codes)] for _, _, codes in _CHECKS]
    # An error that belongs to no check, say a bundle that cannot be read, comes before all checks.
    reached = all(any(each in found for found in by_check) for each in own if each.severity == "error")
    fine = "not checked" if validate == "off" else "✅" if reached else ""
    cells = [profile["profile"]]
    for (heading, field, _), found in zip(_CHECKS, by_check, strict=True):
        wrong = any(each.severity == "error" for each in found)
        # A value that is wrong is not shown: it may be a secret that got into the wrong field.
        value = "" if wrong or not fine else profile.get(field, "")
        cells.append(f"{value} {_codes(found) or fine}".strip())
        if heading == "private key" and wrong:
            fine = ""  # nobody knows the fingerprint of a key that cannot be read
    if probe := profile.get("probe"):
        cells.append(f"{_codes(answers) or '✅'} {probe['outcome']} ({probe['call']}, {probe['seconds']} s)")
    else:
        cells.append(_codes(answers) or "not asked")
    return _row(*cells)


def _codes(findings: Sequence[Finding]) -> str:
    return ", ".join(f"{_MARKS[each.severity]} {each.code}" for each in findings)


def _table(*headings: str) -> list[str]:
    return [_row(*headings), "| --- " * len(headings) + "|"]


def _row(*cells: str) -> str:
    """A row of a table in Markdown. No text breaks out of its cell, or becomes HTML."""
    texts = (cell.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;") for cell in cells)
    return "| " + " | ".join(" ".join(text.split()) for text in texts) + " |"
