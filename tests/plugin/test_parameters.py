"""Seeds and modes as parameters, from markers and from the command line."""

from __future__ import annotations

import shlex
from collections.abc import Callable

import pytest

Project = Callable[..., pytest.Pytester]

NOTHING = """
    @pytest.mark.replay_ws({arguments})
    async def test_it():
        pass
"""

SWEEP = """
    @pytest.mark.replay_ws(seeds={seeds}, modes={modes})
    async def test_it(mock_websocket_manager, ws_run):
        print("RAN", ws_run.seed, ws_run.mode or "-")
"""


def ran(result: pytest.RunResult) -> list[str]:
    return [line.partition("RAN ")[2] for line in result.outlines if "RAN " in line]


@pytest.mark.parametrize(
    ("seeds", "numbers"),
    [
        ("3", [0, 1, 2]),
        ("'3'", [0, 1, 2]),
        ("'5..7'", [5, 6]),
        ("[9, 4]", [9, 4]),
        ("range(2)", [0, 1]),
    ],
)
def test_seeds_are_a_number_a_range_or_a_list(
    project: Project, seeds: str, numbers: list[int]
) -> None:
    suite = project(SWEEP.format(seeds=seeds, modes=None))
    assert ran(suite.runpytest("-s", "-q")) == [f"{number} -" for number in numbers]


def test_ids_name_seed_and_mode_so_that_they_can_be_selected(project: Project) -> None:
    suite = project(SWEEP.format(seeds=2, modes='["packet_loss", ["slow_network", "packet_loss"]]'))
    result = suite.runpytest("--collect-only", "-q")
    result.stdout.fnmatch_lines(
        [
            "test_it.py::test_it?seed=0-mode=packet_loss?",
            "test_it.py::test_it?seed=0-mode=slow_network+packet_loss?",
            "test_it.py::test_it?seed=1-mode=packet_loss?",
            "test_it.py::test_it?seed=1-mode=slow_network+packet_loss?",
        ]
    )
    one = suite.runpytest("-s", "-q", "test_it.py::test_it[seed=1-mode=packet_loss]")
    assert ran(one) == ["1 packet_loss"]
    assert len(ran(suite.runpytest("-s", "-q", "-k", "slow_network"))) == 2


def test_a_single_seed_and_mode_are_no_parameters(project: Project) -> None:
    suite = project(
        """
        @pytest.mark.replay_ws(seed=7, mode=["slow_network", "packet_loss"])
        async def test_it(mock_websocket_manager, ws_run):
            print("RAN", ws_run.seed, ws_run.mode)
            assert str(mock_websocket_manager.config.mode)
        """
    )
    result = suite.runpytest("-s", "-v")
    assert ran(result) == ["7 slow_network+packet_loss"]
    result.stdout.fnmatch_lines(["test_it.py::test_it *"])


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("--ws-seed=5", ["5 -"]),
        ("--ws-seeds=2", ["0 -", "1 -"]),
        ("--ws-seeds=8..10", ["8 -", "9 -"]),
        ("--ws-mode=packet_loss", ["3 packet_loss"]),
        ("--ws-mode=packet_loss --ws-mode=normal", ["3 packet_loss", "3 normal"]),
        ("--ws-mode=slow_network+packet_loss", ["3 slow_network+packet_loss"]),
    ],
)
def test_options_go_before_markers(project: Project, options: str, expected: list[str]) -> None:
    suite = project(
        """
        @pytest.mark.replay_ws(seed=3)
        async def test_it(mock_websocket_manager, ws_run):
            print("RAN", ws_run.seed, ws_run.mode or "-")
        """
    )
    assert ran(suite.runpytest("-s", "-q", *shlex.split(options))) == expected


@pytest.mark.parametrize(
    ("option", "told"),
    [("--ws-seed=17", "17 slow_network"), ("--ws-mode=packet_loss", "0 packet_loss")],
)
def test_one_seed_or_mode_of_the_command_line_stands_for_the_markers_and_is_in_no_name(
    project: Project, option: str, told: str
) -> None:
    suite = project(SWEEP.format(seeds=[0], modes=["slow_network"]))
    result = suite.runpytest("-s", "-q", "-rA", option)
    assert ran(result) == [told]
    name = option.removeprefix("--ws-")
    assert name not in result.stdout.str().partition("short test summary")[2]


RACE = """
    @pytest.mark.replay_ws(seeds=20, schedule="portfolio")
    async def test_race(mock_websocket_manager):
        async def announce():
            await mock_websocket_manager.send_to_thread("t", {"type": "tool_executing"})

        async def work():
            await asyncio.sleep(0)
            await mock_websocket_manager.send_to_thread("t", {"type": "tool_completed"})

        await asyncio.gather(announce(), work())
        types = [each["event_type"] for each in mock_websocket_manager.messages]
        assert types == ["tool_executing", "tool_completed"]
"""


def rerun_lines(result: pytest.RunResult) -> list[str]:
    return [line[8:] for line in result.outlines if line.startswith("rerun   ")]


def test_a_sweep_finds_a_planted_race_and_the_printed_line_brings_it_back(
    project: Project,
) -> None:
    suite = project(RACE)
    result = suite.runpytest()
    outcomes = result.parseoutcomes()
    assert 0 < outcomes["failed"] < outcomes["passed"]
    for line in rerun_lines(result):
        command, *arguments = shlex.split(line)
        assert command == "pytest"
        suite.runpytest(*arguments).assert_outcomes(failed=1)


def test_the_line_of_a_sweep_from_the_command_line_brings_it_back_too(project: Project) -> None:
    suite = project(RACE.replace("seeds=20, ", "").replace(', schedule="portfolio"', ""))
    suite.runpytest().assert_outcomes(passed=1)
    suite = project(RACE.replace('seeds=20, schedule="portfolio"', ""))
    result = suite.runpytest("--ws-seeds=20", "--ws-schedule=portfolio")
    lines = rerun_lines(result)
    assert len(lines) == result.parseoutcomes()["failed"] > 0
    for line in lines:
        suite.runpytest(*shlex.split(line)[1:]).assert_outcomes(failed=1)


def test_last_failed_runs_the_seeds_that_failed(project: Project) -> None:
    suite = project(RACE)
    failed = suite.runpytest().parseoutcomes()["failed"]
    again = suite.runpytest("--lf")
    again.assert_outcomes(failed=failed)


def test_workers_find_the_same_seeds(project: Project) -> None:
    suite = project(RACE)
    alone = {line for line in suite.runpytest().outlines if line.startswith("FAILED")}
    result = suite.runpytest_subprocess("-n2")
    assert {line for line in result.outlines if line.startswith("FAILED")} == alone


def test_a_parametrized_test_keeps_its_own_parameters(project: Project) -> None:
    suite = project(
        """
        @pytest.mark.parametrize("step", ["a", "b"])
        @pytest.mark.replay_ws(seeds=2)
        async def test_it(step, ws_run):
            print("RAN", step, ws_run.seed)
        """
    )
    assert sorted(ran(suite.runpytest("-s", "-q"))) == ["a 0", "a 1", "b 0", "b 1"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("golden='a', sedes=3", "*unknown argument of replay_ws 'sedes'; did you mean 'seed*"),
        ("seeds='a..b'", "*'a..b' is no range of seeds*"),
        ("seeds=0", "*0 seeds*"),
        ("seeds=[1.5]", "*1.5*"),
        ("seeds=object()", "*give a number*"),
        ("modes=['lossy']", "*lossy*"),
        ("modes='packet_loss'", "*give a list of modes; mode= is for one*"),
        ("modes=[]", "*give a list of modes*"),
    ],
)
def test_a_wrong_argument_is_told_when_tests_are_collected(
    project: Project, arguments: str, words: str
) -> None:
    suite = project(NOTHING.format(arguments=arguments))
    result = suite.runpytest()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([words])
    result.stdout.no_fnmatch_line("*Traceback*")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("mode='lossy'", "*lossy*"),
        ("schedule='chaos'", "*chaos*"),
        ("threads='many'", "*many*"),
        ("escapes='maybe'", "*maybe*"),
        ("seed=1.5", "*1.5*"),
        ("ignore='id'", "*'id'*"),
        ("ignore=['$.a', 'id']", "*'id'*"),
        ("volatile='id'", "*volatile is 'id'*"),
        ("volatile={'$.a': 'uid'}", "*'uid'*did you mean 'uuid'*"),
        ("plan='nowhere.toml'", "*nowhere.toml*"),
        ("config={'latency': 5}", "*latency*"),
        ("config=5", "*config*"),
        ("preempt='app.py'", "*preempt*"),
        ("profile=5", "*profile*"),
        ("profile='openai-realtim'", "*did you mean 'openai-realtime'*"),
    ],
)
def test_a_wrong_value_fails_the_test_and_says_what_is_right(
    project: Project, arguments: str, words: str
) -> None:
    suite = project(NOTHING.format(arguments=arguments))
    result = suite.runpytest()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([words, "*mend:*"])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_positional_arguments_are_refused(project: Project) -> None:
    suite = project(NOTHING.format(arguments="'refund'"))
    suite.runpytest().stdout.fnmatch_lines(["*has no positional arguments*", "*name them*"])


MARKING = """
    import pytest

    def pytest_collection_modifyitems(items):
        for item in items:
            item.add_marker(pytest.mark.replay_ws({}))
"""
LATE = """
    import time

    def test_it():
        began = time.time()
        asyncio.run(asyncio.sleep(3600))
        assert time.time() - began == 3600
"""


def test_a_test_may_be_marked_by_a_hook(project: Project) -> None:
    suite = project(LATE, conftest=MARKING.format("seed=3"))
    suite.runpytest().assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("argument", "option", "words"),
    [
        ("seeds=3", "-q", "seeds="),
        ("", "--ws-seeds=3", "--ws-seeds"),
        ("modes=['normal']", "-q", "modes="),
        ("", "--ws-mode=normal --ws-mode=packet_loss", "--ws-mode"),
    ],
)
def test_seeds_and_modes_of_a_marker_that_comes_late_are_refused(
    project: Project, argument: str, option: str, words: str
) -> None:
    result = project(LATE, conftest=MARKING.format(argument)).runpytest(*option.split())
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"*{words}* came too late*", "*mark it where it is defined*"])
