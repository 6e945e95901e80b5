"""The heart, sans-IO: connections under a mode; sends and time in, deliveries and fates out."""

from replay_ws.channel.network import ACTIONS, Network, channel_of
from replay_ws.channel.outcome import Outcome
from replay_ws.channel.send import Verdict

__all__ = ["ACTIONS", "Network", "Outcome", "Verdict", "channel_of"]
