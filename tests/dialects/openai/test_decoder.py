from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from linx.core import jsontext
from linx.core.attempt_errors import EmptyAnswer, Garbled, Refused
from linx.dialects.base import MAX_FRAME
from linx.dialects.openai.decoder import OpenAIDecoder
from tests.dialects.openai.help import DONE, decode, feed, frame, sse, text

if TYPE_CHECKING:
    from linx.core.chat import JsonObject

HELLO = [*text("Hel", "lo é😀"), frame(finish="stop")]
USAGE = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}
WHOLE = {
    "id": "c1",
    "object": "chat.completion",
    "created": 1,
    "model": "served",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}],
    "usage": USAGE,
}


# --- framing ---


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_a_plain_stream(end: bytes) -> None:
    result = decode((sse(*HELLO) + DONE).replace(b"\n", end))
    assert (result.text, result.finishes, result.done) == ("Hello é😀", ["stop"], True)


@pytest.mark.parametrize(
    "wire",
    [
        b"\xef\xbb\xbf" + sse(*HELLO) + DONE,
        b" \r\n\n" + sse(*HELLO) + DONE,
        b": OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\n" + sse(*HELLO) + DONE,
        b"event: message\nid: 7\nretry: 5\n" + sse(*HELLO) + DONE,
        sse(*HELLO).replace(b"data: ", b"data:") + b"data:[DONE]  \n\n",
        sse(*HELLO).replace(b"\n\n", b"\n\n\n\n") + b"\n\n" + DONE,
        sse(*HELLO) + b"data: [DONE]",
        sse(*HELLO),
        sse(*HELLO)[:-2],
        sse(*HELLO) + DONE + DONE,
        sse(*HELLO) + DONE + sse(*text("more"), {"error": {"message": "x"}}),
        sse(b"5", b'"text"', b"null", b"[]", *HELLO) + DONE,
        sse(*HELLO).replace(b'"index":0,', b'"index":0,\n'[:-1] + b"\ndata: ") + DONE,
        b"event: ping\ndata: now and then\n\n" + sse(*HELLO) + DONE,
        b"event: ping\ndata: {}\n\ndata:\n\ndata: \n\n" + sse(*HELLO) + DONE,
        sse(b"".join(jsontext.dumps(item) for item in HELLO)) + DONE,
        sse(b" ".join(jsontext.dumps(item) for item in HELLO) + b" [DONE]"),
        b"".join(b"data: " + jsontext.dumps(item) + b"\n" for item in HELLO) + DONE,
        sse(jsontext.dumps(HELLO)) + DONE,
        sse(*HELLO) + b'data: {"id":"c1","choices":[{"ind',
    ],
)
def test_the_same_answer_however_it_is_framed(wire: bytes) -> None:
    result = decode(wire)
    assert (result.text, result.finishes, result.done) == ("Hello é😀", ["stop"], True)


def test_text_with_line_separators_arrives_whole() -> None:
    wire = sse(b'{"choices":[{"index":0,"delta":{"content":"a\xe2\x80\xa8b\xc2\x85c"},"finish_reason":null}]}')
    assert decode(wire + DONE).text == "a\u2028b\u0085c"


def test_what_orjson_refuses_is_mended() -> None:
    wire = (
        sse(b'{"choices":[{"index":0,"delta":{"content":"a\x00b"},"logprobs":NaN,"finish_reason":null}]}')
        + sse(b'{"choices":[{"index":0,"delta":{"content":"\xff"},"finish_reason":null}]}')
        + DONE
    )
    result = decode(wire)
    assert result.text == "a\x00b\ufffd"
    assert result.sources[0]["choices"][0]["logprobs"] is None


def test_the_halves_of_an_emoji_find_each_other() -> None:
    head, tail = rb"\ud83d", rb"\ude00"
    piece = b'{"choices":[{"index":0,"delta":{"%b":"%b"},"finish_reason":null}]}'
    wire = sse(
        piece % (b"content", b"a" + head), piece % (b"role", b"x"), piece % (b"content", tail + b"b" + head),
        jsontext.dumps(HELLO[0]), piece % (b"content", tail),
    )  # fmt: skip
    result = decode(wire + DONE)
    assert result.text == "a\N{GRINNING FACE}b\ufffdHel\ufffd"
    assert "".join(source["choices"][0]["delta"].get("content", "") for source in result.sources) == result.text


def test_a_dialect_with_other_frames_has_its_emoji_mended_too() -> None:
    decoder = OpenAIDecoder(str, lambda frame: {"choices": [{"delta": {"content": frame["t"]}}]})
    chunks = decoder.feed(sse(rb'{"t":"\ud83d"}', rb'{"t":"\ude00"}', b'{"t":"!"}') + DONE)
    assert "".join(chunk.text for chunk in chunks) == "\N{GRINNING FACE}!"


@pytest.mark.parametrize("wire", [b"<html>login</html>", b"\n <!doctype html>", b"Bad gateway", b"\x00"])
def test_a_page_instead_of_a_stream(wire: bytes) -> None:
    result = decode(wire)
    assert isinstance(result.problem, Garbled)
    assert "instead of an event stream" in str(result.problem)


@pytest.mark.parametrize("garbage", [b'{"choices":[', b"hello", b'{"a":1} x', b"[" * 300 + b"]" * 300, b"{}\ndata: {"])
def test_a_frame_that_is_not_json(garbage: bytes) -> None:
    before = decode(sse(garbage) + DONE)
    after = decode(sse(*text("a"), garbage) + DONE)
    assert isinstance(before.problem, Garbled)
    assert isinstance(after.problem, Garbled)
    assert after.text == "a"


def test_a_frame_that_is_nested_too_deep() -> None:
    deep = b'{"choices":[],"x":' + b"[" * 300 + b"]" * 300 + b"}"
    assert isinstance(decode(sse(deep)).problem, Garbled)
    assert isinstance(decode(deep).problem, Garbled)


def test_an_endless_frame_is_bounded() -> None:
    decoder = OpenAIDecoder(str)
    decoder.feed(sse(*text("a")))
    while decoder.problem is None:
        assert decoder.feed(b"data: " + b"x" * (1 << 20)) == []
    assert isinstance(decoder.problem, Garbled)
    assert decoder.feed(sse(*HELLO)) == decoder.end() == []


def test_a_long_frame_is_no_trouble() -> None:
    result = feed([sse(*text("x" * 1_000_000)) + DONE])
    assert len(result.text) == 1_000_000


# --- a whole answer where a stream was asked for ---


def test_a_whole_json_answer() -> None:
    result = decode(b"\n" + jsontext.dumps(WHOLE))
    assert (result.text, result.finishes, result.usages, result.done) == ("ok", ["stop"], [(9, 2)], True)
    assert {source["object"] for source in result.sources} == {"chat.completion.chunk"}


def test_a_whole_answer_with_everything() -> None:
    calls: list[Any] = [
        {"id": "", "type": "function", "function": {"name": "f", "arguments": {"a": 1}}},
        {"type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}},
        5,
    ]
    message = {"role": "assistant", "content": None, "reasoning": "hm", "refusal": "no", "tool_calls": calls, "x": "y"}
    body = {**WHOLE, "choices": [{"index": 0, "message": message, "finish_reason": "stop"}, 3]}
    result = decode(jsontext.dumps(body))
    assert (result.reasoning, result.choice.refusal, result.finishes) == ("hm", "no", ["tool_calls"])
    assert result.calls == [("call_made0", "f", '{"a":1}'), ("call_made1", "f", '{"a": 1}')]
    assert result.sources[0]["choices"][0]["delta"]["x"] == "y"


def test_a_whole_answer_without_a_finish_is_finished() -> None:
    body = b'{"id":"x","choices":[{"index":0,"message":{"role":"assistant","content":"ok"},"logprobs":NaN}]}'
    assert decode(body).finishes == ["stop"]
    assert isinstance(decode(body.replace(b"ok", b"")).problem, EmptyAnswer)


@pytest.mark.parametrize(
    "body", [b'{"choices":[{', b"{}", b'{"answer":"no"}', b'{"choices":[]} x', b"{" * 300, b"[1]", b"[]"]
)
def test_json_that_is_no_answer(body: bytes) -> None:
    problem = decode(body).problem
    assert isinstance(problem, Garbled)


MINIMAX = {"id": "", "choices": None, "base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}
REASONS: list[tuple[JsonObject, int, str]] = [
    (MINIMAX, 502, "insufficient balance"),
    ({**MINIMAX, "base_resp": {"status_code": 2013, "status_msg": "invalid params"}}, 400, "invalid params"),
    ({"detail": "no such thing"}, 502, "no such thing"),
    ({"detail": [{"loc": ["body", "n"], "msg": "not an int"}]}, 502, "body.n: not an int"),
    ({"success": False, "result": None, "errors": [{"code": 7009, "message": "no account"}]}, 502, "no account"),
    ({"code": 1214, "msg": "messages must not be empty", "success": False}, 502, "messages must not be empty"),
]


@pytest.mark.parametrize(("value", "status", "words"), REASONS)
def test_the_reason_in_an_answer_that_is_none(value: JsonObject, status: int, words: str) -> None:
    for wire in (jsontext.dumps(value), sse(value), sse(value) + DONE, sse(*text("a"), value) + DONE):
        problem = decode(wire).problem
        assert isinstance(problem, Refused)
        assert problem.status == status
        assert words in problem.problem


def test_a_good_base_resp_is_no_reason() -> None:
    good: JsonObject = {"base_resp": {"status_code": 0, "status_msg": ""}}
    assert decode(sse(*HELLO[:2], frame(finish="stop", **good)) + DONE).finishes == ["stop"]
    bad = frame(finish="stop", base_resp={"status_code": 1027, "status_msg": "output is sensitive"})
    problem = decode(sse(*HELLO[:2], bad) + DONE).problem
    assert isinstance(problem, Refused)
    assert problem.code == "content_policy_violation"


def test_a_whole_answer_is_bounded() -> None:
    decoder = OpenAIDecoder(str)
    decoder.feed(b'{"choices":"')
    for _ in range(MAX_FRAME >> 20):
        decoder.feed(b"x" * (1 << 20))
    assert isinstance(decoder.problem, Garbled)
    assert decoder.end() == []


def _shouted(frame: JsonObject) -> JsonObject:
    return {**frame, "choices": [{"index": 0, "delta": {"content": frame["shout"]}, "finish_reason": None}]}


@pytest.mark.parametrize(
    "wire",
    [
        sse({"shout": "ab"}),
        sse({"shout": "a"}, {"shout": "b"}),
        sse({"shout": "a"}) + sse({"shout": "b"})[:-1],
        b'data: {"shout":"a"}{"shout":"b"}\n\n',
        b'data: {"shout":"ab"}\ndata: 1\n\n',
    ],
    ids=["one frame", "two in one read", "the last one torn", "two glued together", "beside a number"],
)
def test_frames_of_another_dialect_are_converted_wherever_they_come(wire: bytes) -> None:
    decoder = OpenAIDecoder(lambda: "", _shouted)
    assert decoder.is_converting
    chunks = decoder.feed(wire) + decoder.end()
    assert "".join(chunk.text for chunk in chunks) == "ab"


@pytest.mark.parametrize(
    "body", [b"hello", b"{", b"data: x\n\n", sse({"error": "broken"}), sse(b"[]"), b"data: \xff\n\n"]
)
def test_a_problem_does_not_hold_the_decoder(body: bytes) -> None:
    decoder = OpenAIDecoder(lambda: "")
    decoder.feed(body)
    decoder.end()
    assert decoder.problem is not None
    assert (decoder.problem.__traceback__, decoder.problem.__context__) == (None, None)


def test_log_probabilities_are_bounded_by_piece_and_not_by_answer() -> None:
    """A stream may have any number. An answer in one piece may not: as objects its parts would take too much memory."""
    top = [{"token": "t", "logprob": -1.0, "bytes": [116]}] * 20
    entry = {"token": "t", "logprob": -0.5, "bytes": [116], "top_logprobs": top}
    logprobs = {"content": [entry]}
    count = jsontext.MOST_MARKS // jsontext.dumps(entry).count(b",") + 1
    one = jsontext.dumps({"choices": [{"index": 0, "delta": {"content": "t"}, "logprobs": logprobs}]})
    decoder = OpenAIDecoder(lambda: "id")
    chunks = [chunk for _ in range(count) for chunk in decoder.feed(b"data: " + one + b"\n\n")]
    assert decoder.problem is None
    assert sum(len(chunk.logprobs or ()) for chunk in chunks) == count
    whole = {"choices": [{"index": 0, "message": {"content": "t"}, "logprobs": {"content": [entry] * count}}]}
    decoder = OpenAIDecoder(lambda: "id")
    assert [*decoder.feed(jsontext.dumps(whole)), *decoder.end()] == []
    assert isinstance(decoder.problem, Garbled)
    assert f"more than {jsontext.MOST_MARKS:,} values" in str(decoder.problem)
