"""The README's examples are run, and what they print is what stands there.

``python tools/readme.py`` writes the outputs anew, ``--check`` compares them and exits 1 when one
differs. Blocks run in order, in one empty folder: a ``python`` block in one namespace with those
before it, a ``console`` block by the words behind ``$``. A ``text`` block holds what the python
block before it printed. A block that begins with the name of a file, as a comment, is that file.
Commands other than those of ``COMMANDS`` are shown, not run; times that a clock measured are left
out.
"""

from __future__ import annotations

import contextlib
import difflib
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"

COMMANDS = {
    "replay-ws": [sys.executable, "-m", "replay_ws"],
    "pytest": [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"],
    "sed": ["sed"],
}

_BLOCK = re.compile(r"^```(python|text|console|toml|yaml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"# (\S+\.(?:py|toml|yml))\n")
_MEASURED = re.compile(r" in \d+\.\d\ds\b")


class Examples:
    """Runs one block after the other and returns each as it should stand in the README."""

    def __init__(self) -> None:
        self._names: dict[str, Any] = {"__name__": "readme"}
        self._printed = ""

    def redone(self, block: re.Match[str]) -> str:
        """The block with its output as it is now."""
        kind, body = block.groups()
        if kind == "python":
            self._printed = self._python(body)
        elif kind == "text" and self._printed:
            body, self._printed = self._printed, ""
        elif kind == "console":
            body = self._console(body)
        else:
            _write_file(body)
        return f"```{kind}\n{body}```"

    def _python(self, source: str) -> str:
        printed = io.StringIO()
        name = _write_file(source)
        with contextlib.redirect_stdout(printed):
            exec(compile(source, name or "README.md", "exec"), self._names)
        return printed.getvalue()

    def _console(self, body: str) -> str:
        shown = []
        for part in re.split(r"^(?=\$ )", body, flags=re.MULTILINE):
            command, _, _ = part.partition("\n")
            words = shlex.split(command.removeprefix("$ "), comments=True)
            runs = words[:1] and words[0] in COMMANDS
            shown.append(f"{command}\n{_run(words)}" if runs else part)
        return "".join(shown)


def _write_file(source: str) -> str:
    """Write a block that is a file, for later commands; returns its name."""
    name = _FILE.match(source)
    if name is None:
        return ""
    Path(name[1]).parent.mkdir(parents=True, exist_ok=True)
    Path(name[1]).write_text(source, encoding="utf-8")
    return name[1]


def _run(words: list[str]) -> str:
    environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1", "CI": ""}
    done = subprocess.run(
        [*COMMANDS[words[0]], *words[1:]],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        env=environment,
        check=False,
    )
    said = _MEASURED.sub("", done.stdout)
    return "".join(f"{line.rstrip()}\n" for line in said.splitlines())


def redone(text: str) -> str:
    """The README's text with all outputs as they are now."""
    examples = Examples()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        shutil.copytree(ROOT / "cassettes", "cassettes")
        sys.path.insert(0, folder)
        return _BLOCK.sub(examples.redone, text)


def main() -> int:
    """Write or check the README."""
    stands = README.read_text(encoding="utf-8")
    now = redone(stands)
    if "--check" not in sys.argv[1:]:
        README.write_text(now, encoding="utf-8")
        print("README.md: outputs written anew" if now != stands else "README.md: up to date")
        return 0
    difference = list(
        difflib.unified_diff(stands.splitlines(), now.splitlines(), "README.md", "now", lineterm="")
    )
    print("\n".join(difference) or "README.md: up to date")
    if difference:
        print("mend: python tools/readme.py, and read what changed", file=sys.stderr)
    return int(bool(difference))


if __name__ == "__main__":
    sys.exit(main())
