"""How the fake Ollama reads a body into its struct, and how it frames and breaks off an answer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.fakes import wire_ollama
from tests.fakes.exchange import Exchange, Response, Stream
from tests.fakes.ollama_json import GoError, NoBody, Shape, decoded, go_dumps
from tests.fakes.ollama_refusals import JSON_TYPE, PLAIN_JSON, refused
from tests.fakes.scripted import Answer, Whole
from tests.fakes.wire import Frame, Pace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.fakes.catalogue import JsonObject

_BUFFER = 2048  # Go's server knows the length of what fits into its buffer, and sends the rest in chunks


def bound(exchange: Exchange, shape: Shape) -> JsonObject:
    """A request's body in its struct. Raises RequestRefused."""
    try:
        return decoded(exchange.body, shape)
    except NoBody:
        raise refused("missing request body") from None
    except GoError as error:
        raise refused(str(error)) from None


def framed(body: bytes, content_type: str = JSON_TYPE, status: int = 200) -> Whole:
    return Whole(status, body, content_type, is_chunked=len(body) > _BUFFER)


def json_answer(value: object, status: int = 200) -> Whole:
    return framed(go_dumps(value), status=status)


def nothing(status: int = 200) -> Whole:
    return Whole(status, content_type="")


def whole(body: bytes, answer: Answer, error: bytes, content_type: str = JSON_TYPE) -> Response:
    """One JSON body; a cut answer is a body that breaks off, or an error with the status of one."""
    if answer.cut is None and answer.cut_bytes is None:
        pace = Pace(answer)
        # The model works before it answers: all of its silences in a row.
        silence = answer.head_s + sum(pace() for _ in range(max(1, len(answer.tokens))))
        return replace(framed(body, content_type), head_s=silence)
    if answer.after == "error":
        return framed(error, content_type, 500)
    return Stream([Frame(body)], content_type, replace(answer, cut_bytes=answer.cut_bytes or 0), b"")


def ndjson(frames: Sequence[Frame], answer: Answer) -> Response:
    if answer.cut == 0 and answer.after == "error":  # before the first frame there still is a status
        return framed(go_dumps({"error": answer.error}), PLAIN_JSON, 500)
    return Stream(frames, "application/x-ndjson", answer, wire_ollama.error_frame(answer))
