"""Plan files: what they say, and how a mistake in one is named."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay_ws.errors import ConfigError
from replay_ws.events.log import Direction, Header, Log
from replay_ws.events.model import Decision, Plan
from replay_ws.faults.chance import Dice, Forced, Script
from replay_ws.faults.configuration import MockConfiguration
from replay_ws.faults.plans import FaultPlan, parse_plan, plan_from
from replay_ws.faults.timeline import Fault
from replay_ws.faults.toxics import Toxic

WHOLE = """\
# a bad day
mode = ["slow_network", "packet_loss"]
preset = "3g"
seed = 7
heal = false
exact = true

[config]
packet_loss_rate = 0.25

[[fault]]
at = "2s"
for = "3s"
toxic = {type = "partition", kind = "hold", connection = "thread-1", name = "cut"}

[[fault]]
on = {event = "tool_executing", nth = 2}
[fault.toxic]
type = "reset_peer"
connection = "thread-*"

[[fault]]
at = "9s"
heal = "all"

[[decision]]
toxic = "loss"
connection = "thread-1"
direction = "upstream"
type = "token"
index = 3
attempt = 1
amount = 2
"""
LOSS = Decision("loss", "thread-1", Direction.DOWNSTREAM, "token", 3, 0, 1)


def refused(text: str) -> str:
    """How a text is refused: one line, and how to mend it."""
    with pytest.raises(ConfigError) as caught:
        parse_plan(text, where="plan.toml")
    assert caught.value.mend
    return str(caught.value).partition("\n")[0]


# --- what a file says ----------------------------------------------------------------------


def test_a_file_is_a_configuration_and_decisions() -> None:
    plan = parse_plan(WHOLE)
    assert plan == FaultPlan(
        config=MockConfiguration(
            mode=("slow_network", "packet_loss"),
            preset="3g",
            packet_loss_rate=0.25,
            heal_at_end=False,
            faults=(
                Fault(
                    at_ns=2_000_000_000,
                    for_ns=3_000_000_000,
                    toxic=Toxic("partition", kind="hold", connection="thread-1", name="cut"),
                ),
                Fault(
                    event="tool_executing",
                    nth=(2,),
                    toxic=Toxic("reset_peer", connection="thread-*"),
                ),
                Fault(at_ns=9_000_000_000, heal="all"),
            ),
        ),
        decisions=Plan((Decision("loss", "thread-1", Direction.UPSTREAM, "token", 3, 1, 2),)),
        exact=True,
        seed=7,
    )


def test_an_empty_file_changes_nothing() -> None:
    plan = parse_plan("")
    assert plan == FaultPlan() == plan_from(None)
    slow = MockConfiguration(mode="slow_network", latency_ms=3)
    assert plan.applied(slow) == plan.amended(slow) == slow


def test_what_a_decision_does_not_say_is_the_usual() -> None:
    text = '[[decision]]\ntoxic = "loss"\nconnection = "thread-1"\ntype = "token"\nindex = 3'
    plan = parse_plan(text)
    assert plan.decisions == Plan((LOSS,))
    assert not plan.exact


def test_a_mode_may_stand_alone_and_entries_may_be_inline() -> None:
    text = 'mode = "packet_loss"\nfault = [{at = 5, toxic = {type = "drain"}}]'
    assert parse_plan(text).config == MockConfiguration(
        mode="packet_loss", faults=(Fault(at_ns=5_000_000, toxic=Toxic("drain")),)
    )


# --- what becomes of a configuration -------------------------------------------------------


def test_what_the_caller_gave_wins_over_the_plan() -> None:
    plan = parse_plan('mode = "packet_loss"\n[config]\nlatency_ms = 7\njitter_ms = 7')
    config = plan.applied(MockConfiguration(latency_ms=1, packet_loss_rate=0))
    assert (config.mode, config.latency_ms, config.jitter_ms) == ("packet_loss", 1.0, 7.0)
    assert config.packet_loss_rate == 0.0
    assert plan.applied(MockConfiguration(mode="normal")).mode == "normal"


def test_fields_amend_what_was_recorded_and_a_mode_or_preset_replaces_it() -> None:
    recorded = MockConfiguration(mode="packet_loss", latency_ms=9)
    amended = parse_plan("[config]\njitter_ms = 7").amended(recorded)
    assert (amended.mode, amended.latency_ms, amended.jitter_ms) == ("packet_loss", 9.0, 7.0)
    assert parse_plan('preset = "3g"').amended(recorded) == MockConfiguration(preset="3g")
    assert parse_plan('mode = "normal"').amended(recorded) == MockConfiguration(mode="normal")


def test_decisions_strike_beside_chance_unless_the_plan_is_exact() -> None:
    dice = Dice(1, {}, Log(Header()))
    assert FaultPlan().chance(dice) is dice
    assert isinstance(FaultPlan(decisions=Plan((LOSS,))).chance(dice), Forced)
    assert isinstance(FaultPlan(exact=True).chance(dice), Script)


def test_decisions_alone_are_an_exact_plan() -> None:
    assert plan_from(Plan((LOSS,))) == FaultPlan(decisions=Plan((LOSS,)), exact=True)
    fault_plan = FaultPlan(seed=3)
    assert plan_from(fault_plan) is fault_plan


def test_a_connection_that_there_is_not_is_named_with_its_entry() -> None:
    plan = parse_plan(WHOLE, where="plan.toml")
    plan.require_connections(["thread-1", "x"])
    with pytest.raises(ConfigError) as caught:
        plan.require_connections(["thread-2"])
    assert str(caught.value).startswith(
        "plan.toml:14: fault 1: unknown connection 'thread-1'; did you mean 'thread-2'?"
    )
    with pytest.raises(ConfigError, match="decision 1: unknown connection 'thread-1'"):
        FaultPlan(decisions=Plan((LOSS,))).require_connections([])


def test_the_path_of_a_task_is_no_connection() -> None:
    hold = Decision("hold", "main/2", Direction.DOWNSTREAM, "", 3, 0, 1)
    FaultPlan(decisions=Plan((hold,))).require_connections([])


# --- mistakes ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\n\nmode = ", "plan.toml:3: Invalid value"),
        ("seed = 1\nmode == 3\n\n", "plan.toml:2:7: Invalid value"),
        ("a = 1\na = 2", "plan.toml:2: Cannot overwrite a value"),
        ("mode = 'normal'\nfalt = 3", "plan.toml:2: unknown key 'falt'; did you mean 'fault'?"),
        ("\nmode = 'packetloss'", "plan.toml:2: unknown mode 'packetloss'; did you mean 'packet_"),
        ("seed = 1\nmode = ['normal', 3]", "plan.toml:2: unknown mode 3"),
        ("mode = []", "plan.toml:1: unknown mode []"),
        ("seed = 1\npreset = '4g'", "plan.toml:2: unknown preset '4g'"),
        ("\nseed = 'x'", "plan.toml:2: seed is 'x'"),
        ("\nexact = 1", "plan.toml:2: exact is 1"),
        ("heal = 'all'", "plan.toml:1: heal is 'all'"),
        ("\nconfig = 3", "plan.toml:2: config is 3"),
        ("\nfault = 3", "plan.toml:2: fault is 3"),
        ("\n[fault]\nat = 1", "plan.toml:2: fault is {'at': 1}"),
        ("[config]\nx = 1\nlatency_ms = -5", "plan.toml:2: unknown configuration field 'x'"),
        ("[config]\njitter_ms = 1\nlatency_ms = -5", "plan.toml:3: latency_ms is -5"),
        ("[config]\n\nseed = 1", "plan.toml:3: seed stands in [config]"),
        ("[config]\nmode = 'normal'", "plan.toml:2: mode stands in [config]"),
        ("[config]\njitter_ms = 1\ntoxics = [{type = 'loss', rate = 2}]",
         "plan.toml:3: toxics[0]: toxic loss: rate is 2"),
        ("mode = 'packet_loss'\n[[config.toxics]]\ntype = 'loss'",
         "plan.toml:2: toxics[0]: a toxic named 'loss' is there already (a mode or a field"),
        ("[config]\nmax_retries = 1\ntimeout_ms_min = 7\ntimeout_ms_max = 3",
         "plan.toml:4: timeout_ms_min is 7, above timeout_ms_max 3"),
        ("fault = [\n3]", "plan.toml:1: fault 1: 3 is no fault"),
        ("decision = [\n3]", "plan.toml:1: decision 1: 3 is no decision"),
    ],
    ids=str,
)  # fmt: skip
def test_a_mistake_is_named_by_line_and_key(text: str, said: str) -> None:
    assert refused(text).startswith(said)


@given(st.integers(0, len(WHOLE)), st.integers(0, 9), st.text("[]{}=.,#'\"\n-x1", max_size=3))
def test_a_spoilt_text_is_a_plan_or_refused_with_a_place(at: int, size: int, new: str) -> None:
    refusals = []
    try:
        parse_plan(WHOLE[:at] + new + WHOLE[at + size :], where="plan.toml")
    except ConfigError as error:
        refusals.append(error)
    assert all(e.where.startswith("plan.toml:") and e.mend for e in refusals)


def test_a_text_that_is_no_toml_at_all_is_refused() -> None:
    assert refused("x = " + "[" * 100_000).startswith("plan.toml: ")
    assert refused("x = " + "9" * 5_000).startswith("plan.toml: ")
    assert refused("a").startswith("plan.toml:1: Expected '='")


FAULTS = """\
[[fault]]
at = "1s"
for = "1s"
toxic = {type = "loss"}

[[fault]]
# FIRST
# SECOND
"""


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ("at = '2s'", "toxic = {type = 'latency', latency = -5}",
         "8: fault 2: toxic latency: latency is -5"),
        ("at = '-2s'", "toxic = {type = 'drain'}", "7: fault 2: at is '-2s'"),
        ("toxic = {type = 'drain'}", "at = '-2s'", "8: fault 2: at is '-2s'"),
        ("toxic = {type = 'drain'}", "on.nth = 0", "8: fault 2: on.nth is 0"),
        ("on = {where = {a = []}}", "toxic = {type = 'drain'}", "7: fault 2: on.where is"),
        ("toxic = {type = 'drain'}", "heal = 'all'", "8: fault 2: a fault needs either toxic"),
        ("toxic = {type = 'drain'}", "", "6: fault 2: it does not say when"),
        ("at = '2s'", "every = '3s'", "6: fault 2: a fault needs either toxic or heal"),
        ("fro = '2s'", "at = '3s'", "7: fault 2: unknown key 'fro'; did you mean 'for'?"),
        ("at = '2s'", "heal = 'cut'", "6: fault 2: it heals 'cut', which never begins"),
        ("at = '1500ms'", "toxic = {type = 'loss'}",
         "6: fault 2: 'loss' begins at 1500ms, and still works since 1s (fault 1)"),
        ("at = '5s'", "toxic = {type = 'drain', name = 'loss'}",
         "8: fault 2: a toxic named 'loss' is there already (fault 1)"),
        ("at = '5s'", "[fault.toxic]\ntype = 'latency'\njitter = -1",
         "10: fault 2: toxic latency: jitter is -1"),
    ],
    ids=str,
)  # fmt: skip
def test_a_mistake_in_a_fault_is_named_by_line_entry_and_key(
    first: str, second: str, said: str
) -> None:
    text = FAULTS.replace("# FIRST", first).replace("# SECOND", second)
    assert refused(text).startswith(f"plan.toml:{said}")


def decision(**values: Any) -> str:
    table = {"toxic": "'loss'", "connection": "'t'", "index": "3", **values}
    return "\n".join(["[[decision]]", *(f"{key} = {value}" for key, value in table.items())])


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"toxic": "'-'"}, "2: decision 1: toxic is '-'"),
        ({"connection": "3"}, "3: decision 1: connection is 3"),
        ({"index": "-1"}, "4: decision 1: index is -1"),
        ({"amount": "0"}, "5: decision 1: amount is 0"),
        ({"amount": "true"}, "5: decision 1: amount is True"),
        ({"direction": "'down'"}, "5: decision 1: direction is 'down'"),
        ({"kind": "'token'"}, "5: decision 1: unknown key 'kind'"),
    ],
    ids=str,
)
def test_a_mistake_in_a_decision_is_named_by_line_entry_and_key(
    values: dict[str, str], said: str
) -> None:
    assert refused(decision(**values)).startswith(f"plan.toml:{said}")


def test_a_decision_must_say_what_it_is_about() -> None:
    assert refused("\n[[decision]]") == "plan.toml:2: decision 1: it does not say its toxic"


def test_two_decisions_about_the_same_are_refused() -> None:
    text = decision() + "\n" + decision(amount="9")
    assert refused(text) == "plan.toml:5: decision 2: decision 1 is about the same"


def test_too_many_faults_are_refused_where_the_first_one_too_many_stands() -> None:
    text = "[[fault]]\nat = 1\ntoxic = {type = 'drain'}\n" * 1_001
    assert refused(text) == "plan.toml:3001: fault 1001: more than 1000 faults"


def test_too_many_toxics_are_refused() -> None:
    entry = "[[fault]]\nat = 1\ntoxic = {{type = 'drain', name = 'd{}'}}\n"
    text = "".join(map(entry.format, range(65)))
    assert refused(text).startswith("plan.toml:193: fault 65: more than 64 toxics")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"exact": 1}, "exact is 1"),
        ({"seed": "x"}, "seed is 'x'"),
        ({"config": "3g"}, "'3g' is no configuration"),
        ({"config": MockConfiguration(seed=1)}, "pass it as seed="),
        ({"decisions": [LOSS]}, "pass the plan of a session"),
    ],
    ids=str,
)
def test_a_plan_made_by_hand_is_held_to_the_same_rules(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        FaultPlan(**values)
    assert said in str(caught.value)


def test_what_is_no_plan_is_refused() -> None:
    with pytest.raises(ConfigError, match="pass the plan of a session"):
        plan_from(3)  # type: ignore[arg-type]
