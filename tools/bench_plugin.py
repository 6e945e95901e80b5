"""What the pytest plugin costs: a suite that does not use it, and a test that does."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from tools.figures import Figure, child_cpu_s

TESTS = 500
_UNMARKED = "def test_{n}():\n    assert {n} == {n}\n"
_MARKED = """
@pytest.mark.replay_ws
async def test_{n}(mock_websocket_manager):
    await mock_websocket_manager.send_to_thread("t", {{"type": "x"}})
"""
# Without the plugins of others: what they cost is not asked, and varies.
_PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:asyncio", "-p", "no:anyio")
_OTHERS = ("-p", "no:hypothesispytest", "-p", "no:xdist", "-p", "no:time_machine")


def plugin(quick: bool) -> Iterator[Figure]:
    """CPU time of whole runs of pytest, measured in turns."""
    rounds = 3 if quick else 9
    with tempfile.TemporaryDirectory() as folder:
        unmarked = _suite(Path(folder, "unmarked"), _UNMARKED, TESTS)
        marked = _suite(Path(folder, "marked"), _MARKED, TESTS)
        one = _suite(Path(folder, "one"), _MARKED, 1)
        for suite in (unmarked, marked, one):  # compiled once
            _cpu_ms(suite)
        more = tuple(_cpu_ms(unmarked) - _cpu_ms(unmarked, loaded=False) for _ in range(rounds))
        yield Figure(f"plugin beside {TESTS} tests that do not use it", more, "ms more", 20)
        each = tuple((_cpu_ms(marked) - _cpu_ms(one)) / (TESTS - 1) for _ in range(rounds))
        yield Figure("a trivial marked test", each, "ms", 5)


def _suite(folder: Path, test: str, count: int) -> Path:
    folder.mkdir()
    source = "import pytest\n\n" + "\n".join(test.format(n=n) for n in range(count))
    (folder / "test_it.py").write_text(source)
    (folder / "pytest.ini").write_text("[pytest]\n")
    return folder


def _cpu_ms(suite: Path, *, loaded: bool = True) -> float:
    without = () if loaded else ("-p", "no:replay_ws")
    return child_cpu_s(*_PYTEST, *_OTHERS, *without, str(suite)) * 1_000
