"""A recording process is killed: what was older than 100 ms of host time is on the disk."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from struct import Struct

import pytest

from replay_ws.cassette.reader import read
from replay_ws.cassette.recovery import recover
from replay_ws.cassette.salvage import salvage

pytestmark = pytest.mark.host_time

STAMP = Struct("<QQ")  # rows so far, host time

PROGRAM = """
import os, sys, time
from struct import Struct
from replay_ws.cassette.writer import StreamingWriter
from replay_ws.events.log import Channel, Connection, Log, Op

stamp = Struct("<QQ").pack
log = Log()
channel = log.add_channel(Channel("mock"), 0)
log.add_connection(Connection("thread-1", "message", channel), 0)
kind = log.kind("tick", 0)
writer = StreamingWriter(log, sys.argv[1])
while True:
    for _ in range(50):
        index = log.next_index(0, kind)
        log.append(Op.TEXT, 0, index * 1000, kind, index, f"tick {index} " + "x" * (index % 300))
    os.write(1, stamp(len(log), time.monotonic_ns()))
    if len(log) % 1000 < 50:
        time.sleep(0.002)
"""


def killed(path: Path, after_s: float) -> tuple[list[tuple[int, int]], int]:
    """Run the program and kill it. Returns its stamps, and the host time of the kill."""
    command = [sys.executable, "-c", PROGRAM, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        head = process.stdout.read(STAMP.size)  # it has begun
        deadline = time.monotonic() + after_s
        output = bytearray(head)
        while time.monotonic() < deadline:
            output += process.stdout.read1(1 << 16)
        killed_ns = time.monotonic_ns()
        process.send_signal(signal.SIGKILL)
        output += process.stdout.read()
    assert process.returncode == -signal.SIGKILL
    whole = len(output) - len(output) % STAMP.size
    return list(STAMP.iter_unpack(output[:whole])), killed_ns


@pytest.mark.parametrize("number", range(20))
def test_rows_older_than_100_ms_survive_a_kill(number: int, tmp_path: Path) -> None:
    path = tmp_path / "a.rws"
    stamps, killed_ns = killed(path, Random(number).uniform(0, 0.7))
    old = [rows for rows, host_ns in stamps if host_ns < killed_ns - 100_000_000]
    found = salvage(path.with_name("a.rws.partial"))
    assert not path.exists()
    assert len(found.log) >= max(old, default=0)
    assert found.verified + found.unverified == len(found.log)
    for row in range(3, len(found.log)):
        assert found.log.bodies[row] == f"tick {row - 3} " + "x" * ((row - 3) % 300)
    if len(found.log):
        recover(path.with_name("a.rws.partial"), path)
        assert list(read(path).rows()) == list(found.log.rows())
