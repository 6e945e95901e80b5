"""What marker arguments, options and the project's settings do to a run."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Project = Callable[..., pytest.Pytester]


def test_a_mode_and_fields_reach_the_mocks_of_the_test(project: Project) -> None:
    suite = project(
        """
        @pytest.mark.replay_ws(mode="slow_network", config={"latency_ms": 70, "jitter_ms": 0})
        async def test_fields(mock_websocket_manager, ws_run):
            await mock_websocket_manager.send_to_thread("t", {"type": "a"})
            assert round(ws_run.now, 3) == 0.07

        @pytest.mark.replay_ws(config=rws.MockConfiguration(latency_ms=30))
        async def test_configuration(mock_websocket_factory, ws_run):
            await mock_websocket_factory().send_to_thread("t", {"type": "a"})
            assert ws_run.now == 0.03
        """
    )
    suite.runpytest().assert_outcomes(passed=2)


def test_a_plan_strikes_the_messages_that_it_names(project: Project) -> None:
    suite = project(
        """
        @pytest.mark.replay_ws(plan="outage.toml")
        async def test_it(mock_websocket_manager):
            await agent(mock_websocket_manager, "a", "b", "c")
            assert [m["event_type"] for m in mock_websocket_manager.messages] == ["a", "c"]
        """
    )
    (suite.path / "outage.toml").write_text(
        'exact = true\\n[[decision]]\\ntoxic = "loss"\\nconnection = "t"\\n'.replace("\\n", "\n")
        + 'direction = "downstream"\ntype = "b"\nindex = 0\n'
    )
    suite.runpytest().assert_outcomes(passed=1)


def test_threads_are_refused_or_managed(project: Project) -> None:
    suite = project(
        """
        import threading, time

        def work(order):
            def run(name):
                for _ in range(3):
                    order.append(name)
                    time.sleep(1)
            threads = [threading.Thread(target=run, args=(name,)) for name in "ab"]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

        @pytest.mark.replay_ws
        def test_refused():
            work([])

        @pytest.mark.replay_ws(threads="managed", seeds=3, schedule="random")
        def test_plain(ws_run):
            work([])
            assert ws_run.wait(asyncio.sleep(1, "done")) == "done"
            assert 4 <= ws_run.now < 5

        @pytest.mark.replay_ws(threads="managed")
        async def test_async(ws_run):
            await asyncio.to_thread(work, [])
            assert ws_run.now == 3
        """
    )
    result = suite.runpytest()
    result.assert_outcomes(passed=4, failed=1)
    result.stdout.fnmatch_lines(["*EscapeError*", '*mend: run with threads="managed"*'])


def test_escapes_are_errors_or_warnings_and_strictness_wins(project: Project) -> None:
    suite = project(
        """
        import os

        @pytest.mark.replay_ws(escapes="warn")
        async def test_it(mock_websocket_manager):
            await agent(mock_websocket_manager, "a")
            os.system("true")
        """,
        ini="[pytest]\nasyncio_default_fixture_loop_scope = function\n",
    )
    suite.runpytest_subprocess().assert_outcomes(passed=1, warnings=1)
    suite.runpytest_subprocess("--ws-strict-escapes").assert_outcomes(failed=1)


@pytest.mark.parametrize("schedule", ["fifo", "legal", "pos", "urw", "pct", "random", "portfolio"])
def test_every_policy_orders_a_test(project: Project, schedule: str) -> None:
    suite = project(
        """
        @pytest.mark.replay_ws(seeds=3)
        async def test_it(ws_run):
            order = []

            async def task(name):
                for _ in range(3):
                    order.append(name)
                    await asyncio.sleep(0)

            await asyncio.gather(task("a"), task("b"), task("c"))
            with open(f"{ws_run.schedule}-{ws_run.seed}.txt", "a") as file:
                file.write("".join(order) + chr(10))
        """
    )
    for _ in range(2):
        suite.runpytest(f"--ws-schedule={schedule}").assert_outcomes(passed=3)
    for path in suite.path.glob("*-*.txt"):
        first, second = path.read_text().split()
        assert first == second


SETTINGS = """
    @pytest.mark.replay_ws
    async def test_it(mock_websocket_manager, ws_run):
        await mock_websocket_manager.send_to_thread("t", {"type": "a", "iban": "DE1", "token": "x"})
        assert (ws_run.seed, ws_run.schedule) == (9, "random")
        payload = ws_run.session.delivered()[0].payload
        assert payload == {"type": "a", "iban": "<secret-1>", "token": "x"}
"""


def test_the_project_says_what_holds_for_every_test(project: Project) -> None:
    suite = project(SETTINGS)
    suite.makepyprojecttoml(
        """
        [tool.replay_ws]
        seed = 9
        schedule = "random"
        redact_keys = ["iban"]
        keep_keys = ["token"]
        """
    )
    suite.runpytest().assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("cassetes = 'x'", "*unknown key 'cassetes'; did you mean 'cassettes'*"),
        ("seed = 'x'", "*seed is 'x'; it must be a whole number*"),
        ("seed = true", "*seed is True; it must be a whole number*"),
        ("ignore = 'x'", "*it must be a list of strings*"),
        ("volatile = 'x'", "*it must be a table of strings*"),
        ("tolerance_ms = 'x'", "*it must be a number*"),
        ("profile = 1", "*it must be a string*"),
        ("seed = ", "*pyproject.toml*"),
    ],
)
def test_wrong_settings_are_told_with_the_file(project: Project, line: str, words: str) -> None:
    suite = project(SETTINGS)
    suite.makepyprojecttoml(f"[tool.replay_ws]\n{line}\n")
    result = suite.runpytest()
    assert result.ret != 0
    (result.stdout if "pyproject" in result.stdout.str() else result.stderr).fnmatch_lines([words])
    assert "Traceback" not in result.stdout.str()
