"""HTTP libraries as they are, clients and servers, inside a run on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from replay_ws.errors import EscapeError
from replay_ws.sim.loop import VirtualLoop
from replay_ws.sim.runner import run_program
from replay_ws.sim.schedule import Schedule
from replay_ws.sim.scheduling import loop_with_lanes


def run(program: Callable[[], Awaitable[Any]]) -> Any:
    return run_program(program, loop=VirtualLoop())


def run_under(policy: str, seed: int, program: Callable[[], Awaitable[Any]]) -> Any:
    return run_program(program, loop=loop_with_lanes(Schedule(policy).resolved(seed), seed))


def seconds() -> float:
    return asyncio.get_running_loop().time()


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A server of HTTP/1.1 that answers each request with its path, after a second."""
    try:
        while request := await reader.readuntil(b"\r\n\r\n"):
            path = request.split()[1]
            await asyncio.sleep(1)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(path), path))
    except asyncio.IncompleteReadError:
        writer.close()


# httpx


def test_httpx_calls_an_asgi_application() -> None:
    httpx = pytest.importorskip("httpx")

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(30)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["path"].encode()})

    async def program() -> tuple[str, float]:
        transport = httpx.ASGITransport(application)
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
            return (await client.get("/path")).text, seconds()

    assert run(program) == ("/path", 30)


def test_httpx_connects_to_a_server_of_the_run() -> None:
    httpx = pytest.importorskip("httpx")

    async def program() -> tuple[list[str], float]:
        server = await asyncio.start_server(answer, "api.example.org", 80)
        async with server, httpx.AsyncClient() as client:
            urls = [f"http://api.example.org/{number}" for number in range(20)]
            answers = await asyncio.gather(*map(client.get, urls))
            await client.get(urls[0])  # over a connection that was kept alive
        return [answer.text for answer in answers], seconds()

    assert run(program) == ([f"/{number}" for number in range(20)], 2)


def test_httpx_times_out_in_virtual_time() -> None:
    httpx = pytest.importorskip("httpx")

    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async def program() -> float:
        server = await asyncio.start_server(never, "localhost", 80)
        async with server, httpx.AsyncClient(timeout=3600) as client:
            with pytest.raises(httpx.ReadTimeout):
                await client.get("http://localhost/")
            with pytest.raises(httpx.ConnectError):
                await client.get("http://localhost:81/")
        return seconds()

    assert run(program) == 3600


def test_httpx_does_not_leave_the_run() -> None:
    httpx = pytest.importorskip("httpx")

    async def program() -> None:
        async with httpx.AsyncClient() as client:
            await client.get("http://example.org/")

    with pytest.raises(EscapeError, match=r"example\.org") as caught:
        run(program)
    assert caught.value.where == f"{__file__}:{program.__code__.co_firstlineno + 2}"


# Starlette


def test_starlette_serves_and_streams() -> None:
    httpx = pytest.importorskip("httpx")
    applications = pytest.importorskip("starlette.applications")
    from starlette.responses import JSONResponse, StreamingResponse
    from starlette.routing import Route

    async def hello(request: Any) -> Any:
        await asyncio.sleep(5)
        return JSONResponse({"hello": request.path_params["name"]})

    async def stream(request: Any) -> Any:
        async def events() -> AsyncIterator[str]:
            for number in range(3):
                await asyncio.sleep(60)
                yield f"data: {number} at {seconds()}\n\n"

        return StreamingResponse(events(), media_type="text/event-stream")

    routes = [Route("/hello/{name}", hello), Route("/stream", stream)]
    transport = httpx.ASGITransport(applications.Starlette(routes=routes))

    async def program() -> tuple[list[Any], str]:
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
            paths = [f"/hello/{name}" for name in "abc"]
            answers = await asyncio.gather(*map(client.get, paths))
            events = await client.get("/stream")
        return [answer.json()["hello"] for answer in answers], events.text

    events = "".join(f"data: {number} at {5.0 + 60 * (number + 1)}\n\n" for number in range(3))
    assert run(program) == (["a", "b", "c"], events)


# aiohttp


@asynccontextmanager
async def aiohttp_server() -> AsyncIterator[None]:
    from aiohttp import web

    async def hello(request: Any) -> Any:
        await asyncio.sleep(float(request.query["delay"]))
        return web.Response(text="hello")

    async def shout(request: Any) -> Any:
        connection = web.WebSocketResponse(heartbeat=20)
        await connection.prepare(request)
        async for message in connection:
            await connection.send_str(message.data.upper())
        return connection

    application = web.Application()
    application.add_routes([web.get("/", hello), web.get("/shout", shout)])
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "localhost", 8080).start()
    try:
        yield
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("policy", ["fifo", "legal", "pos", "random"])
def test_aiohttp_client_and_server_meet(policy: str) -> None:
    aiohttp = pytest.importorskip("aiohttp")

    async def program() -> list[Any]:
        async with aiohttp_server(), aiohttp.ClientSession("http://localhost:8080") as client:
            async with client.get("/", params={"delay": "100"}) as answer:
                heard = [answer.status, await answer.text()]
            async with client.ws_connect("/shout", heartbeat=20) as connection:

                async def listen() -> list[str]:  # and answer pings
                    return [message.data async for message in connection]

                listening = asyncio.create_task(listen())
                for word in ("one", "two"):
                    await connection.send_str(word)
                    await asyncio.sleep(300)
            return [*heard, *await listening]

    assert run_under(policy, 5, program) == [200, "hello", "ONE", "TWO"]


def test_aiohttp_times_out_in_virtual_time_and_does_not_leave_the_run() -> None:
    aiohttp = pytest.importorskip("aiohttp")

    async def program() -> float:
        timeout = aiohttp.ClientTimeout(total=10)
        async with aiohttp_server(), aiohttp.ClientSession(timeout=timeout) as client:
            with pytest.raises(TimeoutError):
                await client.get("http://localhost:8080/?delay=60")
            with pytest.raises(aiohttp.ClientConnectionError):
                await client.get("http://localhost:8081/")
            with pytest.raises(EscapeError):
                await client.get("http://example.org/")
            return seconds()

    assert run(program) == 10


@pytest.mark.parametrize("policy", ["pos", "random"])
def test_one_seed_gives_one_order_of_answers(policy: str) -> None:
    aiohttp = pytest.importorskip("aiohttp")

    async def program() -> list[int]:
        order: list[int] = []

        async def get(client: Any, number: int) -> None:
            async with client.get("/", params={"delay": "1"}) as answer:
                await answer.text()
            order.append(number)

        async with aiohttp_server(), aiohttp.ClientSession("http://localhost:8080") as client:
            await asyncio.gather(*(get(client, number) for number in range(10)))
        return order

    orders = [run_under(policy, seed, program) for seed in range(4)]
    assert orders == [run_under(policy, seed, program) for seed in range(4)]
    assert len(set(map(tuple, orders))) > 1


# anyio


def test_anyio_connects_to_a_server_of_the_run() -> None:
    anyio = pytest.importorskip("anyio")

    async def program() -> tuple[bytes, int]:
        server = await asyncio.start_server(answer, "localhost", 80)
        async with server, await anyio.connect_tcp("localhost", 80) as stream:
            await stream.send(b"GET /path HTTP/1.1\r\n\r\n")
            received = await stream.receive()
            await stream.send_eof()
            with pytest.raises(anyio.EndOfStream):
                await stream.receive()
            return received, stream.extra(anyio.abc.SocketAttribute.remote_port)

    assert run(program) == (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n/path", 80)
