"""Fates, ledgers, plans and events."""

from __future__ import annotations

import pytest

from replay_ws.events.encoding import encode
from replay_ws.events.log import Direction, Op
from replay_ws.events.model import Decision, Fate, Ledger, Plan
from tests.helpers import event

LOSS = Decision("loss", "t1", Direction.DOWNSTREAM, "token", 3, 0, 1)


# --- fates ---------------------------------------------------------------------------------


def test_every_fate_is_accepted_or_rejected_by_its_name() -> None:
    for fate in Fate:
        assert fate.accepted == (not fate.name.startswith("REJECTED"))


@pytest.mark.parametrize(
    ("fate", "reason", "label"),
    [
        (Fate.DELIVERED, "", "delivered"),
        (Fate.IN_DOUBT, "", "in doubt"),
        (Fate.LOST, "", "lost"),
        (Fate.LOST_OVERFLOW, "overflow", "lost (overflow)"),
        (Fate.REJECTED_TOO_BIG, "too_big", "rejected (too big)"),
        (Fate.REJECTED, "", "rejected"),
    ],
)
def test_a_fate_says_its_reason(fate: Fate, reason: str, label: str) -> None:
    assert (fate.reason, fate.label) == (reason, label)


def test_labels_tell_all_fates_apart() -> None:
    assert len({fate.label for fate in Fate}) == len(Fate)


# --- ledger --------------------------------------------------------------------------------


def test_an_empty_ledger_is_all_zero() -> None:
    assert str(Ledger()) == (
        "sent=0 accepted=0 delivered=0 lost=0 in_doubt=0 pending=0 rejected=0 duplicated=0"
    )


def test_every_fate_is_in_exactly_one_sum() -> None:
    ledger = Ledger(dict.fromkeys(Fate, 1), duplicated=4)
    assert ledger.sent == len(Fate) == ledger.accepted + ledger.rejected
    assert ledger.accepted == (ledger.delivered + ledger.lost + ledger.in_doubt + ledger.pending)
    assert (ledger.delivered, ledger.in_doubt, ledger.pending) == (1, 1, 1)


@pytest.mark.parametrize("fate", list(Fate))
def test_one_message_is_counted_where_it_ended(fate: Fate) -> None:
    ledger = Ledger({fate: 3})
    assert ledger.sent == 3
    assert (ledger.accepted, ledger.rejected) == ((3, 0) if fate.accepted else (0, 3))


def test_reasons_leave_out_what_simply_arrived() -> None:
    ledger = Ledger({Fate.REJECTED_AUTH: 1, Fate.DELIVERED: 5, Fate.PENDING: 2, Fate.LOST_LOSS: 3})
    assert ledger.reasons == {"lost (loss)": 3, "rejected (auth)": 1}


# --- plan ----------------------------------------------------------------------------------


def test_a_plan_without_a_decision_has_all_the_others() -> None:
    others = (
        Decision("loss", "t1", Direction.UPSTREAM, "token", 3, 0, 1),
        Decision("loss", "t1", Direction.DOWNSTREAM, "token", 3, 1, 1),
    )
    plan = Plan((others[0], LOSS, others[1]))
    assert plan.without(LOSS).decisions == others
    assert len(plan) == 3
    assert list(plan)[1] is LOSS


def test_a_decision_is_known_by_what_it_is_about_not_by_its_amount() -> None:
    same = Decision("loss", "t1", Direction.DOWNSTREAM, "token", 3, 0, 99)
    assert same.key == LOSS.key
    assert len(Plan((LOSS,)).without(same)) == 0


# --- events --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("op", "body", "payload"),
    [
        (Op.OBJECT, encode({"a": 1}), {"a": 1}),
        (Op.TEXT, '{"a": 1}', {"a": 1}),
        (Op.TEXT, "no json", "no json"),
        (Op.TEXT, "[" * 100_000, "[" * 100_000),
        (Op.BINARY, b"\x81\xa1a\x01", b"\x81\xa1a\x01"),
        (Op.OBJECT, b"\xc1", b"\xc1"),
    ],
    ids=range(6),
)
def test_a_payload_is_plain_data_where_it_can_be(
    op: Op, body: str | bytes, payload: object
) -> None:
    assert event(op=op, body=body).payload == payload
