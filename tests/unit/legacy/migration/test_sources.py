"""What a rewrite does to a source, and what it leaves to the byte."""

from __future__ import annotations

import textwrap

import pytest

import replay_ws as rws
from replay_ws.errors import SourceError
from replay_ws.legacy.migration import Kind, migrate_source

TRACKER = """\
class MockWebSocketManager:
    def __init__(self):
        self.messages = []

    async def send_to_thread(self, thread_id, message):
        self.messages.append({"thread_id": thread_id, "message": message})
        return True
"""
OURS = "from replay_ws import LegacyMockWebSocketManager as MockWebSocketManager\n"


def reason_of(source: str) -> str:
    """Why the one mock class of a source stays."""
    (finding,) = migrate_source(textwrap.dedent(source)).findings
    assert finding.kind is Kind.NOT_MECHANICAL
    assert not finding.done
    return finding.reason


def tracker(body: str, init: str = "self.messages = []") -> str:
    """A tracker whose send does ``body``."""
    return (
        "class MockWebSocketManager:\n"
        f"    def __init__(self):\n        {init}\n"
        "    async def send_to_thread(self, thread_id, message):\n"
        + textwrap.indent(textwrap.dedent(body), " " * 8)
    )


def test_a_class_becomes_an_import() -> None:
    assert rws.migrate_legacy_mock_usage(TRACKER) == OURS


def test_the_import_stands_behind_docstring_and_future() -> None:
    head = '#!/usr/bin/env python\n"""Doc."""\nfrom __future__ import annotations\n'
    after = rws.migrate_legacy_mock_usage(f"{head}\n\n{TRACKER}")
    assert after == f"{head}\n{OURS}"


def test_all_else_stays_to_the_byte() -> None:
    before = "import asyncio\nx = [1,2 ,3]   # as it was\n\n\n"
    after = "# a banner\n\ny = {  'a':1}\n\tif 0 else None\n".replace("\n\tif", " if")
    source = f"{before}{TRACKER}\n\n{after}"
    new = rws.migrate_legacy_mock_usage(source)
    assert new.replace(f"\n{OURS}", "", 1).replace("\n\n\n", "") == (before + after).replace(
        "\n\n\n", ""
    )


def test_a_comment_that_stands_apart_from_the_class_stays() -> None:
    source = f"import asyncio\n\n# --- mocks ---\n\n# The tracker.\n{TRACKER}\n\nx = 1\n"
    new = rws.migrate_legacy_mock_usage(source)
    assert "# --- mocks ---" in new
    assert "# The tracker." not in new


def test_imports_that_only_the_class_used_go() -> None:
    body = 'self.messages.append({"thread_id": thread_id, "at": time.time()})\nreturn True'
    source = "import os\nimport time\n" + tracker(body.replace('"at"', '"timestamp"'))
    source = source.replace('"timestamp"', '"message": message, "timestamp"')
    new = rws.migrate_legacy_mock_usage(source)
    assert "import time" not in new
    assert "import os" in new


def test_an_import_with_a_remark_stays() -> None:
    source = "import time  # noqa: F401\n" + TRACKER.replace(
        "return True", "time.time()\n        return True"
    )
    assert "import time  # noqa: F401" in rws.migrate_legacy_mock_usage(source)


def test_a_source_without_mocks_comes_back_as_it_is() -> None:
    source = "import websocket\r\nx = 1\r"
    assert rws.migrate_legacy_mock_usage(source) == source


def test_a_source_that_does_not_parse_is_refused_with_its_line() -> None:
    with pytest.raises(SourceError, match="line 2"):
        rws.migrate_legacy_mock_usage("# websocket\nclass MockWebSocket(:\n")


def test_a_name_of_ours_that_is_taken_is_not_taken_again() -> None:
    source = f"class LegacyMockWebSocketManager:\n    pass\n\n\n{TRACKER}"
    result = migrate_source(source)
    assert not result.changed
    assert "of its own" in result.findings[-1].reason


KEEP = "self.messages.append({'thread_id': thread_id, 'message': message})\nreturn True"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("while self.messages:\n    self.messages.pop()\nreturn True", "blocking script"),
        ("open('log').write('x')\nreturn True", "`open`"),
        ("return subprocess.run(thread_id)", "`subprocess`"),
        ("global SEEN\nSEEN = 1\nreturn True", "global of the test"),
        ("self.__class__.__bases__\nreturn True", "__bases__"),
        ("return len(message) * 7", "instead of"),
        ("self.messages.append([message])\nreturn True", "`messages` differs"),
        (f"message['at'] = 1\n{KEEP}", "at"),
        ("for _ in range(10 ** 9):\n    pass\nreturn True", "do not end"),
        (f"if len(self.messages) > 999:\n    return False\n{KEEP}", "no trial reached"),
        (f"try:\n    asyncio\nexcept Exception:\n    pass\n{KEEP}", "`asyncio`"),
    ],
)
def test_what_is_special_is_refused_with_its_reason(body: str, reason: str) -> None:
    assert reason in reason_of(tracker(body))


def test_state_that_ours_has_not_is_named() -> None:
    source = tracker("self.moods += 1\nreturn True", "self.moods = 0")
    assert "moods" in reason_of(source)


def test_a_reason_of_a_trial_names_the_call_that_showed_it() -> None:
    assert "send_to_thread('thread-1'" in reason_of(tracker("return len(message) * 7"))


def test_nothing_of_the_file_but_the_class_runs() -> None:
    source = "import websockets_that_do_not_exist\nraise SystemExit\n" + TRACKER
    assert migrate_source(source).changed


def test_what_is_private_and_used_outside_must_be_there_too() -> None:
    source = TRACKER.replace("self.messages = []", "self.messages = []\n        self._log = []")
    assert migrate_source(source).changed
    assert "_log" in reason_of(source + "\n\ndef test_it(ws):\n    assert ws._log == []\n")


def test_a_mock_in_a_condition_keeps_its_place() -> None:
    source = f"import sys\n\nif sys.argv:\n{textwrap.indent(TRACKER, '    ')}"
    new = rws.migrate_legacy_mock_usage(source)
    assert "    MockWebSocketManager = LegacyMockWebSocketManager\n" in new


def test_a_class_whose_name_is_bound_twice_keeps_its_place() -> None:
    source = f"{TRACKER}\n\nfirst = MockWebSocketManager\n\n\n{TRACKER}"
    new = rws.migrate_legacy_mock_usage(source)
    assert new.count("MockWebSocketManager = LegacyMockWebSocketManager") == 2


def test_an_import_of_the_originals_keeps_its_form() -> None:
    source = (
        "from test_framework.fixtures.websocket_manager_mock import (\n"
        "    MockWebSocketManager,  # the mock\n)\n"
    )
    after = source.replace("test_framework.fixtures.websocket_manager_mock", "replay_ws")
    assert rws.migrate_legacy_mock_usage(source) == after


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import test_framework.fixtures.websocket_manager_mock as mocks\n", "imported whole"),
        (
            "if 1:\n    from test_framework.fixtures.websocket_manager_mock import Manager\n",
            "inside of something",
        ),
        ("from test_framework.fixtures.websocket_manager_mock import *\n", "we have no *"),
    ],
)
def test_an_import_that_stays_says_why(source: str, reason: str) -> None:
    result = migrate_source(source)
    assert not result.changed
    assert reason in result.findings[0].reason


def test_options_come_from_what_the_class_does() -> None:
    (finding,) = migrate_source(tracker("return False")).findings
    assert finding.done == "now LegacyMockWebSocketManager(should_fail=True)"


def test_a_list_that_a_test_keeps_is_emptied_or_replaced_as_before() -> None:
    source = TRACKER + "    def clear_messages(self):\n        self.messages = []\n"
    assert migrate_source(source).changed
    assert "who holds its `messages`" in reason_of(source + "def test_it(ws): kept = ws.messages\n")


def test_a_member_that_only_ours_has_must_not_answer_a_question() -> None:
    ask = "def test_it(ws): assert not hasattr(ws, 'broadcast')\n"
    assert "asks whether it has `broadcast`" in reason_of(TRACKER + ask)


def test_what_is_sent_through_a_given_socket_must_be_sent_so_too() -> None:
    source = (
        TRACKER
        + "    async def connect_user(self, user_id, websocket, thread_id):\n"
        + "        await websocket.send_json({'type': 'welcome'})\n"
    )
    assert "websocket" in reason_of(source)
