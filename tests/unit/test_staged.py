"""A run in parts: set-up, body and tear-down."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections.abc import Callable, Iterator

import pytest

import replay_ws as rws
from replay_ws.running import Conditions
from replay_ws.staged import StagedRun
from tests.process_state import state


@pytest.fixture
def staged() -> Iterator[Callable[..., StagedRun]]:
    runs: list[StagedRun] = []

    def begin(**conditions: object) -> StagedRun:
        run = StagedRun(begin, Conditions(**conditions))  # type: ignore[arg-type]
        runs.append(run)
        return run

    yield begin
    for run in runs:
        run.close()


def test_parts_share_a_clock_that_stands_still_between_them(
    staged: Callable[..., StagedRun],
) -> None:
    run = staged()
    run.wait(lambda: asyncio.sleep(5))
    real = time.time()
    shown = run.call(lambda: time.time())
    run.wait(lambda: asyncio.sleep(5))
    assert run.call(lambda: time.time()) - shown == 5
    assert abs(real - time.time()) < 3600 < abs(real - shown)


def test_draws_go_on_from_part_to_part(staged: Callable[..., StagedRun]) -> None:
    one, other = staged(seed=3), staged(seed=3)
    parts = [one.call(lambda: uuid.uuid4()), one.call(lambda: uuid.uuid4())]
    assert parts == other.call(lambda: [uuid.uuid4(), uuid.uuid4()])
    assert parts[0] != parts[1]


def test_a_mock_of_the_set_up_is_heard_in_the_body_and_ignored_in_the_tear_down(
    staged: Callable[..., StagedRun],
) -> None:
    run = staged(seed=3)
    mock = run.call(rws.MockWebSocketManager)
    send = lambda: mock.send_to_thread("t", {"type": "agent_started"})  # noqa: E731
    run.wait(send)
    session = run.body(send, is_async=True)
    assert run.wait(send) is True
    run.wait(mock.settle)
    run.wait(lambda: mock.connect_user("u"))
    mock.drop("t")
    mock.enable_partition()
    assert (session.seed, session.ledger.delivered, mock.session().ledger.delivered) == (3, 2, 2)


def test_tasks_of_the_set_up_outlive_the_body_and_its_own_do_not(
    staged: Callable[..., StagedRun],
) -> None:
    run = staged()

    async def begin() -> asyncio.Task[None]:
        return asyncio.create_task(asyncio.sleep(3600))

    ours = run.wait(begin)
    theirs: list[asyncio.Task[None]] = []

    async def body() -> None:
        theirs.append(await begin())

    run.body(body, is_async=True)
    assert (ours.done(), theirs[0].cancelled()) == (False, True)
    run.wait(lambda: ours)
    assert run.loop.time() == 3600


def test_a_plain_body_may_use_asyncio_run_as_often_as_it_likes(
    staged: Callable[..., StagedRun],
) -> None:
    run = staged()

    async def begin() -> asyncio.Task[None]:
        return asyncio.create_task(asyncio.sleep(3600))

    ours = run.wait(begin)
    left: list[asyncio.Task[None]] = []

    async def main() -> float:
        left.append(asyncio.create_task(asyncio.sleep(60)))
        await asyncio.sleep(1)
        return time.time()

    def body() -> None:
        first = asyncio.run(main())
        with asyncio.Runner() as runner:
            assert runner.run(main()) == first + 1
        loop = asyncio.new_event_loop()
        assert loop.run_until_complete(main()) == first + 2
        loop.close()
        assert asyncio.get_event_loop().run_until_complete(main()) == first + 3

    run.body(body, is_async=False)
    assert all(task.cancelled() for task in left)
    assert not ours.done()


def test_a_plain_body_with_managed_threads_may_block(staged: Callable[..., StagedRun]) -> None:
    def story() -> tuple[list[str], str]:
        order: list[str] = []

        def work(name: str) -> None:
            for _ in range(3):
                order.append(name)
                time.sleep(0.1)

        def body() -> None:
            threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            asyncio.run(asyncio.sleep(1))

        run = staged(threads="managed", seed=5)
        return order, run.body(body, is_async=False).digest

    assert story() == story()


def test_a_body_that_fails_leaves_its_session_on_the_exception(
    staged: Callable[..., StagedRun],
) -> None:
    run = staged()

    async def body() -> None:
        await rws.MockWebSocketManager().send_to_thread("t", {"type": "agent_started"})
        raise ValueError("no")

    with pytest.raises(ValueError, match="no") as caught:
        run.body(body, is_async=True)
    session = caught.value.session  # type: ignore[attr-defined]
    assert session.end["status"] == "error"
    assert session.ledger.delivered == 1


def test_the_process_is_as_before_between_the_parts_and_after_them() -> None:
    before = state()
    run = StagedRun(print, Conditions(seed=3))
    run.wait(lambda: asyncio.sleep(1))
    assert before.changes(state()) == []
    run.body(lambda: asyncio.run(asyncio.sleep(1)), is_async=False)
    run.close()
    assert before.changes(state()) == []


def test_a_run_whose_body_is_never_called_ends_all_the_same() -> None:
    run = StagedRun(print, Conditions())
    run.close()
    assert run.finish().end["status"] == "ok"
