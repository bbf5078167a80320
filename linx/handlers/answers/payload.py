"""The body of a request that is relayed: finds the model's name in it, and replaces the name.

A JSON body is kept in memory. A form is read until its model is known. A short form is then kept in memory, and so is
a form whose model does not come soon: openai-node, for one, sends the file before the fields. Any other long form is
relayed as it comes, so it can be sent only once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from linx.core import jsontext
from linx.core.errors import BadRequest, BodyTooLarge
from linx.core.worker import in_thread
from linx.handlers.answers import multipart

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from linx.server.request import Request

MAX_SEARCHED = 64 * 1024  # bytes at the start of a form that must contain its model if the form is to be streamed
MAX_HELD = 1024 * 1024
"""Bytes of a form that is kept in memory, so that it can be sent to a second candidate."""
FIRST_LOOK = 1024  # bytes of a form after which its model is searched for the first time


@dataclass(slots=True)
class Payload:
    """A request's body: ``start``, and ``rest`` if ``start`` is not all of it."""

    start: bytes
    kind: bytes
    """The content type, written anew by Linx."""
    place: tuple[int, int] | None = None
    """Start and end of a form's model in ``start``."""
    rest: AsyncIterator[bytes] | None = None
    length: int | None = None
    """The length of the whole body, if it is known and ``rest`` is set."""
    is_spent: bool = False
    """Reading of ``rest`` has begun, so the body cannot be sent again."""

    @property
    def model(self) -> str:
        assert self.place is not None
        try:
            return self.start[self.place[0] : self.place[1]].decode("utf-8")
        except UnicodeDecodeError:
            raise BadRequest("model: must be UTF-8", param="model") from None

    def beginning(self, asked: str, served: str) -> bytes:
        """``start`` with the model's name ``asked`` replaced by ``served``, the name at the provider."""
        if asked == served or not asked:
            return self.start
        if self.place is None:
            body = {**jsontext.loads_strict(self.start), "model": served}
            return jsontext.dumps_in_pieces(body) if len(self.start) > jsontext.HUGE else jsontext.dumps(body)
        return self.start[: self.place[0]] + served.encode() + self.start[self.place[1] :]


class PayloadStream:
    """The bytes of a payload that has a ``rest``. A class, since a generator that is not finished must be closed."""

    def __init__(self, payload: Payload, beginning: bytes) -> None:
        self._payload = payload
        self._beginning = beginning

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        beginning, self._beginning = self._beginning, b""
        if beginning:
            return beginning
        assert self._payload.rest is not None
        self._payload.is_spent = True
        return await anext(self._payload.rest)


async def read_form(
    request: Request, boundary: bytes, pieces: AsyncIterator[bytes], *, is_held: bool = False
) -> Payload:
    """Read a form until its model is known, or completely (``is_held``).

    Raises BadRequest, or BodyTooLarge as ``request.body``.
    """
    rest: AsyncIterator[bytes] | None = None
    if is_held or request.is_packed or (request.content_length or MAX_HELD + 1) <= MAX_HELD:
        start = await request.body()
        place = await _find_model(start, boundary)
    else:
        start, place = await _beginning(boundary, pieces)
        if place is not None:
            rest = pieces
        else:
            start = await _whole(request, start)
            place = await _find_model(start, boundary)
    length = request.content_length if rest is not None else None
    if request.named_model:
        before = len(start)
        start, place = multipart.with_model(start, boundary, place, request.named_model.encode("utf-8", "replace"))
        length = None if length is None else length + len(start) - before
    if place is None:
        raise BadRequest("model: the form must have a field with the name of a model", param="model")
    kind = b'multipart/form-data; boundary="' + boundary + b'"'
    return Payload(start, kind, place, rest, length)


async def _beginning(boundary: bytes, pieces: AsyncIterator[bytes]) -> tuple[bytes, tuple[int, int] | None]:
    """A form up to its model, but at most about MAX_SEARCHED bytes, and where the model is in that."""
    held, look_at = bytearray(), FIRST_LOOK
    async for piece in pieces:
        held += piece
        if len(held) < look_at:
            continue
        look_at = 2 * len(held)  # searching after each small piece would take quadratic time
        start = bytes(held)
        place = multipart.find_model(start, boundary)
        if place is not None or len(held) >= MAX_SEARCHED:
            return start, place
    return bytes(held), None


async def _find_model(form: bytes, boundary: bytes) -> tuple[int, int] | None:
    if len(form) <= jsontext.LARGE:
        return multipart.find_model(form, boundary)
    return await in_thread(multipart.find_model, form, boundary)


async def _whole(request: Request, start: bytes) -> bytes:
    try:
        return await request.body_after(start)
    except BodyTooLarge as error:
        raise BodyTooLarge(f"{error}; in so large a form the field model must come before the files") from None
