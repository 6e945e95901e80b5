"""``--ws-history``: what marked tests did is kept beside hunts; those in quarantine may fail.

What one run of pytest did with a test is a hunt of it: its seeds, in its mode and schedule.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, TypeAlias

import pytest

from replay_ws.errors import ConfigError
from replay_ws.hunter.failure import Signature
from replay_ws.hunter.history import Entry, History, Met
from replay_ws.hunter.trends import quarantine_text
from replay_ws.pytest_plugin.facts import target_of

Way: TypeAlias = tuple[str, str, str]
"""A test, a mode and a schedule."""


def excuse(config: pytest.Config, items: Iterable[pytest.Item]) -> None:
    """Let tests fail that are in quarantine today."""
    today = datetime.now(UTC).date()
    try:
        held = {each.target: each for each in _history(config).quarantines()}
    except ConfigError as error:
        raise pytest.UsageError(str(error)) from error
    for item in items:
        quarantine = held.get(target_of(item))
        if quarantine is not None and not quarantine.is_over(today):
            item.add_marker(pytest.mark.xfail(reason=quarantine_text(quarantine, today)))


def keep(config: pytest.Config, tests: Iterable[Mapping[str, Any]]) -> None:
    """Add what tests did, from the facts of each. What ran by a repro is nothing new."""
    if config.getoption("--ws-repro") is not None:
        return
    ways: dict[Way, dict[int, list[str]]] = defaultdict(dict)
    for facts in tests:
        way = facts["target"], facts["asked_mode"], facts["schedule"]
        ways[way][facts["seed"]] = facts["signature"]
    entries = (entry for way, seeds in ways.items() for entry in _entries(way, seeds))
    _history(config).keep(entries, datetime.now(UTC))


def _history(config: pytest.Config) -> History:
    return History(config.invocation_params.dir / config.getoption("--ws-history"))


def _entries(way: Way, seeds: Mapping[int, list[str]]) -> Iterator[Entry]:
    """One for each range of seeds; of each the signature, which is empty where it passed."""
    target, mode, schedule = way
    for _, group in groupby(enumerate(sorted(seeds)), key=lambda each: each[1] - each[0]):
        numbers = [seed for _, seed in group]
        failed = [(seed, Signature(*seeds[seed])) for seed in numbers if seeds[seed]]
        counts = Counter(signature for _, signature in failed)
        first = {signature: seed for seed, signature in reversed(failed)}
        yield Entry(
            target,
            len(numbers),
            range(numbers[0], numbers[-1] + 1),
            mode,
            schedule,
            failures={sign: Met(counts[sign], first[sign], mode) for sign in first},
        )
