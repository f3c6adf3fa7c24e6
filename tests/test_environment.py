"""The table of variables: held against the tools' installed sources where there are some, and in itself.

That the variables do sign the real tools in is shown by tests/interop/.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import os
import subprocess
import sys
from pathlib import Path

import oci.config
import pytest

from ocici import environment

SESSION = {
    "config_file": "/run/s/config",
    "profile": "DEFAULT",
    "user": "ocid1.user.oc1..aaaa",
    "tenancy": "ocid1.tenancy.oc1..aaaa",
    "fingerprint": "20:3b:97:13:55:1c:5b:0d:d3:37:d8:50:4e:c5:3a:34",
    "region": "eu-frankfurt-1",
    "key_file": "/run/s/DEFAULT.pem",
    "session_dir": "/run/s",
}
EXPORTED = environment.variables(**SESSION)
TOOLS = {
    "oci-cli",
    "Python SDK",
    "Go SDK",
    "Java SDK",
    "TypeScript SDK",
    "Terraform",
    "Pulumi",
    "Ansible",
    "ocici",
}


def test_what_is_exported() -> None:
    assert list(EXPORTED.items()) == [
        ("OCI_CLI_CONFIG_FILE", "/run/s/config"),
        ("OCI_CLI_PROFILE", "DEFAULT"),
        ("OCI_CONFIG_FILE", "/run/s/config"),
        ("OCI_CONFIG_PROFILE", "DEFAULT"),
        ("OCI_REGION", "eu-frankfurt-1"),
        ("OCI_TENANCY_OCID", "ocid1.tenancy.oc1..aaaa"),
        ("OCI_USER_OCID", "ocid1.user.oc1..aaaa"),
        ("OCI_FINGERPRINT", "20:3b:97:13:55:1c:5b:0d:d3:37:d8:50:4e:c5:3a:34"),
        ("OCI_PRIVATE_KEY_PATH", "/run/s/DEFAULT.pem"),
        ("OCICI_SESSION_DIR", "/run/s"),
    ]


def test_every_variable_is_read_by_a_tool_and_says_where() -> None:
    assert {tool for variable in environment.TABLE for tool in variable.tools} == TOOLS
    for variable in environment.TABLE:
        assert variable.tools, variable.name
        for tool, source in variable.tools.items():
            repository, path = source.split()[:2] if tool != "ocici" else ("", source.split()[0])
            assert tool == "ocici" or repository.count("/") == 1, source
            assert "." in Path(path).name, source
    assert len({variable.name for variable in environment.TABLE}) == len(environment.TABLE)


def test_no_secret_is_exported() -> None:
    assert not set(environment.SECRETS) & set(EXPORTED)
    assert not any("content" in name.lower() or "pass" in name.lower() for name in EXPORTED)


# -- against the installed sources --------------------------------------------------------------------------


def oci_cli_source(module: str) -> ast.Module:
    """The source of one module of oci-cli, parsed and not imported (importing it takes a second)."""
    spec = importlib.util.find_spec("oci_cli")
    assert spec is not None
    assert spec.submodule_search_locations
    return ast.parse((Path(spec.submodule_search_locations[0]) / f"{module}.py").read_text(encoding="utf-8"))


def oci_cli_names() -> dict[str, str]:
    """oci-cli's constants that name a variable, by constant: {"OCI_CLI_USER_ENV_VAR": "OCI_CLI_USER"}."""
    return {
        node.targets[0].id: node.value.value
        for node in oci_cli_source("cli_constants").body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
        and node.targets[0].id.endswith("_ENV_VAR")
    }


def looked_up_in_environ(module: str) -> set[str]:
    """The constants with which a module of oci-cli subscripts os.environ, asks whether they are in it, or maps to
    a field of the config."""
    used: set[str] = set()
    for node in ast.walk(oci_cli_source(module)):
        if isinstance(node, (ast.Subscript, ast.Compare)) and "os.environ" in ast.unparse(node):
            used |= {name.attr for name in ast.walk(node) if isinstance(name, ast.Attribute)}
        if isinstance(node, ast.Dict):
            used |= {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}
    return used


def test_oci_cli_reads_what_the_table_says() -> None:
    names = oci_cli_names()
    used = looked_up_in_environ("cli_root") | looked_up_in_environ("cli_util") | looked_up_in_environ("cli_constants")
    read = {name for constant, name in names.items() if constant in used}
    ours = [variable.name for variable in environment.TABLE if "oci-cli" in variable.tools]
    assert ours == ["OCI_CLI_CONFIG_FILE", "OCI_CLI_PROFILE"]
    assert set(ours) <= read
    assert {override.name for override in environment._OVERRIDES if "oci-cli" in override.tools} <= read


def test_the_python_sdk_reads_what_the_table_says() -> None:
    ours = [variable.name for variable in environment.TABLE if "Python SDK" in variable.tools]
    assert sorted(ours) == sorted([oci.config.CONFIG_FILE_PATH_ENV_VAR_NAME, oci.config.REGION_ENV_VAR_NAME])
    source = inspect.getsource(oci.config)
    assert "os.environ.get(CONFIG_FILE_PATH_ENV_VAR_NAME)" in source
    assert "os.environ.get(REGION_ENV_VAR_NAME)" in source


# -- what a job has set already -----------------------------------------------------------------------------


def names(environ: dict[str, str], sources: tuple[str, ...] = ()) -> list[str]:
    return [name for name, _ in environment.overriding(environ, EXPORTED, sources)]


def test_a_job_without_oci_variables_overrides_nothing() -> None:
    assert environment.overriding({"PATH": "/bin", "HOME": "/root", "REGION": "x"}, EXPORTED) == []


def test_values_that_are_the_sessions_own_override_nothing() -> None:
    assert not names(
        {
            "OCI_CLI_USER": SESSION["user"],
            "OCI_CLI_TENANCY": SESSION["tenancy"],
            "OCI_CLI_FINGERPRINT": SESSION["fingerprint"],
            "OCI_CLI_REGION": "FRA",
            "OCI_CLI_KEY_FILE": SESSION["key_file"],
            "OCI_CLI_AUTH": "api_key",
            "TF_VAR_auth": "ApiKey",
            "TF_VAR_region": SESSION["region"],
            "OCI_ANSIBLE_AUTH_TYPE": "api_key",
            "OCI_TENANCY": SESSION["tenancy"],
        }
    )


def test_values_of_another_identity_override_it() -> None:
    environ = {
        "TF_VAR_user_ocid": "ocid1.user.oc1..other",
        "OCI_CLI_USER": "ocid1.user.oc1..other",
        "OCI_CLI_REGION": "us-phoenix-1",
        "OCI_TENANCY": "ocid1.tenancy.oc1..other",
    }
    assert environment.overriding(environ, EXPORTED) == [
        ("OCI_CLI_USER", ("oci-cli",)),
        ("OCI_CLI_REGION", ("oci-cli",)),
        ("TF_VAR_user_ocid", ("Terraform", "Pulumi")),
        ("OCI_TENANCY", ("Ansible",)),
    ]


def test_keys_and_other_ways_to_sign_override_it() -> None:
    environ = {
        "OCI_CLI_KEY_CONTENT": "key",
        "OCI_CLI_AUTH": "security_token",
        "TF_VAR_private_key": "key",
        "TF_VAR_auth": "InstancePrincipal",
        "OCI_PRIVATE_KEY": "key",
        "OCI_CONFIG_FILE_PROFILE": "DEFAULT",
        "OCI_ANSIBLE_AUTH_TYPE": "instance_principal",
    }
    assert set(names(environ)) == set(environ)


def test_empty_values_count_for_oci_cli_alone() -> None:
    """A secret that is missing arrives as an empty variable."""
    empty = {override.name: "" for override in environment._OVERRIDES}
    assert names(empty) == [
        "OCI_CLI_USER",
        "OCI_CLI_TENANCY",
        "OCI_CLI_FINGERPRINT",
        "OCI_CLI_KEY_FILE",
        "OCI_CLI_AUTH",
    ]


def test_what_is_exported_is_no_override_since_it_replaces_the_jobs_own() -> None:
    assert not {override.name for override in environment._OVERRIDES} & set(EXPORTED)


def test_the_sessions_sources_override_nothing() -> None:
    environ = {"OCI_CLI_KEY_CONTENT": "key"}
    assert names(environ, sources=("OCI_CLI_KEY_CONTENT",)) == []
    assert names(environ) == ["OCI_CLI_KEY_CONTENT"]


def test_the_child_of_exec_gets_the_session_and_no_secret() -> None:
    environ = {
        "PATH": "/bin",
        **dict.fromkeys(environment.SECRETS, "secret"),
        "OCI_CLI_KEY_FILE": "/elsewhere",
        "OCI_CLI_CONFIG_FILE": "/elsewhere",
        "TF_VAR_region": "us-phoenix-1",
    }
    assert environment.child(environ, EXPORTED) == {"PATH": "/bin", "TF_VAR_region": "us-phoenix-1", **EXPORTED}
    overriding = environment.overriding(environment.child(environ, EXPORTED), EXPORTED)
    assert [name for name, _ in overriding] == ["TF_VAR_region"]


# -- ~/.oci/config ------------------------------------------------------------------------------------------


def with_config(home: Path) -> Path:
    (home / ".oci").mkdir(parents=True)
    config = home / ".oci" / "config"
    config.write_text("[DEFAULT]\n", encoding="utf-8")
    return config


def test_a_config_in_either_home_shadows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, database = tmp_path / "home", tmp_path / "database"
    monkeypatch.setattr(environment, "_database_home", lambda: str(database))
    assert environment.shadowing({"HOME": str(home)}) == ""
    assert environment.shadowing({}) == ""
    there = with_config(database)
    assert environment.shadowing({"HOME": str(home)}) == str(there)
    assert environment.shadowing({}) == str(there)
    assert environment.shadowing({"HOME": str(home)}) == str(there)
    nearer = with_config(home)
    assert environment.shadowing({"HOME": str(home)}) == str(nearer)


def test_a_home_that_may_not_be_read_shadows_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "_database_home", lambda: "")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert environment.shadowing({"HOME": str(tmp_path / "loop")}) == ""
    assert environment.shadowing({"HOME": str(tmp_path / ("x" * 300))}) == ""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no user database of this kind")
def test_the_database_home_is_what_the_database_says() -> None:
    import pwd

    assert environment._database_home() == pwd.getpwuid(os.getuid()).pw_dir


def test_the_module_needs_the_standard_library_alone() -> None:
    program = (
        "import sys, ocici.environment\n"
        "standard = set(sys.stdlib_module_names) | {'ocici', '__main__'}\n"
        "print(sorted({name.split('.')[0] for name in sys.modules if '_distutils' not in name} - standard))"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", program],
        env={"PYTHONPATH": str(Path(environment.__file__).parent.parent)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
