"""Redaction: secrets leave no trace, what is no secret stays as it was, to the byte."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay_ws.cassette.redaction import Redactor
from replay_ws.cassette.redaction.keys import SecretKeys
from replay_ws.cassette.writer import save
from replay_ws.errors import CassetteError, ConfigError
from replay_ws.events.encoding import decode, encode
from replay_ws.events.log import Channel, Connection, Log, Op

API_KEY = "sk-proj-4f9aKq1Zx8Lm20Pq7Rt5"
BEARER = "tok.9f8e7d6c5b4a39281706"
OPAQUE = "0pAqUe9x8y7z6w5v4u3t"
PASSWORD = 'correct "horse" é'


@pytest.mark.parametrize(
    "key",
    [
        "authorization",
        "Proxy-Authorization",
        "api_key",
        "apikey",
        "X-API-Key",
        "openaiApiKey",
        "token",
        "access_token",
        "refreshToken",
        "ID-TOKEN",
        "password",
        "passwd",
        "pwd",
        "user_password",
        "secret",
        "client_secret",
        "clientSecret",
        "cookie",
        "Set-Cookie",
        "private_key",
        "credentials",
        "aws_secret_access_key",
        "XApiKey",
        "DB_PASSWORD",
        "api_keys",
    ],
)
def test_these_keys_hold_secrets(key: str) -> None:
    assert Redactor().value({key: "abc"}) == {key: "<secret-1>"}


@pytest.mark.parametrize(
    "key",
    [
        "max_tokens",
        "token_count",
        "total_tokens",
        "primary_key",
        "monkey",
        "prompt_tokens_details",
        "secretary",
        "public_key",
        "keyboard",
        "tokenizer",
        "passage",
        "password_hint",
        "secret_name",
        "key",
        "type",
        "authority",
        "author",
        "cookie_policy",
        "Sec-WebSocket-Key",
    ],
)
def test_these_keys_hold_none(key: str) -> None:
    body = encode({key: "abc", "n": 5})
    assert Redactor().clean(Op.OBJECT, body) is body


def test_own_keys_are_secret_and_allowed_ones_are_not() -> None:
    redactor = Redactor(extra_keys=["ssn", "Employee-Id"], allow_keys=["token"])
    plain = {"ssn": 12, "employeeId": "e1", "token": "Hello", "access_token": "a", "lesson": 1}
    assert redactor.value(plain) == {
        "ssn": "<secret-1>",
        "employeeId": "<secret-2>",
        "token": "Hello",
        "access_token": "<secret-3>",
        "lesson": 1,
    }
    assert decode(redactor.clean(Op.OBJECT, encode({"ssn": 7}))) == {"ssn": "<secret-4>"}  # type: ignore[arg-type]


def test_long_or_odd_keys_are_no_trouble() -> None:
    keys = SecretKeys()
    assert "" not in keys
    assert "x" * 1000 + "_token" not in keys
    assert 5 not in keys


def test_a_str_is_one_own_key() -> None:
    plain = {"iban": "DE1", "i": "b"}
    assert Redactor(extra_keys="iban").value(plain) == {"iban": "<secret-1>", "i": "b"}
    assert Redactor(allow_keys="token").value({"token": "a"}) == {"token": "a"}


@pytest.mark.parametrize("keys", [5, [5], [None], b"iban", "", [""], ["iban", "*"]])
def test_what_is_no_key_is_refused(keys: Any) -> None:
    with pytest.raises(ConfigError, match="is no key"):
        Redactor(extra_keys=keys)
    with pytest.raises(ConfigError, match="mend: "):
        Redactor(allow_keys=keys)


def test_every_scalar_behind_a_secret_key_goes_and_nothing_else() -> None:
    plain = {"credentials": {"user": "u", "id": 5, "ok": True, "none": None, "tags": ["a", 1.5]}}
    assert Redactor().value(plain) == {
        "credentials": {
            "user": "<secret-1>",
            "id": "<secret-2>",
            "ok": True,
            "none": None,
            "tags": ["<secret-3>", "<secret-4>"],
        }
    }


def test_the_same_secret_has_the_same_placeholder_and_placeholders_stay() -> None:
    redactor = Redactor()
    once = redactor.value([{"token": "a"}, {"password": "b"}, {"secret": "a"}])
    assert once == [{"token": "<secret-1>"}, {"password": "<secret-2>"}, {"secret": "<secret-1>"}]
    assert redactor.value(once) == once
    assert Redactor().value(once) == once


def test_a_secret_is_found_again_where_it_turns_up_by_itself() -> None:
    redactor = Redactor()
    redactor.value({"password": PASSWORD})
    assert redactor.text(f"login with {PASSWORD} failed") == "login with <secret-1> failed"
    echo = json.dumps({"said": PASSWORD, "twice": json.dumps([PASSWORD])})
    cleaned = redactor.clean(Op.TEXT, echo)
    assert isinstance(cleaned, str)
    assert json.loads(cleaned) == {"said": "<secret-1>", "twice": '["<secret-1>"]'}
    assert redactor.clean(Op.OBJECT, encode([PASSWORD])) == encode(["<secret-1>"])
    assert redactor.clean(Op.BINARY, PASSWORD.encode()) == b"<secret-1>"


@pytest.mark.parametrize(
    "plain",
    [
        {"note": f"key is {OPAQUE}", "api_key": OPAQUE},
        {OPAQUE: 1, "password": OPAQUE},
        {"a": [{OPAQUE: {"b": OPAQUE}}, json.dumps({OPAQUE: OPAQUE})], "url": f"?token={OPAQUE}"},
    ],
)
def test_a_secret_goes_also_before_what_gives_it_away(plain: Any) -> None:
    text = json.dumps(plain)
    clean = json.loads(text.replace(OPAQUE, "<secret-1>"))
    assert Redactor().clean(Op.TEXT, text) == text.replace(OPAQUE, "<secret-1>")
    assert Redactor().text(text) == text.replace(OPAQUE, "<secret-1>")
    assert Redactor().clean(Op.BINARY, text.encode()) == text.replace(OPAQUE, "<secret-1>").encode()
    assert Redactor().clean(Op.OBJECT, encode(plain)) == encode(clean)
    assert Redactor().value(plain) == clean


def test_bytes_are_keys_too() -> None:
    plain = {b"password": OPAQUE, OPAQUE.encode(): 1, b"\xff": 2}
    clean = {b"password": "<secret-1>", b"<secret-1>": 1, b"\xff": 2}
    assert Redactor().value(plain) == clean
    assert Redactor().clean(Op.OBJECT, encode(plain)) == encode(clean)
    pairs = [[b"authorization", b"Bearer " + OPAQUE.encode()]]
    assert Redactor().value(pairs) == [[b"authorization", b"Bearer <secret-1>"]]


def test_the_word_password_as_a_password_spares_the_keys() -> None:
    redactor = Redactor()
    assert redactor.value({"password": "password"}) == {"password": "<secret-1>"}
    assert redactor.value({"password": "secret"}) == {"password": "<secret-2>"}
    assert redactor.text("<secret-2>") == "<secret-2>"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (f"key {API_KEY}.", "key <secret-1>."),
        ("ghp_" + "a1" * 18, "<secret-1>"),
        ("github_pat_" + "a1" * 18, "<secret-1>"),
        ("xoxb-123456789012-abcdef", "<secret-1>"),
        ("AKIAIOSFODNN7EXAMPLE", "<secret-1>"),
        ("AIza" + "Sy1-" * 9, "<secret-1>"),
        ("jwt eyJhbGciOiJ9.eyJzdWIiOiIx.c2lnbmF0dXJl end", "jwt <secret-1> end"),
        ("Bearer abc123def", "Bearer <secret-1>"),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic <secret-1>"),
        ("cookie: a=b; c=d\nnext: x", "cookie: <secret-1>\nnext: x"),
        ("postgres://me:hunter2@db/x", "postgres://me:<secret-1>@db/x"),
        ("https://ghtoken@host/", "https://<secret-1>@host/"),
        ("wss://h/?api_key=abc&q=1#f", "wss://h/?api_key=<secret-1>&q=1#f"),
        ("wss://h/?to=http://i/?token=abc", "wss://h/?to=http://i/?token=<secret-1>"),
        ("retry with password: hunter2", "retry with password: <secret-1>"),
        ('half of {"password": "hunter2", "x', 'half of {"password": "<secret-1>", "x'),
        ('half of {"password": "hunt', 'half of {"password": "<secret-1>'),
        ('{"pass\\u0077ord": "hunter2"', '{"pass\\u0077ord": "<secret-1>"'),
        ('{"pass\\u0077ord": "hunter2"}', '{"pass\\u0077ord": "<secret-1>"}'),
        ('half of {"pwd": "a\\"b", "x": 1', 'half of {"pwd": "<secret-1>", "x": 1'),
        (r"of {\"pwd\": \"a\\\"b\", \"x\"", r"of {\"pwd\": \"<secret-1>\", \"x\""),
        ('{"cmd": "password=\'a b\'", "x', '{"cmd": "password=\'<secret-1>\'", "x'),
        ('password="a b" user="c"', 'password="<secret-1>" user="c"'),
        ("password='a b' user='c'", "password='<secret-1>' user='c'"),
        (
            "?to=https%3A%2F%2Fh%2F%3Ftoken%3Dabc%26q%3D1",
            "?to=https%3A%2F%2Fh%2F%3Ftoken%3D<secret-1>%26q%3D1",
        ),
        ("/x%253Ftoken%253Dabc&y=1", "/x%253Ftoken%253D<secret-1>&y=1"),
        ("https://h/?q=1&X-Amz-Signature=abc", "https://h/?q=1&X-Amz-Signature=<secret-1>"),
        ("https://h/?sig=abc&signature=def", "https://h/?sig=<secret-1>&signature=<secret-2>"),
        ("/%3Fsig%3Dabc%26q", "/%3Fsig%3D<secret-1>%26q"),
        ("glpat-" + "a1" * 10, "<secret-1>"),
        ("whsec_" + "a1" * 10, "<secret-1>"),
        (
            "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n",
            "<secret-1>\n",
        ),
    ],
)
def test_what_looks_like_a_secret_goes(text: str, clean: str) -> None:
    redactor = Redactor()
    assert redactor.clean(Op.TEXT, text) == clean
    assert redactor.text(clean) == clean
    assert Redactor().clean(Op.BINARY, text.encode()) == clean.encode()
    assert Redactor().clean(Op.BINARY, b"\xff" + text.encode()) == b"\xff" + clean.encode()
    assert Redactor().clean(Op.OBJECT, encode({"note": text})) == encode({"note": clean})


@pytest.mark.parametrize(
    "text",
    [
        "a basic understanding of the bearer token and the secret of it",
        "task-123456789012345 risk-1 max_tokens=5 total_tokens: 12",
        "pk_users_account_name me@example.org at 5:30",
        "https://example.org/a@b?page=2&author=x",
        '{"type": "token", "data": {"key": "value", "password": null, "secret": false}}',
        "[1, 2",
        'def f(signature="x", sig=5) max_tokens="5" token_count=\'6\' "signature": "abc"',
        "?max_tokens%3D5%26page%3D2 \\u0061bc whsec_x glpat-y",
        "Monkey: business, the password: ask me",
    ],
)
def test_what_only_sounds_like_a_secret_stays(text: str) -> None:
    assert Redactor().clean(Op.TEXT, text) is text
    body = encode({"note": text})
    assert Redactor().clean(Op.OBJECT, body) is body


def test_json_text_keeps_its_formatting() -> None:
    text = (
        ' { "a" :1.50e0, "\\u0061pi_key":"x\\"y" ,"b":[ NaN,-Infinity, "\\u00e9\\/" ] , "pwd":42}\n'
    )
    assert Redactor().clean(Op.TEXT, text) == (
        ' { "a" :1.50e0, "\\u0061pi_key":"<secret-1>" ,"b":[ NaN,-Infinity, "\\u00e9\\/" ] ,'
        ' "pwd":"<secret-2>"}\n'
    )


def test_repeated_json_keys_all_count() -> None:
    assert Redactor().text('{"pwd":"a","pwd":"b"}') == '{"pwd":"<secret-1>","pwd":"<secret-2>"}'


def test_json_inside_a_json_string_is_followed() -> None:
    text = json.dumps({"arguments": json.dumps({"api_key": "zz", "n": json.dumps({"pwd": "yy"})})})
    cleaned = json.loads(Redactor().text(text))
    assert json.loads(cleaned["arguments"])["api_key"] == "<secret-1>"
    assert "yy" not in str(cleaned)


def test_json_too_deep_to_follow_is_searched_as_text() -> None:
    text = "[" * 100_000 + f'"{API_KEY}", {{"password": "hunter2"}}'
    cleaned = Redactor().text(text)
    assert API_KEY not in cleaned
    assert "hunter2" not in cleaned


def test_headers_are_known_in_every_way_that_they_are_written() -> None:
    assert Redactor().value(
        {
            "map": {"Authorization": f"Bearer {BEARER}", "Accept": "*/*"},
            "pairs": [["X-Api-Key", "k"], ["Accept", "*/*"]],
            "har": [{"name": "Cookie", "value": "a=b"}, {"name": "Accept", "value": "*/*"}],
            "keyed": [{"key": "Authorization", "value": "q"}, {"value": "r", "header": "X-Token"}],
        }
    ) == {
        "map": {"Authorization": "Bearer <secret-1>", "Accept": "*/*"},
        "pairs": [["X-Api-Key", "<secret-2>"], ["Accept", "*/*"]],
        "har": [{"name": "Cookie", "value": "<secret-3>"}, {"name": "Accept", "value": "*/*"}],
        "keyed": [
            {"key": "Authorization", "value": "<secret-4>"},
            {"value": "<secret-5>", "header": "X-Token"},
        ],
    }


def test_a_token_behind_its_scheme_is_the_same_secret_alone() -> None:
    redactor = Redactor()
    redactor.value({"authorization": f"Bearer {BEARER}"})
    assert redactor.text(f"rejected {BEARER}") == "rejected <secret-1>"


@dataclass
class Login:
    user: str
    password: str


def test_names_of_pairs_and_keys_are_looked_at_too() -> None:
    redactor = Redactor()
    assert redactor.value([[API_KEY, 1], ["a", API_KEY]]) == [
        ["<secret-1>", 1],
        ["a", "<secret-1>"],
    ]
    redactor.value({"password": "hunter2"})
    assert redactor.value({"hunter2": {API_KEY: 1}}) == {"<secret-2>": {"<secret-1>": 1}}


def test_many_schemes_are_no_trouble() -> None:
    value = "bearer " * 5000 + "x"
    assert Redactor().value({"token": value}) == {"token": "bearer <secret-1>"}
    assert Redactor().value(Pair("a", {"token": "b"})) == ("a", {"token": "<secret-1>"})


class Pair(NamedTuple):
    name: str
    value: object


def test_streams_of_events_are_followed_line_by_line() -> None:
    text = 'event: login\ndata: {"pwd": 1234, "ok": true}\n\ndata: {"pwd": [5678]}\n\n'
    assert Redactor().text(text) == (
        'event: login\ndata: {"pwd": "<secret-1>", "ok": true}\n\ndata: {"pwd": ["<secret-2>"]}\n\n'
    )


def test_foreign_extensions_are_searched_as_bytes() -> None:
    body = encode([msgpack.ExtType(5, b"Bearer abc123def")])
    assert Redactor().clean(Op.OBJECT, body) == encode([msgpack.ExtType(5, b"Bearer <secret-1>")])
    timestamp = b"\x92\xd6\xff\0\0\0\0"
    cleaned = Redactor().clean(Op.OBJECT, timestamp + encode("Bearer abc123def"))
    assert cleaned == timestamp + encode("Bearer <secret-1>")


def test_tagged_types_keep_their_tags() -> None:
    day = datetime(2026, 1, 2, 3, 4)
    plain = {"at": day, "who": Login("u", "pw"), "t": ("a", {"token": UUID(int=5)}), "s": {"x", 1}}
    body = encode(plain)
    cleaned = Redactor().clean(Op.OBJECT, body)
    clean = {**plain, "who": Login("u", "<secret-1>"), "t": ("a", {"token": "<secret-2>"})}
    assert cleaned == encode(clean)


def test_a_set_stays_canonical() -> None:
    secret = "sk-" + "z9" * 10
    cleaned = Redactor().clean(Op.OBJECT, encode({secret, "a", "zz"}))
    assert cleaned == encode({"<secret-1>", "a", "zz"})


def test_bytes_that_are_not_canonical_are_searched_as_text() -> None:
    body = b"\xc1 Bearer abc123def"
    assert Redactor().clean(Op.OBJECT, body) == b"\xc1 Bearer <secret-1>"


def recording(redactor: Redactor) -> Log:
    """A log whose payloads, headers and URLs are full of secrets."""
    log = Log()
    channel = log.add_channel(Channel("mock"), 0)
    log.add_connection(Connection("thread-1", "message", channel), 0)
    payload = {"api_key": API_KEY, "auth": {"password": PASSWORD}, "bearer": f"Bearer {BEARER}"}
    handshake = {
        "url": f"wss://user:{PASSWORD[:7]}1@host/ws?access_token={BEARER}&key={API_KEY}",
        "headers": {"Authorization": f"Bearer {BEARER}", "X-Api-Key": API_KEY, "Cookie": PASSWORD},
    }
    log.note(Op.HANDSHAKE, 0, 0, redactor.value(handshake))
    bodies: list[tuple[Op, Any]] = [
        (Op.OBJECT, encode(payload)),
        (Op.TEXT, json.dumps(payload)),
        (Op.TEXT, json.dumps(payload, ensure_ascii=False, indent=1)),
        (Op.TEXT, json.dumps({"arguments": json.dumps({"inner": json.dumps(payload)})})),
        (Op.TEXT, f"the key {API_KEY} and the password {PASSWORD} with Bearer {BEARER}"),
        (Op.BINARY, json.dumps(payload).encode()),
        (Op.BINARY, b"\x00\xff" + f"{API_KEY} Bearer {BEARER}".encode()),
        (Op.OBJECT, encode([{API_KEY: 1}, f"https://h/?token={BEARER}", PASSWORD])),
    ]
    for op, body in bodies:
        log.append(op, 0, 0, 0, 0, redactor.clean(op, body))
    return log


def test_a_recording_holds_no_trace_of_the_secrets(tmp_path: Path) -> None:
    redactor = Redactor()
    save(recording(redactor), tmp_path / "a.rws", volatile=redactor.value({"argv": API_KEY}))
    data = (tmp_path / "a.rws").read_bytes()
    for trace in (API_KEY, BEARER, "horse", "correct"):
        assert trace.encode() not in data
        assert json.dumps(trace)[1:-1].encode() not in data
    assert data.count(b"<secret-") > 20
    error = CassetteError(redactor.text(f"cannot connect with {API_KEY} to ?pwd={BEARER}"))
    assert re.search(f"{API_KEY}|{BEARER}", str(error)) is None


@pytest.mark.parametrize(
    "piece",
    ["a", "a.", "sk-", "eyJ", "eyJ-", "eyJaaaaa.", "://", "://a", "a://", "=", "a=", "a:", "\\\\",
     '"', '"a":"', "Bearer ", "bearer  ", " ", "cookie:", "-----BEGIN ",
     "-----BEGIN PRIVATE KEY-----", "github_pat_", "token=", "{", "[[", "@", "xoxb-",
     "AKIA", "Basic a", "%", "%25", "%3D", "token%3D", "token%3Da%2", "?", "?sig=", "\\u0061",
     "'a':'", "token='", 'token=\\"', "a='", '"token":"a\\\\', "glpat-", "whsec_"],
)  # fmt: skip
def test_the_time_for_a_message_grows_with_its_size_only(piece: str) -> None:
    text = "token " + piece * (200_000 // len(piece))
    start = time.process_time()
    Redactor().clean(Op.TEXT, text)
    Redactor().clean(Op.TEXT, '{"a": ' + json.dumps(text) + "}")
    assert time.process_time() - start < 3


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.just("token"), inner),
    max_leaves=20,
)


@settings(deadline=None)
@given(json_values)
def test_cleaning_twice_is_cleaning_once(value: Any) -> None:
    redactor = Redactor()
    for op, body in [(Op.TEXT, json.dumps(value)), (Op.OBJECT, encode(value))]:
        once = redactor.clean(op, body)
        assert redactor.clean(op, once) == once
        assert redactor.text(str(once)) == redactor.text(redactor.text(str(once)))


@settings(deadline=None)
@given(st.binary())
def test_any_bytes_can_be_cleaned(data: bytes) -> None:
    for op in (Op.OBJECT, Op.BINARY):
        assert isinstance(Redactor().clean(op, data + b" bearer x token"), bytes)


@settings(deadline=None)
@given(st.text(min_size=6))
def test_a_password_never_stays(password: str) -> None:
    redactor = Redactor()
    body = redactor.clean(Op.OBJECT, encode({"password": password}))
    assert isinstance(body, bytes)
    if password.strip():
        assert decode(body) == {"password": "<secret-1>"} or "<secret-" in password


def test_a_key_that_is_offered_as_a_subprotocol_is_a_secret() -> None:
    offered = "realtime, openai-insecure-api-key.ek_68af296e8e408191a1120ab6383263c2"
    cleaned = Redactor().value({"Sec-WebSocket-Protocol": offered})
    assert cleaned == {"Sec-WebSocket-Protocol": "realtime, openai-insecure-api-key.<secret-1>"}
