"""Names: what events of a run speak of, whether it came up before, and to whom it belongs.

What is brought up without an owner belongs to nobody in particular, which is an owner, too; an
event that says none agrees with every owner. Names are remembered as long as the run goes on, for
what is closed can still be spoken of.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from replay_ws.compliance.parts import Context, Part, RunState, Step, called
from replay_ws.compliance.reading import NOTHING, Getter, at, holds, name_of
from replay_ws.compliance.rules import NameRule, Rule, fits
from replay_ws.compliance.tally import Seen
from replay_ws.text import quoted

UNHEARD = object()
"""The owner of what no event spoke of yet."""


class Names(Part):
    """The names of one kind, and whose they are."""

    def __init__(self, rules: Sequence[NameRule], context: Context) -> None:
        self.kind = rules[0].name
        self.asked = context.asked(Rule.NAMES, self.kind)
        get = context.getter
        self.rules = [(rule, get(rule.by), get(rule.owner)) for rule in rules]
        self.inside = get(next((r.inside_by for r in rules if r.inside_by), ()))
        self.around: Names | None = None
        self.chunks = tuple(type for rule in context.profile.chunks for type in rule.of)
        """Types that speak of what is open when they name nothing."""
        self.types: set[str] = set()

    def begin(self) -> dict[str, Any]:
        """Owners by name."""
        return {}

    def step(self, type: str) -> Step | None:
        """Take down what is brought up, and look whether what is said of it is so."""
        looks = [
            self._look(type, rule, by, owner)
            for rule, by, owner in self.rules
            if fits(type, (*rule.first, *rule.then, *rule.anew))
        ]
        if not looks:
            return None
        self.types.add(type)

        def all_of(run: RunState, payload: Any, number: int, time_ns: int) -> None:
            for look in looks:
                look(run, payload, number, time_ns)

        return looks[0] if len(looks) == 1 else all_of

    def finish(self, run: RunState) -> None:
        """Each event was one question."""
        run.tally.ask(self.asked, run.count(self.types))

    def _look(self, type: str, rule: NameRule, by: Getter, owner: Getter) -> Step:
        anew, first = fits(type, rule.anew), fits(type, rule.first)
        needs_name = bool(rule.listed) or fits(type, self.chunks)

        def look(run: RunState, item: Any, number: int, time_ns: int) -> None:
            name = by(item)
            if name is NOTHING and needs_name:
                return
            if rule.when and not holds(item, rule.when):
                return
            names: dict[str, Any] = run.states[self.place]
            name, said = name_of(name), owner(item)
            if anew:
                names[name] = said
                return
            heard, around = names.get(name, UNHEARD), self._around(run, item)
            fault = _owner_fault(said, heard, around)
            if heard is UNHEARD and first:
                inherits = said is NOTHING and around is not UNHEARD
                names[name] = around if inherits else said
            elif heard is UNHEARD and rule.known:
                fault = f"came, but no such {self.kind} did"
            if fault:
                seen = Seen(type, number, time_ns)
                run.tally.lose(self.asked, f"{called(type, name)} {fault}", seen, run.name)

        def look_at_each(run: RunState, payload: Any, number: int, time_ns: int) -> None:
            for item in _items(payload, rule.listed):
                look(run, item, number, time_ns)

        return look_at_each if rule.listed else look

    def _around(self, run: RunState, payload: Any) -> Any:
        """The owner of what this one is part of, if it is."""
        name = self.inside(payload) if self.around else NOTHING
        if self.around is None or name is NOTHING:
            return UNHEARD
        names: dict[str, Any] = run.states[self.around.place]
        return names.get(name_of(name), UNHEARD)


def _owner_fault(said: Any, heard: Any, around: Any) -> str:
    """What is wrong with whose an event says something is; empty when nothing is."""
    if said is NOTHING:
        if UNHEARD in (heard, around) or heard == around:
            return ""
        return f"belongs to {_told(heard)}, but is in what belongs to {_told(around)}"
    for owner, what in ((around, "is in what "), (heard, "")):
        if owner is not UNHEARD and owner != said:
            return f"is said to belong to {_told(said)}, but {what}belongs to {_told(owner)}"
    return ""


def _told(owner: Any) -> str:
    return "nobody" if owner is NOTHING else quoted(name_of(owner))


def _items(payload: Any, place: tuple[str, ...]) -> Iterator[Any]:
    """The items of a list, or of a list in each item of a list: ``/messages/*/calls``."""
    here = place.index("*") if "*" in place else len(place)
    items = at(payload, place[:here])
    for item in items if isinstance(items, list) else ():
        if here < len(place):
            yield from _items(item, place[here + 1 :])
        else:
            yield item
