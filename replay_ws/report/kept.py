"""What lies beside the session of a failed test, for the commands that take it up again.

The pytest plugin writes it, ``diff`` and ``accept`` read it: which golden the session differs from,
how the two were compared, and the command that runs the test again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

COMPARISON = "comparison.json"
RERUN = "rerun.txt"


@dataclass(frozen=True, slots=True)
class Kept:
    """``how`` are options of ``compare``; ``golden`` is None where the test had another fault."""

    golden: Path | None = None
    how: Mapping[str, Any] = field(default_factory=dict)
    rerun: str = ""


def is_ci() -> bool:
    """Whether this is a CI job: the variable CI is something other than empty, 0 or false."""
    return os.environ.get("CI", "").lower() not in ("", "0", "false")


def comparison_text(folder: Path, golden: Path, how: Mapping[str, Any]) -> str:
    """What ``COMPARISON`` holds; the golden is named as ``folder`` sees it, wherever that goes."""
    seen = Path(os.path.relpath(golden, folder)).as_posix()
    return json.dumps({"golden": seen, "how": dict(how)}, indent=2)


def read_kept(session: Path) -> Kept | None:
    """What lies beside a session; None where it is not one that a failed test left."""
    folder = session.parent
    try:
        rerun = (folder / RERUN).read_text("utf-8").strip()
    except (OSError, ValueError):
        return None
    try:
        said = json.loads((folder / COMPARISON).read_text("utf-8"))
        golden = Path(os.path.relpath((folder / said["golden"]).resolve()))
        how = dict(said["how"])
    except (OSError, ValueError, KeyError, TypeError):
        return Kept(rerun=rerun)
    return Kept(golden, how, rerun)
