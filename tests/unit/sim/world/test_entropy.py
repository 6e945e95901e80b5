"""Whatever asks for chance inside a run gets it from the seed, and all is put back."""

from __future__ import annotations

import os
import random
import secrets
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Callable
from os import urandom as aliased_urandom
from pathlib import Path
from random import getrandbits, randint
from random import random as aliased_random
from random import seed as aliased_seed
from typing import Any
from uuid import uuid1, uuid4

import pytest

from replay_ws.sim.world.entropy import keyed_entropy
from replay_ws.sim.world.imports import imports_outside

SOURCES: dict[str, Callable[[], Any]] = {
    "random.random": lambda: random.random(),
    "random.randint": lambda: random.randint(0, 10**9),
    "random.gauss": lambda: [random.gauss() for _ in range(3)],
    "random.shuffle": lambda: random.sample(range(1000), 10),
    "random.randbytes": lambda: random.randbytes(9),
    "random under an alias": lambda: (aliased_random(), getrandbits(64), randint(0, 10**9)),
    "random.seed without a seed": lambda: (random.seed(), random.random()),
    "seed under an alias": lambda: (aliased_seed(), random.random()),
    "random.Random without a seed": lambda: random.Random().random(),
    "random.SystemRandom": lambda: random.SystemRandom().random(),
    "os.urandom": lambda: os.urandom(20),
    "os.urandom under an alias": lambda: aliased_urandom(20),
    "secrets.token_bytes": lambda: secrets.token_bytes(),
    "secrets.token_urlsafe": lambda: secrets.token_urlsafe(),
    "secrets.choice": lambda: secrets.choice(range(10**9)),
    "secrets.randbelow": lambda: secrets.randbelow(10**9),
    "uuid.uuid4": lambda: uuid.uuid4(),
    "uuid4 under an alias": lambda: uuid4(),
    "the node of uuid1": lambda: uuid.uuid1().node,
    "the clock sequence of uuid1": lambda: uuid1().clock_seq,
    "uuid.getnode": lambda: uuid.getnode(),
    "names of temporary files": lambda: Path(tempfile.mktemp()).name,
}
if sys.platform == "linux":
    SOURCES["os.getrandom"] = lambda: os.getrandom(20)
if sys.version_info >= (3, 14):
    SOURCES["uuid.uuid7"] = lambda: uuid.uuid7().int & (1 << 62) - 1

every_source = pytest.mark.parametrize("draw", SOURCES.values(), ids=SOURCES)


def with_seed(seed: int, draw: Callable[[], Any]) -> Any:
    with keyed_entropy(seed, draw):
        return draw()


@every_source
def test_a_seed_gives_one_value_and_another_seed_another(draw: Callable[[], Any]) -> None:
    first = with_seed(1, draw)
    draw()
    assert with_seed(1, draw) == first
    assert with_seed(2, draw) != first


@every_source
def test_a_run_draws_more_than_one_value(draw: Callable[[], Any]) -> None:
    if draw is not SOURCES["uuid.getnode"] and draw is not SOURCES["the node of uuid1"]:
        assert with_seed(1, lambda: draw() != draw())


@pytest.mark.parametrize(
    ("drawn", "other"),
    [
        ("uuid.uuid4", "os.urandom"),
        ("os.urandom", "uuid.uuid4"),
        ("the clock sequence of uuid1", "random.random"),
        ("random.random", "os.urandom"),
        ("random.random", "random.Random without a seed"),
        ("random.Random without a seed", "random.random"),
        ("names of temporary files", "random.random"),
    ],
)
def test_a_draw_from_one_stream_moves_no_other(drawn: str, other: str) -> None:
    assert with_seed(1, lambda: (SOURCES[drawn](), SOURCES[other]())[1]) == with_seed(
        1, SOURCES[other]
    )


def test_a_uuid_is_a_proper_one() -> None:
    with keyed_entropy(1, uuid4):
        assert (uuid.uuid4().version, uuid.uuid1().version) == (4, 1)
        assert uuid.uuid1(node=5).node == 5
        assert uuid.uuid1(clock_seq=7).clock_seq == 7
        assert uuid.getnode() >> 40 & 1, "no hardware has a multicast address"
        assert uuid.uuid1().node == uuid.getnode()
        assert len({uuid.uuid4() for _ in range(1000)}) == 1000
        assert len({uuid.uuid1() for _ in range(1000)}) == 1000


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 1000])
def test_as_many_bytes_come_as_were_asked_for(size: int) -> None:
    assert len(with_seed(1, lambda: os.urandom(size))) == size
    assert len(with_seed(1, lambda: secrets.token_bytes(size))) == size


def test_a_request_that_makes_no_sense_fails_as_outside() -> None:
    with keyed_entropy(1, uuid4), pytest.raises(ValueError, match="negative"):
        os.urandom(-1)


def test_a_seed_of_the_users_own_gives_what_it_gives_outside() -> None:
    def draw() -> list[Any]:
        random.seed(5)
        return [random.random(), random.gauss(), random.randint(0, 99), random.Random(5).random()]

    assert with_seed(1, draw) == with_seed(2, draw) == draw()


def test_a_state_of_the_users_own_can_be_put_back() -> None:
    with keyed_entropy(1, uuid4):
        state = random.getstate()
        first = random.random(), random.gauss()
        random.setstate(state)
        assert (random.random(), random.gauss()) == first


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_every_name_and_state_is_put_back(error: type[BaseException]) -> None:
    def everything() -> dict[str, Any]:
        owners = (os, random, random.Random, uuid, secrets, sys.modules[__name__])
        names = {f"{owner}.{key}": value for owner in owners for key, value in vars(owner).items()}
        return names | {"names of files": tempfile._name_sequence}  # type: ignore[attr-defined]

    random.seed(99)
    random.gauss()
    before, state = everything(), random.getstate()

    def fail() -> None:
        for draw in SOURCES.values():
            draw()
        random.seed(5)
        raise error

    with pytest.raises(error):
        with_seed(1, fail)
    after = everything()
    assert {name for name in before | after if before.get(name) is not after.get(name)} == set()
    assert random.getstate() == state


def test_another_thread_has_real_entropy_and_takes_none_of_the_runs() -> None:
    drawn: list[Any] = []

    def foreign() -> None:
        drawn.append((os.urandom(9), uuid.uuid4(), random.Random().random(), uuid.uuid1()))

    def draw() -> bytes:
        thread = threading.Thread(target=foreign)
        thread.start()
        thread.join()
        return os.urandom(9)

    assert with_seed(1, draw) == with_seed(1, draw) == with_seed(1, SOURCES["os.urandom"])[:9]
    assert drawn[0] != drawn[1]


def test_another_thread_that_uses_the_module_random_moves_no_draw_of_a_run() -> None:
    go, done, end = threading.Event(), threading.Event(), threading.Event()
    drawn: list[float] = []

    def foreign() -> None:
        while go.wait() and not end.is_set():
            go.clear()
            random.seed(5)
            drawn.extend((random.random(), aliased_random(), random.choice(range(100))))
            done.set()

    def draw() -> list[Any]:
        before = aliased_random()
        go.set()
        assert done.wait(10)
        return [before, random.random(), random.sample(range(1000), 5), aliased_random()]

    thread = threading.Thread(target=foreign)
    thread.start()
    names = {**vars(random)}
    try:
        beside = with_seed(1, draw)
    finally:
        end.set()
        go.set()
        thread.join()
    assert beside == with_seed(1, draw)
    assert drawn[:1] == [random.Random(5).random()]
    assert vars(random) == names


def test_a_thread_of_the_run_draws_from_it() -> None:
    drawn: list[bytes] = []
    with keyed_entropy(1, uuid4) as entropy:

        def own() -> None:
            entropy.enter_thread()
            drawn.append(os.urandom(9))

        thread = threading.Thread(target=own)
        thread.start()
        thread.join()
    assert drawn == [with_seed(1, lambda: os.urandom(9))]


def test_a_run_in_a_run_has_its_own_draws_and_the_outer_goes_on() -> None:
    with keyed_entropy(1, uuid4):
        outer = [random.random()]
        assert with_seed(2, random.random) == with_seed(2, random.random)
        outer.append(random.random())
    assert outer == with_seed(1, lambda: [random.random(), random.random()])


def test_the_first_import_of_a_module_takes_nothing_from_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "drawing_at_import.py").write_text(
        "import os, random, uuid\nIDENTITY = uuid.uuid4(), os.urandom(8), random.random()\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))

    def draw() -> list[Any]:
        first = random.random()
        import drawing_at_import  # type: ignore[import-not-found]

        assert drawing_at_import
        return [first, random.random(), uuid.uuid4(), os.urandom(8)]

    def run() -> list[Any]:
        with keyed_entropy(1, draw) as entropy, imports_outside([entropy]):
            return draw()

    try:
        assert run() == run()
    finally:
        del sys.modules["drawing_at_import"]


def test_ssl_draws_from_the_run() -> None:
    ssl = pytest.importorskip("ssl")
    before = ssl.RAND_bytes
    assert with_seed(1, lambda: ssl.RAND_bytes(9)) == with_seed(1, lambda: ssl.RAND_bytes(9))
    assert ssl.RAND_bytes is before


class TestNumpy:
    @pytest.fixture(autouse=True)
    def loaded(self) -> None:
        pytest.importorskip("numpy.random")

    def draw(self) -> list[Any]:
        import numpy

        return [
            numpy.random.default_rng().integers(10**9),
            numpy.random.rand(),
            numpy.random.randn(),
            numpy.random.RandomState().rand(),
        ]

    def test_a_seed_gives_one_value(self) -> None:
        assert with_seed(1, self.draw) == with_seed(1, self.draw)
        assert with_seed(1, self.draw) != with_seed(2, self.draw)

    def test_its_state_is_put_back(self) -> None:
        import numpy

        numpy.random.seed(5)
        expected = [numpy.random.randn() for _ in range(4)]
        numpy.random.seed(5)
        drawn = [numpy.random.randn()]
        with_seed(1, self.draw)
        assert [*drawn, *(numpy.random.randn() for _ in range(3))] == expected

    def test_a_seed_of_the_users_own_gives_what_it_gives_outside(self) -> None:
        import numpy

        def draw() -> float:
            numpy.random.seed(5)
            drawn: float = numpy.random.rand()
            return drawn

        assert with_seed(1, draw) == draw()


_IN_A_PROCESS = """
import os, random, secrets, tempfile, uuid
from replay_ws.sim.world.entropy import keyed_entropy
from replay_ws.sim.world.imports import imports_outside
def draw():
    numpy = []
    try:
        import numpy.random as library
        numpy = [library.default_rng().integers(10**9), library.rand()]
    except ImportError:
        pass
    return (random.random(), random.Random().random(), uuid.uuid4(), uuid.getnode(),
            secrets.token_hex(), os.urandom(5), tempfile.mktemp(), random.choice("abcdef"), numpy)
for _ in range(2):
    with keyed_entropy(7, draw) as entropy, imports_outside([entropy]):
        print(draw())
"""


def test_processes_agree_whatever_their_hash_seed_and_whether_an_import_was_needed() -> None:
    told = [
        subprocess.run(
            [sys.executable, "-c", _IN_A_PROCESS],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    ]
    assert told[0] == told[1]
    assert len(set(told[0].splitlines())) == 1
