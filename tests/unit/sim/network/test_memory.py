"""What only the network inside a run does: virtual time, one order, and no way out."""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
import warnings
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from replay_ws.errors import DeadlockError, EscapeError
from replay_ws.sim.loop import VirtualLoop
from replay_ws.sim.network.wires import WIRE_SIZE
from replay_ws.sim.runner import run_program
from replay_ws.sim.schedule import Schedule
from replay_ws.sim.scheduling import loop_with_lanes


def run(program: Callable[[], Awaitable[Any]]) -> Any:
    return run_program(program, loop=VirtualLoop())


def running() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


def port_of(server: Any) -> int:
    port: int = server.sockets[0].getsockname()[1]
    return port


async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"hello")
    writer.close()


async def greeting_of(host: str, port: int) -> bytes:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


# Data


class Chunks(asyncio.Protocol):
    """Keeps each piece of what it receives."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []
        self.lost = running().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self.chunks.append(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result(exc)


async def chunk_pair() -> tuple[Chunks, Chunks]:
    """Both ends of a connection, the client's first."""
    ends: list[Chunks] = []

    def make() -> Chunks:
        ends.append(Chunks())
        return ends[-1]

    server = await running().create_server(make, "127.0.0.1", 0)
    await running().create_connection(make, "127.0.0.1", port_of(server))
    server.close()
    return ends[0], ends[1]


def test_what_one_write_gives_arrives_whole() -> None:
    async def program() -> list[int]:
        client, server_side = await chunk_pair()
        for size in (1, 5, 3 * WIRE_SIZE):
            client.transport.write(bytes(size))
        client.transport.writelines([b"a", b"b"])
        client.transport.close()
        await server_side.lost
        return [len(chunk) for chunk in server_side.chunks]

    assert run(program) == [1, 5, 3 * WIRE_SIZE, 2]


def test_the_wire_holds_what_two_kernels_would_and_the_rest_is_the_writers() -> None:
    async def program() -> list[int]:
        client, server_side = await chunk_pair()
        server_side.transport.pause_reading()
        sizes = []
        for _ in range(3):
            client.transport.write(bytes(WIRE_SIZE // 2))
            sizes.append(client.transport.get_write_buffer_size())
        client.transport.abort()
        server_side.transport.resume_reading()
        await server_side.lost
        return [*sizes, sum(map(len, server_side.chunks))]

    assert run(program) == [0, 0, WIRE_SIZE // 2, WIRE_SIZE]


def test_a_chunk_is_cut_where_the_wire_ends_when_the_writer_aborts() -> None:
    async def program() -> list[bytes]:
        client, server_side = await chunk_pair()
        server_side.transport.pause_reading()
        client.transport.write(b"x" * (WIRE_SIZE - 1))
        client.transport.write(b"abc")
        client.transport.write(b"def")
        client.transport.write_eof()
        client.transport.abort()
        server_side.transport.resume_reading()
        await server_side.lost
        return server_side.chunks[1:]

    assert run(program) == [b"a"]


def test_data_travels_in_no_time_and_a_reader_can_time_out() -> None:
    async def program() -> tuple[float, float]:
        async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(3600)
            writer.write(b"at last")
            writer.close()

        async with await asyncio.start_server(slow, "127.0.0.1", 0) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(60):
                    await reader.read()
            first = running().time()
            assert await reader.read() == b"at last"
            writer.close()
            await writer.wait_closed()
            return first, running().time()

    assert run(program) == (60, 3600)


def test_a_connection_on_which_nobody_writes_is_a_deadlock() -> None:
    async def program() -> None:
        server = await running().create_server(Chunks, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
        try:
            await reader.read()
        finally:
            writer.close()

    with pytest.raises(DeadlockError) as caught:
        run(program)
    (line,) = caught.value.waiting
    assert "waits for asyncio.StreamReader." in line
    assert Path(__file__).name in line


# Hosts and ports


def test_ports_are_the_same_in_every_run() -> None:
    async def program() -> list[Any]:
        servers = [await asyncio.start_server(greet, "127.0.0.1", 0) for _ in range(2)]
        names = [server.sockets[0].getsockname() for server in servers]
        _, writer = await asyncio.open_connection(*names[0])
        writer.close()
        return [*names, writer.get_extra_info("sockname")]

    assert run(program) == run(program) == [("127.0.0.1", 49152 + n) for n in range(3)]


def test_a_port_that_is_taken_is_not_given_away() -> None:
    async def program() -> int:
        await asyncio.start_server(greet, "127.0.0.1", 49152)
        return port_of(await asyncio.start_server(greet, "127.0.0.1", 0))

    assert run(program) == 49153


@pytest.mark.parametrize(
    ("served", "asked"),
    [
        ("127.0.0.1", "localhost"),
        ("::1", "localhost"),
        ("localhost", "127.0.0.1"),
        ("localhost", "::1"),
        ("LocalHost", "api.localhost"),
        ("127.0.0.9", "127.0.0.9"),
        (None, "::1"),
        ("0:0:0:0:0:0:0:1", "::1"),
        ("", "127.0.0.1"),
        ("0.0.0.0", "0.0.0.0"),
        ("::", "::1"),
        (["127.0.0.1", "::1"], "::1"),
        ("example.org", "Example.org."),
        ("192.0.2.7", "192.0.2.7"),
    ],
)
def test_a_server_is_reached_by_its_names(served: Any, asked: str) -> None:
    async def program() -> bytes:
        async with await asyncio.start_server(greet, served, 80):
            return await greeting_of(asked, 80)

    assert run(program) == b"hello"


@pytest.mark.parametrize(
    ("served", "asked"),
    [
        ("127.0.0.1", "127.0.0.2"),
        ("0.0.0.0", "::1"),
        ("::1", "127.0.0.1"),
        ("example.org", "localhost"),
    ],
)
def test_another_address_of_the_run_refuses(served: str, asked: str) -> None:
    async def program() -> None:
        async with await asyncio.start_server(greet, served, 80):
            await greeting_of(asked, 80)

    with pytest.raises(ConnectionRefusedError):
        run(program)


def test_a_host_that_the_run_serves_refuses_on_its_other_ports() -> None:
    async def program() -> None:
        async with await asyncio.start_server(greet, "example.org", 80):
            await greeting_of("example.org", 443)

    with pytest.raises(ConnectionRefusedError, match=r"'198\.18\.0\.1', 443"):
        run(program)


def test_a_name_with_several_addresses_tells_all_refusals() -> None:
    async def program() -> None:
        await asyncio.open_connection("localhost", 80)

    with pytest.raises(ConnectionRefusedError) as caught:
        run(program)
    assert "('127.0.0.1', 80)" in str(caught.value)
    assert "('::1', 80, 0, 0)" in str(caught.value)


def test_all_refusals_can_be_had_one_by_one() -> None:
    async def program() -> None:
        options: Any = {"all_errors": True}
        await running().create_connection(Chunks, "localhost", 80, **options)

    with pytest.raises(ExceptionGroup) as caught:
        run(program)
    assert [type(error) for error in caught.value.exceptions] == [ConnectionRefusedError] * 2


def test_names_and_addresses_of_the_run_are_resolved_both_ways() -> None:
    async def program() -> None:
        await asyncio.start_server(greet, "example.org", 80)
        (info,) = await running().getaddrinfo("example.org", 80, flags=socket.AI_CANONNAME)
        assert info[3:] == ("example.org", ("198.18.0.1", 80))
        (info,) = await running().getaddrinfo("example.org", None, type=socket.SOCK_DGRAM)
        assert info[1:3] == (socket.SOCK_DGRAM, socket.IPPROTO_UDP)
        assert await running().getnameinfo(("198.18.0.1", 80)) == ("example.org", "80")
        assert await running().getnameinfo(("::1", 80, 0, 0)) == ("localhost", "80")
        with pytest.raises(socket.gaierror):
            await running().getaddrinfo("localhost", "http")

    run(program)


def test_a_client_can_choose_its_own_address() -> None:
    async def program() -> Any:
        async with await asyncio.start_server(greet, "127.0.0.1", 80):
            names = []
            for local in (("127.0.0.5", 1234), ("localhost", 0)):
                _, writer = await asyncio.open_connection("127.0.0.1", 80, local_addr=local)
                writer.close()
                names.append(writer.get_extra_info("sockname"))
            return names

    assert run(program) == [("127.0.0.5", 1234), ("127.0.0.1", 49152)]


def test_servers_that_share_a_port_take_connections_in_turn() -> None:
    def greeter(name: bytes) -> Callable[..., Awaitable[None]]:
        async def greet(_: object, writer: asyncio.StreamWriter) -> None:
            writer.write(name)
            writer.close()

        return greet

    async def program() -> list[bytes]:
        for name in (b"a", b"b"):
            await asyncio.start_server(greeter(name), "127.0.0.1", 80, reuse_port=True)
        with pytest.raises(OSError, match="address already in use"):
            await asyncio.start_server(greet, "127.0.0.1", 80)
        return [await greeting_of("127.0.0.1", 80) for _ in range(4)]

    assert run(program) == [b"a", b"b", b"a", b"b"]


def test_a_server_that_cannot_have_all_its_addresses_has_none() -> None:
    async def program() -> bytes:
        async with await asyncio.start_server(greet, "127.0.0.2", 80):
            with pytest.raises(OSError, match="already in use"):
                await asyncio.start_server(greet, ["127.0.0.1", "127.0.0.2"], 80)
        async with await asyncio.start_server(greet, "127.0.0.1", 80):
            return await greeting_of("127.0.0.1", 80)

    assert run(program) == b"hello"


# Servers


def test_a_connection_that_its_server_never_took_is_reset() -> None:
    async def program() -> bytes:
        server = await asyncio.start_server(greet, "127.0.0.1", 80)
        task = asyncio.create_task(greeting_of("127.0.0.1", 80))
        running().call_soon(server.close)  # before the connection is taken
        return await task

    with pytest.raises(ConnectionResetError):
        run(program)


def test_a_server_whose_protocol_cannot_be_made_resets_the_connection() -> None:
    reported = []

    def fail() -> asyncio.Protocol:
        raise ZeroDivisionError

    async def program() -> object:
        running().set_exception_handler(lambda _, facts: reported.append(facts["exception"]))
        server = await running().create_server(fail, "127.0.0.1", 80)
        with pytest.raises(ConnectionResetError):
            await greeting_of("127.0.0.1", 80)
        server.close()
        await server.wait_closed()

    run(program)
    assert [type(error) for error in reported] == [ZeroDivisionError]


def test_a_client_that_gives_up_while_it_connects_hangs_up() -> None:
    async def program() -> tuple[object, bool]:
        accepted: list[Chunks] = []

        def accept() -> Chunks:
            accepted.append(Chunks())
            return accepted[-1]

        async with await running().create_server(accept, "127.0.0.1", 80):
            task = asyncio.create_task(asyncio.open_connection("127.0.0.1", 80))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            return await accepted[0].lost, task.cancelled()

    assert run(program) == (None, True)


def test_a_client_whose_protocol_cannot_be_made_connects_to_nobody() -> None:
    accepted: list[asyncio.Protocol] = []

    def accept() -> asyncio.Protocol:
        accepted.append(asyncio.Protocol())
        return accepted[-1]

    def fail() -> asyncio.Protocol:
        raise ZeroDivisionError

    async def program() -> None:
        async with await running().create_server(accept, "127.0.0.1", 80):
            with pytest.raises(ZeroDivisionError):
                await running().create_connection(fail, "127.0.0.1", 80)
            await asyncio.sleep(1)

    run(program)
    assert accepted == []


def test_an_option_that_does_not_exist_is_refused() -> None:
    async def program() -> None:
        options: Any = {"reuse_prot": True}
        await asyncio.start_server(greet, "127.0.0.1", 80, **options)

    with pytest.raises(TypeError, match="reuse_prot"):
        run(program)


# No way out


async def connect_to_a_name() -> None:
    await asyncio.open_connection("example.org", 443)


async def connect_to_an_address() -> None:
    await asyncio.open_connection("192.0.2.1", 443)


async def connect_to_a_path() -> None:
    await asyncio.open_unix_connection(__file__)


async def name_an_address() -> None:
    await running().getnameinfo(("192.0.2.1", 443))


async def serve_on_a_socket() -> None:
    await asyncio.start_server(greet, sock=socket.socket.__new__(socket.socket))


async def connect_a_socket() -> None:
    await asyncio.open_connection(sock=socket.socket.__new__(socket.socket))


async def connect_a_unix_socket() -> None:
    await asyncio.open_unix_connection(sock=socket.socket.__new__(socket.socket))


async def connect_with_tls() -> None:
    await asyncio.open_connection("localhost", 443, ssl=True)


async def serve_with_tls() -> None:
    await asyncio.start_server(greet, "localhost", 443, ssl=ssl.create_default_context())


@pytest.mark.parametrize(
    ("program", "reached"),
    [
        (connect_to_a_name, "the name 'example.org' would be resolved by the real network"),
        (connect_to_an_address, "nobody in this run serves 192.0.2.1"),
        (connect_to_a_path, f"nobody in this run listens on {__file__}, which is a real file"),
        (name_an_address, "the address 192.0.2.1 would be resolved by the real network"),
        (serve_on_a_socket, "a socket that was bound outside of the run"),
        (connect_a_socket, "a socket that was connected outside of the run"),
        (connect_a_unix_socket, "a socket that was made outside of the run"),
        (connect_with_tls, "TLS takes entropy"),
        (serve_with_tls, "TLS takes entropy"),
    ],
)
def test_what_is_outside_of_the_run_is_refused_at_its_line(
    program: Callable[[], Any], reached: str
) -> None:
    with pytest.raises(EscapeError) as caught:
        run(program)
    assert caught.value.what.startswith(reached)
    assert caught.value.mend
    path, _, number = caught.value.where.rpartition(":")
    assert Path(path) == Path(__file__)
    assert int(number) == program.__code__.co_firstlineno + 1


def test_a_socket_connected_in_name_becomes_a_connection_of_the_run() -> None:
    async def program() -> bytes:
        async with await asyncio.start_server(greet, "127.0.0.1", 80):
            with socket.socket() as end:
                end.setblocking(False)
                with pytest.raises(ConnectionRefusedError):
                    await running().sock_connect(end, ("127.0.0.1", 81))
                await running().sock_connect(end, ("127.0.0.1", 80))
                reader, writer = await asyncio.open_connection(sock=end)
                assert end.fileno() == -1
            words = await reader.read()
            writer.close()
            return words

    assert run(program) == b"hello"


# The end of a run


def test_connections_left_open_end_with_the_run_without_a_word() -> None:
    kept: list[Any] = []

    async def program() -> None:
        server = await asyncio.start_server(lambda *ends: kept.extend(ends), "127.0.0.1", 80)
        kept.append(server)
        kept.extend(await asyncio.open_connection("127.0.0.1", 80))
        await asyncio.sleep(0)

    with warnings.catch_warnings(record=True) as noise:
        warnings.simplefilter("always")
        run(program)
        writers = [end for end in kept if isinstance(end, asyncio.StreamWriter)]
        assert len(writers) == 2
        for writer in writers:
            assert writer.transport.is_closing()
            writer.transport.close()
            writer.write(b"to nobody")
        kept.clear()
        writers.clear()
        del writer
        gc.collect()
    assert [str(warning.message) for warning in noise] == []


# One order


async def chatter() -> list[str]:
    """Twelve clients in one server's log; each writes numbered lines in single pieces."""
    log: list[str] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            log.append(line.decode())
            await asyncio.sleep(0)
        log.append("end\n")
        writer.write(b"bye")
        writer.close()

    async def talk(name: int) -> None:
        reader, writer = await asyncio.open_connection("localhost", 80)
        for number in range(5):
            writer.write(f"{name} ".encode())
            await asyncio.sleep(0)
            writer.write(f"{number}\n".encode())
        writer.write_eof()
        assert await reader.read() == b"bye"
        writer.close()

    async with await asyncio.start_server(listen, "localhost", 80):
        await asyncio.gather(*(talk(name) for name in range(12)))
    return log


def chatter_under(policy: str, seed: int) -> list[str]:
    schedule = Schedule(policy).resolved(seed)
    log: list[str] = run_program(chatter, loop=loop_with_lanes(schedule, seed))
    return log


@pytest.mark.parametrize("policy", ["fifo", "pos", "random", "pct"])
def test_one_seed_is_one_order(policy: str) -> None:
    assert chatter_under(policy, 7) == chatter_under(policy, 7)


@pytest.mark.parametrize("policy", ["pos", "random"])
def test_no_schedule_lets_data_overtake_data(policy: str) -> None:
    logs = [chatter_under(policy, seed) for seed in range(10)]
    assert len({tuple(log) for log in logs}) == 10
    for log in logs:
        assert len(log) == 12 * 6
        for name in range(12):
            own = [line for line in log if line.startswith(f"{name} ")]
            assert own == [f"{name} {number}\n" for number in range(5)]
