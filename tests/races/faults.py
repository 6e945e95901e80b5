"""Twelve agents that are right as long as the network is, and a line that mends each.

Every program takes ``mended``; without it, it fails under some fault, in the way that its last
assertion says.
"""

from __future__ import annotations

import asyncio
import json
from asyncio import create_task, gather
from typing import Any

from replay_ws import MockWebSocketManager
from replay_ws.events.model import Fate
from tests.races.order import steps

THREAD = "thread-1"


def seen(mock: MockWebSocketManager, type: str) -> list[dict[str, Any]]:
    """What clients received of a type, in the order in which they did."""
    arrived = [event.payload for event in mock.session().delivered()]
    return [each for each in arrived if isinstance(each, dict) and each.get("type") == type]


async def retry_duplicates(*, mended: bool = False) -> None:
    """What got no answer is sent again, and who receives it does not look at its id."""
    mock = MockWebSocketManager(timeout_kind="late_ack")
    for _ in range(3):
        if (await mock.send(THREAD, {"type": "refund", "id": "refund-17"})).status != "timeout":
            break
    await mock.settle()
    refunds = [refund["id"] for refund in seen(mock, "refund")]
    paid = len(set(refunds)) if mended else len(refunds)
    assert paid <= 1, "refunded twice"


async def late_ack(*, mended: bool = False) -> None:
    """A send without an answer counts as failed, and the user is told so; but it arrived."""
    mock = MockWebSocketManager(timeout_kind="late_ack")
    result = await mock.send(THREAD, {"type": "agent_completed"})
    if result.status != "accepted" and not (mended and result.status == "timeout"):
        await mock.send(THREAD, {"type": "agent_error"})
    await mock.settle()
    told = len(seen(mock, "agent_completed")) + len(seen(mock, "agent_error"))
    assert told <= 1, "the user is told both"


async def resume_gap(*, mended: bool = False) -> None:
    """After a reconnect the client asks for what came after the last token that it saw."""
    mock = MockWebSocketManager()
    wanted = range(8)
    for number in wanted:
        await mock.send_to_thread(THREAD, {"type": "token", "n": number})
    for _ in range(100):
        await mock.settle()
        numbers = {token["n"] for token in seen(mock, "token")}
        after = max(numbers, default=-1) + 1
        missed = [n for n in wanted if n not in numbers] if mended else wanted[after:]
        if not missed:
            break
        for number in missed:
            await mock.send_to_thread(THREAD, {"type": "token", "n": number})
            await asyncio.sleep(1)
    else:
        return  # cut off for good, which is nobody's bug
    assert {token["n"] for token in seen(mock, "token")} == {*wanted}, "a gap that nobody sees"


async def token_expiry_race(*, mended: bool = False) -> None:
    """Two requests are refused, both get a new token, and the second makes the first void."""
    mock = MockWebSocketManager()
    valid = 1
    refreshing: asyncio.Task[int] | None = None

    async def refresh() -> int:
        nonlocal valid
        valid += 1
        token = valid
        await asyncio.sleep(0.05)
        return token

    async def request(name: str) -> None:
        nonlocal refreshing
        if await mock.send_to_thread(name, {"type": "tool_executing", "token": valid}):
            return
        if not mended or refreshing is None or refreshing.done():
            refreshing = create_task(refresh())
        token = await refreshing
        assert token == valid, "the new token is void already"

    await gather(request("search"), request("weather"))


async def overflow_drop(*, mended: bool = False) -> None:
    """A burst is more than a slow client's queue holds, and what it drops is the beginning."""
    mock = MockWebSocketManager()
    await mock.send_to_thread(THREAD, {"type": "agent_started"})
    for number in range(120):
        await mock.send_to_thread(THREAD, {"type": "token", "n": number})
        if mended:
            await asyncio.sleep(0.02)
    await mock.settle()
    assert "lost (overflow)" not in mock.session().ledger.reasons, "tokens were dropped"


async def reconnect_storm(*, mended: bool = False) -> None:
    """While the server is away everybody tries again at once, and keeps on trying."""
    mock = MockWebSocketManager()
    tries = 0
    wait_s = 0.01
    while not await mock.send_to_thread(THREAD, {"type": "agent_started"}):
        tries += 1
        assert tries < 60, "a storm of reconnects"
        await asyncio.sleep(wait_s)
        if mended:
            wait_s = min(wait_s * 2, 5)


async def order_across_connections(*, mended: bool = False) -> None:
    """Two connections of a user are two; what is sent on one first may arrive on it last."""
    mock = MockWebSocketManager()
    await mock.send_to_thread("chat", {"type": "tool_completed", "n": 1})
    if mended:
        await mock.settle()
    await mock.send_to_thread("status", {"type": "tool_completed", "n": 2})
    await mock.settle()
    order = [each["n"] for each in seen(mock, "tool_completed")]
    assert order == sorted(order), "completed before it was shown"


async def missing_timeout(*, mended: bool = False) -> None:
    """A client waits for an answer, for as long as it takes."""
    mock = MockWebSocketManager()
    waited_s = 0
    await mock.send_to_thread(THREAD, {"type": "answer"})
    while not seen(mock, "answer"):
        await asyncio.sleep(1)
        waited_s += 1
        if mended and waited_s == 30:
            break
        assert waited_s < 300, "waited for five minutes"


async def partial_frame(*, mended: bool = False) -> None:
    """A frame that was cut off is no JSON, and who reads it stops reading."""
    mock = MockWebSocketManager()
    for number in range(3):
        await mock.send_to_thread(THREAD, json.dumps({"type": "token", "n": number}))
    await mock.settle()
    for event in mock.session().delivered():
        try:
            json.loads(event.body)
        except ValueError:
            if not mended:
                raise


async def close_race(*, mended: bool = False) -> None:
    """The last event is accepted, and the close that follows overtakes it."""
    mock = MockWebSocketManager()
    await mock.connect_user("ada", thread_id=THREAD)
    accepted = await mock.send_to_thread(THREAD, {"type": "agent_completed"})
    if mended:
        await mock.settle()
    await mock.disconnect_user("ada", thread_id=THREAD)
    await mock.settle()
    (event,) = (each for each in mock.session().events if each.type == "agent_completed")
    if accepted and event.outcome is Fate.IN_DOUBT:
        raise AssertionError("the last event is in doubt")


async def heartbeat_miss(*, mended: bool = False) -> None:
    """Three heartbeats missed in a row are an end; what counts is whether they were in a row."""
    mock = MockWebSocketManager()
    missed = in_a_row = worst = 0
    for number in range(20):
        before = len(seen(mock, "heartbeat"))
        await mock.send_to_thread(THREAD, {"type": "heartbeat", "n": number})
        await asyncio.sleep(10)
        came = len(seen(mock, "heartbeat")) > before
        in_a_row = 0 if came else in_a_row + 1
        worst = max(worst, in_a_row)
        missed = (0 if came else missed + 1) if mended else missed + (not came)
        if missed == 3:
            assert worst == 3, "declared dead while it was alive"
            return


async def stale_cache(*, mended: bool = False) -> None:
    """Word of the second change is lost, and the first was read before the second was made."""
    mock = MockWebSocketManager()
    price, shown, told = 1, 1, 0

    async def change() -> None:
        nonlocal price
        for _ in range(2):
            price += 1
            await mock.send_to_thread(THREAD, {"type": "changed"})
            await asyncio.sleep(0)

    async def show() -> None:
        nonlocal shown, told
        await steps(8)  # it has other things to show first
        for _ in range(20):
            changes = len(seen(mock, "changed"))
            if changes > told:
                told, shown = changes, price
            await asyncio.sleep(0)

    await gather(change(), show())
    await mock.settle()
    if mended:
        shown = price  # once more at the end, whatever was said
    if told:
        assert shown == price, "an old price"
