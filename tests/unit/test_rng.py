"""Draws are keyed, documented, and the same for ever."""

from __future__ import annotations

from hashlib import blake2b

import pytest

from replay_ws.rng import WORD, Stream, below, stream_key, threshold


def by_the_docstring(seed: int, stream: str, connection: str, index: int) -> int:
    """The derivation as the module describes it, written anew."""
    fields = b""
    for text in ("rws1", str(seed), stream, connection):
        raw = text.encode("utf-8", "surrogatepass")
        fields += len(raw).to_bytes(4, "little") + raw
    key = blake2b(fields, digest_size=64).digest()
    block = blake2b((index // 8).to_bytes(8, "little"), key=key, digest_size=64).digest()
    start = index % 8 * 8
    return int.from_bytes(block[start : start + 8], "little")


@pytest.mark.parametrize(
    ("index", "value"),
    [
        (0, 4860479358578399991),
        (1, 10145288399200053169),
        (7, 16173847404284189502),
        (8, 11110203233776107939),
        (1000, 3214282404604391481),
    ],
)
def test_draws_never_change_between_versions(index: int, value: int) -> None:
    assert Stream(7, "loss:downstream:token:0", "thread-1").draw(index) == value


def test_the_key_of_a_stream_never_changes_between_versions() -> None:
    key = stream_key(7, "loss:downstream:token:0", "thread-1")
    assert key.hex().startswith("de6af3cf06bd90cce7ec1d11a41f7214")
    assert len(key) == 64


@pytest.mark.parametrize("seed", [0, 7, -3, 1 << 130])
@pytest.mark.parametrize("connection", ["", "thread-1", "é", "\ud800"])
def test_draws_follow_the_documented_derivation(seed: int, connection: str) -> None:
    stream = Stream(seed, "jitter", connection)
    for index in (0, 1, 7, 8, 9, 63, 64, 1 << 40):
        assert stream.draw(index) == by_the_docstring(seed, "jitter", connection, index)


def test_draws_do_not_depend_on_the_order_in_which_they_are_asked_for() -> None:
    forward, backward = Stream(1, "a", "b"), Stream(1, "a", "b")
    ascending = [forward.draw(index) for index in range(40)]
    descending = [backward.draw(index) for index in reversed(range(40))]
    assert ascending == descending[::-1]


def test_fields_of_a_key_do_not_run_into_each_other() -> None:
    assert stream_key(1, "ab", "c") != stream_key(1, "a", "bc")
    assert stream_key(1, "", "x") != stream_key(1, "x", "")
    assert stream_key(12, "", "") != stream_key(1, "2", "")


def test_a_rate_of_zero_never_strikes_and_a_rate_of_one_always_does() -> None:
    assert threshold(0.0) == 0
    assert threshold(1.0) == WORD > WORD - 1


@pytest.mark.parametrize(("rate", "bound"), [(0.5, 1 << 63), (0.25, 1 << 62), (2**-64, 1)])
def test_a_rate_is_an_exact_bound(rate: float, bound: int) -> None:
    assert threshold(rate) == bound


@pytest.mark.parametrize("size", [1, 2, 3, 10, 1 << 20])
def test_below_covers_its_range_and_no_more(size: int) -> None:
    assert below(0, size) == 0
    assert below(WORD - 1, size) == size - 1
    assert below(WORD // 2, size) == size // 2


def test_draws_spread_evenly() -> None:
    stream = Stream(3, "even", "t")
    counts = [0] * 10
    for index in range(20_000):
        counts[below(stream.draw(index), 10)] += 1
    assert all(abs(count - 2_000) < 3 * 42.5 for count in counts)  # 3 sigma, one fixed seed
