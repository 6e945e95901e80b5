"""Replaying: the recorded intents, sent again under a mode, a seed or a plan."""

from replay_ws.replayer.replay import replay

__all__ = ["replay"]
