"""What a comparison costs, and beside it what others cost who compare the same sessions.

Each measurement is a process of its own, which has so many CPU seconds and says what it found:
``python tools/bench_diff.py TOOL STREAM CASE COUNT SECONDS``. Ours is timed from two sessions to
the differences told; theirs from the events as they read them, made beforehand.
"""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tools.diff_streams import CASES, STREAMS, Stream, bodies, session
from tools.figures import Figure

HEADLINE = 1_000_000
BUDGETS_S = {"1 % edited": 3, "block moved": 5, "10 % edited": 10, "unrelated": 10, "disjoint": 10}
_BYTES = 200
"""What a comparison may hold per event of both sessions, beyond the sessions."""
PATIENCE_S = 30


class Told(NamedTuple):
    """What a tool needed for a comparison, and how many differences it reports."""

    cpu_s: float
    differences: int
    peak_bytes: int = 0


class Failed(NamedTuple):
    """Why there is nothing to tell."""

    why: str


# --- the tools -----------------------------------------------------------------------------


def _ours(golden: Stream, run: Stream) -> Callable[[], int]:
    from replay_ws import compare

    # The first comparison loads what the others need, deepdiff among it.
    compare(*(session(STREAMS["unique"](1, seed)) for seed in (1, 2)))
    sides = (session(golden), session(run))
    return lambda: len(compare(*sides, tolerance_ns=10**12).divergences)


def _hashing(golden: Stream, run: Stream) -> Callable[[], int]:
    """Both fingerprints, which say that sessions differ, and not where."""
    sides = (session(golden), session(run))
    return lambda: len({side.fingerprint for side in sides}) - 1


def _deepdiff(golden: Stream, run: Stream) -> Callable[[], int]:
    from deepdiff import DeepDiff

    old, new = ([json.loads(body) for body in stream] for stream in (golden, run))
    return lambda: sum(map(len, DeepDiff(old, new).values()))


def _deepdiff_unordered(golden: Stream, run: Stream) -> Callable[[], int]:
    from deepdiff import DeepDiff

    old, new = ([json.loads(body) for body in stream] for stream in (golden, run))
    return lambda: sum(map(len, DeepDiff(old, new, ignore_order=True).values()))


def _difflib(golden: Stream, run: Stream) -> Callable[[], int]:
    from difflib import SequenceMatcher

    def work() -> int:
        codes = SequenceMatcher(None, golden, run, autojunk=False).get_opcodes()
        return sum(code[0] != "equal" for code in codes)

    return work


def _rapidfuzz(golden: Stream, run: Stream) -> Callable[[], int]:
    from rapidfuzz.distance import Levenshtein

    def work() -> int:
        return sum(code.tag != "equal" for code in Levenshtein.opcodes(golden, run))

    return work


TOOLS: dict[str, Callable[[Stream, Stream], Callable[[], int]]] = {
    "ours": _ours,
    "hashing": _hashing,
    "DeepDiff": _deepdiff,
    "DeepDiff, ignore_order": _deepdiff_unordered,
    "difflib": _difflib,
    "rapidfuzz": _rapidfuzz,
}


# --- measuring -----------------------------------------------------------------------------


def _measure(tool: str, stream: str, case: str, count: int, patience_s: int) -> Told:
    """Time one comparison in this process, which ends when that takes too long."""
    work = TOOLS[tool](*bodies(stream, case, count))
    end_s = int(time.process_time()) + patience_s + 1
    resource.setrlimit(resource.RLIMIT_CPU, (end_s, end_s + 1))
    held = _resident_bytes()
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak until here
    before = time.process_time()
    differences = work()
    return Told(time.process_time() - before, differences, _peak_bytes() - held)


def _resident_bytes() -> int:
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * resource.getpagesize()


def _peak_bytes() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1_024 for line in lines if line.startswith("VmHWM"))


def _told(tool: str, stream: str, case: str, count: int, patience_s: int) -> Told | Failed:
    """What a process of its own says."""
    command = [sys.executable, __file__, tool, stream, case, str(count), str(patience_s)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == -signal.SIGXCPU:
        return Failed(f"nothing in {patience_s} s")
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1]
        return Failed(last[:40])
    return Told(*json.loads(done.stdout))


def diff(quick: bool) -> Iterator[Figure]:
    """Comparison of a million events against its budgets, and against others on fewer."""
    yield from _headline(HEADLINE // 10 if quick else HEADLINE, 1 if quick else 3)
    yield from _beside_others((1_000, 10_000) if quick else (1_000, 10_000, 100_000), quick)


def _headline(count: int, rounds: int) -> Iterator[Figure]:
    share = count / HEADLINE
    for stream in STREAMS:
        for case in CASES:
            told = [_ours_told(stream, case, count) for _ in range(rounds)]
            what = f"{count:,} {stream}, {case}"
            costs = tuple(one.cpu_s for one in told)
            if case == "identical":
                hashed = [_told("hashing", stream, case, count, 600) for _ in range(rounds)]
                assert all(isinstance(one, Told) for one in hashed)
                pairs = zip(costs, hashed, strict=True)
                ratios = tuple(cost / one.cpu_s for cost, one in pairs if isinstance(one, Told))
                yield Figure(f"{what} / hashing both", ratios, "x", 2)
            else:
                yield Figure(what, costs, "s", BUDGETS_S[case] * share)
                yield Figure("  differences told", (float(told[0].differences),), "")
            peak = tuple(one.peak_bytes / count / 2 for one in told)
            yield Figure("  memory of an event", peak, "B", _BYTES)


def _ours_told(stream: str, case: str, count: int) -> Told:
    told = _told("ours", stream, case, count, 600)
    assert isinstance(told, Told), told
    return told


def _beside_others(counts: tuple[int, ...], quick: bool) -> Iterator[Figure]:
    """How often ours could be done while another compares once, and how many differences it tells.

    The edits are as many as ours tells: it finds the shortest script.
    """
    rivals = [tool for tool in TOOLS if tool not in ("ours", "hashing")]
    cases = ("1 % edited",) if quick else ("identical", "1 % edited", "block moved", "unrelated")
    for case in cases:
        for count in counts:
            ours = [_ours_told("agent", case, count) for _ in range(3)]
            base = max(median(one.cpu_s for one in ours), _TICK_S)
            what = f"{count:,} agent, {case}"
            yield Figure(f"{what}: ours", tuple(one.cpu_s for one in ours), "s")
            yield Figure("  differences told", (float(ours[0].differences),), "")
            for rival in rivals:
                yield from _rival(rival, case, count, base, 10 if quick else PATIENCE_S)


_TICK_S = 1e-6
"""What takes less counts as so much: of equal fingerprints nothing is compared."""


def _rival(rival: str, case: str, count: int, base_s: float, patience_s: int) -> Iterator[Figure]:
    told = _told(rival, "agent", case, count, patience_s)
    if isinstance(told, Failed):
        yield Figure(f"  {rival}: {told.why}; more than", (patience_s / base_s,), "x")
        return
    costs = [told.cpu_s]
    while len(costs) < 3 and sum(costs) < 10:
        again = _told(rival, "agent", case, count, patience_s)
        costs += [again.cpu_s] if isinstance(again, Told) else []
    yield Figure(f"  {rival} / ours", tuple(cost / base_s for cost in costs), "x")
    yield Figure(f"  {rival}: differences told", (float(told.differences),), "")


def main(arguments: list[str]) -> None:
    """Measure one comparison and print what there is to tell."""
    tool, stream, case, count, patience_s = arguments
    print(json.dumps(_measure(tool, stream, case, int(count), int(patience_s))))


if __name__ == "__main__":
    main(sys.argv[1:])
