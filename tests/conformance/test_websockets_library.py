"""The ``websockets`` library as it is, client and server, inside a run on virtual time."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from replay_ws.errors import EscapeError
from replay_ws.sim.handles import Ready, Timer
from replay_ws.sim.lanes import Lane
from replay_ws.sim.loop import VirtualLoop
from replay_ws.sim.runner import run_program
from replay_ws.sim.schedule import Schedule
from replay_ws.sim.scheduling import loop_with_lanes

pytest.importorskip("websockets", minversion="14.0")

from websockets.asyncio.client import connect, unix_connect
from websockets.asyncio.server import ServerConnection, serve, unix_serve
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK

Step = tuple[int, str, int]


class Steps:
    """An observer that writes down each step: its instant, its lane, and its number there."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.steps: list[Step] = []
        self._loop = loop
        loop.observe(self)

    def queued(self, handle: Ready | Timer, lane: Lane) -> None:
        """Does not show in a trace."""

    def armed(self, timer: Timer) -> None:
        """Does not show in a trace."""

    def begins(self, handle: Ready | Timer, lane: Lane) -> None:
        self.steps.append((self._loop.time_ns(), lane.path, lane.steps))


def traced(
    program: Callable[[], Awaitable[Any]], policy: str = "fifo", seed: int = 0
) -> tuple[Any, list[Step]]:
    loop = loop_with_lanes(Schedule(policy, jitter=False).resolved(seed), seed)
    steps = Steps(loop)
    return run_program(program, loop=loop), steps.steps


def run(program: Callable[[], Awaitable[Any]]) -> Any:
    return run_program(program, loop=VirtualLoop())


def seconds() -> float:
    return asyncio.get_running_loop().time()


async def shout(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message.upper())


async def never_read(connection: ServerConnection) -> None:
    connection.transport.pause_reading()
    await connection.wait_closed()


async def twenty_clients() -> tuple[list[tuple[int, str]], float]:
    """Each sends ten messages, a minute and a second apart, with pings every twenty seconds."""
    heard = []

    async def client(number: int) -> None:
        async with connect("ws://localhost:8765", ping_interval=20) as connection:
            for index in range(10):
                await connection.send(f"message {index} of {number}")
                heard.append((number, await connection.recv()))
                await asyncio.sleep(61)

    async with serve(shout, "localhost", 8765, ping_interval=20):
        await asyncio.gather(*(client(number) for number in range(20)))
    return heard, seconds()


def test_twenty_clients_talk_for_ten_minutes() -> None:
    heard, end_s = run(twenty_clients)
    assert end_s == 610
    assert sorted(heard) == [
        (number, f"MESSAGE {index} OF {number}") for number in range(20) for index in range(10)
    ]


@pytest.mark.parametrize("policy", ["fifo", "pos", "random"])
def test_one_seed_gives_one_trace(policy: str) -> None:
    (heard, end_s), steps = traced(twenty_clients, policy, seed=3)
    assert traced(twenty_clients, policy, seed=3) == ((heard, end_s), steps)
    assert end_s == 610
    pings = [path for instant, path, _ in steps if instant % 20_000_000_000 == 0 and instant]
    assert sum("keepalive" in path for path in pings) >= 20 * 2 * 30


def test_another_seed_gives_another_order() -> None:
    orders = {tuple(traced(twenty_clients, "random", seed)[0][0]) for seed in range(3)}
    assert len(orders) == 3


def test_a_close_is_heard_on_both_sides_with_its_code_and_reason() -> None:
    heard: list[Any] = []

    async def listen(connection: ServerConnection) -> None:
        await connection.wait_closed()
        heard.append((connection.close_code, connection.close_reason))

    async def program() -> None:
        async with serve(listen, "localhost", 8765):
            client = await connect("ws://localhost:8765")
            await client.close(4000, "enough")
            heard.append((client.close_code, client.close_reason))

    run(program)
    assert heard == [(4000, "enough")] * 2


def test_a_handler_that_fails_closes_with_1011(caplog: pytest.LogCaptureFixture) -> None:
    async def fail(connection: ServerConnection) -> None:
        raise ZeroDivisionError

    async def program() -> int | None:
        async with serve(fail, "localhost", 8765), connect("ws://localhost:8765") as client:
            with pytest.raises(ConnectionClosedError):
                await client.recv()
            return client.close_code

    assert run(program) == 1011
    assert "connection handler failed" in caplog.text


def test_a_peer_that_answers_no_ping_is_given_up_in_virtual_time() -> None:
    async def program() -> tuple[int | None, float]:
        async with serve(never_read, "localhost", 8765, ping_interval=None, close_timeout=1):
            client = await connect(
                "ws://localhost:8765", ping_interval=20, ping_timeout=15, close_timeout=10
            )
            with pytest.raises(ConnectionClosedError, match="keepalive ping timeout"):
                await client.recv()
            return client.close_code, seconds()

    assert run(program) == (1006, 45)


def test_a_sender_waits_for_a_peer_that_does_not_read() -> None:
    received: list[int] = []

    async def read_late(connection: ServerConnection) -> None:
        await asyncio.sleep(10)  # less than it takes until a ping is missed
        received.extend([len(message) async for message in connection])

    async def program() -> tuple[int, int]:
        sent_at = []
        server = serve(read_late, "localhost", 8765)
        async with server, connect("ws://localhost:8765", compression=None) as client:
            for _ in range(100):
                await client.send(bytes(10_000))
                sent_at.append(seconds())
        return sent_at.count(0), sent_at.count(10)

    at_once, later = run(program)
    assert 20 < at_once < 40
    assert later == 100 - at_once
    assert received == [10_000] * 100


def test_a_client_reconnects_when_its_server_comes_back() -> None:
    async def program() -> list[str]:
        heard: list[str] = []

        async def serve_from(start_s: float, stop_s: float) -> None:
            await asyncio.sleep(start_s - seconds())
            async with serve(shout, "localhost", 8765):
                await asyncio.sleep(stop_s - seconds())

        async def talk() -> None:
            async for connection in connect("ws://localhost:8765"):
                with contextlib.suppress(ConnectionClosedOK):
                    await connection.send("hello")
                    heard.append(await connection.recv())
                    if len(heard) == 2:
                        return
                    await connection.recv()

        client = asyncio.create_task(talk())
        await serve_from(10, 100)
        await serve_from(200, 400)
        await client
        return heard

    assert run(program) == ["HELLO", "HELLO"]


@pytest.mark.skipif(sys.platform == "win32", reason="asyncio has no Unix sockets on Windows")
def test_a_unix_socket_is_a_name_of_the_run(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")

    async def program() -> str:
        async with unix_serve(shout, path), unix_connect(path) as client:
            await client.send("hello")
            return await client.recv()

    assert run(program) == "HELLO"
    assert not Path(path).exists()


def test_a_real_server_is_out_of_reach() -> None:
    async def program() -> None:
        await connect("ws://example.org/")

    with pytest.raises(EscapeError) as caught:
        run(program)
    assert caught.value.where == f"{__file__}:{program.__code__.co_firstlineno + 1}"


def test_nobody_at_home_is_a_refused_connection() -> None:
    async def program() -> None:
        await connect("ws://localhost:8765")

    with pytest.raises(ConnectionRefusedError):
        run(program)
