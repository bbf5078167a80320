"""The roles around an attempt: what writes its request, what reads its answer, and what a handler needs of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from types import TracebackType

    from linx.core.attempt_errors import AttemptError, Refused
    from linx.core.chat import Adapted
    from linx.core.telemetry import AttemptRecord
    from linx.routing.candidate import Candidate
    from linx.routing.metered import Source
    from linx.upstream.pool import Sending

T = TypeVar("T")


class Timed(Protocol):
    """Awaits what takes the provider's time, which is not counted as Linx's own."""

    async def __call__(self, waiting: Awaitable[T], /) -> T: ...


class RequestWriter(Protocol):
    """Writes the request of one attempt; more than once where it has to be sent again."""

    @property
    def lacks(self) -> str | None:
        """What a server that does not know the path cannot do; None where every server knows it."""

    @property
    def may_repeat(self) -> bool:
        """Could the same request still be sent to another candidate?"""

    async def write(self, now: float, timed: Timed) -> Sending: ...

    def next_place(self, target: bytes) -> bool:
        """There is no such path at ``target``: will the next ``write`` ask at another one of the same provider?"""

    def place_found(self) -> None:
        """The place of what was written last is the right one."""

    async def adapt(self, refusal: Refused) -> bool:
        """Will the next ``write`` ask in another way, which this provider may take?"""

    @property
    def adapted(self) -> tuple[Adapted, ...]:
        """What the last ``write`` changed so that the provider takes the request."""

    def taken(self) -> None:
        """The provider has taken what was written last: what it refused before is worth remembering."""


class Reader(Protocol):
    """Makes something of an answer."""

    async def gate(self, exchange: Source, timed: Timed) -> None:
        """Read up to what opens the gate. Raises AttemptError where that does not come."""


R = TypeVar("R", bound=Reader)
R_co = TypeVar("R_co", covariant=True)


class Try(Protocol[R_co]):
    """What a handler needs of an attempt, or of several in a row that look like one. See ``Attempt``."""

    candidate: Candidate
    record: AttemptRecord

    @property
    def reader(self) -> R_co: ...

    @property
    def asked_at(self) -> float | None: ...

    async def begin(self, timeout_s: float | None = None) -> None: ...

    def finish(self) -> None: ...

    def failed(self, error: AttemptError) -> AttemptError: ...

    def close(self, outcome: str = "lost") -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...
