"""Everything of a process that a run may borrow, so that a test can see that it is given back."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import signal
import sys
import threading
import warnings
from types import ModuleType
from typing import Any

from replay_ws.recording import CURRENT

MODULES = """
    asyncio asyncio.base_events asyncio.coroutines asyncio.events asyncio.futures asyncio.locks
    asyncio.queues asyncio.runners asyncio.taskgroups asyncio.tasks asyncio.threads
    asyncio.timeouts anyio anyio._backends._asyncio builtins concurrent.futures._base
    concurrent.futures.thread datetime numpy.random os posix _posixsubprocess queue random secrets
    select selectors signal socket _socket ssl subprocess tempfile _thread threading time uuid
    warnings weakref
"""


class State(dict[str, Any]):
    """Names and what they stand for."""

    def changes(self, later: State) -> list[str]:
        """What is not as it was: objects by identity, other facts by value."""
        names = [name for name in {**self, **later} if not _same(self.get(name), later.get(name))]
        return [f"{name}: {self.get(name)!r:.80} -> {later.get(name)!r:.80}" for name in names]


def state(*modules: ModuleType) -> State:
    """The process as it is now; ``modules`` are looked at as well."""
    found = State(_facts())
    for module in [
        *modules,
        *(sys.modules[name] for name in MODULES.split() if name in sys.modules),
    ]:
        for name, value in vars(module).items():
            found[f"{module.__name__}.{name}"] = _Object(value)
            if isinstance(value, type) and value.__module__ == module.__name__:
                for attribute, part in vars(value).items():
                    found[f"{module.__name__}.{name}.{attribute}"] = _Object(part)
    return found


class _Object:
    """Compared by identity, and kept alive, so that its address is not another's."""

    def __init__(self, value: object) -> None:
        self.value = value

    def __repr__(self) -> str:
        return repr(self.value)


def _same(before: object, after: object) -> bool:
    if isinstance(before, _Object) and isinstance(after, _Object):
        return before.value is after.value or _is_plain_and_equal(before.value, after.value)
    if isinstance(before, frozenset) and isinstance(after, frozenset):
        return after <= before  # somebody else's thread may end meanwhile
    return before == after


def _is_plain_and_equal(before: object, after: object) -> bool:
    return type(before) is type(after) in (int, float, str, bytes) and before == after


def _facts() -> dict[str, object]:
    return {
        "affinity": getattr(os, "sched_getaffinity", lambda _: None)(0),
        "asynchronous generators": sys.get_asyncgen_hooks(),
        "coroutine origins": sys.get_coroutine_origin_tracking_depth(),
        "environment": {**os.environ, "PYTEST_CURRENT_TEST": ""},
        "excepthook": sys.excepthook,
        "folder": os.getcwd(),  # noqa: PTH109
        "collector": (gc.isenabled(), gc.get_threshold(), gc.get_debug(), list(gc.callbacks)),
        "monitoring": _monitoring_tools(),
        "random": random.getstate(),
        "recording": CURRENT.get(),
        "running loop": asyncio._get_running_loop(),
        "signals": [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)],
        "switch interval": sys.getswitchinterval(),
        "threads": frozenset(threading.enumerate()),
        "trace": (sys.gettrace(), threading.gettrace(), sys.getprofile()),
        "unraisable": sys.unraisablehook,
        "warnings": list(warnings.filters),
    }


def _monitoring_tools() -> list[object]:
    monitoring: Any = getattr(sys, "monitoring", None)
    return [monitoring.get_tool(number) for number in range(6)] if monitoring else []
