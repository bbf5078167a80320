"""Durations counted: a histogram that forgets, for decisions, and buckets that only grow, for Prometheus."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import accumulate


class Histogram:
    """A small histogram of durations in seconds that forgets old samples.

    Each bucket is a quarter wider than the one before, from a millisecond to about an hour,
    so a percentile is exact to an eighth. Each new sample weighs ``1 + DECAY`` times as much
    as the sample before, so a few hundred requests after a provider has changed, its earlier
    times hardly count.
    """

    FIRST_S = 0.001
    GROWTH = 1.25
    BUCKETS = 68
    DECAY = 0.01
    __slots__ = ("_weight", "_weights", "samples")

    def __init__(self) -> None:
        self.samples = 0
        self._weight = 1.0
        self._weights = [0.0] * self.BUCKETS

    def add(self, seconds: float) -> None:
        self.samples += 1
        self._weights[bisect_left(_BUCKET_ENDS, seconds)] += self._weight
        self._weight *= 1 + self.DECAY
        if self._weight > 1e100:
            self._weights = [weight / self._weight for weight in self._weights]
            self._weight = 1.0

    def percentile(self, share: float) -> float | None:
        """Seconds below which ``share`` (0 to 1) of the samples lie; None without samples."""
        seen = list(accumulate(self._weights))  # nothing is looped over here: this is asked for each request
        total = seen[-1]
        if not total:
            return None
        wanted = share * total
        bucket = bisect_left(seen, wanted) if wanted else bisect_right(seen, 0.0)  # one with a weight
        inside = 1 - (seen[bucket] - wanted) / self._weights[bucket]
        lower, upper = _BOUNDS[bucket], _BOUNDS[bucket + 1]
        return lower + (upper - lower) * inside


_BOUNDS = [0.0, *(Histogram.FIRST_S * Histogram.GROWTH**bucket for bucket in range(Histogram.BUCKETS))]
"""Seconds between which the buckets lie; the last bucket holds all that is longer, too."""
_BUCKET_ENDS = _BOUNDS[1:-1]
"""Seconds with which each bucket but the last one ends."""


class Buckets:
    """Durations since the start of Linx, counted between fixed bounds, as Prometheus wants them."""

    __slots__ = ("bounds", "counts", "total_s")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total_s = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.total_s += seconds
