"""What a virtual loop refuses: whatever would leave the run and meet the real world.

A socket, a signal or a process answers in its own time, so a run that touches one has no
second run like it. The table names every method of an event loop that does so; each of them
raises an ``EscapeError`` that says which call, on which line, and what to do instead.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from replay_ws.errors import EscapeError
from replay_ws.sim.places import place_of_caller


@dataclass(frozen=True, slots=True)
class _Escape:
    what: str
    mend: str


_NETWORK = _Escape(
    "the real network", "talk to a MockWebSocketManager inside the run, or use a stock loop"
)
_DESCRIPTOR = _Escape(
    "a real file descriptor", "feed the bytes from a task of the run, or use a stock loop"
)
_SIGNAL = _Escape(
    "real signals", "call the handler from a task of the run; Ctrl-C works without one"
)
_PROCESS = _Escape(
    "a real process", "run the process before the run and give it its output, or use a stock loop"
)

ESCAPES = {
    "create_datagram_endpoint": _NETWORK,
    "connect_accepted_socket": _NETWORK,
    "start_tls": _NETWORK,
    "sock_recv": _NETWORK,
    "sock_recv_into": _NETWORK,
    "sock_recvfrom": _NETWORK,
    "sock_recvfrom_into": _NETWORK,
    "sock_sendall": _NETWORK,
    "sock_sendto": _NETWORK,
    "sock_accept": _NETWORK,
    "sock_sendfile": _NETWORK,
    "add_reader": _DESCRIPTOR,
    "add_writer": _DESCRIPTOR,
    "connect_read_pipe": _DESCRIPTOR,
    "connect_write_pipe": _DESCRIPTOR,
    "add_signal_handler": _SIGNAL,
    "subprocess_shell": _PROCESS,
    "subprocess_exec": _PROCESS,
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


def _refusal(name: str, escape: _Escape) -> Callable[..., NoReturn]:
    def refuse(self: object, *args: Any, **options: Any) -> NoReturn:
        raise EscapeError(
            f"loop.{name}() reaches for {escape.what}, and this run is on virtual time",
            where=place_of_caller(sys._getframe(1)),
            mend=escape.mend,
        )

    refuse.__name__ = name
    return refuse
