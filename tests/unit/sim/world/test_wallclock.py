"""The clocks of a run show virtual time, in its own threads, and all is put back."""

from __future__ import annotations

import asyncio
import copy
import datetime
import functools
import importlib
import inspect
import logging
import os
import pickle
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import date
from datetime import datetime as dt
from pathlib import Path
from time import monotonic, perf_counter_ns
from time import time as now
from typing import Any

import pytest

from replay_ws.sim.world.imports import imports_outside
from replay_ws.sim.world.wallclock import virtual_clock

moment, day = dt.now, date.today  # aliases of methods

EPOCH_S = 1_600_000_000
LATER_NS = 90_061_500_000_000
"""A day, an hour, a minute, a second and a half."""

WALL_S = EPOCH_S + LATER_NS / 1e9
LOCAL = dt.fromtimestamp(WALL_S)
SPLIT = time.localtime(int(WALL_S))

TOLD: dict[str, tuple[Callable[[], Any], Any]] = {
    "time.time": (lambda: time.time(), WALL_S),
    "time.time_ns": (lambda: time.time_ns(), EPOCH_S * 10**9 + LATER_NS),
    "time.time under an alias": (lambda: now(), WALL_S),
    "time.monotonic": (lambda: time.monotonic(), LATER_NS / 1e9),
    "time.monotonic_ns": (lambda: time.monotonic_ns(), LATER_NS),
    "time.monotonic under an alias": (lambda: monotonic(), LATER_NS / 1e9),
    "time.perf_counter": (lambda: time.perf_counter(), LATER_NS / 1e9),
    "time.perf_counter_ns": (lambda: time.perf_counter_ns(), LATER_NS),
    "time.perf_counter_ns under an alias": (lambda: perf_counter_ns(), LATER_NS),
    "time.localtime": (lambda: time.localtime(), SPLIT),
    "time.localtime of None": (lambda: time.localtime(None), SPLIT),
    "time.localtime of a time": (lambda: time.localtime(0), time.localtime(0)),
    "time.gmtime": (lambda: time.gmtime(), time.gmtime(int(WALL_S))),
    "time.gmtime of a time": (lambda: time.gmtime(5.5), time.gmtime(5)),
    "time.ctime": (lambda: time.ctime(), time.asctime(SPLIT)),
    "time.ctime of a time": (lambda: time.ctime(0), time.ctime(0)),
    "time.asctime": (lambda: time.asctime(), time.asctime(SPLIT)),
    "time.asctime of a time": (lambda: time.asctime(time.gmtime(0)), "Thu Jan  1 00:00:00 1970"),
    "time.strftime": (lambda: time.strftime("%x %X"), time.strftime("%x %X", SPLIT)),
    "time.strftime of a time": (lambda: time.strftime("%Y", time.gmtime(0)), "1970"),
    "datetime.datetime.now": (lambda: datetime.datetime.now(), LOCAL),
    "datetime.now under an alias": (lambda: dt.now(), LOCAL),
    "datetime.now in a zone": (
        lambda: dt.now(datetime.UTC),
        dt.fromtimestamp(WALL_S, datetime.UTC),
    ),
    "datetime.today": (lambda: dt.today(), LOCAL),
    "date.today": (lambda: datetime.date.today(), LOCAL.date()),
    "date.today under an alias": (lambda: date.today(), LOCAL.date()),
    "datetime.now as a function": (lambda: moment(datetime.UTC).timestamp(), WALL_S),
    "date.today as a function": (lambda: day(), LOCAL.date()),
    "the time of a log record": (lambda: _log_record().created, WALL_S),
    "the time of a uuid1": (lambda: (uuid.uuid1(5).time - (0x01B21DD213814000)) / 1e7, WALL_S),
}
if hasattr(time, "clock_gettime"):
    TOLD |= {
        "CLOCK_REALTIME": (lambda: time.clock_gettime(time.CLOCK_REALTIME), WALL_S),
        "CLOCK_MONOTONIC": (lambda: time.clock_gettime_ns(time.CLOCK_MONOTONIC), LATER_NS),
    }

REAL: dict[str, Callable[[], float]] = {
    "time.process_time": time.process_time,
    "time.thread_time": time.thread_time,
}
if hasattr(time, "clock_gettime"):
    REAL["CLOCK_PROCESS_CPUTIME_ID"] = lambda: time.clock_gettime(time.CLOCK_PROCESS_CPUTIME_ID)


def _log_record() -> logging.LogRecord:
    return logging.LogRecord("name", logging.INFO, __file__, 1, "text", (), None)


def in_a_run(look: Callable[[], Any], program: Callable[..., Any] | None = None) -> Any:
    with virtual_clock(lambda: LATER_NS, EPOCH_S * 10**9, program or look):
        return look()


@pytest.mark.parametrize(("look", "expected"), TOLD.values(), ids=TOLD)
def test_a_clock_shows_virtual_time(look: Callable[[], Any], expected: Any) -> None:
    assert in_a_run(look) == expected


@pytest.mark.parametrize("look", REAL.values(), ids=REAL)
def test_processor_time_stays_real(look: Callable[[], float]) -> None:
    before = look()
    assert before <= in_a_run(look) <= look()


def test_a_clock_follows_the_loop() -> None:
    instant = [0]
    with virtual_clock(lambda: instant[0], 0, in_a_run):
        shown = [(time.time_ns(), monotonic(), dt.now(datetime.UTC).second)]
        instant[0] = 7_000_000_000
        shown.append((time.time_ns(), monotonic(), dt.now(datetime.UTC).second))
    assert shown == [(0, 0.0, 0), (7_000_000_000, 7.0, 7)]


def test_utcnow_is_in_utc_and_as_deprecated_as_outside() -> None:
    def look() -> dt:
        return dt.utcnow()

    if sys.version_info < (3, 12):
        assert in_a_run(look) == dt.fromtimestamp(WALL_S, datetime.UTC).replace(tzinfo=None)
    else:
        with pytest.warns(DeprecationWarning, match="utcnow"):
            assert in_a_run(look) == dt.fromtimestamp(WALL_S, datetime.UTC).replace(tzinfo=None)


# --- dates --------------------------------------------------------------------------------------


def test_dates_of_a_run_are_plain_dates() -> None:
    def look() -> list[Any]:
        return [
            dt.now(),
            dt(2020, 1, 2, 3, tzinfo=datetime.UTC),
            date(2020, 1, 2),
            dt.now() + datetime.timedelta(days=1),
            dt.fromisoformat("2020-01-02"),
            dt.strptime("2020", "%Y"),
            dt.combine(date.today(), datetime.time(1)),
            date.fromordinal(5),
            dt.min,
            pickle.loads(pickle.dumps(dt.now())),
            pickle.loads(pickle.dumps(date.today(), protocol=0)),
            copy.deepcopy(dt.now()),
        ]

    assert {type(value) for value in in_a_run(look)} <= {dt, date}


def test_dates_from_before_a_run_belong_to_the_classes_seen_inside() -> None:
    moment, day = dt(2020, 1, 2), date(2020, 1, 2)

    def look() -> None:
        assert isinstance(moment, dt)
        assert isinstance(moment, date)
        assert isinstance(day, date)
        assert not isinstance(day, dt)
        assert issubclass(dt, date)
        assert moment < dt.now()
        assert dt(2020, 1, 2) == moment
        assert hash(dt(2020, 1, 2)) == hash(moment)
        assert repr(dt(2020, 1, 2)) == repr(moment)
        match moment:
            case dt(year=2020):
                pass
            case _:
                pytest.fail("a pattern did not match")

    in_a_run(look)


def test_a_pickle_of_a_run_is_the_same_as_outside() -> None:
    moment = dt(2020, 1, 2, tzinfo=datetime.UTC)
    assert in_a_run(lambda: pickle.dumps(moment)) == pickle.dumps(moment)


def test_a_class_derived_inside_a_run_is_one_of_its_own() -> None:
    def look() -> tuple[Any, Any]:
        class Stamp(dt):
            pass

        assert not isinstance(dt(2020, 1, 1), Stamp)
        return Stamp, Stamp.now()

    stamp, made = in_a_run(look)
    assert type(made) is stamp
    assert made == LOCAL
    assert stamp.now() != made


# --- who sees virtual time ----------------------------------------------------------------------


def test_another_thread_sees_real_time() -> None:
    seen: list[float] = []

    def foreign() -> None:
        seen.extend([time.time(), now(), dt.now().timestamp()])

    def look() -> None:
        thread = threading.Thread(target=foreign)
        thread.start()
        thread.join()

    before = time.time()
    in_a_run(look)
    assert all(before - 1 <= shown <= time.time() + 1 for shown in seen)


def test_a_thread_of_the_run_sees_its_time() -> None:
    seen: list[float] = []
    with virtual_clock(lambda: LATER_NS, EPOCH_S * 10**9, in_a_run) as clock:

        def own() -> None:
            clock.enter_thread()
            seen.append(now())

        thread = threading.Thread(target=own)
        thread.start()
        thread.join()
    assert seen == [WALL_S]


@pytest.mark.parametrize("is_own", [False, True])
def test_a_stock_loop_is_never_frozen(is_own: bool) -> None:
    slept: list[str] = []
    with virtual_clock(lambda: LATER_NS, EPOCH_S * 10**9, in_a_run) as clock:

        def other() -> None:
            if is_own:
                clock.enter_thread()
            slept.append(asyncio.run(asyncio.sleep(0.001, "slept")))

        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert slept == ["slept"]


def test_runs_in_two_threads_each_have_their_own_time() -> None:
    both_in, seen = threading.Barrier(2), {}

    def run(seconds: int) -> None:
        with virtual_clock(lambda: seconds * 10**9, 0, run):
            both_in.wait()
            seen[seconds] = now(), monotonic()
            both_in.wait()

    threads = [threading.Thread(target=run, args=(seconds,)) for seconds in (3, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {3: (3.0, 3.0), 4: (4.0, 4.0)}
    assert now() > EPOCH_S


def test_a_run_in_a_run_has_its_own_time_and_the_outer_goes_on() -> None:
    with virtual_clock(lambda: 1, 0, in_a_run):
        assert in_a_run(time.monotonic_ns) == LATER_NS
        assert in_a_run(perf_counter_ns) == LATER_NS
        assert (time.monotonic_ns(), perf_counter_ns()) == (1, 1)


# --- modules ------------------------------------------------------------------------------------

HELPER = """
import time
from datetime import datetime
from time import time as now
LOADED = time.time()
def look():
    return now(), datetime.now().timestamp(), time.time()
"""


@pytest.fixture
def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    (tmp_path / "clock_helper.py").write_text(HELPER)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "clock_helper"
    sys.modules.pop("clock_helper", None)


def test_a_module_that_is_loaded_between_two_runs_sees_virtual_time(helper: str) -> None:
    in_a_run(time.time)
    module = importlib.import_module(helper)
    assert in_a_run(module.look, program=in_a_run) == (WALL_S,) * 3


@pytest.mark.parametrize("is_story", [False, True])
def test_a_module_that_is_loaded_inside_a_run_sees_virtual_time(
    helper: str, is_story: bool
) -> None:
    def look() -> tuple[float, ...]:
        seen: tuple[float, ...] = importlib.import_module(helper).look()
        return seen

    with virtual_clock(lambda: LATER_NS, EPOCH_S * 10**9, look) as clock:
        if is_story:
            assert look() == (WALL_S,) * 3
        else:
            with imports_outside([clock]):
                assert look() == (WALL_S,) * 3
    module = sys.modules[helper]
    assert (module.datetime, module.now) == (datetime.datetime, time.time)
    assert (module.LOADED == WALL_S) is is_story
    assert in_a_run(look, program=in_a_run) == (WALL_S,) * 3


def test_a_program_in_a_namespace_of_its_own_sees_virtual_time() -> None:
    namespace: dict[str, Any] = {"__name__": "nowhere"}
    exec(HELPER, namespace)
    look = namespace["look"]
    assert in_a_run(look) == (WALL_S,) * 3
    assert in_a_run(functools.partial(look)) == (WALL_S,) * 3
    assert namespace["now"] is time.time


def test_a_name_that_a_test_has_replaced_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 5.0)
    monkeypatch.setattr(sys.modules[__name__], "now", lambda: 6.0)
    assert in_a_run(lambda: (time.time(), now())) == (5.0, 6.0)
    assert (time.time(), now()) == (5.0, 6.0)


def test_a_stand_in_that_was_kept_is_real_after_the_run() -> None:
    kept = in_a_run(lambda: [time.time, dt.now, date.today])
    assert kept[0]() > WALL_S
    assert kept[1]() > LOCAL
    assert in_a_run(kept[0]) == WALL_S


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_every_name_of_every_module_is_put_back(error: type[BaseException]) -> None:
    def everything() -> dict[tuple[str, str], Any]:
        modules = [*filter(inspect.ismodule, list(sys.modules.values()))]
        return {(m.__name__, name): value for m in modules for name, value in vars(m).items()}

    def fail() -> None:
        for look, _ in TOLD.values():
            look()
        raise error

    in_a_run(time.time)
    before = everything()
    with pytest.raises(error):
        in_a_run(fail)
    after = everything()
    changed = {name for name in before if before[name] is not after.get(name, None)}
    # Hypothesis counts collections; uuid remembers its last time.
    ours = {name for name in changed if not name[0].startswith(("uuid", "hypothesis."))}
    assert ours <= {("time", "tzname")}


# --- other libraries that replace clocks --------------------------------------------------------


class TestFreezegun:
    def test_a_block_inside_a_run_shows_its_own_time_and_then_the_runs(self) -> None:
        freeze_time = pytest.importorskip("freezegun").freeze_time

        def look() -> list[Any]:
            seen: list[Any] = [now()]
            with freeze_time("2020-02-03") as frozen:
                seen.append((now(), dt.now().isoformat(), date.today().isoformat(), time.time()))
                frozen.tick(10)
                seen.append(dt.now().isoformat())
                with freeze_time("2021-01-01"):
                    seen.append(dt.now().isoformat())
            return [*seen, now(), dt.now(), monotonic()]

        frozen_s = dt(2020, 2, 3, tzinfo=datetime.UTC).timestamp()
        assert in_a_run(look) == [
            WALL_S,
            (frozen_s, "2020-02-03T00:00:00", "2020-02-03", frozen_s),
            "2020-02-03T00:00:10",
            "2021-01-01T00:00:00",
            WALL_S,
            LOCAL,
            LATER_NS / 1e9,
        ]
        assert now() > WALL_S

    def test_a_block_around_a_run_shows_its_own_time_inside(self) -> None:
        freeze_time = pytest.importorskip("freezegun").freeze_time
        with freeze_time("2020-02-03"):
            assert in_a_run(lambda: dt.now().isoformat()) == "2020-02-03T00:00:00"
        assert in_a_run(lambda: dt.now()) == LOCAL

    def test_a_block_that_is_left_open_is_still_open_after_the_run(self) -> None:
        block = pytest.importorskip("freezegun").freeze_time("2020-02-03")
        in_a_run(lambda: block.start())
        assert dt.now().isoformat() == "2020-02-03T00:00:00"
        block.stop()
        assert now() > WALL_S
        assert in_a_run(lambda: now()) == WALL_S


class TestTimeMachine:
    def test_a_block_inside_a_run_shows_its_own_time_and_then_the_runs(self) -> None:
        travel = pytest.importorskip("time_machine").travel

        def look() -> list[Any]:
            seen: list[Any] = [now()]
            with travel(dt(2020, 2, 3, tzinfo=datetime.UTC), tick=False):
                seen.append((now(), time.time(), dt.now(datetime.UTC).isoformat(), monotonic()))
            return [*seen, now(), dt.now()]

        there_s = dt(2020, 2, 3, tzinfo=datetime.UTC).timestamp()
        there = (there_s, there_s, "2020-02-03T00:00:00+00:00", LATER_NS / 1e9)
        assert in_a_run(look) == [WALL_S, there, WALL_S, LOCAL]
        assert now() > WALL_S

    def test_a_block_around_a_run_shows_its_own_time_inside(self) -> None:
        travel = pytest.importorskip("time_machine").travel
        with travel(dt(2020, 2, 3, tzinfo=datetime.UTC), tick=False):
            assert in_a_run(lambda: dt.now(datetime.UTC).day) == 3
            assert in_a_run(lambda: monotonic()) == LATER_NS / 1e9
        assert in_a_run(lambda: dt.now()) == LOCAL


IN_A_PROCESS = """
import sys, time
from replay_ws.sim.world.imports import imports_outside
{before}
from datetime import datetime, timezone
from time import monotonic
def look():
    {inside}
    seen.append(datetime.now(timezone.utc).isoformat())
    seen.append(monotonic())
seen = []
def run():
    from replay_ws.sim.world.wallclock import virtual_clock
    with virtual_clock(lambda: 5, 0, look) as clock, imports_outside([clock]):
        look()
{run}
print(seen, time.time() > 1_700_000_000, datetime.now().year >= 2026)
"""


@pytest.mark.parametrize("library", ["freezegun", "time_machine"])
def test_a_library_that_is_first_imported_inside_a_run_works_there_and_later(library: str) -> None:
    pytest.importorskip(library)
    block = {"freezegun": "freeze_time('2020-02-03')", "time_machine": "travel(0, tick=False)"}
    inside = f"""import {library}
    with {library}.{block[library]}: seen.append(datetime.now(timezone.utc).isoformat())"""
    day = "2020-02-03" if library == "freezegun" else "1970-01-01"
    seen = [f"{day}T00:00:00+00:00", "1970-01-01T00:00:00+00:00", 5e-09]
    told = _process(IN_A_PROCESS.format(before="", inside=inside, run="run(); run()"))
    assert told == f"{seen + seen} True True"


def test_a_first_run_inside_a_frozen_block_leaves_later_runs_whole() -> None:
    run = "with freeze_time('2020-02-03'): run()\nseen.clear(); run()"
    code = IN_A_PROCESS.format(before="from freezegun import freeze_time", inside="", run=run)
    assert _process(code) == "['1970-01-01T00:00:00+00:00', 5e-09] True True"


def _process(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], env=dict(os.environ), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
