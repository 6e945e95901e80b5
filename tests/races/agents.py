"""Races of agents that send their events through the mock."""

from __future__ import annotations

from asyncio import Event, create_task, gather

from replay_ws import MockWebSocketManager
from replay_ws.mock.threads import MockWebSocketState
from tests.races.order import steps

THREAD = "thread-1"


def sent_types(mock: MockWebSocketManager) -> list[str]:
    """The types of what went to the thread, in order."""
    return [record["event_type"] for record in mock.messages]


async def two_agents_one_thread() -> None:
    """Two agents look whether the thread is free, and both find that it is."""
    mock = MockWebSocketManager()
    is_busy = False
    freed = Event()

    async def agent(name: str, after: int) -> None:
        nonlocal is_busy
        await steps(after)
        while is_busy:
            freed.clear()
            await freed.wait()
        await mock.send_to_thread(THREAD, {"type": "agent_started", "agent": name})
        is_busy = True  # too late: the send took its time
        await mock.send_to_thread(THREAD, {"type": "agent_completed", "agent": name})
        is_busy = False
        freed.set()

    await gather(agent("planner", after=0), agent("researcher", after=3))
    assert sent_types(mock) == ["agent_started", "agent_completed"] * 2, f"{sent_types(mock)}"


async def send_after_disconnect() -> None:
    """The last event is sent to a user who was told goodbye, and opens the connection again."""
    mock = MockWebSocketManager()
    await mock.connect_user("ada", thread_id=THREAD)

    async def agent() -> None:
        await mock.send_to_thread(THREAD, {"type": "agent_started"})
        await mock.send_to_thread(THREAD, {"type": "agent_completed"})

    async def leave() -> None:
        await steps(4)
        await mock.disconnect_user("ada", thread_id=THREAD)

    await gather(agent(), leave())
    state = mock.get_connection_state(THREAD)
    assert state is MockWebSocketState.DISCONNECTED, f"the user left, and is {state}"


async def reconnect_with_resume() -> None:
    """After a reconnect what was missed is sent again, and what is new does not wait for it."""
    mock = MockWebSocketManager()
    backlog = [0, 1, 2]
    is_resumed = False

    async def send(number: int) -> None:
        await mock.send_to_thread(THREAD, {"type": "token", "number": number})

    async def resume(last_seen: int) -> None:
        nonlocal is_resumed
        await mock.connect_user("ada", thread_id=THREAD)
        is_resumed = True  # too early: the backlog has not been sent
        for number in backlog[last_seen + 1 :]:
            await send(number)

    async def publish() -> None:
        await steps(5)
        backlog.append(3)
        if is_resumed:
            await send(3)

    await gather(resume(last_seen=0), publish())
    numbers = [record["message"]["number"] for record in mock.messages]
    assert numbers == [1, 2, 3], f"the client saw {numbers} after 0"


async def event_after_stop() -> None:
    """A user stops an agent, and its tool still has something to say."""
    mock = MockWebSocketManager()
    is_stopped = False

    async def tool() -> None:
        for part in range(3):
            if is_stopped:
                return
            await steps(1)  # the tool at work
            await mock.send_to_thread(THREAD, {"type": "tool_output", "part": part})

    async def stop() -> None:
        nonlocal is_stopped
        await steps(9)
        is_stopped = True
        await mock.send_to_thread(THREAD, {"type": "agent_stopped"})

    running = create_task(tool(), name="tool")
    await gather(running, stop())
    assert sent_types(mock)[-1] == "agent_stopped", f"{sent_types(mock)}"
