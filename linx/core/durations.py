"""Durations counted: a histogram that forgets, for decisions, and buckets that only grow, for Prometheus."""

from __future__ import annotations

from bisect import bisect_left


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
        total = sum(self._weights)
        if not total:
            return None
        wanted = share * total
        seen = 0.0
        for bucket, weight in enumerate(self._weights):
            seen += weight
            if weight and seen >= wanted:
                inside = 1 - (seen - wanted) / weight
                lower = 0.0 if bucket == 0 else self.FIRST_S * self.GROWTH ** (bucket - 1)
                upper = self.FIRST_S * self.GROWTH**bucket
                return lower + (upper - lower) * inside
        return self.FIRST_S * self.GROWTH ** (self.BUCKETS - 1)


_BUCKET_ENDS = [Histogram.FIRST_S * Histogram.GROWTH**bucket for bucket in range(Histogram.BUCKETS - 1)]
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
