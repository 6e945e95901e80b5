"""Which keys hold secrets.

A key is compared by its words: ``accessToken``, ``access-token`` and ``X-Access-Token`` all end
with the word ``token``. Only whole words at the end count, so ``max_tokens``, ``token_count``,
``primary_key`` and ``monkey`` hold none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from replay_ws.errors import ConfigError

Words = tuple[str, ...]

_ENDINGS: tuple[Words, ...] = (
    ("access", "key"),
    ("api", "key"),
    ("api", "keys"),
    ("auth", "key"),
    ("encryption", "key"),
    ("private", "key"),
    ("secret", "key"),
    ("signing", "key"),
    ("subscription", "key"),
    ("apikey",),
    ("apikeys",),
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
    """The keys whose values are secret: the usual ones, ``extra`` ones, less those ``allowed``.

    A str is one key. Raises ConfigError for a key that is no str or has no words.
    """

    def __init__(self, extra: str | Iterable[str] = (), allowed: str | Iterable[str] = ()) -> None:
        self._extra = _listed(extra) if extra != () else ()
        self._allowed = _listed(allowed) if allowed != () else ()
        self._known: dict[str, bool] = {}

    @property
    def extra_words(self) -> tuple[str, ...]:
        """A word of every extra key, for a first look at a text."""
        return tuple(max(words, key=len) for words in self._extra)

    def __contains__(self, key: object) -> bool:
        if isinstance(key, bytes):
            key = key.decode("latin-1")
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
        return any(words[-len(end) :] == end or joined == "".join(end) for end in endings)


def _listed(keys: str | Iterable[str]) -> tuple[Words, ...]:
    """The words of each key that the user gave."""
    if not isinstance(keys, str | Iterable):
        raise ConfigError(f"{keys!r} is no key", mend="name a key, or list keys")
    return tuple(_given(key) for key in ([keys] if isinstance(keys, str) else keys))


def _given(key: object) -> Words:
    words = words_of(key) if isinstance(key, str) else ()
    if not words:
        mend = "write a key as a str with letters a-z or digits, such as 'employee_id'"
        raise ConfigError(f"{key!r} is no key whose value could be told", mend=mend)
    return words
