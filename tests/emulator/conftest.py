"""What the emulator's tests share: a key pair, a running emulator, and requests signed by hand.

The signer here is a third one, beside the SDK's and the verifier: written out plainly, so that a test can
leave out or falsify each part.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from email.utils import format_datetime
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ocici.emulator import Emulator
from ocici.emulator.verify import Request

TENANCY = "ocid1.tenancy.oc1..aaaaaaaaexampletenancy"
USER = "ocid1.user.oc1..aaaaaaaaexampleuser"


def _public(key: rsa.RSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.fixture(scope="session")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="session")
def other_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="session")
def public_pem(key: rsa.RSAPrivateKey) -> bytes:
    return _public(key)


@pytest.fixture(scope="session")
def other_pem(other_key: rsa.RSAPrivateKey) -> bytes:
    return _public(other_key)


@pytest.fixture(scope="session")
def fingerprint(key: rsa.RSAPrivateKey) -> str:
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.md5(der).digest().hex(":")


@pytest.fixture(scope="session")
def tenancy() -> str:
    return TENANCY


@pytest.fixture(scope="session")
def user() -> str:
    return USER


@pytest.fixture(scope="session")
def key_id(fingerprint: str) -> str:
    return f"{TENANCY}/{USER}/{fingerprint}"


@pytest.fixture
def emulator(public_pem: bytes) -> Iterator[Emulator]:
    with Emulator() as running:
        running.register(TENANCY, USER, public_pem)
        yield running


@pytest.fixture(scope="session")
def signed(key: rsa.RSAPrivateKey, key_id: str) -> Callable[..., Request]:
    """A function that makes a signed request; `names` are the headers that it signs, `without` those it lacks."""

    def make(
        method: str = "GET",
        target: str = "/n",
        body: bytes = b"",
        *,
        host: str = "127.0.0.1",
        date: str = "",
        digest: str = "",
        extra: tuple[tuple[str, str], ...] = (),
        names: tuple[str, ...] = (),
        without: tuple[str, ...] = (),
        key: rsa.RSAPrivateKey = key,
        key_id: str = key_id,
        version: str = 'version="1",',
        algorithm: str = "rsa-sha256",
    ) -> Request:
        headers = {
            "date": date or format_datetime(datetime.now(timezone.utc), usegmt=True),
            "host": host,
            **dict(extra),
        }
        if method in ("POST", "PUT", "PATCH"):
            headers["content-length"] = str(len(body))
            headers["content-type"] = "application/json"
            headers["x-content-sha256"] = digest or base64.b64encode(hashlib.sha256(body).digest()).decode()
        names = names or ("(request-target)", *headers)
        values = {**headers, "(request-target)": f"{method.lower()} {target}"}
        text = "\n".join(f"{name}: {values.get(name, '')}" for name in names)
        signature = base64.b64encode(key.sign(text.encode("latin-1"), padding.PKCS1v15(), SHA256())).decode()
        headers["authorization"] = (
            f'Signature {version}keyId="{key_id}",algorithm="{algorithm}",headers="{" ".join(names)}",'
            f'signature="{signature}"'
        )
        return Request(method, target, [item for item in headers.items() if item[0] not in without], body)

    return make


Sent = tuple[int, http.client.HTTPMessage, bytes]


@pytest.fixture
def send(emulator: Emulator) -> Callable[[Request], Sent]:
    """A function that sends a request to the emulator just as it is: status, headers and body of the answer."""

    def over_http(request: Request) -> Sent:
        connection = http.client.HTTPConnection(urlsplit(emulator.endpoint).netloc, timeout=10)
        try:
            connection.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
            for name, value in request.headers:
                connection.putheader(name, value)
            connection.endheaders(request.body or None)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    return over_http
