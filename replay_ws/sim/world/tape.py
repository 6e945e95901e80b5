"""The words that a run is given where it asks for chance: drawn from its seed, or kept on a tape.

A tape takes down what is drawn, and gives it back in a run that begins with it. So a run can come
back when its seed means something else, or nothing at all. A program that has been changed may ask
for more than it did, or for another purpose; such words are drawn from the seed, and counted.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import count

from replay_ws.rng import Stream

Words = Callable[[str], Iterator[int]]
"""Purpose -> its words, u64 each, without end."""


def keyed_words(seed: int) -> Words:
    """What ``seed`` gives."""
    return partial(_keyed, seed)


def _keyed(seed: int, purpose: str) -> Iterator[int]:
    return map(Stream(seed, purpose, "").draw, count())


class Tape:
    """Words by purpose: those that it began with, and all that were drawn beyond them."""

    def __init__(self, words: Mapping[str, bytes] | None = None) -> None:
        self._words: dict[str, array[int]] = {}
        for purpose, raw in (words or {}).items():
            self._words[purpose] = _swapped(raw)
        self._begun = {purpose: len(words) for purpose, words in self._words.items()}

    def words(self, seed: int) -> Words:
        """What is on the tape, and then what ``seed`` gives."""
        return partial(self._read, seed)

    def _read(self, seed: int, purpose: str) -> Iterator[int]:
        kept = self._words.setdefault(purpose, array("Q"))
        draws: Stream | None = None
        for index in count():
            if index == len(kept):
                draws = draws or Stream(seed, purpose, "")
                kept.append(draws.draw(index))
            yield kept[index]

    @property
    def beyond(self) -> dict[str, int]:
        """Purpose -> how many words were asked for that were not on the tape."""
        more = {name: len(kept) - self._begun.get(name, 0) for name, kept in self._words.items()}
        return {name: count for name, count in more.items() if count}

    def packed(self) -> dict[str, bytes]:
        """Purpose -> its words, 8 bytes each, the lowest first."""
        return {
            purpose: _swapped(words.tobytes()).tobytes() for purpose, words in self._words.items()
        }


def _swapped(raw: bytes) -> array[int]:
    """``raw`` as words, from or to the order of a file."""
    words = array("Q", raw[: len(raw) // 8 * 8])
    if sys.byteorder == "big":
        words.byteswap()
    return words
