"""`ocici demo`: the whole story on the emulator, in a screen of output. Everything in it is done for real."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from ocici import pem
from ocici.credentials import Secret
from ocici.emulator import Emulator
from ocici.findings import FINE, LEFT

_TENANCY = "ocid1.tenancy.oc1..demo"
_USER = "ocid1.user.oc1..demo"
# A program of a later step: it knows nothing of ocici, and finds the session by the SDK's own variable.
_PROGRAM = """
import os, oci
client = oci.object_storage.ObjectStorageClient(oci.config.from_file(), service_endpoint=os.environ["ENDPOINT"])
print("namespace", client.get_namespace().data)
"""


def run(show: Callable[[str], None]) -> int:
    """Tell the story through `show`, a line at a time. Returns the exit code: 4 if anything of the key is left."""
    with tempfile.TemporaryDirectory(prefix="ocici-demo-") as place, Emulator() as oci:
        home = Path(place)
        show(f"1. An OCI to talk to: the emulator listens on {oci.endpoint} and verifies every signature.")

        pair = pem.generate(2048, Secret())
        oci.register(_TENANCY, _USER, pair.public_pem)
        show(f"2. A key pair (ocici keygen); its public half is registered: {pair.fingerprint}")

        key = pair.private_pem.text()
        # What is left of the caller's environment has no say in the story.
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("OCI", "TF_VAR_"))}
        environ |= {"HOME": place, "TMPDIR": place, "ENDPOINT": oci.endpoint, "OCICI_ENDPOINT": oci.endpoint}
        environ |= {"OCICI_HOST": "terminal", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        secrets = {"OCICI_TENANCY": _TENANCY, "OCICI_USER": _USER, "OCICI_REGION": "fra"}
        secrets["OCICI_PRIVATE_KEY"] = key.replace("\n", "\\n")
        show("3. The secrets as a pipeline has them, in its environment; the key's line breaks were lost on the way.")

        show("4. ocici setup: repairs the key, checks everything offline, writes the session, asks OCI.")
        made = _ocici(environ | secrets, "setup", "--format", "json")
        session = json.loads(made)
        for name in ("config_file", "region", "fingerprint", "namespace"):
            show(f"     {name:12} {session[name]}")
        for found in session["findings"]:
            show(f"     {found['severity']}: {found['cause']}")

        show("5. The next step, a program with the oci SDK and the exported variables alone, signs its own request:")
        program = [sys.executable, "-c", _PROGRAM]
        said = subprocess.run(
            program,
            env=environ | session["variables"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        show(f"     {said.strip()}  (verified by the emulator: {oci.requests[-1].verified})")

        show("6. ocici cleanup")
        _ocici(environ | session["variables"], "cleanup")
        left = _where(key, home)
        show(f"7. Files that hold a line of the key: {len(left)}. Folders left: {len(list(home.iterdir()))}.")

        wrong = secrets | {"OCICI_TENANCY": _USER, "OCICI_USER": _TENANCY}
        show("8. And when something is wrong, here user and tenancy swapped:")
        for line in _ocici(environ | wrong, "setup", code=1).splitlines():
            show(f"     {line}")
        return LEFT if left else FINE


def _ocici(environ: dict[str, str], *arguments: str, code: int = 0) -> str:
    """What a command prints: its output when it succeeds, its findings when it is to fail with `code`."""
    command = [sys.executable, "-m", "ocici", *arguments]
    done = subprocess.run(command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != code:
        raise RuntimeError(f"ocici {arguments[0]} exited with {done.returncode}: {done.stderr}")
    return done.stderr if code else done.stdout


def _where(key: str, folder: Path) -> list[Path]:
    """The files in `folder` that hold a line of `key`."""
    lines = [line.encode() for line in key.splitlines() if len(line) > 20 and "-----" not in line]
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if any(line in path.read_bytes() for line in lines)]
