"""Losses that come in bursts: Markov chains over messages, in integers.

``gemodel`` (Gilbert and Elliott) is a link that is good or bad: good turns bad with probability
``p``, bad turns good with ``r``; a message is lost with ``1-k`` while it is good, with ``1-h``
while it is bad. It starts as often bad as it is in the long run. With ``1-h`` of 1 and ``1-k`` of 0
bursts are ``1/r`` messages long on average, and ``p / (p + r)`` of all messages are lost.

``state`` has four: 1 all is well, 2 a message gets through within a burst, 3 one is lost within a
burst, 4 one is lost alone. ``p13`` is the probability to go from 1 to 3, and so on; from 4 it goes
back to 1. It starts in 1, before the first message. Where two ways out of a state add up to more
than 1, ``p14`` and ``p32`` go first.

Each message moves a chain by one draw, so what a chain does is a function of the index. To answer
for an index it walks there from the last one that it was asked for, or from where it last began:
each ``RENEWAL`` messages it begins anew, so that no index, however large, costs more than that.

Source: Gilbert 1960, Elliott 1963; names and the four states are netem's (Salsano et al. 2012).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from replay_ws.faults.toxics import Toxic
from replay_ws.rng import WORD, threshold

RENEWAL = 1 << 20

Draw = Callable[[int], int]
"""The u64 draw of an index."""
Row = tuple[tuple[int, int], ...]
"""Ways out of a state, ascending: with a draw below the bound it goes to that state."""


class Chain(NamedTuple):
    """How it begins, how it goes on from each state, and what each state loses (a threshold)."""

    start: Row
    steps: tuple[Row, ...]
    losses: tuple[int, ...]


def chain_of(toxic: Toxic) -> Chain | None:
    """The chain of a ``loss``; None where messages are lost independently of each other."""
    match toxic["model"]:
        case "gemodel":
            p, r = threshold(toxic["p"]), threshold(toxic["r"])
            often_bad = WORD * p // (p + r) if p else 0
            good, bad = ((p, 1), (WORD, 0)), ((r, 0), (WORD, 1))
            losses = (threshold(toxic["1-k"]), threshold(toxic["1-h"]))
            return Chain(((often_bad, 1), (WORD, 0)), (good, bad), losses)
        case "state":
            p13, p14, p23, p31, p32 = (
                threshold(toxic[name]) for name in ("p13", "p14", "p23", "p31", "p32")
            )
            well = ((p14, 3), (p14 + p13, 2), (WORD, 0))
            burst = ((p23, 2), (WORD, 1))
            lost = ((p32, 1), (p32 + p31, 0), (WORD, 2))
            alone = ((WORD, 0),)
            return Chain(well, (well, burst, lost, alone), (0, 0, WORD, WORD))
    return None


def losses_of(chain: Chain, draw: Draw) -> Draw:
    """For each index the threshold under which ``chain`` loses the message."""
    start, steps, losses = chain
    last, state = -1, 0

    def loss(index: int) -> int:
        nonlocal last, state
        begin = index - index % RENEWAL
        if not begin <= last <= index:
            last = begin - 1
        for at in range(last + 1, index + 1):
            u = draw(at)
            for bound, to in start if at == begin else steps[state]:
                if u < bound:
                    state = to
                    break
        last = index
        return losses[state]

    return loss


def repeats_of(repeat: int, draw: Draw) -> Draw:
    """For each index the one whose fate it shares: its own, or with probability ``repeat`` (a
    threshold) what the index before it shares.

    So a rate stays exact, the fates of neighbours correlate by ``repeat``, and a higher rate still
    strikes a superset. netem mixes the last draw into the next one instead, which keeps neither
    the rate nor the correlation.
    """
    last = source = 0

    def share(index: int) -> int:
        nonlocal last, source
        at = index
        while at != last and at % RENEWAL and draw(at) < repeat:
            at -= 1
        if at != last:
            source = at
        last = index
        return source

    return share
