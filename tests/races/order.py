"""Small programs whose mistake shows only when ready tasks run in another order.

Each is right when tasks run in the order in which they became ready: somebody always starts a
few steps later, as a second caller does. Where they end badly they raise an AssertionError or
wait for ever. The number beside a name in ``suite`` is the bug's depth: how many orderings between
two steps have to come out wrong together.
"""

from __future__ import annotations

import asyncio
from asyncio import gather, sleep


async def steps(count: int) -> None:
    """Work that takes ``count`` turns of the loop."""
    for _ in range(count):
        await sleep(0)


async def lost_update() -> None:
    """Two deposits each write back the balance that they read, plus their own."""
    balance = 0

    async def deposit(amount: int, after: int) -> None:
        nonlocal balance
        await steps(after)
        seen = balance
        await sleep(0)
        balance = seen + amount

    await gather(deposit(10, after=0), deposit(5, after=2))
    assert balance == 15, f"15 was paid in, the balance is {balance}"


async def check_then_act() -> None:
    """The last ticket is sold to whoever looked, not to whoever paid."""
    tickets = 1

    async def buy(after: int) -> None:
        nonlocal tickets
        await steps(after)
        if tickets > 0:
            await steps(1)  # the payment
            tickets -= 1

    await gather(buy(after=0), buy(after=2))
    assert tickets == 0, f"{1 - tickets} tickets were sold, and there was one"


async def double_init() -> None:
    """A shared client is made by the first who needs it, and by the second meanwhile."""
    client: object | None = None
    made = 0

    async def get_client(after: int) -> object:
        nonlocal client, made
        await steps(after)
        if client is None:
            await steps(2)  # the handshake
            client, made = object(), made + 1
        return client

    first, second = await gather(get_client(after=0), get_client(after=4))
    assert first is second, f"{made} clients were made"


async def order_violation() -> None:
    """A tool's result is sent by one task, its announcement by another."""
    sent: list[str] = []

    async def announce() -> None:
        sent.append("tool_executing")

    async def execute() -> None:
        await steps(1)  # the tool
        sent.append("tool_completed")

    await gather(announce(), execute())
    assert sent == ["tool_executing", "tool_completed"], f"sent {sent}"


async def cancel_in_middle() -> None:
    """A transfer is given up between taking the money and handing it over."""
    alice, bob = 100, 0

    async def transfer() -> None:
        nonlocal alice, bob
        await steps(1)
        alice -= 30
        await sleep(0)
        bob += 30

    async def give_up(task: asyncio.Task[None]) -> None:
        await steps(4)
        task.cancel()

    task = asyncio.create_task(transfer(), name="transfer")
    await gather(task, give_up(task), return_exceptions=True)
    assert alice + bob == 100, f"{100 - alice - bob} was lost on the way"


async def queue_reorder() -> None:
    """Two workers take messages from one queue, and the order of answers is taken for granted."""
    queue: asyncio.Queue[int] = asyncio.Queue()
    answered: list[int] = []
    for number in range(4):
        queue.put_nowait(number)

    async def worker() -> None:
        while not queue.empty():
            number = queue.get_nowait()
            await steps(1)
            answered.append(number)

    await gather(worker(), worker())
    assert answered == sorted(answered), f"answered {answered}"


async def deadlock_two_locks() -> None:
    """Two transfers lock the same two accounts, each its own first."""
    alice, bob = asyncio.Lock(), asyncio.Lock()

    async def transfer(mine: asyncio.Lock, other: asyncio.Lock, after: int) -> None:
        await steps(after)
        async with mine:
            await sleep(0)
            async with other:
                await sleep(0)

    await gather(transfer(alice, bob, after=0), transfer(bob, alice, after=3))


async def aba() -> None:
    """A slot is compared by its name, and the name came back with something else behind it."""
    free = ["a", "b", "c"]
    used: set[str] = set()

    async def claim_optimistically() -> None:
        top, rest = free[-1], free[:-1]
        await sleep(0)
        if free and free[-1] == top:  # as it was, so nothing happened meanwhile: or did it?
            free[:] = rest
            used.add(top)

    async def borrow_two_and_return_one() -> None:
        await steps(2)
        top = free.pop()
        await sleep(0)
        if free:
            used.add(free.pop())
        await sleep(0)
        free.append(top)

    await gather(claim_optimistically(), borrow_two_and_return_one())
    assert used.isdisjoint(free), f"free and in use: {used.intersection(free)}"


async def reconnect_race() -> None:
    """The clean-up after the old connection takes away the new one."""
    socket: str | None = "first"

    async def on_close() -> None:
        nonlocal socket
        await steps(1)  # the handlers of the close
        socket = None

    async def reconnect() -> None:
        nonlocal socket
        await steps(3)  # the handshake
        socket = "second"

    await gather(on_close(), reconnect())
    assert socket == "second", "connected, and yet there is no connection"


async def missed_wakeup() -> None:
    """A consumer looks, sees nothing, and goes to sleep after it was called."""
    items: list[str] = []
    bell: asyncio.Future[None] | None = None

    async def consume() -> str:
        nonlocal bell
        if not items:
            await steps(1)  # "nothing there, waiting" goes to the log
            bell = asyncio.get_running_loop().create_future()
            await bell
        return items.pop()

    async def produce() -> None:
        await steps(3)
        items.append("message")
        if bell is not None:
            bell.set_result(None)

    await gather(consume(), produce())


async def deep_alternation() -> None:
    """A protocol error after two sides took turns in one way out of very many."""
    taken: list[str] = []

    async def side(name: str, after: int) -> None:
        await steps(after)
        for _ in range(3):
            taken.append(name)
            await sleep(0)

    await gather(side("a", after=0), side("b", after=2))
    assert "".join(taken) != "ababab", "the handshake was answered at each step"


async def starvation() -> None:
    """A reader gives up on its buffer before the one who fills it was ever asked."""
    buffered = 0

    async def fill() -> None:
        nonlocal buffered
        buffered += 1

    async def read() -> None:
        for _ in range(25):
            await sleep(0)
            if buffered:
                return
        raise AssertionError("nothing came in 25 turns")

    await gather(fill(), read())


async def late_bug() -> None:
    """Three hundred steps of honest work, and then the mistake."""
    flushed = True
    last_block = asyncio.Event()

    async def write() -> None:
        nonlocal flushed
        await steps(150)
        last_block.set()
        await sleep(0)
        flushed = False
        await sleep(0)
        flushed = True

    async def close() -> None:
        await steps(148)
        await last_block.wait()
        await steps(2)
        assert flushed, "closed before the last block was flushed"

    await gather(write(), close())


async def bystanders() -> None:
    """The lost update again, among 22 tasks that have nothing to do with it."""
    count = 0

    async def increment(after: int) -> None:
        nonlocal count
        await steps(after)
        seen = count
        await sleep(0)
        count = seen + 1

    others = [steps(6) for _ in range(22)]
    await gather(increment(after=0), *others, increment(after=3))
    assert count == 2, f"2 were counted as {count}"
