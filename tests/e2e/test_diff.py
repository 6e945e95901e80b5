"""``replay-ws diff`` as a process, on ten thousand events of ten connections."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import jsonschema_rs
import pytest

import replay_ws as rws
from replay_ws.events.log import Direction, Header, Op
from replay_ws.recorder.transcript import Moment, Transcript
from tests.e2e.commands import data, said

COUNT = 10_000
LOST, CHANGED, LATE = 5_013, 6_016, 7_019


def story() -> dict[int, Moment]:
    """A token each millisecond, from ten connections in turn."""
    return {n: token(n, n) for n in range(COUNT)}


def token(n: int, says: int, late_ns: int = 0) -> Moment:
    text = json.dumps({"type": "token", "n": says})
    return Moment(n * 10**6 + late_ns, f"t{n % 10}", Direction.DOWNSTREAM, Op.TEXT, text)


def save(moments: dict[int, Moment], path: Path) -> None:
    transcript = Transcript(link="message")
    for moment in moments.values():
        transcript.add(moment, "story")
    rws.save(transcript.session(Header(), None), path)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a golden and a run that differs from it in three ways."""
    folder = tmp_path_factory.mktemp("planted")
    moments = story()
    save(moments, folder / "golden.rws")
    moments[CHANGED] = token(CHANGED, says=-1)
    moments[LATE] = token(LATE, LATE, late_ns=500_000)
    del moments[LOST]
    save(moments, folder / "run.rws")
    return folder


def test_what_differs_among_ten_thousand_events_is_on_one_page(place: Path) -> None:
    lines = said("diff", "golden.rws", "run.rws", cwd=place, code=1).splitlines()
    assert len(lines) <= 40
    first = next(at for at, line in enumerate(lines) if line.startswith("first divergence: "))
    assert lines[first].startswith(f"first divergence: missing #{LOST} t3 < token")
    assert f"golden #{LOST} ≙ run after #" in lines[first + 1]
    assert "t=+5.013 s" in lines[first + 1]
    assert f"  ~ changed #{CHANGED} t6 < token: $.n: {CHANGED} -> -1, t=+6.016 s" in lines
    assert f"  » timing #{LATE} t9 < token: 500 us late, t=+7.019 s" in lines


def test_the_json_has_all_of_it_and_is_what_its_schema_says(place: Path) -> None:
    found = data("diff", "golden.rws", "run.rws", cwd=place, code=1)
    schema = files("replay_ws.report") / "schemas" / "diff.schema.json"
    jsonschema_rs.validator_for(json.loads(schema.read_text("utf-8"))).validate(found)
    told = {each["category"]: each["golden"] for each in found["divergences"]}
    assert told == {"missing": LOST, "changed": CHANGED, "timing": LATE}


def test_what_may_differ_makes_no_difference(place: Path) -> None:
    pair = ("diff", "golden.rws", "run.rws", "--allow", "missing,changed")
    said(*pair, cwd=place, code=1)
    said(*pair, "--tolerance-ms", "0.4", cwd=place, code=1)
    said(*pair, "--tolerance-ms", "0.5", cwd=place)
