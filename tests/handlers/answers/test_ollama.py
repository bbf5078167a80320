"""/api/chat and /api/generate over every kind: frames, loading, raw prompts, errors, cancellation."""

from __future__ import annotations

from typing import Any

import pytest

from linx.core import jsontext
from tests.fakes import scripted
from tests.fakes.catalogue import Kind, Model
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer, Call, Whole
from tests.handlers.answers.world import HI, world
from tests.waiting import within

KINDS: tuple[Kind, ...] = ("ollama", "llamacpp", "openrouter", "openai")
TOOLS = [{"type": "function", "function": {"name": "add", "parameters": {"type": "object", "properties": {}}}}]


def frames(body: bytes) -> list[dict[str, Any]]:
    """Every line, as the strictest client reads it: none blank, none torn, each an object."""
    assert body.endswith(b"\n")
    return [jsontext.loads(line) for line in body[:-1].split(b"\n")]


def content(found: list[dict[str, Any]]) -> str:
    return "".join(frame["message"]["content"] for frame in found)


async def test_the_greeting_is_open_even_with_a_key() -> None:
    async with FakeProvider("openai") as fake, world(fake, server={"api_key": ["secret"]}) as here:
        for method, body in (("GET", b"Ollama is running"), ("HEAD", b"")):
            answer = await here.fetch("/", method=method)
            assert (answer.status, answer.body) == (200, body)
            assert answer.headers["content-length"] == "17"
        assert (await here.fetch("/api/tags")).status == 401
        assert (await here.fetch("/k/secret/api/tags")).status == 200


@pytest.mark.parametrize("kind", KINDS)
async def test_chat_streams_unless_told_not_to(kind: Kind) -> None:
    async with FakeProvider(kind, ["m"]) as fake, world(fake) as here:
        streamed = await here.fetch("/api/chat", {"model": "m", "messages": HI})
        assert streamed.headers["content-type"] == "application/x-ndjson"
        *pieces, last = frames(streamed.body)
        assert content(pieces) == "Hello from the fake."
        assert len(pieces) == 5
        for frame in (*pieces, last):
            assert frame["model"] == "m"
            assert frame["message"]["role"] == "assistant"
            assert frame["created_at"].endswith("Z")
        assert not any(frame["done"] for frame in pieces)
        assert (last["done"], last["done_reason"], last["message"]["content"]) == (True, "stop", "")
        assert (last["prompt_eval_count"], last["eval_count"]) == (9, 5)
        assert last["total_duration"] > 0
        assert last["eval_duration"] > 0

        whole = (await here.fetch("/api/chat", {"model": "m", "messages": HI, "stream": False})).json
        assert whole["message"] == {"role": "assistant", "content": "Hello from the fake."}
        assert (whole["done"], whole["done_reason"]) == (True, "stop")
        assert (whole["prompt_eval_count"], whole["eval_count"]) == (9, 5)
        assert all(call.json["stream"] is True for call in fake.calls)


@pytest.mark.parametrize("kind", KINDS)
async def test_tools_come_whole_with_object_arguments(kind: Kind) -> None:
    async with FakeProvider(kind, ["m"]) as fake, world(fake) as here:
        fake.default = Answer(tokens=[], calls=[Call("add", {"a": 1}), Call("add", {"b": [2]})])
        body = {"model": "m", "messages": HI, "tools": TOOLS}
        found = frames((await here.fetch("/api/chat", body)).body)
        calls = [call for frame in found for call in frame["message"].get("tool_calls", ())]
        assert [call["function"]["arguments"] for call in calls] == [{"a": 1}, {"b": [2]}]
        assert [call["function"]["name"] for call in calls] == ["add", "add"]
        assert len({call["id"] for call in calls}) == 2
        whole = (await here.fetch("/api/chat", {**body, "stream": False})).json
        assert [call["function"]["arguments"] for call in whole["message"]["tool_calls"]] == [{"a": 1}, {"b": [2]}]
        assert whole["done_reason"] == "stop"


async def test_a_tool_round_gets_its_ids_back() -> None:
    """The ollama SDK drops ids and sends names; other providers refuse a result without its id."""
    called = {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "add", "arguments": {"a": 1}}}]}
    messages = [*HI, called, {"role": "tool", "tool_name": "add", "content": "2"}]
    async with FakeProvider("openai", ["m"]) as fake, world(fake) as here:
        assert (await here.fetch("/api/chat", {"model": "m", "messages": messages, "tools": TOOLS})).status == 200
        sent = fake.calls[0].json["messages"]
        assert sent[1]["tool_calls"][0]["id"] == sent[2]["tool_call_id"]
        assert sent[1]["tool_calls"][0]["function"]["arguments"] == '{"a":1}'


@pytest.mark.parametrize("kind", KINDS)
async def test_thinking_has_its_own_place(kind: Kind) -> None:
    model = Model("m", capabilities=("completion", "thinking"))
    async with FakeProvider(kind, [model]) as fake, world(fake) as here:
        fake.default = Answer(tokens=["4"], reasoning=["2+2", " is"])
        found = frames((await here.fetch("/api/chat", {"model": "m", "messages": HI, "think": True})).body)
        assert "".join(frame["message"].get("thinking", "") for frame in found) == "2+2 is"
        assert content(found) == "4"
        whole = (await here.fetch("/api/generate", {"model": "m", "prompt": "?", "think": True, "stream": False})).json
        assert (whole["thinking"], whole["response"]) == ("2+2 is", "4")


@pytest.mark.parametrize("kind", KINDS)
async def test_generate_has_frames_of_its_own(kind: Kind) -> None:
    async with FakeProvider(kind, ["m"]) as fake, world(fake) as here:
        *pieces, last = frames((await here.fetch("/api/generate", {"model": "m", "prompt": "hi", "system": "s"})).body)
        assert "".join(frame["response"] for frame in pieces) == "Hello from the fake."
        assert not any("message" in frame for frame in (*pieces, last))
        assert (last["done"], last["response"], last["eval_count"]) == (True, "", 5)
        path = fake.calls[0].path
        assert path == "/api/generate" if kind == "ollama" else path.endswith("/chat/completions")
        if kind == "ollama":
            assert last["context"] == [1, 2, 3]
            assert fake.calls[0].json["prompt"] == "hi"


@pytest.mark.parametrize(
    ("kind", "fields", "path"),
    [
        ("ollama", {"raw": True}, "/api/generate"),
        ("llamacpp", {"raw": True}, "/v1/completions"),
        ("llamacpp", {"suffix": ")"}, "/infill"),
        ("openai", {"raw": True}, "/v1/completions"),
        ("openai", {"suffix": ")"}, "/v1/completions"),
        ("openrouter", {"suffix": ")"}, "/api/v1/completions"),
    ],
)
async def test_raw_and_suffix_pass_the_template_by(kind: Kind, fields: dict[str, Any], path: str) -> None:
    async with FakeProvider(kind, ["m"]) as fake, world(fake) as here:
        body = {"model": "m", "prompt": "f(", "options": {"num_predict": 3}, **fields}
        *pieces, last = frames((await here.fetch("/api/generate", body)).body)
        assert "".join(frame["response"] for frame in pieces) == "Hello from the"
        assert (last["done_reason"], last["eval_count"]) == ("length", 3)
        assert fake.calls[0].path == path
        assert (await here.fetch("/api/generate", {**body, "stream": False})).json["response"] == "Hello from the"


async def test_who_cannot_insert_says_so() -> None:
    async with FakeProvider("openai", ["m"]) as fake, world(fake) as here:
        fake.at["/v1/completions"] = scripted.Whole(404, b'{"error":{"message":"Invalid URL (POST /v1/completions)"}}')
        answer = await here.fetch("/api/generate", {"model": "m", "prompt": "f(", "suffix": ")"})
        assert answer.status == 400
        assert "does not support text completion" in answer.json["error"]


@pytest.mark.parametrize(
    ("path", "empty"),
    [("/api/chat", {"message": {"role": "assistant", "content": ""}}), ("/api/generate", {"response": ""})],
)
@pytest.mark.parametrize(("keep_alive", "reason"), [(None, "load"), ("5m", "load"), (0, "unload"), ("0s", "unload")])
async def test_a_request_without_a_prompt_loads(
    path: str, empty: dict[str, Any], keep_alive: object, reason: str
) -> None:
    async with FakeProvider("openai", ["m"]) as fake, world(fake) as here:
        body = {"model": "m", "keep_alive": keep_alive}
        for stream in ({}, {"stream": True}, {"stream": False}):
            answer = await here.fetch(path, {**body, **stream})
            assert answer.headers["content-type"] == "application/json"
            assert answer.body.endswith(b"}")
            found = answer.json
            assert {key: found[key] for key in empty} == empty
            assert (found["model"], found["done"], found["done_reason"]) == ("m", True, reason)
        assert fake.calls == []


@pytest.mark.parametrize("stream", [{}, {"stream": True}, {"stream": False}], ids=["unsaid", "streamed", "whole"])
@pytest.mark.parametrize("path", ["/api/chat", "/api/generate"])
async def test_what_an_ollama_says_of_a_load_is_one_object_too(path: str, stream: dict[str, bool]) -> None:
    async with FakeProvider("ollama", ["m"]) as fake, world(fake) as here:
        said = {"model": "m", "created_at": "2026-01-02T03:04:05Z", "done": True, "done_reason": "load"}
        said["message" if "chat" in path else "response"] = (
            {"role": "assistant", "content": ""} if "chat" in path else ""
        )
        fake.next(Whole(200, jsontext.dumps(said), "application/json; charset=utf-8"))
        answer = await here.fetch(path, {"model": "m", **stream})
        assert answer.headers["content-type"] == "application/json"
        assert answer.body.endswith(b"}")
        assert answer.json == said
        assert "num_ctx" not in (fake.calls[0].json.get("options") or {})


async def test_loading_reaches_an_ollama() -> None:
    async with FakeProvider("ollama", ["q:1"]) as fake:
        mapped = {"ollama1": {"model_mappings": {"gpt-4o": "q:1"}}}
        async with world(fake, providers=mapped) as here:
            answer = (await here.fetch("/api/chat", {"model": "gpt-4o", "messages": [], "keep_alive": 60})).json
            assert (answer["model"], answer["done_reason"]) == ("gpt-4o", "load")
            sent = fake.calls[0].json
            assert (sent["model"], sent["keep_alive"], sent["messages"]) == ("q:1", 60, [])


async def test_only_the_one_who_would_answer_loads_but_anyone_may_unload() -> None:
    async with (
        FakeProvider("llamacpp", ["m"]) as first,
        FakeProvider("ollama", ["m"]) as second,
        world(first, second) as here,
    ):
        await here.fetch("/api/chat", {"model": "m", "messages": []})
        assert second.calls == []
        await here.fetch("/api/chat", {"model": "m", "messages": [], "keep_alive": 0})
        assert len(second.calls) == 1
        assert first.calls == []


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("/api/chat", b"", 400, "body"),
        ("/api/chat", b"{", 400, "JSON"),
        ("/api/chat", {"messages": HI}, 400, "model is required"),
        ("/api/chat", {"model": "nope", "messages": HI}, 404, "model 'nope' not found"),
        ("/api/generate", {"model": "nope", "prompt": "hi"}, 404, "model 'nope' not found"),
        ("/api/chat", {"model": "nope", "messages": []}, 404, "model 'nope' not found"),
        ("/api/chat", {"model": "m", "messages": [{"role": "user", "content": [1]}]}, 400, "content"),
        ("/api/chat", {"model": "m", "messages": HI, "options": {"stop": "x"}}, 400, "options.stop must be of type"),
        ("/api/chat", {"model": "m", "messages": HI, "think": "loud"}, 400, "think"),
        ("/api/generate", {"model": "m", "prompt": "a", "raw": True, "system": "s"}, 400, "raw mode"),
        ("/api/nothing", {"a": 1}, 404, "/api/nothing"),
        ("/api/tags", {"a": 1}, 405, "GET"),
    ],
)
async def test_errors_have_ollamas_shape(path: str, body: Any, status: int, words: str) -> None:
    async with FakeProvider("openai", ["m"]) as fake, world(fake) as here:
        answer = await here.fetch(path, body)
        assert answer.status == status
        assert list(answer.json) == ["error"]
        assert words in answer.json["error"]
        assert fake.calls == []


@pytest.mark.parametrize("kind", KINDS)
async def test_a_failure_before_the_first_word_falls_over(kind: Kind) -> None:
    async with (
        FakeProvider(kind, ["m"]) as bad,
        FakeProvider("openai", ["m"]) as good,
        world(bad, good, routing={"cost_optimization": False}) as here,
    ):
        bad.next(Answer(cut=0, after="error"))
        answer = await here.fetch("/api/chat", {"model": "m", "messages": HI})
        assert content(frames(answer.body)) == "Hello from the fake."
        assert answer.headers["x-linx-attempts"].endswith("openai2=ok")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_failure_after_it_is_a_last_line_and_no_done(kind: Kind) -> None:
    async with FakeProvider(kind, ["m"]) as fake, world(fake) as here:
        fake.next(Answer(cut=3, after="error"))
        answer = await here.fetch("/api/chat", {"model": "m", "messages": HI})
        # Torn, since some clients of Ollama overlook a line with an error.
        assert (answer.status, answer.is_whole) == (200, False)
        *pieces, last = frames(answer.body)
        assert list(last) == ["error"]
        assert not any(frame["done"] for frame in pieces)
        fake.next(Answer(cut=3, after="error"))
        answer = await here.fetch("/api/chat", {"model": "m", "messages": HI, "stream": False})
        assert answer.status >= 500
        assert list(answer.json) == ["error"]


@pytest.mark.parametrize("stream", [True, False])
async def test_a_hang_up_stops_the_model(stream: bool) -> None:
    async with FakeProvider("ollama", ["m"]) as fake, world(fake) as here:
        fake.next(Answer(tokens=["a"] * 1000, interval_s=0.05))
        async with here.fetching("/api/chat", {"model": "m", "messages": HI, "stream": stream}) as client:
            call = await fake.received()
            if stream:
                assert await client.read()
        with within(2):
            await call.hung_up.wait()


async def test_a_silent_wait_is_told_with_empty_frames() -> None:
    async with FakeProvider("openai", ["m"]) as fake, world(fake, server={"heartbeat_s": 0.1}) as here:
        fake.next(Answer(tokens=["late"], first_s=0.6))
        found = frames((await here.fetch("/api/chat", {"model": "m", "messages": HI})).body)
        early = [frame for frame in found if frame["message"]["content"] == ""]
        assert len(early) >= 3
        assert content(found) == "late"
        assert found[-1]["done"]


@pytest.mark.parametrize("path", ["/api/chat", "/api/generate"])
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
async def test_made_up_durations_tell_reading_from_writing(stream: bool, path: str) -> None:
    """Clients show ``eval_count / eval_duration`` as the rate, and the time to the first token beside it."""
    asked = {"messages": HI} if path == "/api/chat" else {"prompt": "Hi"}
    async with FakeProvider("openai", ["m"]) as fake, world(fake) as here:
        fake.next(Answer(first_s=0.08, interval_s=0.05))
        done = frames((await here.fetch(path, {"model": "m", "stream": stream, **asked})).body + b"\n" * (not stream))[
            -1
        ]
        assert done["load_duration"] == 0
        assert done["prompt_eval_duration"] >= 80_000_000
        assert done["eval_duration"] >= 50_000_000
        assert done["prompt_eval_duration"] + done["eval_duration"] == done["total_duration"]


async def test_options_reach_each_kind_in_its_words() -> None:
    options = {"num_ctx": 8192, "num_predict": 7, "temperature": 0.1, "top_k": 5, "stop": ["x"], "seed": 3}
    for kind in KINDS:
        async with FakeProvider(kind, ["m"]) as fake, world(fake) as here:
            body = {"model": "m", "messages": HI, "options": options, "format": "json", "keep_alive": -1}
            assert (await here.fetch("/api/chat", body)).status == 200
            sent = fake.calls[0].json
            if kind == "ollama":
                assert (sent["options"], sent["format"], sent["keep_alive"]) == (options, "json", -1)
            else:
                assert (sent["max_tokens"], sent["temperature"], sent["stop"], sent["seed"]) == (7, 0.1, ["x"], 3)
                assert sent["response_format"] == {"type": "json_object"}
                assert ("top_k" in sent) == (kind != "openai")
                assert not {"options", "format", "keep_alive", "num_ctx"} & sent.keys()


async def test_a_mapping_is_answered_under_the_name_that_was_asked() -> None:
    async with (
        FakeProvider("ollama", ["q:1"]) as fake,
        world(fake, providers={"ollama1": {"model_mappings": {"gpt-4o": "q:1"}}}) as here,
    ):
        for name in ("gpt-4o", "gpt-4o:latest"):
            answer = await here.fetch("/api/chat", {"model": name, "messages": HI})
            assert {frame["model"] for frame in frames(answer.body)} == {name}
            assert answer.headers["x-linx-model"] == "q:1"
        assert {call.json["model"] for call in fake.calls} == {"q:1"}


@pytest.mark.parametrize("path", ["/api/chat/", "/k/secret/api/chat", "/k/secret/api/chat/"])
async def test_the_variants_of_a_path(path: str) -> None:
    server = {"api_key": ["secret"]} if path.startswith("/k/") else {}
    async with FakeProvider("openai", ["m"]) as fake, world(fake, server=server) as here:
        answer = await here.fetch(path, {"model": "m", "messages": HI, "stream": False})
        assert answer.json["message"]["content"] == "Hello from the fake."


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
@pytest.mark.parametrize(
    "words",
    ["template: :1: unclosed action", 'invalid format: "\\"xml\\""; expected "json" or a valid JSON Schema object'],
)
async def test_a_clients_own_mistake_cools_nobody_down_and_sends_the_next_prompt_nowhere_else(
    words: str, stream: bool
) -> None:
    async with FakeProvider("ollama", ["m"]) as one, FakeProvider("openai", ["m"]) as paid:
        async with world(one, paid, providers={"openai2": {"local": False}}) as here:
            one.next(*[scripted.ollama_status(500, words)] * 4)
            for _ in range(4):
                body = {"model": "m", "prompt": "hi", "template": "{{ .Prompt", "stream": stream}
                answer = await here.fetch("/api/generate", body)
                assert answer.status == 400
                assert words[:20] in answer.json["error"]
            answer = await here.fetch("/api/generate", {"model": "m", "prompt": "hi", "stream": stream})
            assert (answer.status, answer.headers["x-linx-provider"]) == (200, "ollama1")
            assert paid.calls == []


async def test_whole_answers_and_lists_have_their_fields_in_ollamas_order() -> None:
    own = [Model("m", ("completion", "thinking")), Model("far:cloud", (), remote=("far", "https://ollama.com:443"))]
    async with FakeProvider("ollama", own) as fake, world(fake) as here:
        fake.default = Answer(["a"], reasoning=["b"])
        counters = ["total_duration", "load_duration", "prompt_eval_count", "prompt_eval_duration"]
        body = {"model": "m", "stream": False, "think": True}
        chat = (await here.fetch("/api/chat", {**body, "messages": HI, "logprobs": True})).json
        said = [key for key in chat if not key.startswith("eval")]
        assert [key for key in said if key != "logprobs"] == [
            *("model", "created_at", "message", "done", "done_reason"),
            *counters,
        ]
        text = (await here.fetch("/api/generate", {**body, "prompt": "hi"})).json
        assert [key for key in text if not key.startswith("eval")] == [
            *("model", "created_at", "response", "thinking", "done", "done_reason", "context"),
            *counters,
        ]
        shown = (await here.fetch("/api/show", {"model": "m"})).json
        wanted = (
            "modelfile",
            "parameters",
            "template",
            "details",
            "model_info",
            "tensors",
            "capabilities",
            "modified_at",
        )
        assert tuple(shown) == wanted
