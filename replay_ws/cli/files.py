"""Files that commands read and write besides cassettes."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from replay_ws.cassette.writer import PartialFile
from replay_ws.errors import ConfigError


def save_text(output: Path, text: str) -> None:
    """Write a file, whole or not at all."""
    file = PartialFile(output)
    try:
        file.write(text.encode("utf-8", "backslashreplace"))
        file.commit()
    except BaseException:
        file.discard()
        raise


def read_volatile(path: Path) -> Mapping[str, object]:
    """The [volatile] table of a TOML file; raises ConfigError."""
    try:
        table = tomllib.loads(path.read_text("utf-8-sig")).get("volatile")
    except (OSError, ValueError) as error:
        what = getattr(error, "strerror", None) or str(error)
        raise ConfigError(f"this cannot be read: {what}", where=str(path), mend=_MEND) from error
    if not isinstance(table, dict):
        raise ConfigError("there is no [volatile] table in it", where=str(path), mend=_MEND)
    return table


_MEND = "name a file that `replay-ws learn RUN1 RUN2 -o FILE` wrote"
