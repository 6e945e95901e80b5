"""Dicts, lists, sets and deques that tell what is read and written in them.

Each is a subclass that has the data itself, so that C code finds it there. A table says for every
method what it accesses. A container has two kinds of places: every item of its own (a key that is
not there has one too), and the *shape*, which is which items there are. To add or to remove an
item reads and writes the shape in one go; ``clear`` writes it without a look. To iterate over keys
reads the shape, to iterate over values reads the items as well. A deque has only its shape.

What is written in terms of other methods (``update``) is written so here, and tells as they do.
A copy, and what pickle and ``copy`` make of it, is a plain container.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from typing import Any

from replay_ws.sim.races.detector import READ, WRITE

_REPR_SIZE_MAX = 40


class Cells:
    """The places of one container; ``note`` takes (key, kind of access, name, group)."""

    __slots__ = ("_note",)

    def __init__(self, note: Callable[[object, str, str, str], None]) -> None:
        self._note = note

    def shape(self, *kinds: str) -> None:
        """Which items there are is accessed."""
        for kind in kinds:
            self._note(_SHAPE, kind, "", "")

    def item(self, key: Any, *kinds: str) -> None:
        """One item is accessed."""
        for kind in kinds:
            self._note((key,), kind, f"[{_text(key)}]", "[]")

    def items(self, keys: Iterable[Any], *kinds: str) -> None:
        """Several items are accessed."""
        for key in keys:
            self.item(key, *kinds)


_SHAPE = "shape"
_NAMED = (str, bytes, int, float, bool, type(None))


def _text(key: object) -> str:
    """What a key is called; a repr could have an address in it."""
    if isinstance(key, tuple):
        return f"({', '.join(map(_text, key))})"
    if not isinstance(key, _NAMED):
        return type(key).__name__
    text = repr(key)
    return text if len(text) <= _REPR_SIZE_MAX else f"{text[: _REPR_SIZE_MAX - 1]}…"


Effect = Callable[..., None]


def _shape_read(cells: Cells, *_: Any) -> None:
    cells.shape(READ)


def _shape_changed(cells: Cells, *_: Any) -> None:
    cells.shape(READ, WRITE)


def _cleared(cells: Cells, data: Any, *_: Any) -> None:
    cells.shape(WRITE)
    cells.items(_keys(data), WRITE)


def _read(cells: Cells, data: Any, *_: Any) -> None:
    cells.shape(READ)
    cells.items(_keys(data), READ)


def _changed(cells: Cells, data: Any, *_: Any) -> None:
    cells.shape(READ, WRITE)
    cells.items(_keys(data), READ, WRITE)


def _item_read(cells: Cells, data: Any, key: Any, *_: Any) -> None:
    cells.item(key, READ)


def _keys(data: Any) -> list[Any]:
    if isinstance(data, list):
        return list(range(list.__len__(data)))
    return list(dict.__iter__(data) if isinstance(data, dict) else set.__iter__(data))


# --- dict ----------------------------------------------------------------------------------


def _put(cells: Cells, data: Any, key: Any, *_: Any) -> None:
    if not dict.__contains__(data, key):
        cells.shape(READ, WRITE)
    cells.item(key, WRITE)


def _put_if_absent(cells: Cells, data: Any, key: Any, *_: Any) -> None:
    cells.item(key, READ)
    if not dict.__contains__(data, key):
        _put(cells, data, key)


def _deleted(cells: Cells, data: Any, key: Any, *_: Any) -> None:
    if dict.__contains__(data, key):
        cells.shape(READ, WRITE)
        cells.item(key, WRITE)
    else:
        cells.item(key, READ)


def _popped(cells: Cells, data: Any, key: Any, *_: Any) -> None:
    cells.item(key, READ)
    _deleted(cells, data, key)


def _last_popped(cells: Cells, data: Any) -> None:
    cells.shape(READ, WRITE)
    cells.items(_keys(data)[-1:], READ, WRITE)


def _update(self: Any, *others: Any, **items: Any) -> None:
    for key, value in dict(*others, **items).items():
        self[key] = value


def _or_update(self: Any, other: Any) -> Any:
    _update(self, other)
    return self


_DICT = {
    _shape_read: "__iter__ __len__ __reversed__ keys",
    _read: "__eq__ __ne__ __or__ __repr__ __ror__ __copy__ copy items values",
    _item_read: "__contains__ __getitem__ get",
    _deleted: "__delitem__",
    _put: "__setitem__",
    _cleared: "clear",
    _popped: "pop",
    _last_popped: "popitem",
    _put_if_absent: "setdefault",
}


# --- list ----------------------------------------------------------------------------------


def _at(data: list[Any], index: Any) -> list[Any]:
    """The indices that ``index`` means, which may be a slice."""
    try:
        found = range(list.__len__(data))[index]
    except (IndexError, TypeError):  # the list itself will say so
        return []
    return list(found) if isinstance(found, range) else [found]


def _is_from_the_front(index: Any) -> bool:
    return not isinstance(index, slice) and index >= 0


def _element_read(cells: Cells, data: Any, index: Any) -> None:
    if not _is_from_the_front(index):
        cells.shape(READ)
    cells.items(_at(data, index), READ)


def _element_put(cells: Cells, data: Any, index: Any, _: Any) -> None:
    if isinstance(index, slice):
        _changed(cells, data)
        return
    if index < 0:
        cells.shape(READ)
    cells.items(_at(data, index), WRITE)


def _appended(cells: Cells, data: Any, *_: Any) -> None:
    cells.shape(READ, WRITE)
    cells.item(list.__len__(data), WRITE)


def _element_popped(cells: Cells, data: Any, index: int = -1) -> None:
    cells.shape(READ, WRITE)
    cells.items(_keys(data)[index:] if data else (), READ, WRITE)


def _extend(self: Any, values: Iterable[Any]) -> None:
    for value in list(values):
        self.append(value)


def _add_in_place(self: Any, values: Iterable[Any]) -> Any:
    _extend(self, values)
    return self


_LIST = {
    _shape_read: "__len__",
    _read: "__add__ __contains__ __eq__ __ge__ __gt__ __iter__ __le__ __lt__ __mul__ __ne__"
    " __repr__ __reversed__ __rmul__ __copy__ copy count index",
    _changed: "__delitem__ __imul__ insert remove reverse sort",
    _element_read: "__getitem__",
    _element_put: "__setitem__",
    _appended: "append",
    _cleared: "clear",
    _element_popped: "pop",
}


# --- set -----------------------------------------------------------------------------------


def _added(cells: Cells, data: Any, member: Any) -> None:
    if not set.__contains__(data, member):
        cells.shape(READ, WRITE)
    cells.item(member, WRITE)


def _discarded(cells: Cells, data: Any, member: Any) -> None:
    if set.__contains__(data, member):
        cells.shape(READ, WRITE)
    cells.item(member, WRITE)


def _add_all(self: Any, *others: Iterable[Any]) -> None:
    for other in others:
        for member in list(other):
            self.add(member)


def _or_add(self: Any, other: Iterable[Any]) -> Any:
    _add_all(self, other)
    return self


_SET = {
    _shape_read: "__and__ __eq__ __ge__ __gt__ __iter__ __le__ __len__ __lt__ __ne__ __or__"
    " __rand__ __repr__ __ror__ __rsub__ __rxor__ __sub__ __xor__ __copy__ copy difference"
    " intersection isdisjoint issubset issuperset symmetric_difference union",
    _changed: "__iand__ __isub__ __ixor__ difference_update intersection_update pop"
    " symmetric_difference_update",
    _item_read: "__contains__",
    _added: "add",
    _cleared: "clear",
    _discarded: "discard remove",
}


# --- deque ---------------------------------------------------------------------------------


def _emptied(cells: Cells, *_: Any) -> None:
    cells.shape(WRITE)


_DEQUE = {
    _shape_read: "__add__ __contains__ __eq__ __getitem__ __iter__ __len__ __ne__ __repr__"
    " __reversed__ __copy__ copy count index",
    _shape_changed: "__delitem__ __iadd__ __imul__ __setitem__ append appendleft extend extendleft"
    " insert pop popleft remove reverse rotate",
    _emptied: "clear",
}


# --- the classes ---------------------------------------------------------------------------


def _itself(data: Any) -> Any:
    return data


def _plain_defaultdict(data: Any) -> defaultdict[Any, Any]:
    return defaultdict(data.default_factory, data)


def _plain_deque(data: Any) -> deque[Any]:
    return deque(data, data.maxlen)


_PLAIN: dict[type, Callable[[Any], Any]] = {
    dict: dict,
    list: list,
    set: set,
    deque: _plain_deque,
    defaultdict: _plain_defaultdict,
}
_COPYING = {"__copy__", "copy"}


def _telling(kind: type, effects: dict[Effect, str], rewritten: dict[str, Any]) -> type:
    """A subclass of ``kind`` whose methods have these effects, besides those ``rewritten``."""
    body: dict[str, Any] = {"__slots__": ("_cells",), "__hash__": None, **rewritten}
    for effect, names in effects.items():
        for name in names.split():
            original = _PLAIN[kind] if name in _COPYING else getattr(kind, name)
            body[name] = _method(original, effect)
    body["__reduce_ex__"] = lambda self, _protocol: (_itself, (_PLAIN[kind](self),))
    return type(f"Watched{kind.__name__.capitalize()}", (kind,), body)


def _method(original: Callable[..., Any], effect: Effect) -> Callable[..., Any]:
    def method(self: Any, *args: Any, **options: Any) -> Any:
        cells = getattr(self, "_cells", None)
        if cells is not None:  # it is being filled
            effect(cells, self, *args)
        return original(self, *args, **options)

    return method


_DICT_REWRITTEN = {"__ior__": _or_update, "update": _update}
CONTAINERS: dict[type, type] = {
    dict: _telling(dict, _DICT, _DICT_REWRITTEN),
    list: _telling(list, _LIST, {"__iadd__": _add_in_place, "extend": _extend}),
    set: _telling(set, _SET, {"__ior__": _or_add, "update": _add_all}),
    deque: _telling(deque, _DEQUE, {}),
    defaultdict: _telling(defaultdict, _DICT, _DICT_REWRITTEN),
}
"""What can be watched -> the class of what tells."""
TOLD = {telling: kind for kind, telling in CONTAINERS.items()}


def told(data: Any, cells: Cells) -> Any:
    """A copy of ``data`` that tells ``cells``."""
    telling: Any = CONTAINERS[type(data)]
    match data:
        case defaultdict():
            copy = telling(data.default_factory, data)
        case deque():
            copy = telling(data, data.maxlen)
        case _:
            copy = telling(data)
    copy._cells = cells
    return copy


def untold(data: Any) -> Any:
    """A plain copy of what tells, made without a word."""
    kind = TOLD[type(data)]
    data._cells = None
    return _PLAIN[kind](data)
