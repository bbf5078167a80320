"""The body of a request that is relayed: the model's name in it, and the same body with another name.

A JSON body is held whole. A form is read until its model is known, and held whole only
where it is short: a longer one goes on as it comes, and can then be sent only once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from linx.core import jsontext
from linx.core.errors import BadRequest
from linx.handlers.answers import multipart

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from linx.server.request import Request

MAX_SEARCHED = 64 * 1024  # bytes of a form in which its model must stand
MAX_HELD = 1024 * 1024
"""Bytes of a form that are held, so that it can be sent to a second candidate."""
FIRST_LOOK = 1024  # bytes of a form that have come when its model is first looked for


@dataclass(slots=True)
class Payload:
    """A request's body: all of it, or its beginning and where the rest comes from."""

    start: bytes
    kind: bytes
    """Its content type, made anew."""
    place: tuple[int, int] | None = None
    """Where a form's model stands in ``start``."""
    rest: AsyncIterator[bytes] | None = None
    length: int | None = None
    """Of the whole, where that is known and not all of it is here."""
    is_spent: bool = False
    """Something of the rest was taken, so it cannot be sent again."""

    @property
    def model(self) -> str:
        assert self.place is not None
        try:
            return self.start[self.place[0] : self.place[1]].decode("utf-8")
        except UnicodeDecodeError:
            raise BadRequest("model: must be UTF-8", param="model") from None

    def beginning(self, asked: str, served: str) -> bytes:
        """``start`` with the model's name there."""
        if asked == served or not asked:
            return self.start
        if self.place is None:
            body = {**jsontext.loads_strict(self.start), "model": served}
            return jsontext.dumps_in_pieces(body) if len(self.start) > jsontext.HUGE else jsontext.dumps(body)
        return self.start[: self.place[0]] + served.encode() + self.start[self.place[1] :]


class PayloadStream:
    """The bytes of a payload that is not all here. A class, since a generator left half-way would have to be closed."""

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


async def read_form(request: Request, boundary: bytes, pieces: AsyncIterator[bytes]) -> Payload:
    """A form as far as it must be read to know its model, or whole where it is short."""
    coding = (request.header(b"content-encoding") or b"").lower()
    is_whole = coding not in (b"", b"identity") or (request.content_length or MAX_HELD + 1) <= MAX_HELD
    rest: AsyncIterator[bytes] | None = None
    if is_whole:
        start = await request.body()
    else:
        held, look_at = bytearray(), FIRST_LOOK
        async for piece in pieces:
            held += piece
            if len(held) < look_at:
                continue
            look_at = 2 * len(held)  # so that many small pieces are not searched again and again
            if len(held) >= MAX_SEARCHED or multipart.find_model(bytes(held), boundary) is not None:
                rest = pieces
                break
        start = bytes(held)
    place = multipart.find_model(start[: MAX_SEARCHED + len(boundary)], boundary)
    if place is None:
        raise BadRequest(
            f"model: the form must have it within its first {MAX_SEARCHED >> 10} KiB; put the field before the files",
            param="model",
        )
    kind = b'multipart/form-data; boundary="' + boundary + b'"'
    length = request.content_length if rest is not None else None
    return Payload(start, kind, place, rest, length)
