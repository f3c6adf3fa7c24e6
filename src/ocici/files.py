"""Files and pipes that hold a secret or a config."""

from __future__ import annotations

import errno
import os
import re
import select
from pathlib import Path
from typing import Final

from ocici import texts
from ocici.findings import refused

LIMIT: Final = 1_048_576
"""Bytes that one secret may have."""

PATIENCE: Final = 60
"""Seconds that the writer of a pipe may take between two pieces."""

_BASE64: Final = re.compile(r"[A-Za-z0-9+/=_-]{1000,}")  # the base64 of a key has more characters, and a path fewer


def read(path: str, origin: str) -> bytes:
    """What the file at `path` holds; `origin`: what names it, for findings.

    Raises `Refused`: path-is-key, source-missing, permission-denied, source-too-large, value-masked, value-unexpanded.
    """
    if "PRIVATE KEY" in path or len(path) > 4096 or _BASE64.fullmatch("".join(path.split())):
        raise refused("path-is-key", origin=origin)
    shown = texts.shown_path(path) if "PASS_PHRASE" not in origin else texts.length(path)
    try:
        content = beginning(Path(path).expanduser())
    except PermissionError as error:
        raise refused("permission-denied", path=shown, reason=error.strerror) from None
    except OSError as error:
        texts.refuse_stand_in(path, origin)
        raise refused("source-missing", origin=origin, path=shown, reason=_reason(error)) from None
    except (ValueError, RuntimeError):  # a zero byte in the path; no home folder for ~
        raise refused("source-missing", origin=origin, path=shown, reason="that is no path") from None
    if len(content) > LIMIT:
        raise refused("source-too-large", origin=origin, limit=LIMIT)
    return content


def beginning(path: str | Path) -> bytes:
    """What the file at `path` holds, LIMIT bytes and one more at most; of a pipe all that its writer has to say.

    A pipe that nobody writes into is empty. Raises `OSError`.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    pieces: list[bytes] = []
    with open(descriptor, "rb", buffering=0) as file:
        while (missing := LIMIT + 1 - sum(map(len, pieces))) > 0:
            piece = file.read(missing)
            if piece is None:  # it has a writer, who is not ready yet
                if not select.select([file], [], [], PATIENCE)[0]:
                    raise OSError(errno.ETIMEDOUT, f"nothing was written to it for {PATIENCE} s")
            elif piece:
                pieces.append(piece)
            else:
                break
    return b"".join(pieces)


def _reason(error: OSError) -> str:
    if error.errno == errno.ENOENT:
        return "it is not there"
    if error.errno == errno.EISDIR:
        return "it is a folder"
    return f"it cannot be read ({error.strerror or type(error).__name__})"
