"""One connection inside a run: two ends, and what each has sent to the other.

Theory of operation. Nothing of a connection is outside of the run, so it has no descriptor, and
time does not pass while data travels. The way of one write:

    one end's write(chunk)
      → the other end's inbox, a queue in the order of writing
      → a plain callback of the loop, one for each chunk
      → the other end's protocol.data_received(chunk), whole as it was written
      → room for the writer, who may be resumed, or may end now that all is sent

Plain callbacks keep their order under every schedule, so data never overtakes data, and none
comes before ``connection_made`` or after ``eof_received``. The end of the data travels the same
way: an empty chunk, which is what a socket's ``recv`` gives.

What lies in an inbox stands for two things. The first ``WIRE_SIZE`` bytes are what the buffers of
two kernels would hold: the writer is rid of them, they arrive even if it aborts. The rest is the
writer's own buffer: its size is what pauses the writer's protocol, ``close`` waits until it is
sent, ``abort`` drops it.

Who hangs up with data unread resets the connection, as TCP does: the other end reads what it
has, and then meets a ConnectionResetError instead of the end. Who writes to an end that hung up
succeeds once, for it cannot know yet, and meets a BrokenPipeError the next time.

The life of an end: made by ``connect``, ``begin`` gives it a protocol, ``close`` or ``abort`` or
an error makes it closing, and once its last byte is sent ``connection_lost`` is called, once.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from asyncio.constants import _SendfileMode
from asyncio.transports import _FlowControlMixin
from collections import deque
from collections.abc import Callable
from typing import Any

WIRE_SIZE = 64 * 1024
"""How many bytes of one direction are on their way, neither the writer's nor the reader's."""

Address = tuple[str, int] | tuple[str, int, int, int] | str
"""An address as the socket module spells it: IPv4, IPv6, or the path of a Unix socket."""


class Endpoint:
    """What a transport or server gives as its socket: its addresses and options, no descriptor."""

    type = socket.SOCK_STREAM
    proto = 0

    def __init__(self, family: int, sockname: Address, peername: Address | None = None) -> None:
        self.family = socket.AddressFamily(family)
        self._sockname = sockname
        self._peername = peername
        self._options: dict[tuple[int, int], Any] = {}

    def getsockname(self) -> Address:
        return self._sockname

    def getpeername(self) -> Address:
        if self._peername is None:
            raise _os_error(OSError, errno.ENOTCONN)
        return self._peername

    def fileno(self) -> int:
        return -1

    def setsockopt(self, level: int, option: int, value: Any) -> None:
        """Remember ``value``: none of a socket's options matters where no packet is."""
        self._options[level, option] = value

    def getsockopt(self, level: int, option: int, size_bytes: int = 0) -> Any:
        return self._options.get((level, option), bytes(size_bytes) if size_bytes else 0)

    def gettimeout(self) -> float:
        return 0.0

    def setblocking(self, flag: bool) -> None:
        if flag:
            raise ValueError("the socket cannot be blocking")

    def __repr__(self) -> str:
        far = "" if self._peername is None else f", raddr={self._peername!r}"
        return f"<{type(self).__name__} {self.family.name}, laddr={self._sockname!r}{far}>"


class Wire(_FlowControlMixin):
    """One end of a connection, as an asyncio transport.

    It hashes by ``number``, for asyncio keeps the transports of a server in a set.
    """

    # asyncio falls back to reading a file and writing its bytes.
    _sendfile_compatible = _SendfileMode.FALLBACK

    _loop: asyncio.AbstractEventLoop
    _protocol_paused: bool
    _maybe_pause_protocol: Callable[[], None]
    _maybe_resume_protocol: Callable[[], None]

    def __init__(self, loop: asyncio.AbstractEventLoop, number: int, endpoint: Endpoint) -> None:
        names = {"socket": endpoint, "sockname": endpoint.getsockname()}
        super().__init__({**names, "peername": endpoint.getpeername()}, loop)
        self.number = number
        self.on_lost: Callable[[Wire], object] = _nothing
        """Called once this end is over."""
        self._peer = self
        self._inbox: deque[bytes] = deque()
        self._inbox_size = 0
        self._protocol: Any = None
        self._fills_buffers = False  # its protocol is a BufferedProtocol
        self._reads = False  # from after connection_made to the end of the data
        self._paused = False
        self._sent_end = False
        self._closing = False
        self._ending = False  # connection_lost is on its way
        self._hung_up = False
        self._broken: type[OSError] | None = None  # what the next write meets

    def __hash__(self) -> int:
        return self.number

    def __repr__(self) -> str:
        near, far = self.get_extra_info("sockname"), self.get_extra_info("peername")
        return f"<{type(self).__name__} {near!r} to {far!r}{' closing' if self._closing else ''}>"

    # Its protocol

    def begin(
        self, protocol: asyncio.BaseProtocol, made: asyncio.Future[None] | None = None
    ) -> None:
        """Belong to ``protocol``: tell it so, complete ``made``, and then give it what comes."""
        self.set_protocol(protocol)
        self._loop.call_soon(protocol.connection_made, self)
        self._loop.call_soon(self._start_reading)
        if made is not None:
            self._loop.call_soon(_complete, made)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol
        self._fills_buffers = isinstance(protocol, asyncio.BufferedProtocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        protocol: asyncio.BaseProtocol = self._protocol
        return protocol

    # Reading

    def is_reading(self) -> bool:
        return not self._closing and not self._paused

    def pause_reading(self) -> None:
        self._paused = True

    def resume_reading(self) -> None:
        if self._paused and not self._closing:
            self._paused = False
            self._catch_up()

    def _start_reading(self) -> None:
        self._reads = True
        self._catch_up()

    def _catch_up(self) -> None:
        for _ in self._inbox:
            self._loop.call_soon(self._receive)

    def _put(self, chunk: bytes) -> None:
        self._inbox.append(chunk)
        self._inbox_size += len(chunk)
        self._loop.call_soon(self._receive)

    def _receive(self) -> None:
        """Give the protocol the next chunk; does nothing if it was given, or is not wanted now."""
        if not (self._reads and self._inbox and self.is_reading()):
            return
        chunk = self._inbox.popleft()
        self._inbox_size -= len(chunk)
        try:
            if not chunk:
                self._receive_end()
            elif self._fills_buffers:
                self._fill_buffer(chunk)
            else:
                self._protocol.data_received(chunk)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self._fail(error, "Fatal error: the protocol failed with what it received")
        self._peer._is_given_room()

    def _fill_buffer(self, chunk: bytes) -> None:
        buffer = self._protocol.get_buffer(-1)
        size = min(len(buffer), len(chunk))
        if not size:
            raise RuntimeError("get_buffer() returned an empty buffer")
        memoryview(buffer)[:size] = chunk[:size]
        if rest := chunk[size:]:
            self._inbox.appendleft(rest)
            self._inbox_size += len(rest)
            self._loop.call_soon(self._receive)
        self._protocol.buffer_updated(size)

    def _receive_end(self) -> None:
        self._reads = False
        if self._broken is ConnectionResetError:
            raise _os_error(ConnectionResetError, errno.ECONNRESET)
        if not self._protocol.eof_received():
            self.close()

    # Writing

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"data argument must be a bytes-like object, not {type(data).__name__}")
        if self._sent_end:
            raise RuntimeError("Cannot call write() after write_eof()")
        if not data or self._ending:
            return
        if self._broken is not None:
            code = errno.ECONNRESET if self._broken is ConnectionResetError else errno.EPIPE
            self._fail(_os_error(self._broken, code))
        elif self._peer._hung_up:
            self._broken = BrokenPipeError
        else:
            self._peer._put(bytes(data))
            self._maybe_pause_protocol()

    def writelines(self, list_of_data: Any) -> None:
        self.write(b"".join(list_of_data))

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        if not self._closing and not self._sent_end:
            self._sent_end = True
            self._send_end()

    def _send_end(self) -> None:
        if not self._peer._hung_up:
            self._peer._put(b"")

    def get_write_buffer_size(self) -> int:
        return max(0, self._peer._inbox_size - WIRE_SIZE)

    def _is_given_room(self) -> None:
        if not self._ending:
            self._maybe_resume_protocol()
            self._end_when_sent()

    # Its end

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        self._closing = True
        self._end_when_sent()

    def abort(self) -> None:
        self._end_now(None)

    def abandon(self) -> None:
        """Be closed without a word: the loop is closed, and no callback will run any more."""
        self._closing = self._ending = True

    def refuse(self) -> None:
        """Reset the connection in the name of a server that never took it."""
        self._hang_up(ConnectionResetError)
        self.on_lost(self)

    def _end_when_sent(self) -> None:
        if self._closing and not self._ending and not self.get_write_buffer_size():
            self._ending = True
            self._loop.call_soon(self._lose, None)

    def _end_now(self, error: BaseException | None) -> None:
        if not self._ending:
            self._drop_unsent()
            self._closing = self._ending = True
            self._loop.call_soon(self._lose, error)

    def _drop_unsent(self) -> None:
        inbox, unsent = self._peer._inbox, self.get_write_buffer_size()
        if unsent and self._sent_end:
            inbox.pop()
            self._sent_end = False
        self._peer._inbox_size -= unsent
        while unsent > 0:
            chunk = inbox.pop()
            if len(chunk) > unsent:
                inbox.append(chunk[:-unsent])
            unsent -= len(chunk)

    def _fail(self, error: BaseException, message: str = "") -> None:
        """End with ``error``; one that is no network's is reported, as nobody expects it."""
        if not isinstance(error, OSError):
            facts = {"message": message, "exception": error, "transport": self}
            self._loop.call_exception_handler({**facts, "protocol": self._protocol})
        self._end_now(error)

    def _lose(self, error: BaseException | None) -> None:
        try:
            self._protocol.connection_lost(error)
        finally:
            reset = BrokenPipeError if self._sent_end else ConnectionResetError
            self._hang_up(reset if self._inbox_size else None)
            self._protocol = None
            self.on_lost(self)

    def _hang_up(self, reset: type[OSError] | None) -> None:
        """Tell the other end: by the end of the data, or by a reset for what is left unread."""
        peer = self._peer
        has_unsent = peer.get_write_buffer_size() > 0
        self._hung_up = True
        self._inbox.clear()
        self._inbox_size = 0
        peer._broken = reset or peer._broken
        if not self._sent_end:
            self._send_end()
        if has_unsent:  # what waits to be sent is a write that meets the reset
            self._loop.call_soon(peer._fail, _os_error(ConnectionResetError, errno.ECONNRESET))


def connect(
    loop: asyncio.AbstractEventLoop, numbers: tuple[int, int], near: Endpoint
) -> tuple[Wire, Wire]:
    """The two ends of a connection from ``near`` to its peer; neither has a protocol yet."""
    far = Endpoint(near.family, near.getpeername(), near.getsockname())
    first, second = (Wire(loop, n, end) for n, end in zip(numbers, (near, far), strict=True))
    first._peer, second._peer = second, first
    return first, second


def _os_error(kind: type[OSError], code: int) -> OSError:
    return kind(code, os.strerror(code))


def _complete(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _nothing(wire: Wire) -> None:
    pass
