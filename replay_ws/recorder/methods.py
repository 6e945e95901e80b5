"""Which methods of a user's object are recorded, and which of their calls are messages.

A method is found as the object itself gives it, so methods, functions that were put on an instance,
and class methods will all do. Its calls are messages if its parameters name both a connection and
something to send; a mapping says so where names do not.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from replay_ws.errors import ConfigError, unknown
from replay_ws.events.calls import Kind, Method, Sends
from replay_ws.events.log import Direction

Parameters = tuple[str, str] | tuple[str, str, str] | None
"""Names of the parameters for connection and message, and for the type if it is apart."""
Methods = Iterable[str] | Mapping[str, Parameters] | None

CONNECTIONS = (
    *("thread_id", "connection_id", "client_id", "socket_id", "sid", "session_id"),
    *("user_id", "run_id", "thread", "connection", "client", "user", "room"),
)
MESSAGES = ("message", "payload", "msg", "data", "event", "body", "text")
TYPES = ("event_type", "message_type", "type", "kind", "event")
"""Names of parameters, the likeliest first."""

_FROM_THE_CLIENT = ("receive", "recv", "handle", "on_")
"""What methods begin with whose messages go upstream."""


def methods_of(manager: object, chosen: Methods) -> list[Method]:
    """The methods to record, in the order in which they were named.

    None is every public method that can be recorded, by name. Raises ConfigError for a name that is
    no method, a generator, and for parameters that the method has not.
    """
    if chosen is None:
        return [
            _method(manager, name) for name in public(manager) if not _is_generator(manager, name)
        ]
    if isinstance(chosen, str):
        raise ConfigError(f"methods is {chosen!r:.60}", mend=f"pass a list: methods=[{chosen!r}]")
    said = chosen if isinstance(chosen, Mapping) else {}
    methods = [_method(manager, name) for name in dict.fromkeys(chosen)]
    return [_as_said(method, said) for method in methods]


def public(manager: object) -> list[str]:
    """Names of the methods that the class shows, sorted; no property is asked for its value."""
    kind = type(manager)
    names = (name for name in dir(kind) if not name.startswith("_"))
    return [name for name in names if inspect.isroutine(inspect.getattr_static(kind, name))]


def _is_generator(manager: object, name: str) -> bool:
    function = getattr(manager, name)
    return inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)


def _method(manager: object, name: Any) -> Method:
    function = getattr(manager, name, None) if isinstance(name, str) else None
    if function is None or not callable(function):
        raise unknown(f"method of {type(manager).__qualname__}", name, public(manager))
    if _is_generator(manager, name):
        raise ConfigError(
            f"{type(manager).__qualname__}.{name} is a generator, whose items are no return value",
            mend="leave it out, or record the method that takes each item",
        )
    signature = _signature(function)
    kind: Kind = "async" if inspect.iscoroutinefunction(function) else "sync"
    return Method(name, kind, signature, _guess(name, signature))


_ANYTHING = inspect.signature(lambda *args, **kwargs: None)


def _signature(function: Callable[..., Any]) -> inspect.Signature:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):  # some of those that are written in C have none
        return _ANYTHING


def _guess(name: str, signature: inspect.Signature) -> Sends | None:
    """What the names of the parameters say."""
    names = signature.parameters.keys()
    connection = next((each for each in CONNECTIONS if each in names), "")
    message = next((each for each in MESSAGES if each in names), "")
    kind = next((each for each in TYPES if each in names and each != message), "")
    if not connection or not message:
        return None
    return Sends(connection, message, kind, _direction(name))


def _direction(name: str) -> Direction:
    is_upstream = name.startswith(_FROM_THE_CLIENT)
    return Direction.UPSTREAM if is_upstream else Direction.DOWNSTREAM


def _as_said(method: Method, said: Mapping[str, Parameters]) -> Method:
    """``method`` with the parameters that the user gave for it."""
    if method.name not in said:
        return method
    names: Any = said[method.name]
    sends = None
    if names is not None:
        if not isinstance(names, tuple) or len(names) not in (2, 3):
            mend = f"methods={{{method.name!r}: ('thread_id', 'message')}}, or None for no message"
            raise ConfigError(f"{names!r:.60} names no two parameters", mend=mend)
        for name in names:
            if name not in method.signature.parameters:
                known = method.signature.parameters
                raise unknown(f"parameter of {method.name}", name, known)
        connection, message, kind = (*names, "")[:3]
        sends = Sends(connection, message, kind, _direction(method.name))
    return Method(method.name, method.kind, method.signature, sends)
