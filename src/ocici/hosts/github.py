"""GitHub Actions."""

from __future__ import annotations

from ocici.hosts import base


class Host(base.Host):
    """A job on a GitHub runner."""

    name = "github"
