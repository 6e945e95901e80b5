"""``datetime`` and ``date`` as a run sees them.

Both make instances of the real classes and count all of those as their own, so no value that a
program keeps, sends or pickles shows that it came from a run. Only ``now``, ``today`` and
``utcnow`` differ. To the outside they carry the real names, since pickles spell a class by name.
"""

from __future__ import annotations

import datetime
import sys
import warnings
from collections.abc import Callable
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING, Any

from replay_ws.clock import NS_PER_S
from replay_ws.sim.world.aliases import StandIn
from replay_ws.sim.world.wallclock.functions import real_thing, unix_ns

if TYPE_CHECKING:
    from datetime import date as _real_date
    from datetime import datetime as _real_datetime
else:
    _real_date, _real_datetime = (real_thing(datetime, name) for name in ("date", "datetime"))


class _AsReal(type):
    """A class that counts instances of what it ``stands_for`` as its own; its heirs do not."""

    def __instancecheck__(cls, instance: object) -> bool:
        meant = vars(cls).get("stands_for")
        return super().__instancecheck__(instance) if meant is None else isinstance(instance, meant)

    def __subclasscheck__(cls, subclass: type) -> bool:
        meant = vars(cls).get("stands_for")
        return super().__subclasscheck__(subclass) if meant is None else issubclass(subclass, meant)


class _Date(_real_date, metaclass=_AsReal):
    stands_for = _real_date

    def __new__(cls, *args: Any, **options: Any) -> Any:
        return _real_date.__new__(_real_date if cls is _Date else cls, *args, **options)

    @classmethod
    def today(cls) -> Any:
        now_ns = unix_ns()
        if now_ns is None:
            return _real_date.today() if cls is _Date else super().today()
        return cls.fromtimestamp(now_ns // NS_PER_S)


class _Datetime(_real_datetime, metaclass=_AsReal):
    stands_for = _real_datetime

    def __new__(cls, *args: Any, **options: Any) -> Any:
        return _real_datetime.__new__(_real_datetime if cls is _Datetime else cls, *args, **options)

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Any:
        now_ns = unix_ns()
        if now_ns is None:
            return _real_datetime.now(tz) if cls is _Datetime else super().now(tz)
        return _at(cls, now_ns, tz)

    @classmethod
    def today(cls) -> Any:
        return cls.now()

    @classmethod
    def utcnow(cls) -> Any:
        if sys.version_info >= (3, 12):
            warnings.warn(
                "datetime.datetime.utcnow() is deprecated: use datetime.datetime.now(datetime.UTC)",
                DeprecationWarning,
                stacklevel=2,
            )
        return cls.now(UTC).replace(tzinfo=None)


def _at(cls: type[_real_datetime], now_ns: int, tz: tzinfo | None) -> _real_datetime:
    seconds, rest_ns = divmod(now_ns, NS_PER_S)
    return cls.fromtimestamp(seconds, tz).replace(microsecond=rest_ns // 1_000)


_CLASSES = (StandIn(_real_date, _Date), StandIn(_real_datetime, _Datetime))
_METHODS = [
    StandIn(getattr(pair.real, name), getattr(pair.stand_in, name))
    for pair in _CLASSES
    for name in ("now", "today", "utcnow")
    if hasattr(pair.real, name)
]
DATES = (*_CLASSES, *_METHODS)
"""The classes, and their methods as others keep them."""

for _pair in _CLASSES:
    for _name in ("__module__", "__name__", "__qualname__", "__doc__"):
        setattr(_pair.stand_in, _name, getattr(_pair.real, _name))


def _reduce(instance: Any) -> tuple[Any, ...]:
    """A pickle names a class, and finds the stand-in by the name of the real one."""
    kind, *rest = instance.__reduce_ex__(4)
    return _Datetime if kind is _real_datetime else _Date, *rest


PICKLING: dict[type, Callable[[Any], Any]] = dict.fromkeys((_real_date, _real_datetime), _reduce)
"""What belongs into ``copyreg.dispatch_table`` while the stand-ins are shown."""
