from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

import httpx2
import openai
import pytest
from openai.types.responses import Response

from linx.core import attempt_errors, errors
from linx.core.chat import Answer, ChatRequest, Chunk, Dialect, Stamp, ToolDelta, Usage
from linx.dialects.responses.face import ResponsesFace
from linx.dialects.shared import opaque_reasoning
from tests.open_responses import check_event

if TYPE_CHECKING:
    from linx.dialects.shared.block_encoder import BlockEncoder

FACE = ResponsesFace()
STAMP = Stamp("abc", 1_755_800_000.5, lambda: 1_755_800_001.0)
PATCH = {"type": "custom", "name": "apply_patch"}
SPACE = {"type": "namespace", "name": "github", "tools": [{"type": "function", "name": "issue"}, PATCH]}


def chat(**more: Any) -> ChatRequest:
    return FACE.parse({"model": "m", "input": "hi", "stream": True, **more})


def encoder(**more: Any) -> BlockEncoder:
    return FACE.encoder(chat(**more), STAMP)


def tool(index: int, arguments: str = "", call_id: str | None = None, name: str | None = None) -> Chunk:
    return Chunk(tools=[ToolDelta(index, call_id, name, arguments)])


def start(index: int, arguments: str = "", name: str = "f") -> Chunk:
    return tool(index, arguments, f"call_{index}", name)


def stream(*chunks: Chunk, **more: Any) -> bytes:
    one = encoder(**more)
    data = b"".join(one.frames([chunk]) for chunk in chunks) + one.end()
    together = encoder(**more)
    assert together.frames(chunks) + together.end() == data
    return data


def events(data: bytes) -> list[dict[str, Any]]:
    """A strict reader: names twice the same, numbers without gaps, one item open at a time, every event as the Open
    Responses specification has it."""
    made: list[dict[str, Any]] = []
    numbers, indexes = itertools.count(), itertools.count()
    open_item: int | None = None
    for frame in data.decode().replace(": linx\n\n", "").split("\n\n")[:-1]:
        name, _, value = frame.partition("\n")
        event = json.loads(value.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        assert event["sequence_number"] == next(numbers)
        check_event(event)
        if "response" in event:
            assert event["response"]["id"] == "resp_abc"
        elif event["type"] == "error":
            assert set(event) == {"type", "sequence_number", "error"}
        elif event["type"] == "response.output_item.added":
            assert open_item is None
            open_item = event["output_index"]
            assert open_item == next(indexes)
        else:
            assert event["output_index"] == open_item
            if event["type"] == "response.output_item.done":
                open_item = None
        made.append(event)
    assert [event["type"] for event in made[:2]] == ["response.created", "response.in_progress"]
    assert made[0]["response"]["output"] == []
    return made


def names(data: bytes) -> list[str]:
    return [event["type"].removeprefix("response.") for event in events(data)]


def client(data: bytes) -> openai.OpenAI:
    response = httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=data)
    transport = httpx2.MockTransport(lambda _request: response)
    return openai.OpenAI(
        api_key="k", base_url="http://linx/v1", http_client=httpx2.Client(transport=transport), max_retries=0
    )


def accumulated(data: bytes) -> Response:
    events(data)
    with client(data) as sdk, sdk.responses.stream(model="m", input="x") as answer:
        return answer.get_final_response()


def last(data: bytes) -> dict[str, Any]:
    response: dict[str, Any] = events(data)[-1]["response"]
    return response


def test_every_event_of_an_answer_in_order() -> None:
    data = stream(
        Chunk(reasoning="hm"),
        Chunk(reasoning="!"),
        Chunk(text="Hi"),
        Chunk(text=" you"),
        start(0),
        tool(0, '{"a":'),
        tool(0, "1}"),
        Chunk(finish="tool_calls"),
        Chunk(usage=Usage(prompt=9, completion=7, cached=4, reasoning=2)),
    )
    made = events(data)
    reasoning: dict[str, Any] = {
        "id": "rs_abc_0",
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "hm!"}],
    }
    part = {"type": "output_text", "text": "Hi you", "annotations": [], "logprobs": []}
    message = {"id": "msg_abc_1", "type": "message", "status": "completed", "role": "assistant", "content": [part]}
    call = {
        "id": "fc_abc_2",
        "call_id": "call_0",
        "name": "f",
        "status": "completed",
        "type": "function_call",
        "arguments": '{"a":1}',
    }
    rs, msg, fc = (
        {"item_id": item["id"], "output_index": index} for index, item in enumerate([reasoning, message, call])
    )
    expected: list[dict[str, Any]] = [
        {"type": "output_item.added", "output_index": 0, "item": {**reasoning, "summary": []}},
        {
            "type": "reasoning_summary_part.added",
            **rs,
            "summary_index": 0,
            "part": {"type": "summary_text", "text": ""},
        },
        {"type": "reasoning_summary_text.delta", **rs, "summary_index": 0, "delta": "hm"},
        {"type": "reasoning_summary_text.delta", **rs, "summary_index": 0, "delta": "!"},
        {"type": "reasoning_summary_text.done", **rs, "summary_index": 0, "text": "hm!"},
        {"type": "reasoning_summary_part.done", **rs, "summary_index": 0, "part": reasoning["summary"][0]},
        {"type": "output_item.done", "output_index": 0, "item": reasoning},
        {"type": "output_item.added", "output_index": 1, "item": {**message, "status": "in_progress", "content": []}},
        {"type": "content_part.added", **msg, "content_index": 0, "part": {**part, "text": ""}},
        {"type": "output_text.delta", **msg, "content_index": 0, "delta": "Hi", "logprobs": []},
        {"type": "output_text.delta", **msg, "content_index": 0, "delta": " you", "logprobs": []},
        {"type": "output_text.done", **msg, "content_index": 0, "text": "Hi you", "logprobs": []},
        {"type": "content_part.done", **msg, "content_index": 0, "part": part},
        {"type": "output_item.done", "output_index": 1, "item": message},
        {"type": "output_item.added", "output_index": 2, "item": {**call, "status": "in_progress", "arguments": ""}},
        {"type": "function_call_arguments.delta", **fc, "delta": '{"a":'},
        {"type": "function_call_arguments.delta", **fc, "delta": "1}"},
        {"type": "function_call_arguments.done", **fc, "name": "f", "arguments": '{"a":1}'},
        {"type": "output_item.done", "output_index": 2, "item": call},
    ]
    for number, event in enumerate(expected):
        event["type"] = f"response.{event['type']}"
        event["sequence_number"] = number + 2
    assert made[2:-1] == expected
    response = made[-1]["response"]
    assert made[-1]["type"] == "response.completed"
    assert response["output"] == [reasoning, message, call]
    assert response["usage"] == {
        "input_tokens": 9,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0},
        "output_tokens": 7,
        "output_tokens_details": {"reasoning_tokens": 2},
        "total_tokens": 16,
    }
    final = accumulated(data)
    assert final.output_text == "Hi you"
    assert [item.type for item in final.output] == ["reasoning", "message", "function_call"]
    Response.model_validate(response, strict=True)


def test_the_response_says_what_was_asked_for() -> None:
    asked: dict[str, Any] = {
        "instructions": "be brief",
        "max_output_tokens": 9,
        "parallel_tool_calls": False,
        "reasoning": {"effort": "low"},
        "temperature": 0,
        "text": {"verbosity": "low"},
        "tool_choice": "required",
        "tools": [PATCH],
        "top_p": 0.5,
        "user": "u",
        "metadata": {"a": "b"},
        "frequency_penalty": 0.5,
        "presence_penalty": -1,
        "top_logprobs": 2,
        "max_tool_calls": 3,
        "safety_identifier": "s",
        "prompt_cache_key": "p",
        "store": True,
    }
    made = events(encoder(**asked).frames([Chunk(text="a")]))[0]["response"]
    assert made == {
        **asked,
        "id": "resp_abc",
        "object": "response",
        "created_at": 1_755_800_000,
        "completed_at": None,
        "status": "in_progress",
        "background": False,
        "service_tier": "default",
        "error": None,
        "incomplete_details": None,
        "model": "m",
        "output": [],
        "previous_response_id": None,
        "reasoning": {"effort": "low", "summary": None},
        "store": False,
        "text": {"verbosity": "low", "format": {"type": "text"}},
        "truncation": "disabled",
        "usage": None,
    }
    plain = events(encoder().frames([Chunk(text="a")]))[0]["response"]
    assert (plain["temperature"], plain["top_p"], plain["tool_choice"], plain["tools"]) == (1, 1, "auto", [])
    assert (plain["frequency_penalty"], plain["presence_penalty"], plain["top_logprobs"]) == (0, 0, 0)
    assert "user" not in plain, "a client refuses null"
    Response.model_validate(plain, strict=True)


def test_a_response_that_is_whole_says_when() -> None:
    assert last(stream(Chunk(text="a", finish="stop")))["completed_at"] == 1_755_800_001
    assert last(stream(Chunk(text="a", finish="length")))["completed_at"] is None


@pytest.mark.parametrize(
    ("chunks", "kinds"),
    [
        ([], []),
        ([Chunk(finish="stop")], []),
        ([Chunk(text="a"), Chunk(reasoning="b")], ["message", "reasoning"]),
        ([start(0, "{}"), Chunk(text="a")], ["function_call", "message"]),
        (
            [start(0, "{"), start(1, "{"), tool(0, "}"), tool(1, "}"), Chunk(text="a")],
            ["function_call", "function_call", "message"],
        ),
        ([Chunk(text="a"), Chunk(text="other", index=1)], ["message"]),
        ([Chunk(text="a\u2028\u0085b")], ["message"]),
    ],
)
def test_items_come_one_after_the_other_whatever_the_order_of_chunks(chunks: list[Chunk], kinds: list[str]) -> None:
    made = accumulated(stream(*chunks))
    assert [item.type for item in made.output] == kinds
    assert made.output_text == "".join(chunk.text for chunk in chunks if not chunk.index)
    assert made.usage is None


@pytest.mark.parametrize("arguments", ["", " "])
def test_a_call_without_arguments_has_an_empty_object(arguments: str) -> None:
    data = stream(start(0, arguments), Chunk(finish="tool_calls"))
    (call,) = last(data)["output"]
    assert json.loads(call["arguments"]) == {}
    assert accumulated(data).output[0].to_dict()["arguments"] == call["arguments"]


def test_a_refusal_is_a_part_of_its_own() -> None:
    data = stream(Chunk(refusal="I "), Chunk(refusal="cannot"), Chunk(finish="stop"))
    assert names(data)[2:-1] == [
        "output_item.added",
        "content_part.added",
        "refusal.delta",
        "refusal.delta",
        "refusal.done",
        "content_part.done",
        "output_item.done",
    ]
    assert last(data)["output"][0]["content"] == [{"type": "refusal", "refusal": "I cannot"}]
    assert accumulated(data).output_text == ""


@pytest.mark.parametrize(("finish", "reason"), [("length", "max_output_tokens"), ("content_filter", "content_filter")])
def test_an_answer_that_was_cut_off_is_incomplete(finish: str, reason: str) -> None:
    data = stream(start(0, '{"a":1}'), start(1, '{"b":"x'), Chunk(finish=finish))
    response = last(data)
    assert names(data)[-1] == "incomplete"
    assert response["status"] == "incomplete"
    assert response["incomplete_details"] == {"reason": reason}
    assert [item["status"] for item in response["output"]] == ["completed", "incomplete"]
    with client(data) as sdk, sdk.responses.stream(model="m", input="x") as answer:
        assert [event.type for event in answer][-1] == "response.incomplete"
    text = stream(Chunk(text="so far"), Chunk(finish=finish))
    assert [item["status"] for item in last(text)["output"]] == ["incomplete"]


def test_a_custom_tool_gets_its_text() -> None:
    data = stream(
        start(0, '{"input":"*** Be', "apply_patch"), tool(0, 'gin\\n"}'), Chunk(finish="tool_calls"), tools=[PATCH]
    )
    made = events(data)
    assert names(data)[2:-1] == [
        "output_item.added",
        "custom_tool_call_input.delta",
        "custom_tool_call_input.done",
        "output_item.done",
    ]
    assert made[2]["item"]["input"] == ""
    assert (made[3]["delta"], made[4]["input"]) == ("*** Begin\n", "*** Begin\n")
    item = made[5]["item"]
    assert item == {
        "id": "ctc_abc_0",
        "type": "custom_tool_call",
        "call_id": "call_0",
        "name": "apply_patch",
        "input": "*** Begin\n",
        "status": "completed",
    }
    assert accumulated(data).output[0].type == "custom_tool_call"


def test_a_custom_tool_may_get_no_text() -> None:
    data = stream(start(0, "{}", "apply_patch"), tools=[PATCH])
    assert "custom_tool_call_input.delta" not in names(data)
    assert last(data)["output"][0]["input"] == ""


def test_a_tool_of_a_namespace_has_its_own_name_again() -> None:
    data = stream(
        start(0, "{}", "github__issue"),
        start(1, '{"input":"x"}', "github__apply_patch"),
        Chunk(finish="tool_calls"),
        tools=[SPACE],
    )
    function, custom = last(data)["output"]
    assert (function["type"], function["name"], function["namespace"]) == ("function_call", "issue", "github")
    assert (custom["type"], custom["name"], custom["namespace"]) == ("custom_tool_call", "apply_patch", "github")
    history = chat(tools=[SPACE], input=[function, custom]).chat_body["messages"][0]["tool_calls"]
    assert [call["function"]["name"] for call in history] == ["github__issue", "github__apply_patch"]


def test_token_probabilities_go_with_the_text() -> None:
    one = {"token": "a", "logprob": -0.1, "bytes": [97], "top_logprobs": []}
    two = {"token": "b", "logprob": -0.2, "bytes": [98], "top_logprobs": []}
    data = stream(Chunk(text="a", logprobs=[one]), Chunk(text="b", logprobs=[two]), top_logprobs=1)
    made = events(data)
    assert [event["logprobs"] for event in made if event["type"] == "response.output_text.delta"] == [[one], [two]]
    assert last(data)["output"][0]["content"][0]["logprobs"] == [one, two]
    late = stream(start(0, "{"), Chunk(text="a", logprobs=[one]), Chunk(text="b", logprobs=[two]), tool(0, "}"))
    assert last(late)["output"][1]["content"][0]["logprobs"] == [one, two]
    answer = Answer()
    answer.add(Chunk(text="a", logprobs=[one]))
    assert FACE.whole(chat(), answer, STAMP)["output"][0]["content"][0]["logprobs"] == [one]


@pytest.mark.parametrize("ids", [["same", "same"], [None, None], ["a", "a_1"]])
def test_ids_tell_calls_apart(ids: list[str | None]) -> None:
    chunks = [Chunk(tools=[ToolDelta(number, call_id, "f", "{}")]) for number, call_id in enumerate(ids)]
    answer = Answer()
    for chunk in chunks:
        answer.add(chunk)
    for output in (last(stream(*chunks))["output"], FACE.whole(chat(), answer, STAMP)["output"]):
        assert len({item["call_id"] for item in output}) == 2
        assert len({item["id"] for item in output}) == 2
        assert not {item["id"] for item in output} & {item["call_id"] for item in output}


def test_a_sign_of_life_is_a_comment_and_an_event() -> None:
    one = encoder()
    data = one.heartbeat()
    assert data.endswith(b": linx\n\n")
    assert names(data) == ["created", "in_progress"]
    again = one.heartbeat()
    assert again.startswith(b": linx\n\nevent: response.in_progress\n")
    data += again + one.frames([Chunk(text="a")]) + one.heartbeat() + one.frames([Chunk(text="b")]) + one.end()
    assert names(data).count("in_progress") == 3
    assert accumulated(data).output_text == "ab"


def test_a_sign_of_life_contains_what_was_said_so_far() -> None:
    """openai-node (``ResponseAccumulator``, 6.49) takes the response of such an event in place of what it collected."""
    one = encoder()
    outputs = []
    for chunks in (
        [],
        [Chunk(reasoning="hm ")],
        [Chunk(reasoning="so")],
        [Chunk(text="It ")],
        [Chunk(text="is")],
        [Chunk(tools=[ToolDelta(0, "call_a", "weather", '{"city"')])],
        [Chunk(tools=[ToolDelta(0, None, None, ':"x"}')])],
        [Chunk(finish="tool_calls")],
    ):
        one.frames(chunks)
        one.heartbeat()
        event = json.loads(one.heartbeat().rpartition(b"data: ")[2])
        outputs.append([_said(item) for item in event["response"]["output"]])
    assert outputs == [
        [],
        [("reasoning", "hm ")],
        [("reasoning", "hm so")],
        [("reasoning", "hm so"), ("message", "It ")],
        [("reasoning", "hm so"), ("message", "It is")],
        [("reasoning", "hm so"), ("message", "It is"), ("function_call", '{"city"')],
        [("reasoning", "hm so"), ("message", "It is"), ("function_call", '{"city":"x"}')],
        [("reasoning", "hm so"), ("message", "It is"), ("function_call", '{"city":"x"}')],
    ]


def _said(item: dict[str, Any]) -> tuple[str, str]:
    if item["type"] == "function_call":
        return "function_call", item["arguments"]
    (part,) = item["summary"] if item["type"] == "reasoning" else item["content"]
    return item["type"], part["text"]


@pytest.mark.parametrize(
    ("problem", "code"),
    [
        (attempt_errors.StreamBroken("lost"), "server_error"),
        (attempt_errors.Refused("lost", status=429, code="rate_limit_exceeded"), "rate_limit_exceeded"),
        (attempt_errors.Refused("lost", status=400, code="context_length_exceeded"), "context_length_exceeded"),
        (errors.BadRequest("lost"), "invalid_prompt"),
        (errors.Overloaded("lost"), "server_error"),
    ],
)
@pytest.mark.parametrize("before", [[], [Chunk(text="a")], [start(0, "{}"), Chunk(text="a")]])
def test_an_error_is_the_last_word(before: list[Chunk], problem: errors.LinxError, code: str) -> None:
    one = encoder()
    data = (one.frames(before) if before else b"") + one.error(problem)
    response = events(data)[-1]["response"]
    assert names(data)[-2:] == ["error", "failed"]
    told = events(data)[-2]["error"]
    assert told == {"type": problem.kind, "code": code, "message": "lost", "param": problem.param}
    assert (response["status"], response["error"]) == ("failed", {"code": code, "message": "lost"})
    assert len(response["output"]) == max(0, len(before) - 1), "what was whole is told once more"
    assert (one.end(), one.heartbeat(), one.frames([Chunk(text="b")]), one.error(problem)) == (b"", b"", b"", b"")
    with client(data) as sdk, sdk.responses.stream(model="m", input="x") as answer:
        with pytest.raises(openai.APIError, match="lost") as raised:
            list(answer)
        assert (raised.value.code, raised.value.type) == (code, problem.kind)
    with client(data) as sdk, pytest.raises(openai.APIError, match="lost"):
        list(sdk.responses.create(model="m", input="x", stream=True))


def detail(thought: str = "", **more: Any) -> Chunk:
    source = {"choices": [{"delta": {"reasoning_details": [more]}}]}
    return Chunk(reasoning=thought, source=source, dialect=Dialect.OPENAI)


def test_a_provider_s_secrets_ride_along_where_they_are_asked_for() -> None:
    google = {"type": "reasoning.encrypted", "data": "x", "format": "google-gemini-v1", "id": "call_1"}
    signed = {"type": "reasoning.text", "text": "m", "signature": "EqQB", "format": "anthropic-claude-v1"}
    chunks = [Chunk(reasoning="h"), detail("m", **signed), detail(**google), start(0, "{}"), Chunk(finish="tool_calls")]
    asked: dict[str, Any] = {"include": ["reasoning.encrypted_content"]}
    answer = Answer()
    for chunk in chunks:
        answer.add(chunk)
    streamed = last(stream(*chunks, **asked))["output"]
    for output in (streamed, FACE.whole(chat(**asked), answer, STAMP)["output"]):
        assert [item["type"] for item in output] == ["reasoning", "function_call"]
        history = chat(input=output).chat_body["messages"][0]
        assert history["reasoning_content"] == "hm"
        assert history["reasoning_details"] == [{**signed, "text": "hm"}, google]
    for output in (last(stream(*chunks))["output"], FACE.whole(chat(), answer, STAMP)["output"]):
        assert "encrypted_content" not in output[0]
    plain = last(stream(Chunk(reasoning="h"), **asked))["output"]
    assert plain[0]["encrypted_content"] is None


def test_secrets_without_thoughts_are_an_item_without_parts() -> None:
    asked: dict[str, Any] = {"include": ["reasoning.encrypted_content"]}
    google = {"type": "reasoning.encrypted", "data": "x"}
    data = stream(detail(**google), Chunk(text="a"), **asked)
    assert names(data)[2:4] == ["output_item.added", "output_item.done"]
    item = last(data)["output"][0]
    assert item["summary"] == []
    assert opaque_reasoning.unpack(item["encrypted_content"]) == [google]
    assert [event for event in names(stream(detail(**google))) if event.startswith("output_item")] == []


def test_secrets_that_wait_stay_with_their_thoughts() -> None:
    """Two pieces of reasoning wait for a call to end; each item has what came with it, once the item is whole."""
    asked: dict[str, Any] = {"include": ["reasoning.encrypted_content"]}
    first, second = ({"type": "reasoning.encrypted", "data": data} for data in "ab")
    chunks = [start(0, "{"), detail("x", **first), Chunk(text="t"), detail("y", **second), tool(0, "}")]
    data = stream(*chunks, **asked)
    items = [item for item in last(data)["output"] if item["type"] == "reasoning"]
    assert [opaque_reasoning.unpack(item["encrypted_content"]) for item in items] == [[first], [second]]
    begun = [event["item"] for event in events(data) if event["type"] == "response.output_item.added"]
    assert [item["encrypted_content"] for item in begun if item["type"] == "reasoning"] == [None, None]
