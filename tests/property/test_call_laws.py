"""The laws of recorded objects: a tap changes nothing, and a stand-in answers as the object did."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

import replay_ws as rws
from replay_ws.cassette.format import encode
from replay_ws.cassette.reader import read
from replay_ws.errors import CassetteError
from replay_ws.events.log import MESSAGES, Log, Op
from replay_ws.replayer.recorded import RecordedSession

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        | st.tuples(inner, inner)
    ),
    max_leaves=6,
)
ERRORS = st.sampled_from([ValueError("x"), KeyError("k"), TimeoutError(), OSError(2, "gone")])
# What the object does with one call: turns of the loop, time, and a result or an exception.
CALLS = st.tuples(
    st.sampled_from(["t1", "t2"]), VALUES, st.integers(0, 3), st.integers(0, 2), VALUES | ERRORS
)
AGENTS = st.lists(st.lists(CALLS, max_size=4), min_size=1, max_size=3)
SEEDS = st.integers(0, 5)


class Scripted:
    """Does with each call what the call itself says."""

    async def send(self, thread_id: str, message: Any, turns: int, takes: int, gives: Any) -> Any:
        for _ in range(turns):
            await asyncio.sleep(0)
        if takes:
            await asyncio.sleep(takes)
        if isinstance(gives, Exception):
            raise gives
        return gives

    def ask(self, *args: Any) -> int:
        return len(args)


async def drive(manager: Any, agents: list[list[Any]]) -> list[str]:
    """What the program sees, in the order in which it sees it.

    Every call says whose it is: two tasks that make equal calls at once cannot be told apart.
    """
    seen: list[str] = []

    async def agent(name: str, calls: list[Any]) -> None:
        for step, (thread, message, *rest) in enumerate(calls):
            try:
                result = await manager.send(thread, [name, step, message], *rest)
            except Exception as error:
                result = error
            seen.append(f"{name} {result!r} {manager.ask(name, step)}")

    await asyncio.gather(*(agent(f"a{n}", calls) for n, calls in enumerate(agents)))
    return [*seen, str(asyncio.get_running_loop().time())]


def recorded(agents: list[list[Any]], seed: int) -> tuple[list[str], rws.Session]:
    async def main() -> tuple[list[str], rws.Session]:
        with rws.record(manager := Scripted()) as tap:
            seen = await drive(manager, agents)
        return seen, tap.session()

    return rws.run(main, seed=seed, schedule="random").value


@given(AGENTS, SEEDS)
def test_a_tap_changes_nothing(agents: list[list[Any]], seed: int) -> None:
    alone = rws.run(lambda: drive(Scripted(), agents), seed=seed, schedule="random").value
    assert recorded(agents, seed)[0] == alone


@given(AGENTS, SEEDS)
def test_a_stand_in_answers_as_the_object_did(agents: list[list[Any]], seed: int) -> None:
    seen, session = recorded(agents, seed)

    async def main() -> list[str]:
        async with rws.replay(session).as_manager() as manager:
            return await drive(manager, agents)

    assert sorted(rws.run(main).value) == sorted(seen)


@given(AGENTS, SEEDS)
def test_an_own_session_is_the_same_bytes_each_time_and_after_each_replay(
    agents: list[list[Any]], seed: int
) -> None:
    session = recorded(agents, seed)[1]
    assert recorded(agents, seed)[1].digest == session.digest
    assert rws.replay(session).digest == session.digest
    assert list(read(encode(session.log)).rows()) == list(session.log.rows())


@given(AGENTS, SEEDS)
def test_every_call_that_came_back_is_a_message_in_one_state(
    agents: list[list[Any]], seed: int
) -> None:
    session = recorded(agents, seed)[1]
    ledger = session.ledger
    assert ledger.sent == sum(map(len, agents)) == sum(op in MESSAGES for op in session.log.ops)
    assert ledger.sent == ledger.accepted + ledger.rejected
    assert ledger.accepted == ledger.delivered + ledger.in_doubt
    given = [call[4] for calls in agents for call in calls]
    assert ledger.in_doubt == sum(isinstance(value, TimeoutError) for value in given)
    refused = (value is False or isinstance(value, Exception) for value in given)
    assert ledger.rejected + ledger.in_doubt == sum(refused)


@given(AGENTS, st.data())
def test_rows_that_were_changed_are_calls_or_an_error_of_ours(
    agents: list[list[Any]], data: st.DataObject
) -> None:
    source = recorded(agents, 0)[1].log
    harmed = Log(source.header)
    rows = [row for row, op in enumerate(source.ops) if op in (Op.METHOD, Op.CALL, Op.RETURN)]
    for row in rows:
        number, body = source.indexes[row], source.bodies[row]
        match data.draw(st.integers(0, 5)):
            case 0:
                continue
            case 1:
                body = harmed.encode(data.draw(VALUES))
            case 2:
                number = data.draw(st.integers(0, 3))
        harmed.append(source.ops[row], 0, 0, 0, number, body)
    with contextlib.suppress(CassetteError):
        repr(RecordedSession(harmed).as_manager())
