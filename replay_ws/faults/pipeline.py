"""The pipeline: every toxic of a configuration, in the order in which they meet a message.

A configuration's own fields make one toxic of a type each, where they make it do anything; its
``toxics`` come behind them, type by type as in ``TYPES``. The toxics of ``faults`` join while they
work.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Protocol

from replay_ws.clock import NS_PER_MS
from replay_ws.errors import ConfigError, known
from replay_ws.faults.frames import FRAME_KINDS
from replay_ws.faults.timeline import Fault, require_timeline
from replay_ws.faults.toxics import TOXICS_MAX, Toxic
from replay_ws.faults.types import TYPES, Type


class Fields(Protocol):
    """What a pipeline is made of; a MockConfiguration has it."""

    def __hash__(self) -> int: ...
    @property
    def link(self) -> str: ...
    @property
    def latency_ms(self) -> float: ...
    @property
    def jitter_ms(self) -> float: ...
    @property
    def reorder_within_thread(self) -> bool: ...
    @property
    def toxics(self) -> tuple[Toxic, ...]: ...
    @property
    def faults(self) -> tuple[Fault, ...]: ...


_PLACES = {name: place for place, name in enumerate(TYPES)}

BUILT_IN_NAMES = {"latency": "jitter"}
"""What the toxic of a configuration's own fields is called where not like its type: decisions speak
of the part of a latency that is drawn."""

BUILT_IN = frozenset(BUILT_IN_NAMES.get(name, name) for name in TYPES)
"""What toxics are called that nobody named."""


def place(toxic: Toxic) -> int:
    """Where in the pipeline a toxic works."""
    return _PLACES[toxic.type]


@lru_cache(maxsize=1_024)
def pipeline_of(config: Fields, asked: frozenset[str] = frozenset()) -> tuple[Toxic, ...]:
    """All toxics that work from the beginning, in order.

    ``asked`` are the names that a plan decides about: it may strike where the configuration has no
    such toxic.
    """
    return tuple(sorted((*_built_in(config, asked), *config.toxics), key=place))


@lru_cache(maxsize=1_024)
def toxics_by_name(config: Fields) -> Mapping[str, Toxic]:
    """Every toxic that may ever ask chance, by the name that keys its draws."""
    begun = [fault for fault in config.faults if fault.toxic is not None]
    named = {toxic.name: toxic for toxic in pipeline_of(config)}
    named |= {fault.toxic.name: fault.toxic for fault in begun if fault.toxic is not None}
    for fault in begun:
        if fault.jitter_ns and fault.toxic is not None:
            # How late one of many times begins: drawn like what spreads a server's farewell.
            jitter_ms = fault.jitter_ns / NS_PER_MS
            named[f"{fault.toxic.name}.every"] = Toxic("drain", stagger=jitter_ms)
    return named


def _built_in(config: Fields, asked: frozenset[str]) -> Iterator[Toxic]:
    for type_name, type_ in TYPES.items():
        name = BUILT_IN_NAMES.get(type_name, type_name)
        own = {
            key: attribute.of_field(getattr(config, attribute.field))
            for key, attribute in type_.attributes.items()
            if attribute.field
        }
        if type_name == "latency":
            # A field's jitter only ever adds: the same range has its middle half of it later.
            half = config.jitter_ms / 2
            own |= {"latency": config.latency_ms + half, "jitter": half}
        forced = name in asked and config.link in type_.links
        forced = forced and not type_.lacks({**_defaults(type_), **own})
        if (own and _works(type_, own)) or forced:
            yield Toxic(type_name, name=name, stream="both", **own)


def _defaults(type_: Type) -> dict[str, Any]:
    return {key: attribute.default for key, attribute in type_.attributes.items()}


def _works(type_: Type, own: dict[str, Any]) -> bool:
    return any(own.get(need) for need in type_.needs)


def require_pipeline(config: Fields) -> None:
    """Raises ConfigError for toxics that the link has not, or that contradict each other."""
    static = pipeline_of(config)
    named: dict[str, tuple[Toxic, str]] = {}
    entries = [(toxic, f"toxics[{number}]") for number, toxic in enumerate(config.toxics)]
    begun = [(fault.toxic, f"faults[{number}]") for number, fault in enumerate(config.faults)]
    own = [(toxic, "MockConfiguration") for toxic in static if toxic not in config.toxics]
    for toxic, where in (*own, *entries, *begun):
        if toxic is None:
            continue
        _require_link(toxic, config, where)
        other, origin = named.setdefault(toxic.name, (toxic, where))
        twice = origin == "MockConfiguration" or where in {at for _, at in entries}
        if origin != where and (other != toxic or twice):
            raise ConfigError(
                f"a toxic named {toxic.name!r} is there already ({origin})",
                where=where,
                mend=f"give it a name of its own: name = '{toxic.name}-2'",
            )
    if len(named) > TOXICS_MAX:
        _, last = list(named.values())[TOXICS_MAX]
        raise ConfigError(
            f"more than {TOXICS_MAX} toxics", where=last, mend="leave this one and what follows out"
        )
    require_timeline(
        config.faults, {name: where for name, (_, where) in named.items() if where[0] != "f"}
    )
    if config.link != "message" and config.reorder_within_thread:
        raise ConfigError(
            f"reorder_within_thread is True, and a {config.link} link keeps its order",
            where="MockConfiguration",
            mend="use link='message'",
        )


def _require_link(toxic: Toxic, config: Fields, where: str) -> None:
    links = TYPES[toxic.type].links
    if config.link not in links:
        raise ConfigError(
            f"there is no {toxic.type} on a {config.link} link",
            where=where,
            mend=f"use a link of: {known(links)}",
        )
    lossy = toxic.type == "queue" and str(toxic["overflow"]).startswith("drop")
    if lossy and config.link != "message":
        raise ConfigError(
            f"overflow is {toxic['overflow']!r}, and a {config.link} link loses nothing midway",
            where=where,
            mend="use block, reject or close_1013",
        )
    if toxic.type == "malformed" and config.link != "bytes":
        framed = [kind for kind in toxic["kinds"] if kind in FRAME_KINDS]
        if framed:
            raise ConfigError(
                f"{framed[0]} harms a frame, and a {config.link} link has none",
                where=where,
                mend="use link='bytes', or kinds that harm the message",
            )
    if toxic.type == "drain" and where[0] != "f":
        raise ConfigError(
            "a drain has no time here", where=where, mend="put it into faults: {at = '10s', ...}"
        )
