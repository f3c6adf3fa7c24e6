"""What the emulator knows: keys and their limits."""

from __future__ import annotations

import re

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from ocici.emulator import Emulator
from ocici.emulator.state import KeyExistsError, KeyRefusedError, LimitError, State, namespace

TENANCY, USER = "ocid1.tenancy.oc1..a", "ocid1.user.oc1..b"


def pem(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.fixture(scope="module")
def pems(public_pem: bytes, other_pem: bytes) -> list[bytes]:
    return [public_pem, other_pem, *(pem(rsa.generate_private_key(65537, 2048).public_key()) for _ in range(2))]


def test_register_gives_the_fingerprint(public_pem: bytes, fingerprint: str) -> None:
    assert Emulator().register(TENANCY, USER, public_pem) == fingerprint
    assert re.fullmatch(r"([0-9a-f]{2}:){15}[0-9a-f]{2}", fingerprint)


def test_three_keys_a_user(pems: list[bytes]) -> None:
    state = State()
    for public_pem in pems[:3]:
        state.put(TENANCY, USER, public_pem)
    with pytest.raises(LimitError):
        state.put(TENANCY, USER, pems[3])
    with pytest.raises(LimitError):
        state.upload(TENANCY, USER, pems[3], 0)
    state.put(TENANCY, USER, pems[0], "INACTIVE")  # the same key again is no fourth one
    state.put(TENANCY, "ocid1.user.oc1..c", pems[3])
    state.put("ocid1.tenancy.oc1..d", USER, pems[3])
    first = state.keys(TENANCY, USER)[0]
    assert first.lifecycle == "INACTIVE"
    assert state.delete(TENANCY, USER, first.fingerprint)
    assert not state.delete(TENANCY, USER, first.fingerprint)
    assert state.key(first.key_id) is None
    with pytest.raises(KeyExistsError):
        state.upload(TENANCY, USER, pems[1], 0)
    state.upload(TENANCY, USER, pems[3], 0)


def test_keys_that_oci_would_not_take(key: rsa.RSAPrivateKey, public_pem: bytes) -> None:
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    elliptic = pem(ec.generate_private_key(ec.SECP256R1()).public_key())
    short = pem(rsa.generate_private_key(65537, 1024).public_key())
    for public_pem_ in (private, elliptic, short, b"", b"\xff", public_pem[:200]):
        with pytest.raises(KeyRefusedError):
            Emulator().register(TENANCY, USER, public_pem_)


@pytest.mark.parametrize(("tenancy", "user"), [("", USER), (TENANCY, ""), ("a/b", USER), (TENANCY, 'a"'), ("é", USER)])
def test_names_that_cannot_be(tenancy: str, user: str, public_pem: bytes) -> None:
    with pytest.raises(ValueError, match="OCIDs"):
        Emulator().register(tenancy, user, public_pem)


def test_a_lifecycle_that_is_none(public_pem: bytes) -> None:
    with pytest.raises(ValueError, match="CREATING, ACTIVE"):
        Emulator().register(TENANCY, USER, public_pem, "READY")


def test_a_namespace_a_tenancy() -> None:
    assert namespace(TENANCY) == Emulator().namespace(TENANCY)
    assert namespace(TENANCY) != namespace(TENANCY + "x")
    assert re.fullmatch(r"[a-z0-9]{12}", namespace(TENANCY))
