"""How an event is read under a profile: its type, and the fields in its body."""

from __future__ import annotations

from math import isfinite
from typing import Any

from replay_ws.compliance.profile import Pointer, Profile
from replay_ws.events.model import Event

NOTHING = object()
"""Stands for a place where there is nothing; null is something."""


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


def type_of(payload: Any, profile: Profile) -> str:
    """The type of an event, in the profile's words; empty when the payload does not say."""
    if not isinstance(payload, dict):
        return ""
    places = profile.type
    for envelope in profile.envelopes:
        if all(at(payload, place) == wanted for place, wanted in envelope.when):
            places = (envelope.type, *places)
            break
    for place in places:
        name = at(payload, place)
        if isinstance(name, str) and name:
            return profile.aliases.get(name, name)
    return ""


def find(payload: Any, places: tuple[Pointer, ...], profile: Profile) -> Any:
    """The value at the first of ``places`` that is there, in any of the profile's bodies."""
    for place in places:
        for body in profile.body:
            value = at(payload, body + place)
            if value is not NOTHING:
                return value
    return NOTHING


def name_at(payload: Any, places: tuple[Pointer, ...], profile: Profile) -> str:
    """What names something in ``payload``, as text; empty when nothing does."""
    value = find(payload, places, profile)
    return str(value) if isinstance(value, (str, int)) else ""


def foreign_to_json(event: Event, payload: Any) -> str:
    """What the payload holds that JSON cannot say; empty when there is nothing."""
    if isinstance(event.body, str) and "NaN" not in event.body and "Infinity" not in event.body:
        return ""  # it was JSON when it came
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
