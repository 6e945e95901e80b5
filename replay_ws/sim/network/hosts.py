"""Which addresses exist inside a run, and who listens there.

There are three kinds of host:

============== ===========================================================================
loopback       ``localhost``, names below it, 127.0.0.0/8, ``::1``: always there, so that a
               port nobody listens on refuses the connection, as a real one does
served         any other name or address that a server of this run was bound to: there from
               then on. A name is given an address of the range for benchmarks (RFC 2544)
all else       the real world, which a run does not touch
============== ===========================================================================

Ports and addresses are handed out in order, so they are the same in every run.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Callable
from itertools import cycle

from replay_ws.sim.network.wires import Address, Endpoint, Wire

WILDCARDS = {socket.AF_INET: "0.0.0.0", socket.AF_INET6: "::"}
LOOPBACKS = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}

_EPHEMERAL_PORTS = range(49_152, 65_536)
_SERVED_NAMES = ipaddress.ip_network("198.18.0.0/15")


class Listener(Endpoint):
    """What a server has as its socket: an address, and who takes the connections made to it."""

    def __init__(
        self,
        family: int,
        address: Address,
        *,
        shares_port: bool = False,
        leaves_nothing: bool = False,
    ) -> None:
        super().__init__(family, address)
        self.shares_port = shares_port
        self.leaves_nothing = leaves_nothing
        """Whether the path of a Unix server is free of its file once it is closed."""
        self.take: Callable[[Wire], None] | None = None
        """Called with each new connection; None while the server does not listen."""

    def listen(self, backlog: int) -> None:
        """Servers call this before they start to serve; a queue of connections has no bound."""


class Directory:
    """Which addresses exist inside one run, and who listens there."""

    def __init__(self) -> None:
        self._listeners: dict[str | tuple[str, int], list[Listener]] = {}
        self._addresses: dict[str, str] = {}  # of served names
        self._served: set[str] = set()
        self._spare_addresses = _SERVED_NAMES.hosts()
        self._spare_ports = cycle(_EPHEMERAL_PORTS)

    def resolve(self, host: str) -> list[tuple[socket.AddressFamily, str]] | None:
        """The addresses of ``host``, best first; None if no such name exists inside the run."""
        try:
            address = ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            name = host.lower().rstrip(".")
            if name == "localhost" or name.endswith(".localhost"):  # RFC 6761 §6.3
                return list(LOOPBACKS.items())
            served = self._addresses.get(name)
            return None if served is None else [(socket.AF_INET, served)]
        return [(socket.AF_INET6 if address.version == 6 else socket.AF_INET, str(address))]

    def add_name(self, host: str) -> None:
        """Give a name that a server is about to be bound to an address."""
        self._addresses[host.lower().rstrip(".")] = str(next(self._spare_addresses))

    def name_of(self, host: str) -> str | None:
        """The name of an address, if it has one inside the run."""
        if _is_loopback(host):
            return "localhost"
        return next((name for name, known in self._addresses.items() if known == host), None)

    def exists(self, address: Address) -> bool:
        """Whether a connection to ``address`` is answered, be it by a refusal."""
        if isinstance(address, str):
            return address in self._served
        return _is_loopback(address[0]) or address[0] in self._served

    def spare_port(self) -> int:
        """The next port that nobody listens on."""
        taken = {
            key[1] for key, here in self._listeners.items() if here and not isinstance(key, str)
        }
        return next(port for port in self._spare_ports if port not in taken)

    def bind(self, listener: Listener) -> None:
        """Take the listener's address, or raise the OSError of one that is taken."""
        address = listener.getsockname()
        others = self._listeners.setdefault(_key(address), [])
        if isinstance(address, str) and not address.startswith("\0"):
            others.clear()  # asyncio removes the file of a server that serves on the same path
        if others and not (listener.shares_port and all(other.shares_port for other in others)):
            raise OSError(
                errno.EADDRINUSE,
                f"error while attempting to bind on address {address!r}: address already in use",
            )
        others.append(listener)
        self._served.add(address if isinstance(address, str) else address[0])

    def release(self, listener: Listener) -> None:
        key = _key(listener.getsockname())
        others = self._listeners[key]
        if listener in others:
            others.remove(listener)
            if isinstance(key, str) and listener.leaves_nothing:
                self._served.remove(key)

    def listener_at(self, family: socket.AddressFamily, address: Address) -> Listener | None:
        """Who takes the next connection to ``address``."""
        keys = [_key(address)]
        if not isinstance(address, str) and _is_loopback(address[0]):
            keys.append((WILDCARDS[family], address[1]))
        here = (listener for key in keys for listener in self._listeners.get(key, ()))
        return next((listener for listener in here if listener.take is not None), None)

    def pass_turn(self, listener: Listener) -> None:
        """Let those who share the address of ``listener`` take connections before it does."""
        sharers = self._listeners[_key(listener.getsockname())]
        sharers.remove(listener)
        sharers.append(listener)


def _key(address: Address) -> str | tuple[str, int]:
    return address if isinstance(address, str) else (address[0], address[1])


def address_of(host: str, port: int) -> Address:
    return (host, port, 0, 0) if ":" in host else (host, port)


def _is_loopback(host: str) -> bool:
    # To connect to the address of all interfaces is to connect to the own host.
    address = ipaddress.ip_address(host.partition("%")[0])
    return address.is_loopback or address.is_unspecified
