"""What checking a stream costs beyond reading the types of its events."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import replay_ws as rws
from replay_ws.compliance import Checker, Profile, parse_profile
from tools.figures import Figure, cpu_s

PROTOCOL = 'name = "p"\nprotocol = "GO (START ARGS* END)* DONE"'
SCOPES = """
name = "p"
terminal = ["DONE"]
[[scopes]]
name = "run"
open = ["GO"]
close = ["DONE"]
[[scopes]]
name = "tool"
open = ["START"]
cont = ["ARGS"]
close = ["END"]
by = ["/id"]
inside = "run"
must_close_before = ["DONE"]
"""
BUDGETS_US = {"a protocol": (PROTOCOL, 0.5), "scopes": (SCOPES, 1.5)}
AGENT = ["agent_started", "agent_thinking", "tool_executing", "tool_completed", "agent_completed"]
PIECES = 8

Decoded = tuple[str, dict[str, Any]]


def calls(count: int) -> Iterator[Decoded]:
    """A run with ``count`` events of tool calls whose arguments come in pieces."""
    yield "GO", {"type": "GO"}
    for number in range(count // (PIECES + 2)):
        name = f"call-{number}"
        yield "START", {"type": "START", "id": name}
        for _ in range(PIECES):
            yield "ARGS", {"type": "ARGS", "id": name, "delta": "abc"}
        yield "END", {"type": "END", "id": name}
    yield "DONE", {"type": "DONE"}


def compliance(quick: bool) -> Iterator[Figure]:
    """The checker alone over decoded events, then whole sessions, then what it holds."""
    count = 50_000 if quick else 200_000
    events = list(calls(count))
    payloads = [payload for _, payload in events]

    def bare() -> None:
        for payload in payloads:
            payload["type"]

    for what, (text, budget) in BUDGETS_US.items():
        ours = _checking(parse_profile(text), events)
        ours()
        costs = tuple((cpu_s(ours) - cpu_s(bare)) / count * 1e6 for _ in range(9))
        yield Figure(f"check {what}, over reading types", costs, "us/event", budget)
    for tokens in (0, 45):
        session = _session(count // 4, tokens)
        delivered = len(session.columns())
        check = partial(rws.check, session, profile="agent5")
        costs = tuple(cpu_s(check) / delivered * 1e6 for _ in range(5))
        yield Figure(f"check(session), agent5, {tokens} tokens a run", costs, "us/event")
    sizes = (20_000, 200_000) if quick else (100_000, 1_000_000)
    held = [_peak_bytes(parse_profile(SCOPES), size) for size in sizes]
    what = f"held for {sizes[1]:,} events / for {sizes[0]:,}"
    yield Figure(what, (held[1] / held[0],), "x", 1.1)


def _checking(profile: Profile, events: list[Decoded]) -> Callable[[], None]:
    def check() -> None:
        checker = Checker(profile)
        see = checker.see
        for type, payload in events:
            see(type, payload)
        assert checker.finish().ok

    return check


def _session(count: int, tokens: int) -> rws.Session:
    types = [*AGENT[:2], *["partial_result"] * tokens, *AGENT[2:]]

    async def program() -> None:
        mock = rws.MockWebSocketManager()
        for run in range(count // len(types)):
            for type in types:
                payload = {"tool_name": "search", "text": "Looking for the refund policy"}
                event = {"type": type, "run_id": f"run-{run}", "payload": payload}
                await mock.send_to_thread("thread-1", event)

    return rws.run(program).session


def _peak_bytes(profile: Profile, count: int) -> int:
    """The most that a checker holds of a stream of which nothing else is kept."""
    checker = Checker(profile)
    tracemalloc.start()
    for type, payload in calls(count):
        checker.see(type, payload)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak
