"""Histograms are as exact as they say and forget; buckets count up to and with their bounds."""

from __future__ import annotations

import random

import pytest

from linx.core.durations import Buckets, Histogram


@pytest.mark.parametrize("share", [0.5, 0.95])
def test_a_percentile_is_right_to_an_eighth(share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Histogram, "DECAY", 0.0)
    histogram = Histogram()
    draw = random.Random(1)
    samples = [draw.lognormvariate(0, 1) for _ in range(5000)]
    for sample in samples:
        histogram.add(sample)
    exact = sorted(samples)[int(share * len(samples))]
    assert histogram.percentile(share) == pytest.approx(exact, rel=0.125)


def looped(histogram: Histogram, share: float) -> float:
    """A percentile by the definition: bucket after bucket."""
    weights = histogram._weights
    wanted, seen = share * sum(weights), 0.0
    for bucket, weight in enumerate(weights):
        seen += weight
        if weight and seen >= wanted:
            lower = 0.0 if bucket == 0 else Histogram.FIRST_S * Histogram.GROWTH ** (bucket - 1)
            upper = Histogram.FIRST_S * Histogram.GROWTH**bucket
            return lower + (upper - lower) * (1 - (seen - wanted) / weight)
    raise AssertionError("the shares of the buckets add up to less than all")


@pytest.mark.parametrize("seed", range(5))
def test_the_percentile_is_that_of_a_loop_over_the_buckets(seed: int) -> None:
    histogram = Histogram()
    draw = random.Random(seed)
    for _ in range(200):
        histogram.add(draw.choice([draw.lognormvariate(0, 3), 0.0, 1e9]))
        for share in (0.0, 0.3, 0.5, 0.95, 1.0):
            assert histogram.percentile(share) == pytest.approx(looped(histogram, share), rel=1e-9)


def test_an_empty_histogram_knows_nothing() -> None:
    assert Histogram().percentile(0.5) is None


@pytest.mark.parametrize("seconds", [0.0, 0.0005, 3600.0, 1e9])
def test_the_ends_of_the_scale(seconds: float) -> None:
    histogram = Histogram()
    histogram.add(seconds)
    assert histogram.percentile(1.0) is not None
    assert histogram.percentile(0.0) is not None


def test_old_samples_fade() -> None:
    histogram = Histogram()
    for _ in range(1000):
        histogram.add(10.0)
    for _ in range(500):
        histogram.add(0.1)
    assert histogram.samples == 1500
    p95 = histogram.percentile(0.95)
    assert p95 is not None
    assert p95 < 0.2


def test_weights_never_overflow() -> None:
    histogram = Histogram()
    for _ in range(60_000):
        histogram.add(1.0)
    assert histogram.percentile(0.5) == pytest.approx(1.0, rel=0.25)


def test_buckets_count_up_to_and_with_their_bounds() -> None:
    buckets = Buckets((0.1, 1.0))
    for seconds in (0.0, 0.1, 0.5, 1.0, 1.5):
        buckets.add(seconds)
    assert buckets.counts == [2, 2, 1]
    assert buckets.total_s == pytest.approx(3.1)
