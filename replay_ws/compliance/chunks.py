"""Chunks: events that open a scope, go on with it and close it without saying which they do.

A chunk with a new name opens; one with the same name, or with none, goes on with what is open in
its lane, of which there is one at a time, of whatever kind. A lane is whom a chunk says it is from.
One that says nothing of it goes on where its name is open; without a name, in the lane of nobody,
or in the only one that has its kind. Other events close the lane that they are from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from replay_ws.compliance.parts import Context, Part, RunState, Step, called
from replay_ws.compliance.profile import Profile
from replay_ws.compliance.reading import NOTHING, Getter, name_of
from replay_ws.compliance.rules import ChunkRule, fits
from replay_ws.compliance.scopes import Scope
from replay_ws.compliance.tally import Seen
from replay_ws.text import quoted


class Assembled:
    """What chunks opened: the scope, its name, and the event that did."""

    __slots__ = ("name", "payload", "said", "scope")

    def __init__(self, scope: Scope, name: str, payload: Any, said: tuple[Any, ...]) -> None:
        self.scope = scope
        self.name = name
        self.payload = payload
        self.said = said


Lanes: TypeAlias = "dict[Any, Assembled]"
"""What is open, by lane."""

Find: TypeAlias = Callable[[Any], Any]


class Chunks(Part):
    """The chunks of all kinds; it stands before the scopes, for what closes them closes a lane."""

    def __init__(self, profile: Profile, context: Context, scopes: dict[str, Scope]) -> None:
        rule = profile.lanes
        self.lane = _present(context.getter(rule.by))
        self.end, self.end_all = rule.end, rule.end_all
        self.kinds = [Kind(chunk, scopes[chunk.scope], context) for chunk in profile.chunks]

    def begin(self) -> Lanes:
        """No lane has anything."""
        return {}

    def step(self, type: str) -> Step | None:
        """Take a chunk, or close what it is made of."""
        for kind in self.kinds:
            if fits(type, kind.rule.of):
                return self._taker(type, kind)
        place, lane_of = self.place, self.lane
        if fits(type, self.end_all):

            def end_all(run: RunState, payload: Any, number: int, time_ns: int) -> None:
                lanes: Lanes = run.states[place]
                for lane in [*lanes]:
                    _close(run, lanes, lane, Seen(type, number, time_ns))

            return end_all
        if not fits(type, self.end):
            return None

        def end(run: RunState, payload: Any, number: int, time_ns: int) -> None:
            lanes: Lanes = run.states[place]
            if lanes:
                _close(run, lanes, lane_of(payload), Seen(type, number, time_ns))

        return end

    def _taker(self, type: str, kind: Kind) -> Step:
        place, lane_of = self.place, self.lane

        def take(run: RunState, payload: Any, number: int, time_ns: int) -> None:
            lanes: Lanes = run.states[place]
            seen = Seen(type, number, time_ns)
            name, said = kind.name(payload), lane_of(payload)
            lane, fault = _lane(lanes, kind.scope, name, said)
            one = lanes.get(lane)
            if fault:
                kind.lose(run, name, fault, seen)
            elif one and one.scope is kind.scope and name in (NOTHING, one.name):
                for told in kind.unlike(one, payload):
                    kind.lose(run, one.name, told, seen)
                one.scope.go_on(run, one.name, payload, seen)
            else:
                _close(run, lanes, lane, seen)
                if missing := kind.missing(payload):
                    kind.lose(run, name, f"is the first of a {kind.scope.what}, {missing}", seen)
                if name is not NOTHING:
                    lanes[lane] = Assembled(kind.scope, name, payload, kind.said(payload))
                    kind.scope.open(run, name, payload, seen)
                    kind.scope.go_on(run, name, payload, seen)

        return take


class Kind:
    """Chunks of one kind of scope."""

    def __init__(self, rule: ChunkRule, scope: Scope, context: Context) -> None:
        self.rule = rule
        self.scope = scope
        self._by = context.getter(scope.rule.by)
        self.needs = [context.getter((place,)) for place in rule.needs]
        self.same = [_present(context.getter((place,))) for place in rule.same]
        self.usual = [dict(rule.usual).get(place, NOTHING) for place in rule.same]

    def name(self, payload: Any) -> Any:
        """What names it, or NOTHING."""
        name = self._by(payload)
        return name if name is NOTHING else name_of(name)

    def said(self, payload: Any) -> tuple[Any, ...]:
        """What the first chunk says, and later ones may not say otherwise."""
        found = [get(payload) for get in self.same]
        return tuple(
            usual if value is NOTHING else value
            for value, usual in zip(found, self.usual, strict=True)
        )

    def unlike(self, one: Assembled, payload: Any) -> Iterator[str]:
        """What a later chunk says otherwise."""
        for place, get, said in zip(self.rule.same, self.same, one.said, strict=True):
            now = get(payload)
            if now is not NOTHING and now != said:
                first = "nothing" if said is NOTHING else quoted(name_of(said))
                yield f"says {quoted(name_of(now))} at /{'/'.join(place)}, the first says {first}"

    def missing(self, payload: Any) -> str:
        """What a first chunk lacks; empty when it is whole."""
        if self.name(payload) is NOTHING:
            return "and has no name"
        for place, get in zip(self.rule.needs, self.needs, strict=True):
            if get(payload) is NOTHING:
                return f"and has no /{'/'.join(place)}"
        return ""

    def lose(self, run: RunState, name: Any, fault: str, seen: Seen) -> None:
        """A chunk is not what it must be."""
        run.states[self.scope.place].asked["orphans"] += 1
        told = called(seen.type, "" if name is NOTHING else name)
        run.tally.lose(self.scope.in_order, f"{told} {fault}", seen, run.name)


def _lane(lanes: Lanes, scope: Scope, name: Any, said: Any) -> tuple[Any, str]:
    """The lane that a chunk is in, and what is wrong with it."""
    ours = [lane for lane, one in lanes.items() if one.scope is scope]
    if name is not NOTHING:
        for lane in ours:
            if lanes[lane].name == name:
                is_other = said is not NOTHING and said != lane
                whose = "of nobody" if lane is NOTHING else f"of {quoted(name_of(lane))}"
                return lane, f"goes on with one {whose}" if is_other else ""
        return said, ""
    if said is not NOTHING or NOTHING in ours:
        return said, ""
    if len(ours) > 1:
        return NOTHING, f"has no name and no lane, and {len(ours)} of its kind are open"
    return (ours[0] if ours else NOTHING), ""


def _close(run: RunState, lanes: Lanes, lane: Any, seen: Seen) -> None:
    one = lanes.pop(lane, None)
    if one:
        one.scope.close(run, one.name, one.payload, seen)


def _present(get: Getter) -> Find:
    """The same, but what is null is nothing: some write that for what they leave out."""

    def present(payload: Any) -> Any:
        value = get(payload)
        return NOTHING if value is None else value

    return present
