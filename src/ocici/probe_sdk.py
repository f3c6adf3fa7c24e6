"""The SDK's transport: the same call by the oci SDK, for whoever wants the probe to go the way their program will.

Imported only when it is asked for. Whole processes that probe one profile against the emulator, taken alternately (15
each, 2 busy cores, Python 3.11.7, oci 2.189.0; median, best, peak memory): light 137 ms, 66 ms, 30.6 MB; this one
472 ms, 250 ms, 55.9 MB; the ten-line SDK script 418 ms, 245 ms, 55.0 MB. The SDK's own retries, circuit breaker,
default timeouts and look-ups are all off; what comes back is read from the HTTP answer itself, so that both transports
are judged alike.
"""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Mapping
from typing import Any

from ocici.credentials import Credentials
from ocici.findings import refused
from ocici.probe_answers import Call, Failure, Reply
from ocici.probe_light import LARGEST_ANSWER
from ocici.probe_network import Endpoint, causes_of, failure, proxy
from ocici.probe_trust import Trust


def load_sdk() -> Any:
    """The module `oci`. Raises `Refused` (usage) where it is not installed."""
    try:
        import oci
    except ImportError:
        raise refused("usage", detail="The oci SDK is not installed: pip install oci.", command="setup") from None
    return oci


class Sdk:
    """Asks OCI through the SDK. Parameters: `sdk`, the module; else as `Light` has them."""

    def __init__(self, sdk: Any, call: Call, environ: Mapping[str, str], trusted: Trust) -> None:
        self._sdk = sdk
        self._call = call
        self._environ = environ
        self._trusted = trusted

    def ask(self, credentials: Credentials, target: Endpoint, left: float) -> Reply:
        """The answer to the call, signed with `credentials`, within about `left` seconds. Raises `Failure`."""
        through = proxy(target, self._environ)
        replies: list[Reply] = []
        client = self._client(credentials, target, left)
        session = client.base_client.session
        session.trust_env = False  # else it reads the process's own variables, ~/.netrc, and other rules of precedence
        self._let_trust(session)
        session.proxies = {target.scheme: through.url} if through else {}
        session.max_redirects = 0  # OCI does not redirect; a sign-in page does
        started = time.monotonic()
        straight = target.scheme == "https" and not through
        session.hooks["response"].append(lambda response, *_, **__: replies.append(_reply(response, straight)))
        try:
            client.get_namespace() if self._call.name == "GetNamespace" else client.list_regions()
        except Exception as error:  # noqa: BLE001 (failure() raises again what is not the network's)
            if not replies:
                early = time.monotonic() - started < left
                raise failure(error, through, self._trusted, _waited_for(error, target, early)) from None
        finally:
            session.close()
        reply = replies[0]
        if reply.status == 407 and through:
            raise Failure("proxy-failed", proxy=through.shown, reason="it answered 407 to the user and password given")
        return reply

    def _client(self, credentials: Credentials, target: Endpoint, left: float) -> Any:
        """The service's client, made of values in memory alone: no config file, no key file."""
        given = (credentials.tenancy, credentials.user, credentials.fingerprint)
        signer = self._sdk.signer.Signer(*given, None, private_key_content=credentials.key.text())
        config = {
            "tenancy": credentials.tenancy,
            "user": credentials.user,
            "fingerprint": credentials.fingerprint,
            "region": credentials.region,
            "key_content": "in memory",  # the SDK wants one to be named; the signer holds it
        }
        if self._call.name == "GetNamespace":
            from oci.object_storage import ObjectStorageClient as Client
        else:
            from oci.identity import IdentityClient as Client
        return Client(
            config,
            signer=signer,
            service_endpoint=target.url,
            timeout=(left / 2, left),
            retry_strategy=self._sdk.retry.NoneRetryStrategy(),
            circuit_breaker_strategy=self._sdk.circuit_breaker.NoCircuitBreakerStrategy(),
        )

    def _let_trust(self, session: Any) -> None:
        """Let `session` trust the same CAs. Requests itself takes one file or one folder; True stands for certifi's."""
        file, folder = self._trusted.file, self._trusted.folder
        first = folder.split(os.pathsep)[0] if folder else None
        paths = ssl.get_default_verify_paths()
        session.verify = file or first or paths.cafile or paths.capath or True
        if folder in (None, session.verify):
            return
        adapter = session.get_adapter("https://")
        verify = adapter.cert_verify

        def verify_by_all(pool: Any, *given: Any) -> None:
            verify(pool, *given)
            pool.ca_certs, pool.ca_cert_dir = file, folder

        adapter.cert_verify = verify_by_all

    def close(self) -> None:
        """Nothing is kept open."""


def _waited_for(error: Exception, target: Endpoint, early: bool) -> str:
    """What the SDK was waiting for. An answer has all the time, so that to end `early` is to lack what comes before."""
    if not early:
        return "answer"
    names = [type(cause).__name__ for cause in causes_of(error)]
    connecting = target.scheme == "http" or "ConnectTimeoutError" in names
    return "connection" if connecting else "TLS handshake"


def _reply(response: Any, straight: bool) -> Reply:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Reply(response.status_code, headers, response.content[:LARGEST_ANSWER], time.time(), straight)
