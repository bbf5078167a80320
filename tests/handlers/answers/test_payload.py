"""A body that is relayed: its model, the same with another name, and how much of a form is held."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from linx.core.errors import BadRequest, BodyTooLarge
from linx.handlers.answers.payload import MAX_HELD, MAX_SEARCHED, Payload, PayloadStream, read_form

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

BOUNDARY = b"Xmark"
MAX_BODY = 3 * MAX_HELD


def form(size: int, model: bytes = b"m", *, model_last: bool = False) -> bytes:
    field = b'\r\nContent-Disposition: form-data; name="'
    parts = [
        b"--Xmark" + field + b'model"\r\n\r\n' + model + b"\r\n",
        b"--Xmark" + field + b'file"\r\n\r\n' + b"x" * size + b"\r\n",
    ]
    return b"".join(parts[::-1] if model_last else parts) + b"--Xmark--\r\n"


class Pieces:
    """A body as it comes."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        piece, self._body = self._body[:5000], self._body[5000:]
        if not piece:
            raise StopAsyncIteration
        return piece


class Sent:
    """As much of a request as is looked at."""

    def __init__(self, body: bytes, *, has_length: bool = True, coding: bytes | None = None) -> None:
        self.content_length = len(body) if has_length else None
        self.coding = coding
        self.named_model = ""
        self._body = body

    @property
    def is_packed(self) -> bool:
        return self.coding is not None

    async def body(self) -> bytes:
        return self._body

    async def body_after(self, start: bytes) -> bytes:
        assert self._body.startswith(start)
        if len(self._body) > MAX_BODY:
            raise BodyTooLarge("The request body is larger than 3145728 bytes")
        return self._body


async def read(body: bytes, **how: Any) -> Payload:
    return await read_form(Sent(body, **how), BOUNDARY, Pieces(body))  # type: ignore[arg-type]


def test_names_in_a_payload() -> None:
    json = Payload(b'{"a": 1, "model": "x"}', b"application/json")
    assert json.beginning("x", "x") is json.start
    assert json.beginning("", "x") is json.start
    assert json.beginning("x", "y") == b'{"a":1,"model":"y"}'
    form = Payload(b"..name..", b"multipart/form-data", (2, 6))
    assert form.model == "name"
    assert form.beginning("name", "longer") == b"..longer.."
    with pytest.raises(BadRequest):
        _ = Payload(b"\xff", b"multipart/form-data", (0, 1)).model


@pytest.mark.parametrize(
    ("size", "how"),
    [(10, {}), (MAX_HELD // 2, {}), (2 * MAX_HELD, {"coding": b"gzip"})],
    ids=["short", "half a megabyte", "packed"],
)
async def test_a_form_that_is_short_or_packed_is_held(size: int, how: dict[str, Any]) -> None:
    body = form(size)
    payload = await read(body, **how)
    assert (payload.start, payload.rest, payload.length, payload.model) == (body, None, None, "m")
    assert payload.kind == b'multipart/form-data; boundary="Xmark"'


@pytest.mark.parametrize("has_length", [True, False])
async def test_a_long_one_is_read_only_as_far_as_its_model(has_length: bool) -> None:
    body = form(2 * MAX_HELD)
    payload = await read(body, has_length=has_length)
    assert payload.rest is not None
    assert len(payload.start) <= MAX_SEARCHED
    assert payload.length == (len(body) if has_length else None)
    beginning = payload.beginning("m", "another")
    assert not payload.is_spent
    sent = [piece async for piece in PayloadStream(payload, beginning)]
    assert b"".join(sent) == form(2 * MAX_HELD, b"another")
    assert payload.is_spent


async def test_nothing_is_spent_by_the_beginning_alone() -> None:
    payload = await read(form(2 * MAX_HELD))
    stream = PayloadStream(payload, payload.start)
    assert await anext(stream) == payload.start
    assert not payload.is_spent


@pytest.mark.parametrize("has_length", [True, False])
@pytest.mark.parametrize("size", [10, MAX_SEARCHED, 2 * MAX_HELD])
async def test_a_model_behind_the_file_is_found_and_the_form_held(size: int, has_length: bool) -> None:
    """In the order of openai-node, whose ``transcriptions.create`` sends the file first."""
    body = form(size, model_last=True)
    payload = await read(body, has_length=has_length)
    assert (payload.start, payload.rest, payload.length, payload.model) == (body, None, None, "m")
    assert payload.beginning("m", "another") == form(size, b"another", model_last=True)


async def test_a_form_that_is_too_large_for_that_is_told_what_would_do() -> None:
    with pytest.raises(BodyTooLarge, match="must come before the files"):
        await read(form(MAX_BODY, model_last=True))


@pytest.mark.parametrize("size", [10, 2 * MAX_HELD])
async def test_a_form_must_name_its_model(size: int) -> None:
    for body in (b"--Xmark--\r\n", form(size).replace(b'"model"', b'"other"'), form(size, b"")):
        with pytest.raises(BadRequest, match="must have a field") as caught:
            await read(body)
        assert caught.value.param == "model"
