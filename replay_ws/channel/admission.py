"""Admission: whether a message is taken at all, before anything can befall it on its way."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from replay_ws.channel.core import Core
from replay_ws.channel.send import Send
from replay_ws.channel.sockets import Sockets
from replay_ws.clock import NS_PER_S, ms
from replay_ws.events.log import Op
from replay_ws.events.model import Fate
from replay_ws.faults.toxics import Toxic


class Admission:
    """Takes messages or refuses them."""

    def __init__(self, core: Core, sockets: Sockets) -> None:
        self._core = core
        self._sockets = sockets

    def refusal(self, send: Send) -> Fate | None:
        """Why a message is not admitted, or None."""
        socket, lane, terms, op, kind, *_ = send
        config = socket.behaviour.config
        if op in _DECIDED:
            return _DECIDED[op]
        if op == Op.OBJECT and not kind and config.validate_message_format:
            return Fate.REJECTED_INVALID
        if send.size > terms.message_bytes_max:
            return Fate.REJECTED_TOO_BIG
        if not socket.is_open:
            return socket.refusal or Fate.REJECTED_NOT_CONNECTED
        for toxic in terms.admission:
            fate = _STEPS[toxic.type](self, send, toxic)
            if fate is not None:
                return fate
        if config.enforce_event_order and not lane.order.allows(self._core.log.kinds[kind]):
            return Fate.REJECTED_ORDER
        return None

    def _authenticate(self, send: Send, toxic: Toxic) -> Fate | None:
        when = toxic["when"]
        first = when == "first_message" and not any(lane.passed for lane in send.socket.lanes)
        if not (first or when == "message") or not send.strike(self._core, toxic):
            return None
        if first:
            self._sockets.end(send.socket, send.now_ns, "auth", code=toxic["code"])
        return Fate.REJECTED_AUTH

    def _limit_rate(self, send: Send, toxic: Toxic) -> Fate | None:
        """A token bucket, kept as the time at which the next message would be on time."""
        buckets, name, now_ns = send.lane.buckets, toxic.name, send.now_ns
        if now_ns < buckets.get(f"{name} penalty", 0):
            return Fate.REJECTED_RATE_LIMITED
        numerator, denominator = toxic["rate"].as_integer_ratio()
        each_ns = -(-NS_PER_S * denominator // numerator)
        due_ns = max(buckets.get(name, 0), now_ns)
        if due_ns - (toxic["burst"] - 1) * each_ns <= now_ns:
            buckets[name] = due_ns + each_ns
            return None
        buckets[f"{name} penalty"] = now_ns + ms(toxic["penalty"])
        if toxic["policy"] == "close":
            self._sockets.end(send.socket, now_ns, "rate_limit", code=toxic["code"])
        return Fate.REJECTED_RATE_LIMITED


_DECIDED: Mapping[int, Fate] = {
    Op.INVALID: Fate.REJECTED_INVALID,
    Op.UNSENT: Fate.REJECTED_FAILURE,
    Op.UNSURE: Fate.IN_DOUBT,
}
"""Fates that no network can change: the message never came to it, or nobody knows."""

_STEPS: Mapping[str, Callable[[Admission, Send, Toxic], Fate | None]] = {
    "auth": Admission._authenticate,
    "rate_limit": Admission._limit_rate,
}
