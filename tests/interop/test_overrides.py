"""The table's overrides (ocici/environment.py), tried out on the real oci-cli."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ocici import environment

if TYPE_CHECKING:
    from tests.interop.conftest import Done, SignedIn

# A value for each row that is not the session's own.
ANOTHER = {
    "OCI_CLI_USER": "ocid1.user.oc1..another",
    "OCI_CLI_TENANCY": "ocid1.tenancy.oc1..another",
    "OCI_CLI_FINGERPRINT": ":".join(["00"] * 16),
    "OCI_CLI_REGION": "us-phoenix-1",
    "OCI_CLI_KEY_FILE": "(the file of another key)",
    "OCI_CLI_KEY_CONTENT": "(another key)",
    "OCI_CLI_AUTH": "security_token",
}
ROWS = [override for override in environment._OVERRIDES if "oci-cli" in override.tools]


def cli(signed_in: SignedIn, oci: str, **more: str) -> Done:
    return signed_in.run(oci, "os", "ns", "get", "--endpoint", signed_in.emulator.endpoint, **more)


def test_every_row_is_tried() -> None:
    assert sorted(ANOTHER) == sorted(override.name for override in ROWS)


@pytest.mark.parametrize("name", [name for name in ANOTHER if name != "OCI_CLI_REGION"])
def test_another_value_overrides(name: str, signed_in: SignedIn, oci: str, another_key: Path) -> None:
    value = {
        "OCI_CLI_KEY_FILE": str(another_key),
        "OCI_CLI_KEY_CONTENT": another_key.read_text(encoding="utf-8"),
    }.get(name, ANOTHER[name])
    done = cli(signed_in, oci, **{name: value})
    assert done.code != 0
    assert not any(record.verified for record in done.requests)


def test_another_region_overrides(signed_in: SignedIn, oci: str) -> None:
    """The region does not show at an endpoint of our own: oci-cli says in its debug output where it would go."""
    command = [oci, "os", "ns", "get", "--debug", "--connection-timeout", "1", "--no-retry"]
    proxy = {"HTTPS_PROXY": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}  # nothing leaves this machine
    done = signed_in.run(*command, OCI_CLI_REGION="us-phoenix-1", **proxy)
    assert "objectstorage.us-phoenix-1.oraclecloud.com" in done.stdout + done.stderr
    assert done.requests == []


@pytest.mark.parametrize("override", ROWS, ids=lambda override: override.name)
def test_what_an_empty_value_does(override: environment._Override, signed_in: SignedIn, oci: str) -> None:
    done = cli(signed_in, oci, **{override.name: ""})
    assert (done.code != 0) == override.empty
    assert [record.verified for record in done.requests] == ([] if override.empty else [True])


@pytest.mark.parametrize(
    "harmless",
    [
        {"OCI_CLI_AUTH": "api_key"},
        {"OCI_CLI_PASSPHRASE": "left over"},
        {"OCI_CLI_SECURITY_TOKEN_FILE": "/nowhere"},
        {"OCI_CLI_DELEGATION_TOKEN_FILE": "/nowhere"},
    ],
    ids=lambda harmless: next(iter(harmless)),
)
def test_what_is_not_in_the_table_does_nothing(harmless: dict[str, str], signed_in: SignedIn, oci: str) -> None:
    assert environment.overriding(harmless, signed_in.variables) == []
    done = cli(signed_in, oci, **harmless)
    assert done.code == 0, done.stderr
    assert [record.verified for record in done.requests] == [True]
