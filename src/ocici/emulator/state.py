"""What the emulator knows: tenancies, their users, and the users' API keys. Safe to use from several threads."""

from __future__ import annotations

import base64
import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

KEYS_A_USER: Final = 3
"""OCI: "Each user can have a maximum of three API signing keys" (Identity API reference, ApiKey)."""

LIFECYCLES: Final = ("CREATING", "ACTIVE", "INACTIVE", "DELETING", "DELETED")
"""The states of an API key (Identity API reference, ApiKey.lifecycleState)."""


class KeyRefusedError(ValueError):
    """Raised for a public key that OCI would not take; the text says why."""


class LimitError(ValueError):
    """Raised when a user has three keys already."""


class KeyExistsError(ValueError):
    """Raised when the user has this very key already."""


@dataclass(frozen=True)
class ApiKey:
    """One API key of one user. `pem` is as it was uploaded; times are seconds since the epoch."""

    tenancy: str
    user: str
    fingerprint: str
    pem: str
    public_key: RSAPublicKey
    lifecycle: str
    created: float
    active_from: float = 0.0

    @property
    def key_id(self) -> str:
        """The name under which requests are signed: tenancy/user/fingerprint."""
        return f"{self.tenancy}/{self.user}/{self.fingerprint}"

    def state(self, now: float) -> str:
        """The lifecycle state at `now`: a key just uploaded is CREATING for a while."""
        return "CREATING" if self.lifecycle == "ACTIVE" and now < self.active_from else self.lifecycle


@dataclass
class User:
    """One user of one tenancy, with the keys by their fingerprints."""

    tenancy: str
    user: str
    created: float
    keys: dict[str, ApiKey] = field(default_factory=dict)


class State:
    """All tenancies of the emulator. `clock` gives the time in seconds since the epoch."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._users: dict[tuple[str, str], User] = {}
        self._lock = threading.Lock()

    def put(self, tenancy: str, user: str, public_pem: bytes, lifecycle: str = "ACTIVE") -> ApiKey:
        """Give `user` of `tenancy` (OCIDs) the key `public_pem`, as an administrator would.

        The user and the tenancy are made if need be; a key that is there already takes the new
        `lifecycle` (one of `LIFECYCLES`). Raises `KeyRefusedError`, `LimitError`, or `ValueError` for OCIDs
        and lifecycles that cannot be.
        """
        if lifecycle not in LIFECYCLES:
            raise ValueError(f"lifecycle must be one of {', '.join(LIFECYCLES)}")
        for ocid in (tenancy, user):
            if not ocid or not ocid.isascii() or not ocid.isprintable() or set(ocid) & set('/" '):
                raise ValueError("tenancy and user must be OCIDs")
        public_key, fingerprint = _load(public_pem)
        with self._lock:
            owner = self._users.setdefault((tenancy, user), User(tenancy, user, self._clock()))
            if fingerprint not in owner.keys and len(owner.keys) >= KEYS_A_USER:
                raise LimitError("the user has three API keys already")
            key = ApiKey(tenancy, user, fingerprint, public_pem.decode("ascii"), public_key, lifecycle, self._clock())
            owner.keys[fingerprint] = key
            return key

    def upload(self, tenancy: str, user: str, public_pem: bytes, creating: float) -> ApiKey:
        """Add a key as UploadApiKey does: it is CREATING for `creating` seconds, then ACTIVE.

        Raises `KeyRefusedError`, `LimitError`, `KeyExistsError`; `KeyError` for an unknown user.
        """
        public_key, fingerprint = _load(public_pem)
        with self._lock:
            owner = self._users[tenancy, user]
            if fingerprint in owner.keys:
                raise KeyExistsError("the user has this key already")
            if len(owner.keys) >= KEYS_A_USER:
                raise LimitError("the user has three API keys already")
            now = self._clock()
            key = ApiKey(
                tenancy, user, fingerprint, public_pem.decode("ascii"), public_key, "ACTIVE", now, now + creating
            )
            owner.keys[fingerprint] = key
            return key

    def delete(self, tenancy: str, user: str, fingerprint: str) -> bool:
        """Take a key away; False when it is not there."""
        with self._lock:
            owner = self._users.get((tenancy, user))
            return owner is not None and owner.keys.pop(fingerprint, None) is not None

    def key(self, key_id: str) -> ApiKey | None:
        """The key that is named `key_id` (tenancy/user/fingerprint), in whatever state it is."""
        tenancy, _, rest = key_id.partition("/")
        user, _, fingerprint = rest.partition("/")
        with self._lock:
            owner = self._users.get((tenancy, user))
            return owner.keys.get(fingerprint) if owner else None

    def keys(self, tenancy: str, user: str) -> list[ApiKey]:
        """The user's keys, oldest first."""
        with self._lock:
            owner = self._users.get((tenancy, user))
            return list(owner.keys.values()) if owner else []

    def user(self, tenancy: str, user: str) -> User | None:
        """The user, if there is one by that OCID in that tenancy."""
        with self._lock:
            return self._users.get((tenancy, user))


def namespace(tenancy: str) -> str:
    """The Object Storage namespace of `tenancy`: twelve letters and digits, always the same for one tenancy."""
    return base64.b32encode(hashlib.sha256(tenancy.encode()).digest()).decode().lower()[:12]


def _load(public_pem: bytes) -> tuple[RSAPublicKey, str]:
    """The key and its fingerprint: the MD5 of the DER SubjectPublicKeyInfo, lower case with colons."""
    try:
        public_pem.decode("ascii")
        public_key = load_pem_public_key(public_pem)
    except Exception as error:  # cryptography raises many kinds for bytes from outside
        raise KeyRefusedError("not a public key in PEM") from error
    if not isinstance(public_key, RSAPublicKey):
        raise KeyRefusedError("not an RSA key")
    if public_key.key_size < 2048:
        raise KeyRefusedError("under 2048 bits")
    der = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    digest = hashlib.md5(der, usedforsecurity=False).hexdigest()
    return public_key, ":".join(digest[i : i + 2] for i in range(0, 32, 2))
