"""The values: who signs, under which name. Standard library only; imports nothing of ocici."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple, NoReturn


class Secret:
    """Bytes that never show in `repr`, `str`, an f-string, a pickle or a traceback.

    Parameters: `value`, the secret as it arrived: text (as `os.environ` gives it) or bytes.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str | bytes = b"") -> None:
        self._value = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value

    def reveal(self) -> bytes:
        """The secret itself. Call it only where the bytes are used, and keep the result in no attribute."""
        return self._value

    def text(self) -> str:
        """The secret as text; bytes that are not UTF-8 come out as surrogates, so that nothing is lost."""
        return self._value.decode("utf-8", "surrogateescape")

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return "Secret(***)" if self._value else "Secret()"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not serialised")


NONE: Final = Secret()


class Credentials(NamedTuple):
    """Who signs. Field names are the OCI config file's own, but for `key`.

    `key` is the private key as it arrived (PEM in any state, base64, DER) and, after the checks, the
    clean PEM. `origins` tells for each field where it was read, for findings: `{"user": "OCICI_USER"}`.
    """

    user: str = ""
    tenancy: str = ""
    fingerprint: str = ""
    region: str = ""
    key: Secret = NONE
    pass_phrase: Secret = NONE
    origins: Mapping[str, str] = {}


class Profile(NamedTuple):
    """A name plus its credentials, as in an OCI config file."""

    name: str
    credentials: Credentials
