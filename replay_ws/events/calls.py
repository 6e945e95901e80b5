"""Calls of a user's own object as values: how a method is called, and what goes into a row of it.

Whatever an argument is, something can be recorded of it: what has no canonical encoding leaves the
name of its type, ``<WebSocket>``, in its place. Nothing here raises for what a user passes around.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import Parameter, Signature
from typing import Any, Literal

from replay_ws.events.encoding import decode, encode
from replay_ws.events.log import Direction

Kind = Literal["sync", "async"]

_KINDS = {
    kind.name.lower(): kind
    for kind in (
        Parameter.POSITIONAL_ONLY,
        Parameter.POSITIONAL_OR_KEYWORD,
        Parameter.VAR_POSITIONAL,
        Parameter.KEYWORD_ONLY,
        Parameter.VAR_KEYWORD,
    )
}
_LEVELS_MAX = 16
"""Containers within containers that are kept of a value that has no encoding as a whole."""


@dataclass(frozen=True, slots=True)
class Sends:
    """Which parameters make a call a message; ``type`` is empty where the message says its own."""

    connection: str
    message: str
    type: str = ""
    direction: Direction = Direction.DOWNSTREAM


@dataclass(frozen=True, slots=True)
class Method:
    """How a method of a recorded object is called."""

    name: str
    kind: Kind
    signature: Signature
    sends: Sends | None = None

    def plain(self) -> dict[str, Any]:
        """What its row holds."""
        parameters = [_plain(parameter) for parameter in self.signature.parameters.values()]
        about: dict[str, Any] = {"name": self.name, "kind": self.kind, "parameters": parameters}
        if self.sends is not None:
            by_name = {name: getattr(self.sends, name) for name in Sends.__slots__}
            about["sends"] = by_name | {"direction": int(self.sends.direction)}
        return about

    @classmethod
    def of(cls, about: Any) -> Method:
        """The method that a row tells of; raises ValueError or its kind where it tells of none."""
        sends = None
        if "sends" in about:
            named = {name: about["sends"][name] for name in Sends.__slots__}
            sends = Sends(**named | {"direction": Direction(named["direction"])})
            if not all(type(part) is str for part in (sends.connection, sends.message, sends.type)):
                raise TypeError("a parameter's name is no text")
        kind = about["kind"]
        if kind not in ("sync", "async") or type(about["name"]) is not str:
            raise ValueError(f"a method of kind {kind!r:.60}")
        signature = Signature([_parameter(each) for each in about["parameters"]])
        return cls(about["name"], kind, signature, sends)

    def arguments(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """What a call says, by parameter; ``args`` and ``kwargs`` where the method refuses them."""
        try:
            bound = self.signature.bind(*args, **kwargs)
        except TypeError:
            return {"args": list(args), "kwargs": dict(kwargs)}
        bound.apply_defaults()
        return bound.arguments

    def connection(self, arguments: Mapping[str, Any]) -> str:
        """The connection that a call is about; the empty text where it is about none."""
        if self.sends is None or self.sends.connection not in arguments:
            return ""
        return name_of(arguments[self.sends.connection])


def _plain(parameter: Parameter) -> dict[str, Any]:
    about: dict[str, Any] = {"name": parameter.name, "kind": parameter.kind.name.lower()}
    if parameter.default is not Parameter.empty:
        about["default"] = recordable(parameter.default)
    return about


def _parameter(about: Any) -> Parameter:
    default = about.get("default", Parameter.empty)
    return Parameter(about["name"], _KINDS[about["kind"]], default=default)


# --- values ----------------------------------------------------------------------------------


def name_of(value: object) -> str:
    """A connection's name: the value as text where that is the same in every process."""
    plain = recordable(value)
    return plain if type(plain) is str else f"{plain}"


def packed(value: Any) -> bytes:
    """The canonical bytes of ``value``, or of what can be recorded of it."""
    try:
        return encode(value)
    except Exception:  # a model may raise anything while it is taken apart
        return encode(_outline(value, _LEVELS_MAX, frozenset()))


def recordable(value: Any) -> Any:
    """``value`` as it will be read back."""
    return decode(packed(value))


def _outline(value: Any, levels: int, within: frozenset[int]) -> Any:
    """``value`` with names of types in the place of everything that has no encoding."""
    if type(value) in _CONTAINERS:
        if not levels or id(value) in within:
            return stranger(value)
        inner = within | {id(value)}
        try:
            return _CONTAINERS[type(value)](value, lambda part: _outline(part, levels - 1, inner))
        except Exception:  # another thread changes it meanwhile
            return stranger(value)
    try:
        encode(value)
    except Exception:
        return stranger(value)
    return value


_CONTAINERS: Mapping[type, Callable[[Any, Callable[[Any], Any]], Any]] = {
    dict: lambda value, of: {_as_key(of(name)): of(part) for name, part in value.items()},
    list: lambda value, of: [of(part) for part in value],
    tuple: lambda value, of: tuple(of(part) for part in value),
    set: lambda value, of: sorted((of(part) for part in value), key=encode),
    frozenset: lambda value, of: sorted((of(part) for part in value), key=encode),
}


def _as_key(name: Any) -> Any:
    return str(name) if isinstance(name, (list, dict)) else name


def stranger(value: object) -> str:
    """What stands for a value that cannot be recorded."""
    return f"<{type(value).__qualname__}>"
