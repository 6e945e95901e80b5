"""Small programs whose mistake shows only when time passes otherwise than was thought.

Each relies on several short waits being over before a longer one is. Nothing on a busy machine
promises that: a wait is never shorter than was asked, but a loop that is kept from its work begins
the next wait late, and what adds up overtakes the long one. A stock loop shows all of them.
"""

from __future__ import annotations

from asyncio import Event, Task, create_task, gather, sleep, timeout


async def lost_update_io() -> None:
    """Two clients of a database write back what they read, plus their own."""
    row = 0

    async def query() -> None:
        for _ in range(4):  # the parts of a round trip
            await sleep(0.002)

    async def increment(after: float) -> None:
        nonlocal row
        await sleep(after)
        seen = row
        await query()
        row = seen + 1

    await gather(increment(after=0), increment(after=0.0085))
    assert row == 2, f"2 were counted as {row}"


async def timeout_race() -> None:
    """A lease runs out while its holder is still at work."""
    holders: list[str] = []

    async def work(name: str) -> None:
        holders.append(name)
        assert len(holders) == 1, f"{' and '.join(holders)} hold the lease"
        for _ in range(3):
            await sleep(0.3)
        holders.remove(name)

    async def take_over() -> None:
        await sleep(1.0)  # the lease's time: nobody can still be at work
        await work("second")

    await gather(work("first"), take_over())


async def duplicate_delivery() -> None:
    """An order is sent again when no answer came in time, and carried out again."""
    orders = 0
    acknowledged = Event()

    async def shop() -> None:
        nonlocal orders
        await sleep(0.3)  # the way there
        orders += 1
        await sleep(0.3)  # packing
        await sleep(0.3)  # the way back
        acknowledged.set()

    attempts: list[Task[None]] = []
    while not acknowledged.is_set():
        attempts.append(create_task(shop(), name=f"attempt-{len(attempts)}"))
        try:
            async with timeout(1.0):
                await acknowledged.wait()
        except TimeoutError:
            continue
    await gather(*attempts)
    assert orders == 1, f"one order was carried out {orders} times"
