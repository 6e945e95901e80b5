"""A suite that does not use the plugin does not notice it."""

from __future__ import annotations

import pytest

QUIET = """
    import sys

    def test_nothing_of_ours_is_imported():
        ours = {name for name in sys.modules if name.startswith("replay_ws")}
        assert ours == {
            "replay_ws",
            "replay_ws.pytest_plugin",
            "replay_ws.pytest_plugin.fixtures",
            "replay_ws.pytest_plugin.options",
        }
        assert not {"msgpack", "deepdiff", "rich", "click"} & set(sys.modules)
"""


@pytest.mark.parametrize("arguments", [(), ("-n1",), ("--ws-seed=3",)])
def test_a_suite_without_marked_tests_loads_nothing(
    pytester: pytest.Pytester, arguments: tuple[str, ...]
) -> None:
    pytester.makepyfile(QUIET)
    result = pytester.runpytest_subprocess("-p", "no:asyncio", "-p", "no:anyio", *arguments)
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*- replay_ws -*")
    assert not (pytester.path / ".replay_ws").exists()


def test_the_marker_is_known_and_explained(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function")
    pytester.makepyfile("import pytest\n@pytest.mark.replay_ws\ndef test_it():\n    pass\n")
    pytester.runpytest("--strict-markers").assert_outcomes(passed=1)
    pytester.runpytest("--markers").stdout.fnmatch_lines(["@pytest.mark.replay_ws(golden=*"])


def test_every_name_carries_our_prefix(pytester: pytest.Pytester) -> None:
    text = pytester.runpytest_subprocess("--help").stdout.str()
    section = text.partition("replay_ws: deterministic tests")[2].partition("\n\n")[0]
    options = [word for word in section.split() if word.startswith("--")]
    assert options
    assert all(option.startswith("--ws-") for option in options)
