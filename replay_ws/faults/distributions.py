"""Distributions of a delay: netem's tables of quantiles, as integers.

A table holds quantiles at ``KNOTS``, in units of 1/8192 of a deviation; between two of them a draw
goes in a straight line. The normal one has mean 0 and deviation 1. ``pareto`` has shape 3, shifted
and scaled to the same before its tail is cut: what is cut is where most of its variance comes from,
so that its mean is then -0.02 and its deviation 0.74. ``paretonormal`` adds a quarter of the
normal quantile to three quarters of the other (mean -0.02, deviation 0.77). No quantile is
further than 4 deviations from 0: what is, is 4.

The numbers were made once, with ``statistics.NormalDist`` and ``(1 - u) ** (-1 / 3)``, and rounded;
a test makes them again. A draw only multiplies and divides integers.

Source: netem's distribution files (fixed point, cut at 4 deviations), which scale ``pareto`` by the
variance instead of the deviation.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from typing import NamedTuple

SCALE = 8192

_LOW_END = (0, 2, 4, 8, 16, 32, 64, 128)
_HIGH_END = tuple((1 << 16) - at for at in reversed(_LOW_END))
KNOTS: tuple[int, ...] = (*_LOW_END, *range(256, 1 << 16, 256), *_HIGH_END)
"""Where the quantiles stand, of 65,536: each 256th, and closer towards both ends."""


def _table(numbers: str) -> tuple[int, ...]:
    return tuple(map(int, numbers.split()))


_LOWER_HALF = _table("""
    -32768 -32768 -31473 -30051 -28566 -27011 -25373 -23639 -21791 -19805 -18565 -17645 -16904
    -16281 -15740 -15259 -14827 -14432 -14068 -13729 -13413 -13115 -12834 -12568 -12313 -12071
    -11838 -11615 -11399 -11192 -10991 -10797 -10609 -10426 -10248 -10075 -9906 -9742 -9581 -9424
    -9270 -9119 -8972 -8827 -8685 -8546 -8409 -8274 -8141 -8011 -7883 -7756 -7631 -7508 -7387 -7268
    -7149 -7033 -6917 -6804 -6691 -6580 -6469 -6360 -6253 -6146 -6040 -5935 -5831 -5729 -5627 -5525
    -5425 -5326 -5227 -5129 -5032 -4935 -4839 -4744 -4650 -4556 -4462 -4370 -4277 -4186 -4095 -4004
    -3914 -3824 -3735 -3646 -3558 -3470 -3382 -3295 -3208 -3122 -3036 -2950 -2865 -2780 -2695 -2610
    -2526 -2442 -2358 -2275 -2192 -2109 -2026 -1943 -1861 -1779 -1697 -1615 -1533 -1451 -1370 -1289
    -1208 -1127 -1046 -965 -884 -803 -723 -642 -562 -482 -401 -321 -241 -160 -80 0
""")
_NORMAL = (*_LOWER_HALF, *(-value for value in reversed(_LOWER_HALF[:-1])))

_PARETO = _table("""
    -4730 -4730 -4729 -4729 -4729 -4728 -4727 -4723 -4717 -4705 -4692 -4680 -4667 -4655 -4642 -4629
    -4616 -4603 -4590 -4577 -4564 -4551 -4537 -4524 -4510 -4497 -4483 -4470 -4456 -4442 -4428 -4414
    -4400 -4386 -4372 -4357 -4343 -4328 -4314 -4299 -4284 -4269 -4255 -4240 -4224 -4209 -4194 -4178
    -4163 -4147 -4132 -4116 -4100 -4084 -4068 -4052 -4035 -4019 -4003 -3986 -3969 -3952 -3935 -3918
    -3901 -3884 -3866 -3849 -3831 -3814 -3796 -3778 -3760 -3741 -3723 -3704 -3686 -3667 -3648 -3629
    -3610 -3590 -3571 -3551 -3531 -3512 -3491 -3471 -3451 -3430 -3410 -3389 -3368 -3347 -3325 -3304
    -3282 -3260 -3238 -3216 -3194 -3171 -3148 -3125 -3102 -3079 -3055 -3032 -3008 -2983 -2959 -2934
    -2910 -2885 -2859 -2834 -2808 -2782 -2756 -2730 -2703 -2676 -2649 -2622 -2594 -2566 -2538 -2509
    -2481 -2452 -2422 -2393 -2363 -2332 -2302 -2271 -2240 -2208 -2176 -2144 -2112 -2079 -2045 -2012
    -1978 -1943 -1909 -1873 -1838 -1802 -1765 -1729 -1691 -1653 -1615 -1577 -1537 -1498 -1458 -1417
    -1376 -1334 -1292 -1249 -1205 -1161 -1117 -1072 -1026 -979 -932 -884 -836 -786 -736 -685 -634
    -582 -528 -474 -420 -364 -307 -250 -191 -131 -71 -9 54 117 182 249 316 385 455 526 599 674 749
    827 906 987 1069 1153 1239 1328 1418 1510 1605 1702 1801 1903 2007 2115 2225 2338 2454 2574 2697
    2824 2955 3090 3230 3374 3522 3676 3836 4001 4173 4351 4537 4730 4931 5141 5361 5591 5832 6085
    6352 6634 6931 7246 7581 7938 8320 8729 9170 9647 10165 10732 11355 12046 12818 13690 14686
    15842 17209 18865 20936 23648 27456 32768 32768 32768 32768 32768 32768 32768 32768 32768 32768
""")

TABLES: Mapping[str, tuple[int, ...]] = {
    "normal": _NORMAL,
    "pareto": _PARETO,
    "paretonormal": tuple((n + 3 * p) // 4 for n, p in zip(_NORMAL, _PARETO, strict=True)),
}


class Spread(NamedTuple):
    """A delay of ``latency_ns`` in the middle, with deviations of ``jitter_ns``; never below 0."""

    latency_ns: int
    jitter_ns: int
    table: tuple[int, ...]

    def delay_ns(self, draw: int) -> int:
        """The delay that a u64 ``draw`` stands for; a larger draw is never a smaller delay."""
        at = bisect_right(KNOTS, draw >> 48) - 1
        begin, width = KNOTS[at] << 48, (KNOTS[at + 1] - KNOTS[at]) << 48
        rise = self.table[at + 1] - self.table[at]
        quantile = self.table[at] * width + rise * (draw - begin)
        return max(0, self.latency_ns + self.jitter_ns * quantile // (SCALE * width))
