"""`ocici emulator`: the emulator alone, until it is told to stop."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TextIO

from ocici import files
from ocici.emulator.server import Emulator
from ocici.findings import refused


def serve(port: int, registrations: Sequence[tuple[str, str, str]], faults: Sequence[str], out: TextIO) -> int:
    """Serve on 127.0.0.1 until SIGINT or SIGTERM; returns 0. To be called in the main thread.

    Parameters: `port` (0: a free one); `registrations`, each a tenancy's OCID, a user's OCID and the path of
    a public key (PEM); `faults`, as module `faults` has them. One line of JSON goes to `out` when the emulator
    listens: `{"endpoint": "http://127.0.0.1:PORT"}`.

    Raises `Refused`: `source-missing` and the like for a key file that cannot be read, `usage` for a key or a fault
    that is none, `address-in-use` for a port that cannot be had.
    """
    emulator = Emulator(port)
    for tenancy, user, path in registrations:
        _register(emulator, tenancy, user, path)
    try:
        emulator.fault(*faults)
    except ValueError as error:
        raise refused("usage", detail=f"{error}.", command="emulator") from None
    with ExitStack() as stack:
        wait = stack.enter_context(_stop_signals())
        try:
            stack.enter_context(emulator)
        except OverflowError:
            raise refused("address-in-use", address=f"127.0.0.1:{port}", reason="a port is 0 to 65535") from None
        except OSError as error:
            reason = error.strerror or str(error)
            raise refused("address-in-use", address=f"127.0.0.1:{port}", reason=reason) from None
        print(json.dumps({"endpoint": emulator.endpoint}), file=out, flush=True)
        wait()
    return 0


def _register(emulator: Emulator, tenancy: str, user: str, path: str) -> None:
    public_pem = files.read(path, "--register")
    try:
        emulator.register(tenancy, user, public_pem)
    except ValueError as error:
        raise refused("usage", detail=f"{path} cannot be registered: {error}.", command="emulator") from None


@contextmanager
def _stop_signals() -> Iterator[Callable[[], None]]:
    """While the block runs SIGINT and SIGTERM end nothing; what is yielded waits for one of them.

    The interpreter writes each signal's number into a socket: unlike an Event, which a handler must not set
    while the main thread waits for it, that works at every moment and on every system.
    """
    wanted = (signal.SIGINT, signal.SIGTERM)
    reader, writer = socket.socketpair()
    with reader, writer:
        writer.setblocking(False)
        former_fd = signal.set_wakeup_fd(writer.fileno())
        former = {number: signal.signal(number, lambda *_: None) for number in wanted}

        def wait() -> None:
            while reader.recv(1)[0] not in wanted:
                pass

        try:
            yield wait
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(former_fd)
