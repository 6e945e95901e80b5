"""The fixtures, in marked tests and in others."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.plugin.conftest import INI

Project = Callable[..., pytest.Pytester]

MOCKS = (
    "mock_websocket_manager",
    "async_mock_websocket_manager",
    "mock_websocket_compliance",
    "mock_websocket_performance",
    "mock_websocket_resilience",
    "mock_websocket_concurrency",
    "mock_websocket_with_connections",
    "legacy_mock_websocket_manager",
)


@pytest.mark.parametrize("mode", ["strict", "auto"])
@pytest.mark.parametrize("fixture", MOCKS)
def test_every_mock_takes_events_in_every_kind_of_test(
    project: Project, fixture: str, mode: str
) -> None:
    suite = project(
        f"""
        async def use(mock):
            assert await mock.send_to_thread("thread-1", {{"type": "agent_started", "data": {{}}}})
            await mock.settle()
            return [each["event_type"] for each in mock.get_events_for_thread("thread-1")]

        @pytest.mark.replay_ws
        async def test_marked({fixture}, ws_run):
            assert await use({fixture}) == ["agent_started"]
            assert ws_run.session.ledger.delivered == 1

        @pytest.mark.replay_ws
        def test_marked_plain({fixture}):
            assert asyncio.run(use({fixture})) == ["agent_started"]

        @pytest.mark.asyncio
        async def test_unmarked({fixture}):
            assert await use({fixture}) == ["agent_started"]

        def test_unmarked_plain({fixture}):
            assert asyncio.run(use({fixture})) == ["agent_started"]
        """,
        ini=f"{INI}    asyncio_mode = {mode}\n",
    )
    suite.runpytest("-W", "error::DeprecationWarning").assert_outcomes(passed=4)


def test_scenarios_are_what_their_names_say(project: Project) -> None:
    suite = project(
        """
        def test_it(
            mock_websocket_compliance,
            mock_websocket_performance,
            mock_websocket_resilience,
            mock_websocket_concurrency,
        ):
            assert mock_websocket_compliance.config.validate_message_format
            assert mock_websocket_performance.get_performance_metrics()
            assert mock_websocket_resilience.config.packet_loss_rate == 0.1
            assert str(mock_websocket_concurrency.config.mode) == "race_conditions"
        """
    )
    suite.runpytest().assert_outcomes(passed=1)


def test_the_factory_honours_what_it_is_given(project: Project) -> None:
    suite = project(
        """
        @pytest.mark.replay_ws(seed=5)
        async def test_it(mock_websocket_factory, ws_run):
            slow = mock_websocket_factory("slow_network", latency_ms=7, jitter_ms=0)
            plain = mock_websocket_factory()
            await slow.send_to_thread("t", {"type": "a"})
            assert ws_run.now == 0.007
            await slow.settle()
            await plain.send_to_thread("t", {"type": "a"})
            assert ws_run.session.ledger.delivered == 2

        def test_unknown(mock_websocket_factory):
            with pytest.raises(rws.ConfigError, match="basic"):
                mock_websocket_factory("basik")
        """
    )
    suite.runpytest().assert_outcomes(passed=2)


def test_three_users_are_connected(project: Project) -> None:
    suite = project(
        """
        def states(mock):
            return {thread: str(state) for thread, state in mock.connections.items()}

        EXPECTED = {f"thread-{n}": "connected" for n in (1, 2, 3)}

        def test_plain(mock_websocket_with_connections):
            assert states(mock_websocket_with_connections) == EXPECTED

        @pytest.mark.replay_ws
        async def test_marked(mock_websocket_with_connections):
            assert states(mock_websocket_with_connections) == EXPECTED
        """
    )
    suite.runpytest().assert_outcomes(passed=2)


def test_the_run_tells_its_seed_clock_and_schedule(project: Project) -> None:
    suite = project(
        """
        @pytest.mark.replay_ws(seed=7, mode="packet_loss", schedule="pos")
        async def test_it(ws_run, mock_websocket_manager):
            assert (ws_run.seed, ws_run.mode, ws_run.schedule) == (7, "packet_loss", "pos")
            before = ws_run.now
            await asyncio.sleep(5)
            assert ws_run.now - before >= 5
            await mock_websocket_manager.send_to_thread("t", {"type": "a"})
            assert [event.type for event in ws_run.session.events] == ["a"]

        def test_unmarked(ws_run):
            pass
        """
    )
    result = suite.runpytest()
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*this test has none*", "*mend: mark it: @pytest.mark.replay_ws*"])


def test_a_seed_from_the_command_line_reaches_mocks_of_unmarked_tests(project: Project) -> None:
    suite = project(
        """
        def test_it(mock_websocket_manager):
            assert mock_websocket_manager.session().seed == 12
        """
    )
    suite.runpytest("--ws-seed=12").assert_outcomes(passed=1)


CASSETTES = """
    async def story(mock):
        await agent(mock, "agent_started", "agent_completed")

    @pytest.mark.replay_ws
    async def test_check(mock_websocket_manager, ws_run, ws_cassette):
        await story(mock_websocket_manager)
        ws_cassette.check("story", ws_run.session)

    def test_by_hand(ws_cassette):
        golden = ws_cassette.load("story")
        assert ws_cassette.path("story").name == "story.rws"
        assert ws_cassette.replay("story").digest == golden.digest
        lossy = ws_cassette.replay("story", mode="packet_loss", seed=1)
        assert ws_cassette.compare("story", golden).same
        assert ws_cassette.compare("story", lossy).same == (lossy.ledger.lost == 0)
"""


def test_goldens_can_be_used_by_hand(project: Project) -> None:
    suite = project(CASSETTES)
    result = suite.runpytest()
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*there is no golden 'story'*"])
    suite.runpytest("--ws-update", "-k", "check").assert_outcomes(passed=1, deselected=1)
    result = suite.runpytest()
    result.assert_outcomes(passed=2)
    result.stdout.no_fnmatch_line("*goldens that no test names*")


ASSERTIONS = """
    @pytest.mark.replay_ws
    async def test_it(mock_websocket_manager, websocket_assertions):
        await agent(mock_websocket_manager, "agent_started", "agent_completed")
        websocket_assertions.assert_event_sent("t", "agent_started")
        websocket_assertions.assert_event_order("t", ["agent_started", "agent_completed"])
        websocket_assertions.assert_matches_golden("story")

    @pytest.mark.replay_ws
    async def test_the_mock_that_the_test_asks_for(
        mock_websocket_performance, websocket_assertions
    ):
        await agent(mock_websocket_performance, "x")
        websocket_assertions.assert_event_sent("t", "x")

    def test_alone(websocket_assertions, mock_websocket_factory):
        other = mock_websocket_factory()
        asyncio.run(agent(other, "y"))
        with pytest.raises(AssertionError):
            websocket_assertions.assert_event_sent("t", "y")
        websocket_assertions.for_mock(other).assert_event_sent("t", "y")
"""


def test_assertions_know_the_mock_of_the_test_and_the_goldens(project: Project) -> None:
    suite = project(ASSERTIONS)
    suite.runpytest("--ws-update").assert_outcomes(passed=3)
    suite.runpytest().assert_outcomes(passed=3)
    path = suite.path / "test_it.py"
    path.write_text(path.read_text().replace("sleep(1)", "sleep(2)"))
    result = suite.runpytest()
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*first divergence: timing*", "*rerun   pytest *"])


def test_races_of_the_concurrency_mock_are_found_and_a_quiet_mock_says_that_it_saw_nothing(
    project: Project,
) -> None:
    suite = project(
        """
        async def race(mock):
            async def send():
                if str(mock.get_connection_state("t")) == "connected":
                    await asyncio.sleep(0)
                    await mock.send_to_thread("t", {"type": "x"})

            await mock.connect_user("t")
            await asyncio.gather(send(), mock.disconnect_user("t"))

        @pytest.mark.replay_ws
        async def test_found(mock_websocket_concurrency, websocket_assertions):
            await race(mock_websocket_concurrency)
            with pytest.raises(AssertionError, match="connection"):
                websocket_assertions.assert_no_race_conditions()

        @pytest.mark.replay_ws
        async def test_fine(mock_websocket_concurrency, websocket_assertions):
            await agent(mock_websocket_concurrency, "a", "b")
            websocket_assertions.assert_no_race_conditions()

        @pytest.mark.replay_ws
        async def test_nothing_tracked(mock_websocket_manager, websocket_assertions):
            with pytest.raises(AssertionError, match="watch"):
                websocket_assertions.assert_no_race_conditions()
        """
    )
    suite.runpytest().assert_outcomes(passed=3)


def test_all_fixtures_are_listed_with_what_they_are(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function")
    result = pytester.runpytest("--fixtures")
    for name in (*MOCKS, "mock_websocket_factory", "websocket_assertions", "ws_run", "ws_cassette"):
        result.stdout.fnmatch_lines([f"{name} -- *", "    [A-Z]*"])
