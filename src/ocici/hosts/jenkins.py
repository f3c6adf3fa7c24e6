"""Jenkins: the step `withOci` (jenkins/vars/withOci.groovy) runs ocici on the agent, and sets what it hands over."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from ocici.findings import Finding
from ocici.hosts import base

VARIABLES: Final = "OCICI_JENKINS_VARIABLES"
"""The variable in which withOci names the file for the variables that its body gets, one NAME=value a line."""

CALLS: Final = "withOci-*"
"""The folders that withOci makes for its calls, in the workspace's temporary folder; each holds a session."""

_SETUP_SECONDS: Final = 3600  # no setup takes so long

# What withOci calls the variables that it sets.
_PARAMETERS: Final = {
    "OCICI_USER": "user",
    "OCICI_TENANCY": "tenancy",
    "OCICI_FINGERPRINT": "fingerprint",
    "OCICI_REGION": "region",
    "OCICI_PRIVATE_KEY_FILE": "keyCredentialsId (or sshKeyCredentialsId)",
    "OCICI_PRIVATE_KEY": "keyCredentialsId (or sshKeyCredentialsId)",
    "OCICI_PASS_PHRASE": "passPhraseCredentialsId",
    "OCICI_CREDENTIALS_FILE": "bundleCredentialsId",
    "OCICI_CREDENTIALS": "bundleCredentialsId",
    "OCICI_PROFILE": "profile",
    "OCICI_VALIDATE": "validate",
    "OCICI_PROBE": "probe",
    "OCICI_ENDPOINT": "endpoint",
}

# What to do in a Jenkinsfile about what is missing. The codes are those of findings.CATALOGUE.
_FIXES: Final = {
    "credentials-missing": "Name the credentials: withOci(keyCredentialsId: '…', user: '…', tenancy: '…', "
    "region: '…'), or everything in one secret file: withOci(bundleCredentialsId: '…').",
    "key-missing": "Name the secret file that holds the private key: withOci(keyCredentialsId: '…').",
    "key-encrypted": "Name the secret text that holds its pass phrase: withOci(passPhraseCredentialsId: '…').",
    "user-missing": "Give the OCID of the user that the API key belongs to: withOci(user: '…').",
    "tenancy-missing": "Give the tenancy's OCID: withOci(tenancy: '…').",
    "region-not-configured": "Give the region of your resources: withOci(region: 'eu-frankfurt-1').",
    "profile-not-chosen": "Choose one: withOci(profile: '…').",
}


class Host(base.Host):
    """A Jenkins agent.

    A workspace is locked by the build that uses it, so the workspace's temporary folder is the slot. The variables
    are Jenkins's own: BUILD_TAG ("jenkins-${JOB_NAME}-${BUILD_NUMBER}"), NODE_NAME, and WORKSPACE_TMP, which the
    plugin workflow-durable-task-step sets from 2.36 on (its CHANGELOG.md, JENKINS-60634).

    Masks are not issued: Jenkins hides what its own withCredentials binds, and takes no others from a step.
    """

    name = "jenkins"

    def job(self) -> str:
        """The build's tag, unique on its controller, with the controller's address."""
        tag = self.environ.get("BUILD_TAG", "")
        return f"{self.environ.get('JENKINS_URL', '')} {tag}".strip() if tag else ""

    def slot(self) -> str:
        """The workspace on this agent."""
        workspace = self.environ.get("WORKSPACE_TMP") or self.environ.get("WORKSPACE", "")
        return f"{self.environ.get('NODE_NAME', '')}:{workspace}" if workspace else ""

    def parents(self) -> list[Path]:
        """The workspace's temporary folder, and the folders of withOci's calls in it."""
        temporary = self._temporary
        return [temporary, *self._calls] if temporary else super().parents()

    def explain(self, findings: Sequence[Finding]) -> list[Finding]:
        """`findings` in the words of a Jenkinsfile."""
        if VARIABLES not in self.environ:  # not started by withOci
            return list(findings)
        names = {variable: f"the parameter {name}" for variable, name in _PARAMETERS.items()}
        told = [base.reworded(found, names) for found in findings]
        return [found._replace(fix=_FIXES.get(found.code, found.fix)) for found in told]

    def hand_over(self, variables: Mapping[str, str], description: Mapping[str, Any]) -> None:
        """Write `variables` for withOci, and remove what dead calls have left beside their sessions."""
        for call in self._calls:
            _remove_remains(call)
        if self.environ.get(VARIABLES):
            lines = [f"{name}={value}\n" for name, value in variables.items()]
            if self.environ.get("OCICI_CLI_BIN"):  # where the launcher put oci-cli
                # PATH+… is Jenkins's way to put a folder in front. In a container it drops PATH: hence both.
                lines += [f"PATH+OCICI={self.environ['OCICI_CLI_BIN']}\n"]
                lines += [f"OCICI_CLI_BIN={self.environ['OCICI_CLI_BIN']}\n"]
            Path(self.environ[VARIABLES]).write_text("".join(lines), encoding="utf-8", errors="surrogateescape")

    @property
    def _temporary(self) -> Path | None:
        temporary = self.environ.get("WORKSPACE_TMP")
        return Path(temporary) if temporary and Path(temporary).is_dir() else None

    @cached_property
    def _calls(self) -> list[Path]:
        return sorted(self._temporary.glob(CALLS)) if self._temporary else []


def _remove_remains(call: Path) -> None:
    """Remove the folder of a call that is over: its session was swept, or its setup died with the agent.

    It must have been there before this step began, or be too old for a setup: a call that is just being made
    looks empty for a moment.
    """
    try:
        call.rmdir()  # empty: the session was swept
    except OSError:
        try:
            setup_died = not any(call.glob("ocici-*")) and call.stat().st_mtime < time.time() - _SETUP_SECONDS
        except OSError:
            return
        if setup_died:
            shutil.rmtree(call, ignore_errors=True)
