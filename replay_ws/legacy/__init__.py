"""Tests that were written for mocks of their own: classes with the members of these, and a codemod.

``LegacyMockWebSocketManager``, ``LegacyMockWebSocketBridge`` and ``LegacyMockWebSocket`` stand on
the one mock that there is; ``migration`` puts them in the place of hand-written classes.
"""

from __future__ import annotations

from replay_ws.legacy.bridge import LegacyMockWebSocketBridge as LegacyMockWebSocketBridge
from replay_ws.legacy.manager import LegacyMockWebSocketManager as LegacyMockWebSocketManager
from replay_ws.legacy.socket import LegacyMockWebSocket as LegacyMockWebSocket
