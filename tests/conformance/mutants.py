"""Streams with a mistake or two, by seed: what is judged by a profile and by a reader of others."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

Stream: TypeAlias = list[dict[str, Any]]
Mistake: TypeAlias = "Callable[[Stream, random.Random, Mapping[str, Stream]], None]"

TWO_MISTAKES = 0.3
"""The share of mutants with a second mistake."""


def one_lost(stream: Stream, rng: random.Random, bases: Mapping[str, Stream]) -> None:
    del stream[rng.randrange(len(stream))]


def one_doubled(stream: Stream, rng: random.Random, bases: Mapping[str, Stream]) -> None:
    at = rng.randrange(len(stream))
    stream.insert(at, dict(stream[at]))


def two_swapped(stream: Stream, rng: random.Random, bases: Mapping[str, Stream]) -> None:
    one, two = rng.randrange(len(stream)), rng.randrange(len(stream))
    stream[one], stream[two] = stream[two], stream[one]


def one_moved(stream: Stream, rng: random.Random, bases: Mapping[str, Stream]) -> None:
    event = stream.pop(rng.randrange(len(stream)))
    stream.insert(rng.randint(0, len(stream)), event)


def end_lost(stream: Stream, rng: random.Random, bases: Mapping[str, Stream]) -> None:
    del stream[rng.randrange(len(stream)) :]


def one_of_another(stream: Stream, rng: random.Random, bases: Mapping[str, Stream]) -> None:
    other = bases[rng.choice(sorted(bases))]
    stream.insert(rng.randint(0, len(stream)), dict(rng.choice(other)))


def one_retyped(stream: Stream, rng: random.Random, bases: Mapping[str, Stream]) -> None:
    rng.choice(stream)["type"] = rng.choice(stream)["type"]


def one_renamed(stream: Stream, rng: random.Random, bases: Mapping[str, Stream]) -> None:
    event = rng.choice(stream)
    if keys := _names_in(event):
        others = [other[key] for other in stream for key in _names_in(other)]
        event[rng.choice(keys)] = rng.choice([*others, "another"])


def one_field_lost(stream: Stream, rng: random.Random, bases: Mapping[str, Stream]) -> None:
    event = rng.choice(stream)
    if keys := sorted(event.keys() - {"type"}):
        del event[rng.choice(keys)]


MISTAKES: Sequence[Mistake] = (
    one_lost,
    one_doubled,
    two_swapped,
    one_moved,
    end_lost,
    one_of_another,
    one_retyped,
    one_renamed,
    one_field_lost,
)


def mutants(
    bases: Mapping[str, Stream],
    count: int,
    *,
    mistakes: Sequence[Mistake] = MISTAKES,
    seed: int = 1,
) -> dict[str, Stream]:
    """``count`` streams by what was done to which base, each different from its base."""
    rng = random.Random(seed)
    names, made = sorted(bases), {}
    while len(made) < count:
        name = rng.choice(names)
        stream = [dict(event) for event in bases[name]]
        done = []
        for _ in range(1 + (rng.random() < TWO_MISTAKES)):
            if stream:
                mistake = rng.choice(mistakes)
                mistake(stream, rng, bases)
                done.append(mistake.__name__)
        if stream != bases[name]:
            made[f"{len(made)}: {' and '.join(done)} in {name}"] = stream
    return made


def _names_in(event: dict[str, Any]) -> list[str]:
    """The keys under which an event names something."""
    return sorted(
        key
        for key, value in event.items()
        if isinstance(value, str) and (key.lower().endswith("id") or key == "stepName")
    )
