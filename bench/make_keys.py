"""Makes key pairs: `make_keys.py FOLDER COUNT`. A program of its own, so that whoever calls it stays small."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ocici import pem
from ocici.credentials import Secret


def main(folder: Path, count: int) -> None:
    """Write NUMBER.pem and NUMBER.public.pem for each NUMBER below `count`."""
    folder.mkdir(mode=0o700)
    with ThreadPoolExecutor(os.cpu_count()) as threads:  # OpenSSL works without Python's lock
        for number, pair in enumerate(threads.map(lambda _: pem.generate(2048, Secret()), range(count))):
            private = os.open(folder / f"{number}.pem", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(private, "wb") as file:
                file.write(pair.private_pem.reveal())
            (folder / f"{number}.public.pem").write_bytes(pair.public_pem)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
