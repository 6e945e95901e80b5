"""Ten modes, row by row: what is configured and done, and what each side sees of it.

A row says how it is told (``tests/scenes.py``): what the sender learns and how long it waits, what
arrives when, the close codes that client and server report, how it goes on after the outage, the
reconnection or the renewed token, and where every message ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from replay_ws import ConfigError, Fate, MockBehaviorMode, MockConfiguration, replay, run
from replay_ws.faults.frames import FRAME_KINDS
from replay_ws.faults.malformed import KINDS
from replay_ws.mock.manager import MockWebSocketManager
from tests.helpers import tokens
from tests.scenes import Seen, play


@dataclass(frozen=True)
class Row:
    """A scene under a mode, and what is seen of it."""

    mode: str | list[str]
    says: str
    fields: dict[str, Any]
    scene: str
    told: str = ""
    arrived: str = ""
    incidents: str = ""
    ledger: str = ""
    seen: list[Seen] = field(default_factory=list, compare=False, repr=False)

    def play(self) -> Seen:
        """Once is enough."""
        if not self.seen:
            self.seen.append(play(self.scene, mode=self.mode, **self.fields))
        return self.seen[0]


ROWS = [
    # normal
    Row(
        "normal",
        "what is sent arrives at once, in order, once",
        {},
        "send@0x3 up@0",
        told="ok ok ok ok",
        arrived="0@0 1@0 2@0 ^3@0",
        ledger="4 delivered",
    ),
    Row(
        "normal",
        "a latency is waited for by sender and receiver",
        {"latency_ms": 20},
        "send@0x2 up@5",
        told="ok+20 ok+20 ok+20",
        arrived="0@20 1@20 ^2@25",
        ledger="3 delivered",
    ),
    Row(
        "normal",
        "a bandwidth is bytes per second",
        {"bandwidth_limit": 1000},
        "send*100@0x3",
        told="ok ok ok",
        arrived="0@100 1@200 2@300",
        ledger="3 delivered",
    ),
    # network_partition
    Row(
        "network_partition",
        "a message begins an outage, and is refused like those after it",
        {
            "partition_start_probability": 1,
            "partition_duration_ms_min": 50,
            "partition_duration_ms_max": 50,
        },
        "send@0x2 send@40 send@60",
        told="partition+1 partition+1 partition+1 partition+1",
        ledger="4 rejected (partition)",
    ),
    Row(
        "network_partition",
        "on a stream an outage is silence, and ends when TCP tries again",
        {
            "partition_start_probability": 1,
            "partition_duration_ms_min": 500,
            "partition_duration_ms_max": 500,
            "link": "tcp",
        },
        "send@0x2 send@100",
        told="ok ok ok",
        arrived="0@600 1@600 2@600",
        ledger="3 delivered",
    ),
    Row(
        "network_partition",
        "reject refuses",
        {"partition_start_probability": 0, "partition_policy": "reject"},
        "send@0 cut@5 send@10 up@10 heal@50 send@60",
        told="ok partition+1 no+1 ok",
        arrived="0@0 3@60",
        ledger="2 delivered, 2 rejected (partition)",
    ),
    Row(
        "network_partition",
        "hold keeps, and delivers when it ends",
        {"partition_start_probability": 0, "partition_policy": "hold"},
        "send@0 cut@5 send@10 up@10 heal@50 send@60",
        told="ok ok ok ok",
        arrived="0@0 1@50 ^2@50 3@60",
        ledger="4 delivered",
    ),
    Row(
        "network_partition",
        "blackhole keeps, until TCP tries again",
        {"partition_start_probability": 0, "partition_policy": "blackhole"},
        "send@0 cut@5 send@10 up@10 heal@50 send@60",
        told="ok ok ok ok",
        arrived="0@0 1@210 ^2@210 3@210",
        ledger="4 delivered",
    ),
    Row(
        "network_partition",
        "drop loses",
        {"partition_start_probability": 0, "partition_policy": "drop"},
        "send@0 cut@5 send@10 up@10 heal@50 send@60",
        told="ok ok(partition) ok ok",
        arrived="0@0 3@60",
        ledger="2 delivered, 2 lost (partition)",
    ),
    Row(
        "network_partition",
        "reset ends the connection, and lets none in",
        {"partition_start_probability": 0, "partition_policy": "reset"},
        "send@0 cut@5 send@10 up@10 heal@50 send@60",
        told="ok not_connected+1 no+1 ok",
        arrived="0@0 3@60",
        incidents="rst 1006/1006@5, refused refuse@10, reconnected@60",
        ledger="2 delivered, 2 rejected (not connected)",
    ),
    Row(
        "network_partition",
        "refuse spares who is in",
        {"partition_start_probability": 0, "partition_policy": "refuse"},
        "send@0 cut@5 send@10 up@10 heal@50 send@60",
        told="ok ok ok ok",
        arrived="0@0 1@10 ^2@10 3@60",
        ledger="4 delivered",
    ),
    Row(
        "network_partition",
        "drop leaves a hole in a stream, which ends with the outage",
        {"partition_start_probability": 0, "partition_policy": "drop", "link": "tcp"},
        "send@0 cut@5 send@10 up@10 heal@50 send@60",
        told="ok ok ok ok",
        arrived="0@0 3@60",
        incidents="hole 1006/1006@50, reconnected@60",
        ledger="2 delivered, 2 in doubt",
    ),
    Row(
        "network_partition",
        "hold keeps the order of a stream",
        {"partition_start_probability": 0, "partition_policy": "hold", "link": "tcp"},
        "send@0 cut@5 send@10 up@10 heal@50 send@60",
        told="ok ok ok ok",
        arrived="0@0 1@50 ^2@50 3@60",
        ledger="4 delivered",
    ),
    Row(
        "network_partition",
        "reject may be asked for on a stream",
        {"partition_start_probability": 0, "partition_policy": "reject", "link": "tcp"},
        "send@0 cut@5 send@10 up@10 heal@50 send@60",
        told="ok partition+1 no+1 ok",
        arrived="0@0 3@60",
        ledger="2 delivered, 2 rejected (partition)",
    ),
    Row(
        "network_partition",
        "reset leaves in doubt what is on its way",
        {"partition_start_probability": 0, "partition_policy": "reset", "latency_ms": 10},
        "send@0 cut@5 heal@20 send@30",
        told="ok+10 ok+10",
        arrived="1@40",
        incidents="rst 1006/1006@5, reconnected@30",
        ledger="1 delivered, 1 in doubt",
    ),
    Row(
        "network_partition",
        "refuse meets handshakes",
        {"partition_start_probability": 0, "partition_policy": "refuse"},
        "connect:a@0 cut@0 connect@1 send:a@2 heal@5 connect@6",
        told="in refused ok in",
        arrived="0@2",
        incidents="refused refuse@1",
        ledger="1 delivered",
    ),
    Row(
        "network_partition",
        "reset meets handshakes",
        {"partition_start_probability": 0, "partition_policy": "reset"},
        "connect:a@0 cut@1 connect@2 heal@5 connect@6 send:a@7",
        told="in refused in ok",
        arrived="0@7",
        incidents="rst 1006/1006@1, refused refuse@2, reconnected@7",
        ledger="1 delivered",
    ),
    Row(
        "network_partition",
        "a handshake into a blackhole hangs for ten seconds",
        {"partition_start_probability": 0, "partition_policy": "blackhole"},
        "cut@0 connect@1 heal@11000 connect@12000",
        told="refused+10000 in",
        incidents="refused hang@1",
    ),
    Row(
        "network_partition",
        "downstream is cut off alone",
        {"partition_start_probability": 0, "partition_direction": "downstream"},
        "send@0 cut@5 send@10 up@10 heal@50 send@60",
        told="ok partition+1 ok ok",
        arrived="0@0 ^2@10 3@60",
        ledger="3 delivered, 1 rejected (partition)",
    ),
    Row(
        "network_partition",
        "upstream is cut off alone",
        {"partition_start_probability": 0, "partition_direction": "upstream"},
        "send@0 cut@5 send@10 up@10 heal@50 send@60",
        told="ok ok no+1 ok",
        arrived="0@0 1@10 3@60",
        ledger="3 delivered, 1 rejected (partition)",
    ),
    Row(
        "network_partition",
        "a keepalive finds out within interval and timeout",
        {
            "partition_start_probability": 0,
            "ping_interval_ms": 1000,
            "ping_timeout_ms": 500,
            "link": "tcp",
        },
        "send@0 cut@1100 send@1200 heal@9000 send@9500",
        told="ok ok ok",
        arrived="0@0 2@9500",
        incidents="heartbeat 1006/1006@2500, reconnected@9500",
        ledger="2 delivered, 1 in doubt",
    ),
    Row(
        "network_partition",
        "a keepalive that is answered in time ends nothing",
        {
            "partition_start_probability": 0,
            "ping_interval_ms": 1000,
            "ping_timeout_ms": 500,
            "link": "tcp",
        },
        "send@0 cut@1100 send@1200 heal@2400 send@9500",
        told="ok ok ok",
        arrived="0@0 1@2600 2@9500",
        ledger="3 delivered",
    ),
    Row(
        "network_partition",
        "TCP waits about as long again as the outage took",
        {"partition_start_probability": 0, "link": "tcp"},
        "send@0 cut@1 send@2 send@3000 heal@3100 send@6000",
        told="ok ok ok ok",
        arrived="0@0 1@6202 2@6202 3@6202",
        ledger="4 delivered",
    ),
    Row(
        "network_partition",
        "TCP gives up after its fifteenth timer",
        {"partition_start_probability": 0, "link": "tcp"},
        "send@0 cut@1 send@2 state@920000 state@930000 heal@940000 send@940001",
        told="ok ok connected reconnecting ok",
        arrived="0@0 2@940001",
        incidents="timeout 1006/1006@924602, reconnected@940001",
        ledger="2 delivered, 1 in doubt",
    ),
    Row(
        "network_partition",
        "who waits for an answer tries again, and the message arrives again",
        {
            "partition_start_probability": 0,
            "partition_policy": "hold",
            "ack_timeout_ms": 100,
            "max_retries": 2,
            "retry_delay_ms": 50,
        },
        "cut@0 send@0 heal@500",
        told="timeout?+400",
        arrived="0@500 0@500 0@500",
        ledger="1 delivered +2",
    ),
    Row(
        "network_partition",
        "who tries again long enough meets the end of a refusal",
        {
            "partition_start_probability": 1,
            "partition_duration_ms_min": 120,
            "partition_duration_ms_max": 120,
            "max_retries": 2,
            "retry_delay_ms": 80,
        },
        "send@0",
        told="ok+162",
        arrived="0@162",
        ledger="1 delivered",
    ),
    Row(
        "network_partition",
        "who tries again in vain gives up",
        {
            "partition_start_probability": 1,
            "partition_duration_ms_min": 500,
            "partition_duration_ms_max": 500,
            "max_retries": 2,
            "retry_delay_ms": 80,
        },
        "send@0",
        told="gave_up+163",
        ledger="1 rejected (gave up)",
    ),
    Row(
        "network_partition",
        "legacy: False is said, and the message arrives all the same",
        {
            "semantics": "legacy",
            "partition_start_probability": 1,
            "partition_duration_ms_min": 50,
            "partition_duration_ms_max": 50,
        },
        "tell@0 tell@10 tell@20 tell@60",
        told="True False+1 False+1 True",
        arrived="0@0 1@50 2@50 3@60",
        ledger="4 delivered",
    ),
    # slow_network
    Row(
        "slow_network",
        "200 ms for sender and receiver",
        {"jitter_ms": 0, "bandwidth_limit": None},
        "send@0x2 up@10",
        told="ok+200 ok+200 ok+200",
        arrived="0@200 1@200 ^2@210",
        ledger="3 delivered",
    ),
    Row(
        "slow_network",
        "50 KiB per second after that",
        {"jitter_ms": 0},
        "send*51200@0 send*25600@0",
        told="ok+200 ok+200",
        arrived="0@1200 1@1700",
        ledger="2 delivered",
    ),
    Row(
        "slow_network",
        "a burst passes at once after a pause",
        {"jitter_ms": 0, "latency_ms": 0, "bandwidth_limit": 1000, "bandwidth_burst": 200},
        "send*100@0x3 send*100@1000x3",
        told="ok ok ok ok ok ok",
        arrived="0@0 1@0 2@100 3@1000 4@1000 5@1100",
        ledger="6 delivered",
    ),
    Row(
        "slow_network",
        "a sender waits when the queue is full, and nothing is lost",
        {
            "jitter_ms": 0,
            "latency_ms": 0,
            "bandwidth_limit": 1000,
            "message_queue_size": 2,
            "overflow": "block",
        },
        "send*100@0x4",
        told="ok ok ok+100 ok+200",
        arrived="0@100 1@200 2@300 3@400",
        incidents="overflow block@0, overflow block@0",
        ledger="4 delivered",
    ),
    Row(
        "slow_network",
        "a stream keeps its order, however late a message is",
        {
            "jitter_ms": 0,
            "bandwidth_limit": None,
            "link": "tcp",
            "latency_ms": 0,
            "faults": [{"on": {"nth": 1}, "toxic": {"type": "latency", "latency": 100}}],
        },
        "send@0 send@10",
        told="ok+100 ok",
        arrived="0@100 1@100",
        ledger="2 delivered",
    ),
    Row(
        "slow_network",
        "what waits arrives at once when the network is well again",
        {
            "jitter_ms": 0,
            "bandwidth_limit": None,
            "latency_ms": 0,
            "faults": [
                {"at": "0s", "for": "150ms", "toxic": {"type": "bandwidth", "rate": 0.9765625}}
            ],
        },
        "send*100@0x3 send*100@200",
        told="ok ok ok ok",
        arrived="0@100 1@150 2@150 3@200",
        incidents="began bandwidth@0, ended bandwidth@150",
        ledger="4 delivered",
    ),
    Row(
        "slow_network",
        "what is slow already keeps its pace when another toxic ends",
        {
            "jitter_ms": 0,
            "bandwidth_limit": None,
            "latency_ms": 0,
            "consume_rate": 10,
            "faults": [{"at": "0s", "for": "150ms", "toxic": {"type": "latency", "latency": 10}}],
        },
        "send@0x3",
        told="ok+10 ok+10 ok+10",
        arrived="0@110 1@210 2@310",
        incidents="began latency@0, ended latency@150",
        ledger="3 delivered",
    ),
    Row(
        "slow_network",
        "what is on its way when the network slows down becomes late",
        {
            "jitter_ms": 0,
            "bandwidth_limit": None,
            "latency_ms": 10,
            "faults": [
                {"at": "5ms", "for": "1s", "toxic": {"type": "bandwidth", "rate": 0.9765625}}
            ],
        },
        "send*100@0",
        told="ok+10",
        arrived="0@110",
        incidents="began bandwidth@5",
        ledger="1 delivered",
    ),
    Row(
        "slow_network",
        "gprs as its preset has it",
        {"preset": "gprs", "packet_loss_rate": 0, "jitter_ms": 0},
        "send*1000@0x2",
        told="ok+500 ok+500",
        arrived="0@660 1@820",
        ledger="2 delivered",
    ),
    Row(
        "slow_network",
        "3g as its preset has it",
        {"preset": "3g", "packet_loss_rate": 0, "jitter_ms": 0},
        "send*1000@0x2",
        told="ok+250 ok+250",
        arrived="0@260.667 1@271.333",
        ledger="2 delivered",
    ),
    Row(
        "slow_network",
        "satellite as its preset has it",
        {"preset": "satellite", "packet_loss_rate": 0, "jitter_ms": 0, "bandwidth_limit": None},
        "send*1000@0x2",
        told="ok+1500 ok+1500",
        arrived="0@1500 1@1500",
        ledger="2 delivered",
    ),
    # packet_loss
    Row(
        "packet_loss",
        "nobody notices a loss without retries",
        {"packet_loss_rate": 1},
        "send@0x2 up@0",
        told="ok(loss) ok(loss) ok",
        ledger="3 lost (loss)",
    ),
    Row(
        "packet_loss",
        "a sender with retries gives up and says so",
        {"packet_loss_rate": 1, "max_retries": 2, "retry_delay_ms": 30},
        "send@0",
        told="gave_up+60",
        ledger="1 rejected (gave up)",
    ),
    Row(
        "packet_loss",
        "each delay may be longer than the one before",
        {"packet_loss_rate": 1, "max_retries": 3, "retry_delay_ms": 30, "retry_backoff": 2},
        "send@0",
        told="gave_up+210",
        ledger="1 rejected (gave up)",
    ),
    Row(
        "packet_loss",
        "one loss is made up for by no one when nobody tries again",
        {"packet_loss_rate": 0, "faults": [{"on": {"nth": 2}, "toxic": {"type": "loss"}}]},
        "send@0x3",
        told="ok ok(loss) ok",
        arrived="0@0 2@0",
        ledger="2 delivered, 1 lost (loss)",
    ),
    Row(
        "packet_loss",
        "on a stream nothing gets through when all is lost, and TCP gives up",
        {"packet_loss_rate": 1, "link": "tcp"},
        "send@0x2 state@900000 state@930000",
        told="ok ok connected reconnecting",
        incidents="timeout 1006/1006@924600",
        ledger="2 in doubt",
    ),
    Row(
        "packet_loss",
        "on a stream one loss is a delay, and holds up what is behind",
        {
            "packet_loss_rate": 0,
            "link": "tcp",
            "faults": [
                {"on": {"nth": 2}, "toxic": {"type": "loss", "model": "gemodel", "p": 1, "1-h": 1}}
            ],
        },
        "send@0 send@20",
        told="ok ok",
        arrived="0@0 1@220",
        ledger="2 delivered",
    ),
    # memory_pressure
    Row(
        "memory_pressure",
        "drop_oldest: the oldest gives way",
        {
            "memory_limit": None,
            "message_queue_size": 2,
            "consume_rate": 10,
            "overflow": "drop_oldest",
        },
        "send@0x4 send@500",
        told="ok ok ok ok ok",
        arrived="2@100 3@200 4@600",
        incidents="overflow drop_oldest@0, overflow drop_oldest@0",
        ledger="3 delivered, 2 lost (overflow)",
    ),
    Row(
        "memory_pressure",
        "drop_newest: the newest does",
        {
            "memory_limit": None,
            "message_queue_size": 2,
            "consume_rate": 10,
            "overflow": "drop_newest",
        },
        "send@0x4 send@500",
        told="ok ok ok(overflow)+1 ok(overflow)+1 ok",
        arrived="0@100 1@200 4@600",
        incidents="overflow drop_newest@0, overflow drop_newest@0",
        ledger="3 delivered, 2 lost (overflow)",
    ),
    Row(
        "memory_pressure",
        "reject: the sender is told",
        {"memory_limit": None, "message_queue_size": 2, "consume_rate": 10, "overflow": "reject"},
        "send@0x4 send@500",
        told="ok ok queue_full+1 queue_full+1 ok",
        arrived="0@100 1@200 4@600",
        incidents="overflow reject@0, overflow reject@0",
        ledger="3 delivered, 2 rejected (queue full)",
    ),
    Row(
        "memory_pressure",
        "block: the sender waits",
        {"memory_limit": None, "message_queue_size": 2, "consume_rate": 10, "overflow": "block"},
        "send@0x4 send@500",
        told="ok ok ok+100 ok+200 ok",
        arrived="0@100 1@200 2@300 3@400 4@600",
        incidents="overflow block@0, overflow block@0",
        ledger="5 delivered",
    ),
    Row(
        "memory_pressure",
        "close_1013: the server closes, and asks to try again later",
        {
            "memory_limit": None,
            "message_queue_size": 2,
            "consume_rate": 10,
            "overflow": "close_1013",
        },
        "send@0x4 send@500",
        told="ok ok queue_full+1 ok ok",
        arrived="3@100 4@600",
        incidents="overflow close_1013@0, overflow 1013/1013@0, reconnected@0",
        ledger="2 delivered, 2 in doubt, 1 rejected (queue full)",
    ),
    Row(
        "memory_pressure",
        "on a stream the sender waits",
        {"memory_limit": None, "message_queue_size": 2, "consume_rate": 10, "link": "tcp"},
        "send@0x4 send@500",
        told="ok ok ok+100 ok+200 ok",
        arrived="0@100 1@200 2@300 3@400 4@600",
        incidents="overflow block@0, overflow block@0",
        ledger="5 delivered",
    ),
    Row(
        "memory_pressure",
        "a sender that waits goes on below the low-water mark",
        {
            "memory_limit": None,
            "message_queue_size": 4,
            "consume_rate": 10,
            "overflow": "block",
            "queue_low_water": 1,
        },
        "send@0x6",
        told="ok ok ok ok ok+300 ok+400",
        arrived="0@100 1@200 2@300 3@400 4@500 5@600",
        incidents="overflow block@0, overflow block@0",
        ledger="6 delivered",
    ),
    Row(
        "memory_pressure",
        "a limit counts bytes, and what is larger never fits",
        {"memory_limit": 250, "consume_rate": 10, "overflow": "drop_newest"},
        "send*100@0x3 send*251@0",
        told="ok ok ok(overflow)+1 too_big+1",
        arrived="0@100 1@200",
        incidents="overflow drop_newest@0",
        ledger="2 delivered, 1 lost (overflow), 1 rejected (too big)",
    ),
    Row(
        "memory_pressure",
        "a receiver that collects garbage takes nothing meanwhile",
        {"consume_rate": None, "gc_threshold": 200, "gc_pause_ms": 300},
        "send*100@0x5",
        told="ok ok ok ok ok",
        arrived="0@0 1@0 2@300 3@300 4@600",
        incidents="gc@0, gc@300",
        ledger="5 delivered",
    ),
    Row(
        "memory_pressure",
        "512 KiB, as it comes",
        {"consume_rate": 1, "message_queue_size": None},
        "send*400000@0 send*200000@0",
        told="ok ok",
        arrived="1@1000",
        incidents="overflow drop_oldest@0",
        ledger="1 delivered, 1 lost (overflow)",
    ),
    # connection_limit: a, then b; b is in when a has left
    Row(
        "connection_limit",
        "http_503: refused",
        {"connection_limit": 1, "connection_policy": "http_503"},
        "connect:a@0 connect:b@1 send:a@2 send:b@3 leave:a@500 connect:b@20000 send:b@20001",
        told="in refused ok connection_limit+1 in ok",
        arrived="0@2 2@20001",
        incidents="refused http_503@1, refused http_503@3",
        ledger="2 delivered, 1 rejected (connection limit)",
    ),
    Row(
        "connection_limit",
        "http_429: asked to wait",
        {"connection_limit": 1, "connection_policy": "http_429"},
        "connect:a@0 connect:b@1 send:a@2 send:b@3 leave:a@500 connect:b@20000 send:b@20001",
        told="in refused ok connection_limit+1 in ok",
        arrived="0@2 2@20001",
        incidents="refused http_429@1, refused http_429@3",
        ledger="2 delivered, 1 rejected (connection limit)",
    ),
    Row(
        "connection_limit",
        "accept_then_close_1013: let in and closed",
        {"connection_limit": 1, "connection_policy": "accept_then_close_1013"},
        "connect:a@0 connect:b@1 send:a@2 send:b@3 leave:a@500 connect:b@20000 send:b@20001",
        told="in refused ok connection_limit+1 in ok",
        arrived="0@2 2@20001",
        incidents="connection_limit 1013/1013@1, connection_limit 1013/1013@3",
        ledger="2 delivered, 1 rejected (connection limit)",
    ),
    Row(
        "connection_limit",
        "close_1008: let in and closed by policy",
        {"connection_limit": 1, "connection_policy": "close_1008"},
        "connect:a@0 connect:b@1 send:a@2 send:b@3 leave:a@500 connect:b@20000 send:b@20001",
        told="in refused ok connection_limit+1 in ok",
        arrived="0@2 2@20001",
        incidents="connection_limit 1008/1008@1, connection_limit 1008/1008@3",
        ledger="2 delivered, 1 rejected (connection limit)",
    ),
    Row(
        "connection_limit",
        "backlog_hang: kept waiting for ten seconds",
        {"connection_limit": 1, "connection_policy": "backlog_hang"},
        "connect:a@0 connect:b@1 send:a@2 send:b@3 leave:a@500 connect:b@20000 send:b@20001",
        told="in refused+10000 ok connection_limit+10000 in ok",
        arrived="0@2 2@20001",
        incidents="refused hang@1, refused hang@3",
        ledger="2 delivered, 1 rejected (connection limit)",
    ),
    Row(
        "connection_limit",
        "evict_oldest: the newest wins",
        {"connection_limit": 1, "connection_policy": "evict_oldest"},
        "connect:a@0 connect:b@1 state:a@2 send:b@3",
        told="in in reconnecting ok",
        arrived="0@3",
        incidents="evicted 4409/4409@1",
        ledger="1 delivered",
    ),
    Row(
        "connection_limit",
        "nobody gets in before retry_after",
        {"connection_limit": 1, "connection_policy": "http_429", "retry_after_ms": 50},
        "connect:a@0 connect:b@1 leave:a@2 connect:b@50 connect:b@51",
        told="in refused refused in",
        incidents="refused http_429@1, refused http_429@50",
    ),
    Row(
        "connection_limit",
        "each user has a limit of its own",
        {"connections_per_user": 1},
        "connect:u/a@0 connect:u/b@1 connect:v/c@2 leave:u/a@3 connect:u/b@4",
        told="in refused in in",
        incidents="refused http_503@1",
    ),
    Row(
        "connection_limit",
        "a user's newest connection wins",
        {"connections_per_user": 1, "connection_policy": "evict_oldest"},
        "connect:u/a@0 connect:v/c@1 connect:u/b@2 state:a@3 state:c@3",
        told="in in in reconnecting connected",
        incidents="evicted 4409/4409@2",
    ),
    Row(
        "connection_limit",
        "ten, as it comes",
        {},
        " ".join(f"connect:u{n}@0" for n in range(11)),
        told="in in in in in in in in in in refused",
        incidents="refused http_503@0",
    ),
    # malformed_data: the sender does not know, the receiver gets something else
    Row(
        "malformed_data",
        "on a message link it arrives damaged",
        {"malformed_rate": 1},
        "send@0 up@10",
        told="ok ok",
        arrived="0!@0 ^1!@10",
        ledger="2 delivered",
    ),
    Row(
        "malformed_data",
        "on a stream too",
        {"malformed_rate": 1, "link": "tcp"},
        "send@0 up@10",
        told="ok ok",
        arrived="0!@0 ^1!@10",
        ledger="2 delivered",
    ),
    Row(
        "malformed_data",
        "invalid_utf8 in a frame",
        {"malformed_rate": 1, "malformed_kinds": ["invalid_utf8"], "link": "bytes"},
        "send@0 state@1",
        told="ok(malformed) reconnecting",
        incidents="invalid_utf8 1006/1007@0",
        ledger="1 lost (malformed)",
    ),
    Row(
        "malformed_data",
        "bad_opcode in a frame",
        {"malformed_rate": 1, "malformed_kinds": ["bad_opcode"], "link": "bytes"},
        "send@0 state@1",
        told="ok(malformed) reconnecting",
        incidents="bad_opcode 1006/1002@0",
        ledger="1 lost (malformed)",
    ),
    Row(
        "malformed_data",
        "rsv_bit in a frame",
        {"malformed_rate": 1, "malformed_kinds": ["rsv_bit"], "link": "bytes"},
        "send@0 state@1",
        told="ok(malformed) reconnecting",
        incidents="rsv_bit 1006/1002@0",
        ledger="1 lost (malformed)",
    ),
    Row(
        "malformed_data",
        "bad_continuation in a frame",
        {"malformed_rate": 1, "malformed_kinds": ["bad_continuation"], "link": "bytes"},
        "send@0 state@1",
        told="ok(malformed) reconnecting",
        incidents="bad_continuation 1006/1002@0",
        ledger="1 lost (malformed)",
    ),
    Row(
        "malformed_data",
        "oversize_control in a frame",
        {"malformed_rate": 1, "malformed_kinds": ["oversize_control"], "link": "bytes"},
        "send@0 state@1",
        told="ok(malformed) reconnecting",
        incidents="oversize_control 1006/1002@0",
        ledger="1 lost (malformed)",
    ),
    Row(
        "malformed_data",
        "masked_server_frame in a frame",
        {"malformed_rate": 1, "malformed_kinds": ["masked_server_frame"], "link": "bytes"},
        "send@0 state@1",
        told="ok(malformed) reconnecting",
        incidents="masked_server_frame 1006/1002@0",
        ledger="1 lost (malformed)",
    ),
    Row(
        "malformed_data",
        "truncated_frame in a frame",
        {"malformed_rate": 1, "malformed_kinds": ["truncated_frame"], "link": "bytes"},
        "send@0 state@1",
        told="ok(malformed) reconnecting",
        incidents="truncated_frame 1006/1006@0",
        ledger="1 lost (malformed)",
    ),
    Row(
        "malformed_data",
        "oversize in a frame",
        {"malformed_rate": 1, "malformed_kinds": ["oversize"], "link": "bytes"},
        "send@0 state@1",
        told="ok(malformed) reconnecting",
        incidents="oversize 1006/1009@0",
        ledger="1 lost (malformed)",
    ),
    Row(
        "malformed_data",
        "bitflip in a frame",
        {"malformed_rate": 1, "malformed_kinds": ["bitflip"], "link": "bytes"},
        "send@0 state@1",
        told="ok connected",
        arrived="0!@0",
        ledger="1 delivered",
    ),
    Row(
        "malformed_data",
        "binary_instead_of_text in a frame",
        {"malformed_rate": 1, "malformed_kinds": ["binary_instead_of_text"], "link": "bytes"},
        "send@0 state@1",
        told="ok(malformed) reconnecting",
        incidents="binary_instead_of_text 1003/1003@0",
        ledger="1 lost (malformed)",
    ),
    Row(
        "malformed_data",
        "a client's frame that breaks the protocol is told to the client",
        {"malformed_rate": 1, "malformed_kinds": ["bad_opcode"], "link": "bytes"},
        "up@0 state@1",
        told="ok reconnecting",
        incidents="bad_opcode 1002/1006@0",
        ledger="1 lost (malformed)",
    ),
    Row(
        "malformed_data",
        "after a broken frame the connection is opened again",
        {
            "malformed_rate": 0,
            "link": "bytes",
            "faults": [{"on": {"nth": 2}, "toxic": {"type": "malformed", "kinds": ["bad_opcode"]}}],
        },
        "send@0 send@10 send@20",
        told="ok ok(malformed) ok",
        arrived="0@0 2@20",
        incidents="bad_opcode 1006/1002@10, reconnected@20",
        ledger="2 delivered, 1 lost (malformed)",
    ),
    # timeout_prone
    Row(
        "timeout_prone",
        "reject: nothing was sent, and the sender waits in vain",
        {"timeout_probability": 1, "timeout_ms_min": 50, "timeout_ms_max": 50},
        "send@0 send@100",
        told="timeout+50 timeout+50",
        ledger="2 rejected (timeout)",
    ),
    Row(
        "timeout_prone",
        "late_ack: it arrives, and the sender does not know",
        {
            "timeout_probability": 1,
            "timeout_ms_min": 50,
            "timeout_ms_max": 50,
            "timeout_kind": "late_ack",
        },
        "send@0 send@100",
        told="timeout?+50 timeout?+50",
        arrived="0@0 1@100",
        ledger="2 delivered",
    ),
    Row(
        "timeout_prone",
        "stall: nothing moves, and then the connection is lost",
        {
            "timeout_probability": 1,
            "timeout_ms_min": 50,
            "timeout_ms_max": 50,
            "timeout_kind": "stall",
        },
        "send@0 send@10 up@20 state@60",
        told="ok ok ok reconnecting",
        incidents="fin 1006/1006@50",
        ledger="3 in doubt",
    ),
    Row(
        "timeout_prone",
        "stall on a stream",
        {
            "timeout_probability": 1,
            "timeout_ms_min": 50,
            "timeout_ms_max": 50,
            "timeout_kind": "stall",
            "link": "tcp",
        },
        "send@0 send@10 up@20 state@60",
        told="ok ok ok reconnecting",
        incidents="fin 1006/1006@50",
        ledger="3 in doubt",
    ),
    Row(
        "timeout_prone",
        "late_ack on a stream",
        {
            "timeout_probability": 1,
            "timeout_ms_min": 50,
            "timeout_ms_max": 50,
            "timeout_kind": "late_ack",
            "link": "tcp",
        },
        "send@0 send@100",
        told="timeout?+50 timeout?+50",
        arrived="0@0 1@100",
        ledger="2 delivered",
    ),
    Row(
        "timeout_prone",
        "reject: who tries again waits each time",
        {
            "timeout_probability": 1,
            "timeout_ms_min": 50,
            "timeout_ms_max": 50,
            "max_retries": 2,
            "retry_delay_ms": 10,
        },
        "send@0",
        told="timeout+170",
        ledger="1 rejected (timeout)",
    ),
    Row(
        "timeout_prone",
        "late_ack: who tries again sends it twice",
        {
            "timeout_probability": 1,
            "timeout_ms_min": 50,
            "timeout_ms_max": 50,
            "timeout_kind": "late_ack",
            "max_retries": 1,
            "retry_delay_ms": 10,
        },
        "send@0",
        told="timeout?+110",
        arrived="0@0 0@60",
        ledger="1 delivered +1",
    ),
    Row(
        "timeout_prone",
        "legacy: False, and it never arrives",
        {
            "timeout_probability": 1,
            "timeout_ms_min": 50,
            "timeout_ms_max": 50,
            "semantics": "legacy",
        },
        "tell@0",
        told="False+50",
        ledger="1 rejected (timeout)",
    ),
    Row(
        "timeout_prone",
        "legacy: False for what arrives but is not answered",
        {
            "timeout_probability": 1,
            "timeout_ms_min": 50,
            "timeout_ms_max": 50,
            "semantics": "legacy",
            "timeout_kind": "late_ack",
        },
        "tell@0",
        told="False+50",
        arrived="0@0",
        ledger="1 delivered",
    ),
    # auth_failure
    Row(
        "auth_failure",
        "message: each is refused, and the connection stays",
        {"auth_failure_rate": 1},
        "connect@0 send@1 up@2 state@3",
        told="in auth+1 no+1 connected",
        ledger="2 rejected (auth)",
    ),
    Row(
        "auth_failure",
        "first_message: the connection is closed",
        {"auth_failure_rate": 1, "auth_when": "first_message"},
        "connect@0 send@1 state@3",
        told="in auth+1 reconnecting",
        incidents="auth 4401/4401@1",
        ledger="1 rejected (auth)",
    ),
    Row(
        "auth_failure",
        "first_message: only the first is asked",
        {
            "auth_failure_rate": 0,
            "faults": [{"on": {"nth": 2}, "toxic": {"type": "auth", "when": "first_message"}}],
        },
        "send@0x3",
        told="ok ok ok",
        arrived="0@0 1@0 2@0",
        ledger="3 delivered",
    ),
    Row(
        "auth_failure",
        "first_message with another code",
        {"auth_failure_rate": 1, "auth_when": "first_message", "auth_close_code": 1008},
        "connect@0 send@1 state@3",
        told="in auth+1 reconnecting",
        incidents="auth 1008/1008@1",
        ledger="1 rejected (auth)",
    ),
    Row(
        "auth_failure",
        "handshake: nobody gets in",
        {"auth_failure_rate": 1, "auth_when": "handshake"},
        "connect@0 send@1 state@3",
        told="refused auth+1 error",
        incidents="refused http_401@0, refused http_401@1",
        ledger="1 rejected (auth)",
    ),
    Row(
        "auth_failure",
        "handshake with another status",
        {"auth_failure_rate": 1, "auth_when": "handshake", "auth_status": 403},
        "connect@0 state@1",
        told="refused error",
        incidents="refused http_403@0",
    ),
    Row(
        "auth_failure",
        "handshake: the next attempt may succeed",
        {
            "auth_failure_rate": 0,
            "faults": [{"on": {"connect": 1}, "toxic": {"type": "auth", "when": "handshake"}}],
        },
        "connect@0 connect@1 send@2",
        told="refused in ok",
        arrived="0@2",
        incidents="refused http_401@0",
        ledger="1 delivered",
    ),
    Row(
        "auth_failure",
        "a token expires behind what is on its way, and is renewed",
        {"auth_failure_rate": 0, "token_ttl_ms": 50, "latency_ms": 5},
        "send@0 send@49 state@51 send@60",
        told="ok+5 ok+5 reconnecting ok+5",
        arrived="0@5 1@54 2@65",
        incidents="token 4401/4401@50, reconnected@60",
        ledger="3 delivered",
    ),
    Row(
        "auth_failure",
        "a token that cannot be renewed is the end",
        {"auth_failure_rate": 0, "token_ttl_ms": 50, "latency_ms": 5, "token_renewable": False},
        "send@0 send@49 state@51 send@60 connect@70",
        told="ok+5 ok+5 error auth+5 refused",
        arrived="0@5 1@54",
        incidents="token 4401/4401@50, refused http_401@60, refused http_401@70",
        ledger="2 delivered, 1 rejected (auth)",
    ),
    Row(
        "auth_failure",
        "a token expires with another code",
        {"auth_failure_rate": 0, "token_ttl_ms": 50, "latency_ms": 5, "auth_close_code": 3000},
        "send@0 state@51",
        told="ok+5 reconnecting",
        arrived="0@5",
        incidents="token 3000/3000@50",
        ledger="1 delivered",
    ),
    Row(
        "auth_failure",
        "without credentials nobody gets in",
        {"auth_failure_rate": 0, "should_authenticate": False},
        "connect@0 send@1 state@2",
        told="refused auth+1 error",
        incidents="refused http_401@0, refused http_401@1",
        ledger="1 rejected (auth)",
    ),
    # race_conditions
    Row(
        "race_conditions",
        "a message is held back, the sender does not wait",
        {"race_rate": 1, "race_delay_ms_min": 7, "race_delay_ms_max": 7},
        "send:a@0 send:b@1",
        told="ok ok",
        arrived="0@7 1@8",
        ledger="2 delivered",
    ),
    Row(
        "race_conditions",
        "other connections overtake, its own does not",
        {
            "race_rate": 0,
            "faults": [
                {
                    "on": {"nth": 1, "where": {"n": 0}},
                    "toxic": {"type": "race", "delay_min": 5, "delay_max": 5},
                }
            ],
        },
        "send:a@0 send:b@1 send:a@2",
        told="ok ok ok",
        arrived="1@1 0@5 2@5",
        ledger="3 delivered",
    ),
    Row(
        "race_conditions",
        "reorder_within_thread: its own does too",
        {
            "race_rate": 0,
            "reorder_within_thread": True,
            "faults": [
                {
                    "on": {"nth": 1, "where": {"n": 0}},
                    "toxic": {"type": "race", "delay_min": 5, "delay_max": 5},
                }
            ],
        },
        "send:a@0 send:b@1 send:a@2",
        told="ok ok ok",
        arrived="1@1 2@2 0@5",
        ledger="3 delivered",
    ),
    Row(
        "race_conditions",
        "a close overtakes what is on its way",
        {"race_rate": 0, "latency_ms": 3},
        "send@0x2 leave@1 send@5",
        told="ok+3 ok+3 ok+3",
        arrived="2@8",
        ledger="1 delivered, 2 in doubt",
    ),
    Row(
        "race_conditions",
        "a close may wait its turn",
        {"race_rate": 0, "latency_ms": 3, "close_overtakes": False},
        "send@0x2 leave@1 send@5",
        told="ok+3 ok+3 ok+3",
        arrived="0@3 1@3 2@8",
        ledger="3 delivered",
    ),
    Row(
        "race_conditions",
        "on a stream messages keep their order",
        {"race_rate": 1, "race_delay_ms_min": 7, "race_delay_ms_max": 7, "link": "tcp"},
        "send@0 send@1 up@2",
        told="ok ok ok",
        arrived="0@7 1@8 ^2@9",
        ledger="3 delivered",
    ),
    # several at once
    Row(
        ["slow_network", "packet_loss"],
        "late, and lost",
        {
            "jitter_ms": 0,
            "bandwidth_limit": None,
            "packet_loss_rate": 0,
            "faults": [{"on": {"nth": 2}, "toxic": {"type": "loss"}}],
        },
        "send@0x3",
        told="ok+200 ok(loss)+200 ok+200",
        arrived="0@200 2@200",
        ledger="2 delivered, 1 lost (loss)",
    ),
    Row(
        ["slow_network", "timeout_prone"],
        "late, and not answered",
        {
            "jitter_ms": 0,
            "bandwidth_limit": None,
            "timeout_probability": 0,
            "faults": [
                {
                    "on": {"nth": 2},
                    "toxic": {
                        "type": "timeout",
                        "kind": "late_ack",
                        "timeout_min": 50,
                        "timeout_max": 50,
                    },
                }
            ],
        },
        "send@0x3",
        told="ok+200 timeout?+250 ok+200",
        arrived="0@200 1@200 2@200",
        ledger="3 delivered",
    ),
    Row(
        ["connection_limit", "network_partition"],
        "a full house, and an outage",
        {"partition_start_probability": 0, "connection_limit": 1, "partition_policy": "hold"},
        "connect:a@0 connect:b@1 cut@2 send:a@3 heal@10",
        told="in refused ok",
        arrived="0@10",
        incidents="refused http_503@1",
        ledger="1 delivered",
    ),
    Row(
        ["memory_pressure", "slow_network"],
        "a queue behind a slow network",
        {
            "jitter_ms": 0,
            "bandwidth_limit": None,
            "consume_rate": 10,
            "message_queue_size": 1,
            "overflow": "reject",
        },
        "send@0x2 send@400",
        told="ok+200 queue_full+200 ok+200",
        arrived="0@300 2@700",
        incidents="overflow reject@0",
        ledger="2 delivered, 1 rejected (queue full)",
    ),
    Row(
        ["malformed_data", "race_conditions"],
        "damaged, and late",
        {"malformed_rate": 1, "race_rate": 1, "race_delay_ms_min": 7, "race_delay_ms_max": 7},
        "send@0",
        told="ok",
        arrived="0!@7",
        ledger="1 delivered",
    ),
]


@pytest.fixture(params=ROWS, ids=lambda row: f"{row.mode}: {row.says}".replace("'", ""))
def row(request: pytest.FixtureRequest) -> Row:
    row: Row = request.param
    return row


def test_a_mode_behaves_as_its_row_says(row: Row) -> None:
    seen = row.play()
    assert seen.told == row.told
    assert seen.arrived == row.arrived
    assert seen.incidents == row.incidents
    assert seen.ledger == row.ledger


def test_a_row_comes_back_from_its_recording(row: Row) -> None:
    session = row.play().session
    assert replay(session).digest == session.digest


def test_what_is_refused_never_arrives_and_nothing_arrives_before_it_was_sent(row: Row) -> None:
    session = row.play().session
    assert all(event.outcome is Fate.DELIVERED for event in session.delivered())
    assert all(event.time_ns >= event.sent_ns for event in session.delivered())
    times = [event.time_ns for event in session.delivered()]
    assert times == sorted(times)


def test_a_stream_delivers_in_the_order_in_which_was_sent(row: Row) -> None:
    session = row.play().session
    for connection in session.log.connections:
        for direction in (0, 1):
            events = session.delivered() if connection.link != "message" else ()
            rows = [
                e.row
                for e in events
                if (e.connection, e.direction, e.copy) == (connection.name, direction, 0)
            ]
            assert rows == sorted(rows)


def test_the_sums_of_a_row_hold(row: Row) -> None:
    ledger = row.play().session.ledger
    accepted = ledger.delivered + ledger.lost + ledger.in_doubt + ledger.pending
    assert accepted == ledger.accepted
    assert ledger.sent == ledger.accepted + ledger.rejected


# --- what a table must not leave out ---------------------------------------------------------


def test_every_mode_has_rows() -> None:
    assert {row.mode for row in ROWS if isinstance(row.mode, str)} == {*map(str, MockBehaviorMode)}


def choices(name: str) -> Sequence[str]:
    """What a field may hold, as its error lists it."""
    with pytest.raises(ConfigError) as caught:
        MockConfiguration(**{name: "?"})  # type: ignore[arg-type]
    return caught.value.mend.removeprefix("it must be one of: ").split(", ")


@pytest.mark.parametrize(
    "name",
    ["partition_policy", "overflow", "connection_policy", "timeout_kind", "auth_when", "semantics"],
)
def test_every_choice_has_a_row(name: str) -> None:
    usual = getattr(MockConfiguration(), name)
    assert {row.fields.get(name, usual) for row in ROWS} >= {*choices(name)}


def test_every_harm_to_a_frame_has_a_row() -> None:
    told = {kind for row in ROWS for kind in row.fields.get("malformed_kinds", ())}
    assert told == {*FRAME_KINDS}
    assert not told & {*KINDS}  # those have rows of their own in test_malformed.py


# --- the numbers that a mode comes with ------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "numbers"),
    [
        ("network_partition", {"partition_start_probability": 0.1, "max_retries": 0}),
        ("network_partition", {"partition_duration_ms_min": 1_000.0}),
        ("network_partition", {"partition_duration_ms_max": 3_000.0}),
        ("slow_network", {"latency_ms": 200.0, "jitter_ms": 100.0, "bandwidth_limit": 50 * 1_024}),
        ("packet_loss", {"packet_loss_rate": 0.1, "retry_delay_ms": 100.0}),
        ("memory_pressure", {"memory_limit": 512 * 1_024, "message_queue_size": 50}),
        ("connection_limit", {"connection_limit": 10, "connection_policy": "http_503"}),
        ("malformed_data", {"malformed_rate": 0.1, "malformed_kinds": ("truncate_json",)}),
        ("timeout_prone", {"timeout_probability": 0.2, "timeout_ms_min": 5_000.0}),
        ("timeout_prone", {"timeout_ms_max": 10_000.0, "timeout_kind": "reject"}),
        ("auth_failure", {"auth_failure_rate": 0.3, "auth_status": 401, "auth_close_code": 4401}),
        ("race_conditions", {"race_delay_ms_min": 1.0, "race_delay_ms_max": 5.0}),
    ],
    ids=str,
)
def test_a_mode_comes_with_its_numbers(mode: str, numbers: dict[str, Any]) -> None:
    config = MockConfiguration(mode=mode)
    assert {name: getattr(config, name) for name in numbers} == numbers


def test_memory_pressure_keeps_fifty_messages_and_takes_a_hundred_per_second() -> None:
    seen = play("send@0x51", mode="memory_pressure")
    assert seen.ledger == "50 delivered, 1 lost (overflow)"
    assert seen.arrived.startswith("1@10 2@20 ")
    assert seen.arrived.endswith(" 50@500")


def test_jitter_spreads_what_slow_network_delays_and_keeps_the_order() -> None:
    seen = play("send@0x50", mode="slow_network", bandwidth_limit=None)
    waits = [float(told.removeprefix("ok+")) for told in seen.told.split()]
    assert 200 <= min(waits) < 210
    assert 290 < max(waits) <= 300
    assert [each.split("@")[0] for each in seen.arrived.split()] == [str(n) for n in range(50)]


@pytest.mark.parametrize("seed", range(3))
def test_a_late_answer_and_a_retry_deliver_every_message_that_was_promised(seed: int) -> None:
    async def program() -> int:
        mock = MockWebSocketManager(
            mode="timeout_prone", timeout_kind="late_ack", timeout_probability=0.4, max_retries=5
        )
        return sum([await mock.send_to_thread("t", message) for message in tokens(100)])

    out = run(program, seed=seed)
    assert out.value == out.session.ledger.delivered == 100
    assert out.session.ledger.duplicated > 20
