"""The network step by step: what a lane does with messages, in the cases that surprise."""

from __future__ import annotations

from typing import Any

import pytest

from replay_ws.channel import Network, Verdict, channel_of
from replay_ws.clock import NS_PER_MS, NS_PER_S
from replay_ws.events.log import Channel, Connection, Direction, Log, Op
from replay_ws.events.model import Decision, Fate
from replay_ws.faults.chance import Dice, Script
from replay_ws.faults.configuration import MockConfiguration
from replay_ws.faults.pipeline import toxics_by_name

MS = NS_PER_MS


class Wire:
    """A network with one channel, driven by hand; every message is so many bytes."""

    def __init__(self, *decisions: Decision, connections: str = "a", **fields: Any) -> None:
        self.log = Log()
        self.network = Network(self.log)
        config = MockConfiguration(**fields)
        dice = Dice(0, toxics_by_name(config), self.log)
        chance = Script(decisions, self.log) if decisions else dice
        self.network.add_channel(channel_of("", config), config, chance, 0)
        for name in connections:
            number = self.network.add_connection(Connection(name, "message", 0), 0)
            self.network.connect(number << 1 | 1, 0, 0, b"\x80")

    def send(self, at_ms: float, size: int = 1, lane: int = 0) -> Verdict:
        at_ns = round(at_ms * MS)
        index = self.log.next_index(lane, 0)
        return self.network.send(Op.BINARY, lane, at_ns, 0, index, b"x" * size)

    def arrivals(self, until_ms: float = 1e9) -> list[tuple[int, float]]:
        """(which message, when in ms) of everything that arrived by then."""
        self.network.advance(round(until_ms * MS))
        outcome = self.network.outcome
        sent = [row for row, op in enumerate(self.log.ops) if op == Op.BINARY]
        return [
            (sent.index(row), at / MS) for at, row in zip(outcome.times, outcome.rows, strict=True)
        ]

    def fates(self) -> list[Fate]:
        outcome = self.network.outcome
        return [Fate(outcome.fates[r]) for r, op in enumerate(self.log.ops) if op == Op.BINARY]


def struck(toxic: str, index: int, amount_ms: float = 0.0) -> Decision:
    amount = round(amount_ms * MS) or 1
    return Decision(toxic, "a", Direction.DOWNSTREAM, "", index, 0, amount)


# --- order and time ------------------------------------------------------------------------


def test_a_message_that_is_overtaken_still_waits_for_the_server() -> None:
    wire = Wire(struck("race", 0, 10), consume_rate=100, reorder_within_thread=True)
    wire.send(0)
    wire.send(5)
    assert wire.arrivals() == [(1, 15), (0, 25)]


def test_nothing_is_overtaken_on_a_lane_that_keeps_its_order() -> None:
    wire = Wire(struck("race", 0, 10))
    wire.send(0)
    wire.send(5)
    assert wire.arrivals() == [(0, 10), (1, 10)]


def test_other_connections_and_the_other_direction_are_not_held_up() -> None:
    wire = Wire(struck("race", 0, 10), connections="ab")
    for lane in (0, 1, 2):
        wire.send(0, lane=lane)
    assert wire.arrivals() == [(1, 0), (2, 0), (0, 10)]


def test_ties_arrive_in_the_order_in_which_they_were_sent() -> None:
    wire = Wire(connections="abc", latency_ms=5)
    for lane in (4, 0, 2, 4):
        wire.send(1, lane=lane)
    assert wire.arrivals() == [(0, 6), (1, 6), (2, 6), (3, 6)]


def test_service_times_are_rounded_up() -> None:
    wire = Wire(bandwidth_limit=3)
    wire.send(0)
    assert wire.network.drain() == NS_PER_S // 3 + 1


def test_bandwidth_and_consumer_add_up() -> None:
    wire = Wire(bandwidth_limit=1_000, consume_rate=100)
    wire.send(0, size=5)
    assert wire.arrivals() == [(0, 15)]


def test_an_idle_server_saves_nothing_up() -> None:
    wire = Wire(consume_rate=100)
    wire.send(0)
    wire.send(100)
    wire.send(100)
    assert wire.arrivals() == [(0, 10), (1, 110), (2, 120)]


def test_time_is_told_by_what_arrived_last() -> None:
    wire = Wire(latency_ms=5)
    assert wire.network.drain() == 0
    wire.send(0)
    assert wire.network.advance(5 * MS - 1) == 0
    assert wire.network.advance(9 * MS) == 5 * MS


# --- queues --------------------------------------------------------------------------------


def test_when_the_message_being_served_is_dropped_the_next_one_begins_then() -> None:
    wire = Wire(bandwidth_limit=1_000, message_queue_size=2)
    wire.send(0, size=20_000)
    wire.send(1, size=10)
    wire.send(10_000, size=10)  # drops the first, which would have taken until 20 s
    assert wire.arrivals() == [(1, 10_010), (2, 10_020)]
    assert wire.fates()[0] is Fate.LOST_OVERFLOW


def test_dropping_makes_as_much_room_as_is_needed() -> None:
    wire = Wire(bandwidth_limit=1_000, memory_limit=100)
    for size in (40, 40, 20, 90):
        wire.send(0, size=size)
    assert wire.fates()[:3] == [Fate.LOST_OVERFLOW] * 3


def test_a_message_one_of_whose_copies_arrives_is_not_lost() -> None:
    wire = Wire(struck("duplicate", 0), consume_rate=100, message_queue_size=2)
    wire.send(0)
    wire.send(1)  # drops the first copy of the first message
    wire.send(2)  # drops the second copy
    assert wire.fates() == [Fate.LOST_OVERFLOW, Fate.PENDING, Fate.PENDING]
    wire = Wire(struck("duplicate", 0), consume_rate=100, message_queue_size=2)
    wire.send(0)
    wire.send(1)
    assert wire.fates()[0] is Fate.PENDING
    wire.arrivals()
    assert wire.fates() == [Fate.DELIVERED, Fate.DELIVERED]


def test_a_blocked_sender_that_no_outage_will_let_go_is_refused() -> None:
    wire = Wire(partition_policy="hold", message_queue_size=1, overflow="block")
    wire.network.control("cut", 0, 0)
    wire.send(0)
    assert wire.send(0).fate is Fate.REJECTED_QUEUE_FULL


def test_blocked_senders_wait_for_each_other() -> None:
    wire = Wire(consume_rate=100, message_queue_size=1, overflow="block")
    assert [wire.send(0).wait_ns // MS for _ in range(3)] == [0, 10, 20]
    assert wire.arrivals() == [(0, 10), (1, 20), (2, 30)]


def test_a_plan_from_a_strange_file_makes_two_copies_at_most() -> None:
    wire = Wire(Decision("duplicate", "a", Direction.DOWNSTREAM, "", 0, 0, 1 << 60))
    wire.send(0)
    assert wire.arrivals() == [(0, 0), (0, 0)]


# --- outages -------------------------------------------------------------------------------


def test_an_outage_that_was_healed_by_hand_does_not_heal_a_later_one() -> None:
    outages = (struck("partition", 0, 10), struck("partition", 1, 10))
    wire = Wire(*outages, partition_policy="hold")
    wire.send(0)
    wire.network.control("heal", 0, 5 * MS)
    wire.send(5)  # cut until 15, not until 10
    assert wire.arrivals() == [(0, 5), (1, 15)]


def test_an_outage_that_ends_while_the_network_is_cut_by_hand_goes_on() -> None:
    wire = Wire(struck("partition", 0, 10), partition_policy="hold")
    wire.send(0)
    wire.network.control("cut", 0, 5 * MS)
    assert wire.arrivals(until_ms=50) == []
    wire.network.control("heal", 0, 60 * MS)
    assert wire.arrivals() == [(0, 60)]


def test_what_was_on_its_way_when_the_outage_began_arrives() -> None:
    wire = Wire(latency_ms=20, partition_policy="hold")
    wire.send(0)
    wire.network.control("cut", 0, 10 * MS)
    wire.send(15)
    assert wire.arrivals(until_ms=30) == [(0, 20)]
    wire.network.control("heal", 0, 40 * MS)
    assert wire.arrivals() == [(0, 20), (1, 40)]


def test_what_was_held_keeps_its_order_before_what_comes_after() -> None:
    wire = Wire(partition_policy="hold", consume_rate=100)
    wire.network.control("cut", 0, 0)
    wire.send(0)
    wire.send(1)
    wire.network.control("heal", 0, 10 * MS)
    wire.send(10)
    assert wire.arrivals() == [(0, 20), (1, 30), (2, 40)]


def test_a_cut_by_hand_and_its_end_spare_other_channels() -> None:
    wire = Wire()
    config = MockConfiguration(partition_policy="hold")
    dice = Dice(0, toxics_by_name(config), wire.log)
    wire.network.add_channel(channel_of("other", config), config, dice, 0)
    wire.network.add_connection(Connection("other/a", "message", 1), 0)
    wire.network.connect(3, 0, 0, b"\x80")
    wire.network.control("cut", 0, 0)
    assert wire.send(0).fate is Fate.REJECTED_PARTITION
    assert wire.send(0, lane=2).fate is Fate.DELIVERED
    wire.network.control("cut", 1, 0)
    wire.send(0, lane=2)
    wire.network.control("heal", 0, 0)
    assert wire.send(0).fate is Fate.DELIVERED
    assert wire.network.drain() == 0
    assert wire.fates()[2] is Fate.PENDING


def test_what_an_outage_holds_for_ever_is_pending_at_the_end() -> None:
    wire = Wire(partition_policy="hold")
    wire.network.control("cut", 0, 0)
    wire.send(0)
    assert wire.network.drain() == 0
    assert wire.fates() == [Fate.PENDING]


# --- connections ---------------------------------------------------------------------------


def test_closing_lets_arrive_what_is_on_its_way_and_dropping_does_not() -> None:
    for op, fate in ((Op.CLOSE, Fate.DELIVERED), (Op.DROPPED, Fate.IN_DOUBT)):
        wire = Wire(latency_ms=5)
        wire.send(0)
        wire.network.close(op, 0, 1 * MS, b"")
        wire.arrivals()
        assert wire.fates() == [fate]


def test_a_message_that_arrived_before_its_connection_was_lost_has_arrived() -> None:
    wire = Wire(struck("duplicate", 0), consume_rate=100)
    wire.send(0)
    wire.network.close(Op.DROPPED, 0, 15 * MS, b"")  # one copy is there, one is not
    assert wire.fates() == [Fate.DELIVERED]
    assert wire.arrivals() == [(0, 10)]


def test_a_lost_connection_does_not_delay_the_next_one() -> None:
    wire = Wire(struck("race", 0, 500))
    wire.send(0)
    wire.network.close(Op.DROPPED, 0, 1 * MS, b"")
    wire.network.connect(1, 2 * MS, 1, b"\x80")
    wire.send(3)
    assert wire.arrivals() == [(1, 3)]


def test_nobody_sends_on_a_closed_connection() -> None:
    wire = Wire()
    wire.network.close(Op.CLOSE, 0, 0, b"")
    assert not wire.network.is_open(0)
    assert wire.send(0).fate is Fate.REJECTED_NOT_CONNECTED


def test_a_connection_that_was_let_in_later_is_no_longer_refused() -> None:
    wire = Wire(connections="ab", connection_limit=1)
    wire.network.close(Op.CLOSE, 0, 0, b"")
    wire.network.connect(3, 0, 1, b"\x80")
    wire.network.close(Op.CLOSE, 2, 0, b"")
    assert wire.send(0, lane=2).fate is Fate.REJECTED_NOT_CONNECTED


def test_a_second_handshake_takes_no_second_slot() -> None:
    wire = Wire(connection_limit=1)
    assert wire.network.connect(1, 0, 1, b"\x80").fate is Fate.DELIVERED


def test_refused_handshakes_are_remembered_by_row() -> None:
    wire = Wire(connections="ab", connection_limit=1)
    [(row, fate)] = wire.network.outcome.refusals.items()
    assert wire.log.ops[row] == Op.HANDSHAKE
    assert wire.log.lanes[row] == 3
    assert fate is Fate.REJECTED_CONNECTION_LIMIT
    assert wire.send(0, lane=2).fate is fate


# --- rows ----------------------------------------------------------------------------------


def test_decisions_stand_behind_the_intent_they_are_about() -> None:
    wire = Wire(failure_rate=1, max_retries=1)
    wire.send(0)
    ops = [Op(op) for op in wire.log.ops]
    assert ops[-3:] == [Op.BINARY, Op.DECISION, Op.DECISION]
    assert [wire.log.value(row) for row in (-2, -1)] == [["failure", 0, 1], ["failure", 1, 1]]


def test_a_draw_that_changes_nothing_leaves_no_row() -> None:
    wire = Wire(packet_loss_rate=0.000001)
    wire.send(0)
    assert wire.log.ops[-1] == Op.BINARY


@pytest.mark.parametrize(
    ("fields", "asked"),
    [
        ({"failure_rate": 1, "timeout_probability": 1, "packet_loss_rate": 1}, ["failure"]),
        ({"timeout_probability": 1, "packet_loss_rate": 1}, ["timeout"]),
        ({"packet_loss_rate": 1, "malformed_rate": 1, "duplicate_rate": 1}, ["loss"]),
        ({"auth_failure_rate": 1, "failure_rate": 1}, ["auth"]),
        ({"partition_start_probability": 1, "failure_rate": 1}, ["partition"]),
        (
            {"jitter_ms": 9, "race_rate": 1, "malformed_rate": 1, "duplicate_rate": 1},
            ["jitter", "race", "malformed", "duplicate"],
        ),
    ],
)
def test_chance_is_asked_in_the_documented_order(fields: dict[str, Any], asked: list[str]) -> None:
    wire = Wire(**fields)
    wire.send(0)
    rows = [row for row, op in enumerate(wire.log.ops) if op == Op.DECISION]
    assert [wire.log.value(row)[0] for row in rows] == asked


def test_a_full_queue_does_not_keep_chance_from_striking() -> None:
    wire = Wire(consume_rate=1, message_queue_size=1, overflow="drop_newest", duplicate_rate=1)
    for _ in range(3):
        wire.send(0)
    assert [op for op in wire.log.ops if op == Op.DECISION] == [Op.DECISION] * 3


def test_a_channel_of_the_log_says_what_was_asked_for() -> None:
    wire = Wire(latency_ms=5)
    assert wire.log.channels == [Channel("", MockConfiguration(latency_ms=5).values())]
