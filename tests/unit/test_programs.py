"""A program is found by its name, or the error says what is there instead."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from replay_ws.errors import ProgramError
from replay_ws.programs import find_program

SOURCE = """
import asyncio
from pathlib import Path

ANSWER = 42

async def hello(): pass
async def hello_again(times=2, *more, **options): pass
async def for_someone(name): pass
def _private(): pass

class Agent:
    @staticmethod
    async def run(): pass
"""


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "stories_for_test.py"
    path.write_text(SOURCE)
    yield path
    sys.modules.pop(path.stem, None)


@pytest.mark.parametrize("name", ["hello", "hello_again", "Agent.run"])
def test_a_function_is_found_by_file_and_by_module(source: Path, name: str) -> None:
    assert find_program(f"{source}:{name}").__qualname__ == name
    assert find_program(f"stories_for_test:{name}").__qualname__ == name


@pytest.mark.parametrize(
    ("name", "what", "mend"),
    [
        ("hello", "'hello' names no program", "package.module:function"),
        ("{file}:", "names no program", "path/to/file.py:function"),
        ("{file}:helo", "no function 'helo'; did you mean 'hello'?", "hello, hello_again"),
        ("{file}:ANSWER", "'ANSWER' is a int, not a function", "async function"),
        ("{file}:for_someone", "needs arguments (name)", "give them defaults"),
        ("storys_for_test:hello", "did you mean 'stories_for_test'?", "current folder"),
        ("replay_ws.sessio:hello", "did you mean 'replay_ws.session'?", "current folder"),
        ("{folder}/stories.py:hello", "there is no such file; did you mean", "name a Python file"),
        ("{folder}:hello", "there is no such file", "name a Python file"),
    ],
)
def test_what_cannot_be_found_is_named_with_the_nearest(
    source: Path, name: str, what: str, mend: str
) -> None:
    with pytest.raises(ProgramError) as refused:
        find_program(name.format(file=source, folder=source.parent))
    assert what in refused.value.what
    assert mend in refused.value.mend


@pytest.mark.parametrize(
    ("body", "line", "what"),
    [
        ("x = 1\nraise ValueError('no colour')", 2, "ValueError: no colour"),
        ("import nothing_like_it", 1, "ModuleNotFoundError: No module named 'nothing_like_it'"),
        ("\ndef broken(:", 2, "SyntaxError"),
        ("import sys\nsys.exit(3)", 2, "SystemExit: 3"),
    ],
)
def test_a_module_that_cannot_be_loaded_is_named_with_the_line(
    source: Path, body: str, line: int, what: str
) -> None:
    source.write_text(body)
    for name in (f"{source}:hello", "stories_for_test:hello"):
        with pytest.raises(ProgramError) as refused:
            find_program(name)
        assert refused.value.where == f"{source}:{line}"
        assert what in refused.value.what


def test_the_line_is_named_also_in_a_file_that_is_called_programs(source: Path) -> None:
    own = source.with_name("programs.py")
    own.write_text("x = 1\nx / 0")
    with pytest.raises(ProgramError) as refused:
        find_program(f"{own}:hello")
    assert refused.value.where == f"{own}:2"


def test_a_file_that_is_called_like_a_module_in_use_does_not_replace_it(source: Path) -> None:
    import json

    own = source.with_name("json.py")
    own.write_text("async def hello(): pass")
    find_program(f"{own}:hello")
    import json as again

    assert again is json
