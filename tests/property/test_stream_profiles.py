"""What arrives in pieces is what was said as a whole, or a profile says which text is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeAlias

from hypothesis import given
from hypothesis import strategies as st

from replay_ws.compliance import Report, check
from tests.helpers import event

Pieces: TypeAlias = list[str]
Messages: TypeAlias = list[dict[str, Any]]
"""Events as payloads; a delta is known by its place among them."""


def openai(kind: str, pieces: Pieces, item: str, place: int) -> Messages:
    """An item with one text; Realtime and Responses say it alike."""
    at = {"item_id": item, "content_index": 0, "output_index": place, "response_id": "r"}
    whole = dict.fromkeys(("text", "transcript", "arguments"), "".join(pieces))
    part = [] if "arguments" in kind else [{"type": "response.content_part.added", **at}]
    return [
        {"type": "response.output_item.added", **at, "item": {"id": item}},
        *part,
        *({"type": f"response.{kind}.delta", **at, "delta": piece} for piece in pieces),
        {"type": f"response.{kind}.done", **at, **whole},
        *({"type": "response.content_part.done", **at} for _ in part),
        {"type": "response.output_item.done", **at, "item": {"id": item}},
    ]


def langgraph(kind: str, pieces: Pieces, item: str, place: int) -> Messages:
    """A message of a node with one block of text."""
    said: list[dict[str, Any]] = [
        {"event": "message-start", "role": "ai", "id": item},
        {"event": "content-block-start", "content": {"type": "text", "text": ""}},
        *({"event": "content-block-delta", "delta": {kind: piece}} for piece in pieces),
        {"event": "content-block-finish", "content": {kind: "".join(pieces)}},
        {"event": "message-finish"},
    ]
    node = {"langgraph_checkpoint_ns": item}
    return [
        {"method": "messages", "params": {"data": [{**data, "index": 0}, node]}} for data in said
    ]


def numbered(messages: Messages, key: str, start: int) -> Messages:
    return [{**message, key: number} for number, message in enumerate(messages, start)]


def realtime(messages: Messages) -> Messages:
    response = {"response": {"id": "r"}}
    events = [
        {"type": "session.created"},
        {"type": "response.created", **response},
        *messages,
        {"type": "response.done", **response},
    ]
    return [{**message, "event_id": f"e{number}"} for number, message in enumerate(events)]


def responses(messages: Messages) -> Messages:
    events = [{"type": "response.created"}, *messages, {"type": "response.completed"}]
    return numbered(events, "sequence_number", 0)


Item: TypeAlias = Callable[[str, Pieces, str, int], Messages]
Whole: TypeAlias = Callable[[Messages], Messages]
TEXTS: dict[str, tuple[str, str, Item, Whole]] = {
    "realtime text": ("openai-realtime", "output_text", openai, realtime),
    "realtime transcript": ("openai-realtime", "output_audio_transcript", openai, realtime),
    "realtime arguments": ("openai-realtime", "function_call_arguments", openai, realtime),
    "responses text": ("openai-responses-stream", "output_text", openai, responses),
    "responses arguments": (
        "openai-responses-stream",
        "function_call_arguments",
        openai,
        responses,
    ),
    "graph text": (
        "langgraph-v3",
        "text",
        langgraph,
        lambda messages: numbered(messages, "seq", 1),
    ),
}


def judged(profile: str, messages: Messages) -> Report:
    return check([event(body=json.dumps(each)) for each in messages], profile=profile)


@st.composite
def spoken(draw: st.DrawFn) -> tuple[Pieces, Pieces, list[bool]]:
    """Two texts in pieces, JSON both, and which of them goes on where both could."""

    def pieces() -> Pieces:
        text = json.dumps(draw(st.text(max_size=12)))
        cuts = sorted(draw(st.sets(st.integers(1, len(text) - 1), max_size=4)))
        return [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]

    return pieces(), pieces(), draw(st.lists(st.booleans(), min_size=20, max_size=20))


def interleaved(one: Messages, two: Messages, turns: list[bool]) -> Messages:
    left, right, merged = [*one], [*two], []
    for turn in turns:
        source = left if (turn and left) or not right else right
        if source:
            merged.append(source.pop(0))
    return [*merged, *left, *right]


def deltas(messages: Messages) -> list[int]:
    return [number for number, each in enumerate(messages) if '"delta": ' in json.dumps(each)]


@given(st.sampled_from([*TEXTS]), spoken())
def test_texts_that_arrive_whole_are_no_finding_in_whatever_order(
    name: str, texts: tuple[Pieces, Pieces, list[bool]]
) -> None:
    profile, kind, item, whole = TEXTS[name]
    one, two, turns = texts
    said = interleaved(item(kind, one, "a", 0), item(kind, two, "b", 1), turns)
    report = judged(profile, whole(said))
    assert [str(found) for found in report.findings] == []
    assert report.score == 1.0


@given(st.sampled_from([*TEXTS]), spoken(), st.data())
def test_one_piece_that_a_server_forgets_is_found_in_its_text(
    name: str, texts: tuple[Pieces, Pieces, list[bool]], data: st.DataObject
) -> None:
    """The numbers and ids fit, so that nothing else tells of it."""
    profile, kind, item, whole = TEXTS[name]
    one, two, turns = texts
    said = interleaved(item(kind, one, "a", 0), item(kind, two, "b", 1), turns)
    lost = data.draw(st.sampled_from(deltas(said)))
    owner = '"a"' in json.dumps(said[lost])
    report = judged(profile, whole([*said[:lost], *said[lost + 1 :]]))
    (found,) = report.findings
    assert found.subject.endswith(" concat")
    assert (' "a' in found.message.partition(":")[0]) == owner
    assert not report.ok


@given(st.sampled_from([*TEXTS]), spoken(), st.data())
def test_two_pieces_that_change_places_are_found_if_the_text_is_another(
    name: str, texts: tuple[Pieces, Pieces, list[bool]], data: st.DataObject
) -> None:
    profile, kind, item, whole = TEXTS[name]
    said = item(kind, texts[0], "a", 0)
    places = deltas(said)
    first, second = sorted(data.draw(st.tuples(st.sampled_from(places), st.sampled_from(places))))
    made = [*said]
    made[first], made[second] = said[second], said[first]
    pieces = [*texts[0]]
    a, b = places.index(first), places.index(second)
    pieces[a], pieces[b] = pieces[b], pieces[a]
    report = judged(profile, whole(made))
    assert report.ok == ("".join(pieces) == "".join(texts[0]))
