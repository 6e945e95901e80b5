"""The redactor: secrets out, placeholders in, before anything is recorded.

What counts as a secret: the values behind secret keys (``keys``), strings that look like secrets
(``patterns``), and whatever was once found to be one and turns up again, in the same message also
before the place that gave it away: what told of new secrets is gone through twice. A secret becomes
``<secret-1>``, the next one ``<secret-2>``: ordinals, because a hash could be searched for. Equal
secrets get equal placeholders, and placeholders stay as they are.

Nearly every message holds no secret, so ``clean`` takes one look and returns the body that it was
given. Only what is suspicious is taken apart. JSON text keeps its spacing, order and escapes: it is
changed token by token.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from typing import Any, Self, TypeVar

import msgpack

from replay_ws.cassette.redaction.keys import SecretKeys
from replay_ws.cassette.redaction.patterns import (
    PLACEHOLDER,
    looks_made_up,
    looks_suspicious,
    looks_suspicious_bytes,
    redact_patterns,
)
from replay_ws.events.encoding import (
    FROZENSET,
    NAMED,
    SET,
    TUPLE,
    EncodingError,
    decode,
    encode,
)
from replay_ws.events.log import STRUCTURED

ECHO_SIZE_MIN = 6
"""Characters that a secret must have to be replaced also where it turns up by itself."""
ECHOES_MAX = 100
"""Secrets that are looked for in every later message."""

_JSON_LEAF = re.compile(
    r'"(?:[^"\\]|\\.)*"|-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|-?Infinity|NaN|true|false|null'
)
_SCHEME = re.compile(r"((?:bearer|basic|token|digest)\s+)(\S.*)", re.IGNORECASE | re.DOTALL)
_UNESCAPED_RUN = re.compile(r"[A-Za-z0-9 ._-]{4,}")
_PART_OF_PLACEHOLDER = re.compile(r"<?s?e?c?r?e?t?-?\d*>?")


_NAMES = frozenset(("name", "key", "header"))
"""Keys whose value may be the name of what stands beside it as ``value``."""

_Text = TypeVar("_Text", str, bytes)
_Any = TypeVar("_Any")


class _Pairs(list[tuple[str, Any]]):
    """A JSON object as it was written, with its repeated keys."""


class Redactor:
    """Replaces secrets by placeholders, and remembers which is which.

    The values of ``extra_keys`` are secret too; those of ``allow_keys`` are not, although the keys
    look it. A str is one key. Raises ConfigError for what is no key.
    """

    def __init__(
        self, extra_keys: str | Iterable[str] = (), allow_keys: str | Iterable[str] = ()
    ) -> None:
        self._keys = SecretKeys(extra_keys, allow_keys)
        self._forget()

    def fresh(self) -> Self:
        """A redactor for the same keys, which has seen no secret yet."""
        other = copy(self)
        other._forget()
        return other

    def _forget(self) -> None:
        self._placeholders: dict[str, str] = {}
        self._echoes: list[str] = []  # longest first
        # Lower-case words beyond the usual ones that make a text suspicious.
        self._hints = list(self._keys.extra_words)
        self._hints_bytes = [hint.encode() for hint in self._hints]

    # --- the three ways in -------------------------------------------------------------------

    def clean(self, op: int, body: str | bytes) -> str | bytes:
        """The body of a row without secrets; the very same object if it has none."""
        if isinstance(body, str):
            text = self.text(body) if self._is_suspicious(body) else body
            return body if text == body else text
        lowered = body.lower()
        if not looks_suspicious_bytes(lowered) and not _has_any(lowered, self._hints_bytes):
            return body
        cleaned = self._fully(self._packed if op in STRUCTURED else self._binary, body)
        return body if cleaned == body else cleaned

    def text(self, text: str) -> str:
        """``text`` without secrets; JSON keeps its formatting."""
        return self._fully(self._text, text)

    def value(self, plain: Any) -> Any:
        """Plain data, such as headers, without secrets."""
        return self._fully(self._value, plain)

    def _fully(self, clean: Callable[[_Any], _Any], message: _Any) -> _Any:
        """``message`` cleaned, and once more if that told of secrets: they may stand anywhere."""
        known = len(self._echoes)
        once = clean(message)
        return clean(once) if len(self._echoes) > known else once

    def _text(self, text: str) -> str:
        if text.lstrip()[:1] in ("{", "["):
            try:
                return self._json(text)
            except (ValueError, RecursionError):
                pass  # not JSON after all, or too deep to follow
        text = self._plain(text)
        if "{" in text:  # events of a stream, or JSON lines
            text = "".join(map(self._line, text.splitlines(keepends=True)))
        return text

    def _is_suspicious(self, text: str) -> bool:
        lowered = text.lower()
        return bool(looks_suspicious(lowered)) or _has_any(lowered, self._hints)

    # --- secrets and what stands for them ----------------------------------------------------

    def _replace(self, secret: str) -> str:
        """What stands for ``secret``; for ``Bearer abc`` the scheme stays."""
        if with_scheme := _SCHEME.fullmatch(secret):
            scheme, secret = with_scheme.groups()
        else:
            scheme = ""
        if not secret.strip() or PLACEHOLDER.fullmatch(secret):
            return scheme + secret
        if secret not in self._placeholders:
            self._placeholders[secret] = f"<secret-{len(self._placeholders) + 1}>"
            self._listen_for(secret)
        return scheme + self._placeholders[secret]

    def _listen_for(self, secret: str) -> None:
        """Look for ``secret`` in later texts."""
        echoes = len(secret) >= ECHO_SIZE_MIN and not _PART_OF_PLACEHOLDER.fullmatch(secret)
        if echoes and len(self._echoes) < ECHOES_MAX:
            self._echoes = sorted([*self._echoes, secret], key=len, reverse=True)
            # A run that reads the same in JSON, in UTF-8 and in a URL gives it away in all of them.
            hint = max(_UNESCAPED_RUN.findall(secret), key=len, default=secret).lower()
            self._hints.append(hint)
            self._hints_bytes.append(hint.encode("utf-8", "surrogatepass"))

    def _plain(self, text: str, *, made_up: bool = False) -> str:
        """``text`` without patterns and echoes; with ``made_up``, echoes that are words stay."""
        text = redact_patterns(text, self._keys, self._replace)
        for secret in self._echoes:
            if secret in text and not (made_up and not looks_made_up(secret)):
                text = text.replace(secret, self._placeholders[secret])
        return text

    # --- structures --------------------------------------------------------------------------

    def _value(self, value: Any, *, secret: bool = False) -> Any:
        """``value`` without secrets; ``secret`` says that it stands behind a secret key."""
        match value:
            case str():
                if secret:
                    return self._replace(value)
                return self._text(value) if self._is_suspicious(value) else value
            case None | bool():
                return value
            case bytes():
                if secret:
                    return self._replace(value.decode("latin-1")).encode("latin-1")
                return self._binary(value)
            case dict():
                return dict(self._items(value.items(), secret=secret))
            case _Pairs():
                return _Pairs(self._items(value, secret=secret))
            case msgpack.ExtType():
                return self._ext(value, secret=secret)
            case list() | tuple():
                return _like(value, self._array(value, secret=secret))
            case set() | frozenset():
                return {self._value(item, secret=secret) for item in value}
            case _:
                return self._replace(str(value)) if secret else value

    def _items(
        self, items: Iterable[tuple[Any, Any]], *, secret: bool
    ) -> Iterator[tuple[Any, Any]]:
        items = list(items)
        # {"name": "Authorization", "value": ...}, as HAR and others write headers.
        named = any(key in _NAMES and value in self._keys for key, value in items)
        for key, value in items:
            hidden = secret or key in self._keys or (named and key == "value")
            yield self._key(key), self._value(value, secret=hidden)

    def _key(self, key: Any) -> Any:
        match key:
            case str():
                # Some password may be the word "password", which stays a key.
                return self._plain(key, made_up=True) if self._is_suspicious(key) else key
            case bytes():
                text = self._key(key.decode(errors="surrogateescape"))
                return text.encode(errors="surrogateescape")
            case _:
                return self._value(key)

    def _array(self, items: Sequence[Any], *, secret: bool) -> list[Any]:
        if all(isinstance(item, list | tuple) and _is_pair(item) for item in items):
            # [["Authorization", ...], ...], as headers that may repeat are written.
            return [_like(item, self._pair(*item, secret=secret)) for item in items]
        return [self._value(item, secret=secret) for item in items]

    def _pair(self, name: str | bytes, value: Any, *, secret: bool) -> list[Any]:
        hidden = secret or name in self._keys
        return [self._value(name, secret=secret), self._value(value, secret=hidden)]

    def _ext(self, ext: Any, *, secret: bool) -> Any:
        if ext.code not in (TUPLE, SET, FROZENSET, NAMED):
            if secret:
                return self._replace(str(decode(encode(ext))))
            return ext._replace(data=self._binary(ext.data))
        items = _unpack(ext.data)
        if ext.code == NAMED:
            return ext._replace(data=encode([items[0], self._value(items[1], secret=secret)]))
        packed = [encode(item) for item in self._array(items, secret=secret)]
        if ext.code != TUPLE:
            packed.sort()
        return ext._replace(data=msgpack.Packer().pack_array_header(len(packed)) + b"".join(packed))

    # --- bodies ------------------------------------------------------------------------------

    def _packed(self, body: bytes) -> bytes:
        try:
            decode(body)  # refuses what is not canonical, and what is too deep to follow
            return encode(self._value(_unpack(body)))
        except EncodingError:
            return self._binary(body)

    def _binary(self, data: bytes) -> bytes:
        try:
            return self._text(data.decode()).encode()
        except UnicodeDecodeError:
            return self._plain(data.decode("latin-1")).encode("latin-1")

    def _line(self, line: str) -> str:
        """A line that may end with JSON, as ``data: {...}`` does."""
        start = line.find("{")
        try:
            return line[:start] + self._json(line[start:]) if start >= 0 else line
        except (ValueError, RecursionError):
            return line

    def _json(self, text: str) -> str:
        """JSON with other leaves in the same places; raises ValueError if it is no JSON."""
        before = json.loads(text, object_pairs_hook=_Pairs)
        after = self._value(before)
        if after == before:
            return text
        pieces, end = [], 0
        changes = zip(_JSON_LEAF.finditer(text), _leaves(before), _leaves(after), strict=True)
        for found, old, new in changes:
            if old is not new and old != new:
                pieces += [
                    text[end : found.start()],
                    json.dumps(new, ensure_ascii=found[0].isascii()),
                ]
                end = found.end()
        return "".join([*pieces, text[end:]]) if pieces else text


def _has_any(text: _Text, words: list[_Text]) -> bool:
    for word in words:  # noqa: SIM110 - half the time of any(), on every message
        if word in text:
            return True
    return False


def _leaves(value: Any) -> Iterator[Any]:
    """Keys and scalars of parsed JSON, in the order in which they are written."""
    if isinstance(value, _Pairs):
        for key, item in value:
            yield key
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def _like(original: Any, items: list[Any]) -> Any:
    """``items`` as a tuple where a tuple was."""
    return tuple(items) if isinstance(original, tuple) else items


def _is_pair(item: Sequence[Any]) -> bool:
    return len(item) == 2 and isinstance(item[0], str | bytes)


def _unpack(packed: bytes) -> Any:
    """Canonical data with its extension types as they are, so that it packs to the same bytes."""
    return msgpack.unpackb(packed, strict_map_key=False, unicode_errors="surrogatepass")
