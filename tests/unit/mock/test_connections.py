"""Connections: how they open, stand, end and come back.

Each row is a scene and what is seen of it: what is told, what arrives, what the network does of its
own accord, with the close codes that client and server report (``tests/scenes.py``).
"""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

import pytest

from replay_ws import ConfigError, Fate, MockWebSocketManager, Session, replay, run
from replay_ws.clock import NS_PER_MS
from replay_ws.events.log import Op
from tests.helpers import TOKEN
from tests.scenes import play


class Row(NamedTuple):
    """A scene under a configuration, and what is seen of it."""

    says: str
    fields: dict[str, Any]
    scene: str
    told: str = ""
    arrived: str = ""
    incidents: str = ""


ROWS = [
    # --- states
    Row(
        "a connection is seen on its way up and down",
        {},
        "state@0 connect@1 state@1 state@2 leave@3 state@3 state@4",
        told="disconnected in connecting connected disconnecting disconnected",
    ),
    Row(
        "who connects again is reconnecting meanwhile",
        {},
        "connect@0 leave@1 connect@2 state@2 state@3",
        told="in in reconnecting connected",
    ),
    Row(
        "who is refused is in error",
        {"should_authenticate": False},
        "connect@0 state@1",
        told="refused error",
        incidents="refused http_401@0",
    ),
    Row(
        "who was lost and comes back is reconnecting",
        {"token_ttl_ms": 5},
        "connect@0 state@6 send@7 state@8",
        told="in reconnecting ok connected",
        arrived="0@7",
        incidents="token 4401/4401@5, reconnected@7",
    ),
    Row(
        "who does not come back is disconnected",
        {"token_ttl_ms": 5, "reconnect": "never"},
        "connect@0 state@6",
        told="in disconnected",
        incidents="token 4401/4401@5",
    ),
    Row(
        "who may not come back is in error",
        {"token_ttl_ms": 5, "token_renewable": False},
        "connect@0 state@6",
        told="in error",
        incidents="token 4401/4401@5",
    ),
    Row(
        "a handshake that hangs is connecting all the while",
        {"toxics": [{"type": "connect", "refuse": "hang"}]},
        "connect@0 state@9000 state@11000",
        told="refused+10000 connecting error",
        incidents="refused hang@0",
    ),
    # --- close
    Row(
        "a close waits for what is on its way",
        {"latency_ms": 5},
        "send@0 close=1001@1 state@2",
        told="ok+5 closed disconnected",
        arrived="0@5",
    ),
    Row(
        "a closing handshake takes its time",
        {"toxics": [{"type": "slow_close", "delay": 2000}]},
        "connect@0 close@1 state@1000 state@2002",
        told="in closed+2000 disconnecting disconnected",
    ),
    Row(
        "one of exactly ten seconds is in time",
        {"toxics": [{"type": "slow_close", "delay": 10000}]},
        "connect@0 close@1 state@9000 state@10002",
        told="in closed+10000 disconnecting disconnected",
    ),
    Row(
        "longer than ten seconds and both report 1006",
        {"toxics": [{"type": "slow_close", "delay": 10001}]},
        "connect@0 close@1 state@9000 state@10002",
        told="in closed+10000 disconnecting disconnected",
        incidents="slow_close 1006/1006@10001",
    ),
    Row(
        "a close does not get through a stream behind what never does",
        {"link": "tcp", "faults": [{"on": {"nth": 1}, "toxic": {"type": "loss"}}]},
        "send@0 close@10 send@20",
        told="ok closed ok",
        arrived="1@20",
    ),
    # --- drop
    Row(
        "fin leaves in doubt what is on its way, and a send opens it again",
        {"latency_ms": 5},
        "send@0 send@10 drop=fin@12 state@13 send@14 state@15",
        told="ok+5 ok+5 disconnected ok+5 connected",
        arrived="0@5 2@19",
    ),
    Row(
        "rst leaves in doubt what is on its way, and a send opens it again",
        {"latency_ms": 5},
        "send@0 send@10 drop=rst@12 state@13 send@14 state@15",
        told="ok+5 ok+5 disconnected ok+5 connected",
        arrived="0@5 2@19",
    ),
    Row(
        "blackhole leaves in doubt what is on its way, and a send opens it again",
        {"latency_ms": 5},
        "send@0 send@10 drop=blackhole@12 state@13 send@14 state@15",
        told="ok+5 ok+5 disconnected ok+5 connected",
        arrived="0@5 2@19",
    ),
    # --- reconnect
    Row(
        "on_send, after 20 ms",
        {
            "faults": [{"at": "12ms", "toxic": {"type": "reset_peer"}}],
            "reconnect": "on_send",
            "reconnect_delay_ms": 20,
        },
        "send@0 state@13 send@20 state@35 send@40",
        told="ok reconnecting not_connected+1 reconnecting ok",
        arrived="0@0 2@40",
        incidents="began reset_peer@12, rst 1006/1006@12, reconnected@40",
    ),
    Row(
        "auto, after 20 ms",
        {
            "faults": [{"at": "12ms", "toxic": {"type": "reset_peer"}}],
            "reconnect": "auto",
            "reconnect_delay_ms": 20,
        },
        "send@0 state@13 send@20 state@35 send@40",
        told="ok reconnecting not_connected+1 connected ok",
        arrived="0@0 2@40",
        incidents="began reset_peer@12, rst 1006/1006@12, reconnected@32",
    ),
    Row(
        "never, after 20 ms",
        {
            "faults": [{"at": "12ms", "toxic": {"type": "reset_peer"}}],
            "reconnect": "never",
            "reconnect_delay_ms": 20,
        },
        "send@0 state@13 send@20 state@35 send@40",
        told="ok disconnected not_connected+1 disconnected not_connected+1",
        arrived="0@0",
        incidents="began reset_peer@12, rst 1006/1006@12",
    ),
    Row(
        "never: the program may still connect",
        {"faults": [{"at": "12ms", "toxic": {"type": "reset_peer"}}], "reconnect": "never"},
        "send@0 send@13 connect@20 send@21",
        told="ok not_connected+1 in ok",
        arrived="0@0 2@21",
        incidents="began reset_peer@12, rst 1006/1006@12",
    ),
    Row(
        "a client's message brings it back too",
        {"faults": [{"at": "12ms", "toxic": {"type": "reset_peer"}}]},
        "send@0 up@13",
        told="ok ok",
        arrived="0@0 ^1@13",
        incidents="began reset_peer@12, rst 1006/1006@12, reconnected@13",
    ),
    Row(
        "each time twice as long, by default",
        {
            "reconnect": "auto",
            "reconnect_delay_ms": 10,
            "toxics": [{"type": "reset_peer", "timeout": 5}],
        },
        "send@0 state@100",
        told="ok reconnecting",
        arrived="0@0",
        incidents=(
            "rst 1006/1006@5, reconnected@15, rst 1006/1006@20, reconnected@40, "
            "rst 1006/1006@45, reconnected@85, rst 1006/1006@90"
        ),
    ),
    Row(
        "each time as long",
        {
            "reconnect": "auto",
            "reconnect_delay_ms": 10,
            "toxics": [{"type": "reset_peer", "timeout": 5}],
            "reconnect_backoff": 1,
        },
        "send@0 state@50",
        told="ok reconnecting",
        arrived="0@0",
        incidents=(
            "rst 1006/1006@5, reconnected@15, rst 1006/1006@20, reconnected@30, "
            "rst 1006/1006@35, reconnected@45, rst 1006/1006@50"
        ),
    ),
    Row(
        "who is refused when coming back tries again, later",
        {
            "reconnect": "auto",
            "reconnect_delay_ms": 10,
            "faults": [
                {"at": "12ms", "toxic": {"type": "reset_peer"}},
                {"on": {"connect": [2, 3]}, "toxic": {"type": "connect", "refuse": "http_503"}},
            ],
        },
        "connect@0 state@50 state@90",
        told="in reconnecting connected",
        incidents=(
            "began reset_peer@12, rst 1006/1006@12, refused http_503@22, "
            "refused http_503@42, reconnected@82"
        ),
    ),
    Row(
        "each send tries once",
        {
            "faults": [
                {"at": "12ms", "toxic": {"type": "reset_peer"}},
                {"on": {"connect": [2, 3]}, "toxic": {"type": "connect", "refuse": "http_503"}},
            ]
        },
        "connect@0 send@20 send@30 send@40",
        told="in not_connected+1 not_connected+1 ok",
        arrived="2@40",
        incidents=(
            "began reset_peer@12, rst 1006/1006@12, refused http_503@20, "
            "refused http_503@30, reconnected@40"
        ),
    ),
    # --- resume
    Row(
        "none, acknowledged each 10",
        {
            "faults": [{"at": "12ms", "toxic": {"type": "reset_peer"}}],
            "resume": "none",
            "resume_ack_every": 10,
            "latency_ms": 5,
        },
        "send@0x5 send@10x2 send@20",
        told="ok+5 ok+5 ok+5 ok+5 ok+5 ok+5 ok+5 ok+5",
        arrived="0@5 1@5 2@5 3@5 4@5 7@25",
        incidents="began reset_peer@12, rst 1006/1006@12, reconnected@20",
    ),
    Row(
        "last_id, acknowledged each 10",
        {
            "faults": [{"at": "12ms", "toxic": {"type": "reset_peer"}}],
            "resume": "last_id",
            "resume_ack_every": 10,
            "latency_ms": 5,
        },
        "send@0x5 send@10x2 send@20",
        told="ok+5 ok+5 ok+5 ok+5 ok+5 ok+5 ok+5 ok+5",
        arrived="0@5 1@5 2@5 3@5 4@5 5@25 6@25 7@25",
        incidents="began reset_peer@12, rst 1006/1006@12, resumed 2@20, reconnected@20",
    ),
    Row(
        "last_seq, acknowledged each 3",
        {
            "faults": [{"at": "12ms", "toxic": {"type": "reset_peer"}}],
            "resume": "last_seq",
            "resume_ack_every": 3,
            "latency_ms": 5,
        },
        "send@0x5 send@10x2 send@20",
        told="ok+5 ok+5 ok+5 ok+5 ok+5 ok+5 ok+5 ok+5",
        arrived="0@5 1@5 2@5 3@5 4@5 3@25 4@25 5@25 6@25 7@25",
        incidents="began reset_peer@12, rst 1006/1006@12, resumed 4@20, reconnected@20",
    ),
    Row(
        "last_seq, acknowledged each 2",
        {
            "faults": [{"at": "12ms", "toxic": {"type": "reset_peer"}}],
            "resume": "last_seq",
            "resume_ack_every": 2,
            "latency_ms": 5,
        },
        "send@0x5 send@10x2 send@20",
        told="ok+5 ok+5 ok+5 ok+5 ok+5 ok+5 ok+5 ok+5",
        arrived="0@5 1@5 2@5 3@5 4@5 4@25 5@25 6@25 7@25",
        incidents="began reset_peer@12, rst 1006/1006@12, resumed 3@20, reconnected@20",
    ),
    Row(
        "full_replay, acknowledged each 10",
        {
            "faults": [{"at": "12ms", "toxic": {"type": "reset_peer"}}],
            "resume": "full_replay",
            "resume_ack_every": 10,
            "latency_ms": 5,
        },
        "send@0x5 send@10x2 send@20",
        told="ok+5 ok+5 ok+5 ok+5 ok+5 ok+5 ok+5 ok+5",
        arrived="0@5 1@5 2@5 3@5 4@5 0@25 1@25 2@25 3@25 4@25 5@25 6@25 7@25",
        incidents="began reset_peer@12, rst 1006/1006@12, resumed 7@20, reconnected@20",
    ),
    Row(
        "nothing is sent again after a close",
        {"resume": "full_replay"},
        "send@0 close@5 send@10",
        told="ok closed ok",
        arrived="0@0 1@10",
    ),
    Row(
        "a client whose connection was dropped asks for what it missed",
        {"resume": "last_id", "latency_ms": 5},
        "send@0 send@10 drop@12 send@20",
        told="ok+5 ok+5 ok+5",
        arrived="0@5 1@25 2@25",
        incidents="resumed 1@20",
    ),
    Row(
        "what a client sent is not sent again",
        {"faults": [{"at": "12ms", "toxic": {"type": "reset_peer"}}], "resume": "full_replay"},
        "up@0 send@20",
        told="ok ok",
        arrived="^0@0 1@20",
        incidents="began reset_peer@12, rst 1006/1006@12, reconnected@20",
    ),
    Row(
        "after one more loss it is sent once more",
        {
            "resume": "last_id",
            "latency_ms": 5,
            "faults": [{"every": "12ms", "toxic": {"type": "reset_peer"}}],
        },
        "send@10 send@20 send@40",
        told="ok+5 ok+5 ok+5",
        arrived="0@45 1@45 2@45",
        incidents=(
            "began reset_peer@12, rst 1006/1006@12, resumed 1@20, reconnected@20, "
            "began reset_peer@24, rst 1006/1006@24, began reset_peer@36, resumed 2@40, "
            "reconnected@40"
        ),
    ),
    # --- handshakes: nth attempt, refused or late
    Row(
        "the first two fail, the third succeeds",
        {
            "faults": [
                {"on": {"connect": [1, 2]}, "toxic": {"type": "connect", "refuse": "http_503"}}
            ]
        },
        "connect@0 connect@10 connect@20 send@21",
        told="refused refused in ok",
        arrived="0@21",
        incidents="refused http_503@0, refused http_503@10",
    ),
    Row(
        "sends try too",
        {
            "faults": [
                {"on": {"connect": [1, 2]}, "toxic": {"type": "connect", "refuse": "http_503"}}
            ]
        },
        "send@0 send@10 send@20",
        told="not_connected+1 not_connected+1 ok",
        arrived="2@20",
        incidents="refused http_503@0, refused http_503@10",
    ),
    Row(
        "each attempt has its own delay",
        {
            "faults": [
                {"on": {"connect": [1]}, "toxic": {"type": "connect", "delay": 6000}},
                {
                    "on": {"connect": [2]},
                    "toxic": {"type": "connect", "delay": 3000, "name": "second"},
                },
                {
                    "on": {"connect": [3]},
                    "toxic": {"type": "connect", "delay": 4000, "name": "third"},
                },
            ]
        },
        "connect@0 leave@10000 connect@20000 leave@30000 connect@40000",
        told="in+6000 in+3000 in+4000",
    ),
    Row(
        "a send that opens a connection waits for the handshake, and so do those after it",
        {"toxics": [{"type": "connect", "delay": 50}], "latency_ms": 5},
        "send@0 up@10 send@100",
        told="ok+55 ok+45 ok+5",
        arrived="0@55 ^1@55 2@105",
    ),
    Row(
        "what is sent while somebody connects waits too",
        {"toxics": [{"type": "connect", "delay": 50}]},
        "connect@0 send@10",
        told="in+50 ok+40",
        arrived="0@50",
    ),
    Row(
        "coming back takes as long",
        {
            "resume": "full_replay",
            "faults": [
                {"at": "12ms", "toxic": {"type": "reset_peer"}},
                {"on": {"connect": [2]}, "toxic": {"type": "connect", "delay": 50}},
            ],
        },
        "send@0 send@20 send@30",
        told="ok ok+50 ok+40",
        arrived="0@0 0@70 1@70 2@70",
        incidents="began reset_peer@12, rst 1006/1006@12, resumed 1@20, reconnected@20",
    ),
    Row(
        "a token lasts from the end of the handshake",
        {"token_ttl_ms": 50, "toxics": [{"type": "connect", "delay": 50}]},
        "connect@0 state@99 state@101",
        told="in+50 connected reconnecting",
        incidents="token 4401/4401@100",
    ),
    Row(
        "one of ten seconds is too long",
        {"faults": [{"on": {"connect": [1]}, "toxic": {"type": "connect", "delay": 10000}}]},
        "connect@0 connect@20000",
        told="refused+10000 in",
        incidents="refused hang@0",
    ),
    Row(
        "http_401",
        {"faults": [{"on": {"connect": [1]}, "toxic": {"type": "connect", "refuse": "http_401"}}]},
        "send@0 connect@20000",
        told="auth+1 in",
        incidents="refused http_401@0",
    ),
    Row(
        "http_403",
        {"faults": [{"on": {"connect": [1]}, "toxic": {"type": "connect", "refuse": "http_403"}}]},
        "send@0 connect@20000",
        told="auth+1 in",
        incidents="refused http_403@0",
    ),
    Row(
        "http_429",
        {"faults": [{"on": {"connect": [1]}, "toxic": {"type": "connect", "refuse": "http_429"}}]},
        "send@0 connect@20000",
        told="rate_limited+1 in",
        incidents="refused http_429@0",
    ),
    Row(
        "http_503",
        {"faults": [{"on": {"connect": [1]}, "toxic": {"type": "connect", "refuse": "http_503"}}]},
        "send@0 connect@20000",
        told="not_connected+1 in",
        incidents="refused http_503@0",
    ),
    Row(
        "refuse",
        {"faults": [{"on": {"connect": [1]}, "toxic": {"type": "connect", "refuse": "refuse"}}]},
        "send@0 connect@20000",
        told="not_connected+1 in",
        incidents="refused refuse@0",
    ),
    Row(
        "rst",
        {"faults": [{"on": {"connect": [1]}, "toxic": {"type": "connect", "refuse": "rst"}}]},
        "send@0 connect@20000",
        told="not_connected+1 in",
        incidents="refused rst@0",
    ),
    Row(
        "hang",
        {"faults": [{"on": {"connect": [1]}, "toxic": {"type": "connect", "refuse": "hang"}}]},
        "send@0 connect@20000",
        told="not_connected+10000 in",
        incidents="refused hang@0",
    ),
    Row(
        "refused for two seconds",
        {"faults": [{"at": "0s", "for": "2s", "toxic": {"type": "connect", "refuse": "rst"}}]},
        "connect@0 connect@1999 connect@2000",
        told="refused refused in",
        incidents="began connect@0, refused rst@0, refused rst@1999, ended connect@2000",
    ),
    Row(
        "drained as soon as it is open",
        {"faults": [{"on": {"connect": 1}, "toxic": {"type": "drain"}}]},
        "send@5 send@10",
        told="ok ok",
        arrived="0@5 1@10",
        incidents="drain 1001/1001@5, reconnected@5",
    ),
    # --- what ends a connection
    Row(
        "reset as soon as it is open, and it comes back a millisecond later",
        {"reconnect": "auto", "toxics": [{"type": "reset_peer"}]},
        "connect@0 state@3",
        told="in reconnecting",
        incidents=(
            "rst 1006/1006@0, reconnected@1, rst 1006/1006@1, reconnected@2, "
            "rst 1006/1006@2, reconnected@3, rst 1006/1006@3"
        ),
    ),
    Row(
        "a server that drains says 1001 behind what is on its way",
        {"latency_ms": 5, "faults": [{"at": "100ms", "toxic": {"type": "drain"}}]},
        "send@99 state@101 send@110",
        told="ok+5 reconnecting ok+5",
        arrived="0@104 1@115",
        incidents="began drain@100, drain 1001/1001@100, reconnected@110",
    ),
    Row(
        "a proxy hangs up when nothing moved for so long",
        {"toxics": [{"type": "idle", "timeout": 100}]},
        "send@0 send@50 up@100 state@199 state@201 leave@202",
        told="ok ok ok connected reconnecting",
        arrived="0@0 1@50 ^2@100",
        incidents="idle 1006/1006@200",
    ),
    Row(
        "so many bytes, and the frame that exceeds them is cut",
        {"toxics": [{"type": "limit_data", "bytes": 25}]},
        "send*10@0 send*10@1 send*10@2 send*10@3",
        told="ok ok ok ok",
        arrived="0@0 1@1 3@3",
        incidents="fin 1006/1006@2, reconnected@3",
    ),
    Row(
        "so many messages",
        {"toxics": [{"type": "limit_data", "messages": 2}]},
        "send@0x3",
        told="ok ok ok",
        arrived="0@0 1@0 2@0",
        incidents="fin 1006/1006@0, reconnected@0",
    ),
    Row(
        "reset after so long",
        {"toxics": [{"type": "reset_peer", "timeout": 50}], "latency_ms": 5},
        "send@0 send@49 state@51",
        told="ok+5 ok+5 reconnecting",
        arrived="0@5",
        incidents="rst 1006/1006@50",
    ),
    Row(
        "reset at a handshake",
        {"faults": [{"on": {"connect": 1}, "toxic": {"type": "reset_peer", "timeout": 5}}]},
        "send@0 send@10 send@20",
        told="ok ok ok",
        arrived="0@0 1@10 2@20",
        incidents="rst 1006/1006@5, reconnected@10",
    ),
    Row(
        "reset at the nth message",
        {
            "faults": [{"on": {"event": "token", "nth": 2}, "toxic": {"type": "reset_peer"}}],
            "latency_ms": 1,
        },
        "send@0 send@10 send@20",
        told="ok+1 ok+1 ok+1",
        arrived="0@1 2@21",
        incidents="rst 1006/1006@10, reconnected@20",
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.says)
def test_a_connection_behaves_as_its_row_says(row: Row) -> None:
    seen = play(row.scene, **row.fields)
    assert (seen.told, seen.arrived, seen.incidents) == (row.told, row.arrived, row.incidents)
    assert replay(seen.session).digest == seen.session.digest


# --- close and drop --------------------------------------------------------------------------


def closed(code: int = 1000, reason: str = "") -> Session:
    async def program() -> None:
        mock = MockWebSocketManager()
        await mock.connect_user("t")
        await mock.close("t", code, reason)
        await mock.close("nobody", code, reason)

    return run(program).session


@pytest.mark.parametrize("code", [1005, 1006, 1015])
def test_what_an_endpoint_saw_is_no_code_to_close_with(code: int) -> None:
    with pytest.raises(ConfigError, match=f"close code {code}") as caught:
        closed(code)
    assert "drop('t')" in caught.value.mend


@pytest.mark.parametrize("code", [0, 999, 1004, 1016, 2999, 5000, True, "1000", None])
def test_a_code_that_is_none_is_refused(code: Any) -> None:
    with pytest.raises(ConfigError, match="close code"):
        closed(code)


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011, 1012, 1013, 1014, 3000, 4401, 4999])
def test_every_other_code_is_recorded(code: int) -> None:
    session = closed(code, "bye")
    [row] = [row for row, op in enumerate(session.log.ops) if op == Op.CLOSE]
    assert session.log.value(row) == [code, "bye"]


@pytest.mark.parametrize("reason", ["x" * 124, "é" * 62])
def test_a_reason_has_at_most_123_bytes(reason: str) -> None:
    with pytest.raises(ConfigError, match="close reason"):
        closed(reason=reason)
    closed(reason=reason[:61])


# --- many at once ----------------------------------------------------------------------------


def test_a_drain_sends_everybody_away_within_its_stagger_and_all_come_back() -> None:
    fault = {"at": "1s", "toxic": {"type": "drain", "code": 1012, "stagger": 500}}
    users = [f"u{number}" for number in range(40)]
    scene = " ".join(f"connect:{user}@0 state:{user}@4000" for user in users)
    seen = play(scene, faults=[fault], reconnect="auto", reconnect_delay_ms=100)
    ends = [one for one in seen.session.incidents if one.what == "closed"]
    assert {one.connection for one in ends} == {*users}
    assert {(one.about["client"], one.about["server"]) for one in ends} == {(1012, 1012)}
    times = [one.time_ns / NS_PER_MS for one in ends]
    assert 1_000 <= min(times) < 1_100
    assert 1_400 < max(times) <= 1_500
    assert seen.told.split() == ["in", "connected"] * 40


def test_who_comes_back_all_at_once_meets_the_limit() -> None:
    async def program() -> list[bool]:
        mock = MockWebSocketManager(
            connection_limit=5, faults=[{"at": "1s", "toxic": {"type": "drain"}}]
        )
        users = [f"u{number}" for number in range(8)]
        for user in users[:5]:
            await mock.connect_user(user)
        await asyncio.sleep(2)
        return await asyncio.gather(*(mock.connect_user(user) for user in reversed(users)))

    assert run(program).value == [True] * 5 + [False] * 3


def test_who_comes_back_for_ever_keeps_no_session_from_its_end() -> None:
    fields: dict[str, Any] = {"token_ttl_ms": 10, "reconnect": "auto", "partition_policy": "hold"}
    seen = play("connect:a@0 cut@6 send:a@7 state:a@30", **fields)
    assert seen.ledger == "1 pending"
    assert replay(seen.session).digest == seen.session.digest


# --- the books -------------------------------------------------------------------------------


def busy() -> Session:
    scene = "send:a@0 send:a@10 send:b@10 drop:a@12 send:a@30 send:b@40 up:b@50"
    toxic = {"type": "loss", "connection": "b", "stream": "upstream"}
    return play(scene, latency_ms=5, toxics=[toxic]).session


def test_a_ledger_is_told_for_each_connection() -> None:
    session = busy()
    assert session.ledger_of("a").fates == {Fate.DELIVERED: 2, Fate.IN_DOUBT: 1}
    assert session.ledger_of("b").fates == {Fate.DELIVERED: 2, Fate.LOST_LOSS: 1}
    assert session.ledger.sent == session.ledger_of("a").sent + session.ledger_of("b").sent


def test_a_connection_that_is_not_there_has_no_ledger() -> None:
    with pytest.raises(ConfigError, match="'c'"):
        busy().ledger_of("c")


@pytest.mark.parametrize(
    ("at_ms", "a", "b"),
    [
        (0, {Fate.PENDING: 1}, None),
        (5, {Fate.DELIVERED: 1}, None),
        (11, {Fate.DELIVERED: 1, Fate.PENDING: 1}, {Fate.PENDING: 1}),
        (13, {Fate.DELIVERED: 1, Fate.IN_DOUBT: 1}, {Fate.PENDING: 1}),
        (15, {Fate.DELIVERED: 1, Fate.IN_DOUBT: 1}, {Fate.DELIVERED: 1}),
        (35, {Fate.DELIVERED: 2, Fate.IN_DOUBT: 1}, {Fate.DELIVERED: 1}),
        (60, {Fate.DELIVERED: 2, Fate.IN_DOUBT: 1}, {Fate.DELIVERED: 2, Fate.LOST_LOSS: 1}),
    ],
)
def test_the_books_can_be_read_at_any_instant(
    at_ms: int, a: dict[Fate, int], b: dict[Fate, int] | None
) -> None:
    then = busy().at(at_ms * NS_PER_MS)
    assert then.ledger_of("a").fates == a
    assert ("b" in then.connections) == (b is not None)
    assert b is None or then.ledger_of("b").fates == b


def test_a_mock_reads_the_books_while_it_is_used() -> None:
    async def program() -> list[tuple[int, int]]:
        mock = MockWebSocketManager(latency_ms=5)
        books = []
        sending = asyncio.create_task(mock.send("t", TOKEN))
        for _ in range(2):
            await asyncio.sleep(0.003)
            ledger = mock.session().ledger
            books.append((ledger.pending, ledger.delivered))
        await sending
        return books

    assert run(program).value == [(1, 0), (0, 1)]


def test_two_clients_that_evict_each_other_give_up_some_day() -> None:
    seen = play(
        "send@0 send:b@0",
        connection_limit=1,
        connection_policy="evict_oldest",
        reconnect="auto",
        resume="last_seq",
        latency_ms=5,
    )
    assert seen.incidents.count("evicted") > 1_000


def test_who_looks_at_a_session_changes_nothing_of_it() -> None:
    def told(*, look: bool) -> str:
        async def program() -> None:
            mock = MockWebSocketManager(token_ttl_ms=1.0)
            await mock.send_to_thread("t", TOKEN)
            await asyncio.sleep(0.01)
            if look:
                mock.session()
            await mock.disconnect_user("t")

        return run(program).digest

    assert told(look=False) == told(look=True)


@pytest.mark.parametrize("fields", [{}, {"packet_loss_rate": 1e-9}, {"message_queue_size": 9}])
def test_what_is_due_at_the_instant_of_a_send_comes_before_its_arrival(
    fields: dict[str, Any],
) -> None:
    async def program() -> None:
        mock = MockWebSocketManager(toxics=[{"type": "reset_peer"}], **fields)
        await mock.send_to_thread("t", TOKEN)

    assert run(program).session.ledger.in_doubt == 1


def test_the_plan_of_one_mock_changes_nothing_of_another() -> None:
    async def program() -> None:
        calm = MockWebSocketManager(faults=[{"at": "3s", "heal": "all"}])
        slow = MockWebSocketManager(name="slow", latency_ms=5_000, jitter_ms=5)
        for mock in (calm, slow):
            await mock.send_to_thread("t", TOKEN)

    session = run(program).session
    assert Session(session.log).outcome == session.outcome
    assert replay(session, plan=session.plan).digest == session.digest
