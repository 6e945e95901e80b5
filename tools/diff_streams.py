"""Sessions to compare: three kinds of streams, and six ways in which a second one differs.

``agent`` is what an agent sends: 85 % words of an answer, 7.5 % events that come again and again,
7.5 % events that come once. In ``unique`` every event is its own; ``poor`` has twelve in all.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random

import replay_ws as rws
from replay_ws.channel import Outcome
from replay_ws.events.log import Channel, Connection, Log, Op
from replay_ws.events.model import Fate

Stream = list[str]
"""The bodies of text messages, some 90 bytes each."""

WORDS = 2_000
MOVED_PER_MILLE = 50
"""How much of a stream the moved block is."""


def _body(type: str, text: str) -> str:
    return json.dumps({"type": type, "run_id": "run-1", "agent_name": "researcher", "text": text})


def agent(count: int, seed: int) -> Stream:
    """The stream of an agent; a few words are much more common than the others."""
    random = Random(seed)
    tokens = [_body("token", f" word-{n}") for n in range(WORDS)]
    structure = [_body(f"structure_{n}", "") for n in range(12)]

    def one(number: int) -> str:
        kind = random.random()
        if kind < 0.85:
            return tokens[int(WORDS * random.random() ** 3)]
        if kind < 0.925:
            return structure[random.randrange(12)]
        return _body("tool_completed", f"call {number} of {seed}: {random.getrandbits(48)}")

    return [one(number) for number in range(count)]


def unique(count: int, seed: int) -> Stream:
    """Every event is its own."""
    random = Random(seed)
    return [_body("token", f"{number} {random.getrandbits(48)}") for number in range(count)]


def poor(count: int, seed: int) -> Stream:
    """Twelve events in all, in no order."""
    random = Random(seed)
    values = [_body("token", f" word-{n}") for n in range(12)]
    return [values[random.randrange(12)] for _ in range(count)]


STREAMS: dict[str, Callable[[int, int], Stream]] = {
    "agent": agent,
    "unique": unique,
    "poor": poor,
}


def _edited(per_mille: int) -> Callable[[str, Stream], Stream]:
    """A third of the edits are events that are gone, new, or others."""

    def edit(kind: str, stream: Stream) -> Stream:
        random = Random(1)
        others = STREAMS[kind](len(stream) // 10 + 1, 1)
        result: Stream = []
        for body in stream:
            what = random.randrange(3) if random.random() * 1_000 < per_mille else -1
            if what != 0:
                result.append(random.choice(others) if what == 1 else body)
            if what == 2:
                result.append(random.choice(others))
        return result

    return edit


def _moved(kind: str, stream: Stream) -> Stream:
    """One block stands later."""
    size = len(stream) * MOVED_PER_MILLE // 1_000
    start, end = len(stream) * 3 // 10, len(stream) * 7 // 10
    block = stream[start : start + size]
    return [*stream[:start], *stream[start + size : end], *block, *stream[end:]]


CASES: dict[str, Callable[[str, Stream], Stream]] = {
    "identical": lambda kind, stream: list(stream),
    "1 % edited": _edited(10),
    "block moved": _moved,
    "10 % edited": _edited(100),
    "unrelated": lambda kind, stream: STREAMS[kind](len(stream), 2),
    "disjoint": lambda kind, stream: [body.replace("text", "more") for body in stream],
}


def bodies(kind: str, case: str, count: int) -> tuple[Stream, Stream]:
    """A stream and what became of it."""
    golden = STREAMS[kind](count, 0)
    return golden, CASES[case](kind, golden)


def session(stream: Stream) -> rws.Session:
    """``stream`` as the session of one connection: delivered at once, one after the other.

    Its events share nothing with those of other sessions, as if it had come from a file.
    """
    log, outcome = Log(), Outcome()
    log.add_channel(Channel("bench"), 0)
    log.add_connection(Connection("thread-1", "thread-1", 0), 0)
    own: dict[str, str] = {}
    for number, body in enumerate(stream):
        kind = log.kind(body[10 : body.index('"', 10)], number)
        copy = own.setdefault(body, "".join([body[:1], body[1:]]))
        row = log.append(Op.TEXT, 0, number, kind, number, copy)
        outcome.pass_through(row, number)
    log.note(Op.END, 0, len(stream), {"status": "ok"})
    outcome.fates.extend(bytes(len(log) - len(outcome.fates)))
    assert outcome.counts[Fate.DELIVERED] == len(stream)
    return rws.Session(log, outcome)
