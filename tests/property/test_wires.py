"""On a connection inside a run, what is delivered is a prefix of what was sent, in its order."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from replay_ws.sim.network.wires import WIRE_SIZE
from replay_ws.sim.runner import run_program
from replay_ws.sim.schedule import Schedule
from replay_ws.sim.scheduling import loop_with_lanes

SIZES = st.sampled_from([1, 2, 1_000, WIRE_SIZE - 1, WIRE_SIZE, WIRE_SIZE + 1, 3 * WIRE_SIZE])
DEEDS = ("write", "end", "close", "abort", "pause", "resume", "step", "sleep")


@dataclass(frozen=True)
class Deed:
    """What one side does next; ``size`` is how much it writes, if it writes."""

    name: str
    size: int


deeds = st.lists(st.builds(Deed, st.sampled_from(DEEDS), SIZES), max_size=12)


class Witness(asyncio.Protocol):
    """Remembers what went over its end, and objects to what must not come."""

    def __init__(self) -> None:
        self.sent = bytearray()
        self.received = bytearray()
        self.calls: list[str] = []
        self.hung_up = False  # before it had read all
        self.lost = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        assert self.calls == []
        self.calls.append("made")
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        assert self.calls == ["made"]
        assert data
        assert self.transport.is_reading()
        self.received += data

    def eof_received(self) -> bool:
        assert self.calls == ["made"]
        self.calls.append("end")
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        assert self.calls in (["made"], ["made", "end"])
        assert exc is None or isinstance(exc, OSError)
        self.calls.append("lost")
        self.lost.set_result(exc)

    async def do(self, deeds: list[Deed]) -> None:
        transport, has_ended = self.transport, False
        for deed in deeds:
            match deed.name:
                case "write" if not has_ended:
                    data = bytes([len(self.sent) % 251]) * deed.size
                    self.sent += data
                    transport.write(data)
                case "end":
                    transport.write_eof()
                    has_ended = has_ended or not transport.is_closing()
                case "close" | "abort" as end:
                    self.hung_up = True
                    getattr(transport, end)()
                case "pause":
                    transport.pause_reading()
                case "resume":
                    transport.resume_reading()
                case "step":
                    await asyncio.sleep(0)
                case "sleep":
                    await asyncio.sleep(1)
        transport.resume_reading()
        await asyncio.sleep(10)


@given(deeds, deeds, st.sampled_from(["fifo", "pos", "random"]), st.integers(0, 1 << 32))
def test_what_is_delivered_is_a_prefix_of_what_was_sent(
    near: list[Deed], far: list[Deed], policy: str, seed: int
) -> None:
    ends: list[Witness] = []
    reported = []

    def witness() -> Witness:
        ends.append(Witness())
        return ends[-1]

    async def program() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, facts: reported.append(facts))
        async with await loop.create_server(witness, "localhost", 80):
            await loop.create_connection(witness, "localhost", 80)
            await asyncio.sleep(1)  # both are made by now
            await asyncio.gather(ends[0].do(near), ends[1].do(far))
            for end in ends:  # two that closed with much to say wait for each other for ever
                end.transport.abort()
            assert await asyncio.gather(*(end.lost for end in ends))

    run_program(program, loop=loop_with_lanes(Schedule(policy).resolved(seed), seed))
    assert reported == []
    for reader, writer in (ends, reversed(ends)):
        assert writer.sent.startswith(reader.received)
        assert reader.calls[-1] == "lost"
        if not (reader.hung_up or writer.hung_up):
            assert reader.received == writer.sent
