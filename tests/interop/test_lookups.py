"""Terraform, Pulumi and Ansible read what the table says: looked up in their own source, or in their package.

None of the three can be run here without the registries of their makers. Their sources are fetched from GitHub, a few
files at pinned commits; Pulumi's package, which names its settings, is also on npm. Both are kept in .tools/. What
cannot be had is skipped.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
from pathlib import Path

import pytest

from ocici import environment

from ..machine import lacking

ROOT = Path(__file__).resolve().parent.parent.parent
KEPT = ROOT / ".tools" / "interop" / "sources"

PROVIDER = "oracle/terraform-provider-oci"
COMMITS = {
    "8.28.0": (PROVIDER, "8de3c480b4bf08d8edd40ef0cc4ad0340bd01721"),
    "1.15.9": ("hashicorp/terraform", "87488977e32a400445e0c0b4d95c0713a5eee941"),
    "4.20.0": ("pulumi/pulumi-oci", "9c3e30a7003a7fb6e023241a790b77db8e66a57c"),
    "4.20.0's upstream": (PROVIDER, "8016f415a5a602ca002313ad1ab29e5a1406125c"),
    "5.5.0": ("oracle/oci-ansible-collection", "92eb46fcc599d1a74bb83a24eee381065f20dd5b"),
}
PACKAGE = ("@pulumi/oci@4.20.0", "9bfc84832ec80a621db7dda15879295aacda7e4bf5c212bd1a8cbdb3ade46cd8")

pytestmark = pytest.mark.slow  # downloads


def kept(path: Path, content: bytes) -> bytes:
    """`content`, which is now in the file at `path` as well: whole, or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(content)
    Path(file.name).replace(path)
    return content


def source(version: str, path: str) -> str:
    """The file at `path` of a repository, as it is in `version`. Skips where it cannot be had."""
    repository, commit = COMMITS[version]
    here = KEPT / repository / commit / path
    if here.is_file():
        return here.read_text(encoding="utf-8")
    try:
        with urllib.request.urlopen(
            f"https://raw.githubusercontent.com/{repository}/{commit}/{path}", timeout=20
        ) as got:
            return kept(here, got.read()).decode()
    except OSError as error:
        if getattr(error, "code", 0) == 404:  # the pin is wrong
            raise
        pytest.skip(f"{repository} cannot be had: {error}")


def exported(tool: str) -> set[str]:
    """The variables that ocici exports for `tool`."""
    return {variable.name for variable in environment.TABLE if tool in variable.tools}


def overriding(tool: str) -> set[str]:
    """The variables that ocici says `tool` prefers to the session."""
    return {override.name for override in environment._OVERRIDES if tool in override.tools}


def read_by_the_provider(version: str) -> list[str]:
    """The variables that give Terraform's provider its settings, in the order in which it looks for them."""
    constants = dict(
        re.findall(r'^\s*(\w+)\s*=\s*"([^"]*)"', source(version, "internal/globalvar/constants.go"), re.MULTILINE)
    )
    text = source(version, "internal/provider/provider.go")
    prefixes = {}
    for function, prefix, argument in re.findall(
        r"func (\w+)\(attrName string\) string \{\s*return globalvar\.(\w+) \+ (strings\.ToUpper\()?attrName", text
    ):
        prefixes[function] = constants[prefix], str.upper if argument else str
    found = []
    for names in re.findall(r"DefaultFunc:\s*schema\.MultiEnvDefaultFunc\(\[\]string\{([^}]*)\}", text):
        for function, name in re.findall(r"(\w+)\(globalvar\.(\w+)\)", names):
            prefix, changed = prefixes[function]
            found.append(prefix + changed(constants[name]))
    return found


@pytest.mark.parametrize(("tool", "version"), [("Terraform", "8.28.0"), ("Pulumi", "4.20.0's upstream")])
def test_the_provider_reads_them(tool: str, version: str) -> None:
    read = read_by_the_provider(version)
    assert exported(tool) - {"OCI_CONFIG_FILE"} <= set(read)  # that one is for the state backend, below
    assert overriding(tool) <= set(read)
    for name in exported(tool) - {"OCI_CONFIG_FILE"}:  # what it prefers is among what is told
        preferred = "TF_VAR_" + name.removeprefix("OCI_").lower()
        assert read.index(preferred) < read.index(name)
        assert preferred in overriding(tool)


def test_terraforms_state_backend_leaves_it_to_the_go_sdk() -> None:
    """Whose default looks at OCI_CONFIG_FILE: test_tools.py runs it."""
    text = source("1.15.9", "internal/backend/remote-state/oci/auth.go")
    body = text.split(") getSdkConfigProvider()")[1].split("\nfunc ")[0]
    assert re.search(r'configFileProfile == "" \{\s*\w+ = append\(\w+, common\.DefaultConfigProvider\(\)\)', body)


def test_pulumis_provider_is_terraforms() -> None:
    text = source("4.20.0", "provider/resources.go")
    assert 'ociShim "github.com/oracle/terraform-provider-oci/shim"' in text
    assert re.search(r"\bp := shimv2\.NewProvider\(ociShim\.NewProvider\(\)\)", text)
    assert re.search(r"\bP: +p,", text)
    assert re.search(r"\bConfig: +map\[string\]\*tfbridge\.SchemaInfo\{\},", text)  # nothing is looked up otherwise
    shim = source("4.20.0", "patches/0001-Re-export-NewProvider-for-linking.patch")
    assert "+	return provider.Provider()\n" in shim


def test_pulumis_package_has_a_setting_for_each() -> None:
    name, digest = PACKAGE
    here = KEPT / "pulumi-oci.tgz"
    content = here.read_bytes() if here.is_file() else kept(here, packed(name))
    assert hashlib.sha256(content).hexdigest() == digest
    with tarfile.open(fileobj=io.BytesIO(content)) as package:
        member = package.extractfile("package/config/vars.js")
        assert member
        settings = set(re.findall(r'__config\.\w+\("(\w+)"\)', member.read().decode()))
    for variable in exported("Pulumi"):
        first, *words = variable.removeprefix("OCI_").lower().split("_")
        assert first + "".join(word.capitalize() for word in words) in settings


def packed(name: str) -> bytes:
    """The package `name` of npm. Skips where it cannot be had."""
    npm = shutil.which("npm")
    if not npm:
        lacking("npm is not installed here")
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", name, "--ignore-scripts", "--silent", "--cache", str(Path(folder, "cache"))]
        done = subprocess.run(command, cwd=folder, env=os.environ, stdin=subprocess.DEVNULL, stdout=sys.stderr)
        if done.returncode:
            pytest.skip(f"{name} cannot be had: npm ended with {done.returncode}")
        (path,) = Path(folder).glob("*.tgz")
        return path.read_bytes()


def test_ansible_reads_them() -> None:
    text = source("5.5.0", "plugins/module_utils/oci_config_utils.py")
    read = set(re.findall(r'os\.environ(?:\[|\.get\()"(\w+)"|env_var_name="(\w+)"', text))
    names = {name for pair in read for name in pair if name}
    assert exported("Ansible") <= names
    assert overriding("Ansible") <= names
    # OCI_CONFIG_FILE goes before ~/.oci/config: home-config-shadows does not name Ansible.
    assert text.index('os.environ["OCI_CONFIG_FILE"]') < text.index('config_file = "~/.oci/config"')


def test_the_readme_names_these_versions() -> None:
    text = (ROOT / "scripts" / "make_compatibility.py").read_text(encoding="utf-8")
    for tool, version in re.findall(r'"(\w+)": "([\d.]+)"', text.split("READ_IN = ")[1].splitlines()[0]):
        assert version in COMMITS, tool
