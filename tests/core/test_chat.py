from __future__ import annotations

import pytest

from linx.core.chat import Answer, ChatBody, ChatRequest, Choice, Chunk, Dialect, Timings, ToolCall, ToolDelta, Usage


@pytest.mark.parametrize(
    ("chunk", "opens"),
    [
        (Chunk(), False),
        (Chunk(usage=Usage()), False),
        (Chunk(timings=Timings()), False),
        (Chunk(source={"choices": []}, dialect=Dialect.OPENAI), False),
        (Chunk(tools=[]), False),
        (Chunk("a"), True),
        (Chunk(reasoning="a"), True),
        (Chunk(refusal="a"), True),
        (Chunk(tools=[ToolDelta(0)]), True),
        (Chunk(finish="stop"), True),
    ],
)
def test_what_opens_the_gate(chunk: Chunk, opens: bool) -> None:
    assert chunk.is_meaningful is opens


def test_an_answer_folds_its_chunks() -> None:
    answer = Answer()
    for chunk in (
        Chunk(
            "a",
            "r",
            "n",
            [ToolDelta(1, "y", "g"), ToolDelta(0, "x", "f", "{")],
            source={"n": 1},
            dialect=Dialect.OPENAI,
        ),
        Chunk(index=1, text="z", usage=Usage(1, 1)),
        Chunk("b", "s", "o", [ToolDelta(0, arguments="}")], logprobs=[{"token": "b"}], timings=Timings(1)),
        Chunk(
            finish="tool_calls", logprobs=[{"token": "c"}], usage=Usage(2, 2), source={"n": 2}, dialect=Dialect.OPENAI
        ),
    ):
        answer.add(chunk)
    assert answer.choices == {
        0: Choice(
            "ab",
            "rs",
            "no",
            [ToolCall("x", "f", "{}"), ToolCall("y", "g", "")],
            "tool_calls",
            [{"token": "b"}, {"token": "c"}],
        ),
        1: Choice("z"),
    }
    assert answer.choices == answer.choices
    assert (answer.usage, answer.timings) == (Usage(2, 2), Timings(1))
    assert (answer.sources, answer.dialect) == ([{"n": 1}, {"n": 2}], "openai")


def test_an_answer_has_a_choice_in_any_case() -> None:
    assert Answer().choices == {0: Choice()}
    assert Answer().dialect is None


def test_an_id_or_a_name_is_taken_once() -> None:
    answer = Answer()
    answer.add(Chunk(tools=[ToolDelta(0, "x", "f"), ToolDelta(0, "y", "g")]))
    assert answer.choices[0].tools == [ToolCall("x", "f", "")]


def test_a_request_is_for_no_stream_unless_it_says_so() -> None:
    chat = ChatRequest("m", ChatBody({}))
    assert (chat.stream, chat.include_usage, chat.dialect, chat.client_body, chat.legacy_functions) == (
        False,
        False,
        "openai",
        None,
        False,
    )
