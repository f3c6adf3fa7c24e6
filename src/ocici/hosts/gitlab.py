"""GitLab CI/CD."""

from __future__ import annotations

from ocici.hosts import base


class Host(base.Host):
    """A job on a GitLab runner."""

    name = "gitlab"
