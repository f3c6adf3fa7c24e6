"""The offline checks: credentials in; the same credentials completed, and findings, out. Nothing is asked of OCI.

What is safe to mend is mended with a note: spaces and quotes round a value, a fingerprint in capitals or without
colons, a region in capitals. A short region code is none that needs mending: it becomes the full name. A fingerprint
that is left out follows from the key.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ocici import instead, pem, regions
from ocici.body import masked
from ocici.credentials import Credentials, Profile
from ocici.findings import Finding, Refused, finding, holds_key, shown

_QUOTES: Final = "\"'`\u201c\u201d\u2018\u2019"
_INVISIBLE: Final = "\ufeff\u200b\u200c\u200d\u2060"
# docs.oracle.com, "Resource Identifiers": ocid1.<type>.<realm>.[region][.future use].<unique ID>. The unique part
# has 60 characters in OCI, and that of a user or tenancy begins like this; others stand in documentation and emulators.
_UNIQUE_LENGTH: Final = 60
_UNIQUE_BEGINNING: Final = "aaaaaaaa"
_MADE_UP_LENGTH: Final = 19
_ENDINGS: Final = {",": "a comma", ";": "a semicolon", "\\n": r"a line end that was written out (\n)"}
_OCID: Final = re.compile(r"ocid1\.([a-z0-9]+)\.([a-z0-9-]+)\.([a-z0-9-]*)(?:\.[a-z0-9-]*)?\.([a-z0-9]+)")
# Tenancies of OCI's first years still have this form; the SDK takes both (oci/config.py, PATTERNS).
_OLD_OCID: Final = re.compile(r"ocidv1:([a-z0-9]+):([a-z0-9-]+):(?:[a-z0-9-]*:){1,4}[a-z0-9]+")
_REGION: Final = re.compile(r"[a-z]{2,4}(-[a-z0-9]{2,30}){1,4}-[0-9]{1,2}")
_NAMES: Final = {"user": "OCICI_USER", "tenancy": "OCICI_TENANCY", "fingerprint": "OCICI_FINGERPRINT",
                 "region": "OCICI_REGION", "key": "OCICI_PRIVATE_KEY", "pass_phrase": "OCICI_PASS_PHRASE"}  # fmt: skip


@dataclass(frozen=True)
class Checked:
    """A profile after the checks, and what they found. Completed only where no finding is an error.

    `repairs`: what was mended to read the key; None when it could not be read.
    """

    profile: Profile
    findings: list[Finding]
    repairs: tuple[str, ...] | None = None


def check(profile: Profile, environ: Mapping[str, str], full: bool = True) -> Checked:
    """Check one profile.

    Parameters: `profile` as a source gave it; `environ`, for OCI_REGION_METADATA; `full`: False checks no more than
    is needed to write a session that tools can read. Raises nothing: what is wrong is in the findings.
    """
    return _Check(profile, environ).run(full)


class _Check:
    """One run over one profile."""

    def __init__(self, profile: Profile, environ: Mapping[str, str]) -> None:
        self._name = profile.name
        self._given = profile.credentials
        self._environ = environ
        self._findings: list[Finding] = []

    def run(self, full: bool) -> Checked:
        values = {
            "user": self._value("user", "user-missing"),
            "tenancy": self._value("tenancy", "tenancy-missing"),
            "fingerprint": self._value("fingerprint", ""),
            "region": self._value("region", "region-not-configured"),
        }
        values["region"], realm = self._region(values["region"])
        if full:
            self._check_ocids(values, realm)
            values["fingerprint"] = self._fingerprint(values["fingerprint"])
        elif holds_key(values["fingerprint"]):
            self._add_malformed("fingerprint", "it looks like a piece of a private key")
        loaded = self._key()
        key = loaded.key if loaded else None
        if key:
            if not values["fingerprint"]:
                values["fingerprint"] = key.fingerprint
            elif full and values["fingerprint"] != key.fingerprint:
                self._mismatch(values["fingerprint"], key.fingerprint)
        completed = Credentials(
            user=values["user"],
            tenancy=values["tenancy"],
            fingerprint=values["fingerprint"],
            region=values["region"],
            key=key.pem if key else self._given.key,
            origins=self._given.origins,
        )
        mended = (*loaded.repairs, *loaded.pass_phrase_repairs) if loaded else None
        return Checked(Profile(self._name, completed), self._findings, mended)

    def _add(self, code: str, **values: object) -> None:
        self._findings.append(finding(code, self._name, **values))

    def _origin(self, name: str) -> str:
        return self._given.origins.get(name, _NAMES[name])

    # -- what holds for every value ---------------------------------------------------------------------

    def _value(self, name: str, missing: str) -> str:
        """The field `name` without what gets round a value on its way; "" when nothing usable is left."""
        raw: str = getattr(self._given, name)
        value, removed = _bared(raw)
        if not value:
            if raw or (missing and name in self._given.origins):
                self._add("secret-empty", origin=self._origin(name))
            elif missing:
                self._add(missing, name=self._name)
            return ""
        if masked(value):
            self._add("value-masked", origin=self._origin(name))
            return ""
        if form := instead.unexpanded(value):
            self._add("value-unexpanded", origin=self._origin(name), form=form)
            return ""
        if instead.is_null(value):
            self._add("value-unset", origin=self._origin(name))
            return ""
        if not value.isprintable():  # a line break would begin a new line of the config
            self._add_malformed(name, "it has a line break or an invisible character in it")
            return ""
        if holds_key(value) and name != "fingerprint":
            self._add_malformed(name, "it looks like a piece of a private key")
            return ""
        if removed:
            repairs = f"{' and '.join(removed)} round it were removed"
            self._add("value-repaired", origin=self._origin(name), repairs=repairs)
        return value

    def _add_malformed(self, name: str, detail: str) -> None:
        origin = self._origin(name)
        if name == "region":
            self._add("region-malformed", origin=origin, value=f"a value: {detail}")
        elif name == "fingerprint":
            self._add("fingerprint-malformed", origin=origin, detail=f"a value: {detail}")
        else:
            self._add("ocid-malformed", origin=origin, expected=name, detail=detail)

    # -- OCIDs ------------------------------------------------------------------------------------------

    def _check_ocids(self, values: dict[str, str], realm: str | None) -> None:
        kinds = {name: self._kind(values[name]) for name in ("user", "tenancy")}
        if kinds == {"user": "tenancy", "tenancy": "user"}:
            self._add("user-tenancy-swapped", user_origin=self._origin("user"), tenancy_origin=self._origin("tenancy"))
            return
        foreign: dict[str, list[str]] = {}  # realm -> where its OCIDs were read
        for name in ("user", "tenancy"):
            if values[name] and self._check_ocid(name, values[name], kinds[name]):
                own = re.split("[.:]", values[name])[2]
                if realm and own != realm:
                    foreign.setdefault(own, []).append(self._origin(name))
            if not kinds[name]:
                values[name] = ""  # it may be a secret in the wrong field, and results show what is left
        for own, origins in foreign.items():
            ocids = f"the OCIDs in {' and '.join(origins)} are" if len(origins) > 1 else f"the OCID in {origins[0]} is"
            self._add("realm-mismatch", region=values["region"], region_realm=realm, ocids=ocids, realm=own)

    @staticmethod
    def _kind(value: str) -> str:
        match = _OCID.fullmatch(value.lower()) or _OLD_OCID.fullmatch(value.lower())
        return match.group(1) if match else ""

    def _check_ocid(self, name: str, value: str, kind: str) -> bool:
        """Whether `value` is an OCID of the right type."""
        origin = self._origin(name)
        if not kind:
            self._add("ocid-malformed", origin=origin, expected=name, detail=_malformed(value, name))
        elif kind != name:
            self._add("ocid-wrong-type", origin=origin, expected=name, actual=kind, value=shown(value))
        elif value != value.lower():
            self._add("ocid-malformed", origin=origin, expected=name, detail="it holds capital letters")
        else:
            if not has_usual_length(value):
                length = len(value.rpartition(".")[2])
                self._add("ocid-length", origin=origin, expected=name, length=length)
            return True
        return False

    # -- fingerprint and key ----------------------------------------------------------------------------

    def _fingerprint(self, value: str) -> str:
        origin = self._origin("fingerprint")
        if not value:
            return ""
        # openssl prints `MD5(stdin)= aa:bb…` and `(stdin)= aa:bb…`, and of SHA-256 the like.
        named = re.match(r"(?i)((?:md5|sha-?(?:2-)?256)?)(?:\([^)]{0,200}\)\s*=|:|=)\s*", value)
        body = value[named.end() :] if named else value
        digits = re.sub(r"[:\s-]", "", body).lower()
        if named and named.group(1).lower().startswith("sha"):
            self._add("fingerprint-sha256", origin=origin)
            return ""
        if re.fullmatch(r"[A-Za-z0-9+/]{43}=?", value) or re.fullmatch(r"[0-9a-f]{64}", digits):
            self._add("fingerprint-sha256", origin=origin)
            return ""
        if not re.fullmatch(r"[0-9a-f]*", digits) or len(digits) != 32:
            hexadecimal = re.fullmatch(r"[0-9a-f]*", digits)
            detail = f"{len(digits)} hex digits instead of 32" if hexadecimal else shown(value)
            self._add("fingerprint-malformed", origin=origin, detail=detail)
            return ""
        clean = ":".join(digits[at : at + 2] for at in range(0, 32, 2))
        repairs = ["what stood before it (such as MD5:) was removed"] if named else []
        repairs += ["it was put into lower case"] if body != body.lower() else []
        repairs += ["colons were put between its pairs"] if body.lower() != clean else []
        if repairs:
            self._add("value-repaired", origin=origin, repairs="; ".join(repairs))
        return clean

    def _mismatch(self, given: str, actual: str) -> None:
        origins = {"origin": self._origin("fingerprint"), "key_origin": self._origin("key")}
        self._add("fingerprint-mismatch", given=given, actual=actual, **origins)

    def _key(self) -> pem.Loaded | None:
        origin = self._origin("key")
        if not self._given.key:
            if "key" in self._given.origins:
                self._add("secret-empty", origin=origin)
            else:
                self._add("key-missing", name=self._name)
            return None
        try:
            loaded = pem.load(self._given.key, self._given.pass_phrase, origin, self._origin("pass_phrase"))
        except Refused as refusal:
            self._findings += [found._replace(profile=self._name) for found in refusal.findings]
            return None
        if loaded.repairs:
            self._add("key-repaired", origin=origin, repairs="; ".join(loaded.repairs))
        if loaded.pass_phrase_repairs:
            repairs = "; ".join(loaded.pass_phrase_repairs)
            self._add("value-repaired", origin=self._origin("pass_phrase"), repairs=repairs)
        return loaded

    # -- region -------------------------------------------------------------------------------------------

    def _region(self, value: str) -> tuple[str, str | None]:
        """The region's full name ("" if it cannot be one) and its realm, if known.

        Checked always: it becomes a part of host names and of a file.
        """
        if not value:
            return "", None
        name, realm = regions.resolve(value, self._environ)
        if value != value.lower() and (realm or _REGION.fullmatch(name)):
            self._add("value-repaired", origin=self._origin("region"), repairs="it was put into lower case")
        if realm is None:
            near = regions.nearest(value)
            nearest = f" (did you mean {near}?)" if near else ""
            if not _REGION.fullmatch(name):
                self._add("region-malformed", origin=self._origin("region"), value=shown(value) + nearest)
                return "", None
            self._add("region-unknown", origin=self._origin("region"), value=shown(name), nearest=nearest)
        return name, realm


def has_usual_length(ocid: str) -> bool:
    """Whether the last part of `ocid`, a user's or tenancy's, is as long as OCI's own are, or plainly made up.

    Nothing says how long those of the old form are.
    """
    if _OLD_OCID.fullmatch(ocid):
        return True
    unique = ocid.rpartition(".")[2]
    made_up = len(unique) <= _MADE_UP_LENGTH and not unique.startswith(_UNIQUE_BEGINNING)
    return made_up or len(unique) == _UNIQUE_LENGTH


def _bared(raw: str) -> tuple[str, list[str]]:
    """`raw` without what gets round a value on its way, and what that was. A line end at its end counts for nothing."""
    removed = []
    value = raw.strip()
    spaces = value != raw.strip("\r\n")
    visible = value.strip(_INVISIBLE).strip()
    if visible != value:
        removed.append("invisible characters")
    if len(visible) > 1 and visible[0] in _QUOTES and visible[-1] in _QUOTES:
        removed.append("quotes")
        spaces = spaces or visible[1:-1] != visible[1:-1].strip()
        visible = visible[1:-1].strip()
    return visible, ["spaces", *removed] if spaces else removed


def _malformed(value: str, name: str) -> str:
    if what := next((what for ending, what in _ENDINGS.items() if value.endswith(ending)), ""):
        return f"it ends in {what}"
    if re.search(r"\s", value):
        return "it has a space in it"
    if not value.startswith(("ocid1.", "ocidv1:")):
        return f"it does not begin with ocid1.{name}. (it holds {shown(value)})"
    return f"it is not of that form ({shown(value)})"
