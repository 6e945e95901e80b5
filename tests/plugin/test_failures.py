"""A test that fails: what is said of it, what is kept of it, and how it comes back."""

from __future__ import annotations

import json
import shlex
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable

import pytest

import replay_ws as rws

Project = Callable[..., pytest.Pytester]

LOSSY = """
    @pytest.mark.replay_ws(mode="packet_loss", config={"packet_loss_rate": 0.5}, seed=3)
    async def test_refund(mock_websocket_manager):
        await agent(mock_websocket_manager, "a", "b", "c", "d", "e", "f")
        assert len(mock_websocket_manager.messages) == 6
"""


def kept(pytester: pytest.Pytester) -> list[str]:
    folder = pytester.path / ".replay_ws"
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_the_session_is_kept_with_the_failure_and_the_line_that_repeats_it(
    project: Project,
) -> None:
    suite = project(LOSSY)
    result = suite.runpytest()
    result.stdout.fnmatch_lines(
        [
            "*AssertionError*",
            "*replay_ws*",
            "seed 3, mode packet_loss, schedule fifo: 6 messages: * delivered, * lost (loss)",
            "see     replay-ws cat .replay_ws/failed/test_it.py_test_refund-*/session.rws",
            "again   pytest 'test_it.py::test_refund' --ws-repro=*session.rws",
            "rerun   pytest test_it.py::test_refund",
        ]
    )
    names = [name.rpartition("/")[2] for name in kept(suite)]
    assert names == [".gitignore", "failure.txt", "rerun.txt", "session.rws"]
    (path,) = suite.path.rglob("session.rws")
    session = rws.load(path)
    assert (session.seed, session.end["status"]) == (3, "error")
    assert (path.parent / "rerun.txt").read_text() == "pytest test_it.py::test_refund\n"
    assert (suite.path / ".replay_ws" / ".gitignore").read_text() == "*\n"


def test_secrets_stay_out_of_what_is_kept(project: Project) -> None:
    suite = project(
        """
        @pytest.mark.replay_ws
        async def test_refund(mock_websocket_manager):
            key = "sk-live-51H8xTqP0vLmN2aB"
            await mock_websocket_manager.send_to_thread("t", {"type": "a", "api_key": key})
            raise ValueError(f"refused {key}")
        """
    )
    suite.runpytest("--ws-report=.replay_ws/report.json")
    assert len(kept(suite)) == 5
    for name in kept(suite):
        assert b"51H8xTqP0vLmN2aB" not in (suite.path / ".replay_ws" / name).read_bytes(), name


def test_what_was_kept_goes_when_the_test_passes(project: Project) -> None:
    suite = project(LOSSY)
    suite.runpytest()
    path = suite.path / "test_it.py"
    path.write_text(path.read_text().replace("== 6", "<= 6"))
    suite.runpytest().assert_outcomes(passed=1)
    assert kept(suite) == [".gitignore"]


def test_a_kept_session_repeats_faults_and_order_under_any_seed(project: Project) -> None:
    suite = project(LOSSY)
    suite.runpytest()
    (path,) = suite.path.rglob("session.rws")
    lost = [d.key for d in rws.load(path).plan]
    assert lost
    kept_elsewhere = path.rename(suite.path / "kept.rws")
    test = suite.path / "test_it.py"
    test.write_text(test.read_text().replace("seed=3", "seed=99"))
    suite.runpytest(f"--ws-repro={kept_elsewhere}").assert_outcomes(failed=1)
    (path,) = (suite.path / ".replay_ws").rglob("session.rws")
    assert [d.key for d in rws.load(path).plan] == lost


def test_a_race_comes_back_from_its_kept_session(project: Project) -> None:
    suite = project(
        """
        @pytest.mark.replay_ws(seeds=20, schedule="random")
        async def test_race(mock_websocket_manager):
            async def send(step):
                await asyncio.sleep(0)
                await mock_websocket_manager.send_to_thread("t", {"type": step})

            await asyncio.gather(send("a"), send("b"))
            assert mock_websocket_manager.messages[0]["event_type"] == "a"
        """
    )
    suite.runpytest()
    for path in list((suite.path / ".replay_ws").rglob("session.rws")):
        kept_elsewhere = path.rename(suite.path / "kept.rws")
        result = suite.runpytest(f"--ws-repro={kept_elsewhere}", "test_it.py::test_race[seed=0]")
        result.assert_outcomes(failed=1)


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "*nowhere*"), ("nonsense = [", "*nowhere*"), ("[[decision]]\n", "*nowhere*")],
)
@pytest.mark.parametrize("name", ["nowhere.toml", "nowhere.rws"])
def test_a_repro_that_is_none_fails_and_says_so(
    project: Project, name: str, content: str | None, words: str
) -> None:
    suite = project(LOSSY)
    if content is not None:
        (suite.path / name).write_text(content)
    result = suite.runpytest(f"--ws-repro={name}")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([words, "*mend:*"])
    result.stdout.no_fnmatch_line("*another exception*")


def test_a_failure_before_anything_was_sent_keeps_nothing(project: Project) -> None:
    suite = project(
        """
        @pytest.mark.replay_ws(seed=4)
        async def test_it():
            assert False
        """
    )
    suite.runpytest().stdout.fnmatch_lines(["seed 4, *", "rerun   pytest test_it.py::test_it"])
    assert [name for name in kept(suite) if "session" in name] == []


def test_a_failure_of_the_tear_down_is_told_as_one(project: Project) -> None:
    suite = project(
        """
        @pytest.fixture
        async def broken(mock_websocket_manager):
            yield
            raise ValueError("torn")

        @pytest.mark.replay_ws
        async def test_it(broken, mock_websocket_manager):
            await agent(mock_websocket_manager, "a")
        """
    )
    result = suite.runpytest()
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*ValueError: torn*", "rerun   pytest test_it.py::test_it"])


def test_a_deadlock_is_told_with_who_waits_where(project: Project) -> None:
    suite = project(
        """
        @pytest.mark.replay_ws
        async def test_it():
            await asyncio.Event().wait()
        """
    )
    result = suite.runpytest()
    result.stdout.fnmatch_lines(["deadlock at 0: *", "*(test_it) at *test_it.py:*", "rerun *"])
    result.stdout.no_fnmatch_line("*loop.py*")


VERIFIED = """
    CALLS = []

    class Thing:
        pass

    @pytest.mark.replay_ws
    async def test_steady(mock_websocket_manager):
        await agent(mock_websocket_manager, "a")

    @pytest.mark.replay_ws
    async def test_state(mock_websocket_manager):
        CALLS.append(1)
        await agent(mock_websocket_manager, f"call {len(CALLS)}")

    @pytest.mark.replay_ws
    async def test_addresses(mock_websocket_manager):
        things = {Thing(): number for number in range(50)}
        await agent(mock_websocket_manager, *(str(things[thing]) for thing in set(things)))

    def test_unmarked():
        CALLS.append("unmarked")
        assert CALLS.count("unmarked") == 1
"""


def test_verify_names_tests_that_do_not_repeat_themselves(project: Project) -> None:
    suite = project(VERIFIED)
    suite.runpytest_subprocess().assert_outcomes(passed=4)
    result = suite.runpytest_subprocess("--ws-verify")
    result.assert_outcomes(passed=2, failed=2)
    result.stdout.fnmatch_lines(
        [
            "test_it.py::test_state: two runs of this test, with one seed*differ",
            "  first   changed #0 t < call 1*" if False else "  first   * #0 t < *",
            "  rerun   pytest test_it.py::test_state --ws-verify",
            "*mend:*",
        ]
    )


def test_the_report_tells_of_every_marked_test(project: Project) -> None:
    suite = project(
        LOSSY
        + """
    @pytest.mark.replay_ws(golden="fine", seeds=2)
    async def test_fine(mock_websocket_manager):
        await agent(mock_websocket_manager, "a")

    @pytest.mark.replay_ws
    async def test_skipped():
        pytest.skip("not today")

    def test_unmarked():
        pass
    """
    )
    for workers in ([], ["-n2"]):
        suite.runpytest_subprocess("--ws-report=out/report.json", "--ws-update", *workers)
        report = json.loads((suite.path / "out" / "report.json").read_text())
        told = {test["nodeid"].partition("::")[2]: test for test in report["tests"]}
        assert {name: test["outcome"] for name, test in told.items()} == {
            "test_refund": "failed",
            "test_fine[seed=0]": "passed",
            "test_fine[seed=1]": "passed",
            "test_skipped": "skipped",
        }
        fine, refund = told["test_fine[seed=1]"], told["test_refund"]
        assert (fine["seed"], fine["events"], fine["virtual_ms"]) == (1, 1, 1000)
        assert fine["goldens"] == ["fine"]
        assert (refund["mode"], refund["first"]) == (
            "packet_loss",
            refund["first"],
        )
        assert refund["first"].startswith("AssertionError")
        assert rws.load(suite.path / refund["kept"]).digest == refund["digest"]
        assert len(fine["digest"]) == 64


def test_a_workflow_shows_the_first_divergence_beside_the_code(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = project(LOSSY)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    result = suite.runpytest()
    result.stdout.fnmatch_lines(
        ["::error file=test_it.py,line=*,title=test_refund::AssertionError*%0Apytest *test_refund"]
    )
    monkeypatch.setenv("GITHUB_ACTIONS", "false")
    suite.runpytest().stdout.no_fnmatch_line("::error*")


def test_junit_has_the_failure_in_its_words(project: Project) -> None:
    suite = project(
        """
        @pytest.mark.replay_ws(golden="refund")
        async def test_refund(mock_websocket_manager):
            await agent(mock_websocket_manager, "a")
        """
    )
    suite.runpytest("--ws-update")
    path = suite.path / "test_it.py"
    path.write_text(path.read_text().replace('"a")', '"b")'))
    suite.runpytest("--junitxml=junit.xml")
    failure = ElementTree.parse(suite.path / "junit.xml").find(".//failure")
    assert failure is not None
    assert "first divergence" in (failure.text or "")


def test_the_printed_line_works_from_another_folder(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = project(LOSSY)
    below = suite.path / "below"
    below.mkdir()
    monkeypatch.chdir(below)
    result = suite.runpytest("..")
    (line,) = [line for line in result.outlines if line.startswith("rerun ")]
    suite.runpytest(*shlex.split(line)[2:]).assert_outcomes(failed=1)


def test_our_own_frames_stay_out_of_a_traceback(project: Project) -> None:
    suite = project(
        """
        import os

        @pytest.mark.replay_ws
        async def test_it():
            os.system("true")
        """
    )
    result = suite.runpytest()
    result.stdout.fnmatch_lines(["*os.system()*reaches for a real process*"])
    result.stdout.no_fnmatch_line("*boundary.py*")


@pytest.mark.parametrize("place", ["/dev/null/report.json", "."])
def test_a_report_that_cannot_be_written_fails_the_run_in_words(
    project: Project, place: str
) -> None:
    result = project(LOSSY).runpytest(f"--ws-report={place}", "--ws-seed=1")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([f"not written: {place}: *"])
    result.stdout.no_fnmatch_line("*INTERNALERROR*")


def test_verify_sees_that_a_run_ended_otherwise(project: Project) -> None:
    suite = project(
        """
        runs = []

        @pytest.fixture
        def begun():
            runs.append("set-up")
            assert len(runs) > 1

        @pytest.mark.replay_ws
        def test_set_up(begun):
            pass

        @pytest.mark.replay_ws
        def test_body():
            runs.append("body")
            assert runs.count("body") > 1
        """
    )
    result = suite.runpytest("--ws-verify")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        [
            "*the set-up of the run before: failed",
            "*the run before ended error*, this one ok after 0",
        ]
    )


@pytest.mark.skipif(not hasattr(pytest, "Subtests"), reason="pytest has no subtests yet")
def test_a_failed_subtest_does_not_end_the_session(project: Project) -> None:
    suite = project(
        """
        @pytest.mark.replay_ws
        async def test_it(subtests, mock_websocket_manager, ws_run):
            for number in range(3):
                with subtests.test(number=number):
                    await agent(mock_websocket_manager, "agent_started")
                    assert number
            assert ws_run.session.ledger.sent == 3
        """
    )
    result = suite.runpytest()
    result.stdout.fnmatch_lines(["*1 message: 1 delivered", "contains 1 failed subtest"])
    (kept,) = (suite.path / ".replay_ws" / "failed").rglob("session.rws")
    assert rws.load(kept).ledger.sent == 1


def test_nothing_of_a_test_is_held_after_it(project: Project) -> None:
    suite = project(
        """
        import gc
        from replay_ws.session import Session

        @pytest.mark.replay_ws(seeds=10)
        async def test_it(mock_websocket_manager):
            await agent(mock_websocket_manager, "agent_started")

        def test_held():
            gc.collect()
            assert not [each for each in gc.get_objects() if type(each) is Session]
        """
    )
    suite.runpytest_subprocess().assert_outcomes(passed=11)
