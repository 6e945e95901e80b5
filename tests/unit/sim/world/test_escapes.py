"""What would leave the run is refused: the call, its line, and what to do instead."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from replay_ws.errors import EscapeError
from replay_ws.sim.loop import VirtualLoop
from replay_ws.sim.runner import run_program
from replay_ws.sim.world.escapes import ESCAPES


def test_every_method_in_the_table_exists_and_is_refused() -> None:
    loop = VirtualLoop()
    for name in ESCAPES:
        assert hasattr(asyncio.SelectorEventLoop, name)
        with pytest.raises(EscapeError, match=name) as caught:
            getattr(loop, name)(None, None)
        assert caught.value.mend
        assert caught.value.where.startswith(__file__)
    loop.close()


async def connect() -> None:
    await asyncio.open_connection("example.org", 443)


async def start_process() -> None:
    await asyncio.create_subprocess_exec("true")


async def resolve() -> None:
    await asyncio.get_running_loop().getaddrinfo("example.org", 443)


async def receive() -> None:
    with socket.socket() as endpoint:
        await asyncio.get_running_loop().sock_recv(endpoint, 1)


@pytest.mark.parametrize(
    ("program", "reached"),
    [
        (connect, "the name 'example.org' would be resolved by the real network"),
        (start_process, "loop.subprocess_exec() reaches for a real process"),
        (resolve, "the name 'example.org' would be resolved by the real network"),
        (receive, "loop.sock_recv() reaches for the real network"),
    ],
)
def test_the_error_names_the_users_line(program: Callable[[], Any], reached: str) -> None:
    with pytest.raises(EscapeError) as caught:
        run_program(program, loop=VirtualLoop())
    assert caught.value.what.startswith(reached)
    path, _, number = caught.value.where.rpartition(":")
    assert Path(path) == Path(__file__)
    first = program.__code__.co_firstlineno
    assert first < int(number) <= first + 2


def test_removing_what_was_never_added_is_answered() -> None:
    loop = VirtualLoop()
    assert loop.remove_reader(0) is False
    assert loop.remove_writer(0) is False
    assert loop.remove_signal_handler(2) is False
    loop.close()
