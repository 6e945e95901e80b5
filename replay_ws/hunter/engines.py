"""Where the runs of a hunt take place: in this process, in a pool of processes, on a cluster.

Every engine is a ``concurrent.futures.Executor``; the hunt knows nothing else of it. An engine
that is named here can be opened again when one of its workers has died.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

from replay_ws.errors import ConfigError, unknown


@dataclass(frozen=True, slots=True)
class Engine:
    """An executor that can be had, and what is known of it.

    ``open`` makes one, or is None for a caller's own, ``executor``, which is not closed either.
    """

    name: str
    workers: int
    open: Callable[[], Executor] | None
    executor: Executor | None = None
    is_here: bool = False


class Here(Executor):
    """Runs what it is given at once, in this thread."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **options))
        except Exception as error:
            future.set_exception(error)
        return future


def engine_of(executor: Executor | str | None = None, jobs: int | None = None) -> Engine:
    """The engine for a caller's executor, or for a ``name`` or ``name:address``, with its workers.

    Without either it is this process; with ``jobs`` alone, that many processes. Raises ConfigError
    for an engine that is none, or is not installed.
    """
    if jobs is not None and (type(jobs) is not int or jobs < 1):
        raise ConfigError(f"jobs is {jobs!r}", mend="a whole number from 1")
    if isinstance(executor, Executor):
        workers = jobs or getattr(executor, "_max_workers", None) or os.cpu_count() or 1
        return Engine(type(executor).__name__, workers, None, executor)
    if executor is None:
        executor = "process" if (jobs or 1) > 1 else "here"
    if not isinstance(executor, str):
        raise ConfigError(
            f"executor is {executor!r:.60}", mend="pass a concurrent.futures.Executor, or a name"
        )
    name, _, address = executor.partition(":")
    if name not in _ENGINES:
        raise unknown("engine", name, _ENGINES)
    if address and name not in _ADDRESSED:
        raise ConfigError(f"{name} has no address", where=executor, mend=f"write {name}")
    workers = 1 if name == "here" else jobs or os.cpu_count() or 1
    return Engine(
        executor, workers, lambda: _ENGINES[name](workers, address), is_here=name == "here"
    )


# --- one by one --------------------------------------------------------------------------------


def _here(workers: int, address: str) -> Executor:
    return Here()


def _processes(workers: int, address: str) -> Executor:
    """Processes that begin as copies of this one, where that is safe: what was imported is there.

    A copy of a process with threads may hang, and a copy made on macOS may not work.
    """
    forks = "fork" in multiprocessing.get_all_start_methods() and os.uname().sysname == "Linux"
    alone = threading.active_count() == 1
    context = multiprocessing.get_context("fork" if forks and alone else "spawn")
    return ProcessPoolExecutor(workers, context, _ignore_interrupts)


def _ignore_interrupts() -> None:
    """Ctrl-C reaches every process of the terminal; only the hunt itself answers it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _loky(workers: int, address: str) -> Executor:
    loky = _imported("loky")
    pool: Executor = loky.ProcessPoolExecutor(workers, initializer=_ignore_interrupts)
    return pool


def _dask(workers: int, address: str) -> Executor:
    """The cluster at ``address``, or one of its own on this machine."""
    distributed = _imported("distributed", "dask")
    if address:
        try:
            client = distributed.Client(address)
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"no cluster answers: {error}",
                where=f"dask:{address}",
                mend="start one (dask scheduler), or write dask for one on this machine",
            ) from error
    else:
        import dask

        # The hunt itself finds out which run it is that ends a worker.
        with dask.config.set({"distributed.scheduler.allowed-failures": 0}):
            client = distributed.Client(
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                dashboard_address=None,
                silence_logs=logging.CRITICAL,  # a worker that dies is told by the hunt
            )
    return _Closing(client.get_executor(pure=False, retries=0), client.close)


def _mpi(workers: int, address: str) -> Executor:
    futures = _imported("mpi4py.futures", "mpi")
    pool: Executor = futures.MPIPoolExecutor(workers)
    return pool


def _ray(workers: int, address: str) -> Executor:
    ray = _imported("ray")
    options = {"address": address} if address else {"num_cpus": workers}
    if not ray.is_initialized():
        ray.init(**options, include_dashboard=False, log_to_driver=False)
    return _Ray(ray)


class _Ray(Executor):
    """Ray's tasks as an executor."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray
        self._call = ray.remote(max_retries=0)(_call)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        future: Future[Any] = self._call.remote(fn, args, options).future()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._ray.shutdown()


def _call(fn: Callable[..., Any], args: Any, options: Any) -> Any:
    return fn(*args, **options)


class _Closing(Executor):
    """An executor that closes what it came from."""

    def __init__(self, inner: Executor, close: Callable[[], object]) -> None:
        self._inner = inner
        self._close = close

    def submit(self, fn: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        return self._inner.submit(fn, *args, **options)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._inner.shutdown(wait=wait)
        self._close()


def _imported(module: str, extra: str = "") -> Any:
    from importlib import import_module

    try:
        return import_module(module)
    except ImportError as error:
        name = extra or module
        raise ConfigError(
            f"the engine {name} is not installed: {error}",
            mend=f"pip install 'replay-ws[{name}]', or leave --engine out",
        ) from error


_ENGINES: Mapping[str, Callable[[int, str], Executor]] = {
    "here": _here,
    "process": _processes,
    "loky": _loky,
    "dask": _dask,
    "mpi": _mpi,
    "ray": _ray,
}
_ADDRESSED = ("dask", "ray")
ENGINES = tuple(_ENGINES)
