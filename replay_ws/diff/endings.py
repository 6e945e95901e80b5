"""How connections were accepted and ended: who closed them, with which code, or what tore them.

Such things are no events: they have no place among what was delivered, and only their order on
their own connection is compared.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any, Protocol, runtime_checkable

from replay_ws.diff import show
from replay_ws.diff.divergences import Story
from replay_ws.diff.model import Category, Detail, Divergence
from replay_ws.events.log import Direction
from replay_ws.events.model import Incident


@runtime_checkable
class HasEndings(Protocol):
    """A session that knows what became of its connections."""

    @property
    def endings(self) -> Sequence[Incident]:
        """How they were accepted, refused and ended, in order."""


def find_endings(
    golden: object, run: object, left: Story, right: Story, names: Mapping[str, str] | None = None
) -> Iterator[Divergence]:
    """Where the connections of two sessions were accepted or ended otherwise.

    ``names`` are those of connections that the run calls otherwise, by the run's name.
    """
    ours, theirs = _by_connection(golden, {}), _by_connection(run, names or {})
    for connection in sorted(ours.keys() | theirs.keys()):
        pairs = zip_longest(ours.get(connection, ()), theirs.get(connection, ()))
        for old, new in pairs:
            if _facts(old) != _facts(new):
                yield _divergence(connection, old, new, left, right)


def _by_connection(session: object, names: Mapping[str, str]) -> dict[str, list[Incident]]:
    found: dict[str, list[Incident]] = defaultdict(list)
    for incident in session.endings if isinstance(session, HasEndings) else ():
        found[names.get(incident.connection, incident.connection)].append(incident)
    return found


def _facts(ending: Incident | None) -> dict[str, Any]:
    """What is said of one ending, but when it was."""
    return {"what": ending.what, **ending.about} if ending else {}


def _divergence(
    connection: str, old: Incident | None, new: Incident | None, left: Story, right: Story
) -> Divergence:
    ours, theirs = _facts(old), _facts(new)
    fields = [name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)]
    some = old or new
    assert some is not None
    return Divergence(
        category=Category.RETYPED if fields == ["subprotocol"] else Category.CLOSE,
        connection=connection,
        direction=Direction.DOWNSTREAM,
        type=some.what,
        golden=None,
        run=None,
        golden_place=left.number_at((old or some).time_ns),
        run_place=right.number_at((new or some).time_ns),
        golden_ns=old.time_ns if old else None,
        run_ns=new.time_ns if new else None,
        details=tuple(_details(fields, ours, theirs)),
    )


def _details(
    fields: Iterable[str], ours: Mapping[str, Any], theirs: Mapping[str, Any]
) -> Iterator[Detail]:
    if not ours or not theirs:
        told = "; ".join(f"{name} {show.value(value)}" for name, value in (ours or theirs).items())
        yield Detail("connection", told if ours else None, told if theirs else None)
        return
    for name in fields:
        sides = (show.value(side[name]) if name in side else None for side in (ours, theirs))
        yield Detail(name, *sides)
