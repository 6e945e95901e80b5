"""What can go wrong, as tables: configuration fields, behaviour modes, toxics, malformed payloads."""
