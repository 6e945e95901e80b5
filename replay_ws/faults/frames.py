"""Harm to frames: toxics as pure functions on the bytes of one WebSocket frame or of a stream.

``harm`` damages a well-formed frame (RFC 6455 5.2) that is a whole text or binary message, without
extensions, in one of ``FRAME_KINDS``; a client's frame stays masked with its own key. What a peer
does with such a frame stands in ``replay_ws.channel.closes``.
``flip``, ``slices`` and ``limited`` know nothing of frames: a network harms bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from replay_ws.rng import below

_FIN, _RSV1, _OPCODE, _MASK, _LENGTH = 0x80, 0x40, 0x0F, 0x80, 0x7F
_TEXT, _BINARY, _CONTINUATION, _PING, _RESERVED = 0x1, 0x2, 0x0, 0x9, 0x3
_KEY = b"\x5a\xc3\x96\x3c"
"""Masks a frame that ought not to be masked."""
OVERSIZE_BYTES = 5 << 20
"""More than any client takes by default: ``websockets`` 1 MiB, ``aiohttp`` 4 MiB."""


class _Frame(NamedTuple):
    """A frame, taken apart; the payload is unmasked."""

    first: int
    key: bytes
    payload: bytes


def _read(frame: bytes) -> _Frame:
    size, at = frame[1] & _LENGTH, 2
    if size > 125:
        at = 4 if size == 126 else 10
    key = frame[at : at + 4] if frame[1] & _MASK else b""
    return _Frame(frame[0], key, _masked(frame[at + len(key) :], key))


def _masked(payload: bytes, key: bytes) -> bytes:
    """RFC 6455 5.3: masking twice is no masking."""
    if not key:
        return payload
    size = len(payload)
    mask = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(payload) ^ int.from_bytes(mask)).to_bytes(size)


def _write(first: int, key: bytes, payload: bytes) -> bytes:
    size, mask = len(payload), _MASK if key else 0
    if size <= 125:
        head = bytes([first, mask | size])
    elif size < 1 << 16:
        head = bytes([first, mask | 126]) + size.to_bytes(2, "big")
    else:
        head = bytes([first, mask | 127]) + size.to_bytes(8, "big")
    return head + key + _masked(payload, key)


def _invalid_utf8(frame: _Frame, position: int) -> bytes:
    at = position % (len(frame.payload) + 1)
    # A byte that no UTF-8 text has, RFC 3629 1.
    payload = frame.payload[:at] + b"\xff" + frame.payload[at:]
    return _write(_FIN | _TEXT, frame.key, payload)


def _first(change: Callable[[int], int]) -> Callable[[_Frame, int], bytes]:
    return lambda frame, _: _write(change(frame.first), frame.key, frame.payload)


def _truncated(frame: _Frame, position: int) -> bytes:
    whole = _write(*frame)
    return whole[: 1 + position % (len(whole) - 1)]


def _bitflip(frame: _Frame, position: int) -> bytes:
    """In the payload, so that the frame stays one."""
    return _write(frame.first, frame.key, flip(frame.payload, position))


_HARMS: Mapping[str, Callable[[_Frame, int], bytes]] = {
    "invalid_utf8": _invalid_utf8,
    "bad_opcode": _first(lambda first: first & ~_OPCODE | _RESERVED),
    "rsv_bit": _first(lambda first: first | _RSV1),
    "bad_continuation": _first(lambda first: first & ~_OPCODE | _CONTINUATION),
    "oversize_control": lambda frame, _: _write(
        _FIN | _PING, frame.key, frame.payload.ljust(126, b"\0")
    ),
    "masked_server_frame": lambda frame, _: _write(
        frame.first, b"" if frame.key else _KEY, frame.payload
    ),
    "truncated_frame": _truncated,
    "oversize": lambda frame, _: _write(
        frame.first, frame.key, frame.payload.ljust(OVERSIZE_BYTES, b" ")
    ),
    "bitflip": _bitflip,
    "binary_instead_of_text": _first(lambda first: first & ~_OPCODE | _BINARY),
}

FRAME_KINDS: tuple[str, ...] = tuple(_HARMS)
"""Names of the kinds; ``malformed_kinds`` picks from them on a ``bytes`` link."""


def harm(frame: bytes, kind: str, position: int) -> bytes:
    """``frame`` as it arrives, harmed in the way of ``kind``; ``position`` says where."""
    return _HARMS[kind](_read(frame), position)


def flip(data: bytes, position: int) -> bytes:
    """``data`` with one bit flipped (netem's ``corrupt``); nothing of nothing."""
    if not data:
        return data
    at, bit = divmod(position % (len(data) * 8), 8)
    return data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]


def slices(
    data: bytes, average_size: int, size_variation: int, draw: Callable[[int], int]
) -> list[bytes]:
    """``data`` in slices (toxiproxy's ``slicer``) of ``average_size`` give or take the variation.

    ``draw`` gives the u64 by which slice n has its size. Joined they are the data.
    """
    spread = min(size_variation, average_size - 1)
    cut: list[bytes] = []
    at = 0
    while at < len(data):
        size = average_size - spread + below(draw(len(cut)), 2 * spread + 1)
        cut.append(data[at : at + size])
        at += size
    return cut


def limited(data: bytes, sent: int, limit: int) -> bytes:
    """What still fits of ``data`` before a connection dies that may carry ``limit`` bytes."""
    return data[: max(0, limit - sent)]
