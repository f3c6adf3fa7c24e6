"""The commands as people and wrappers call them: what they print, where, and with which exit code."""

from __future__ import annotations

import json
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from ocici.emulator import Emulator
from ocici.findings import CATALOGUE, holds_key

from .conftest import PASS_PHRASE, TENANCY, USER, Ocici, Pair


class TestSetup:
    def test_the_session_is_written_validated_and_printed(
        self, ocici: Ocici, oci: Emulator, secrets: dict[str, str], pair: Pair
    ) -> None:
        done = ocici("setup", "--format", "json", environ=secrets | {"OCICI_ENDPOINT": oci.endpoint})
        assert (done.returncode, done.stderr) == (0, "")
        made = json.loads(done.stdout)
        folder = Path(made["session_dir"])
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {
            "config": 0o600,
            "DEFAULT.pem": 0o600,
            "manifest.json": 0o600,
        }
        assert Path(made["key_file"]).read_text() == pair.private + "OCI_API_KEY\n"
        assert Path(made["config_file"]).read_text() == (
            f"[DEFAULT]\nuser={USER}\nfingerprint={pair.fingerprint}\ntenancy={TENANCY}\n"
            f"region=eu-frankfurt-1\nkey_file={folder}/DEFAULT.pem\n"
        )
        assert made["namespace"] == oci.namespace(TENANCY)
        assert made["profiles"][0]["probe"]["outcome"] == "accepted"
        assert made["variables"]["OCI_CLI_CONFIG_FILE"] == made["config_file"]
        assert [record.verified for record in oci.requests] == [True]

    def test_cleanup_finds_the_session_by_the_exported_variable(self, ocici: Ocici, secrets: dict[str, str]) -> None:
        made = json.loads(ocici("setup", "--validate", "offline", "--format", "json", environ=secrets).stdout)
        done = ocici("cleanup", environ=made["variables"])
        assert done.returncode == 0
        assert ocici.temporary() == []
        assert ocici("cleanup", environ=made["variables"]).returncode == 0  # idempotent

    def test_env_lines_are_for_a_shells_eval(self, ocici: Ocici, secrets: dict[str, str]) -> None:
        folder = str(ocici.home / "it's a session")
        done = ocici("setup", "--validate", "offline", "--format", "env", "--session-dir", folder, environ=secrets)
        assert f"export OCICI_SESSION_DIR='{ocici.home}/it'\"'\"'s a session'" in done.stdout.splitlines()

    def test_dotenv_lines(self, ocici: Ocici, secrets: dict[str, str], pair: Pair) -> None:
        done = ocici("setup", "--validate", "offline", "--format", "dotenv", environ=secrets)
        assert f"OCI_FINGERPRINT={pair.fingerprint}" in done.stdout.splitlines()

    def test_several_profiles_have_one_key_file_each(
        self, ocici: Ocici, oci: Emulator, pair: Pair, other_pair: Pair
    ) -> None:
        oci.register(TENANCY, USER, other_pair.public)
        bundle = {
            "profiles": {
                name: {"user": USER, "tenancy": TENANCY, "region": "fra", "key_content": each.private}
                for name, each in (("dev", pair), ("prod", other_pair))
            }
        }
        secrets = {"OCICI_CREDENTIALS": json.dumps(bundle), "OCICI_PROFILE": "prod", "OCICI_ENDPOINT": oci.endpoint}
        made = json.loads(ocici("setup", "--format", "json", environ=secrets).stdout)
        config = Path(made["config_file"]).read_text()
        assert re.findall(r"\[(\w+)\]", config) == ["DEFAULT", "dev", "prod"]
        assert config.count(f"key_file={made['session_dir']}/prod.pem") == 2  # prod, and DEFAULT is its copy
        assert len(oci.requests) == 2
        assert made["key_file"].endswith("prod.pem")

    def test_a_default_of_its_own_is_kept_and_told(self, ocici: Ocici, pair: Pair) -> None:
        fields = {"user": USER, "tenancy": TENANCY, "region": "fra", "key_content": pair.private}
        bundle = json.dumps({"profiles": {"DEFAULT": fields, "prod": fields}})
        done = ocici("setup", "--validate", "offline", "--profile", "prod", environ={"OCICI_CREDENTIALS": bundle})
        assert done.returncode == 0
        assert "[default-differs]" in done.stderr

    def test_refused_credentials_leave_nothing(self, ocici: Ocici, oci: Emulator, secrets: dict[str, str]) -> None:
        wrong = secrets | {"OCICI_TENANCY": "ocid1.tenancy.oc1..other", "OCICI_ENDPOINT": oci.endpoint}
        done = ocici("setup", "--format", "json", environ=wrong)
        assert done.returncode == 1
        assert [found["code"] for found in json.loads(done.stdout)["findings"]] == ["not-authenticated"]
        assert "[not-authenticated]" in done.stderr
        assert ocici.temporary() == []

    def test_an_oci_that_fails_is_worth_a_retry(self, ocici: Ocici, oci: Emulator, secrets: dict[str, str]) -> None:
        oci.fault("fail")
        done = ocici("setup", "--deadline", "1", environ=secrets | {"OCICI_ENDPOINT": oci.endpoint})
        assert done.returncode == 3
        assert ocici.temporary() == []

    def test_a_home_config_that_shadows_the_session_is_told(self, ocici: Ocici, secrets: dict[str, str]) -> None:
        (ocici.home / ".oci").mkdir()
        (ocici.home / ".oci/config").write_text("[DEFAULT]\n")
        done = ocici("setup", "--validate", "offline", environ=secrets)
        assert done.returncode == 0
        assert f"{ocici.home}/.oci/config exists" in done.stderr

    def test_a_variable_that_overrides_the_session_is_told(self, ocici: Ocici, secrets: dict[str, str]) -> None:
        done = ocici("setup", "--validate", "offline", environ=secrets | {"OCI_CLI_AUTH": "instance_principal"})
        assert "OCI_CLI_AUTH is set, and oci-cli prefers it to the session's config." in done.stderr

    def test_the_place_may_come_from_a_variable(self, ocici: Ocici, secrets: dict[str, str]) -> None:
        place = {"OCICI_SESSION_DIR": str(ocici.home / "tmp" / "ocici-mine")}
        for _ in range(2):  # the second time it is what the first one exported
            assert ocici("setup", "--validate", "offline", environ=secrets | place).returncode == 0
        assert len(ocici.temporary()) == 2
        assert "ocici-mine" in ocici.temporary()

    def test_a_session_dir_that_is_there_is_refused(self, ocici: Ocici, secrets: dict[str, str]) -> None:
        folder = ocici.home / "there"
        folder.mkdir()
        done = ocici("setup", "--validate", "offline", "--session-dir", str(folder), environ=secrets)
        assert done.returncode == 2
        assert "[session-exists]" in done.stderr
        assert list(folder.iterdir()) == []


class TestExec:
    def test_the_command_is_signed_in_and_its_code_is_returned(self, ocici: Ocici, secrets: dict[str, str]) -> None:
        script = 'grep -c user= "$OCI_CONFIG_FILE"; head -1 "$OCI_PRIVATE_KEY_PATH"; exit 7'
        done = ocici("exec", "--validate", "offline", "--", "sh", "-c", script, environ=secrets)
        assert (done.returncode, done.stdout) == (7, "1\n-----BEGIN PRIVATE KEY-----\n")
        assert ocici.temporary() == []

    def test_the_command_sees_no_secret_in_its_environment(
        self, ocici: Ocici, secrets: dict[str, str], pair: Pair
    ) -> None:
        more = {
            "OCICI_PRIVATE_KEY": pair.encrypted,
            "OCICI_PASS_PHRASE": PASS_PHRASE,
            "OCI_CLI_KEY_CONTENT": pair.private,
        }
        done = ocici("exec", "--validate", "offline", "--", "env", environ=secrets | more)
        assert "OCI_CLI_PROFILE=DEFAULT" in done.stdout
        assert not [line for line in [*pair.lines(), PASS_PHRASE] if line in done.stdout]

    def test_options_after_the_dashes_are_the_commands(self, ocici: Ocici, secrets: dict[str, str]) -> None:
        done = ocici("exec", "--validate", "offline", "--", "echo", "--", "--validate", environ=secrets)
        assert done.stdout == "-- --validate\n"

    @pytest.mark.parametrize(("command", "code"), [("no-such-command", 127), ("/", 126)])
    def test_a_command_that_cannot_be_started(
        self, ocici: Ocici, secrets: dict[str, str], command: str, code: int
    ) -> None:
        done = ocici("exec", "--validate", "offline", "--", command, environ=secrets)
        assert done.returncode == code
        assert "[command-not-started]" in done.stderr
        assert ocici.temporary() == []

    def test_a_command_that_a_signal_ends(self, ocici: Ocici, secrets: dict[str, str]) -> None:
        done = ocici("exec", "--validate", "offline", "--", "sh", "-c", "kill -TERM $$", environ=secrets)
        assert done.returncode == 128 + 15

    def test_no_command(self, ocici: Ocici, secrets: dict[str, str]) -> None:
        assert ocici("exec", environ=secrets).returncode == 2

    def test_what_cannot_be_cleaned_up_turns_0_into_4(self, ocici: Ocici, secrets: dict[str, str]) -> None:
        # A link in its place: it is refused, and what the command has hidden elsewhere stays.
        script = 'mv "$OCICI_SESSION_DIR" "$HOME/hidden"; ln -s "$HOME/hidden" "$OCICI_SESSION_DIR"'
        done = ocici("exec", "--validate", "offline", "--", "sh", "-c", script, environ=secrets)
        assert done.returncode == 4, done.stderr
        assert "[session-left]" in done.stderr

    def test_the_session_goes_without_its_manifest_too(self, ocici: Ocici, secrets: dict[str, str]) -> None:
        script = 'rm "$OCICI_SESSION_DIR/manifest.json"'
        done = ocici("exec", "--validate", "offline", "--", "sh", "-c", script, environ=secrets)
        assert (done.returncode, done.stderr, ocici.temporary()) == (0, "", [])

    def test_what_its_command_does_not_get_is_no_warning(self, ocici: Ocici, secrets: dict[str, str]) -> None:
        done = ocici("exec", "--validate", "offline", "--", "true", environ=secrets | {"OCI_CLI_USER": "another"})
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
class TestOutput:
    def shell(self, ocici: Ocici, script: str, environ: dict[str, str]) -> tuple[int, str]:
        """Run `script`, in which "$@" is ocici."""
        done = subprocess.run(
            ["sh", "-c", f"exec 3>&2; {script}", "sh", sys.executable, "-m", "ocici"],
            env={**ocici.environ, **environ}, cwd=ocici.home, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert "Traceback" not in done.stderr
        assert "Exception ignored" not in done.stderr
        return done.returncode, done.stderr

    @pytest.mark.parametrize("form", ["text", "json", "env", "dotenv"])
    def test_a_result_that_cannot_be_written(self, ocici: Ocici, secrets: dict[str, str], form: str) -> None:
        code, told = self.shell(ocici, f'"$@" setup --validate offline --format {form} > /dev/full', secrets)
        assert (code, ocici.temporary()) == (2, [])
        assert told.count("[output-unwritable]") == 1

    @pytest.mark.parametrize(
        "command", ["env", "explain", "keygen --out k", "fingerprint k.pem", "sweep --format json"]
    )
    def test_that_of_another_command(self, ocici: Ocici, pair: Pair, command: str) -> None:
        (ocici.home / "k.pem").write_text(pair.private)
        code, told = self.shell(ocici, f'"$@" {command} > /dev/full', {})
        assert code == 2
        assert "[output-unwritable]" in told or "exists" in told

    def test_a_result_that_nobody_can_read_leaves_no_session(self, ocici: Ocici, secrets: dict[str, str]) -> None:
        code, told = self.shell(ocici, '"$@" setup --validate offline >&-', secrets)
        assert (code, ocici.temporary()) == (2, [])
        assert "[output-unwritable]" in told

    @pytest.mark.parametrize("where", ["2>&-", "2> /dev/full", ">&- 2>&-"])
    def test_messages_that_cannot_be_written_disturb_no_work(
        self, ocici: Ocici, secrets: dict[str, str], where: str
    ) -> None:
        wrong = secrets | {"OCI_CLI_AUTH": "x"}  # something to warn of
        script = '"$@" exec --validate offline -- touch ran'
        assert self.shell(ocici, f"{script} {where}", wrong) == (0, "")
        assert (ocici.home / "ran").exists()
        assert ocici.temporary() == []

    def test_cleanup_removes_all_though_nobody_listens(self, ocici: Ocici, secrets: dict[str, str]) -> None:
        job = {
            "GITLAB_CI": "true",
            "CI_JOB_ID": "7",
            "CI_SERVER_URL": "https://g",
            "CI_PROJECT_DIR": str(ocici.home / "tmp"),
        }
        for name in ("a", "b"):
            place = ("--session-dir", str(ocici.home / "tmp" / f"ocici-{name}"))
            assert ocici("setup", "--validate", "offline", *place, environ=secrets | job).returncode == 0
        listed = self.shell(ocici, '"$@" cleanup --host gitlab 2> /dev/full', job)
        assert (listed, ocici.temporary()) == ((0, ""), [])

    def test_a_variables_file_that_cannot_be_written(self, ocici: Ocici, secrets: dict[str, str]) -> None:
        environ = secrets | {"OCICI_JENKINS_VARIABLES": "/dev/full"}
        done = ocici("setup", "--validate", "offline", "--host", "jenkins", environ=environ)
        assert done.returncode == 2
        assert "[output-unwritable]" in done.stderr
        assert ocici.temporary() == []

    def test_a_pass_phrase_that_is_a_word_garbles_no_result(self, ocici: Ocici, secrets: dict[str, str]) -> None:
        done = ocici(
            "setup", "--validate", "offline", "--format", "json", environ=secrets | {"OCICI_PASS_PHRASE": "config"}
        )
        assert json.loads(done.stdout)["config_file"].endswith("/config")


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        ("exec terraform plan", "the command to run stands after --"),
        ("check FILE", "a file is given with --config-file"),
        ("explain two words", "a message of several words stands in quotes"),
        ("setup --regoin x", "unknown options: --regoin"),
    ],
)
def test_what_belongs_nowhere_is_told_with_the_command(ocici: Ocici, arguments: str, cause: str) -> None:
    done = ocici(*arguments.split())
    assert done.returncode == 2
    assert cause in done.stderr
    assert f"See `ocici {arguments.split()[0]} --help`." in done.stderr


def test_a_piece_of_a_key_is_no_profile(ocici: Ocici, secrets: dict[str, str], pair: Pair) -> None:
    piece = next(each for each in re.findall(r"[A-Za-z0-9]{40}", pair.private) if holds_key(each))
    done = ocici("setup", "--validate", "off", environ=secrets | {"OCICI_PROFILE": piece})
    assert (done.returncode, ocici.temporary()) == (2, [])
    assert "[profile-name]" in done.stderr
    assert piece not in done.stderr + done.stdout


def test_a_session_folder_below_one_that_nobody_may_enter(ocici: Ocici, secrets: dict[str, str]) -> None:
    named = {"OCICI_SESSION_DIR": str(ocici.home / ("x" * 300) / "s")}
    done = ocici("setup", "--validate", "offline", environ=secrets | named)
    assert "[session-unwritable]" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells which file systems are in memory")
def test_what_a_killed_exec_left_in_memory_goes_with_the_next_setup(ocici: Ocici, secrets: dict[str, str]) -> None:
    memory = Path(tempfile.mkdtemp(dir="/dev/shm"))
    environ = secrets | {"XDG_RUNTIME_DIR": str(memory)}
    ocici("exec", "--validate", "offline", "--", "sh", "-c", "kill -9 $PPID", environ=environ)
    left = [path.name for path in memory.iterdir()]
    done = ocici("setup", "--validate", "offline", environ=environ)
    after = [path.name for path in memory.iterdir()]
    shutil.rmtree(memory)
    assert (len(left), done.returncode, after) == (1, 0, [])


class TestCleanup:
    def test_variables_that_cannot_be_taken_back_keep_no_session(self, ocici: Ocici, secrets: dict[str, str]) -> None:
        place = ocici.home / "tmp" / "ocici-s"
        assert ocici("setup", "--validate", "offline", "--session-dir", str(place), environ=secrets).returncode == 0
        action = {"OCICI_ACTION": "1", "GITHUB_ENV": "/dev/full", "STATE_variables": '{"OCI_REGION": ""}'}
        done = ocici("cleanup", "--host", "github", "--session-dir", str(place), environ=action)
        assert (done.returncode, place.exists()) == (2, False)
        assert "[output-unwritable]" in done.stderr + done.stdout

    def test_a_name_that_is_empty_is_a_mistake(self, ocici: Ocici) -> None:
        done = ocici("cleanup", "--session-dir", "")
        assert (done.returncode, "[usage]" in done.stderr) == (2, True)

    def test_where_nothing_is_named_it_says_so(self, ocici: Ocici) -> None:
        done = ocici("cleanup")
        assert (done.returncode, "[session-unnamed]" in done.stderr) == (0, True)

    def test_from_within_the_session(self, ocici: Ocici, secrets: dict[str, str]) -> None:
        place = ocici.home / "tmp" / "s"
        assert ocici("setup", "--validate", "offline", "--session-dir", str(place), environ=secrets).returncode == 0
        command = [sys.executable, "-m", "ocici", "cleanup", "--session-dir", "."]
        done = subprocess.run(command, env=ocici.environ, cwd=place, capture_output=True, text=True, check=False)
        assert (done.returncode, place.exists()) == (0, False)

    def test_home_may_be_written_as_a_tilde(self, ocici: Ocici, secrets: dict[str, str]) -> None:
        made = ocici("setup", "--validate", "offline", "--session-dir", "~/tmp/s", environ=secrets)
        assert (made.returncode, ocici.temporary()) == (0, ["s"])
        assert ocici("cleanup", "--session-dir", "~/tmp/s").returncode == 0
        assert ocici.temporary() == []

    def test_where_no_temporary_folder_can_be_told(self, ocici: Ocici, secrets: dict[str, str]) -> None:
        place = ocici.home / "tmp" / "s"
        assert ocici("setup", "--validate", "offline", "--session-dir", str(place), environ=secrets).returncode == 0
        script = 'mkdir gone && cd gone && rmdir ../gone && "$@"'
        command = ["sh", "-c", script, "sh", sys.executable, "-m", "ocici", "cleanup", "--session-dir", str(place)]
        environ = {**ocici.environ, "TMPDIR": "relative"}
        done = subprocess.run(command, env=environ, cwd=ocici.home, capture_output=True, text=True, check=False)
        assert (done.returncode, place.exists()) == (0, False), done.stderr


class TestCheck:
    def session(self, ocici: Ocici, secrets: dict[str, str]) -> dict[str, str]:
        done = ocici("setup", "--validate", "offline", "--format", "json", environ=secrets)
        made: dict[str, str] = json.loads(done.stdout)
        return made

    def test_a_good_config(self, ocici: Ocici, oci: Emulator, secrets: dict[str, str]) -> None:
        made = self.session(ocici, secrets)
        done = ocici("check", "--config-file", made["config_file"], "--endpoint", oci.endpoint, "--format", "json")
        assert (done.returncode, done.stderr) == (0, "")
        checked = json.loads(done.stdout)
        assert checked["findings"] == []
        assert checked["profiles"][0]["probe"]["outcome"] == "accepted"
        assert sorted(path.name for path in Path(made["session_dir"]).iterdir()) == [
            "DEFAULT.pem",
            "config",
            "manifest.json",
        ]

    @pytest.mark.parametrize("variable", ["OCI_CLI_CONFIG_FILE", "OCI_CONFIG_FILE", ""])
    def test_it_is_found_as_the_tools_find_it(self, ocici: Ocici, secrets: dict[str, str], variable: str) -> None:
        made = self.session(ocici, secrets)
        if not variable:
            (ocici.home / ".oci").symlink_to(made["session_dir"])
        environ = {variable: made["config_file"]} if variable else {}
        assert ocici("check", "--validate", "offline", environ=environ).returncode == 0

    def test_none_at_all(self, ocici: Ocici) -> None:
        done = ocici("check")
        assert done.returncode == 2
        assert "[config-missing]" in done.stderr

    def test_files_that_others_may_read(self, ocici: Ocici, secrets: dict[str, str]) -> None:
        made = self.session(ocici, secrets)
        for path in (made["config_file"], made["key_file"]):
            Path(path).chmod(0o644)
        done = ocici("check", "--config-file", made["config_file"], "--validate", "offline")
        assert done.returncode == 0
        assert done.stderr.count("[open-to-others]") == 2

    def test_a_config_from_another_machine(self, ocici: Ocici) -> None:
        config = ocici.home / "config"
        config.write_text(f"[DEFAULT]\nuser={USER}\ntenancy={TENANCY}\nregion=fra\nkey_file=~/.oci/none.pem\n")
        done = ocici("check", "--config-file", str(config), "--validate", "offline")
        assert done.returncode == 1
        assert "[key-file-elsewhere]" in done.stderr
        assert "key-missing" not in done.stderr

    def test_a_pass_phrase_beside_its_key_and_no_label(self, ocici: Ocici, pair: Pair) -> None:
        (ocici.home / "key.pem").write_text(pair.encrypted)
        (ocici.home / "key.pem").chmod(0o600)
        config = ocici.home / "config"
        config.write_text(
            f"[DEFAULT]\nuser={USER}\ntenancy={TENANCY}\nregion=fra\nkey_file={ocici.home}/key.pem\n"
            f"fingerprint={pair.fingerprint}\npass_phrase={PASS_PHRASE}\n"
        )
        done = ocici("check", "--config-file", str(config), "--validate", "offline", "--format", "json")
        assert done.returncode == 0
        codes = {found["code"] for found in json.loads(done.stdout)["findings"]}
        assert codes == {"open-to-others", "pass-phrase-beside-key", "key-label-missing"}

    def test_a_profile_that_is_not_there(self, ocici: Ocici, secrets: dict[str, str]) -> None:
        made = self.session(ocici, secrets)
        done = ocici("check", "--config-file", made["config_file"], "--profile", "prod")
        assert done.returncode == 2
        assert "[profile-missing]" in done.stderr


class TestCleanupAndSweep:
    def test_nothing_to_clean_is_fine(self, ocici: Ocici) -> None:
        assert ocici("cleanup").returncode == 0

    def test_a_folder_that_is_no_session_is_refused(self, ocici: Ocici) -> None:
        folder = ocici.home / "mine"
        folder.mkdir()
        (folder / "precious").write_text("data")
        done = ocici("cleanup", "--session-dir", str(folder))
        assert done.returncode == 2
        assert (folder / "precious").read_text() == "data"

    def test_the_sessions_of_the_job_are_found(self, ocici: Ocici, secrets: dict[str, str]) -> None:
        jenkins = {"JENKINS_URL": "https://j/", "BUILD_TAG": "jenkins-a-1", "WORKSPACE_TMP": str(ocici.home / "tmp")}
        other = jenkins | {"BUILD_TAG": "jenkins-b-1", "WORKSPACE_TMP": str(ocici.home / "tmp")}
        for environ in (jenkins, jenkins):
            assert ocici("setup", "--validate", "offline", environ=secrets | environ).returncode == 0
        assert len(ocici.temporary()) == 2
        ocici("cleanup", environ=other)
        assert len(ocici.temporary()) == 2
        ocici("cleanup", environ=jenkins)
        assert ocici.temporary() == []


class TestKeys:
    def test_a_pair_is_made_and_known_again(self, ocici: Ocici) -> None:
        done = ocici("keygen", "--bits", "3072", "--out", "key.pem")
        assert done.returncode == 0
        private, public = ocici.home / "key.pem", ocici.home / "key_public.pem"
        assert stat.S_IMODE(private.stat().st_mode) == 0o600
        assert public.read_text() in done.stdout
        shown = re.search(r"^fingerprint +(\S+)$", done.stdout, re.MULTILINE)
        assert shown
        for path in (private, public):
            assert ocici("fingerprint", str(path)).stdout.strip() == shown.group(1)
        assert ocici("fingerprint", "-", stdin=public.read_text()).stdout.strip() == shown.group(1)
        assert f"key_file={private}" in done.stdout

    def test_an_encrypted_one(self, ocici: Ocici) -> None:
        phrase = {"OCICI_PASS_PHRASE": PASS_PHRASE}
        assert ocici("keygen", "--out", "key.pem", "--encrypt", environ=phrase).returncode == 0
        assert "BEGIN ENCRYPTED PRIVATE KEY" in (ocici.home / "key.pem").read_text()
        assert ocici("fingerprint", "key.pem").returncode == 1
        assert ocici("fingerprint", "key.pem", environ=phrase).returncode == 0

    def test_it_asks_for_the_pass_phrase_only_at_a_terminal(self, ocici: Ocici) -> None:
        assert ocici("keygen", "--encrypt").returncode == 2

    @pytest.mark.parametrize("there", ["key.pem", "key_public.pem"])
    def test_no_file_is_overwritten(self, ocici: Ocici, there: str) -> None:
        (ocici.home / there).write_text("precious")
        done = ocici("keygen", "--out", "key.pem")
        assert done.returncode == 2
        assert "[file-exists]" in done.stderr
        assert [path.name for path in ocici.home.glob("*.pem")] == [there]
        assert (ocici.home / there).read_text() == "precious"

    def test_a_place_that_is_not_there(self, ocici: Ocici) -> None:
        assert "[file-unwritable]" in ocici("keygen", "--out", "none/key.pem").stderr


class TestSmallCommands:
    def test_env_names_each_tool(self, ocici: Ocici, secrets: dict[str, str], pair: Pair) -> None:
        done = ocici("env", "--format", "json", environ=secrets)
        rows = {row["name"]: row for row in json.loads(done.stdout)["variables"]}
        assert rows["OCI_FINGERPRINT"]["value"] == pair.fingerprint
        assert "oci-cli" in rows["OCI_CLI_CONFIG_FILE"]["tools"]
        assert ocici.temporary() == []

    def test_env_without_credentials(self, ocici: Ocici) -> None:
        assert "<fingerprint>" in ocici("env").stdout

    def test_without_secrets_it_tells_those_of_the_session(self, ocici: Ocici, secrets: dict[str, str]) -> None:
        made = json.loads(ocici("setup", "--validate", "offline", "--format", "json", environ=secrets).stdout)
        variables = made["variables"] | {"OCICI_SESSION_DIR": made["session_dir"]}
        done = ocici("env", "--format", "json", environ=variables)
        assert {row["name"]: row["value"] for row in json.loads(done.stdout)["variables"]} == variables

    def test_explain(self, ocici: Ocici) -> None:
        assert ocici("explain", "clock-skew").stdout.startswith("error: this machine's clock is wrong [clock-skew]")
        assert len(ocici("explain").stdout.splitlines()) == len(CATALOGUE)
        done = ocici("explain", "clock-scew")
        assert done.returncode == 2
        assert "clock-skew" in done.stderr

    def test_emulator(self, ocici: Ocici, secrets: dict[str, str]) -> None:
        ocici("keygen", "--out", "key.pem")
        register = ("--register", TENANCY, USER, "key_public.pem")
        command = [sys.executable, "-m", "ocici", "emulator", *register]
        with subprocess.Popen(command, env=ocici.environ, cwd=ocici.home, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout
                endpoint = {"OCICI_ENDPOINT": json.loads(process.stdout.readline())["endpoint"]}
                key = {"OCICI_PRIVATE_KEY": (ocici.home / "key.pem").read_text()}
                assert ocici("exec", "--", "true", environ=secrets | key | endpoint).returncode == 0
                assert ocici("exec", "--", "true", environ=secrets | endpoint).returncode == 1  # another key
            finally:
                process.terminate()
        assert process.returncode == 0

    def test_demo(self, ocici: Ocici) -> None:
        done = ocici("demo")
        assert (done.returncode, done.stderr) == (0, "")
        assert len(done.stdout.splitlines()) <= 30  # a screen
        assert "Files that hold a line of the key: 0." in done.stdout
        assert ocici.temporary() == []


class TestUsage:
    @pytest.mark.parametrize(
        "arguments",
        [
            (),
            ("nonsense",),
            ("setup", "--nonsense"),
            ("setup", "--validate", "maybe"),
            ("setup", "--deadline", "soon"),
            ("setup", "--deadline", "nan"),
            ("setup", "--deadline", "-1"),
            ("setup", "--host", "circle"),
            ("setup", "--endpoint", "ftp://x"),
            ("keygen", "--bits", "1024"),
            ("fingerprint",),
        ],
    )
    def test_wrong_usage_is_a_finding(self, ocici: Ocici, secrets: dict[str, str], arguments: tuple[str, ...]) -> None:
        done = ocici(*arguments, environ=secrets)
        assert done.returncode == 2
        assert "[usage]" in done.stderr
        assert "Traceback" not in done.stderr
        assert ocici.temporary() == []

    @pytest.mark.parametrize(
        "name", ["OCICI_VALIDATE", "OCICI_PROBE", "OCICI_HOST", "OCICI_DEADLINE", "OCICI_ENDPOINT"]
    )
    def test_a_wrong_variable_is_too(self, ocici: Ocici, secrets: dict[str, str], name: str) -> None:
        done = ocici("setup", environ=secrets | {name: "nonsense"})
        assert done.returncode == 2
        assert "[usage]" in done.stderr

    def test_a_key_given_as_an_argument_is_not_repeated(self, ocici: Ocici, pair: Pair) -> None:
        for arguments in (("--private-key", pair.private), (pair.private,), ("--validate", pair.private)):
            done = ocici("setup", *arguments)
            assert done.returncode == 2
            assert not [line for line in pair.lines() if line in done.stderr + done.stdout]

    def test_a_closed_pipe_is_no_traceback_and_leaves_no_session(self, ocici: Ocici, secrets: dict[str, str]) -> None:
        command = [sys.executable, "-m", "ocici", "setup", "--validate", "offline"]
        environ = {**ocici.environ, **secrets}
        with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout
            assert process.stderr
            process.stdout.close()
            errors = process.stderr.read()
        assert process.returncode == 141
        assert errors == b""
        assert ocici.temporary() == []
