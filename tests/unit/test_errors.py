"""Every error says what is wrong, where, and how to mend it."""

from __future__ import annotations

import pickle

import pytest

from replay_ws import errors
from replay_ws.errors import (
    ConfigError,
    DeadlockError,
    DeterminismError,
    GoldenMismatch,
    ReplayWsError,
    known,
    unknown,
)

KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, ReplayWsError)
]


def test_an_error_reads_where_what_and_how_to_mend_it() -> None:
    error = ReplayWsError("record 912 is damaged", where="refund.rws", mend="recover it")
    assert str(error) == "refund.rws: record 912 is damaged\n  mend: recover it"
    assert (error.what, error.where, error.mend) == (
        "record 912 is damaged",
        "refund.rws",
        "recover it",
    )


def test_an_error_without_a_place_or_a_remedy_says_what_it_knows() -> None:
    assert str(ReplayWsError("no luck")) == "no luck"


def test_a_deadlock_names_everybody_who_waits() -> None:
    error = DeadlockError("nothing can happen any more", waiting=("Task-1 at a.py:3",))
    assert str(error).splitlines()[:2] == ["nothing can happen any more", "  Task-1 at a.py:3"]
    assert "mend: " in str(error).splitlines()[-1]


def test_a_difference_is_told_before_its_likely_source_and_the_mend() -> None:
    error = DeterminismError(
        "runs differ", where="app:main", likely="a set", mend="sort it", lines=("first run: a",)
    )
    lines = ["app:main: runs differ", "  first run: a", "  likely: a set", "  mend: sort it"]
    assert str(error).splitlines() == lines
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_is_one_of_ours(kind: type[ReplayWsError]) -> None:
    assert kind.__doc__
    with pytest.raises(ReplayWsError):
        raise kind("what")


def test_errors_are_also_what_python_calls_them() -> None:
    assert issubclass(ConfigError, ValueError)
    assert issubclass(GoldenMismatch, AssertionError)


def test_known_names_are_listed_in_order() -> None:
    assert known({"b", "a", "c"}) == "a, b, c"


@pytest.mark.parametrize(
    ("name", "meant"),
    [("a2a-streem", "a2a-stream"), ("a2a", "a2a-stream"), ("", "")],
)
def test_an_unknown_name_is_told_with_the_nearest_or_one_that_begins_so(
    name: str, meant: str
) -> None:
    told = unknown("profile", name, ["a2a-stream", "vercel-ui", "vercel-ws"]).what
    assert told == f"unknown profile {name!r}" + (f"; did you mean {meant!r}?" if meant else "")
