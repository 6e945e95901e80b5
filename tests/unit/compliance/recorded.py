"""Streams that others recorded or made, and what can go wrong with one event of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from replay_ws.compliance.dispatch import rules_of
from replay_ws.compliance.loading import load_profile
from replay_ws.events.model import Event
from tests.helpers import event

STREAMS = Path(__file__).parents[2] / "data" / "streams"


def sent(message: Any, *, upstream: bool = False) -> Event:
    """A message as it is on the wire."""
    return event(body=json.dumps(message), upstream=upstream)


def lines(name: str) -> list[Any]:
    """The objects of a file, one a line."""
    text = (STREAMS / name).read_text("utf-8")
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def stream(name: str) -> list[Event]:
    """A file of events, one a line, as a server sends them."""
    return [sent(row) for row in lines(name)]


def realtime(name: str) -> list[list[Event]]:
    """The connections of a recorded session, both directions."""
    if name.endswith(".jsonl"):  # a tap on the wire
        rows = lines(f"realtime/{name}")
        return [[event(body=row["x"], upstream=row["d"] == ">") for row in rows]]
    text = (STREAMS / "realtime" / name).read_text("utf-8")
    connections: list[list[Event]] = [[]]
    for row in yaml.safe_load(text)["interactions"]:
        if row["kind"] == "close":
            connections.append([])
        else:
            connections[-1].append(sent(row["data"], upstream=row["direction"] == "sent"))
    return connections


def of_agents_sdk() -> list[Event]:
    """Two responses of the Responses API, as the Agents SDK passes them on."""
    rows = lines("responses/openai_agents_stream.jsonl")
    return [sent(row["data"]) for row in rows if row["type"] == "raw_response_event"]


def types_of(events: Sequence[Event], profile: str) -> list[str]:
    """The type of each event, in the profile's words."""
    rules = rules_of(load_profile(profile))
    return [rules.type_of(each.payload) for each in events]


def mutants(events: Sequence[Event], at: int) -> Iterator[tuple[str, list[Event]]]:
    """What can go wrong with the event ``at``: it is lost, comes twice, or one place late."""
    before, one, after = [*events[:at]], events[at], [*events[at + 1 :]]
    yield "lost", [*before, *after]
    yield "doubled", [*before, one, one, *after]
    if after:
        yield "swapped", [*before, after[0], one, *after[1:]]


def renumbered(events: Sequence[Event], key: str, *, start: int) -> list[Event]:
    """The events with numbers at ``key`` that fit: as if their sender had made the mistake."""
    return [sent({**each.payload, key: number}) for number, each in enumerate(events, start)]


def renamed(events: Sequence[Event], key: str) -> list[Event]:
    """The events with a name of its own for each at ``key``."""
    return [sent({**each.payload, key: f"own {number}"}) for number, each in enumerate(events)]
