"""Everything a developer does here, by one command: ``python tools/dev.py VERB``.

Only the standard library is used, and only syntax that Python 3.6 can parse, so that an
old Python gets as far as the message that says which one is needed.

``.venv`` holds what the checks need, pinned by hash in ``tools/requirements.txt``, and this
project in editable form. A stamp, written last, names what the environment was made from:
while it matches, a verb starts at once; a set-up that failed or was stopped leaves none.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

if sys.version_info < (3, 11):  # noqa: UP036 - this is where an older Python is turned away
    sys.exit(
        "Python 3.11 or newer is needed, and this is {}.{} ({})\n"
        "  mend: python3.11 tools/dev.py {}".format(
            sys.version_info[0], sys.version_info[1], sys.executable, " ".join(sys.argv[1:])
        )
    )

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "tools" / "requirements.txt"
NEIGHBOURS = ROOT / "tools" / "requirements-neighbours.txt"
VENV = ROOT / ".venv"
OTHER_VENVS = ROOT / ".venvs"
NEIGHBOURS_VENV = OTHER_VENVS / "neighbours"
READERS = ROOT / "tests" / "conformance" / "readers"
THIS_MINOR = "{}.{}".format(*sys.version_info)
SUPPORTED_MINORS = ("3.11", "3.12", "3.13")

REQUIREMENTS_HEADER = """\
# {}, each file pinned by its hash.
# Valid for Python 3.11 and newer on every platform. Made by: python tools/dev.py lock
"""

# Files of pins: what each is for, and the dependency groups that it holds.
LOCKS = {
    REQUIREMENTS: (
        "What replay_ws, its tests, checks, benchmarks and build need",
        ("test", "guests", "lint", "bench", "build"),
    ),
    NEIGHBOURS: (
        "Other pytest plugins, beside which ours is tested",
        ("test", "neighbours", "build"),
    ),
}


class Failure(Exception):
    """Something that the developer can mend: what is wrong, where, and how to mend it."""

    def __init__(self, what: str, where: str, mend: str) -> None:
        super().__init__(f"{where}: {what}\n  mend: {mend}")


# --- Running things ---------------------------------------------------------------------


def say(line: str) -> None:
    """Talk to the developer; stdout stays free for results."""
    print(line, file=sys.stderr, flush=True)


def run(command: list[str], extra_env: dict[str, str] | None = None) -> int:
    """Run ``command`` from the project's root with our own output, and return its exit code."""
    sys.stdout.flush()
    return subprocess.call(command, cwd=ROOT, env={**os.environ, **(extra_env or {})})


def run_quietly(command: list[str], *, where: str, mend: str) -> None:
    """Run ``command`` and show what it said only if it fails, as a Failure."""
    done = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode != 0:
        said = "\n".join("  | " + line for line in done.stdout.strip().splitlines()[-12:])
        raise Failure(f"exit code {done.returncode}\n{said}", where, mend)


def python_of(venv: Path) -> Path:
    """The interpreter inside ``venv``."""
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


# --- Setting up -------------------------------------------------------------------------


def base_python() -> str:
    """The Python that runs us; if that is one of a virtual environment, the one below it."""
    return str(getattr(sys, "_base_executable", None) or sys.executable)


def stamp_for(version: str, requirements: Path) -> str:
    """What an environment for Python ``version`` is made from, as one line.

    The project's place counts too: scripts in an environment hold absolute paths.
    """
    made_from = hashlib.sha256()
    for part in (
        version.encode(),
        str(ROOT).encode(),
        requirements.read_bytes(),
        (ROOT / "pyproject.toml").read_bytes(),
    ):
        made_from.update(b"%d:" % len(part) + part)
    return made_from.hexdigest()


def is_ready(venv: Path, stamp: str) -> bool:
    """Whether ``venv`` was completely made from what ``stamp`` names."""
    try:
        return (venv / "made-from").read_text() == stamp and python_of(venv).exists()
    except OSError:
        return False


@contextmanager
def only_one(venv: Path) -> Iterator[None]:
    """Let one process at a time set up ``venv``; where no file locks exist, let all."""
    venv.parent.mkdir(exist_ok=True)
    with venv.with_name(venv.name + ".lock").open("w") as lock:
        if sys.platform != "win32":
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def set_up(venv: Path, python: str, version: str, requirements: Path = REQUIREMENTS) -> Path:
    """Make ``venv`` from ``python`` unless it is ready; return the interpreter inside it."""
    stamp = stamp_for(version, requirements)
    if is_ready(venv, stamp):
        return python_of(venv)
    place = venv.relative_to(ROOT)
    try:
        with only_one(venv):
            if not is_ready(venv, stamp):  # another process may have made it while we waited
                say(f"setting up {place} (Python {version}) ...")
                make_environment(venv, python, requirements)
                (venv / "made-from").write_text(stamp)
    except OSError as error:
        mend = f"see that {ROOT} can be written, then run: python tools/dev.py setup"
        raise Failure(str(error), str(place), mend) from error
    return python_of(venv)


def make_environment(venv: Path, python: str, requirements: Path) -> None:
    """Create ``venv`` anew and install the pinned requirements and this project in it."""
    place = str(venv.relative_to(ROOT))
    shutil.rmtree(venv, ignore_errors=True)
    # Debian's Python comes without ensurepip: there its own pip installs into the environment.
    asked = [python, "-c", "import ensurepip"]
    has_ensurepip = subprocess.call(asked, stderr=subprocess.DEVNULL) == 0
    run_quietly(
        [python, "-m", "venv", *([] if has_ensurepip else ["--without-pip"]), str(venv)],
        where=place,
        mend=f"see that {python} has the module venv (Debian: apt install python3-venv)",
    )
    inside = str(python_of(venv))
    pip = [inside, "-m", "pip"] if has_ensurepip else [python, "-m", "pip", "--python", inside]
    install = [*pip, "install", "--quiet", "--no-input", "--disable-pip-version-check"]
    run_quietly(
        [*install, "--require-hashes", "-r", str(requirements)],
        where=f"{place}: tools/{requirements.name}",
        mend="see that pip is there and reaches its package index (network, proxy), then run: "
        "python tools/dev.py setup",
    )
    run_quietly(
        [*install, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)],
        where=f"{place}: pyproject.toml",
        mend="correct what the lines above name, then run: python tools/dev.py setup",
    )


def main_python() -> str:
    """The interpreter of ``.venv``, which is set up first where needed."""
    return str(set_up(VENV, base_python(), "{}.{}.{}".format(*sys.version_info)))


def find_python(minor: str) -> tuple[str, str] | None:
    """A Python ``minor`` of this machine and its full version, or None.

    Looked for on PATH and among pyenv's versions; each candidate is asked, because a pyenv
    shim stands on PATH also for versions that are not active.
    """
    on_path = shutil.which("python" + minor)
    in_pyenv = sorted(Path.home().glob(f".pyenv/versions/{minor}*/bin/python"))
    asked = "import sys; print('{}.{}.{}'.format(*sys.version_info), sys.executable)"
    for candidate in ([on_path] if on_path else []) + [str(path) for path in in_pyenv]:
        try:
            done = subprocess.run([candidate, "-c", asked], capture_output=True, text=True)
        except OSError:
            continue
        version, _, executable = done.stdout.strip().partition(" ")
        if done.returncode == 0 and version.startswith(minor + "."):
            return executable, version
    return None


# --- Checking ---------------------------------------------------------------------------


# What may differ between Pythons: asyncio takes other steps, and threading has other code.
ON_EVERY_PYTHON = (
    "tests/property",
    "tests/conformance",
    "tests/unit/sim",
    "tests/unit/verifier",
    "tests/unit/test_staged.py",
    "tests/plugin/test_hosts.py",
)

# A few workers, also on a large machine: starting more costs more than it saves.
WORKERS = ["-n", "auto", "--maxprocesses", "4"]
TOGETHER = [*WORKERS, "-m", "not host_time and not readers"]


class Outcome(NamedTuple):
    """How one check ended: ``passed``, ``failed`` or ``skipped``, and why."""

    state: str
    reason: str = ""


class Check(NamedTuple):
    """One check of ``test``: what the summary calls it, and what runs it."""

    name: str
    run: Callable[[], Outcome]


def skipped(reason: str) -> Outcome:
    """A check that could not be made here, and why."""
    say("skipped: " + reason)
    return Outcome("skipped", reason)


def run_checker(arguments: list[str], extra_env: dict[str, str] | None = None) -> Outcome:
    """Run a checker that says by its exit code whether the check passed."""
    code = run(arguments, extra_env)
    return Outcome("passed") if code == 0 else Outcome("failed", f"exit code {code}")


def run_tests(
    python: str, arguments: list[str], extra_env: dict[str, str] | None = None
) -> Outcome:
    """Run pytest with ``arguments``; to find no test is to skip, not to fail."""
    code = run([python, "-m", "pytest", *arguments], extra_env)
    if code == 5:  # pytest's "no tests collected"
        return skipped("no test there")
    return Outcome("passed") if code == 0 else Outcome("failed", f"pytest exit code {code}")


def digest_tables() -> list[str]:
    """The test files that compare digests with the stored table."""
    return [str(path.relative_to(ROOT)) for path in sorted(ROOT.glob("tests/**/test_digest*.py"))]


def check_digests_in_pure_python(python: str) -> Outcome:
    """The digest table again, with the msgpack that is written in Python."""
    tables = digest_tables()
    if not tables:
        return skipped("tests/**/test_digest*.py not found")
    return run_tests(python, tables, {"MSGPACK_PUREPYTHON": "1"})


def check_laws(minor: str) -> Outcome:
    """The laws, the digest table and what leans on asyncio, on Python ``minor`` if it is here."""
    folders = [folder for folder in ON_EVERY_PYTHON if (ROOT / folder).exists()]
    if not folders + digest_tables():
        return skipped(f"neither {' nor '.join(ON_EVERY_PYTHON)} found")
    found = find_python(minor)
    if found is None:
        return skipped(f"Python {minor} not found")
    executable, version = found
    try:
        python = set_up(OTHER_VENVS / minor, executable, version)
    except Failure as failure:
        say(str(failure))
        return Outcome("failed", f"set-up of .venvs/{minor} failed")
    return run_tests(str(python), [*TOGETHER, *folders, *digest_tables()])


def check_neighbours() -> Outcome:
    """One suite with the plugins of others at work beside ours."""
    version = "{}.{}.{}".format(*sys.version_info)
    try:
        python = set_up(NEIGHBOURS_VENV, base_python(), version, NEIGHBOURS)
    except Failure as failure:
        say(str(failure))
        return Outcome("failed", "set-up of .venvs/neighbours failed")
    return run_tests(str(python), ["tests/plugin/test_beside_others.py"])


def check_readers(python: str) -> Outcome:
    """The built-in profiles beside the readers of those protocols, which are for Node."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        return skipped("Node and npm not found")
    stamp, lock = READERS / "node_modules" / "made-from", READERS / "package-lock.json"
    if not stamp.exists() or stamp.read_bytes() != lock.read_bytes():
        place = str(READERS.relative_to(ROOT))
        say(f"setting up {place} ...")
        mend = "see that npm reaches its package index (network, proxy)"
        try:
            run_quietly([npm, "ci", "--ignore-scripts", "--prefix", place], where=place, mend=mend)
            stamp.write_bytes(lock.read_bytes())
        except Failure as failure:
            say(str(failure))
            return Outcome("failed", f"set-up of {place} failed")
    return run_tests(python, [*WORKERS, "-m", "readers"])


def check_goldens(python: str) -> Outcome:
    """Whether every golden comes out of its recipe with the same bytes."""
    if not (ROOT / "tools" / "regold.py").exists():
        return skipped("tools/regold.py not found")
    return run_checker([python, "tools/regold.py", "--check"])


def static_checks(python: str) -> list[Check]:
    """The checks that read the code and do not run it."""
    return [
        Check("ruff check", partial(run_checker, [python, "-m", "ruff", "check"])),
        Check("ruff format", partial(run_checker, [python, "-m", "ruff", "format", "--check"])),
        Check("mypy", partial(run_checker, [python, "-m", "mypy"])),
    ]


def all_checks(python: str) -> list[Check]:
    """Every check of the project, cheapest first."""
    others = [minor for minor in SUPPORTED_MINORS if minor != THIS_MINOR]
    return [
        *static_checks(python),
        Check(f"tests, Python {THIS_MINOR}", partial(run_tests, python, TOGETHER)),
        Check("tests of host time", partial(run_tests, python, ["-m", "host_time"])),
        Check("digests, pure msgpack", partial(check_digests_in_pure_python, python)),
        *[
            Check(f"laws, loop and digests, Python {minor}", partial(check_laws, minor))
            for minor in others
        ],
        Check("plugin beside others", check_neighbours),
        Check("profiles beside readers", partial(check_readers, python)),
        Check("goldens", partial(check_goldens, python)),
    ]


def run_checks(checks: list[Check]) -> int:
    """Run every check, also after one has failed; print how each ended; 1 if one failed."""
    outcomes = []
    for check in checks:
        say(f"\n--- {check.name}")
        outcomes.append(check.run())
    print()
    for check, outcome in zip(checks, outcomes, strict=True):
        reason = f"  ({outcome.reason})" if outcome.reason else ""
        print(f"{outcome.state:8}{check.name}{reason}")
    states = [outcome.state for outcome in outcomes]
    counts = [f"{states.count(state)} {state}" for state in ("passed", "failed", "skipped")]
    print("checks: " + ", ".join(counts), flush=True)
    return 1 if "failed" in states else 0


# --- The verbs --------------------------------------------------------------------------


def verb_setup(arguments: list[str]) -> int:
    """Make .venv, or see at once that it is ready."""
    say(f"ready: {Path(main_python()).relative_to(ROOT)}")
    return 0


def verb_demo(arguments: list[str]) -> int:
    """Run the demonstration; arguments go to `replay-ws demo`."""
    return run([main_python(), "-m", "replay_ws", "demo", *arguments])


def verb_test(arguments: list[str]) -> int:
    """Run all checks; with arguments, only pytest with these."""
    python = main_python()
    if arguments:
        return run([python, "-m", "pytest", *arguments])
    return run_checks(all_checks(python))


def verb_lint(arguments: list[str]) -> int:
    """Run ruff and mypy."""
    return run_checks(static_checks(main_python()))


def verb_format(arguments: list[str]) -> int:
    """Rewrite the code as ruff formats it, safe fixes included."""
    ruff = [main_python(), "-m", "ruff"]
    return max(run([*ruff, "check", "--fix", *arguments]), run([*ruff, "format", *arguments]))


def verb_bench(arguments: list[str]) -> int:
    """Measure the budgets: tools/bench.py."""
    return run([main_python(), "tools/bench.py", *arguments])


def verb_regold(arguments: list[str]) -> int:
    """Make the golden cassettes anew: tools/regold.py."""
    return run([main_python(), "tools/regold.py", *arguments])


def verb_readme(arguments: list[str]) -> int:
    """Write what the README's examples print anew: tools/readme.py."""
    return run([main_python(), "tools/readme.py", *arguments])


def verb_lock(arguments: list[str]) -> int:
    """Pin the files of requirements anew; with --upgrade, to the newest versions."""
    online = "see that pip reaches its package index (network, proxy), then run again"
    with tempfile.TemporaryDirectory() as folder:
        resolver = Path(folder) / "resolver"
        run_quietly([base_python(), "-m", "venv", str(resolver)], where="lock", mend=online)
        pip = [str(python_of(resolver)), "-m", "pip"]
        run_quietly([*pip, "install", "--quiet", "uv"], where="lock: uv", mend=online)
        uv = [str(python_of(resolver)), "-m", "uv", "pip", "compile", "pyproject.toml"]
        for path, (purpose, groups) in LOCKS.items():
            pinned = Path(folder) / path.name
            if path.exists():  # pins that still fit are kept
                shutil.copy(path, pinned)
            form = [f"--python-version={SUPPORTED_MINORS[0]}", f"--output-file={pinned}"]
            form += ["--universal", "--generate-hashes", "--no-header", "--no-config"]
            run_quietly(
                [*uv, *(f"--group={group}" for group in groups), *form, *arguments],
                where="lock: pyproject.toml",
                mend="correct what the lines above name",
            )
            path.write_text(REQUIREMENTS_HEADER.format(purpose) + pinned.read_text())
            say(f"written: {path.relative_to(ROOT)}")
    return 0


def verb_clean(arguments: list[str]) -> int:
    """Remove environments, caches and build output."""
    folders = [VENV, OTHER_VENVS, READERS / "node_modules"]
    names = [".hypothesis", ".mypy_cache", ".pytest_cache", ".ruff_cache", "build", "dist"]
    folders += [ROOT / name for name in names]
    for part in ("replay_ws", "cassettes", "tests", "tools"):
        folders += (ROOT / part).rglob("__pycache__")
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    VENV.with_name(".venv.lock").unlink(missing_ok=True)
    return 0


VERBS: dict[str, Callable[[list[str]], int]] = {
    "setup": verb_setup,
    "demo": verb_demo,
    "test": verb_test,
    "lint": verb_lint,
    "format": verb_format,
    "bench": verb_bench,
    "regold": verb_regold,
    "readme": verb_readme,
    "lock": verb_lock,
    "clean": verb_clean,
}


def main(arguments: list[str]) -> int:
    """Run the verb that ``arguments`` name; 2 when there is none, or set-up failed."""
    verb = arguments[0] if arguments else "--help"
    if verb in ("-h", "--help", "help"):
        print("python tools/dev.py VERB [ARGUMENTS]\n")
        for name, function in VERBS.items():
            print(f"  {name:8}{function.__doc__}")
        return 0 if arguments else 2
    if verb not in VERBS:
        say(f"unknown verb: {verb}\n  mend: one of {', '.join(VERBS)}")
        return 2
    try:
        return VERBS[verb](arguments[1:])
    except Failure as failure:
        say(str(failure))
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
