"""Where each field is read from, and which source wins."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import termios
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from ocici import files, sources, texts
from ocici.findings import Refused

from .conftest import Pair

BUNDLE = "user: bundle-user\ntenancy: bundle-tenancy\nregion: bundle-region\nkey_content: bundle-key\n"
CONFIG = "[DEFAULT]\nuser=config-user\nfingerprint=config-fingerprint\nkey_content=config-key\nregion=config-region\n"


def code_of(error: pytest.ExceptionInfo[Refused]) -> str:
    return error.value.findings[0].code


def read_one(environ: dict[str, str], **options: str) -> dict[str, str]:
    sourced = sources.read(environ, options)
    who = next(each for each in sourced.profiles if each.name == sourced.selected).credentials
    texts = {"user": who.user, "tenancy": who.tenancy, "fingerprint": who.fingerprint, "region": who.region}
    return {**texts, "key": who.key.text(), "pass_phrase": who.pass_phrase.text()}


def test_the_first_source_that_has_a_field_wins() -> None:
    environ = {
        "OCICI_USER": "single-user",
        "OCICI_CREDENTIALS": BUNDLE,
        "OCICI_CONFIG": CONFIG,
        "OCI_CLI_USER": "cli-user",
        "OCI_CLI_KEY_CONTENT": "cli-key",
        "OCI_CLI_PASSPHRASE": "cli-phrase",
    }
    assert read_one(environ, region="option-region") == {
        "region": "option-region",
        "user": "single-user",
        "tenancy": "bundle-tenancy",
        "key": "bundle-key",
        "fingerprint": "config-fingerprint",
        "pass_phrase": "cli-phrase",
    }


def test_an_empty_value_is_the_same_as_none() -> None:
    assert read_one({"OCICI_USER": "", "OCI_CLI_USER": "cli-user"})["user"] == "cli-user"


def test_origins_name_the_place_of_each_value(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("key")
    environ = {"OCICI_CREDENTIALS": BUNDLE, "OCICI_PRIVATE_KEY_FILE": str(tmp_path / "key"), "OCI_CLI_FINGERPRINT": "f"}
    origins = sources.read(environ, {"region": "r"}).profiles[0].credentials.origins
    assert origins["region"] == "--region"
    assert origins["user"] == "`user` in OCICI_CREDENTIALS"
    assert origins["key"] == "OCICI_PRIVATE_KEY_FILE"
    assert origins["fingerprint"] == "OCI_CLI_FINGERPRINT"


@pytest.mark.parametrize("name", ["USER", "TENANCY", "FINGERPRINT", "REGION", "PRIVATE_KEY", "PASS_PHRASE"])
def test_every_single_value_may_come_from_a_file(name: str, tmp_path: Path) -> None:
    (tmp_path / "value").write_text("value\n")
    read = read_one({f"OCICI_{name}_FILE": str(tmp_path / "value")})
    assert read["key" if name == "PRIVATE_KEY" else name.lower()].rstrip("\n") == "value"


def test_a_binary_key_file_arrives_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "key.der").write_bytes(b"0\x82\x00\xff\n")
    profile = sources.read({"OCICI_PRIVATE_KEY_FILE": str(tmp_path / "key.der")}, {}).profiles[0]
    assert profile.credentials.key.reveal() == b"0\x82\x00\xff\n"


def test_a_value_and_its_file_at_once_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused) as error:
        sources.read({"OCICI_REGION": "a", "OCICI_REGION_FILE": str(tmp_path)}, {})
    assert code_of(error) == "source-twice"


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("OCICI_CREDENTIALS", "user: u\nkey_content: k\nkey_file: /k\n"),
        ("OCICI_CREDENTIALS", "profiles: {DEFAULT: {key_file: /k, key_content: k}}"),
        ("OCICI_CONFIG", "[DEFAULT]\nkey_file=/k\nkey_content=k\n"),
        ("OCICI_CONFIG", "[DEFAULT]\nkey_content=k\n[DEFAULTS_CHILD]\nkey_file=/k\n"),
    ],
)
def test_a_key_and_the_path_of_one_are_refused(variable: str, text: str) -> None:
    with pytest.raises(Refused) as error:
        sources.read({variable: text}, {"profile": "DEFAULT"})
    assert code_of(error) == "source-twice"
    assert f"in {variable} are set" in error.value.findings[0].cause


def test_an_empty_path_beside_a_key_is_none() -> None:
    assert read_one({"OCICI_CREDENTIALS": "key_file: ''\nkey_content: k\n"})["key"] == "k"


@pytest.mark.parametrize("text", [BUNDLE, CONFIG])
@pytest.mark.parametrize("wrap", [0, 76])
def test_bundle_and_config_may_be_base64(text: str, wrap: int) -> None:
    encoded = (base64.encodebytes if wrap else base64.b64encode)(text.encode()).decode()
    variable = "OCICI_CREDENTIALS" if text is BUNDLE else "OCICI_CONFIG"
    assert read_one({variable: encoded}) == read_one({variable: text})


@pytest.mark.parametrize("text", [BUNDLE, CONFIG, json.dumps({"user": "u", "region": "fra"})])
@pytest.mark.parametrize(
    ("form", "repairs"),
    [
        (lambda text: f'"{text}"', "quotes round it"),
        (lambda text: f"'{text}'\n", "quotes round it"),
        (lambda text: f"'{base64.b64encode(text.encode()).decode()}'", "quotes round it"),
        (lambda text: unpadded(text, "utf-8"), "the = that were missing"),
        (lambda text: base64.b64encode(text.encode("utf-16-le")).decode(), ""),
        (lambda text: unpadded(text, "utf-16-le"), "the = that were missing"),
    ],
)
def test_what_gets_round_a_bundle_and_a_config(text: str, form: Callable[[str], str], repairs: str) -> None:
    variable = "OCICI_CONFIG" if text is CONFIG else "OCICI_CREDENTIALS"
    assert read_one({variable: form(text)}) == read_one({variable: text})
    causes = [found.cause for found in sources.read({variable: form(text)}, {}).findings]
    assert [repairs in cause for cause in causes] == ([True] if repairs else [])


def unpadded(text: str, encoding: str) -> str:
    """The base64 of `text`, which lacks the = at its end."""
    while not (encoded := base64.b64encode(text.encode(encoding)).decode()).endswith("="):
        text += "\n"
    return encoded.rstrip("=")


def test_the_quotes_of_a_bundles_own_values_stay() -> None:
    assert read_one({"OCICI_CREDENTIALS": '"user": "u"\n"region": "fra"'})["user"] == "u"


def test_a_bundle_in_a_file_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "bundle.yaml").write_text(BUNDLE, encoding="utf-8-sig")
    assert read_one({"OCICI_CREDENTIALS_FILE": str(tmp_path / "bundle.yaml")})["user"] == "bundle-user"


@pytest.mark.parametrize(
    "form", ["{}\n", " {}", "'{}'", '"{}"\n', "file://{}", "file:{}", "file://localhost{}", "{}\r\n"]
)
@pytest.mark.parametrize("variable", ["OCICI_PRIVATE_KEY_FILE", "OCI_CLI_KEY_FILE", "bundle"])
def test_what_gets_round_a_path_is_removed(tmp_path: Path, form: str, variable: str) -> None:
    folder = tmp_path / "a b"
    folder.mkdir()
    (folder / "key").write_text("key")
    path = form.format(folder / "key").replace(" b", "%20b" if "file:" in form else " b")
    environ = {"OCICI_CREDENTIALS": json.dumps({"key_file": path})} if variable == "bundle" else {variable: path}
    assert read_one(environ)["key"] == "key"
    codes = [found.code for found in sources.read(environ, {}).findings]
    assert codes == ([] if form in ("{}\n", "{}\r\n") else ["value-repaired"])


STAND_INS = [
    ("***", "value-masked"),
    ("[MASKED]", "value-masked"),
    ("${{ secrets.OCI }}", "value-unexpanded"),
    ("$OCI\n", "value-unexpanded"),
    ("'$OCI'", "value-unexpanded"),
    ("$HOME/oci", "value-unexpanded"),
    ("${HOME}/oci", "value-unexpanded"),
    (r"%USERPROFILE%\oci", "value-unexpanded"),
    ("${{ runner.temp }}/oci", "value-unexpanded"),
]


@pytest.mark.parametrize(("value", "code"), STAND_INS)
@pytest.mark.parametrize(
    "variable",
    [
        *("OCICI_PRIVATE_KEY_FILE", "OCICI_USER_FILE", "OCI_CLI_KEY_FILE"),
        *("OCICI_CREDENTIALS", "OCICI_CREDENTIALS_FILE", "OCICI_CONFIG", "OCICI_CONFIG_FILE"),
    ],
)
def test_a_mask_and_a_name_in_place_of_a_path_or_text(variable: str, value: str, code: str) -> None:
    with pytest.raises(Refused) as error:
        sources.read({variable: value}, {})
    assert code_of(error) == code
    assert error.value.findings[0].cause.startswith(f"{variable} holds")


def test_a_folder_may_have_the_form_of_a_name(tmp_path: Path) -> None:
    (tmp_path / "$HOME").mkdir()
    (tmp_path / "$HOME" / "key").write_text("key")
    assert read_one({"OCICI_PRIVATE_KEY_FILE": str(tmp_path / "$HOME" / "key")})["key"] == "key"


@pytest.mark.parametrize(
    "path",
    ["/home/me/.oci/config", "~/.oci/config", "/home/runner/work/bundle", "'./oci.yaml'", r"C:\oci\config", "oci.yml"],
)
@pytest.mark.parametrize("variable", ["OCICI_CREDENTIALS", "OCICI_CONFIG"])
def test_a_path_in_place_of_a_text(variable: str, path: str) -> None:
    with pytest.raises(Refused) as error:
        sources.read({variable: path}, {})
    assert code_of(error) == "source-is-path"
    assert f"as {variable}_FILE" in error.value.findings[0].fix


@pytest.mark.parametrize("body", ["MIIE" * 16, "MIIE" * 15 + "MI==", "MIIE" * 15 + "MII="])
def test_a_pem_file_is_not_taken_for_base64(body: str) -> None:
    with pytest.raises(Refused) as error:
        texts.read(
            f"-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n".encode(), "O", "bundle-syntax", []
        )
    assert code_of(error) == "source-is-key"


@pytest.mark.parametrize("form", ["PEM", "literal line ends", "base64", "DER"])
@pytest.mark.parametrize("variable", ["OCICI_CREDENTIALS", "OCICI_CONFIG"])
def test_a_key_in_place_of_a_text(variable: str, form: str, pair: Pair) -> None:
    forms = {
        "PEM": pair.private,
        "literal line ends": '"' + pair.private.replace("\n", "\\n") + '"',
        "base64": base64.b64encode(pair.private.encode()).decode(),
        "DER": "".join(pair.private.splitlines()[1:-1]),
    }
    with pytest.raises(Refused) as error:
        sources.read({variable: forms[form]}, {})
    assert code_of(error) == "source-is-key"


@pytest.mark.parametrize(
    ("variable", "text", "code", "other"),
    [
        ("OCICI_CREDENTIALS", CONFIG, "source-is-config", "OCICI_CONFIG."),
        ("OCICI_CREDENTIALS", f"# ours\n\n{CONFIG}", "source-is-config", "OCICI_CONFIG."),
        ("OCICI_CREDENTIALS", base64.b64encode(CONFIG.encode()).decode(), "source-is-config", "OCICI_CONFIG."),
        ("OCICI_CREDENTIALS_FILE", CONFIG, "source-is-config", "OCICI_CONFIG_FILE."),
        ("OCICI_CONFIG", BUNDLE, "source-is-bundle", "OCICI_CREDENTIALS."),
        ("OCICI_CONFIG", f"---\n{BUNDLE}", "source-is-bundle", "OCICI_CREDENTIALS."),
        ("OCICI_CONFIG", '{"user": "u"}', "source-is-bundle", "OCICI_CREDENTIALS."),
        ("OCICI_CONFIG", "profiles:\n  a: {user: u}\n", "source-is-bundle", "OCICI_CREDENTIALS."),
        ("OCICI_CONFIG_FILE", BUNDLE, "source-is-bundle", "OCICI_CREDENTIALS_FILE."),
        # What may be either is told as before.
        ("OCICI_CONFIG", f"user: u\n{CONFIG}", "config-syntax", ""),
        ("OCICI_CREDENTIALS", "[user, tenancy]", "bundle-shape", ""),
    ],
)
def test_a_config_and_a_bundle_in_place_of_each_other(
    tmp_path: Path, variable: str, text: str, code: str, other: str
) -> None:
    if variable.endswith("_FILE"):
        (tmp_path / "text").write_text(text)
        text = str(tmp_path / "text")
    with pytest.raises(Refused) as error:
        sources.read({variable: text}, {})
    assert code_of(error) == code
    assert not other or error.value.findings[0].fix.endswith(f" as {other}")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_base64_that_begins_like_a_path_is_none(encoding: str) -> None:
    encoded = base64.b64encode(("\ufeff" + BUNDLE).encode(encoding)).decode()
    assert encoded[0] == "/"
    assert read_one({"OCICI_CREDENTIALS": encoded})["user"] == "bundle-user"


@pytest.mark.parametrize("end", [r"\n", r"\r\n", "\r"])
def test_a_config_text_without_true_line_ends(end: str, pair: Pair) -> None:
    key = pair.private.strip().replace("\n", end if "\\" in end else r"\n")
    text = CONFIG.replace("config-key", key)
    sourced = sources.read({"OCICI_CONFIG": text.replace("\n", end)}, {})
    assert [found.code for found in sourced.findings] == ["value-repaired"]
    assert "line ends" in sourced.findings[0].cause
    who = sourced.profiles[0].credentials
    assert (who.user, who.fingerprint, who.region) == ("config-user", "config-fingerprint", "config-region")
    assert who.key.text() == key  # whose own line ends are mended where keys are


def test_a_config_text_in_one_line() -> None:
    with pytest.raises(Refused) as error:
        sources.read({"OCICI_CONFIG": CONFIG.replace("\n", " ")}, {})
    assert code_of(error) == "config-syntax"
    assert "all of it stands in one line" in error.value.findings[0].cause


class TestFiles:
    def refusal(self, path: str) -> str:
        with pytest.raises(Refused) as error:
            sources.read({"OCICI_PRIVATE_KEY_FILE": path}, {})
        return code_of(error)

    def test_a_missing_one(self, tmp_path: Path) -> None:
        assert self.refusal(str(tmp_path / "none")) == "source-missing"

    def test_a_folder(self, tmp_path: Path) -> None:
        assert self.refusal(str(tmp_path)) == "source-missing"

    def test_an_empty_one(self, tmp_path: Path) -> None:
        (tmp_path / "empty").touch()
        with pytest.raises(Refused, match="secret-empty") as error:
            sources.read({"OCICI_PRIVATE_KEY_FILE": str(tmp_path / "empty")}, {})
        assert error.value.findings[0].cause.startswith("The file that OCICI_PRIVATE_KEY_FILE names ")

    def test_a_pipe_does_not_hold_the_step(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        assert self.refusal(str(tmp_path / "pipe")) == "secret-empty"

    def test_a_pipe_is_read_to_its_end(self, tmp_path: Path, pair: Pair) -> None:
        path = tmp_path / "pipe"
        os.mkfifo(path)

        def write() -> None:  # in two pieces, the second one when the first was read
            with path.open("wb", buffering=0) as file:
                file.write(pair.private[:900].encode())
                while fcntl.ioctl(file, termios.FIONREAD, b"\0\0\0\0") != b"\0\0\0\0":
                    os.sched_yield()
                file.write(pair.private[900:].encode())

        writer = threading.Thread(target=write)
        writer.start()
        keeper = os.open(path, os.O_RDONLY)  # so that the writer is there before the reader
        try:
            assert files.read(str(path), "F").decode() == pair.private
        finally:
            os.close(keeper)
            writer.join()

    def test_a_pipe_whose_writer_says_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(files, "PATIENCE", 0.01)
        os.mkfifo(tmp_path / "pipe")
        writer = os.open(tmp_path / "pipe", os.O_RDWR)
        with pytest.raises(Refused) as error:
            files.read(str(tmp_path / "pipe"), "F")
        os.close(writer)
        assert "nothing was written to it for" in error.value.findings[0].cause

    def test_one_too_large(self, tmp_path: Path) -> None:
        (tmp_path / "large").write_bytes(b"x" * (files.LIMIT + 1))
        assert self.refusal(str(tmp_path / "large")) == "source-too-large"

    def test_a_zero_byte_in_the_path(self) -> None:
        assert self.refusal("a\0b") == "source-missing"

    def test_the_base64_of_the_key_as_path(self, pair: Pair) -> None:
        assert self.refusal(base64.b64encode(pair.private.encode()).decode()) == "path-is-key"

    def test_lines_of_a_key_as_path(self, pair: Pair) -> None:
        assert self.refusal("\n".join(pair.private.splitlines()[1:-1])) == "path-is-key"

    def test_two_lines_that_are_no_key(self) -> None:
        assert self.refusal("/a\n/b") == "source-missing"

    @pytest.mark.parametrize("path", [" ", "\n", "''"])
    def test_nothing_but_what_gets_round_a_path(self, path: str) -> None:
        assert self.refusal(path) == "secret-empty"

    def test_the_key_itself_as_path(self) -> None:
        assert self.refusal("-----BEGIN PRIVATE KEY-----\nMII\n") == "path-is-key"

    @pytest.mark.parametrize("before", ["", "\u00a1", "/", "/\u00a1"])
    def test_base64_of_a_key_as_path_is_not_repeated(self, before: str) -> None:
        secret = before + base64.b64encode(b"-----BEGIN PRIVATE KEY-----" * 8).decode()
        with pytest.raises(Refused) as error:
            sources.read({"OCICI_PRIVATE_KEY_FILE": secret}, {})
        assert secret not in str(error.value.findings)

    def test_a_value_too_large(self) -> None:
        with pytest.raises(Refused) as error:
            sources.read({"OCICI_PRIVATE_KEY": "x" * (files.LIMIT + 1)}, {})
        assert code_of(error) == "source-too-large"


@pytest.mark.parametrize(
    "path", ["~/.oci/key.pem", f"/var/lib/docker/overlay2/{'0a' * 32}/key.pem", "C:\\keys\\oci.pem", "key.pem"]
)
def test_a_path_is_shown(path: str) -> None:
    assert texts.shown_path(path) == path


@pytest.mark.parametrize("value", ["/" + "aB3" * 20, "aB3" * 20, "/a\nb", "x" * 41])
def test_what_may_be_no_path_is_not_shown(value: str) -> None:
    assert texts.shown_path(value) == f"(a value of {len(value)} characters)"


class TestProfiles:
    SEVERAL = "profiles:\n  dev: {user: dev-user, key_content: dev-key}\n  prod: {user: prod-user, key_content: k}\n"

    def test_several_become_several(self) -> None:
        sourced = sources.read({"OCICI_CREDENTIALS": self.SEVERAL}, {"profile": "prod"})
        assert [each.name for each in sourced.profiles] == ["dev", "prod"]
        assert sourced.selected == "prod"

    def test_single_values_apply_to_the_selected_one(self) -> None:
        sourced = sources.read({"OCICI_CREDENTIALS": self.SEVERAL, "OCICI_USER": "u", "OCICI_PROFILE": "dev"}, {})
        assert [each.credentials.user for each in sourced.profiles] == ["u", "prod-user"]

    def test_the_only_one_is_selected(self) -> None:
        assert sources.read({"OCICI_CREDENTIALS": "profiles: {prod: {user: u}}"}, {}).selected == "prod"

    def test_default_is_selected(self) -> None:
        assert (
            sources.read({"OCICI_CREDENTIALS": "profiles: {a: {user: u}, DEFAULT: {user: v}}"}, {}).selected
            == "DEFAULT"
        )

    def test_with_several_and_no_default_one_must_be_chosen(self) -> None:
        with pytest.raises(Refused) as error:
            sources.read({"OCICI_CREDENTIALS": self.SEVERAL}, {})
        assert code_of(error) == "profile-not-chosen"
        assert "dev, prod" in error.value.findings[0].cause

    def test_one_that_is_not_there(self) -> None:
        with pytest.raises(Refused) as error:
            sources.read({"OCICI_CREDENTIALS": self.SEVERAL}, {"profile": "test"})
        assert code_of(error) == "profile-missing"

    def test_a_name_that_not_every_tool_reads(self) -> None:
        with pytest.raises(Refused) as error:
            sources.read({"OCICI_USER": "u"}, {"profile": "a]b"})
        assert code_of(error) == "profile-name"
        assert "has a profile name of 3 characters. Not every tool reads" in error.value.findings[0].cause

    def test_the_name_of_a_single_one(self) -> None:
        assert sources.read({"OCICI_USER": "u", "OCICI_PROFILE": "ci"}, {}).profiles[0].name == "ci"

    def test_one_with_an_absent_key_is_left_out_unless_selected(self, tmp_path: Path) -> None:
        config = f"[DEFAULT]\nuser=u\nkey_content=k\n[laptop]\nkey_file={tmp_path}/none.pem\n"
        # [laptop] inherits key_content in the SDK's reading, so it is a section of its own here.
        config = f"[a]\nuser=u\nkey_content=k\n[laptop]\nkey_file={tmp_path}/none.pem\n"
        sourced = sources.read({"OCICI_CONFIG": config}, {"profile": "a"})
        assert [each.name for each in sourced.profiles] == ["a"]
        assert [found.code for found in sourced.findings] == ["profile-left-out"]
        with pytest.raises(Refused) as error:
            sources.read({"OCICI_CONFIG": config}, {"profile": "laptop"})
        assert code_of(error) == "cannot-read-private-key"

    @pytest.mark.parametrize(
        ("section", "name", "reason", "code"),
        [
            ("[x]\nsecurity_token_file=/t\nkey_file=/k.pem\n", "x", "signs with a token", "token-profile"),
            ("[my tenancy]\nuser=u\nkey_content=k\n", "(a name of 10 characters)", "has a name that", "profile-name"),
            ("[x]\nuser=u\n", "x", "has no private key", ""),
        ],
    )
    def test_one_that_is_not_selected_does_not_block_the_step(
        self, section: str, name: str, reason: str, code: str
    ) -> None:
        good = "[good]\nuser=u\nkey_content=k\n"
        sourced = sources.read({"OCICI_CONFIG": good + section, "OCICI_PROFILE": "good"}, {})
        assert [each.name for each in sourced.profiles] == ["good"]
        assert [found.code for found in sourced.findings] == ["profile-left-out"]
        assert f"Profile {name} of OCICI_CONFIG {reason}" in sourced.findings[0].cause
        if code:
            with pytest.raises(Refused) as error:
                sources.read({"OCICI_CONFIG": section}, {})
            assert code_of(error) == code

    def test_names_that_are_none_are_not_shown_where_one_must_be_chosen(self) -> None:
        with pytest.raises(Refused) as error:
            sources.read({"OCICI_CONFIG": "[a]\nuser=u\n[b c]\nuser=u\n"}, {})
        assert code_of(error) == "profile-not-chosen"
        assert "the profiles a, (a name of 3 characters)," in error.value.findings[0].cause

    def test_the_key_of_another_machine_may_come_from_a_single_value(self, tmp_path: Path) -> None:
        config = f"[DEFAULT]\nuser=u\nkey_file={tmp_path}/none.pem\n"
        assert read_one({"OCICI_CONFIG": config, "OCICI_PRIVATE_KEY": "key"})["key"] == "key"


class TestNothing:
    def test_no_variable_at_all(self) -> None:
        with pytest.raises(Refused) as error:
            sources.read({"PATH": "/bin"}, {})
        assert code_of(error) == "credentials-missing"

    def test_variables_that_are_set_but_empty_are_named(self) -> None:
        with pytest.raises(Refused) as error:
            sources.read({"OCICI_USER": "", "OCICI_PRIVATE_KEY": ""}, {})
        (found,) = error.value.findings
        assert (found.code, found.cause) == (
            "secret-empty",
            "Each of OCICI_USER and OCICI_PRIVATE_KEY is set, but empty.",
        )

    def test_one_that_is_set_but_empty_is_named(self) -> None:
        with pytest.raises(Refused) as error:
            sources.read({"OCICI_CREDENTIALS": ""}, {})
        assert error.value.findings[0].cause == "OCICI_CREDENTIALS is set, but empty."


def test_headings_are_no_secrets_and_all_else_of_a_bundle_and_a_config_is() -> None:
    environ = {
        "OCICI_CONFIG": "[DEFAULT]\nuser=ocid1.user\n\n [other one]\r\nregion=x\n",
        "OCICI_CREDENTIALS": "profiles:\n  DEFAULT:\n    user: u\n",
        "OCICI_PASS_PHRASE": "[DEFAULT]",
    }
    lines = dict(zip(("pass", "bundle", "config"), sources.secrets(environ), strict=True))
    assert lines["pass"].text() == "[DEFAULT]"
    assert lines["bundle"].text().split() == ["user:", "u"]
    assert lines["config"].text().split() == ["user=ocid1.user", "region=x"]


@pytest.mark.parametrize(
    "line",
    [
        *("key_content: |", "  key_content: >-", "key_content: |2-", "region=eu-frankfurt-1"),
        *("region: 'us-gov-ashburn-1'", "region = fra", "[DEFAULT]", "profiles:"),
    ],
)
def test_a_line_without_a_secret_is_open(line: str) -> None:
    assert texts.is_open(line)
    kept = [secret.text() for secret in sources.secrets({"OCICI_CREDENTIALS": f"a: b\n{line}\nc: d\n"})]
    assert [text.split() for text in kept] == [["a:", "b", "c:", "d"]]


@pytest.mark.parametrize(
    "line", ["key_content: | x", "key_content: a", "region=" + "a" * 41, "region: Passw0rd", "pass_phrase=fra"]
)
def test_any_other_line_is_not(line: str) -> None:
    assert not texts.is_open(line)
    (secret,) = sources.secrets({"OCICI_CONFIG": line})
    assert secret.text() == line


def test_a_source_that_is_not_needed_is_not_read() -> None:
    environ = {"OCI_CLI_KEY_FILE": "/nowhere", "OCICI_PRIVATE_KEY": "key"}
    assert read_one(environ)["key"] == "key"
    with pytest.raises(Refused, match="source-missing"):
        sources.read({"OCI_CLI_KEY_FILE": "/nowhere"}, {})


@pytest.mark.parametrize(
    ("variable", "secret"),
    [
        ("OCICI_PASS_PHRASE_FILE", "correct horse battery"),
        ("OCICI_PASS_PHRASE_FILE", "/hunter.2"),
        ("OCICI_CREDENTIALS_FILE", "pass_phrase: correct horse battery"),
        ("OCICI_PRIVATE_KEY_FILE", "hunter2"),
    ],
)
def test_a_secret_where_a_path_belongs_is_not_shown(variable: str, secret: str) -> None:
    with pytest.raises(Refused) as error:
        sources.read({variable: secret}, {})
    assert secret not in str(error.value.findings[0])
    assert f"(a value of {len(secret)} characters)" in error.value.findings[0].cause
