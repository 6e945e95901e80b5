"""What the sender of a message learns."""

from __future__ import annotations

from dataclasses import dataclass

from replay_ws.events.model import Fate


@dataclass(frozen=True, slots=True)
class SendResult:
    """What ``send`` tells: truthy when the message was accepted, which is not yet delivered.

    ``outcome`` is the fate so far. ``answered`` is False where nobody answered in time; a message
    that was accepted is then in doubt for its sender, who may send it twice.
    """

    outcome: Fate
    message_id: int
    answered: bool = True

    @property
    def status(self) -> str:
        """``accepted``, ``rejected``, ``gave_up`` (after all retries) or ``timeout``."""
        if self.outcome is Fate.REJECTED_GAVE_UP:
            return "gave_up"
        if self.outcome is Fate.REJECTED_TIMEOUT or not self.answered:
            return "timeout"
        return "accepted" if self.outcome.accepted else "rejected"

    @property
    def reason(self) -> str:
        """Why it was not accepted, or why it is lost already; else empty."""
        return self.outcome.reason

    def __bool__(self) -> bool:
        return self.outcome.accepted
