"""How an event is read under a profile: its type, and the fields in its body.

What a profile asks for again and again is compiled: a function that looks up its places.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import Any, TypeAlias

from replay_ws.compliance.profile import Profile
from replay_ws.compliance.rules import Envelope, Pointer
from replay_ws.events.log import Op
from replay_ws.events.model import Event

NOTHING = object()
"""Stands for a place where there is nothing; null is something."""

Getter: TypeAlias = Callable[[Any], Any]
"""What a payload holds at some places, or NOTHING."""

Namer: TypeAlias = Callable[[Any], str]
"""What names something in a payload, as text; empty when nothing does."""


def at(value: Any, pointer: Pointer) -> Any:
    """What ``pointer`` leads to within ``value``, or NOTHING."""
    for step in pointer:
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return NOTHING
    return value


# --- the type ------------------------------------------------------------------------------


def envelope_of(payload: Any, profile: Profile) -> Envelope | None:
    """The envelope that an event comes in, if it comes in one."""
    for envelope in profile.envelopes:
        if holds(payload, envelope.when) and all(
            at(payload, place) is not NOTHING for place in envelope.has
        ):
            return envelope
    return None


def holds(payload: Any, when: tuple[tuple[Pointer, Any], ...]) -> bool:
    """Whether places hold these values, or one of a list."""
    return all(at(payload, place) in choices(wanted) for place, wanted in when)


def choices(wanted: Any) -> list[Any]:
    """The values that a place may hold, of which a profile names one, or a list."""
    return wanted if isinstance(wanted, list) else [wanted]


def type_of(payload: Any, profile: Profile) -> str:
    """The type of an event, in the profile's words; empty when the payload does not say."""
    inner = (at(payload, place) for place in profile.within)
    payload = next((value for value in inner if value is not NOTHING), payload)
    if not isinstance(payload, dict):
        return ""
    places = profile.type
    envelope = envelope_of(payload, profile) if profile.envelopes else None
    if envelope:
        if envelope.as_:
            return envelope.as_
        if envelope.type:
            places = (envelope.type, *places)
    for place in places:
        name = at(payload, place)
        if isinstance(name, str) and name:
            return profile.aliases.get(name, name)
    return ""


def envelopes_by_type(profile: Profile) -> frozenset[str] | None:
    """The types that only envelopes have, where an event says in one key which it is, else None."""
    first = profile.type[0] if profile.type else ()
    said = [
        name for envelope in profile.envelopes for name in choices(dict(envelope.when).get(first))
    ]
    wrapped = [name for name in said if isinstance(name, str)]
    in_one_key = len(first) == 1 and len(wrapped) == len(said) and not profile.within
    return frozenset(wrapped) if in_one_key else None


def typer(profile: Profile) -> Callable[[Any], str]:
    """``type_of`` for many events of one profile.

    Most events say their type in the first place, and come in no envelope.
    """
    envelopes, aliases = envelopes_by_type(profile), profile.aliases
    if envelopes is None:
        return lambda payload: type_of(payload, profile)
    ((key,), *_) = profile.type

    def quick(payload: Any) -> str:
        if payload.__class__ is dict:
            name = payload.get(key)
            if name.__class__ is str and name and name not in envelopes:
                return aliases.get(name, name) if aliases else name
        return type_of(payload, profile)

    return quick


# --- fields --------------------------------------------------------------------------------


def find(payload: Any, places: tuple[Pointer, ...], profile: Profile) -> Any:
    """The value at the first of ``places`` that is there, in any of the profile's bodies."""
    return getter(places, profile)(payload)


def name_at(payload: Any, places: tuple[Pointer, ...], profile: Profile) -> str:
    """What names something in ``payload``, as text; empty when nothing does."""
    return name_of(find(payload, places, profile))


def name_of(value: Any) -> str:
    """A value as a name; empty for what names nothing."""
    return str(value) if isinstance(value, (str, int)) else ""


def getter(places: tuple[Pointer, ...], profile: Profile) -> Getter:
    """The value at the first of ``places`` that is there, in any of the profile's bodies."""
    wrapped = [envelope.body for envelope in profile.envelopes if envelope.body]
    outer = (*profile.within, ())
    bodies = tuple(
        dict.fromkeys(place + body for place in outer for body in (*profile.body, *wrapped))
    )
    pointers = tuple(body + place for place in places for body in bodies)
    if len(pointers) == 1 and len(pointers[0]) == 1:
        ((key,),) = pointers

        def flat(payload: Any) -> Any:
            return payload.get(key, NOTHING) if isinstance(payload, dict) else NOTHING

        return flat

    if all(0 < len(pointer) < 3 for pointer in pointers):
        return _shallow([(pointer[:-1], pointer[-1]) for pointer in pointers])

    def first(payload: Any) -> Any:
        for pointer in pointers:
            value = at(payload, pointer)
            if value is not NOTHING:
                return value
        return NOTHING

    return first


def _shallow(places: list[tuple[Pointer, str]]) -> Getter:
    """The first of some keys, each of the payload itself or of what one of its keys holds."""
    steps = [(outer[0] if outer else None, key, (*outer, key)) for outer, key in places]

    def first(payload: Any) -> Any:
        for outer, key, pointer in steps:
            holder = payload
            if outer is not None and payload.__class__ is dict:
                holder = payload.get(outer)
            if holder.__class__ is dict:
                if key in holder:
                    return holder[key]
            elif holder is not None:
                value = at(payload, pointer)
                if value is not NOTHING:
                    return value
        return NOTHING

    return first


def namer(places: tuple[Pointer, ...], profile: Profile, *, joined: bool = False) -> Namer:
    """What names something: the first of ``places`` that holds something, or all of them."""
    if joined and len(places) > 1:
        parts = [namer((place,), profile) for place in places]
        return lambda payload: " ".join([part(payload) for part in parts])
    if not places:
        return lambda payload: ""
    get = getter(places, profile)

    def name(payload: Any) -> str:
        value = get(payload)
        if value.__class__ is str:
            return value
        return name_of(value)

    return name


# --- what JSON cannot say ------------------------------------------------------------------

_SUSPECTS = bytes([*range(0xC4, 0xCC), *range(0xD4, 0xD9)])
"""First bytes of bytes, extensions and floats in msgpack; UTF-8 has some of them, too."""
_OTHERS = bytes(byte for byte in range(256) if byte not in _SUSPECTS)


def is_suspect(body: str | bytes) -> bool:
    """Whether what is packed in ``body`` may be more than JSON can say."""
    return isinstance(body, str) or bool(body.translate(None, _OTHERS))


def foreign_to_json(event: Event, payload: Any) -> str:
    """What the payload of an event holds that JSON cannot say; empty when there is nothing."""
    return foreign_in(event.op, event.body, payload)


def foreign_in(op: int, body: str | bytes, payload: Any) -> str:
    """The same of a body and the payload in it."""
    if isinstance(body, str):
        if "NaN" not in body and "Infinity" not in body:
            return ""  # it was JSON when it came
    elif op == Op.OBJECT and not is_suspect(body):
        return ""
    waiting = [payload]
    while waiting:
        match waiting.pop():
            case None | str() | int():
                pass
            case float() as number:
                if not isfinite(number):
                    return f"the number {number}"
            case dict() as table:
                waiting.extend(table.values())
                waiting.extend(table.keys())
            case list() as items:
                waiting.extend(items)
            case tuple() as items if type(items) is tuple:
                waiting.extend(items)
            case other:
                return f"a {type(other).__name__}"
    return ""
