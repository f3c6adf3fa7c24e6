"""The launcher: finds or builds the Python runtime, then hands over to ocici. Standard library only.

    python3 -I src/ocici/launcher.py [--tier TIER] [--cli-version X] [--] ARGS…    from a checkout
    python3 -I src                   [--tier TIER] [--cli-version X] [--] ARGS…    the same, without compiling it
    python3 -I ocici.pyz             [--tier TIER] [--cli-version X] [--] ARGS…    the same, as one file

ARGS are ocici's own. TIER says which packages they need: `base` (the default), `github`, `sdk`, or `none`, which is
also what `cleanup` and `sweep` get. `--cli-version X` installs oci-cli X too, into a folder of its own that goes on
the PATH of what ocici starts (OCICI_CLI_BIN names it); without ARGS it prints that folder and ends.

Where the packages come from, the first that is there:
1. OCICI_COMMAND, an `ocici` to run as it is; or an ocici of the same version that is installed in this Python
2. the cache: <cache>/ocici/<tier>-<python>-<digest>/, where <cache> is OCICI_CACHE, else RUNNER_TOOL_CACHE, else the
   user's cache folder, else a private folder for temporary files
3. the package index (or the folder OCICI_WHEELHOUSE), by uv (OCICI_UV, or on the PATH), else by a uv that pip
   fetched, else by pip; each package is checked against the hashes in runtime/*.txt, which ship with ocici

One file although it is long: it is one story, and half of it runs only when something has to be built. It must parse
on Python 3.6, so that an old Python gets a sentence and not a SyntaxError: hence no newer syntax, and types in
quotes. What a warm start does not need is imported where it is used, and pathlib not at all: a warm start costs
milliseconds.
"""
# ruff: noqa: PTH100, PTH103, PTH111, PTH112, PTH113, PTH116, PTH118, PTH119, PTH120, PTH202, PTH204, PTH207
# ruff: noqa: PTH101, PTH104, PTH110, PTH117, PTH208, UP022, UP028

import gc
import os
import stat
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

OLDEST = (3, 10)
HERE = os.path.dirname(__file__)  # …/src/ocici, or …/ocici.pyz/ocici
SOURCE = os.path.dirname(os.path.abspath(HERE))  # what goes on sys.path
TIERS = {"none": (), "base": ("base",), "github": ("base", "github"), "sdk": ("base", "sdk")}
# Modules of each tier: where they can be imported, the tier is there.
WITNESSES = {"none": (), "base": ("cryptography", "yaml"), "github": ("yaml", "actions_toolkit"), "sdk": ("oci",)}
WITHOUT_RUNTIME = ("cleanup", "sweep")
SITE = "site-packages"  # the packages of a runtime; oci-cli looks for this name in its own path
SEAL = "complete"  # the file that says that a runtime is whole, and what is in it
SEALED_FILES = 1000  # so many files at most are looked at in a warm start
UNUSED_DAYS = 30  # a runtime that was not used for so long is removed
LOCK_SECONDS = 600.0
TAIL_LINES = 12

# What pip and uv never see: the secrets (docs/COMMANDS.md), and a GitHub step's inputs and tokens.
HIDDEN = (
    r"OCICI_(PRIVATE_KEY|PASS_PHRASE|CREDENTIALS|CONFIG)|OCI_CLI_(KEY_CONTENT|PASSPHRASE)|INPUT_.*|"
    r"ACTIONS_(ID_TOKEN_REQUEST|RUNTIME)_TOKEN"
)
ENCODED = r"[A-Za-z0-9+/_-]{400}"  # a key in base64, under whatever name
# Of the variables PYTHON…, PIP_… and UV_… they see only those that say how to reach the index: neither a PIP_TARGET
# nor a UV_NO_VERIFY_HASHES may come in.
SETTING = r"(PYTHON|PIP_|UV_).*"
REACHING = (
    r"PIP_(CACHE_DIR|CERT|CLIENT_CERT|CONFIG_FILE|DEFAULT_TIMEOUT|EXTRA_INDEX_URL|FIND_LINKS|INDEX_URL|KEYRING_PROVIDER|"
    r"NO_INDEX|PROXY|RETRIES|TIMEOUT|TRUSTED_HOST)|UV_(CACHE_DIR|CONFIG_FILE|CREDENTIALS_DIR|DEFAULT_INDEX|"
    r"EXTRA_INDEX_URL|FIND_LINKS|HTTP_.*|INDEX.*|INSECURE_HOST|KEYRING_PROVIDER|LINK_MODE|NATIVE_TLS|NO_CACHE|NO_CONFIG|"
    r"OFFLINE|SYSTEM_CERTS)"
)
# What pip and uv say when the index is out of reach, and when a package is not the one whose hash is known.
UNREACHABLE = (
    r"(?i)failed to (lookup|resolve)|name resolution|name or service not known|getaddrinfo|connection (refused|reset|"
    r"aborted|broken|error)|(connect|read|connection) ?time|timed out|unreachable|error sending request|certificate|"
    r"client error \(connect\)|proxyerror|newconnectionerror|server error \(5|50[234] "
)
ALTERED = r"(?i)hash mismatch|do not match the hashes"

_used = []  # type: list[str]  # the runtime folders on sys.path; none where ocici is installed


class Failed(Exception):  # noqa: N818 (named as findings.Refused is)
    """The launcher cannot go on: a finding's `code`, what fills its text, and a tool's own last lines."""

    def __init__(self, code: str, **values: str) -> None:
        super().__init__(code)
        self.code = code
        self.values = values
        self.tail = []  # type: list[str]

    def show(self) -> int:
        """Print the finding as ocici prints findings; return its exit code."""
        from ocici.findings import finding

        found = finding(self.code, **self.values)
        show(self.code, found.title, found.cause, found.fix)
        for line in self.tail:
            tell(f"  | {line}\n")
        return found.exit_code


def main(arguments: "list[str] | None" = None) -> int:
    """Run the launcher with `arguments` (default: the command line); return the exit code of what it started."""
    given = sys.argv[1:] if arguments is None else arguments
    if sys.version_info < OLDEST:
        return leave_old_python(given)
    if SOURCE not in sys.path:
        sys.path.insert(0, SOURCE)
    try:
        tier, cli_version, settled, rest = parse(given)
        if os.environ.get("OCICI_PYTHON") and not settled and named("OCICI_PYTHON") != sys.executable:
            return start([named("OCICI_PYTHON"), "-I", sys.argv[0], "--this-python", *given])
        if cli_version:
            folder = oci_cli(cli_version)
            if not rest:
                sys.stdout.write(folder + "\n")
                return 0
            os.environ["PATH"] = folder + os.pathsep + os.environ.get("PATH", os.defpath)
            os.environ["OCICI_CLI_BIN"] = folder
        if os.environ.get("OCICI_COMMAND"):
            return start([named("OCICI_COMMAND"), *rest])
        prepare("none" if rest and rest[0] in WITHOUT_RUNTIME else tier)
    except Failed as failed:
        return failed.show()
    except KeyboardInterrupt:
        return 130
    sys.argv = ["ocici", *rest]
    from ocici.cli import main as ocici

    code = ocici(rest)
    if hasattr(gc, "freeze"):  # CPython: as it ends it looks for garbage in all that is left, 5 ms of a cleanup's 40
        gc.freeze()
    return code


def parse(arguments: "list[str]") -> "tuple[str, str, bool, list[str]]":
    """Tier, oci-cli's version or "", whether this Python was chosen by the launcher itself, and ocici's arguments."""
    tier, cli_version, settled, rest = "base", "", False, list(arguments)
    while rest and rest[0] in ("--this-python", "--tier", "--cli-version"):
        option = rest.pop(0)
        if option == "--this-python":
            settled = True
            continue
        value = rest.pop(0) if rest else ""
        if option == "--cli-version":
            if not value or value.strip("0123456789.") or value[0] == ".":
                raise Failed("launcher-usage", detail="The version of oci-cli is a number such as 3.95.1")
            cli_version = value
        elif value in TIERS:
            tier = value
        else:
            raise Failed("launcher-usage", detail="--tier takes one of " + ", ".join(TIERS))
    return tier, cli_version, settled, rest[1:] if rest[:1] == ["--"] else rest


def tell(text: str) -> None:
    """Write `text` to standard error. Where that cannot be done nobody reads it, and the work goes on."""
    if not sys.stderr:  # closed by who started this
        return
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except (OSError, ValueError):
        # What is still buffered must go somewhere, or Python ends with code 120.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def say(text: str) -> None:
    """Print one line of progress."""
    tell(f"ocici: {text}\n")


def show(code: str, title: str, cause: str, fix: str) -> None:
    """Print a finding; GitHub gets it as an annotation too. It may quote a setting, which must give no command."""
    title, cause, fix = (text.replace("##[", "## [") for text in (title, cause, fix))
    more = f"docs/TROUBLESHOOTING.md#{code}"
    tell(f"error: {title} [{code}]\n  why: {cause}\n  fix: {fix}\n  more: {more}\n")
    if os.environ.get("GITHUB_ACTIONS") == "true":
        text = f"{title} [{code}]\nwhy: {cause}\nfix: {fix}\nmore: {more}"
        text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
        tell(f"::error title={title}::{text}\n")


# -- which Python -----------------------------------------------------------------------------------------------------


def leave_old_python(arguments: "list[str]") -> int:
    """Start the launcher again in a newer Python. This alone runs on Python 3.6, and without the catalogue."""
    for path in [] if "--this-python" in arguments[:1] else pythons():
        if run([path, "-I", "-c", "import sys; sys.exit(sys.version_info < (3, 10))"])[0] == 0:
            return start([path, "-I", sys.argv[0], "--this-python", *arguments])
    version = ".".join(str(part) for part in sys.version_info[:3])
    show(
        "no-python",
        "no Python that fits",
        f"This is Python {version} ({sys.executable}). ocici needs 3.10 or newer, and none was found: not in "
        "OCICI_PYTHON, on the PATH, in pyenv, in the runner's tool cache, nor by uv.",
        "Install Python 3.10 or newer (on GitHub: actions/setup-python before this step), or name one in OCICI_PYTHON.",
    )
    return 2


def pythons() -> "Iterator[str]":
    """Paths at which a newer Python may be, best first."""
    import glob

    if os.environ.get("OCICI_PYTHON"):
        yield located(os.environ["OCICI_PYTHON"])
        return
    for name in ("python3.14", "python3.13", "python3.12", "python3.11", "python3.10", "python3", "python"):
        if on_path(name):
            yield on_path(name)
    end = "python.exe" if os.name == "nt" else os.path.join("bin", "python3")
    pyenv = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    tools = os.environ.get("RUNNER_TOOL_CACHE") or os.environ.get("AGENT_TOOLSDIRECTORY") or os.devnull
    for pattern in (os.path.join(pyenv, "versions", "3.1*", end), os.path.join(tools, "Python", "3.1*", "*", end)):
        for path in sorted(glob.glob(pattern), reverse=True):
            yield path
    uv = os.environ.get("OCICI_UV") or on_path("uv")
    if uv:
        # Not the project's own: the working folder's .venv may hold code that is not ours.
        find = [uv, "python", "find", "--system", "--no-project", "--no-config", "--no-python-downloads", ">=3.10"]
        yield run(find, folder=os.path.dirname(sys.executable))[1].strip()


def named(variable: str) -> str:
    """The absolute path of the program that `variable` names."""
    path = located(os.environ[variable])
    if not path:
        raise Failed("setting-unusable", variable=variable, value=os.environ[variable], reason="no such program")
    return path


def located(value: str) -> str:
    """The absolute path of a program that is given by its name or its path; "" if there is none."""
    try:
        path = on_path(value) if os.path.basename(value) == value else os.path.abspath(value)
    except FileNotFoundError:  # a relative path, and the working folder is gone
        return ""
    return path if os.path.isfile(path) and os.access(path, os.X_OK) else ""


def on_path(name: str) -> str:
    """The absolute path of program `name`, or "". Unlike `shutil.which`, never one in the working directory."""
    name += ".exe" if os.name == "nt" and not name.endswith(".exe") else ""
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        path = os.path.join(folder, name)
        if os.path.isabs(folder) and os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return ""


def start(command: "list[str]") -> int:
    """Become `command`; where a process cannot (Windows), wait for it and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if stream:  # else it was closed by who started this
            stream.flush()
    if os.name != "nt":
        try:
            os.execv(command[0], command)  # noqa: S606 (no shell is wanted)
        except OSError as error:
            raise Failed(
                "setting-unusable", variable="the program", value=command[0], reason=str(error.strerror)
            ) from None
    import subprocess

    process = subprocess.Popen(command)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:  # the console gave it to the child as well, and its answer counts
            pass


# -- which packages ---------------------------------------------------------------------------------------------------


def prepare(tier: str) -> None:
    """Put ocici and the packages of `tier` on sys.path."""
    if tier == "none" or installed(tier):
        return
    sys.modules.setdefault("ocici.launcher", sys.modules[__name__])  # so that `require` sees what is used
    add_runtime(tier)


def require(tier: str) -> None:
    """Make the packages of `tier` importable while ocici runs: `require("sdk")` before `import oci`.

    Raises `ocici.findings.Refused` where they are neither there nor to be had.
    """
    if not _used and all(there(name) for name in WITNESSES[tier]):
        return  # ocici is installed, and these packages beside it
    try:
        add_runtime(tier)
    except Failed as failed:
        from ocici.findings import refused

        for line in failed.tail:
            say("| " + line)
        raise refused(failed.code, **failed.values) from None


def add_runtime(tier: str) -> None:
    """Find or build the runtime of `tier`, and put it on sys.path."""
    site = os.path.join(runtime(tier, pinned(*TIERS[tier]), f"the {tier} runtime"), SITE)
    if site not in sys.path:
        sys.path.insert(0, site)
        _used.append(site)


def installed(tier: str) -> bool:
    """Whether this Python has an ocici of the same version and the packages of `tier`; if so, it is the one to use."""
    from importlib.machinery import PathFinder

    path = [entry for entry in sys.path if os.path.abspath(entry) != SOURCE]
    spec = PathFinder.find_spec("ocici", path)
    if not spec or not spec.origin or not all(there(name) for name in WITNESSES[tier]):
        return False
    with open(spec.origin, encoding="utf-8") as file:
        if version_line(file.read()) != version_line(beside("__init__.py")):
            return False
    sys.path[:] = path
    for name in [name for name in sys.modules if name == "ocici" or name.startswith("ocici.")]:
        del sys.modules[name]  # those that came with the launcher
    say(f"using the ocici installed in {os.path.dirname(os.path.dirname(spec.origin))}")
    return True


def there(name: str) -> bool:
    """Whether module `name` can be imported."""
    from importlib.machinery import PathFinder

    return name in sys.modules or PathFinder.find_spec(name) is not None


def version_line(source: str) -> str:
    """The line of `ocici/__init__.py` that says the version."""
    return next((line for line in source.splitlines() if line.startswith("__version__")), "")


def beside(*name: str) -> str:
    """The text of the file `name` beside this one, on disk or in the zip."""
    return str(globals()["__loader__"].get_data(os.path.join(HERE, *name)), "utf-8")


def pinned(*layers: str) -> str:
    """The requirements of `layers`, with hashes."""
    return "".join(beside("runtime", layer + ".txt") for layer in layers)


def oci_cli(version: str) -> str:
    """The folder that holds the command `oci` of oci-cli `version`."""
    text = pinned("base", "sdk", "cli")
    hashed = f"\noci-cli=={version} " in text
    if not hashed:
        text = f"oci-cli=={version}\n"
        say(f"oci-cli {version} is not the one that ocici was released with: there is no hash to check it against")
    return os.path.join(runtime("cli-" + version, text, "oci-cli " + version, hashed, sys.executable), "bin")


# -- the cache --------------------------------------------------------------------------------------------------------


def runtime(kind: str, text: str, what: str, hashed: bool = True, bound_to: str = "") -> str:
    """The folder of a whole runtime with the requirements `text`: found in the cache, or built into it.

    `kind` begins the folder's name; `what` is its name in the line that is printed; `bound_to` is the one Python that
    it works with, if it is not any of the same version.
    """
    import hashlib
    import time

    begun = time.monotonic()
    digest = hashlib.sha256("\n".join([text, platform(), bound_to]).encode()).hexdigest()[:16]
    name = f"{kind}-{sys.implementation.cache_tag}-{digest}"
    trouble = ""
    for folder in caches():
        reason = distrust(folder)
        if reason:
            trouble = f"{folder}: {reason}"
            if os.path.lexists(folder) or os.environ.get("OCICI_CACHE"):
                say(f"{folder} is not used: {reason}")
            continue
        path, how = os.path.join(folder, name), "found in the cache"
        try:
            if not intact(path):
                os.makedirs(folder, 0o700, exist_ok=True)
                how = build(path, text, hashed)
            elif os.access(path, os.W_OK):
                os.utime(os.path.join(path, SEAL))
        except OSError as error:
            trouble = f"{folder}: {error.strerror}"
            continue
        if kind != "uv":
            say(f"{what} {how} in {time.monotonic() - begun:.3f} s")
        return path
    raise Failed("runtime-not-built", reason=trouble)


def platform() -> str:
    """What compiled packages depend on beside the Python version: system, processor, C library."""
    machine = sys.version if os.name == "nt" else os.uname().machine
    try:
        libc = os.confstr("CS_GNU_LIBC_VERSION")
    except (AttributeError, ValueError, OSError):
        libc = getattr(sys.implementation, "_multiarch", "")
    return f"{sys.platform} {machine} {sys.maxsize} {getattr(sys, 'abiflags', '')} {libc}"


def caches() -> "Iterator[str]":
    """The folders that may hold runtimes, best first; the last two are for machines without a home."""
    local = os.environ.get("LOCALAPPDATA") if os.name == "nt" else ""
    places = [os.environ.get("RUNNER_TOOL_CACHE"), os.environ.get("XDG_CACHE_HOME"), local]
    places.append(os.path.expanduser("~/.cache"))
    if os.environ.get("OCICI_CACHE"):
        try:
            places = [os.path.abspath(os.environ["OCICI_CACHE"])]
        except FileNotFoundError:
            reason, value = (
                "it is meant from the working folder, which is not there any more",
                os.environ["OCICI_CACHE"],
            )
            raise Failed("setting-unusable", variable="OCICI_CACHE", value=value, reason=reason) from None
    for place in places:
        if place and os.path.isabs(place):
            yield os.path.join(place, "ocici")
    import atexit
    import shutil
    import tempfile

    if os.name != "nt":  # a name that others can guess and take: `distrust` looks whose it is
        yield os.path.join(tempfile.gettempdir(), f"ocici-{os.geteuid()}")
    last = tempfile.mkdtemp(prefix="ocici-")
    atexit.register(shutil.rmtree, last, True)
    yield last


def distrust(folder: str) -> str:
    """Why another user could have put things into `folder`, or could exchange it; "" if none could.

    On Windows nothing is looked at: the folders named above are the user's or the runner's own there.
    """
    if os.name == "nt":
        return ""
    if os.path.lexists(folder):
        found = os.lstat(folder)
        if not stat.S_ISDIR(found.st_mode):
            return "it is not a folder"
        if found.st_uid not in (0, os.geteuid()):
            return f"it belongs to user {found.st_uid}"
        if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return "others may write to it"
    for path in (os.path.dirname(folder), os.path.dirname(os.path.realpath(folder))):
        while path != os.path.dirname(path):
            mode = os.stat(path).st_mode if os.path.exists(path) else 0
            if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
                return f"others may exchange it, since {path} is open to all"
            path = os.path.dirname(path)
    return ""


def seal(folder: str) -> bool:
    """Write down the sizes of the files in `folder`, of the shallowest ones if there are many.

    False, and nothing is written, if a file has not the size that its package's RECORD gives for it.
    """
    import csv

    sizes = {}
    for top, _, names in os.walk(folder):
        paths = [os.path.join(top, name) for name in names]
        sizes.update({os.path.relpath(path, folder): os.path.getsize(path) for path in paths})
    for record in [path for path in sizes if path.endswith(os.path.join(".dist-info", "RECORD"))]:
        if os.path.dirname(os.path.dirname(record)) != SITE:
            continue  # of a package that another one carries inside itself
        with open(os.path.join(folder, record), encoding="utf-8", newline="") as file:
            for path, _, size in csv.reader(file):  # packaging.python.org, "Recording installed projects"
                if size and not path.startswith("..") and sizes.get(os.path.join(SITE, *path.split("/"))) != int(size):
                    return False
    files = sorted(sizes, key=lambda path: (path.count(os.sep), path))[:SEALED_FILES]
    with open(os.path.join(folder, SEAL), "w", encoding="utf-8") as file:
        file.write("\n".join([*(f"{sizes[path]} {path}" for path in files), f"end {len(files)}"]))
    return True


def intact(folder: str) -> bool:
    """Whether `folder` is a runtime that was built to the end and has lost nothing since, as far as `seal` tells."""
    try:
        with open(os.path.join(folder, SEAL), encoding="utf-8") as file:
            lines = file.read().split("\n")
        if lines.pop() != f"end {len(lines)}":
            return False
        for line in lines:
            size, _, path = line.partition(" ")
            if os.stat(os.path.join(folder, path)).st_size != int(size):
                return False
    except (OSError, ValueError):
        return False
    return True


# -- building ---------------------------------------------------------------------------------------------------------


def build(path: str, text: str, hashed: bool) -> str:
    """Build the runtime at `path` aside and rename it into place; return how it came to be there.

    Of concurrent jobs one builds, the others wait. What a killed builder left is removed.
    """
    import shutil
    import signal
    import tempfile
    import threading
    import time

    def terminated(number: int, _: object) -> None:
        raise SystemExit(128 + number)  # unwinds, so that nothing half-built stays

    folder, name = os.path.split(path)
    in_main_thread = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, terminated) if in_main_thread else None
    lock = Lock(path + ".lock")
    building = ""
    try:
        if intact(path):
            return "built by another job"
        for entry in os.listdir(folder):
            other = os.path.join(folder, entry)
            last_used = os.path.join(other, SEAL)
            if entry.startswith(name + ".") and os.path.isdir(other):
                old = lock.held
            else:
                old = os.path.isfile(last_used) and os.path.getmtime(last_used) < time.time() - UNUSED_DAYS * 86400
            if old:
                shutil.rmtree(other, ignore_errors=True)
        building = tempfile.mkdtemp(".building", name + ".", folder)
        damaged = os.path.lexists(path)
        tool = install(building, text, name.split("-")[0], hashed, damaged, lock.file)
        if not seal(building):
            # uv links files from its own cache, and those may be the damaged ones.
            shutil.rmtree(os.path.join(building, SITE))
            tool = install(building, text, name.split("-")[0], hashed, True, lock.file)
            if not seal(building):
                raise Failed("runtime-not-built", reason=f"what {tool} installed is not whole")
        if damaged:
            os.rename(path, building + ".old")
            shutil.rmtree(building + ".old", ignore_errors=True)
        try:
            os.rename(building, path)
        except OSError:
            if not intact(path):  # where the file system has no locks, another job may have been faster
                raise
        return f"{'was damaged, rebuilt' if damaged else 'built'} with {tool}"
    finally:
        if building:
            shutil.rmtree(building, ignore_errors=True)
        os.close(lock.file)
        if in_main_thread:
            signal.signal(signal.SIGTERM, before)


class Lock:
    """An exclusive lock on the file `path`, waited for. `held` is false where the file system has no locks."""

    def __init__(self, path: str) -> None:
        import time

        self.file = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
        self.held = False
        until = time.monotonic() + LOCK_SECONDS
        while not self.held and time.monotonic() < until:
            try:  # asked again and again: a builder that hangs must not make all others hang
                if sys.platform == "win32":
                    import msvcrt

                    msvcrt.locking(self.file, msvcrt.LK_NBLCK, 1)
                else:
                    import fcntl

                    fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self.held = True
            except (BlockingIOError, PermissionError):
                time.sleep(0.05)
            except OSError:
                return


def install(building: str, text: str, kind: str, hashed: bool, damaged: bool, lock: int) -> str:
    """Install the requirements `text` into `building`; return the name of the tool that did it."""
    import re
    import shutil

    site, listing = os.path.join(building, SITE), os.path.join(building, "requirements.txt")
    with open(listing, "w", encoding="utf-8") as file:
        file.write(text)
    options = ["--target", site, "-r", listing]
    options += ["--require-hashes", "--no-deps"] if hashed else []
    # oci-cli alone may be built from source: one of its pins has no wheel for the newest Pythons.
    options += [] if kind == "cli" else ["--only-binary", ":all:"]
    environment = tool_environment()
    house = os.environ.get("OCICI_WHEELHOUSE", "")
    if house:
        if not os.path.isdir(house):
            raise Failed("setting-unusable", variable="OCICI_WHEELHOUSE", value=house, reason="no such folder")
        options += ["--no-index", "--find-links", os.path.abspath(house)]
        environment = {name: value for name, value in environment.items() if "INDEX" not in name}
    home = os.path.expanduser("~")
    # A tool's own cache may hold the same damaged files; and without a home it has no place.
    uncached = damaged or not os.path.isdir(home) or not os.access(home, os.W_OK)
    failures = []  # type: list[tuple[str, str]]
    for tool, command in installers(kind, house):
        fresh = ["--no-cache" if tool.startswith("uv") else "--no-cache-dir"] if uncached else []
        code, _, output = run([*command, *options, *fresh], environment, building, lock)
        if code == 0:
            if kind == "cli":
                write_oci(building)
            return tool
        shutil.rmtree(site, ignore_errors=True)
        if "No module named pip" in output:
            continue
        failures.append((tool, output))
        if tool == "pip" or re.search(ALTERED, output):
            break
    raise explained(failures)


def installers(kind: str, house: str) -> "list[tuple[str, list[str]]]":
    """The tools that can install, best first: name, and command up to its options."""
    uv, tool = named("OCICI_UV") if os.environ.get("OCICI_UV") else on_path("uv"), "uv"
    if not uv and kind != "uv" and (not house or any(entry.startswith("uv-") for entry in os.listdir(house))):
        try:
            site = os.path.join(runtime("uv", pinned("uv"), "uv"), SITE)
            uv = os.path.join(site, "bin", "uv.exe" if os.name == "nt" else "uv")
            tool = "uv (fetched by pip)"
        except Failed as failed:
            if failed.code != "runtime-not-built":
                raise  # the index is out of reach or not to be trusted: pip would find it no better
    found = []
    if uv and kind != "uv":
        offline = ["--no-index"] if os.environ.get("PIP_NO_INDEX", "0").lower() not in ("", "0", "false", "no") else []
        found.append((tool, [uv, "pip", "install", "--python", sys.executable, *offline]))
    found.append(("pip", [sys.executable, "-I", "-m", "pip", "install", "--no-compile"]))
    for other in (on_path("pip3"), on_path("pip")):  # this Python may be without a pip of its own
        if other:
            found.append(("pip", [other, "--python", sys.executable, "install", "--no-compile"]))
    return found


def write_oci(building: str) -> None:
    """Write the command `oci`: the scripts that come with the packages do not know where those are."""
    with open(os.path.join(building, "oci.py"), "w", encoding="utf-8") as file:
        file.write(
            "import os, sys\n"
            "sys.path[0] = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'site-packages')\n"
            "sys.argv[0] = 'oci'\n"
            "from oci_cli.cli import cli\n"
            "sys.exit(cli())\n"
        )
    os.makedirs(os.path.join(building, "bin"), exist_ok=True)
    windows = os.name == "nt"
    with open(os.path.join(building, "bin", "oci.cmd" if windows else "oci"), "w", encoding="utf-8") as file:
        if windows:
            file.write(f'@"{sys.executable}" "%~dp0..\\oci.py" %*\n')
        else:
            quoted = "'" + sys.executable.replace("'", "'\\''") + "'"
            file.write(f'#!/bin/sh\nexec {quoted} "${{0%/*}}/../oci.py" "$@"\n')
            os.chmod(file.name, 0o755)  # noqa: S103 (its folder is private)


# -- pip and uv -------------------------------------------------------------------------------------------------------


def run(
    command: "list[str]", environment: "dict[str, str] | None" = None, folder: "str | None" = None, lock: int = -1
) -> "tuple[int, str, str]":
    """Run `command` in `folder`, without the secrets: exit code (127: it could not be started), output, errors.

    `lock` is an open file that the child holds too: if this process is killed, the next builder waits for the child
    and does not clear away the folder that it still writes to.
    """
    import subprocess

    try:
        done = subprocess.run(
            command,
            env=tool_environment() if environment is None else environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=(lock,) if lock >= 0 and os.name != "nt" else (),
        )
    except OSError as error:
        return 127, "", f"{command[0]}: {error.strerror}"
    return done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")


def tool_environment() -> "dict[str, str]":
    """The environment for pip and uv: no secrets, and how to reach the index in the words of both."""
    import re

    kept = {}  # type: dict[str, str]
    for name, value in os.environ.items():
        if re.fullmatch(HIDDEN, name.upper()) or "PRIVATE KEY" in value:
            continue
        is_other = not re.fullmatch(SETTING, name.upper()) and not re.search(ENCODED, "".join(value.split()))
        if is_other or re.fullmatch(REACHING, name.upper()):
            kept[name] = value
    for name in (
        "PIP_CERT",
        "PIP_CLIENT_CERT",
        "PIP_CONFIG_FILE",
        "SSL_CERT_FILE",
        "SSL_CLIENT_CERT",
        "UV_CONFIG_FILE",
    ):
        if kept.get(name):  # the tools run in another folder; os.devnull stays what it is
            kept[name] = os.path.abspath(kept[name]) if kept[name] != os.devnull else os.devnull
    pip = pip_settings(kept)

    def offer(name: str, value: str) -> None:
        if value and not kept.get(name):
            kept[name] = value

    def uv(*names: str) -> str:
        return next((kept[name] for name in names if kept.get(name)), "")

    # A tool that has index settings of its own keeps them; else it gets the other's.
    index, extra = pip.get("index-url", ""), pip.get("extra-index-url", "")
    uv_index, uv_extra = uv("UV_DEFAULT_INDEX", "UV_INDEX_URL"), uv("UV_INDEX", "UV_EXTRA_INDEX_URL")
    config = kept.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    uv_files = (kept.get("UV_CONFIG_FILE", ""), os.path.join(config, "uv", "uv.toml"), "/etc/uv/uv.toml")
    if not uv_index and not uv_extra and not any(os.path.isfile(path) for path in uv_files):
        offer("UV_DEFAULT_INDEX", index)
        offer("UV_INDEX", " ".join(extra.split()))
        offer("UV_INDEX_STRATEGY", "unsafe-best-match" if extra else "")  # pip's own way; the hashes make it safe
    if not index and not extra:
        # uv may know an index by a name: `name=https://…`.
        urls = [
            url.partition("=")[2] if "=" in url.partition("://")[0] else url for url in [uv_index, *uv_extra.split()]
        ]
        offer("PIP_INDEX_URL", urls[0])
        offer("PIP_EXTRA_INDEX_URL", " ".join(urls[1:]))
    links = [link for link in pip.get("find-links", "").split() if "://" in link or os.path.exists(link)]
    offer("UV_FIND_LINKS", ",".join(link if "://" in link else os.path.abspath(link) for link in links))
    offer("PIP_FIND_LINKS", uv("UV_FIND_LINKS").replace(",", " "))
    offer("UV_INSECURE_HOST", pip.get("trusted-host", ""))
    offer("PIP_TRUSTED_HOST", uv("UV_INSECURE_HOST"))
    authorities = pip.get("cert", "") or uv("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
    offer("SSL_CERT_FILE", authorities)
    offer("PIP_CERT", authorities)
    offer("SSL_CLIENT_CERT", pip.get("client-cert", ""))
    for name in ("HTTPS_PROXY", "HTTP_PROXY"):
        offer(name, kept.get(name.lower(), "") or pip.get("proxy", ""))
    # What a pip.conf may say that does not go with --target.
    kept.update(PIP_USER="0", PIP_REQUIRE_VIRTUALENV="0", PIP_NO_INPUT="1", PIP_DISABLE_PIP_VERSION_CHECK="1")
    kept.update(PIP_ROOT_USER_ACTION="ignore", UV_NO_PROGRESS="1", UV_PYTHON_DOWNLOADS="never", NO_COLOR="1")
    return kept


def pip_settings(environment: "dict[str, str]") -> "dict[str, str]":
    """What pip is told about the index: its files on all systems, then PIP_… (pip.pypa.io, "Configuration")."""
    import configparser

    home = os.path.expanduser("~")
    config = environment.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
    places = ["/etc/xdg/pip", "/Library/Application Support/pip", environment.get("PROGRAMDATA", home) + "/pip"]
    places += [home + "/.pip", home + "/pip", config + "/pip", home + "/Library/Application Support/pip"]
    places += [environment.get("APPDATA", home) + "/pip", sys.prefix]
    end = "pip.ini" if os.name == "nt" else "pip.conf"
    own = environment.get("PIP_CONFIG_FILE", "")
    paths = [] if own == os.devnull else ["/etc/pip.conf", *[os.path.join(place, end) for place in places], own]
    settings = {}  # type: dict[str, str]
    for path in paths:
        parser = configparser.RawConfigParser(strict=False)
        try:
            parser.read(path, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue  # pip itself will say what is wrong with it
        for section in ("global", "install"):
            if parser.has_section(section):
                settings.update({name.replace("_", "-"): value for name, value in parser.items(section) if value})
    settings.update(
        {
            name[4:].lower().replace("_", "-"): value
            for name, value in environment.items()
            if name[:4] == "PIP_" and value
        }
    )
    return settings


def explained(failures: "list[tuple[str, str]]") -> Failed:
    """What the failures of the tools mean; the last lines of the last one are shown with it."""
    import re

    if not failures:
        return Failed("runtime-not-built", reason=f"there is neither uv nor pip for {sys.executable}")
    tool, output = failures[-1]
    everything = "\n".join(output for _, output in failures)
    if re.search(ALTERED, everything):
        failed = Failed("package-altered", tool=tool)
    elif not os.environ.get("OCICI_WHEELHOUSE") and re.search(UNREACHABLE, everything):
        failed = Failed("index-unreachable", tool=tool)
    else:
        failed = Failed("runtime-not-built", reason=f"{tool} failed")
    failed.tail = [scrubbed(line) for line in output.splitlines() if line.strip()][-TAIL_LINES:]
    return failed


def scrubbed(line: str) -> str:
    """`line` without the passwords of index URLs, and without what a CI system would take for a command."""
    import re

    for name, value in os.environ.items():
        if name.upper().startswith(("PIP_", "UV_")) or name.upper().endswith("_PROXY"):
            passwords = re.findall(r"://[^\s/]*?:([^\s/]{4,})@", value)
            # A slash in a password is against the rules, but there are such.
            passwords += re.findall(r"://([^\s@]{4,}/[^\s@]*)@", value)
            for password in passwords + ([value] if name.upper().endswith("_PASSWORD") and value else []):
                line = line.replace(password, "***")
    return re.sub(r"://[^\s/@]*@", "://***@", line).replace("##[", "## [")[:300]


if __name__ == "__main__":
    sys.exit(main())
