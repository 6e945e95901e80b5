"""Failures of one bug have one signature, whatever their numbers, names and orders."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from uuid import uuid4

import pytest

import replay_ws as rws
from replay_ws.hunter.failure import Signature, message_of, signature_of, steady_message

SECRET = "Bearer kJ8s7dGh2kLq9PzXv4Nm"


def failure_of(program: Callable[[], Awaitable[object]], seed: int = 0) -> BaseException:
    with pytest.raises(BaseException) as caught:  # noqa: PT011  # each program has its own
        rws.run(program, seed=seed)
    return caught.value


def signatures(program: Callable[[], Awaitable[object]]) -> set[Signature]:
    return {signature_of(failure_of(program, seed)) for seed in range(3)}


async def numbers_differ() -> None:
    await asyncio.sleep(random.random())
    if asyncio.current_task():
        raise AssertionError(
            f"{random.randrange(1000)} of {random.random()} in {uuid4()}, {object()}"
        )


async def lists_differ() -> None:
    raise ValueError(f"seen {[random.choice(['token', 'end']) for _ in range(4)]} too late")


async def says_nothing() -> None:
    assert not asyncio.current_task()


async def consume(queue: asyncio.Queue[int]) -> None:
    await queue.get()


async def waits_for_ever() -> None:
    queue: asyncio.Queue[int] = asyncio.Queue()
    await asyncio.gather(*(consume(queue) for _ in range(random.randrange(1, 5))))


async def helper_fails() -> None:
    raise LookupError("nobody is there")


async def group_fails() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(helper_fails())


def test_numbers_ids_and_addresses_make_no_other_signature() -> None:
    (signature,) = signatures(numbers_differ)
    assert signature.kind == "AssertionError"
    assert signature.message.startswith("N of N in <id>, <object object at <address>>")
    assert signature.place == "numbers_differ"


def test_what_a_list_holds_makes_no_other_signature() -> None:
    assert signatures(lists_differ) == {
        Signature("ValueError", "seen [...] too late", "lists_differ")
    }


def test_an_assertion_that_says_nothing_is_known_by_its_line() -> None:
    (signature,) = signatures(says_nothing)
    assert signature.message == "assert not asyncio.current_task()"


def test_a_deadlock_is_known_by_who_waits_for_what_however_many_wait() -> None:
    (signature,) = signatures(waits_for_ever)
    assert signature.kind == "DeadlockError"
    assert "consume waits for asyncio.Queue.get" in signature.place


def test_a_group_is_known_by_what_is_in_it() -> None:
    signature = signature_of(failure_of(group_fails))
    assert signature.kind == "ExceptionGroup > LookupError"
    assert signature.place == "helper_fails"
    assert "nobody is there" in signature.message


def test_a_secret_in_a_message_is_in_no_signature() -> None:
    async def program() -> None:
        raise ValueError(f"refused: {SECRET}")

    error = failure_of(program)
    assert SECRET not in message_of(error)
    assert SECRET not in str(signature_of(error))


def test_a_long_message_is_cut() -> None:
    assert len(steady_message("x" * 1_000)) <= 200


def test_a_signature_reads_as_one_line() -> None:
    assert str(Signature("ValueError", "no", "f", "token")) == "ValueError: no (token) in f"
    assert str(Signature("ValueError", "")) == "ValueError"
