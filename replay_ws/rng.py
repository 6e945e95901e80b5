"""Keyed chance: a draw is a function of (seed, stream, connection, index), never of call order.

``K = blake2b(field("rws1") + field(seed) + field(stream) + field(connection), 64 bytes)`` where
``field(text)`` is its UTF-8 length as a little-endian u32 followed by the UTF-8 bytes. Draw ``n``
is word ``n % 8`` (little-endian u64) of ``blake2b(u64le(n // 8), key=K, 64 bytes)``. One block
gives eight draws, so that reading a stream in order costs a hash for every eighth draw only, and
adding a stream, a connection or a message elsewhere changes none of them.

Rates are integer comparisons and ranges integer products: no float decides anything.
"""

from __future__ import annotations

from hashlib import blake2b
from struct import Struct

from replay_ws.errors import ConfigError

WORD = 1 << 64
"""A draw ``u`` is an integer with ``0 <= u < WORD``."""

_WORDS = Struct("<8Q")


def _field(text: str) -> bytes:
    raw = text.encode("utf-8", "surrogatepass")
    return len(raw).to_bytes(4, "little") + raw


def stream_key(seed: int, stream: str, connection: str) -> bytes:
    """The 64 bytes that key every draw of ``stream`` on ``connection``."""
    parts = ("rws1", str(seed), stream, connection)
    return blake2b(b"".join(map(_field, parts)), digest_size=64).digest()


class Stream:
    """The draws of one (seed, stream, connection); keeps the last block of eight."""

    __slots__ = ("_base", "_block", "_words")

    def __init__(self, seed: int, stream: str, connection: str) -> None:
        self._base = blake2b(key=stream_key(seed, stream, connection), digest_size=64)
        self._block = -1
        self._words: tuple[int, ...] = ()

    def draw(self, index: int) -> int:
        """Draw ``index`` (from 0) as a u64."""
        block = index >> 3
        if block != self._block:
            state = self._base.copy()
            state.update(block.to_bytes(8, "little"))
            self._words = _WORDS.unpack(state.digest())
            self._block = block
        return self._words[index & 7]


def seed_range(text: str) -> range:
    """The seeds that a text says: ``A..B`` without B, or ``N`` for 0..N. Raises ConfigError."""
    first, dots, last = text.partition("..")
    if not (first.strip().isdecimal() and (not dots or last.strip().isdecimal())):
        raise ConfigError(f"{text!r} is no range of seeds", mend="write A..B, or N for 0..N")
    return range(int(first), int(last)) if dots else range(int(first))


def threshold(rate: float) -> int:
    """The bound under which a draw strikes with probability ``rate``; exact: 1.0 always strikes."""
    return int(rate * WORD)


def below(draw: int, size: int) -> int:
    """Map a u64 ``draw`` onto ``0 .. size - 1``."""
    return (draw * size) >> 64
