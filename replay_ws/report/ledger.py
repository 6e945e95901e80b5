"""Where the messages of a session ended, as one line and as data."""

from __future__ import annotations

from typing import Any

from replay_ws.events.model import Ledger
from replay_ws.report.blocks import plural


def ledger_text(ledger: Ledger) -> str:
    """``17 messages: 14 delivered (2 twice), 3 lost (loss)``; what is zero is left out."""
    copies = f" ({ledger.duplicated} twice)" if ledger.duplicated else ""
    parts = [f"{ledger.delivered:,} delivered{copies}"]
    parts += [f"{count:,} {label}" for label, count in ledger.reasons.items()]
    parts += [f"{ledger.pending:,} pending"] * (ledger.pending > 0)
    return f"{plural(ledger.sent, 'message')}: {', '.join(parts)}"


def ledger_dict(ledger: Ledger) -> dict[str, Any]:
    """The ledger as plain data for JSON."""
    counts = "sent accepted delivered lost in_doubt pending rejected duplicated"
    return {name: getattr(ledger, name) for name in counts.split()} | {"reasons": ledger.reasons}
