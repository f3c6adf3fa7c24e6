"""Where signing in ends early: what is known by then goes with the findings, and nothing that was not checked."""

from __future__ import annotations

import base64
import io
import json
import socket
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from ocici.findings import Refused
from ocici.hosts import Host
from ocici.signin import Settings, sign_in

from .conftest import TENANCY, USER, Pair


def known(environ: dict[str, str], folder: Path, validate: str) -> list[Any]:
    """The profiles that `Refused` tells of."""
    settings = Settings({}, validate, "namespace", environ.get("OCICI_ENDPOINT", ""), 5.0, False, None)
    with pytest.raises(Refused) as refusal:
        sign_in(settings, environ, Host(environ, io.StringIO()), folder, lambda secrets: None)
    assert list(folder.iterdir()) == []
    return list(refusal.value.profiles)


@pytest.mark.parametrize(
    ("changed", "validate", "region", "fingerprint"),
    [
        ({"OCICI_USER": "me"}, "offline", "eu-frankfurt-1", "its own"),
        ({"OCICI_PRIVATE_KEY": "x"}, "offline", "eu-frankfurt-1", ""),
        ({"OCICI_REGION": "a secret"}, "offline", "", "its own"),
        ({"OCICI_FINGERPRINT": "a secret", "OCICI_PRIVATE_KEY": "x"}, "offline", "eu-frankfurt-1", ""),
        ({"OCICI_FINGERPRINT": "a secret", "OCICI_PRIVATE_KEY": "x"}, "off", "eu-frankfurt-1", None),
    ],
)
def test_before_there_is_a_session(
    secrets: dict[str, str],
    pair: Pair,
    tmp_path: Path,
    changed: dict[str, str],
    validate: str,
    region: str,
    fingerprint: str | None,
) -> None:
    (profile,) = known(secrets | changed, tmp_path, validate)
    assert profile.pop("profile") == "DEFAULT"
    expected = pair.fingerprint if fingerprint == "its own" else fingerprint
    assert profile == {"region": region, **({} if expected is None else {"fingerprint": expected})}


def test_when_oci_refuses(secrets: dict[str, str], other_pair: Pair, oci: Any, tmp_path: Path) -> None:
    changed = {"OCICI_PRIVATE_KEY": other_pair.private, "OCICI_ENDPOINT": oci.endpoint}
    (profile,) = known(secrets | changed, tmp_path, "online")
    assert profile["fingerprint"] == other_pair.fingerprint
    assert profile["probe"]["outcome"] == "refused"


def test_a_line_of_a_bundle_that_holds_no_secret_is_not_masked(pair: Pair, tmp_path: Path) -> None:
    key = "".join(f"  {line}\n" for line in pair.private.splitlines())
    bundle = f"user: me-myself-and-I\nregion: eu-frankfurt-1\nkey_content: |\n{key}"
    environ = {"OCICI_CREDENTIALS": base64.b64encode(bundle.encode()).decode()}
    host = Host(environ, io.StringIO())
    masked: list[str] = []
    with mock.patch.object(host, "mask", masked.extend), pytest.raises(Refused):
        sign_in(Settings({}, "offline"), environ, host, tmp_path, lambda secrets: None)
    assert "user: me-myself-and-I" in masked
    assert not {"key_content: |", "region: eu-frankfurt-1"} & set(masked)
    assert set(pair.private.splitlines()[1:-1]) <= set(masked)


def test_what_keeps_all_profiles_from_oci_is_one_finding(pair: Pair, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        endpoint = f"http://127.0.0.1:{server.getsockname()[1]}"
    fields = {"user": USER, "tenancy": TENANCY, "region": "fra", "key_content": pair.private}
    bundle = json.dumps({"profiles": dict.fromkeys(("DEFAULT", "B", "C"), fields)})
    settings = Settings({}, "online", "namespace", endpoint, 5.0, False, None)
    environ = {"OCICI_CREDENTIALS": bundle}
    with pytest.raises(Refused) as refusal:
        sign_in(settings, environ, Host(environ, io.StringIO()), tmp_path, lambda secrets: None)
    (found,) = refusal.value.findings
    assert (found.code, found.profile) == ("connection-refused", "")
    # What the JSON has of each profile is what it was.
    assert [each["probe"]["outcome"] for each in refusal.value.profiles] == ["failed"] * 3
    assert all("findings" not in each["probe"] for each in refusal.value.profiles)
