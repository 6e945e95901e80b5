"""Importing: JSON lines and HAR files, as text or from a file.

``import_jsonl`` and ``import_har`` are pure; ``import_file`` reads the file for them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from replay_ws.errors import ConfigError, SourceError, unknown
from replay_ws.recorder.har import import_har
from replay_ws.recorder.jsonl import export_jsonl, import_jsonl
from replay_ws.session import Session

__all__ = ["FORMATS", "export_jsonl", "import_file", "import_har", "import_jsonl"]

FORMATS = {"har": import_har, "jsonl": import_jsonl}


def import_file(
    path: str | os.PathLike[str], *, format: str | None = None, **options: Any
) -> Session:
    """The session in a file; without ``format``, one that ends in ``.har`` is a HAR file.

    ``options`` are those of the format's function. The session's ``source`` is the file's name,
    without its folder, unless it is given. Raises SourceError when the file cannot be read.
    """
    file = Path(path)
    chosen = format or ("har" if file.suffix.lower() == ".har" else "jsonl")
    if chosen not in FORMATS:
        raise unknown("format", chosen, FORMATS)
    if chosen == "har" and "gap_ms" in options:
        raise ConfigError(
            "a HAR file has times of its own", where=str(path), mend="leave the gap out"
        )
    try:
        data = file.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise SourceError(
            f"it cannot be read: {reason}", where=str(path), mend="name a file that exists"
        ) from error
    return FORMATS[chosen](data, **{"source": file.name, "where": str(path), **options})
