"""The command line ``replay-ws``: thin commands over the verbs of ``replay_ws.api``."""

from replay_ws.cli.app import main

__all__ = ["main"]
