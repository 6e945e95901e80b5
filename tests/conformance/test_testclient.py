"""Starlette's TestClient, whose application runs in a thread of its own, on virtual time."""

from __future__ import annotations

import asyncio
import threading
import time
import warnings
from typing import Any

import pytest

from replay_ws.api import run
from replay_ws.mock.manager import MockWebSocketManager
from replay_ws.sim.world.foreign import PortalLoop

pytest.importorskip("httpx")
starlette = pytest.importorskip("starlette")

from starlette.applications import Starlette  # noqa: E402
from starlette.responses import JSONResponse, PlainTextResponse  # noqa: E402
from starlette.routing import Route, WebSocketRoute  # noqa: E402

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it would like another HTTP client better
    from starlette.testclient import TestClient

HOUR_S = 3600
ON_VIRTUAL_TIME: Any = {"backend_options": {"loop_factory": PortalLoop}}


async def slow(request: Any) -> JSONResponse:
    loop = asyncio.get_running_loop()
    before = loop.time()
    await asyncio.sleep(HOUR_S)
    return JSONResponse({"slept": loop.time() - before})


def sync(request: Any) -> PlainTextResponse:
    """Starlette runs this in a worker thread of anyio."""
    time.sleep(0.01)
    return PlainTextResponse(threading.current_thread().name)


async def sync_with_deadline(request: Any) -> PlainTextResponse:
    from starlette.concurrency import run_in_threadpool

    async with asyncio.timeout(HOUR_S):
        await run_in_threadpool(time.sleep, 0.01)
    return PlainTextResponse("in time")


async def chat(websocket: Any) -> None:
    loop = asyncio.get_running_loop()
    await websocket.accept()
    started = loop.time()
    async for text in websocket.iter_text():
        await asyncio.sleep(HOUR_S)
        await websocket.send_json({"echo": text, "at": loop.time() - started})


APP = Starlette(
    routes=[
        Route("/slow", slow),
        Route("/sync", sync),
        Route("/deadline", sync_with_deadline),
        WebSocketRoute("/chat", chat),
    ]
)


def test_an_hour_in_an_endpoint_costs_no_time() -> None:
    with TestClient(APP, **ON_VIRTUAL_TIME) as client:
        answers = [client.get("/slow").json() for _ in range(3)]
    assert answers == [{"slept": HOUR_S}] * 3


def test_a_websocket_talks_on_virtual_time_which_stands_still_between_its_calls() -> None:
    def conversation() -> list[Any]:
        answers = []
        with (
            TestClient(APP, **ON_VIRTUAL_TIME) as client,
            client.websocket_connect("/chat") as websocket,
        ):
            for text in ("a", "b", "c"):
                websocket.send_text(text)
                answers.append(websocket.receive_json())
                time.sleep(0.005)
        return answers

    assert conversation() == [
        {"echo": "a", "at": HOUR_S},
        {"echo": "b", "at": 2 * HOUR_S},
        {"echo": "c", "at": 3 * HOUR_S},
    ]


def test_a_worker_thread_that_is_busy_holds_the_clock() -> None:
    with TestClient(APP, **ON_VIRTUAL_TIME) as client:
        assert "AnyIO worker thread" in client.get("/sync").text
        for _ in range(20):
            assert client.get("/deadline").text == "in time"


def test_inside_a_run_the_client_is_one_of_its_free_threads() -> None:
    async def program() -> list[Any]:
        mock = MockWebSocketManager()

        async def endpoint(request: Any) -> PlainTextResponse:
            await asyncio.sleep(HOUR_S)
            accepted = await mock.send_to_thread("t1", {"type": "token"})
            return PlainTextResponse(str(accepted))

        app = Starlette(routes=[Route("/", endpoint)])
        with TestClient(app, **ON_VIRTUAL_TIME) as client:
            return [client.get("/").text for _ in range(2)]

    out = run(program, threads="free")
    assert out.value == ["True", "True"]
    assert len(out.session.delivered()) == 2
    assert not out.session.replayable
