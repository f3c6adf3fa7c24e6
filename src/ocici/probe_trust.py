"""The CAs that the probe trusts, by the usual variables.

Both transports take them from here, so that a CA that one of them finds the other finds too. Where the variables come
from: Requests ("SSL Cert Verification"), OpenSSL (SSL_CERT_FILE, SSL_CERT_DIR) and oci-cli (OCI_CLI_CERT_BUNDLE).
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ocici.findings import refused
from ocici.probe_answers import clean, reason_of


@dataclass(frozen=True)
class Trust:
    """The CAs to trust: a PEM file, folders, both, or the default of each transport; `told` says whose they are.

    `folder` is one folder, or some joined by os.pathsep, as OpenSSL takes them.
    """

    file: str | None = None
    folder: str | None = None
    told: str = "the system's CAs"


def trust(environ: Mapping[str, str]) -> Trust:
    """The CAs that `environ` names; the first of these that is set, and then only those.

    OCI_CLI_CERT_BUNDLE, REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE (a file or a folder, in which `~` is expanded as oci-cli
    does), then SSL_CERT_FILE and SSL_CERT_DIR (folders joined by os.pathsep) together. Raises `Refused`
    (ca-unreadable) for one that is not there.
    """
    for name in ("OCI_CLI_CERT_BUNDLE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        if path := environ.get(name):
            path = os.path.expanduser(path)  # noqa: PTH111 (Path's raises where there is no home)
            _check_ca(name, path)
            is_folder = Path(path).is_dir()
            return Trust(None if is_folder else path, path if is_folder else None, f"what {name} names")
    file, folder = environ.get("SSL_CERT_FILE") or None, _folders(environ.get("SSL_CERT_DIR", ""))
    if file:
        _check_ca("SSL_CERT_FILE", file)
    names = " and ".join(name for name, path in (("SSL_CERT_FILE", file), ("SSL_CERT_DIR", folder)) if path)
    return Trust(file, folder, f"what {names} names") if names else _system()


def _folders(text: str) -> str | None:
    """The folders of SSL_CERT_DIR that can be read: OpenSSL passes over the others. None where it names none.

    Raises `Refused` (ca-unreadable) where it names some, and none can be read.
    """
    readable, reason = [], ""
    for path in filter(None, text.split(os.pathsep)):
        try:
            os.listdir(path)  # noqa: PTH208 (only whether it may be read)
            readable.append(path)
        except OSError as error:
            reason = reason_of(error)
    if reason and not readable:
        raise refused("ca-unreadable", variable="SSL_CERT_DIR", path=clean(text), reason=reason)
    return os.pathsep.join(readable) or None


def _check_ca(name: str, path: str) -> None:
    try:
        if Path(path).is_dir():
            os.listdir(path)  # noqa: PTH208 (only whether it may be read)
        else:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except ssl.SSLError:
        raise refused("ca-unreadable", variable=name, path=clean(path), reason="it holds no certificate") from None
    except OSError as error:
        raise refused("ca-unreadable", variable=name, path=clean(path), reason=reason_of(error)) from None


# Where distributions keep their CAs, for a Python that was built to look elsewhere (Go's crypto/x509,
# root_linux.go, has the same list).
_CA_FILES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


def _system() -> Trust:
    """The system's CAs; else certifi's, where it is installed; else none, and `told` says so."""
    paths = ssl.get_default_verify_paths()
    # OpenSSL looks into a folder for hashed names alone (openssl-rehash(1)).
    if os.name == "nt" or paths.cafile or (paths.capath and any(Path(paths.capath).glob("*.0"))):
        return Trust()
    for path in _CA_FILES:
        if Path(path).is_file():
            return Trust(path)
    try:
        import certifi
    except ImportError:
        return Trust(told="nobody: this machine has no CA certificates; install its package ca-certificates")
    return Trust(certifi.where(), told="certifi's CAs, since this machine has none of its own")
