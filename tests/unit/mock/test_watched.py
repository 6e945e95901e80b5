"""A mock that is watched: its connections are what is accessed, its messages order steps."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from replay_ws.api import run
from replay_ws.errors import RaceError
from replay_ws.faults.configuration import MockConfiguration
from replay_ws.mock.manager import MockWebSocketManager
from replay_ws.mock.threads import MockWebSocketState
from replay_ws.race import Race
from replay_ws.sim.races.watching import watch

Program = Callable[[MockWebSocketManager], Awaitable[Any]]


def races_of(program: Program, *, strict: bool = False, **conditions: Any) -> tuple[Race, ...]:
    async def watched() -> None:
        await program(watch(MockWebSocketManager(), report="collect", strict=strict))

    return run(watched, **conditions).races


async def send_after_a_look(mock: MockWebSocketManager) -> None:
    async def send() -> None:
        if mock.get_connection_state("t") is MockWebSocketState.CONNECTED:
            await asyncio.sleep(1)
            await mock.send_to_thread("t", {"type": "agent_started"})

    async def close() -> None:
        await asyncio.sleep(10)
        await mock.disconnect_user("t")

    await mock.connect_user("t")
    await asyncio.gather(send(), close())


async def connect_after_a_look(mock: MockWebSocketManager) -> None:
    async def connect() -> None:
        if mock.get_connection_state("t") is MockWebSocketState.DISCONNECTED:
            await asyncio.sleep(1)
            await mock.connect_user("t")

    await asyncio.gather(connect(), connect())


async def senders(mock: MockWebSocketManager) -> None:
    await asyncio.gather(*(mock.send_to_thread("t", {"n": n}) for n in range(3)))


async def senders_on_connections_of_their_own(mock: MockWebSocketManager) -> None:
    await asyncio.gather(*(mock.send_to_thread(f"t{n}", {"n": n}) for n in range(3)))


async def look_again_before_the_send(mock: MockWebSocketManager) -> None:
    async def send() -> None:
        await asyncio.sleep(1)
        if mock.get_connection_state("t") is MockWebSocketState.CONNECTED:
            await mock.send_to_thread("t", {"type": "agent_started"})

    async def close() -> None:
        await asyncio.sleep(1)
        await mock.disconnect_user("t")

    await mock.connect_user("t")
    await asyncio.gather(send(), close())


def test_a_send_that_relies_on_an_old_look_at_the_connection_is_a_race() -> None:
    (race,) = races_of(send_after_a_look)
    assert race.what == "MockWebSocketManager connection 't'"
    assert (race.kind, race.first.kind, race.second.kind) == ("stale write", "use", "write")
    assert [frame.rpartition(" in ")[2] for frame in race.first.stack] == ["send"]
    assert [frame.rpartition(" in ")[2] for frame in race.second.stack] == ["close"]


@pytest.mark.parametrize(
    "program",
    [
        senders,
        senders_on_connections_of_their_own,
        look_again_before_the_send,
        connect_after_a_look,  # to connect what is connected changes nothing
    ],
)
def test_what_does_not_rely_on_an_old_look_is_none(program: Program) -> None:
    assert races_of(program) == ()


def test_strict_names_senders_whose_order_nothing_decides() -> None:
    races = races_of(senders, strict=True)
    assert "MockWebSocketManager messages of 't'" in [race.what for race in races]
    assert races_of(senders_on_connections_of_their_own, strict=True) == ()


def test_threads_that_drop_one_connection_are_a_race() -> None:
    async def program(mock: MockWebSocketManager) -> None:
        threads = [threading.Thread(target=mock.drop, args=("t",)) for _ in range(2)]
        await mock.connect_user("t")
        for thread in threads:
            thread.start()
        for thread in threads:
            await asyncio.to_thread(thread.join)

    assert {race.kind for race in races_of(program, threads="managed")} == {"data race"}


def answering(arrives: bool) -> Program:
    async def program(mock: MockWebSocketManager) -> None:
        order = watch({"state": "new"}, report="collect")

        async def serve() -> None:
            state = order["state"]
            await asyncio.sleep(1)
            order["state"] = f"{state}, served"
            if arrives:
                await mock.send_to_thread("t", {"type": "served"})

        async def answer() -> None:
            await asyncio.sleep(100)
            await mock.receive_from_thread("t", {"type": "seen"})
            state = order["state"]
            await asyncio.sleep(1)
            order["state"] = f"{state}, seen"

        await asyncio.gather(serve(), answer())

    return program


def test_a_message_that_arrived_comes_before_the_answer_of_its_receiver() -> None:
    assert races_of(answering(arrives=True)) == ()
    assert [race.what for race in races_of(answering(arrives=False))] == ["dict['state']"]


def test_a_message_that_was_lost_orders_nothing() -> None:
    lossy = MockConfiguration(mode="packet_loss", packet_loss_rate=1.0)
    races = races_of(answering(arrives=True), config=lossy)
    assert [race.what for race in races] == ["dict['state']"]


def test_who_reads_the_messages_comes_after_their_senders() -> None:
    async def program(mock: MockWebSocketManager) -> None:
        order = watch({"state": 0}, report="collect")

        async def send() -> None:
            state = order["state"]
            await asyncio.sleep(1)
            order["state"] = state + 1
            await mock.send_to_thread("t", {"type": "done"})

        async def poll() -> None:
            while not mock.get_events_for_thread("t"):
                await asyncio.sleep(1)
            state = order["state"]
            await asyncio.sleep(1)
            order["state"] = state + 1

        await asyncio.gather(send(), poll())

    assert races_of(program) == ()


def test_watching_changes_nothing_in_the_session() -> None:
    async def program() -> None:
        await senders(MockWebSocketManager(name="m"))

    async def watched() -> None:
        await senders(watch(MockWebSocketManager(name="m")))

    plain = run(program, seed=3, mode="packet_loss")
    assert run(watched, seed=3, mode="packet_loss").digest == plain.digest


def test_a_race_on_a_mock_ends_the_run() -> None:
    async def program() -> None:
        await send_after_a_look(watch(MockWebSocketManager()))

    with pytest.raises(RaceError, match="connection 't'"):
        run(program)
