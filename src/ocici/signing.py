"""Signs requests as OCI wants them signed, without the SDK: one GET must not cost its 0.5 s of import.

The scheme is draft-cavage-http-signatures-08 with OCI's choice of headers and `version="1"`
(https://docs.oracle.com/en-us/iaas/Content/API/Concepts/signingrequests.htm). Which header is added, what is signed
and in which order follow the SDK's signer (oci.signer.AbstractBaseSigner); tests/test_signing.py holds the two
against each other, byte for byte.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from email.utils import formatdate
from typing import Final
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ocici.credentials import Secret

_ALWAYS: Final = ("date", "(request-target)", "host")
_WITH_BODY: Final = (*_ALWAYS, "content-length", "content-type", "x-content-sha256")
_BODY_METHODS: Final = ("post", "put", "patch")
_METHODS: Final = ("get", "head", "delete", *_BODY_METHODS)


def load(pem: Secret) -> RSAPrivateKey:
    """The key of `pem`, clean PEM as the checks leave it (`pem.load`).

    The numbers of the key are not checked again: that costs 26 ms a key, and the checks have done it. Raises
    ValueError for what is not PEM, TypeError for a key that is encrypted or not RSA; ocici hands over neither.
    """
    key = load_pem_private_key(pem.reveal(), None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, RSAPrivateKey):
        raise TypeError("not an RSA key")
    return key


def sign(
    method: str, url: str, headers: Mapping[str, str], body: str | bytes | None, key_id: str, key: RSAPrivateKey
) -> dict[str, str]:
    """The headers to send with the request, their names in lower case: `headers`, what was missing, `authorization`.

    Parameters: `method` in any case; `url` as it is sent, already encoded; `headers` in any case, of which `date`
    (`Thu, 05 Jan 2014 21:31:40 GMT`) and `host` are made when they are missing; `key_id`,
    `TENANCY/USER/FINGERPRINT`. Raises ValueError for a method that OCI does not sign, UnicodeEncodeError for a
    signed header or URL that is not ASCII.
    """
    verb = method.lower()
    if verb not in _METHODS:
        raise ValueError(f"requests of method {method} are not signed")
    signed = {name.lower(): value for name, value in headers.items()}
    signed.setdefault("date", formatdate(usegmt=True))
    signed.setdefault("host", urlsplit(url).netloc)
    signed.setdefault("content-type", "application/json")  # also where there is no body, as the SDK does
    names: tuple[str, ...] = _ALWAYS
    if verb in _BODY_METHODS:
        names = _WITH_BODY
        content = body.encode() if isinstance(body, str) else body or b""
        signed.setdefault("content-length", str(len(content)))
        signed.setdefault("x-content-sha256", base64.b64encode(hashlib.sha256(content).digest()).decode())
    text = _signing_string(verb, url, signed, names).encode("ascii")
    signature = base64.b64encode(key.sign(text, PKCS1v15(), SHA256())).decode()
    signed["authorization"] = (
        f'Signature algorithm="rsa-sha256",headers="{" ".join(names)}",keyId="{key_id}",'
        f'signature="{signature}",version="1"'
    )
    return signed


def _signing_string(verb: str, url: str, headers: Mapping[str, str], names: tuple[str, ...]) -> str:
    """What is signed: one `name: value` line for each of `names`."""
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    # The host is the URL's, whatever a host header says: so the SDK signs, and so the server sees it.
    values = {**headers, "(request-target)": f"{verb} {target}", "host": parts.netloc}
    return "\n".join(f"{name}: {values[name]}" for name in names)
