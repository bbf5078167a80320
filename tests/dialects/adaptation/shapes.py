"""A refusal in every shape that providers use, for the tests of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.core import jsontext
from linx.dialects.failures.meaning import event_failure, failure

if TYPE_CHECKING:
    from linx.core.attempt_errors import Refused

STATUSES = (400, 422, 500)


def refusals(words: str) -> list[Refused]:
    """``words`` as plain text, as ``error`` and ``detail`` in their forms, wrapped twice, and inside a 200."""
    wrapped = jsontext.dumps({"error": {"message": words, "code": 400}}).decode()
    bodies = [
        words.encode(),
        jsontext.dumps({"error": words}),
        jsontext.dumps({"error": {"message": words, "type": "invalid_request_error"}}),
        jsontext.dumps([{"error": {"code": 400, "message": words, "status": "INVALID_ARGUMENT"}}]),
        jsontext.dumps({"object": "error", "message": words, "type": "invalid_request_error"}),
        jsontext.dumps({"detail": words}),
        jsontext.dumps({"detail": [{"loc": ["body"], "msg": words, "type": "value_error"}]}),
        jsontext.dumps({"error": wrapped}),
        jsontext.dumps({"error": {"message": "Provider returned error", "metadata": {"raw": wrapped}}}),
    ]
    return [failure(status, body) for status in STATUSES for body in bodies] + [event_failure(words)]
