"""What leaves a run and meets the real world, and what to do instead.

A socket, a signal or a process answers in its own time, so a run that touches one has no second
run like it. ``ESCAPES`` names every method of an event loop that does so; there is nothing real
behind those on a virtual loop, so they raise an ``EscapeError`` at all times. ``CALLS`` names what
else of Python does so; ``boundary`` guards those while a run lasts.

Not every use of such a call leaves the run: ``spares`` says which do not.
"""

from __future__ import annotations

import _socket
import _thread
import contextlib
import ipaddress
import os
import select
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn, TypeVar

from replay_ws.errors import EscapeError
from replay_ws.sim.places import place_of_caller


@dataclass(frozen=True, slots=True)
class Escape:
    """One way out of a run."""

    what: str
    mend: str

    def error(self, call: str, where: str) -> EscapeError:
        """The error that says that ``call`` leaves the run."""
        return EscapeError(
            f"{call}() reaches for {self.what}, and this run is on virtual time",
            where=where,
            mend=self.mend,
        )


NETWORK = Escape(
    "the real network", "talk to a MockWebSocketManager inside the run, or use a stock loop"
)
DNS = Escape("real name resolution", "give addresses as numbers, or serve the name inside the run")
DESCRIPTOR = Escape(
    "a real file descriptor", "feed the bytes from a task of the run, or use a stock loop"
)
SIGNAL = Escape("real signals", "call the handler from a task of the run; Ctrl-C works without one")
PROCESS = Escape(
    "a real process", "run the process before the run and give it its output, or use a stock loop"
)
TIME = Escape(
    "real time",
    "await asyncio.sleep() instead; code that must block does so on virtual time with "
    'threads="managed"',
)
THREAD = Escape(
    "a real thread",
    'run with threads="managed", so that threads follow the schedule, or with threads="free" '
    "if the run need not be repeatable",
)

ESCAPES = {
    "create_datagram_endpoint": NETWORK,
    "connect_accepted_socket": NETWORK,
    "start_tls": NETWORK,
    "sock_recv": NETWORK,
    "sock_recv_into": NETWORK,
    "sock_recvfrom": NETWORK,
    "sock_recvfrom_into": NETWORK,
    "sock_sendall": NETWORK,
    "sock_sendto": NETWORK,
    "sock_accept": NETWORK,
    "sock_sendfile": NETWORK,
    "add_reader": DESCRIPTOR,
    "add_writer": DESCRIPTOR,
    "connect_read_pipe": DESCRIPTOR,
    "connect_write_pipe": DESCRIPTOR,
    "add_signal_handler": SIGNAL,
    "subprocess_shell": PROCESS,
    "subprocess_exec": PROCESS,
}

# What was never added is not there to remove: these answer False, as on a stock loop.
NEVER_ADDED = ("remove_reader", "remove_writer", "remove_signal_handler")

Loop = TypeVar("Loop", bound=type)


def without_escapes(loop_class: Loop) -> Loop:
    """``loop_class`` with a refusal in the place of every method that ``ESCAPES`` lists."""
    for name, escape in ESCAPES.items():
        setattr(loop_class, name, _refusal(name, escape))
    for name in NEVER_ADDED:
        setattr(loop_class, name, lambda self, key: False)
    return loop_class


def _refusal(name: str, escape: Escape) -> Callable[..., NoReturn]:
    def refuse(self: object, *args: Any, **options: Any) -> NoReturn:
        raise escape.error(f"loop.{name}", place_of_caller(sys._getframe(1)))

    refuse.__name__ = name
    return refuse


# --- calls outside of the loop -----------------------------------------------------------------


def _is_pair(connection: socket.socket, *_: Any, **__: Any) -> bool:
    """Whether a socket is one of ``socket.socketpair``: without a name, known to the process."""
    with contextlib.suppress(OSError):
        is_local = connection.family == getattr(socket, "AF_UNIX", None)
        return is_local and not connection.getsockname() and not connection.getpeername()
    return False


def _is_numeric(host: object = None, *_: Any, **__: Any) -> bool:
    """Whether a host is an address already, so that nobody is asked for it."""
    if isinstance(host, bytes):
        host = host.decode(errors="replace")
    if isinstance(host, str) and host:
        with contextlib.suppress(ValueError):
            ipaddress.ip_address(host.partition("%")[0])
            return True
    return not host


def _is_own_process(pid: object = None, *_: Any, **__: Any) -> bool:
    return pid == os.getpid()


def _is_no_time(seconds: Any = 0, *_: Any, **__: Any) -> bool:
    return not seconds


Spares = Callable[..., bool]


def _no_use(*args: Any, **options: Any) -> bool:
    return False


class Calls(NamedTuple):
    """Functions of one module, or methods of one class, by which a program leaves its run.

    ``shown`` is what a report calls the owner, and a call whose name is not for users; a name
    counts only where the platform has it.
    """

    owner: Any
    shown: str
    names: str
    escape: Escape
    spares: Spares = _no_use

    def functions(self) -> Iterator[tuple[str, str, Any]]:
        """Name, what a report calls it, and the real one."""
        for name in self.names.split():
            if hasattr(self.owner, name):
                shown = self.shown if name.startswith("_") else f"{self.shown}.{name}"
                yield name, shown, getattr(self.owner, name)


# Methods stand at their classes, functions of C also where Python's own modules call them, so that
# ``from socket import socket`` or ``getaddrinfo`` under another name is met all the same.
CALLS = (
    Calls(socket.socket, "socket", "connect connect_ex bind listen accept", NETWORK),
    Calls(
        socket.socket,
        "socket",
        "send sendall sendto sendmsg sendfile recv recv_into recvfrom recvfrom_into recvmsg "
        "recvmsg_into",
        NETWORK,
        _is_pair,
    ),
    Calls(_socket, "socket", "getaddrinfo", DNS, _is_numeric),
    Calls(socket, "socket", "gethostbyname gethostbyname_ex", DNS, _is_numeric),
    Calls(socket, "socket", "gethostbyaddr getnameinfo", DNS),
    Calls(subprocess.Popen, "subprocess.Popen", "__init__", PROCESS),
    Calls(sys.modules.get("_posixsubprocess"), "posixsubprocess", "fork_exec", PROCESS),
    Calls(
        os,
        "os",
        "fork forkpty system execv execve posix_spawn posix_spawnp startfile killpg",
        PROCESS,
    ),
    Calls(os, "os", "kill", PROCESS, _is_own_process),
    Calls(
        signal, "signal", "signal alarm setitimer pause sigwait sigwaitinfo sigtimedwait", SIGNAL
    ),
)

# Like the others, but only on the loop's own thread: there nothing else goes on meanwhile.
BLOCKING_CALLS = (
    Calls(time, "time", "sleep", TIME, _is_no_time),
    Calls(select, "select", "select poll epoll kqueue", DESCRIPTOR),
    *(
        Calls(getattr(selectors, name, None), f"selectors.{name}", "select", DESCRIPTOR)
        for name in ("SelectSelector", "PollSelector", "EpollSelector", "KqueueSelector")
    ),
)

# Each of these takes the function that the new thread runs.
THREAD_STARTS = (
    Calls(threading, "threading.Thread.start", "_start_new_thread", THREAD),
    Calls(threading, "threading.Thread.start", "_start_joinable_thread", THREAD),
    Calls(_thread, "_thread", "start_new_thread start_new start_joinable_thread", THREAD),
)
