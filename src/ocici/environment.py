"""Which variable each tool reads, in one table, and which ones a job may have that would override the session.

After `setup` these variables alone sign every tool in. Each was looked up in the tool's own source, which stands
beside it. The key is never among them: only its path. Standard library only.

Three decisions:

Terraform and Pulumi get `OCI_<NAME>` and not `TF_VAR_<name>`, which their provider reads first. Terraform hands
TF_VAR_region to any module with a variable "region", and such a module need not be about OCI at all. (Whoever has
modules that want tenancy_ocid and the like as inputs can leave them out: the provider finds them by itself.) Nothing
else wants TF_VAR_*: the Go SDK reads it only after the config file.

oci-cli gets the config and the profile's name and not OCI_CLI_USER and the like: these would override every other
profile too, and `oci --profile OTHER` would sign with a mixture. Terraform gets single fields, since it reads a
profile by name only from `~/.oci/config`.

What a tool does by default is not exported: `api_key` for OCI_CLI_AUTH, OCI_AUTH and OCI_ANSIBLE_AUTH_TYPE.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from ocici.regions import resolve

Value = Literal[
    "config_file", "profile", "user", "tenancy", "fingerprint", "region", "key_file", "session_dir"
]  # what setup prints as JSON, by the same names


@dataclass(frozen=True)
class Variable:
    """One exported variable: its `value` by the name that it has in setup's JSON, and for each tool that reads it
    the place in that tool's source (repository, path, symbol)."""

    name: str
    value: Value
    tools: Mapping[str, str]


_PROVIDER: Final = {
    "Terraform": "oracle/terraform-provider-oci internal/provider/provider.go SchemaMap (TF_VAR_<name>, OCI_<NAME>)",
    "Pulumi": "pulumi/pulumi-oci provider/resources.go Provider (which is Terraform's; its defaults are taken over by "
    "pulumi/pulumi-terraform-bridge pkg/tfbridge/schema.go)",
}

TABLE: Final[tuple[Variable, ...]] = (
    Variable(
        "OCI_CLI_CONFIG_FILE",
        "config_file",
        {"oci-cli": "oracle/oci-cli src/oci_cli/cli_constants.py OCI_CLI_PARAM_TO_ENV_MAP"},
    ),
    Variable(
        "OCI_CLI_PROFILE",
        "profile",
        {"oci-cli": "oracle/oci-cli src/oci_cli/cli_root.py cli"},
    ),
    Variable(
        "OCI_CONFIG_FILE",  # the SDKs use it where there is no ~/.oci/config, and read the profile DEFAULT
        "config_file",
        {
            "Python SDK": "oracle/oci-python-sdk src/oci/config.py _get_config_path_with_fallback",
            "Go SDK": "oracle/oci-go-sdk common/client.go getDefaultConfigFilePath",
            "Java SDK": "oracle/oci-java-sdk "
            "bmc-common/src/main/java/com/oracle/bmc/ConfigFileReader.java parseDefault",
            "TypeScript SDK": "oracle/oci-typescript-sdk lib/common/lib/config-file-reader.ts parseDefault",
            "Ansible": "oracle/oci-ansible-collection plugins/module_utils/oci_config_utils.py get_oci_config",
            "Terraform": "hashicorp/terraform internal/backend/remote-state/oci/auth.go getSdkConfigProvider "
            "(the state backend `oci`, by way of the Go SDK)",
        },
    ),
    Variable(
        "OCI_CONFIG_PROFILE",
        "profile",
        {"Ansible": "oracle/oci-ansible-collection plugins/module_utils/oci_config_utils.py get_oci_config"},
    ),
    Variable(
        "OCI_REGION",
        "region",
        {
            **_PROVIDER,
            "Ansible": "oracle/oci-ansible-collection plugins/module_utils/oci_config_utils.py get_oci_config",
            # These only where the config names no region, and the session's does.
            "Python SDK": "oracle/oci-python-sdk src/oci/config.py validate_config",
            "Go SDK": "oracle/oci-go-sdk common/configuration.go getRegionFromEnvVar",
            "Java SDK": "oracle/oci-java-sdk "
            "bmc-common/src/main/java/com/oracle/bmc/auth/ConfigFileAuthenticationDetailsProvider.java "
            "getRegionFromConfigFile",
            "TypeScript SDK": "oracle/oci-typescript-sdk lib/common/lib/auth/config-file-auth.ts createConfigFileAuth",
        },
    ),
    Variable("OCI_TENANCY_OCID", "tenancy", _PROVIDER),
    Variable("OCI_USER_OCID", "user", _PROVIDER),
    Variable("OCI_FINGERPRINT", "fingerprint", _PROVIDER),
    Variable("OCI_PRIVATE_KEY_PATH", "key_file", _PROVIDER),
    Variable("OCICI_SESSION_DIR", "session_dir", {"ocici": "docs/COMMANDS.md cleanup"}),
)


def variables(
    *,
    config_file: str,
    profile: str,
    user: str,
    tenancy: str,
    fingerprint: str,
    region: str,
    key_file: str,
    session_dir: str,
) -> dict[str, str]:
    """What to export, in the table's order. The parameters are setup's JSON fields of the selected profile."""
    values: dict[Value, str] = {
        "config_file": config_file,
        "profile": profile,
        "user": user,
        "tenancy": tenancy,
        "fingerprint": fingerprint,
        "region": region,
        "key_file": key_file,
        "session_dir": session_dir,
    }
    return {variable.name: values[variable.value] for variable in TABLE}


# -- what a job may have set already ----------------------------------------------------------------------

# Secrets that `exec` takes out of its command's environment: the session's key file holds what is needed of them.
SECRETS: Final = (
    "OCICI_PRIVATE_KEY",
    "OCICI_PASS_PHRASE",
    "OCICI_CREDENTIALS",
    "OCICI_CONFIG",
    "OCI_CLI_KEY_CONTENT",
    "OCI_CLI_PASSPHRASE",
    "OCI_PRIVATE_KEY",
    "OCI_PRIVATE_KEY_PASSWORD",
    "OCI_USER_KEY_PASS_PHRASE",
    "TF_VAR_private_key",
    "TF_VAR_private_key_password",
)

# Where ocici reads credentials too (docs/COMMANDS.md). oci-cli would prefer them to any profile of the session,
# and a key file whose pass phrase is among SECRETS would no longer open.
_SOURCES: Final = ("OCI_CLI_USER", "OCI_CLI_TENANCY", "OCI_CLI_FINGERPRINT", "OCI_CLI_REGION", "OCI_CLI_KEY_FILE")


def child(environ: Mapping[str, str], exported: Mapping[str, str]) -> dict[str, str]:
    """The environment of `exec`'s command: `environ` without the secrets and oci-cli's own credentials, and with
    what is `exported`."""
    taken = {*SECRETS, *_SOURCES}
    return {name: value for name, value in environ.items() if name not in taken} | dict(exported)


@dataclass(frozen=True)
class _Override:
    """A variable that a tool prefers to the session: unless it equals the session's own `value` (empty: whatever it
    holds), or one of the `harmless` ones, in any case. `empty`: it does so even when empty."""

    name: str
    tools: tuple[str, ...]
    value: Value | Literal[""] = ""
    harmless: tuple[str, ...] = ()
    empty: bool = False


_TERRAFORM: Final = ("Terraform", "Pulumi")

# oci-cli's rows were tried out (an empty OCI_CLI_USER is "malformed", an empty OCI_CLI_AUTH an "invalid choice";
# pass phrases and token files do nothing to a profile with a plain key); the others are read from the places above.
_OVERRIDES: Final = (
    _Override("OCI_CLI_USER", ("oci-cli",), "user", empty=True),
    _Override("OCI_CLI_TENANCY", ("oci-cli",), "tenancy", empty=True),
    _Override("OCI_CLI_FINGERPRINT", ("oci-cli",), "fingerprint", empty=True),
    _Override("OCI_CLI_REGION", ("oci-cli",), "region"),
    _Override("OCI_CLI_KEY_FILE", ("oci-cli",), "key_file", empty=True),
    _Override("OCI_CLI_KEY_CONTENT", ("oci-cli",)),
    _Override("OCI_CLI_AUTH", ("oci-cli",), harmless=("api_key",), empty=True),
    _Override("TF_VAR_auth", _TERRAFORM, harmless=("apikey",)),
    _Override("TF_VAR_tenancy_ocid", _TERRAFORM, "tenancy"),
    _Override("TF_VAR_user_ocid", _TERRAFORM, "user"),
    _Override("TF_VAR_fingerprint", _TERRAFORM, "fingerprint"),
    _Override("TF_VAR_region", _TERRAFORM, "region"),
    _Override("TF_VAR_private_key", _TERRAFORM),
    _Override("TF_VAR_private_key_path", _TERRAFORM, "key_file"),
    _Override("TF_VAR_config_file_profile", _TERRAFORM),
    _Override("OCI_AUTH", _TERRAFORM, harmless=("apikey",)),
    _Override("OCI_PRIVATE_KEY", _TERRAFORM),
    _Override("OCI_CONFIG_FILE_PROFILE", _TERRAFORM),
    _Override("OCI_USER_ID", ("Ansible",), "user"),
    _Override("OCI_USER_FINGERPRINT", ("Ansible",), "fingerprint"),
    _Override("OCI_USER_KEY_FILE", ("Ansible",), "key_file"),
    _Override("OCI_TENANCY", ("Ansible",), "tenancy"),
    _Override("OCI_ANSIBLE_AUTH_TYPE", ("Ansible",), harmless=("api_key",)),
)


def overriding(
    environ: Mapping[str, str], exported: Mapping[str, str], sources: Collection[str] = ()
) -> list[tuple[str, tuple[str, ...]]]:
    """The variables of `environ` that make a tool use something else than the session, each with those tools.

    `exported` is what `variables` gave: it replaces a job's own of the same name. `sources` are the variables that the
    session was read from: they say the same as the session, and may be gone in the next step anyway.
    """
    session = {variable.value: exported[variable.name] for variable in TABLE if variable.name in exported}
    return [
        (override.name, override.tools)
        for override in _OVERRIDES
        if override.name in environ
        and override.name not in sources
        and _overrides(override, environ[override.name], session)
    ]


def _overrides(override: _Override, given: str, session: Mapping[Value, str]) -> bool:
    if not given:
        return override.empty
    if override.value == "region":
        return resolve(given)[0] != session.get("region")
    if override.value:
        return given != session.get(override.value)
    return given.lower() not in override.harmless


def shadowing(environ: Mapping[str, str]) -> str:
    """The path of a `~/.oci/config`, which the SDKs read before OCI_CONFIG_FILE; "" if there is none.

    Python and TypeScript take the home folder from HOME, Go and Java from the user database, whatever HOME says.
    """
    homes = [environ.get("USERPROFILE" if os.name == "nt" else "HOME", ""), _database_home()]
    paths = [str(Path(home, ".oci", "config")) for home in homes if home]
    # os.path says False for what may not be read, as the SDKs do; Path.is_file would raise.
    return next((path for path in paths if os.path.isfile(path)), "")  # noqa: PTH113


def _database_home() -> str:
    try:
        import pwd  # not on Windows

        return pwd.getpwuid(os.getuid()).pw_dir
    except (ImportError, KeyError):  # a container may run as a user that the database does not know
        return ""
