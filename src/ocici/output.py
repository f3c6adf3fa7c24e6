"""Text that goes out, with a last guard: no secret that arrived is ever written, whatever else went wrong."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TextIO

from ocici.credentials import Secret

_SHORTEST = 4
"""A secret under this length is no secret, and hiding it would garble every text."""


class Out(Protocol):
    """What a host writes to: a text stream, guarded or not."""

    def write(self, text: str, /) -> int:
        """Write `text`."""

    def flush(self) -> None:
        """Write out what is buffered."""

    def isatty(self) -> bool:
        """Whether a person reads along."""


class Guarded:
    """A text stream that hides the secrets it was told about.

    Parameters: `stream`, where the text goes. Characters that the stream cannot encode come out escaped.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._hidden: list[str] = []
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure:
            reconfigure(errors="backslashreplace")

    def hide(self, secrets: Iterable[Secret | str]) -> None:
        """Hide `secrets` from now on: each line of each."""
        for secret in secrets:
            text = secret if isinstance(secret, str) else secret.text()
            lines = (line.strip() for line in (text, *text.splitlines()))
            self._hidden += [line for line in lines if len(line) >= _SHORTEST and line not in self._hidden]
        self._hidden.sort(key=len, reverse=True)

    def write(self, text: str) -> int:
        """Write `text` without the secrets in it."""
        for hidden in self._hidden:
            text = text.replace(hidden, "***")
        return self._stream.write(text)

    def flush(self) -> None:
        """Write out what is buffered."""
        self._stream.flush()

    def isatty(self) -> bool:
        """Whether a person reads along."""
        return self._stream.isatty()
