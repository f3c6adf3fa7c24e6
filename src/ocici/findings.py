"""The catalogue: every finding with its cause and its fix, in one table. Standard library only.

A finding is one thing that is wrong or worth knowing. Its code never changes once released: people search
for it. Texts may hold `{placeholders}`; what fills them is never a secret (see `shown`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

Severity = Literal["error", "warning", "note"]

# Exit codes (docs/COMMANDS.md).
FINE: Final = 0
CREDENTIALS: Final = 1
USAGE: Final = 2
SERVICE: Final = 3
LEFT: Final = 4


@dataclass(frozen=True)
class Entry:
    """One row of the catalogue.

    `exit_code` counts for errors alone. `symptoms` are the messages that people see from other tools when
    this is what is wrong; they head the page docs/TROUBLESHOOTING.md.
    """

    title: str
    cause: str
    fix: str
    severity: Severity = "error"
    exit_code: int = CREDENTIALS
    symptoms: tuple[str, ...] = ()


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong or worth knowing, ready to be shown: what, why, what to do."""

    code: str
    title: str
    cause: str
    fix: str
    severity: Severity
    exit_code: int
    profile: str = ""

    @property
    def docs(self) -> str:
        """Where this finding is explained, as a path and anchor in the project."""
        return f"docs/TROUBLESHOOTING.md#{self.code}"


class Refused(Exception):  # noqa: N818 (it is no defect: it carries findings)
    """Raised where work cannot go on; carries the findings that say why. The command line prints them."""

    def __init__(self, *findings: Finding) -> None:
        super().__init__(", ".join(finding.code for finding in findings))
        self.findings = findings


def finding(code: str, profile: str = "", **values: object) -> Finding:
    """The finding `code` of the catalogue, its placeholders filled with `values` (never a secret)."""
    entry = CATALOGUE[code]
    return Finding(
        code=code,
        title=entry.title.format(**values),
        cause=entry.cause.format(**values),
        fix=entry.fix.format(**values),
        severity=entry.severity,
        exit_code=entry.exit_code,
        profile=profile,
    )


def refused(code: str, profile: str = "", **values: object) -> Refused:
    """`Refused` with the one finding `code`."""
    return Refused(finding(code, profile, **values))


def exit_code(findings: list[Finding]) -> int:
    """The exit code for `findings`: that of the gravest error; wrong credentials before a failing service."""
    codes = [found.exit_code for found in findings if found.severity == "error"]
    for code in (LEFT, USAGE, CREDENTIALS, SERVICE):
        if code in codes:
            return code
    return FINE


_HARMLESS = (
    re.compile(r"ocid1\.[a-z0-9]{1,40}\.[a-z0-9.-]{0,40}"),  # the unique part is cut off below
    re.compile(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){1,31}"),
    re.compile(r"[a-z]{2,4}(-[a-z]{2,20}){1,3}-[0-9]{1,2}"),
)


def shown(value: str) -> str:
    """`value` as it may stand in a finding: recognisable, and safe when a secret was put into the wrong field.

    OCIDs are cut after their first characters, fingerprints and region names are whole, anything else is
    described by its length alone.
    """
    if match := _HARMLESS[0].match(value):
        return f"'{match.group()[:36]}…' ({len(value)} characters)"
    if any(pattern.fullmatch(value) for pattern in _HARMLESS[1:]):
        return f"'{value}'"
    return f"a value of {len(value)} characters"


CATALOGUE: Final[dict[str, Entry]] = {
    # -- the five classic errors of OCI's own guides ------------------------------------------------------
    "invalid-key-format": Entry(
        "invalid key format",
        "{origin} holds no private key that can be read: {detail}.",
        "Store the whole file that OCI let you download, from the line with BEGIN to the line with END; "
        "`base64 -w0 FILE` makes one line of it that every secret store keeps intact.",
    ),
    "fingerprint-mismatch": Entry(
        "fingerprint mismatch",
        "The fingerprint in {origin} is {given}, but the key in {key_origin} has {actual}.",
        "Leave the fingerprint out (it follows from the key), or store the key that was uploaded under {given}.",
    ),
    "permission-denied": Entry(
        "permission denied",
        "{path} may not be read by the user that runs this step ({reason}).",
        "Run the step as the file's owner, or give the secret as a variable instead of a file.",
        exit_code=USAGE,
    ),
    "cannot-read-private-key": Entry(
        "cannot read private key",
        "{origin} names {path} as the private key, and {reason}.",
        "Give the path of the key on this machine, or the key itself in OCICI_PRIVATE_KEY.",
        exit_code=USAGE,
    ),
    "region-not-configured": Entry(
        "region not configured",
        "No region was given for profile {name}.",
        "Set OCICI_REGION (or `region` in the bundle or config) to the region of your resources, for example "
        "eu-frankfurt-1.",
    ),
    # -- the key --------------------------------------------------------------------------------------------
    "key-missing": Entry(
        "no private key",
        "No private key was given for profile {name}.",
        "Store the private key as a secret and hand it over as OCICI_PRIVATE_KEY (or OCICI_PRIVATE_KEY_FILE, "
        "or `key_content` in a bundle).",
    ),
    "key-is-public": Entry(
        "a public key instead of a private one",
        "{origin} holds a public key. Requests are signed with the private half.",
        "Store the other file of the pair: its first line says BEGIN PRIVATE KEY or BEGIN RSA PRIVATE KEY.",
    ),
    "key-is-certificate": Entry(
        "a certificate instead of a private key",
        "{origin} holds a certificate{detail}. OCI's API keys are bare RSA keys.",
        "Store the private key of the API key pair: its first line says BEGIN PRIVATE KEY or BEGIN RSA PRIVATE KEY.",
    ),
    "key-is-openssh": Entry(
        "an OpenSSH key",
        "{origin} holds a key in OpenSSH's own format, which OCI tools cannot sign with.",
        "Use the API key's PEM file; an RSA key is converted by `ssh-keygen -p -m PEM -f FILE`.",
    ),
    "key-is-putty": Entry(
        "a PuTTY key",
        "{origin} holds a key in PuTTY's format (.ppk), which OCI tools cannot sign with.",
        "Use the API key's PEM file; an RSA key is converted by `puttygen FILE -O private-openssh` and then "
        "`ssh-keygen -p -m PEM -f FILE`.",
    ),
    "key-not-rsa": Entry(
        "not an RSA key",
        "{origin} holds a key of type {kind}. OCI verifies API requests with RSA alone.",
        "Make an RSA pair (`ocici keygen`), upload its public half in the OCI console under the user's API keys, "
        "and store the private half.",
    ),
    "key-too-short": Entry(
        "an RSA key under 2048 bits",
        "The key in {origin} has {bits} bits. OCI accepts 2048 or more.",
        "Make a new pair (`ocici keygen`), upload its public half, and store the private half.",
    ),
    "key-corrupt": Entry(
        "a truncated or corrupted private key",
        "{origin} begins like a private key, but {detail}.",
        "Store the file again, whole; `base64 -w0 FILE` makes one line of it that no form field cuts or wraps.",
    ),
    "key-ambiguous": Entry(
        "more than one private key",
        "{origin} holds {count} different private keys, and nothing says which is meant.",
        "Store one private key alone; several profiles go into a bundle, each with its own key_content.",
    ),
    "key-encrypted": Entry(
        "an encrypted key without a pass phrase",
        "The key in {origin} is encrypted, and no pass phrase was given.",
        "Store the pass phrase as a secret too and hand it over as OCICI_PASS_PHRASE.",
    ),
    "pass-phrase-wrong": Entry(
        "wrong pass phrase",
        "The pass phrase in {pass_origin} does not open the key in {origin} (or the encrypted body was changed on "
        "its way: from outside the two look alike).",
        "Check the pass phrase for a trailing newline or quotes, and that it belongs to this key: "
        "`openssl pkey -in FILE -noout` asks for it.",
    ),
    "key-is-path": Entry(
        "a path where the key itself was expected",
        "{origin} holds the path of a file, not a key.",
        "Use OCICI_PRIVATE_KEY_FILE for a path (GitLab file variable, Jenkins secret file); "
        "OCICI_PRIVATE_KEY takes the key itself.",
        exit_code=USAGE,
    ),
    "path-is-key": Entry(
        "a key where a path was expected",
        "{origin} takes the path of a file, and holds a private key.",
        "Use OCICI_PRIVATE_KEY for the key itself (in GitLab: make the variable one of type File, or drop _FILE "
        "from its name).",
        exit_code=USAGE,
    ),
    "key-repaired": Entry(
        "the key was mended",
        "The key in {origin} arrived damaged and was read all the same: {repairs}.",
        "Nothing must be done. To be rid of this note store the key as `base64 -w0 FILE` prints it.",
        severity="note",
    ),
    # -- user, tenancy, fingerprint, region ----------------------------------------------------------------
    "credentials-missing": Entry(
        "no credentials",
        "None of the variables that ocici reads is set: {missing}.",
        "Hand the secrets of the pipeline to this step, for example OCICI_USER, OCICI_TENANCY, OCICI_REGION and "
        "OCICI_PRIVATE_KEY, or all of them in one bundle as OCICI_CREDENTIALS.",
        exit_code=USAGE,
    ),
    "user-missing": Entry(
        "no user",
        "No user OCID was given for profile {name}.",
        "Set OCICI_USER to the OCID of the user that the API key belongs to (OCI console: Profile, My profile).",
    ),
    "tenancy-missing": Entry(
        "no tenancy",
        "No tenancy OCID was given for profile {name}.",
        "Set OCICI_TENANCY to the tenancy's OCID (OCI console: Profile, Tenancy).",
    ),
    "value-unexpanded": Entry(
        "a variable that was not expanded",
        "{origin} holds a reference to a variable as literal text ({form}), not its value.",
        "Check the name and the quotes where the value is set: single quotes keep $NAME as it is, and a "
        "reference to a secret that does not exist stays as text on some systems.",
        exit_code=USAGE,
    ),
    "value-masked": Entry(
        "the mask instead of the secret",
        "{origin} holds a mask (such as ***) where the secret should be: it was copied from a log or a form that "
        "hides secrets.",
        "Store the secret again from its own source.",
        exit_code=USAGE,
    ),
    "user-tenancy-swapped": Entry(
        "user and tenancy are swapped",
        "{user_origin} holds a tenancy OCID, and {tenancy_origin} a user OCID.",
        "Exchange the two values.",
    ),
    "ocid-wrong-type": Entry(
        "an OCID of the wrong type",
        "{origin} should hold a {expected} OCID and holds a {actual} OCID: {value}.",
        "Use the OCID that begins with ocid1.{expected}.",
    ),
    "ocid-malformed": Entry(
        "a malformed OCID",
        "{origin} should hold a {expected} OCID, and {detail}.",
        "Copy it again from the OCI console: ocid1.{expected}.REALM..UNIQUE-PART, without spaces or quotes.",
    ),
    "fingerprint-sha256": Entry(
        "a SHA-256 fingerprint",
        "{origin} holds a SHA-256 fingerprint. OCI names API keys by their MD5 fingerprint.",
        "Leave the fingerprint out (it follows from the key), or use the one that the OCI console shows: "
        "16 pairs of hex digits with colons.",
    ),
    "fingerprint-malformed": Entry(
        "a malformed fingerprint",
        "{origin} holds {detail}. A fingerprint is 16 pairs of hex digits with colons.",
        "Leave the fingerprint out (it follows from the key), or copy it again from the OCI console.",
    ),
    "value-repaired": Entry(
        "a value was mended",
        "{origin} was read all the same: {repairs}.",
        "Nothing must be done. To be rid of this note store the value as OCI shows it.",
        severity="note",
    ),
    "region-malformed": Entry(
        "a malformed region",
        "{origin} should hold a region and holds {value}, which no region name looks like.",
        "Use a region identifier as the OCI console shows it, for example eu-frankfurt-1, or a short code such as fra.",
    ),
    "region-unknown": Entry(
        "an unknown region",
        "{origin} holds the region {value}, which this version of ocici does not know{nearest}.",
        "Check the spelling. If Oracle opened the region lately, go on: the probe will tell.",
        severity="warning",
    ),
    "realm-mismatch": Entry(
        "region and OCIDs of different realms",
        "The region {region} is in realm {region_realm}, but {origin} holds an OCID of realm {realm}.",
        "Use a region of the realm that the tenancy lives in (the third part of its OCID).",
    ),
    # -- sources ------------------------------------------------------------------------------------------
    "source-twice": Entry(
        "one value given twice",
        "Both {first} and {second} are set, and nothing says which is meant.",
        "Unset one of them.",
        exit_code=USAGE,
    ),
    "secret-empty": Entry(
        "a secret that is set but empty",
        "{origin} is set, and its value is empty.",
        "Check the name of the secret (a missing one often arrives as empty text), and that this branch, "
        "environment or pull request may read it.",
        exit_code=USAGE,
    ),
    "source-missing": Entry(
        "a file that is not there",
        "{origin} names the file {path}, and {reason}.",
        "Check the path as this step sees it: in a container, paths of the host do not exist.",
        exit_code=USAGE,
    ),
    "source-too-large": Entry(
        "a secret that is too large",
        "{origin} holds more than {limit} bytes; credentials are far smaller.",
        "Check that it is the right variable or file.",
        exit_code=USAGE,
    ),
    "bundle-syntax": Entry(
        "a bundle that cannot be read",
        "{origin} is neither YAML nor JSON{where}.",
        "Write one `field: value` a line (docs/COMMANDS.md has an example); a key wants `key_content: |` and "
        "indented lines.",
        exit_code=USAGE,
    ),
    "bundle-shape": Entry(
        "a bundle of the wrong shape",
        "{origin}: {detail}.",
        "Write `field: value` lines, or `profiles:` with one mapping of such lines a profile.",
        exit_code=USAGE,
    ),
    "bundle-unsafe": Entry(
        "a bundle with YAML that is refused",
        "{origin} uses {detail}{where}; a bundle is plain fields and values.",
        "Write the values out.",
        exit_code=USAGE,
    ),
    "field-unknown": Entry(
        "an unknown field",
        "{origin} has a field that ocici does not know: {field}{nearest}.",
        "Use the config file's own names: user, tenancy, fingerprint, region, key_file, key_content, pass_phrase.",
        exit_code=USAGE,
    ),
    "field-ignored": Entry(
        "a field that is not taken over",
        "{origin} has the field {field}, which does not belong to the credentials.",
        "Nothing must be done.",
        severity="note",
    ),
    "token-profile": Entry(
        "a profile that signs with a token",
        "{origin} uses {field}: a session token, which expires within the hour and cannot be renewed in a pipeline.",
        "Use an API key: `ocici keygen` makes the pair and says what to upload.",
        exit_code=USAGE,
    ),
    "config-syntax": Entry(
        "a config that cannot be read",
        "{origin} is not an OCI config{where}: {detail}.",
        "Write [PROFILE] in brackets and one `field=value` a line below it.",
        exit_code=USAGE,
    ),
    "profile-missing": Entry(
        "no such profile",
        "Profile {name} is not in {origin}; there: {known}.",
        "Choose one with --profile or OCICI_PROFILE, or add it.",
        exit_code=USAGE,
    ),
    "profile-duplicate": Entry(
        "a profile that is there twice",
        "{origin} has {what} more than once{where}, and nothing says which is meant.",
        "Remove all but one.",
        exit_code=USAGE,
    ),
    "profile-name": Entry(
        "a profile name that not every tool reads",
        "{origin} has a profile name of {length} characters that holds more than letters, digits, _ . and hyphens.",
        "Rename it: letters, digits, underscore, dot and hyphen, at most 64.",
        exit_code=USAGE,
    ),
    "profile-not-chosen": Entry(
        "several profiles and none chosen",
        "{origin} has the profiles {known}, none is DEFAULT, and none was chosen.",
        "Choose one with --profile or OCICI_PROFILE.",
        exit_code=USAGE,
    ),
    "profile-left-out": Entry(
        "a profile was left out",
        "Profile {name} of {origin} has no key that can be read on this machine, and was not chosen.",
        "If a later step needs it, give its key as key_content in a bundle.",
        severity="warning",
    ),
    # -- an existing config ---------------------------------------------------------------------------------
    "config-missing": Entry(
        "no config file",
        "There is no OCI config at {path}.",
        "Run `ocici setup` first, or name the file with --config-file.",
        exit_code=USAGE,
    ),
    "open-to-others": Entry(
        "a file that others may read",
        "{path} has mode {mode}: other users of this machine may {what} it.",
        "chmod 600 {path}",
        severity="warning",
    ),
    "key-file-elsewhere": Entry(
        "a key_file of another machine",
        "{origin} names {path} as key_file, and it is not there: {reason}.",
        "Give the path of the key on this machine, or run `ocici setup`, which writes both.",
    ),
    "key-label-missing": Entry(
        "no label line after the key",
        "{path} does not end with the line OCI_API_KEY, and oci-cli warns about that in every command.",
        "Add the line OCI_API_KEY at the end, or set SUPPRESS_LABEL_WARNING=True.",
        severity="note",
    ),
    "pass-phrase-beside-key": Entry(
        "a pass phrase beside its key",
        "{origin} holds pass_phrase in the file that names the key; there it protects nothing, and not every tool "
        "reads it.",
        "`ocici setup` writes a session without one.",
        severity="note",
    ),
    # -- the environment of the tools ---------------------------------------------------------------------
    "home-config-shadows": Entry(
        "~/.oci/config shadows the session",
        "{path} exists, and the Python, Go, Java and TypeScript SDKs read it before OCI_CONFIG_FILE.",
        "Remove or rename it on this machine, or name the session's config in the program.",
        severity="warning",
    ),
    "variable-overrides": Entry(
        "a variable overrides the session",
        "{names} {verb} set, and {tools} to the session's config.",
        "Hand those secrets to ocici's step alone instead of the whole job.",
        severity="warning",
    ),
    "default-differs": Entry(
        "DEFAULT is not the selected profile",
        "Profile {name} is selected, but the SDKs can be told no profile by a variable and will use the bundle's own "
        "DEFAULT.",
        "Leave DEFAULT out (it is then a copy of the selected profile), or name the profile in the program.",
        severity="warning",
    ),
    # -- the session ----------------------------------------------------------------------------------------
    "session-exists": Entry(
        "there is something at the session's path",
        "{path} is there already ({what}), and a session is never written into what somebody else made.",
        "Run `ocici cleanup --session-dir {path}` if it is an old session, or choose another folder.",
        exit_code=USAGE,
    ),
    "session-unwritable": Entry(
        "no place for the session",
        "The session's folder cannot be made in {path}: {reason}.",
        "Name a folder that this step may write with --session-dir or TMPDIR.",
        exit_code=USAGE,
    ),
    "disk-full": Entry(
        "the disk is full",
        "Writing the session in {path} failed: {reason}. Nothing was left there.",
        "Free some room on the machine, or name another folder with --session-dir or TMPDIR.",
        exit_code=USAGE,
    ),
    "parent-open": Entry(
        "others may replace the session's folder",
        "{path}, which holds the session's folder, may be written by other users and has no sticky bit. They cannot "
        "read the key, but could put another config in its place.",
        "Name a folder of your own with --session-dir.",
        severity="warning",
    ),
    "not-a-session": Entry(
        "not a session",
        "{path} {reason}, so it is not removed.",
        "Give the session_dir that setup printed.",
        exit_code=USAGE,
    ),
    "session-left": Entry(
        "something was left behind",
        "{path} could not be removed: {reason}. It may hold the private key.",
        "Remove it by hand now; if others could read it, delete the API key in the OCI console and upload a new one.",
        exit_code=LEFT,
    ),
    "session-swept": Entry(
        "a session of a dead job was removed",
        "{path} was left by {job}, which is over.",
        "Nothing must be done. If it happens often, see why those jobs die before cleanup.",
        severity="note",
    ),
    # -- OCI's answers ----------------------------------------------------------------------------------------
    "not-authenticated": Entry(
        "OCI does not accept the credentials",
        "OCI answered 401 {oci_code} to {call}. Ruled out already: {ruled_out}. What is left: the key with "
        "fingerprint {fingerprint} is not among this user's API keys (never uploaded, deleted, or uploaded to "
        "another user), was uploaded a moment ago; or the user or tenancy is not the one you think; or the tenancy is "
        "not subscribed to region {region}.",
        "In the OCI console open the user, API keys, and look for {fingerprint}; if it was uploaded just now, try "
        "again in a minute.",
    ),
    "clock-skew": Entry(
        "this machine's clock is wrong",
        "OCI answered 401 {oci_code} to {call}, and {evidence}. OCI refuses signatures more than 5 minutes off.",
        "Set the clock of the runner (NTP, or the hypervisor's time synchronisation).",
    ),
    "not-authorized": Entry(
        "signed in, but not allowed",
        "OCI answered 404 {oci_code} to {call}: the signature was accepted, and a policy is missing (or the "
        "resource does not exist).",
        "Let an administrator add the policy: {policy}",
    ),
    "not-allowed": Entry(
        "not allowed in this region",
        "OCI answered {status} {oci_code} to {call}.",
        "Use the tenancy's home region for calls to Identity, or let an administrator look at the policies.",
    ),
    "call-refused": Entry(
        "OCI refused the call",
        "OCI answered {status} {oci_code} to {call}.",
        "Check --endpoint, if it is set. Otherwise report this to ocici's maintainers: the call is one that OCI "
        "should know.",
    ),
    "key-not-active": Entry(
        "the API key is not active",
        "OCI knows the key with fingerprint {fingerprint}, and its state is {state}.",
        "A key just uploaded becomes active within a minute or so: try again. A disabled or deleted one must be "
        "uploaded anew.",
    ),
    "key-limit": Entry(
        "the user has three API keys already",
        "OCI keeps at most three API keys a user, and refused the fourth.",
        "Delete one that is no longer used (OCI console: the user, API keys), then upload again.",
    ),
    "throttled": Entry(
        "OCI throttles this tenancy or user",
        "OCI answered 429 {oci_code} to {call}, asked {times} in {seconds} s.",
        "Run the job again later, or run fewer jobs at once.",
        exit_code=SERVICE,
    ),
    "service-failed": Entry(
        "OCI failed",
        "OCI answered {status} {oci_code} to {call}, asked {times} in {seconds} s.",
        "Run the job again; if it stays, look at OCI's status page for the region.",
        exit_code=SERVICE,
    ),
    "unexpected-answer": Entry(
        "an answer that OCI does not give",
        "{host} answered {status} to {call}, not in OCI's form: a proxy, a sign-in page or another server stands "
        "between.",
        "Check HTTPS_PROXY, NO_PROXY and --endpoint.",
        exit_code=SERVICE,
    ),
    "host-unknown": Entry(
        "the host name is unknown",
        "{host} does not resolve: the region is misspelt, or this machine reaches no DNS.",
        "Check the region; on a private network check DNS, HTTPS_PROXY and NO_PROXY.",
        exit_code=SERVICE,
    ),
    "connection-refused": Entry(
        "the connection was refused",
        "{host} refused the connection.",
        "Check --endpoint, the firewall and the proxy of this machine.",
        exit_code=SERVICE,
    ),
    "connection-reset": Entry(
        "the connection broke",
        "The connection to {host} broke before the answer was there; asked {times} in {seconds} s.",
        "Run the job again; if it stays, look at the firewall and the proxy of this machine.",
        exit_code=SERVICE,
    ),
    "host-unreachable": Entry(
        "the host cannot be reached",
        "There is no way from this machine to {host}: {reason}.",
        "Check the network and the firewall of this machine, HTTPS_PROXY and --endpoint.",
        exit_code=SERVICE,
    ),
    "timed-out": Entry(
        "OCI did not answer in time",
        "{host} gave no answer within {seconds} s (asked {times}).",
        "Check that this machine may reach {host} on the network (firewall, HTTPS_PROXY), or raise --deadline.",
        exit_code=SERVICE,
    ),
    "tls-untrusted": Entry(
        "the certificate is not trusted",
        "The TLS certificate that came for {host} is not trusted here ({reason}): often a proxy that reads TLS.",
        "Give the CA of that proxy: REQUESTS_CA_BUNDLE or SSL_CERT_FILE, the path of a PEM file.",
        exit_code=SERVICE,
    ),
    "ca-unreadable": Entry(
        "a CA file that cannot be read",
        "{variable} names {path} for the CAs to trust, and {reason}.",
        "Name a PEM file of CA certificates (or a folder of them, hashed by `openssl rehash`) that is there, or unset "
        "{variable}.",
        exit_code=USAGE,
    ),
    "proxy-failed": Entry(
        "the proxy failed",
        "The proxy {proxy} gave no way through to {host}: {reason}.",
        "Check HTTPS_PROXY and its user and password, or add the host to NO_PROXY.",
        exit_code=SERVICE,
    ),
    # -- the CI systems -------------------------------------------------------------------------------------
    "fork-without-secrets": Entry(
        "a pull request from a fork gets no secrets",
        "This run is for a pull request from {fork}, and GitHub hands a fork's pull request no secrets.",
        "Skip this step for forks: `if: github.event.pull_request.head.repo.full_name == github.repository`.",
        exit_code=USAGE,
    ),
    "dependabot-without-secrets": Entry(
        "a pull request from Dependabot gets no secrets of Actions",
        "This run was started by Dependabot, and GitHub hands it Dependabot's secrets in place of those of Actions.",
        "Add the secrets under Settings, Secrets and variables, Dependabot, or skip this step: "
        "`if: github.actor != 'dependabot[bot]'`.",
        exit_code=USAGE,
    ),
    "id-token-missing": Entry(
        "the job may not ask for an id token",
        "GitHub gave the job no way to ask for an OIDC token: `id-token: write` is missing.",
        "Add to the job: `permissions: {{ id-token: write, contents: read }}`.",
        exit_code=USAGE,
    ),
    "variables-not-handed": Entry(
        "GitLab did not hand over the variables",
        "Not set in this job: {names}. {why}",
        "Settings, CI/CD, Variables: look at each one's key, at 'Protect variable' (clear it, or protect the branch or "
        "tag), and at its environment scope.",
        exit_code=USAGE,
    ),
    "debug-trace": Entry(
        "CI_DEBUG_TRACE prints every variable",
        "CI_DEBUG_TRACE is on: GitLab's runner writes every variable of the job to the log, secrets included.",
        "Turn it off, delete this job's log, and replace the API key if others could read it.",
        severity="warning",
    ),
    "lint-before-script-overridden": Entry(
        "a job that skips the sign-in",
        "{file}: job {job} extends {template}, but its before_script is {whose} and does not refer to {template}'s.",
        "Put `- !reference [{template}, before_script]` into it, before the first line that needs OCI.",
        exit_code=USAGE,
    ),
    "lint-after-script-overridden": Entry(
        "a job that skips the cleanup",
        "{file}: job {job} signs in with {template}, but its after_script is {whose} and does not refer to "
        "{template}'s: the key would stay on the runner.",
        "Make `- !reference [{template}, after_script]` the first line of it.",
        exit_code=USAGE,
    ),
    "lint-after-script-late": Entry(
        "a job whose cleanup can be skipped",
        "{file}: job {job} has lines before the cleanup in its after_script ({whose}). The first that fails ends "
        "after_script, and the key stays on the runner.",
        "Make `- !reference [{template}, after_script]` the first line of it.",
        severity="warning",
    ),
    "pipeline-unreadable": Entry(
        "a pipeline that cannot be read",
        "{file} cannot be read as a GitLab pipeline: {reason}.",
        "Correct it there; `CI Lint` in GitLab (Build, Pipeline editor) says more.",
        exit_code=USAGE,
    ),
    # -- the launcher -------------------------------------------------------------------------------------
    # "no-python" is printed by the launcher itself, in the same words: an old Python cannot read this file.
    "no-python": Entry(
        "no Python that fits",
        "This is Python {version} ({path}). ocici needs 3.10 or newer, and none was found: not in OCICI_PYTHON, on "
        "the PATH, in pyenv, in the runner's tool cache, nor by uv.",
        "Install Python 3.10 or newer (on GitHub: actions/setup-python before this step), or name one in OCICI_PYTHON.",
        exit_code=USAGE,
    ),
    "launcher-usage": Entry(
        "wrong usage of the launcher",
        "{detail}.",
        "See the first lines of src/ocici/launcher.py.",
        exit_code=USAGE,
    ),
    "setting-unusable": Entry(
        "a setting of the launcher cannot be used",
        "{variable} is '{value}': {reason}.",
        "Correct {variable}, or leave it out: the launcher then finds what it needs by itself.",
        exit_code=USAGE,
    ),
    "index-unreachable": Entry(
        "the package index cannot be reached",
        "{tool} could not fetch the Python packages that ocici needs.",
        "Run the job again; if it stays, check the settings of index, proxy and CA (PIP_INDEX_URL, HTTPS_PROXY, "
        "PIP_CERT, or uv's), or give the packages in a folder: OCICI_WHEELHOUSE.",
        exit_code=SERVICE,
    ),
    "package-altered": Entry(
        "a package is not the one that ocici was released with",
        "{tool} got a package whose hash is not the one that ships with ocici. It was not installed.",
        "Check what the package index or mirror serves; if a copy was damaged on the way, run the job again.",
        exit_code=USAGE,
    ),
    "runtime-not-built": Entry(
        "the Python runtime could not be built",
        "{reason}.",
        "The lines of pip or uv that follow say more. Without an index give the packages in a folder: "
        "OCICI_WHEELHOUSE. Or install ocici beforehand: `pip install ocici`.",
        exit_code=USAGE,
    ),
    # -- commands -----------------------------------------------------------------------------------------
    "usage": Entry(
        "wrong usage",
        "{detail}",
        "See `ocici {command} --help`.",
        exit_code=USAGE,
    ),
    "command-not-started": Entry(
        "the command could not be started",
        "{name}: {reason}.",
        "Check the name and the PATH of this step; a shell's own words and pipes need `sh -c '…'`.",
        exit_code=USAGE,
    ),
    "interrupted": Entry(
        "stopped by a signal",
        "{signal} came before the work was done.",
        "Nothing must be done: nothing of the session was left.",
        exit_code=USAGE,
    ),
    "file-exists": Entry(
        "the file is there already",
        "{path} exists, and ocici never overwrites a file.",
        "Choose another name, or move it away.",
        exit_code=USAGE,
    ),
    "file-unwritable": Entry(
        "a file cannot be written",
        "{path} cannot be written: {reason}.",
        "Name a place that you may write.",
        exit_code=USAGE,
    ),
    "address-in-use": Entry(
        "the address cannot be used",
        "The emulator cannot listen on {address}: {reason}.",
        "Choose another --port; 0 takes a free one.",
        exit_code=USAGE,
    ),
    "code-unknown": Entry(
        "no such finding",
        "There is no finding with the code {name}{nearest}.",
        "`ocici explain` lists them all.",
        exit_code=USAGE,
    ),
    "internal-error": Entry(
        "an error in ocici itself",
        "{kind} at {place}. This is a defect of ocici and not of your pipeline.",
        "Please report it with this line; no secret is in it.",
        exit_code=USAGE,
    ),
}
