"""What things cost, as ratios paired in one run: ``python tools/bench.py [NAME ...] [--quick]``.

``python tools/bench.py --peers`` installs the tools that ``races`` is compared with, in a folder of
their own; those that are not there are skipped.

Every row times our work and its reference in turn, in CPU time of this process (of the child where
a command is started), and shows the median of the ratios with their range. Absolute figures stand
beside budgets that are absolute; on a shared machine only the ratios are to be trusted.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgpack

# The suite of races belongs to the tests.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import replay_ws as rws
from replay_ws.cassette.format import SpanPacker
from replay_ws.cassette.reader import read
from replay_ws.sim.loop import VirtualLoop
from replay_ws.sim.runner import run_program
from tools.bench_compliance import compliance
from tools.bench_diff import diff
from tools.bench_hunt import hunts
from tools.bench_modes import modes
from tools.bench_peers import install_peers, races
from tools.bench_plugin import plugin
from tools.bench_runs import chain, schedule, threads, websockets
from tools.figures import Figure, child_cpu_s, cpu_s, paired

AGENT_EVENTS = (
    "agent_started",
    "agent_thinking",
    "tool_executing",
    "tool_completed",
    "agent_completed",
)


# --- material ------------------------------------------------------------------------------


def message(number: int) -> dict[str, Any]:
    """An agent event of some 150 bytes."""
    return {
        "type": AGENT_EVENTS[number % 5],
        "run_id": "run-1",
        "agent_name": "researcher",
        "payload": {"step": number, "text": "Looking for the refund policy of the shop, page 2."},
    }


async def send(count: int, mock: rws.MockWebSocketManager | None = None) -> None:
    """``count`` events through one mock."""
    mock = mock or rws.MockWebSocketManager()
    messages = [message(number) for number in range(count)]
    for each in messages:
        await mock.send_to_thread("thread-1", each)


def recorded(count: int) -> rws.Session:
    """A session of ``count`` agent events."""
    return rws.run(lambda: send(count)).session


# --- the rows ------------------------------------------------------------------------------


def cassette(quick: bool) -> Iterator[Figure]:
    """Writing and reading, against bare msgpack on the same rows."""
    log = recorded(20_000 if quick else 100_000).log
    times = log.times
    deltas = [now - before for now, before in zip(times, [0, *times[:-1]], strict=True)]
    columns = (log.ops, log.lanes, deltas, log.kind_ids, log.indexes, log.bodies)

    def write() -> bytes:
        sink = io.BytesIO()
        packer = SpanPacker(sink.write)
        packer.start(log.header)
        packer.rows(log)
        packer.finish()
        return sink.getvalue()

    def write_bare() -> None:
        sink = io.BytesIO()
        pack = msgpack.Packer().pack
        for row in zip(*columns, strict=True):
            sink.write(pack(row))

    def unpack_bare() -> None:
        unpacker = msgpack.Unpacker(max_buffer_size=0)
        unpacker.feed(data)
        for _ in unpacker:
            pass

    def unpack_and_keep() -> list[Any]:
        unpacker = msgpack.Unpacker(max_buffer_size=0)
        unpacker.feed(data)
        return list(unpacker)

    data = write()
    rounds = 5 if quick else 9
    yield Figure("cassette write / bare pack + write", paired(write, write_bare, rounds), "x", 1.2)
    # `read` keeps every row in a log. The first reference throws its rows away, the second keeps
    # them too; the budget names neither, so both are held against it.
    for what, bare in (("thrown away", unpack_bare), ("kept", unpack_and_keep)):
        ratios = paired(partial(read, data), bare, rounds)
        yield Figure(f"cassette read / bare unpack, rows {what}", ratios, "x", 2.0)


def vcr(quick: bool) -> Iterator[Figure]:
    """Loading a cassette, against VCR.py loading as many interactions from YAML."""
    try:
        from vcr.cassette import Cassette
        from vcr.request import Request
    except ImportError:
        print("skipped: vcr (VCR.py is not installed: python tools/dev.py setup)", file=sys.stderr)
        return
    count = 1_000 if quick else 10_000
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = Path(folder, "ours.rws"), Path(folder, "theirs.yaml")
        rws.save(recorded(count), ours)
        tape = Cassette(path=str(theirs))
        for number in range(count):
            body = json.dumps(message(number))
            request = Request("GET", f"http://localhost/{number}", "", {})
            answer = {
                "status": {"code": 200, "message": "OK"},
                "headers": {"content-type": ["application/json"]},
                "body": {"string": body},
            }
            tape.append(request, answer)
        tape._save(force=True)
        ratios = [
            cpu_s(lambda: Cassette.load(path=str(theirs))) / cpu_s(lambda: rws.load(ours))
            for _ in range(3)
        ]
    yield Figure(f"VCR.py load / ours, {count:,} records", tuple(ratios), "x", 300, at_least=True)


def sending(quick: bool) -> Iterator[Figure]:
    """``send_to_thread`` with the session kept, from 1,000 to 1,000,000 events."""
    sizes = (1_000, 10_000, 100_000) if quick else (1_000, 10_000, 100_000, 1_000_000)
    rates: dict[int, list[float]] = {size: [] for size in sizes}

    def rate(size: int) -> float:
        async def program() -> float:
            messages = [message(number) for number in range(size)]
            mock = rws.MockWebSocketManager()
            before = time.process_time()
            for each in messages:
                await mock.send_to_thread("thread-1", each)
            return size / (time.process_time() - before)

        return rws.run(program).value

    for _ in range(3 if quick else 5):
        for size in sizes:
            rates[size].append(rate(size))
    for size in sizes:
        what = f"send_to_thread, {size:,} events"
        yield Figure(what, tuple(rates[size]), "events/s", 100_000, at_least=True)
    flat = tuple(a / b for a, b in zip(rates[sizes[-1]], rates[sizes[0]], strict=True))
    what = f"rate at {sizes[-1]:,} / rate at {sizes[0]:,}"
    yield Figure(what, flat, "x", 0.8, at_least=True)


def mock(quick: bool) -> Iterator[Figure]:
    """Making a mock, and what an event costs in memory beside its payload."""
    count = 2_000

    def build() -> None:
        for _ in range(count):
            rws.MockWebSocketManager()

    build()
    costs = tuple(cpu_s(build) / count * 1e6 for _ in range(5))
    yield Figure("mock construction", costs, "us", 10)

    async def program() -> float:
        events = 20_000 if quick else 100_000
        messages = [message(number) for number in range(events)]
        mock = rws.MockWebSocketManager()
        tracemalloc.start()
        for each in messages:
            await mock.send_to_thread("thread-1", each)
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        payloads = sum(len(body) for body in mock._recording.log.bodies)
        return (held - payloads) / events

    yield Figure("memory per event beside its payload", (rws.run(program).value,), "B", 300)


def replay(quick: bool) -> Iterator[Figure]:
    """``replay`` under every mode, in messages per second."""
    count = 10_000 if quick else 50_000
    session = recorded(count)
    for mode in rws.MockBehaviorMode:
        once = partial(rws.replay, session, mode=mode, seed=1)
        rates = tuple(count / cpu_s(once) for _ in range(3))
        yield Figure(f"replay, {mode}", rates, "messages/s", 50_000, at_least=True)


def loop(quick: bool) -> Iterator[Figure]:
    """The virtual loop, against the stock one."""
    steps = 20_000 if quick else 100_000

    ratios = paired(chain(asyncio.new_event_loop, steps), chain(VirtualLoop, steps), 9)
    yield Figure("call_soon chain, stock / virtual", ratios, "x", 1.5, at_least=True)

    async def sleepers() -> None:
        await asyncio.gather(*(asyncio.sleep(3_600) for _ in range(10_000)))

    slept = tuple(cpu_s(lambda: run_program(sleepers, loop=VirtualLoop())) for _ in range(5))
    yield Figure("10,000 tasks x 1 h of sleep", slept, "s", 0.5)


def start(quick: bool) -> Iterator[Figure]:
    """Imports and the command line, beside a bare Python."""
    rounds = 5 if quick else 9

    def over_bare(*arguments: str) -> tuple[float, ...]:
        pairs = [(child_cpu_s(*arguments), child_cpu_s("-c", "pass")) for _ in range(rounds)]
        return tuple((ours - bare) * 1_000 for ours, bare in pairs)

    yield Figure(
        "import replay_ws, over bare Python", over_bare("-c", "import replay_ws"), "ms", 30
    )
    with tempfile.TemporaryDirectory() as folder:
        golden, run = Path(folder, "golden.rws"), Path(folder, "run.rws")
        session = recorded(50)
        rws.save(session, golden)
        rws.save(rws.replay(session, mode="slow_network"), run)
        commands = {
            "replay-ws --help": ("-m", "replay_ws", "--help"),
            "replay-ws diff, same": ("-m", "replay_ws", "diff", str(golden), str(golden)),
        }
        for what, arguments in commands.items():
            cost = tuple(child_cpu_s(*arguments) * 1_000 for _ in range(rounds))
            yield Figure(what, cost, "ms", 150)


BENCHES = {
    bench.__name__: bench
    for bench in (
        cassette,
        vcr,
        sending,
        mock,
        replay,
        modes,
        diff,
        compliance,
        loop,
        schedule,
        races,
        threads,
        websockets,
        start,
        plugin,
        hunts,
    )
}


def main() -> int:
    """Run the named benches, or all; 1 when a budget was missed."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(BENCHES)}")
    parser.add_argument("--quick", action="store_true", help="smaller sizes, fewer rounds")
    parser.add_argument("--peers", action="store_true", help="install what races compares with")
    options = parser.parse_args()
    if options.peers:
        return install_peers()
    unknown = sorted(set(options.names) - set(BENCHES))
    if unknown:
        parser.error(f"unknown bench {unknown[0]!r}; one of: {', '.join(BENCHES)}")
    print(f"Python {sys.version.split()[0]}, msgpack {_backend()}, {os.cpu_count()} cores\n")
    print(f"{'what':<46} {'median':<20} {'range':<22}    budget")
    missed = 0
    for name in options.names or BENCHES:
        for figure in BENCHES[name](options.quick):
            print(figure.line(), flush=True)
            missed += not figure.met
    print(f"\n{missed} missed" if missed else "\nall budgets met")
    return 1 if missed else 0


def _backend() -> str:
    return "pure Python" if msgpack.Packer.__module__ == "msgpack.fallback" else "C"


if __name__ == "__main__":
    sys.exit(main())
