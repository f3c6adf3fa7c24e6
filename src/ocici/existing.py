"""`ocici check`: the checks and the probe on a config that is there already. Writes nothing."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ocici import checks, configfile, pem, signin, sources
from ocici.credentials import Credentials, Profile, Secret
from ocici.findings import Finding, Refused, finding, refused
from ocici.session import LABEL


def locate(option: str, environ: Mapping[str, str]) -> Path:
    """The config that the OCI tools would read: the option, oci-cli's variable, the SDKs' variable, ~/.oci/config."""
    named = option or environ.get("OCI_CLI_CONFIG_FILE") or environ.get("OCI_CONFIG_FILE") or "~/.oci/config"
    try:
        return Path(named).expanduser()
    except RuntimeError:  # no home folder
        return Path(named)


def secrets(path: Path) -> list[Secret | str]:
    """What the config at `path` may hold that must not be shown: nothing can be told apart in a broken one."""
    try:
        text = sources.read_file(str(path), "--config-file").decode("utf-8", "surrogateescape")
    except Refused:
        return []
    found: list[Secret | str] = []
    for name, value in re.findall(r"(?m)^\s*(pass_phrase|key_content|key_file)\s*[=:]\s*(.+)$", text):
        if name == "pass_phrase":
            found.append(Secret(value))
        elif name == "key_content" or re.search("PRIVATE KEY|^(?:MII|LS0t|TFMw)", value):  # PEM, or base64 of it
            found += [Secret(value), *pem.forms(Secret(value), Secret())]
    return found


def check(path: Path, name: str, settings: signin.Settings, environ: Mapping[str, str]) -> dict[str, Any]:
    """Check profile `name` of the config at `path`.

    Returns what `check --format json` prints, with "findings" as findings. Raises `Refused` when there is nothing to
    check: config-missing, permission-denied, config-syntax, profile-duplicate, profile-missing, token-profile.
    """
    findings: list[Finding] = []
    fields = _fields(path, name, findings)
    profile = _profile(path, name, fields, findings)
    checked = checks.check(profile, environ, full=settings.validate != "off")
    unread = "key_file" in fields and not profile.credentials.key  # which has been told already
    for found in checked.findings:
        if found.code in ("key-repaired", "value-repaired"):  # here nothing is written: the file stays as it is
            findings.append(finding("mended-for-check", name, cause=found.cause))
        elif not (unread and found.code == "key-missing"):
            findings.append(found)
    if "fingerprint" not in fields and (actual := checked.profile.credentials.fingerprint):
        findings.append(finding("fingerprint-missing", name, origin=f"Profile {name} of {path}", actual=actual))
    described: dict[str, Any] = {"profile": name, **signin.identity(checked.profile)}
    if "key_file" in fields and not unread:  # else it may be anything, even the key itself
        described["key_file"] = fields["key_file"]
    failed = any(found.severity == "error" for found in findings)
    if settings.validate == "online" and not failed:
        (answer,) = signin.ask([checked.profile], settings, environ)
        findings += answer.pop("findings")
        described["probe"] = answer
    return {"config_file": str(path), "profile": name, "profiles": [described], "findings": findings}


def _fields(path: Path, name: str, findings: list[Finding]) -> dict[str, str]:
    try:
        content = sources.read_file(str(path), "--config-file")
    except Refused as refusal:
        if refusal.findings[0].code == "source-missing" and not os.path.lexists(path):
            raise refused("config-missing", path=sources.shown_path(str(path))) from None
        raise
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise refused("config-syntax", origin=str(path), where="", detail="it is not text") from None
    profiles = configfile.sections(text, str(path))
    if name not in profiles:
        known = ", ".join(map(sources.shown_name, profiles))
        raise refused("profile-missing", name=sources.shown_name(name), origin=path, known=known)
    _check_mode(path, findings)
    fields = profiles[name]
    if fields.get("security_token_file"):
        raise refused("token-profile", name, origin=f"profile {name} of {path}", field="security_token_file")
    if fields.get("key_content"):
        findings.append(finding("key-in-config", name, origin=f"Profile {name} of {path}"))
    if fields.get("pass_phrase"):
        findings.append(finding("pass-phrase-beside-key", name, origin=path))
    return fields


def _profile(path: Path, name: str, fields: Mapping[str, str], findings: list[Finding]) -> Profile:
    origins = {each: f"`{each}` in {path}" for each in fields}
    key = Secret(fields.get("key_content", ""))
    if key:
        origins["key"] = origins["key_content"]
    if named := fields.get("key_file", ""):
        key = _key(path, name, named, findings)
        origins["key"] = named
    if not key:
        origins.pop("key", None)
    who = Credentials(
        user=fields.get("user", ""),
        tenancy=fields.get("tenancy", ""),
        fingerprint=fields.get("fingerprint", ""),
        region=fields.get("region", ""),
        key=key,
        pass_phrase=Secret(fields.get("pass_phrase", "")),
        origins=origins,
    )
    return Profile(name, who)


def _key(path: Path, name: str, named: str, findings: list[Finding]) -> Secret:
    try:
        content = sources.read_file(named, f"`key_file` in {path}")
    except Refused as refusal:
        found = refusal.findings[0]
        if found.code == "source-missing":
            home = named.startswith("~")
            reason = f"`~` is {os.path.expanduser('~')} here" if home else "no such file on this machine"  # noqa: PTH111
            found = finding("key-file-elsewhere", name, origin=path, path=sources.shown_path(named), reason=reason)
        findings.append(found)
        return Secret()
    if not content.strip():
        findings.append(finding("secret-empty", name, origin=named))
        return Secret()
    key_path = Path(named).expanduser()
    _check_mode(key_path, findings)
    if not content.rstrip().endswith(LABEL.strip()):
        findings.append(finding("key-label-missing", name, path=key_path))
    return Secret(content)


def _check_mode(path: Path, findings: list[Finding]) -> None:
    # The mask that oci-cli warns at (oci_cli/cli_util.py): anything beyond rw for the owner.
    mode = path.stat().st_mode
    if os.name == "posix" and mode & 0o177:
        what = "write" if mode & (stat.S_IWGRP | stat.S_IWOTH) else "read"
        findings.append(finding("open-to-others", path=path, mode=f"{stat.S_IMODE(mode):04o}", what=what))
