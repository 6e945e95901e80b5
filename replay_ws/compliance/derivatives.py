"""Terms of a regular expression over letters, and what is left of one after a letter.

The derivative of a term by a letter describes how the streams go on that begin with it. Terms that
are alike by the simple laws of regular expressions are one term, so that an expression has finitely
many derivatives: they are the states of its automaton.

Letters are numbers from 0, sets of letters are bits of an integer, and terms are numbers too.

Source: Brzozowski 1964; Owens, Reppy and Turon 2009.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import Literal, NamedTuple, TypeAlias

Kind: TypeAlias = Literal["letters", "empty", "then", "repeat", "either", "both", "not"]


class _Shape(NamedTuple):
    """A term: what it is, its parts, and the letters where it is a set of them."""

    kind: Kind
    parts: tuple[int, ...] = ()
    letters: int = 0


class Terms:
    """The terms over an alphabet of ``count`` letters; equal terms have equal numbers."""

    def __init__(self, count: int) -> None:
        self.alphabet = (1 << count) - 1
        self._numbers: dict[_Shape, int] = {}
        self._shapes: list[_Shape] = []
        self._nullable: list[bool] = []
        self._derived: dict[tuple[int, int], int] = {}
        self.never = self._term(_Shape("letters"), nullable=False)
        """No stream at all."""
        self.empty = self._term(_Shape("empty"), nullable=True)
        """The empty stream."""
        self.always = self._term(_Shape("not", (self.never,)), nullable=True)
        """Every stream."""

    def is_nullable(self, term: int) -> bool:
        """Whether the empty stream is one of the term's."""
        return self._nullable[term]

    def letters(self, letters: int) -> int:
        """One event, of one of these letters."""
        return self._term(_Shape("letters", (), letters), nullable=False)

    def then(self, parts: Iterable[int]) -> int:
        """One after the other."""
        return reduce(lambda rest, part: self._pair(part, rest), reversed([*parts]), self.empty)

    def repeat(self, part: int) -> int:
        """Any number of times."""
        shape = self._shapes[part]
        if part in (self.never, self.empty):
            return self.empty
        if shape.kind == "repeat" or part == self.always:
            return part
        if shape.kind == "letters" and shape.letters == self.alphabet:
            return self.always
        return self._term(_Shape("repeat", (part,)), nullable=True)

    def either(self, parts: Iterable[int]) -> int:
        """At least one of them."""
        flat = self._flat("either", parts)
        if self.always in flat:
            return self.always
        letters = 0
        for part in [part for part in flat if self._shapes[part].kind == "letters"]:
            letters |= self._shapes[part].letters
            flat.remove(part)
        if letters:
            flat.add(self.letters(letters))
        return self._joined("either", flat, self.never)

    def both(self, parts: Iterable[int]) -> int:
        """All of them at once."""
        flat = self._flat("both", parts)
        if self.never in flat:
            return self.never
        flat.discard(self.always)
        sets = [part for part in flat if self._shapes[part].kind == "letters"]
        if sets:
            letters = self.alphabet
            for part in sets:
                letters &= self._shapes[part].letters
                flat.remove(part)
            if not letters:
                return self.never
            flat.add(self.letters(letters))
        return self._joined("both", flat, self.always)

    def complement(self, part: int) -> int:
        """What the term does not describe."""
        shape = self._shapes[part]
        if shape.kind == "not":
            return shape.parts[0]
        return self._term(_Shape("not", (part,)), nullable=not self._nullable[part])

    def derivative(self, term: int, letter: int) -> int:
        """How the streams of ``term`` that begin with ``letter`` go on."""
        key = term, letter
        if key not in self._derived:
            self._derived[key] = self._derive(term, letter)
        return self._derived[key]

    def _derive(self, term: int, letter: int) -> int:
        kind, parts, letters = self._shapes[term]
        match kind:
            case "letters":
                return self.empty if letters >> letter & 1 else self.never
            case "empty":
                return self.never
            case "then":
                return self._after(term, letter)
            case "repeat":
                return self._pair(self.derivative(parts[0], letter), term)
            case "not":
                return self.complement(self.derivative(parts[0], letter))
            case "either":
                return self.either(self.derivative(part, letter) for part in parts)
            case "both":
                return self.both(self.derivative(part, letter) for part in parts)

    def _after(self, term: int, letter: int) -> int:
        """The derivative of a chain: what may be missing at its head is passed over."""
        ways = []
        while self._shapes[term].kind == "then":
            head, rest = self._shapes[term].parts
            ways.append(self._pair(self.derivative(head, letter), rest))
            if not self._nullable[head]:
                return self.either(ways)
            term = rest
        return self.either([*ways, self.derivative(term, letter)])

    def _pair(self, first: int, rest: int) -> int:
        """``first``, then ``rest``; chains lean to the right, so that equal ones are one term."""
        heads = []
        while self._shapes[first].kind == "then":
            head, first = self._shapes[first].parts
            heads.append(head)
        for part in (first, *reversed(heads)):
            if self.never in (part, rest):
                rest = self.never
            elif part == self.empty:
                pass
            elif rest == self.empty:
                rest = part
            else:
                nullable = self._nullable[part] and self._nullable[rest]
                rest = self._term(_Shape("then", (part, rest)), nullable=nullable)
        return rest

    def _flat(self, kind: Kind, parts: Iterable[int]) -> set[int]:
        flat: set[int] = set()
        for part in parts:
            shape = self._shapes[part]
            flat.update(shape.parts if shape.kind == kind else (part,))
        if kind == "either":
            flat.discard(self.never)
        return flat

    def _joined(self, kind: Kind, parts: set[int], none: int) -> int:
        if len(parts) < 2:
            return next(iter(parts), none)
        empty = (self._nullable[part] for part in parts)
        nullable = any(empty) if kind == "either" else all(empty)
        return self._term(_Shape(kind, tuple(sorted(parts))), nullable=nullable)

    def _term(self, shape: _Shape, *, nullable: bool) -> int:
        number = self._numbers.setdefault(shape, len(self._shapes))
        if number == len(self._shapes):
            self._shapes.append(shape)
            self._nullable.append(nullable)
        return number
