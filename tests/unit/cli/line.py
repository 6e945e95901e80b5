"""The command line, called in this process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from replay_ws.cli.app import main


class Line:
    """The command line, in a folder of its own."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.capsys = capsys
        self.err = ""

    def said(self, *words: str, code: int = 0) -> str:
        """What a command that must end with ``code`` says on stdout."""
        with pytest.raises(SystemExit) as ended:
            main(words)
        out, self.err = self.capsys.readouterr()
        assert ended.value.code == code, out + self.err
        return out

    def data(self, *words: str, code: int = 0) -> Any:
        """The JSON that a command says."""
        return json.loads(self.said(*words, "--json", code=code))
