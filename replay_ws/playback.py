"""Playing a log: its intents go through a network again, and a new log and outcome come out.

The same few lines answer three questions. What followed from this log (its own configuration, the
decisions that stand in it)? What would have followed under another mode or seed? What follows
from a plan alone?
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from replay_ws.channel import ACTIONS, Network, Outcome, channel_of
from replay_ws.errors import CassetteError, ConfigError
from replay_ws.events.encoding import EncodingError
from replay_ws.events.log import MESSAGES, Direction, Header, Log, Op
from replay_ws.events.model import Decision, Plan
from replay_ws.faults.chance import Chance, Script
from replay_ws.faults.configuration import MockConfiguration, recorded
from replay_ws.faults.pipeline import BUILT_IN, toxics_by_name

DERIVED = frozenset({Op.DECISION, Op.INCIDENT})
"""Ops that follow from the others; playing writes them anew."""

ChanceFor = Callable[[int, MockConfiguration, Log], Chance]
"""Makes the chance of a channel: (its number, its configuration, the new log) -> chance."""

ConfigFor = Callable[[int, MockConfiguration], MockConfiguration]
"""The configuration under which a channel plays: (its number, the recorded one) -> the new one."""


class Played(NamedTuple):
    """A log and what followed from it."""

    log: Log
    outcome: Outcome


def plan_of(log: Log) -> Plan:
    """All decisions of ``log``: what struck messages, in order, then what the schedule chose."""
    return Plan((*strikes_of(log), *_scheduling(log)))


def strikes_of(log: Log) -> Plan:
    """The decisions of ``log`` that are about messages, which are all that a replay needs."""
    rows = [row for row, op in enumerate(log.ops) if op == Op.DECISION]
    return Plan(tuple(_decision(log, row) for row in rows))


def _scheduling(log: Log) -> Iterator[Decision]:
    for row, op in enumerate(log.ops):
        if op == Op.SCHEDULE:
            kind, path, amounts = log.value(row)[:3]
            for nth, amount in zip(amounts[::2], amounts[1::2], strict=True):
                yield Decision(kind, path, Direction.DOWNSTREAM, "", nth, 0, amount)


def _decision(log: Log, row: int) -> Decision:
    toxic, attempt, amount = log.value(row)[:3]  # a later minor version may add some
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
            network.connect(lane, time_ns, index, body, _user(source, row))
        elif op == Op.KIND:
            network.advance(time_ns)
            log.kind(source.kinds[kind], time_ns)
        elif op == Op.CHANNEL:
            channel = source.channels[index]
            old = recorded(channel.config)
            config = config_for(index, old)
            if config != old:
                channel = channel_of(channel.name, config)
            network.add_channel(channel, config, chance_for(index, config, log), time_ns)
        elif op == Op.CONNECTION:
            connection = source.connections[index]
            old_link = recorded(source.channels[connection.channel].config).link
            link = network.behaviours[connection.channel].config.link
            if link != old_link:
                connection = replace(connection, link=link)
            network.add_connection(connection, time_ns)
        elif op in (Op.CLOSE, Op.DROPPED):
            network.close(Op(op), lane, time_ns, body)
        elif op == Op.CONTROL:
            action = source.value(row)
            index = action["channel"]
            if action["do"] == "configure":
                config = config_for(index, _configured(action, row))
                _require_the_same(config, network.behaviours[index].config, row)
                network.configure(index, config, chance_for(index, config, log), time_ns)
            elif action["do"] in ACTIONS:
                network.control(action["do"], index, time_ns)
            else:
                raise _too_new(row, f"{action['do']!r} was done to the network")
        elif op == Op.END:
            end_ns = network.finish(time_ns) if drain else max(time_ns, network.advance(time_ns))
            log.append(op, lane, end_ns, kind, index, body)
        elif op not in DERIVED:
            network.advance(time_ns)
            log.append(op, lane, time_ns, kind, index, body)
    network.advance(source.end_ns)  # a log without an end tells what was due by its last row
    return Played(log, network.outcome)


def _configured(action: dict[str, Any], row: int) -> MockConfiguration:
    """The configuration that a channel was given while it went on."""
    try:
        return recorded(action["config"])
    except (KeyError, TypeError, ConfigError) as error:
        what = getattr(error, "what", "no configuration")
        raise _too_new(row, f"a channel was configured anew ({what})") from None


def _require_the_same(config: MockConfiguration, old: MockConfiguration, row: int) -> None:
    if (config.link, config.faults) != (old.link, old.faults):
        raise CassetteError(
            "a channel was given another link, or other faults, while it went on",
            where=f"row {row}",
            mend="record the session again: no mock does that",
        )


def _user(log: Log, row: int) -> str:
    """Who a handshake is for, as far as it says."""
    try:
        about = log.value(row)
    except EncodingError:
        return ""
    user = about.get("user") if isinstance(about, dict) else None
    return user if isinstance(user, str) else ""


# --- what followed from a log itself ---------------------------------------------------------


def outcome_of(log: Log, plan: Plan) -> Outcome:
    """What followed from ``log``: its intents under its configuration and ``plan``, its decisions.

    An outcome numbers the rows of the log that was played, so that must hold the very same rows.
    Raises CassetteError where it does not, because a decision strikes no message or several; but
    where part of the log is missing, what is left of it is told under its own numbers.
    """
    played = play(
        log,
        log.header,
        chance_for=lambda _, __, new: Script(plan, new),
        config_for=lambda _, config: config,
        drain=False,
    )
    if _numbering(played.log) == _numbering(log):
        return played.outcome
    if any(_is_gap(log, row) for row, op in enumerate(log.ops) if op == Op.MARK):
        return _renumbered(played, log)
    rows = zip(*_numbering(log), strict=True)
    new_rows = zip(*_numbering(played.log), strict=True)
    same = (mine == theirs for mine, theirs in zip(rows, new_rows, strict=False))
    row = next((row for row, equal in enumerate(same) if not equal), len(played.log))
    channels = (recorded(channel.config) for channel in log.channels)
    known = BUILT_IN.union(*(toxics_by_name(config) for config in channels))
    strange = sorted({d.toxic for d in plan if d.toxic.partition(".")[0] not in known})
    if strange:
        raise _too_new(row, f"a message was struck by {strange[0]!r}")
    raise CassetteError(
        "the recorded decisions contradict the messages: no outcome follows from the two",
        where=f"row {row}",
        mend="record the session again; replay under a seed of its own does without decisions",
    )


def _numbering(log: Log) -> tuple[array[int], ...]:
    """The columns that give every row its place. Equal times or bodies are not needed for that."""
    return log.ops, log.lanes, log.kind_ids, log.indexes


def _is_gap(log: Log, row: int) -> bool:
    """Whether a remark says that bytes are missing, as recovery leaves it."""
    value = log.value(row)
    return isinstance(value, dict) and value.get("mark") == "skipped" and "bytes" in value


def _renumbered(played: Played, log: Log) -> Outcome:
    """The outcome with the rows of ``log``: both hold the same intents, in the same order."""
    old, new = _intents(played.log), _intents(log)
    outcome, numbers = played.outcome, dict(zip(old, new, strict=True))
    fates = bytearray(len(log))
    for row, fate in enumerate(outcome.fates):
        if fate:
            fates[numbers[row]] = fate
    return replace(
        outcome,
        rows=array("Q", map(numbers.__getitem__, outcome.rows)),
        fates=fates,
        refusals={numbers[row]: fate for row, fate in outcome.refusals.items()},
    )


def _intents(log: Log) -> list[int]:
    return [row for row, op in enumerate(log.ops) if op in MESSAGES or op == Op.HANDSHAKE]


def _too_new(row: int, what: str) -> CassetteError:
    return CassetteError(
        f"{what}, which this replay_ws does not know",
        where=f"row {row}",
        mend="pip install --upgrade replay-ws",
    )
