"""From a long conversation that makes a program fail to the few messages of it that matter."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from replay_ws.errors import ProgramError
from replay_ws.events.log import Direction
from replay_ws.hunter.failure import Signature, signature_of
from replay_ws.hunter.minimise import Minimiser
from replay_ws.running import Conditions, executions
from replay_ws.session import Session

T = TypeVar("T")


def fewest_messages(
    program: Callable[[list[T]], Awaitable[Any]], messages: Sequence[T], conditions: Conditions
) -> list[T]:
    """The messages with which ``program`` still fails as it does with all, in their order.

    Each run is under the same ``conditions``, and none of what is left can be dropped alone.
    Raises ProgramError if the program passes with all of them.
    """

    def signature(numbers: Sequence[int]) -> Signature | None:
        some = partial(program, [messages[number] for number in numbers])
        (outcome,) = executions(some, [conditions])
        return None if outcome.error is None else signature_of(outcome.error)

    wanted = signature(range(len(messages)))
    if wanted is None:
        raise ProgramError(
            f"it passes with all {len(messages):,} messages, under seed {conditions.seed}",
            mend="pass the failure, whose seed, faults and order count too",
        )
    minimiser = Minimiser(range(len(messages)), lambda some: signature(some) == wanted)
    return [messages[number] for number in minimiser.minimal()]


def said_in(session: Session) -> list[Any]:
    """The payloads that clients sent, in the order in which they did."""
    return [each.payload for each in session.events if each.direction is Direction.UPSTREAM]
