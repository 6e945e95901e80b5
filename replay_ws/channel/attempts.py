"""Attempts: a sender tries until an attempt gets through and is answered, or retries run out.

An attempt that got through but was not answered in time is sent again like any other, so the
message arrives more than once: the sender cannot know.
"""

from __future__ import annotations

from collections.abc import Mapping

from replay_ws.channel.behaviour import Outage
from replay_ws.channel.core import Core
from replay_ws.channel.send import Flight, Send
from replay_ws.channel.terms import backed_off
from replay_ws.clock import ms
from replay_ws.events.model import Fate

_FATES: Mapping[str, Fate] = {
    "failure": Fate.REJECTED_FAILURE,
    "timeout": Fate.REJECTED_TIMEOUT,
    "loss": Fate.LOST_LOSS,
}
"""What becomes of a message whose last attempt a toxic of this type struck."""


def attempt(core: Core, flight: Flight, outage: Outage | None) -> tuple[Fate | None, int]:
    """Try as often as the retries allow: how it ended (None: well) and how long that took.

    ``outage`` is one that rejects; an attempt behind its end gets through.
    """
    send = flight.send
    if not send.terms.attempts and outage is None:
        return None, 0
    retries = send.socket.behaviour.config.max_retries
    fate: Fate | None = None
    tried_ns = passed = 0
    for nth in range(retries + 1):
        if outage is not None and outage.lasts(send.now_ns + tried_ns):
            fate, cost_ns = Fate.REJECTED_PARTITION, send.terms.reject_ns
        else:
            fate, cost_ns = _failure(core, send, nth)
        if fate is None:
            if passed:
                flight.again_ns.append(tried_ns)
            else:
                flight.tried_ns = tried_ns
            passed += 1
            cost_ns = _late_ns(core, send, nth)
            if not cost_ns:
                return None, tried_ns
        tried_ns += cost_ns
        if nth < retries:
            tried_ns += pause_ns(send, nth)
    if passed:
        flight.answered = False
        return None, tried_ns
    if fate is Fate.LOST_LOSS and not retries:
        # Nobody waits for an answer, so nobody learns that the message is lost.
        return fate, max(tried_ns, send.terms.latency_ns)
    if retries and fate in (Fate.LOST_LOSS, Fate.REJECTED_PARTITION):
        fate = Fate.REJECTED_GAVE_UP
    return fate, max(tried_ns, send.terms.reject_ns)


def _failure(core: Core, send: Send, nth: int) -> tuple[Fate | None, int]:
    """What befell one attempt, and how long that took."""
    for toxic in send.terms.attempts:
        timeout = toxic.type == "timeout"
        if timeout and toxic["kind"] != "reject":
            continue
        amount = send.strike(core, toxic, nth)
        if amount:
            return _FATES[toxic.type], amount if timeout else send.terms.latency_ns
    return None, 0


def _late_ns(core: Core, send: Send, nth: int) -> int:
    """How long the sender waits in vain for the answer to an attempt that got through; or 0."""
    for toxic in send.terms.attempts:
        if toxic.type == "timeout" and toxic["kind"] == "late_ack":
            amount = send.strike(core, toxic, nth)
            if amount:
                return amount
    return 0


def pause_ns(send: Send, nth: int) -> int:
    """What a sender waits after its nth attempt (from 0) before the next."""
    config = send.socket.behaviour.config
    return backed_off(ms(config.retry_delay_ms), config.retry_backoff, nth)
