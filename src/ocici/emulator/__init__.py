"""The emulator: the embedded OCI, a loopback server that really verifies request signatures.

It shares no code with the oci SDK's signer: what signs here is checked by a second reading of OCI's
documentation, not by the first one run backwards.
"""

from ocici.emulator.server import Emulator, Record

__all__ = ["Emulator", "Record"]
