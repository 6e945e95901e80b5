"""Values that may differ from run to run."""

from __future__ import annotations

import json
from typing import Any

import pytest

import replay_ws as rws
from replay_ws.diff.ignoring import Rule, Step, path_text, rule_of
from replay_ws.errors import ConfigError


def test_a_rule_is_a_type_and_steps() -> None:
    assert rule_of("a:b:$.c[0]..d") == Rule(
        "a:b", (Step("c", False), Step(0, False), Step("d", True))
    )
    assert rule_of("$.*") == rule_of("$[*]") == Rule("", (Step(None, False),))
    assert rule_of("a:**.b") == rule_of("a:$..b")


@pytest.mark.parametrize("path", ["$", "$.a[*].b-c", '$.a["b c"]["\\\\"]', "$[0]"])
def test_a_path_is_spelt_as_it_is_read(path: str) -> None:
    steps = rule_of(path).steps if path != "$" else ()
    assert path_text(step.to for step in steps) == path


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
