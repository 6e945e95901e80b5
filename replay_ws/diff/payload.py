"""What differs between the payloads of two events: deepdiff behind our own values.

deepdiff costs some hundred microseconds per pair and its import a quarter of a second, so it is
asked only for pairs that a reader will see, and only where it cannot run away: small payloads,
long lists by index.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from replay_ws.diff import show
from replay_ws.diff.blocks import common_prefix
from replay_ws.diff.keys import data, unnumbered
from replay_ws.diff.model import Detail
from replay_ws.events.model import Event

DETAILS_MAX = 8
"""Differences shown of one pair."""

ALIGNED_SIZE_MAX = 2 * 1024
ALIGNED_ITEMS_MAX = 64
"""In payloads above so many bytes, or with lists above so many items, lists are compared by index:
aligning them is quadratic."""


Payloads: TypeAlias = Callable[[Event, Event], tuple[Any, Any]]
"""Two payloads as data, the same in both where they may differ."""


def as_they_are(golden: Event, run: Event) -> tuple[Any, Any]:
    """Two payloads of which nothing may differ."""
    return data(golden), data(run)


def explain(golden: Event, run: Event, payloads: Payloads = as_they_are) -> tuple[Detail, ...]:
    """Where the payloads differ, by JSON path; what ``note`` says where that cannot be told."""
    size = max(len(golden.body), len(run.body))
    if size > show.READ_SIZE_MAX:
        return note(golden, run)
    old, new = payloads(golden, run)
    if isinstance(old, (dict, list)) and type(old) is type(new):
        by_index = size > ALIGNED_SIZE_MAX or _has_long_list(old) or _has_long_list(new)
        found = _differences(old, new, by_index=by_index)
        more = len(found) - DETAILS_MAX
        rest = (Detail(f"and {more} more"),) if more > 0 else ()
        return (*found[:DETAILS_MAX], *rest) or note(golden, run)
    whole = Detail("$", show.value(old), show.value(new))
    return note(golden, run) if whole.golden == whole.run else (whole,)


def note(golden: Event, run: Event) -> tuple[Detail, ...]:
    """How the bodies differ, at the cost of comparing their bytes."""
    old, new = golden.body, run.body
    if golden.op is not run.op or type(old) is not type(new):
        return (Detail("opcode", golden.op.name.lower(), run.op.name.lower()),)
    start = common_prefix(old, new)
    unit = "character" if isinstance(old, str) else "byte"
    sides = (f"{show.value(body[start : start + 16])} of {len(body)}" for body in (old, new))
    return (Detail(f"from {unit} {start}", *sides),)


def excerpt(event: Event) -> str:
    """What shows a reader which event this is; empty where the type says it all."""
    event = unnumbered(event)
    if len(event.body) > show.READ_SIZE_MAX:
        return f"({len(event.body)} bytes)"
    payload = data(event)
    if isinstance(payload, dict) and event.type:
        payload = {name: item for name, item in payload.items() if name != "type"}
        return show.value(payload) if payload else ""
    return show.value(payload)


def _differences(old: Any, new: Any, *, by_index: bool) -> list[Detail]:
    """All differences, sorted; none where deepdiff cannot tell."""
    from deepdiff import DeepDiff

    try:
        tree = DeepDiff(
            old,
            new,
            view="tree",
            ignore_nan_inequality=True,
            ignore_private_variables=False,
            threshold_to_diff_deeper=0,
            zip_ordered_iterables=by_index,
        )
        found = [_detail(kind, level) for kind, levels in tree.items() for level in levels]
    except Exception:  # whatever it raises for data that it cannot read, such as a signalling NaN
        return []
    return sorted(found, key=str)


def _detail(kind: str, level: Any) -> Detail:
    """``level`` of deepdiff's tree: ``t1`` and ``t2`` are the values, ``path`` the keys to them."""
    steps = level.path(output_format="list")
    return Detail(
        _json_path(steps[:-1] if kind.startswith("set_item") else steps),
        None if kind.endswith("_added") else show.value(level.t1),
        None if kind.endswith("_removed") else show.value(level.t2),
    )


def _has_long_list(item: Any) -> bool:
    waiting = [item]
    while waiting:
        match waiting.pop():
            case dict() as table:
                waiting.extend(table.values())
            case list() | tuple() as items:
                if len(items) > ALIGNED_ITEMS_MAX:
                    return True
                waiting.extend(items)
    return False


def _json_path(steps: list[Any]) -> str:
    """``$.data.items[2]``; keys that are no plain names stand in brackets and quotes."""
    path = "$"
    for step in steps:
        if isinstance(step, str) and step.isascii() and step.isidentifier():
            path += f".{step}"
        else:
            path += f"[{step}]" if isinstance(step, int) else f"[{show.value(step)}]"
    return path
