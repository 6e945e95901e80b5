"""Which keys hold secrets.

A key is compared by its words: ``accessToken``, ``access-token`` and ``X-Access-Token`` all end
with the word ``token``. Only whole words at the end count, so ``max_tokens``, ``token_count``,
``primary_key`` and ``monkey`` hold none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

Words = tuple[str, ...]

_ENDINGS: tuple[Words, ...] = (
    ("access", "key"),
    ("api", "key"),
    ("auth", "key"),
    ("encryption", "key"),
    ("private", "key"),
    ("secret", "key"),
    ("signing", "key"),
    ("subscription", "key"),
    ("apikey",),
    ("authorization",),
    ("cookie",),
    ("cookies",),
    ("credential",),
    ("credentials",),
    ("passwd",),
    ("password",),
    ("passwords",),
    ("pwd",),
    ("secret",),
    ("secrets",),
    ("token",),
)

_BOUNDARY = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[^A-Za-z0-9]+")
_KEY_SIZE_MAX = 128
_CACHE_MAX = 10_000


def words_of(key: str) -> Words:
    """The words of a key, in lower case: ``XApiKey`` and ``x-api-key`` are x, api, key."""
    return tuple(word.lower() for word in _BOUNDARY.split(key) if word)


class SecretKeys:
    """The keys whose values are secret: the usual ones, ``extra`` ones, less those ``allowed``."""

    def __init__(self, extra: Iterable[str] = (), allowed: Iterable[str] = ()) -> None:
        self._extra = tuple(words_of(key) for key in extra)
        self._allowed = frozenset(words_of(key) for key in allowed)
        self._known: dict[str, bool] = {}

    @property
    def extra_words(self) -> tuple[str, ...]:
        """A word of every extra key, for a first look at a text."""
        return tuple(max(words, key=len) for words in self._extra if words)

    def __contains__(self, key: object) -> bool:
        if not isinstance(key, str) or len(key) > _KEY_SIZE_MAX:
            return False
        known = self._known.get(key)
        if known is None:
            known = self._matches(words_of(key))
            if len(self._known) < _CACHE_MAX:
                self._known[key] = known
        return known

    def _matches(self, words: Words) -> bool:
        if not words or words in self._allowed:
            return False
        endings = (*_ENDINGS, *self._extra)
        # x-apikey and apiKEY lose the boundary between their words; so compare them joined, too.
        joined = "".join(words)
        return any(words[-len(end) :] == end or joined == "".join(end) for end in endings if end)
