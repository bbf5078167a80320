"""The order of blocks, with a dialect that writes it down in words."""

from __future__ import annotations

import random

import pytest

from linx.core.chat import Chunk, JsonObject, ToolDelta
from linx.core.errors import BadRequest, LinxError
from linx.dialects.shared.block_encoder import OPAQUE, Block, BlockEncoder, arguments_object, unique_id

NAMES = {-1: b"reasoning", -2: b"text", -3: b"refusal"}


class Words(BlockEncoder):
    def _begin(self) -> None:
        self._out.append(b"begin ")

    def _start(self, block: Block) -> None:
        self._out.append(b"%d:%b " % (block.number, NAMES.get(block.key) or b"call%d" % block.key))

    def _write(self, block: Block, text: str, _logprobs: list[JsonObject] | None) -> None:
        block.parts.append(text)
        self._out.append(b"+%b " % text.encode())

    def _stop(self, block: Block) -> None:
        self._out.append(b"/%d " % block.number)

    def _finish(self) -> None:
        self._out.append(b"end")

    def _fail(self, problem: LinxError) -> None:
        self._out.append(b"error")

    def _beat(self, is_first: bool) -> None:
        self._out.append(b"first " if is_first else b"beat ")

    def _detail(self, detail: JsonObject) -> None:
        self._opaque_piece(str(detail["data"]))


def tool(index: int, arguments: str) -> Chunk:
    return Chunk(tools=[ToolDelta(index, None, None, arguments)])


def secret(data: str) -> Chunk:
    details = [{"type": "reasoning.encrypted", "data": data}]
    return Chunk(source={"choices": [{"delta": {"reasoning_details": details}}]}, dialect="openai")


@pytest.mark.parametrize(
    ("chunks", "words"),
    [
        ([], "begin end"),
        ([Chunk()], "begin end"),
        ([Chunk(reasoning="a", text="b", refusal="c")], "begin 0:reasoning +a /0 1:text +b /1 2:refusal +c /2 end"),
        ([tool(0, "{"), Chunk(text="x"), tool(0, "}")], "begin 0:call0 +{ +} /0 1:text +x /1 end"),
        ([tool(0, "{}"), Chunk(text="x"), tool(0, " ")], "begin 0:call0 +{} /0 1:text +x /1 end"),
        (
            [Chunk(reasoning="a", text="b", source=secret("s").source, dialect="openai")],
            f"begin 0:reasoning +a /0 1:call{OPAQUE} +s /1 2:text +b /2 end",
        ),
        ([tool(0, ""), tool(1, "")], "begin 0:call0 /0 1:call1 /1 end"),
        (
            [tool(0, "{"), Chunk(text="x"), Chunk(text="y"), tool(1, "{}"), Chunk(text="z")],
            "begin 0:call0 +{ /0 1:text +xy /1 2:call1 +{} /2 3:text +z /3 end",
        ),
        ([secret("a"), secret("b")], f"begin 0:call{OPAQUE} +a /0 1:call{OPAQUE - 1} +b /1 end"),
        ([Chunk(source={}, dialect="ollama")], "begin end"),
        ([Chunk(text="a", finish="stop"), Chunk(text="b")], "begin 0:text +a /0 1:text +b /1 end"),
    ],
)
def test_the_order_of_blocks(chunks: list[Chunk], words: str) -> None:
    one = Words()
    assert (b"".join(one.frames([chunk]) for chunk in chunks) + one.end()).decode() == words


def test_a_whole_first_call_lets_the_next_one_through() -> None:
    one = Words()
    one.frames([tool(0, '{"a":'), tool(0, "1}")])
    assert one.frames([tool(1, "{")]) == b"/0 1:call1 +{ "


def test_the_rest_of_a_stream() -> None:
    one = Words()
    assert one.heartbeat() == b"begin first "
    assert one.heartbeat() == b"beat "
    assert one.error(BadRequest("x")) == b"error"
    assert one.frames([Chunk(text="a")]) + one.heartbeat() + one.end() + one.error(BadRequest("x")) == b""


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
        one = Words()
        words = (b"".join(one.frames([chunk]) for chunk in chunks) + one.end()).decode()
        blocks: dict[str, str] = {}
        number, name = -1, ""
        for word in words.split()[1:-1]:
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


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("", None),
        ("{", None),
        ("[{}", None),
        ('{"a":1} \n', {"a": 1}),
        ("1}", None),
        ('{"a":12345678901234567890123}', {"a": 12345678901234567890123}),
        ("[1]", None),
        ("{}}", None),
    ],
)
def test_arguments_are_one_object(text: str, made: JsonObject | None) -> None:
    assert arguments_object(text) == made


def test_an_id_is_given_once() -> None:
    taken: set[str] = set()
    made = [unique_id(call_id, taken) for call_id in ("a", "a", "a_1", "a", "a_3", "b")]
    assert len(set(made)) == 6
    assert (made[0], made[5]) == ("a", "b")
