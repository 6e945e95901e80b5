"""Canonical encoding: one value, one sequence of bytes, on every Python and platform.

Plain data is msgpack as it is. What msgpack has no type for travels as an extension type whose
data is again packed (but for UUID and bigint), so that any msgpack library can walk over it:

    16  datetime   iso 8601 text            22  tuple      array
    17  date       iso 8601 text            23  set        array, sorted by the items' bytes
    18  time       iso 8601 text            24  frozenset  array, sorted by the items' bytes
    19  timedelta  [days, seconds, us]      25  bigint     two's complement, big-endian
    20  Decimal    text                     26  named      [qualified name, plain value]
    21  UUID       16 bytes

``named`` (Enum, dataclass, pydantic model) reads back as its plain value: nothing is ever
imported by name. A set whose items do not hash when they are plain reads back as a list, such a
dict as a list of pairs. Dicts keep their order; it is part of what was sent.

Three traps are behind the shape of this module. A Packer must not be re-entered from its own
``default``: it corrupts bytes silently, hence ``_pack_inner``. An unpacker that is entered again
from its own ``ext_hook`` takes 48 KB of C stack each time, and 170 tuples within tuples end the
process: hence ``_resolve``, which opens extensions after the unpacker has returned. And the C and
the pure-Python back ends stop at different depths, hence our own limit.
"""

from __future__ import annotations

import dataclasses
import re
import uuid
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

import msgpack

from replay_ws.errors import ReplayWsError

DEPTH_MAX = 64
"""Containers within containers that a payload may have; both back ends can read this deep."""

DATETIME, DATE, TIME, TIMEDELTA, DECIMAL, UUID, TUPLE, SET, FROZENSET, BIGINT, NAMED = range(16, 27)


class EncodingError(ReplayWsError, ValueError):
    """A value that has no canonical encoding, or bytes that are none."""


# --- nesting -------------------------------------------------------------------------------

_NOT_A_HEADER = bytes(b for b in range(256) if not (0x80 <= b <= 0x9F or b >= 0xC7))


def _too_deep(packed: bytes) -> bool:
    """Whether containers nest deeper than DEPTH_MAX.

    Every level needs a byte of its own that looks like a header, so counting such bytes (at
    C speed) clears nearly every payload; only the rest is walked.
    """
    if len(packed) <= DEPTH_MAX or len(packed.translate(None, _NOT_A_HEADER)) <= DEPTH_MAX:
        return False
    return _depth(packed) > DEPTH_MAX


_MARKS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|([\[{])|([\]}])', re.DOTALL)


def json_too_deep(text: str) -> bool:
    """Whether the containers of a JSON text nest deeper than DEPTH_MAX.

    As many brackets clear nearly every text; of the rest those within strings do not count.
    """
    if text.count("[") + text.count("{") <= DEPTH_MAX:
        return False
    depth = 0
    for mark in _MARKS.finditer(text):
        depth += {1: 1, 2: -1}.get(mark.lastindex or 0, 0)
        if depth > DEPTH_MAX:
            return True
    return False


# What follows a first byte: so many bytes; a length field and so many more; items to come.
_FIXED = {0xC0: 0, 0xC2: 0, 0xC3: 0, 0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8}
_FIXED |= {0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8, 0xD4: 2, 0xD5: 3, 0xD6: 5, 0xD7: 9, 0xD8: 17}
_SIZED = {0xC4: (1, 0), 0xC5: (2, 0), 0xC6: (4, 0), 0xC7: (1, 1), 0xC8: (2, 1), 0xC9: (4, 1)}
_SIZED |= {0xD9: (1, 0), 0xDA: (2, 0), 0xDB: (4, 0)}
_CONTAINER = {0xDC: (2, 1), 0xDD: (4, 1), 0xDE: (2, 2), 0xDF: (4, 2)}


def _depth(packed: bytes) -> int:
    """Deepest nesting of one packed value, without building or recursing into it.

    An extension is no level of its own, but what is packed inside of it counts.
    """
    deepest, at, end = 0, 0, len(packed)
    open_items = [1]  # items that each open container still expects
    while open_items and at < end:
        if not open_items[-1]:
            open_items.pop()
            continue
        open_items[-1] -= 1
        byte = packed[at]
        at += 1
        children = -1
        if 0x80 <= byte <= 0x9F:
            children = (byte & 0x0F) * (2 if byte < 0x90 else 1)
        elif byte in _CONTAINER:
            width, per_item = _CONTAINER[byte]
            children = int.from_bytes(packed[at : at + width], "big") * per_item
            at += width
        elif 0xA0 <= byte <= 0xBF:
            at += byte & 0x1F
        elif byte in _SIZED:
            width, extra = _SIZED[byte]
            size = int.from_bytes(packed[at : at + width], "big")
            at += width + extra
            if extra and at <= end and packed[at - 1] in _OPEN:
                open_items[-1] += 1
            else:
                at += size
        elif 0xD4 <= byte <= 0xD8 and at < end and packed[at] in _OPEN:
            at += 1
            open_items[-1] += 1
        else:
            at += _FIXED.get(byte, 0)
        if children >= 0:
            open_items.append(children)
            deepest = max(deepest, len(open_items) - 1)
    return deepest


# --- packing -------------------------------------------------------------------------------


def _ext(code: int, plain: Callable[[Any], Any]) -> Callable[[Any], msgpack.ExtType]:
    return lambda value: msgpack.ExtType(code, _pack_inner(plain(value)))


def _unordered(code: int) -> Callable[[Any], msgpack.ExtType]:
    def pack(value: Any) -> msgpack.ExtType:
        header = _packer().pack_array_header(len(value))
        return msgpack.ExtType(code, header + b"".join(sorted(map(_pack_inner, value))))

    return pack


def _integer(value: int) -> Any:
    value = int(value)  # it may be of a subclass; bool never gets here
    if -(1 << 63) <= value < 1 << 64:
        return value
    return msgpack.ExtType(BIGINT, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def _named(value: Any, plain: Any) -> msgpack.ExtType:
    return msgpack.ExtType(NAMED, _pack_inner([type(value).__qualname__, plain]))


# The first row that an object is an instance of decides: datetime is a date, Enum may be a str.
_BY_TYPE: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (datetime, _ext(DATETIME, datetime.isoformat)),
    (date, _ext(DATE, date.isoformat)),
    (time, _ext(TIME, time.isoformat)),
    (timedelta, _ext(TIMEDELTA, lambda v: [v.days, v.seconds, v.microseconds])),
    (Decimal, _ext(DECIMAL, str)),
    (uuid.UUID, lambda v: msgpack.ExtType(UUID, v.bytes)),
    (Enum, lambda v: _named(v, v.value)),
    (tuple, _ext(TUPLE, list)),
    (set, _unordered(SET)),
    (frozenset, _unordered(FROZENSET)),
    (str, str.__str__),
    (int, _integer),
    (float, float.__float__),
    (dict, lambda v: dict(v.items())),
    (list, list),
    (bytearray, bytes),
    (memoryview, bytes),
)


def _default(value: Any) -> Any:
    """What the packer asks for objects that it has no type for."""
    for kind, pack in _BY_TYPE:
        if isinstance(value, kind):
            return pack(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return _named(value, {field.name: getattr(value, field.name) for field in fields})
    if hasattr(type(value), "model_dump"):  # pydantic, without importing it
        return _named(value, value.model_dump())
    raise EncodingError(
        f"a {type(value).__qualname__} cannot be recorded",
        mend="send plain data, or a dataclass, Enum, datetime, Decimal, UUID, set or tuple",
    )


def _packer() -> msgpack.Packer:
    return msgpack.Packer(
        default=_default,
        strict_types=True,
        use_bin_type=True,
        unicode_errors="surrogatepass",
        buf_size=4_096,  # it grows; its own usual one costs each mock a quarter of a megabyte
    )


def _pack_inner(value: Any) -> bytes:
    return bytes(_packer().pack(value))


class Encoder:
    """``encode(value) -> bytes`` with one packer kept warm; not to be shared between threads."""

    __slots__ = ("_pack",)

    def __init__(self) -> None:
        self._pack = _packer().pack

    def encode(self, value: Any) -> bytes:
        """The canonical bytes of ``value``; raises EncodingError, also when it contains itself."""
        try:
            packed: bytes = self._pack(value)
        except EncodingError:
            self._pack = _packer().pack  # a packer that failed keeps half a message
            raise
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            self._pack = _packer().pack
            if "recursion" in str(error):  # each back end has its own words and depth for it
                raise _depth_error() from error
            raise EncodingError(
                f"a payload cannot be recorded: {error}", mend="send plain data without cycles"
            ) from error
        if _too_deep(packed):
            raise _depth_error()
        return packed


def encode(value: Any) -> bytes:
    """The canonical bytes of ``value``; raises EncodingError."""
    return Encoder().encode(value)


def _depth_error() -> EncodingError:
    return EncodingError(
        f"a payload nests deeper than {DEPTH_MAX} containers, or contains itself",
        mend="flatten the payload",
    )


# --- unpacking -----------------------------------------------------------------------------


def _hashed(kind: Callable[[Any], Any], items: Any) -> Any:
    try:
        return kind(items)
    except TypeError:
        return items


# Extensions whose data is packed again, and what becomes of that.
_OPEN: dict[int, Callable[[Any], Any]] = {
    DATETIME: datetime.fromisoformat,
    DATE: date.fromisoformat,
    TIME: time.fromisoformat,
    TIMEDELTA: lambda v: timedelta(*v),
    DECIMAL: Decimal,
    TUPLE: tuple,
    SET: lambda v: _hashed(set, v),
    FROZENSET: lambda v: _hashed(frozenset, v),
    NAMED: lambda v: v[1],
}


def _unpack(packed: bytes) -> Any:
    found: list[int] = []

    def ext_hook(code: int, data: bytes) -> msgpack.ExtType:
        found.append(code)
        return msgpack.ExtType(code, data)

    value = msgpack.unpackb(
        packed,
        raw=False,
        strict_map_key=False,
        unicode_errors="surrogatepass",
        ext_hook=ext_hook,
        timestamp=0,
    )
    return _resolve(value) if found else value


def _resolve(value: Any) -> Any:
    """``value`` with its extensions opened."""
    if isinstance(value, list):
        return [_resolve(item) for item in value]
    if isinstance(value, dict):
        return _hashed(dict, [(_resolve(key), _resolve(item)) for key, item in value.items()])
    if isinstance(value, msgpack.ExtType):
        return _opened(value.code, value.data)
    return value


def _opened(code: int, data: bytes) -> Any:
    if code == UUID:
        return uuid.UUID(bytes=data)
    if code == BIGINT:
        return int.from_bytes(data, "big", signed=True)
    if code in _OPEN:
        return _OPEN[code](_unpack(data))
    return msgpack.ExtType(code, data)


def decode(packed: bytes) -> Any:
    """The plain data of canonical bytes; raises EncodingError, also for hostile ones."""
    if _too_deep(packed):
        raise _depth_error()
    try:
        return _unpack(packed)
    except Exception as error:  # msgpack raises a dozen kinds, the hooks any of theirs
        raise EncodingError(
            f"a payload is not canonical msgpack: {type(error).__name__}: {error}",
            mend="replay-ws verify the cassette that holds it",
        ) from error
