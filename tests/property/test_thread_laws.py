"""Laws of managed threads: one seed, one order; and no lock, count or item is ever lost."""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter, deque
from hashlib import blake2b

from hypothesis import given, settings
from hypothesis import strategies as st

from replay_ws.api import RunResult, run

SCHEDULES = ("fifo", "legal", "pos", "urw", "pct", "random", "portfolio")
THREADS, ROUNDS = 100, 10

# The order of a hundred threads with twenty sync points each. The same on every Python.
ORDERS = {
    ("fifo", 0): "df1fd50b6afc825f",
    ("pos", 7): "716b90421668159c",
    ("random", 7): "43b5ed4c360f16ed",
}


async def hundred_threads() -> str:
    lock, order = threading.Lock(), []

    def worker(number: int) -> None:
        for _ in range(ROUNDS):
            with lock:
                order.append(number)

    threads = [threading.Thread(target=worker, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(order) == dict.fromkeys(range(THREADS), ROUNDS)
    return blake2b(bytes(order), digest_size=8).hexdigest()


def ran(schedule: str, seed: int) -> RunResult[str]:
    return run(hundred_threads, threads="managed", schedule=schedule, seed=seed)


def test_a_hundred_threads_have_the_stored_order_in_every_run_and_on_every_python() -> None:
    for (schedule, seed), order in ORDERS.items():
        assert {ran(schedule, seed).value for _ in range(5)} == {order}


def test_other_seeds_give_other_orders() -> None:
    for schedule in ("pos", "random"):
        assert len({ran(schedule, seed).value for seed in range(10)}) == 10


@settings(max_examples=20, deadline=None)
@given(schedule=st.sampled_from(SCHEDULES), seed=st.integers(0, 1_000))
def test_an_order_comes_back_from_its_plan(schedule: str, seed: int) -> None:
    first = ran(schedule, seed)
    again = run(hundred_threads, threads="managed", plan=first.session.plan)
    assert again.value == first.value


Work = list[list[tuple[str, int]]]
WORK: st.SearchStrategy[Work] = st.lists(
    st.lists(
        st.tuples(st.sampled_from(("lock", "rlock", "slots", "sleep")), st.integers(0, 2)),
        max_size=6,
    ),
    min_size=1,
    max_size=6,
)


@settings(deadline=None)
@given(work=WORK, schedule=st.sampled_from(SCHEDULES), seed=st.integers(0, 1_000))
def test_nobody_is_where_a_lock_or_a_semaphore_does_not_let_them(
    work: Work, schedule: str, seed: int
) -> None:
    async def program() -> Counter[str]:
        guards = {
            "lock": (threading.Lock(), 1),
            "rlock": (threading.RLock(), 1),
            "slots": (threading.BoundedSemaphore(2), 2),
        }
        inside: Counter[str] = Counter()
        done: Counter[str] = Counter()

        def worker(steps: list[tuple[str, int]]) -> None:
            for kind, delay in steps:
                if kind == "sleep":
                    time.sleep(delay)
                    continue
                guard, most = guards[kind]
                with guard:
                    inside[kind] += 1
                    assert inside[kind] <= most
                    time.sleep(delay)
                    inside[kind] -= 1
                    done[kind] += 1

        threads = [threading.Thread(target=worker, args=(steps,)) for steps in work]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return done

    done = run(program, threads="managed", schedule=schedule, seed=seed).value
    assert done == Counter(kind for steps in work for kind, _ in steps if kind != "sleep")


@settings(deadline=None)
@given(
    puts=st.lists(st.integers(0, 5), max_size=4),
    size=st.integers(0, 3),
    schedule=st.sampled_from(SCHEDULES),
    seed=st.integers(0, 1_000),
)
def test_a_queue_gives_what_each_thread_put_in_its_order(
    puts: list[int], size: int, schedule: str, seed: int
) -> None:
    async def program() -> list[tuple[int, int]]:
        items: queue.Queue[tuple[int, int]] = queue.Queue(size)

        def producer(name: int, count: int) -> None:
            for number in range(count):
                items.put((name, number))

        threads = [
            threading.Thread(target=producer, args=(name, count)) for name, count in enumerate(puts)
        ]
        for thread in threads:
            thread.start()
        got = [items.get(timeout=60) for _ in range(sum(puts))]
        for thread in threads:
            thread.join()
        assert items.empty()
        return got

    got = run(program, threads="managed", schedule=schedule, seed=seed).value
    by_producer: dict[int, deque[int]] = {}
    for name, number in got:
        by_producer.setdefault(name, deque()).append(number)
    assert {name: list(numbers) for name, numbers in by_producer.items()} == {
        name: list(range(count)) for name, count in enumerate(puts) if count
    }
