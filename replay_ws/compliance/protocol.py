"""The protocol of a profile: an automaton that walks along each stream of a run.

While a stream goes well an event is one look-up. The types of a stream are kept, up to a bound, to
say at its end which fewest events would have to be put in or taken out.
"""

from __future__ import annotations

from typing import Any

from replay_ws.compliance.automaton import Automaton
from replay_ws.compliance.parts import Context, Part, RunState, Step, any_of
from replay_ws.compliance.rules import Rule
from replay_ws.compliance.tally import Seen
from replay_ws.text import quoted

TRACE_MAX = 100_000
"""How many events of a stream are kept for its diagnosis."""

EDITS_MAX = 20
"""How many edits of one stream are told."""


class Stream:
    """Where a stream stands, what came in it, and where it first went wrong."""

    __slots__ = ("beyond", "fault", "good", "last", "numbers", "state", "types")

    def __init__(self, state: Any) -> None:
        self.state: Any = state
        self.good: Any = state
        """Where it stood before its first fault."""
        self.types: list[str] = []
        self.numbers: list[int] = []
        self.beyond = 0
        """How many events came that are not kept."""
        self.fault: tuple[int, Seen] | None = None
        self.last: tuple[str, int, int] | None = None
        """Its last event, if it is not simply that of its run."""

    @property
    def count(self) -> int:
        """How many events came."""
        return len(self.types) + self.beyond


class Protocol(Part):
    """The expression that streams keep."""

    def __init__(self, context: Context) -> None:
        profile = context.profile
        where = f"profile {profile.name}, protocol"
        self.automaton = Automaton.compile(profile.protocol, profile.types, where=where)
        self.per = context.namer(profile.per) if profile.per else None
        self.reads = bool(profile.per)
        self.asked = context.asked(Rule.PROTOCOL)

    def begin(self) -> dict[str, Stream]:
        """The streams of a run, by name."""
        return {}

    def step(self, type: str) -> Step | None:
        """Walk on."""
        place, per, start = self.place, self.per, self.automaton.start

        def walk(run: RunState, payload: Any, number: int, time_ns: int) -> None:
            streams: dict[str, Stream] = run.states[place]
            name = per(payload) if per else ""
            stream = streams.get(name)
            if stream is None:
                stream = streams[name] = Stream(start)
            types, before = stream.types, stream.state
            if len(types) < TRACE_MAX:
                types.append(type)
                stream.numbers.append(number)
            else:
                stream.beyond += 1
            now = stream.state = before[type]
            if now.dead and stream.fault is None:
                stream.fault = (stream.count, Seen(type, number, time_ns))
                stream.good = before
            if per:
                stream.last = (type, number, time_ns)

        return walk

    def finish(self, run: RunState) -> None:
        """How far each stream is from those that the expression describes."""
        for name, stream in run.states[self.place].items():
            self._judge(run, name, stream)

    def _judge(self, run: RunState, name: str, stream: Stream) -> None:
        aligned, tally = self.automaton.aligned, run.tally
        tally.ask(self.asked, stream.count + aligned.shortest)
        if stream.state.accepting:
            return
        what, seen = self._told(stream, run)
        of = f" in {quoted(name)}" if name else ""
        if stream.count > TRACE_MAX:
            # Too long to be aligned: what came before the first fault is good.
            lost = stream.count - stream.fault[0] + 1 if stream.fault else 1
            tally.lose(self.asked, what + of, seen, run.name, lost)
            return
        edits = self.automaton.diagnosis(stream.types)
        shown = [edit.told(stream.numbers) for edit in edits[:EDITS_MAX]]
        more = f" and {len(edits) - EDITS_MAX} more" if len(edits) > EDITS_MAX else ""
        message = f"{what}{of}; to mend: {', '.join(shown)}{more}"
        tally.lose(self.asked, message, seen, run.name, len(edits))

    def _told(self, stream: Stream, run: RunState) -> tuple[str, Seen]:
        if stream.fault:
            seen = stream.fault[1]
            expected = tuple(self.automaton.expected(stream.good))
            return f"{seen.type} came where {any_of(expected) or 'nothing more'} may come", seen
        expected = tuple(self.automaton.expected(stream.state))
        last = stream.last or run.last
        assert last, "a stream begins with an event"
        return f"ends where {any_of(expected)} may come", Seen(*last)
