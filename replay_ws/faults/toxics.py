"""Toxics: what harms messages on a direction of a connection, as data.

A toxic is a row: its type, a name of its own, the direction it works on, which connections it is
for, and the type's attributes. A type is *what* is done; how it is done stands in
``replay_ws.channel``, when chance lets it happen in ``replay_ws.faults.chance``. A configuration's
own fields make one toxic of a type each, named like the type: ``packet_loss_rate=0.2`` and
``Toxic("loss", rate=0.2)`` are the same row.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Self

from replay_ws.errors import ConfigError, known, unknown
from replay_ws.events.log import Direction
from replay_ws.faults import checks
from replay_ws.faults.checks import Check, choice, rate
from replay_ws.faults.types import STREAMS, TYPES

TOXICS_MAX = 64
"""More on one channel is a mistake, and would cost every message."""

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True, init=False)
class Toxic:
    """One toxic: ``Toxic("latency", latency=200, jitter=50, name="slow", stream="upstream")``.

    ``name`` (by default the type's) keys its draws and tells toxics of one type apart.
    ``toxicity`` is the share of connections it is for, drawn once for each; ``connection`` a
    pattern (``*``, ``?``) of their names. Raises ConfigError for a type, an attribute or a value
    that there is not.
    """

    type: str
    name: str
    stream: str
    toxicity: float
    connection: str
    attributes: tuple[tuple[str, Any], ...]
    _values: Mapping[str, Any] = field(compare=False, repr=False)

    def __init__(
        self,
        type: str,
        *,
        name: str = "",
        stream: str = "downstream",
        toxicity: float = 1.0,
        connection: str = "*",
        **attributes: Any,
    ) -> None:
        if type not in list(TYPES):
            raise unknown("type of toxic", type, TYPES)
        where = f"toxic {name or type}"
        own = TYPES[type].attributes
        for attribute in attributes:
            if attribute not in own:
                raise unknown(f"attribute of {type}", attribute, [*own, *_COMMON])
        common = {"name": name or type, "stream": stream, "toxicity": toxicity}
        for key, value in {**common, "connection": connection}.items():
            object.__setattr__(self, key, _checked(key, value, _COMMON[key], where))
        values = {
            key: _checked(key, attributes.get(key, attribute.default), attribute.check, where)
            for key, attribute in own.items()
        }
        if TYPES[type].lacks(values):
            needs = TYPES[type].needs
            raise ConfigError(
                f"a {type} without {' or '.join(needs)} does nothing",
                where=where,
                mend=f"give it {'one of them' if needs[1:] else f'a {needs[0]}'}",
            )
        for low in (key for key in values if key.endswith("_min")):
            high = f"{low[:-4]}_max"
            if values[low] > values[high]:
                raise ConfigError(
                    f"{low} is {values[low]:g}, above {high} {values[high]:g}",
                    where=where,
                    mend="swap the two",
                )
        for leaving in (("p13", "p14"), ("p31", "p32")):
            if sum(values.get(key, 0.0) for key in leaving) > 1:
                raise ConfigError(
                    f"{' and '.join(leaving)} are more than 1 together",
                    where=where,
                    mend="they are the chances of leaving one state: lower one of them",
                )
        object.__setattr__(self, "type", type)
        object.__setattr__(self, "attributes", tuple(values.items()))
        object.__setattr__(self, "_values", values)

    @classmethod
    def of(cls, values: Any, where: str = "toxic") -> Self:
        """The toxic that a mapping describes, as in a plan file or a cassette; or ConfigError."""
        if isinstance(values, cls):
            return values
        if not isinstance(values, Mapping) or not all(isinstance(key, str) for key in values):
            raise ConfigError(
                f"{values!r:.60} is no toxic",
                where=where,
                mend="write a table with a type: {type = 'latency', latency = 200}",
            )
        if "type" not in values:
            raise ConfigError("a toxic has no type", where=where, mend=f"one of: {known(TYPES)}")
        try:
            return cls(**values)
        except ConfigError as error:
            inner = f"{where}: {error.where}" if error.where else where
            raise ConfigError(error.what, where=inner, mend=error.mend) from None

    def __getitem__(self, attribute: str) -> Any:
        return self._values[attribute]

    def plain(self) -> dict[str, Any]:
        """The toxic as plain data, with what differs from the defaults."""
        own = TYPES[self.type].attributes
        common = {key: getattr(self, key) for key in _COMMON}
        said = {key: value for key, value in common.items() if value != _USUAL.get(key, self.type)}
        said |= {key: value for key, value in self.attributes if value != own[key].default}
        return {
            "type": self.type,
            **{key: _listed(value) for key, value in said.items()},
        }

    def is_for(self, connection: str, direction: Direction) -> bool:
        """Whether the toxic is meant for this direction of a connection of this name."""
        return direction in STREAMS[self.stream] and fnmatchcase(connection, self.connection)

    def __repr__(self) -> str:
        said = (f"{key}={value!r}" for key, value in self.plain().items() if key != "type")
        return f"Toxic({', '.join([repr(self.type), *said])})"


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _name(value: Any) -> str:
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise ValueError("a name of letters, digits, - and _, which begins with a letter")
    return value


_COMMON: Mapping[str, Check] = {
    "name": _name,
    "stream": choice(*STREAMS),
    "toxicity": rate,
    "connection": checks.text,
}
"""What every toxic has."""
_USUAL: Mapping[str, Any] = {"stream": "downstream", "toxicity": 1.0, "connection": "*"}


def _checked(name: str, value: Any, check: Check, where: str) -> Any:
    try:
        return check(value)
    except ValueError as error:
        what = f"{name} is {value!r:.60}"
        raise ConfigError(what, where=where, mend=f"it must be {error}") from None
