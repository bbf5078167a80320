"""How the record of a request is begun, in one place for all handlers that ask a provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.core.client_name import client_name
from linx.core.telemetry import RequestRecord

if TYPE_CHECKING:
    from linx.handlers.context import Context
    from linx.server.request import Request


def begin_record(context: Context, request: Request, now: float, model: str = "") -> RequestRecord:
    """The record of ``request``, which may run from ``now`` on (trio's clock); the request refers to it."""
    record = RequestRecord(
        request.id,
        context.at(now),
        now,
        request.method,
        request.path,
        model=model,
        face=request.face,
        client=client_name(request.header(b"user-agent")),
        key=request.key.name,
        replay_of=request.replay_of,
    )
    record.bound()
    request.record = record
    return record
