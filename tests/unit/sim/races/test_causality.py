"""Which steps come before which, asked of the clocks themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from replay_ws.errors import ConfigError
from replay_ws.sim.loop import VirtualLoop
from replay_ws.sim.races.causality import Causality, Step, Strand, followed
from replay_ws.sim.races.edges import asyncio_edges
from replay_ws.sim.runner import run_program
from replay_ws.sim.world.patches import patched


class Marks:
    """Steps that a program marked by a word, and what their clocks say."""

    def __init__(self, causality: Causality) -> None:
        self.causality = causality
        self._marks: dict[str, tuple[Step, int, Any]] = {}

    def mark(self, word: str) -> None:
        step = self.causality.step
        assert step is not None
        self.causality.number(step)
        self._marks[word] = (step, step.tick, step.clock)

    def strand(self, word: str) -> Strand:
        return self._marks[word][0].strand

    def before(self, early: str, late: str, *, always: bool = True) -> bool:
        step, tick, _ = self._marks[early]
        number = step.strand.number
        return bool(self._marks[late][2].get(-number if always else number, 0) >= tick)

    def order(self, one: str, other: str) -> str:
        """``<`` or ``>`` in every order, ``(<)`` or ``(>)`` in this one, ``|`` if in none."""
        for always, form in ((True, "{}"), (False, "({})")):
            for sign, pair in (("<", (one, other)), (">", (other, one))):
                if self.before(*pair, always=always):
                    return form.format(sign)
        return "|"


def marked(program: Callable[[Marks], Awaitable[None]]) -> Marks:
    """The marks of ``program``, which is followed from its second step on."""
    loop = VirtualLoop()

    async def follow() -> Marks:
        with followed(loop) as causality, patched(asyncio_edges(causality)):
            await asyncio.sleep(0)  # the first step is the base
            marks = Marks(causality)
            await program(marks)
        return marks

    return run_program(follow, loop=loop)


async def both(one: Coroutine[Any, Any, Any], other: Coroutine[Any, Any, Any]) -> None:
    await asyncio.gather(one, other)


def test_a_creator_comes_before_its_task_with_all_of_its_step() -> None:
    async def program(marks: Marks) -> None:
        async def child() -> None:
            marks.mark("child")

        marks.mark("creating")
        task = asyncio.create_task(child())
        await task
        marks.mark("afterwards")

    marks = marked(program)
    assert marks.order("creating", "child") == "<"
    assert marks.order("child", "afterwards") == "<"


def test_two_tasks_have_no_order_however_far_apart_in_time() -> None:
    async def program(marks: Marks) -> None:
        async def sleeper(seconds: int) -> None:
            await asyncio.sleep(seconds)
            marks.mark(f"{seconds} s")

        await both(sleeper(1), sleeper(1000))

    assert marked(program).order("1 s", "1000 s") == "|"


def test_who_sets_a_timer_comes_before_its_callback() -> None:
    async def program(marks: Marks) -> None:
        async def setter() -> None:
            marks.mark("setter")
            asyncio.get_running_loop().call_later(5, marks.mark, "timer")

        async def other() -> None:
            marks.mark("other")

        await both(setter(), other())
        await asyncio.sleep(10)

    marks = marked(program)
    assert marks.order("setter", "timer") == "<"
    assert marks.order("other", "timer") == "|"


def test_a_lock_orders_this_run_and_not_every_one() -> None:
    async def program(marks: Marks) -> None:
        lock = asyncio.Lock()

        async def holder(word: str) -> None:
            async with lock:
                await asyncio.sleep(1)
                marks.mark(word)

        await both(holder("first"), holder("second"))

    assert marked(program).order("first", "second") == "(<)"


HANDED_ON = ["event", "queue", "future", "task", "barrier"]


@pytest.mark.parametrize(
    ("kind", "pause"),
    [*((kind, pause) for kind in HANDED_ON for pause in (0, 1)), ("condition", 0)],
)
def test_what_is_handed_on_orders_every_run_woken_or_not(kind: str, pause: float) -> None:
    async def program(marks: Marks) -> None:
        event, queue, barrier = asyncio.Event(), asyncio.Queue[int](), asyncio.Barrier(2)
        future, condition = asyncio.get_running_loop().create_future(), asyncio.Condition()

        async def give() -> None:
            await asyncio.sleep(0.5)
            marks.mark("before")
            event.set()
            queue.put_nowait(1)
            future.set_result(1)
            async with condition:
                condition.notify_all()
            if kind == "barrier":
                await barrier.wait()

        giver = asyncio.create_task(give())

        async def take() -> None:
            await asyncio.sleep(pause)
            match kind:
                case "event":
                    await event.wait()
                case "queue":
                    await queue.get()
                case "future":
                    await future
                case "task":
                    await giver
                case "barrier":
                    await barrier.wait()
                case "condition":
                    async with condition:
                        await condition.wait()
            marks.mark("after")

        await asyncio.create_task(take())
        await giver

    assert marked(program).order("before", "after") == "<"


def test_only_the_items_own_producer_comes_before_who_takes_it() -> None:
    async def program(marks: Marks) -> None:
        queue: asyncio.Queue[str] = asyncio.Queue()

        async def put(word: str) -> None:
            marks.mark(word)
            await queue.put(word)

        async def get() -> None:
            await asyncio.sleep(1)
            assert await queue.get() == "first"
            marks.mark("got")

        await asyncio.gather(put("first"), put("second"), get())

    marks = marked(program)
    assert marks.order("first", "got") == "<"
    assert marks.order("second", "got") == "|"


def test_a_group_ends_after_all_of_its_tasks_and_gather_too() -> None:
    async def program(marks: Marks) -> None:
        async def member(word: str, seconds: float) -> None:
            await asyncio.sleep(seconds)
            marks.mark(word)

        async with asyncio.TaskGroup() as group:
            group.create_task(member("early", 1))
            group.create_task(member("late", 2))
        marks.mark("group")
        await asyncio.gather(member("quick", 1), member("slow", 2), member("last", 3))
        marks.mark("gather")
        tasks = [asyncio.create_task(member(word, 1)) for word in ("one", "two")]
        await asyncio.wait(tasks)
        marks.mark("wait")

    marks = marked(program)
    assert [marks.order(word, "group") for word in ("early", "late")] == ["<", "<"]
    assert [marks.order(word, "gather") for word in ("quick", "slow", "last")] == ["<", "<", "<"]
    assert [marks.order(word, "wait") for word in ("one", "two")] == ["<", "<"]
    assert marks.order("quick", "slow") == "|"


def test_callbacks_of_one_strand_keep_their_order() -> None:
    async def program(marks: Marks) -> None:
        loop = asyncio.get_running_loop()

        async def other() -> None:
            loop.call_soon(marks.mark, "other")

        other_task = asyncio.create_task(other())
        loop.call_soon(marks.mark, "first")
        loop.call_soon(marks.mark, "second")
        await other_task
        await asyncio.sleep(0)

    marks = marked(program)
    assert marks.order("first", "second") == "<"
    assert marks.order("first", "other") == "|"


def test_who_cancels_comes_before_who_is_cancelled_also_when_that_was_ready() -> None:
    async def program(marks: Marks) -> None:
        async def spin() -> None:
            try:
                while True:
                    await asyncio.sleep(0)
            except asyncio.CancelledError:
                marks.mark("cancelled")

        async def cancel(task: asyncio.Task[None]) -> None:
            await asyncio.sleep(0)
            marks.mark("cancel")
            task.cancel()

        spinning = asyncio.create_task(spin())
        await asyncio.create_task(cancel(spinning))
        await asyncio.wait([spinning])

    assert marked(program).order("cancel", "cancelled") == "<"


def test_tasks_of_a_foreign_factory_are_followed() -> None:
    async def program(marks: Marks) -> None:
        async def member(word: str) -> None:
            marks.mark(f"{word} begins")
            await asyncio.sleep(0)
            marks.mark(f"{word} ends")

        loop = asyncio.get_running_loop()
        for word in ("one", "other"):
            await asyncio.sleep(0)
            asyncio.Task(member(word), loop=loop)
        await asyncio.sleep(1)

    marks = marked(program)
    assert marks.strand("one begins") is marks.strand("one ends")
    assert marks.order("one ends", "other begins") == "|"


def test_clocks_hold_only_strands_that_accessed_something() -> None:
    async def program(marks: Marks) -> None:
        async def bystander() -> None:
            await asyncio.sleep(1)

        for _ in range(5):
            await asyncio.gather(*(bystander() for _ in range(20)))
        marks.mark("end")
        assert marks.causality.step is not None
        assert len(marks.causality.step.clock) <= 2  # the base

    marked(program)


def test_only_one_loop_of_a_process_is_followed() -> None:
    async def program() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        with followed(loop), pytest.raises(ConfigError, match="another run"), followed(loop):
            pass

    run_program(program, loop=VirtualLoop())


def test_when_it_ends_the_loop_is_not_observed_any_more() -> None:
    loop = VirtualLoop()

    async def program() -> None:
        with followed(loop) as causality:
            await asyncio.sleep(0)
        assert causality.step is None
        await asyncio.sleep(0)

    run_program(program, loop=loop)
    assert loop.lanes is not None
    assert loop.lanes.observers == []
