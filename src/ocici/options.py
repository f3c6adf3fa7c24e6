"""The command line: each command's options, and what is said of wrong ones. Nothing is done here.

docs/COMMANDS.md is its contract.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from typing import Final, NoReturn

from ocici import __version__, hosts
from ocici.findings import refused


def parse(arguments: list[str]) -> argparse.Namespace:
    """The options in `arguments`: `name` is the command's, `child` what follows `--` (exec).

    Raises `Refused` (usage). Ends the process after --help and --version, which print.
    """
    child: list[str] = []
    if arguments[:1] == ["exec"] and "--" in arguments:
        at = arguments.index("--")
        arguments, child = arguments[:at], arguments[at + 1 :]
    options = parser(arguments[0] if arguments else "").parse_args(arguments)
    if options.name == "exec" and not child:
        raise refused("usage", detail="No command was given: ocici exec [options] -- COMMAND…", command="exec")
    options.child = child
    return options


def parser(name: str) -> argparse.ArgumentParser:
    """The parser for the command `name`, or for all of them."""
    top = _Parser(prog="ocici", description="Sign OCI tools in, and leave no key behind.", allow_abbrev=False)
    top.add_argument("--version", action="version", version=f"ocici {__version__}")
    top.named = name if name in COMMANDS else ""
    commands = top.add_subparsers(dest="name", metavar="COMMAND", required=True)
    for each in [name] if top.named else COMMANDS:  # building the parsers of the others would only cost time
        summary, add = COMMANDS[each]
        command = commands.add_parser(each, help=summary, description=summary, allow_abbrev=False)
        command.add_argument("--host", choices=hosts.NAMES, help="the CI system to report to (default: auto)")
        add(command)
    return top


class _Parser(argparse.ArgumentParser):
    """argparse, but what is wrong becomes a finding, and no value that was given is ever repeated.

    `named`: the command that the command line names; empty when it names none.
    """

    named = ""

    def error(self, message: str) -> NoReturn:
        if "unrecognized arguments" in message:
            known = re.findall(r"(?<![^ ])--?[a-z][a-z-]{0,30}(?![^ =])", message.partition(":")[2])
            message = f"unknown options: {', '.join(known)}" if known else "there are arguments that belong nowhere"
            message += _BELONGS.get(self.named, "")
        message = re.sub(r"invalid choice: .* \(choose", "invalid choice (choose", message, flags=re.DOTALL)
        message = re.sub(r"invalid (\w+) value: .*", r"not of type \1", message, flags=re.DOTALL)
        message = re.sub(r"ambiguous option: .* could match", "ambiguous option: could match", message, flags=re.DOTALL)
        command = self.prog.removeprefix("ocici").strip() or self.named
        raise refused("usage", detail=f"{message}.", command=command or "COMMAND")


_BELONGS = {
    "check": " (a file is given with --config-file)",
    "exec": " (the command to run stands after --)",
    "explain": " (a message of several words stands in quotes)",
}


# -- each command's own -----------------------------------------------------------------------------------------


def _add_format(parser: argparse.ArgumentParser, *forms: str) -> None:
    parser.add_argument("--format", choices=forms, default=forms[0], help="how the result is printed")


def _add_probe(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--validate", choices=("online", "offline", "off"), help="what is checked (default: online)")
    parser.add_argument("--probe", choices=("namespace", "regions"), help="the call that asks OCI (default: namespace)")
    parser.add_argument("--endpoint", metavar="URL", help="where the probe goes (default: the region's own endpoint)")
    parser.add_argument("--deadline", metavar="SECONDS", help="total time that the probe may take (default: 20)")
    parser.add_argument("--sdk", action="store_true", help="probe through the oci SDK instead of ocici's own signer")


def _add_sources(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--profile", metavar="NAME", help="the profile that the exported variables point to")
    for name in ("user", "tenancy", "fingerprint", "region"):
        parser.add_argument(f"--{name}", metavar="VALUE", help=f"the {name}, instead of the one in the sources")
    _add_probe(parser)
    parser.add_argument("--session-dir", metavar="DIR", help="the session's folder (default: a new one)")


def _add_setup(parser: argparse.ArgumentParser) -> None:
    _add_sources(parser)
    _add_format(parser, "text", "json", "env", "dotenv")


def _add_exec(parser: argparse.ArgumentParser) -> None:
    parser.usage = "ocici exec [options] -- COMMAND..."
    _add_sources(parser)


def _add_check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config-file", metavar="FILE", default="", help="the config (default: as the OCI tools do)")
    parser.add_argument("--profile", metavar="NAME", help="default: OCICI_PROFILE, OCI_CLI_PROFILE, DEFAULT")
    _add_probe(parser)
    _add_format(parser, "text", "json")


def _add_cleanup(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--session-dir", metavar="DIR", help="the session (default: OCICI_SESSION_DIR, then the job's)")


def _add_sweep(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--in", dest="folders", metavar="DIR", action="append", default=[], help="look here as well")
    _add_format(parser, "text", "json")


def _add_keygen(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bits", type=int, choices=(2048, 3072, 4096), default=2048, help="the size of the key")
    parser.add_argument("--out", metavar="FILE", default="oci_api_key.pem", help="the private key's file")
    parser.add_argument("--encrypt", action="store_true", help="encrypt it with OCICI_PASS_PHRASE, or ask for one")


def _add_fingerprint(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a private or public key (-: standard input)")


def _add_env(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--profile", metavar="NAME", default="", help="the profile")
    parser.add_argument("--region", metavar="VALUE", default="", help="the region")
    _add_format(parser, "text", "json")


def _add_explain(parser: argparse.ArgumentParser) -> None:
    told = "the finding, or the message of a tool that is its symptom (default: list them all)"
    parser.add_argument("code", metavar="CODE|MESSAGE", nargs="?", default="", help=told)


def _add_emulator(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=0, help="the port on 127.0.0.1 (default: a free one)")
    parser.add_argument(
        "--register", nargs=3, action="append", default=[], metavar=("TENANCY", "USER", "PUBLIC_KEY_FILE"),
        help="a user's API key that the emulator knows",
    )  # fmt: skip
    parser.add_argument(
        "--fault", action="append", default=[], metavar="KIND", help="misbehave: throttle:2, skew:-900, …"
    )


def _add_nothing(parser: argparse.ArgumentParser) -> None:
    pass


def _add_lint_gitlab(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", metavar="FILE", help="a pipeline, .gitlab-ci.yml")
    _add_format(parser, "text", "json")


COMMANDS: Final[dict[str, tuple[str, Callable[[argparse.ArgumentParser], None]]]] = {
    "setup": ("read the secrets, check them, write the session, ask OCI", _add_setup),
    "check": ("check an existing config; write nothing", _add_check),
    "exec": ("set up, run a command signed in, clean up", _add_exec),
    "cleanup": ("destroy the session", _add_cleanup),
    "sweep": ("destroy the sessions of jobs that are provably dead", _add_sweep),
    "keygen": ("make an RSA key pair for OCI", _add_keygen),
    "fingerprint": ("print a key's fingerprint", _add_fingerprint),
    "env": ("print which variable each tool reads, and its value", _add_env),
    "explain": ("print what a finding means and what to do", _add_explain),
    "lint-gitlab": ("find jobs of a GitLab pipeline that would skip setup or cleanup", _add_lint_gitlab),
    "emulator": ("serve the embedded OCI on loopback", _add_emulator),
    "demo": ("the whole story on the emulator", _add_nothing),
}
"""What each command does, in words, and what adds its options."""
