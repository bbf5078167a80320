"""The record of a request that is relayed to one provider, past the race: how it is begun, counted and ended."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import trio

from linx.core.attempt_errors import AttemptError
from linx.core.errors import LinxError, UnsupportedEncoding, word_of
from linx.core.telemetry import AttemptRecord
from linx.handlers.records import begin_record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from linx.core.telemetry import RequestRecord
    from linx.handlers.context import Context
    from linx.providers.provider import Provider
    from linx.server.request import Request


@contextmanager
def relaying(context: Context, request: Request, provider: Provider, model: str = "") -> Iterator[RequestRecord]:
    """For the time of the exchange. A failure counts against the provider's health and gets its name."""
    now = trio.current_time()
    record = begin_record(context, request, now, model)
    attempt = AttemptRecord(provider.name, record.model, now, is_local=provider.is_local(model))
    record.attempts.append(attempt)
    context.telemetry.begin(record)
    phase = "cancelled"
    provider.relaying += 1
    try:
        yield record
        record.is_local = attempt.is_local
        attempt.outcome = attempt.outcome or "ok"
        phase = "done"
    except AttemptError as error:
        phase, attempt.outcome = "failed", error.outcome
        error.provider = provider.name
        error.redact(context.redactor.clean)
        record.status, record.outcome = error.status, word_of(error)
        provider.health.failed(error, trio.current_time())
        provider.turn_away(error)
        error.headers = (*error.headers, *relay_headers(record, provider))
        raise
    except LinxError as error:
        phase, record.status, record.outcome = "failed", error.status, word_of(error)
        raise
    finally:
        provider.relaying -= 1
        attempt.outcome = attempt.outcome or "lost"
        attempt.ended = trio.current_time()
        context.telemetry.end(record, phase, attempt.ended)


def relay_headers(record: RequestRecord, provider: Provider) -> list[tuple[bytes, bytes]]:
    return [(b"x-linx-attempts", record.attempts_header()), (b"x-linx-provider", provider.name.encode())]


def refuse_packed(request: Request) -> None:
    """Raise UnsupportedEncoding for a compressed body, since it is passed on as it comes."""
    if request.is_packed:
        raise UnsupportedEncoding("Content-Encoding is not understood here; send the body as it is.")
