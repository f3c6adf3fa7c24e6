"""The real oci SDK and the real oci-cli against the emulator: what they sign is verified."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from ocici.emulator import Emulator


@pytest.fixture(scope="session")
def private_pem(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.fixture
def config(tenancy: str, user: str, fingerprint: str, private_pem: str) -> dict[str, str]:
    return {
        "tenancy": tenancy,
        "user": user,
        "fingerprint": fingerprint,
        "region": "eu-frankfurt-1",
        "key_content": private_pem,
    }


@pytest.fixture
def oci(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The SDK, imported only by the tests that want it, with its own retries off."""
    import oci

    monkeypatch.setattr(oci.retry, "GLOBAL_RETRY_STRATEGY", oci.retry.NoneRetryStrategy())
    return oci


def test_the_sdk_gets_the_namespace(oci: Any, emulator: Emulator, config: dict[str, str], tenancy: str) -> None:
    client = oci.object_storage.ObjectStorageClient(config, service_endpoint=emulator.endpoint)
    answer = client.get_namespace(opc_client_request_id="mine")
    assert answer.data == emulator.namespace(tenancy)
    assert answer.status == 200
    assert len(answer.request_id.split("/")) == 3
    [seen] = emulator.requests
    assert (seen.verified, seen.status, seen.path) == (True, 200, "/n")


def test_the_sdk_manages_keys(oci: Any, emulator: Emulator, config: dict[str, str], user: str) -> None:
    client = oci.identity.IdentityClient(config, service_endpoint=emulator.endpoint)
    assert "eu-frankfurt-1" in [region.name for region in client.list_regions().data]
    assert client.get_user(user).data.lifecycle_state == "ACTIVE"
    pems = [
        rsa.generate_private_key(65537, 2048).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        for _ in range(3)
    ]
    details = [oci.identity.models.CreateApiKeyDetails(key=pem.decode()) for pem in pems]
    uploaded = [client.upload_api_key(user, one).data for one in details[:2]]
    assert {key.lifecycle_state for key in uploaded} == {"CREATING"}
    with pytest.raises(oci.exceptions.ServiceError) as caught:
        client.upload_api_key(user, details[2])
    assert (caught.value.status, caught.value.code) == (400, "LimitExceeded")
    client.delete_api_key(user, uploaded[0].fingerprint)
    listed = client.list_api_keys(user).data
    assert [key.fingerprint for key in listed] == [config["fingerprint"], uploaded[1].fingerprint]
    assert listed[1].time_created.year >= 2024
    with pytest.raises(oci.exceptions.ServiceError) as caught:
        client.delete_api_key(user, uploaded[0].fingerprint)
    assert (caught.value.status, caught.value.code) == (404, "NotAuthorizedOrNotFound")
    assert all(record.verified for record in emulator.requests)


def test_the_sdk_with_another_key(
    oci: Any, emulator: Emulator, config: dict[str, str], other_key: rsa.RSAPrivateKey
) -> None:
    other = other_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    client = oci.object_storage.ObjectStorageClient(
        {**config, "key_content": other}, service_endpoint=emulator.endpoint
    )
    with pytest.raises(oci.exceptions.ServiceError) as caught:
        client.get_namespace()
    assert (caught.value.status, caught.value.code) == (401, "NotAuthenticated")
    assert caught.value.message == "Failed to verify the HTTP(S) Signature"
    assert caught.value.request_id


def test_the_cli(
    emulator: Emulator, tmp_path: Path, tenancy: str, user: str, fingerprint: str, private_pem: str, other_pem: bytes
) -> None:
    key_file, config_file, public = tmp_path / "key.pem", tmp_path / "config", tmp_path / "public.pem"
    for path, text in (
        (key_file, private_pem + "OCI_API_KEY\n"),
        (public, other_pem.decode()),
        (
            config_file,
            f"[DEFAULT]\nuser={user}\ntenancy={tenancy}\nfingerprint={fingerprint}\n"
            f"region=eu-frankfurt-1\nkey_file={key_file}\n",
        ),
    ):
        path.touch(0o600)
        path.write_text(text)

    def run(*arguments: str) -> Any:
        program = str(Path(sys.executable).with_name("oci"))
        done = subprocess.run(
            [program, *arguments, "--config-file", str(config_file), "--endpoint", emulator.endpoint],
            env={"HOME": str(tmp_path), "PATH": os.environ["PATH"]},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout)

    assert run("os", "ns", "get") == {"data": emulator.namespace(tenancy)}
    uploaded = run("iam", "user", "api-key", "upload", "--user-id", user, "--key-file", str(public))
    assert uploaded["data"]["key-id"] == f"{tenancy}/{user}/{uploaded['data']['fingerprint']}"
    assert [(record.verified, record.method, record.status) for record in emulator.requests] == [
        (True, "GET", 200),
        (True, "POST", 200),
    ]
