"""`ocici check`: the checks and the probe on a config that is there already. Writes nothing."""

from __future__ import annotations

import io
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ocici import bundle, checks, configfile, files, pem, signin, texts
from ocici.credentials import Credentials, Profile, Secret
from ocici.findings import Finding, Refused, finding, refused
from ocici.session import LABEL

_HIDDEN: Final = re.compile(r"(?i)[ \t]*(pass_phrase|key_content|key_file)[ \t]*[=:](.*)")
_UTF_8: Final = b"\xef\xbb\xbf"


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
        content = files.read(str(path), "--config-file")
    except Refused:
        return []
    wide = content[:2] in texts.UTF_16
    text = content.decode("utf-16", "replace") if wide else content.decode("utf-8", "surrogateescape")
    found: list[Secret | str] = []
    for name, value in _hidden(text):
        if name == "pass_phrase":
            found.append(Secret(value))
        elif name == "key_content" or re.search("PRIVATE KEY|^(?:MII|LS0t|TFMw)", value):  # PEM, or base64 of it
            found += [Secret(value), *pem.forms(Secret(value), Secret())]
    return found


def _hidden(text: str) -> list[tuple[str, str]]:
    """The fields in `text` that may hold a secret, by name, each with the indented lines that continue it."""
    found: list[tuple[str, list[str]]] = []
    for line in re.split(r"\r\n?|\n", text):
        if match := _HIDDEN.match(line):
            found.append((match[1].lower(), [match[2]]))
        elif found and line[:1] in (" ", "\t"):
            found[-1][1].append(line)
    return [(name, value) for name, lines in found if (value := "\n".join(lines).strip())]


def check(path: Path, name: str, settings: signin.Settings, environ: Mapping[str, str]) -> dict[str, Any]:
    """Check profile `name` of the config at `path`.

    Returns what `check --format json` prints, with "findings" as findings. Raises `Refused` when there is nothing to
    check: config-missing, permission-denied, config-syntax, profile-duplicate, profile-missing, token-profile.
    """
    findings: list[Finding] = []
    fields = _fields(path, name, findings)
    profile = _profile(path, name, fields, findings)
    checked = checks.check(profile, environ, full=settings.validate != "off")
    unread = bool(fields.get("key_file")) and not profile.credentials.key  # which has been told already
    refused_file = bool(fields.get("key_file")) and _is_refused(profile.credentials, checked.repairs)
    if refused_file:
        notes = [] if b"-----BEGIN" in profile.credentials.key.reveal() else ["it is not PEM"]
        detail = "; ".join([*notes, *(checked.repairs or ())]) or "it is of a form that the SDK does not know"
        findings.append(finding("key-file-refused", name, path=fields["key_file"], detail=detail))
    for found in checked.findings:
        if found.code == "key-repaired" and refused_file:
            continue
        if found.code in ("key-repaired", "value-repaired"):  # here nothing is written: the file stays as it is
            findings.append(finding("mended-for-check", name, cause=found.cause))
        elif not (unread and found.code == "key-missing"):
            findings.append(found._replace(fix=_fix(found, f"profile {name} of {path}")))
    if not fields.get("fingerprint") and (actual := checked.profile.credentials.fingerprint):
        findings.append(finding("fingerprint-missing", name, origin=f"Profile {name} of {path}", actual=actual))
    described: dict[str, Any] = {"profile": name, **signin.identity(checked.profile)}
    if fields.get("key_file") and not unread:  # else it may be anything, even the key itself
        described["key_file"] = fields["key_file"]
    failed = any(found.severity == "error" for found in findings)
    if settings.validate == "online" and not failed:
        (answer,) = signin.ask([checked.profile], settings, environ)
        findings += answer.pop("findings")
        described["probe"] = answer
    return {"config_file": str(path), "profile": name, "profiles": [described], "findings": findings}


def _fix(found: Finding, profile: str) -> str:
    """What to do about `found` in a config: check and the tools read no variable of ocici's."""
    if found.code == "key-encrypted":
        return f"Add `pass_phrase=…` to {profile}, or run `ocici setup`: its session needs none."
    if found.code == "key-missing":
        return f"Name the file of the private key in `key_file` of {profile}, or run `ocici setup`."
    named = re.compile(r"OCICI_[A-Z]+ \(or (`[a-z]+`) in the bundle or config\)")
    return named.sub(lambda match: f"{match[1]} in {profile}", found.fix)


def _fields(path: Path, name: str, findings: list[Finding]) -> dict[str, str]:
    try:
        content = files.read(str(path), "--config-file")
    except Refused as refusal:
        if refusal.findings[0].code == "source-missing" and not os.path.lexists(path):
            raise refused("config-missing", path=texts.shown_path(str(path))) from None
        raise
    profiles = configfile.sections(_text(content, path), str(path))
    if name not in profiles:
        known = ", ".join(map(texts.shown_name, profiles))
        raise refused("profile-missing", name=texts.shown_name(name), origin=path, known=known)
    _check_mode(path, findings)
    if content.startswith(_UTF_8):
        findings.append(finding("mended-for-check", name, cause=f"{path} begins with a byte-order mark."))
    fields = profiles[name]
    if token := next((field for field in bundle.TOKENS if fields.get(field)), ""):
        origin, what = f"profile {name} of {path}", bundle.TOKENS[token]
        raise refused("token-profile", name, origin=origin, field=token, what=what)
    if fields.get("key_content"):
        findings.append(finding("key-in-config", name, origin=f"Profile {name} of {path}"))
    if fields.get("pass_phrase"):
        findings.append(finding("pass-phrase-beside-key", name, origin=path))
    return fields


def _text(content: bytes, path: Path) -> str:
    """The config's text. Raises `Refused`: config-syntax, where it is in no encoding that the tools read."""
    detail = "it is not text in UTF-8"
    if content[:2] in texts.UTF_16:
        detail = "it is encoded in UTF-16 (as Windows PowerShell writes files), and OCI tools read UTF-8"
    try:
        return io.StringIO(content.decode("utf-8-sig"), newline=None).read()  # line ends as the tools read them
    except UnicodeDecodeError:
        raise refused("config-syntax", origin=str(path), where="", detail=detail) from None


def _profile(path: Path, name: str, fields: Mapping[str, str], findings: list[Finding]) -> Profile:
    origins = {each: f"`{each}` in {path}" for each in fields}
    key = Secret(fields.get("key_content", ""))
    named = fields.get("key_file", "")
    if named:
        key = _key(path, name, named, findings)
        if key:
            origins["key"] = named
    elif where := origins.get("key_content" if key else "key_file"):
        origins["key"] = where
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
        content = files.read(named, f"`key_file` in {path}")
    except Refused as refusal:
        found = refusal.findings[0]
        if found.code == "source-missing" and os.path.exists(os.path.expanduser(named)):  # noqa: PTH110, PTH111
            found = finding("cannot-read-private-key", name, reason=found.cause)
        elif found.code == "source-missing":
            home = named.startswith("~")
            reason = f"`~` is {os.path.expanduser('~')} here" if home else "no such file on this machine"  # noqa: PTH111
            clean = texts.clean_path(named)
            if clean != named and os.path.exists(os.path.expanduser(clean)):  # noqa: PTH110, PTH111
                reason = "OCI tools take the quotes or the file: round it for a part of the path"
            found = finding("key-file-elsewhere", name, origin=path, path=texts.shown_path(named), reason=reason)
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


def _is_refused(who: Credentials, repairs: tuple[str, ...] | None) -> bool:
    """Whether the SDK refuses the key file, though ocici could read it. It does this very thing (oci/signer.py)."""
    from cryptography.exceptions import InternalError, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    if repairs is None:
        return False
    phrase = who.pass_phrase.reveal() or None
    try:
        try:
            serialization.load_pem_private_key(who.key.reveal().strip(), phrase)
        except TypeError:  # cryptography says so of a pass phrase that is not needed
            serialization.load_pem_private_key(who.key.reveal().strip(), None)
    except (TypeError, ValueError, UnsupportedAlgorithm, InternalError, MemoryError):
        return True
    return False


def _check_mode(path: Path, findings: list[Finding]) -> None:
    mode = path.stat().st_mode
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        what = "write" if mode & (stat.S_IWGRP | stat.S_IWOTH) else "read"
        findings.append(finding("open-to-others", path=path, mode=f"{stat.S_IMODE(mode):04o}", what=what))
