"""What the body of each kind of row looks like once it is decoded."""

from __future__ import annotations

from types import FunctionType
from typing import Any

from replay_ws.events.encoding import EncodingError, decode
from replay_ws.events.log import STRUCTURED, Op

# A type; a range of integers; a list of shapes for an array with at least these items; a dict for a
# map with these keys; a function that says whether a value will do.
Shape = Any


def _are_pairs(value: Any) -> bool:
    """Whether it is ``[nth, amount, nth, amount, ...]``."""
    numbers = isinstance(value, list) and not len(value) % 2
    return numbers and all(type(number) is int and 0 <= number < 1 << 63 for number in value)


SHAPES: dict[int, Shape] = {
    Op.OBJECT: object,
    Op.INVALID: object,
    Op.UNSENT: object,
    Op.UNSURE: object,
    Op.CLOSE: [int, str],
    Op.HANDSHAKE: {},
    Op.ACCEPTED: {},
    Op.REFUSED: {},
    Op.DROPPED: object,
    Op.MARK: object,
    Op.CHANNEL: [str, {}],
    Op.CONNECTION: [str, str, int],
    Op.KIND: str,
    Op.CONTROL: {"do": str, "channel": range(1 << 32)},
    Op.DECISION: [str, range(1 << 32), range(1, 1 << 63)],
    Op.SCHEDULE: [str, str, _are_pairs],
    Op.INCIDENT: {"what": str},
    Op.METHOD: {"name": str, "kind": str, "parameters": list},
    Op.CALL: {"name": str, "arguments": {}},
    Op.RETURN: {"name": str},
    Op.END: {"status": str},
}
assert SHAPES.keys() == STRUCTURED


def fits(value: Any, shape: Shape) -> bool:
    """Whether decoded plain data has this shape."""
    if type(shape) is range:
        return type(value) is int and value in shape
    if type(shape) is type:
        return isinstance(value, shape) and not (shape is int and isinstance(value, bool))
    if isinstance(shape, FunctionType):
        return bool(shape(value))
    if isinstance(shape, list):
        whole = isinstance(value, list) and len(value) >= len(shape)
        return whole and all(map(fits, value, shape))
    whole = isinstance(value, dict) and value.keys() >= shape.keys()
    return whole and all(fits(value[key], shape[key]) for key in shape)


def misfit(op: int, body: str | bytes) -> str:
    """Why ``body`` is not what a row of ``op`` holds, or ``""``."""
    if op not in STRUCTURED or isinstance(body, str):
        return ""
    try:
        value = decode(body)
    except EncodingError as error:
        return error.what
    return "" if fits(value, SHAPES[op]) else f"{value!r:.60} is no {Op(op).name}"
