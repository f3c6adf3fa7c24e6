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
        # There may be 100,000 lines to hide, so `write` looks only where one may begin, for the lengths that there are.
        self._hidden: set[str] = set()
        self._beginnings: set[str] = set()
        self._lengths: set[int] = set()
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure:
            reconfigure(errors="backslashreplace")

    def hide(self, secrets: Iterable[Secret | str]) -> None:
        """Hide `secrets` from now on: each line of each."""
        for secret in secrets:
            text = secret if isinstance(secret, str) else secret.text()
            for line in (line.strip() for line in (text, *text.splitlines())):
                if len(line) >= _SHORTEST and line not in self._hidden:
                    self._hidden.add(line)
                    self._beginnings.add(line[:_SHORTEST])
                    self._lengths.add(len(line))

    def write(self, text: str) -> int:
        """Write `text` without the secrets in it; where they overlap, all that any of them covers is hidden."""
        shown: list[str] = []
        done = 0  # the characters of `text` that are in `shown`, or hidden
        for at in range(len(text) - _SHORTEST + 1):
            if text[at : at + _SHORTEST] not in self._beginnings:
                continue
            ends = [at + length for length in self._lengths if text[at : at + length] in self._hidden]
            if ends and max(ends) > done:
                if at >= done:
                    shown += [text[done:at], "***"]
                done = max(ends)
        return self._stream.write("".join([*shown, text[done:]]))

    def flush(self) -> None:
        """Write out what is buffered."""
        self._stream.flush()

    def isatty(self) -> bool:
        """Whether a person reads along."""
        return self._stream.isatty()
