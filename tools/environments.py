"""Virtual environments with what is pinned, made when they are needed; and commands that run there.

A stamp, written last, names what an environment was made from: while it matches, nothing is done;
a set-up that failed or was stopped leaves none. Only the standard library is used.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "tools" / "requirements.txt"
NEIGHBOURS = ROOT / "tools" / "requirements-neighbours.txt"
VENV = ROOT / ".venv"
OTHER_VENVS = ROOT / ".venvs"
THIS_MINOR = "{}.{}".format(*sys.version_info)
THIS_VERSION = "{}.{}.{}".format(*sys.version_info)


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
    return str(set_up(VENV, base_python(), THIS_VERSION))


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
