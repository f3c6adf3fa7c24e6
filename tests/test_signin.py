"""Where signing in ends early: what is known by then goes with the findings, and nothing that was not checked."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from ocici.findings import Refused
from ocici.hosts import Host
from ocici.signin import Settings, sign_in

from .conftest import Pair


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
