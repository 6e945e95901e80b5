"""What pairing makes of sessions that have little in common."""

from __future__ import annotations

from replay_ws.diff import Category, compare
from tests.helpers import event, session


def test_sessions_that_have_nothing_in_common_are_told_by_their_beginning() -> None:
    golden = session(event("hello"), *(event("token", n=n) for n in range(6_000)))
    run = session(event("hello"), *(event("token", n=-n - 1) for n in range(5_000)))
    diff = compare(golden, run)
    assert diff.unrelated
    assert diff.first is not None
    assert str(diff.first.details[0]) == "$.n: 0 -> -1"
    assert (diff.matched, diff.counts["changed"]) == (1, 100)
    rest = {f.category: f for f in diff.divergences if f.category is not Category.CHANGED}
    assert (rest[Category.MISSING].golden, rest[Category.MISSING].count) == (101, 5_900)
    assert (rest[Category.EXTRA].run, rest[Category.EXTRA].count) == (101, 4_900)
    assert rest[Category.MISSING].line() == 'missing #101 < token {"n":100}: and 5,899 more'
    assert diff == compare(run, golden).mirrored()


def test_short_sessions_and_those_of_which_one_is_empty_are_paired_to_the_end() -> None:
    few = [session(*(event("token", n=n * sign) for n in range(1, 900))) for sign in (1, -1)]
    assert compare(*few).counts["changed"] == 899
    many = session(*(event("token", n=n) for n in range(5_000)))
    assert not compare(many, session()).unrelated


def test_one_connection_without_anything_in_common_does_not_make_sessions_unrelated() -> None:
    golden, run = (
        session(
            *(event("token", n=n, connection="t1") for n in range(9_000)),
            *(event("token", n=n * sign, connection="t2") for n in range(1, 5_000)),
        )
        for sign in (1, -1)
    )
    diff = compare(golden, run)
    assert not diff.unrelated
    assert diff.matched == 9_000
    assert [f.count for f in diff.divergences if f.count > 1] == [4_899, 4_899]
