"""Ten ways to harm a frame, and what a network does to bytes: exactly what changes, and where."""

from __future__ import annotations

import struct
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay_ws.faults.frames import FRAME_KINDS, OVERSIZE_BYTES, flip, harm, limited, slices

KEY = b"\x37\xfa\x21\x3d"
LENGTHS = (0, 1, 5, 124, 125, 126, 127, 65_535, 65_536)
"""Around the three ways in which a frame says how long it is, RFC 6455 5.2."""
POSITIONS = (0, 1, 7, 8, 12_345, (1 << 63) - 1)
EVERY_LENGTH = pytest.mark.parametrize("size", LENGTHS)
BOTH_SIDES = pytest.mark.parametrize("key", [b"", KEY], ids=["server", "client"])


class Parts(NamedTuple):
    """A frame as a receiver takes it apart."""

    first: int
    key: bytes
    payload: bytes


def masked(payload: bytes, key: bytes) -> bytes:
    return bytes(a ^ key[at % 4] for at, a in enumerate(payload)) if key else payload


def frame(payload: bytes, key: bytes = b"", first: int = 0x81) -> bytes:
    """A text frame that is a whole message; a client's has a key."""
    size, mask = len(payload), 0x80 if key else 0
    if size < 126:
        head = struct.pack("!BB", first, mask | size)
    elif size < 65_536:
        head = struct.pack("!BBH", first, mask | 126, size)
    else:
        head = struct.pack("!BBQ", first, mask | 127, size)
    return head + key + masked(payload, key)


def parts(data: bytes) -> Parts:
    """Takes nothing on trust: the length must be the one that follows, said in its shortest way."""
    wide = {126: 2, 127: 8}.get(data[1] & 0x7F, 0)
    at = 2 + wide + (4 if data[1] & 0x80 else 0)
    key = data[2 + wide : at]
    read = Parts(data[0], key, masked(data[at:], key))
    assert frame(read.payload, key, read.first) == data
    return read


def text(size: int) -> bytes:
    return (b'{"type":"token"} ' * (size // 17 + 1))[:size]


def bits(a: bytes, b: bytes) -> int:
    """In how many bits they differ."""
    assert len(a) == len(b)
    return (int.from_bytes(a) ^ int.from_bytes(b)).bit_count()


payloads = st.binary(max_size=300)
keys = st.sampled_from([b"", KEY])
positions = st.integers(0, (1 << 64) - 1)


# --- each kind changes one thing -------------------------------------------------------------


@BOTH_SIDES
@EVERY_LENGTH
@pytest.mark.parametrize(
    ("kind", "first"),
    [
        ("bad_opcode", 0x83),
        ("rsv_bit", 0xC1),
        ("bad_continuation", 0x80),
        ("binary_instead_of_text", 0x82),
    ],
)
def test_harm_at_the_head_changes_the_first_byte_alone(
    kind: str, first: int, key: bytes, size: int
) -> None:
    sent = frame(text(size), key)
    assert harm(sent, kind, 0) == bytes([first]) + sent[1:]


@BOTH_SIDES
@EVERY_LENGTH
@pytest.mark.parametrize("position", POSITIONS)
def test_one_more_byte_that_no_utf8_has_stands_at_the_position(
    position: int, key: bytes, size: int
) -> None:
    at = position % (size + 1)
    wanted = text(size)[:at] + b"\xff" + text(size)[at:]
    assert parts(harm(frame(text(size), key), "invalid_utf8", position)) == (0x81, key, wanted)


def test_a_binary_frame_becomes_text_that_is_none() -> None:
    assert harm(frame(b"ab", first=0x82), "invalid_utf8", 1) == frame(b"a\xffb")


@BOTH_SIDES
@EVERY_LENGTH
def test_a_control_frame_is_longer_than_one_may_be(key: bytes, size: int) -> None:
    first, its_key, payload = parts(harm(frame(text(size), key), "oversize_control", 0))
    assert (first, its_key) == (0x89, key)
    assert payload == text(size) + b"\0" * (126 - size)


@EVERY_LENGTH
def test_a_server_masks_and_a_client_does_not(size: int) -> None:
    first, key, payload = parts(harm(frame(text(size)), "masked_server_frame", 0))
    assert (first, len(key), payload) == (0x81, 4, text(size))
    assert harm(frame(text(size), KEY), "masked_server_frame", 0) == frame(text(size))


@BOTH_SIDES
@EVERY_LENGTH
@pytest.mark.parametrize("position", POSITIONS)
def test_a_truncated_frame_begins_and_does_not_end(position: int, key: bytes, size: int) -> None:
    sent = frame(text(size), key)
    arrived = harm(sent, "truncated_frame", position)
    assert len(arrived) == 1 + position % (len(sent) - 1)
    assert sent.startswith(arrived)
    assert arrived != sent


def test_a_frame_can_be_cut_behind_each_of_its_bytes_but_the_last() -> None:
    sent = frame(text(5), KEY)
    cut = {harm(sent, "truncated_frame", position) for position in range(100)}
    assert cut == {sent[:at] for at in range(1, len(sent))}


@BOTH_SIDES
@pytest.mark.parametrize("size", [0, 5, 126, 65_536])
def test_an_oversize_frame_is_padded_beyond_what_clients_take(key: bytes, size: int) -> None:
    arrived = harm(frame(text(size), key), "oversize", 0)
    head = arrived[:1], arrived[1] & 0x7F, int.from_bytes(arrived[2:10])
    assert head == (b"\x81", 127, OVERSIZE_BYTES)
    assert arrived[10 : 10 + len(key)] == key
    body = arrived[10 + len(key) :]
    assert len(body) == OVERSIZE_BYTES
    assert body[: size + 40] == masked(text(size) + b" " * 40, key)


def test_a_frame_that_is_oversize_already_stays_as_it_is() -> None:
    sent = frame(b"a" * (OVERSIZE_BYTES + 1))
    assert harm(sent, "oversize", 0) == sent


@BOTH_SIDES
@EVERY_LENGTH
@pytest.mark.parametrize("position", POSITIONS)
def test_a_bit_flips_in_the_payload_and_the_frame_stays_one(
    position: int, key: bytes, size: int
) -> None:
    sent = frame(text(size), key)
    arrived = harm(sent, "bitflip", position)
    head = len(sent) - size
    assert arrived[:head] == sent[:head]
    assert bits(arrived, sent) == min(size, 1)
    assert parts(arrived).payload == flip(text(size), position)


# --- what holds for all of them --------------------------------------------------------------


@given(st.sampled_from([kind for kind in FRAME_KINDS if kind != "oversize"]), payloads, keys)
def test_harm_is_seen_unless_there_is_nothing_to_flip(
    kind: str, payload: bytes, key: bytes
) -> None:
    harmed = harm(frame(payload, key), kind, 0) != frame(payload, key)
    assert harmed is (kind != "bitflip" or bool(payload))


@given(st.sampled_from(FRAME_KINDS), st.binary(max_size=40), keys, positions)
def test_a_frame_is_harmed_in_the_same_way_every_time(
    kind: str, payload: bytes, key: bytes, position: int
) -> None:
    arrived = harm(frame(payload, key), kind, position)
    harm(frame(b"between", KEY), kind, position + 1)
    assert harm(frame(payload, key), kind, position) == arrived


@given(st.sampled_from(FRAME_KINDS), st.binary(max_size=40), keys, positions)
def test_a_position_is_asked_for_only_where_it_says_something(
    kind: str, payload: bytes, key: bytes, position: int
) -> None:
    if kind not in ("invalid_utf8", "truncated_frame", "bitflip"):
        sent = frame(payload, key)
        assert harm(sent, kind, position) == harm(sent, kind, 0)


@pytest.mark.parametrize(
    ("kind", "ways"), [("invalid_utf8", 6), ("truncated_frame", 6), ("bitflip", 40)]
)
def test_every_place_of_a_frame_of_five_bytes_can_be_hit(kind: str, ways: int) -> None:
    assert len({harm(frame(text(5)), kind, position) for position in range(1_000)}) == ways


# --- bytes -----------------------------------------------------------------------------------


@given(st.binary(min_size=1, max_size=300), positions)
def test_to_flip_a_bit_twice_is_to_leave_it(data: bytes, position: int) -> None:
    once = flip(data, position)
    assert bits(once, data) == 1
    assert flip(once, position) == data


def test_positions_count_bits_from_the_lowest_of_the_first_byte_on_and_around() -> None:
    flipped = [flip(b"\0\0", position) for position in (0, 7, 8, 15, 16)]
    assert flipped == [b"\1\0", b"\x80\0", b"\0\1", b"\0\x80", b"\1\0"]


def test_in_no_data_there_is_no_bit_to_flip() -> None:
    assert flip(b"", 7) == b""


@given(
    st.binary(max_size=300),
    st.integers(1, 50),
    st.integers(0, 100),
    st.lists(st.integers(0, (1 << 64) - 1), min_size=300, max_size=300),
)
def test_slices_join_to_the_data_and_are_as_large_as_asked(
    data: bytes, average: int, variation: int, draws: list[int]
) -> None:
    cut = slices(data, average, variation, draws.__getitem__)
    assert b"".join(cut) == data
    sizes = [len(each) for each in cut]
    assert all(max(1, average - variation) <= size for size in sizes[:-1])
    assert all(0 < size <= average + variation for size in sizes)


def test_a_slice_takes_the_least_and_the_most_that_a_draw_can_mean() -> None:
    draws = [0, (1 << 64) - 1, 1 << 63]
    assert slices(b"abcdefghi", 3, 2, draws.__getitem__) == [b"a", b"bcdef", b"ghi"]


def test_slices_without_variation_are_of_one_size() -> None:
    assert slices(b"abcdefgh", 3, 0, lambda _: 5) == [b"abc", b"def", b"gh"]


@given(st.lists(st.binary(max_size=20), max_size=20), st.integers(0, 200))
def test_what_passes_is_as_much_as_the_limit_lets_through(data: list[bytes], limit: int) -> None:
    passed, sent = b"", 0
    for each in data:
        passed += limited(each, sent, limit)
        sent += len(each)
    assert passed == b"".join(data)[:limit]
