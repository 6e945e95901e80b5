"""How two sessions differ: alignment, the divergence model, payload differences."""

from replay_ws.diff.comparison import compare
from replay_ws.diff.model import Category, Deliveries, Detail, Diff, Divergence
from replay_ws.diff.pairing import ORDERS

__all__ = ["ORDERS", "Category", "Deliveries", "Detail", "Diff", "Divergence", "compare"]
