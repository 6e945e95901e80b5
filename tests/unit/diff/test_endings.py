"""How connections ended, beside what was delivered on them."""

from __future__ import annotations

import replay_ws as rws


def closing(code: int | None, reason: str = "") -> rws.Session:
    async def program() -> None:
        mock = rws.MockWebSocketManager()
        await mock.send_to_thread("t1", {"type": "a"})
        if code:
            await mock.close("t1", code=code, reason=reason)

    return rws.run(program).session


def lines(golden: rws.Session, run: rws.Session) -> list[str]:
    return rws.compare(golden, run).lines()


def test_another_close_code_or_reason_is_told() -> None:
    assert lines(closing(1000), closing(1011, "crashed")) == [
        "close < closed: code: 1000 -> 1011; reason: '' -> 'crashed'"
    ]


def test_a_connection_that_only_one_side_closed_is_told() -> None:
    (line,) = lines(closing(1000), closing(None))
    assert line.startswith("close < closed: connection: ")
    assert line.endswith("-> nothing")
    (line,) = lines(closing(None), closing(1000))
    assert line.startswith("close < closed: connection: nothing -> ")


def test_equal_endings_are_equal() -> None:
    assert lines(closing(1000), closing(1000)) == []


def test_a_lost_transport_is_not_a_close() -> None:
    async def program() -> None:
        mock = rws.MockWebSocketManager()
        await mock.send_to_thread("t1", {"type": "a"})
        mock.drop("t1", "rst")

    (line,) = lines(closing(1000), rws.run(program).session)
    assert "what: 'closed' -> 'dropped'" in line
