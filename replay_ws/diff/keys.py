"""What makes two events equal.

``key`` is cheap and taken of every event: the body as it is. ``content`` is dear and taken only of
events that found no equal: the payload as data, so that JSON text is equal whatever its spaces and
the order of its keys. Both see every ``<secret-N>`` as the same: the numbers are ids, given in
the order of first use, and whether they answer each other one to one is judged after alignment.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, TypeAlias

from replay_ws.events.encoding import DEPTH_MAX, EncodingError, encode
from replay_ws.events.log import Op
from replay_ws.events.model import Event

Key: TypeAlias = "tuple[str, int, int, str, str | bytes]"

CONTENT_SIZE_MAX = 1024 * 1024
"""Payloads above so many bytes are equal only if their bytes are."""

_SECRET = re.compile("<secret-[0-9]+>")
_SECRET_BYTES = re.compile(b"<secret-[0-9]+>")
_NAN = float("nan")


def key(event: Event) -> Key:
    """Lane, opcode, type and body; equal keys are equal events."""
    body = event.body
    if has_secret(body):
        body = _without_numbers(event)
    return (event.connection, event.direction, event.op, event.type, body)


def unnumbered(event: Event) -> Event:
    """``event`` without the numbers of its secrets."""
    return replace(event, body=_without_numbers(event)) if has_secret(event.body) else event


def rank(of: Key) -> tuple[Any, ...]:
    """``of`` as something that sorts, whatever its body is."""
    return (*of[:4], isinstance(of[4], str), of[4])


def family(event: Event) -> tuple[str, int, str, bool]:
    """What a changed event still has in common with what it was: lane, type, message or not."""
    return (event.connection, event.direction, event.type, event.op in (Op.TEXT, Op.OBJECT))


def data(event: Event) -> Any:
    """The payload as data; the body itself of one that nests deeper than events may.

    How deep ``json`` can read differs between Pythons; how deep we look does not.
    """
    body = event.body
    if isinstance(body, str) and body.count("[") + body.count("{") > DEPTH_MAX:
        return body if _packed(event, blur=False) is None else event.payload
    return event.payload


def content(event: Event) -> bytes | None:
    """The payload as canonical bytes, without the numbers of secrets; None if it is not data."""
    body = event.body
    is_data = event.op is Op.OBJECT or (isinstance(body, str) and body.lstrip()[:1] in ("{", "["))
    return _packed(event, blur=True) if is_data and len(body) <= CONTENT_SIZE_MAX else None


def secrets(event: Event, partner: Event) -> list[tuple[str, str]]:
    """The secrets of two equal events, each with the one that stands in its place."""
    if event.body == partner.body:
        ours = theirs = _found(event.body)
    else:
        ours, theirs = (_found(_packed(e, blur=False) or e.body) for e in (event, partner))
    return list(zip(ours, theirs, strict=False))


def has_secret(body: str | bytes) -> bool:
    """Whether a placeholder may be in ``body``."""
    return "<secret-" in body if isinstance(body, str) else b"<secret-" in body


def _found(body: str | bytes) -> list[str]:
    if isinstance(body, str):
        return _SECRET.findall(body)
    return [match.decode("ascii") for match in _SECRET_BYTES.findall(body)]


def _without_numbers(event: Event) -> str | bytes:
    body = event.body
    if isinstance(body, str):
        return _SECRET.sub("<secret>", body)
    # A placeholder within msgpack has its length before it, which may change with the number.
    packed = _packed(event, blur=True) if event.op is Op.OBJECT else None
    return packed or _SECRET_BYTES.sub(b"<secret>", body)


def _packed(event: Event, *, blur: bool) -> bytes | None:
    try:
        return encode(_canonical(event.payload, blur))
    except (EncodingError, RecursionError):
        return None


def _canonical(item: Any, blur: bool) -> Any:
    """``item`` with its keys in order and one NaN."""
    match item:
        case dict():
            pairs = [(_canonical(k, blur), _canonical(v, blur)) for k, v in item.items()]
            return dict(sorted(pairs, key=_by_key))
        case str():
            return _SECRET.sub("<secret>", item) if blur and "<secret-" in item else item
        case float() if item != item:
            return _NAN
        case list() | set() | frozenset():
            return type(item)(_canonical(part, blur) for part in item)
        case tuple() if type(item) is tuple:
            return tuple(_canonical(part, blur) for part in item)
        case _:
            return item


def _by_key(pair: tuple[Any, Any]) -> tuple[bool, Any]:
    name = pair[0]
    return (False, name) if isinstance(name, str) else (True, encode(name))
