"""Small projects on which real pytest runs, with the plugin as its users have it."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from importlib import import_module
from textwrap import dedent

import deepdiff  # noqa: F401
import hypothesis.internal.scrutineer  # noqa: F401
import pytest

import replay_ws

# A pytest that runs inside of pytest forgets the modules that it was the first to import, and the
# next one would get a second copy of each beside what others hold of the first.
for module in pkgutil.walk_packages(replay_ws.__path__, "replay_ws."):
    if not module.name.endswith("__main__"):
        import_module(module.name)

HEAD = """
    import asyncio
    import pytest
    import replay_ws as rws

    async def agent(mock, *steps, thread="t"):
        for step in steps:
            await mock.send_to_thread(thread, {"type": step})
            await asyncio.sleep(1)
"""

INI = """
    [pytest]
    asyncio_default_fixture_loop_scope = function
    filterwarnings = error
"""


@pytest.fixture
def project(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., pytest.Pytester]:
    """A project with one test module; ``files`` are further ones, by name without ``.py``."""
    for name in ("CI", "GITHUB_ACTIONS", "PYTEST_ADDOPTS"):
        monkeypatch.delenv(name, raising=False)

    def make(source: str, ini: str = INI, **files: str) -> pytest.Pytester:
        pytester.makefile(".ini", pytest=dedent(ini))
        pytester.makepyfile(test_it=dedent(HEAD) + dedent(source))
        if files:
            pytester.makepyfile(**{name: dedent(text) for name, text in files.items()})
        return pytester

    return make


def goldens(pytester: pytest.Pytester) -> list[str]:
    """The goldens of the project, by name."""
    folder = pytester.path / "cassettes"
    return sorted(str(p.relative_to(folder).with_suffix("")) for p in folder.rglob("*.rws"))
