"""What secrets look like in a text, wherever they stand."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable

from replay_ws.cassette.redaction.keys import SecretKeys

Replace = Callable[[str], str]
"""Gives the placeholder of a secret."""

# One regex with every word that can give a secret away, for a first look at lower-case text. Each
# word is anchored at a rare letter, because nearly all of what the search costs is the letters at
# which it stops to look: of `token` it sees the k first, of `secret` the c.
_SUSPICIOUS = (
    r"k(?:ey|(?<=tok)en|(?<=cook)ie|(?<=[spr]k)[-_]|(?<=ak)ia)"  # key token cookie sk- akia
    r"|c(?:(?<=sec)ret|redential|(?<=whsec)_)"
    r"|w(?:(?<=passw)|(?<=pw)d)"
    r"|z(?:(?<=authoriz)|(?<=aiz)a)"
    r"|b(?:earer\s|asic\s|egin\s|(?<=github)_pat_)"
    r"|j(?<=eyj)|g(?=h[pousr]_|lpat-|(?:nature)?[=%])|x(?=ox)|@"
    r"|\\u00(?:2d|3\d|[46][1-9a-f]|5[0-9af]|7[0-9a])"  # of a key that JSON escapes
)
looks_suspicious = re.compile(_SUSPICIOUS).search
"""Finds the first hint at a secret in a lower-case str; most texts have none."""
looks_suspicious_bytes = re.compile(_SUSPICIOUS.encode()).search
"""The same for lower-case bytes."""

SHAPE_SIZE_MIN = 15
"""Characters that a secret has at least which nothing but its shape gives away."""

PLACEHOLDER = re.compile(r"<secret-\d+>")
"""What stands for a secret."""

# A frame may be a megabyte of anything, so every pattern is linear: runs end for good (`++`), or
# are bounded, or begin only where no run goes on.
_CREDENTIALS = re.compile(
    r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|\Z)"
    r"|(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{5,}+\.[A-Za-z0-9_-]{5,}+(?:\.[A-Za-z0-9_-]*)?"
    r"|\b(?:sk|pk|rk)[-_](?=[A-Za-z_-]{0,64}[0-9])[A-Za-z0-9_-]{12,}"
    r"|\bgh[pousr]_[A-Za-z0-9]{16,}|\bgithub_pat_[A-Za-z0-9_]{16,}"
    r"|\bxox[a-z]-[A-Za-z0-9-]{10,}"
    r"|\bAKIA[0-9A-Z]{16}\b|\bAIza[0-9A-Za-z_-]{20,}"
    r"|\bglpat-[A-Za-z0-9_-]{16,}|\bwhsec_[A-Za-z0-9+/=]{16,}",
    re.DOTALL | re.ASCII,
)
_BEARER = re.compile(r"\b(Bearer\s+)([A-Za-z0-9._~+/=-]{6,})", re.IGNORECASE | re.ASCII)
_BASIC = re.compile(r"\b(Basic\s+)([A-Za-z0-9+/=]{4,})", re.IGNORECASE | re.ASCII)
# Browsers cannot set headers on a WebSocket, so some services take the key as a subprotocol.
_SUBPROTOCOL = re.compile(r"(\bapi-key\.)([A-Za-z0-9_-]{6,})", re.IGNORECASE | re.ASCII)
_USERINFO = re.compile(
    r"(?<![A-Za-z0-9+.-])([A-Za-z][A-Za-z0-9+.-]{0,30}://)([^\s/@\"'<>?#:]*+):?+([^\s/@\"'<>?#]*+)@"
)
_HEADER = re.compile(
    r"\b((?:proxy-)?authorization|(?:set-)?cookie)([ \t]*:[ \t]*)([^\r\n\"]+)",
    re.IGNORECASE | re.ASCII,
)
# A key in quotes, as it is or with JSON escapes, or a bare one; in a URL within a URL behind `%3F`.
_PAIR_HEAD = re.compile(
    r"""(?:(\\{0,8}["'])(?P<quoted>(?:[A-Za-z0-9_.-]|\\{1,8}u00[0-9A-Fa-f]{2}){1,128}+)\1"""
    r"|(?P<before>[?&]|%(?:25){0,4}[0-9A-Fa-f]{2}|(?<![A-Za-z0-9_.-]))(?P<bare>[A-Za-z0-9_.-]++))"
    r"(?P<sign>\s{0,8}[=:]\s{0,8}|%(?:25){0,4}3[Dd])"
)
# Quotes in a string in a string are written with backslashes, and escapes with as many more. A
# quote that nothing closes goes on to the end of its line.
_QUOTED_VALUE = re.compile(r"""((\\{0,8})["'])(?P<value>(?:\2\\\2.|(?!\1).)++)""")
_BARE_VALUE = re.compile(r"(?P<value>[^\s&;,\"'<>#]+)")
_ENCODED_VALUE = re.compile(r"(?P<value>(?:(?!%(?:25){0,4}2[36])[^\s&;,\"'<>#])+)")
_ESCAPE = re.compile(r"\\+u00(..)")
_SIGNATURES = frozenset(("sig", "signature", "x-amz-signature"))
_PARAMETER = re.compile(r"[?&]|%(?:25){0,4}(?:3[Ff]|26)")


def looks_made_up(text: str) -> bool:
    """Whether ``text`` is a made-up string rather than a word of a sentence."""
    return len(text) >= 20 or not text.isalpha() or re.search("[a-z][A-Z]", text) is not None


def _is_basic(text: str) -> bool:
    try:
        return b":" in base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False


def redact_patterns(text: str, keys: SecretKeys, replace: Replace) -> str:
    """``text`` without what looks like a secret or stands behind a secret key."""
    if len(text) < SHAPE_SIZE_MIN and text.isidentifier():
        return text  # one short word

    def header(found: re.Match[str]) -> str:
        name, sign, value = found.groups()
        known = name not in keys or PLACEHOLDER.search(value)
        return found[0] if known else name + sign + replace(value)

    def userinfo(found: re.Match[str]) -> str:
        scheme, user, password = found.groups()
        return f"{scheme}{user}:{replace(password)}@" if password else f"{scheme}{replace(user)}@"

    def bearer(found: re.Match[str]) -> str:
        return found[1] + replace(found[2]) if looks_made_up(found[2]) else found[0]

    def basic(found: re.Match[str]) -> str:
        return found[1] + replace(found[2]) if _is_basic(found[2]) else found[0]

    text = _USERINFO.sub(userinfo, text) if "://" in text else text
    text = _CREDENTIALS.sub(lambda found: replace(found[0]), text)
    text = _SUBPROTOCOL.sub(lambda found: found[1] + replace(found[2]), text)
    text = _BEARER.sub(bearer, text)
    text = _BASIC.sub(basic, text)
    text = _HEADER.sub(header, text)
    return _redact_pairs(text, keys, replace)


def _redact_pairs(text: str, keys: SecretKeys, replace: Replace) -> str:
    """``key=value`` and ``key: value``; a value may hold such pairs itself, as a URL does."""
    pieces, end = [], 0
    for found in _PAIR_HEAD.finditer(text):
        if found.start() >= end and _is_secret(found, keys) and (value := _value_of(found, text)):
            pieces += [text[end : value.start("value")], replace(value["value"])]
            end = value.end("value")
    return "".join([*pieces, text[end:]])


def _is_secret(head: re.Match[str], keys: SecretKeys) -> bool:
    if quoted := head["quoted"]:
        return _ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), quoted) in keys
    if head["bare"].lower() in _SIGNATURES:  # elsewhere than in a URL they are no secrets
        return _PARAMETER.fullmatch(head["before"]) is not None
    return head["bare"] in keys


def _value_of(head: re.Match[str], text: str) -> re.Match[str] | None:
    if head["sign"].startswith("%"):
        return _ENCODED_VALUE.match(text, head.end())
    if quoted := _QUOTED_VALUE.match(text, head.end()):
        return quoted
    value = _BARE_VALUE.match(text, head.end())
    bare = value and head["bare"] and ("=" in head["sign"] or looks_made_up(value[0]))
    return value if bare else None
