"""A tap on one's own object: the object notices nothing, and its calls are a session."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import json
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import pytest

import replay_ws as rws
from replay_ws.errors import CassetteError, ConfigError, ProgramError
from replay_ws.events.log import Op
from replay_ws.recorder.importers import export_jsonl
from replay_ws.recorder.taps import Tap
from replay_ws.report.events import stable_lines


class Gone(Exception):
    """An exception of the user's own."""


class Manager:
    """What a user has: it sends, counts and refuses."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    async def send_to_thread(self, thread_id: str, message: Any, *, retry: bool = False) -> bool:
        """Send one."""
        await asyncio.sleep(1)
        self.sent.append(message)
        match message:
            case {"type": "refused"}:
                return False
            case {"type": "gone"}:
                raise Gone("the socket is gone")
            case {"type": "slow"}:
                raise TimeoutError("no answer")
        return True

    async def emit(self, user_id: str, event_type: str, data: Any) -> bool:
        return await self.send_to_thread(user_id, {"type": event_type, "data": data})

    async def broadcast(self, threads: list[str], message: Any) -> list[bool]:
        return await asyncio.gather(*(self.send_to_thread(each, message) for each in threads))

    def notify(self, run_id: str, event_type: str, data: Any) -> None:
        self.sent.append(data)

    def count(self) -> int:
        return len(self.sent)

    def issue_token(self, user: str) -> str:
        return f"tok-{user}"

    @staticmethod
    def version() -> int:
        return 3

    @functools.lru_cache  # noqa: B019 - a callable that is no function
    def cached(self) -> int:
        return 4

    async def stream(self) -> AsyncIterator[int]:
        yield 1


def tapped(
    use: Callable[[Manager], Any], methods: Any = None, **options: Any
) -> tuple[Manager, rws.Session]:
    """Run ``use(manager)`` under a tap: the manager and what was recorded."""
    manager = Manager()

    async def program() -> rws.Session:
        async with rws.record(manager, methods, **options) as tap:
            outcome = use(manager)
            if inspect.isawaitable(outcome):
                await outcome
        return tap.session()

    return manager, rws.run(program).value


def calls(session: rws.Session) -> list[str]:
    """The rows about calls, without numbers."""
    lines = (line.partition(" ")[2] for line in stable_lines(session))
    return [line for line in lines if line.split()[0] in ("call", "return")]


# --- the object ----------------------------------------------------------------------------------


def test_results_and_exceptions_are_the_very_same_objects() -> None:
    class Echo:
        def give(self, item: Any) -> Any:
            if isinstance(item, Exception):
                raise item
            return item

    echo, given, error = Echo(), object(), Gone("x")
    with rws.record(echo, ["give"]):
        assert echo.give(given) is given
        with pytest.raises(Gone) as raised:
            echo.give(error)
    assert raised.value is error
    assert vars(error) == {}


def test_a_tapped_method_looks_like_itself() -> None:
    manager = Manager()
    names = ("send_to_thread", "notify", "version")
    before = {name: getattr(manager, name) for name in names}
    with rws.record(manager, names):
        for name, own in before.items():
            stand_in = getattr(manager, name)
            assert stand_in is not own
            assert inspect.signature(stand_in) == inspect.signature(own)
            assert (stand_in.__name__, stand_in.__doc__) == (own.__name__, own.__doc__)
            assert inspect.iscoroutinefunction(stand_in) == inspect.iscoroutinefunction(own)
            assert inspect.ismethod(stand_in) == inspect.ismethod(own)


def test_the_object_is_as_before_when_the_recording_ends() -> None:
    manager = Manager()
    own = vars(manager)["count"] = lambda: 7
    order = list(vars(manager))
    with pytest.raises(ZeroDivisionError), rws.record(manager):
        _ = manager.count() / 0
    assert list(vars(manager)) == order
    assert vars(manager)["count"] is own


def test_what_the_program_put_there_meanwhile_stays() -> None:
    manager = Manager()
    with rws.record(manager, ["count", "version"]):
        mine = vars(manager)["count"] = lambda: 7
        del manager.version
    assert vars(manager)["count"] is mine
    assert "version" not in vars(manager)


def test_a_stand_in_that_was_kept_goes_on_working_and_is_not_recorded() -> None:
    manager = Manager()
    with rws.record(manager, ["count"]) as tap:
        kept = manager.count
    digest = tap.session().digest
    assert kept() == 0
    assert tap.session().digest == digest


def test_taps_may_be_nested() -> None:
    manager = Manager()
    with rws.record(manager, ["count"]) as outer, rws.record(manager, ["count"]) as inner:
        manager.count()
    assert calls(outer.session()) == calls(inner.session()) == ["call count()", "return count -> 0"]
    assert "count" not in vars(manager)


class Slots:
    __slots__ = ("sent",)

    def count(self) -> int:
        return 0


class Property:
    @property
    def count(self) -> Callable[[], int]:
        return lambda: 0


@pytest.mark.parametrize(
    ("manager", "methods", "words"),
    [
        (Slots(), ["count"], "__slots__"),
        (Manager, ["count"], "is a class"),
        (Property(), ["count"], "cannot be replaced"),
        (Manager(), ["stream"], "is a generator"),
        (Manager(), ["cuont"], "did you mean 'count'?"),
        (Manager(), ["sent"], "unknown method"),
        (Manager(), "count", r"methods=\['count'\]"),
        (Manager(), [7], "unknown method"),
        (Manager(), {"emit": ("user", "data")}, "did you mean 'user_id'?"),
        (Manager(), {"emit": ("user_id",)}, "names no two parameters"),
    ],
)
def test_what_cannot_be_recorded_is_refused_with_the_reason(
    manager: object, methods: Any, words: str
) -> None:
    before = dict(vars(manager)) if hasattr(manager, "__dict__") else {}
    with pytest.raises(ConfigError, match=words), rws.record(manager, methods):
        pass
    assert (dict(vars(manager)) if hasattr(manager, "__dict__") else {}) == before


def test_a_subclass_makes_room_where_slots_leave_none() -> None:
    class Recorded(Slots):
        pass

    with rws.record(Recorded()) as tap:
        tap.manager.count()  # type: ignore[attr-defined]
    assert calls(tap.session()) == ["call count()", "return count -> 0"]


def test_without_names_every_public_method_is_recorded_but_generators() -> None:
    with rws.record(Manager()) as tap:
        names = [line.split("(")[0].split()[-1] for line in stable_lines(tap.session())]
    assert names[2:-1] == [
        *("broadcast", "cached", "count", "emit", "issue_token"),
        *("notify", "send_to_thread", "version"),
    ]


def test_wrong_options_are_refused() -> None:
    for options in ({"clock": "sun"}, {"to": 7}, {"redactor": "none"}):
        with pytest.raises(ConfigError):
            rws.record(Manager(), **options)
    tap = rws.record(Manager())
    with pytest.raises(ProgramError):
        tap.session()
    with tap, pytest.raises(ProgramError):
        tap.__enter__()


# --- what is recorded ----------------------------------------------------------------------------


def test_a_call_is_recorded_with_its_defaults_and_what_it_gave() -> None:
    _, session = tapped(lambda manager: manager.send_to_thread("t1", {"type": "a"}))
    assert calls(session) == [
        'call send_to_thread(thread_id="t1", message={"type":"a"}, retry=false)',
        "return send_to_thread -> true",
    ]


@pytest.mark.parametrize(
    ("kind", "fate"),
    [
        ("a", rws.Fate.DELIVERED),
        ("refused", rws.Fate.REJECTED_FAILURE),
        ("gone", rws.Fate.REJECTED_FAILURE),
        ("slow", rws.Fate.IN_DOUBT),
    ],
)
def test_a_call_that_sends_is_a_message_with_the_fate_that_it_told(
    kind: str, fate: rws.Fate
) -> None:
    async def use(manager: Manager) -> None:
        with contextlib.suppress(Gone, TimeoutError):
            await manager.send_to_thread("t1", {"type": kind})

    _, session = tapped(use)
    [event] = session.events
    assert (event.connection, event.type, event.outcome) == ("t1", kind, fate)
    assert event.payload == {"type": kind}
    assert event.direction == 0
    assert session.ledger.sent == 1


def test_a_cancelled_send_is_in_doubt() -> None:
    async def use(manager: Manager) -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(manager.send_to_thread("t1", {"type": "a"}), 0.5)

    _, session = tapped(use)
    assert session.ledger.fates == {rws.Fate.IN_DOUBT: 1}


def test_the_type_may_be_a_parameter_of_its_own() -> None:
    _, session = tapped(lambda manager: manager.notify("run-1", "agent_started", {"x": 1}))
    [event] = session.delivered()
    assert (event.connection, event.type) == ("run-1", "agent_started")
    assert event.payload == {"type": "agent_started", "data": {"x": 1}}


def test_a_mapping_says_what_is_a_message() -> None:
    said = {"issue_token": ("user", "user"), "notify": None}

    def use(manager: Manager) -> None:
        manager.issue_token("ann")
        manager.notify("run-1", "a", {})

    _, session = tapped(use, said)
    assert [(event.connection, event.payload) for event in session.events] == [("ann", "ann")]


def test_what_comes_from_the_client_goes_upstream() -> None:
    class Server:
        def handle_message(self, user_id: str, message: str) -> None:
            pass

    with rws.record(server := Server()) as tap:
        server.handle_message("ann", '{"type": "hello"}')
    [event] = tap.session().events
    assert (event.direction.name, event.type, event.op) == ("UPSTREAM", "hello", Op.TEXT)


def test_of_sends_within_sends_the_innermost_are_the_messages() -> None:
    async def use(manager: Manager) -> None:
        await manager.emit("t1", "a", 1)
        await manager.broadcast(["t2", "t3"], {"type": "b"})

    _, session = tapped(use)
    sent = [(event.connection, event.type) for event in session.delivered()]
    assert sent == [("t1", "a"), ("t2", "b"), ("t3", "b")]


def test_tasks_that_call_at_once_are_kept_apart() -> None:
    async def use(manager: Manager) -> None:
        sends = (manager.send_to_thread(f"t{n}", {"type": "a", "n": n}) for n in range(20))
        await asyncio.gather(*sends)

    _, session = tapped(use)
    log = session.log
    given = {log.indexes[row]: log.value(row) for row in rows(session, Op.CALL)}
    done = [log.indexes[row] for row in rows(session, Op.RETURN)]
    assert [given[n]["arguments"]["thread_id"] for n in done] == [f"t{n}" for n in range(20)]
    assert session.end_ns == 10**9


def rows(session: rws.Session, op: Op) -> list[int]:
    return [row for row, each in enumerate(session.log.ops) if each == op]


def test_threads_that_call_at_once_are_kept_apart() -> None:
    manager = Manager()
    with rws.record(manager, ["notify"]) as tap, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: manager.notify(f"t{n % 8}", "a", n), range(800)))
    session = tap.session()
    assert session.ledger.delivered == len(manager.sent) == 800
    assert sorted(event.payload["data"] for event in session.delivered()) == list(range(800))
    assert len(rows(session, Op.RETURN)) == 800
    assert rws.replay(session).digest == session.digest


def test_a_coroutine_from_a_plain_function_is_recorded_when_it_is_awaited() -> None:
    class Decorated:
        def send(self, thread_id: str, message: str) -> Any:
            return self._send(message)

        async def _send(self, message: str) -> str:
            await asyncio.sleep(2)
            return message.upper()

    async def program() -> tuple[str, rws.Session]:
        with rws.record(manager := Decorated()) as tap:
            return await manager.send("t1", "hi"), tap.session()

    value, session = rws.run(program).value
    assert value == "HI"
    assert calls(session)[-1] == 'return send -> "HI"'
    assert session.delivered()[0].time_ns == 2 * 10**9


def test_a_mock_of_the_standard_library_is_an_object_too() -> None:
    class Holder:
        send = None

    async def program() -> rws.Session:
        holder = Holder()
        holder.send = AsyncMock(return_value=5)
        with rws.record(holder, ["send"]) as tap:
            assert await holder.send(1, two=2) == 5
        holder.send.assert_awaited_once_with(1, two=2)
        return tap.session()

    session = rws.run(program).value
    assert calls(session) == ['call send(args=[1], kwargs={"two":2})', "return send -> 5"]


def test_a_call_with_wrong_arguments_fails_as_ever() -> None:
    manager = Manager()
    with rws.record(manager, ["notify"]) as tap, pytest.raises(TypeError, match="event_type"):
        manager.notify("run-1")  # type: ignore[call-arg]
    assert calls(tap.session())[0] == 'call notify(args=["run-1"], kwargs={})'


class Hostile:
    """Raises at everything that a recorder might do to a value."""

    __hash__ = None  # type: ignore[assignment]

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __repr__(self) -> str:
        raise RuntimeError("repr")

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("eq")


class Model:
    def model_dump(self) -> Any:
        raise RuntimeError("half built")


def cycle() -> Any:
    inner: list[Any] = []
    inner.append(inner)
    return {"inner": inner}


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Hostile(), '"<Hostile>"'),
        (lambda: Model(), '"<Model>"'),
        (lambda: {"type": "a", "socket": Hostile()}, '{"type":"a","socket":"<Hostile>"}'),
        (lambda: [1, {2}, (Model(), "x")], '[1,[2],["<Model>","x"]]'),
        (lambda: cycle(), '{"inner":["<list>"]}'),
        (lambda: {Model: 1}, '{"<type>":1}'),
        (lambda: "\ud800", '"\\ud800"'),
        (lambda: b"\xff", '"0xff"'),
        (lambda: float("nan"), '"nan"'),
        (lambda: 1 << 80, str(1 << 80)),
    ],
)
def test_whatever_is_passed_around_arrives_and_something_of_it_is_recorded(
    make: Callable[[], Any], told: str
) -> None:
    value = make()

    class Echo:
        def send(self, thread_id: str, message: Any) -> Any:
            return message

    echo = Echo()
    with rws.record(echo) as tap:
        assert echo.send("t1", value) is value
    assert calls(tap.session()) == [
        f'call send(thread_id="t1", message={told})',
        f"return send -> {told}",
    ]
    assert tap.session().ledger.delivered == 1


def test_a_later_change_of_an_argument_does_not_reach_the_record() -> None:
    def use(manager: Manager) -> None:
        data = {"n": 1}
        manager.notify("run-1", "a", data)
        data["n"] = 2

    _, session = tapped(use)
    assert session.delivered()[0].payload["data"] == {"n": 1}


def test_secrets_of_arguments_results_and_exceptions_stay_out(tmp_path: Path) -> None:
    key = "sk-live-51H8xTqP0vLmN2"

    class Leaky:
        def send(self, thread_id: str, message: Any, api_key: str) -> str:
            return f"sent with {api_key}"

        def fail(self, password: str) -> None:
            raise ValueError(f"{password} is wrong")

        def issue_token(self, user: str) -> str:
            return "hunter-two"

    path = tmp_path / "own.rws"
    with rws.record(leaky := Leaky(), to=path) as tap:
        leaky.send(key, {"note": f"key {key}"}, key)
        with pytest.raises(ValueError, match="correct horse"):
            leaky.fail("correct horse")
        assert leaky.issue_token("ann") == "hunter-two"
    data = path.read_bytes()
    for secret in (key, "correct horse", "hunter-two"):
        assert secret.encode() not in data
    assert tap.session().connections == ("<secret-1>",)
    open_path = tmp_path / "open.rws"
    with rws.record(leaky, to=open_path, redactor=None):
        leaky.issue_token("ann")
    assert b"hunter-two" in open_path.read_bytes()


# --- the cassette --------------------------------------------------------------------------------


def test_the_cassette_is_the_session(tmp_path: Path) -> None:
    manager = Manager()
    with rws.record(manager, to=tmp_path / "own.rws") as tap:
        manager.notify("run-1", "a", 1)
    assert tap.recorded == tmp_path / "own.rws"
    assert rws.load(tap.recorded).digest == tap.session().digest
    assert rws.replay(tap.recorded).digest == tap.session().digest
    rws.save(tap.session(), tmp_path / "again.rws")
    assert (tmp_path / "again.rws").read_bytes() == tap.recorded.read_bytes()


@pytest.mark.parametrize("inside", [False, True])
def test_a_block_that_fails_keeps_its_cassette_and_replaces_none(
    tmp_path: Path, inside: bool
) -> None:
    path = tmp_path / "own.rws"
    path.write_bytes(b"golden")

    def use() -> None:
        with rws.record(manager := Manager(), to=path):
            manager.notify("run-1", "a", 1)
            raise Gone("here")

    async def program() -> None:
        use()

    with pytest.raises(Gone) as raised:
        rws.run(program) if inside else use()
    assert path.read_bytes() == b"golden"
    failed = rws.load(tmp_path / "own.rws.failed")
    assert failed.end == {"status": "error", "error": "Gone", "message": "here"}
    assert failed.ledger.delivered == 1
    assert "own.rws.failed" in raised.value.__notes__[0]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["own.rws", "own.rws.failed"]


def test_a_cassette_that_cannot_be_written_is_an_error_before_anything_is_replaced(
    tmp_path: Path,
) -> None:
    manager = Manager()
    with pytest.raises(CassetteError), rws.record(manager, to=tmp_path / "no" / "own.rws"):
        pass
    assert list(vars(manager)) == ["sent"]


def test_a_recording_that_is_refused_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError), rws.record(Property(), ["count"], to=tmp_path / "own.rws"):
        pass
    assert list(tmp_path.iterdir()) == []


# --- time ----------------------------------------------------------------------------------------


def test_within_a_run_the_times_are_the_runs_and_its_own_session_is_as_without() -> None:
    async def program(tap: bool) -> rws.Session | None:
        own, mock = Manager(), rws.MockWebSocketManager()
        recording = rws.record(own) if tap else None
        if recording is not None:
            recording.__enter__()
        await own.send_to_thread("t1", {"type": "a"})
        await mock.send_to_thread("t1", {"type": "a"})
        if recording is None:
            return None
        recording.__exit__(None, None, None)
        return recording.session()

    with_tap = rws.run(lambda: program(True), seed=7)
    without = rws.run(lambda: program(False), seed=7)
    assert with_tap.digest == without.digest
    assert with_tap.value is not None
    assert with_tap.value.delivered()[0].time_ns == 10**9
    assert with_tap.value.seed == 7


def test_elsewhere_no_time_passes_so_that_the_same_calls_leave_the_same_bytes() -> None:
    def digest() -> str:
        with rws.record(manager := Manager()) as tap:
            manager.notify("run-1", "a", 1)
        return tap.session().digest

    assert digest() == digest()


def test_the_hosts_clock_is_there_for_who_asks() -> None:
    with rws.record(manager := Manager(), clock="host") as tap:
        manager.notify("run-1", "a", 1)
        manager.notify("run-1", "a", 2)
    first, second = (event.time_ns for event in tap.session().delivered())
    assert 0 < first < second


def test_the_hosts_clock_is_refused_within_a_run() -> None:
    async def program() -> None:
        with rws.record(Manager(), clock="host"):
            pass

    with pytest.raises(ConfigError, match="time is virtual"):
        rws.run(program)


def test_a_run_with_managed_threads_goes_as_without_a_tap() -> None:
    def steps(tap: bool) -> tuple[list[int], str]:
        manager = Manager()

        async def program() -> list[int]:
            with Tap(manager, ["notify"] if tap else []):
                work = (asyncio.to_thread(manager.notify, f"t{n}", "a", n) for n in range(6))
                await asyncio.gather(*work)
            return manager.sent

        out = rws.run(program, seed=3, schedule="random", threads="managed")
        return out.value, out.digest

    assert steps(True) == steps(False)


# --- what the rest of the tool makes of it -------------------------------------------------------


def test_own_sessions_are_compared_checked_and_replayed_like_any() -> None:
    def session(*kinds: str) -> rws.Session:
        def use(manager: Manager) -> None:
            for kind in kinds:
                manager.notify("run-1", kind, {"tool_name": "refund"})

        return tapped(use)[1]

    whole = session(
        *("agent_started", "agent_thinking", "tool_executing"), "tool_completed", "agent_completed"
    )
    short = session("agent_started", "agent_thinking", "tool_executing", "agent_completed")
    assert rws.compare(whole, whole).same
    assert [each.category for each in rws.compare(whole, short).divergences] == ["missing"]
    assert rws.check(whole).score > rws.check(short).score
    lost = rws.replay(whole, mode="packet_loss", config=rws.MockConfiguration(packet_loss_rate=1))
    assert lost.ledger.lost == 5


def test_no_mode_delivers_what_the_object_did_not_send() -> None:
    async def use(manager: Manager) -> None:
        await manager.send_to_thread("t1", {"type": "refused"})

    _, session = tapped(use)
    for mode in rws.MockBehaviorMode:
        assert rws.replay(session, mode=mode, seed=1).ledger.rejected == 1


def test_an_unsent_message_is_exported_with_what_became_of_it() -> None:

    _, session = tapped(lambda manager: manager.send_to_thread("t1", {"type": "refused"}))
    [line] = export_jsonl(session)
    assert json.loads(line)["outcome"] == "rejected (failure)"
    assert json.loads(line)["payload"] == {"type": "refused"}


def test_a_container_that_changes_while_it_is_taken_down_is_no_trouble() -> None:
    class Growing:
        """Encoding it changes the dict that it is in, as another thread might."""

        def __init__(self, home: dict[Any, Any]) -> None:
            self.home = home

        def model_dump(self) -> Any:
            self.home[len(self.home)] = 0
            raise RuntimeError("changed")

    def use(manager: Manager) -> None:
        data: dict[Any, Any] = {}
        data["growing"] = Growing(data)
        manager.notify("run-1", "a", data)

    manager, session = tapped(use)
    assert len(manager.sent) == 1
    assert session.delivered()[0].payload == {"type": "a", "data": "<dict>"}
