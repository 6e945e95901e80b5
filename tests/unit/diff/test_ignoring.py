"""Values that may differ from run to run."""

from __future__ import annotations

import json
from typing import Any

import pytest

import replay_ws as rws
from replay_ws.diff.ignoring import IGNORED, rule_of, without
from replay_ws.errors import ConfigError

X = IGNORED


@pytest.mark.parametrize(
    ("rule", "payload", "left"),
    [
        ("$.a", {"a": 1, "b": 1}, {"a": X, "b": 1}),
        ("$.a.b", {"a": {"b": 1, "c": 1}, "b": 1}, {"a": {"b": X, "c": 1}, "b": 1}),
        ("$.a[0]", {"a": [1, 2]}, {"a": [X, 2]}),
        ("$.a[*].id", {"a": [{"id": 1}, {"id": 2, "n": 3}]}, {"a": [{"id": X}, {"id": X, "n": 3}]}),
        ("$.a.*", {"a": {"b": 1, "c": 2}}, {"a": {"b": X, "c": X}}),
        ("$..id", {"id": 1, "a": [{"id": 2}]}, {"id": X, "a": [{"id": X}]}),
        ("$.a..id", {"id": 1, "a": {"b": {"id": 2}}}, {"id": 1, "a": {"b": {"id": X}}}),
        ("$.a", {"b": 1}, {"b": 1}),
        ("$[1]", [1, 2], [1, X]),
        ("$.a", "text", "text"),
    ],
)
def test_a_path_names_what_is_not_compared(rule: str, payload: Any, left: Any) -> None:
    assert without(payload, rule_of(rule).steps) == left


@pytest.mark.parametrize("text", ["", "$", "a.b", "$.", "$a", "$.a[", "$.a[x]", "agent_started", 7])
def test_what_is_no_rule_is_refused_with_an_example(text: Any) -> None:
    with pytest.raises(ConfigError, match=r"\$\.data\.timestamp"):
        rule_of(text)


def _session(*messages: Any) -> rws.Session:
    async def program() -> None:
        mock = rws.MockWebSocketManager()
        for message in messages:
            await mock.send_to_thread("t", message)

    return rws.run(program).session


@pytest.mark.parametrize("as_sent", [dict, json.dumps])
def test_what_is_ignored_makes_no_difference_and_the_rest_does(as_sent: Any) -> None:
    golden = _session(as_sent({"type": "a", "id": 1, "n": 1}))
    run = _session(as_sent({"type": "a", "id": 2, "n": 1}))
    other = _session(as_sent({"type": "a", "id": 2, "n": 2}))
    assert not rws.compare(golden, run).same
    assert rws.compare(golden, run, ignore=["$.id"]).same
    assert rws.compare(golden, run, ignore=["a:$.id"]).same
    assert not rws.compare(golden, run, ignore=["b:$.id"]).same
    assert [d.path for d in rws.compare(golden, other, ignore=["$.id"]).divergences[0].details] == [
        "$.n"
    ]


def test_that_something_is_there_is_compared_all_the_same() -> None:
    golden, run = _session({"type": "a", "id": 1}), _session({"type": "a"})
    assert not rws.compare(golden, run, ignore=["$.id"]).same


def test_binary_frames_are_left_as_they_are() -> None:
    assert rws.compare(_session(b"{}"), _session(b"{}"), ignore=["$..id"]).same
