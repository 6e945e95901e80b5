"""How the benches measure, and how a measured figure reads."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value and the bound that it should keep, if there is a budget for it."""

    what: str
    values: tuple[float, ...]
    unit: str
    bound: float | None = None
    at_least: bool = False

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def met(self) -> bool:
        if self.bound is None:
            return True
        return self.median >= self.bound if self.at_least else self.median <= self.bound

    def line(self) -> str:
        """One row of the table."""
        low, high = min(self.values), max(self.values)
        shown = f"{_short(self.median)} {self.unit}".ljust(20)
        spread = f"{_short(low)} .. {_short(high)}".ljust(22)
        row = f"{self.what:<46} {shown} {spread}"
        if self.bound is None:
            return row.rstrip()
        sign = ">=" if self.at_least else "<="
        verdict = "met" if self.met else "MISSED"
        return f"{row} {sign} {_short(self.bound):<10} {verdict}"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 1_000 else f"{value:.3g}"


def cpu_s(work: Callable[[], Any]) -> float:
    """CPU seconds that ``work`` takes."""
    before = time.process_time()
    work()
    return time.process_time() - before


def child_cpu_s(*arguments: str) -> float:
    """CPU seconds of a fresh Python with these arguments."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)


def paired(ours: Callable[[], Any], other: Callable[[], Any], rounds: int) -> tuple[float, ...]:
    """Ratios ours / other, measured in turn after a warm-up of both."""
    ours(), other()
    return tuple(cpu_s(ours) / cpu_s(other) for _ in range(rounds))
