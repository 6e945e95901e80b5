"""Laws of cassettes: what is written reads back; the bytes follow from the rows alone."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from replay_ws.cassette.format import SpanPacker, digest, encode
from replay_ws.cassette.opened import open_cassette
from replay_ws.cassette.reader import read
from replay_ws.cassette.recovery import verify
from replay_ws.cassette.salvage import salvage
from replay_ws.events.log import Channel, Connection, Header, Log, Op
from tests.unit.cassette.logs import conversation, rows_of

names = st.text(max_size=20)
headers = st.builds(
    Header, seed=st.integers(), schedule=names, profile=names, source=names, epoch_ns=st.integers()
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=5,
)
gaps_ns = st.sampled_from([0, 0, 1, 5_000_000]) | st.integers(0, 1 << 40)


@st.composite
def logs(draw: Any) -> Log:
    """Logs of all ops that carry something, with names that appear where they are met first."""
    log = Log(draw(headers))
    channel = log.add_channel(Channel(draw(names), draw(st.dictionaries(names, values))), 0)
    for name in draw(st.lists(names, min_size=1, max_size=3)):
        log.add_connection(Connection(name, draw(st.sampled_from(["message", "tcp"])), channel), 0)
    time_ns = 0
    for _ in range(draw(st.integers(0, 30))):
        time_ns += draw(gaps_ns)
        lane = draw(st.integers(0, 2 * len(log.connections) - 1))
        kind = log.kind(draw(st.sampled_from(["", "a", "b", "ü"])), time_ns)
        index = log.next_index(lane, kind)
        match draw(st.sampled_from([Op.TEXT, Op.BINARY, Op.OBJECT, Op.CLOSE, Op.MARK])):
            case Op.TEXT:
                log.append(Op.TEXT, lane, time_ns, kind, index, draw(st.text(max_size=3000)))
            case Op.BINARY:
                log.append(Op.BINARY, lane, time_ns, kind, index, draw(st.binary(max_size=3000)))
            case Op.CLOSE:
                log.note(Op.CLOSE, lane, time_ns, [1000, draw(names)])
            case op:
                log.note(op, lane, time_ns, draw(values), index=index)
    return log


@given(logs())
def test_what_is_written_reads_back(log: Log) -> None:
    data = encode(log)
    again = read(data)
    assert rows_of(again) == rows_of(log)
    assert encode(again) == data
    assert verify(data).ok


@given(logs())
def test_the_digest_is_that_of_the_bytes_up_to_the_last_checkpoint(log: Log) -> None:
    data = encode(log, {"host": "h"})
    with open_cassette(data) as cassette:
        assert cassette.digest() == digest(log)
        assert digest(log) == hashlib.sha256(data[: cassette.covered_size]).hexdigest()


@given(st.data())
@settings(max_examples=50)
def test_bytes_do_not_depend_on_when_they_are_written(data: Any) -> None:
    whole = conversation(data.draw(st.integers(10, 1000)), size=data.draw(st.integers(1, 800)))
    cuts = data.draw(st.lists(st.integers(0, len(whole)), max_size=20).map(sorted))
    written = bytearray()
    packer = SpanPacker(written.extend)
    packer.start(whole.header)
    for cut in cuts:
        packer.rows(whole, cut)
        if data.draw(st.booleans()):
            packer.flush()
    packer.rows(whole)
    packer.finish()
    assert bytes(written) == encode(whole)


@given(logs(), st.data())
def test_a_cut_gives_the_rows_before_it(log: Log, data: Any) -> None:
    whole = encode(log)
    found = salvage(whole[: data.draw(st.integers(18, len(whole) - 1))])
    rows = list(found.log.rows())
    assert rows == list(log.rows(0, len(rows)))


@given(logs(), st.data())
def test_a_flipped_bit_is_noticed(log: Log, data: Any) -> None:
    whole = bytearray(encode(log))
    bit = data.draw(st.integers(18 * 8, 8 * len(whole) - 1))
    whole[bit // 8] ^= 1 << bit % 8
    assert not verify(bytes(whole)).ok
    found = salvage(bytes(whole))
    assert not found.whole
    assert found.verified in (0, len(log))


CHILD = """
import hashlib, sys
import msgpack
from replay_ws.cassette.format import encode, digest
from replay_ws.cassette.reader import read
from replay_ws.cassette.recovery import verify
from replay_ws.cassette.salvage import salvage
from tests.unit.cassette.logs import conversation
from tests.unit.cassette.test_reader import HOSTILE
from replay_ws.errors import CassetteError
print(msgpack.Packer.__module__)
log = conversation(700, size=200)
data = encode(log, {"host": "h"})
print(hashlib.sha256(data).hexdigest(), digest(log))
assert encode(read(data), {"host": "h"}) == data
assert verify(data).ok
for cut in range(100, len(data), 9973):
    found = salvage(data[:cut])
    print(found.verified, found.unverified)
for name, hostile in HOSTILE.items():
    try:
        read(hostile)
    except CassetteError:
        found = verify(hostile).salvage
        print(name, found.verified, found.unverified)
    else:
        raise SystemExit(name)
"""


def child(**env: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", CHILD],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return done.stdout.splitlines()


def test_both_msgpacks_write_the_same_bytes_and_refuse_the_same_files() -> None:
    c = child(PYTHONHASHSEED="1")
    pure = child(MSGPACK_PUREPYTHON="1", PYTHONHASHSEED="2")
    assert (c[0], pure[0]) == ("msgpack._cmsgpack", "msgpack.fallback")
    assert c[1:] == pure[1:]


def test_a_header_says_all_that_it_is_given() -> None:
    header = Header(seed=5, schedule="pos", profile="agent5", source="har", epoch_ns=7)
    assert read(encode(Log(header))).header == header
    assert encode(Log(replace(header, seed=6))) != encode(Log(header))
