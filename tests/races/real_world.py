"""Programs as people write them, and right: whatever reports something here reports it wrongly.

Each ends by checking what it promised, in any order of its tasks and however late its timers are.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any

from replay_ws import MockWebSocketManager

THREAD = "thread-1"


# --- producers and consumers ---------------------------------------------------------------


async def pipeline() -> None:
    """Three stages joined by bounded queues; each stage passes the end on to the next."""
    end = object()
    fetched: asyncio.Queue[Any] = asyncio.Queue(maxsize=2)
    parsed: asyncio.Queue[Any] = asyncio.Queue(maxsize=2)
    stored: dict[int, str] = {}
    worker_count = 3

    async def fetch() -> None:
        for page in range(8):
            await asyncio.sleep(0.01)
            await fetched.put((page, f"<p>{page}</p>"))
        for _ in range(worker_count):
            await fetched.put(end)

    async def parse() -> None:
        while (item := await fetched.get()) is not end:
            page, text = item
            await asyncio.sleep(0.003 * (page % 3))
            await parsed.put((page, text.removeprefix("<p>").removesuffix("</p>")))
        await parsed.put(end)

    async def store() -> None:
        ends = 0
        while ends < worker_count:
            item = await parsed.get()
            if item is end:
                ends += 1
                continue
            page, text = item
            await asyncio.sleep(0.001)
            stored[page] = text

    async with asyncio.TaskGroup() as stages:
        stages.create_task(fetch(), name="fetch")
        for number in range(worker_count):
            stages.create_task(parse(), name=f"parse-{number}")
        stages.create_task(store(), name="store")
    assert stored == {page: str(page) for page in range(8)}


async def worker_pool_with_join() -> None:
    """Workers run for ever, and are cancelled when the queue has been worked off."""
    jobs: asyncio.Queue[int] = asyncio.Queue()
    results: list[int] = []
    failures: list[int] = []

    async def work() -> None:
        while True:
            job = await jobs.get()
            try:
                await asyncio.sleep(0.005 * (1 + job % 2))
                if job % 5 == 4:
                    raise ValueError(job)
                results.append(job * job)
            except ValueError:
                failures.append(job)
            finally:
                jobs.task_done()

    workers = [asyncio.create_task(work(), name=f"worker-{number}") for number in range(3)]
    for job in range(10):
        jobs.put_nowait(job)
        await asyncio.sleep(0)
    await jobs.join()
    for worker in workers:
        worker.cancel()
    ends = await asyncio.gather(*workers, return_exceptions=True)
    assert all(isinstance(end, asyncio.CancelledError) for end in ends)
    assert sorted(results) == [job * job for job in range(10) if job % 5 != 4]
    assert sorted(failures) == [4, 9]


async def limited_downloads() -> None:
    """A semaphore bounds how many downloads are under way."""
    slots = asyncio.Semaphore(3)
    under_way = most = 0
    sizes: dict[str, int] = {}

    async def download(name: str, size: int) -> None:
        nonlocal under_way, most
        async with slots:
            under_way += 1
            most = max(most, under_way)
            try:
                for _ in range(size):
                    await asyncio.sleep(0.002)
                    sizes[name] = sizes.get(name, 0) + 1
            finally:
                under_way -= 1

    wanted = {f"file-{number}": 1 + number % 4 for number in range(9)}
    async with asyncio.TaskGroup() as downloads:
        for name, size in wanted.items():
            downloads.create_task(download(name, size), name=name)
    assert sizes == wanted
    assert most <= 3
    assert under_way == 0


# --- calling something that may fail -------------------------------------------------------


async def retry_with_backoff() -> None:
    """A call that fails now and then is repeated, each time after a longer wait."""
    calls: defaultdict[str, int] = defaultdict(int)

    async def service(name: str) -> str:
        calls[name] += 1
        await asyncio.sleep(0.01)
        if calls[name] < 3:
            raise ConnectionError(f"{name} is not there yet")
        return f"answer of {name}"

    async def with_retries(call: Callable[[], Awaitable[str]], attempts_max: int) -> str:
        delay = 0.05
        for attempt in range(1, attempts_max + 1):
            try:
                return await call()
            except ConnectionError:
                if attempt == attempts_max:
                    raise
                await asyncio.sleep(delay)
                delay *= 2
        raise AssertionError("unreachable")

    async def ask(name: str, attempts_max: int) -> str | None:
        try:
            return await with_retries(lambda: service(name), attempts_max)
        except ConnectionError:
            return None

    answers = await asyncio.gather(ask("a", 3), ask("b", 5), ask("c", 2))
    assert list(answers) == ["answer of a", "answer of b", None]
    assert calls == {"a": 3, "b": 3, "c": 2}


async def connection_pool() -> None:
    """Connections are lent and given back, also by who fails or is cancelled while using one."""
    opened = 0
    idle: list[int] = []
    free = asyncio.Condition()

    @asynccontextmanager
    async def connection() -> AsyncIterator[int]:
        nonlocal opened
        async with free:
            await free.wait_for(lambda: idle or opened < 2)
            if idle:
                number = idle.pop()
            else:
                opened += 1
                number = opened
        try:
            yield number
        finally:
            idle.append(number)  # no await before this: a cancellation cannot come between
            async with free:
                free.notify()

    async def query(cost: int) -> int:
        async with connection() as number:
            await asyncio.sleep(0.004 * cost)
            if cost == 2:
                raise ConnectionResetError
            return number

    queries = [asyncio.create_task(query(cost % 4), name=f"query-{cost}") for cost in range(8)]
    await asyncio.sleep(0.006)
    queries[3].cancel()
    answers = await asyncio.gather(*queries, return_exceptions=True)
    assert sum(isinstance(answer, ConnectionResetError) for answer in answers) == 2
    assert sorted(idle) == list(range(1, opened + 1))
    assert opened <= 2


# --- shared services -----------------------------------------------------------------------


@dataclass(eq=False)
class Subscription:
    """What one subscriber of ``publish_subscribe`` has not read yet."""

    topics: frozenset[str]
    inbox: asyncio.Queue[tuple[str, int] | None] = field(default_factory=asyncio.Queue)


async def publish_subscribe() -> None:
    """Each subscriber sees the messages of its topics in the order in which they were published."""
    subscriptions: list[Subscription] = []
    published: defaultdict[str, list[int]] = defaultdict(list)

    def publish(topic: str, number: int) -> None:
        published[topic].append(number)
        for subscription in subscriptions:
            if topic in subscription.topics:
                subscription.inbox.put_nowait((topic, number))

    async def subscriber(*topics: str) -> dict[str, list[int]]:
        subscription = Subscription(frozenset(topics))
        subscriptions.append(subscription)
        start = {topic: len(published[topic]) for topic in topics}
        seen: dict[str, list[int]] = {topic: [] for topic in topics}
        while (message := await subscription.inbox.get()) is not None:
            topic, number = message
            await asyncio.sleep(0.001)
            seen[topic].append(number)
        for topic in topics:
            assert seen[topic] == published[topic][start[topic] :]
        return seen

    async def publisher(topic: str) -> None:
        for number in range(5):
            publish(topic, number)
            await asyncio.sleep(0.002)

    readers = [
        asyncio.create_task(subscriber("news"), name="one"),
        asyncio.create_task(subscriber("news", "sport"), name="both"),
    ]
    await asyncio.gather(publisher("news"), publisher("sport"))
    while len(subscriptions) < len(readers):
        await asyncio.sleep(0)
    for subscription in subscriptions:
        subscription.inbox.put_nowait(None)
    await asyncio.gather(*readers)


async def rate_limiter() -> None:
    """A token bucket: never more than ``burst`` at once, nor more than ``rate`` a second after."""
    rate, burst = 10.0, 3
    clock = asyncio.get_running_loop().time
    tokens, refilled = float(burst), clock()
    gate = asyncio.Lock()
    passed: deque[float] = deque()

    async def acquire() -> None:
        nonlocal tokens, refilled
        async with gate:  # also while waiting: first come, first served
            while True:
                now = clock()
                tokens = min(float(burst), tokens + (now - refilled) * rate)
                refilled = now
                if tokens >= 1 - 1e-9:
                    tokens -= 1
                    return
                await asyncio.sleep((1 - tokens) / rate)

    async def client() -> None:
        for _ in range(3):
            await acquire()
            passed.append(clock())
            await asyncio.sleep(0.01)

    await asyncio.gather(*(client() for _ in range(4)))
    assert len(passed) == 12
    times = sorted(passed)
    for first, last in zip(times, times[burst + 1 :], strict=False):
        assert last - first >= 1 / rate - 1e-6


async def cache_with_single_flight() -> None:
    """Who asks for what is being loaded waits for that load; a failed load is not kept."""
    capacity, loads = 2, 0
    cache: OrderedDict[str, asyncio.Task[str]] = OrderedDict()

    async def load(key: str) -> str:
        nonlocal loads
        loads += 1
        await asyncio.sleep(0.02)
        if key == "broken" and loads < 100:
            raise KeyError(key)
        return key.upper()

    def forget_if_failed(key: str, task: asyncio.Task[str]) -> None:
        if (task.cancelled() or task.exception()) and cache.get(key) is task:
            del cache[key]

    async def get(key: str) -> str:
        task = cache.get(key)
        if task is None:
            task = cache[key] = asyncio.create_task(load(key), name=f"load-{key}")
            task.add_done_callback(lambda done: forget_if_failed(key, done))
            while len(cache) > capacity:
                cache.popitem(last=False)
        else:
            cache.move_to_end(key)
        return await asyncio.shield(task)

    assert set(await asyncio.gather(*(get("a") for _ in range(5)))) == {"A"}
    assert loads == 1
    impatient = asyncio.create_task(get("b"), name="impatient")
    patient = asyncio.create_task(get("b"), name="patient")
    await asyncio.sleep(0.001)
    impatient.cancel()
    assert await patient == "B"
    failed = await asyncio.gather(get("broken"), get("broken"), return_exceptions=True)
    assert all(isinstance(error, KeyError) for error in failed)
    assert "broken" not in cache
    assert len(cache) <= capacity


async def scheduler() -> None:
    """Jobs run when they are due, the earliest first; a new one may be due before all others."""
    clock = asyncio.get_running_loop().time
    jobs: list[tuple[float, int, str]] = []
    ran: list[tuple[float, str]] = []
    changed = asyncio.Event()
    is_closing = False

    def add(name: str, delay: float) -> None:
        heappush(jobs, (clock() + delay, len(jobs) + len(ran), name))
        changed.set()

    async def run_jobs() -> None:
        while jobs or not is_closing:
            changed.clear()
            wait = jobs[0][0] - clock() if jobs else None
            if wait is not None and wait <= 0:
                due, _, name = heappop(jobs)
                ran.append((due, name))
                await asyncio.sleep(0.001)
                continue
            try:
                async with asyncio.timeout(wait):
                    await changed.wait()
            except TimeoutError:
                continue

    running = asyncio.create_task(run_jobs(), name="scheduler")
    add("slow", 5.0)
    add("late", 2.0)
    await asyncio.sleep(0.1)
    add("soon", 0.05)
    await asyncio.sleep(0.01)
    add("at once", 0.0)
    is_closing = True
    changed.set()
    await running
    assert {name for _, name in ran} == {"at once", "soon", "late", "slow"}
    assert [name for _, name in ran][-2:] == ["late", "slow"]


# --- agents --------------------------------------------------------------------------------


async def agent_loop() -> None:
    """An agent thinks, runs its tools side by side, and streams all of it to its user."""
    mock = MockWebSocketManager()
    tools = {"search": 0.03, "read": 0.01, "calculate": 0.0}

    async def emit(kind: str, **data: object) -> None:
        assert await mock.send_to_thread(THREAD, {"type": kind, "data": data})

    async def use_tool(name: str, takes: float) -> str:
        await emit("tool_executing", tool=name)
        await asyncio.sleep(takes)
        await emit("tool_completed", tool=name)
        return f"result of {name}"

    await mock.connect_user("ada", thread_id=THREAD)
    await emit("agent_started")
    await emit("agent_thinking", text="What do I need?")
    async with asyncio.TaskGroup() as group:
        used = [group.create_task(use_tool(*tool), name=tool[0]) for tool in tools.items()]
    await emit("agent_completed", answer=[task.result() for task in used])
    await mock.disconnect_user("ada", thread_id=THREAD)

    kinds = [record["event_type"] for record in mock.messages]
    assert kinds[:2] == ["agent_started", "agent_thinking"]
    assert kinds[-1] == "agent_completed"
    for name in tools:
        own = [r["event_type"] for r in mock.messages if r["message"]["data"].get("tool") == name]
        assert own == ["tool_executing", "tool_completed"]
    assert mock.get_compliance_score(THREAD) == 1.0


async def chat_rooms() -> None:
    """Many users in one room: a task per user sends what a shared log holds, in its order."""
    mock = MockWebSocketManager()
    log: list[str] = []
    grown = asyncio.Condition()

    async def say(name: str, count: int) -> None:
        for number in range(count):
            async with grown:
                log.append(f"{name}-{number}")
                grown.notify_all()
            await asyncio.sleep(0.002)

    async def follow(user: str, until: int) -> None:
        place = 0
        while place < until:
            async with grown:
                while len(log) == place:
                    await grown.wait()
                news = log[place:]
            for line in news:
                await mock.send_to_thread(user, {"type": "line", "text": line})
            place += len(news)

    async with asyncio.TaskGroup() as room:
        for user in ("ada", "bob", "cyd"):
            room.create_task(follow(user, until=6), name=f"follow-{user}")
        for name in ("ada", "bob"):
            room.create_task(say(name, count=3), name=f"say-{name}")
    for user in ("ada", "bob", "cyd"):
        seen = [r["message"]["text"] for r in mock.get_events_for_thread(user)]
        assert seen == log


REAL_WORLD = (
    pipeline,
    worker_pool_with_join,
    limited_downloads,
    retry_with_backoff,
    connection_pool,
    publish_subscribe,
    rate_limiter,
    cache_with_single_flight,
    scheduler,
    agent_loop,
    chat_rooms,
)
