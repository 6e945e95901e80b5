"""What ``watch`` takes, what it changes while a run goes on, and that nothing of it is left."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
import pickle
import threading
from abc import ABC, abstractmethod
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

import replay_ws as rws
from replay_ws.sim.loop import VirtualLoop
from replay_ws.sim.tasks import VirtualFuture, VirtualTask

Program = Callable[[], Awaitable[Any]]


def places_of(program: Program) -> list[str]:
    """What races of a run are about."""
    return [race.what for race in rws.run(program).races]


def run_once(function: Callable[[], Any]) -> Any:
    async def program() -> Any:
        return function()

    return rws.run(program).value


async def twice(step: Callable[[], Awaitable[Any]]) -> None:
    await asyncio.gather(step(), step())


@dataclass
class Plain:
    hits: int = 0
    names: list[str] = field(default_factory=list)

    @property
    def double(self) -> int:
        return self.hits * 2


@dataclass(slots=True)
class Slotted:
    hits: int = 0
    names: list[str] = field(default_factory=list)


class WithDefault:
    hits = 0


class WithGetattr:
    def __getattr__(self, name: str) -> int:
        if name != "hits":
            raise AttributeError(name)
        return 0


class Abstract(ABC):
    @abstractmethod
    def meet(self) -> None: ...


class Concrete(Abstract):
    def __init__(self) -> None:
        self.hits = 0

    def meet(self) -> None:
        self.hits += 1


class Refusing:
    def __init__(self) -> None:
        object.__setattr__(self, "hits", 0)

    def __setattr__(self, name: str, value: object) -> None:
        if name != "hits":
            raise AttributeError(name)
        object.__setattr__(self, name, value)


@pytest.mark.parametrize(
    "make",
    [Plain, Slotted, WithDefault, WithGetattr, Concrete, Refusing],
    ids=lambda kind: kind.__name__,
)
def test_objects_of_all_kinds_can_be_watched(make: Callable[[], Any]) -> None:
    async def program() -> None:
        thing = rws.watch(make(), report="collect")
        assert type(thing) is make

        async def add() -> None:
            hits = thing.hits
            await asyncio.sleep(0)
            thing.hits = hits + 1

        await twice(add)
        assert thing.hits == 1

    assert places_of(program) == [f"{make.__name__}.hits"]


def test_an_attribute_that_is_deleted_is_written() -> None:
    async def program() -> None:
        thing = rws.watch(Plain(), report="collect")

        async def drop() -> None:
            if hasattr(thing, "extra"):
                await asyncio.sleep(0)
                try:
                    del thing.extra
                except AttributeError:
                    thing.extra = None

        thing.extra = 1  # type: ignore[attr-defined]
        await twice(drop)

    assert set(places_of(program)) == {"Plain.extra"}


def test_a_property_is_no_data_but_what_it_reads_is() -> None:
    async def program() -> None:
        thing = rws.watch(Plain(), report="collect")

        async def add() -> None:
            double = thing.double
            await asyncio.sleep(0)
            thing.hits = double

        await twice(add)

    assert places_of(program) == ["Plain.hits"]


def test_only_the_object_that_is_watched_is() -> None:
    async def program() -> None:
        rws.watch(Plain())
        other = Plain()

        async def add() -> None:
            hits = other.hits
            await asyncio.sleep(0)
            other.hits = hits + 1

        await twice(add)

    assert places_of(program) == []


def test_objects_are_told_apart_by_number_or_by_the_name_given() -> None:
    async def program() -> None:
        things = [
            rws.watch(Plain(), report="collect"),
            rws.watch(Plain(), report="collect"),
            rws.watch(Plain(), report="collect", name="the third"),
        ]

        async def add() -> None:
            hits = [thing.hits for thing in things]
            await asyncio.sleep(0)
            for thing in things:
                thing.hits = hits[0] + 1

        await twice(add)

    assert places_of(program) == ["Plain.hits", "Plain#2.hits", "the third.hits"]


def test_an_object_that_is_watched_twice_is_watched_once() -> None:
    thing = Plain()
    assert run_once(lambda: rws.watch(rws.watch(thing))) is thing


# --- a class -------------------------------------------------------------------------------------


def test_every_object_of_a_decorated_class_is_watched_in_a_run() -> None:
    @rws.watch(report="collect")
    @dataclass
    class Account:
        balance: int = 0

    async def program() -> None:
        account = Account()

        async def add() -> None:
            balance = account.balance
            await asyncio.sleep(0)
            account.balance = balance + 1

        await twice(add)

    assert Account(3).balance == 3
    assert places_of(program) == ["Account.balance"]
    assert places_of(program) == ["Account.balance"]


def test_a_class_can_be_decorated_without_arguments_and_inherited() -> None:
    @rws.watch
    class Base:
        def __init__(self, start: int) -> None:
            self.hits = start

    class Derived(Base):
        def __init__(self) -> None:
            super().__init__(2)
            self.own = 1

    assert isinstance(Base, type)

    async def program() -> None:
        thing = Derived()

        async def add() -> None:
            hits = thing.hits
            await asyncio.sleep(0)
            thing.hits = hits + 1

        await twice(add)

    with pytest.raises(rws.RaceError, match=r"Derived\.hits"):
        rws.run(program)


# --- what a run does with races -------------------------------------------------------------------


async def racing(**options: Any) -> None:
    thing = rws.watch(Plain(), **options)

    async def add() -> None:
        hits = thing.hits
        await asyncio.sleep(0)
        thing.hits = hits + 1

    await twice(add)


def test_a_race_ends_the_run_with_an_error_that_has_it() -> None:
    with pytest.raises(rws.RaceError) as caught:
        rws.run(racing)
    (race,) = caught.value.races
    assert str(race) in str(caught.value)
    assert "mend: " in str(caught.value)
    assert caught.value.session.digest  # type: ignore[attr-defined]


def test_a_failure_of_the_program_comes_first_and_says_what_raced() -> None:
    async def program() -> None:
        await racing()
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine") as caught:
        rws.run(program)
    assert any("stale write of Plain.hits" in note for note in caught.value.__notes__)


def test_collected_races_are_in_the_result() -> None:
    (race,) = rws.run(lambda: racing(report="collect")).races
    assert isinstance(race, rws.Race)


def test_a_run_that_watches_nothing_has_none_and_keeps_its_plain_queue() -> None:
    async def program() -> Any:
        return asyncio.get_running_loop()

    result = rws.run(program)
    assert result.races == ()
    assert result.value.lanes is None


# --- what cannot be -------------------------------------------------------------------------------


def test_outside_of_a_run_nothing_can_be_watched() -> None:
    with pytest.raises(rws.ConfigError, match="outside of a run"):
        rws.watch(Plain())
    with pytest.raises(rws.ConfigError, match="outside of a run"):
        asyncio.run(racing())


@pytest.mark.parametrize("value", [3, "text", (1,), 1.5, asyncio], ids=str)
def test_what_cannot_be_watched_is_named(value: object) -> None:
    with pytest.raises(rws.ConfigError, match=f"type {type(value).__name__} cannot be watched"):
        run_once(lambda: rws.watch(value))


def test_an_unknown_report_is_refused() -> None:
    with pytest.raises(rws.ConfigError, match="report"):
        run_once(lambda: rws.watch(Plain(), report="shout"))  # type: ignore[call-overload]


def test_two_runs_cannot_watch_at_once_in_one_process() -> None:
    errors: list[BaseException] = []

    def other() -> None:
        try:
            rws.run(racing)
        except rws.ReplayWsError as error:
            errors.append(error)

    async def program() -> None:
        rws.watch(Plain())
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()

    rws.run(program, threads="free")
    assert [type(error) for error in errors] == [rws.ConfigError]


# --- and all is put back --------------------------------------------------------------------------

PATCHED = [
    asyncio.Barrier,
    asyncio.Event,
    asyncio.Lock,
    asyncio.Queue,
    asyncio.Semaphore,
    asyncio.StreamReader,
    Plain,
    Slotted,
    VirtualFuture,
    VirtualLoop,
    VirtualTask,
    rws.MockWebSocketManager,
    threading.Event,
    threading.Thread,
]


@pytest.mark.parametrize("error", [None, ValueError("mine"), KeyboardInterrupt(), SystemExit()])
@pytest.mark.parametrize("threads", ["refuse", "managed"])
def test_after_a_run_everything_is_as_before(error: BaseException | None, threads: Any) -> None:
    async def program() -> None:
        lock, event, queue = asyncio.Lock(), asyncio.Event(), asyncio.Queue[int]()
        kept.extend([lock, event, queue, rws.watch(Plain(3, ["a"])), rws.watch(Slotted())])
        rws.watch(rws.MockWebSocketManager())
        await lock.acquire()
        event.set()
        queue.put_nowait(1)
        kept[3].names.append("b")
        kept[4].names.append("b")
        if error is not None:
            raise error

    kept: list[Any] = []
    before = [dict(vars(owner)) for owner in PATCHED]
    with pytest.raises(type(error)) if error is not None else contextlib.nullcontext():
        rws.run(program, threads=threads)
    assert [dict(vars(owner)) for owner in PATCHED] == before
    lock, event, queue, plain, slotted = kept
    assert (lock.locked(), event.is_set(), queue.get_nowait()) == (True, True, 1)
    assert (plain, slotted) == (Plain(3, ["a", "b"]), Slotted(0, ["b"]))
    assert type(plain.names) is type(slotted.names) is list


def test_a_list_that_somebody_else_has_stays_what_it_is() -> None:
    def program() -> bool:
        names = ["a"]
        thing = rws.watch(Plain(0, names))
        thing.names.append("b")
        return names is thing.names

    assert run_once(program)


# --- containers -----------------------------------------------------------------------------------


def by_key(mapping: Any) -> list[Any]:
    return sorted(mapping.items())


OPERATIONS: dict[type, tuple[Callable[[], Any], list[Callable[[Any], Any]]]] = {
    dict: (
        lambda: {"a": 1, "b": 2},
        [
            lambda d: d["a"],
            lambda d: d.get("z", 3),
            lambda d: ("a" in d, "z" in d, len(d), list(d), list(reversed(d))),
            lambda d: (list(d.keys()), list(d.values()), list(d.items()), d == {"a": 1}, d != {}),
            lambda d: (d | {"c": 3}, {"c": 3} | d, d.copy(), dict(d), {**d}, repr(d)),
            lambda d: d.update({"c": 3}, e=4),
            lambda d: d.update([("a", 5)]),
            lambda d: d.__ior__({"f": 6}),
            lambda d: (d.setdefault("a", 9), d.setdefault("n", 9)),
            lambda d: (d.pop("a"), d.pop("z", None), d.popitem()),
            lambda d: d.__setitem__("q", 1),
            lambda d: d.__delitem__("b"),
            lambda d: d["missing"],
            lambda d: d.pop("missing"),
            lambda d: (json.dumps(d), by_key(copy.copy(d)), by_key(copy.deepcopy(d))),
            lambda d: d.clear(),
            lambda d: d.popitem(),
        ],
    ),
    list: (
        lambda: [3, 1, 2],
        [
            lambda x: (x[0], x[-1], x[0:2], x[::-1], len(x), list(x), list(reversed(x))),
            lambda x: (3 in x, x.index(1), x.count(2), x + x, x * 2, 2 * x, x == [3], x < [9]),
            lambda x: x[9],
            lambda x: x.append(5),
            lambda x: x.extend(number for number in x[:2]),
            lambda x: x.extend(x),
            lambda x: x.__iadd__([7]),
            lambda x: x.__setitem__(0, 8),
            lambda x: x.__setitem__(-1, 8),
            lambda x: x.__setitem__(slice(0, 2), [1, 2, 3]),
            lambda x: x.__setitem__(99, 8),
            lambda x: (x.insert(1, 6), x.sort(), x.reverse(), x.remove(6)),
            lambda x: (x.pop(), x.pop(0)),
            lambda x: x.__delitem__(0),
            lambda x: x.__imul__(2),
            lambda x: (x.copy(), repr(x), json.dumps(x), copy.deepcopy(x), sorted(x)),
            lambda x: x.clear(),
            lambda x: x.pop(),
        ],
    ),
    set: (
        lambda: {1, 2},
        [
            lambda s: (1 in s, len(s), sorted(s), s == {1, 2}, s <= {1, 2, 3}, bool(s)),
            lambda s: (s | {3}, s & {1}, s - {1}, s ^ {1, 5}, {1} | s, s.union([4]), s.copy()),
            lambda s: (s.add(3), s.add(3), s.discard(9), s.remove(1)),
            lambda s: s.remove(99),
            lambda s: s.update([4, 5], {6}),
            lambda s: s.__ior__({7}),
            lambda s: (s.difference_update({4}), s.symmetric_difference_update({2, 8})),
            lambda s: (s.isdisjoint({99}), s.issuperset({5}), copy.deepcopy(s)),
            lambda s: len({s.pop(), s.pop()}),
            lambda s: s.clear(),
            lambda s: s.pop(),
        ],
    ),
    deque: (
        lambda: deque([1, 2, 3], maxlen=4),
        [
            lambda d: (d[0], len(d), list(d), 2 in d, d.index(2), d.maxlen, copy.deepcopy(d)),
            lambda d: (d.append(4), d.append(5), d.appendleft(0), d.rotate(1)),
            lambda d: (d.popleft(), d.pop()),
            lambda d: d.extend([7, 8]),
            lambda d: d.clear(),
            lambda d: d.pop(),
        ],
    ),
    defaultdict: (
        lambda: defaultdict(list, {"a": [1]}),
        [
            lambda d: (d["a"], d["new"], "other" in d, len(d)),
            lambda d: d["more"].append(1),
            lambda d: (d.default_factory, copy.deepcopy(d), d.copy()),
            lambda d: d.clear(),
        ],
    ),
}


@pytest.mark.parametrize("kind", OPERATIONS, ids=lambda kind: kind.__name__)
def test_a_container_that_tells_does_what_a_plain_one_does(kind: type) -> None:
    make, operations = OPERATIONS[kind]

    def outcome(operation: Callable[[Any], Any], value: Any) -> Any:
        try:
            return operation(value)
        except (KeyError, IndexError) as error:
            return repr(error)

    async def program() -> None:
        plain, telling = make(), rws.watch(make())
        assert isinstance(telling, kind)
        for operation in operations:
            assert outcome(operation, telling) == outcome(operation, plain)
            assert telling == plain
            assert len(telling) == len(plain)

    rws.run(program)


@pytest.mark.parametrize("kind", OPERATIONS, ids=lambda kind: kind.__name__)
def test_a_copy_of_a_container_that_tells_is_a_plain_one(kind: type) -> None:
    make, _ = OPERATIONS[kind]

    def program() -> list[Any]:
        telling = rws.watch(make())
        return [copy.copy(telling), copy.deepcopy(telling), pickle.loads(pickle.dumps(telling))]

    for copied in run_once(program):
        assert type(copied) is kind
        assert copied == make()


def test_a_container_goes_through_a_mock() -> None:
    async def program() -> list[Any]:
        mock = rws.MockWebSocketManager()
        event = rws.watch({"type": "agent_started", "data": rws.watch([1, 2])})
        await mock.send_to_thread("t", event)
        return [record["message"] for record in mock.messages]

    assert rws.run(program).value == [{"type": "agent_started", "data": [1, 2]}]


def test_a_container_is_silent_after_its_run() -> None:
    telling = run_once(lambda: rws.watch({"a": 1}))
    telling["b"] = 2
    assert telling == {"a": 1, "b": 2}


def test_a_key_is_named_without_an_address() -> None:
    key = object()

    async def program() -> None:
        cache: dict[Any, int] = rws.watch({}, report="collect")

        async def get() -> None:
            for name in (("k", 1), key):
                if name not in cache:
                    await asyncio.sleep(0)
                    cache[name] = 1

        await twice(get)

    (race,) = rws.run(program).races
    assert race.what == "dict[('k', 1)]"
    assert race.count == 2


@pytest.mark.parametrize("container", [Counter(), OrderedDict(), type("Own", (list,), {})()])
def test_a_container_of_another_class_is_refused_for_its_items_would_not_be_seen(
    container: Any,
) -> None:
    async def program() -> None:
        rws.watch(container)

    with pytest.raises(rws.ConfigError, match="cannot be watched"):
        rws.run(program)
