from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

import anthropic
import httpx2
import pytest

from linx.core import attempt_errors, errors
from linx.core.chat import Answer, ChatRequest, Chunk, Dialect, Stamp, ToolDelta, Usage
from linx.dialects.anthropic.face import AnthropicFace
from linx.dialects.shared import chat_body

if TYPE_CHECKING:
    from linx.dialects.shared.block_encoder import BlockEncoder

FACE = AnthropicFace()
STAMP = Stamp("abc", 1_755_800_000.5, lambda: 1_755_800_001.0)
TOOLS = [{"name": "f", "input_schema": {}}]


def chat(**more: Any) -> ChatRequest:
    body = {"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": "x" * 40}], "stream": True}
    return FACE.parse({**body, **more})


def encoder(**more: Any) -> BlockEncoder:
    return FACE.encoder(chat(**more), STAMP)


def tool(index: int, arguments: str = "", call_id: str | None = None, name: str | None = None) -> Chunk:
    return Chunk(tools=[ToolDelta(index, call_id, name, arguments)])


def start(index: int, arguments: str = "") -> Chunk:
    return tool(index, arguments, f"call_{index}", f"f{index}")


def stream(*chunks: Chunk, **more: Any) -> bytes:
    """Each chunk by itself; all of them at once have to give the same."""
    one = encoder(**more)
    data = b"".join(one.frames([chunk]) for chunk in chunks) + one.end()
    together = encoder(**more)
    if not any(chunk.usage for chunk in chunks):
        assert together.frames(chunks) + together.end() == data
    return data


def events(data: bytes) -> list[dict[str, Any]]:
    """A strict reader: names twice the same, blocks numbered without gaps, one open at a time."""
    made = []
    open_block: int | None = None
    blocks = itertools.count()
    for frame in data.decode().split("\n\n")[:-1]:
        name, _, value = frame.partition("\n")
        event = json.loads(value.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        if event["type"] == "content_block_start":
            assert open_block is None
            assert event["index"] == next(blocks)
            open_block = event["index"]
        elif event["type"] == "content_block_delta":
            assert event["index"] == open_block
        elif event["type"] == "content_block_stop":
            assert event["index"] == open_block
            open_block = None
        elif event["type"] in {"message_delta", "message_stop"}:
            assert open_block is None
        made.append(event)
    assert data.endswith(b"\n\n")
    return made


def client(data: bytes) -> anthropic.Anthropic:
    response = httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=data)
    transport = httpx2.MockTransport(lambda _request: response)
    return anthropic.Anthropic(
        api_key="k", base_url="http://linx", http_client=httpx2.Client(transport=transport), max_retries=0
    )


def accumulated(data: bytes) -> anthropic.types.ParsedMessage[None]:
    events(data)
    with (
        client(data) as sdk,
        sdk.messages.stream(model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}]) as answer,
    ):
        return answer.get_final_message()


def content(data: bytes) -> list[tuple[str, Any]]:
    """(type, what is in it) of each block, as the official client sees it."""
    fields = {"text": "text", "thinking": "thinking", "redacted_thinking": "data", "tool_use": "input"}
    return [(block.type, getattr(block, fields[block.type])) for block in accumulated(data).content]


def test_every_event_of_an_answer_in_order() -> None:
    data = stream(
        Chunk(reasoning="hm"),
        Chunk(text="Hi"),
        Chunk(text=" you"),
        start(0),
        tool(0, '{"a":'),
        tool(0, "1}"),
        Chunk(finish="tool_calls"),
        Chunk(usage=Usage(prompt=9, completion=7, cached=4)),
    )
    usage = {"input_tokens": 18, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 0}
    final = {"input_tokens": 5, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 4, "output_tokens": 7}
    message: dict[str, Any] = {
        "id": "msg_abc",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }

    def begin(index: int, block: dict[str, Any]) -> dict[str, Any]:
        return {"type": "content_block_start", "index": index, "content_block": block}

    def delta(index: int, piece: dict[str, Any]) -> dict[str, Any]:
        return {"type": "content_block_delta", "index": index, "delta": piece}

    def stop(index: int) -> dict[str, Any]:
        return {"type": "content_block_stop", "index": index}

    assert events(data) == [
        {"type": "message_start", "message": message},
        begin(0, {"type": "thinking", "thinking": "", "signature": ""}),
        delta(0, {"type": "thinking_delta", "thinking": "hm"}),
        delta(0, {"type": "signature_delta", "signature": "linx"}),
        stop(0),
        begin(1, {"type": "text", "text": ""}),
        delta(1, {"type": "text_delta", "text": "Hi"}),
        delta(1, {"type": "text_delta", "text": " you"}),
        stop(1),
        begin(2, {"type": "tool_use", "id": "call_0", "name": "f0", "input": {}}),
        delta(2, {"type": "input_json_delta", "partial_json": '{"a":'}),
        delta(2, {"type": "input_json_delta", "partial_json": "1}"}),
        stop(2),
        {"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": None}, "usage": final},
        {"type": "message_stop"},
    ]
    answer = accumulated(data)
    assert answer.stop_reason == "tool_use"
    assert (answer.usage.input_tokens, answer.usage.cache_read_input_tokens, answer.usage.output_tokens) == (5, 4, 7)
    assert content(data) == [("thinking", "hm"), ("text", "Hi you"), ("tool_use", {"a": 1})]


@pytest.mark.parametrize(
    ("chunks", "blocks"),
    [
        pytest.param([], [], id="nothing at all"),
        pytest.param([Chunk(finish="stop")], [], id="no content"),
        pytest.param([Chunk(text="a"), Chunk(reasoning="b")], [("text", "a"), ("thinking", "b")], id="late reasoning"),
        pytest.param(
            [Chunk(reasoning="a", text="b"), Chunk(reasoning="c", text="d")],
            [("thinking", "a"), ("text", "b"), ("thinking", "c"), ("text", "d")],
            id="both at once",
        ),
        pytest.param([Chunk(text="a\u2028\u0085b")], [("text", "a\u2028\u0085b")], id="line separators"),
        pytest.param([Chunk(refusal="no"), Chunk(refusal="!")], [("text", "no!")], id="refusal"),
        pytest.param(
            [start(0, '{"a":1}'), Chunk(text="after"), Chunk(finish="tool_calls")],
            [("tool_use", {"a": 1}), ("text", "after")],
            id="text after a whole call",
        ),
        pytest.param(
            [start(0, '{"a":'), Chunk(text="in "), Chunk(text="it"), Chunk(reasoning="hm"), tool(0, "1}")],
            [("tool_use", {"a": 1}), ("text", "in it"), ("thinking", "hm")],
            id="text within a call",
        ),
        pytest.param(
            [start(0), tool(0, '{"a":1}'), start(1), tool(1, '{"b":2}'), Chunk(finish="tool_calls")],
            [("tool_use", {"a": 1}), ("tool_use", {"b": 2})],
            id="calls one after the other",
        ),
        pytest.param(
            [
                start(0, "{"),
                start(1, "{"),
                start(2, "{"),
                tool(1, '"b":'),
                tool(0, '"a":'),
                tool(2, '"c":3}'),
                tool(0, "1}"),
                tool(1, "2}"),
                Chunk(text="end"),
            ],
            [("tool_use", {"a": 1}), ("tool_use", {"b": 2}), ("tool_use", {"c": 3}), ("text", "end")],
            id="calls in turns",
        ),
        pytest.param(
            [Chunk(tools=[ToolDelta(0, "a", "f", ""), ToolDelta(1, "b", "g", "")]), tool(0, "{}"), tool(1, "{}")],
            [("tool_use", {}), ("tool_use", {})],
            id="two calls in one chunk",
        ),
        pytest.param([start(0), Chunk(finish="tool_calls")], [("tool_use", {})], id="a call without arguments"),
        pytest.param(
            [start(0, '{"a":1}'), start(1, "{}"), tool(0, " \n")],
            [("tool_use", {"a": 1}), ("tool_use", {})],
            id="blanks after a closed call",
        ),
        pytest.param(
            [start(0, '{"a":1,"b":"xy'), Chunk(finish="length")], [("tool_use", {"a": 1})], id="a call that was cut off"
        ),
        pytest.param([Chunk(text="a"), Chunk(text="other", index=1)], [("text", "a")], id="a second choice"),
        pytest.param([Chunk(text="a", finish="stop"), Chunk(text="b")], [("text", "a"), ("text", "b")], id="late text"),
    ],
)
def test_blocks_come_one_after_the_other_whatever_the_order_of_chunks(
    chunks: list[Chunk], blocks: list[tuple[str, Any]]
) -> None:
    assert content(stream(*chunks, tools=TOOLS)) == blocks


@pytest.mark.parametrize("arguments", ["[1}", "{1}", "[1]", "1", "\ud83d}"])
def test_a_call_whose_arguments_are_no_object_goes_out_as_it_came(arguments: str) -> None:
    deltas = [event["delta"] for event in events(stream(start(0, arguments), start(1, "{}"))) if "delta" in event]
    pieces = [delta["partial_json"] for delta in deltas if "partial_json" in delta]
    assert pieces == [arguments.replace("\ud83d", "\ufffd"), "{}"]


def test_a_piece_of_the_open_block_waits_for_nothing() -> None:
    one = encoder()
    assert b"text_delta" in one.frames([Chunk(text="a")])
    assert b"partial_json" in one.frames([start(0, '{"a":1}')])
    second = one.frames([start(1, '{"b":')])
    assert second.startswith(b"event: content_block_stop")
    assert b'"partial_json":"{\\"b\\":"' in second
    assert one.frames([start(2, "{}")]) == b"", "the second call is not whole"
    assert one.frames([tool(1, "2}")]).count(b"partial_json") == 1
    assert one.frames([Chunk(finish="tool_calls")]).count(b"content_block_stop") == 4, "at the finish all is told"


@pytest.mark.parametrize(
    ("chunks", "reason"),
    [
        ([Chunk(text="a", finish="stop")], "end_turn"),
        ([Chunk(text="a")], "end_turn"),
        ([Chunk(text="a", finish="length")], "max_tokens"),
        ([start(0, "{}"), Chunk(finish="tool_calls")], "tool_use"),
        ([start(0, "{}"), Chunk(finish="stop")], "tool_use"),
        ([start(0, "{}"), Chunk(finish="length")], "max_tokens"),
        ([Chunk(text="a", finish="content_filter")], "refusal"),
        ([Chunk(refusal="no", finish="stop")], "refusal"),
        ([Chunk(text="a", finish="odd")], "end_turn"),
    ],
)
def test_why_it_stopped(chunks: list[Chunk], reason: str) -> None:
    assert accumulated(stream(*chunks)).stop_reason == reason
    answer = Answer()
    for chunk in chunks:
        answer.add(chunk)
    assert FACE.whole(chat(), answer, STAMP)["stop_reason"] == reason


@pytest.mark.parametrize(
    ("stop_reason", "reason", "found"),
    [("END", "stop_sequence", "END"), ("other", "end_turn", None), (2, "end_turn", None)],
)
def test_the_stop_string_is_told_where_the_provider_tells_it(stop_reason: Any, reason: str, found: str | None) -> None:
    source = {"choices": [{"finish_reason": "stop", "stop_reason": stop_reason}]}
    chunk = Chunk(text="a", finish="stop", source=source, dialect=Dialect.OPENAI)
    made = accumulated(stream(chunk, stop_sequences=["END"]))
    assert (made.stop_reason, made.stop_sequence) == (reason, found)
    answer = Answer()
    answer.add(chunk)
    answer.add(Chunk(source={"choices": []}))
    whole = FACE.whole(chat(stop_sequences=["END"]), answer, STAMP)
    assert (whole["stop_reason"], whole["stop_sequence"]) == (reason, found)


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        (Usage(prompt=10, completion=3), (10, 0, 0, 3)),
        (Usage(prompt=10, completion=3, cached=4), (6, 0, 4, 3)),
        (Usage(prompt=10, completion=3, cached=4, cache_write=5), (1, 5, 4, 3)),
        (Usage(prompt=0, completion=3, cached=4), (0, 0, 4, 3)),
        (None, (18, 0, 0, 2)),
    ],
)
def test_each_token_is_counted_once(usage: Usage | None, counts: tuple[int, ...]) -> None:
    chunks = [Chunk(text="x" * 9, finish="stop"), Chunk(usage=usage)]
    made = accumulated(stream(*chunks)).usage
    names = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")
    assert tuple(getattr(made, name) for name in names) == counts
    answer = Answer()
    for chunk in chunks:
        answer.add(chunk)
    whole = FACE.whole(chat(), answer, STAMP)["usage"]
    assert tuple(whole[name] for name in names) == counts


def test_counts_that_come_first_stand_in_the_beginning() -> None:
    first = events(encoder().frames([Chunk(text="a", usage=Usage(prompt=77, completion=1))]))[0]
    assert first["message"]["usage"]["input_tokens"] == 77


@pytest.mark.parametrize("ids", [["functions.f:0", "functions.f:0"], ["same", "same"], [None, None], ["a", "a_1"]])
def test_ids_of_calls_are_clean_and_tell_the_calls_apart(ids: list[str | None]) -> None:
    chunks = [Chunk(tools=[ToolDelta(number, call_id, "f", "{}")]) for number, call_id in enumerate(ids)]
    made = [block.id for block in accumulated(stream(*chunks)).content if block.type == "tool_use"]
    assert len(set(made)) == 2
    assert all(chat_body.clean_id(call_id) == call_id for call_id in made)
    answer = Answer()
    for chunk in chunks:
        answer.add(chunk)
    whole = [block["id"] for block in FACE.whole(chat(), answer, STAMP)["content"]]
    assert len(set(whole)) == 2


def test_a_sign_of_life_comes_after_the_beginning() -> None:
    one = encoder()
    first = events(one.heartbeat())
    assert [event["type"] for event in first] == ["message_start", "ping"]
    assert one.heartbeat() == b'event: ping\ndata: {"type":"ping"}\n\n'
    data = b'event: ping\ndata: {"type":"ping"}\n\n'.join(
        [encoder().heartbeat(), one.frames([Chunk(text="a")]), one.frames([Chunk(text="b")]), one.end()]
    )
    assert content(data) == [("text", "ab")]


@pytest.mark.parametrize("before", [[], [Chunk(text="a")], [start(0, "{")]])
def test_an_error_is_the_last_word(before: list[Chunk]) -> None:
    one = encoder()
    problem = attempt_errors.StreamBroken("the connection was lost")
    problem.provider = "ollama"
    data = (one.frames(before) if before else b"") + one.error(problem)
    last = events(data)[-1]
    assert last == {"type": "error", "error": {"type": "api_error", "message": "ollama: the connection was lost"}}
    assert (one.end(), one.heartbeat(), one.frames([Chunk(text="b")]), one.error(problem)) == (b"", b"", b"", b"")
    with pytest.raises(anthropic.APIStatusError, match="the connection was lost"):
        accumulated(data)


def test_nothing_follows_the_end() -> None:
    one = encoder()
    one.end()
    assert (one.end(), one.frames([Chunk(text="a")]), one.error(errors.BadRequest("x"))) == (b"", b"", b"")


def detail(text: str = "", **more: Any) -> Chunk:
    source = {"choices": [{"delta": {"reasoning_details": [more]}}]}
    return Chunk(reasoning=text, source=source, dialect=Dialect.OPENAI)


def test_a_provider_s_signature_and_secrets_ride_along() -> None:
    google = {"type": "reasoning.encrypted", "data": "x", "format": "google-gemini-v1", "id": "call_1"}
    chunks = [
        Chunk(reasoning="hm"),
        detail(type="reasoning.text", signature="EqQB"),
        detail(type="reasoning.encrypted", data="AAAA", format="anthropic-claude-v1"),
        detail(**google),
        start(0, "{}"),
        Chunk(finish="tool_calls"),
    ]
    made = accumulated(stream(*chunks))
    answer = Answer()
    for chunk in chunks:
        answer.add(chunk)
    whole = FACE.whole(chat(), answer, STAMP)["content"]
    for blocks in ([block.to_dict() for block in made.content], whole):
        assert [block["type"] for block in blocks] == [
            "thinking",
            "redacted_thinking",
            "redacted_thinking",
            "tool_use",
        ]
        assert blocks[0] | {"signature": "EqQB", "thinking": "hm"} == blocks[0]
        assert blocks[1]["data"] == "AAAA"
        history = chat(messages=[{"role": "assistant", "content": blocks}]).chat_body["messages"][0]
        assert [entry["type"] for entry in history["reasoning_details"]] == [
            "reasoning.text",
            "reasoning.encrypted",
            "reasoning.encrypted",
        ]
        assert history["reasoning_details"][2] == google


def test_a_signature_without_thoughts_has_a_block_of_its_own() -> None:
    made = accumulated(stream(detail(type="reasoning.text", signature="EqQB"), Chunk(text="a"))).content
    assert made[0].to_dict() == {"type": "thinking", "thinking": "", "signature": "EqQB"}
    assert made[1].type == "text"


def test_many_calls_in_turns_cost_no_more_than_their_length() -> None:
    """Each call's arguments are looked at once, however often the others ask for its place."""
    one = encoder()
    size = 20_000
    one.frames([start(0, "{"), start(1, "{")])
    for _ in range(size):
        one.frames([tool(0, '"}'), tool(1, " ")])
    assert b'"index":1' in one.frames([Chunk(finish="tool_calls")])


def test_calls_with_one_id_cost_no_more_than_their_number() -> None:
    one = encoder()
    one.frames([tool(number, "{}", "same", "f") for number in range(20_000)])
    assert b'"index":20000' not in one.end()
