"""Secrets stay out of cassettes: which keys hold them, what they look like, what replaces them."""

from replay_ws.cassette.redaction.redactor import Redactor as Redactor

__all__ = ["Redactor"]
