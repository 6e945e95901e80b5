"""Plans on the command line: printed from a cassette, and given to a replay or a recording."""

from __future__ import annotations

import pytest

from replay_ws import api
from replay_ws.faults.configuration import MockConfiguration
from replay_ws.faults.plans import parse_plan
from replay_ws.replayer import replay
from replay_ws.session import Session
from tests.helpers import sent, tokens
from tests.unit.cli.line import Line

LOSSY = MockConfiguration(mode=["packet_loss", "slow_network"], packet_loss_rate=0.3)
CUT = """\
[[fault]]
at = "0s"
for = "1s"
toxic = {type = "partition", kind = "hold", name = "cut", stream = "both"}
"""
PROGRAM = """
from replay_ws import MockWebSocketManager

async def story():
    mock = MockWebSocketManager()
    for number in range(20):
        await mock.send_to_thread("t", {"type": "token", "number": number})
"""


@pytest.fixture
def lossy() -> Session:
    return replay(sent(*tokens(20), seed=1).session, seed=3, config=LOSSY)


@pytest.fixture
def line(line: Line, lossy: Session) -> Line:
    """In a folder with a calm cassette and a lossy one."""
    api.save(sent(*tokens(20), seed=1).session, line.folder / "calm.rws")
    api.save(lossy, line.folder / "lossy.rws")
    return line


def write(line: Line, text: str, name: str = "plan.toml") -> None:
    (line.folder / name).write_text(text)


# --- plan ----------------------------------------------------------------------------------


def test_what_is_printed_is_the_plan_of_the_session(line: Line, lossy: Session) -> None:
    plan = parse_plan(line.said("plan", "lossy.rws"))
    assert plan.exact
    assert plan.decisions == lossy.plan
    assert {decision.toxic for decision in plan.decisions} == {"loss", "jitter"}


def test_json_says_the_same_as_the_words(line: Line, lossy: Session) -> None:
    found = line.data("plan", "lossy.rws")
    assert found["exact"] is True
    assert len(found["decision"]) == len(lossy.plan)
    assert found["decision"][0].keys() == {
        "toxic", "connection", "direction", "type", "index", "attempt", "amount",
    }  # fmt: skip


def test_a_session_comes_back_from_its_plan_bit_for_bit(line: Line, lossy: Session) -> None:
    told = line.said("plan", "lossy.rws", "-o", "plan.toml").splitlines()
    assert told == [
        f"wrote {len(lossy.plan)} decisions of lossy.rws to plan.toml",
        "next: replay-ws replay lossy.rws --plan plan.toml",
    ]
    first = line.said("replay", "lossy.rws", "--plan", "plan.toml").splitlines()[0]
    assert first == "lossy.rws under --plan plan.toml came back bit for bit"
    assert not line.err


def test_a_plan_that_exists_is_replaced_on_demand_only(line: Line) -> None:
    write(line, "mine")
    line.said("plan", "lossy.rws", "-o", "plan.toml", code=2)
    assert (line.folder / "plan.toml").read_text() == "mine"
    line.said("plan", "lossy.rws", "-o", "plan.toml", "--force")
    assert "exact = true" in (line.folder / "plan.toml").read_text()


# --- replay --plan -------------------------------------------------------------------------


def test_a_replay_keeps_what_was_recorded_where_the_plan_is_silent(line: Line) -> None:
    write(line, CUT)
    found = line.data("replay", "calm.rws", "--plan", "plan.toml", "-o", "cut.rws")
    assert found["options"] == ["--plan", "plan.toml"]
    cut = api.load(line.folder / "cut.rws")
    assert {event.time_ns for event in cut.delivered()} == {1_000_000_000}


def test_settings_win_over_the_plan_and_the_plan_over_the_recording(line: Line) -> None:
    write(line, "[config]\nlatency_ms = 7\njitter_ms = 3\n")
    words = ("--set", "latency_ms=5", "--plan", "plan.toml", "-o", "both.rws")
    line.said("replay", "lossy.rws", *words)
    config = MockConfiguration(**api.load(line.folder / "both.rws").log.channels[0].config)
    assert (config.latency_ms, config.jitter_ms, config.packet_loss_rate) == (5.0, 3.0, 0.3)


def test_modes_repeat_and_go_together_with_a_preset(line: Line) -> None:
    both = ("--mode", "packet_loss", "--mode", "race_conditions", "--preset", "wifi")
    found = line.data("replay", "calm.rws", *both, "--seed", "4", "-o", "both.rws")
    assert found["options"] == [*both, "--seed", "4"]
    config = MockConfiguration(**api.load(line.folder / "both.rws").log.channels[0].config)
    assert (config.mode, config.preset) == (("packet_loss", "race_conditions"), "wifi")
    assert (config.packet_loss_rate, config.latency_ms, config.race_rate) == (0.002, 40.0, 0.5)


def test_a_seed_in_a_plan_is_that_of_the_draws_unless_one_is_given(line: Line) -> None:
    write(line, "seed = 9\nmode = 'packet_loss'")
    assert line.data("replay", "calm.rws", "--plan", "plan.toml")["seed"] == 9
    assert line.data("replay", "calm.rws", "--plan", "plan.toml", "--seed", "2")["seed"] == 2


def test_a_decision_that_strikes_nothing_is_named(line: Line) -> None:
    decision = "[[decision]]\ntoxic = 'loss'\nconnection = 't1'\nindex = 7\ntype = 'token'\n"
    write(line, decision + decision.replace("7", "77"))
    assert line.data("replay", "calm.rws", "--plan", "plan.toml")["ledger"]["lost"] == 1
    assert line.err == "plan.toml:6: decision 2: it strikes nothing\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("falt = 3", "plan.toml:1: unknown key 'falt'; did you mean 'fault'?\n  mend: "),
        ("\n[[fault]]\nat = '-2s'", "plan.toml:3: fault 1: at is '-2s'\n  mend: "),
        (CUT.replace("stream", "connection = 'x', stream"),
         "plan.toml:4: fault 1: unknown connection 'x'"),
        ("[[decision]]\ntoxic = 'los'\nconnection = 't1'\nindex = 1",
         "plan.toml:2: decision 1: unknown toxic 'los'; did you mean 'loss'?\n  mend: "),
    ],
    ids=str,
)  # fmt: skip
def test_a_mistake_in_a_plan_is_trouble_and_named_by_its_place(
    line: Line, text: str, said: str
) -> None:
    write(line, text)
    line.said("replay", "calm.rws", "--plan", "plan.toml", code=2)
    assert line.err.startswith(f"error: {said}")


def test_a_plan_that_cannot_be_read_is_trouble(line: Line) -> None:
    line.said("replay", "calm.rws", "--plan", "none.toml", code=2)
    assert line.err.startswith("error: none.toml: this is no plan: ")
    line.said("replay", "calm.rws", "--plan", "calm.rws", code=2)
    assert line.err.startswith("error: calm.rws: this is no plan: ")


# --- record --plan -------------------------------------------------------------------------


def test_mocks_of_a_recorded_program_follow_the_plan(line: Line) -> None:
    write(line, PROGRAM, "program.py")
    write(line, "seed = 5\nmode = ['packet_loss', 'slow_network']\n" + CUT)
    words = ("record", "program.py:story", "--plan", "plan.toml", "--set", "latency_ms=1")
    found = line.data(*words, "-o", "told.rws")
    assert found["seed"] == 5
    config = MockConfiguration(**api.load(line.folder / "told.rws").log.channels[0].config)
    assert config.mode == ("packet_loss", "slow_network")
    assert (config.latency_ms, config.packet_loss_rate, len(config.faults)) == (1.0, 0.1, 1)


def test_a_program_runs_again_by_the_plan_of_its_recording(line: Line) -> None:
    write(line, PROGRAM, "program.py")
    lossy = ("--mode", "packet_loss", "--mode", "slow_network", "--set", "packet_loss_rate=0.5")
    line.said("record", "program.py:story", *lossy, "--seed", "3", "-o", "one.rws")
    line.said("plan", "one.rws", "-o", "plan.toml")
    words = ("record", "program.py:story", *lossy, "--plan", "plan.toml", "-o", "two.rws")
    line.said(*words, "--seed", "3")
    one, two = (api.load(line.folder / name) for name in ("one.rws", "two.rws"))
    assert one.plan.decisions
    assert one.digest == two.digest
