"""Regular expressions over event types, as a profile writes them.

    a b             a, then b
    a | b           one of them
    a & b           both at once
    !a              everything that a is not, of whatever length; one event that is
                    no a is (any & !a)
    a* a+ a?        any number, at least one, at most one
    ( )             a group; an empty one is the empty stream
    any or .        one event of any type

``*``, ``+`` and ``?`` bind closest, then ``!``, then standing side by side, then ``&``. A type is
a word, with dots, dashes, colons and slashes if it has them, or anything in quotes. A ``*`` within
a word, after one of ``. _ - : /``, stands for any text: ``response.*``, ``data-*``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from replay_ws.errors import ConfigError

DEPTH_MAX = 40
"""How deep groups can be nested."""


@dataclass(frozen=True, slots=True)
class Word:
    """Events of one type."""

    type: str


@dataclass(frozen=True, slots=True)
class Wildcard:
    """Events whose type looks like this; ``*`` stands for any text."""

    pattern: str

    def fits(self, type: str) -> bool:
        """Whether ``type`` looks like this."""
        parts = map(re.escape, self.pattern.split("*"))
        return re.fullmatch(".*".join(parts), type, re.DOTALL) is not None


@dataclass(frozen=True, slots=True)
class Anything:
    """One event, whatever its type."""


@dataclass(frozen=True, slots=True)
class Sequence:
    """One after the other; the empty stream where there are none."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """One of these."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Both:
    """All of these at once."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Every stream that ``part`` does not describe."""

    part: Expression


@dataclass(frozen=True, slots=True)
class Repeat:
    """``part`` any number of times."""

    part: Expression


Atom: TypeAlias = Word | Wildcard | Anything
Expression: TypeAlias = Atom | Sequence | Either | Both | Not | Repeat

NOTHING = Sequence(())


def parse(text: str, *, where: str = "protocol") -> Expression:
    """What ``text`` describes; raises ConfigError that names the column, and what was expected."""
    return _Parser(text, where).whole()


def spelt(type: str) -> str:
    """``type`` as an expression has it; what no quotes can hold is any event."""
    if re.fullmatch(r"[\w@#$/][\w@#$/.:-]*", type) and type != "any":
        return type
    marks = [mark for mark in "'\"" if mark not in type]
    return f"{marks[0]}{type}{marks[0]}" if marks else "any"


_TOKEN = re.compile(
    r"""\s*(?: (?P<quoted> "[^"]*" | '[^']*' )
         | (?P<word> [\w@#$/] (?: [\w@#$/.:-] | (?<=[._:/-])\* )* )
         | (?P<sign> [|&!*+?().] )
         | (?P<end> \Z )
         | (?P<other> . ) )""",
    re.VERBOSE | re.DOTALL,
)


class _Parser:
    """Recursive descent; ``kind``, ``text`` and ``at`` are the next token and where it begins."""

    def __init__(self, source: str, where: str) -> None:
        self.source = source
        self.where = where
        self.depth = 0
        self.tokens = self._read()
        self.kind, self.text, self.at = next(self.tokens)

    def whole(self) -> Expression:
        found = self._either()
        if self.kind != "end":
            raise self._unexpected("a type, an operator or the end")
        return found

    def _either(self) -> Expression:
        parts = [self._both()]
        while self._takes("|"):
            parts.append(self._both())
        return Either(tuple(parts)) if parts[1:] else parts[0]

    def _both(self) -> Expression:
        parts = [self._sequence()]
        while self._takes("&"):
            parts.append(self._sequence())
        return Both(tuple(parts)) if parts[1:] else parts[0]

    def _sequence(self) -> Expression:
        parts = [self._not()]
        while self.kind in ("word", "quoted") or self.text in ("(", "!", "."):
            parts.append(self._not())
        return Sequence(tuple(parts)) if parts[1:] else parts[0]

    def _not(self) -> Expression:
        times = 0
        while self._takes("!"):
            times += 1
        found = self._repeated()
        return Not(found) if times % 2 else found

    def _repeated(self) -> Expression:
        found = self._atom()
        while self.kind == "sign":
            if self._takes("*"):
                found = Repeat(found)
            elif self._takes("+"):
                found = Sequence((found, Repeat(found)))
            elif self._takes("?"):
                found = Either((NOTHING, found))
            else:
                break
        return found

    def _atom(self) -> Expression:
        kind, text = self.kind, self.text
        if kind == "quoted":
            self._next()
            return Word(text[1:-1])
        if kind == "word":
            self._next()
            return Anything() if text == "any" else Wildcard(text) if "*" in text else Word(text)
        if self._takes("."):
            return Anything()
        if (kind, text) == ("sign", "("):
            return self._group()
        raise self._unexpected("a type, '(', '!' or 'any'")

    def _group(self) -> Expression:
        if self.depth == DEPTH_MAX:
            raise self._error(f"groups are nested deeper than {DEPTH_MAX}")
        self._next()
        if self._takes(")"):
            return NOTHING
        self.depth += 1
        found = self._either()
        if not self._takes(")"):
            raise self._unexpected("an operator or ')'")
        self.depth -= 1
        return found

    def _takes(self, sign: str) -> bool:
        found = self.kind == "sign" and self.text == sign
        if found:
            self._next()
        return found

    def _next(self) -> None:
        self.kind, self.text, self.at = next(self.tokens)

    def _read(self) -> Iterator[tuple[str, str, int]]:
        for match in _TOKEN.finditer(self.source):
            kind = match.lastgroup or ""
            yield kind, match[kind], match.start(kind)
            if kind == "end":
                return

    def _unexpected(self, expected: str) -> ConfigError:
        found = repr(self.text) if self.text else "the end"
        unclosed = "; a quote is not closed" if self.text in ("'", '"') else ""
        return self._error(f"expected {expected}, found {found}{unclosed}")

    def _error(self, what: str) -> ConfigError:
        line = self.source.count("\n", 0, self.at) + 1
        column = self.at - self.source.rfind("\n", 0, self.at)
        place = f"line {line}, column {column}" if "\n" in self.source else f"column {column}"
        return ConfigError(
            f"{place}: {what}",
            where=self.where,
            mend="write types, with ( ) | & ! * + ? between them; an odd name stands in quotes",
        )
