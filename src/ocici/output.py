"""Text that goes out, with a last guard: no secret that arrived is ever written, whatever else went wrong."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterable
from typing import Final, Protocol, TextIO

from ocici.credentials import Secret

SHORT: Final = 4
"""A secret under this length is no secret, and hiding it would garble every text."""

LONG: Final = 16
"""A secret of this length stands in no text by chance: hiding it never garbles what another program reads."""


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

    Parameters: `stream`, where the text goes; None where it is closed. Characters that the stream cannot encode come
    out escaped. `shortest`: how many characters a secret has at least to be hidden. `needed`: what cannot be written
    raises OSError; else it is lost, and no work is disturbed by it.
    """

    def __init__(self, stream: TextIO | None, shortest: int = SHORT, needed: bool = True) -> None:
        self._stream = stream
        self._is_missing = stream is None and needed
        self._shortest = shortest
        self._needed = needed
        # There may be 100,000 lines to hide, so `write` looks only where one may begin, for the lengths that there are.
        self._hidden: set[str] = set()
        self._beginnings: set[str] = set()
        self._lengths: set[int] = set()
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure:
            reconfigure(errors="backslashreplace")

    def hide(self, secrets: Iterable[Secret | str]) -> None:
        """Hide `secrets` from now on: each line of each, as it is and as JSON has it."""
        for secret in secrets:
            text = secret if isinstance(secret, str) else secret.text()
            for line in (line.strip() for line in (text, *text.splitlines())):
                for form in (line, json.dumps(line)[1:-1]):
                    if len(form) >= self._shortest and form not in self._hidden:
                        self._hidden.add(form)
                        self._beginnings.add(form[:SHORT])
                        self._lengths.add(len(form))

    def write(self, text: str) -> int:
        """Write `text` without the secrets in it; where they overlap, all that any of them covers is hidden."""
        shown: list[str] = []
        if self._is_missing:
            raise OSError(errno.EBADF, "it is closed")
        done = 0  # the characters of `text` that are in `shown`, or hidden
        for at in range(len(text) - SHORT + 1):
            if text[at : at + SHORT] not in self._beginnings:
                continue
            ends = [at + length for length in self._lengths if text[at : at + length] in self._hidden]
            if ends and max(ends) > done:
                if at >= done:
                    shown += [text[done:at], "***"]
                done = max(ends)
        if self._stream:
            try:
                self._stream.write("".join([*shown, text[done:]]))
            except OSError:
                self._fail()
        return len(text)

    def flush(self) -> None:
        """Write out what is buffered."""
        if self._stream:
            try:
                self._stream.flush()
            except OSError:
                self._fail()

    def isatty(self) -> bool:
        """Whether a person reads along."""
        return self._stream is not None and self._stream.isatty()

    def _fail(self) -> None:
        """Go nowhere from now on, and raise the error at hand where the output is needed."""
        assert self._stream
        # What is still buffered must go somewhere, or Python tries again as it ends, and complains.
        os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())
        self._stream = None
        if self._needed:
            raise
