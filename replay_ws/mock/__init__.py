"""The unified mock of a WebSocket manager, its scenarios and its metrics."""
