"""Redaction: no secret enters a session, so none can leave it."""

from typing import Literal

from replay_ws.cassette.redaction.redactor import Redactor as Redactor
from replay_ws.errors import ConfigError

RedactorChoice = Redactor | Literal["default"] | None
"""What cleans a session: a redactor, a new one with the usual rules, or none at all."""


def redactor_of(choice: RedactorChoice) -> Redactor | None:
    """The redactor that was chosen; raises ConfigError for anything else."""
    if choice == "default":
        return Redactor()
    if choice is not None and not isinstance(choice, Redactor):
        raise ConfigError(
            f"{choice!r:.60} is no redactor", mend="pass a Redactor, 'default', or None for none"
        )
    return choice
