"""What a program may expect of a connection, asked of real loopback sockets and of a run's own.

Whatever stands here must hold on both; what only the network inside a run does is told in
tests/unit/sim/test_network.py. Each test is a small program on streams, or on bare transports and
protocols where the subject is what asyncio promises to those who write them.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from replay_ws.sim.loop import VirtualLoop

Run = Callable[[Callable[[], Coroutine[Any, Any, Any]]], Any]

LOOPS = {"stock": asyncio.SelectorEventLoop, "virtual": VirtualLoop}
MEGABYTE = 1 << 20


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Run:
    def run_one(program: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
            return runner.run(program())

    return run_one


class Told(asyncio.Protocol):
    """Remembers what it was told; ``lost`` completes at the end."""

    stays_open = False  # after the other end sent its last

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.received = bytearray()
        self.lost = asyncio.get_running_loop().create_future()
        self.made = asyncio.get_running_loop().create_future()
        self.ended = asyncio.get_running_loop().create_future()
        self.transport: Any = None
        self.is_paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._note("made")
        self.transport = transport
        self.made.set_result(self)

    def data_received(self, data: bytes) -> None:
        self._note("data")
        self.received += data

    def eof_received(self) -> bool:
        self._note("end")
        self.ended.set_result(None)
        return self.stays_open

    def connection_lost(self, exc: Exception | None) -> None:
        self._note("lost")
        self.lost.set_result(exc)

    def pause_writing(self) -> None:
        self.is_paused = True

    def resume_writing(self) -> None:
        self.is_paused = False

    def _note(self, call: str) -> None:
        if self.calls[-1:] != ["data"] or call != "data":
            self.calls.append(call)


class StaysOpen(Told):
    stays_open = True


class NeverReads(Told):
    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        transport.pause_reading()


def port_of(server: Any) -> int:
    port: int = server.sockets[0].getsockname()[1]
    return port


async def pair(
    server_side: Callable[[], Any] = Told, client_side: Callable[[], Any] = Told
) -> tuple[Any, Any, asyncio.AbstractServer]:
    """Both protocols of a new connection, and the server between them."""
    accepted = []

    def accept() -> Any:
        accepted.append(server_side())
        return accepted[-1]

    loop = asyncio.get_running_loop()
    server = await loop.create_server(accept, "127.0.0.1", 0)
    _, client = await loop.create_connection(client_side, "127.0.0.1", port_of(server))
    while not accepted:
        await asyncio.sleep(0)
    return client, await accepted[0].made, server


async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"hello")
    writer.close()


async def until(condition: Callable[[], object]) -> None:
    while not condition():
        await asyncio.sleep(0)


# Streams


def test_what_one_writes_the_other_reads(run: Run) -> None:
    async def upper(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line.upper())
            await writer.drain()
        writer.close()

    async def program() -> list[bytes]:
        async with await asyncio.start_server(upper, "127.0.0.1", 0) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
            writer.writelines([b"one\n", b"two\n"])
            answers = [await reader.readline(), await reader.readline()]
            writer.write_eof()
            answers.append(await reader.read())
            writer.close()
            await writer.wait_closed()
        return answers

    assert run(program) == [b"ONE\n", b"TWO\n", b""]


def test_a_name_of_the_loopback_connects(run: Run) -> None:
    async def program() -> bytes:
        async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
            reader, writer = await asyncio.open_connection("localhost", port_of(server))
            greeting = await reader.read()
            writer.close()
            await writer.wait_closed()
            return greeting

    assert run(program) == b"hello"


def test_a_connection_that_ends_early_leaves_an_incomplete_read(run: Run) -> None:
    async def program() -> bytes:
        async def half(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"half")
            writer.close()

        async with await asyncio.start_server(half, "127.0.0.1", 0) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
            with pytest.raises(asyncio.IncompleteReadError) as caught:
                await reader.readexactly(8)
            writer.close()
            await writer.wait_closed()
            return caught.value.partial

    assert run(program) == b"half"


def test_drain_waits_for_a_slow_reader_and_nothing_is_lost(run: Run) -> None:
    async def program() -> tuple[int, int]:
        received = asyncio.get_running_loop().create_future()
        go = asyncio.Event()

        async def read_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await go.wait()
            received.set_result(len(await reader.read()))
            writer.close()

        async with await asyncio.start_server(read_late, "127.0.0.1", 0) as server:
            _, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
            written = 0

            async def write() -> None:
                nonlocal written
                for _ in range(64):
                    writer.write(bytes(MEGABYTE))
                    written += MEGABYTE
                    await writer.drain()
                writer.close()

            writing = asyncio.create_task(write())
            await until(lambda: writer.transport.get_write_buffer_size())
            for _ in range(50):
                await asyncio.sleep(0)
            assert written < 64 * MEGABYTE, "the writer was not held back"
            go.set()
            await writing
            await writer.wait_closed()
            return written, await received

    written, received = run(program)
    assert written == received == 64 * MEGABYTE


# The life of a connection


def test_a_protocol_is_told_in_one_order(run: Run) -> None:
    async def program() -> tuple[list[str], list[str], object]:
        client, server_side, server = await pair()
        client.transport.write(b"all")
        client.transport.close()
        error = await server_side.lost
        await client.lost
        server.close()
        return server_side.calls, client.calls, error

    assert run(program) == (["made", "data", "end", "lost"], ["made", "lost"], None)


def test_what_was_written_before_close_arrives_whole(run: Run) -> None:
    async def program() -> tuple[int, list[str]]:
        client, server_side, server = await pair()
        client.transport.write(bytes(8 * MEGABYTE))
        client.transport.close()
        await server_side.lost
        server.close()
        return len(server_side.received), server_side.calls

    assert run(program) == (8 * MEGABYTE, ["made", "data", "end", "lost"])


def test_a_closing_transport_reads_no_more(run: Run) -> None:
    async def program() -> list[str]:
        client, server_side, server = await pair()
        client.transport.close()
        server_side.transport.write(b"too late")
        await client.lost
        server.close()
        return client.calls

    assert run(program) == ["made", "lost"]


def test_half_a_connection_goes_on_when_the_other_half_ended(run: Run) -> None:
    async def program() -> tuple[bytes, list[str]]:
        client, server_side, server = await pair(server_side=StaysOpen)
        client.transport.write(b"question")
        assert client.transport.can_write_eof()
        client.transport.write_eof()
        await server_side.ended
        assert not server_side.transport.is_closing()
        server_side.transport.write(b"answer to " + server_side.received)
        server_side.transport.close()
        await client.lost
        server.close()
        return bytes(client.received), client.calls

    assert run(program) == (b"answer to question", ["made", "data", "end", "lost"])


def test_to_close_twice_or_to_abort_after_it_is_to_close(run: Run) -> None:
    async def program() -> tuple[list[str], object]:
        client, server_side, server = await pair()
        client.transport.close()
        client.transport.close()
        client.transport.abort()
        client.transport.write(b"nobody hears this")
        assert client.transport.is_closing()
        error = await client.lost
        client.transport.write(b"nor this")
        client.transport.write_eof()
        await server_side.lost
        server.close()
        assert not server_side.received
        return client.calls, error

    assert run(program) == (["made", "lost"], None)


def test_abort_drops_what_is_not_sent_yet(run: Run) -> None:
    async def program() -> tuple[object, bool, list[str]]:
        client, server_side, server = await pair(server_side=NeverReads)
        while not client.transport.get_write_buffer_size():
            client.transport.write(bytes(8 * MEGABYTE))
        client.transport.write_eof()
        client.transport.abort()
        assert client.transport.get_write_buffer_size() == 0
        error = await client.lost
        server_side.transport.resume_reading()
        await server_side.lost
        server.close()
        return error, len(server_side.received) % (8 * MEGABYTE) > 0, server_side.calls

    assert run(program) == (None, True, ["made", "data", "end", "lost"])


def test_who_hangs_up_with_data_unread_resets_the_connection(run: Run) -> None:
    async def program() -> tuple[bytes, object]:
        client, server_side, server = await pair(server_side=NeverReads)
        server_side.transport.write(b"last words")
        await until(lambda: client.received)
        client.transport.write(b"never read")
        await asyncio.sleep(0)
        server_side.transport.abort()
        error = await client.lost
        assert await server_side.lost is None
        server.close()
        return bytes(client.received), type(error)

    assert run(program) == (b"last words", ConnectionResetError)


def test_a_write_to_who_hung_up_is_noticed_by_the_next(run: Run) -> None:
    async def program() -> object:
        client, server_side, server = await pair(client_side=StaysOpen)
        server_side.transport.close()
        await client.ended
        await server_side.lost
        client.transport.write(b"this goes nowhere")
        assert not client.transport.is_closing()
        while not client.transport.is_closing():
            client.transport.write(b"and this fails")
            await asyncio.sleep(0)
        error = await client.lost
        server.close()
        return type(error)

    assert run(program) is BrokenPipeError


def test_a_writer_that_aborted_is_not_resumed(run: Run) -> None:
    async def program() -> bool:
        client, server_side, server = await pair(server_side=NeverReads)
        while not client.is_paused:
            client.transport.write(bytes(MEGABYTE))
        client.transport.abort()
        await client.lost
        server_side.transport.resume_reading()
        await server_side.lost
        server.close()
        paused: bool = client.is_paused
        return paused

    assert run(program)


def test_a_writer_that_waits_for_a_reader_who_hangs_up_is_told(run: Run) -> None:
    async def program() -> object:
        client, server_side, server = await pair(server_side=NeverReads)
        while not client.is_paused:
            client.transport.write(bytes(MEGABYTE))
        server_side.transport.abort()
        error = await client.lost
        server.close()
        return type(error)

    assert issubclass(run(program), (ConnectionResetError, BrokenPipeError))


def test_a_protocol_that_fails_ends_its_connection_with_its_own_error(run: Run) -> None:
    class Fails(Told):
        def data_received(self, data: bytes) -> None:
            raise ZeroDivisionError(data.decode())

    async def program() -> tuple[object, list[str], list[str]]:
        reported = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, facts: reported.append(repr(facts["exception"])))
        client, server_side, server = await pair(server_side=Fails)
        client.transport.write(b"boom")
        error = await server_side.lost
        await client.lost
        server.close()
        return repr(error), reported, client.calls

    name = "ZeroDivisionError('boom')"
    assert run(program) == (name, [name], ["made", "end", "lost"])


# Transports


def test_a_transport_refuses_what_is_no_data_and_what_comes_after_the_end(run: Run) -> None:
    async def program() -> None:
        client, server_side, server = await pair()
        with pytest.raises(TypeError, match="bytes-like object"):
            client.transport.write("text")
        client.transport.write(b"")
        client.transport.write_eof()
        client.transport.write_eof()
        with pytest.raises(RuntimeError, match=r"after write_eof\(\)"):
            client.transport.write(b"more")
        await server_side.lost
        server.close()
        assert not server_side.received

    run(program)


def test_a_buffer_that_changes_after_the_write_does_not_change_what_was_written(run: Run) -> None:
    async def program() -> bytes:
        client, server_side, server = await pair()
        buffer = bytearray(b"before")
        client.transport.write(memoryview(buffer)[:3])
        client.transport.writelines([b"", buffer])
        buffer[:] = b"after!"
        client.transport.close()
        await server_side.lost
        server.close()
        return bytes(server_side.received)

    assert run(program) == b"befbefore"


def test_both_ends_know_each_others_names(run: Run) -> None:
    async def program() -> None:
        client, server_side, server = await pair()
        ours, theirs = client.transport.get_extra_info, server_side.transport.get_extra_info
        assert ours("peername") == theirs("sockname") == ("127.0.0.1", port_of(server))
        assert ours("sockname") == theirs("peername")
        assert ours("nothing") is None
        assert ours("nothing", "else") == "else"
        for told in (ours, theirs):
            end = told("socket")
            assert (end.family, end.type) == (socket.AF_INET, socket.SOCK_STREAM)
            assert end.getsockname() == told("sockname")
            assert end.getpeername() == told("peername")
            assert end.gettimeout() == 0
            end.setblocking(False)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            assert end.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
            assert end.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
        client.transport.close()
        await server_side.lost
        server.close()
        assert ours("peername")

    run(program)


def test_a_paused_transport_reads_when_it_is_resumed(run: Run) -> None:
    async def program() -> tuple[bytes, bytes]:
        client, server_side, server = await pair()
        transport = server_side.transport
        transport.pause_reading()
        transport.pause_reading()
        assert not transport.is_reading()
        client.transport.write(b"one ")
        client.transport.write(b"two")
        for _ in range(20):
            await asyncio.sleep(0)
        before = bytes(server_side.received)
        transport.resume_reading()
        transport.resume_reading()
        assert transport.is_reading()
        client.transport.close()
        await server_side.lost
        server.close()
        assert not transport.is_reading()
        return before, bytes(server_side.received)

    assert run(program) == (b"", b"one two")


def test_a_writer_is_paused_above_its_high_water_and_resumed_below_its_low_one(run: Run) -> None:
    async def program() -> tuple[bool, bool, int]:
        client, server_side, server = await pair(server_side=NeverReads)
        transport = client.transport
        assert transport.get_write_buffer_limits() == (16 * 1024, 64 * 1024)
        transport.set_write_buffer_limits(high=1000, low=10)
        assert transport.get_write_buffer_limits() == (10, 1000)
        with pytest.raises(ValueError, match="must be >= low"):
            transport.set_write_buffer_limits(high=1, low=2)
        while not client.is_paused:
            assert transport.get_write_buffer_size() <= 1000
            transport.write(bytes(500))
        paused = transport.get_write_buffer_size() > 1000
        server_side.transport.resume_reading()
        await until(lambda: not client.is_paused)
        resumed = transport.get_write_buffer_size() <= 10
        transport.close()
        await server_side.lost
        server.close()
        return paused, resumed, len(server_side.received) % 500

    assert run(program) == (True, True, 0)


def test_a_connection_can_change_its_protocol(run: Run) -> None:
    class Upgrades(Told):
        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self.after = Told()
            self.transport.set_protocol(self.after)

    async def program() -> tuple[bytes, bytes, list[str]]:
        client, server_side, server = await pair(server_side=Upgrades)
        client.transport.write(b"upgrade")
        await until(lambda: server_side.received)
        assert server_side.transport.get_protocol() is server_side.after
        client.transport.write(b"upgraded")
        client.transport.close()
        await server_side.after.lost
        server.close()
        return bytes(server_side.received), bytes(server_side.after.received), server_side.calls

    assert run(program) == (b"upgrade", b"upgraded", ["made", "data"])


def test_a_protocol_may_give_the_buffer_that_is_filled(run: Run) -> None:
    class Fills(asyncio.BufferedProtocol):
        def __init__(self) -> None:
            self.buffer = bytearray(7)
            self.sizes: list[int] = []
            self.received = bytearray()
            self.made = asyncio.get_running_loop().create_future()
            self.lost = asyncio.get_running_loop().create_future()

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.made.set_result(self)

        def get_buffer(self, sizehint: int) -> bytearray:
            return self.buffer

        def buffer_updated(self, nbytes: int) -> None:
            self.sizes.append(nbytes)
            self.received += self.buffer[:nbytes]

        def connection_lost(self, exc: Exception | None) -> None:
            self.lost.set_result(exc)

    async def program() -> tuple[bytes, list[int], object]:
        client, server_side, server = await pair(server_side=Fills)
        client.transport.write(b"twenty bytes of text")
        client.transport.close()
        error = await server_side.lost
        server.close()
        return bytes(server_side.received), server_side.sizes, error

    assert run(program) == (b"twenty bytes of text", [7, 7, 6], None)


def test_a_file_is_sent_over_a_transport(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"0123456789" * 1000)

    async def program() -> tuple[int, bytes]:
        client, server_side, server = await pair()
        loop = asyncio.get_running_loop()
        with (tmp_path / "file").open("rb") as file:
            count = await loop.sendfile(client.transport, file, 5, 10)
        client.transport.close()
        await server_side.lost
        server.close()
        return count, bytes(server_side.received)

    assert run(program) == (10, b"5678901234")


# Servers


def test_a_port_where_nobody_listens_refuses(run: Run) -> None:
    async def program() -> OSError:
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port = port_of(server)
        server.close()
        await server.wait_closed()
        assert not server.is_serving()
        assert server.sockets == ()
        with pytest.raises(ConnectionRefusedError) as caught:
            await asyncio.open_connection("127.0.0.1", port)
        return caught.value

    error = run(program)
    assert error.errno == errno.ECONNREFUSED
    assert "Connect call failed ('127.0.0.1', " in str(error)


def test_an_address_has_one_server(run: Run) -> None:
    async def program() -> OSError:
        async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0) as server:
            with pytest.raises(OSError, match="address already in use") as caught:
                await asyncio.start_server(lambda *_: None, "127.0.0.1", port_of(server))
        return caught.value

    assert run(program).errno == errno.EADDRINUSE


def test_a_server_begins_to_serve_when_it_is_told(run: Run) -> None:
    async def program() -> list[bool]:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Told, "127.0.0.1", 0, start_serving=False)
        port, serving = port_of(server), [server.is_serving()]
        with pytest.raises(ConnectionRefusedError):
            await loop.create_connection(Told, "127.0.0.1", port)
        task = asyncio.create_task(server.serve_forever())
        await until(server.is_serving)
        _, client = await loop.create_connection(Told, "127.0.0.1", port)
        task.cancel()
        client.transport.close()
        await asyncio.wait([task])
        serving.append(server.is_serving())
        assert task.cancelled()
        return serving

    assert run(program) == [False, False]


def test_connections_outlive_the_close_of_their_server(run: Run) -> None:
    async def program() -> bytes:
        client, server_side, server = await pair()
        server.close()
        client.transport.write(b"still here")
        client.transport.close()
        await server_side.lost
        await server.wait_closed()
        return bytes(server_side.received)

    assert run(program) == b"still here"


@pytest.mark.skipif(sys.version_info < (3, 13), reason="close_clients came with Python 3.13")
@pytest.mark.parametrize("how", ["close_clients", "abort_clients"])
def test_a_server_hangs_up_on_all_its_clients(run: Run, how: str) -> None:
    async def program() -> list[str]:
        client, server_side, server = await pair()
        server.close()
        getattr(server, how)()
        await server.wait_closed()
        await client.lost
        assert await server_side.lost is None
        return client.calls

    assert run(program) == ["made", "end", "lost"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "host and port was not specified"),
        ({"host": "127.0.0.1", "port": 1, "sock": object()}, "can not be specified at the same"),
        ({"host": "127.0.0.1", "port": 1, "server_hostname": "x"}, "only meaningful with ssl"),
        ({"host": "127.0.0.1", "port": 1, "ssl_handshake_timeout": 1.0}, "meaningful with ssl"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    run: Run, options: dict[str, Any], words: str
) -> None:
    async def program() -> None:
        with pytest.raises(ValueError, match=words):
            await asyncio.get_running_loop().create_connection(Told, **options)

    run(program)


def test_numeric_addresses_resolve_to_themselves(run: Run) -> None:
    async def program() -> list[Any]:
        loop = asyncio.get_running_loop()
        kind = {"type": socket.SOCK_STREAM, "proto": socket.IPPROTO_TCP}
        with pytest.raises(socket.gaierror):
            await loop.getaddrinfo("127.0.0.1", 80, family=socket.AF_INET6, **kind)
        name = await loop.getnameinfo(
            ("127.0.0.1", 80), socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
        )
        return [name, *await loop.getaddrinfo("127.0.0.1", "80", **kind)]

    assert run(program) == [
        ("127.0.0.1", "80"),
        (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", 80)),
    ]


# Unix sockets


not_on_windows = pytest.mark.skipif(
    sys.platform == "win32", reason="asyncio has no Unix sockets on Windows"
)


@not_on_windows
def test_a_unix_server_serves_on_its_path(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "s"

    async def program() -> tuple[bytes, str, str]:
        with pytest.raises(FileNotFoundError):
            await asyncio.open_unix_connection(path)
        async with await asyncio.start_unix_server(greet, path):
            reader, writer = await asyncio.open_unix_connection(path)
            greeting = await reader.read()
            names = writer.get_extra_info("peername"), writer.get_extra_info("sockname")
            writer.close()
            await writer.wait_closed()
        # Python 3.13 removes the path of a server that has closed.
        with pytest.raises(
            (ConnectionRefusedError, FileNotFoundError)[sys.version_info >= (3, 13)]
        ):
            await asyncio.open_unix_connection(path)
        return greeting, *names

    assert run(program) == (b"hello", str(path), "")


@not_on_windows
def test_a_second_server_takes_the_path_of_the_first(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "s"

    async def program() -> bytes:
        first = await asyncio.start_unix_server(lambda *_: None, path)
        async with first, await asyncio.start_unix_server(greet, path):
            reader, writer = await asyncio.open_unix_connection(path)
            greeting = await reader.read()
            writer.close()
            await writer.wait_closed()
        return greeting

    assert run(program) == b"hello"
