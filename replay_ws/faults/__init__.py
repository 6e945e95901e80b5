"""What can go wrong, as tables: configuration fields, modes, toxics, damaged payloads."""
