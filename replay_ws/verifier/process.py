"""The same run in another process, whose strings have other hashes.

``PYTHONHASHSEED`` decides the order of sets of text, and is fixed when Python starts. So a second
Python is started, gets the program by reference, the conditions and the story of the first run,
runs the program twice (the first run warms it up, as here) and says where the second one parts from
that story. What decides about imports is the same there: ``sys.path``, the current folder, and the
file of the program's module.

What no other process can find by its name (a closure, a lambda) is not checked so, and the result
says why. A script that runs as ``__main__`` is loaded there under another name, so that what stands
under ``if __name__ == "__main__":`` does not run; one without such a line is not loaded at all.
"""

from __future__ import annotations

import ast
import os
import pickle
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from replay_ws.errors import ProgramError
from replay_ws.running import Conditions, Program
from replay_ws.sim.trace import Story
from replay_ws.verifier.attempt import Parting, attempt

_CODE = "from replay_ws.verifier.process import answer; answer()"
_OUTPUT_LINES_SHOWN = 8
_is_second = False
"""Whether this is a second process; one that asked a third could go on for ever."""


class NotAskable(Exception):
    """Why a program cannot be run in another process."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a second process needs to know.

    The program's module is called ``module`` in ``program``, which is a pickle; it is imported as
    ``imported_as``, or else loaded from ``file``.
    """

    module: str
    imported_as: str
    file: str
    path: list[str]
    environment: dict[str, str]
    program: bytes
    conditions: Conditions
    expected: Story


def question(program: Program[Any], conditions: Conditions, expected: Story) -> Question:
    """What to ask of a second process; raises NotAskable."""
    if _is_second:
        raise NotAskable("this is a second process itself")
    if sys.flags.ignore_environment:
        raise NotAskable("this Python ignores PYTHONHASHSEED (-E or -I)")
    by_reference = _pickled(program, "the program has no name in another process")
    _pickled(conditions, "the conditions of the run cannot be sent to another process")
    module = _module_of(program)
    file = getattr(sys.modules.get(module), "__file__", None) or ""
    imported_as = _real_name_of_main(file) if module == "__main__" else module
    return Question(
        module,
        imported_as,
        file,
        list(sys.path),
        dict(os.environ),
        by_reference,
        conditions,
        expected,
    )


def _pickled(thing: object, refusal: str) -> bytes:
    try:
        return pickle.dumps(thing)
    except Exception as error:  # whatever a user's own __reduce__ raises
        first, *_ = str(error).splitlines() or [type(error).__qualname__]
        raise NotAskable(f"{refusal}: {first}") from error


def _module_of(program: Any) -> str:
    program = getattr(program, "func", program)  # functools.partial
    module = getattr(program, "__module__", None) or type(program).__module__
    return str(module)


def _real_name_of_main(file: str) -> str:
    if not Path(file).is_file() or not _is_guarded(Path(file).read_text(encoding="utf-8")):
        raise NotAskable(
            "it stands in the script that runs, and to load that again would run it again: "
            'put what it does under if __name__ == "__main__":'
        )
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return spec.name if spec is not None else "__replay_ws_main__"


def _is_guarded(source: str) -> bool:
    """Whether a script has an ``if __name__ == "__main__":``, as multiprocessing asks for."""
    return any(
        isinstance(node, ast.If) and ast.unparse(node.test) in _GUARDS
        for node in ast.parse(source).body
    )


_GUARDS = ("__name__ == '__main__'", "'__main__' == __name__")


def ask(asked: Question, hash_seed: str) -> Parting | None:
    """Where the run parts from the expected one in a process with this hash seed, if it does.

    Raises NotAskable if the program is not found there, ProgramError if there is no answer.
    """
    with tempfile.TemporaryDirectory(prefix="replay_ws-") as folder:
        request, reply = Path(folder, "question"), Path(folder, "answer")
        request.write_bytes(pickle.dumps(asked))
        done = subprocess.run(
            [sys.executable, *_interpreter_options(), "-c", _CODE, str(request), str(reply)],
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
                "PYTHONHASHSEED": hash_seed,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        if done.returncode == 0 and reply.is_file():
            answer: Parting | NotAskable | None = pickle.loads(reply.read_bytes())
            if isinstance(answer, NotAskable):
                raise answer
            return answer
    said = done.stdout.decode("utf-8", "replace").splitlines()[-_OUTPUT_LINES_SHOWN:]
    listed = "".join(f"\n    {line}" for line in said)
    raise ProgramError(
        f"the check's other process ended with code {done.returncode} and no answer{listed}",
        where=asked.file or asked.module,
        mend="let the program end by returning or raising, also in a process of its own",
    )


def _interpreter_options() -> list[str]:
    """``-O``, ``-X``, ``-W``, ...: what this Python was started with."""
    options: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    return options


# --- in the second process ---------------------------------------------------------------------


def answer() -> None:
    """Read the question that the command line names, and write the answer beside it."""
    global _is_second
    _is_second = True
    request, reply = map(Path, sys.argv[1:3])
    asked: Question = pickle.loads(request.read_bytes())
    reply.write_bytes(pickle.dumps(_answer(asked)))


def _answer(asked: Question) -> Parting | NotAskable | None:
    sys.path[:] = asked.path
    sys.argv[:] = [asked.file]
    os.environ.clear()
    os.environ.update(asked.environment)
    try:
        sys.modules[asked.module] = _loaded(asked.imported_as, asked.file)
        program = pickle.loads(asked.program)
    except (Exception, SystemExit) as error:
        said = f"{type(error).__qualname__}: {error}".splitlines()[0]
        return NotAskable(f"the program cannot be loaded in another process: {said}")
    attempt(program, asked.conditions)
    return attempt(program, asked.conditions, asked.expected).parting


def _loaded(name: str, file: str) -> ModuleType:
    """The module ``name`` from ``file``, whose name shows in tracebacks as it is spelt."""
    try:
        spec = find_spec(name)
    except ImportError:
        spec = None
    if spec is not None and spec.origin == file:
        return import_module(name)
    spec = spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is no Python file")
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
