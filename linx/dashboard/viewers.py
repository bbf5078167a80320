"""What each open page has not been sent yet: the newest frame about each thing, and not one frame for each change.

So what waits for a page is bounded by the number of things. A page that has fallen behind even so gets a new snapshot
in place of all that waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import Iterator

    from linx.server.request import Request

MOST_VIEWERS = 32
MOST_WAITING = 600
"""Things of which a frame may wait for a page; a page with more is behind."""


class Viewer:
    """One open page. It begins behind, so the first that it is sent is a snapshot."""

    __slots__ = ("_came", "_waiting", "closing", "is_behind", "request")

    def __init__(self, request: Request) -> None:
        self.request = request
        """With which the page has opened its WebSocket."""
        self.is_behind = True
        self.closing: int | None = None
        """The code with which the WebSocket is to be closed; None while it may stay."""
        self._waiting: dict[str, bytes] = {}
        self._came = trio.Event()
        self._came.set()

    def put(self, thing: str, frame: bytes) -> None:
        """``frame`` tells the newest of ``thing``. Never waits."""
        waiting = self._waiting
        if self.is_behind:
            return
        if len(waiting) >= MOST_WAITING and thing not in waiting:
            self.refresh()
            return
        waiting[thing] = frame
        self._came.set()

    def refresh(self) -> None:
        """Send a snapshot next, in place of all that waits."""
        self.is_behind = True
        self._waiting.clear()
        self._came.set()

    def close(self, code: int) -> None:
        self.closing = code
        self._came.set()

    async def wait(self) -> None:
        """Until there is something to send, or the page is to be closed."""
        await self._came.wait()

    def take(self) -> bytes | None:
        """All frames that wait; None if a snapshot must be sent instead. What comes later belongs behind it."""
        self._came = trio.Event()
        if self.is_behind:
            self.is_behind = False
            return None
        frames = b"".join(self._waiting.values())
        self._waiting.clear()
        return frames


class Viewers:
    """All open pages."""

    __slots__ = ("_viewers", "came")

    def __init__(self) -> None:
        self._viewers: set[Viewer] = set()
        self.came = trio.Event()
        """Set while at least one page is open."""

    def __len__(self) -> int:
        return len(self._viewers)

    def __iter__(self) -> Iterator[Viewer]:
        return iter(list(self._viewers))

    def join(self, request: Request) -> Viewer | None:
        """A new page; None if there are too many."""
        if len(self._viewers) >= MOST_VIEWERS:
            return None
        viewer = Viewer(request)
        self._viewers.add(viewer)
        self.came.set()
        return viewer

    def leave(self, viewer: Viewer) -> None:
        self._viewers.discard(viewer)
        if not self._viewers:
            self.came = trio.Event()

    def refresh(self) -> None:
        """Each page gets a new snapshot."""
        for viewer in self._viewers:
            viewer.refresh()

    def tell(self, thing: str, frame: bytes) -> None:
        for viewer in self._viewers:
            viewer.put(thing, frame)
