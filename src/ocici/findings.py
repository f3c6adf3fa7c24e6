"""The catalogue: every finding with its cause and its fix, in one table. Standard library only.

A finding is one thing that is wrong or worth knowing. Its code never changes once released: people search
for it. Texts may hold `{placeholders}`; what fills them is never a secret (see `shown`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

Severity = Literal["error", "warning", "note"]

# Exit codes (docs/COMMANDS.md).
FINE: Final = 0
CREDENTIALS: Final = 1
USAGE: Final = 2
SERVICE: Final = 3
LEFT: Final = 4


class Entry(NamedTuple):
    """One row of the catalogue.

    `exit_code` counts for errors alone. `symptoms` are what other tools say when this is what is wrong, word for
    word, the most telling first; "…" stands for what differs each time. They head docs/TROUBLESHOOTING.md.
    """

    title: str
    cause: str
    fix: str
    severity: Severity = "error"
    exit_code: int = CREDENTIALS
    symptoms: tuple[str, ...] = ()


class Finding(NamedTuple):
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
    """Raised where work cannot go on; carries the findings that say why. The command line prints them.

    `profiles`: what is known of them by then, as setup's JSON has it (docs/COMMANDS.md), for the host to show.
    """

    def __init__(self, *findings: Finding, profiles: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(", ".join(finding.code for finding in findings))
        self.findings = findings
        self.profiles = profiles


def finding(code: str, profile: str = "", **values: object) -> Finding:
    """The finding `code` of the catalogue, its placeholders filled with `values` (never a secret)."""
    entry = CATALOGUE[code]
    values = {
        name: value if isinstance(value, int | float) else without_keys(str(value)) for name, value in values.items()
    }
    cause = entry.cause.format(**values)
    if cause.startswith("the "):  # a placeholder began it
        cause = "T" + cause[1:]
    return Finding(
        code=code,
        title=entry.title.format(**values),
        cause=cause,
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
    # The unique part is cut off below.
    re.compile(r"ocid(?:1\.[a-z0-9]{1,40}\.[a-z0-9.-]{0,40}|v1:[a-z0-9]{1,40}:[a-z0-9:-]{0,40})"),
    re.compile(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){1,31}"),
    re.compile(r"[a-z]{2,4}(-[a-z]{2,20}){1,3}-[0-9]{1,2}"),
)


def without_keys(text: str) -> str:
    """`text` with *** for what looks like a piece of a key, which may have been put into any field.

    That is: a block of PEM; and 32 characters of base64 or more, with letters of both cases and digits well mixed.
    OCIDs have no capitals.
    """
    text = re.sub(r"-----BEGIN.*?(?:-----END[^-]*-----|$)", "***", text, flags=re.DOTALL)
    return re.sub(r"[A-Za-z0-9+/=]{32,}", lambda match: "***" if _is_mixed(match[0]) else match[0], text)


def holds_key(text: str) -> bool:
    """Whether something in `text` looks like a piece of a key."""
    return without_keys(text) != text


def _is_mixed(text: str) -> bool:
    upper, lower, digits = (sum(map(kind, text)) for kind in (str.isupper, str.islower, str.isdigit))
    least = 3 if len(text) < 56 else 1  # a line of a key has 64 characters, 10 of them digits
    return min(upper, lower) >= 6 and digits >= least


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


# What other tools say when several things may be wrong: each of these stands with every finding that it may mean.
_KEY_UNREADABLE: Final = "The provided key is not a private key, or the provided passphrase is incorrect."
_GO_KEY: Final = "can not create client, bad configuration: did not find a proper configuration for private key"
_GO_TENANCY: Final = "can not create client, bad configuration: did not find a proper configuration for tenancy"
_NODE_KEY_FILE: Final = "Failed to read private key from file path."
_KEY_FILE_MISSING: Final = (
    "the key_file's value '…' at line … must be a valid file path",
    "[Errno 2] No such file or directory: '…'",
    "Could not find private key: …",
)
_NO_PEM: Final = "PEM data was not found in buffer"  # oci-go-sdk, common/helpers.go
_NO_CONFIG: Final = "Could not find config file at …"
_NO_OCID: Final = "malformed | this must be an OCID"
_NO_FINGERPRINT: Final = ("{'fingerprint': 'malformed'}", "| fingerprint | malformed |")
_NO_HOST: Final = ("NameResolutionError(…): Failed to resolve …", "dial tcp: lookup … no such host")
_CLI_TIMED_OUT: Final = "The connection to endpoint timed out while trying to reach …"
_REFUSED: Final = (
    "The required information to complete authentication was not provided or was incorrect.",
    "Failed to verify the HTTP(S) Signature",
    "401-NotAuthenticated",
    '"code": "NotAuthenticated"',
)

CATALOGUE: Final[dict[str, Entry]] = {
    # -- the five classic errors of OCI's own guides ------------------------------------------------------
    "invalid-key-format": Entry(
        "invalid key format",
        "{origin} holds no private key that can be read: {detail}.",
        "Store the whole private key file, from its BEGIN line to its END line. `base64 < FILE | tr -d '\\n'` prints "
        "it as one line, which every secret store keeps intact.",
        symptoms=(
            _KEY_UNREADABLE,
            _GO_KEY,
            _NO_PEM,
            "Private key must be in PEM format",
            "Failed to parse (unnamed) as a valid auto format key: Failed to auto-detect format of key",
        ),
    ),
    "fingerprint-mismatch": Entry(
        "fingerprint mismatch",
        "The fingerprint in {origin} is {given}, but that of the key in {key_origin} is {actual}.",
        "Store the private key that belongs to {given}. If the key is the right one, correct the fingerprint, or leave "
        "it out for ocici: it follows from the key.",
        symptoms=_REFUSED,
    ),
    "permission-denied": Entry(
        "permission denied",
        "{path} may not be read by the user that runs this step ({reason}).",
        "Run the step as the user that owns the file, or hand the secret over in a variable instead of a file.",
        exit_code=USAGE,
        symptoms=("[Errno 13] Permission denied: '…'", _NO_CONFIG, _GO_KEY, _GO_TENANCY, _NODE_KEY_FILE),
    ),
    "cannot-read-private-key": Entry(
        "cannot read private key",
        "The private key cannot be read: {reason}",
        "Give the path of the key on this machine, or the key itself (OCICI_PRIVATE_KEY, `key_content` in a bundle).",
        exit_code=USAGE,
        symptoms=(*_KEY_FILE_MISSING, _GO_KEY, _NODE_KEY_FILE),
    ),
    "region-not-configured": Entry(
        "region not configured",
        "No region was given for profile {name}.",
        "Set OCICI_REGION (or `region` in the bundle or config) to the region where your resources are, for example "
        "eu-frankfurt-1.",
        symptoms=(
            "{'region': 'missing'}",
            "did not find a proper configuration for region, nor for OCI_REGION env var",
            "Region not specified in Config file or OCI_REGION env variable. Can not proceed without setting a region.",
        ),
    ),
    # -- the key --------------------------------------------------------------------------------------------
    "key-missing": Entry(
        "no private key",
        "No private key was given for profile {name}.",
        "Store the private key as a secret and hand it over as OCICI_PRIVATE_KEY, as a file in OCICI_PRIVATE_KEY_FILE, "
        "or as `key_content` in a bundle. A config names the file in `key_file`.",
        symptoms=(
            "{'key_file': 'missing'}",
            "the full path and filename of the private PEM key file",
            "missing key_file in config",
            _GO_KEY,
        ),
    ),
    "key-is-public": Entry(
        "a public key instead of a private one",
        "{origin} holds a public key. Requests are signed with the private one.",
        "Store the other file of the pair: the one whose first line says BEGIN PRIVATE KEY or BEGIN RSA PRIVATE KEY.",
        symptoms=(
            "Authentication requires a private key, but a public key was provided.",
            "Failed to parse (unnamed) as a valid auto format key: key is not a private key",
            _GO_KEY,
        ),
    ),
    "key-is-certificate": Entry(
        "a certificate instead of a private key",
        "{origin} holds a certificate{detail}. An API key of OCI is a plain RSA key, and has no certificate.",
        "Store the private key of the API key pair: its first line says BEGIN PRIVATE KEY or BEGIN RSA PRIVATE KEY.",
        symptoms=(_KEY_UNREADABLE, _GO_KEY),
    ),
    "key-is-openssh": Entry(
        "an OpenSSH key",
        "{origin} holds a key in OpenSSH's own format, which OCI tools cannot sign with.",
        "Use the PEM file of the API key. If this RSA key is the API key, `ssh-keygen -p -m PEM -f FILE` converts the "
        "file in place.",
        symptoms=(_KEY_UNREADABLE, _GO_KEY),
    ),
    "key-is-putty": Entry(
        "a PuTTY key",
        "{origin} holds a key in PuTTY's format (.ppk), which OCI tools cannot sign with.",
        "Use the PEM file of the API key. If this RSA key is the API key, `puttygen FILE -O private-openssh -o NEW` "
        "and then `ssh-keygen -p -m PEM -f NEW` convert it.",
        symptoms=(_KEY_UNREADABLE,),
    ),
    "key-not-rsa": Entry(
        "not an RSA key",
        "{origin} holds a key of type {kind}. OCI accepts API requests from RSA keys alone.",
        "Make an RSA pair with `ocici keygen`, upload the public key (OCI console: Profile, My profile, API keys), and "
        "store the private key.",
        symptoms=("ECPrivateKey.sign() takes 2 positional arguments but 3 were given", _GO_KEY),
    ),
    "key-too-short": Entry(
        "an RSA key under 2048 bits",
        "The key in {origin} has {bits} bits. OCI accepts 2048 or more.",
        "Make a new pair with `ocici keygen`, upload the public key (OCI console: Profile, My profile, API keys), and "
        "store the private key.",
    ),
    "key-corrupt": Entry(
        "a truncated or corrupted private key",
        "{origin} begins like a private key, but {detail}.",
        "Store the whole file again. `base64 < FILE | tr -d '\\n'` prints it as one line, which no form field cuts or "
        "wraps.",
        symptoms=(
            _KEY_UNREADABLE,
            _GO_KEY,
            "Failed to parse (unnamed) as a valid auto format key: invalid PEM footer",
        ),
    ),
    "key-ambiguous": Entry(
        "more than one private key",
        "{origin} holds {count} different private keys, and nothing says which is meant.",
        "Store one private key alone. Several profiles go into a bundle, each with its own `key_content`.",
    ),
    "key-halves-differ": Entry(
        "a private key with the public key of another",
        "{origin} holds a private key and a public key that does not belong to it, and nothing says which is meant.",
        "Store the private key alone, and check that it is the one whose public key was uploaded: "
        "`ocici fingerprint FILE` prints the fingerprint that the OCI console shows.",
    ),
    "fingerprint-of-what": Entry(
        "not one key to print the fingerprint of",
        "{origin} holds no single key whose fingerprint can be told: {detail}.",
        "Give a file with one whole RSA key, public or private: PEM, DER, or the line of OpenSSH that begins with "
        "ssh-rsa.",
    ),
    "key-encrypted": Entry(
        "an encrypted key without a pass phrase",
        "The key in {origin} is encrypted, and no pass phrase was given.",
        "Store the pass phrase as a secret too, and hand it over as OCICI_PASS_PHRASE (`pass_phrase` in a bundle).",
        symptoms=(
            "The provided key requires a passphrase.",
            "Private key passphrase:",
            "The PEM format key (unnamed) is encrypted (password-protected), and no passphrase was provided in "
            "`options`",
            "The provided passphrase is incorrect.",
            _GO_KEY,
        ),
    ),
    "pass-phrase-wrong": Entry(
        "wrong pass phrase",
        "The pass phrase in {pass_origin} does not open the key in {origin} (or the encrypted key was damaged on its "
        "way: from outside the two look alike).",
        "Check that the pass phrase belongs to this key, and that no quotes or line end got into it: "
        "`openssl pkey -in FILE -noout` asks for it. In a bundle of YAML, put it in single quotes: what follows # is "
        "a comment there.",
        symptoms=(
            _KEY_UNREADABLE,
            "Incorrect passphrase supplied, could not decrypt key",
            "The provided passphrase is incorrect.",
            _GO_KEY,
        ),
    ),
    "key-is-path": Entry(
        "a path where the key itself was expected",
        "{origin} holds the path of a file where the key itself belongs.",
        "Hand the path over as OCICI_PRIVATE_KEY_FILE (GitLab file variable, Jenkins secret file). OCICI_PRIVATE_KEY "
        "takes the key itself.",
        exit_code=USAGE,
        symptoms=(_KEY_UNREADABLE, _GO_KEY),
    ),
    "path-is-key": Entry(
        "a key where a path was expected",
        "{origin} should name a file, and holds a private key itself.",
        "Hand the key over as OCICI_PRIVATE_KEY (in GitLab: give the variable the type File, or drop _FILE from its "
        "name); in a config, let key_file name a file. oci-cli and the Python SDK print such a value in their error: "
        "if one of them ran with it, replace the API key.",
        exit_code=USAGE,
        symptoms=("the key_file's value '-----BEGIN PRIVATE KEY-----",),
    ),
    "key-repaired": Entry(
        "the key was mended",
        "The key in {origin} arrived damaged and was read all the same: {repairs}.",
        "Nothing to do here: the session has a clean copy. A tool that gets the key in another way fails on it: let "
        "ocici sign that tool in, or write its key file anew. To be rid of this note, store the key as "
        "`base64 < FILE | tr -d '\\n'` prints it.",
        severity="note",
        symptoms=(
            _KEY_UNREADABLE,
            _GO_KEY,
            _NO_PEM,
            "Illegal base64 character 5c",
            "Failed to parse (unnamed) as a valid auto format key: Cannot read properties of undefined (reading "
            "'match')",
        ),
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
        "Set OCICI_USER (or `user` in the bundle or config) to the OCID of the user that the API key belongs to (OCI "
        "console: Profile, My profile).",
        symptoms=(
            "{'user': 'missing'}",
            "log into the console and go to the user's settings page to find their OCID",
            "did not find a proper configuration for user",
            "missing user in config",
        ),
    ),
    "tenancy-missing": Entry(
        "no tenancy",
        "No tenancy OCID was given for profile {name}.",
        "Set OCICI_TENANCY (or `tenancy` in the bundle or config) to the tenancy's OCID (OCI console: Profile, "
        "Tenancy).",
        symptoms=(
            "{'tenancy': 'missing'}",
            "log into the console and find this OCID at the bottom of any page",
            _GO_TENANCY,
            "missing tenancy in config",
        ),
    ),
    "value-unexpanded": Entry(
        "a variable that was not expanded",
        "{origin} holds a reference to a variable as literal text ({form}), and not its value.",
        "Check the name, and the quotes where the value is set: between single quotes a shell keeps $NAME as it is. "
        "Some systems leave the text as it is when the secret does not exist, or this job may not read it.",
        exit_code=USAGE,
        symptoms=(_NO_OCID, _KEY_UNREADABLE),
    ),
    "value-masked": Entry(
        "the mask instead of the secret",
        "{origin} holds a mask (such as ***) where the secret should be: it was copied from a log or a form that "
        "hides secrets.",
        "Store the secret again, copied from where it was made.",
        exit_code=USAGE,
        symptoms=(_NO_OCID, _KEY_UNREADABLE),
    ),
    "user-tenancy-swapped": Entry(
        "user and tenancy are swapped",
        "{user_origin} holds a tenancy OCID, and {tenancy_origin} a user OCID.",
        "Swap the two values.",
        symptoms=_REFUSED,
    ),
    "ocid-wrong-type": Entry(
        "an OCID of the wrong type",
        "{origin} should hold a {expected} OCID, and holds a {actual} OCID: {value}.",
        "Use the OCID that begins with ocid1.{expected}.",
        symptoms=_REFUSED,
    ),
    "ocid-malformed": Entry(
        "a malformed OCID",
        "{origin} should hold a {expected} OCID, and {detail}.",
        "Copy it again from the OCI console: ocid1.{expected}.REALM..UNIQUE-PART, without spaces or quotes.",
        symptoms=(_NO_OCID, *_REFUSED),
    ),
    "ocid-length": Entry(
        "an OCID of an unusual length",
        "{origin} holds a {expected} OCID whose last part has {length} characters. OCI's own have 60: it was "
        "probably cut off.",
        "Copy it again from the OCI console, whole.",
        severity="warning",
        symptoms=_REFUSED,
    ),
    "fingerprint-sha256": Entry(
        "a SHA-256 fingerprint",
        "{origin} holds a SHA-256 fingerprint. OCI names API keys by their MD5 fingerprint.",
        "Leave the fingerprint out (it follows from the key), or use the one that the OCI console shows: "
        "16 pairs of hex digits with colons.",
        symptoms=(*_NO_FINGERPRINT, *_REFUSED),
    ),
    "fingerprint-malformed": Entry(
        "a malformed fingerprint",
        "{origin} holds {detail}. A fingerprint is 16 pairs of hex digits with colons.",
        "Leave the fingerprint out (it follows from the key), or copy it again from the OCI console.",
        symptoms=(*_NO_FINGERPRINT, *_REFUSED),
    ),
    "value-repaired": Entry(
        "a value was mended",
        "{origin} was read all the same: {repairs}.",
        "Nothing to do here: the session has the clean value. A tool that gets it in another way fails on it. To be "
        "rid of this note, store it without that; the OCI console shows OCIDs and fingerprints as they are.",
        severity="note",
        symptoms=(*_NO_FINGERPRINT, _NO_OCID, *_REFUSED),
    ),
    "region-malformed": Entry(
        "a malformed region",
        "{origin} should hold the name of a region, and holds {value}.",
        "Use a region identifier as the OCI console shows it, for example eu-frankfurt-1, or a short code such as fra.",
        symptoms=(_CLI_TIMED_OUT, *_NO_HOST),
    ),
    "region-unknown": Entry(
        "an unknown region",
        "{origin} holds the region {value}, which this version of ocici does not know{nearest}.",
        "Check the spelling. If Oracle opened the region after this version, all is well, and the probe will tell.",
        severity="warning",
        symptoms=(_CLI_TIMED_OUT, *_NO_HOST),
    ),
    "realm-mismatch": Entry(
        "region and OCIDs of different realms",
        "The region {region} is in realm {region_realm}, but {ocids} of realm {realm}.",
        "Use a region of the tenancy's own realm, which is the third part of its OCID.",
        symptoms=_REFUSED,
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
        "{origin} is set, but empty.",
        "Check the name of the secret: one that does not exist often arrives as empty text. Check also that this "
        "branch, environment or pull request may read it.",
        exit_code=USAGE,
        symptoms=(
            _NO_OCID,
            _KEY_UNREADABLE,
            _GO_KEY,
            "Failed to parse (unnamed) as a valid auto format key: Attempt to access memory outside buffer bounds",
        ),
    ),
    "value-unset": Entry(  # its words must hold no "null" or the like: the value is hidden wherever it stands
        "a variable that was not set where it came from",
        "{origin} holds the word that a program writes for nothing: where it came from, the variable was not set.",
        "Check the name of the secret where the value is made (a template, a script, a vault), and that this job may "
        "read it.",
        exit_code=USAGE,
        symptoms=(_NO_OCID, _KEY_UNREADABLE),
    ),
    "source-missing": Entry(
        "a file that is not there, or cannot be read",
        "{origin} names the file {path}, and {reason}.",
        "Check the path as this step sees it: a container does not have the paths of its host.",
        exit_code=USAGE,
    ),
    "source-empty": Entry(
        "an empty file or input",
        "{origin} holds nothing.",
        "Check that it is the right one, and that what wrote it did not fail.",
        exit_code=USAGE,
    ),
    "source-too-large": Entry(
        "a secret that is too large",
        "{origin} holds more than {limit} bytes; credentials are far smaller.",
        "Check that it is the right variable or file.",
        exit_code=USAGE,
    ),
    "source-is-path": Entry(
        "a path where a bundle or config was expected",
        "{origin} holds the path of a file where the text of that file belongs.",
        "Hand the path over as {variable}_FILE; {variable} takes the text itself.",
        exit_code=USAGE,
    ),
    "source-is-key": Entry(
        "a key where a bundle or config was expected",
        "{origin} holds a private key itself, and not the text of a bundle or config.",
        "Hand the key over as OCICI_PRIVATE_KEY, beside OCICI_USER, OCICI_TENANCY and OCICI_REGION; or write a bundle "
        "of all of them (docs/COMMANDS.md has an example).",
        exit_code=USAGE,
    ),
    "source-is-config": Entry(
        "a config where a bundle was expected",
        "{origin} holds the text of an OCI config file, and not a bundle.",
        "Hand it over as {variable}.",
        exit_code=USAGE,
    ),
    "source-is-bundle": Entry(
        "a bundle where a config was expected",
        "{origin} holds a bundle (YAML or JSON), and not the text of an OCI config file.",
        "Hand it over as {variable}.",
        exit_code=USAGE,
    ),
    "bundle-syntax": Entry(
        "a bundle that cannot be read",
        "{origin} can be read neither as YAML nor as JSON{where}.",
        "Write one `field: value` a line (docs/COMMANDS.md has an example); a key wants `key_content: |` and "
        "indented lines. A pass phrase may hold characters of YAML's own (@, %, a colon): put it in single quotes.",
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
        "Write the values out in full. If the pass phrase begins with & * or !, put it in single quotes.",
        exit_code=USAGE,
    ),
    "field-unknown": Entry(
        "an unknown field",
        "{origin} has a field that ocici does not know: {field}{nearest}.",
        "Use the config file's own names: user, tenancy, fingerprint, region, key_file, key_content, pass_phrase; or "
        "remove the line.",
        exit_code=USAGE,
    ),
    "field-ignored": Entry(
        "a field that is not taken over",
        "{origin} has the field {field}, which is no part of the credentials.",
        "Nothing to do.",
        severity="note",
    ),
    "token-profile": Entry(
        "a profile that signs with a token",
        "{origin} uses {field}: {what}.",
        "Choose a profile with an API key (--profile or OCICI_PROFILE). If there is none, `ocici keygen` makes the "
        "pair and says what to upload.",
        exit_code=USAGE,
        symptoms=("ERROR: This CLI session has expired, so it cannot currently be used to run commands",),
    ),
    "config-syntax": Entry(
        "a config that cannot be read",
        "{origin} is not an OCI config{where}: {detail}.",
        "Write [PROFILE] in brackets and one `field=value` a line below it.",
        exit_code=USAGE,
        symptoms=(
            "File contains no section headers.",
            "Config parse error, attempted to read configuration without specifying a profile: …",
            _GO_TENANCY,
        ),
    ),
    "profile-missing": Entry(
        "no such profile",
        "{origin} has no profile {name}. It has: {known}.",
        "Choose one with --profile or OCICI_PROFILE, or add it.",
        exit_code=USAGE,
        symptoms=(
            "Profile '…' not found in config file …",
            "configuration file did not contain profile: …",
            "No profile named … exists in the configuration file.",
        ),
    ),
    "profile-duplicate": Entry(
        "a duplicate profile",
        "{origin} has {what} more than once{where}, and nothing says which is meant.",
        "Remove all but one.",
        exit_code=USAGE,
        symptoms=("section '…' already exists", "option '…' in section '…' already exists"),
    ),
    "profile-name": Entry(
        "a profile name that not every tool reads",
        "{origin} has a profile name of {length} characters. Not every tool reads a name that is longer than 64, or "
        "that holds other characters than letters, digits, _ . and hyphens.",
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
        "Profile {name} of {origin} {reason}, and it was not chosen: the session goes without it.",
        "Nothing to do where no later step needs it. Otherwise correct that: a profile of letters and digits with an "
        "API key, as `key_content` or in a file on this machine, is taken over.",
        severity="warning",
    ),
    # -- an existing config ---------------------------------------------------------------------------------
    "config-missing": Entry(
        "no config file",
        "There is no OCI config at {path}.",
        "Run `ocici setup` first, or name the file with --config-file.",
        exit_code=USAGE,
        symptoms=(
            _NO_CONFIG,
            "Do you want to create a new config file? [Y/n]:",
            "Can't load the default config from ~/.oci/config or ~/.oraclebmc/config because it does not exists or its "
            "not a file.",
            "Can't load the default config from '…' or '…' because it does not exist or it is not a file.",
            _GO_TENANCY,
        ),
    ),
    "open-to-others": Entry(
        "a file that others may read",
        "{path} has mode {mode}: other users of this machine may {what} it.",
        "Run `chmod 600 {path}`.",
        severity="warning",
        symptoms=("Permissions on … are too open.",),
    ),
    "key-file-elsewhere": Entry(
        "a key_file of another machine",
        "{origin} names {path} as key_file, and it is not there: {reason}.",
        "Give the path of the key on this machine, or run `ocici setup`, which writes config and key.",
        symptoms=(*_KEY_FILE_MISSING, _GO_KEY, _NODE_KEY_FILE),
    ),
    "fingerprint-missing": Entry(
        "no fingerprint in the config",
        "{origin} has no fingerprint. ocici takes it from the key, but OCI tools want it in the file.",
        "Write the line `fingerprint={actual}` in the profile.",
        symptoms=(
            "{'fingerprint': 'missing'}",
            "did not find a proper configuration for keyFingerprint",
            "missing fingerprint in config",
        ),
    ),
    "key-in-config": Entry(
        "a key inside the config file",
        "{origin} holds the key itself in key_content, which OCI tools refuse in a file.",
        "Write the key to a file and name it in key_file; or run `ocici setup`, which writes config and key.",
        symptoms=("'key_content' cannot be specified in a config file for security reasons.",),
    ),
    "mended-for-check": Entry(
        "mended for this check alone",
        "{cause} The file itself stays as it is, and OCI tools may refuse it.",
        "Correct the file, or run `ocici setup`, which writes a clean config and key.",
        severity="warning",
    ),
    "key-file-refused": Entry(
        "a key file that OCI tools do not read",
        "{path} holds a key that ocici reads, but the OCI SDK refuses the file as it stands: {detail}.",
        "Run `ocici setup` with OCICI_PRIVATE_KEY_FILE={path}, which writes a clean config and key; or copy the file "
        "again from where it was made (`openssl pkey -in FILE -noout` must read it).",
        symptoms=(_KEY_UNREADABLE, _GO_KEY),
    ),
    "key-label-missing": Entry(
        "no label line after the key",
        "{path} does not end with the line OCI_API_KEY, and oci-cli warns about that in every command.",
        "Add the line OCI_API_KEY at the end, or set SUPPRESS_LABEL_WARNING=True.",
        severity="note",
        symptoms=(
            "Warning: To increase security of your API key located at …, append an extra line with 'OCI_API_KEY' at "
            "the end.",
        ),
    ),
    "pass-phrase-beside-key": Entry(
        "a pass phrase beside its key",
        "{origin} holds the pass phrase beside the path of the key: there it protects nothing, and not every tool "
        "reads it.",
        "`ocici setup` makes a session that needs none.",
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
        "Profile {name} is selected, but no variable tells the SDKs which profile to use: they take DEFAULT, and the "
        "bundle has one of its own.",
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
        "Free some room on the machine, or name another folder with --session-dir or TMPDIR (for exec in memory: "
        "XDG_RUNTIME_DIR).",
        exit_code=USAGE,
    ),
    "parent-open": Entry(
        "others may replace the session's folder",
        "{path}, which holds the session's folder, may be written by other users and has no sticky bit. They cannot "
        "read the key, but could put another config in its place.",
        "Name a folder of your own with --session-dir.",
        severity="warning",
    ),
    "session-unnamed": Entry(
        "no session to clean up",
        "Neither --session-dir nor OCICI_SESSION_DIR names one, and this is no job of a CI system that ocici knows, "
        "whose sessions it could look for.",
        "Name it: `ocici cleanup --session-dir DIR`, with the session_dir that setup printed. Or use `ocici exec`, "
        "which cleans up after itself.",
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
        "Nothing to do. If it happens often, find out why those jobs die before cleanup.",
        severity="note",
    ),
    # -- OCI's answers ----------------------------------------------------------------------------------------
    "not-authenticated": Entry(
        "OCI does not accept the credentials",
        "OCI answered 401 {oci_code} to {call}. Ruled out already: {ruled_out}. What is left: the user has no API key "
        "with fingerprint {fingerprint} (never uploaded, deleted, or uploaded for another user); or that key is not "
        "active (uploaded a moment ago, or deactivated); or user or tenancy are not the ones you think; or the tenancy "
        "is not subscribed to region {region}.",
        "Open the user in the OCI console, and look for {fingerprint} among its API keys. If it was uploaded just now, "
        "try again in a minute.",
        symptoms=_REFUSED,
    ),
    "clock-skew": Entry(
        "this machine's clock is wrong",
        "OCI answered 401 {oci_code} to {call}, and {evidence}. OCI refuses signatures more than 5 minutes off.",
        "Set the clock of this machine (NTP, or the hypervisor's time synchronisation).",
        symptoms=("Date '…' is not within allowed clock skew. Current '…', valid datetime range: ['…', '…']",),
    ),
    "not-authorized": Entry(
        "signed in, but not allowed",
        "OCI answered 404 {oci_code} to {call}: it accepts the signature, but a policy is missing (or the resource "
        "does not exist).",
        "Let an administrator add this policy, with the user's group for GROUP: {policy}",
        symptoms=(
            "Authorization failed or requested resource not found",
            "404-NotAuthorizedOrNotFound",
            '"code": "NotAuthorizedOrNotFound"',
        ),
    ),
    "not-allowed": Entry(
        "not allowed in this region",
        "OCI answered {status} {oci_code} to {call}.",
        "Use the tenancy's home region for calls to Identity, or let an administrator look at the policies.",
        symptoms=("Please go to your home region … to execute CREATE, UPDATE and DELETE operations.",),
    ),
    "call-refused": Entry(
        "OCI refused the call",
        "OCI answered {status} {oci_code} to {call}.",
        "Check --endpoint or OCICI_ENDPOINT, if it is set. Otherwise report this to ocici's maintainers: the call "
        "is one that OCI should know.",
    ),
    "key-not-active": Entry(
        "the API key is not active",
        "Every API key has a state, and only an ACTIVE one signs: one just uploaded is CREATING for a moment, a "
        "deactivated one is INACTIVE. OCI answers such a key with the same 401 as an unknown one, so ocici tells it as "
        "not-authenticated, and never as this.",
        "After an upload, try again in a minute. An administrator sees the state with "
        "`oci iam user api-key list --user-id OCID`; activate the key, or upload another.",
        symptoms=_REFUSED,
    ),
    "key-limit": Entry(
        "the user has three API keys already",
        "OCI keeps at most three API keys a user, and refuses a fourth. ocici itself uploads none: the OCI console and "
        "other tools say this.",
        "Delete one that is no longer used (OCI console: the user, API keys), then upload again.",
        symptoms=('"code": "LimitExceeded"',),
    ),
    "throttled": Entry(
        "OCI throttles this tenancy or user",
        "{who} answered 429 {oci_code} to {call} (asked {times} in {seconds} s).",
        "Run the job again later, or run fewer jobs at once.",
        exit_code=SERVICE,
        symptoms=(
            '"code": "TooManyRequests"',
            "429-TooManyRequests",
            "Too many requests for the tenant",
            "User-rate limit exceeded.",
        ),
    ),
    "service-failed": Entry(
        "OCI failed",
        "{who} answered {status} {oci_code} to {call} (asked {times} in {seconds} s).",
        "Run the job again; if it stays, look at OCI's status page for the region, and at the proxy if there is one.",
        exit_code=SERVICE,
        symptoms=(
            '"code": "InternalServerError"',
            '"code": "ServiceUnavailable"',
            "500-InternalError",
            "503-ServiceUnavailable",
            "Out of host capacity.",
        ),
    ),
    "unexpected-answer": Entry(
        "an answer that OCI does not give",
        "{host} answered {status} to {call}, not in OCI's form: a proxy, a sign-in page or another server stands "
        "between.",
        "Check HTTPS_PROXY, NO_PROXY and --endpoint or OCICI_ENDPOINT.",
        exit_code=SERVICE,
        symptoms=(
            "invalid character '<' looking for beginning of value",
            "Unexpected token '<', \"<!DOCTYPE \"... is not valid JSON",
        ),
    ),
    "host-unknown": Entry(
        "the host name is unknown",
        "{host} does not resolve: the region is misspelt, or this machine reaches no DNS.",
        "Check the region. On a private network check DNS, HTTPS_PROXY and NO_PROXY.",
        exit_code=SERVICE,
        symptoms=(_CLI_TIMED_OUT, *_NO_HOST),
    ),
    "connection-refused": Entry(
        "the connection was refused",
        "{host} refused the connection.",
        "Check --endpoint or OCICI_ENDPOINT, the firewall and the proxy of this machine.",
        exit_code=SERVICE,
        symptoms=(
            "Failed to establish a new connection: [Errno 111] Connection refused",
            "connect: connection refused",
            _CLI_TIMED_OUT,
        ),
    ),
    "connection-reset": Entry(
        "the connection broke",
        "The connection to {host} broke before the answer was there (asked {times} in {seconds} s).",
        "Run the job again; if it stays, look at the firewall and the proxy of this machine.",
        exit_code=SERVICE,
        symptoms=("ConnectionResetError(104, 'Connection reset by peer')", _CLI_TIMED_OUT),
    ),
    "host-unreachable": Entry(
        "the host cannot be reached",
        "There is no way from this machine to {host}: {reason}.",
        "Check the network and the firewall of this machine, HTTPS_PROXY and --endpoint or OCICI_ENDPOINT.",
        exit_code=SERVICE,
    ),
    "timed-out": Entry(
        "OCI did not answer in time",
        "{host} gave no {what} within {seconds} s (asked {times}).",
        "Check that this machine may reach {host} on the network (firewall, HTTPS_PROXY), or raise --deadline or "
        "OCICI_DEADLINE, the seconds that all questions may take (to connect, half of what is left of them).",
        exit_code=SERVICE,
        symptoms=("Read timed out. (read timeout=…)", _CLI_TIMED_OUT),
    ),
    "not-asked": Entry(
        "no time was left to ask OCI",
        "The deadline was over, after {seconds} s, before OCI was asked about this profile: those before it took all "
        "the time.",
        "See what is said of the other profiles. If OCI is only slow to answer, raise --deadline or OCICI_DEADLINE.",
        exit_code=SERVICE,
    ),
    "tls-untrusted": Entry(
        "the certificate is not trusted",
        "The TLS certificate that came for {host} is not trusted here ({reason}). Often a proxy on the way reads TLS, "
        "and shows a certificate of its own.",
        "Let REQUESTS_CA_BUNDLE or SSL_CERT_FILE name a PEM file with the CA of that proxy.",
        exit_code=SERVICE,
        symptoms=(
            "It looks like you are missing some additional certificates for operation.",
            "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed",
            "x509: certificate signed by unknown authority",
            "PKIX path building failed",
        ),
    ),
    "tls-wrong-host": Entry(
        "the certificate is for another host",
        "The TLS certificate that came for {host} does not name it ({reason}).",
        "Ask by a name that the certificate holds: for a private endpoint give --endpoint or OCICI_ENDPOINT its name, "
        "not its address. If neither is set, check where DNS, /etc/hosts and HTTPS_PROXY lead {host}.",
        exit_code=SERVICE,
        symptoms=(
            "certificate verify failed: Hostname mismatch, certificate is not valid for '…'",
            "certificate verify failed: IP address mismatch, certificate is not valid for '…'",
            "x509: cannot validate certificate for … because it doesn't contain any IP SANs",
            "x509: certificate is valid for …, not …",
        ),
    ),
    "tls-wrong-time": Entry(
        "the certificate is not valid at this time",
        "The TLS certificate that came for {host}, or that of its CA, is not valid now ({reason}).",
        "If this machine's clock is wrong, set it (NTP, or the hypervisor's time synchronisation). If it is right, let "
        "whoever runs {host}, or the proxy that reads TLS, renew the certificate.",
        exit_code=SERVICE,
        symptoms=(
            "certificate verify failed: certificate has expired",
            "certificate verify failed: certificate is not yet valid",
            "x509: certificate has expired or is not yet valid",
        ),
    ),
    "ca-unreadable": Entry(
        "a CA file that cannot be read",
        "{variable} names {path} for the CAs to trust, and {reason}.",
        "Name a PEM file of CA certificates (or a folder of them, hashed by `openssl rehash`) that is there, or unset "
        "{variable}.",
        exit_code=USAGE,
        symptoms=(
            "Could not find a suitable TLS CA certificate bundle, invalid path: …",
            "Cannot find cert_bundle file: …",
        ),
    ),
    "proxy-failed": Entry(
        "the proxy failed",
        "The proxy {proxy} gave no way through to {host}: {reason}.",
        "Check HTTPS_PROXY and its user and password (in these write / # ? @ and % as %2F %23 %3F %40 and %25), or add "
        "the host to NO_PROXY.",
        exit_code=SERVICE,
        symptoms=("Unable to connect to proxy", "Proxy Authentication Required", _CLI_TIMED_OUT),
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
        "No credentials arrived, and GitHub gave the job no way to ask for an id token (OIDC). ocici needs none, but "
        "an earlier step that fetches the credentials from a vault may.",
        "If such a step got nothing, add to the job: `permissions: {{ id-token: write, contents: read }}`.",
        severity="note",
    ),
    "inputs-empty": Entry(
        "no credentials arrived",
        "Nothing arrived in the inputs user, tenancy, region and private-key, nor in credentials or config.",
        "Check the names of the secrets under `with:`: one that does not exist arrives as empty text. Check also that "
        "this branch or pull request may read them, that the job names the `environment:` they belong to, and that a "
        "calling workflow hands them on (`secrets: inherit`).",
        exit_code=USAGE,
    ),
    "input-unusable": Entry(
        "an input of the action that cannot be used",
        "The input {name} holds {value}, and takes {allowed}.",
        "Correct the input, or leave it out.",
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
        "Give such a value, or leave it out.",
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
        "No finding has this code, and no message that is known is like it: {name}{nearest}.",
        "`ocici explain` lists them all.",
        exit_code=USAGE,
    ),
    "output-unwritable": Entry(
        "output that cannot be written",
        "{what} cannot be written: {reason}.",
        "Make room on the disk that it is on, or let it go elsewhere. A session that was being made is gone again.",
        exit_code=USAGE,
    ),
    "internal-error": Entry(
        "an error in ocici itself",
        "{kind} at {place}. This is a defect of ocici and not of your pipeline.",
        "Please report it with this line; no secret is in it.",
        exit_code=USAGE,
    ),
}
