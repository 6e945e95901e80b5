"""The front door: which commands there are, what they load, how a call ends."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import click
import pytest

from replay_ws.cli.app import HELP_OF, main
from replay_ws.errors import ConfigError

every_command = pytest.mark.parametrize("name", HELP_OF)


def command_of(name: str) -> click.Command:
    module = import_module(f"replay_ws.cli.commands.{name.replace('-', '_')}")
    command = module.command
    assert isinstance(command, click.Command)
    return command


def code_of(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert isinstance(ended.value.code, int)
    return ended.value.code


@every_command
def test_the_list_of_commands_says_what_each_says_of_itself(name: str) -> None:
    help_text = command_of(name).help
    assert help_text is not None
    assert help_text.splitlines()[0] == HELP_OF[name]


@every_command
def test_every_command_has_json(name: str) -> None:
    command = command_of(name)
    verbs = command.commands.values() if isinstance(command, click.Group) else [command]
    for verb in verbs:
        assert any("--json" in option.opts for option in verb.params), verb.name


@every_command
def test_a_short_line_of_help_fits_a_narrow_terminal(name: str) -> None:
    assert len(HELP_OF[name]) <= 67


def test_help_loads_no_command_and_nothing_heavy() -> None:
    heavy = "asyncio rich replay_ws.session msgpack"
    script = (
        "import sys\n"
        "from replay_ws.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        f"loaded = [name for name in {heavy.split()} if name in sys.modules]\n"
        "loaded += [name for name in sys.modules if name.startswith('replay_ws.cli.commands.')]\n"
        "sys.exit(f'loaded: {loaded}' if loaded else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in HELP_OF)


@pytest.mark.parametrize("name", ["cat", "check", "diff", "info", "replay", "verify"])
def test_looking_at_cassettes_loads_neither_asyncio_nor_rich(name: str) -> None:
    script = (
        "import sys\n"
        f"import replay_ws.cli.commands.{name}\n"
        "sys.exit(', '.join(name for name in ('asyncio', 'rich') if name in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_unknown_command_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("dif") == 2
    assert "there is no command 'dif'; did you mean 'diff'?" in capsys.readouterr().err


def test_a_wrong_call_says_where_the_help_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("diff", "only-one.rws") == 2
    assert capsys.readouterr().err == (
        "error: replay-ws diff: missing argument 'RUN'\n  mend: replay-ws diff --help\n"
    )


def test_no_command_at_all_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of() == 2
    assert "Usage: replay-ws" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (ConfigError("a", where="w", mend="m"), 2, "error: w: a\n  mend: m\n"),
        (KeyboardInterrupt(), 130, "error: interrupted\n"),
        (OSError(28, "No space left on device", "x.rws"), 2, "error: x.rws: No space left"),
        (AssertionError("ours"), 2, "error: this is a fault of replay_ws itself"),
    ],
)
def test_how_a_command_fails_decides_the_exit_code(
    error: BaseException,
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    @click.command()
    def failing() -> None:
        raise error

    monkeypatch.setattr("replay_ws.cli.app.LazyGroup.get_command", lambda *_: failing)
    assert code_of("cat") == code
    assert said in capsys.readouterr().err
