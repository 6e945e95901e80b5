"""A session's decisions as the text of an exact fault plan, for readers and for ``parse_plan``.

The text is TOML of the simplest kind: strings and whole numbers in a flat list of tables.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import chain, repeat
from typing import Any

from replay_ws.clock import time_text
from replay_ws.events.log import Op
from replay_ws.events.model import SCHEDULING, Decision, Plan
from replay_ws.report.blocks import plural
from replay_ws.session import Session
from replay_ws.text import clean

_USUAL = {"type": "", "attempt": 0, "amount": 1}
"""What a decision need not say."""


def plan_text(session: Session) -> str:
    """An exact plan of all that was decided, in the order of the session.

    A replay of the session with that plan is the session again, bit for bit.
    """
    log = session.log
    times = [log.times[row] for row, op in enumerate(log.ops) if op == Op.DECISION]
    return exact_text(session.plan, [time_text(time_ns) for time_ns in times])


def exact_text(plan: Plan, times: Sequence[str] = ()) -> str:
    """An exact plan; ``times`` are those of its first decisions, for a reader."""
    many = plural(len(plan), "decision")
    head = f"# All that was left to chance, as it was decided: {many}.\nexact = true\n"
    timed = zip(plan, chain(times, repeat("")), strict=False)
    return "\n".join([head, *(_entry(decision, time) for decision, time in timed)])


def _entry(decision: Decision, time: str) -> str:
    values = decision_dict(decision)
    said = {k: v for k, v in values.items() if k not in _USUAL or v != _USUAL[k]}
    if decision.toxic in SCHEDULING:
        del said["direction"]
    lines = [f"# {_remark(decision, time)}", "[[decision]]"]
    return "\n".join([*lines, *(f"{key} = {_value(said[key])}" for key in said), ""])


def _remark(decision: Decision, time: str) -> str:
    """Who decided what, and when."""
    if decision.toxic in SCHEDULING:
        path = clean(decision.connection) or "callbacks"
        return f"the schedule: {decision.toxic} {path}, step {decision.index}"
    message = f"{clean(decision.type) or 'message'} {decision.index}"
    retry = f", attempt {decision.attempt}" if decision.attempt else ""
    place = f"{clean(decision.connection)} {decision.direction.sign}"
    when = f"at {time}: " if time else ""
    return f"{when}{decision.toxic} strikes {place} {message}{retry}"


def _value(value: str | int) -> str:
    """As TOML has it, in ASCII, which every pipe can carry."""
    if isinstance(value, int):
        return str(value)
    # A JSON string is one of TOML's, but that DEL and what is no ASCII is spelt otherwise there.
    text = json.dumps(value, ensure_ascii=False)
    return "".join(c if c < "\x7f" else f"\\U{ord(c):08X}" for c in text)


def plan_dict(session: Session) -> dict[str, Any]:
    """The same as plain data, with the keys of a plan file."""
    return {"exact": True, "decision": [decision_dict(decision) for decision in session.plan]}


def decision_dict(decision: Decision) -> dict[str, Any]:
    """A decision as plain data, with the keys that it has in a plan file."""
    return {
        "toxic": decision.toxic,
        "connection": decision.connection,
        "direction": decision.direction.name.lower(),
        "type": decision.type,
        "index": decision.index,
        "attempt": decision.attempt,
        "amount": decision.amount,
    }
