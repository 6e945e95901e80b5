"""Whoever else would run a test: the marked one runs on virtual time, and theirs as ever."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.plugin.conftest import INI

Project = Callable[..., pytest.Pytester]

STRICT = f"{INI}    asyncio_mode = strict\n"
AUTO = f"{INI}    asyncio_mode = auto\n"
HOSTS = {
    "asyncio strict": (STRICT, ()),
    "asyncio auto": (AUTO, ()),
    "alone": ("[pytest]\nfilterwarnings = error\n", ("-p", "no:asyncio", "-p", "no:anyio")),
    "anyio": (
        "[pytest]\nfilterwarnings = error\nanyio_mode = auto\n",
        ("-p", "no:asyncio", "-p", "anyio"),
    ),
}
every_host = pytest.mark.parametrize("host", HOSTS)


def run(project: Project, host: str, source: str, *arguments: str) -> pytest.RunResult:
    ini, options = HOSTS[host]
    return project(source, ini=ini).runpytest_subprocess(
        "-W", "error::DeprecationWarning", *options, *arguments
    )


@every_host
def test_asynchronous_and_plain_tests_run_on_virtual_time(project: Project, host: str) -> None:
    result = run(
        project,
        host,
        """
        import time

        @pytest.mark.replay_ws
        async def test_async(mock_websocket_manager, ws_run):
            await agent(mock_websocket_manager, "a")
            await asyncio.sleep(3600)
            assert ws_run.now == 3601

        @pytest.mark.replay_ws
        def test_plain(mock_websocket_manager, ws_run):
            before = time.time()
            asyncio.run(agent(mock_websocket_manager, "a"))
            asyncio.run(asyncio.sleep(3600))
            ws_run.wait(agent(mock_websocket_manager, "b"))
            assert (ws_run.now, time.time() - before) == (3602, 3602)
        """,
    )
    result.assert_outcomes(passed=2)


@every_host
def test_a_class_and_its_methods_may_be_marked(project: Project, host: str) -> None:
    result = run(
        project,
        host,
        """
        @pytest.mark.replay_ws(seed=3)
        class TestRefund:
            @pytest.fixture
            async def ready(self, mock_websocket_manager):
                await agent(mock_websocket_manager, "a")
                return self

            async def test_one(self, ready, ws_run):
                assert ready is self
                assert (ws_run.seed, ws_run.now) == (3, 1)

            @pytest.mark.replay_ws(seed=4)
            def test_two(self, ready, ws_run):
                assert ws_run.seed == 4
        """,
    )
    result.assert_outcomes(passed=2)


FIXTURES = """
    import time

    {decorator}
    async def server(mock_websocket_manager):
        queue, seen = asyncio.Queue(), []

        async def pump():
            while True:
                seen.append(await queue.get())

        task = asyncio.create_task(pump())
        await asyncio.sleep(2)
        yield queue, seen
        await asyncio.sleep(2)
        assert seen == ["x"]
        await mock_websocket_manager.send_to_thread("t", {{"type": "after"}})
        task.cancel()
        with open("torn down", "w"):
            pass

    {decorator}
    async def number():
        await asyncio.sleep(1)
        return 7

    @pytest.mark.replay_ws
    async def test_it(server, number, ws_run, mock_websocket_manager):
        queue, seen = server
        queue.put_nowait("x")
        await asyncio.sleep(1)
        assert (seen, number, ws_run.now) == (["x"], 7, 4)

    @pytest.mark.replay_ws
    def test_plain(number, ws_run):
        assert (number, ws_run.now) == (7, 1)
"""


@pytest.mark.parametrize(
    ("host", "decorator"),
    [
        ("asyncio strict", "@pytest_asyncio.fixture"),
        ("asyncio strict", "@pytest.fixture"),
        ("asyncio auto", "@pytest.fixture"),
        ("alone", "@pytest.fixture"),
        ("anyio", "@pytest.fixture"),
    ],
)
def test_asynchronous_fixtures_share_the_loop_of_the_test(
    project: Project, host: str, decorator: str
) -> None:
    source = FIXTURES.format(decorator=decorator)
    if "asyncio." in decorator:
        source = "\n    import pytest_asyncio\n" + source
    result = run(project, host, source)
    result.assert_outcomes(passed=2)


def test_the_markers_of_others_may_stand_beside_ours(project: Project) -> None:
    result = run(
        project,
        "asyncio strict",
        """
        @pytest.mark.asyncio
        @pytest.mark.replay_ws
        async def test_both(ws_run):
            await asyncio.sleep(5)
            assert ws_run.now == 5

        @pytest.mark.anyio
        @pytest.mark.replay_ws
        async def test_anyio(ws_run):
            await asyncio.sleep(5)
            assert ws_run.now == 5
        """,
        "-p",
        "anyio",
    )
    result.assert_outcomes(passed=2)


@pytest.mark.parametrize("host", ["asyncio strict", "asyncio auto"])
def test_tests_without_the_marker_run_as_ever(project: Project, host: str) -> None:
    result = run(
        project,
        host,
        """
        import time

        @pytest.mark.asyncio
        async def test_stock(mock_websocket_manager):
            assert type(asyncio.get_running_loop()).__name__ != "VirtualLoop"
            assert time.time.__module__ == "time"
            assert await mock_websocket_manager.send_to_thread("t", {"type": "a"})

        @pytest.mark.replay_ws
        async def test_virtual():
            assert type(asyncio.get_running_loop()).__name__ == "VirtualLoop"

        @pytest.mark.asyncio
        async def test_stock_again():
            assert type(asyncio.get_running_loop()).__name__ != "VirtualLoop"
        """,
    )
    result.assert_outcomes(passed=3)


LOOPS = """
    import asyncio

    class Loop(asyncio.SelectorEventLoop):
        pass

    def pytest_asyncio_loop_factories(config, item):
        return {names}
"""


@pytest.mark.parametrize(
    ("names", "unmarked"),
    [('{"own": Loop}', 1), ('{"own": Loop, "stock": asyncio.new_event_loop}', 2)],
)
def test_the_loop_factories_of_a_project_keep_working(
    project: Project, names: str, unmarked: int
) -> None:
    ini, _ = HOSTS["asyncio auto"]
    suite = project(
        """
        async def test_theirs(request):
            name = type(asyncio.get_running_loop()).__name__
            assert name == "Loop" or "stock" in request.node.name

        @pytest.mark.replay_ws
        async def test_ours():
            assert type(asyncio.get_running_loop()).__name__ == "VirtualLoop"
        """,
        ini=ini,
        conftest=LOOPS.replace("{names}", names),
    )
    suite.runpytest_subprocess().assert_outcomes(passed=2 * unmarked)


def test_a_virtual_loop_is_a_loop_factory_like_any_other(project: Project) -> None:
    suite = project(
        """
        @pytest.mark.asyncio(loop_factories=["virtual"])
        async def test_it():
            await asyncio.sleep(3600)
        """,
        ini=STRICT,
        conftest="""
            import replay_ws as rws

            def pytest_asyncio_loop_factories(config, item):
                return {"virtual": rws.VirtualLoop}
        """,
    )
    suite.runpytest_subprocess().assert_outcomes(passed=1)


def test_hypothesis_calls_the_test_for_each_of_its_examples(project: Project) -> None:
    result = run(
        project,
        "asyncio auto",
        """
        from hypothesis import HealthCheck, given, settings, strategies as st

        few = settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))

        @pytest.mark.replay_ws
        @few
        @given(number=st.integers(0, 3))
        async def test_async(mock_websocket_manager, number):
            await mock_websocket_manager.send_to_thread("t", {"type": "x", "n": number})
            await asyncio.sleep(60)

        @pytest.mark.replay_ws
        @few
        @given(number=st.integers(0, 3))
        def test_plain(mock_websocket_manager, number):
            asyncio.run(agent(mock_websocket_manager, "x"))
        """,
    )
    result.assert_outcomes(passed=2)


def test_a_test_case_of_unittest_is_refused_with_the_reason(project: Project) -> None:
    result = project(
        """
        import unittest

        @pytest.mark.replay_ws
        class TestOld(unittest.TestCase):
            def test_it(self):
                pass
        """
    ).runpytest()
    result.stdout.fnmatch_lines(["*functions and methods, not unittest's test cases*"])
    result.assert_outcomes(errors=1)


def test_fixtures_of_a_wider_scope_belong_to_no_run(project: Project) -> None:
    result = run(
        project,
        "asyncio strict",
        """
        import time

        @pytest.fixture(scope="module")
        def began():
            return time.time()

        @pytest.fixture
        def now():
            return time.time()

        @pytest.mark.replay_ws
        def test_it(began, now):
            assert began != now == time.time()
        """,
    )
    result.assert_outcomes(passed=1)


def test_what_a_fixture_draws_comes_from_the_seed(project: Project) -> None:
    suite = project(
        """
        import random, uuid

        @pytest.fixture
        def order():
            return f"{uuid.uuid4()}-{random.random()}"

        @pytest.mark.replay_ws(golden="orders")
        def test_it(order, mock_websocket_manager):
            asyncio.run(agent(mock_websocket_manager, order, str(uuid.uuid4())))
        """
    )
    suite.runpytest_subprocess("--ws-update").assert_outcomes(passed=1)
    suite.runpytest_subprocess().assert_outcomes(passed=1)


@pytest.mark.parametrize("threads", ["refuse", "managed"])
def test_what_a_careless_decorator_made_of_an_asynchronous_test_runs(
    project: Project, threads: str
) -> None:
    suite = project(
        f"""
        import functools

        def careless(function):
            @functools.wraps(function)
            def call(*args, **arguments):
                return function(*args, **arguments)
            return call

        @pytest.mark.replay_ws(threads={threads!r})
        @careless
        async def test_it(mock_websocket_manager):
            await agent(mock_websocket_manager, "agent_started")
            assert False, "it ran"
        """
    )
    result = suite.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E*it ran*", "*1 message: 1 delivered*"])


def test_what_would_never_run_or_be_looked_at_is_told(project: Project) -> None:
    suite = project(
        """
        @pytest.mark.replay_ws
        async def test_yields():
            assert False
            yield

        @pytest.mark.replay_ws
        async def test_returns():
            return 1 == 2
        """
    )
    result = suite.runpytest()
    result.assert_outcomes(failed=1, errors=1)
    result.stdout.fnmatch_lines(["a test cannot yield*", "*PytestReturnNotNoneWarning*"])


def test_an_asynchronous_fixture_that_is_asked_for_too_late_is_told(project: Project) -> None:
    suite = project(
        """
        @pytest.fixture
        async def late():
            return 5

        @pytest.mark.replay_ws
        async def test_it(request):
            request.getfixturevalue("late")
        """
    )
    result = suite.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*late is asynchronous, and*", "*name the fixture among*"])
