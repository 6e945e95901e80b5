"""Entries of a plan: when a toxic works, and what must not be said of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay_ws.errors import ConfigError
from replay_ws.faults.timeline import Fault, duration_ns, duration_text, require_timeline
from replay_ws.faults.toxics import Toxic

CUT = {"type": "partition"}
SLOW = {"type": "latency", "latency": 200}


def refused(*tables: Any, names: tuple[str, ...] = ()) -> str:
    """What is said of entries that are refused."""
    with pytest.raises(ConfigError) as caught:
        require_timeline([Fault.of(t, f"faults[{n}]") for n, t in enumerate(tables)], names)
    assert caught.value.mend
    return str(caught.value)


def accepted(*tables: Any, names: tuple[str, ...] = ()) -> None:
    require_timeline([Fault.of(table) for table in tables], names)


# --- durations -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "meant_ns"),
    [
        ("2s", 2_000_000_000),
        ("1.5ms", 1_500_000),
        ("0s", 0),
        (" 3 us ", 3_000),
        ("7ns", 7),
        ("2m", 120_000_000_000),
        ("123456789.123456789s", 123456789123456789),
        (300, 300_000_000),
        (0.5, 500_000),
    ],
)
def test_a_duration_is_a_number_with_a_unit_or_milliseconds(said: Any, meant_ns: int) -> None:
    assert duration_ns(said) == meant_ns


@pytest.mark.parametrize(
    "said",
    ["-2s", -1, "2", "s", "2h", "1e3s", "", None, True, [], float("nan"), float("inf"), "9" * 99],
)
def test_what_is_no_duration_is_refused(said: Any) -> None:
    with pytest.raises(ValueError, match="a duration from 0 up"):
        duration_ns(said)


@pytest.mark.parametrize("said", ["999999999999999999s", 1e300, 10**400])
def test_a_duration_beyond_virtual_time_is_refused(said: Any) -> None:
    with pytest.raises(ValueError, match="below 36 years"):
        duration_ns(said)


@given(st.integers(0, (1 << 60) - 1))
def test_a_duration_is_read_as_it_was_written(value_ns: int) -> None:
    assert duration_ns(duration_text(value_ns)) == value_ns


# --- one entry -----------------------------------------------------------------------------


def test_a_table_says_when_for_how_long_and_what() -> None:
    assert Fault.of({"at": "2s", "for": "3s", "toxic": CUT}) == Fault(
        at_ns=2_000_000_000, for_ns=3_000_000_000, toxic=Toxic("partition")
    )
    assert Fault.of({"every": "10s", "jitter": "2s", "for": "1s", "toxic": SLOW}) == Fault(
        every_ns=10_000_000_000,
        jitter_ns=2_000_000_000,
        for_ns=1_000_000_000,
        toxic=Toxic("latency", latency=200),
    )
    assert Fault.of({"at": 9_000, "heal": "all"}) == Fault(at_ns=9_000_000_000, heal="all")


def test_a_message_is_named_by_its_type_its_number_and_what_it_holds() -> None:
    fault = Fault.of({"on": {"event": "token", "nth": [3, 1, 3]}, "toxic": CUT})
    assert (fault.event, fault.nth) == ("token", (1, 3))
    assert Fault.of({"on": {"nth": 2}, "toxic": CUT}).event == "*"
    assert Fault.of({"on": {"connect": 1}, "for": "1s", "toxic": CUT}).connect == (1,)
    assert Fault(nth=(2,), toxic=Toxic("partition")).event == "*"


def test_a_path_may_be_written_with_dots_or_as_tables() -> None:
    dotted = Fault.of({"on": {"where": {"data.tool": "search", "data.n": 1}}, "toxic": CUT})
    nested = Fault.of({"on": {"where": {"data": {"n": 1, "tool": "search"}}}, "toxic": CUT})
    assert dotted == nested
    assert dotted.where == (("data.n", 1), ("data.tool", "search"))


@pytest.mark.parametrize(
    "table",
    [
        {"at": "2s", "for": "3ms", "toxic": {**CUT, "kind": "hold", "connection": "t-*"}},
        {"every": "10s", "jitter": "1s", "for": "1s", "toxic": SLOW},
        {"every": "1s", "toxic": {"type": "reset_peer"}},
        {"on": {"event": "token", "nth": [1, 5], "where": {"a.b": None}}, "toxic": CUT},
        {"on": {"event": "*"}, "for": "7ns", "toxic": CUT},
        {"on": {"connect": [2]}, "toxic": {"type": "connect", "refuse": "http_503"}},
        {"at": "9s", "heal": "all"},
    ],
    ids=str,
)
def test_an_entry_is_plain_data_and_comes_back_from_it(table: dict[str, Any]) -> None:
    fault = Fault.of(table)
    assert fault.plain() == table
    assert Fault.of(fault.plain()) == fault
    assert hash(fault) == hash(Fault.of(table))


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"at": "2s"}, "needs either toxic or heal"),
        ({"at": "2s", "toxic": CUT, "heal": "all"}, "needs either toxic or heal"),
        ({"toxic": CUT}, "does not say when"),
        ({"at": "2s", "every": "9s", "for": "1s", "toxic": CUT}, "begins by at and by every"),
        ({"at": "2s", "on": {"nth": 1}, "toxic": CUT}, "begins by at and by on"),
        ({"on": {"connect": 1, "event": "x"}, "toxic": CUT}, "both a handshake and a message"),
        ({"on": {"connect": 1, "nth": 1}, "toxic": CUT}, "both a handshake and a message"),
        ({"on": {"connect": 1}, "toxic": CUT}, "more than a handshake"),
        ({"on": {"nth": 1}, "toxic": {"type": "gc", "threshold": 9}}, "more than a message"),
        ({"at": "2s", "for": "1s", "heal": "all"}, "heal takes no time"),
        ({"every": "2s", "heal": "all"}, "heal needs a time"),
        ({"on": {"nth": 1}, "heal": "all"}, "heal needs a time"),
        ({"at": "2s", "for": 0, "toxic": CUT}, "for is 0"),
        ({"every": 0, "for": "1s", "toxic": CUT}, "every is 0"),
        ({"at": "2s", "jitter": "1s", "toxic": CUT}, "jitter needs every"),
        ({"every": "2s", "toxic": CUT}, "would not begin again"),
        ({"every": "2s", "for": "2s", "toxic": CUT}, "not shorter than every"),
        ({"every": "2s", "for": "1s", "jitter": "1s", "toxic": CUT}, "not shorter than every"),
        ({"at": "-2s", "toxic": CUT}, "at is '-2s'"),
        ({"at": "2s", "for": -1, "toxic": CUT}, "for is -1"),
        ({"at": "2s", "fro": "1s", "toxic": CUT}, "unknown key 'fro'; did you mean 'for'?"),
        ({"on": {"evnt": "x"}, "toxic": CUT}, "unknown key of on 'evnt'"),
        ({"on": {"nth": 0}, "toxic": CUT}, "on.nth is 0"),
        ({"on": {"nth": [1, True]}, "toxic": CUT}, "on.nth is [1, True]"),
        ({"on": {"nth": []}, "toxic": CUT}, "on.nth is []"),
        ({"on": {"event": ""}, "toxic": CUT}, "on.event is ''"),
        ({"on": {"event": 5}, "toxic": CUT}, "on.event is 5"),
        ({"on": {}, "toxic": CUT}, "on is {}"),
        ({"on": "token", "toxic": CUT}, "on is 'token'"),
        ({"on": {"where": {"a..b": 1}}, "toxic": CUT}, "on.where is {'a..b': 1}"),
        ({"on": {"where": {"a": [1]}}, "toxic": CUT}, "on.where is {'a': [1]}"),
        ({"on": {"where": {"a": 1 << 70}}, "toxic": CUT}, "on.where is"),
        ({"on": {"where": {"a": float("nan")}}, "toxic": CUT}, "on.where is"),
        ({"on": {"where": {"a.b": 1, "a": {"b": 1}}}, "toxic": CUT}, "each path once"),
        ({"at": "2s", "heal": 3}, "heal is 3"),
        ({"at": "2s", "heal": ""}, "heal is ''"),
        ({"at": "2s", "toxic": {"type": "latency", "latency": -5}}, "toxic latency: latency is -5"),
        ({"at": "2s", "toxic": {"type": "latancy"}}, "did you mean 'latency'"),
        ({"at": "2s", "toxic": {"latency": 5}}, "a toxic has no type"),
        ({"at": "2s", "toxic": "partition"}, "'partition' is no toxic"),
        ("2s", "'2s' is no fault"),
    ],
    ids=str,
)
def test_what_an_entry_must_not_say_is_named_with_its_place(table: Any, said: str) -> None:
    told = refused({"at": "1ms", "toxic": SLOW}, table)
    assert told.startswith("faults[1]: ")
    assert said in told


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"at_ns": -1}, "at_ns is -1"),
        ({"at_ns": 1.5}, "at_ns is 1.5"),
        ({"at_ns": 1, "toxic": "partition"}, "toxic is 'partition'"),
        ({"every_ns": 5}, "would not begin again"),
    ],
    ids=str,
)
def test_a_fault_made_by_hand_is_held_to_the_same_rules(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Fault(**{"toxic": Toxic("partition"), **fields})
    assert said in str(caught.value)


# --- all entries together ------------------------------------------------------------------


def test_a_heal_ends_what_began_before_it() -> None:
    accepted({"at": "2s", "toxic": CUT}, {"at": "3s", "heal": "partition"})
    accepted({"every": "2s", "for": "1s", "toxic": CUT}, {"at": "3s", "heal": "partition"})
    accepted({"on": {"nth": 1}, "toxic": CUT}, {"at": "3s", "heal": "partition"})
    accepted({"at": "3s", "heal": "partition"}, names=("partition",))
    accepted({"at": "3s", "heal": "all"})


@pytest.mark.parametrize(
    ("heal", "said"),
    [
        ({"at": "3s", "heal": "latency"}, "heals 'latency', which never begins"),
        ({"at": "1s", "heal": "partition"}, "heals 'partition', which does not begin before"),
        ({"at": "5s", "heal": "partition"}, "heals 'partition', which is over by then"),
    ],
    ids=str,
)
def test_a_heal_of_what_does_not_work_is_refused(heal: dict[str, Any], said: str) -> None:
    assert said in refused({"at": "2s", "for": "3s", "toxic": CUT}, heal)


def test_a_heal_before_the_first_of_many_is_refused() -> None:
    told = refused({"every": "5s", "for": "1s", "toxic": CUT}, {"at": "1s", "heal": "partition"})
    assert "does not begin before" in told


def test_a_toxic_may_begin_again_once_it_is_over_or_healed() -> None:
    accepted({"at": "2s", "for": "3s", "toxic": CUT}, {"at": "5s", "for": "1s", "toxic": CUT})
    healed = {"at": "3s", "heal": "partition"}
    accepted({"at": "2s", "toxic": CUT}, healed, {"at": "3s", "toxic": CUT})
    accepted({"at": "2s", "toxic": CUT}, {"at": "3s", "heal": "all"}, {"at": "4s", "toxic": CUT})
    accepted(*({"at": at, "toxic": {"type": "reset_peer"}} for at in ("1s", "2s")))


def test_a_toxic_that_begins_while_it_still_works_is_refused() -> None:
    again = {"at": "4s", "toxic": CUT}
    told = refused(again, {"at": "2s", "for": "3s", "toxic": CUT})
    assert told.startswith("faults[0]: 'partition' begins at 4s, and still works since 2s (faults")
    assert "still works" in refused({"at": "2s", "toxic": CUT}, again)
    assert "still works" in refused({"at": "4s", "toxic": CUT}, again)
    late = {"at": "5s", "heal": "partition"}
    assert "still works" in refused({"at": "2s", "toxic": CUT}, again, late)
