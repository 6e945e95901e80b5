"""Programs of the same flavour that are right: in no order, and however late, may one fail.

Each keeps its promise by the means that the racy one in ``order``, ``timing`` or ``agents``
lacks, and checks the promise at the end.
"""

from __future__ import annotations

import asyncio
from asyncio import gather, sleep

from replay_ws import MockWebSocketManager
from replay_ws.mock.threads import MockWebSocketState
from tests.races.agents import THREAD, sent_types
from tests.races.order import steps


async def update_under_lock() -> None:
    """Read and write back are one critical section."""
    balance = 0
    lock = asyncio.Lock()

    async def deposit(amount: int) -> None:
        nonlocal balance
        await steps(1)
        async with lock:
            seen = balance
            await sleep(0)
            balance = seen + amount

    await gather(deposit(10), deposit(5), deposit(1))
    assert balance == 16


async def update_in_one_step() -> None:
    """Nobody can come between a read and a write with no await between them."""
    count = 0

    async def increment() -> None:
        nonlocal count
        for _ in range(3):
            await sleep(0)
            count += 1

    await gather(*(increment() for _ in range(5)))
    assert count == 15


async def update_with_retry() -> None:
    """Compare, and write only if the version is still the one that was read."""
    value, version = 0, 0

    async def increment() -> None:
        nonlocal value, version
        while True:
            seen, seen_version = value, version
            await sleep(0.001)
            if version == seen_version:
                value, version = seen + 1, version + 1
                return

    await gather(*(increment() for _ in range(4)))
    assert value == 4


async def act_then_check_again() -> None:
    """The ticket is taken before the payment, and given back if that fails."""
    tickets, sold = 1, 0

    async def buy(has_money: bool) -> None:
        nonlocal tickets, sold
        if tickets == 0:
            return
        tickets -= 1
        await steps(2)  # the payment
        if has_money:
            sold += 1
        else:
            tickets += 1

    await gather(buy(has_money=True), buy(has_money=False), buy(has_money=True))
    assert tickets >= 0
    assert sold <= 1
    assert tickets + sold == 1


async def init_once() -> None:
    """The first caller leaves a task behind that all others await."""
    made = 0
    client: asyncio.Task[object] | None = None

    async def connect() -> object:
        nonlocal made
        await sleep(0.01)
        made += 1
        return object()

    async def get_client() -> object:
        nonlocal client
        if client is None:
            client = asyncio.create_task(connect(), name="connect")
        return await client

    clients = await gather(*(get_client() for _ in range(4)))
    assert made == 1
    assert len(set(clients)) == 1


async def announce_first() -> None:
    """The tool waits for its announcement."""
    sent: list[str] = []
    announced = asyncio.Event()

    async def announce() -> None:
        await steps(2)
        sent.append("tool_executing")
        announced.set()

    async def execute() -> None:
        await announced.wait()
        sent.append("tool_completed")

    await gather(execute(), announce())
    assert sent == ["tool_executing", "tool_completed"]


async def cancel_safely() -> None:
    """What must not be left half done is shielded, and awaited before the end."""
    alice, bob = 100, 0

    async def move() -> None:
        nonlocal alice, bob
        alice -= 30
        await sleep(0.002)
        bob += 30

    async def transfer() -> None:
        moving = asyncio.create_task(move(), name="move")
        try:
            await asyncio.shield(moving)
        except asyncio.CancelledError:
            await moving
            raise

    task = asyncio.create_task(transfer(), name="transfer")
    await steps(2)
    task.cancel()
    await gather(task, return_exceptions=True)
    assert alice + bob == 100


async def answer_in_order() -> None:
    """Workers finish as they like; answers go out by their numbers."""
    questions: asyncio.Queue[int] = asyncio.Queue()
    done: dict[int, int] = {}
    answered: list[int] = []
    for number in range(6):
        questions.put_nowait(number)

    async def worker() -> None:
        while not questions.empty():
            number = questions.get_nowait()
            await sleep(0.001 * (number % 3))
            done[number] = number
            while len(answered) in done:
                answered.append(done.pop(len(answered)))

    await gather(worker(), worker(), worker())
    assert answered == list(range(6))


async def lock_in_one_order() -> None:
    """Everybody takes the two locks in the same order."""
    locks = {"alice": asyncio.Lock(), "bob": asyncio.Lock()}
    transfers = 0

    async def transfer(*accounts: str) -> None:
        nonlocal transfers
        first, second = sorted(accounts)
        async with locks[first]:
            await sleep(0)
            async with locks[second]:
                await sleep(0)
                transfers += 1

    await gather(transfer("alice", "bob"), transfer("bob", "alice"), transfer("alice", "bob"))
    assert transfers == 3


async def tagged_slots() -> None:
    """Each change of the free list has a number, so that a name that comes back is not the same."""
    free, tag = ["a", "b", "c"], 0
    used: set[str] = set()

    async def claim() -> None:
        nonlocal tag
        while True:
            seen = tag
            await sleep(0)
            if tag == seen:
                tag += 1
                used.add(free.pop())
                return

    async def borrow_and_return() -> None:
        nonlocal tag
        slot = free.pop()
        tag += 1
        await steps(2)
        free.append(slot)
        tag += 1

    await gather(claim(), borrow_and_return(), claim())
    assert used.isdisjoint(free)
    assert len(used) == 2


async def close_own_connection_only() -> None:
    """The clean-up looks whether the connection is still the one that was closed."""
    socket: str | None = "first"

    async def on_close(closed: str) -> None:
        nonlocal socket
        await steps(2)
        if socket == closed:
            socket = None

    async def reconnect() -> None:
        nonlocal socket
        await steps(2)
        socket = "second"

    await gather(on_close("first"), reconnect())
    assert socket == "second"


async def wait_on_condition() -> None:
    """To look and to go to sleep are one step under the condition's lock."""
    items: list[int] = []
    taken: list[int] = []
    changed = asyncio.Condition()

    async def consume() -> None:
        async with changed:
            await changed.wait_for(lambda: bool(items))
            taken.append(items.pop())

    async def produce(number: int) -> None:
        await steps(number)
        async with changed:
            items.append(number)
            changed.notify()

    await gather(consume(), consume(), produce(1), produce(2))
    assert sorted(taken) == [1, 2]


async def wait_with_event() -> None:
    """An event that was set before anybody waited is still set."""
    ready = asyncio.Event()
    seen = 0

    async def wait() -> None:
        nonlocal seen
        await steps(1)
        await ready.wait()
        seen += 1

    async def announce() -> None:
        await sleep(0.001)
        ready.set()

    await gather(wait(), announce(), wait())
    assert seen == 2


async def renew_the_lease() -> None:
    """Who holds a lease may work on only while it is still theirs."""
    owner, written = "first", []

    async def work(name: str) -> None:
        for _ in range(4):
            await sleep(0.3)
            if owner != name:
                return
            written.append(name)

    async def take_over() -> None:
        nonlocal owner
        await sleep(1.0)
        owner = "second"
        await work("second")

    await gather(work("first"), take_over())
    assert written == sorted(written), "the first wrote after the second"
    assert written.count("second") == 4


async def deliver_idempotently() -> None:
    """An order has a number, and is carried out once however often it comes."""
    carried_out: set[str] = set()
    packed = 0
    acknowledged = asyncio.Event()

    async def shop(order: str) -> None:
        nonlocal packed
        await sleep(0.4)
        if order not in carried_out:
            carried_out.add(order)
            packed += 1
        await sleep(0.4)
        acknowledged.set()

    async with asyncio.TaskGroup() as attempts:
        while not acknowledged.is_set():
            attempts.create_task(shop("order-1"))
            try:
                async with asyncio.timeout(1.0):
                    await acknowledged.wait()
            except TimeoutError:
                continue
    assert packed == 1


async def close_after_the_flush() -> None:
    """The one who closes waits for the writer's word, not for a number of turns."""
    flushed = False
    written = asyncio.Event()

    async def write() -> None:
        nonlocal flushed
        for _ in range(20):
            await sleep(0)
        await sleep(0.001)
        flushed = True
        written.set()

    async def close() -> None:
        await written.wait()
        assert flushed

    await gather(close(), write())


async def agents_take_turns() -> None:
    """The thread is taken under a lock, for the whole of an agent's run."""
    mock = MockWebSocketManager()
    is_free = asyncio.Lock()

    async def agent(name: str) -> None:
        async with is_free:
            await mock.send_to_thread(THREAD, {"type": "agent_started", "agent": name})
            await mock.send_to_thread(THREAD, {"type": "agent_completed", "agent": name})

    await gather(agent("planner"), agent("researcher"), agent("critic"))
    assert sent_types(mock) == ["agent_started", "agent_completed"] * 3


async def disconnect_after_the_agent() -> None:
    """The user leaves when the agent is done, or the agent is told before."""
    mock = MockWebSocketManager()
    await mock.connect_user("ada", thread_id=THREAD)

    async def agent() -> None:
        for part in range(3):
            await mock.send_to_thread(THREAD, {"type": "token", "part": part})

    running = asyncio.create_task(agent(), name="agent")
    await steps(3)
    running.cancel()
    await gather(running, return_exceptions=True)
    await mock.disconnect_user("ada", thread_id=THREAD)
    assert mock.get_connection_state(THREAD) is MockWebSocketState.DISCONNECTED
    parts = [record["message"]["part"] for record in mock.messages]
    assert parts == list(range(len(parts)))


async def resume_from_one_log() -> None:
    """One task alone sends, from a log that others only append to."""
    mock = MockWebSocketManager()
    log = [1, 2]
    grown = asyncio.Condition()

    async def deliver(until: int) -> None:
        await mock.connect_user("ada", thread_id=THREAD)
        for place in range(until):
            async with grown:
                while len(log) <= place:
                    await grown.wait()
            await mock.send_to_thread(THREAD, {"type": "token", "number": log[place]})

    async def publish(number: int) -> None:
        async with grown:
            log.append(number)
            grown.notify_all()

    async def publish_both() -> None:
        await steps(2)
        await publish(3)
        await sleep(0.01)
        await publish(4)

    await gather(deliver(until=4), publish_both())
    assert [record["message"]["number"] for record in mock.messages] == [1, 2, 3, 4]


async def stop_and_wait() -> None:
    """The last word is spoken when the tool has ended."""
    mock = MockWebSocketManager()

    async def tool() -> None:
        for part in range(5):
            await sleep(0.001)
            await mock.send_to_thread(THREAD, {"type": "tool_output", "part": part})

    running = asyncio.create_task(tool(), name="tool")
    await sleep(0.003)
    running.cancel()
    await gather(running, return_exceptions=True)
    await mock.send_to_thread(THREAD, {"type": "agent_stopped"})
    assert sent_types(mock)[-1] == "agent_stopped"
    assert sent_types(mock).count("agent_stopped") == 1


CORRECT = (
    update_under_lock,
    update_in_one_step,
    update_with_retry,
    act_then_check_again,
    init_once,
    announce_first,
    cancel_safely,
    answer_in_order,
    lock_in_one_order,
    tagged_slots,
    close_own_connection_only,
    wait_on_condition,
    wait_with_event,
    renew_the_lease,
    deliver_idempotently,
    close_after_the_flush,
    agents_take_turns,
    disconnect_after_the_agent,
    resume_from_one_log,
    stop_and_wait,
)
