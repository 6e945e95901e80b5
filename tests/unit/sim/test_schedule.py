"""Policies: who goes next, as a function of keyed draws."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise

import pytest

from replay_ws.clock import NS_PER_S, ms
from replay_ws.errors import ConfigError
from replay_ws.rng import WORD, Stream
from replay_ws.sim.schedule import (
    FIFO,
    SCHEDULES,
    Fifo,
    Held,
    Lane,
    PartialOrder,
    Policy,
    Priorities,
    Profile,
    RandomWalk,
    Schedule,
    _exponential,
    lateness_ns,
    policy_of,
    stall_ns,
)


def lane(path: str = "main", seed: int = 1, steps: int = 0) -> Lane:
    made = Lane(path, None, seed)
    made.steps = steps
    return made


def winners(policy: Policy, weights: int, rounds: int, lanes: int = 3) -> Counter[str]:
    """How often each of some lanes is picked first, of those that are ready together."""
    won: Counter[str] = Counter()
    ready = [Lane(f"lane-{number}", None, weights) for number in range(lanes)]
    ranks = {}
    for _ in range(rounds):
        for each in ready:
            if each not in ranks:
                ranks[each] = policy.rank(each, 0)
        best = min(ready, key=lambda each: ranks[each])
        policy.picked(best, ranks.pop(best))
        best.steps += 1
        won[best.path] += 1
    return won


def test_arrival_order_ranks_by_arrival() -> None:
    assert [Fifo().rank(lane(), arrival) for arrival in (3, 1, 2)] == [3, 1, 2]


def test_a_held_step_waits_for_so_many_arrivals_and_the_next_step_does_not() -> None:
    policy = Held({("main", 4): 10})
    assert policy.rank(lane(steps=4), 7) == 17
    assert policy.rank(lane(steps=5), 8) == 8


def test_a_rank_is_keyed_by_path_and_step_and_not_by_who_asked_before() -> None:
    policy = PartialOrder()
    alone = policy.rank(lane("main/a", steps=3), 0)
    for steps in range(20):
        policy.rank(lane("main/b", steps=steps), 0)
    assert policy.rank(lane("main/a", steps=3), 99) == alone
    assert policy.rank(lane("main/a", steps=4), 0) != alone
    assert policy.rank(lane("main/a", seed=2, steps=3), 0) != alone


def test_in_a_random_walk_whoever_waited_has_no_advantage() -> None:
    won = winners(RandomWalk(), weights=5, rounds=3000)
    assert all(850 < won[path] < 1150 for path in won)


def test_a_profile_makes_who_has_more_to_do_go_more_often() -> None:
    steps = {"lane-0": 2000, "lane-1": 500, "lane-2": 500}
    won = winners(RandomWalk(Profile(steps, {})), weights=5, rounds=1500)
    assert won["lane-0"] > 2.5 * won["lane-1"]


def test_what_children_have_to_do_counts_for_the_parent_until_they_run() -> None:
    profile = Profile(
        {"main": 10, "main/a": 30, "main/a/b": 5}, {"main/a": "main", "main/a/b": "main/a"}
    )
    main = lane("main")
    assert profile.steps == 45
    assert profile.remaining(main) == 45
    child = Lane("main/a", main, 1)
    assert profile.remaining(child) == 35
    assert profile.remaining(main) == 10
    main.steps = 9
    assert profile.remaining(main) == 1


def test_a_lane_that_no_profile_knows_has_one_step_to_do() -> None:
    assert Profile({}, {}).remaining(lane("main/new")) == 1


def test_priorities_stay_but_where_a_change_strikes() -> None:
    policy = Priorities(depth=1, profile=Profile({"main": 100}, {}))
    assert len({policy.rank(lane(steps=step), 0) for step in range(50)}) == 1
    changing = Priorities(depth=10, profile=Profile({"main": 100}, {}))
    one = lane()
    ranks = []
    for step in range(100):
        one.steps = step
        ranks.append(changing.rank(one, 0))
    changes = sum(a != b for a, b in pairwise(ranks))
    assert 3 <= changes <= 20
    assert ranks[-1] > WORD, "who was put last is behind everybody that was not"
    beyond = []
    for step in range(100, 300):
        one.steps = step
        beyond.append(changing.rank(one, 0))
    assert set(beyond) == {ranks[-1]}, "no change strikes where the profile has not been"


def test_a_lane_that_spins_is_put_last_after_a_while() -> None:
    policy = Priorities(depth=1, profile=Profile({}, {}))
    spinning, other = lane("spinning"), lane("other")
    for _ in range(501):
        policy.picked(spinning, policy.rank(spinning, 0))
    assert policy.rank(spinning, 0) > policy.rank(other, 0)


def test_exponential_times_follow_the_logarithm() -> None:
    stream = Stream(1, "exponential", "")
    draws = [stream.draw(index) for index in range(5000)] + [1, 2, 3, WORD - 1]
    for draw in draws:
        assert math.isclose(_exponential(draw) / 65536, -math.log2(draw / WORD), abs_tol=1e-4)
    assert _exponential(0) > _exponential(1)


def test_the_loop_is_late_by_half_a_delay_at_most_and_never_early() -> None:
    stalls = [stall_ns(lane(), nth, ms(100)) for nth in range(500)]
    assert min(stalls) == 0
    assert 0 < max(stalls) < ms(50)
    assert 100 < stalls.count(0) < 400
    assert max(stall_ns(lane(seed=seed), 0, 3600 * NS_PER_S) for seed in range(100)) < NS_PER_S


def test_a_tie_of_timers_is_broken_by_a_nanosecond() -> None:
    one, late = lane(), []
    for nth in range(100):
        one.timers = nth
        late.append(lateness_ns(one))
    assert set(late) == {0, 1}


def test_the_portfolio_begins_in_arrival_order_and_takes_all_turns() -> None:
    policies = Counter(Schedule("portfolio").resolved(seed).policy for seed in range(1, 101))
    assert Schedule("portfolio").resolved(0).policy == "fifo"
    assert policies.most_common(1)[0][0] == "pos"
    assert set(policies) == {"pos", "urw", "pct", "random"}


def test_every_policy_but_fifo_has_jitter_unless_told_otherwise() -> None:
    explorers = [name for name in SCHEDULES if name not in ("fifo", "portfolio")]
    assert all(Schedule(name).resolved(1).jitter for name in explorers)
    assert not Schedule("fifo").resolved(1).jitter
    assert not Schedule("pos", jitter=False).resolved(1).jitter
    assert FIFO.resolved(3).is_plain
    assert not Schedule("fifo", jitter=True).resolved(3).is_plain


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_name_has_a_policy(name: str) -> None:
    schedule = Schedule(name).resolved(7)
    assert isinstance(policy_of(schedule, 7, Profile({}, {})).rank(lane(), 5), int)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"policy": "poss"}, "did you mean 'pos'"),
        ({"policy": 5}, "schedule"),
        ({"jitter": "yes"}, "jitter"),
        ({"cancel_rate": 2}, "cancel_rate"),
        ({"cancel_rate": True}, "cancel_rate"),
        ({"fail_first": {"fetch": -1}}, "fetch"),
        ({"fail_first": {"fetch": "twice"}}, "fetch"),
        ({"fail_first": {"fetch": True}}, "fetch"),
        ({"fail_first": {5: 1}}, "fail_first is {5: 1}"),
        ({"fail_first": "fetch"}, "fail_first is 'fetch'"),
        ({"jitter": 1}, "jitter is 1"),
    ],
)
def test_a_schedule_refuses_what_it_cannot_keep(options: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Schedule(**options)  # type: ignore[arg-type]


def test_a_schedule_says_what_it_is() -> None:
    assert str(Schedule("pos")) == "pos"
    assert str(Schedule("pos", False, 0.1, {"b": 2, "a": 1})) == (
        "pos jitter=false cancel_rate=0.1 fail_first=a:1 fail_first=b:2"
    )


def test_paths_name_ancestors_and_count_namesakes() -> None:
    main = lane("main")
    assert [main.child_path(name) for name in ("worker", "worker", "a/b#1")] == [
        "main/worker",
        "main/worker#1",
        "main/a_b_1",
    ]


def test_the_path_of_a_long_chain_of_tasks_stays_short_and_its_own() -> None:
    one, seen = lane("main"), set()
    for _ in range(500):
        one = Lane(one.child_path("next"), one, 1)
        seen.add(one.path)
        assert len(one.path) < 200
    assert len(seen) == 500
