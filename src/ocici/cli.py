"""The commands and their exit codes. No logic of its own (docs/COMMANDS.md is its contract).

Each command imports what it needs when it runs: `cleanup` must work where nothing but the standard library is left,
and offline work must not pay for what it does not use.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ocici import findings, hosts, interrupts, output
from ocici.findings import Finding, Refused, finding, refused
from ocici.interrupts import Interrupted
from ocici.options import parse
from ocici.output import Guarded


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line `arguments` (default: the process's own) and return its exit code. Raises nothing."""
    step = _Step(os.environ)
    try:
        with interrupts.raised():
            return _run(step, arguments)
    except Interrupted as interrupt:
        step.fail([finding("interrupted", signal=signal.Signals(interrupt.number).name)])
        return 128 + interrupt.number


def _run(step: _Step, arguments: Sequence[str] | None) -> int:
    try:
        options = parse(list(sys.argv[1:] if arguments is None else arguments))
        step.begin(options)
        return _RUN[options.name](step, options)
    except Refused as refusal:
        return step.fail(refusal.findings, refusal.profiles)
    except BrokenPipeError:  # who reads along has gone, and wants no word about it
        return 128 + 13
    except Exception as error:  # noqa: BLE001 (the last resort of rule 7: a finding, never a traceback)
        return step.fail([_internal(error)])


def _internal(error: Exception) -> Finding:
    import traceback

    # The error's own text may quote what it stumbled over, so only its type and place are told.
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "ocici" in frame.filename]
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "an unknown place"
    return finding("internal-error", kind=type(error).__name__, place=place)


class _Step:
    """One run of one command: its environment, its host, and where its output goes."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = dict(environ)
        # A result is no secret, and other programs read it: hiding a pass phrase that is a word would garble it.
        self.stdout = Guarded(sys.stdout, shortest=output.LONG)
        self.stderr = Guarded(sys.stderr, needed=False)
        self.host = hosts.Host(self.environ, self.stderr)
        self.name = ""
        self.as_json = False

    def begin(self, options: argparse.Namespace) -> None:
        self.name = options.name
        self.as_json = getattr(options, "format", "") == "json"
        chosen = getattr(options, "host", "") or self.environ.get("OCICI_HOST") or "auto"
        if chosen not in hosts.NAMES:
            detail = f"--host or OCICI_HOST is one of {', '.join(hosts.NAMES)}."
            raise refused("usage", detail=detail, command=self.name)
        self.host = hosts.detect(self.environ, chosen, self.stderr)
        if self.name in ("setup", "exec"):
            self.environ.update(self.host.inputs())

    def hide(self, secrets: Any) -> None:
        secrets = list(secrets)
        self.stdout.hide(secrets)
        self.stderr.hide(secrets)

    def fail(self, found: Sequence[Finding], profiles: Sequence[Mapping[str, Any]] = ()) -> int:
        shown = self.report(found, {"profiles": profiles} if profiles else {})
        if self.as_json and "output-unwritable" not in (each.code for each in shown):
            self.print_json({"findings": [_as_json(each) for each in shown]})
        return findings.exit_code(shown)

    def report(self, found: Sequence[Finding], description: Mapping[str, Any] | None = None) -> list[Finding]:
        shown = self.host.explain(found)
        try:
            self.host.report(hosts.Report(self.name, shown, description or {}))
        except ImportError:  # a host's own package has gone, or was never there: findings are shown all the same
            hosts.Host(self.environ, self.stderr).report(hosts.Report(self.name, shown))
        self.stderr.flush()
        return shown

    def print(self, text: str) -> None:
        try:
            print(text, file=self.stdout)
            self.stdout.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise refused("output-unwritable", what="Standard output", reason=error.strerror) from None

    def print_json(self, value: Mapping[str, Any]) -> None:
        self.print(json.dumps(value))


def _as_json(found: Finding) -> dict[str, str]:
    names = ("code", "severity", "title", "cause", "fix", "profile", "docs")
    return {name: getattr(found, name) for name in names}


# -- setup, exec, check ---------------------------------------------------------------------------------------


def _setup(step: _Step, options: argparse.Namespace) -> int:
    from ocici import session, signin

    owner = signin.owner_of(step.host)
    signed = signin.sign_in(_settings(step, options), step.environ, step.host, step.host.parents()[0], step.hide)
    try:
        try:
            step.host.hand_over(signed.variables, signed.description)
        except OSError as error:
            what = error.filename or f"What {step.host.name} reads"
            raise refused("output-unwritable", what=what, reason=error.strerror) from None
        shown = step.report(signed.findings, signed.description)
        step.print(_format(options.format, signed.description, shown))
        session.hand_over(signed.session, owner)
        interrupts.pass_over()
    except BaseException:  # nobody learnt where the session is, so nobody would clean it up
        session.destroy(signed.session.folder, signed.session.identity)
        raise
    return findings.FINE


def _format(form: str, description: Mapping[str, Any], shown: Sequence[Finding]) -> str:
    if form == "json":
        return json.dumps({**description, "findings": [_as_json(each) for each in shown]})
    if form in ("env", "dotenv"):
        import shlex

        pairs = description["variables"].items()
        lines = (f"export {name}={shlex.quote(value)}" if form == "env" else f"{name}={value}" for name, value in pairs)
        return "\n".join(lines)
    probe = next(each for each in description["profiles"] if each["profile"] == description["profile"]).get("probe")
    rows = {
        name: description[name] for name in ("session_dir", "config_file", "user", "tenancy", "fingerprint", "region")
    }
    rows["OCI"] = _answer(probe)
    width = max(map(len, rows))
    return "\n".join([f"profile {description['profile']}", *(f"  {name:{width}}  {rows[name]}" for name in rows)])


def _answer(probe: Mapping[str, Any] | None) -> str:
    if not probe:
        return "not asked"
    namespace = f", namespace {probe['namespace']}" if probe.get("namespace") else ""
    return f"{probe['outcome']} ({probe['call']}, {probe['seconds']} s{namespace})"


def _exec(step: _Step, options: argparse.Namespace) -> int:
    from ocici import environment, execute, places, session, signin

    parent = places.memory(step.environ) or step.host.parents()[0]
    signed = signin.sign_in(_settings(step, options), step.environ, step.host, parent, step.hide)
    left: list[Finding] = []
    try:
        step.report(signed.findings)
        code, problem = execute.run(options.child, environment.child(step.environ, signed.variables))
        if problem:
            step.report([problem])
    finally:
        try:
            session.destroy(signed.session.folder, signed.session.identity)
        except Refused as refusal:  # the command may have done anything to it
            reason = refusal.findings[0].cause.rstrip(".")
            left = [finding("session-left", path=signed.session.folder, reason=reason)]
    if left:
        step.report(left)
    return code or findings.exit_code(left)


def _check(step: _Step, options: argparse.Namespace) -> int:
    from ocici import existing

    path = existing.locate(options.config_file, step.environ)
    name = options.profile or step.environ.get("OCICI_PROFILE") or step.environ.get("OCI_CLI_PROFILE") or "DEFAULT"
    step.hide(existing.secrets(path))
    result = existing.check(path, name, _settings(step, options), step.environ)
    shown = step.report(result.pop("findings"), result)
    if options.format == "json":
        step.print_json({**result, "findings": [_as_json(each) for each in shown]})
    else:
        verdict = {findings.FINE: "fine", findings.SERVICE: "not known"}.get(findings.exit_code(shown), "wrong")
        step.print(f"profile {name} of {path}: {verdict}; OCI: {_answer(result['profiles'][0].get('probe'))}")
    return findings.exit_code(shown)


def _settings(step: _Step, options: argparse.Namespace) -> Any:
    from ocici import launcher, places
    from ocici.signin import Settings

    def chosen(name: str, default: str, allowed: Sequence[str] = ()) -> str:
        value: str = getattr(options, name, "") or step.environ.get(f"OCICI_{name.upper()}") or default
        if allowed and value not in allowed:
            detail = f"--{name} or OCICI_{name.upper()} is one of {', '.join(allowed)}."
            raise refused("usage", detail=detail, command=step.name)
        return value

    try:
        deadline = float(chosen("deadline", "20"))
    except ValueError:
        deadline = 0.0
    if not 0 < deadline <= 3600:
        detail = "--deadline or OCICI_DEADLINE is a number of seconds, 3600 at most."
        raise refused("usage", detail=detail, command=step.name)
    if options.sdk:
        launcher.require("sdk")
    folder = getattr(options, "session_dir", "") or ""
    named = step.environ.get("OCICI_SESSION_DIR", "")
    if not folder and named and not os.path.exists(os.path.join(named, "manifest.json")):  # noqa: PTH110, PTH118
        folder = named  # where there is a session, an earlier setup exported its place, and this one gets its own
    names = ("profile", "user", "tenancy", "fingerprint", "region")
    return Settings(
        values={name: getattr(options, name, "") or "" for name in names},
        validate=chosen("validate", "online", ("online", "offline", "off")),
        probe=chosen("probe", "namespace", ("namespace", "regions")),
        endpoint=chosen("endpoint", ""),
        deadline=deadline,
        sdk=options.sdk,
        session_dir=places.named(folder, step.name) if folder else None,
        for_command=step.name == "exec",
    )


# -- cleanup, sweep -----------------------------------------------------------------------------------------------


def _cleanup(step: _Step, options: argparse.Namespace) -> int:
    from ocici import places, session
    from ocici.session import Owner

    if options.session_dir == "":
        raise refused("usage", detail="--session-dir names no folder: it is empty.", command=step.name)
    named = options.session_dir or step.environ.get("OCICI_SESSION_DIR", "")
    owner = Owner(step.host.name, step.host.job(), step.host.slot())
    if not named and not owner.job:
        step.report([finding("session-unnamed")])
        return findings.FINE
    # One that is named goes even where no temporary folder can be found.
    paths = [places.named(named, step.name)] if named else session.of_job(step.host.all_parents(), owner)
    removed, left = [], list[Finding]()
    for path in paths:
        try:
            removed += [path] if session.destroy(path) else []
        except Refused as refusal:  # go on: one that is left must not keep the others
            left += refusal.findings
    try:
        step.host.take_back()
    except OSError as error:
        what = error.filename or f"What {step.host.name} reads"
        left.append(finding("output-unwritable", what=what, reason=error.strerror))
    for path in removed:
        step.host.say(f"removed the session {path}")
    step.report(left)
    return findings.exit_code(left)


def _sweep(step: _Step, options: argparse.Namespace) -> int:
    from ocici import session
    from ocici.session import Owner

    owner = Owner(step.host.name, step.host.job(), step.host.slot())
    swept = session.sweep([*map(Path, options.folders), *step.host.all_parents()], owner)
    left = [finding("session-left", path=each.folder, reason=each.left) for each in swept if each.left]
    step.report(left)
    if options.format == "json":
        step.print_json({"swept": [{"folder": str(each.folder), "job": each.job, "left": each.left} for each in swept]})
    else:
        for each in swept:
            if not each.left:
                step.print(f"removed {each.folder}, left by {each.job}")
    return findings.exit_code(left)


# -- keys -------------------------------------------------------------------------------------------------------


def _keygen(step: _Step, options: argparse.Namespace) -> int:
    from ocici import keys

    pass_phrase = keys.pass_phrase(step.environ, options.encrypt)
    step.hide([pass_phrase])
    step.print(keys.generate(Path(options.out), options.bits, pass_phrase, step.environ))
    return findings.FINE


def _fingerprint(step: _Step, options: argparse.Namespace) -> int:
    from ocici import keys

    step.print(keys.fingerprint(options.file, step.environ, step.hide))
    return findings.FINE


# -- env, explain -------------------------------------------------------------------------------------------------


def _env(step: _Step, options: argparse.Namespace) -> int:
    from ocici import variables

    rows = variables.rows(step.environ, {name: getattr(options, name) for name in ("profile", "region")}, step.hide)
    step.print(json.dumps({"variables": rows}) if options.format == "json" else variables.table(rows))
    return findings.FINE


def _explain(step: _Step, options: argparse.Namespace) -> int:
    from ocici import explain

    step.print(explain.one(options.code) if options.code else explain.every())
    return findings.FINE


# -- emulator, demo -------------------------------------------------------------------------------------------------


def _emulator(step: _Step, options: argparse.Namespace) -> int:
    from ocici.emulator.serve import serve

    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    registrations = [(tenancy, user, file) for tenancy, user, file in options.register]
    return serve(options.port, registrations, options.fault, sys.stdout)


def _demo(step: _Step, options: argparse.Namespace) -> int:
    from ocici import demo, launcher

    launcher.require("sdk")  # for the program of its later step
    return int(demo.run(step.print))


def _lint_gitlab(step: _Step, options: argparse.Namespace) -> int:
    from ocici import lint_gitlab

    found = step.report(lint_gitlab.run(options.files))
    if options.format == "json":
        step.print_json({"findings": [_as_json(each) for each in found]})
    return findings.exit_code(found)


_RUN: dict[str, Callable[[_Step, argparse.Namespace], int]] = {
    "setup": _setup,
    "check": _check,
    "exec": _exec,
    "cleanup": _cleanup,
    "sweep": _sweep,
    "keygen": _keygen,
    "fingerprint": _fingerprint,
    "env": _env,
    "explain": _explain,
    "lint-gitlab": _lint_gitlab,
    "emulator": _emulator,
    "demo": _demo,
}
