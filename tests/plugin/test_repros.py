"""A folder of repros is a folder of regression tests."""

from __future__ import annotations

import sys

import pytest

PROGRAM = """
    import replay_ws as rws

    async def main():
        mock = rws.MockWebSocketManager()
        for number in range(5):
            await mock.send_to_thread("thread-1", {"type": "token", "n": number})
        seen = {event.payload["n"] for event in mock.session().delivered()}
        assert 2 in seen, "no third token"
"""
SETTINGS = """
    [tool.replay_ws]
    repros = "repros"

    [tool.pytest.ini_options]
    asyncio_default_fixture_loop_scope = "function"
"""


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makepyprojecttoml(SETTINGS)
    pytester.makepyfile(flaky_app=PROGRAM)
    pytester.mkdir("repros")
    hunted = ("hunt", "flaky_app.py:main", "--mode", "packet_loss", "--engine", "here")
    words = ("-m", "replay_ws", *hunted, "-o", "repros/third.rws", "--seeds", "0..60")
    found = pytester.run(sys.executable, *words)
    assert found.ret == 1
    return pytester


def test_a_repro_fails_until_it_is_fixed(suite: pytest.Pytester) -> None:
    failed = suite.runpytest("-p", "no:anyio")
    failed.assert_outcomes(failed=1)
    failed.stdout.fnmatch_lines(
        ["flaky_app.py:main: it still fails", "  *: no third token in main"]
    )
    source = suite.path / "flaky_app.py"
    source.write_text(source.read_text().replace("2 in seen", "0 in seen or 1 in seen"))
    suite.runpytest("-p", "no:anyio").assert_outcomes(passed=1)


def test_a_repro_that_finds_nothing_to_strike_is_no_test_any_more(suite: pytest.Pytester) -> None:
    source = suite.path / "flaky_app.py"
    source.write_text(source.read_text().replace('"token"', '"chunk"'))
    stale = suite.runpytest("-p", "no:anyio")
    stale.assert_outcomes(failed=1)
    stale.stdout.fnmatch_lines(
        ["*not all that made it fail happened*", "*finds nothing to strike*"]
    )


def test_a_damaged_repro_says_what_is_wrong(suite: pytest.Pytester) -> None:
    file = suite.path / "repros" / "third.rws"
    file.write_bytes(file.read_bytes()[:-30])
    damaged = suite.runpytest("-p", "no:anyio")
    damaged.assert_outcomes(failed=1)
    damaged.stdout.fnmatch_lines(["*third.rws*"])


def test_cassettes_elsewhere_are_no_tests(suite: pytest.Pytester) -> None:
    (suite.path / "repros" / "third.rws").rename(suite.path / "third.rws")
    suite.runpytest("-p", "no:anyio").assert_outcomes()
