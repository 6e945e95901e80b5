"""What a fault costs: ``replay`` under modes, links, toxics and plans, and its memory."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Iterator, Mapping
from typing import Any

import replay_ws as rws
from tools.figures import Figure, cpu_s

COUNT = 100_000
_RATE = 50_000
"""Messages per second that a replay is to reach, whatever happens to them."""
_BYTES = 300
"""What a message may hold at most, its payload and its fate included."""


def messages(count: int) -> rws.Session:
    """``count`` small events on one connection, 50 in each millisecond."""

    async def program() -> None:
        mock = rws.MockWebSocketManager()
        for number in range(count):
            await mock.send_to_thread("thread-1", {"type": "token", "n": number % 1_000})
            if number % 50 == 49:
                await asyncio.sleep(0.001)

    return rws.run(program).session


def _faults() -> tuple[rws.Fault, ...]:
    """20 entries of a plan: some at a time, some again and again, some at a message."""
    kinds: tuple[Mapping[str, Any], ...] = (
        {"at": "1ms", "for": "1s", "toxic": {"type": "loss", "rate": 0.1}},
        {"every": "20ms", "for": "2ms", "toxic": {"type": "latency", "latency": 1}},
        {"on": {"event": "token", "nth": 500}, "toxic": {"type": "duplicate"}},
        {"on": {"event": "token", "nth": 900}, "for": "2ms", "toxic": {"type": "partition"}},
    )
    named = ((number, kinds[number % 4]) for number in range(20))
    return tuple(
        rws.Fault.of({**kind, "toxic": {**kind["toxic"], "name": f"fault-{number}"}})
        for number, kind in named
    )


def _toxics() -> tuple[rws.Toxic, ...]:
    """60 rows of six types."""
    rows: tuple[Mapping[str, Any], ...] = (
        {"type": "loss", "rate": 0.001},
        {"type": "latency", "latency": 1, "jitter": 1},
        {"type": "duplicate", "rate": 0.001},
        {"type": "malformed", "rate": 0.001},
        {"type": "race", "rate": 0.001},
        {"type": "failure", "rate": 0.001},
    )
    return tuple(rws.Toxic(**rows[n % 6], name=f"toxic-{n}") for n in range(60))


def modes(quick: bool) -> Iterator[Figure]:
    """``replay`` of 100,000 messages under each mode, and under much at once, beside normal."""
    count = COUNT // 10 if quick else COUNT
    session = messages(count)
    settings: dict[str, rws.MockConfiguration] = {
        str(mode): rws.MockConfiguration(mode=mode) for mode in rws.MockBehaviorMode
    }
    settings |= {
        "slow_network + packet_loss": rws.MockConfiguration(mode=("slow_network", "packet_loss")),
        "link tcp": rws.MockConfiguration(link="tcp", latency_ms=20.0, packet_loss_rate=0.01),
        "a plan of 20 faults": rws.MockConfiguration(faults=_faults()),
    }
    many = rws.MockConfiguration(toxics=_toxics())

    def seconds(config: rws.MockConfiguration) -> float:
        return cpu_s(lambda: rws.replay(session, config=config, seed=1))

    normal = rws.MockConfiguration()
    seconds(normal)
    for what, config in settings.items():
        pairs = [(seconds(config), seconds(normal)) for _ in range(3)]
        rates = tuple(count / ours for ours, _ in pairs)
        yield Figure(f"replay, {what}", rates, "messages/s", _RATE, at_least=True)
        yield Figure("  as often as normal", tuple(ours / base for ours, base in pairs), "x")
    cost = tuple(seconds(many) / count / 60 * 1e6 for _ in range(1 if quick else 3))
    yield Figure("60 toxics: a message and toxic", cost, "us")
    yield from _memory(quick)
    if not quick:
        session = messages(10 * COUNT)
        yield Figure("replay, normal, 1,000,000 messages", (seconds(normal),), "s", 10)


def _memory(quick: bool) -> Iterator[Figure]:
    """What a replayed session holds per message, and that twice as many hold twice as much."""
    sizes = (5_000, 10_000) if quick else (50_000, 100_000)
    sessions = [messages(size) for size in sizes]
    growth = []
    for mode in rws.MockBehaviorMode:
        few, many = (_held(session, mode) for session in sessions)
        growth.append(many / few)
        yield Figure(f"memory of a message, {mode}", (many / sizes[1],), "B", _BYTES)
    what = f"memory of {sizes[1]:,} / of {sizes[0]:,}, all modes"
    yield Figure(what, tuple(growth), "x", 2.2)


def _held(session: rws.Session, mode: rws.MockBehaviorMode) -> int:
    tracemalloc.start()
    again = rws.replay(session, mode=mode, seed=1)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(again.log)
    return held
