"""The fake Anthropic, judged by the official SDK, and what it refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import anthropic
import pytest
import trio
from anthropic.types import Message, ModelInfo, RawMessageStreamEvent
from pydantic import TypeAdapter

from linx.core import jsontext
from tests.fakes import scripted, wire_anthropic
from tests.fakes.catalogue import Model
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer, Call
from tests.fakes.wire import RequestRefused
from tests.fakes.wire_anthropic_checks import check, check_fields, check_headers

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
HI: Any = [{"role": "user", "content": "Hi"}]
BODY: dict[str, Any] = {"model": "claude-haiku-4-5", "max_tokens": 64, "messages": HI}
VERSION = {"anthropic-version": "2023-06-01"}
THINKING = {"type": "enabled", "budget_tokens": 1024}
FULL = Answer(["Hel", "lo"], reasoning=["hm", "!"], calls=[Call("f", {"a": 1})], cached_tokens=2, written_tokens=3)
EVENT: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)


async def with_sdk(fake: FakeProvider, work: Callable[[anthropic.Anthropic], T], key: str = "k") -> T:
    def run() -> T:
        with anthropic.Anthropic(base_url=fake.url, api_key=key, max_retries=0) as sdk:
            return work(sdk)

    return await trio.to_thread.run_sync(run)


@pytest.mark.parametrize("name", ["claude-haiku-4-5", "claude-sonnet-5", "claude-opus-4-8", "m"])
def test_every_event_and_message_is_the_sdk_s(name: str) -> None:
    model = Model(name)
    for thinking in (None, {"type": "adaptive", "display": "summarized"}, THINKING):
        body = {**BODY, "model": name, **({"thinking": thinking} if thinking else {})}
        for frame in wire_anthropic.messages_frames(body, FULL, model):
            data = frame.data.partition(b"data: ")[2]
            if b'"ping"' not in data:
                EVENT.validate_python(jsontext.loads(data))
        TypeAdapter(Message).validate_python(wire_anthropic.messages_whole(body, FULL, model))
    TypeAdapter(ModelInfo).validate_python(wire_anthropic.model_info(model))


async def test_the_sdk_reads_streams_messages_counts_and_lists() -> None:
    async with FakeProvider("anthropic", ["claude-haiku-4-5", *(f"m{n}" for n in range(30))], api_key="k") as fake:
        fake.default = FULL

        def work(sdk: anthropic.Anthropic) -> Any:
            asked: Any = {"model": "claude-haiku-4-5", "max_tokens": 2000, "messages": HI, "thinking": THINKING}
            whole = sdk.messages.create(**asked)
            with sdk.messages.stream(**asked) as stream:
                streamed = stream.get_final_message()
            count = sdk.messages.count_tokens(model="m1", messages=HI)
            return whole, streamed, count.input_tokens, [model.id for model in sdk.models.list()]

        whole, streamed, count, names = await with_sdk(fake, work)
    assert [block.type for block in whole.content] == ["thinking", "text", "tool_use"]
    assert [block.type for block in streamed.content] == [block.type for block in whole.content]
    assert streamed.content[0] == whole.content[0]
    assert (whole.usage.input_tokens, whole.usage.cache_read_input_tokens, whole.usage.cache_creation_input_tokens) == (
        4,
        2,
        3,
    )
    assert (count, len(names)) == (9, 31)


@pytest.mark.parametrize(
    ("name", "thinking", "shown"),
    [
        ("claude-haiku-4-5", None, None),
        ("claude-haiku-4-5", THINKING, "hm!"),
        ("claude-opus-4-8", None, None),
        ("claude-opus-4-8", {"type": "adaptive"}, ""),
        ("claude-opus-4-8", {"type": "adaptive", "display": "summarized"}, "hm!"),
        ("claude-sonnet-5", None, ""),
        ("claude-sonnet-5", {"type": "disabled"}, None),
    ],
)
def test_it_thinks_as_its_model_does(name: str, thinking: Any, shown: str | None) -> None:
    body = {**BODY, "model": name, **({"thinking": thinking} if thinking else {})}
    blocks = wire_anthropic.messages_whole(body, FULL, Model(name))["content"]
    assert next((block["thinking"] for block in blocks if block["type"] == "thinking"), None) == shown


async def test_errors_as_the_sdk_raises_them() -> None:
    async with FakeProvider("anthropic", ["m"], api_key="k") as fake:

        def work(sdk: anthropic.Anthropic) -> None:
            sdk.messages.create(model="m", max_tokens=8, messages=HI)

        for status, raised in ((429, anthropic.RateLimitError), (529, anthropic.OverloadedError)):
            fake.next(scripted.anthropic_status(status, "slow down", retry_after="7"))
            with pytest.raises(raised) as caught:
                await with_sdk(fake, work)
            assert caught.value.response.headers["retry-after"] == "7"
            assert caught.value.type == wire_anthropic.TYPES[status]
        with pytest.raises(anthropic.AuthenticationError, match="invalid x-api-key"):
            await with_sdk(fake, work, "wrong")
        fake.next(scripted.error_after(3))
        with pytest.raises(anthropic.APIStatusError, match="crashed"):
            await with_sdk(
                fake, lambda sdk: list(sdk.messages.create(model="m", max_tokens=8, messages=HI, stream=True))
            )


def call(call_id: str = "a", **more: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id, "name": "f", "input": {}, **more}


def result(call_id: str = "a") -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": call_id, "content": "x"}


def talk(*turns: Any) -> list[dict[str, Any]]:
    return [{"role": ("user", "assistant")[at % 2], "content": turn} for at, turn in enumerate(turns)]


def judge(body: dict[str, Any]) -> None:
    check_fields(body)
    check(body, Model(body["model"]), VERSION)


TOOLS = [{"name": "f", "input_schema": {"type": "object"}}]
SCHEMA = {"type": "json_schema", "schema": {"type": "object", "properties": {}}}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"max_tokens": None}, "max_tokens: Input should be a valid integer"),
        ({"n": 2}, "n: Extra inputs are not permitted"),
        ({"stream": 1}, "stream: Input should be a valid boolean"),
        ({"max_tokens": 64_001}, "max_tokens: 64001 > 64000, which is the maximum"),
        ({"messages": []}, "at least one message is required"),
        ({"messages": [{"role": "assistant", "content": "a"}]}, 'first message must use the "user" role'),
        ({"messages": [{"role": "system", "content": "a"}]}, 'Unexpected role "system"'),
        ({"messages": [{"role": "user", "content": ""}]}, "text content blocks must be non-empty"),
        ({"messages": [{"role": "user", "content": " "}]}, "must contain non-whitespace text"),
        ({"messages": [{"role": "user", "content": []}]}, "must have non-empty content"),
        ({"messages": [{"role": "user", "content": "a", "name": "n"}]}, "messages.0.name: Extra inputs"),
        ({"messages": talk("a", "b ")}, "cannot end with trailing whitespace"),
        ({"model": "claude-sonnet-5", "messages": talk("a", "b")}, "does not support assistant message prefill"),
        ({"messages": talk("a", [call()], "b")}, "were found without `tool_result` blocks immediately after: a"),
        ({"messages": talk("a", [call()], [{"type": "text", "text": "t"}, result()])}, "found without `tool_result`"),
        ({"messages": talk("a", [call()])}, "found without `tool_result`"),
        ({"messages": talk("a", "b", [result()])}, "unexpected `tool_use_id` found"),
        ({"messages": talk("a", [call()], [result(), result()])}, "must have a single result"),
        ({"messages": talk("a", [call()], [result()], [call()], [result()])}, "ids must be unique"),
        ({"messages": talk("a", [call("a:b")], [result("a:b")])}, "tool_use.id: String should match pattern"),
        ({"messages": talk("a", [call()], [result()]), "tools": []}, "must define tools"),
        (
            {"messages": talk("a", [{"type": "thinking", "thinking": "t", "signature": "s"}], "b")},
            "Invalid `signature`",
        ),
        ({"messages": talk([call()])}, "can only be in `assistant` messages"),
        ({"thinking": {"type": "adaptive"}}, "adaptive thinking is not supported on this model"),
        ({"thinking": {**THINKING, "budget_tokens": 1023}}, "greater than or equal to 1024"),
        ({"thinking": THINKING}, "must be greater than `thinking.budget_tokens`"),
        ({"thinking": THINKING, "max_tokens": 2000, "tool_choice": {"type": "any"}}, "forces tool use"),
        ({"thinking": THINKING, "max_tokens": 2000, "temperature": 0}, "may only be set to 1 when thinking"),
        ({"thinking": THINKING, "max_tokens": 2000, "top_k": 5}, "`top_k` must be unset"),
        ({"thinking": THINKING, "max_tokens": 2000, "top_p": 0.5}, "`top_p` must be"),
        (
            {"thinking": THINKING, "max_tokens": 2000, "messages": talk("a", [call()], [result()])},
            "but found `tool_use`",
        ),
        ({"model": "claude-sonnet-5", "thinking": THINKING}, '"thinking.type.enabled" is not supported'),
        ({"model": "claude-opus-5-5", "thinking": {"type": "disabled"}}, '"thinking.type.disabled" is not supported'),
        ({"model": "claude-sonnet-5", "temperature": 0.5}, "`temperature` is deprecated for this model"),
        ({"temperature": 0.5, "top_p": 0.5}, "cannot both be specified"),
        ({"temperature": 1.5}, "temperature: range: 0..1"),
        ({"stop_sequences": ["\n"]}, "each stop sequence must contain non-whitespace"),
        ({"metadata": {"name": "n"}}, "metadata.name: Extra inputs"),
        ({"tools": [{**TOOLS[0], "name": "a.b"}]}, "tools.0.custom.name: String should match pattern"),
        ({"tools": [{"name": "f", "input_schema": {}}]}, "input_schema.type: Input should be 'object'"),
        ({"tools": [{"name": "f"}]}, "tools.0.custom.input_schema: Field required"),
        ({"tools": TOOLS * 2}, "must be unique"),
        ({"tool_choice": {"type": "tool", "name": "g"}}, "Tool 'g' not found in provided tools"),
        ({"tools": [], "tool_choice": {"type": "any"}}, "may only be specified while providing tools"),
        ({"output_config": {"effort": "low"}}, "does not support the effort parameter"),
        ({"output_config": {"format": SCHEMA}}, "'additionalProperties' must be explicitly set to false"),
        ({"model": "claude-3-5-haiku-x", "output_config": {"format": SCHEMA}}, "does not support the output format"),
        ({"system": [{"type": "text", "text": ""}]}, "system: text content blocks must be non-empty"),
        (
            {"system": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}] * 5},
            "A maximum of 4 blocks with cache_control may be provided. Found 5.",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_it_refuses(more: dict[str, Any], words: str) -> None:
    with pytest.raises(RequestRefused) as caught:
        judge({**BODY, "tools": TOOLS, **more})
    assert caught.value.status == 400
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["error"]["type"] == "invalid_request_error"
    assert words in caught.value.body["error"]["message"]


def test_the_newer_version_knows_no_samplers() -> None:
    check(BODY | {"temperature": 1}, Model("m"), VERSION)
    with pytest.raises(RequestRefused, match="temperature"):
        check(BODY | {"temperature": 1}, Model("m"), {"anthropic-version": "2026-10-21"})


def test_headers_that_must_be_there() -> None:
    check_headers({"x-api-key": "k", **VERSION}, "k")
    check_headers({"authorization": "Bearer k", **VERSION}, "k")
    for headers, words in (
        (VERSION, "x-api-key header is required"),
        ({"x-api-key": "no", **VERSION}, "invalid x-api-key"),
        ({"x-api-key": "k"}, "anthropic-version: header is required"),
    ):
        with pytest.raises(RequestRefused, match=words):
            check_headers(headers, "k")
