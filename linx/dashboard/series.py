"""What the charts show of the last hour, in steps: tokens a second, times to the first token, how requests ended.

Tokens of an answer that is still running are counted by estimate as they come, and put right by the provider's count in
the step in which the answer ends, so that a long answer is no spike at its end.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from linx.core.telemetry import CANCELLED, OK
from linx.dashboard.rows import streamed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from linx.core.chat import JsonObject
    from linx.core.telemetry import RequestRecord

STEP_S = 5
STEPS = 720
MOST_TIMES = 1000  # to the first token, in one step


class Point(NamedTuple):
    """One step. Tokens are a second's; times are in milliseconds, None where no answer began in the step."""

    tokens_local: float = 0.0
    tokens_remote: float = 0.0
    first_token_p50: float | None = None
    first_token_p95: float | None = None
    ok: int = 0
    failed: int = 0


class Series:
    """``note`` each request that has ended, ``progress`` the running ones, ``step`` every STEP_S."""

    __slots__ = ("_failed", "_ok", "_points", "_times", "_tokens", "at")

    def __init__(self, at: float) -> None:
        self.at = at
        """When the step that is being counted began, in seconds since 1970."""
        self._points: deque[Point] = deque([Point()] * STEPS, maxlen=STEPS)
        self._tokens = {True: 0, False: 0}
        self._times: list[float] = []
        self._ok = self._failed = 0

    def note(self, ended: Iterable[RequestRecord]) -> None:
        """Requests of those who may ask have ended."""
        ok = failed = local = remote = 0
        times: list[float] = []
        for record in ended:
            outcome, first = record.outcome, record.first_token
            if outcome == OK:
                ok += 1
            elif outcome != CANCELLED:
                failed += 1
            if first is None:
                continue
            times.append(first - record.started)
            usage = record.usage
            tokens = (streamed(record) if usage is None else usage.completion) - record.counted_tokens
            if record.is_local:
                local += tokens
            else:
                remote += tokens
        self._ok += ok
        self._failed += failed
        self._tokens[True] += local
        self._tokens[False] += remote
        self._times += times[: MOST_TIMES - len(self._times)]

    def progress(self, running: Iterable[RequestRecord]) -> None:
        """Count the tokens that have come since the last step."""
        for record in running:
            if record.first_token is not None and record.ended is None:
                count = streamed(record)
                self._tokens[bool(record.is_local)] += count - record.counted_tokens
                record.counted_tokens = count

    def step(self) -> Point:
        """The step is over: what was counted in it."""
        tokens, times = self._tokens, sorted(self._times)
        point = Point(
            max(0, tokens[True]) / STEP_S,
            max(0, tokens[False]) / STEP_S,
            _share(times, 0.5),
            _share(times, 0.95),
            self._ok,
            self._failed,
        )
        self._points.append(point)
        # An estimate that was too high is taken off what comes next.
        self._tokens = {kind: min(0, count) for kind, count in tokens.items()}
        self._times, self._ok, self._failed = [], 0, 0
        self.at += STEP_S
        return point

    def skip_to(self, now: float) -> bool:
        """Leave whole steps empty up to ``now``, in which the machine slept. False if there was none."""
        steps = int((now - self.at) // STEP_S)
        if steps < 1:
            return False
        self._points.extend([Point()] * min(steps, STEPS))
        self.at += steps * STEP_S
        return True

    def as_json(self) -> JsonObject:
        """The whole hour, as columns."""
        columns = zip(*self._points, strict=True)
        begun = self.at - STEPS * STEP_S
        return {
            "step_s": STEP_S,
            "from": begun,
            **{name: list(column) for name, column in zip(Point._fields, columns, strict=True)},
        }


def _share(times: list[float], share: float) -> float | None:
    """Milliseconds below which ``share`` of the sorted ``times`` lie."""
    if not times:
        return None
    return round(times[min(len(times) - 1, int(share * len(times)))] * 1000, 1)
