"""Calls as text: as one would write them, each on one line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from replay_ws.errors import ReplayWsError
from replay_ws.events.calls import Method
from replay_ws.events.log import Op
from replay_ws.events.plain import to_json
from replay_ws.text import clean, escaped


def call_text(name: str, arguments: Mapping[str, Any]) -> str:
    """``send_to_thread(thread_id="t1", message={"type":"a"})``."""
    given = ", ".join(f"{clean(each)}={_value(value)}" for each, value in arguments.items())
    return f"{clean(name)}({given})"


def row_text(op: Op, value: Any) -> str:
    """What a row about a call says; any other value as JSON."""
    match op, value:
        case Op.METHOD, {"name": str(name), "kind": str(kind), "parameters": list()}:
            try:
                signature = str(Method.of(value).signature)
            except (LookupError, TypeError, ValueError, AttributeError, ReplayWsError):
                return escaped(to_json(value))
            return clean(f"{'async ' * (kind == 'async')}{name}{signature}")
        case Op.CALL, {"name": str(name), "arguments": dict(arguments)}:
            inner = "  within another" if "parent" in value else ""
            return call_text(name, {str(each): item for each, item in arguments.items()}) + inner
        case Op.RETURN, {"name": str(name), "error": {"type": str(kind), "message": str(message)}}:
            return f"{clean(name)} raised {clean(kind)}: {clean(message)}"
        case Op.RETURN, {"name": str(name), "value": given}:
            return f"{clean(name)} -> {_value(given)}"
        case _:
            return escaped(to_json(value))


def _value(value: Any) -> str:
    return escaped(to_json(value))
