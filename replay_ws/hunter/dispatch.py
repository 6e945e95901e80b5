"""Handing the trials of a hunt to an engine, and taking the answers in order.

Pieces begin small and grow, so that a short hunt is spread and a long one costs its engine next to
nothing; a slice that ran out of time gives the rest of its piece back. Answers come in any order
and are passed on in that of the trials, so that whoever adds them up finds the same with any number
of workers. When an answer shows that trials from some number on will not be wanted, those are not
begun.

A worker that dies takes its piece with it, and often those of others, for pools break as a whole.
No trial is lost: a new pool is opened and the pieces that were under way are run again, one at a
time, and halved, until the one trial is found that kills, or it turns out that none does.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from heapq import heappop, heappush
from typing import NamedTuple

from replay_ws.hunter.engines import Engine, engine_of
from replay_ws.hunter.failure import Signature
from replay_ws.hunter.sweep import Failed, Order, Slice, run_slice

_PIECE_MAX = 4_096
_UNDER_WAY_PER_WORKER = 2
_LOSSES = ("KilledWorker", "WorkerCrashedError")
"""What Dask and Ray raise for a worker that died; they open another by themselves."""

DIED = Signature("WorkerDied", "the process that ran this trial ended")


class _Piece(NamedTuple):
    first: int
    last: int
    is_suspect: bool = False


class Dispatch:
    """Runs the trials ``0 .. count`` on an engine; iterate over it for slices in order.

    ``order`` says what a worker is asked for a piece. ``horizon`` is shown every slice as it
    comes in, and gives the number from which on no trial is wanted, if that can be told.
    ``notes`` is what the user should know of the engine.
    """

    def __init__(
        self,
        engine: Engine,
        count: int,
        order: Callable[[int, int], Order],
        horizon: Callable[[Slice], int | None] = lambda _: None,
    ) -> None:
        self.notes: list[str] = []
        self._engine = engine
        self._order = order
        self._horizon = horizon
        self._wanted = count
        self._begun = 0
        self._size = 1
        self._rest: list[_Piece] = []
        self._suspects: list[_Piece] = []
        self._under_way: dict[Future[Slice], _Piece] = {}
        self._executor: Executor | None = None

    def __iter__(self) -> Generator[Slice, None, None]:
        early: list[tuple[int, Slice]] = []
        passed_on = 0
        try:
            while self._feed():
                done, _ = wait(self._under_way, return_when=FIRST_COMPLETED)
                for answer in self._answers(done):
                    heappush(early, (answer.first, answer))
                while early and early[0][0] == passed_on:
                    _, answer = heappop(early)
                    passed_on = answer.last
                    yield answer
        finally:
            self._close()

    # --- going out -------------------------------------------------------------------------

    def _feed(self) -> bool:
        """Give the engine what it can take; whether anything is under way."""
        at_once = self._engine.workers * _UNDER_WAY_PER_WORKER if not self._engine.is_here else 1
        while len(self._under_way) < (1 if self._has_suspects else at_once):
            piece = self._next()
            if piece is None:
                break
            order = self._order(piece.first, piece.last)
            try:
                future = self._opened().submit(run_slice, order)
            except BrokenExecutor:  # it noticed before those under way did
                self._put_back(piece)
                if self._under_way:
                    break
                self._close()
                continue
            self._under_way[future] = piece
        return bool(self._under_way)

    def _next(self) -> _Piece | None:
        while self._suspects:
            piece = self._suspects.pop()
            if piece.first < self._wanted:
                return piece
        while self._rest:
            first, last, _ = heappop(self._rest)
            if first < self._wanted:
                return _Piece(first, min(last, self._wanted))
        first = self._begun
        if first >= self._wanted:
            return None
        self._begun = min(first + self._size, self._wanted)
        return _Piece(first, self._begun)

    @property
    def _has_suspects(self) -> bool:
        return bool(self._suspects) or any(p.is_suspect for p in self._under_way.values())

    def _put_back(self, piece: _Piece) -> None:
        if piece.is_suspect:
            self._suspects.append(piece)
        else:
            heappush(self._rest, piece)

    def _opened(self) -> Executor:
        if self._executor is None:
            engine = self._engine
            self._executor = engine.open() if engine.open is not None else engine.executor
            assert self._executor is not None
        return self._executor

    # --- coming in -------------------------------------------------------------------------

    def _answers(self, done: set[Future[Slice]]) -> Iterator[Slice]:
        lost = []
        for future in done:
            piece = self._under_way.pop(future)
            error = future.exception()
            if error is None:
                yield self._taken(piece, future.result())
            elif _is_loss(error):
                lost.append(piece)
            else:
                raise error
        if lost:
            yield from self._broke(lost)

    def _taken(self, piece: _Piece, answer: Slice) -> Slice:
        if answer.interrupted:
            raise KeyboardInterrupt
        rest = _Piece(answer.last, piece.last, piece.is_suspect)
        if rest.first == rest.last:
            whole = piece.last - piece.first
            self._size = max(self._size, min(2 * whole, _PIECE_MAX))
        else:
            self._put_back(rest)
            self._size = answer.last - answer.first
        wanted = self._horizon(answer)
        if wanted is not None:
            self._wanted = min(self._wanted, wanted)
        return answer

    # --- workers that die --------------------------------------------------------------------

    def _broke(self, lost: list[_Piece]) -> Iterator[Slice]:
        """Open the engine anew, and look for the trial that killed."""
        lost += self._under_way.values()
        self._under_way.clear()
        self._close()
        killer = lost[0] if len(lost) == 1 and lost[0].is_suspect else None
        if killer is None:
            self._suspects += sorted((p._replace(is_suspect=True) for p in lost), reverse=True)
            ranges = ", ".join(f"{piece.first}..{piece.last}" for piece in sorted(lost))
            self.notes.append(f"a worker died; the runs under way were done again: {ranges}")
        elif killer.last - killer.first == 1:
            yield _fatal(killer.first)
        else:
            middle = (killer.first + killer.last) // 2
            halves = _Piece(middle, killer.last, True), _Piece(killer.first, middle, True)
            self._suspects += halves
        if self._engine.open is None:
            self.notes.append(
                f"{self._engine.name} is broken; the rest ran in processes of its own"
            )
            self._engine = engine_of("process", self._engine.workers)

    def _close(self) -> None:
        for future in self._under_way:
            future.cancel()
        if self._executor is not None and self._engine.open is not None:
            self._executor.shutdown(wait=True)
        self._executor = None


def _fatal(number: int) -> Slice:
    """What is known of a trial that ended its process."""
    failed = Failed(number, DIED, f"the process ended in run {number}")
    return Slice(number, number + 1, (failed,), array("Q", [0]))


def _is_loss(error: BaseException) -> bool:
    return isinstance(error, BrokenExecutor) or type(error).__name__ in _LOSSES
