"""What the other parts talk about: events, the log of a session, decisions, the ledger."""
