"""The heart, sans-IO: connections under a mode; sends and time in, deliveries and fates out."""

from replay_ws.channel.network import ACTIONS, Network, Verdict
from replay_ws.channel.outcome import Outcome

__all__ = ["ACTIONS", "Network", "Outcome", "Verdict"]
