"""Everything a developer does here, by one command: ``python tools/dev.py VERB``.

Only the standard library is used; and this file has only syntax that Python 3.6 can parse, so that
an old Python gets as far as the message that says which one is needed.

``.venv`` holds what the checks need, pinned by hash in ``tools/requirements.txt``, and this
project in editable form.
"""

import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036 - this is where an older Python is turned away
    sys.exit(
        "Python 3.11 or newer is needed, and this is {}.{} ({})\n"
        "  mend: python3.11 tools/dev.py {}".format(
            sys.version_info[0], sys.version_info[1], sys.executable, " ".join(sys.argv[1:])
        )
    )

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tools.checks import READERS, SUPPORTED_MINORS, all_checks, run_checks, static_checks
from tools.environments import (
    NEIGHBOURS,
    OTHER_VENVS,
    REQUIREMENTS,
    ROOT,
    VENV,
    Failure,
    base_python,
    main_python,
    python_of,
    run,
    run_quietly,
    say,
)

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
