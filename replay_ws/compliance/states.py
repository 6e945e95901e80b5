"""The states of an automaton over event types, and the letters that it tells apart.

A state is the row of its steps: ``state[type]`` is the next one, so that a stream is walked with
one look-up per event. Types that the expression treats alike are one letter; so are all types that
nobody named, apart from those that a wildcard fits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations

from replay_ws.compliance import expression as ex

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
