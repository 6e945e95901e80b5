"""One suite in which the plugins of others are at work, each on its own tests and all on ours.

``tools/dev.py test`` runs this in an environment that has them.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

import pytest

from tests.plugin.conftest import goldens

Project = Callable[..., pytest.Pytester]

NEIGHBOURS = (
    "looptime",
    "pytest_cov",
    "pytest_randomly",
    "pytest_recording",
    "pytest_rerunfailures",
    "syrupy",
    "xdist",
)
MISSING = [name for name in NEIGHBOURS if find_spec(name) is None]
pytestmark = pytest.mark.skipif(
    bool(MISSING), reason=f"needs {', '.join(MISSING)}: the check 'plugin beside others' has them"
)

INI = """
    [pytest]
    asyncio_mode = auto
    asyncio_default_fixture_loop_scope = function
"""

SUITE = """
    import random, time, uuid
    from pathlib import Path

    FAILS = Path(__file__).with_name("fails")

    @pytest.mark.replay_ws(golden="story")
    async def test_golden(mock_websocket_manager):
        await agent(mock_websocket_manager, "a", str(uuid.uuid4()), str(random.random()))

    @pytest.mark.replay_ws(seeds=4, modes=["packet_loss"])
    async def test_sweep(mock_websocket_manager, ws_run):
        await agent(mock_websocket_manager, *"abcdef")
        assert ws_run.now == 6

    @pytest.mark.replay_ws
    def test_snapshot(snapshot, mock_websocket_manager):
        asyncio.run(agent(mock_websocket_manager, "a", "b"))
        assert [each["event_type"] for each in mock_websocket_manager.messages] == snapshot

    @pytest.mark.vcr
    @pytest.mark.block_network
    @pytest.mark.replay_ws
    async def test_recording(mock_websocket_manager):
        await agent(mock_websocket_manager, "a")

    @pytest.mark.flaky(reruns=2)
    @pytest.mark.replay_ws(seed=3)
    async def test_flaky(mock_websocket_manager, ws_run):
        await agent(mock_websocket_manager, "a")
        tries = len(FAILS.read_text()) if FAILS.exists() else 0
        FAILS.write_text("x" * (tries + 1))
        assert (ws_run.now, ws_run.session.ledger.sent) == (1, 1)
        assert tries

    @pytest.mark.looptime
    async def test_looptime():
        await asyncio.sleep(600)
        assert asyncio.get_running_loop().time() == 600

    async def test_stock():
        before = time.monotonic()
        await asyncio.sleep(0.01)
        assert time.monotonic() - before >= 0.009

    def test_nothing():
        assert 1 + 1 == 2
"""


@pytest.mark.parametrize("workers", [(), ("-n2",)])
def test_all_work_together(project: Project, workers: tuple[str, ...]) -> None:
    suite = project(SUITE, ini=INI)
    create = ["--ws-update", "--snapshot-update", "--record-mode=none"]
    suite.runpytest_subprocess(*create).assert_outcomes(passed=11)
    assert goldens(suite) == ["story"]
    (suite.path / "fails").unlink()
    covered = ["--cov=.", "--cov-report=term", *workers]
    result = suite.runpytest_subprocess(*covered, "--randomly-seed=7")
    result.assert_outcomes(passed=11)
    result.stdout.fnmatch_lines(["*1 rerun*"])
    text = result.stdout.str()
    assert "test_it.py" in text
    assert "1 snapshot passed" in text
