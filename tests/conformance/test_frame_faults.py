"""Harmed frames meet a real client and a real server: both report what the table of endings says.

The two are those of the ``websockets`` library, on virtual time; a harmed frame is put on the
transport of the one that sends it. They read with ``recv``, which is what finds invalid UTF-8: the
library's sans-IO core leaves that to it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from replay_ws.channel.closes import ENDINGS, SOUND, Ending
from replay_ws.events.frames import is_utf8
from replay_ws.faults.frames import FRAME_KINDS, flip, harm
from replay_ws.sim.loop import VirtualLoop
from replay_ws.sim.runner import run_program

pytest.importorskip("websockets", minversion="14.0")

from websockets.asyncio.client import connect
from websockets.asyncio.connection import Connection
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

TEXT = '{"type":"token","text":"hällo"}'
POSITIONS = (0, 7, 12_345, (1 << 63) - 1)
BY_POLICY = "binary_instead_of_text"
ENDS = [kind for kind in FRAME_KINDS if kind not in SOUND]
BOTH_WAYS = pytest.mark.parametrize("upstream", [False, True], ids=["downstream", "upstream"])


@dataclass
class Seen:
    """What there was to see: what the receiver got, and the close codes of both sides.

    ``sent`` and ``heard`` are the codes of the close frames that receiver and sender saw go out and
    come in; None where there was no such frame.
    """

    got: list[str | bytes] = field(default_factory=list)
    receiver: int | None = None
    sender: int | None = None
    sent: int | None = None
    heard: int | None = None


def passed(data: bytes, *, upstream: bool = False, how: str = "", picky: bool = True) -> Seen:
    """A good message, then ``data`` as it is; ``how`` loses the connection: ``fin`` or ``rst``.

    ``picky``: the receiver wants text, and closes with 1003 when it gets something else.
    """
    seen = Seen()

    async def send(connection: Connection) -> None:
        await connection.send("good")
        connection.transport.write(data)
        if how == "fin":
            connection.transport.close()
        elif how == "rst":
            connection.transport.abort()
        await connection.wait_closed()
        seen.sender = connection.close_code
        seen.heard = code(connection.protocol.close_rcvd)

    async def receive(connection: Connection) -> None:
        try:
            while True:
                got = await connection.recv()
                seen.got.append(got)
                if picky and not isinstance(got, str):
                    await connection.close(1003)
                elif len(seen.got) == 2:
                    await connection.close()
        except ConnectionClosed as error:
            seen.receiver = connection.close_code
            seen.sent = code(error.sent)

    async def handler(connection: ServerConnection) -> None:
        await (receive if upstream else send)(connection)

    async def program() -> None:
        async with serve(handler, "localhost", 8765, compression=None) as server:
            client = await connect("ws://localhost:8765", compression=None)
            await (send if upstream else receive)(client)
            await client.wait_closed()
            server.close()
            await server.wait_closed()

    run_program(program, loop=VirtualLoop())
    return seen


def code(close: Any) -> int | None:
    return None if close is None else int(close.code)


def frame(text: str, upstream: bool) -> bytes:
    return Frame(Opcode.TEXT, text.encode()).serialize(mask=upstream)


def table(kind: str, upstream: bool) -> Ending:
    return ENDINGS[kind].turned() if upstream else ENDINGS[kind]


def expected(how: Ending, upstream: bool) -> Seen:
    sides = (how.server, how.client) if upstream else (how.client, how.server)
    return Seen(["good"], *sides, how.wire, how.wire)


@BOTH_WAYS
def test_an_unharmed_frame_is_delivered(upstream: bool) -> None:
    seen = passed(frame(TEXT, upstream), upstream=upstream)
    assert seen == Seen(["good", TEXT], 1000, 1000, 1000, 1000)


@BOTH_WAYS
def test_broken_json_is_delivered_as_any_text(upstream: bool) -> None:
    seen = passed(frame(TEXT[:9], upstream), upstream=upstream)
    assert seen == Seen(["good", TEXT[:9]], 1000, 1000, 1000, 1000)


@BOTH_WAYS
@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize("kind", [kind for kind in ENDS if kind != BY_POLICY])
def test_both_sides_of_a_harmed_frame_report_what_the_table_says(
    kind: str, position: int, upstream: bool
) -> None:
    arrived = harm(frame(TEXT, upstream), kind, position)
    seen = passed(arrived, upstream=upstream, how="fin" if kind == "truncated_frame" else "")
    assert seen == expected(table(kind, upstream), upstream)


@BOTH_WAYS
@pytest.mark.parametrize("how", ["fin", "rst"])
def test_both_sides_of_a_lost_connection_report_what_the_table_says(
    how: str, upstream: bool
) -> None:
    assert passed(b"", upstream=upstream, how=how) == expected(table(how, upstream), upstream)


@BOTH_WAYS
def test_a_binary_frame_ends_a_connection_only_where_a_program_wants_text(upstream: bool) -> None:
    arrived = harm(frame(TEXT, upstream), BY_POLICY, 0)
    seen = passed(arrived, upstream=upstream, picky=False)
    assert seen == Seen(["good", TEXT.encode()], 1000, 1000, 1000, 1000)
    wanted = expected(table(BY_POLICY, upstream), upstream)
    wanted.got.append(TEXT.encode())
    assert passed(arrived, upstream=upstream) == wanted


@BOTH_WAYS
@pytest.mark.parametrize("position", range(0, len(TEXT.encode()) * 8, 3))
def test_a_flipped_bit_is_delivered_unless_the_text_is_no_utf8_any_more(
    position: int, upstream: bool
) -> None:
    arrived = harm(frame(TEXT, upstream), "bitflip", position)
    flipped = flip(TEXT.encode(), position)
    seen = passed(arrived, upstream=upstream)
    if is_utf8(flipped):
        assert seen == Seen(["good", flipped.decode()], 1000, 1000, 1000, 1000)
    else:
        assert seen == expected(table("invalid_utf8", upstream), upstream)
