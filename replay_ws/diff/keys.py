"""What makes two events equal.

``key`` is cheap and taken of every event: the body as it is, or what is exact of it where rules say
that something is volatile. ``content`` is dear and taken only of events that found no equal: the
payload as data, so that JSON text is equal whatever its spaces and the order of its keys. Both
see every ``<secret-N>`` as the same: the numbers are ids, given in the order of first use, and
whether they answer each other one to one is judged after alignment, as of all ids.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, TypeAlias

from replay_ws.diff.volatile import NO_RULES, Volatile
from replay_ws.events.encoding import DEPTH_MAX, EncodingError, encode
from replay_ws.events.log import Op
from replay_ws.events.model import Event, payload_of

Key: TypeAlias = "tuple[str, int, int, str, str | bytes]"

CONTENT_SIZE_MAX = 1024 * 1024
"""Payloads above so many bytes are equal only if their bytes are."""

_SECRET = re.compile("<secret-[0-9]+>")
_SECRET_BYTES = re.compile(b"<secret-[0-9]+>")
_NAN = float("nan")


def key(event: Event, rules: Volatile = NO_RULES) -> Key:
    """Lane, opcode, type and body; equal keys are equal events."""
    body = event.body
    if rules or has_secret(body):
        body = comparable(event.op, event.type, body, rules)
    return (event.connection, event.direction, event.op, event.type, body)


def comparable(op: int, type: str, body: str | bytes, rules: Volatile = NO_RULES) -> str | bytes:
    """What of a body is equal in equal events."""
    exact = rules.packed(op, type, body) if rules else None
    if exact is None:
        return _without_numbers(op, body) if has_secret(body) else body
    if has_secret(exact):
        return encode(_canonical(rules.exact(op, type, body), blur=True))
    return exact


def unnumbered(event: Event) -> Event:
    """``event`` without the numbers of its secrets."""
    body = event.body
    return replace(event, body=_without_numbers(event.op, body)) if has_secret(body) else event


def rank(of: Key) -> tuple[Any, ...]:
    """``of`` as something that sorts, whatever its body is."""
    return (*of[:4], isinstance(of[4], str), of[4])


def data(event: Event) -> Any:
    """The payload as data; the body itself of one that nests deeper than events may.

    How deep ``json`` can read differs between Pythons; how deep we look does not.
    """
    body = event.body
    if isinstance(body, str) and body.count("[") + body.count("{") > DEPTH_MAX:
        return body if _packed(event.op, body) is None else event.payload
    return event.payload


def content(event: Event, rules: Volatile = NO_RULES) -> bytes | None:
    """What is exact of the payload as canonical bytes, without the numbers of secrets.

    None if the payload is not data.
    """
    body = event.body
    is_data = event.op is Op.OBJECT or (isinstance(body, str) and body.lstrip()[:1] in ("{", "["))
    if not is_data or len(body) > CONTENT_SIZE_MAX:
        return None
    return _packed(event.op, body, rules.exact(event.op, event.type, body), blur=True)


def untyped(event: Event) -> bytes:
    """The payload without its type, as canonical bytes; empty if that is all of it."""
    payload = data(event)
    if isinstance(payload, dict):
        payload = {name: value for name, value in payload.items() if name != "type"}
    elif isinstance(payload, (str, bytes)):
        return payload.encode("utf-8", "surrogatepass") if isinstance(payload, str) else payload
    if not payload or len(event.body) > CONTENT_SIZE_MAX:
        return b""
    try:
        return encode(_canonical(payload, blur=True))
    except (EncodingError, RecursionError):
        return b""


def secrets(event: Event, partner: Event, rules: Volatile = NO_RULES) -> list[tuple[str, str]]:
    """The secrets of two equal events, each with the one that stands in its place."""
    if event.body == partner.body:
        ours = theirs = placeholders(event.body)
    else:
        ours, theirs = (
            placeholders(_packed(e.op, e.body, rules.exact(e.op, e.type, e.body)) or e.body)
            for e in (event, partner)
        )
    return list(zip(ours, theirs, strict=False))


def has_secret(body: str | bytes) -> bool:
    """Whether a placeholder may be in ``body``."""
    return "<secret-" in body if isinstance(body, str) else b"<secret-" in body


def texts_of(
    payload: Any, steps: tuple[Any, ...] = ()
) -> Iterator[tuple[tuple[Any, ...], str | bytes]]:
    """Every text in a payload, with the steps that lead to it."""
    match payload:
        case dict():
            inner: Iterable[tuple[Any, Any]] = payload.items()
        case list() | tuple():
            inner = enumerate(payload)
        case str() | bytes():
            yield steps, payload
            return
        case _:
            return
    for step, item in inner:
        yield from texts_of(item, (*steps, step))


def placeholders(body: str | bytes) -> list[str]:
    """The placeholders in ``body``, in order."""
    if isinstance(body, str):
        return _SECRET.findall(body)
    return [match.decode("ascii") for match in _SECRET_BYTES.findall(body)]


def _without_numbers(op: int, body: str | bytes) -> str | bytes:
    if isinstance(body, str):
        return _SECRET.sub("<secret>", body)
    # A placeholder within msgpack has its length before it, which may change with the number.
    packed = _packed(op, body, blur=True) if op == Op.OBJECT else None
    return packed or _SECRET_BYTES.sub(b"<secret>", body)


def _packed(op: int, body: str | bytes, exact: Any = None, *, blur: bool = False) -> bytes | None:
    """The payload, or what is exact of it, in canonical bytes; None where it cannot be read."""
    try:
        payload = payload_of(op, body) if exact is None else exact
        return encode(_canonical(payload, blur))
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
