"""Redaction: no secret enters a session, so none can leave it."""

from typing import Literal

from replay_ws.cassette.redaction.redactor import Redactor as Redactor

RedactorChoice = Redactor | Literal["default"] | None
"""What cleans a session: a redactor, a new one with the usual rules, or none at all."""


def redactor_of(choice: RedactorChoice) -> Redactor | None:
    """The redactor that was chosen."""
    return Redactor() if choice == "default" else choice
