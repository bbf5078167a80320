"""Finds what has changed since the last look, encodes it once, and puts it before all open pages.

The hub looks ten times a second, and only while a page is open; nothing that happens to a request calls it, except for
its end. So a frame of an answer costs the same with pages and without. Of the answers that are streaming, at most
MOST_PROGRESS are told of in one look, in turn: what a look costs does not grow with the number of requests.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Protocol

import trio

from linx.core import jsontext
from linx.dashboard import frames
from linx.dashboard.rows import has_body, sent, streamed
from linx.dashboard.viewers import Viewers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from linx.core.chat import JsonObject
    from linx.core.telemetry import RequestRecord, Telemetry
    from linx.dashboard.rows import Rows
    from linx.dashboard.viewers import Viewer
    from linx.server.request import Request

LOOK_S = 0.1
MOST_PROGRESS = 16  # streaming answers whose progress is told in one look
LOOKS_A_ROUND = 10  # looks after which the parts and the providers are looked at again
PROVIDERS_A_LOOK = 32
MOST_ENDED = 500  # requests that ended between two looks and are told one by one
ROWS_A_TURN = 50  # of a snapshot, between two turns of other tasks


class World(Protocol):
    """What is told besides the requests. Each part is read when it is looked at, and must not wait."""

    def head(self) -> JsonObject:
        """The parts of a snapshot that do not change by themselves."""

    def parts(self) -> JsonObject:
        """By the type of their message: tunnel, config, totals, …"""

    def providers(self) -> Iterable[tuple[str, JsonObject]]:
        """The rows of all providers, by name; made one by one."""


class Hub:
    """``run`` it once with the world; pages ``join`` and ``leave``."""

    __slots__ = ("_ended", "_first", "_round", "_rows", "_seen", "_shown", "_telemetry", "_told", "_turn", "viewers")

    def __init__(self, telemetry: Telemetry, rows: Rows) -> None:
        self.viewers = Viewers()
        self._telemetry = telemetry
        self._rows = rows
        self._ended: dict[str, RequestRecord] = {}
        self._told: dict[str, bytes] = {}  # what was told last of each part and provider
        self._seen: dict[str, tuple[tuple[object, ...], int]] = {}  # of each running request: its state, and its sends
        self._shown: dict[str, tuple[tuple[object, ...], bytes]] = {}  # rows as they were encoded, and in what state
        self._turn = 0
        self._first = 0  # of the streaming answers, whose progress is told next
        self._round: Iterator[tuple[str, JsonObject]] = iter(())

    def join(self, request: Request) -> Viewer | None:
        """A new page, which ``request`` has opened; None if there are too many."""
        viewer = self.viewers.join(request)
        if viewer is not None and len(self.viewers) == 1:
            self._telemetry.watchers.append(self._note_end)
        return viewer

    def leave(self, viewer: Viewer) -> None:
        self.viewers.leave(viewer)
        if not len(self.viewers) and self._note_end in self._telemetry.watchers:
            self._telemetry.watchers.remove(self._note_end)
            for kept in (self._ended, self._told, self._seen, self._shown):
                kept.clear()

    async def run(self, world: World) -> None:
        """Look until cancelled."""
        while True:
            await self.viewers.came.wait()
            await trio.sleep(LOOK_S)
            self._look(world)

    def point(self, at: float, point: JsonObject) -> None:
        """A step of the charts is over."""
        if len(self.viewers):
            self._tell(f"point {at}", {"type": "point", "at": at, "point": point})

    async def snapshot(self, world: World) -> bytes:
        """A frame with everything, for a page that is new or has fallen behind."""
        rows = []
        for number, record in enumerate(list(self._telemetry.newest())):
            rows.append(self._encoded(record))
            if number % ROWS_A_TURN == ROWS_A_TURN - 1:
                await trio.lowlevel.checkpoint()
        told = {
            **world.head(),
            **world.parts(),
            "providers": [row for _name, row in world.providers()],
        }
        head = jsontext.dumps({"type": "snapshot", **told})
        return frames.text(b'%b,"requests":[%b]}' % (head[:-1], b",".join(rows)))

    # --- one look ---

    def _look(self, world: World) -> None:
        self._look_at_ended()
        self._look_at_running()
        self._turn = (self._turn + 1) % LOOKS_A_ROUND
        if not self._turn:
            self._look_at_parts(world)
        for name, row in islice(self._round, PROVIDERS_A_LOOK):
            self._tell_if_new(f"provider {name}", {"type": "provider", "provider": row})

    def _look_at_parts(self, world: World) -> None:
        self._round = iter(world.providers())
        for kind, part in world.parts().items():
            self._tell_if_new(kind, {"type": kind, kind: part})

    def _note_end(self, record: RequestRecord) -> None:
        if len(self._ended) < MOST_ENDED:
            self._ended[record.id] = record

    def _look_at_ended(self) -> None:
        if not self._ended:
            return
        ended, self._ended = self._ended, {}
        finished = {record.id for record in self._telemetry.finished}
        for request_id, record in ended.items():
            self._seen.pop(request_id, None)
            if request_id in finished:
                self._tell_request(record)
        running = self._telemetry.running
        if len(self._shown) > 2 * (len(finished) + len(running)):
            self._shown = {key: row for key, row in self._shown.items() if key in finished or key in running}

    def _look_at_running(self) -> None:
        seen, running = self._seen, self._telemetry.running
        progress: list[tuple[RequestRecord, tuple[object, ...], int]] = []
        for record in running.values():
            state = _state(record)
            sends = record.reads if record.answer is None else record.answer.sends + record.reads
            before = seen.get(record.id)
            if before is None or before[0] != state:
                seen[record.id] = (state, sends)
                self._tell_request(record)
            elif before[1] != sends:
                progress.append((record, state, sends))
        if len(progress) > MOST_PROGRESS:
            first = self._first % len(progress)
            self._first = first + MOST_PROGRESS
            progress = (progress[first:] + progress[:first])[:MOST_PROGRESS]
        for record, state, sends in progress:
            seen[record.id] = (state, sends)
            self._tell_request(record)
        if len(seen) > 2 * len(running) + MOST_ENDED:
            self._seen = {key: value for key, value in seen.items() if key in running}

    def _tell_request(self, record: RequestRecord) -> None:
        frame = frames.text(b'{"type":"request","request":%b}' % self._encoded(record))
        self.viewers.tell(record.id, frame)

    def _encoded(self, record: RequestRecord) -> bytes:
        """The row; only what may have changed since it was encoded last is encoded again."""
        state = _state(record)
        before = self._shown.get(record.id)
        if before is None or before[0] != state:
            before = self._shown[record.id] = (state, jsontext.dumps(self._rows.row(record))[:-1])
        has = b"true" if has_body(record) else b"false"
        return b'%b,"streamed":%d,"bytes":%d,"has_body":%b}' % (before[1], streamed(record), sent(record), has)

    def _tell_if_new(self, thing: str, message: JsonObject) -> None:
        told = jsontext.dumps(message)
        if self._told.get(thing) != told:
            self._told[thing] = told
            self.viewers.tell(thing, frames.text(told))

    def _tell(self, thing: str, message: JsonObject) -> None:
        self.viewers.tell(thing, frames.text(jsontext.dumps(message)))


def _state(record: RequestRecord) -> tuple[object, ...]:
    """What of a running request is told at once when it changes."""
    attempts = record.attempts
    last = attempts[-1] if attempts else None
    return (
        record.phase,
        record.provider,
        len(attempts),
        sum(1 for one in attempts if one.outcome) if len(attempts) > 1 else last is not None and last.outcome,
        last is not None and last.asked,
        record.place_now() if record.ended is None else record.ended,
    )
