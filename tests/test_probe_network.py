"""The probe's way to OCI: TLS with real certificates, and real proxies, all on loopback."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import datetime
import functools
import os
import selectors
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import certifi
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from requests.utils import should_bypass_proxies

from ocici import probe_trust
from ocici.credentials import Credentials, Profile, Secret
from ocici.emulator import Emulator
from ocici.findings import Refused
from ocici.probe import Answer, probe
from ocici.probe_network import endpoint, proxy

TENANCY = "ocid1.tenancy.oc1..aaaaaaaaexampletenancy"
USER = "ocid1.user.oc1..aaaaaaaaexampleuser"
FRANKFURT = "objectstorage.eu-frankfurt-1.oraclecloud.com"

both = pytest.mark.parametrize("sdk", [False, True], ids=["light", "sdk"])


@functools.cache
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@functools.cache
def pem() -> bytes:
    return key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def certificate(folder: Path, *names: str, days: int = 9, since: int = 30) -> Path:
    """A file with a self-signed certificate for `names` and its key, valid `since` that many days and for `days` more.

    With `days` negative it has expired; with `since` negative it is not yet valid.
    """
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "ocici test")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key().public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=since))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key().public_key()), critical=False)
        .sign(key(), SHA256())
    )
    path = folder / "certificate.pem"
    path.write_bytes(made.public_bytes(Encoding.PEM) + pem())
    return path


def pump(one: socket.socket, other: socket.socket) -> None:
    """Pass bytes between two sockets until one side is done. TLS sockets may hold bytes that select does not see."""
    with selectors.DefaultSelector() as selector:
        selector.register(one, selectors.EVENT_READ, other)
        selector.register(other, selectors.EVENT_READ, one)
        while True:
            for ready, _ in selector.select():
                reader, writer = ready.fileobj, ready.data
                assert isinstance(reader, socket.socket)
                received = reader.recv(65536)
                if not received:
                    return
                writer.sendall(received)


class Peer:
    """A server on loopback: `serve` gets each connection, in a thread of its own."""

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        self._serve = serve
        self._stop = threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._server.getsockname()[1]
        self._open: list[tuple[threading.Thread, socket.socket]] = []
        self._thread = threading.Thread(target=self._accept)

    def __enter__(self) -> Any:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        socket.create_connection(("127.0.0.1", self.port)).close()
        self._thread.join()
        self._server.close()
        for thread, connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            thread.join()
            connection.close()

    def _accept(self) -> None:
        while True:
            connection, _ = self._server.accept()
            if self._stop.is_set():
                connection.close()
                return
            thread = threading.Thread(target=self._one, args=(connection,))
            self._open.append((thread, connection))
            thread.start()

    def _one(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):  # the client has gone
            self._serve(connection)
            connection.shutdown(socket.SHUT_RDWR)


def silence(connection: socket.socket) -> None:
    """Take all that comes, and say nothing."""
    while connection.recv(65536):
        pass


class Tls(Peer):
    """TLS in front of the emulator."""

    def __init__(self, chain: Path, emulator: Emulator) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain)
        address = endpoint(emulator.endpoint)

        def serve(connection: socket.socket) -> None:
            connection.settimeout(10)
            with (
                context.wrap_socket(connection, server_side=True) as secure,
                socket.create_connection((address.host, address.port)) as behind,
            ):
                pump(secure, behind)

        super().__init__(serve)


def failing(chain: Path) -> Peer:
    """A load balancer with nothing behind it: TLS, and a page that says so."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)

    def serve(connection: socket.socket) -> None:
        connection.settimeout(10)
        with context.wrap_socket(connection, server_side=True) as secure:
            while secure.recv(65536):
                secure.sendall(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 6\r\n\r\n<html>")

    return Peer(serve)


class ConnectProxy(Peer):
    """A proxy: CONNECT and plain forwarding. It alone knows where the names in `hosts` (HOST:PORT) are.

    `login`: the user and password that it wants. `refuse`: the status line that it gives to everybody.
    """

    def __init__(self, hosts: dict[str, int], login: str = "", refuse: str = "") -> None:
        self.seen: list[str] = []
        wanted = f"proxy-authorization: basic {base64.b64encode(login.encode()).decode()}".lower()

        def serve(connection: socket.socket) -> None:
            connection.settimeout(10)
            head = b""
            while b"\r\n\r\n" not in head:
                received = connection.recv(65536)
                if not received:
                    return
                head += received
            line, *headers = head.decode().split("\r\n")
            method, target, _ = line.split(" ")
            self.seen.append(f"{method} {target}")
            if login and wanted not in [header.lower() for header in headers]:
                connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
                return
            if refuse:
                connection.sendall(f"HTTP/1.1 {refuse}\r\nContent-Length: 0\r\n\r\n".encode())
                return
            name = target if method == "CONNECT" else endpoint(target.rpartition("/")[0]).netloc
            with socket.create_connection(("127.0.0.1", hosts[name])) as behind:
                if method == "CONNECT":
                    connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                else:
                    path = "/" + target.split("/", 3)[3]
                    behind.sendall("\r\n".join([f"{method} {path} HTTP/1.1", *headers]).encode())
                pump(connection, behind)

        super().__init__(serve)


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator() as running:
        yield running


@pytest.fixture
def known(emulator: Emulator) -> Profile:
    """A profile that the emulator knows, in region eu-frankfurt-1."""
    public = key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    fingerprint = emulator.register(TENANCY, USER, public)
    return Profile("DEFAULT", Credentials(USER, TENANCY, fingerprint, "eu-frankfurt-1", Secret(pem())))


def ask(profile: Profile, url: str, environ: dict[str, str], sdk: bool = False, deadline: float = 10) -> Answer:
    (answer,) = probe([profile], endpoint=url, deadline=deadline, sdk=sdk, environ=environ)
    return answer


def failed(answer: Answer) -> tuple[str, str]:
    """The code and the cause of the one finding."""
    assert answer.outcome == "failed"
    (finding,) = answer.findings
    return finding.code, finding.cause


# -- TLS --------------------------------------------------------------------------------------------------


@both
def test_an_untrusted_certificate(emulator: Emulator, known: Profile, sdk: bool, tmp_path: Path) -> None:
    with Tls(certificate(tmp_path, "localhost"), emulator) as server:
        answer = ask(known, f"https://localhost:{server.port}", {}, sdk)
    code, cause = failed(answer)
    assert (code, answer.status, answer.attempts) == ("tls-untrusted", None, 1)
    assert "self-signed certificate" in cause
    assert "trusted here: the system's CAs" in cause
    assert emulator.requests == []


@both
@pytest.mark.parametrize("variable", ["OCI_CLI_CERT_BUNDLE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_a_certificate_trusted_by_a_variable(
    emulator: Emulator, known: Profile, sdk: bool, variable: str, tmp_path: Path
) -> None:
    path = certificate(tmp_path, "localhost")
    with Tls(path, emulator) as server:
        answer = ask(known, f"https://localhost:{server.port}", {variable: str(path)}, sdk)
    assert (answer.outcome, answer.findings) == ("accepted", ())
    assert emulator.requests[0].verified


def hashed(path: Path, folder: Path) -> Path:
    """`folder`, made with the certificate at `path` in it, under the name by which OpenSSL looks for it."""
    name = subprocess.run(
        ["openssl", "x509", "-hash", "-noout", "-in", path], capture_output=True, text=True, check=True
    )
    folder.mkdir()
    (folder / f"{name.stdout.strip()}.0").write_bytes(path.read_bytes())
    return folder


@both
@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "SSL_CERT_DIR"])
def test_a_certificate_trusted_by_a_folder(
    emulator: Emulator, known: Profile, sdk: bool, variable: str, tmp_path: Path
) -> None:
    path = certificate(tmp_path, "localhost")
    folder = hashed(path, tmp_path / "trusted")
    with Tls(path, emulator) as server:
        answer = ask(known, f"https://localhost:{server.port}", {variable: str(folder)}, sdk)
    assert answer.outcome == "accepted"


@both
@pytest.mark.parametrize("with_file", [False, True])
def test_a_certificate_trusted_by_one_of_several_folders(
    emulator: Emulator, known: Profile, sdk: bool, with_file: bool, tmp_path: Path
) -> None:
    path = certificate(tmp_path, "localhost")
    (tmp_path / "empty").mkdir()
    folders = ("", tmp_path / "none", tmp_path / "empty", hashed(path, tmp_path / "trusted"))
    environ = {"SSL_CERT_DIR": os.pathsep.join(map(str, folders))}
    environ |= {"SSL_CERT_FILE": certifi.where()} if with_file else {}
    with Tls(path, emulator) as server:
        answer = ask(known, f"https://localhost:{server.port}", environ, sdk)
    assert (answer.outcome, answer.findings) == ("accepted", ())


def test_folders_of_which_none_is_there(known: Profile, tmp_path: Path) -> None:
    certificate(tmp_path, "localhost")
    folders = os.pathsep.join([str(tmp_path / "none"), str(tmp_path / "certificate.pem")])
    with pytest.raises(Refused) as raised:
        ask(known, "https://localhost:9", {"SSL_CERT_DIR": folders})
    assert raised.value.findings[0].cause == (
        f"SSL_CERT_DIR names {folders} for the CAs to trust, and not a directory."
    )


@both
@pytest.mark.parametrize("variable", ["OCI_CLI_CERT_BUNDLE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_ca_file_in_the_home_folder(
    emulator: Emulator, known: Profile, sdk: bool, variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    path = certificate(tmp_path, "localhost")
    with Tls(path, emulator) as server:
        answer = ask(known, f"https://localhost:{server.port}", {variable: f"~/{path.name}"}, sdk)
    assert answer.outcome == "accepted"


def test_only_the_named_cas_are_trusted(emulator: Emulator, known: Profile, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = certificate(tmp_path / "other", "localhost")
    with Tls(certificate(tmp_path, "localhost"), emulator) as server:
        code, cause = failed(ask(known, f"https://localhost:{server.port}", {"SSL_CERT_FILE": str(other)}))
    assert code == "tls-untrusted"
    assert "trusted here: what SSL_CERT_FILE names" in cause


@both
@pytest.mark.parametrize(("host", "said"), [("localhost", "Hostname mismatch"), ("127.0.0.1", "IP address mismatch")])
def test_a_certificate_for_another_host(
    emulator: Emulator, known: Profile, sdk: bool, host: str, said: str, tmp_path: Path
) -> None:
    path = certificate(tmp_path, "example.com")
    with Tls(path, emulator) as server:
        answer = ask(known, f"https://{host}:{server.port}", {"SSL_CERT_FILE": str(path)}, sdk)
    code, cause = failed(answer)
    assert code == "tls-wrong-host"
    assert f"{said}, certificate is not valid for '{host}'" in cause
    assert "CERT_FILE" not in answer.findings[0].fix


@both
@pytest.mark.parametrize(("since", "days", "said"), [(30, -1, "has expired"), (-1, 9, "is not yet valid")])
def test_a_certificate_at_another_time(
    emulator: Emulator, known: Profile, sdk: bool, since: int, days: int, said: str, tmp_path: Path
) -> None:
    path = certificate(tmp_path, "localhost", days=days, since=since)
    with Tls(path, emulator) as server:
        answer = ask(known, f"https://localhost:{server.port}", {"SSL_CERT_FILE": str(path)}, sdk)
    code, cause = failed(answer)
    assert code == "tls-wrong-time"
    assert f"certificate {said}; by this machine's clock it is 20" in cause
    assert "CERT_FILE" not in answer.findings[0].fix


def test_a_machine_without_cas(
    emulator: Emulator, known: Profile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What OpenSSL finds on a slim image: its own defaults moved to where nothing is, and no list and no certifi.
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    monkeypatch.setattr(probe_trust, "_CA_FILES", ())
    monkeypatch.setitem(sys.modules, "certifi", None)
    with Tls(certificate(tmp_path, "localhost"), emulator) as server:
        code, cause = failed(ask(known, f"https://localhost:{server.port}", {}))
    assert code == "tls-untrusted"
    assert "this machine has no CA certificates; install its package ca-certificates" in cause


def test_cas_where_this_python_does_not_look(
    emulator: Emulator, known: Profile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    path = certificate(tmp_path, "localhost")
    monkeypatch.setattr(probe_trust, "_CA_FILES", (str(tmp_path / "none"), str(path)))
    with Tls(path, emulator) as server:
        assert ask(known, f"https://localhost:{server.port}", {}).outcome == "accepted"


@both
def test_plain_http_where_tls_was_expected(emulator: Emulator, known: Profile, sdk: bool) -> None:
    answer = ask(known, emulator.endpoint.replace("http:", "https:"), {}, sdk, deadline=3)
    assert failed(answer)[0] in ("unexpected-answer", "connection-reset")


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"])
@pytest.mark.parametrize("content", [None, "", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_a_ca_file_that_cannot_be_read(known: Profile, variable: str, content: str | None, tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content, "ascii")
    with pytest.raises(Refused) as raised:
        ask(known, "https://localhost:9", {variable: str(path)})
    (finding,) = raised.value.findings
    assert (finding.code, finding.exit_code) == ("ca-unreadable", 2)
    assert finding.cause.startswith(f"{variable} names {path} for the CAs to trust, and ")
    assert ask(known, "http://127.0.0.1:9", {variable: str(path)}).outcome == "failed"  # no TLS, no CAs


# -- proxies ----------------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
def test_the_region_s_own_endpoint_through_a_proxy(
    emulator: Emulator, known: Profile, sdk: bool, variable: str, tmp_path: Path
) -> None:
    path = certificate(tmp_path, FRANKFURT)
    with Tls(path, emulator) as server, ConnectProxy({f"{FRANKFURT}:443": server.port}) as way:
        environ = {variable: f"http://127.0.0.1:{way.port}", "SSL_CERT_FILE": str(path)}
        answer = ask(known, "", environ, sdk)
    assert (answer.outcome, answer.findings) == ("accepted", ())
    assert way.seen == [f"CONNECT {FRANKFURT}:443"]
    assert emulator.requests[0].verified
    assert emulator.requests[0].host == FRANKFURT


@both
@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_plain_http_through_a_proxy(emulator: Emulator, known: Profile, sdk: bool, variable: str) -> None:
    port = endpoint(emulator.endpoint).port
    with ConnectProxy({"oci.example:8080": port}, login="me@home:p:w") as way:
        environ = {variable: f"me%40home:p%3Aw@127.0.0.1:{way.port}"}  # without a scheme, as many write it
        answer = ask(known, "http://oci.example:8080", environ, sdk)
    assert answer.outcome == "accepted"
    assert way.seen == ["GET http://oci.example:8080/n"]


@both
def test_a_proxy_with_a_password(emulator: Emulator, known: Profile, sdk: bool, tmp_path: Path) -> None:
    path = certificate(tmp_path, FRANKFURT)
    with Tls(path, emulator) as server, ConnectProxy({f"{FRANKFURT}:443": server.port}, login="me:hunter2") as way:
        environ = {"HTTPS_PROXY": f"http://me:hunter2@127.0.0.1:{way.port}", "SSL_CERT_FILE": str(path)}
        assert ask(known, "", environ, sdk).outcome == "accepted"
    assert not [record for record in emulator.requests if "hunter2" in repr(record)]


@both
@pytest.mark.parametrize("url", ["", "http://oci.example"])
def test_a_proxy_that_wants_another_password(known: Profile, sdk: bool, url: str) -> None:
    with ConnectProxy({}, login="me:other") as way:
        code, cause = failed(ask(known, url, {"ALL_PROXY": f"http://me:hunter2@127.0.0.1:{way.port}"}, sdk))
    assert code == "proxy-failed"
    assert "407" in cause
    assert f"http://127.0.0.1:{way.port}" in cause
    assert "hunter2" not in cause


@both
@pytest.mark.parametrize("proxied", [False, True])
def test_who_failed_without_a_code(known: Profile, sdk: bool, proxied: bool, tmp_path: Path) -> None:
    """Over TLS it is the host; where a proxy is known of it may be the proxy, which may read TLS."""
    path = certificate(tmp_path, FRANKFURT, "localhost")
    with failing(path) as server, ConnectProxy({f"{FRANKFURT}:443": server.port}) as way:
        environ = {"SSL_CERT_FILE": str(path), **({"HTTPS_PROXY": f"http://127.0.0.1:{way.port}"} if proxied else {})}
        url = "" if proxied else f"https://localhost:{server.port}"
        code, cause = failed(ask(known, url, environ, sdk, deadline=1.0))
    assert code == "service-failed"
    host = f"{FRANKFURT}, or a proxy on the way," if proxied else f"localhost:{server.port}"
    assert cause.startswith(f"{host} answered 503 without a code to GetNamespace (asked ")


@both
def test_a_proxy_that_does_not_let_through(known: Profile, sdk: bool) -> None:
    with ConnectProxy({}, refuse="403 Forbidden\x1b[31m") as way:
        code, cause = failed(ask(known, "", {"HTTPS_PROXY": f"http://127.0.0.1:{way.port}"}, sdk))
    assert code == "proxy-failed"
    assert "it answered 403 Forbidden [31m" in cause
    assert FRANKFURT in cause
    assert len(way.seen) == 1


@both
def test_a_proxy_that_fails(known: Profile, sdk: bool) -> None:
    with ConnectProxy({}, refuse="502 Bad Gateway") as way:
        answer = ask(known, "", {"HTTPS_PROXY": f"http://127.0.0.1:{way.port}"}, sdk, deadline=1.5)
    assert failed(answer)[0] == "proxy-failed"
    assert len(way.seen) == answer.attempts > 1


@both
@pytest.mark.parametrize("url", ["", "http://oci.example"])
def test_a_proxy_that_is_not_there(known: Profile, sdk: bool, url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    code, cause = failed(ask(known, url, {"ALL_PROXY": f"http://127.0.0.1:{port}"}, sdk))
    assert (code, "it refused the connection" in cause) == ("proxy-failed", True)


@both
def test_a_proxy_with_an_unknown_name(known: Profile, sdk: bool) -> None:
    code, cause = failed(ask(known, "", {"HTTPS_PROXY": "http://proxy.nowhere.invalid:3128"}, sdk))
    assert (code, "its name does not resolve" in cause) == ("proxy-failed", True)


@pytest.mark.parametrize(
    "value",
    ["socks5://me:hunter2@127.0.0.1:1080", "https://me:hunter2@127.0.0.1:1", "http://:hunter2@:x", "hunter2://a"],
)
def test_a_proxy_that_cannot_be_used(known: Profile, value: str) -> None:
    code, cause = failed(ask(known, "", {"HTTPS_PROXY": value}))
    assert (code, "The proxy of HTTPS_PROXY gave no way" in cause) == ("proxy-failed", True)
    assert "hunter2" not in cause.replace("hunter2://", "")


@both
@pytest.mark.parametrize(
    "value",
    [
        "http://ciuser:7351/hunter2@127.0.0.1:1",
        "http://ciuser:7351?hunter2@127.0.0.1:1",
        "http://ciuser:7351#hunter2@127.0.0.1:1",
        "ciuser:7351/hunter2@127.0.0.1:1",
        "http://ciuser%3A7351hunter2%40127.0.0.1:1",
        "http://ciuser 7351hunter2:1",
    ],
)
def test_a_proxy_s_password_that_ends_its_url_shows_nowhere(known: Profile, sdk: bool, value: str) -> None:
    answer = ask(known, "", {"HTTPS_PROXY": value}, sdk)
    code, cause = failed(answer)
    assert (code, "HTTPS_PROXY is not of the form http://HOST:PORT or" in cause) == ("proxy-failed", True)
    told = repr(dataclasses.replace(answer, seconds=0))  # whose many digits may hold the others by chance
    assert not [piece for piece in ("ciuser", "7351", "hunter2") if piece in told]
    assert "%2F %23 %3F %40" in answer.findings[0].fix


def test_a_proxy_may_end_in_a_slash() -> None:
    found = proxy(endpoint("https://x.example"), {"HTTPS_PROXY": "http://me:a%2Fb@proxy.example:3128/"})
    assert found
    assert (found.shown, found.password) == ("http://proxy.example:3128", "a/b")


@both
@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("NO_PROXY", "127.1"),
        ("no_proxy", "a.example, 127.1"),
        ("NO_PROXY", "*"),
        ("NO_PROXY", ".1"),
        ("NO_PROXY", "a.example, 127.0.0.0/8"),
    ],
)
def test_no_proxy(emulator: Emulator, known: Profile, sdk: bool, variable: str, value: str) -> None:
    # "127.1" is 127.0.0.1 to the resolver, and not loopback to whoever reads it as a name.
    url = f"http://127.1:{endpoint(emulator.endpoint).port}"
    with ConnectProxy({}, refuse="403 Forbidden") as way:
        environ = {"HTTP_PROXY": f"http://127.0.0.1:{way.port}"}
        assert ask(known, url, environ, sdk).outcome == "failed"
        assert ask(known, url, {**environ, variable: value}, sdk).outcome == "accepted"
    assert len(way.seen) == 1


@pytest.mark.parametrize("host", ["10.1.2.3", "10.1", "11.0.0.1", "10.example", "[fd00::1]", "oci.example"])
@pytest.mark.parametrize(
    "network",
    [
        *("10.0.0.0/8", "10.9.9.9/8", "10.1.2.3/32", "10.1.2.3", "10.1.2.0/24", "a.example, 10.0.0.0/8"),
        *("10.0.0.0/0", "10.0.0.0/33", "10.0.0.0/255.0.0.0", "10.0.0.0/x", "/8", "10/8", "fd00::/8", "1/2/3"),
    ],
)
def test_networks_in_no_proxy_are_read_as_requests_reads_them(host: str, network: str) -> None:
    environ = {"HTTPS_PROXY": "http://proxy.example:3128", "NO_PROXY": network}
    bypassed = proxy(endpoint(f"https://{host}"), environ) is None
    assert bypassed == should_bypass_proxies(f"https://{host}", network)


# -- silence ----------------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("proxied", [False, True])
def test_silence_before_the_answer_is_told_as_that(known: Profile, sdk: bool, proxied: bool) -> None:
    """The connection has half of the time, for a second address to have the other half."""
    with Peer(silence) as peer:
        environ = {"HTTPS_PROXY": f"http://127.0.0.1:{peer.port}"} if proxied else {}
        answer = ask(known, "" if proxied else f"https://localhost:{peer.port}", environ, sdk, deadline=3.0)
    code, cause = failed(answer)
    assert (code, answer.seconds < 2.5) == ("timed-out", True)
    host, way = f"localhost:{peer.port}", ""
    if proxied:
        host, way = FRANKFURT, f" through the proxy http://127.0.0.1:{peer.port}"
    assert cause.startswith(f"{host} gave no TLS handshake{way} within 1.")


@both
@pytest.mark.parametrize("url", ["", "http://oci.example"])
@pytest.mark.parametrize("proxied", [False, True])
def test_a_connection_that_does_not_come_about(known: Profile, sdk: bool, proxied: bool, url: str) -> None:
    with full() as port:
        environ = {"ALL_PROXY": f"http://127.0.0.1:{port}"} if proxied else {}
        url = url if proxied else f"{'http' if url else 'https'}://127.0.0.1:{port}"
        code, cause = failed(ask(known, url, environ, sdk, deadline=3.0))
    way = f" through the proxy http://127.0.0.1:{port}" if proxied else ""
    assert (code, f" gave no connection{way} within 1." in cause) == ("timed-out", True)


@contextlib.contextmanager
def full() -> Iterator[int]:
    """The port of a server that takes no more connections: its queue is full, and the system answers no more."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        yield server.getsockname()[1]


def test_this_machine_is_never_reached_through_a_proxy(emulator: Emulator, known: Profile) -> None:
    environ = {"ALL_PROXY": "http://proxy.nowhere.invalid"}
    assert ask(known, emulator.endpoint, environ).outcome == "accepted"
    for host in ("localhost", "LocalHost", "127.9.9.9", "[::1]"):
        assert proxy(endpoint(f"http://{host}:1"), environ) is None


def test_lower_case_wins_and_the_scheme_counts() -> None:
    environ = {"https_proxy": "a", "HTTPS_PROXY": "b", "HTTP_PROXY": "c", "ALL_PROXY": "d"}

    def host(url: str) -> str:
        found = proxy(endpoint(url), environ)
        assert found
        return found.host

    assert host("https://x.example") == "a"
    assert host("http://x.example") == "c"
    del environ["https_proxy"], environ["HTTP_PROXY"]
    assert host("https://x.example") == "b"
    assert host("http://x.example") == "d"


def test_the_process_s_own_variables_are_the_default(known: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    with ConnectProxy({}, refuse="403 Forbidden") as way:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{way.port}")
        for name in ("https_proxy", "NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        (answer,) = probe([known])
    assert failed(answer)[0] == "proxy-failed"
    assert way.seen == [f"CONNECT {FRANKFURT}:443"]


def test_a_proxy_s_password_shows_nowhere() -> None:
    found = proxy(endpoint("https://x.example"), {"HTTPS_PROXY": "http://me:hunter2@proxy.example:3128"})
    assert found
    assert "hunter2" not in repr(found) + str(found) + found.shown
    assert found.shown == "http://proxy.example:3128"
