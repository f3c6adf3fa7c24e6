"""`ocici env`: which variable each tool reads, and what it would be set to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ocici import checks, environment, sources
from ocici.credentials import Secret
from ocici.findings import Refused, without_keys


def rows(
    environ: Mapping[str, str], options: Mapping[str, str], hide: Callable[[Iterable[Secret | str]], None]
) -> list[dict[str, Any]]:
    """One row a variable: its "name", its "value", the "tools" that read it.

    Values come from the sources as far as they are there, else from the session whose variables are exported; what is
    not known yet stands in angle brackets.
    """
    exported = _exported(environ)
    names = ("user", "tenancy", "fingerprint", "region")
    values = {name: exported.get(name) or f"<{name}>" for name in names}
    values["profile"] = (
        options.get("profile") or environ.get("OCICI_PROFILE") or exported.get("profile") or sources.DEFAULT
    )
    hide(sources.secrets(environ))
    try:
        sourced = sources.read(environ, options)
        profile = next(each for each in sourced.profiles if each.name == sourced.selected)
        hide([profile.credentials.key, profile.credentials.pass_phrase])
        who = checks.check(profile, environ, full=False).profile.credentials
        values["profile"] = sourced.selected
        for name in ("user", "tenancy", "fingerprint", "region"):
            values[name] = getattr(who, name) or values[name]
    except Refused:
        pass  # without credentials the table still tells which tool reads what
    session_dir = environ.get("OCICI_SESSION_DIR") or "<session_dir>"
    values |= {"session_dir": session_dir, "config_file": f"{session_dir}/config"}
    values["key_file"] = f"{session_dir}/{values['profile']}.pem"
    table = environment.variables(**values)
    return [
        {"name": variable.name, "value": without_keys(table[variable.name]), "tools": list(variable.tools)}
        for variable in environment.TABLE
    ]


def _exported(environ: Mapping[str, str]) -> dict[str, str]:
    """What the variables that `setup` exported hold; nothing where it did not."""
    if not environ.get("OCICI_SESSION_DIR"):
        return {}
    return {each.value: environ[each.name] for each in environment.TABLE if environ.get(each.name)}


def table(listed: list[dict[str, Any]]) -> str:
    """`listed` as lines of text."""
    names = max(len(row["name"]) for row in listed)
    values = max(len(row["value"]) for row in listed)
    return "\n".join(f"{row['name']:{names}}  {row['value']:{values}}  {', '.join(row['tools'])}" for row in listed)
