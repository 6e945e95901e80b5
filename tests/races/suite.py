"""The bugs as tables: what to look for, how deep it lies, and what shows it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol

from tests.races import agents, faults, order, timing

Program = Callable[[], Awaitable[None]]


class Race(NamedTuple):
    """A program that is wrong.

    ``depth`` is how many orderings have to come out wrong together; ``kind`` is ``yield`` when the
    order of ready tasks shows it, ``time`` when late timers do.
    """

    name: str
    program: Program
    depth: int
    kind: str


# What needs nothing but asyncio: other tools can run these.
PLAIN_RACES = (
    Race("lost_update", order.lost_update, 2, "yield"),
    Race("lost_update_io", timing.lost_update_io, 2, "time"),
    Race("check_then_act", order.check_then_act, 2, "yield"),
    Race("double_init", order.double_init, 2, "yield"),
    Race("order_violation", order.order_violation, 2, "yield"),
    Race("cancel_in_middle", order.cancel_in_middle, 2, "yield"),
    Race("queue_reorder", order.queue_reorder, 2, "yield"),
    Race("deadlock_two_locks", order.deadlock_two_locks, 2, "yield"),
    Race("aba", order.aba, 3, "yield"),
    Race("reconnect_race", order.reconnect_race, 3, "yield"),
    Race("missed_wakeup", order.missed_wakeup, 2, "yield"),
    Race("timeout_race", timing.timeout_race, 2, "time"),
    Race("duplicate_delivery", timing.duplicate_delivery, 3, "time"),
    Race("deep_alternation", order.deep_alternation, 5, "yield"),
    Race("starvation", order.starvation, 1, "yield"),
    Race("late_bug", order.late_bug, 2, "yield"),
    Race("bystanders", order.bystanders, 2, "yield"),
)

AGENT_RACES = (
    Race("two_agents_one_thread", agents.two_agents_one_thread, 2, "yield"),
    Race("send_after_disconnect", agents.send_after_disconnect, 2, "yield"),
    Race("reconnect_with_resume", agents.reconnect_with_resume, 2, "yield"),
    Race("event_after_stop", agents.event_after_stop, 2, "yield"),
)

RACES = PLAIN_RACES + AGENT_RACES


class MendedOrNot(Protocol):
    """A program that is wrong unless it is mended."""

    def __call__(self, *, mended: bool = False) -> Awaitable[None]: ...


class FaultBug(NamedTuple):
    """A program that is wrong under faults, and whose ``cause`` is known.

    ``decisions`` is how many it takes. Of a burst that is too much for a slow client there is none:
    the mode is the fault.
    """

    name: str
    program: MendedOrNot
    decisions: int
    cause: str


FAULT_BUGS = (
    FaultBug("retry_duplicates", faults.retry_duplicates, 1, "fault"),
    FaultBug("late_ack", faults.late_ack, 1, "fault"),
    FaultBug("resume_gap", faults.resume_gap, 1, "fault"),
    FaultBug("token_expiry_race", faults.token_expiry_race, 2, "fault"),  # both are refused
    FaultBug("overflow_drop", faults.overflow_drop, 0, "fault"),
    FaultBug("reconnect_storm", faults.reconnect_storm, 1, "fault"),
    FaultBug("order_across_connections", faults.order_across_connections, 1, "fault"),
    FaultBug("missing_timeout", faults.missing_timeout, 1, "fault"),
    FaultBug("partial_frame", faults.partial_frame, 1, "fault"),
    FaultBug("close_race", faults.close_race, 1, "fault"),
    FaultBug("heartbeat_miss", faults.heartbeat_miss, 3, "fault"),  # three that are not in a row
    FaultBug("stale_cache", faults.stale_cache, 2, "concurrency"),  # a loss, and an early read
)
