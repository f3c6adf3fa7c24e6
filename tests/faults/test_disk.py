"""The disk is full, read-only, gone, or full of traps; the clock jumps; others are at work in the same place."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from ocici import manifest, process

from ..machine import NOBODY, mounted, read_only, unprivileged
from .conftest import Program, Row, times
from .world import World, look, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="faults are tried on Linux")

COMPLETE = {"prod.pem", "config", "manifest.json"}
SETUP = ("setup", "--validate", "offline")
IS_ROOT = os.geteuid() == 0


class TestFull:
    @pytest.mark.parametrize("short_of", ["blocks", "inodes"])
    def test_a_small_disk(self, world: World, row: Row, short_of: str) -> None:
        """`setup` on a disk with room for nothing, one block or file more, and so on until all fits."""
        with row(f"full disk: short of {short_of} at each write") as tally, ExitStack() as stack:
            for room in range(1, 20):
                option = f"size={room * 4096}" if short_of == "blocks" else f"nr_inodes={room}"
                point = stack.enter_context(
                    mounted(world.temporary / f"disk{room}", "-t", "tmpfs", "-o", option, "tmpfs")
                )
                code, output = world.run(*SETUP, "--session-dir", str(point / "ocici-s"))
                if code == 0:
                    code, output = world.run("cleanup", "--session-dir", str(point / "ocici-s"))
                    tally.add(world.look(), output, world.sought, f"exit code {code}" if code else "", str(room))
                    assert room > 3
                    return
                wrong = "" if (code, "[disk-full]" in output) == (2, True) else f"exit code {code}: {output}"
                tally.add(world.look(), output, world.sought, wrong, str(room))
            pytest.fail("it never fits")

    def test_at_every_byte(self, world: World, row: Row) -> None:
        """Where nothing may be mounted: no file may grow over so many bytes (EFBIG)."""
        with row("full disk: at every byte of a file (RLIMIT_FSIZE)") as tally:
            largest = len(world.secrets["OCICI_PRIVATE_KEY"] + "OCI_API_KEY\n")
            for limit in range(0, 2000, times(400, 10)):

                def limited(limit: int = limit) -> None:
                    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

                code, output = world.run("exec", "--validate", "offline", "--", "true", preexec_fn=limited)
                right = (0, False) if limit >= largest else (2, True)
                wrong = "" if (code, "[disk-full]" in output) == right else f"exit code {code}: {output}"
                tally.add(world.look(), output, world.sought, wrong, str(limit))

    def test_memory_that_is_full(self, world: World, row: Row) -> None:
        runtime = world.root / "run"
        with (
            row("full XDG_RUNTIME_DIR: exec") as tally,
            mounted(runtime, "-t", "tmpfs", "-o", "size=8k,mode=0700", "tmpfs"),
        ):
            environ = {"XDG_RUNTIME_DIR": str(runtime)}
            code, output = world.run("exec", "--validate", "offline", "--", "true", environ=environ)
            wrong = "" if (code, "[disk-full]" in output) == (2, True) else f"exit code {code}: {output}"
            tally.add(world.look(), output, world.sought, wrong)


class TestReadOnly:
    def test_a_read_only_mount(self, world: World, row: Row) -> None:
        folder = world.temporary / "disk"
        with row("read-only folder: mounted so, and for a user without rights") as tally:
            with mounted(folder, *read_only(world.root / "work")):
                for arguments in (SETUP, ("exec", "--validate", "offline")):
                    where = (*arguments, "--session-dir", str(folder / "ocici-s"))
                    code, output = world.run(*where, *(["--", "true"] if arguments[0] == "exec" else []))
                    wrong = "" if (code, "[session-unwritable]" in output) == (2, True) else f"exit {code}: {output}"
                    tally.add(world.look(), output, world.sought, wrong, arguments[0])
            with tempfile.TemporaryDirectory() as closed:
                Path(closed).chmod(0o555)
                where = (*SETUP, "--session-dir", f"{closed}/ocici-s")
                as_root = "os.environ.update(json.loads(sys.argv[1])); cli.main([*sys.argv[2:-1], '/'])"
                program = "sys.exit(cli.main(sys.argv[2:]) != 2)"
                output = unprivileged(program, json.dumps(dict(world.secrets)), *where, before=as_root)
                tally.add(look(Path(closed), world.sought), output, world.sought)

    def test_a_session_that_became_read_only(self, world: World, row: Row) -> None:
        """Cleanup says loudly what is left, and goes on once it can."""
        path = world.temporary / "ocici-s"
        with row("session folder turned read-only before cleanup: told, then removed") as tally:
            assert world.run(*SETUP, "--session-dir", str(path))[0] == 0
            with mounted(path, *read_only(path)):
                code, told = world.run("cleanup", "--session-dir", str(path))
                wrong = "" if (code, "[session-left]" in told) == (4, True) else f"exit code {code}: {told}"
            code, output = world.run("cleanup", "--session-dir", str(path))
            tally.add(world.look(), told + output, world.sought, wrong or (f"then {code}" if code else ""))


class TestVanished:
    def test_between_steps(self, online: World, row: Row, oci: Any) -> None:
        path = online.temporary / "ocici-s"
        with row("folder vanished: between setup and cleanup, and while OCI is asked") as tally:
            for gone in (path, online.temporary):
                assert online.run(*SETUP, "--session-dir", str(path))[0] == 0
                shutil.rmtree(gone)
                for command in (("cleanup", "--session-dir", str(path)), ("cleanup",), ("sweep",)):
                    code, output = online.run(*command)
                    tally.add(online.look(), output, online.sought, f"exit code {code}" if code else "", str(command))
                online.temporary.mkdir(exist_ok=True)
            oci.fault("latency:700")
            for gone in (path, online.temporary):
                before = len(oci.requests)
                with online.start("setup", "--session-dir", str(path)) as setup:
                    until(lambda seen=before: len(oci.requests) > seen)
                    shutil.rmtree(gone)
                    output, _ = setup.communicate()
                wrong = (
                    "" if (setup.returncode, "[session-unwritable]" in output) == (2, True) else f"{setup.returncode}"
                )
                tally.add(online.look(), output, online.sought, wrong, f"probe, {gone.name}")
                online.temporary.mkdir(exist_ok=True)

    def test_by_the_command_itself(self, world: World, row: Row) -> None:
        with row("folder vanished: removed, emptied or moved away by exec's own command") as tally:
            moved = world.root / "moved"
            for script, right in (
                ('rm -r "$OCICI_SESSION_DIR"', 0),
                ('rm "$OCICI_SESSION_DIR"/*.pem "$OCICI_SESSION_DIR/config"', 0),
                ('chmod 0500 "$OCICI_SESSION_DIR"; chmod 0400 "$OCICI_SESSION_DIR"/*', 0),
                ('mkdir -p "$OCICI_SESSION_DIR/a/b"; ln -s / "$OCICI_SESSION_DIR/a/root"', 0),
                (f'mv "$OCICI_SESSION_DIR" {moved}; ln -s {moved} "$OCICI_SESSION_DIR"', 4),
            ):
                code, output = world.run("exec", "--validate", "offline", "--", "sh", "-c", script)
                wrong = "" if code == right else f"exit code {code}: {output}"
                if right == 4:  # what the command has hidden is told, and not followed
                    next(world.temporary.glob("ocici-*")).unlink()
                    shutil.rmtree(moved)
                tally.add(world.look(), output, world.sought, wrong, script)


class TestTraps:
    def test_links(self, world: World, row: Row) -> None:
        """Planted at the session's path, above it, in it, and in its place."""
        target, path = world.root / "target", world.temporary / "s"
        target.mkdir(mode=0o777)
        (target / "precious.pem").write_text("precious")
        with row("symbolic links: at the session's path, above it, in it, and in its place") as tally:

            def check(command: tuple[str, ...], right: int, code: str, where: str) -> None:
                done, output = world.run(*command)
                wrong = "" if done == right and code in output else f"exit code {done}: {output}"
                if [each.name for each in target.iterdir()] != ["precious.pem"] or not (
                    target / "precious.pem"
                ).read_text():
                    wrong += "; followed"
                tally.add(world.look(), output, world.sought, wrong, where)

            place = ("--session-dir", str(path))
            for to in (target, "nowhere", "/dev/null", target / "precious.pem"):
                path.symlink_to(to)
                check((*SETUP, *place), 2, "[session-exists]", f"at the path, to {to}")
                check(("cleanup", *place), 2, "[not-a-session]", f"cleanup of a link to {to}")
                path.unlink()
            (world.temporary / "above").symlink_to(target)
            if IS_ROOT:
                os.lchown(world.temporary / "above", NOBODY, NOBODY)
                above = ("--session-dir", str(world.temporary / "above" / "ocici-s"))
                check((*SETUP, *above), 2, "[session-unwritable]", "above, another user's")
            (world.temporary / "above").unlink()
            assert world.run(*SETUP, *place)[0] == 0
            for name, to in (("a.pem", target / "precious.pem"), ("b", target), ("c.pem", target)):
                (path / name).symlink_to(to)
            (path / "hard.pem").hardlink_to(target / "precious.pem")
            check(("cleanup", *place), 0, "", "in it")
            assert world.run(*SETUP, *place)[0] == 0
            path.rename(world.temporary / "moved")
            path.symlink_to(world.temporary / "moved")
            done, output = world.run("cleanup", *place)
            wrong = "" if (done, "[not-a-session]" in output) == (2, True) else f"exit code {done}"
            wrong += "" if (world.temporary / "moved" / "config").exists() else "followed"
            path.unlink()
            world.run("cleanup", "--session-dir", str(world.temporary / "moved"))
            tally.add(world.look(), output, world.sought, wrong, "in its place")

    def test_manifests(self, world: World, row: Row) -> None:
        """Whatever stands in a manifest: a sweep takes no harm, and takes nothing that is not provably dead."""
        alive = process.this().as_json()
        whole = {"ocici": 1, "host": "terminal", "job": "", "slot": "", "tied_to": "process", "process": alive}
        hostile = [
            b"", b"\0" * 10_000, b"{", b"null", b"[]", b"7", b"[" * 60_000, b'{"a":' * 10_000, b"x" * 2_000_000,
            b"\xff\xfe\x00", b'{"ocici": 1' + b"0" * 5000 + b"}", b'{"ocici": true}', b'{"ocici": 1}',
            *(
                json.dumps({**whole, **values}).encode()
                for values in (
                    {"process": 7}, {"process": {**alive, "pid": -1}}, {"process": {**alive, "pid": 10**300}},
                    {"process": {**alive, "started": 7}}, {"process": {**alive, "machine": "else", "started": "1"}},
                    {"job": ["x"], "slot": {"y": 1}}, {"tied_to": {"process": 1}}, {"job": "\n::error::x"},
                )
            ),
        ]  # fmt: skip
        with row("hostile manifests: sweep and cleanup; nothing alive is taken") as tally:
            for at, text in enumerate(hostile):
                path = world.temporary / f"ocici-{at}"
                path.mkdir(mode=0o700)
                (path / manifest.NAME).write_bytes(text)
                (path / "precious").touch()
            (world.temporary / "ocici-pipe").mkdir(mode=0o700)
            os.mkfifo(world.temporary / "ocici-pipe" / manifest.NAME)
            (world.temporary / "ocici-link").mkdir(mode=0o700)
            (world.temporary / "ocici-link" / manifest.NAME).symlink_to("/dev/zero")
            for command in (("sweep",), ("cleanup",), ("exec", "--validate", "offline", "--", "true")):
                code, output = world.run(*command)
                kept = len(list(world.temporary.glob("ocici-*/precious")))
                wrong = "" if (code, kept) == (0, len(hostile)) else f"exit code {code}, {kept} kept"
                tally.add(look(world.root / "home", world.sought), output, world.sought, wrong, command[0])
            for path in world.temporary.iterdir():
                code, output = world.run("cleanup", "--session-dir", str(path))
                wrong = "" if code in (0, 2) else f"exit code {code}: {output}"
                tally.add(look(world.root / "home", world.sought), output, world.sought, wrong, path.name)


class TestClock:
    @pytest.mark.slow
    def test_jumps(self, world: World, row: Row, program: Program) -> None:
        """A dead session is swept and a living one is not, whatever the clock says, then and now."""
        faketime = program("faketime")
        with row("clock jumps: setup, exec and sweep years apart") as tally:
            for then in ("-40y", "+40y"):
                for now in ("-40y", "+0", "+40y"):
                    sleeper = ("exec", "--validate", "offline", "--", "sh", "-c", "echo ready; exec sleep 60")
                    with world.start(
                        command=[faketime, "-f", then, *world.command(*sleeper)], start_new_session=True
                    ) as it:
                        assert it.stdout
                        assert it.stdout.readline() == "ready\n"
                        sweep = [faketime, "-f", now, *world.command("sweep")]
                        code, output = world.run(command=sweep)
                        wrong = f"exit code {code}: {output}" if code or len(world.look().sessions) != 1 else ""
                        os.killpg(it.pid, signal.SIGKILL)
                        it.communicate()
                    code, more = world.run(command=sweep)
                    wrong = wrong or (f"then exit code {code}" if code else "")
                    tally.add(world.look(), output + more, world.sought, wrong, f"{then}, {now}")

    @pytest.mark.parametrize("seconds", [-4000, 4000, 10**8])
    def test_ocis_clock(self, online: World, row: Row, oci: Any, seconds: int) -> None:
        oci.fault(f"skew:{seconds}")
        with row("OCI's clock is another one: setup") as tally:
            code, output = online.run("setup")
            wrong = "" if (code, "[clock-skew]" in output) == (1, True) else f"exit code {code}: {output}"
            tally.add(online.look(), output, online.sought, wrong, str(seconds))


class TestMemory:
    @pytest.fixture
    def runtime(self) -> Iterator[Path]:
        if not os.access("/dev/shm", os.W_OK):
            pytest.skip("there is no /dev/shm")
        with tempfile.TemporaryDirectory(dir="/dev/shm") as path:
            yield Path(path)

    def test_the_key_never_reaches_a_disk(self, world: World, row: Row, runtime: Path) -> None:
        """While exec's command runs, the key is in XDG_RUNTIME_DIR and in no other file of this world."""
        with row("exec in memory: key on disk while it runs, and after it was killed") as tally:
            for kill in (False, True):
                script = "echo ready; read line; exit 3"
                command = world.command("exec", "--validate", "offline", "--", "sh", "-c", script)
                environ = {**world.environ, **world.secrets, "XDG_RUNTIME_DIR": str(runtime)}
                with subprocess.Popen(
                    command,
                    env=environ,
                    cwd=world.root / "work",
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                ) as running:
                    assert running.stdout
                    assert running.stdout.readline() == "ready\n"
                    during, memory = world.look(), look(runtime, world.sought)
                    if kill:
                        running.kill()
                    running.communicate("\n")
                wrong = "" if memory.secret and running.returncode == (-9 if kill else 3) else f"{running.returncode}"
                output = world.run("sweep", environ={"XDG_RUNTIME_DIR": str(runtime)})[1] if kill else ""
                tally.add(during, output, world.sought, wrong, "while it ran")
                tally.add(look(runtime, world.sought), "", world.sought, "", "afterwards")
                tally.add(world.look(), "", world.sought, "", "afterwards, on disk")


class TestCrowd:
    def test_setups_with_sweeps_alongside(self, world: World, row: Row) -> None:
        """Many setups at once, each followed by its cleanup; sweeps all the while."""
        count = times(16, 200)
        with row(f"{count} setups at once, sweeps alongside; each cleaned up") as tally:
            done = world.root / "done"
            sweeper = f'while [ ! -e {done} ]; do "$@" || exit 9; done'
            sweeps = [
                world.start(command=["sh", "-c", sweeper, "sh", *world.command("sweep")]) for _ in range(times(1, 2))
            ]
            setups = [world.start(*SETUP, "--format", "json") for _ in range(count)]
            outputs = [setup.communicate() for setup in setups]
            done.touch()
            swept = "".join(sweep.communicate()[0] for sweep in sweeps)
            assert [sweep.returncode for sweep in sweeps] == [0] * len(sweeps), swept
            folders = set()
            for setup, (output, _) in zip(setups, outputs, strict=True):
                if setup.returncode:
                    tally.add(look(world.root / "home", world.sought), output, world.sought, f"exit {setup.returncode}")
                    continue
                made = json.loads(output)
                folder = Path(made["session_dir"])
                folders.add(folder)
                wrong = "" if {path.name for path in folder.iterdir()} == COMPLETE else "incomplete"
                cleanup = world.run("cleanup", environ=made["variables"])
                wrong = wrong or (f"cleanup: exit code {cleanup[0]}" if cleanup[0] else "")
                gone = look(folder, world.sought)
                tally.add(gone, output + cleanup[1], world.sought, wrong, str(folder))
            wrong = "" if len(folders) == count else f"{len(folders)} folders"
            tally.add(world.look(), swept, world.sought, wrong, "all")

    def test_cleanups_of_the_same_session(self, world: World, row: Row) -> None:
        path = world.temporary / "ocici-s"
        with row("cleanups and sweeps of one session at once") as tally:
            for _ in range(times(1, 20)):
                job = {"JENKINS_URL": "x", "NODE_NAME": "n", "BUILD_TAG": "a", "WORKSPACE_TMP": str(world.temporary)}
                assert world.run(*SETUP, "--session-dir", str(path), environ=job)[0] == 0
                commands = [("cleanup", "--session-dir", str(path)), ("sweep",)] * 4
                removing = [world.start(*command, environ=job | {"BUILD_TAG": "b"}) for command in commands]
                output = "".join(each.communicate()[0] for each in removing)
                codes = [each.returncode for each in removing]
                told = output.count("removed ")
                wrong = "" if codes == [0] * 8 and told == 1 else f"exit codes {codes}, removed {told} times: {output}"
                tally.add(world.look(), output, world.sought, wrong)
