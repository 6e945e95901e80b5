"""A protocol as an automaton: a regular expression over event types, compiled.

A state is the row of its steps: ``state[type]`` is the next one, so that a stream is walked with
one look-up per event. Types that the expression treats alike are one letter; so are all types that
nobody named, apart from those that a wildcard fits. The automaton is the smallest there is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations

from replay_ws.compliance import expression as ex
from replay_ws.compliance.alignment import Alignment, Edit
from replay_ws.compliance.derivatives import Terms
from replay_ws.errors import ConfigError

STATES_MAX = 2_000
"""How many states an expression may have before they are joined."""

WILDCARDS_MAX = 8
"""How many different wildcards an expression may have."""

ROW_MAX = 10_000
"""How many types a state remembers: a stream can be made of nothing but unknown ones."""


class State(dict[str, "State"]):
    """Where a stream stands: ``state[type]`` is where it stands after an event of that type."""

    __slots__ = ("accepting", "dead", "letters", "number", "rows")
    __hash__ = object.__hash__  # type: ignore[assignment]  # a state is itself, not its row
    __eq__ = object.__eq__
    __ne__ = object.__ne__

    def __init__(self, number: int, letters: Letters, *, accepting: bool) -> None:
        super().__init__()
        self.number = number
        self.letters = letters
        self.accepting = accepting
        """Whether a stream may end here."""
        self.dead = False
        """Whether no way on leads to an accepting state."""
        self.rows: tuple[State, ...] = ()
        """The next state, by letter."""

    def __missing__(self, type: str) -> State:
        following = self.rows[self.letters.of(type)]
        if len(self) < ROW_MAX:
            self[type] = following
        return following

    def __repr__(self) -> str:
        return f"<State {self.number}>"


class Letters:
    """The classes of types that an expression tells apart.

    Which atoms of the expression a type fits is its signature; types of one signature are one
    letter.
    """

    def __init__(self, atoms: Iterable[ex.Atom], types: Iterable[str]) -> None:
        atoms = set(atoms)
        self._words = frozenset(atom.type for atom in atoms if isinstance(atom, ex.Word))
        self._wildcards = sorted(
            (atom for atom in atoms if isinstance(atom, ex.Wildcard)), key=lambda a: a.pattern
        )
        self._numbers: dict[frozenset[ex.Atom], int] = {}
        self._names: list[list[str]] = []
        for type in sorted({*self._words, *types}):
            self._add(self.signature(type), type)
        for patterns in self._subsets():
            self._add(self.signature(_witness(patterns)), patterns[0])
        self._add(frozenset(), "any other event")

    def __len__(self) -> int:
        return len(self._names)

    def of(self, type: str) -> int:
        """The letter of a type."""
        signature = self.signature(type)
        if signature not in self._numbers:  # wildcards overlap in the type, as in no witness
            wider = [known for known in self._numbers if known > signature]
            return self._numbers[min(wider, key=len, default=frozenset())]
        return self._numbers[signature]

    def fitting(self, atom: ex.Atom) -> int:
        """The letters that an atom stands for, as bits."""
        anything = isinstance(atom, ex.Anything)
        return sum(
            1 << number
            for signature, number in self._numbers.items()
            if anything or atom in signature
        )

    def names(self, letter: int) -> list[str]:
        """What a reader calls it."""
        return self._names[letter]

    def signature(self, type: str) -> frozenset[ex.Atom]:
        """The atoms that a type fits, but for those that every type fits."""
        word: list[ex.Atom] = [ex.Word(type)] if type in self._words else []
        return frozenset([*word, *(card for card in self._wildcards if card.fits(type))])

    def _add(self, signature: frozenset[ex.Atom], name: str) -> None:
        number = self._numbers.setdefault(signature, len(self._names))
        if number == len(self._names):
            self._names.append([])
        elif "*" in name:
            return
        self._names[number].append(name)

    def _subsets(self) -> list[tuple[str, ...]]:
        patterns = [card.pattern for card in self._wildcards]
        sizes = range(1, len(patterns) + 1)
        return [subset for size in sizes for subset in combinations(patterns, size)]


def _witness(patterns: Sequence[str]) -> str:
    """A type that nobody named and that all of ``patterns`` fit, where there is one."""
    parts = [pattern.split("*") for pattern in patterns]
    head = max((part[0] for part in parts), key=len)
    tail = max((part[-1] for part in parts), key=len)
    middle = [text for part in parts for text in part[1:-1]]
    return "\0".join([head, *middle, tail])


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
