"""The network inside a run: tasks of one loop connect to each other, and to nothing else.

What a program may reach is what it serves itself, see ``hosts``. A port of a host that exists
inside the run refuses the connection when nobody listens there, as a real one does; any other
host is the real world, and an EscapeError names the line that asked for it.

A connection is made in the step that asks for it and taken by the server in a callback of its
own; ``wires`` says how data travels from there. Servers are asyncio's own, in each Python's own
version; what is replaced are the sockets below them. Nothing here takes time, so there is no
latency, no loss, and no address that answers later than another: to try one address after the
other is all there is to happy eyeballs.

TLS is refused: its handshake takes entropy that no run can give it.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import sys
from collections.abc import Callable, Iterable, Sequence
from itertools import count
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from replay_ws.errors import EscapeError
from replay_ws.sim.network.hosts import LOOPBACKS, WILDCARDS, Directory, Listener, address_of
from replay_ws.sim.network.wires import Address, Endpoint, Wire, connect
from replay_ws.sim.places import place_of_caller

Factory = Callable[[], asyncio.BaseProtocol]
Info = tuple[socket.AddressFamily, socket.SocketKind, int, str, Any]

_PROTOCOLS = {socket.SOCK_STREAM: socket.IPPROTO_TCP, socket.SOCK_DGRAM: socket.IPPROTO_UDP}

# Before Python 3.13 a server only counts its connections, and leaves the file of its path behind.
_SERVERS_KNOW_THEIR_TRANSPORTS = _SERVERS_REMOVE_THEIR_PATHS = sys.version_info >= (3, 13)


class InMemoryNetwork(asyncio.BaseEventLoop):
    """The part of an event loop that connects and serves, inside the run."""

    def __init__(self) -> None:
        super().__init__()
        self._directory = Directory()
        self._wires: dict[int, Wire] = {}  # those that are open, the oldest first
        self._wire_numbers = count()
        # Real sockets that were connected to a server of the run; no packet leaves through them.
        self._connected: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()

    def close(self) -> None:
        super().close()
        for wire in self._wires.values():
            wire.abandon()
        self._wires.clear()

    # Names

    async def getaddrinfo(  # type: ignore[override]  # typeshed knows fewer shapes of an address
        self,
        host: Any,
        port: Any,
        *,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
    ) -> list[Info]:
        """The addresses of a host that exists inside the run, and of any numeric one."""
        host = host.decode() if isinstance(host, bytes) else host
        if host:
            found = self._directory.resolve(host)
        else:
            found = list((WILDCARDS if flags & socket.AI_PASSIVE else LOOPBACKS).items())
        if found is None:
            raise _escape(f"the name {host!r} would be resolved by the real network")
        kind = socket.SocketKind(type or socket.SOCK_STREAM)
        name = host if host and flags & socket.AI_CANONNAME else ""
        infos = [
            (known, kind, proto or _PROTOCOLS.get(kind, 0), name, address_of(address, _port(port)))
            for known, address in found
            if family in (socket.AF_UNSPEC, known)
        ]
        if not infos:
            raise socket.gaierror(socket.EAI_FAMILY, f"{host!r} has no address of that family")
        return infos

    async def getnameinfo(self, sockaddr: Any, flags: int = 0) -> tuple[str, str]:
        """The name of an address of the run; ports have no names."""
        host, port = str(sockaddr[0]), str(sockaddr[1])
        name = host if flags & socket.NI_NUMERICHOST else self._directory.name_of(host)
        if name is None:
            raise _escape(f"the address {host} would be resolved by the real network")
        return name, port

    # Clients

    async def create_connection(  # type: ignore[override]  # typeshed ties TLS to its options
        self,
        protocol_factory: Factory,
        host: str | None = None,
        port: Any = None,
        *,
        family: int = 0,
        proto: int = 0,
        flags: int = 0,
        sock: Any = None,
        local_addr: tuple[str, int] | None = None,
        happy_eyeballs_delay: float | None = None,
        interleave: int | None = None,
        all_errors: bool = False,
        **tls: Any,
    ) -> tuple[asyncio.Transport, asyncio.BaseProtocol]:
        """Connect to a server of this run, by the first address of its host that takes it."""
        _refuse_tls(**tls)
        if sock is not None:
            if host is not None or port is not None:
                raise ValueError("host/port and sock can not be specified at the same time")
            if sock not in self._connected:
                raise _escape("a socket that was connected outside of the run is the real network")
            at = self._connected.pop(sock)
            sock.close()  # the transport has it from now on, and does not need it
            return await self._connect(protocol_factory, *at)
        if host is None and port is None:
            raise ValueError("host and port was not specified and no sock specified")
        options: Any = {"type": socket.SOCK_STREAM, "proto": proto, "flags": flags}
        infos = await self.getaddrinfo(host, port, family=family, **options)
        refusals: list[OSError] = []
        for known, _, _, _, address in infos:
            try:
                return await self._connect(protocol_factory, known, address, local_addr)
            except ConnectionRefusedError as refusal:
                refusals.append(refusal)
        if all_errors:
            raise ExceptionGroup("create_connection failed", refusals)
        if len(refusals) == 1:
            raise refusals[0]
        words = ", ".join(map(str, refusals))
        raise ConnectionRefusedError(errno.ECONNREFUSED, f"Multiple exceptions: {words}")

    async def create_unix_connection(  # type: ignore[override]  # as above
        self, protocol_factory: Factory, path: Any = None, *, sock: Any = None, **tls: Any
    ) -> tuple[asyncio.Transport, asyncio.BaseProtocol]:
        """Connect to a Unix server of this run; its path is a name, and no file."""
        _refuse_tls(**tls)
        name = _path(path, sock)
        if not self._directory.exists(name):
            if not name.startswith("\0") and Path(name).exists():
                raise _escape(f"nobody in this run listens on {name}, which is a real file")
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
        return await self._connect(protocol_factory, socket.AF_UNIX, name)

    async def sock_connect(self, sock: Any, address: Any) -> None:
        """Connect a socket in name only; ``create_connection(sock=...)`` then makes a transport."""
        infos = await self.getaddrinfo(*address[:2], family=sock.family, type=sock.type)
        family, _, _, _, resolved = infos[0]
        self._listener_at(family, resolved)
        self._connected[sock] = (family, resolved)

    async def _connect(
        self,
        protocol_factory: Factory,
        family: socket.AddressFamily,
        address: Address,
        local_addr: tuple[str, int] | None = None,
    ) -> tuple[asyncio.Transport, asyncio.BaseProtocol]:
        listener = self._listener_at(family, address)
        protocol, made = protocol_factory(), self.create_future()
        self._directory.pass_turn(listener)
        near, far = self._wires_to(family, address, local_addr)
        self.call_soon(_take, listener, far)
        near.begin(protocol, made)
        try:
            await made
        except BaseException:
            near.close()
            raise
        return near, protocol

    def _listener_at(self, family: socket.AddressFamily, address: Address) -> Listener:
        listener = self._directory.listener_at(family, address)
        if listener is not None:
            return listener
        if not self._directory.exists(address):
            raise _escape(f"nobody in this run serves {address[0]}, so it is the real network")
        raise ConnectionRefusedError(errno.ECONNREFUSED, f"Connect call failed {address}")

    def _wires_to(
        self,
        family: socket.AddressFamily,
        address: Address,
        local_addr: tuple[str, int] | None,
    ) -> tuple[Wire, Wire]:
        local: Address = ""
        if not isinstance(address, str):
            host, port = local_addr or (LOOPBACKS[family], 0)
            known = self._directory.resolve(host) or ()
            host = next((numeric for version, numeric in known if version == family), host)
            local = address_of(host, port or self._directory.spare_port())
        numbers = next(self._wire_numbers), next(self._wire_numbers)
        wires = connect(self, numbers, Endpoint(family, local, address))
        for wire in wires:
            self._wires[wire.number] = wire
            wire.on_lost = self._forget
        return wires

    def _forget(self, wire: Wire) -> None:
        self._wires.pop(wire.number, None)

    # Servers

    async def create_server(
        self,
        protocol_factory: Factory,
        host: str | Sequence[str] | None = None,
        port: Any = None,
        *,
        family: int = 0,
        flags: int = socket.AI_PASSIVE,
        sock: Any = None,
        backlog: int = 100,
        reuse_address: bool | None = None,
        reuse_port: bool | None = None,
        keep_alive: bool | None = None,
        start_serving: bool = True,
        **tls: Any,
    ) -> asyncio.Server:
        """Serve on hosts and a port inside the run; a name that does not exist there is made.

        An address can be bound again as soon as it is free, and no peer dies silently, so
        ``reuse_address`` and ``keep_alive`` change nothing. Servers that share an address with
        ``reuse_port`` take its connections in turn.
        """
        _refuse_tls(**tls)
        if sock is not None:
            raise _escape("a socket that was bound outside of the run is the real network")
        hosts: Iterable[str | None] = [host] if isinstance(host, str) or host is None else host
        infos: dict[Any, socket.AddressFamily] = {}
        for each in hosts:
            if each and self._directory.resolve(each) is None:
                self._directory.add_name(each)
            found = await self.getaddrinfo(each, port, family=family, flags=flags)
            infos.update({address: known for known, _, _, _, address in found})
        listeners = []
        for address, known in infos.items():
            bound = address_of(address[0], address[1] or self._directory.spare_port())
            listeners.append(Listener(known, bound, shares_port=bool(reuse_port)))
        return await self._serve(protocol_factory, listeners, backlog, start_serving)

    async def create_unix_server(
        self,
        protocol_factory: Factory,
        path: Any = None,
        *,
        sock: Any = None,
        backlog: int = 100,
        start_serving: bool = True,
        cleanup_socket: bool = _SERVERS_REMOVE_THEIR_PATHS,
        **tls: Any,
    ) -> asyncio.Server:
        """Serve on a path inside the run; it is a name, and no file.

        A path that its server leaves behind refuses connections, as the file of a real one does.
        """
        _refuse_tls(**tls)
        listener = Listener(socket.AF_UNIX, _path(path, sock), leaves_nothing=cleanup_socket)
        return await self._serve(protocol_factory, [listener], backlog, start_serving)

    async def _serve(
        self, factory: Factory, listeners: list[Listener], backlog: int, start_serving: bool
    ) -> asyncio.Server:
        for position, listener in enumerate(listeners):
            try:
                self._directory.bind(listener)
            except OSError:
                for bound in listeners[:position]:
                    self._directory.release(bound)
                raise
        server = asyncio.Server(self, listeners, factory, None, backlog, None)  # type: ignore[arg-type]
        if start_serving:
            await server.start_serving()
        return server

    def _start_serving(
        self, factory: Factory, listener: Listener, tls: None, server: Any, *limits: object
    ) -> None:
        """Called by asyncio's server for each of its sockets."""

        def detach(wire: Wire) -> None:
            self._forget(wire)
            server._detach(*_as_server_knows(wire))

        def take(wire: Wire) -> None:
            try:
                protocol = factory()
            except BaseException:
                wire.refuse()
                raise
            server._attach(*_as_server_knows(wire))
            wire.on_lost = detach
            wire.begin(protocol)

        listener.take = take

    def _stop_serving(self, listener: Listener) -> None:
        """Called by asyncio's server for each of its sockets when it closes."""
        listener.take = None
        self._directory.release(listener)


def _take(listener: Listener, wire: Wire) -> None:
    """Give a new connection to its server, or reset it if that has closed since."""
    if listener.take is None:
        wire.refuse()
    else:
        listener.take(wire)


def _as_server_knows(wire: Wire) -> tuple[Wire, ...]:
    return (wire,) if _SERVERS_KNOW_THEIR_TRANSPORTS else ()


def _port(port: Any) -> int:
    try:
        return int(port or 0)
    except ValueError:
        raise socket.gaierror(socket.EAI_SERVICE, f"{port!r} is no port number") from None


def _path(path: Any, sock: Any) -> str:
    if sock is not None:
        raise _escape("a socket that was made outside of the run is the real network")
    if path is None:
        raise ValueError("path was not specified, and no sock specified")
    return os.fsdecode(path)


def _refuse_tls(
    *,
    ssl: object = None,
    server_hostname: object = None,
    ssl_handshake_timeout: object = None,
    ssl_shutdown_timeout: object = None,
) -> None:
    if ssl:
        raise EscapeError(
            "TLS takes entropy that a run on virtual time cannot give it",
            where=place_of_caller(sys._getframe(1)),
            mend="leave out ssl= inside the run, as behind a proxy that ends TLS",
        )
    if server_hostname is not None:
        raise ValueError("server_hostname is only meaningful with ssl")
    if ssl_handshake_timeout is not None or ssl_shutdown_timeout is not None:
        raise ValueError("a timeout of TLS is only meaningful with ssl")


def _escape(what: str) -> EscapeError:
    return EscapeError(
        f"{what}, and this run is on virtual time",
        where=place_of_caller(sys._getframe(1)),
        mend="serve it inside the run, talk to a MockWebSocketManager, or use a stock loop",
    )
