"""Ten ways in which an application's message arrives damaged although the WebSocket is fine.

Each is a pure function of the message and a position, so a decision that names both is enough to
damage the same message in the same way again. What can't be damaged in the asked way (a list has
no field to lose, a binary frame is no JSON, a field is null already) is cut at the position.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from replay_ws.events.encoding import EncodingError, decode
from replay_ws.events.log import Op
from replay_ws.events.plain import plain, to_json
from replay_ws.faults.frames import flip


def _field(message: dict[str, Any], position: int) -> str:
    """The field that a position points at; never ``type``, so that the event keeps its name."""
    names = [name for name in message if name != "type"] or list(message)
    return names[position % len(names)]


def _truncate(text: str, position: int) -> str:
    return text[: position % max(1, len(text))]


def _wrong_type(message: dict[str, Any], position: int) -> str:
    name = _field(message, position)
    wrong: Any = 0 if isinstance(message[name], str) else str(message[name])
    return to_json({**message, name: wrong})


def _missing_field(message: dict[str, Any], position: int) -> str:
    lost = _field(message, position)
    return to_json({name: value for name, value in message.items() if name != lost})


def _duplicate_key(message: dict[str, Any], position: int) -> str:
    name = _field(message, position)
    return f"{to_json(message)[:-1]},{to_json(name)}:null}}"


# kind -> how it damages a JSON object
_OF_OBJECT: Mapping[str, Callable[[dict[str, Any], int], str]] = {
    "wrong_type": _wrong_type,
    "missing_field": _missing_field,
    "unknown_event": lambda message, _: to_json({**message, "type": "unknown_event"}),
    "null_field": lambda message, at: to_json({**message, _field(message, at): None}),
    "wrong_case": lambda message, _: to_json(
        {**message, "type": str(message.get("type", "")).upper()}
    ),
    "duplicate_key": _duplicate_key,
}

# kind -> how it damages the text of any message
_OF_TEXT: Mapping[str, Callable[[str, int], str]] = {
    "truncate_json": _truncate,
    "invalid_json": lambda text, at: (
        text[: at % (len(text) + 1)] + "}{" + text[at % (len(text) + 1) :]
    ),
    "bom": lambda text, _: "\ufeff" + text,
    "double_encoded": lambda text, _: to_json(text),
}

KINDS: tuple[str, ...] = (*_OF_TEXT, *_OF_OBJECT)
"""Names of the kinds; ``malformed_kinds`` picks from them."""


def damage(op: int, body: str | bytes, kind: str, position: int) -> tuple[Op, str | bytes]:
    """Op and body of the message as it arrives; an object arrives as the text of its JSON."""
    if isinstance(body, bytes) and op != Op.OBJECT:
        if kind == "bitflip":
            return Op(op), flip(body, position)
        return Op(op), body[: position % max(1, len(body))]
    text, message = _text_and_message(body)
    if kind == "bitflip":
        # A link that delivers it all the same has no frame that would have to be UTF-8.
        return Op.TEXT, flip(text.encode("utf-8", "surrogatepass"), position).decode(
            "utf-8", "replace"
        )
    if kind in _OF_OBJECT and isinstance(message, dict) and message:
        damaged = _OF_OBJECT[kind](message, position)
        if damaged != to_json(message):
            return Op.TEXT, damaged
    return Op.TEXT, _OF_TEXT.get(kind, _truncate)(text, position)


def text_of(op: int, body: str | bytes) -> str | None:
    """The text frame that a message travels in; None where it is binary."""
    return None if isinstance(body, bytes) and op != Op.OBJECT else _text_and_message(body)[0]


def _text_and_message(body: str | bytes) -> tuple[str, Any]:
    if isinstance(body, bytes):
        try:
            message = plain(decode(body))
        except EncodingError:
            message = plain(body)
        return to_json(message), message
    try:
        return body, json.loads(body)
    except (ValueError, RecursionError):
        return body, None
