"""The table of likely sources: which rule speaks first."""

from __future__ import annotations

import pytest

from replay_ws.verifier.sources import HASH_SEED, HEAP, PARENT, PROCESS, Evidence, source_of
from replay_ws.verifier.suspects import ADDRESS, STABLE, TEXT, UNKNOWN, NameUse, SetWalk

PLACE = "app.py:3 in main"


def walk(hashed_by: str, *, is_live: bool = False) -> SetWalk:
    return SetWalk("`things`, a set of Thing", hashed_by, PLACE, is_live)


def likely(varied: str, **evidence: object) -> str:
    return source_of(Evidence(varied, **evidence)).likely  # type: ignore[arg-type]


def test_calls_from_real_threads_come_first() -> None:
    assert likely(HEAP, foreign_calls=1, finalizer="T.__del__()").startswith(
        "real threads: 1 call "
    )


def test_a_finalizer_that_ran_comes_before_what_might_have_been() -> None:
    assert likely(HEAP, finalizer="T.__del__()", walks=[walk(ADDRESS)]).startswith("T.__del__()")


def test_a_set_that_was_being_walked_comes_before_what_was_carried_over() -> None:
    evidence = {"carried": {"N": ("1", "2")}, "names": [NameUse("N", True, PLACE)]}
    assert "iteration" in likely(HEAP, walks=[walk(ADDRESS, is_live=True)], **evidence)
    assert "`N` was 1" in likely(HEAP, walks=[walk(ADDRESS)], **evidence)


def test_what_changed_but_is_not_used_is_not_blamed() -> None:
    assert "not recognised" in likely(HEAP, carried={"N": ("1", "2")})


@pytest.mark.parametrize(
    ("varied", "hashed_by", "blamed"),
    [
        (HEAP, ADDRESS, True),
        (HEAP, TEXT, False),
        (HEAP, STABLE, False),
        (HASH_SEED, TEXT, True),
        (HASH_SEED, STABLE, False),
        (PROCESS, ADDRESS, True),
        (PROCESS, TEXT, False),
        (PARENT, STABLE, False),
    ],
)
def test_a_set_is_blamed_if_what_was_varied_changes_its_order(
    varied: str, hashed_by: str, blamed: bool
) -> None:
    assert ("iteration over" in likely(varied, walks=[walk(hashed_by)])) is blamed


def test_a_set_of_unknown_members_is_blamed_last() -> None:
    assert "would hash by their addresses" in likely(HEAP, walks=[walk(UNKNOWN)])
    uses = [NameUse("process_time", False, PLACE)]
    assert "process_time" in likely(HEAP, walks=[walk(UNKNOWN)], names=uses)


@pytest.mark.parametrize(
    ("ours", "theirs", "what"),
    [
        ("<T at 0x7f00deadbeef>", "<T at 0x7f00deadbeee>", "an address"),
        (
            "6f1c2f30-6f0c-4a62-9c36-0d6b1c1a0a01",
            "6f1c2f30-6f0c-4a62-9c36-0d6b1c1a0a02",
            "a UUID",
        ),
        ("at 2026-11-22T10:00:00", "at 2026-11-22T10:00:01", "a wall-clock time"),
        ("at 1763800000.25", "at 1763800001.5", "a wall-clock time"),
    ],
)
def test_a_value_is_known_by_its_shape(ours: str, theirs: str, what: str) -> None:
    assert f"this looks like {what}" in likely(HEAP, texts=(ours, theirs))


@pytest.mark.parametrize(
    ("use", "varied", "blamed"),
    [
        (NameUse("id", True, PLACE), HEAP, True),
        (NameUse("id", False, PLACE), HEAP, False),
        (NameUse("hash", True, PLACE), HEAP, False),
        (NameUse("hash", True, PLACE), HASH_SEED, True),
        (NameUse("getpid", False, PLACE), HEAP, False),
        (NameUse("getpid", False, PLACE), PROCESS, True),
        (NameUse("listdir", False, PLACE), HEAP, True),
        (NameUse("anything", False, PLACE), HEAP, False),
    ],
)
def test_a_name_is_blamed_if_it_fits_how_the_runs_differ(
    use: NameUse, varied: str, blamed: bool
) -> None:
    assert (f"`{use.name}`, used at {PLACE}" in likely(varied, names=[use])) is blamed


@pytest.mark.parametrize("varied", [HEAP, HASH_SEED, PROCESS, PARENT])
def test_what_is_not_recognised_still_says_what_was_varied_and_where_to_look(varied: str) -> None:
    source = source_of(Evidence(varied))
    assert source.likely
    assert source.mend.startswith("look for")
