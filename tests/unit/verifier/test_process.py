"""How a program gets into another process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

PROGRAM = """
import asyncio, sys
import replay_ws as rws

print("loaded as", __name__, file=sys.stderr)

async def main():
    await asyncio.sleep(1)
    return 1

class Agent:
    async def work(self):
        return type(self).__name__
"""
CALL = "result = rws.run({}, verify=True).verified\nprint(result.checked, *result.notes)\n"


def said(*words: str, cwd: Path) -> str:
    done = subprocess.run(
        [sys.executable, *words],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("loaded as __main__") <= 1
    return done.stdout


def guarded(call: str) -> str:
    body = "".join(f"    {line}\n" for line in call.splitlines())
    return f'{PROGRAM}\nif __name__ == "__main__":\n{body}'


@pytest.mark.parametrize("program", ["main", "Agent().work"])
def test_a_guarded_script_is_loaded_under_another_name(tmp_path: Path, program: str) -> None:
    (tmp_path / "script.py").write_text(guarded(CALL.format(program)))
    assert said("script.py", cwd=tmp_path) == "('heap', 'hash seed')\n"


def test_a_script_without_a_guard_is_not_loaded_again(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(PROGRAM + CALL.format("main"))
    told = said("script.py", cwd=tmp_path)
    assert told.startswith("('heap',) hash seed: it stands in the script that runs")
    assert told.rstrip().endswith('under if __name__ == "__main__":')


def test_a_module_that_runs_as_a_script_is_imported_by_its_name(tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "other.py").write_text("NUMBER = 1\n")
    (package / "tool.py").write_text(f"from .other import NUMBER\n{guarded(CALL.format('main'))}")
    assert said("-m", "package.tool", cwd=tmp_path) == "('heap', 'hash seed')\n"


def test_a_module_that_runs_a_check_when_it_is_imported_is_checked_once(tmp_path: Path) -> None:
    (tmp_path / "eager.py").write_text(PROGRAM + CALL.format("main"))
    (tmp_path / "script.py").write_text("import eager\n")
    assert said("script.py", cwd=tmp_path) == "('heap', 'hash seed')\n"


def test_a_module_that_cannot_be_loaded_elsewhere_is_a_note(tmp_path: Path) -> None:
    (tmp_path / "moody.py").write_text("import sys\nassert 'host' in sys.modules\n" + PROGRAM)
    call = "import sys\nsys.modules['host'] = sys\nimport moody\nfrom moody import rws\n"
    (tmp_path / "script.py").write_text(call + CALL.format("moody.main"))
    told = said("script.py", cwd=tmp_path)
    assert "('heap',) hash seed: the program cannot be loaded in another process: Asser" in told


def test_a_python_that_ignores_the_environment_has_one_hash_seed(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(guarded(CALL.format("main")))
    call = f"import sys, runpy\nsys.path.insert(0, {str(ROOT)!r})\nsys.argv = ['script.py']\n"
    call += "runpy.run_path('script.py', run_name='__main__')"
    assert "this Python ignores PYTHONHASHSEED" in said("-E", "-c", call, cwd=tmp_path)
