"""The answers that hold a provider's lists: how their JSON is read, and how a long one is.

A list of 10,000 models takes half a second to read, and nearly each probe brings the same bytes as the probe before.
Rule: a long answer is read beside the event loop, in short calls into C, and only where it has changed; what was made
of it is shared by all probes that bring it, and so it must not be changed.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from linx.core import jsontext
from linx.core.attempt_errors import Garbled
from linx.dialects.failures.meaning import event_failure, failure
from linx.dialects.failures.reading import reported_error
from linx.providers.lists import NotJSON
from linx.upstream.response_head import ANSWERS

if TYPE_CHECKING:
    from collections.abc import Callable

Made = TypeVar("Made")

UNREADABLE = "sent a list of models in a shape that Linx does not know; the names can be given in its models"
MOST_MARKS = 4 * jsontext.MOST_MARKS  # commas and brackets in a list; OpenRouter's has about 20,000
LONG = 32 * 1024  # bytes of an answer, which take about 3 ms with all that is made of them
MOST_KEPT = 4  # long answers of one provider


def json_of(status: int, body: bytes) -> Any:
    """What such an answer says. Raises AttemptError for a status that is none of an answer's."""
    if status not in ANSWERS:
        raise failure(status, body, None)
    read = _loads if len(body) <= LONG else _loads_in_steps
    try:
        value = read(body)
    except jsontext.TooManyValues as problem:
        raise Garbled(f"answered a list with {problem}") from None
    except jsontext.InvalidJSON:
        raise NotJSON("answered a list with something that is not JSON") from None
    error = reported_error(value) if isinstance(value, dict) else None
    if error is not None:
        raise event_failure(error)
    return value


def _loads(body: bytes) -> Any:
    try:
        jsontext.check_weight(body, MOST_MARKS)
    except jsontext.TooManyValues:
        raise
    except jsontext.InvalidJSON:
        raise Garbled(UNREADABLE) from None  # it is nested without end
    return jsontext.loads(body)


def _loads_in_steps(body: bytes) -> Any:
    jsontext.check_marks(body, MOST_MARKS)
    try:
        return jsontext.loads_in_steps(body)
    except jsontext.InvalidJSON:
        return _loads(body)  # which forgives more, and knows why the text is refused


class _Kept(NamedTuple):
    """What ``make`` has made of an answer of this digest."""

    digest: bytes
    make: Callable[[Any], Any]
    made: Any


class LongAnswers:
    """The long answers of one provider, by the targets that were asked."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: dict[bytes, _Kept] = {}

    async def made_of(self, target: bytes, status: int, body: bytes, make: Callable[[Any], Made]) -> Made:
        """``make`` of what the answer says; the very same object where a long answer has not changed.

        Raises AttemptError, and what ``make`` raises.
        """
        if len(body) <= LONG:
            return make(json_of(status, body))
        from linx.core.worker import in_thread  # it imports trio, and the kinds are looked at before that is needed

        kept = await in_thread(_read, status, body, make, self._kept.get(target))
        self._kept.pop(target, None)
        while len(self._kept) >= MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[target] = kept
        made: Made = kept.made
        return made


def _read(status: int, body: bytes, make: Callable[[Any], Any], before: _Kept | None) -> _Kept:
    digest = blake2b(body, digest_size=16).digest()
    if before is not None and before.digest == digest and before.make is make and status in ANSWERS:
        return before
    return _Kept(digest, make, make(json_of(status, body)))
