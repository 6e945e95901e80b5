"""The text of something to import, whatever wrote it."""

from __future__ import annotations

import codecs

from replay_ws.cassette.format import MAGIC
from replay_ws.errors import SourceError

_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def text_of(data: str | bytes, where: str) -> str:
    """``data`` as text without its byte order mark; SourceError when it is none or empty.

    UTF-8, or UTF-16 with a mark: what PowerShell's ``>`` writes.
    """
    text = data if isinstance(data, str) else _decode(data, where)
    text = text.removeprefix("\ufeff")
    if not text or text.isspace():
        raise SourceError("the file is empty", where=where, mend="record it again")
    return text


def _decode(data: bytes, where: str) -> str:
    if data.startswith(MAGIC):
        raise SourceError("this is a cassette already", where=where, mend=f"replay-ws info {where}")
    encoding = "utf-16" if data.startswith(_UTF_16) else "utf-8"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise SourceError(
            f"the file is not text: byte {error.start} does not belong to {encoding.upper()}",
            where=where,
            mend="give JSON lines or a HAR file, in UTF-8",
        ) from error
