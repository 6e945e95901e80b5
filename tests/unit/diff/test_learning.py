"""Rules learned from runs of one scenario."""

from __future__ import annotations

import random
import tomllib
import uuid

import pytest

from replay_ws.diff import Category, compare
from replay_ws.diff.learning import learn
from replay_ws.errors import ConfigError
from replay_ws.events.model import Event
from tests.helpers import Told, event, session


def scenario(run: int, *, calls: int = 30, answer: str = "", without: int = -1) -> Told:
    """One run of an agent with eleven volatile paths; the 17th tool may give another ``answer``."""
    chance = random.Random(run)
    clock = 1_700_000_000 + 5_000 * run

    def fresh(prefix: str) -> str:
        return f"{prefix}_{chance.getrandbits(40):010x}"

    def told(type: str, **fields: object) -> Event:
        nonlocal clock
        clock += chance.randint(1, 9)
        return event(type, ts=clock, event_id=str(uuid.UUID(int=chance.getrandbits(128))), **fields)

    run_id, message = fresh("run"), fresh("msg")
    events = [told("agent_started", run_id=run_id, started=f"2026-01-0{run}T00:00:00Z", model="m1")]
    for number in range(calls):
        call, order = fresh("call"), chance.randint(10_000, 90_000)
        output = answer if answer and number == 17 else f"result {number}"
        steps = [
            told("tool_executing", call_id=call, data={"query": f"q{number}", "parent": message}),
            told("progress", data={"call_id": call, "order": order, "share": number}),
            told(
                "tool_completed",
                call_id=call,
                duration_ms=40 + chance.randint(0, 20),
                data={"output": output, "order": order, "run_id": run_id},
            ),
        ]
        events += steps if number != without else []
        events += [told("token", message_id=message, text=f"word {number % 5}")] * 2
    events.append(
        told("agent_completed", run_id=run_id, data={"parts": [{"nonce": fresh("n")}] * 3})
    )
    return session(*events)


def test_what_is_volatile_is_learned_and_compares_as_the_same() -> None:
    golden, run, third = scenario(1), scenario(2), scenario(3)
    lesson = learn([golden, run, third])
    assert lesson.doubts == ()
    assert not compare(golden, run).same
    for other in (run, third):
        assert compare(golden, other, volatile=lesson.table).same


def test_a_rule_says_what_kind_of_value_it_is() -> None:
    table = learn([scenario(1), scenario(2)]).table
    assert table["**.ts"] == table["**.started"] == "clock"
    assert table["**.run_id"] == "id:run"
    assert table["**.call_id"] == "id:call"
    assert table["**.message_id"] == table["**.parent"] == "id:message"
    assert table["**.order"] == "id:order"
    assert table["**.event_id"] == "id:event"
    assert table["**.duration_ms"].startswith("abs=")


@pytest.mark.parametrize("runs", [2, 3])
def test_a_planted_difference_is_told_and_no_rule_is_made_of_it(runs: int) -> None:
    golden, run = scenario(1), scenario(2, answer="out of memory")
    lesson = learn([golden, run, scenario(3)][:runs])
    (doubt,) = lesson.doubts
    assert doubt.key == "tool_completed:$.data.output"
    assert doubt.differing == 1
    (found,) = compare(golden, run, volatile=lesson.table).divergences
    assert found.category is Category.CHANGED
    assert [detail.path for detail in found.details] == ["$.data.output"]


def test_a_call_that_one_run_lacks_does_not_make_the_others_volatile() -> None:
    golden, run = scenario(1), scenario(2, without=11)
    lesson = learn([golden, run])
    assert lesson.doubts == ()
    counts = compare(golden, run, volatile=lesson.table).counts
    assert {name: count for name, count in counts.items() if count} == {"missing": 3}


def test_names_of_connections_are_learned() -> None:
    def told(run: str) -> Told:
        return session(
            *(
                event("a", n=number, thread=f"{run}-{number}", connection=f"{run}-{number}")
                for number in range(4)
            )
        )

    lesson = learn([told("x"), told("y")])
    assert lesson.table == {"connection": "id:connection", "**.thread": "id:connection"}
    assert compare(told("x"), told("y"), volatile=lesson.table).same


def test_free_text_and_measurements_get_the_narrowest_check_that_holds() -> None:
    def told(run: int) -> Told:
        chance = random.Random(run)
        return session(
            *(
                event(
                    "a",
                    text=f"some words {chance.random()} {number % 3}",
                    load=round(chance.random(), 3),
                    kind=number % 2,
                )
                for number in range(20)
            )
        )

    table = learn([told(1), told(2)]).table
    assert table["**.text"] == "any"
    assert table["**.load"].startswith("abs=")
    assert "**.kind" not in table


def test_one_difference_in_one_event_is_told_rather_than_learned() -> None:
    lesson = learn([session(event("a", q="kittens")), session(event("a", q="puppies"))])
    assert lesson.rules == ()
    assert str(lesson.doubts[0]) == "a:$.q: 1 of 1 differ, as in 'kittens' -> 'puppies'"


def test_equal_runs_teach_nothing() -> None:
    lesson = learn([scenario(1), scenario(1)])
    assert lesson.rules == lesson.doubts == ()
    assert tomllib.loads(lesson.toml()) == {"volatile": {}}


def test_the_table_is_toml_with_a_comment_on_each_rule() -> None:
    lesson = learn([scenario(1), scenario(2, answer="out of memory")])
    assert tomllib.loads(lesson.toml()) == {"volatile": lesson.table}
    lines = lesson.toml().splitlines()
    assert all("# " in line for line in lines[1:] if line)
    assert any("tool_completed:$.data.output: 1 of 30 differ" in line for line in lines)


def test_one_run_is_not_enough() -> None:
    with pytest.raises(ConfigError, match="one run"):
        learn([scenario(1)])


@pytest.mark.parametrize("key", ["@id", "$id", "k y", "a.b", "a[0]", "*", 'q"q', "", "é"])
def test_a_rule_is_learned_about_any_key_there_can_be(key: str) -> None:
    one, two = (
        session(*(event("t", **{key: f"v-{run}-{n}", "in": {key: f"w-{run}-{n}"}}) for n in (1, 2)))
        for run in (1, 2)
    )
    lesson = learn([one, two])
    rules = tomllib.loads(lesson.toml())["volatile"]
    assert rules
    assert compare(one, two, volatile=rules).same
