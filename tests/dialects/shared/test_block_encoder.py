"""The order of blocks, with a writer that says in words what it is told."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from linx.core.attempt_errors import Garbled
from linx.core.chat import Chunk, Dialect, ToolDelta, Usage
from linx.core.errors import BadRequest
from linx.dialects.base import MAX_FRAME
from linx.dialects.shared.block_encoder import BlockEncoder
from linx.dialects.shared.blocks import OPAQUE, REASONING, Ending

if TYPE_CHECKING:
    from linx.core.chat import JsonObject
    from linx.core.errors import LinxError
    from linx.dialects.shared.blocks import Block

NAMES = {-1: b"reasoning", -2: b"text", -3: b"refusal"}


class Words:
    """A ``BlockWriter``. An opaque detail is a block of its own, a signed one belongs to the reasoning."""

    def __init__(self, repeats_text: bool = False) -> None:
        self.repeats_text = repeats_text
        self.closed: list[tuple[str, list[str], str | None]] = []
        """Of each block that was closed: its text as far as it was kept, its details, and the finish by then."""
        self.endings: list[Ending] = []
        self.call_ids: list[str] = []

    def begin(self, usage: Usage | None) -> bytes:
        return b"begin " if usage is None else b"begin:%d " % usage.prompt

    def open(self, block: Block) -> bytes:
        self.call_ids += [block.call_id] if block.call_id else []
        return b"%d:%b " % (block.number, NAMES.get(block.key) or b"call%d" % block.key)

    def delta(self, _block: Block, text: str, logprobs: list[JsonObject] | None) -> bytes:
        return b"+%b%b " % (text.encode(), b"?" * len(logprobs or ()))

    def close(self, block: Block, finish: str | None) -> bytes:
        self.closed.append((block.text, [detail["type"] for detail in block.details], finish))
        return b"/%d " % block.number

    def end(self, ending: Ending) -> bytes:
        self.endings.append(ending)
        return b"end"

    def error(self, _problem: LinxError, ending: Ending) -> bytes:
        self.endings.append(ending)
        return b"error"

    def heartbeat(self, is_first: bool) -> bytes:
        return b"first " if is_first else b"beat "

    def call_id(self, delta: ToolDelta) -> str:
        return delta.id or "made"

    def place_of(self, detail: JsonObject) -> tuple[int, str] | None:
        if detail.get("format") == "untold":
            return None
        return (REASONING, "") if detail["type"] == "reasoning.text" else (OPAQUE, detail["data"])


def words(chunks: list[Chunk]) -> str:
    encoder = BlockEncoder(Words())
    return (b"".join(encoder.frames([chunk]) for chunk in chunks) + encoder.end()).decode()


def tool(index: int, arguments: str) -> Chunk:
    return Chunk(tools=[ToolDelta(index, None, None, arguments)])


def secret(data: str, **more: str) -> Chunk:
    details = [{"type": "reasoning.encrypted", "data": data, **more}]
    return Chunk(source={"choices": [{"delta": {"reasoning_details": details}}]}, dialect=Dialect.OPENAI)


def signed(text: str = "") -> Chunk:
    details = [{"type": "reasoning.text", "signature": "s"}]
    return Chunk(
        reasoning=text, source={"choices": [{"delta": {"reasoning_details": details}}]}, dialect=Dialect.OPENAI
    )


@pytest.mark.parametrize(
    ("chunks", "told"),
    [
        ([], "begin end"),
        ([Chunk()], "begin end"),
        ([Chunk(reasoning="a", text="b", refusal="c")], "begin 0:reasoning +a /0 1:text +b /1 2:refusal +c /2 end"),
        ([tool(0, "{"), Chunk(text="x"), tool(0, "}")], "begin 0:call0 +{ +} /0 1:text +x /1 end"),
        ([tool(0, "{}"), Chunk(text="x"), tool(0, " ")], "begin 0:call0 +{} /0 1:text +x /1 end"),
        (
            [Chunk(reasoning="a", text="b", source=secret("s").source, dialect=Dialect.OPENAI)],
            f"begin 0:reasoning +a /0 1:call{OPAQUE} +s /1 2:text +b /2 end",
        ),
        ([tool(0, ""), tool(1, "")], "begin 0:call0 /0 1:call1 /1 end"),
        (
            [tool(0, "{"), Chunk(text="x"), Chunk(text="y"), tool(1, "{}"), Chunk(text="z")],
            "begin 0:call0 +{ /0 1:text +xy /1 2:call1 +{} /2 3:text +z /3 end",
        ),
        ([secret("a"), secret("b")], f"begin 0:call{OPAQUE} +a /0 1:call{OPAQUE - 1} +b /1 end"),
        ([Chunk(source={}, dialect=Dialect.OLLAMA)], "begin end"),
        ([Chunk(text="a", finish="stop"), Chunk(text="b")], "begin 0:text +a /0 1:text +b /1 end"),
    ],
)
def test_the_order_of_blocks(chunks: list[Chunk], told: str) -> None:
    assert words(chunks) == told


def test_a_whole_first_call_lets_the_next_one_through() -> None:
    encoder = BlockEncoder(Words())
    encoder.frames([tool(0, '{"a":'), tool(0, "1}")])
    assert encoder.frames([tool(1, "{")]) == b"/0 1:call1 +{ "


def test_the_rest_of_a_stream() -> None:
    encoder = BlockEncoder(Words())
    assert encoder.heartbeat() == b"begin first "
    assert encoder.heartbeat() == b"beat "
    assert encoder.error(BadRequest("x")) == b"error"
    rest = encoder.frames([Chunk(text="a")]) + encoder.heartbeat() + encoder.end() + encoder.error(BadRequest("x"))
    assert rest == b""


def test_the_beginning_tells_what_is_known_of_the_prompt() -> None:
    chunks = [Chunk(text="a"), Chunk(usage=Usage(prompt=7))]
    assert BlockEncoder(Words()).frames(chunks) == b"begin:7 0:text +a "
    assert BlockEncoder(Words()).frames(chunks[:1]) == b"begin 0:text +a "


def test_what_is_known_at_the_end() -> None:
    source = {"choices": [{"finish_reason": "length"}]}
    usage = Usage(prompt=1)
    chunks = [Chunk(text="ab"), tool(0, "{"), Chunk(refusal="no"), Chunk(finish="length", source=source)]
    writer = Words()
    encoder = BlockEncoder(writer)
    encoder.frames([*chunks, Chunk(usage=usage)])
    encoder.end()
    (ending,) = writer.endings
    assert ending == Ending(usage, "length", source, has_calls=True, is_refused=True, size=5)
    assert [finish for _text, _details, finish in writer.closed] == [None, "length", "length"]

    failed = Words()
    BlockEncoder(failed).error(BadRequest("x"))
    assert failed.endings == [Ending(None, None, None, has_calls=False, is_refused=False, size=0)]


@pytest.mark.parametrize("repeats_text", [False, True])
def test_text_is_kept_where_the_writer_repeats_it_and_arguments_always(repeats_text: bool) -> None:
    writer = Words(repeats_text)
    encoder = BlockEncoder(writer)
    encoder.frames([Chunk(text="a"), Chunk(text="b"), tool(0, "{"), tool(0, "}")])
    encoder.end()
    assert [text for text, _details, _finish in writer.closed] == ["ab" if repeats_text else "", "{}"]


def test_there_is_an_end_to_what_is_kept() -> None:
    encoder = BlockEncoder(Words())
    encoder.frames([Chunk(text="x" * MAX_FRAME), tool(0, "{" + "x" * (MAX_FRAME - 1))])
    with pytest.raises(Garbled, match="16 MiB"):
        encoder.frames([Chunk(text="x")])


def test_a_detail_belongs_to_the_reasoning_it_came_with() -> None:
    writer = Words()
    encoder = BlockEncoder(writer)
    chunks = [signed("a"), Chunk(text="b"), tool(0, "{"), signed("c"), Chunk(text="d"), signed(), signed("e")]
    encoder.frames([*chunks, secret("f"), secret("g", format="untold")])
    text = ["reasoning.text"]
    encoder.end()
    assert [details for _text, details, _finish in writer.closed] == [
        text, [], [], text, [], [*text, *text], ["reasoning.encrypted"]
    ]  # fmt: skip


def test_scores_wait_with_their_text() -> None:
    score: JsonObject = {"token": "x"}
    late = [tool(0, "{"), Chunk(text="x", logprobs=[score]), Chunk(text="y", logprobs=[score])]
    assert words([Chunk(text="x", logprobs=[score])]) == "begin 0:text +x? /0 end"
    assert words(late) == "begin 0:call0 +{ /0 1:text +xy?? /1 end"


def test_ids_of_calls_are_not_those_of_the_conversation() -> None:
    writer = Words()
    BlockEncoder(writer, ["made"]).frames([tool(0, "{}"), tool(1, "{}")])
    assert len({*writer.call_ids, "made"}) == 3


def test_any_order_of_pieces_gives_every_block_whole() -> None:
    """Whatever the order, each call's pieces end up in one block, and none is lost."""
    draw = random.Random(7)
    for _ in range(300):
        calls = {index: f'{{"n":{index},"s":"{"}" * index}"}}' for index in range(draw.randint(1, 4))}
        left = {index: list(text) for index, text in calls.items()}
        chunks = [tool(index, "") for index in calls] if draw.random() < 0.5 else []
        while left:
            index = draw.choice(list(left)) if draw.random() < 0.7 else min(left)
            pieces = left[index]
            count = draw.randint(1, len(pieces))
            chunks.append(tool(index, "".join(pieces[:count])))
            left[index] = pieces[count:]
            if not left[index]:
                del left[index]
            if draw.random() < 0.2:
                chunks.append(Chunk(text="t"))
        blocks: dict[str, str] = {}
        number, name = -1, ""
        for word in words(chunks).split()[1:-1]:
            if word.startswith("/"):
                assert word == f"/{number}"
            elif word.startswith("+"):
                blocks[name] = blocks.get(name, "") + word[1:]
            else:
                before, _, name = word.partition(":")
                assert int(before) == number + 1
                number += 1
        assert blocks.pop("text", "") == "t" * sum(bool(chunk.text) for chunk in chunks)
        assert blocks == {f"call{index}": text for index, text in calls.items()}
