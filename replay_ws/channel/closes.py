"""How connections end, as a table: what is on the wire, and what each side reports.

Six real clients were measured against a server that writes raw bytes (the table stands beside the
tests). What holds for all of them:

- Who finds a violation reports 1006 itself, and tells its peer 1002, 1007 or 1009.
- A connection that is lost without a close frame is 1006 to both; a browser fires no ``error``
  then, but does when it finds a violation, and when a handshake is refused, whose status it hides.
- 1005, 1006 and 1015 are never on the wire (RFC 6455 7.4.1).
- Broken JSON in a good frame is no end: it is delivered like any text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from replay_ws.faults.frames import FRAME_KINDS


class Ending(NamedTuple):
    """One way in which a connection ends.

    ``wire`` is the close code that is sent, by ``sender``, if any is; ``client`` and ``server`` are
    what the two report. ``error``: a browser fires an error event before it closes.
    """

    wire: int | None
    sender: str
    client: int
    server: int
    error: bool = False

    def turned(self) -> Ending:
        """The same with the sides changed: what befalls a frame that goes upstream."""
        sender = {"client": "server", "server": "client"}.get(self.sender, "")
        return Ending(self.wire, sender, self.server, self.client)


def _lost() -> Ending:
    return Ending(None, "", 1006, 1006)


def _violation(code: int) -> Ending:
    """Of a frame that goes downstream: the client finds it, and tells the server why."""
    return Ending(code, "client", 1006, code, error=True)


ENDINGS: Mapping[str, Ending] = {
    # the transport is lost
    "fin": _lost(),
    "rst": _lost(),
    "blackhole": _lost(),
    "hole": _lost(),  # bytes are missing in the middle of a stream
    "idle": _lost(),  # a proxy hangs up
    "timeout": _lost(),  # TCP gives up
    "slow_close": _lost(),  # nobody waits that long for a close frame
    "heartbeat": _lost(),  # who notices sends 1011, which does not get through
    # a frame is harmed
    "invalid_utf8": _violation(1007),
    "bad_opcode": _violation(1002),
    "rsv_bit": _violation(1002),
    "bad_continuation": _violation(1002),
    "oversize_control": _violation(1002),
    "masked_server_frame": _violation(1002),
    "oversize": _violation(1009),
    "truncated_frame": _lost(),
    "binary_instead_of_text": Ending(1003, "client", 1003, 1003),  # by policy: the frame is good
}

SOUND = frozenset({"bitflip"})
"""Kinds of harm after which a frame still is one, though its text may not be UTF-8 any more."""

assert ENDINGS.keys() >= set(FRAME_KINDS) - SOUND


def ending(cause: str, code: int | None = None) -> Ending:
    """How a connection ends that the server closes with ``code``, or for a cause in ``ENDINGS``."""
    if code is not None:
        return Ending(code, "server", code, code)
    return ENDINGS[cause]
