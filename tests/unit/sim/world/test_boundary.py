"""What leaves a run is refused or told of, and nothing of the guards is left behind."""

from __future__ import annotations

import _socket
import _thread
import asyncio
import contextlib
import getpass
import importlib
import logging
import logging.handlers
import os
import queue
import select
import selectors
import signal
import socket
import subprocess
import tempfile
import threading
import time
import warnings
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

from replay_ws.api import run
from replay_ws.errors import ConfigError, EscapeError, EscapeWarning
from replay_ws.sim.loop import VirtualLoop
from replay_ws.sim.runner import run_program
from replay_ws.sim.world.boundary import guarded, guards
from replay_ws.sim.world.escapes import BLOCKING_CALLS, CALLS, THREAD_STARTS

ALIASED_SOCKET, ALIASED_GETADDRINFO, ALIASED_POPEN = (
    socket.socket,
    socket.getaddrinfo,
    subprocess.Popen,
)

PATCHED = (
    _socket,
    _thread,
    os,
    select,
    selectors,
    signal,
    socket,
    subprocess,
    threading,
    time,
    socket.socket,
    subprocess.Popen,
    threading.Thread,
    selectors.SelectSelector,
    selectors.PollSelector,
    selectors.EpollSelector,
)


def run_inside(function: Callable[[], object], **options: Any) -> list[str]:
    """Call ``function`` in a run; what escaped."""

    async def program() -> None:
        function()

    return run_guarded(program, **options)


def run_guarded(program: Callable[[], Awaitable[object]], **options: Any) -> list[str]:
    """Run ``program`` with guards; what escaped."""
    with contextlib.closing(VirtualLoop()) as loop, guards(), guarded(loop, **options) as boundary:
        run_program(program, loop=loop)
    return boundary.escaped


def snapshot() -> list[list[tuple[str, Any]]]:
    """Everything that the modules and classes hold, in order."""
    return [list(vars(owner).items()) for owner in PATCHED]


@pytest.fixture(autouse=True)
def everything_is_put_back() -> Iterator[None]:
    before = snapshot()
    yield
    assert snapshot() == before


@pytest.fixture
def connected() -> Iterator[socket.socket]:
    """A real connection, made before the run."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        yield client


# --- what is refused -------------------------------------------------------------------------


def connect() -> None:
    with ALIASED_SOCKET() as endpoint:
        endpoint.connect(("127.0.0.1", 9))


def connect_ex() -> None:
    with ALIASED_SOCKET() as endpoint:
        endpoint.connect_ex(("127.0.0.1", 9))


def bind() -> None:
    with socket.socket(socket.AF_INET6) as endpoint:
        endpoint.bind(("::1", 0))


def connect_unix() -> None:
    with socket.socket(socket.AF_UNIX) as endpoint:
        endpoint.connect("/nowhere")


def send_datagram() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as endpoint:
        endpoint.sendto(b"", ("127.0.0.1", 9))


def wait_with_selector() -> None:
    with selectors.DefaultSelector() as selector:
        selector.select(0)


REFUSED = [
    (connect, "socket.connect() reaches for the real network"),
    (connect_ex, "socket.connect_ex() reaches for the real network"),
    (bind, "socket.bind() reaches for the real network"),
    (connect_unix, "socket.connect() reaches for the real network"),
    (send_datagram, "socket.sendto() reaches for the real network"),
    (
        lambda: ALIASED_GETADDRINFO("example.org", 80),
        "socket.getaddrinfo() reaches for real name resolution",
    ),
    (lambda: socket.gethostbyname("example.org"), "socket.gethostbyname()"),
    (lambda: socket.getfqdn("192.0.2.1"), "socket.gethostbyaddr()"),
    (lambda: ALIASED_POPEN(["true"]), "subprocess.Popen() reaches for a real process"),
    (lambda: subprocess.run(["true"], check=True), "subprocess.Popen()"),
    (lambda: os.popen("true"), "subprocess.Popen()"),
    (lambda: os.system("true"), "os.system()"),
    (lambda: os.fork(), "os.fork()"),
    (lambda: os.execl("/bin/true", "true"), "os.execv()"),
    (lambda: os.posix_spawn("/bin/true", ["true"], {}), "os.posix_spawn()"),
    (lambda: os.kill(os.getppid(), 0), "os.kill()"),
    (
        lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL),
        "signal.signal() reaches for real signals",
    ),
    (lambda: signal.setitimer(signal.ITIMER_REAL, 0), "signal.setitimer()"),
    (lambda: time.sleep(0.01), "time.sleep() reaches for real time"),
    (lambda: select.select([], [], [], 0), "select.select() reaches for a real file descriptor"),
    (wait_with_selector, "Selector.select() reaches for a real file descriptor"),
    (
        lambda: threading.Thread(target=print).start(),
        "threading.Thread.start() reaches for a real thread",
    ),
    (lambda: threading.Timer(0, print).start(), "threading.Thread.start()"),
    (lambda: _thread.start_new_thread(print, ()), "_thread.start_new_thread()"),
]


@pytest.mark.parametrize(("function", "words"), REFUSED, ids=[words for _, words in REFUSED])
def test_what_leaves_the_run_is_refused_by_name_and_line(
    function: Callable[[], object], words: str
) -> None:
    with pytest.raises(EscapeError) as caught:
        run_inside(function)
    assert words in caught.value.what
    assert caught.value.mend
    path, _, line = caught.value.where.rpartition(":")
    first = function.__code__.co_firstlineno
    assert (Path(path), first <= int(line) <= first + 3) == (Path(__file__), True)


@pytest.mark.parametrize(
    "calls", [*CALLS, *BLOCKING_CALLS, *THREAD_STARTS], ids=lambda calls: calls.shown
)
def test_every_row_of_the_table_is_guarded(calls: Any) -> None:
    with ALIASED_SOCKET() as endpoint:
        for name, shown, real in calls.functions():

            def call(name: str = name, real: object = real) -> None:
                assert getattr(calls.owner, name) is not real
                getattr(calls.owner, name)(endpoint, 1)  # which most of the real ones refuse

            with pytest.raises(EscapeError) as caught:
                run_inside(call)
            assert caught.value.what.startswith(f"{shown}() ")


@pytest.mark.parametrize("method", ["send", "sendall", "recv", "recv_into", "sendmsg", "accept"])
def test_a_connection_that_was_made_before_the_run_is_the_real_network(
    connected: socket.socket, method: str
) -> None:
    with pytest.raises(EscapeError, match=rf"socket\.{method}\(\) reaches for the real network"):
        run_inside(lambda: getattr(connected, method)(bytearray(1)))


def test_multiprocessing_is_refused_whatever_its_way_to_a_process() -> None:
    import multiprocessing

    for method in multiprocessing.get_all_start_methods():
        process = multiprocessing.get_context(method).Process(target=print)
        # A server of forks, once it is there, is asked for a process over a socket.
        with pytest.raises(EscapeError, match=r"a real process|the real network"):
            run_inside(process.start)


def test_a_pool_of_threads_is_refused_where_it_is_given_work() -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor() as pool, pytest.raises(EscapeError, match="a real thread") as caught:
        run_inside(lambda: pool.submit(print))
    assert caught.value.where.startswith(__file__)
    assert 'threads="managed"' in caught.value.mend


async def wait_in_an_executor() -> None:
    await asyncio.to_thread(time.sleep, 1)


def test_a_function_of_c_in_an_executor_is_told_at_the_line_that_waits_for_it() -> None:
    with pytest.raises(EscapeError) as caught:
        run_guarded(wait_in_an_executor)
    line = wait_in_an_executor.__code__.co_firstlineno + 1
    assert caught.value.where == f"{__file__}:{line}"


def test_a_thread_that_was_refused_can_be_started_after_the_run() -> None:
    done = threading.Event()
    thread = threading.Thread(target=done.set)
    with pytest.raises(EscapeError):
        run_inside(thread.start)
    thread.start()
    thread.join()
    assert done.is_set()


def test_a_library_is_not_blamed_for_the_line_that_called_it() -> None:
    import urllib.request

    with pytest.raises(EscapeError, match=r"getaddrinfo") as caught:
        run_inside(lambda: urllib.request.urlopen("http://example.org"))
    assert caught.value.where.startswith(__file__)


# --- what is left alone ----------------------------------------------------------------------


def test_what_stays_inside_of_the_process_is_left_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def harmless() -> None:
        (tmp_path / "file").write_text("text")
        assert (tmp_path / "file").read_text() == "text"
        with tempfile.TemporaryFile() as file:
            file.write(b"x")
        logging.getLogger("harmless").warning("words")
        importlib.import_module("colorsys")
        getpass.getuser()
        handled: queue.Queue[Any] = queue.Queue()
        logging.handlers.QueueHandler(handled).enqueue(logging.makeLogRecord({}))
        assert handled.get_nowait()
        left, right = socket.socketpair()
        with left, right:
            left.sendall(b"self")
            assert right.recv(4) == b"self"
        socket.socket().close()
        assert socket.getaddrinfo("127.0.0.1", 80)[0][4] == ("127.0.0.1", 80)
        assert socket.gethostbyname("127.0.0.1") == "127.0.0.1"
        socket.gethostname()
        os.getpid()
        signal.getsignal(signal.SIGINT)
        time.sleep(0)
        asyncio.new_event_loop().close()
        threading.Thread(target=print)
        with threading.Lock(), threading.Condition():
            threading.current_thread()

    assert run_inside(harmless) == []
    assert caplog.messages == ["words"]


def test_another_thread_of_the_process_is_not_guarded() -> None:
    asked: queue.SimpleQueue[object] = queue.SimpleQueue()
    answers: queue.SimpleQueue[object] = queue.SimpleQueue()

    def outsider() -> None:
        while asked.get():
            with socket.create_server(("127.0.0.1", 0)) as server:
                socket.create_connection(server.getsockname()).close()
            time.sleep(0.001)
            thread = threading.Thread(target=print)
            thread.start()
            thread.join()
            answers.put(subprocess.run(["true"], check=False).returncode)

    thread = threading.Thread(target=outsider)
    thread.start()

    def ask() -> None:
        asked.put(True)
        answers.put(answers.get())

    try:
        assert run_inside(ask) == []
        assert answers.get_nowait() == 0
    finally:
        asked.put(False)
        thread.join()


@pytest.mark.parametrize("interrupt", [signal.raise_signal, lambda n: os.kill(os.getpid(), n)])
def test_ctrl_c_works(interrupt: Callable[[int], None]) -> None:
    with pytest.raises(KeyboardInterrupt):
        run_inside(lambda: interrupt(signal.SIGINT))


# --- warnings --------------------------------------------------------------------------------


def test_with_warn_the_real_thing_happens_and_is_told_of() -> None:
    codes: list[int] = []
    with pytest.warns(EscapeWarning, match=r"subprocess\.Popen\(\).*cannot be replayed") as told:
        escaped = run_inside(lambda: codes.append(subprocess.call(["true"])), escapes="warn")
    assert codes == [0]
    line = told[0].lineno
    assert (len(told), told[0].filename) == (1, __file__)
    assert escaped == [f"subprocess.Popen() at {__file__}:{line}"]


def test_what_escapes_again_and_again_is_listed_once() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        escaped = run_inside(lambda: [os.kill(os.getppid(), 0) for _ in range(9)], escapes="warn")
    assert len(escaped) == 1


def test_a_warning_that_is_an_error_keeps_the_real_thing_from_happening() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(EscapeWarning):
            run_inside(lambda: time.sleep(1000), escapes="warn")


# --- the guards themselves -------------------------------------------------------------------


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_everything_is_as_before_also_after_an_exception(error: type[BaseException]) -> None:
    def fail() -> None:
        raise error

    before = snapshot()
    with pytest.raises(error):
        run_inside(fail)
    assert snapshot() == before


@pytest.mark.parametrize("threads", ["refuse", "managed", "free"])
@pytest.mark.parametrize("error", [None, ValueError, KeyboardInterrupt, EscapeError])
def test_a_whole_run_leaves_everything_as_it_was(
    threads: Literal["refuse", "managed", "free"], error: type[BaseException] | None
) -> None:
    async def program() -> None:
        with pytest.raises(EscapeError, match=r"test_boundary\.py:.* os\.system\(\)"):
            os.system("true")
        if threads != "refuse":
            thread = threading.Thread(target=int)
            thread.start()
            thread.join()
        if error is not None:
            raise error("on purpose")

    before = snapshot()
    with contextlib.nullcontext() if error is None else pytest.raises(error):
        run(program, threads=threads)
    assert snapshot() == before


def test_a_run_inside_of_a_run_has_a_boundary_of_its_own() -> None:
    def inner() -> None:
        assert run_inside(lambda: os.kill(os.getppid(), 0), escapes="warn")
        os.kill(os.getppid(), 0)

    async def outer() -> None:
        await asyncio.to_thread(inner)

    with pytest.warns(EscapeWarning), pytest.raises(EscapeError):
        run_guarded(outer)


def test_runs_in_several_threads_take_turns() -> None:
    refused: list[str] = []

    def one() -> None:
        for _ in range(50):
            with pytest.raises(EscapeError) as caught:
                run_inside(lambda: os.system("true"))
            refused.append(caught.value.what)

    before = snapshot()
    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 200
    assert snapshot() == before


def test_a_thread_of_a_run_cannot_start_another_run() -> None:
    refused: list[BaseException] = []

    def nested() -> None:
        try:
            run_inside(print)
        except ConfigError as error:
            refused.append(error)

    def start() -> None:
        thread = threading.Thread(target=nested)
        thread.start()
        thread.join()

    run_inside(start, threads="free")
    assert "in a thread of another run" in str(refused[0])


def test_guards_look_like_what_they_guard() -> None:
    def look() -> None:
        assert time.sleep.__name__ == "sleep"
        assert socket.socket.connect.__doc__ == ALIASED_SOCKET.__base__.connect.__doc__
        assert callable(threading.Thread.start)

    run_inside(look)
