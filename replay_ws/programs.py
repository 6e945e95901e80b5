"""Finding a program by name: ``package.module:function`` or ``path/to/file.py:function``.

The module is imported as Python itself would: with the folder of the file (or the current one) on
the path. Everything that can go wrong is a ProgramError that names the nearest thing that exists.
"""

from __future__ import annotations

import inspect
import os
import pkgutil
import sys
import traceback
from collections.abc import Awaitable, Callable
from importlib import import_module, invalidate_caches
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from replay_ws.errors import ProgramError, did_you_mean, known

Program = Callable[[], Awaitable[Any]]


def find_program(name: str) -> Program:
    """The function that ``name`` stands for; raises ProgramError."""
    place, colon, function = name.rpartition(":")
    if not (colon and place and function):
        raise ProgramError(
            f"{name!r} names no program",
            mend="write package.module:function or path/to/file.py:function",
        )
    is_file = place.endswith(".py") or os.sep in place or "/" in place
    module = _module_of_file(Path(place)) if is_file else _module(place)
    return _function(module, place, function)


# --- modules -------------------------------------------------------------------------------


def _module(name: str) -> ModuleType:
    sys.path.insert(0, str(Path.cwd()))
    invalidate_caches()
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or name
        if name != missing and not name.startswith(missing + "."):
            raise _broken(name, error) from error
        raise ProgramError(
            f"there is no module {missing!r}{did_you_mean(missing, _siblings(missing))}",
            where=name,
            mend="check the name; modules are looked for in the current folder first",
        ) from error
    except (Exception, SystemExit) as error:
        raise _broken(name, error) from error


def _siblings(missing: str) -> list[str]:
    """Names of the modules that stand where ``missing`` was looked for."""
    parent, _, _ = missing.rpartition(".")
    folders = list(sys.modules[parent].__path__) if parent else sys.path
    prefix = f"{parent}." if parent else ""
    return [prefix + module.name for module in pkgutil.iter_modules(folders)]


def _module_of_file(path: Path) -> ModuleType:
    if not path.is_file():
        neighbours = [str(other) for other in path.parent.glob("*.py")]
        raise ProgramError(
            f"there is no such file{did_you_mean(str(path), neighbours)}",
            where=str(path),
            mend="name a Python file and a function in it: path/to/file.py:function",
        )
    sys.path.insert(0, str(path.resolve().parent))
    name = path.stem if path.stem not in sys.modules else f"program_{path.stem}"
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ProgramError("this is no Python file", where=str(path), mend="name a *.py file")
    module = module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look their own module up
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise _broken(str(path), error) from error
    return module


def _broken(where: str, error: BaseException) -> ProgramError:
    """The module exists and cannot be loaded: say which line of it raised what."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if _is_users(f.filename)]
    if isinstance(error, SyntaxError) and error.filename:
        where = f"{error.filename}:{error.lineno}"
    elif frames:
        where = f"{frames[-1].filename}:{frames[-1].lineno}"
    return ProgramError(
        f"the program's module cannot be imported: {_summary(error)}",
        where=where,
        mend="correct that line, or install what it needs",
    )


def _is_users(filename: str) -> bool:
    return not filename.startswith("<frozen") and filename != __file__


def _summary(error: BaseException) -> str:
    """``ValueError: 7 is not a colour``, on one line."""
    lines = str(error).splitlines()
    return f"{type(error).__qualname__}: {lines[0]}" if lines else type(error).__qualname__


# --- functions -----------------------------------------------------------------------------


def _function(module: ModuleType, place: str, name: str) -> Program:
    found: Any = module
    for part in name.split("."):
        found = getattr(found, part, None)
    if found is None:
        names = _candidates(module)
        listed = known(names) if names else "none takes no arguments"
        raise ProgramError(
            f"there is no function {name!r}{did_you_mean(name, names)}",
            where=place,
            mend=f"use one of: {listed}" if names else f"define an async function {name}()",
        )
    if not callable(found):
        kind = type(found).__qualname__
        raise ProgramError(
            f"{name!r} is a {kind}, not a function", where=place, mend="name an async function"
        )
    needed = _needed(found)
    if needed:
        raise ProgramError(
            f"{name!r} needs arguments ({', '.join(needed)}), and a program is called without",
            where=place,
            mend="give them defaults, or wrap the call in a function without arguments",
        )
    program: Program = found
    return program


def _candidates(module: ModuleType) -> list[str]:
    """Functions of the module's own that could be programs."""
    own = inspect.getmembers(module, inspect.isfunction)
    return [
        name
        for name, function in own
        if function.__module__ == module.__name__ and not name.startswith("_")
        if not _needed(function)
    ]


def _needed(function: Callable[..., Any]) -> list[str]:
    """Names of the arguments that the function cannot do without."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # some builtins have no signature
        return []
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p.name for p in parameters if p.default is p.empty and p.kind not in variadic]
