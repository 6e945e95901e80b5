"""Chance inside a run: whatever a program asks of the operating system comes from its seed.

Every source has a stream of its own, so that one more ``uuid4`` moves no byte of ``urandom``:

========= =====================================================================================
random    the functions of ``random``, one Mersenne Twister seeded from the stream, so that
          aliases (they are methods of one object) and the user's ``random.seed(5)`` work as ever
generator a ``random.Random()`` without a seed, and the generator of ``tempfile``
urandom   ``os.urandom``, ``os.getrandom``, ``secrets``, ``random.SystemRandom``, the seeds of
          numpy's ``default_rng()``
uuid      ``uuid4``, ``uuid7``, and the node and clock sequence of ``uuid1``
ssl       ``ssl.RAND_bytes``
numpy     numpy's legacy state, ``numpy.random.rand()`` and its kind
========= =====================================================================================

Within a stream draws go by the order in which they are asked for: one run, one schedule, one
order. Streams per task would keep a task's draws when the schedule changes, but a loop in plain
arrival order has no stable names for its tasks, and a run must draw alike whether or not
somebody observes it.

Only threads of the run are served; another thread of the process gets real entropy, except from
numpy's legacy functions, which share one state between all threads.
Out of reach are functions of C that ask the system by themselves, and aliases such as
``from os import urandom`` that are no name of a module.
"""

from __future__ import annotations

import functools
import os
import random
import sys
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from types import MethodType, ModuleType
from typing import Any

from replay_ws.sim.world.aliases import (
    Alias,
    Aliases,
    StandIn,
    globals_of,
    show_reals,
    show_stand_ins,
)
from replay_ws.sim.world.bystanders import Bystanders
from replay_ws.sim.world.patches import Patch, patched
from replay_ws.sim.world.tape import Words, keyed_words

_WORD_BYTES = 8
_Word = Callable[[str], int]


class _Here(threading.local):
    entropy: Entropy | None = None


_here = _Here()


class Entropy:
    """The draws of one run, and what stands in the place of the system's entropy meanwhile."""

    def __init__(self, words: Words, program: Callable[..., object]) -> None:
        self._words = words
        self._streams: dict[str, Iterator[int]] = {}
        self._shared = [
            _Shared(random.getstate, random.setstate, _seed_random),
            _Shared(_memories, _remember, _forget),
        ]
        self._has_numpy = False
        self._globals = globals_of(program)
        self._tables: list[Aliases] = []
        self._aliases: list[Alias] = []
        self._names = patched(())
        self._outer: Entropy | None = None

    def restart(self, words: Words) -> None:
        """Begin the draws of another run, which has these ``words``."""
        self._words = words
        self._streams.clear()
        self._names.renew()
        for shared in self._shared:
            shared.begin(self.word)

    def __enter__(self) -> Entropy:
        self.install()
        return self

    def __exit__(self, *_: object) -> None:
        self.withdraw()

    def word(self, purpose: str) -> int:
        """The next u64 for ``purpose``."""
        stream = self._streams.get(purpose)
        if stream is None:
            stream = self._streams[purpose] = self._words(purpose)
        return next(stream)

    def octets(self, purpose: str, size: int) -> bytes:
        """The next ``size`` bytes for ``purpose``, whole words of it."""
        words = -(-size // _WORD_BYTES)
        drawn = (self.word(purpose).to_bytes(_WORD_BYTES, "little") for _ in range(words))
        return b"".join(drawn)[:size]

    @property
    def is_here(self) -> bool:
        """Whether the current thread draws from this run."""
        return _here.entropy is self

    def enter_thread(self) -> None:
        """From now on the current thread draws from this run."""
        _here.entropy = self

    def install(self) -> None:
        """Take the place of the system's entropy, for the current thread."""
        if (tempfile := sys.modules.get("tempfile")) is not None:
            tempfile.gettempdir()  # the first one in a process draws names to try folders
        self._find_numpy()
        self._outer, _here.entropy = _here.entropy, self
        others = [_bystanders()] if threading.active_count() > 1 else []
        self._names = patched(self._patches(others))
        self._names.__enter__()
        self._tables = [*(each.aliases for each in others), _ALIASES]
        among = (alias for table in self._tables for alias in table.among(self._globals))
        self._aliases = [*self._everywhere(), *among]
        show_stand_ins(self._aliases)
        for shared in self._shared:
            shared.swap(self.word)

    def withdraw(self) -> None:
        """Give it back; draws go on where they were at the next ``install``."""
        for shared in reversed(self._shared):
            shared.swap(self.word)
        show_reals([*self._aliases, *self._everywhere()])
        self._names.__exit__(None, None, None)
        _here.entropy, self._outer = self._outer, None

    def _patches(self, others: Iterable[Bystanders]) -> Iterator[Patch]:
        yield from _PATCHES
        if (ssl := sys.modules.get("ssl")) is not None:
            yield from _ssl_patches(ssl)
        for each in others:
            yield from each.patches

    def _everywhere(self) -> Iterator[Alias]:
        return (alias for table in self._tables for alias in table.everywhere())

    def _find_numpy(self) -> None:
        numpy = sys.modules.get("numpy.random")
        if numpy is not None and not self._has_numpy:
            self._has_numpy = True
            self._shared.append(
                _Shared(*_numpys_state(numpy), functools.partial(_seed_numpy, numpy))
            )


class _Shared:
    """A state that the whole process shares: the run's, or that of the rest.

    ``begin`` makes that of a new run, from words for a purpose.
    """

    def __init__(
        self, get: Callable[[], Any], put: Callable[[Any], None], begin: Callable[[_Word], None]
    ) -> None:
        self._get = get
        self._put = put
        self.begin = begin
        self._waiting: Any = None

    def swap(self, word: _Word) -> None:
        """Bring out the state that waits and keep the present one."""
        present = self._get()
        if self._waiting is None:
            self.begin(word)
        else:
            self._put(self._waiting)
        self._waiting = present


def keyed_entropy(seed: int, program: Callable[..., object]) -> Entropy:
    """While open, what the current thread asks of chance comes from ``seed``.

    The module of ``program`` is looked through for aliases each time, others when they are new.
    """
    return Entropy(keyed_words(seed), program)


def _seed_random(word: _Word) -> None:
    _real_seed(_module_random, word("random"))


def _seed_numpy(numpy: Any, word: _Word) -> None:
    bits = _bits_for_runs(numpy)
    numpy.set_bit_generator(bits if bits is not numpy.get_bit_generator() else numpy.MT19937(0))
    numpy.seed(word("numpy") >> 32)


@functools.cache
def _bits_for_runs(numpy: ModuleType) -> Any:
    """Made once: that takes longer than everything else here."""
    return numpy.MT19937(0)


def _numpys_state(numpy: ModuleType) -> tuple[Callable[[], Any], Callable[[Any], None]]:
    """How to take numpy's legacy generator and how to put it back.

    Its bits come from an object that can be exchanged, which is quicker than to copy its state;
    half of a pair of normal draws may be left over, and is kept beside it.
    """

    def get() -> Any:
        state = numpy.get_state(legacy=False)
        return numpy.get_bit_generator(), state if state["has_gauss"] else None

    def put(kept: Any) -> None:
        bits, state = kept
        numpy.set_bit_generator(bits)
        if state is not None:
            numpy.set_state(state)

    return get, put


# --- what stands in the place of what ----------------------------------------------------------


def _bytes_from(purpose: str, real: Callable[..., bytes]) -> Callable[..., bytes]:
    """``real``, which takes a size first, from the stream of the run."""

    @functools.wraps(real)
    def octets(size: int, *args: Any, **options: Any) -> bytes:
        entropy = _here.entropy
        if entropy is None or size < 0:  # the real one says what is wrong
            return real(size, *args, **options)
        return entropy.octets(purpose, size)

    return octets


class _OsOfUuid:
    """The module ``os`` as ``uuid`` sees it, so that its aliases draw from its own stream."""

    urandom = staticmethod(_bytes_from("uuid", os.urandom))

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)


_real_seed = random.Random.seed
_real_time_safe: Any = getattr(uuid, "_generate_time_safe", None)
_NODE_BITS, _CLOCK_SEQUENCE_BITS = 48, 14
_MULTICAST = 1 << 40  # RFC 9562 §6.10: a node that is no hardware address has this bit


@functools.wraps(_real_seed)
def _seed(self: random.Random, a: Any = None, version: int = 2) -> None:
    entropy = _here.entropy
    if a is None and entropy is not None:
        a = entropy.word("generator")
    _real_seed(self, a, version)


def _time_uuid() -> tuple[bytes, int | None]:
    """A version 1 UUID, as the system's generator makes them for the module ``uuid``."""
    entropy = _here.entropy
    if entropy is None and _real_time_safe is not None:
        made: tuple[bytes, int | None] = _real_time_safe()
        return made
    node = uuid.getnode()
    if entropy is None:
        return uuid.uuid1(node, int.from_bytes(os.urandom(2)) >> 2).bytes, None
    sequence = entropy.word("uuid") >> (64 - _CLOCK_SEQUENCE_BITS)
    return uuid.uuid1(node, sequence).bytes, None


def _node() -> int | None:
    """Hardware addresses differ from machine to machine."""
    entropy = _here.entropy
    return None if entropy is None else entropy.word("uuid") >> (64 - _NODE_BITS) | _MULTICAST


_MEMORIES: dict[tuple[str, str], Any] = {
    ("uuid", "_node"): None,
    **{
        ("uuid", name): 0 if "counter" in name else None
        for name in vars(uuid)
        if name.startswith(("_last_timestamp", "_last_counter"))
    },
    ("tempfile", "_name_sequence"): None,
}
"""What modules remember from one call to the next, and how that is in a new process."""


def _memories() -> dict[tuple[str, str], Any]:
    return {
        (module, name): getattr(sys.modules[module], name)
        for module, name in _MEMORIES
        if module in sys.modules
    }


def _remember(memories: dict[tuple[str, str], Any]) -> None:
    for (module, name), value in memories.items():
        if module in sys.modules:
            setattr(sys.modules[module], name, value)


def _forget(_: _Word) -> None:
    _remember(_MEMORIES)


_module_random: random.Random = random.seed.__self__  # type: ignore[attr-defined]

_PATCHES = (
    Patch(os, "urandom", urandom := _bytes_from("urandom", os.urandom)),
    Patch(random, "_urandom", urandom),
    Patch(random.Random, "seed", _seed),
    Patch(random, "seed", MethodType(_seed, _module_random)),
    Patch(uuid, "os", _OsOfUuid()),
    Patch(uuid, "_generate_time_safe", _time_uuid),
    Patch(uuid, "_UuidCreate", None),
    Patch(uuid, "_GETTERS", [_node]),
    *(
        [Patch(os, "getrandom", _bytes_from("urandom", os.getrandom))]
        if sys.platform == "linux"
        else []
    ),
)


_ALIASES = Aliases(
    StandIn(vars(owner)[name], stand_in)
    for owner, name, stand_in in _PATCHES
    if (owner, name) in ((os, "urandom"), (os, "getrandom"), (random, "seed"))
)


@functools.cache
def _bystanders() -> Bystanders:
    return Bystanders(lambda: _here.entropy is not None, seed=MethodType(_seed, _module_random))


@functools.cache
def _ssl_patches(ssl: ModuleType) -> list[Patch]:
    return [Patch(ssl, "RAND_bytes", _bytes_from("ssl", ssl.RAND_bytes))]
