"""What a frame that somebody else made says of itself."""

from __future__ import annotations

import json


def type_of_text(text: str) -> str:
    """The top-level string ``type`` of a JSON object, else the empty string."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    return type_of(message)


def type_of(message: object) -> str:
    """The string ``type`` of a message that is a dict, else the empty string."""
    event = message.get("type") if isinstance(message, dict) else None
    return event if isinstance(event, str) else ""
