"""Every command as a process: what it says, how it ends, what it leaves behind."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from replay_ws import api
from tests.e2e.commands import ROOT, data, replay_ws, said

PROGRAM = """
import asyncio
from replay_ws import MockWebSocketManager

EVENTS = ["agent_started", "agent_thinking", "tool_executing", "tool_completed", "agent_completed"]

async def story(events=EVENTS):
    mock = MockWebSocketManager()
    for number, event in enumerate(events):
        await mock.send_to_thread("thread-1", {"type": event, "number": number, "tool_name": "t"})
        await asyncio.sleep(0.01)
    print("told")

async def fails():
    await story(EVENTS[:3])
    raise ValueError("no colour; Authorization: Bearer abcdef0123456789abcdef0123456789")

async def stops_at_nothing():
    await story(EVENTS[:1])
    raise SystemExit(0)

async def waits_for_ever():
    await story(EVENTS[:2])
    await asyncio.get_running_loop().create_future()

def no_coroutine():
    return 3
"""


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``replay-ws record`` makes of the program."""
    folder = tmp_path_factory.mktemp("golden")
    (folder / "stories.py").write_text(PROGRAM)
    said("record", "stories.py:story", "-o", "golden.rws", "--seed", 7, cwd=folder)
    return folder / "golden.rws"


@pytest.fixture
def place(tmp_path: Path, golden: Path) -> Path:
    """A folder with the program and its golden."""
    (tmp_path / "stories.py").write_text(PROGRAM)
    shutil.copy(golden, tmp_path)
    return tmp_path


def names_in(place: Path) -> set[str]:
    return {path.name for path in place.iterdir()} - {"__pycache__"}


# --- the main job --------------------------------------------------------------------------


def test_record_says_what_was_recorded_and_what_to_do_next(place: Path) -> None:
    done = replay_ws("record", "stories:story", "-o", "again.rws", "--seed", 7, cwd=place)
    first, ledger, digest, following = done.stdout.splitlines()
    assert first == "recorded again.rws: 1 connection, ended ok"
    assert ledger == "  5 messages: 5 delivered; 50 ms of virtual time"
    assert digest == f"  digest {api.load(place / 'golden.rws').digest}"
    assert following == "next: replay-ws replay again.rws --mode packet_loss --seed 1"
    assert done.stderr == "told\n", "what a program prints is no result"
    assert (place / "again.rws").read_bytes() == (place / "golden.rws").read_bytes()


def test_a_replay_without_options_comes_back_bit_for_bit(place: Path) -> None:
    first = said("replay", "golden.rws", "-o", "same.rws", cwd=place).splitlines()[0]
    assert first == "golden.rws came back bit for bit"
    assert (place / "same.rws").read_bytes() == (place / "golden.rws").read_bytes()


def test_a_replay_in_place_is_not_compared_with_itself(place: Path) -> None:
    text = said("replay", "golden.rws", "-o", "./golden.rws", "--force", cwd=place)
    assert text.splitlines()[-1] == "next: replay-ws check golden.rws"


def test_a_replay_says_what_became_of_the_messages_and_where_it_departs(place: Path) -> None:
    lines = said(
        "replay", "golden.rws", "--mode", "packet_loss", "--set", "packet_loss_rate=1",
        "-o", "lost.rws", cwd=place,
    ).splitlines()  # fmt: skip
    assert lines[0] == "replayed golden.rws under --mode packet_loss --set packet_loss_rate=1"
    assert lines[1] == "  5 messages: 0 delivered, 5 lost (loss)"
    assert lines[2].startswith("  against the source: 5 missing; first: missing #0 ")
    assert lines[-1] == "next: replay-ws diff golden.rws lost.rws"


def test_a_setting_without_a_mode_changes_the_recorded_configuration(place: Path) -> None:
    said("replay", "golden.rws", "--set", "latency_ms=30", "-o", "late.rws", cwd=place)
    lines = said("diff", "golden.rws", "late.rws", cwd=place, code=1).splitlines()
    assert lines[0].startswith("different: golden.rws and late.rws   (mode normal latency_ms=30.0")
    assert lines[-2] == "  see     replay-ws diff golden.rws late.rws --tolerance-ms 30"
    assert lines[-1] == "  accept  replay-ws accept late.rws golden.rws"
    said("diff", "golden.rws", "late.rws", "--tolerance-ms", 30, cwd=place)


def test_a_mode_among_the_settings_wins_over_the_option(place: Path) -> None:
    both = ("--mode", "packet_loss", "--set", "mode=slow_network")
    found = data("record", "stories.py:story", *both, "-o", "slow.rws", cwd=place)
    assert found["modes"] == ["slow_network"]


def test_diff_answers_first_shows_the_first_divergence_and_ends_with_a_command(
    place: Path,
) -> None:
    loss = ("--mode", "packet_loss", "--seed", 3, "--set", "packet_loss_rate=0.5")
    said("replay", "golden.rws", *loss, "-o", "lossy.rws", cwd=place)
    lines = said("diff", "golden.rws", "lossy.rws", cwd=place, code=1).splitlines()
    assert lines[0].startswith("different: golden.rws and lossy.rws   (mode packet_loss")
    assert "missing" in lines[1]
    assert any(line.startswith("first divergence: missing #") for line in lines)
    assert any(line.startswith("  - missing ") for line in lines)
    assert lines[-2].startswith("  see     replay-ws ")
    assert lines[-1] == "  accept  replay-ws accept lossy.rws golden.rws"
    assert len(lines) <= 40
    found = data("diff", "golden.rws", "lossy.rws", cwd=place, code=1)
    assert found["counts"]["missing"] == len(found["divergences"])


def test_diff_of_a_cassette_with_itself_is_empty(place: Path) -> None:
    lines = said("diff", "golden.rws", "golden.rws", cwd=place).splitlines()
    assert lines[0] == "same: golden.rws and golden.rws deliver the same 5 events"
    assert data("diff", "golden.rws", "golden.rws", cwd=place)["divergences"] == []


def test_check_passes_the_golden_and_finds_what_a_loss_breaks(place: Path) -> None:
    assert said("check", "golden.rws", cwd=place).startswith("compliant: golden.rws: agent5 1.000")
    said("record", "stories.py:fails", "-o", "short.rws", cwd=place, code=2)
    assert said("check", "short.rws", cwd=place, code=1).startswith("not compliant: short.rws")
    assert not data("check", "short.rws", cwd=place, code=1)["ok"]


# --- looking at cassettes ------------------------------------------------------------------


def test_cat_shows_number_time_connection_direction_type_and_payload(place: Path) -> None:
    lines = said("cat", "golden.rws", cwd=place).splitlines()
    assert any(
        line.split() == ["1", "0.010000", "thread-1", "<", "agent_thinking",
                         '{"number":1,"tool_name":"t"}']
        for line in lines
    )  # fmt: skip
    assert max(map(len, lines)) <= 100
    assert said("cat", "golden.rws", "--limit", 2, cwd=place).endswith(" more lines\n")
    assert len(data("cat", "golden.rws", cwd=place)["events"]) == 5


def test_an_inserted_event_adds_lines_for_git_and_changes_none(place: Path) -> None:
    inserted = PROGRAM.replace('"tool_executing", ', '"tool_executing", "agent_thinking", ')
    (place / "other.py").write_text(inserted.replace('"number": number, ', ""))
    (place / "stories.py").write_text(PROGRAM.replace('"number": number, ', ""))
    for program in ("stories", "other"):
        said("record", f"{program}:story", "-o", f"{program}.rws", cwd=place)
    before = said("cat", "--textconv", "stories.rws", cwd=place).splitlines()
    after = said("cat", "--textconv", "other.rws", cwd=place).splitlines()
    added = after.copy()
    for line in before:
        added.remove(line)
    assert added == ['0< object {"type":"agent_thinking","tool_name":"t"}']


def test_info_sums_a_cassette_up(place: Path) -> None:
    text = said("info", "golden.rws", cwd=place)
    assert text.startswith("golden.rws: 5 messages on 1 connection, ended ok\n")
    facts = data("info", "golden.rws", cwd=place)
    assert facts["digest"] in text
    assert facts["ledger"]["delivered"] == 5


def test_a_damaged_cassette_is_verified_described_and_recovered(place: Path) -> None:
    whole = (place / "golden.rws").read_bytes()
    (place / "cut.rws").write_bytes(whole[:-150])
    assert said("verify", "golden.rws", cwd=place).startswith("intact: golden.rws")
    lines = said("verify", "golden.rws", "cut.rws", cwd=place, code=1).splitlines()
    assert lines[-1] == "next: replay-ws recover cut.rws -o recovered.rws"
    for command in ("info", "cat"):
        said(command, "cut.rws", cwd=place, code=1)
    assert "\n  mend: replay-ws recover cut.rws" in replay_ws("cat", "cut.rws", cwd=place).stderr
    (place / "head.rws").write_bytes(whole[:60])
    lines = said("verify", "head.rws", cwd=place, code=1).splitlines()
    assert lines[-1] == "mend: record the session again; no row is whole"
    done = replay_ws("diff", "golden.rws", "cut.rws", cwd=place)
    assert done.returncode == 2
    assert "replay-ws recover" in done.stderr
    said("recover", "cut.rws", "-o", "recovered.rws", cwd=place)
    said("verify", "recovered.rws", cwd=place)


def test_what_is_exported_can_be_imported(place: Path) -> None:
    lines = said("export", "golden.rws", cwd=place).splitlines()
    assert [json.loads(line)["type"] for line in lines][:2] == ["agent_started", "agent_thinking"]
    assert data("export", "golden.rws", cwd=place) == [json.loads(line) for line in lines]
    said("export", "golden.rws", "-o", "golden.jsonl", cwd=place)
    said("import", "golden.jsonl", "-o", "imported.rws", cwd=place)
    assert said("diff", "golden.rws", "imported.rws", cwd=place).startswith("same:")


@pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")
def test_git_shows_a_cassette_as_lines_once_it_is_set_up(place: Path) -> None:
    done = replay_ws("git-setup", cwd=place)
    assert done.returncode == 2, "no repository yet"
    assert "mend: run this inside the repository" in done.stderr

    def git(*arguments: str) -> str:
        command = ["git", "-c", "user.name=n", "-c", "user.email=n@example.org", *arguments]
        env = {**os.environ, "PYTHONPATH": str(ROOT), "GIT_CEILING_DIRECTORIES": str(place.parent)}
        return subprocess.run(
            command, cwd=place, env=env, check=True, capture_output=True, text=True
        ).stdout

    git("init", "--quiet")
    assert len(data("git-setup", cwd=place)["changed"]) == 3
    assert data("git-setup", cwd=place)["changed"] == []
    git("config", "diff.replay_ws.textconv", f"{sys.executable} -m replay_ws cat --textconv")
    git("add", ".")
    git("commit", "--quiet", "--message", "one")
    said("replay", "golden.rws", "--seed", 8, "-o", "golden.rws", "--force", cwd=place)
    changed = [line for line in git("diff").splitlines() if line[:1] in "+-"]
    assert changed[2:] == [
        "-session seed=7 profile=agent5 source=",
        "+session seed=8 profile=agent5 source=",
    ]


def test_the_value_of_a_key_that_is_kept_stays_and_other_secrets_go(place: Path) -> None:
    story = PROGRAM.replace('"tool_name": "t"', '"token": "Hello", "password": "pa55 w0rd"')
    (place / "stream.py").write_text(story)
    said("record", "stream.py:story", "-o", "kept.rws", "--keep-key", "token", cwd=place)
    line = {"type": "x", "token": "Hello", "password": "pa55 w0rd"}
    (place / "events.jsonl").write_text(json.dumps(line))
    said("import", "events.jsonl", "-o", "imported.rws", "--keep-key", "token", cwd=place)
    for name in ("kept.rws", "imported.rws"):
        session = api.load(place / name)
        payload = session.events[0].payload
        assert (payload["token"], payload["password"]) == ("Hello", "<secret-1>")


# --- unkind use ----------------------------------------------------------------------------


def a_text_file(place: Path) -> None:
    (place / "bad.rws").write_text("this is no cassette\n" * 100)


def a_directory(place: Path) -> None:
    (place / "bad.rws").mkdir()


def nothing(place: Path) -> None:
    pass


def a_newer_version(place: Path) -> None:
    data = bytearray((place / "golden.rws").read_bytes())
    data[16] = 99  # the major version, behind the magic's 16 bytes
    (place / "bad.rws").write_bytes(data)


def an_empty_file(place: Path) -> None:
    (place / "bad.rws").touch()


@pytest.mark.parametrize("command", ["cat", "check", "diff", "export", "info", "replay", "verify"])
@pytest.mark.parametrize(
    "make_bad", [a_text_file, a_directory, nothing, a_newer_version, an_empty_file]
)
def test_what_is_no_cassette_is_named_with_a_way_out(
    place: Path, command: str, make_bad: Callable[[Path], None]
) -> None:
    make_bad(place)
    before = names_in(place)
    golden = ["golden.rws"] if command == "diff" else []
    done = replay_ws(command, *golden, "bad.rws", cwd=place)
    assert (done.returncode, done.stdout) == (2, ""), done.stdout + done.stderr
    first, *_, last = done.stderr.splitlines()
    assert first.startswith("error: bad.rws: ")
    assert last.startswith("  mend: ")
    assert "Traceback" not in done.stderr
    assert names_in(place) == before


RECORD = ("record", "stories.py:story")
REPLAY = ("replay", "golden.rws", "-o", "out.rws")


@pytest.mark.parametrize(
    ("arguments", "what", "mend"),
    [
        ((*REPLAY, "--mode", "paket_loss"), "did you mean 'packet_loss'?", "use one of: auth_fail"),
        ((*REPLAY, "--set", "latency=5"), "did you mean 'latency_ms'?", "packet_loss_rate"),
        ((*RECORD, "-o", "out.rws", "--profile", "agent"), "unknown profile 'agent'", "agent5"),
        (
            ("import", "x.jsonl", "-o", "out.rws", "--profile", "agent"),
            "unknown profile 'agent'",
            "agent5",
        ),
        ((*REPLAY, "--set", "packet_loss_rate=1.5"), "packet_loss_rate is 1.5", "within 0..1"),
        ((*REPLAY, "--set", "loss=0.5"), "unknown configuration field 'loss'", "packet_loss_rate"),
        ((*REPLAY, "--set", "latency_ms"), "'latency_ms' has no value", "--set FIELD=VALUE"),
        ((*REPLAY, "--seed", "x"), "'x' is not a valid integer", "replay-ws replay --help"),
        ((*RECORD, "-o", "golden.rws"), "golden.rws: this file exists", "--force"),
        ((*RECORD, "-o", "stories.py/out.rws"), "stories.py/out.rws: ", ""),
        ((*RECORD, "-o", "."), ".: this is a directory", "name a file"),
        ((*REPLAY[:2], "-o", "."), ".: this is a directory", "name a file"),
        ((*RECORD, "-o", "/proc/x.rws"), "the cassette cannot be written", "write elsewhere"),
        ((*RECORD, "-o", ".", "--force"), ".: this is a directory", "name a file"),
        ((*RECORD, "-o", "pipe.rws", "--force"), "pipe.rws: this is not a regular file", "name"),
        ((*RECORD, "-o", "no/such/folder/out.rws"), "no/such/folder/out.rws: ", "mkdir"),
        ((*RECORD, "-o", "out.rws", "--mode", "slow"), "unknown mode 'slow'", "slow_network"),
        (("record", "stories.py:stori", "-o", "out.rws"), "did you mean 'story'?", "fails"),
        (("record", "storys.py:story", "-o", "out.rws"), "did you mean 'stories.py'?", "file"),
        (("record", "stories.py:no_coroutine", "-o", "out.rws"), "be awaited", "async def"),
        (("replay", "golden.rws", "-o", "stories.py/out.rws"), "stories.py/out.rws: ", ""),
        (("check", "golden.rws", "--profile", "agent6"), "unknown profile 'agent6'", "agent5"),
        (("diff", "golden.rws", "golden.rws", "--order", "any"), "'any' is not one of", "--help"),
        (("import", "nothing.har", "-o", "out.rws"), "nothing.har: ", "name a file"),
        (("import", "golden.rws", "-o", "out.rws"), "golden.rws", ""),
        (("recover", "stories.py", "-o", "out.rws"), "stories.py: ", ""),
        (("recover", "golden.rws", "-o", "golden.rws"), "golden.rws: there is a file", "new"),
        (("export", "golden.rws", "-o", "no/such/out.jsonl"), "no/such/out.jsonl", ""),
        (("demo", "--cassettes", "."), "", ""),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_mistake_is_named_with_a_way_out_and_leaves_nothing_behind(
    place: Path, arguments: tuple[str, ...], what: str, mend: str
) -> None:
    if arguments[0] == "demo":
        (place / "golden.rws").write_bytes(b"cut")
        what, mend = "golden.rws: ", ""
    os.mkfifo(place / "pipe.rws")
    before = names_in(place)
    done = replay_ws(*arguments, cwd=place)
    assert (done.returncode, done.stdout) == (2, ""), done.stdout + done.stderr
    errors = [line for line in done.stderr.splitlines() if line != "told"]
    assert errors[0].startswith("error: ")
    assert what in errors[0]
    assert errors[-1].startswith("  mend: ")
    assert mend in errors[-1]
    assert "Traceback" not in done.stderr
    assert names_in(place) == before
    assert (place / "pipe.rws").is_fifo()


@pytest.mark.parametrize(
    ("arguments", "where", "mend"),
    [
        (("cat", "nothing.rws"), "nothing.rws", ""),
        (("diff", "golden.rws"), "replay-ws diff", "replay-ws diff --help"),
        ((*RECORD, "-o", "golden.rws"), "golden.rws", "--force"),
    ],
)
def test_an_error_is_json_too_where_json_was_asked_for(
    place: Path, arguments: tuple[str, ...], where: str, mend: str
) -> None:
    done = replay_ws(*arguments, "--json", cwd=place)
    assert done.returncode == 2
    error = json.loads(done.stdout)["error"]
    assert error["where"] == where
    assert mend in error["mend"]
    assert done.stderr == f"error: {where}: {error['what']}\n  mend: {error['mend']}\n"


def test_the_json_of_a_program_that_failed_is_one_document(place: Path) -> None:
    found = data("record", "stories.py:fails", "-o", "out.rws", cwd=place, code=2)
    assert found["cassette"] == "out.rws"
    assert found["error"]["what"].startswith("the program raised ValueError: no colour")


@pytest.mark.skipif(os.name != "posix", reason="a shell's redirection")
@pytest.mark.parametrize(
    "arguments",
    ["--help", "--version", "cat golden.rws", "info golden.rws", "diff golden.rws golden.rws",
     "cat golden.rws --json", "cat nothing.rws"],
)  # fmt: skip
@pytest.mark.parametrize("closed", ["stdout", "stderr", "both"])
def test_a_closed_stream_is_no_fault_of_ours(place: Path, arguments: str, closed: str) -> None:
    shut = {"stdout": ">&-", "stderr": "2>&-", "both": ">&- 2>&-"}[closed]
    done = subprocess.run(
        f"'{sys.executable}' -m replay_ws {arguments} {shut}",
        shell=True, cwd=place, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    fails = closed != "stderr" or "nothing" in arguments
    assert done.returncode == (2 if fails else 0)
    complaint = "error: stdout is closed\n  mend: leave it open, or say > /dev/null\n"
    assert done.stderr == (complaint if closed == "stdout" else "")


# --- programs that fail --------------------------------------------------------------------


def test_a_program_that_fails_leaves_a_complete_cassette_that_says_so(place: Path) -> None:
    done = replay_ws("record", "stories.py:fails", "-o", "out.rws", cwd=place)
    assert done.returncode == 2
    assert "error: stories.py:fails: the program raised ValueError: no colour" in done.stderr
    assert "Traceback" not in done.stderr
    assert "abcdef0123456789" not in done.stderr + done.stdout, "redacted here too"
    session = api.load(place / "out.rws")
    assert session.end["status"] == "error"
    assert len(session.events) == 3
    assert done.stdout.splitlines()[-1] == "next: replay-ws cat out.rws"
    assert names_in(place) == {"stories.py", "golden.rws", "out.rws"}


def test_an_error_of_many_lines_is_told_by_its_first(place: Path) -> None:
    (place / "long.py").write_text(PROGRAM.replace("no colour;", "no colour\\nnor shape"))
    done = replay_ws("record", "long.py:fails", "-o", "out.rws", cwd=place)
    assert done.stdout.splitlines()[0].endswith("ended with ValueError: no colour …")
    assert "the program raised ValueError: no colour …\n  mend: " in done.stderr
    assert "nor shape" in data("info", "out.rws", cwd=place)["end"]["message"]


def test_a_traceback_is_shown_on_demand(place: Path) -> None:
    done = replay_ws("record", "stories.py:fails", "-o", "out.rws", "--traceback", cwd=place)
    assert done.returncode == 2
    assert 'stories.py", line' in done.stderr


def test_an_interrupted_recording_is_complete_too(place: Path) -> None:
    (place / "slow.py").write_text(PROGRAM.replace("SystemExit(0)", "KeyboardInterrupt"))
    done = replay_ws("record", "slow.py:stops_at_nothing", "-o", "out.rws", cwd=place)
    assert done.returncode == 130
    assert done.stderr.endswith("error: interrupted\n")
    first = "recorded out.rws: 1 connection, ended with KeyboardInterrupt"
    assert done.stdout.splitlines()[0] == first
    assert api.load(place / "out.rws").end["error"] == "KeyboardInterrupt"


@pytest.mark.parametrize("program", ["fails", "stops_at_nothing", "waits_for_ever"])
def test_a_program_that_fails_never_touches_the_golden_that_it_should_replace(
    place: Path, program: str
) -> None:
    golden = (place / "golden.rws").read_bytes()
    done = replay_ws("record", f"stories.py:{program}", "-o", "golden.rws", "--force", cwd=place)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert (place / "golden.rws").read_bytes() == golden
    assert names_in(place) == {"stories.py", "golden.rws", "golden.rws.failed"}
    said("verify", "golden.rws.failed", cwd=place)
    failed = (place / "golden.rws.failed").read_bytes()
    done = replay_ws("record", f"stories.py:{program}", "-o", "golden.rws", "--force", cwd=place)
    assert done.stdout.startswith("recorded golden.rws.failed.2: ")
    assert (place / "golden.rws.failed").read_bytes() == failed


def test_force_replaces_a_cassette_by_the_run_of_a_program_that_ended_well(place: Path) -> None:
    said("record", "stories.py:story", "-o", "golden.rws", "--seed", 8, "--force", cwd=place)
    assert api.load(place / "golden.rws").seed == 8
    assert names_in(place) == {"stories.py", "golden.rws"}


def test_force_writes_through_a_link(place: Path) -> None:
    (place / "link.rws").symlink_to("golden.rws")
    said("record", "stories.py:story", "-o", "link.rws", "--seed", 8, "--force", cwd=place)
    assert (place / "link.rws").is_symlink()
    assert api.load(place / "golden.rws").seed == 8


# --- the screen ----------------------------------------------------------------------------


def test_colour_comes_only_where_it_is_wanted(place: Path) -> None:
    plain = replay_ws("info", "golden.rws", cwd=place).stdout
    forced = replay_ws("info", "golden.rws", cwd=place, FORCE_COLOR="1").stdout
    refused = replay_ws("info", "golden.rws", cwd=place, FORCE_COLOR="1", NO_COLOR="1").stdout
    assert "\x1b[" not in plain
    assert "\x1b[" in forced
    assert refused == plain


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("command", ["--help", "cat", "info"])
def test_a_result_that_cannot_be_written_is_trouble(place: Path, command: str) -> None:
    arguments = [command] if command.startswith("-") else [command, "golden.rws"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "replay_ws", *arguments],
            cwd=place, stdout=full, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == "error: the host: No space left on device"
    assert "Exception ignored" not in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="a shell's pipe")
def test_a_reader_that_stops_reading_is_no_error(place: Path) -> None:
    lines = 'm = [{"type": "x"}] * 20000\nimport json\nfor one in m: print(json.dumps(one))'
    text = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True).stdout
    (place / "many.jsonl").write_text(text)
    said("import", "many.jsonl", "-o", "many.rws", cwd=place)
    for command in ("cat", "export"):
        piped = f"'{sys.executable}' -m replay_ws {command} many.rws | head -n 1"
        done = subprocess.run(
            piped, shell=True, cwd=place, capture_output=True, text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert done.stderr == ""
        assert len(done.stdout.splitlines()) == 1
