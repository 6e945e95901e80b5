"""What a frame that somebody else made says of itself."""

from __future__ import annotations

import json
from enum import Enum


def type_of_text(text: str) -> str:
    """The top-level string ``type`` of a JSON object, else the empty string."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    return type_of(message)


def type_of(message: object) -> str:
    """The string ``type`` of a message that is a dict, else the empty string."""
    return type_name(message.get("type")) if isinstance(message, dict) else ""


def type_name(event: object) -> str:
    """A ``type`` as it will be read back: a string, also that of an Enum; else the empty one."""
    if type(event) is str:
        return event
    if isinstance(event, Enum):
        event = event.value
    return str.__str__(event) if isinstance(event, str) else ""


def is_unicode(text: str) -> bool:
    """Whether a text frame can hold ``text``: it holds no half of a surrogate pair."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_utf8(data: bytes) -> bool:
    """Whether the payload of a text frame can be read (RFC 6455 8.1)."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
