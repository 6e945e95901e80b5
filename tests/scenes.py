"""A scene in a line: what is done to a mock and when; and what each side saw of it, in a line too.

``send@0 send@0 cut@5 send:b*100@10 heal@50`` sends two messages at once, cuts the network off after
5 ms, sends 100 bytes to the thread ``b`` and heals. Steps never wait for each other; messages are
numbered from 0. ``x3`` behind a step does it three times.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from replay_ws import Fate, MockWebSocketManager, Session, run
from replay_ws.clock import NS_PER_MS
from replay_ws.events.log import Direction

_STEP = re.compile(
    r"(?P<verb>[a-z]+)(:(?P<user>\w+)(/(?P<thread>\w+))?)?(\*(?P<size>\d+))?(=(?P<how>\w+))?"
    r"@(?P<at>[\d.]+)(x(?P<times>\d+))?"
)


@dataclass(frozen=True)
class Seen:
    """What there was to see. ``told`` is what each step told who did it, in the scene's order."""

    told: str
    session: Session

    @property
    def arrived(self) -> str:
        """``2@50`` is message 2 after 50 ms; ``^`` one that a client sent, ``!`` a damaged one."""
        numbers = {event.row: number for number, event in enumerate(self.session.events)}
        return " ".join(
            f"{'^' if event.direction is Direction.UPSTREAM else ''}{numbers[event.row]}"
            f"{'!' if event.damaged else ''}@{_ms(event.time_ns / NS_PER_MS)}"
            for event in self.session.delivered()
        )

    @property
    def incidents(self) -> str:
        """``rst 1006/1006@5``: closed by that after 5 ms, and what client and server report."""
        return ", ".join(
            f"{_incident(one.what, one.about)}@{_ms(one.time_ns / NS_PER_MS)}"
            for one in self.session.incidents
        )

    @property
    def ledger(self) -> str:
        """Where the messages ended; ``+1`` are copies."""
        ledger = self.session.ledger
        counts = Counter(event.outcome for event in self.session.events)
        said = [f"{counts[fate]} {fate.label}" for fate in Fate if counts[fate]]
        return ", ".join(said) + (f" +{ledger.duplicated}" if ledger.duplicated else "")

    @property
    def all(self) -> str:
        """Everything that each side saw."""
        return f"{self.told} | {self.arrived} | {self.incidents}"


def _incident(what: str, about: Any) -> str:
    match what:
        case "closed":
            return f"{about['cause']} {about['client']}/{about['server']}"
        case "refused":
            return f"refused {about['how']}"
        case "began" | "ended":
            return f"{what} {about['toxic']}"
        case "resumed":
            return f"resumed {about['messages']}"
        case "overflow":
            return f"overflow {about['policy']}"
        case _:
            return what


def _ms(time_ms: float) -> str:
    return f"{round(time_ms, 3):g}" if time_ms < 100_000 else str(round(time_ms))


def play(scene: str, *, seed: int = 0, **fields: Any) -> Seen:
    """Play a scene on a mock that is made with ``fields``."""

    async def program() -> str:
        mock = MockWebSocketManager(**fields)
        numbers = iter(range(1 << 30))
        steps: list[Awaitable[str]] = []
        for words in scene.split():
            match = _STEP.fullmatch(words)
            assert match, words
            times = range(int(match["times"] or 1))
            steps += [_step(mock, match, numbers) for _ in times]
        return " ".join(told for told in await asyncio.gather(*steps) if told)

    out = run(program, seed=seed)
    return Seen(out.value, out.session)


async def _step(mock: MockWebSocketManager, step: re.Match[str], numbers: Any) -> str:
    if delay_s := float(step["at"]) / 1_000:
        await asyncio.sleep(delay_s)
    before_s = mock.now
    told = await _VERBS[step["verb"]](mock, step["user"] or "t", step, numbers)
    waited = _ms((mock.now - before_s) * 1_000)
    return f"{told}+{waited}" if told and waited != "0" else told


def _message(step: re.Match[str], numbers: Any) -> Any:
    number = next(numbers)
    return {"type": "token", "n": number} if step["size"] is None else b"x" * int(step["size"])


async def _send(mock: MockWebSocketManager, user: str, step: re.Match[str], numbers: Any) -> str:
    result = await mock.send(user, _message(step, numbers))
    if result and result.status == "accepted":
        return f"ok({result.reason})" if result.reason else "ok"
    return result.reason or f"{result.status}?"


async def _tell(mock: MockWebSocketManager, user: str, step: re.Match[str], numbers: Any) -> str:
    return str(await mock.send_to_thread(user, _message(step, numbers)))


async def _up(mock: MockWebSocketManager, user: str, step: re.Match[str], numbers: Any) -> str:
    accepted = await mock.receive_from_thread(user, _message(step, numbers))
    return "ok" if accepted else "no"


async def _connect(mock: MockWebSocketManager, user: str, step: re.Match[str], _: Any) -> str:
    return "in" if await mock.connect_user(user, thread_id=step["thread"]) else "refused"


async def _leave(mock: MockWebSocketManager, user: str, step: re.Match[str], _: Any) -> str:
    await mock.disconnect_user(user, thread_id=step["thread"])
    return ""


async def _close(mock: MockWebSocketManager, user: str, step: re.Match[str], _: Any) -> str:
    await mock.close(user, int(step["how"] or 1000))
    return "closed"


async def _drop(mock: MockWebSocketManager, user: str, step: re.Match[str], _: Any) -> str:
    mock.drop(user, step["how"] or "rst")
    return ""


async def _cut(mock: MockWebSocketManager, user: str, step: re.Match[str], _: Any) -> str:
    mock.enable_partition()
    return ""


async def _heal(mock: MockWebSocketManager, user: str, step: re.Match[str], _: Any) -> str:
    mock.disable_partition()
    return ""


async def _state(mock: MockWebSocketManager, user: str, step: re.Match[str], _: Any) -> str:
    return str(mock.get_connection_state(user))


_VERBS: dict[str, Callable[..., Awaitable[str]]] = {
    "send": _send,
    "tell": _tell,
    "up": _up,
    "connect": _connect,
    "leave": _leave,
    "close": _close,
    "drop": _drop,
    "cut": _cut,
    "heal": _heal,
    "state": _state,
}
