"""Documents that events tell whole, and then only what changes in them.

Source: RFC 6902 (JSON Patch) and RFC 6901 (JSON Pointer). A patch applies as a whole or not at all:
a document is never changed, a changed one shares with it what is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from replay_ws.compliance.parts import Context, Part, RunState, Step, called
from replay_ws.compliance.reading import NOTHING
from replay_ws.compliance.rules import PatchRule, Rule, fits
from replay_ws.compliance.tally import Seen
from replay_ws.text import quoted

Steps: TypeAlias = Sequence[str]
"""The steps of a JSON pointer."""

Edit: TypeAlias = Callable[[Any, Any], Any]
"""What becomes of the object or list that holds a place, and the key that the place has there."""


class PatchError(ValueError):
    """A patch is none, or does not apply."""


class Patches(Part):
    """The documents of one kind."""

    def __init__(self, rule: PatchRule, context: Context) -> None:
        self.rule = rule
        self.name = context.namer(rule.by)
        self.whole = context.getter(rule.whole_at)
        self.patch = context.getter(rule.patch_at)
        self.asked = context.asked(Rule.PATCHES, rule.name)
        self.types: set[str] = set()

    def begin(self) -> dict[str, Any]:
        """The documents, by name; one that was never told whole is not among them."""
        return {}

    def step(self, type: str) -> Step | None:
        """Take a document, or change it."""
        place, name_of = self.place, self.name
        if fits(type, self.rule.whole):

            def take(run: RunState, payload: Any, number: int, time_ns: int) -> None:
                whole = self.whole(payload)
                run.states[place][name_of(payload)] = None if whole is NOTHING else whole

            return take
        if not fits(type, self.rule.patch):
            return None
        self.types.add(type)

        def change(run: RunState, payload: Any, number: int, time_ns: int) -> None:
            documents: dict[str, Any] = run.states[place]
            name, patch = name_of(payload), self.patch(payload)
            if not isinstance(patch, list):
                return  # what fields are is asked elsewhere
            try:
                operations = operations_in(patch)
                if name in documents:
                    documents[name] = patched(documents[name], operations)
            except PatchError as error:
                message = f"{called(type, name)}: {error}"
                run.tally.lose(self.asked, message, Seen(type, number, time_ns), run.name)

        return change

    def finish(self, run: RunState) -> None:
        """Each patch was one question."""
        run.tally.ask(self.asked, run.count(self.types))


# --- patches -------------------------------------------------------------------------------


def patched(document: Any, operations: Sequence[Mapping[str, Any]]) -> Any:
    """``document`` after ``operations``; raises PatchError where one of them does not apply."""
    for each in operations:
        document = _APPLY[each["op"]](document, each)
    return document


def operations_in(patch: Sequence[Any]) -> list[Mapping[str, Any]]:
    """The operations, their pointers read; raises PatchError for what is none."""
    return list(map(_operation, patch))


def _operation(value: Any) -> Mapping[str, Any]:
    """An operation of a patch with its pointers as steps."""
    name = value.get("op") if isinstance(value, dict) else None
    if not isinstance(name, str) or name not in _APPLY:
        raise PatchError(f"a patch has no operation {quoted(str(name))}")
    if name in ("add", "replace", "test") and "value" not in value:
        raise PatchError(f"{name} has no value")
    places = {key: _steps(name, value.get(key)) for key in ("path", "from")[: 1 + (name in _FROM)]}
    return {**value, **places}


def _steps(name: str, pointer: Any) -> Steps:
    if not isinstance(pointer, str) or pointer[:1] not in ("", "/"):
        raise PatchError(f"{name} has no JSON pointer where one belongs")
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]


def _add(document: Any, it: Mapping[str, Any]) -> Any:
    return _put(document, it["path"], it["value"])


def _remove(document: Any, it: Mapping[str, Any]) -> Any:
    return _without(document, it["path"])


def _replace(document: Any, it: Mapping[str, Any]) -> Any:
    if not it["path"]:
        return it["value"]
    _found(document, it["path"])
    return _edited(document, it["path"], lambda holder, key: _with(holder, key, it["value"]))


def _move(document: Any, it: Mapping[str, Any]) -> Any:
    source, path = it["from"], it["path"]
    if len(path) > len(source) and path[: len(source)] == source:
        raise PatchError(f"{_shown(source)} cannot move into itself")
    return _put(_without(document, source), path, _found(document, source))


def _copy(document: Any, it: Mapping[str, Any]) -> Any:
    return _put(document, it["path"], _found(document, it["from"]))


def _test(document: Any, it: Mapping[str, Any]) -> Any:
    if not _is_same(_found(document, it["path"]), it["value"]):
        raise PatchError(f"{_shown(it['path'])} is not what it is tested to be")
    return document


_APPLY: Mapping[str, Callable[[Any, Mapping[str, Any]], Any]] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "move": _move,
    "copy": _copy,
    "test": _test,
}
_FROM = ("move", "copy")

# --- places --------------------------------------------------------------------------------


def _found(document: Any, steps: Steps) -> Any:
    for step in steps:
        document = document[_key(document, step, steps)]
    return document


def _put(document: Any, steps: Steps, value: Any) -> Any:
    """``value`` at a place that need not be there; in a list what is there moves on."""
    if not steps:
        return value

    def put(holder: Any, key: Any) -> Any:
        if isinstance(holder, list):
            return [*holder[:key], value, *holder[key:]]
        return {**holder, key: value}

    return _edited(document, steps, put, is_new=True)


def _without(document: Any, steps: Steps) -> Any:
    if not steps:
        raise PatchError("the whole document cannot be removed")

    def remove(holder: Any, key: Any) -> Any:
        if isinstance(holder, list):
            return [*holder[:key], *holder[key + 1 :]]
        return {name: value for name, value in holder.items() if name != key}

    return _edited(document, steps, remove)


def _edited(document: Any, steps: Steps, edit: Edit, *, is_new: bool = False) -> Any:
    """``document`` with the holder of a place edited; the place may be new."""
    *outer, last = steps
    holders = [document]
    keys = []
    for step in outer:
        keys.append(_key(holders[-1], step, steps))
        holders.append(holders[-1][keys[-1]])
    holder = holders.pop()
    changed = edit(holder, _key(holder, last, steps, is_new=is_new))
    for around, key in zip(reversed(holders), reversed(keys), strict=True):
        changed = _with(around, key, changed)
    return changed


def _with(holder: Any, key: Any, value: Any) -> Any:
    copy = holder.copy()
    copy[key] = value
    return copy


def _key(holder: Any, step: str, steps: Steps, *, is_new: bool = False) -> Any:
    """The key that a step names in an object or a list; raises PatchError if nothing is there."""
    if isinstance(holder, dict) and (is_new or step in holder):
        return step
    if isinstance(holder, list):
        if is_new and step == "-":
            return len(holder)
        is_index = step.isascii() and step.isdecimal() and (step == "0" or step[0] != "0")
        if is_index and len(step) < 20 and int(step) < len(holder) + is_new:
            return int(step)
    raise PatchError(f"there is no {_shown(steps)}")


def _shown(steps: Steps) -> str:
    return quoted("".join(f"/{step}" for step in steps))


def _is_same(one: Any, two: Any) -> bool:
    """Whether two values are the same JSON; true is not 1, though it is in Python."""
    if isinstance(one, dict) and isinstance(two, dict):
        return one.keys() == two.keys() and all(_is_same(one[key], two[key]) for key in one)
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(map(_is_same, one, two))
    return isinstance(one, bool) is isinstance(two, bool) and bool(one == two)
