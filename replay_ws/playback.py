"""Playing a log: its intents go through a network again, and a new log and outcome come out.

The same few lines answer three questions. What followed from this log (its own configuration, the
decisions that stand in it)? What would have followed under another mode or seed? What follows
from a plan alone?
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from replay_ws.channel import Network, Outcome
from replay_ws.events.log import MESSAGES, Direction, Header, Log, Op
from replay_ws.events.model import Decision, Plan
from replay_ws.faults.configuration import MockConfiguration, configuration
from replay_ws.faults.toxics import Chance

ChanceFor = Callable[[int, MockConfiguration, Log], Chance]
"""Makes the chance of a channel: (its number, its configuration, the new log) -> chance."""

ConfigFor = Callable[[int, MockConfiguration], MockConfiguration]
"""The configuration under which a channel plays: (its number, the recorded one) -> the new one."""


class Played(NamedTuple):
    """A log and what followed from it."""

    log: Log
    outcome: Outcome


def plan_of(log: Log) -> Plan:
    """All decisions of ``log``, in order."""
    rows = [row for row, op in enumerate(log.ops) if op == Op.DECISION]
    return Plan(tuple(_decision(log, row) for row in rows))


def _decision(log: Log, row: int) -> Decision:
    toxic, attempt, amount = log.value(row)
    lane = log.lanes[row]
    return Decision(
        toxic,
        log.connections[lane >> 1].name,
        Direction(lane & 1),
        log.kinds[log.kind_ids[row]],
        log.indexes[row],
        attempt,
        amount,
    )


def play(
    source: Log, header: Header, chance_for: ChanceFor, config_for: ConfigFor, *, drain: bool
) -> Played:
    """Send every intent of ``source`` again, at its time.

    With ``drain`` the session lasts until everything has arrived that ever will; else it ends
    when the source ended, with what was due by then.
    """
    log = Log(header)
    network = Network(log)
    for row, (op, lane, time_ns, kind, index, body) in enumerate(source.rows()):
        if op in MESSAGES:
            network.send(op, lane, time_ns, kind, index, body)
        elif op == Op.HANDSHAKE:
            network.connect(lane, time_ns, index, body)
        elif op == Op.KIND:
            log.kind(source.kinds[kind], time_ns)
        elif op == Op.CHANNEL:
            channel = source.channels[index]
            config = config_for(index, configuration(**channel.config))
            network.add_channel(channel.name, config, chance_for(index, config, log), time_ns)
        elif op == Op.CONNECTION:
            network.add_connection(source.connections[index], time_ns)
        elif op in (Op.CLOSE, Op.DROPPED):
            network.close(Op(op), lane, time_ns, body)
        elif op == Op.CONTROL:
            action = source.value(row)
            network.control(action["do"], action["channel"], time_ns)
        elif op == Op.END:
            end_ns = max(time_ns, network.drain() if drain else network.advance(time_ns))
            log.append(op, lane, end_ns, kind, index, body)
        elif op != Op.DECISION:
            log.append(op, lane, time_ns, kind, index, body)
    network.advance(source.end_ns)  # a log without an end tells what was due by its last row
    return Played(log, network.outcome)
