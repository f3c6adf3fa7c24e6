"""The pages made from tables are current and whole; and what they quote from other tools is what these say.

The messages of the oci SDK and of oci-cli are brought about here, each by the mistake that its finding is about.
"""

from __future__ import annotations

import importlib.util
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import oci
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ocici import environment, sources
from ocici.emulator import Emulator
from ocici.explain import says
from ocici.findings import CATALOGUE

from .conftest import TENANCY, USER, Pair
from .test_probe_network import FRANKFURT, ConnectProxy, Tls, certificate

ROOT = Path(__file__).parent.parent
NOWHERE = "http://127.0.0.1:1"  # where no server runs as a user; what is asked here fails before it is sent
PAGE = (ROOT / "docs" / "TROUBLESHOOTING.md").read_text(encoding="utf-8")


def script(name: str) -> ModuleType:
    """A script of the project, as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# -- TROUBLESHOOTING.md ---------------------------------------------------------------------------------------


def test_the_page_is_current() -> None:
    assert script("make_troubleshooting").page() == PAGE, "run: .venv/bin/python scripts/make_troubleshooting.py"


def test_every_finding_has_its_anchor_in_the_catalogues_order() -> None:
    anchors = re.findall(r'^<a id="([\w-]+)"></a>$', PAGE, re.MULTILINE)
    assert len(set(anchors)) == len(anchors)
    assert [anchor for anchor in anchors if not anchor.startswith("several-")] == list(CATALOGUE)


def test_every_link_within_the_page_leads_somewhere() -> None:
    anchors = re.findall(r'<a id="([\w-]+)"></a>', PAGE)
    links = re.findall(r"\]\(#([^)]*)\)", PAGE)
    assert len(links) > 100
    assert set(links) <= set(anchors)


def section(anchor: str) -> str:
    """What stands between an anchor and the next one."""
    return PAGE.partition(f'<a id="{anchor}"></a>\n')[2].partition("<a id=")[0]


@pytest.mark.parametrize("code", CATALOGUE)
def test_every_section_is_headed_by_what_people_see(code: str) -> None:
    entry, lines = CATALOGUE[code], section(code).splitlines()
    title = entry.title[:1].upper() + entry.title[1:]
    heading = lines[1].removeprefix("### ").replace("\\", "")
    assert heading.startswith(title)
    assert heading[len(title) :].strip(": `") == (entry.symptoms or ("",))[0].strip("`")
    assert lines[3].startswith(f"`{code}` ({entry.severity}")
    assert f"exit code {entry.exit_code}" in lines[3] or entry.severity != "error"
    said = section(code)
    assert all(symptom in said for symptom in entry.symptoms)
    assert "\n- Why: " in said
    assert "\n- Fix: " in said


def test_the_five_classic_errors_come_first_under_their_names() -> None:
    groups = re.findall(r"^## (.*)$", PAGE, re.MULTILINE)
    assert groups[:3] == ["What do you see?", "One message, several causes", "The five classic errors"]
    classic = PAGE.partition("## The five classic errors")[2].partition("\n## ")[0]
    assert re.findall(r"^### ([\w ]+):", classic, re.MULTILINE) == [
        "Invalid key format",
        "Fingerprint mismatch",
        "Permission denied",
        "Cannot read private key",
        "Region not configured",
    ]


def test_every_symptom_is_in_the_index_and_leads_to_all_that_it_may_mean() -> None:
    index = PAGE.partition("## What do you see?")[2].partition("\n## ")[0]
    for symptom in {symptom for entry in CATALOGUE.values() for symptom in entry.symptoms}:
        codes = [code for code, entry in CATALOGUE.items() if symptom in entry.symptoms]
        (row,) = (line for line in index.splitlines() if re.match(rf"\| `+ ?{re.escape(_cell(symptom))} ?`+ \|", line))
        (target,) = re.findall(r"\(#([\w-]+)\) \|$", row)
        if len(codes) == 1:
            assert target == codes[0]
        else:
            listed = section(target)
            assert "`ocici check`" in listed
            assert re.findall(r"^1\. \[.*\]\(#([\w-]+)\)$", listed, re.MULTILINE) == codes


def _cell(symptom: str) -> str:
    return symptom.replace("|", r"\|")


def test_every_group_begins_where_it_is_said_to() -> None:
    groups = script("make_troubleshooting").GROUPS
    assert [code for code in CATALOGUE if code in groups] == list(groups)


def test_what_ocici_never_reports_itself_says_so() -> None:
    """Two rows stand in the catalogue for people who look for them: OCI does not tell them to a client like ocici."""
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "src" / "ocici").rglob("*.py")]
    code = "".join(text for text in sources if "CATALOGUE: Final" not in text)
    silent = {each for each in CATALOGUE if f'"{each}"' not in code}
    assert silent == {"key-not-active", "key-limit"}
    assert "ocici tells it as not-authenticated, and never as this" in CATALOGUE["key-not-active"].cause
    assert "ocici itself uploads none" in CATALOGUE["key-limit"].cause


# -- ENVIRONMENT.md -------------------------------------------------------------------------------------------


def test_what_the_wrappers_call_a_variable_is_so() -> None:
    rows = re.findall(r"^\| `(OCICI_\w+)` \| (.*) \| (.*) \| (.*) \|$", PAGE, re.MULTILINE)
    assert [row[0] for row in rows] == [*sources.VARIABLES, "OCICI_PROFILE"]
    files = ("actions/oci-auth/action.yml", "gitlab/templates/oci-auth.yml", "jenkins/vars/withOci.groovy")
    texts = [(ROOT / file).read_text(encoding="utf-8") for file in files]
    for _, *cells in rows:
        for cell, text, form in zip(cells, texts, (r"^  {}:$", r"^    {}:$", r"\b{}\b"), strict=True):
            for name in re.findall(r"`([\w-]+)`", cell):
                assert re.search(form.format(name), text, re.MULTILINE), name


def test_the_page_of_variables_is_current() -> None:
    page = (ROOT / "docs" / "ENVIRONMENT.md").read_text(encoding="utf-8")
    assert script("make_environment").written(page) == page, "run: .venv/bin/python scripts/make_environment.py"


def test_the_page_of_variables_has_every_variable_tool_and_source() -> None:
    page = (ROOT / "docs" / "ENVIRONMENT.md").read_text(encoding="utf-8")
    assert page.startswith("# Which variables sign which tool in?\n")
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|$", page, re.MULTILINE)
    assert rows[: len(environment.TABLE)] == [(each.name, ", ".join(each.tools)) for each in environment.TABLE]
    for variable in environment.TABLE:
        for tool, source in variable.tools.items():
            assert tool == "ocici" or f"https://github.com/{source.split()[0]}" in page
    for override in environment._OVERRIDES:
        assert f"\n| `{override.name}` | {', '.join(override.tools)} | " in page
    assert all(f"`{name}`" in page for name in environment.SECRETS)


def test_a_page_without_a_place_for_a_table_is_refused() -> None:
    with pytest.raises(ValueError, match="unpack"):
        script("make_environment").written("# Which variables?\n")


# -- what the oci SDK and oci-cli say -------------------------------------------------------------------------


def config_of(pair: Pair, folder: Path, change: Callable[[dict[str, str]], None] = lambda fields: None) -> Path:
    """A good config with its key, then `change`d."""
    (folder / "key.pem").write_text(pair.private + "OCI_API_KEY\n")
    fields = {
        "user": USER,
        "tenancy": TENANCY,
        "fingerprint": pair.fingerprint,
        "region": "eu-frankfurt-1",
        "key_file": str(folder / "key.pem"),
    }
    change(fields)
    config = folder / "config"
    config.write_text("[DEFAULT]\n" + "".join(f"{name}={value}\n" for name, value in fields.items()))
    for path in (config, folder / "key.pem"):
        path.chmod(0o600)
    return config


def sdk_says(config: Path, endpoint: str, profile: str = "DEFAULT", **client: Any) -> str:
    """The message with which the SDK fails."""
    try:
        read = oci.config.from_file(str(config), profile)
        options = {"retry_strategy": oci.retry.NoneRetryStrategy(), **client}
        oci.object_storage.ObjectStorageClient(read, service_endpoint=endpoint, **options).get_namespace()
    except Exception as error:  # noqa: BLE001 (each mistake raises another kind)
        return str(error)
    raise AssertionError("the SDK did not fail")


def quoted(code: str, message: str) -> None:
    """Some symptom of the finding `code` is what the message says."""
    assert any(says(symptom, message) for symptom in CATALOGUE[code].symptoms), message


def put(name: str, value: str) -> Callable[[dict[str, str]], None]:
    return lambda fields: fields.update({name: value})


@pytest.mark.parametrize("name", ["user", "tenancy", "fingerprint", "region", "key_file"])
def test_the_sdk_on_a_field_that_is_missing(pair: Pair, tmp_path: Path, name: str) -> None:
    def drop(fields: dict[str, str]) -> None:
        del fields[name]

    codes = {"region": "region-not-configured", "key_file": "key-missing"}
    quoted(codes.get(name, f"{name}-missing"), sdk_says(config_of(pair, tmp_path, drop), ""))


@pytest.mark.parametrize(
    ("name", "value", "codes"),
    [
        ("user", "me", ["ocid-malformed"]),
        ("user", "", ["secret-empty"]),
        ("user", "$OCI_USER", ["value-unexpanded"]),
        ("tenancy", "***", ["value-masked"]),
        ("fingerprint", "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU", ["fingerprint-sha256"]),
        ("fingerprint", "aa:bb", ["fingerprint-malformed"]),
        ("fingerprint", ":".join(["AB"] * 16), ["value-repaired"]),
        ("key_file", "/nowhere/key.pem", ["cannot-read-private-key", "key-file-elsewhere"]),
        ("key_file", "-----BEGIN PRIVATE KEY-----\\nMII", ["path-is-key"]),
        ("key_content", "MII", ["key-in-config"]),
    ],
)
def test_the_sdk_on_a_wrong_value(pair: Pair, tmp_path: Path, name: str, value: str, codes: list[str]) -> None:
    message = sdk_says(config_of(pair, tmp_path, put(name, value)), NOWHERE)
    if "malformed" in message:
        # oci-cli makes a table of the same, which is quoted for OCIDs.
        message += f" | {name} | malformed | this must be an OCID |"
    for code in codes:
        quoted(code, message)


def keys(pair: Pair) -> dict[str, tuple[str, list[str]]]:
    """Keys in other states, and the findings of which the SDK's message is a symptom."""
    curve = ec.generate_private_key(ec.SECP256R1())
    unreadable = ["invalid-key-format", "key-corrupt", "key-is-openssh", "key-is-putty", "key-is-certificate"]
    return {
        "nonsense": ("nonsense\n", [*unreadable, "pass-phrase-wrong", "key-is-path", "value-unexpanded"]),
        "empty": ("", ["secret-empty"]),
        "cut": (pair.private[:800], ["key-corrupt"]),
        "literal line ends": (pair.private.replace("\n", "\\n"), ["key-repaired"]),
        "public": (pair.public.decode(), ["key-is-public"]),
        "encrypted": (pair.encrypted, ["key-encrypted"]),
        "EC": (curve.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(), ["key-not-rsa"]),
    }


@pytest.mark.parametrize("state", ["nonsense", "empty", "cut", "literal line ends", "public", "encrypted", "EC"])
def test_the_sdk_on_a_key(pair: Pair, tmp_path: Path, state: str) -> None:
    content, codes = keys(pair)[state]
    config = config_of(pair, tmp_path)
    (tmp_path / "key.pem").write_text(content)
    message = sdk_says(config, NOWHERE)
    for code in codes:
        quoted(code, message)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("user=x\n", "config-syntax"),
        ("[DEFAULT]\n[A]\nuser=x\n[A]\n", "profile-duplicate"),
        ("[DEFAULT]\nuser=x\nuser=y\n", "profile-duplicate"),
        ("[DEFAULT]\nuser=x\n", "profile-missing"),
        (None, "config-missing"),
    ],
)
def test_the_sdk_on_a_config(tmp_path: Path, text: str | None, code: str) -> None:
    if text is not None:
        (tmp_path / "config").write_text(text)
    quoted(code, sdk_says(tmp_path / "config", "", profile="prod" if code == "profile-missing" else "DEFAULT"))


def swapped(fields: dict[str, str]) -> None:
    fields["user"], fields["tenancy"] = TENANCY, USER


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (put("fingerprint", ":".join(["ab"] * 16)), "fingerprint-mismatch"),
        (put("tenancy", "ocid1.compartment.oc1..aaaa"), "ocid-wrong-type"),
        (put("user", "ocid1.user.oc1..other"), "not-authenticated"),
        (swapped, "user-tenancy-swapped"),
    ],
)
def test_the_sdk_says_the_same_of_all_that_oci_refuses(
    pair: Pair, oci: Emulator, tmp_path: Path, change: Callable[[dict[str, str]], None], code: str
) -> None:
    quoted(code, sdk_says(config_of(pair, tmp_path, change), oci.endpoint))


def test_the_sdk_on_a_key_that_is_not_active(pair: Pair, oci: Emulator, tmp_path: Path) -> None:
    oci.register(TENANCY, USER, pair.public, "CREATING")
    quoted("key-not-active", sdk_says(config_of(pair, tmp_path), oci.endpoint))


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("skew:900", "clock-skew"),
        ("deny", "not-authorized"),
        ("not-allowed", "not-allowed"),
        ("reset", "connection-reset"),
        ("hang", "timed-out"),
    ],
)
def test_the_sdk_on_ocis_answers(pair: Pair, oci: Emulator, tmp_path: Path, fault: str, code: str) -> None:
    oci.fault(fault)
    quoted(code, sdk_says(config_of(pair, tmp_path), oci.endpoint, timeout=(1, 0.5)))


def test_the_sdk_on_the_way_to_oci(pair: Pair, oci: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    config = config_of(pair, tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    quoted("connection-refused", sdk_says(config, f"http://127.0.0.1:{port}"))
    for code in ("host-unknown", "region-unknown", "region-malformed"):
        quoted(code, sdk_says(config, "https://oci.invalid"))
    with Tls(certificate(tmp_path, "localhost"), oci) as server:
        quoted("tls-untrusted", sdk_says(config, f"https://localhost:{server.port}"))
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem")
        quoted("ca-unreadable", sdk_says(config, f"https://localhost:{server.port}"))
        monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with ConnectProxy({}, login="me:secret") as way:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{way.port}")
        quoted("proxy-failed", sdk_says(config, f"https://{FRANKFURT}"))


def cli_says(config: Path, *arguments: str, **environ: str) -> str:
    """What oci-cli prints when it fails."""
    done = subprocess.run(
        [Path(sys.executable).with_name("oci"), "--config-file", config, "--no-retry", *arguments],
        env={"PATH": os.environ["PATH"], "HOME": str(config.parent), **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode or "warn" in done.stderr.lower()
    return " ".join((done.stdout + done.stderr).split())


GET = ("os", "ns", "get")


@pytest.mark.parametrize(
    ("fault", "code", "message"),
    [
        ("throttle", "throttled", '"code": "TooManyRequests"'),
        ("fail", "service-failed", '"code": "InternalServerError"'),
        ("unavailable", "service-failed", '"code": "ServiceUnavailable"'),
        ("deny", "not-authorized", '"code": "NotAuthorizedOrNotFound"'),
        ("reset", "connection-reset", "The connection to endpoint timed out while trying to reach …"),
    ],
)
def test_oci_cli_on_ocis_answers(
    pair: Pair, oci: Emulator, tmp_path: Path, fault: str, code: str, message: str
) -> None:
    oci.fault(fault)
    assert message in CATALOGUE[code].symptoms
    assert says(message, cli_says(config_of(pair, tmp_path), "--endpoint", oci.endpoint, *GET))


def test_oci_cli_on_files(pair: Pair, oci: Emulator, tmp_path: Path) -> None:
    config = config_of(pair, tmp_path)
    (tmp_path / "key.pem").write_text(pair.private)
    (tmp_path / "key.pem").chmod(0o644)
    message = cli_says(config, "--endpoint", oci.endpoint, *GET)
    quoted("open-to-others", message)
    quoted("key-label-missing", message)
    quoted("config-missing", cli_says(tmp_path / "none", *GET))
    (tmp_path / "key.pem").unlink()
    quoted("key-file-elsewhere", cli_says(config, *GET))


def test_oci_cli_on_fields(pair: Pair, tmp_path: Path) -> None:
    quoted("ocid-malformed", cli_says(config_of(pair, tmp_path, put("user", "me")), *GET))
    quoted("fingerprint-malformed", cli_says(config_of(pair, tmp_path, put("fingerprint", "aa")), *GET))
    (tmp_path / "config").write_text("[DEFAULT]\nregion=eu-frankfurt-1\n")
    message = cli_says(tmp_path / "config", *GET)
    for code in ("user-missing", "tenancy-missing", "key-missing"):
        quoted(code, message)


def test_oci_cli_on_an_encrypted_key(pair: Pair, tmp_path: Path) -> None:
    config = config_of(pair, tmp_path)
    (tmp_path / "key.pem").write_text(pair.encrypted)
    quoted("key-encrypted", cli_says(config, *GET))


def test_oci_cli_on_a_fourth_key(pair: Pair, oci: Emulator, tmp_path: Path) -> None:
    from .conftest import make_pair

    for _ in range(2):
        oci.register(TENANCY, USER, make_pair().public)
    (tmp_path / "new.pem").write_bytes(make_pair().public)
    upload = ("iam", "user", "api-key", "upload", "--user-id", USER, "--key-file", str(tmp_path / "new.pem"))
    quoted("key-limit", cli_says(config_of(pair, tmp_path), "--endpoint", oci.endpoint, *upload))
