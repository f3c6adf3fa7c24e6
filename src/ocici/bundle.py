"""Reads a bundle: YAML or JSON with the config's own field names, one profile or several under `profiles:`.

pyyaml gives the nodes; the values are taken from them as the text that stands there, since YAML would make a number
of a fingerprint such as 11:22:33 (base 60) and a date of others. JSON is read by the same way: it is YAML.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ocici.findings import refused

if TYPE_CHECKING:
    import yaml

FIELDS: Final = ("user", "tenancy", "fingerprint", "region", "key_file", "key_content", "pass_phrase")
"""The names of the config file; `key_content` is the SDK's own for the key itself."""

# Names of other tools for the same thing, to be told the right one. Terraform's, oci-cli's, and what people write.
_OTHERS: Final = {
    "private_key": "key_content", "private-key": "key_content", "privatekey": "key_content", "key": "key_content",
    "pem": "key_content", "private_key_path": "key_file", "key_path": "key_file", "passphrase": "pass_phrase",
    "private_key_password": "pass_phrase", "password": "pass_phrase", "tenancy_ocid": "tenancy", "tenant": "tenancy",
    "tenancy_id": "tenancy", "user_ocid": "user", "user_id": "user", "username": "user",
}  # fmt: skip
_SESSION: Final = "a session token, which expires within the hour and cannot be renewed in a pipeline"
_DELEGATION: Final = "a delegation token of the machine it was made on (OCI Cloud Shell), which works nowhere else"
TOKENS: Final = {
    "security_token_file": _SESSION,
    "use_security_token": _SESSION,
    "delegation_token_file": _DELEGATION,
    "authentication_type": _DELEGATION,  # the SDK knows one alone, for delegation tokens (oci/config.py)
}
"""Fields of a profile that signs with no API key, and with what it signs instead."""

_DEPTH: Final = 8


def read(text: str, origin: str) -> dict[str, dict[str, str]]:
    """The profiles of the bundle `text`: their fields by name. `origin` is for findings.

    Raises `Refused`: bundle-syntax, bundle-shape, bundle-unsafe, field-unknown, profile-name, profile-duplicate.
    """
    root = _Reader(text, origin).mapping()
    if "profiles" not in root:
        return {"DEFAULT": _fields(root, origin)}
    if len(root) > 1:
        other = next(name for name in root if name != "profiles")
        raise refused("bundle-shape", origin=origin, detail=f"beside `profiles:` stands {_named(other)}")
    profiles = root["profiles"]
    if not isinstance(profiles, dict) or not profiles:
        raise refused("bundle-shape", origin=origin, detail="`profiles:` holds no profiles by name")
    for name in profiles:
        check_name(name, origin)
    return {name: _fields(fields, f"profile {name} of {origin}") for name, fields in profiles.items()}


def check_name(name: str, origin: str) -> None:
    """Refuse a profile name that not every tool's parser reads."""
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", name):
        raise refused("profile-name", origin=origin, length=len(name))


def check_field(name: str, origin: str) -> None:
    """Refuse a field that is not one of `FIELDS`, and name the nearest that is."""
    if name in FIELDS:
        return
    if name in TOKENS:
        raise refused("token-profile", origin=origin, field=name, what=TOKENS[name])
    import difflib

    near = _OTHERS.get(name.lower()) or next(iter(difflib.get_close_matches(name.lower()[:64], FIELDS, 1, 0.5)), "")
    nearest = f" (did you mean {near}?)" if near else ""
    raise refused("field-unknown", origin=origin, field=_named(name), nearest=nearest)


def _named(name: str) -> str:
    # A key pasted without its indentation makes "fields" of its lines: only what looks like a name is shown.
    return name if re.fullmatch(r"[A-Za-z][A-Za-z_-]{0,31}", name) else f"a name of {len(name)} characters"


def _fields(node: object, origin: str) -> dict[str, str]:
    if not isinstance(node, dict):
        raise refused("bundle-shape", origin=origin, detail="a value stands where `field: value` lines belong")
    for name, value in node.items():
        check_field(name, origin)
        if isinstance(value, dict):
            raise refused("bundle-shape", origin=origin, detail=f"{name} holds a mapping and not a value")
    return {name: value for name, value in node.items() if isinstance(value, str)}


class _Reader:
    """Makes plain dicts and texts of YAML nodes, and refuses what a bundle has no use for."""

    def __init__(self, text: str, origin: str) -> None:
        self._text = _without_tabs(text)
        self._origin = origin

    def mapping(self) -> Mapping[str, object]:
        import yaml

        try:
            self._check_events()
            # BaseLoader makes text of every scalar; the C parser is not used: it quotes the text in its errors.
            node = yaml.compose(self._text, Loader=yaml.BaseLoader)
            value = self._value(node, 0) if node else ""
        except yaml.YAMLError as error:
            # The error's own text quotes the bundle. Only the place is taken from it.
            raise refused("bundle-syntax", origin=self._origin, where=_where(error, self._text)) from None
        except RecursionError:
            raise refused("bundle-shape", origin=self._origin, detail="it is nested too deeply") from None
        if not isinstance(value, dict):
            detail = "there is text, but no `field: value` lines" if value else "it is empty"
            raise refused("bundle-shape", origin=self._origin, detail=detail)
        return value

    def _check_events(self) -> None:
        import yaml

        documents = depth = 0
        for event in yaml.parse(self._text, Loader=yaml.BaseLoader):
            where = _at(event.start_mark)
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                raise refused("bundle-unsafe", origin=self._origin, detail="an anchor or alias (& or *)", where=where)
            if isinstance(event, yaml.NodeEvent) and getattr(event, "tag", None):
                raise refused("bundle-unsafe", origin=self._origin, detail="a tag (!)", where=where)
            documents += isinstance(event, yaml.DocumentStartEvent)
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if documents > 1:
                raise refused("bundle-shape", origin=self._origin, detail="it holds more than one document (---)")
            if depth > _DEPTH:
                raise refused("bundle-shape", origin=self._origin, detail="it is nested too deeply")

    def _value(self, node: yaml.Node, depth: int) -> object:
        import yaml

        if isinstance(node, yaml.ScalarNode):
            null = node.style is None and node.value in ("null", "~", "Null", "NULL")
            return "" if null else self._joined(node)
        if not isinstance(node, yaml.MappingNode):
            raise refused("bundle-shape", origin=self._origin, detail="it holds a list; a bundle has none")
        pairs: dict[str, object] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise refused("bundle-shape", origin=self._origin, detail="a field's name is not a text")
            if key.value in pairs:
                where = _at(key.start_mark)
                what = f"the field {_named(key.value)}" if depth != 1 else "a profile"
                raise refused("profile-duplicate", origin=self._origin, what=what, where=where)
            pairs[key.value] = self._value(value, depth + 1)
        return pairs

    def _joined(self, node: yaml.ScalarNode) -> str:
        """The scalar's text. JSON writes characters beyond U+FFFF as two escapes, which YAML does not join."""
        try:
            return str(node.value).encode("utf-16-le", "surrogatepass").decode("utf-16-le")
        except UnicodeDecodeError:
            raise refused("bundle-syntax", origin=self._origin, where=_at(node.start_mark)) from None


def _at(mark: Any) -> str:
    return f" (line {mark.line + 1})" if mark else ""


def _where(error: yaml.YAMLError, text: str) -> str:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if not mark:
        return ""
    tab = ", where a tab stands: YAML takes spaces alone" if text[mark.index : mark.index + 1] == "\t" else ""
    return f" (line {mark.line + 1}, column {mark.column + 1}{tab})"


def _without_tabs(text: str) -> str:
    """`text` with spaces for tabs where it is JSON, which may be indented with them and has none within its values."""
    if "\t" not in text or not text.lstrip().startswith("{"):
        return text
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text
    return text.replace("\t", " ")
