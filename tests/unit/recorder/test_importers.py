"""Files to import, and what is not one."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import replay_ws
from replay_ws.errors import ConfigError, ReplayWsError, SourceError
from replay_ws.recorder.importers import FORMATS, import_file

HAR = (
    '{"log":{"entries":[{"request":{"url":"ws://h/"},"_webSocketMessages":'
    '[{"type":"receive","time":1693314200,"opcode":1,"data":"hi"}]}]}}'
)


def test_the_ending_says_what_a_file_is(tmp_path: Path) -> None:
    har, jsonl = tmp_path / "a.HAR", tmp_path / "a.txt"
    har.write_text(HAR)
    jsonl.write_text(HAR)
    assert import_file(har).connections == ("h",)
    assert import_file(jsonl).connections == ("stream",)
    assert import_file(jsonl, format="har").connections == ("h",)
    assert import_file(har).log.header.source == "a.HAR"


def test_an_unknown_format_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="har, jsonl"):
        import_file(tmp_path / "a.txt", format="pcap")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing.har", tmp_path / "nul\0.har"):
        with pytest.raises(SourceError) as caught:
            import_file(path)
        assert caught.value.where == str(path)


def test_an_error_names_the_file_as_it_was_given(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("{}\noops")
    with pytest.raises(SourceError) as caught:
        import_file(path)
    assert caught.value.where == f"{path}:2"


def test_a_cassette_needs_no_import(tmp_path: Path) -> None:
    path = tmp_path / "a.rws"
    replay_ws.save(FORMATS["jsonl"]("{}"), path)
    with pytest.raises(SourceError, match="already"):
        import_file(path)


@pytest.mark.parametrize("format", FORMATS)
@given(data=st.binary() | st.text().map(str.encode) | st.from_regex(r"\{.*\}").map(str.encode))
def test_no_bytes_raise_anything_but_our_errors(format: str, data: bytes) -> None:
    with suppress(ReplayWsError):
        FORMATS[format](data)


@given(st.integers(0, len(HAR)), st.text(max_size=3))
def test_no_damage_to_a_har_file_raises_anything_but_our_errors(place: int, junk: str) -> None:
    with suppress(SourceError):
        FORMATS["har"](HAR[:place] + junk + HAR[place + len(junk) :])
