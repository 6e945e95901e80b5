"""Who else brings its own runner takes our loop: pytest-asyncio and anyio."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.loops import MakeLoop

pytest_plugins = ["pytester"]

LOOP_FACTORIES = """
    import asyncio
    from replay_ws.sim.lanes import LaneQueue
    from replay_ws.sim.loop import VirtualLoop
    from replay_ws.sim.schedule import PartialOrder

    FACTORIES = {
        "virtual": VirtualLoop,
        "lanes": lambda: VirtualLoop(LaneQueue(PartialOrder(), seed=3)),
    }
"""

ASYNCIO_CONFTEST = f"""{LOOP_FACTORIES}
    def pytest_asyncio_loop_factories(config, item):
        return FACTORIES | {{"stock": asyncio.new_event_loop}}
"""

ASYNCIO_TESTS = """
    import asyncio, contextvars
    import pytest, pytest_asyncio
    from replay_ws.sim.loop import VirtualLoop

    {mark}
    who = contextvars.ContextVar("who", default="nobody")
    closed = []

    @pytest_asyncio.fixture
    async def ticker():
        queue = asyncio.Queue()
        who.set("fixture")
        async def tick():
            while True:
                await asyncio.sleep(60)
                queue.put_nowait(asyncio.get_running_loop().time())
        task = asyncio.create_task(tick())
        yield queue
        task.cancel()
        await asyncio.sleep(60)
        closed.append(task.cancelled())

    @pytest.mark.asyncio(loop_factories=["virtual", "lanes"])
    async def test_an_hour_of_ticks(ticker):
        ticks = [await ticker.get() for _ in range(60)]
        assert ticks == [60.0 * (n + 1) for n in range(60)]
        assert who.get() == "fixture"

    async def test_any_loop():
        async with asyncio.timeout(30), asyncio.TaskGroup() as group:
            task = group.create_task(asyncio.to_thread(int, "7"))
        assert task.result() == 7

    @pytest.mark.asyncio(loop_factories=["virtual"])
    async def test_a_failure_is_the_tests_own():
        asyncio.create_task(asyncio.sleep(3600))
        await asyncio.sleep(0)
        assert closed == []

    @pytest.mark.asyncio(loop_factories=["virtual"])
    async def test_a_deadlock_is_told():
        await asyncio.Event().wait()

    @pytest.mark.asyncio(loop_scope="class", loop_factories=["virtual"])
    class TestOneLoopForAClass:
        async def test_first(self):
            await asyncio.sleep(3600)

        async def test_second(self):
            assert asyncio.get_running_loop().time() == 3600
"""


@pytest.mark.parametrize("mode", ["strict", "auto"])
def test_pytest_asyncio_takes_the_loop_from_its_hook(pytester: pytest.Pytester, mode: str) -> None:
    pytester.makeconftest(ASYNCIO_CONFTEST)
    mark = "pytestmark = pytest.mark.asyncio" if mode == "strict" else ""
    pytester.makepyfile(ASYNCIO_TESTS.format(mark=mark))
    pytester.makeini(
        f"[pytest]\nasyncio_mode = {mode}\nasyncio_default_fixture_loop_scope = function\n"
        "filterwarnings = error\n"
    )
    result = pytester.runpytest("-p", "no:cacheprovider")
    result.assert_outcomes(passed=7, failed=2)
    result.stdout.fnmatch_lines(
        [
            "*assert [[]True, True] == []*",
            "*DeadlockError: *",
            "*test_a_deadlock_is_told*test_*.py:*",
        ]
    )


ANYIO_CONFTEST = f"""{LOOP_FACTORIES}
    import pytest

    @pytest.fixture(params=FACTORIES)
    def anyio_backend(request):
        return "asyncio", {{"loop_factory": FACTORIES[request.param]}}
"""

ANYIO_TESTS = """
    import anyio, pytest
    from anyio import create_memory_object_stream as stream

    pytestmark = pytest.mark.anyio

    @pytest.fixture
    async def numbers(anyio_backend):
        send, receive = stream(3)

        async def produce():
            async with send:
                for number in range(60):
                    await anyio.sleep(60)
                    await send.send(number)

        async with anyio.create_task_group() as group:
            group.start_soon(produce)
            yield receive
            group.cancel_scope.cancel()
        receive.close()

    async def test_an_hour_of_numbers(numbers):
        start = anyio.current_time()
        assert [number async for number in numbers] == [*range(60)]
        assert anyio.current_time() - start == 3600

    async def test_the_scope_ends_it(numbers):
        with pytest.raises(TimeoutError):
            with anyio.fail_after(3599):
                async for _ in numbers:
                    pass
"""


def test_anyios_plugin_takes_the_loop_from_its_fixture(pytester: pytest.Pytester) -> None:
    pytest.importorskip("anyio")
    pytester.makeconftest(ANYIO_CONFTEST)
    pytester.makepyfile(ANYIO_TESTS)
    pytester.makeini(
        "[pytest]\nasyncio_default_fixture_loop_scope = function\nfilterwarnings = error\n"
    )
    pytester.runpytest("-p", "no:cacheprovider").assert_outcomes(passed=4)


def by_anyio(make_loop: MakeLoop, program: Any) -> Any:
    anyio = pytest.importorskip("anyio")
    return anyio.run(program, backend_options={"loop_factory": make_loop})


def test_an_anyio_task_group_starts_waits_and_cancels(make_loop: MakeLoop) -> None:
    async def program() -> list[str]:
        import anyio

        seen: list[str] = []

        async def server(*, task_status: Any) -> None:
            await anyio.sleep(0.001)
            task_status.started("address")
            try:
                await anyio.sleep_forever()
            finally:
                with anyio.CancelScope(shield=True):
                    await anyio.sleep(0.001)
                seen.append("cleaned up")

        async with anyio.create_task_group() as group:
            seen.append(await group.start(server))
            group.cancel_scope.cancel()
        return seen

    assert by_anyio(make_loop, program) == ["address", "cleaned up"]


def test_anyios_failures_are_told_together(make_loop: MakeLoop) -> None:
    async def program() -> list[str]:
        import anyio

        async def fail(number: int) -> None:
            try:
                await anyio.sleep(0.001 if number == 0 else 30)
            finally:
                raise ValueError(number)

        try:
            async with anyio.create_task_group() as group:
                for number in range(3):
                    group.start_soon(fail, number)
                await anyio.sleep(0.01)
        except* ValueError as errors:
            told = sorted(str(error) for error in errors.exceptions)
        return told

    assert by_anyio(make_loop, program) == ["0", "1", "2"]


def test_anyios_time_limits_nest(make_loop: MakeLoop) -> None:
    async def program() -> tuple[bool, bool]:
        import anyio

        with anyio.move_on_after(30) as outer:
            with anyio.move_on_after(0.001) as inner:
                await anyio.sleep_forever()
            with anyio.CancelScope() as scope:
                scope.cancel()
                await anyio.lowlevel.checkpoint()
        return outer.cancelled_caught, inner.cancelled_caught

    assert by_anyio(make_loop, program) == (False, True)


def test_anyios_streams_and_locks_hand_on(make_loop: MakeLoop) -> None:
    async def program() -> list[int]:
        import anyio

        send, receive = anyio.create_memory_object_stream[int](0)
        lock, limiter, received = anyio.Lock(), anyio.CapacityLimiter(2), list[int]()

        async def produce(numbers: range) -> None:
            async with own.clone() as mine, limiter:
                for number in numbers:
                    async with lock:
                        await mine.send(number)

        async with send as own, anyio.create_task_group() as group:
            for start in range(3):
                group.start_soon(produce, range(start * 10, start * 10 + 5))
            for _ in range(15):
                received.append(await receive.receive())
        receive.close()
        return sorted(received)

    expected = [number for start in range(3) for number in range(start * 10, start * 10 + 5)]
    assert by_anyio(make_loop, program) == expected
