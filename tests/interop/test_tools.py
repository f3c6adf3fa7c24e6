"""The real tools, signed in by the session's exported variables alone, each make a call that the emulator verifies.

What ran, and with which version, goes into the README's compatibility table (scripts/make_compatibility.py).
Terraform's and Pulumi's provider cannot be had from a package registry: test_lookups.py reads their source.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from ocici import environment

from ..machine import lacking

if TYPE_CHECKING:
    from tests.interop.conftest import Done, Results, SignedIn

TOOLS = Path(__file__).parent / "tools"


def check(done: Done, signed_in: SignedIn, profile: str = "DEFAULT") -> None:
    """The tool made exactly one request, signed as `profile`, and got its answer."""
    assert done.code == 0, done.stderr
    assert [(record.method, record.status, record.verified) for record in done.requests] == [("GET", 200, True)]
    [fingerprint] = [one["fingerprint"] for one in signed_in.printed["profiles"] if one["profile"] == profile]
    [user] = [one["user"] for one in signed_in.printed["profiles"] if one["profile"] == profile]
    tenancy = signed_in.printed["tenancy"]
    assert done.requests[0].key_id == f"{tenancy}/{user}/{fingerprint}"


# -- oci-cli ------------------------------------------------------------------------------------------------


def test_oci_cli(signed_in: SignedIn, oci: str, results: Results) -> None:
    results.forget("oci-cli")
    done = signed_in.run(oci, "os", "ns", "get", "--endpoint", signed_in.emulator.endpoint)
    check(done, signed_in)
    assert json.loads(done.stdout) == {"data": signed_in.namespace()}
    assert done.stderr == ""  # no warning about the key, its label line or file modes
    results.verified("oci-cli", version("oci-cli"))


def test_oci_cli_with_another_profile(signed_in: SignedIn, oci: str) -> None:
    """By option or by variable, and no exported variable mixes the selected profile into it."""
    command = [oci, "os", "ns", "get", "--endpoint", signed_in.emulator.endpoint]
    for done in (signed_in.run(*command, "--profile", "OTHER"), signed_in.run(*command, OCI_CLI_PROFILE="OTHER")):
        check(done, signed_in, "OTHER")
        assert done.stderr == ""


# -- the SDKs -----------------------------------------------------------------------------------------------


def check_sdk(tool: str, tool_version: str, command: list[str], signed_in: SignedIn, results: Results) -> None:
    results.forget(tool)
    command = [*command, signed_in.emulator.endpoint]
    done = signed_in.run(*command)
    check(done, signed_in)
    assert done.stdout.strip() == signed_in.namespace()
    # Without the variable there is nothing to sign with: so it was the variable that signed it in.
    without = signed_in.run(*command, OCI_CONFIG_FILE="")
    assert without.code != 0
    assert without.requests == []
    results.verified(tool, tool_version)


def installed(install: ModuleType, name: str) -> list[str]:
    """The command of the signing program of `name`. Without its toolchain: skipped, but not on CI."""
    missing = install.missing(name)
    if missing:
        reason = f"not installed here: {', '.join(missing)}"
        lacking(reason)
    return list(install.command(name))


def pinned(file: str, pattern: str) -> str:
    """The version that `pattern` finds in a file of pins."""
    found = re.search(pattern, (TOOLS / file).read_text(encoding="utf-8"))
    assert found
    return found[1]


def test_python_sdk(signed_in: SignedIn, results: Results) -> None:
    command = [sys.executable, str(TOOLS / "sign.py")]
    check_sdk("Python SDK", version("oci"), command, signed_in, results)


def test_typescript_sdk(signed_in: SignedIn, install: ModuleType, results: Results) -> None:
    sdk = pinned("typescript/package.json", r'"oci-common": "(.+)"')
    check_sdk("TypeScript SDK", sdk, installed(install, "typescript"), signed_in, results)


@pytest.mark.usefixtures("nothing_shadows")
def test_java_sdk(signed_in: SignedIn, install: ModuleType, results: Results) -> None:
    sdk = pinned("java/pom.xml", r"<oci.version>(.+)</oci.version>")
    check_sdk("Java SDK", sdk, installed(install, "java"), signed_in, results)


@pytest.mark.slow  # a minute, the first time: a download of 245 MB, and compiling
@pytest.mark.usefixtures("nothing_shadows")
def test_go_sdk(signed_in: SignedIn, install: ModuleType, results: Results) -> None:
    sdk = pinned("go/go.mod", r"require github.com/oracle/oci-go-sdk/v65 v(\S+)")
    check_sdk("Go SDK", sdk, installed(install, "go"), signed_in, results)


# -- with a ~/.oci/config on the machine ----------------------------------------------------------------------


@pytest.fixture
def config_at_home(tmp_path: Path, another_key: Path) -> dict[str, str]:
    """A HOME with a ~/.oci/config of somebody else."""
    config = tmp_path / ".oci" / "config"
    config.parent.mkdir(mode=0o700)
    config.write_text(
        "[DEFAULT]\nuser=ocid1.user.oc1..another\ntenancy=ocid1.tenancy.oc1..another\nregion=us-phoenix-1\n"
        f"fingerprint={':'.join(['00'] * 16)}\nkey_file={another_key}\n",
        encoding="utf-8",
    )
    config.chmod(0o600)
    home = {"HOME": str(tmp_path)}
    assert environment.shadowing(home) == str(config)
    return home


def test_oci_cli_takes_the_session_all_the_same(signed_in: SignedIn, oci: str, config_at_home: dict[str, str]) -> None:
    done = signed_in.run(oci, "os", "ns", "get", "--endpoint", signed_in.emulator.endpoint, **config_at_home)
    check(done, signed_in)


def test_the_sdks_do_not(signed_in: SignedIn, install: ModuleType, config_at_home: dict[str, str]) -> None:
    """What the finding home-config-shadows is for."""
    for command in ([sys.executable, str(TOOLS / "sign.py")], installed(install, "typescript")):
        done = signed_in.run(*command, signed_in.emulator.endpoint, **config_at_home)
        assert done.code != 0
        assert done.requests
        assert all(record.key_id.startswith("ocid1.tenancy.oc1..another/") for record in done.requests)


# -- Ansible ------------------------------------------------------------------------------------------------

LOOKUP = """
import sys

import oci
from ansible_collections.oracle.oci.plugins.module_utils import oci_config_utils, oci_version


class Module:
    params = {"service_endpoint": sys.argv[1]}
    _verbosity = 0

    def fail_json(self, msg):
        raise SystemExit(msg)


client = oci_config_utils.create_service_client(Module(), oci.object_storage.ObjectStorageClient)
print(client.get_namespace().data, oci_version.__version__)
"""


@pytest.mark.slow  # and so in no run of CI: there is no registry to install it from
def test_ansible(signed_in: SignedIn, results: Results) -> None:
    """The collection's own lookup. It is on no package registry: install it (and ansible-core) for a Python, and
    name that one in OCICI_TEST_ANSIBLE_PYTHON, and the collection's place in ANSIBLE_COLLECTIONS_PATH."""
    results.forget("Ansible")
    interpreter = os.environ.get("OCICI_TEST_ANSIBLE_PYTHON", sys.executable)
    path = {"PYTHONPATH": os.environ.get("ANSIBLE_COLLECTIONS_PATH", "")}
    there = [interpreter, "-c", "import ansible_collections.oracle.oci.plugins.module_utils.oci_config_utils"]
    if subprocess.run(there, env={**os.environ, **path}, stdin=subprocess.DEVNULL, capture_output=True).returncode:
        pytest.skip("the collection oracle.oci is not installed")
    done = signed_in.run(interpreter, "-c", LOOKUP, signed_in.emulator.endpoint, **path)
    check(done, signed_in)
    assert done.stdout.split()[0] == signed_in.namespace()
    results.verified("Ansible", done.stdout.split()[1])
