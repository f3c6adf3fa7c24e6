"""The region tables and endpoints are the oci SDK's own, whatever the region."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import oci
import pytest
from oci import regions_definitions as sdk

from ocici import regions

ROOT = Path(__file__).resolve().parent.parent
METADATA = {
    "realmKey": "OC99",
    "realmDomainComponent": "oraclecloud99.example",
    "regionKey": "XYZ",
    "regionIdentifier": "xx-Newplace-1",
}
CLIENTS = {"objectstorage": oci.object_storage.ObjectStorageClient, "identity": oci.identity.IdentityClient}


def sdk_endpoint(service: str, region: str) -> str:
    """What the SDK's own client makes of `region`."""
    config = {
        "user": "ocid1.user.oc1..a",
        "tenancy": "ocid1.tenancy.oc1..a",
        "fingerprint": ":".join(["aa"] * 16),
        "key_file": "unused",
        "region": region,
    }
    return str(CLIENTS[service](config, signer=object()).base_client.get_endpoint())


def test_the_tables_are_current() -> None:
    spec = importlib.util.spec_from_file_location("make_regions", ROOT / "scripts" / "make_regions.py")
    assert spec is not None
    assert spec.loader is not None
    make_regions = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make_regions)
    text = make_regions.TARGET.read_text(encoding="utf-8")
    assert make_regions.generated(text) == text, "run: .venv/bin/python scripts/make_regions.py"


@pytest.mark.parametrize("service", CLIENTS)
def test_every_region_has_the_endpoint_that_the_sdk_makes(service: str) -> None:
    names = [*sdk.REGIONS, *sdk.REGIONS_SHORT_NAMES, "xx-unknown-7", "oci.example.com", "EU-Frankfurt-1", "FRA"]
    assert len(names) > 150
    assert {name: regions.endpoint(service, name) for name in names} == {
        name: sdk_endpoint(service, name) for name in names
    }


# The SDK reads these variables once a process, so each case asks it in a process of its own.
@pytest.mark.parametrize(
    "variables",
    [
        {"OCI_REGION_METADATA": json.dumps(METADATA)},
        {"OCI_REGION_METADATA": json.dumps({**METADATA, "realmKey": "oc2"})},
        {"OCI_REGION_METADATA": json.dumps({**METADATA, "regionIdentifier": "eu-frankfurt-1", "regionKey": "fra"})},
        {"OCI_REGION_METADATA": json.dumps({**METADATA, "realmKey": ""}), "OCI_DEFAULT_REALM": "fallback.example"},
        {"OCI_REGION_METADATA": "{not json"},
        {"OCI_REGION_METADATA": "[]"},
        {"OCI_DEFAULT_REALM": "fallback.example"},
        {"OCI_DEFAULT_REALM": ""},
    ],
    ids=["metadata", "known-realm", "known-region", "incomplete", "no-json", "no-object", "default-realm", "empty"],
)
def test_variables_count_as_in_the_sdk(variables: dict[str, str], tmp_path: Path) -> None:
    names = ["xx-newplace-1", "xyz", "xx-unknown-7", "eu-frankfurt-1", "fra"]
    program = (
        "import json, sys, oci\n"
        "from oci.regions import endpoint_for\n"
        "template = 'https://identity.{region}.oci.{secondLevelDomain}'\n"
        "print(json.dumps([endpoint_for('identity', region=name, service_endpoint_template=template)"
        " for name in sys.argv[1:]]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *names],
        env={**os.environ, "HOME": str(tmp_path), **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    assert [regions.endpoint("identity", name, variables) for name in names] == json.loads(done.stdout)


def test_resolve() -> None:
    assert regions.resolve(" FRA ") == ("eu-frankfurt-1", "oc1")
    assert regions.resolve("us-gov-phoenix-1") == ("us-gov-phoenix-1", "oc3")
    assert regions.resolve("XX-Newplace-1") == ("xx-newplace-1", None)
    assert regions.resolve("xyz", {"OCI_REGION_METADATA": json.dumps(METADATA)}) == ("xx-newplace-1", "oc99")
    assert regions.resolve("") == ("", None)


def test_metadata_that_would_make_the_sdk_crash_is_ignored() -> None:
    for value in ("7", '"text"', json.dumps({**METADATA, "regionKey": 7}), "[" * 100_000):
        assert regions.resolve("xyz", {"OCI_REGION_METADATA": value}) == ("xyz", None)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("eu-frankfrut-1", "eu-frankfurt-1"),
        ("eu_frankfurt_1", "eu-frankfurt-1"),
        ("eu-frankfurt", "eu-frankfurt-1"),
        ("Frankfurt", "eu-frankfurt-1"),
        ("Germany Central (Frankfurt)", "eu-frankfurt-1"),
        ("us-ashburn-3", "us-ashburn-1"),
        ("us-east-1", ""),
        ("somewhere else", ""),
        ("", ""),
    ],
)
def test_nearest(name: str, meant: str) -> None:
    assert regions.nearest(name) == meant
