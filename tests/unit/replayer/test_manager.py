"""A stand-in from a cassette: the same calls get the same answers, and another call is an error."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import replay_ws as rws
from replay_ws.errors import CassetteError, ConfigError
from replay_ws.events.log import Header, Log, Op
from replay_ws.replayer.recorded import RecordedSession

Program = Callable[[Any], Awaitable[Any]]


class Gone(Exception):
    """An exception of the user's own."""


class Manager:
    """What was recorded."""

    async def send_to_thread(self, thread_id: str, message: Any, *, retry: bool = False) -> bool:
        await asyncio.sleep(message.get("takes", 0))
        raised = message.get("raises")
        if raised is not None:
            raise raised
        return bool(message.get("ok", True))

    async def twice(self, thread_id: str, message: Any) -> None:
        await self.send_to_thread(thread_id, message)
        await self.send_to_thread(thread_id, message)

    def count(self, *names: str, **more: int) -> dict[str, int]:
        return {name: len(name) for name in names} | more

    def later(self) -> Any:
        return self._later()

    async def _later(self) -> str:
        return "later"


def recorded(program: Program) -> RecordedSession:
    """The session of ``program(manager)`` on the real manager."""

    async def main() -> rws.Session:
        with rws.record(manager := Manager()) as tap:
            await program(manager)
        return tap.session()

    return rws.replay(rws.run(main).value)


def replayed(session: RecordedSession, program: Program, **options: Any) -> Any:
    """What ``program`` gives on the stand-in, which must answer all of it."""

    async def main() -> Any:
        async with session.as_manager(**options) as manager:
            return await program(manager)

    return rws.run(main).value


def told(thread: str, kind: str, **more: Any) -> tuple[str, dict[str, Any]]:
    return thread, {"type": kind, **more}


async def story(manager: Any) -> list[Any]:
    """A bit of everything; returns what the program saw."""
    loop = asyncio.get_running_loop()
    seen: list[Any] = [manager.count("a", "bc", d=4), await manager.later()]
    sends = (manager.send_to_thread(*told(f"t{n}", "a", takes=3 - n)) for n in range(3))
    seen.append(await asyncio.gather(*sends))
    seen.append(await manager.send_to_thread(*told("t1", "b", ok=False), retry=True))
    for error in (ValueError("x", 1), KeyError("k"), OSError(2, "no such thing")):
        try:
            await manager.send_to_thread(*told("t1", "c", raises=error))
        except Exception as raised:
            seen.append((type(raised), str(raised)))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(manager.send_to_thread(*told("t1", "d", takes=9)), 0.5)
    await manager.twice(*told("t2", "e"))
    return [*seen, loop.time()]


# --- the same program ----------------------------------------------------------------------------


def test_the_same_program_sees_the_same_at_the_same_times() -> None:
    session = recorded(story)
    real = rws.run(lambda: story(Manager())).value
    for order in ("lockstep", "thread"):
        assert replayed(session, story, order=order) == real


def test_a_cassette_from_a_file_will_do(tmp_path: Path) -> None:
    rws.save(recorded(story), tmp_path / "own.rws")
    real = rws.run(lambda: story(Manager())).value
    assert replayed(rws.load(tmp_path / "own.rws"), story) == real


def test_outside_of_a_run_nothing_takes_time() -> None:
    async def program(manager: Any) -> list[bool]:
        return [await manager.send_to_thread(*told("t1", "a", takes=3600)) for _ in range(3)]

    manager = recorded(program).as_manager()
    assert asyncio.run(program(manager)) == [True] * 3
    manager.finish()


def test_the_stand_in_has_the_recorded_methods_and_their_signatures() -> None:
    manager = recorded(story).as_manager()
    assert str(inspect.signature(manager.send_to_thread)) == "(thread_id, message, *, retry=False)"
    assert str(inspect.signature(manager.count)) == "(*names, **more)"
    assert inspect.iscoroutinefunction(manager.send_to_thread)
    assert not inspect.iscoroutinefunction(manager.count)
    assert manager.count.__name__ == "count"
    assert not hasattr(manager, "cuont")
    with pytest.raises(AttributeError, match="only: count, later, send_to_thread, twice"):
        _ = manager.cuont


def test_tasks_meet_in_the_order_in_which_they_did() -> None:
    """Each agent goes on when its own send is back; nothing takes time but turns of the loop."""

    class Turns:
        async def send(self, thread_id: str, message: int) -> int:
            for _ in range(message % 5):
                await asyncio.sleep(0)
            return message

    async def program(manager: Any) -> None:
        async def agent(name: str, start: int) -> None:
            for step in range(start, start + 4):
                await manager.send(name, step)

        await asyncio.gather(*(agent(f"t{n}", 3 * n) for n in range(4)))

    async def main() -> rws.Session:
        with rws.record(turns := Turns()) as tap:
            await program(turns)
        return tap.session()

    session = rws.replay(asyncio.run(main()))
    replayed(session, program)
    manager = session.as_manager()
    asyncio.run(program(manager))  # type: ignore[arg-type]
    manager.finish()


def test_threads_are_answered_in_the_order_of_their_connections() -> None:
    class Plain:
        def send(self, thread_id: str, message: int) -> int:
            return message * 2

    def program(manager: Any) -> list[list[int]]:
        def agent(n: int) -> list[int]:
            return [manager.send(f"t{n}", step) for step in range(50)]

        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(agent, range(4)))

    with rws.record(plain := Plain()) as tap:
        real = program(plain)
    with rws.replay(tap.session()).as_manager("thread") as manager:
        assert program(manager) == real


def test_an_answer_that_the_program_changes_stays_in_the_recording() -> None:
    class Box:
        def give(self) -> list[int]:
            return [1]

    with rws.record(box := Box()) as tap:
        box.give()
    session = rws.replay(tap.session())
    for _ in range(2):
        with session.as_manager() as manager:
            manager.give().append(2)
    with session.as_manager() as manager:
        assert manager.give() == [1]


# --- exceptions ----------------------------------------------------------------------------------


async def failing(manager: Any) -> None:
    await manager.send_to_thread(*told("t1", "a", raises=Gone("bye")))


def failed() -> RecordedSession:
    async def program(manager: Any) -> None:
        with contextlib.suppress(Gone):
            await failing(manager)

    return recorded(program)


def test_an_exception_of_the_users_own_is_named() -> None:
    with pytest.raises(rws.RecordedError, match=r"Gone: bye") as raised:
        replayed(failed(), failing)
    assert (raised.value.type.rpartition(".")[2], raised.value.message) == ("Gone", "bye")


def test_an_exception_of_the_users_own_is_raised_where_its_class_is_given() -> None:
    with pytest.raises(Gone, match="bye"):
        replayed(failed(), failing, errors=[Gone])


# --- another program -----------------------------------------------------------------------------


async def three(manager: Any) -> None:
    for kind in ("a", "b", "c"):
        await manager.send_to_thread(*told("t1", kind, n=len(kind)))


def test_the_first_other_call_is_an_error_with_the_nearest_one() -> None:
    async def other(manager: Any) -> None:
        await manager.send_to_thread(*told("t1", "a", n=1))
        await manager.send_to_thread(*told("t1", "c", n=2))

    with pytest.raises(rws.ReplayMismatch) as raised:
        replayed(recorded(three), other)
    error = raised.value
    assert isinstance(error, AssertionError)
    shown = 'send_to_thread(thread_id="t1", message={"type":"%s","n":%d}, retry=false)'
    assert error.expected == "#1 " + shown % ("b", 1)
    assert error.actual == shown % ("c", 2)
    assert error.nearest == "#2 " + shown % ("c", 1)
    assert error.details == ("$.message.n: 1 -> 2",)
    for part in (error.expected, error.actual, error.nearest, *error.details, "mend: "):
        assert part in str(error)


def test_another_method_is_another_call() -> None:
    with pytest.raises(rws.ReplayMismatch) as raised:
        replayed(recorded(story), lambda manager: manager.later())
    assert raised.value.expected.startswith("#0 count(")
    assert raised.value.nearest == "#1 later()"


def test_one_call_too_many_is_an_error() -> None:
    async def more(manager: Any) -> None:
        await three(manager)
        await three(manager)

    with pytest.raises(rws.ReplayMismatch) as raised:
        replayed(recorded(three), more)
    assert raised.value.expected == "no further call"


def test_calls_that_were_never_made_are_named_at_the_end() -> None:
    async def less(manager: Any) -> None:
        await manager.send_to_thread(*told("t1", "a", n=1))

    with pytest.raises(rws.ReplayMismatch, match="2 recorded calls were never made") as raised:
        replayed(recorded(three), less)
    assert [call.split("(")[0] for call in raised.value.missing] == [
        "#1 send_to_thread",
        "#2 send_to_thread",
    ]


def test_a_mismatch_that_the_program_swallows_comes_at_the_end() -> None:
    async def careless(manager: Any) -> None:
        with contextlib.suppress(Exception):
            await manager.send_to_thread("t9", {})

    with pytest.raises(rws.ReplayMismatch, match="call 0"):
        replayed(recorded(three), careless)


def test_an_exception_of_the_program_is_not_hidden_by_what_it_did_not_call() -> None:
    async def broken(manager: Any) -> None:
        raise Gone

    with pytest.raises(Gone):
        replayed(recorded(three), broken)


def test_by_thread_only_the_order_of_each_connection_counts() -> None:
    async def forth(manager: Any) -> None:
        for thread in ("t1", "t2"):
            await manager.send_to_thread(*told(thread, "a"))
            await manager.send_to_thread(*told(thread, "b"))

    async def back(manager: Any) -> None:
        for kind in ("a", "b"):
            for thread in ("t2", "t1"):
                await manager.send_to_thread(*told(thread, kind))

    session = recorded(forth)
    replayed(session, back, order="thread")
    with pytest.raises(rws.ReplayMismatch, match='order="thread"'):
        replayed(session, back)


@pytest.mark.parametrize("same", [1.0, True, "1", [1], None])
def test_arguments_are_equal_only_if_their_types_are(same: Any) -> None:
    async def program(manager: Any, value: Any = 1) -> None:
        await manager.send_to_thread(*told("t1", "a", value=value))

    with pytest.raises(rws.ReplayMismatch):
        replayed(recorded(program), lambda manager: program(manager, same))


def test_the_order_of_keys_does_not_matter() -> None:
    async def forth(manager: Any) -> None:
        await manager.send_to_thread(thread_id="t1", message={"type": "a", "n": 1})

    async def back(manager: Any) -> None:
        await manager.send_to_thread("t1", {"n": 1, "type": "a"}, retry=False)

    replayed(recorded(forth), back)


def test_a_wrong_option_is_refused() -> None:
    with pytest.raises(ConfigError, match="unknown order"):
        recorded(three).as_manager("random")  # type: ignore[arg-type]


# --- secrets -------------------------------------------------------------------------------------


async def with_secrets(manager: Any, *keys: str) -> None:
    for key in keys:
        await manager.send_to_thread(*told("t1", "a", api_key=key, step=1))


def test_arguments_are_compared_without_their_secrets_and_these_are_not_shown() -> None:
    session = recorded(lambda manager: with_secrets(manager, "sk-live-51H8xTqP0vLmN2", "k-two-222"))
    replayed(session, lambda manager: with_secrets(manager, "sk-live-999999999999999", "other-one"))

    async def other(manager: Any) -> None:
        await manager.send_to_thread(*told("t1", "a", api_key="sk-live-999999999999999", step=2))

    with pytest.raises(rws.ReplayMismatch) as raised:
        replayed(session, other)
    assert "999" not in str(raised.value)
    assert raised.value.details == ("$.message.step: 1 -> 2",)


def test_a_placeholder_that_was_answered_is_taken_back() -> None:
    class Auth:
        def login(self, user: str) -> dict[str, str]:
            return {"token": "correct horse battery"}

        def send(self, thread_id: str, message: Any) -> bool:
            return True

    def program(auth: Any) -> None:
        auth.send("t1", {"type": "hello", **auth.login("ann")})

    with rws.record(auth := Auth()) as tap:
        program(auth)
    with rws.replay(tap.session()).as_manager() as manager:
        program(manager)


# --- modes ---------------------------------------------------------------------------------------


async def many(manager: Any) -> list[bool]:
    return [await manager.send_to_thread(*told("t1", "a", n=n)) for n in range(40)]


def test_what_a_mode_rejects_answers_false_and_what_it_loses_as_recorded() -> None:
    session = recorded(many)
    for mode, options in (("packet_loss", {}), ("auth_failure", {}), ("network_partition", {})):
        again = rws.replay(session, mode=mode, seed=3, **options)
        accepted = [event.outcome.accepted for event in again.events]
        assert replayed(again, many) == accepted
        assert again.ledger.lost + again.ledger.rejected > 0


def test_what_a_mode_delays_takes_its_time() -> None:
    async def timed(manager: Any) -> float:
        await manager.send_to_thread(*told("t1", "a", takes=1))
        return asyncio.get_running_loop().time()

    again = rws.replay(recorded(timed), config=rws.MockConfiguration(latency_ms=200))
    assert replayed(again, timed) == 1.2


# --- a cassette of our own mock ------------------------------------------------------------------


def mocked(**fields: Any) -> tuple[list[bool], RecordedSession]:
    async def program() -> list[bool]:
        mock = rws.MockWebSocketManager(**fields)
        return await chat(mock)

    out = rws.run(program, seed=5)
    return out.value, rws.replay(out)


async def chat(mock: Any) -> list[bool]:
    sent = []
    for n in range(20):
        sent.append(await mock.send_to_thread("t1", {"type": "a", "n": n}))
        sent.append(await mock.receive_from_thread("t1", "pong"))
        sent.append(await mock.send_to_thread("t2", b"\xff"))
    return sent


@pytest.mark.parametrize("mode", list(rws.MockBehaviorMode))
def test_a_cassette_of_the_mock_gives_a_manager_too(mode: rws.MockBehaviorMode) -> None:
    answers, session = mocked(mode=mode)
    assert replayed(session, chat) == answers


def test_what_the_mock_could_not_encode_is_answered_again() -> None:
    async def program(mock: Any) -> list[bool]:
        return [await mock.send_to_thread("t1", {"socket": object()})]

    async def main() -> list[bool]:
        return await program(rws.MockWebSocketManager())

    out = rws.run(main)
    assert replayed(rws.replay(out), program) == out.value == [False]


# --- calls that did not come back ----------------------------------------------------------------


def unfinished() -> RecordedSession:
    async def main() -> rws.Session:
        with rws.record(manager := Manager()) as tap:
            task = asyncio.ensure_future(manager.send_to_thread(*told("t1", "a", takes=9)))
            await asyncio.sleep(1)
        task.cancel()
        return tap.session()

    return rws.replay(rws.run(main).value)


def test_a_call_that_had_not_come_back_waits_to_be_cancelled() -> None:
    session = unfinished()
    assert session.ledger.sent == 0

    async def program(manager: Any) -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(manager.send_to_thread(*told("t1", "a", takes=9)), 1)

    replayed(session, program)


# --- hostile cassettes ---------------------------------------------------------------------------

METHOD = {"name": "send", "kind": "sync", "parameters": [{"name": "x", "kind": "keyword_only"}]}
SENDS = {"connection": "x", "message": "x", "type": "", "direction": 0}
CALL = {"name": "send", "arguments": {"x": 1}}
RETURN = {"name": "send", "value": 2}


def hostile(*rows: tuple[Op, Any]) -> RecordedSession:
    """A session whose rows about calls are as given."""
    log = Log(Header())
    for op, about in rows:
        log.note(op, 0, 0, about)
    return RecordedSession(log)


def test_rows_written_by_hand_are_calls() -> None:
    rows = ((Op.METHOD, METHOD), (Op.CALL, CALL), (Op.RETURN, RETURN))
    with hostile(*rows).as_manager() as manager:
        assert manager.send(x=1) == 2


@pytest.mark.parametrize(
    "rows",
    [
        [(Op.METHOD, 7)],
        [(Op.METHOD, {})],
        [(Op.METHOD, METHOD | {"kind": "magic"})],
        [(Op.METHOD, METHOD | {"name": 7})],
        [(Op.METHOD, METHOD | {"parameters": [{"name": "a b", "kind": "keyword_only"}]})],
        [(Op.METHOD, METHOD | {"parameters": [{"name": "x", "kind": "loud"}]})],
        [(Op.METHOD, METHOD | {"parameters": 7})],
        [(Op.METHOD, METHOD | {"sends": {"connection": "x"}})],
        [(Op.METHOD, METHOD | {"sends": SENDS | {"connection": []}})],
        [(Op.METHOD, METHOD | {"sends": SENDS | {"direction": 7}})],
        [(Op.METHOD, METHOD), (Op.CALL, {"name": "other", "arguments": {}})],
        [(Op.METHOD, METHOD), (Op.CALL, {"name": [], "arguments": {}})],
        [(Op.METHOD, METHOD), (Op.CALL, {"name": "send", "arguments": 7})],
        [(Op.METHOD, METHOD), (Op.CALL, CALL), (Op.CALL, CALL)],
        [(Op.METHOD, METHOD), (Op.RETURN, RETURN)],
        [(Op.METHOD, METHOD), (Op.CALL, CALL), (Op.RETURN, RETURN), (Op.RETURN, RETURN)],
        [(Op.METHOD, METHOD), (Op.CALL, CALL), (Op.RETURN, {"name": "send"})],
        [(Op.METHOD, METHOD), (Op.CALL, CALL), (Op.RETURN, {"name": "send", "error": 7})],
        [(Op.METHOD, METHOD), (Op.CALL, CALL), (Op.RETURN, {"error": {"type": 7, "message": ""}})],
    ],
)
def test_rows_that_are_no_calls_are_named(rows: list[tuple[Op, Any]]) -> None:
    with pytest.raises(CassetteError, match="this is no ") as raised:
        hostile(*rows).as_manager()
    assert raised.value.where == f"row {len(rows) - 1}"


@pytest.mark.parametrize("name", ["eval", "SystemExit", "__import__", "ExceptionGroup", "nonsense"])
def test_an_error_that_is_none_of_pythons_exceptions_is_a_recorded_one(name: str) -> None:
    error = {"name": "send", "error": {"type": name, "message": "boo", "args": ["boo"]}}
    session = hostile((Op.METHOD, METHOD), (Op.CALL, CALL), (Op.RETURN, error))
    with pytest.raises(rws.RecordedError, match="boo"):
        session.as_manager().send(x=1)
