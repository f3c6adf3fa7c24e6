"""Reads the text of an OCI config file, as the Python SDK does: sections, and inheritance from [DEFAULT].

configparser is the SDK's own parser (oci/config.py). Its errors quote lines, so only their line number is taken.
"""

from __future__ import annotations

import configparser
import re

from ocici import bundle
from ocici.findings import Finding, Refused, finding, refused

# Fields that the SDK's config may hold besides the credentials (oci/config.py, DEFAULT_CONFIG), and oci-cli's. People
# write the compartment, which is compartment-id to oci-cli, in many ways.
_IGNORED = re.compile(r"log_requests|additional_user_agent|output|compartment(?:[-_]?(?:id|ocid|name))?")
_LABEL = "OCI_API_KEY"  # the line that the OCI console puts below a key
_KEY = re.compile(r"(?i)([ \t]*)key_content[ \t]*[=:][ \t]*[\"']?-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----")
# oci-cli keeps its own settings in sections of this name in its files.
_NOT_PROFILES = ("OCI_CLI_SETTINGS", "OCI_CLI_CANNED_QUERIES", "OCI_CLI_COMMAND_ALIASES", "OCI_CLI_PARAM_ALIASES")


def read(
    text: str, origin: str, findings: list[Finding], unfit: dict[str, Refused] | None = None
) -> dict[str, dict[str, str]]:
    """The profiles of the config `text`: their fields by name, [DEFAULT]'s inherited. `origin` is for findings.

    Adds notes to `findings`. Raises `Refused`: config-syntax, field-unknown, profile-duplicate; and token-profile and
    profile-name, which go to `unfit` by the profile's name where it is given: only the selected profile must be fit.
    """
    mended = _with_line_ends(text)
    if mended != text:
        repairs = r"line ends that were written out (\n), or those of an old Mac (CR), were made true ones"
        findings.append(finding("value-repaired", origin=origin, repairs=repairs))
    indented = _with_indented_keys(mended)
    if indented != mended:
        repairs = "the lines of a key after its BEGIN line were not indented, and were taken for a part of key_content"
        findings.append(finding("value-repaired", origin=origin, repairs=repairs))
    profiles = {}
    for name, fields in sections(indented, origin).items():
        if name in _NOT_PROFILES:
            continue
        try:
            profiles[name] = _profile(name, fields, origin, findings)
        except Refused as refusal:
            if unfit is None or refusal.findings[0].code not in ("token-profile", "profile-name"):
                raise
            profiles[name], unfit[name] = {}, refusal
    return profiles


def _profile(name: str, fields: dict[str, str], origin: str, findings: list[Finding]) -> dict[str, str]:
    bundle.check_name(name, origin)
    where = f"profile {name} of {origin}"
    ignored = [field for field in fields if _IGNORED.fullmatch(field)]
    known = {field: value for field, value in fields.items() if field not in ignored}
    for field in known:
        bundle.check_field(field, where)
    findings += [finding("field-ignored", origin=where, field=field) for field in ignored]
    return known


def _with_line_ends(text: str) -> str:
    """`text` with true line ends where it has none. Those written out inside a key are left to the key's reader."""
    if "\n" in text.strip():
        return text
    return re.sub(r"(?:\\r)?\\n(?=\s*(?:\[|[#;]|[a-z][a-z_-]{2,40}\s*[=:]|\\|$))", "\n", text.replace("\r", "\n"))


def _with_indented_keys(text: str) -> str:
    """`text` with every key in it indented: one that a CI system expanded into the config (${{ secrets.KEY }}) is not.

    A key without its END line stays as it is: nothing tells what else belongs to it.
    """
    lines = text.split("\n")
    begin, margin = -1, ""  # where a key began that has not ended yet, and what makes its lines deeper than that one
    for at, line in enumerate(lines):
        if match := _KEY.match(line):
            begin, margin = at, match[1] + " "
        if begin >= 0 and "-----END " in line:
            end = at + 2 if lines[at + 1 : at + 2] and lines[at + 1].strip() == _LABEL else at + 1
            for inner in range(begin + 1, end):
                if lines[inner].strip() and not lines[inner].startswith(margin):
                    lines[inner] = margin + lines[inner]
            begin = -1
    return "\n".join(lines)


def sections(text: str, origin: str) -> dict[str, dict[str, str]]:
    """Every section of the config `text` with its fields, [DEFAULT]'s inherited; unknown names are kept.

    Raises `Refused`: config-syntax, profile-duplicate.
    """
    parser = configparser.ConfigParser(interpolation=None)
    defaults = [at for at, line in enumerate(text.split("\n"), 1) if re.match(r"\ufeff?\[DEFAULT\]", line)]
    if len(defaults) > 1:  # configparser takes them for one
        raise refused("profile-duplicate", origin=origin, what="[DEFAULT]", where=_line(defaults[1]))
    try:
        parser.read_string(text.removeprefix("\ufeff"))
    except (configparser.DuplicateSectionError, configparser.DuplicateOptionError) as error:
        what = "a profile" if isinstance(error, configparser.DuplicateSectionError) else "a field of a profile"
        raise refused("profile-duplicate", origin=origin, what=what, where=_line(error.lineno)) from None
    except configparser.MissingSectionHeaderError as error:
        detail = "a line stands before any [PROFILE]"
        raise refused("config-syntax", origin=origin, where=_line(error.lineno), detail=detail) from None
    except configparser.ParsingError as error:
        detail = "a line is neither [PROFILE] nor field=value"
        raise refused("config-syntax", origin=origin, where=_line(error.errors[0][0]), detail=detail) from None
    except configparser.Error:
        raise refused("config-syntax", origin=origin, where="", detail="it cannot be read") from None
    found = {name: dict(parser.items(name)) for name in parser.sections()}
    if parser.defaults() or not found:
        found = {"DEFAULT": dict(parser.defaults()), **found}
    if not any(found.values()):
        in_one_line = "\n" not in text.strip() and "=" in text
        detail = "it holds no fields" + (", for all of it stands in one line" if in_one_line else "")
        raise refused("config-syntax", origin=origin, where="", detail=detail)
    return {name: {field: value or "" for field, value in fields.items()} for name, fields in found.items()}


def _line(number: int | None) -> str:
    return f" (line {number})" if number else ""
