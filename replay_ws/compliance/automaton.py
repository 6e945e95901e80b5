"""A protocol as an automaton: a regular expression over event types, compiled.

The derivatives of the expression are its states; those that no stream tells apart are joined, so
that the automaton is the smallest there is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from replay_ws.compliance import expression as ex
from replay_ws.compliance.alignment import Alignment, Edit
from replay_ws.compliance.derivatives import Terms
from replay_ws.compliance.states import Letters, State
from replay_ws.errors import ConfigError

STATES_MAX = 2_000
"""How many states an expression may have before they are joined."""

WILDCARDS_MAX = 8
"""How many different wildcards an expression may have."""


class Automaton:
    """A compiled expression; ``start`` is the state before the first event."""

    def __init__(self, states: Sequence[State]) -> None:
        self.states = tuple(states)
        self.start = self.states[0]
        self._alignment: Alignment | None = None

    @classmethod
    def compile(cls, expression: str, types: Iterable[str] = (), *, where: str = "") -> Automaton:
        """The automaton of ``expression``; ``types`` are those that may come besides its own.

        They matter to wildcards only in what an edit calls them: any type fits that looks alike.
        Raises ConfigError for what is no expression, describes no stream, or has too many states.
        """
        where = where or "protocol"
        tree = ex.parse(expression, where=where)
        atoms = set(_atoms(tree))
        if sum(isinstance(atom, ex.Wildcard) for atom in atoms) > WILDCARDS_MAX:
            what = f"there are more than {WILDCARDS_MAX} wildcards"
            raise ConfigError(what, where=where, mend="write the types that are meant")
        letters = Letters(atoms, types)
        steps, accepting = _derived(tree, letters, where)
        return cls(_linked(*_minimal(steps, accepting), letters, where))

    def step(self, state: State, type: str) -> State:
        """Where an event of ``type`` leads to; the same as ``state[type]``."""
        return state[type]

    def accepting(self, state: State) -> bool:
        """Whether a stream may end in ``state``."""
        return state.accepting

    def accepts(self, types: Iterable[str]) -> bool:
        """Whether a stream of these types is one that the expression describes."""
        state = self.start
        for type in types:
            state = state[type]
        return state.accepting

    def expected(self, state: State) -> list[str]:
        """What may come next."""
        letters = state.letters
        names = [letters.names(n) for n, row in enumerate(state.rows) if not row.dead]
        return sorted(name for group in names for name in group)

    def fitness(self, types: Sequence[str]) -> float:
        """1.0 for a stream that the expression describes, down to 0.0 for one unlike any.

        It is 1 - cost / (events + events of the shortest stream described), where cost is how many
        events must be put in or taken out.
        """
        return self.aligned.fitness(types)

    def diagnosis(self, types: Sequence[str]) -> tuple[Edit, ...]:
        """The fewest events to put in and take out, in order, so that the stream is described."""
        return self.aligned.diagnosis(types)

    @property
    def aligned(self) -> Alignment:
        """What compares streams with those that the expression describes."""
        if self._alignment is None:
            live = [state for state in self.states if not state.dead]
            self._alignment = Alignment(live)
        return self._alignment


def _atoms(tree: ex.Expression) -> Iterable[ex.Atom]:
    match tree:
        case ex.Word() | ex.Wildcard() | ex.Anything():
            yield tree
        case ex.Not(part) | ex.Repeat(part):
            yield from _atoms(part)
        case ex.Sequence(parts) | ex.Either(parts) | ex.Both(parts):
            for part in parts:
                yield from _atoms(part)


def _term(terms: Terms, tree: ex.Expression, letters: Letters) -> int:
    match tree:
        case ex.Word() | ex.Wildcard() | ex.Anything():
            return terms.letters(letters.fitting(tree))
        case ex.Not(part):
            return terms.complement(_term(terms, part, letters))
        case ex.Repeat(part):
            return terms.repeat(_term(terms, part, letters))
        case ex.Sequence(parts):
            return terms.then([_term(terms, part, letters) for part in parts])
        case ex.Either(parts):
            return terms.either([_term(terms, part, letters) for part in parts])
        case ex.Both(parts):
            return terms.both([_term(terms, part, letters) for part in parts])


Steps = list[list[int]]
"""The next state, by state and letter."""


def _derived(tree: ex.Expression, letters: Letters, where: str) -> tuple[Steps, list[bool]]:
    """The states that the derivatives of ``tree`` are, from the first on, and which accept."""
    terms = Terms(len(letters))
    numbers = {_term(terms, tree, letters): 0}
    waiting = [*numbers]
    steps: Steps = []
    while len(steps) < len(waiting):
        if len(waiting) > STATES_MAX:
            what = f"the expression has more than {STATES_MAX} states"
            mend = "ask less at once: two protocols, or pairs instead of counting"
            raise ConfigError(what, where=where, mend=mend)
        row = []
        for letter in range(len(letters)):
            term = terms.derivative(waiting[len(steps)], letter)
            if term not in numbers:
                numbers[term] = len(waiting)
                waiting.append(term)
            row.append(numbers[term])
        steps.append(row)
    return steps, [terms.is_nullable(term) for term in waiting]


def _minimal(steps: Steps, accepting: list[bool]) -> tuple[Steps, list[bool]]:
    """The same with states joined that no stream tells apart (Moore 1956)."""
    classes: list[int] = [*map(int, accepting)]
    count = len(set(classes))
    while True:
        seen: dict[tuple[int, ...], int] = {}
        finer = []
        for own, row in zip(classes, steps, strict=True):
            signature = (own, *(classes[following] for following in row))
            finer.append(seen.setdefault(signature, len(seen)))
        classes = finer
        if len(seen) == count:
            break
        count = len(seen)
    firsts = [classes.index(number) for number in range(count)]
    joined = [[classes[following] for following in steps[first]] for first in firsts]
    return joined, [accepting[first] for first in firsts]


def _linked(steps: Steps, accepting: list[bool], letters: Letters, where: str) -> list[State]:
    """The states as rows; those from which none accepts are dead."""
    states = [State(n, letters, accepting=accepts) for n, accepts in enumerate(accepting)]
    before: list[set[State]] = [set() for _ in states]
    for state, row in zip(states, steps, strict=True):
        state.rows = tuple(states[following] for following in row)
        for following in row:
            before[following].add(state)
    live = {state for state in states if state.accepting}
    waiting = [*live]
    while waiting:
        fresh = before[waiting.pop().number] - live
        live |= fresh
        waiting += fresh
    for state in states:
        state.dead = state not in live
    if states[0].dead:
        mend = "look at what & and ! leave of it"
        raise ConfigError("no stream keeps the expression", where=where, mend=mend)
    return states
