"""What a handler is given: the ids of requests, and a body that may be left unread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.server.request import new_id
from tests.server.client import in_memory, post

if TYPE_CHECKING:
    from linx.server.reply import Reply
    from linx.server.request import Request


def test_ids_are_all_different() -> None:
    ids = [new_id() for _ in range(500)]
    assert len(set(ids)) == 500
    assert all(len(each) == 32 and set(each) <= set("0123456789abcdef") for each in ids)


async def test_a_body_that_is_passed_on_may_be_left_anywhere() -> None:
    """A generator that is left before its end has to be closed, and trio tells of one that is not."""
    pieces: list[bytes] = []

    async def handler(request: Request, reply: Reply) -> None:
        async for piece in request.stream_body():
            pieces.append(piece)
            break
        await reply.whole(200, b"enough")

    async with in_memory(handler) as client:
        await client.send(post(b"x" * 10))
        assert (await client.answer()).body == b"enough"
    assert pieces == [b"x" * 10]
