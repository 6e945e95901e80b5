"""The codemod: hand-written WebSocket mocks of a test file give way to ours, where they can.

A class is replaced only when a trial shows that ours answers as it does; everything else stays as
it is, to the byte, with the reason. No code of the file runs but the mock class itself, cut off
from the rest (``sandbox``).

How a source goes through: ``finding`` picks the classes, ``surroundings`` collects what they lean
on, ``trial`` holds each against ours under the calls of ``scenario``, ``verdicts`` decides,
``rewriting`` writes it down, ``files`` does all of that on disk.
"""

from __future__ import annotations

from replay_ws.legacy.migration.model import Finding, Kind, Migrated
from replay_ws.legacy.migration.sources import migrate_legacy_mock_usage, migrate_source

__all__ = ["Finding", "Kind", "Migrated", "migrate_legacy_mock_usage", "migrate_source"]
