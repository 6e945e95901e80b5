"""What a comparison says, by its smallest cases."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

import pytest

from replay_ws.clock import ms
from replay_ws.diff import Category, compare
from replay_ws.errors import ConfigError
from replay_ws.events.encoding import encode
from replay_ws.events.log import Op
from replay_ws.events.model import Event, Fate
from tests.helpers import Told, event, session


def lines(golden: Told, run: Told, **options: object) -> list[str]:
    """The lines of a comparison, which must mirror that of the exchanged sides."""
    diff = compare(golden, run, **options)  # type: ignore[arg-type]
    assert diff == compare(run, golden, **options).mirrored()  # type: ignore[arg-type]
    assert diff.mirrored().mirrored() == diff
    json.dumps(diff.to_dict())
    return diff.lines()


def test_a_dropped_event_is_reported_where_it_was_expected() -> None:
    golden = session("hello", "token a", "token b", "done")
    run = session("hello", "token a", "done")
    assert lines(golden, run) == ["missing #2 < 'token b'"]


def test_equal_sessions_are_the_same() -> None:
    diff = compare(session("a", "b"), session("a", "b"))
    assert diff.same
    assert diff.first is None
    assert diff.matched == 2
    assert diff.lines() == []


def test_sessions_without_events_are_the_same() -> None:
    assert compare(session(), session()).same
    assert lines(session(), session("a")) == ["extra #0 < 'a'"]


def test_a_missing_event_says_what_became_of_its_intent() -> None:
    golden = session(event("a"), event("b"), event("c"))
    lost = session(event("a"), event("b", outcome=Fate.LOST_LOSS), event("c"))
    refused = session(event("a"), event("b", outcome=Fate.REJECTED_PARTITION), event("c"))
    assert lines(golden, lost) == ["missing #1 < b: lost (loss)"]
    assert lines(golden, refused) == ["missing #1 < b: rejected (partition)"]
    assert lines(lost, golden) == ["extra #1 < b: lost (loss)"]


def test_a_second_delivery_of_one_message_is_noted_as_a_duplicate() -> None:
    golden = session(event("a"), event("b"))
    run = Told([*golden.events, replace(golden.events[1], copy=1)])
    assert lines(golden, run) == ["extra #2 < b: duplicate"]


def test_an_event_that_comes_elsewhere_has_moved_and_says_how_far() -> None:
    golden = session("a", "b", "c", "d")
    assert lines(golden, session("b", "c", "a", "d")) == ["moved #0 < 'a': 2 later"]
    assert lines(golden, session("d", "a", "b", "c")) == ["moved #3 < 'd': 3 earlier"]


def test_a_block_that_moved_is_one_divergence() -> None:
    golden = session(*(f"{n}" for n in range(60)))
    run = session(*(f"{n}" for n in [*range(5), *range(15, 60), *range(5, 15)]))
    assert lines(golden, run) == ["moved #5 < 5: 10 events; 45 later"]
    assert compare(golden, run).counts["moved"] == 10


def test_common_events_far_apart_are_lost_and_new_rather_than_moved() -> None:
    words = [f"word {n * n % 7}" for n in range(200)]
    golden = session("x", "word 1", "y", *words, "z")
    run = session("x", "y", *words, "word 1", "z")
    assert lines(golden, run) == ["missing #1 < 'word 1'", "extra #202 < 'word 1'"]


def test_a_changed_payload_is_told_by_json_path() -> None:
    golden = session(event("tool", data={"query": "kittens", "page": 1, "old": None}))
    run = session(event("tool", data={"query": "puppies", "page": 1, "new": [1]}))
    (found,) = compare(golden, run).divergences
    assert list(map(str, found.details)) == [
        "$.data.new: nothing -> [1]",
        "$.data.old: null -> nothing",
        "$.data.query: 'kittens' -> 'puppies'",
    ]


def test_changed_pairs_beyond_the_limit_are_told_by_their_bytes() -> None:
    golden = session(event("a", n=1), event("a", n=2))
    run = session(event("a", n=3), event("a", n=4))
    assert lines(golden, run, explain=1) == [
        "changed #0 < a: $.n: 1 -> 3",
        "changed #1 < a: from character 19: '2}' of 21 -> '4}' of 21",
    ]


def test_spaces_and_the_order_of_keys_make_no_difference_in_json_text() -> None:
    golden = session(event("a", body='{"type": "a", "x": [1, NaN], "y": "\\u00e9"}'))
    run = session(event("a", body='{"y":"é","type":"a","x":[1,NaN]}'))
    assert lines(golden, run) == []
    as_object = {"type": "a", "x": [1, float("nan")], "y": "é"}
    assert lines(golden, session(event("a", op=Op.OBJECT, body=encode(as_object)))) == []


def test_numbers_of_another_kind_are_a_change() -> None:
    assert lines(session(event("a", n=1)), session(event("a", n=1.0))) == [
        "changed #0 < a: $.n: 1 -> 1.0"
    ]
    assert lines(session(event("a", n=1)), session(event("a", n=True))) == [
        "changed #0 < a: $.n: 1 -> true"
    ]


def test_late_and_early_are_judged_within_the_tolerance() -> None:
    golden = session(event("a", at=ms(10)), event("b", at=ms(20)))
    run = session(event("a", at=ms(12)), event("b", at=ms(15)))
    assert lines(golden, run) == ["timing #0 < a: 2 ms late", "timing #1 < b: 5 ms early"]
    assert lines(golden, run, tolerance_ns=ms(2)) == ["timing #1 < b: 5 ms early"]
    assert lines(golden, run, tolerance_ns=ms(5)) == []


def test_an_intent_that_ended_differently_in_both_runs_is_a_fate() -> None:
    golden = session(event("a"), event("b", outcome=Fate.LOST_LOSS))
    run = session(event("a"), event("b", outcome=Fate.REJECTED_TIMEOUT))
    assert lines(golden, run) == ["fate < b [0]: outcome: lost (loss) -> rejected (timeout)"]
    assert lines(golden, golden) == []


def test_connections_are_named_where_there_are_several() -> None:
    golden = session(event("a", connection="t1"), event("b", connection="t2", upstream=True))
    run = session(event("a", connection="t1"))
    assert lines(golden, run) == ["missing #1 t2 > b"]


def told(story: str) -> Told:
    """One event per letter: ``x`` on a connection of its own, ``>`` upstream."""
    return session(
        *(event(t, connection="t2" if t == "x" else "t1", upstream=t == ">") for t in story)
    )


@pytest.mark.parametrize(
    ("order", "allowed", "forbidden"),
    [
        ("total", ["ab>x"], ["abx>", "xab>"]),
        ("causal", ["abx>", "xab>", "a>bx"], ["ba>x", "x>ba"]),
        ("thread", ["a>bx", ">xab"], ["ba>x", "x>ba"]),
        ("bag", ["ba>x", "x>ba"], []),
    ],
)
def test_the_order_mode_says_which_events_may_change_places(
    order: str, allowed: list[str], forbidden: list[str]
) -> None:
    for story in allowed:
        assert lines(told("ab>x"), told(story), order=order) == []
    for story in forbidden:
        (line,) = lines(told("ab>x"), told(story), order=order)
        assert line.startswith("moved")


def test_a_bag_counts_copies() -> None:
    assert lines(session("a", "b", "a"), session("b", "a"), order="bag") == ["missing #2 < 'a'"]


def test_an_unknown_order_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="total, causal, thread, bag"):
        compare(session(), session(), order="chaos")
    with pytest.raises(ConfigError, match="tolerance_ns"):
        compare(session(), session(), tolerance_ns=-1)


def test_secrets_are_ids_whose_numbers_do_not_matter() -> None:
    golden = session(event("a", key="<secret-1>"), event("b", key="<secret-2>"))
    run = session(event("a", key="<secret-12>"), event("b", key="<secret-1>"))
    assert lines(golden, run) == []


def test_a_secret_that_takes_the_place_of_another_is_another_identity() -> None:
    golden = session(*(event(t, key=f"<secret-{n}>") for t, n in [("a", 1), ("b", 2), ("c", 1)]))
    run = session(*(event(t, key=f"<secret-{n}>") for t, n in [("a", 1), ("b", 2), ("c", 2)]))
    assert lines(golden, run) == [
        "identity #2 < c: answers another secret; $.key: '<secret-1>' -> '<secret-2>'"
    ]


def test_secrets_in_objects_are_ids_too_whatever_their_length() -> None:
    def keyed(number: int) -> Event:
        packed = encode({"type": "a", "key": f"<secret-{number}>"})
        return event("a", op=Op.OBJECT, body=packed)

    assert lines(session(keyed(9)), session(keyed(10))) == []
    assert len(lines(session(keyed(9), keyed(9)), session(keyed(9), keyed(10)))) == 1


def test_a_payload_that_was_damaged_on_the_way_says_so() -> None:
    golden = session(event("a", n=1))
    run = Told([replace(golden.events[0], body='{"type": "a", "n', damaged=True)])
    (line,) = lines(golden, run)
    assert line.startswith("changed #0 < a: damaged; $: {")


def test_binary_and_huge_payloads_stay_short() -> None:
    golden = session(event(op=Op.BINARY, body=b"\x00" * 40), event("a", text="x" * 5_000_000))
    run = session(event(op=Op.BINARY, body=b"\x00\xff" * 20), event("a", text="y" * 5_000_000))
    found = lines(golden, run)
    assert [line.split(":")[0] for line in found] == ["changed #0 <", "changed #1 < a"]
    assert all(len(line) < 200 for line in found)


def test_a_payload_with_very_many_differences_names_the_first_of_them() -> None:
    golden = session(event("a", data={f"k{n}": n for n in range(500)}))
    run = session(event("a", data={f"k{n}": -n for n in range(500)}))
    (found,) = compare(golden, run).divergences
    assert len(found.details) == 9
    assert str(found.details[-1]) == "and 491 more"


def test_lists_with_many_equal_items_are_compared_in_bounded_time() -> None:
    golden = session(event("a", data=[n % 2 for n in range(15_000)]))
    run = session(event("a", data=[n % 3 for n in range(15_000)]))
    assert compare(golden, run).first is not None


def test_many_large_changes_are_told_by_their_bytes_once_enough_were_explained() -> None:
    golden = session(*(event("a", n=n, data=["x"] * 9_000) for n in range(9)))
    run = session(*(event("a", n=-n - 1, data=["x"] * 9_000) for n in range(9)))
    paths = [found.details[0].path for found in compare(golden, run).divergences]
    assert paths[0] == "$.n"
    assert paths[-1].startswith("from character")


def test_data_that_deepdiff_cannot_read_is_told_by_its_bytes() -> None:
    golden, run = (
        session(event("a", op=Op.OBJECT, body=encode([Decimal(text)]))) for text in ("1", "sNaN")
    )
    (line,) = lines(golden, run)
    assert line.startswith("changed #0 < a: from byte")


def test_deep_and_broken_json_is_compared_as_text() -> None:
    deep = "[" * 3_000 + "]" * 3_000
    golden, run = (
        session(event(body=deep), event(body="{")),
        session(event(body=f"{deep} "), event(body="}")),
    )
    assert [line.split(":")[0] for line in lines(golden, run)] == ["changed #0 <", "changed #1 <"]


def test_what_a_terminal_would_act_on_is_escaped() -> None:
    (line,) = lines(session(), session(event(body="\x1b[31mred\x9b\ud800\n", connection="t1")))
    assert line == r"extra #0 < '\u001b[31mred\u009b\ud800\n'"


def test_the_result_as_plain_data_says_the_same_as_the_lines() -> None:
    diff = compare(session("a", "b"), session("a", "c"))
    data = diff.to_dict()
    assert data["same"] is False
    assert data["counts"]["changed"] == 1
    (found,) = data["divergences"]
    assert found["category"] == Category.CHANGED
    assert (found["golden"], found["run"]) == (1, 1)
    assert found["details"] == [{"path": "$", "golden": "'b'", "run": "'c'"}]
