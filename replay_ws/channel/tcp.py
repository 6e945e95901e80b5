"""TCP: how late a stream is under loss and outages. Pure integers; whoever calls brings chance.

A stream loses nothing and keeps its order: what was lost is sent again, and what was sent behind it
waits (head of line). So there is only one question, when a retransmission gets through, and there
are two ways to it:

    fast   a later segment arrives, its acknowledgement tells of the hole, and the sender fills it
           at once (SACK, RACK: RFC 8985); so a hole lasts until the next send
    slow   nothing tells, and the retransmission timer (RTO) runs out: 200 ms, and twice as long
           each time after that (RFC 6298, with the limits of Linux)

What was lost on the way fast is lost again and waits for one more send. A timer that runs out
before the next send is the end of any wait.

One loss in ``SLOW_EVERY`` takes the slow way although more is sent: each fast recovery shrinks the
congestion window, a thin stream never widens it again, and then too little is on its way to tell of
a hole. That share is fitted, not derived, and it is the only number here that is; a count stands in
for chance, so that a stream is a function of its losses. It was fitted to 400 messages of about
200 bytes, one every 20 ms, through a real Linux kernel (a private network namespace, nftables drops
segments from server to client at random); lateness in ms, ours as the median of many such runs:

    drop            p50   p90   p99   max   > 20 ms late
    0 %   measured  0.4   0.6   247   308        4.8 %      hiccups of the machine, not TCP
    1 %   measured  0.5   0.6   219   293        4.2 %      about as many hiccups
          ours      0.4   0.4   0.4    20        0.8 %
    5 %   measured  0.5   5.6   167   228        9.5 %
          ours      0.4   0.4   180   200        9.3 %
    20 %  measured  0.6   128   230   232       32.5 %
          ours      0.4   140   200   230       39.6 %

An outage is the same timer alone: lags after it of 18, 20, 689, 303 and 7092 ms were measured for
0.3, 1, 2, 4 and 8 s. Where in its interval the timer stands depends on round trips before the
outage, which we do not model; so ours may be off by as much as one such interval.
"""

from __future__ import annotations

from itertools import accumulate, islice, takewhile
from typing import TYPE_CHECKING

from replay_ws.clock import NS_PER_MS, NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Iterator

RTO_MIN_NS = 200 * NS_PER_MS
RTO_MAX_NS = 120 * NS_PER_S
RETRIES_MAX = 15
"""Retransmissions before a sender gives up (Linux: ``tcp_retries2``)."""
SLOW_EVERY = 10
_SLOW = SLOW_EVERY // 2
"""Which of them; the middle one, so that few losses are slow as often as many."""


def _timers_ns(rto_min_ns: int, rto_max_ns: int) -> Iterator[int]:
    """How long the timer runs, time after time."""
    rto_ns = rto_min_ns
    while True:
        yield min(rto_ns, rto_max_ns)
        rto_ns = min(2 * rto_ns, rto_max_ns)


def recovery_ns(
    first_ns: int,
    healed_ns: int,
    *,
    rto_min_ns: int = RTO_MIN_NS,
    rto_max_ns: int = RTO_MAX_NS,
) -> int:
    """When a segment gets through that was sent at ``first_ns`` into a hole until ``healed_ns``.

    The first retransmission not before then; ``first_ns`` itself if it did not meet the hole.
    """
    timers = _timers_ns(rto_min_ns, rto_max_ns)
    at_ns = first_ns
    while at_ns < healed_ns:
        at_ns += next(timers)
    return at_ns


def gives_up_ns(
    first_ns: int, *, rto_min_ns: int = RTO_MIN_NS, rto_max_ns: int = RTO_MAX_NS
) -> int:
    """When the connection dies whose segment of ``first_ns`` is never acknowledged: 924.6 s later.

    That is when the timer of the last retransmission has run out too.
    """
    return first_ns + late_ns(RETRIES_MAX + 1, rto_min_ns=rto_min_ns, rto_max_ns=rto_max_ns)


def late_ns(lost: int, *, rto_min_ns: int = RTO_MIN_NS, rto_max_ns: int = RTO_MAX_NS) -> int:
    """How late a segment is that was lost so often, when nothing is sent after it."""
    return sum(islice(_timers_ns(rto_min_ns, rto_max_ns), lost))


class Hole:
    """A message on its way of which every transmission so far was lost."""

    __slots__ = ("_expired", "_last_ns", "_left", "_nth", "row")

    def __init__(self, row: int, now_ns: int, lost: int, nth: int) -> None:
        self.row = row
        self._last_ns = now_ns  # of the last transmission
        self._left = lost  # losses ahead, the last transmission's own included
        self._nth = nth  # which loss of the stream that is
        self._expired = 0  # timers in a row

    def ready_ns(self) -> int:
        """When it gets through if nothing more is sent."""
        return self._last_ns + late_ns(self._expired + self._left) - late_ns(self._expired)

    def told(self, now_ns: int) -> None:
        """A later message is sent: fill the hole, if that tells of it."""
        if not self._left:  # filled already; only retries of its sender make it later than this
            return
        for at_ns in takewhile(lambda at_ns: at_ns <= now_ns, self._retries_ns()):
            self._lose(at_ns)
            self._expired += 1
        if self._nth % SLOW_EVERY != _SLOW:
            self._lose(now_ns)
            self._expired = 0

    def _retries_ns(self) -> list[int]:
        """When timers would run out from here on."""
        timers = islice(
            _timers_ns(RTO_MIN_NS, RTO_MAX_NS), self._expired, self._expired + self._left
        )
        return list(accumulate(timers, initial=self._last_ns))[1:]

    def _lose(self, at_ns: int) -> None:
        """One more transmission, of which the loss that it makes up for is behind us."""
        self._last_ns = at_ns
        self._left -= 1
        self._nth += 1


class Stream:
    """What is lost and not yet made up for in one direction of a connection.

    It says when each message by itself gets through; none arrives before those sent before it, and
    that is up to the caller.
    """

    __slots__ = ("holes", "losses")

    def __init__(self) -> None:
        self.holes: list[Hole] = []
        """In the order in which they were sent. While empty, a send without loss changes nothing
        and need not be told."""
        self.losses = 0

    def sent(self, row: int, now_ns: int, lost: int) -> dict[int, int]:
        """A message is sent whose first ``lost`` transmissions are lost.

        Returns when it gets through, by row, and likewise of each earlier one that is now earlier
        than was said before. All of that holds until the next send.
        """
        self.holes = [hole for hole in self.holes if hole.ready_ns() > now_ns]
        before = [hole.ready_ns() for hole in self.holes]
        for hole in self.holes:
            hole.told(now_ns)
        news = {
            hole.row: hole.ready_ns()
            for hole, ready_ns in zip(self.holes, before, strict=True)
            if hole.ready_ns() != ready_ns
        }
        if lost:
            self.holes.append(Hole(row, now_ns, lost, self.losses))
            self.losses += lost
        return news | {row: now_ns + late_ns(lost)}

    def clear(self) -> None:
        """The connection ended; the next one begins without holes and with its own count."""
        self.holes.clear()
        self.losses = 0
