"""The CI system that the step runs in: found, and put behind one interface (`Host`)."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Final

from ocici.hosts.base import Host, Report
from ocici.output import Out

__all__ = ["NAMES", "Host", "Report", "detect"]

# The variable by which each CI system is known, in the order asked.
# GitHub: docs.github.com, "Default environment variables". GitLab: docs.gitlab.com, "Predefined CI/CD
# variables". Jenkins: www.jenkins.io/doc/book/pipeline/jenkinsfile, "Using environment variables".
_SIGNS: Final = {"github": "GITHUB_ACTIONS", "gitlab": "GITLAB_CI", "jenkins": "JENKINS_URL"}

NAMES: Final = ("auto", *_SIGNS, "terminal")


def detect(environ: Mapping[str, str], name: str, out: Out) -> Host:
    """The host called `name`, one of `NAMES`; with "auto" the one that `environ` gives away."""
    if name == "auto":
        name = next((host for host, variable in _SIGNS.items() if environ.get(variable)), "terminal")
    if name == "terminal":
        return Host(environ, out)
    # Each file holds one class called Host; importing only that one keeps the start short.
    host: Host = import_module(f"ocici.hosts.{name}").Host(environ, out)
    return host
