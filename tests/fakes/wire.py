"""What both wire files of the fake provider share: frames, and the refusal of a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.fakes.scripted import Answer

STAMP = "{monotonic-clock-ns}"
"""20 characters in a token; replaced by as many digits of the clock when it is sent."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Bytes of a streamed body, and the silence before them."""

    data: bytes
    pause_s: float = 0.0
    counts: bool = True
    """Comments do not: an answer is cut after so many frames with data."""


class RequestRefused(Exception):
    """The fake's own complaint about a request: a status and a body in its kind's shape."""

    def __init__(
        self,
        status: int,
        body: object,
        headers: Sequence[tuple[str, str]] = (),
        content_type: str = "application/json",
    ) -> None:
        super().__init__(f"{status}: {body!r}")
        self.status = status
        self.body = body
        self.headers = headers
        self.content_type = content_type


class Pace:
    """The silence before each token: ``first_s``, then ``interval_s``."""

    def __init__(self, answer: Answer) -> None:
        self._next = answer.first_s
        self._interval = answer.interval_s

    def __call__(self) -> float:
        pause, self._next = self._next, self._interval
        return pause


def limited(answer: Answer, limit: object) -> tuple[list[str], bool]:
    """The tokens up to the request's limit, and whether that cut them."""
    tokens = [STAMP] * len(answer.tokens) if answer.stamped else list(answer.tokens)
    if isinstance(limit, int | float) and 0 < limit < len(tokens):
        return tokens[: int(limit)], True
    return tokens, False


def cut(frames: Sequence[Frame], count: int) -> Iterator[Frame]:
    """The first ``count`` frames that count, with the comments before them."""
    for frame in frames:
        if frame.counts:
            if count == 0:
                return
            count -= 1
        yield frame


def halves(text: str) -> tuple[str, str]:
    middle = len(text) // 2
    return text[:middle], text[middle:]
