"""The row from secrets to a signed-in session, as `setup` and `exec` walk it (DESIGN.md, "The way through the house").

`cli` and this are the only modules that know the whole row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ocici import checks, environment, pem, session, sources, texts
from ocici.credentials import Profile, Secret
from ocici.findings import Finding, Refused, finding
from ocici.hosts import Host
from ocici.session import Owner, Session


@dataclass(frozen=True)
class Settings:
    """The options of setup and exec that are no secrets (docs/COMMANDS.md).

    `values`: profile, user, tenancy, fingerprint, region, where given. `deadline` in seconds. `for_command`: only the
    command of exec will use the session, so its environment counts.
    """

    values: Mapping[str, str]
    validate: str = "online"
    probe: str = "namespace"
    endpoint: str = ""
    deadline: float = 20.0
    sdk: bool = False
    session_dir: Path | None = None
    for_command: bool = False


@dataclass(frozen=True)
class SignedIn:
    """A session that can be used. `description` is what setup prints as JSON, without the findings."""

    session: Session
    variables: dict[str, str]
    description: dict[str, Any]
    findings: list[Finding]


def owner_of(host: Host) -> Owner:
    """Whose the sessions are that a step on `host` makes."""
    return Owner(host.name, host.job(), host.slot())


def sweep(host: Host) -> list[Finding]:
    """Destroy the sessions of dead jobs on this machine; what was done, as findings."""
    swept = session.sweep(host.all_parents(), owner_of(host))
    return [
        finding("session-left", path=each.folder, reason=each.left)
        if each.left
        else finding("session-swept", path=each.folder, job=each.job)
        for each in swept
    ]


def sign_in(
    settings: Settings,
    environ: Mapping[str, str],
    host: Host,
    parent: Path,
    hide: Callable[[Iterable[Secret | str]], None],
) -> SignedIn:
    """Walk the row.

    Parameters: `environ`, the step's environment with the host's inputs; `parent`, where the session's folder is
    made; `hide`, told of every secret before anything is shown. Raises `Refused` with all findings; then nothing
    of the session is left.
    """
    arrived = list(sources.secrets(environ))
    hide(arrived)
    forms = (form for secret in arrived for form in pem.forms(secret, Secret()))
    host.mask(form for form in forms if not texts.is_open(form))
    sourced = sources.read(environ, settings.values)
    findings = list(sourced.findings)
    profiles = _checked(sourced.profiles, settings, environ, findings, host, hide)
    if _failed(findings):
        raise Refused(*findings, profiles=[_known(each, settings) for each in profiles])
    swept = sweep(host)
    made = session.create(
        profiles, sourced.selected, owner_of(host), settings.session_dir or parent, settings.session_dir
    )
    try:
        findings += [*made.findings, *_downgraded(swept)]
        description = _description(profiles, sourced.selected, made)
        variables = environment.variables(
            **{name: description[name] for name in _EXPORTED},
        )
        tools = environment.child(environ, variables) if settings.for_command else environ
        _check_environment(tools, variables, sourced, findings)
        if settings.validate == "online":
            _probe(profiles, settings, environ, description, findings)
        if _failed(findings):
            raise Refused(*findings, profiles=description["profiles"])
    except BaseException:
        session.destroy(made.folder, made.identity)
        raise
    return SignedIn(made, variables, {**description, "variables": variables}, findings)


_EXPORTED = ("config_file", "profile", "user", "tenancy", "fingerprint", "region", "key_file", "session_dir")


def _known(profile: Profile, settings: Settings) -> dict[str, str]:
    """What may be shown of a profile that failed: no value that was not checked, for it may be a secret."""
    who = profile.credentials
    checked = {"fingerprint": who.fingerprint} if settings.validate != "off" else {}
    return {"profile": profile.name, "region": who.region, **checked}


def _failed(findings: Iterable[Finding]) -> bool:
    return any(found.severity == "error" for found in findings)


def _downgraded(findings: list[Finding]) -> list[Finding]:
    # What an earlier job left and cannot be removed is worth a warning here, and no reason to stop this job.
    return [found._replace(severity="warning") if found.severity == "error" else found for found in findings]


def _checked(
    given: list[Profile],
    settings: Settings,
    environ: Mapping[str, str],
    findings: list[Finding],
    host: Host,
    hide: Callable[[Iterable[Secret | str]], None],
) -> list[Profile]:
    profiles = []
    for profile in given:
        hide([profile.credentials.key, profile.credentials.pass_phrase])
        checked = checks.check(profile, environ, full=settings.validate != "off")
        forms = pem.forms(profile.credentials.key, checked.profile.credentials.key)
        hide(forms)
        host.mask([*forms, *pem.forms(profile.credentials.pass_phrase, Secret())])
        findings += checked.findings
        profiles.append(checked.profile)
    return profiles


def _check_environment(
    environ: Mapping[str, str], variables: Mapping[str, str], sourced: sources.Sourced, findings: list[Finding]
) -> None:
    if path := environment.shadowing(environ):
        findings.append(finding("home-config-shadows", path=path))
    origins = {origin for profile in sourced.profiles for origin in profile.credentials.origins.values()}
    overriding: dict[tuple[str, ...], list[str]] = {}
    for name, readers in environment.overriding(environ, variables, origins):
        overriding.setdefault(readers, []).append(name)
    for readers, names in overriding.items():
        verb, them = ("is", "it") if len(names) == 1 else ("are", "them")
        prefer = "prefers" if len(readers) == 1 else "prefer"
        tools = f"{' and '.join(readers)} {prefer} {them}"
        findings.append(finding("variable-overrides", names=", ".join(names), verb=verb, tools=tools))
    if sourced.selected != sources.DEFAULT and any(each.name == sources.DEFAULT for each in sourced.profiles):
        findings.append(finding("default-differs", sourced.selected, name=sourced.selected))


def _description(profiles: list[Profile], selected: str, made: Session) -> dict[str, Any]:
    described = [
        {"profile": profile.name, "key_file": str(made.key_files[profile.name]), **identity(profile)}
        for profile in profiles
    ]
    chosen = next(each for each in described if each["profile"] == selected)
    return {
        "session_dir": str(made.folder),
        "config_file": str(made.config_file),
        **chosen,
        "profiles": described,
    }


def identity(profile: Profile) -> dict[str, str]:
    """Who a profile is, without anything secret."""
    who = profile.credentials
    return {"user": who.user, "tenancy": who.tenancy, "fingerprint": who.fingerprint, "region": who.region}


def _probe(
    profiles: list[Profile],
    settings: Settings,
    environ: Mapping[str, str],
    description: dict[str, Any],
    findings: list[Finding],
) -> None:
    for each, answer in zip(description["profiles"], ask(profiles, settings, environ), strict=True):
        each["probe"] = answer
        findings += answer.pop("findings")
        if answer.get("namespace") and each["profile"] == description["profile"]:
            description["namespace"] = answer["namespace"]


def ask(profiles: list[Profile], settings: Settings, environ: Mapping[str, str]) -> list[dict[str, Any]]:
    """Probe `profiles`: one answer each, as it stands in the JSON; beside it "findings", as `probe.told` has them."""
    from ocici import probe

    answers = probe.probe(profiles, settings.probe, settings.endpoint, settings.deadline, settings.sdk, environ=environ)
    return [
        {
            "call": answer.call,
            "outcome": answer.outcome,
            "status": answer.status,
            "seconds": round(answer.seconds, 3),
            "attempts": answer.attempts,
            **({"namespace": answer.namespace} if answer.namespace else {}),
            **({"request_id": answer.request_id} if answer.request_id else {}),
            "findings": list(findings),
        }
        for answer, findings in zip(answers, probe.told(answers), strict=True)
    ]
