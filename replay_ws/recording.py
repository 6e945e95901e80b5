"""A session in the making: one log, one network, one clock, one redactor.

Inside ``run`` there is one recording, and every mock made there joins it. A mock made elsewhere has
a recording of its own, whose clock stands still but for what the sends take.
"""

from __future__ import annotations

import asyncio
import re
import threading
from contextvars import ContextVar
from itertools import count
from typing import Protocol

from replay_ws.cassette.redaction import Redactor
from replay_ws.channel import Network, channel_of
from replay_ws.errors import ConfigError, ProgramError
from replay_ws.events.log import Header, Log, Op
from replay_ws.faults.chance import Chance, Dice
from replay_ws.faults.configuration import DEFAULT, MockConfiguration
from replay_ws.faults.pipeline import toxics_by_name
from replay_ws.faults.plans import NO_PLAN, FaultPlan
from replay_ws.session import Session
from replay_ws.sim.loop import VirtualLoop


class Clock(Protocol):
    """Where a recording takes its time from, and how a sender lets time pass."""

    def now_ns(self) -> int:
        """Virtual time."""
        ...

    async def take(self, since_ns: int, duration_ns: int) -> None:
        """One scheduling step, after which it is at least ``since_ns + duration_ns``."""
        ...

    def is_foreign(self) -> bool:
        """Whether the caller runs outside of the loop that this clock belongs to."""
        ...


class LoopClock:
    """The clock of a virtual loop: to take time is to sleep."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self.now_ns = loop.time_ns

    async def take(self, since_ns: int, duration_ns: int) -> None:
        if duration_ns and not self.is_foreign():
            await self._loop.sleep_ns(since_ns + duration_ns - self._loop.time_ns())
        else:
            await asyncio.sleep(0)

    def is_foreign(self) -> bool:
        try:
            return asyncio.get_running_loop() is not self._loop
        except RuntimeError:
            return True


class OwnClock:
    """A clock that only the sends move, for stock loops: nothing sleeps. Threads may share it."""

    def __init__(self) -> None:
        self._now_ns = 0
        self._lock = threading.Lock()

    def now_ns(self) -> int:
        return self._now_ns

    async def take(self, since_ns: int, duration_ns: int) -> None:
        await asyncio.sleep(0)
        with self._lock:
            self._now_ns = max(self._now_ns, since_ns + duration_ns)

    def is_foreign(self) -> bool:
        return False


class Recording:
    """Collects what mocks do until somebody asks for the session. Safe to share between threads.

    ``config`` is what mocks follow in what they were not given; the decisions of a ``plan`` strike
    beside what the seed says, or instead of it.
    """

    def __init__(
        self,
        header: Header,
        clock: Clock,
        redactor: Redactor | None,
        config: MockConfiguration = DEFAULT,
        plan: FaultPlan = NO_PLAN,
    ) -> None:
        self.log = Log(header)
        self.network = Network(self.log)
        self.clock = clock
        self.redactor = redactor
        self.config = config
        self.plan = plan
        self.lock = threading.RLock()
        self.escapes: list[str] = []
        """What left the run, so that there is no second run like it."""
        self.ended: Session | None = None
        """The whole session, once it is over."""
        self.has_aftermath = False
        """Whether mocks may be used when it is over; nobody hears them."""
        self._names: set[str] = set()

    def join(self, name: str, config: MockConfiguration) -> int:
        """Begin a channel for a mock and return its number; unnamed mocks get names by number."""
        name = self.redactor.text(name) if name and self.redactor else name
        with self.lock:
            if not name and self._names:
                numbered = (f"mock-{number}" for number in count(len(self._names) + 1))
                name = next(free for free in numbered if free not in self._names)
            if name in self._names:
                raise ConfigError(
                    f"a mock named {name!r} exists in this run", mend="give each mock its own name"
                )
            self._names.add(name)
            config = self._without_seed(config)
            channel, now_ns = channel_of(name, config), self.clock.now_ns()
            return self.network.add_channel(channel, config, self._chance(config), now_ns)

    def configure(self, channel: int, config: MockConfiguration) -> None:
        """A mock works by another configuration from now on; its link and its faults stay."""
        with self.lock:
            if self.ended is None:
                config = self._without_seed(config)
                now_ns = max(self.clock.now_ns(), self.log.end_ns)
                self.network.configure(channel, config, self._chance(config), now_ns)

    def _without_seed(self, config: MockConfiguration) -> MockConfiguration:
        """The run's seed is said once, in the header."""
        return config.replace(seed=None) if config.seed == self.log.header.seed else config

    def _chance(self, config: MockConfiguration) -> Chance:
        seed = self.log.header.seed if config.seed is None else config.seed
        return self.plan.chance(Dice(seed, toxics_by_name(config), self.log))

    def is_over(self) -> bool:
        """Whether nothing is recorded any more: a session that has ended does not change.

        Raises ProgramError then, where mocks have no business any more.
        """
        if self.ended is not None and not self.has_aftermath:
            raise ProgramError(
                "a mock was used after the run that it belongs to",
                where=f"run with seed {self.log.header.seed}",
                mend="make a mock of its own for what comes after the run",
            )
        return self.ended is not None

    def mark(self, remark: str) -> None:
        """Leave a remark for readers."""
        self.note(Op.MARK, {"mark": remark})

    def note(self, op: Op, value: object) -> None:
        """Write down something that is no message, unless the session is over."""
        with self.lock:
            if self.ended is None:
                now_ns = max(self.clock.now_ns(), self.log.end_ns)
                self.network.advance(now_ns)
                self.log.note(op, 0, now_ns, value)

    async def settle(self) -> None:
        """Let time pass until nothing is on its way, but for what an outage holds."""
        while True:
            with self.lock:
                now_ns = self.clock.now_ns()
                self.network.advance(now_ns)
                due_ns = self.network.next_ns()
            if due_ns is None:
                return
            await self.clock.take(now_ns, due_ns - now_ns)

    def snapshot(self) -> Session:
        """The session so far: everything that is due by now."""
        with self.lock:
            if self.ended is not None:
                return self.ended
            now_ns = self.clock.now_ns()
            self.network.advance(now_ns)
            log = self.log.copy()
            log.note(Op.END, 0, max(now_ns, log.end_ns), {"status": "open"})
            return Session(log, self.network.outcome.copy())

    def finish(self, error: BaseException | None = None) -> Session:
        """End the session: what is on its way arrives, and the end says how the program ended."""
        with self.lock:
            now_ns = max(self.clock.now_ns(), self.log.end_ns)
            end_ns = self.network.finish(now_ns)
            ending = _ending(error, self.redactor)
            if self.escapes:
                ending |= {"replayable": False, "because": sorted(set(self.escapes))}
            self.log.note(Op.END, 0, end_ns, ending)
            self.ended = Session(self.log, self.network.outcome)
            return self.ended


_ADDRESS = re.compile(r"0x[0-9a-fA-F]+")
_FOLDERS = re.compile(
    r"(?:[A-Za-z]:)?(?:[/\\][^/\\:*?\"'<>|\n]{1,255}){0,64}[/\\](?=[\w.-]+\.py\b)"
)
"""The folders before the name of a Python file."""


def _ending(error: BaseException | None, redactor: Redactor | None) -> dict[str, object]:
    if error is None:
        return {"status": "ok"}
    text = message_of(error)
    message = steady(redactor.text(text) if redactor else text)
    return {"status": "error", "error": type(error).__qualname__, "message": message}


def steady(text: str) -> str:
    """``text`` without what differs between processes (addresses) and machines (folders)."""
    return _FOLDERS.sub("", _ADDRESS.sub("0x…", text))


def message_of(error: BaseException) -> str:
    """What an exception says; a group also says what its members do."""
    try:
        text = str(error)
    except Exception:  # a program's own exception, and its own mistake
        text = ""
    if isinstance(error, BaseExceptionGroup):
        members = (f"{type(e).__qualname__}: {message_of(e)}" for e in error.exceptions)
        text = f"{text}: {'; '.join(members)}"
    return text


CURRENT: ContextVar[Recording | None] = ContextVar("replay_ws_recording", default=None)
"""The recording of the run that is going on, if there is one."""
