"""Reads credentials from each source, with one precedence (docs/COMMANDS.md, "Where credentials are read from").

Nothing is judged here but whether a source can be read: what the values are worth is for the checks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from ocici import files, texts
from ocici.credentials import Credentials, Profile, Secret
from ocici.findings import Finding, Refused, finding, holds_key, refused

DEFAULT: Final = "DEFAULT"

FIELDS: Final = ("user", "tenancy", "fingerprint", "region", "key", "pass_phrase")

_SINGLE: Final = {
    "user": "OCICI_USER",
    "tenancy": "OCICI_TENANCY",
    "fingerprint": "OCICI_FINGERPRINT",
    "region": "OCICI_REGION",
    "key": "OCICI_PRIVATE_KEY",
    "pass_phrase": "OCICI_PASS_PHRASE",
}
# oci-cli's own names: docs.oracle.com, "CLI Environment Variables"; the key is the variable or the file it names.
_OCI_CLI: Final = {
    "user": "OCI_CLI_USER",
    "tenancy": "OCI_CLI_TENANCY",
    "fingerprint": "OCI_CLI_FINGERPRINT",
    "region": "OCI_CLI_REGION",
    "key": "OCI_CLI_KEY_CONTENT",
    "pass_phrase": "OCI_CLI_PASSPHRASE",
}
_BUNDLE: Final = "OCICI_CREDENTIALS"
_CONFIG: Final = "OCICI_CONFIG"


VARIABLES: Final = (*_SINGLE.values(), _BUNDLE, _CONFIG)
"""The variables that ocici reads secrets and values from, each also as `…_FILE`."""


@dataclass(frozen=True)
class Value:
    """One value and where it was read. `reason` says why a key file that it names could not be read."""

    secret: Secret
    origin: str
    reason: str = ""


Fields = dict[str, Value]


@dataclass(frozen=True)
class Sourced:
    """What was read: the profiles, the name of the selected one, and what was worth knowing."""

    profiles: list[Profile]
    selected: str
    findings: list[Finding] = field(default_factory=list)


def read(environ: Mapping[str, str], options: Mapping[str, str]) -> Sourced:
    """The credentials in `environ` and `options`.

    Parameters: `environ`, the environment with the host's inputs in it; `options`, the command line's: "user",
    "tenancy", "fingerprint", "region", "profile", each may be missing or empty. Raises `Refused` when a source
    cannot be read, when one value is given twice, or when no credentials are there at all.
    """
    findings: list[Finding] = []
    over = {name: Value(Secret(text), f"--{name}") for name in FIELDS if (text := options.get(name, ""))}
    for name, variable in _SINGLE.items():
        single = _variable(environ, variable, findings, binary=name == "key")
        if single and name not in over:
            over[name] = single
    unfit: dict[str, Refused] = {}
    named, origin = _named_profiles(environ, findings, unfit)
    under = dict(_oci_cli(environ))
    wanted = options.get("profile") or environ.get("OCICI_PROFILE", "")
    if not named and not over and not under:
        raise _nothing(environ)
    selected = _select(wanted, named, origin)
    if selected in unfit:
        raise unfit[selected]
    named.setdefault(selected, {})
    for name, value in under.items():
        named[selected].setdefault(name, value)
    named[selected].update(over)
    if named[selected].get("key") == _KEY_FILE:  # read where it counts alone
        content = _named_file(environ[_KEY_FILE.origin], _KEY_FILE.origin, findings)
        named[selected]["key"] = Value(Secret(content), _KEY_FILE.origin)
    profiles = []
    for name, fields in named.items():
        if name != selected and (reason := _unfit(fields, unfit.get(name))):
            findings.append(finding("profile-left-out", name=texts.shown_name(name), origin=origin, reason=reason))
            continue
        profiles.append(_profile(name, fields, _empty(environ) if name == selected else {}))
    return Sourced(profiles, selected, findings)


def secrets(environ: Mapping[str, str]) -> Iterator[Secret]:
    """Every secret that stands in a variable as it is, so that no output can hold one by mistake.

    Files are not opened: what they hold is known to the masks once it is read.
    """
    single = (_SINGLE["key"], _SINGLE["pass_phrase"], "OCI_CLI_KEY_CONTENT", "OCI_CLI_PASSPHRASE")
    for variable in (*single, _BUNDLE, _CONFIG):
        value = environ.get(variable, "")
        if variable in (_BUNDLE, _CONFIG):
            value = texts.without_open_lines(value)
        if value:
            yield Secret(value)


def pass_phrase(environ: Mapping[str, str]) -> Secret:
    """The pass phrase in OCICI_PASS_PHRASE or its file; empty when there is none. Raises `Refused` as `read` does."""
    value = _variable(environ, _SINGLE["pass_phrase"], [])
    return value.secret if value else Secret()


# -- where a value stands -----------------------------------------------------------------------------------


def _variable(environ: Mapping[str, str], name: str, findings: list[Finding], binary: bool = False) -> Value | None:
    """The value of `name`, or of the file that `name`_FILE names; None when neither is set or both are empty."""
    here, path = environ.get(name, ""), environ.get(f"{name}_FILE", "")
    if here and path:
        raise refused("source-twice", first=name, second=f"{name}_FILE")
    if here:
        if len(here) > files.LIMIT:
            raise refused("source-too-large", origin=name, limit=files.LIMIT)
        return Value(Secret(here), name)
    if not path:
        return None
    content = _named_file(path, f"{name}_FILE", findings)
    if not binary:
        content = content.strip(b"\r\n")  # the line end that every editor puts at the end of a file
    if not content:
        raise refused("secret-empty", origin=f"the file that {name}_FILE names")
    return Value(Secret(content), f"{name}_FILE")


def _named_file(path: str, origin: str, findings: list[Finding]) -> bytes:
    """What the file holds that `origin` names, without what gets round a path on its way. Raises `files.read`'s."""
    clean = texts.clean_path(path)
    if not clean:
        raise refused("secret-empty", origin=origin)
    content = files.read(clean, origin)
    if clean != path.strip("\r\n"):  # the line end that every editor puts at the end of a file
        repairs = "spaces, quotes or file:// round the path were removed"
        findings.append(finding("value-repaired", origin=origin, repairs=repairs))
    return content


_KEY_FILE: Final = Value(Secret(), "OCI_CLI_KEY_FILE")


def _oci_cli(environ: Mapping[str, str]) -> Iterator[tuple[str, Value]]:
    for name, variable in _OCI_CLI.items():
        if value := environ.get(variable, ""):
            yield name, Value(Secret(value), variable)
        elif name == "key" and environ.get(_KEY_FILE.origin, ""):
            yield name, _KEY_FILE


# -- bundle and config text -----------------------------------------------------------------------------------


def _named_profiles(
    environ: Mapping[str, str], findings: list[Finding], unfit: dict[str, Refused]
) -> tuple[dict[str, Fields], str]:
    """The profiles of the bundle, what it leaves open filled from the config text; and where they were read."""
    profiles: dict[str, Fields] = {}
    origins = []
    if value := _variable(environ, _BUNDLE, findings):
        from ocici import bundle

        origins.append(value.origin)
        text = texts.read(value.secret.reveal(), value.origin, "bundle-syntax", findings)
        _add(profiles, bundle.read(text, value.origin), value.origin, findings)
    if value := _variable(environ, _CONFIG, findings):
        from ocici import configfile  # with configparser, 4 ms

        origins.append(value.origin)
        text = texts.read(value.secret.reveal(), value.origin, "config-syntax", findings)
        _add(profiles, configfile.read(text, value.origin, findings, unfit), value.origin, findings)
    return profiles, " and ".join(origins)


def _add(
    profiles: dict[str, Fields], read: Mapping[str, Mapping[str, str]], origin: str, findings: list[Finding]
) -> None:
    for name, given in read.items():
        if given.get("key_file") and given.get("key_content"):
            raise refused("source-twice", first="`key_file`", second=f"`key_content` of profile {name} in {origin}")
        fields = profiles.setdefault(name, {})
        for each, content in given.items():
            if content and ("key" if each in ("key_content", "key_file") else each) not in fields:
                field_name, value = _field(each, content, f"`{each}` in {origin}", findings)
                fields[field_name] = value


def _field(name: str, content: str, origin: str, findings: list[Finding]) -> tuple[str, Value]:
    if name == "key_content":
        return "key", Value(Secret(content), origin)
    if name != "key_file":
        return name, Value(Secret(content), origin)
    try:
        return "key", Value(Secret(_named_file(content, origin, findings)), origin)
    except Refused as refusal:
        if refusal.findings[0].code == "path-is-key":
            raise
        reason = refusal.findings[0].cause
        return "key", Value(Secret(), origin, reason or "it cannot be read")


# -- profiles ---------------------------------------------------------------------------------------------------


def _select(wanted: str, named: Mapping[str, Fields], origin: str) -> str:
    known = ", ".join(map(texts.shown_name, named))
    if wanted:
        if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", wanted) or holds_key(wanted):
            raise refused("profile-name", origin="--profile or OCICI_PROFILE", length=len(wanted))
        if named and wanted not in named:
            raise refused("profile-missing", name=texts.shown_name(wanted), origin=origin, known=known)
        return wanted
    if not named or DEFAULT in named:
        return DEFAULT
    if len(named) > 1:
        raise refused("profile-not-chosen", origin=origin, known=known)
    return next(iter(named))


def _unfit(fields: Fields, refusal: Refused | None) -> str:
    """Why a profile that was not selected cannot be in the session; "" where it can."""
    if refusal:
        token = refusal.findings[0].code == "token-profile"
        return "signs with a token" if token else "has a name that not every tool reads"
    key = fields.get("key")
    if not key:
        return "has no private key"
    return "has a key that cannot be read on this machine" if key.reason else ""


def _empty(environ: Mapping[str, str]) -> dict[str, str]:
    """For each field the variable that is set but empty: a secret that the CI system did not hand over."""
    return {
        name: variable
        for name in FIELDS
        for variable in (_OCI_CLI[name], f"{_SINGLE[name]}_FILE", _SINGLE[name])
        if environ.get(variable) == ""
    }


def _profile(name: str, fields: Fields, empty: Mapping[str, str]) -> Profile:
    key = fields.get("key")
    if key and key.reason:
        raise Refused(finding("cannot-read-private-key", name, origin=key.origin, path="a file", reason=key.reason))
    values = {each: fields[each].secret if each in fields else Secret() for each in FIELDS}
    credentials = Credentials(
        user=values["user"].text(),
        tenancy=values["tenancy"].text(),
        fingerprint=values["fingerprint"].text(),
        region=values["region"].text(),
        key=values["key"],
        pass_phrase=values["pass_phrase"],
        origins={**empty, **{each: value.origin for each, value in fields.items()}},
    )
    return Profile(name, credentials)


def _nothing(environ: Mapping[str, str]) -> Refused:
    """No credentials at all. A variable that is set but empty is a secret that the CI system did not hand over."""
    empty = [name for name in (*VARIABLES, *_OCI_CLI.values()) if environ.get(name) == ""]
    if empty:
        origin = f"Each of {', '.join(empty[:-1])} and {empty[-1]}" if len(empty) > 1 else empty[0]
        return refused("secret-empty", origin=origin)
    return refused("credentials-missing", missing=", ".join(VARIABLES))
