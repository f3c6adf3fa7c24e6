"""Publishes gitlab/ as a GitLab component project: its files become the root there, under a tag.

    python scripts/publish_component.py REMOTE

REMOTE is the component project's address, as `git push` takes it. The tag is ocici's version, as the template has it;
the pipeline in gitlab/.gitlab-ci.yml then makes the release that the CI/CD Catalog wants. What stands in the working
tree is what is published. Nothing is pushed where the tag exists already.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BRANCH = "refs/heads/main"


def version() -> str:
    """ocici's version; exits where the templates have another."""
    found = {
        str(path.relative_to(ROOT)): re.search(r"(?:__version__ = \"|version of ocici\.\n +default: )([0-9.]+)", text)
        for path in [ROOT / "src" / "ocici" / "__init__.py", *sorted((ROOT / "gitlab" / "templates").glob("*.yml"))]
        for text in [path.read_text(encoding="utf-8")]
    }
    versions = {name: match[1] if match else "none" for name, match in found.items()}
    if len(set(versions.values())) != 1:
        sys.exit(f"the versions differ: {versions}")
    return versions.popitem()[1]


def git(*arguments: str, environ: dict[str, str] | None = None) -> str:
    """What `git ARGUMENTS` prints, run in this repository."""
    done = subprocess.run(
        ["git", *arguments],
        cwd=ROOT,
        env={**os.environ, **(environ or {})},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout.strip()


def tree() -> str:
    """The tree of gitlab/ as it stands in the working tree, with the licence beside it."""
    with tempfile.TemporaryDirectory() as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        git("add", "--force", "gitlab", "LICENSE", environ=index)
        whole = git("write-tree", environ=index)
        git("read-tree", "--empty", environ=index)
        git("read-tree", f"{whole}:gitlab", environ=index)
        licence = git("rev-parse", f"{whole}:LICENSE")
        git("update-index", "--add", "--cacheinfo", f"100644,{licence},LICENSE.md", environ=index)
        return git("write-tree", environ=index)


def main() -> int:
    """Publish to the remote that the command line names."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    remote, tag = sys.argv[1], f"refs/tags/{version()}"
    there = dict(line.split("\t")[::-1] for line in git("ls-remote", remote, BRANCH, tag).splitlines())
    if tag in there:
        sys.exit(f"{tag} is there already, and a version is never published twice")
    parents = []
    if BRANCH in there:
        git("fetch", "--quiet", "--no-tags", remote, BRANCH)
        parents = ["-p", there[BRANCH]]
    commit = git("commit-tree", tree(), *parents, "-m", f"ocici {version()}")
    git("push", "--quiet", "--atomic", remote, f"{commit}:{BRANCH}", f"{commit}:{tag}")
    print(f"published {version()} as {commit}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
