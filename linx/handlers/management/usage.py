"""``GET /linx/usage``: what ``linx usage`` prints; read in a thread, since the ledger may be large."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import trio

from linx.core.errors import BadRequest, ConfigError, Unavailable, quote

if TYPE_CHECKING:
    from linx.dialects.base import Face
    from linx.handlers.context import Context
    from linx.ledger.usage import Asked
    from linx.server.reply import Reply
    from linx.server.request import Request

TYPES = {"json": b"application/json", "csv": b"text/csv; charset=utf-8"}
_FIELDS = ("by", "since", "format")
MOST_AT_ONCE = 2
_readers = trio.CapacityLimiter(MOST_AT_ONCE)


async def show(context: Context, _face: Face, request: Request, reply: Reply) -> None:
    """The numbers by day, model, provider, key or client since a time, as JSON or CSV."""
    # Imported here because sqlite3 takes long to import.
    from linx.ledger.database import LedgerProblem
    from linx.ledger.report import Style
    from linx.ledger.usage import report

    asked = _asked(request)
    work = partial(report, context.config.ledger, asked, Style())
    try:
        text = await trio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=_readers)
    except LedgerProblem as error:
        raise Unavailable(context.redactor.clean(str(error))) from None
    headers = ((b"content-disposition", b'attachment; filename="linx-usage.csv"'),) if asked.format == "csv" else ()
    await reply.whole(200, text.encode("utf-8", "replace"), TYPES[asked.format], headers)


def _asked(request: Request) -> Asked:
    """The fields of the query, as those of the command. Raises BadRequest."""
    from linx.ledger.period import HELP
    from linx.ledger.period import parse as period_of
    from linx.ledger.questions import BY
    from linx.ledger.usage import Asked

    try:
        query = parse_qs(request.query, keep_blank_values=True, max_num_fields=16)
    except ValueError:
        raise BadRequest("The query has too many fields.") from None
    for name, values in query.items():
        if name not in _FIELDS or len(values) > 1:
            raise BadRequest(f"Unknown or repeated field {quote(name)!r}; known: {', '.join(_FIELDS)}.", param=name)
    given = {"by": "model", "since": "7d", "format": "json", **{name: values[0] for name, values in query.items()}}
    for name, known in (("by", tuple(BY)), ("format", tuple(TYPES))):
        if given[name] not in known:
            raise BadRequest(f"{name}: must be one of {', '.join(known)}", param=name)
    try:
        period = period_of(given["since"], time.time())
    except ConfigError:
        raise BadRequest(f"since: must be {HELP}", param="since") from None
    return Asked(by=given["by"], period=period, format=given["format"])
