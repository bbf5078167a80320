"""Each check of each server refuses what it should, in that server's shape, and a plain request of nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from linx.core import jsontext
from tests.fakes.picky.servers import BY_NAME, SERVERS, Picky
from tests.fakes.picky.tools import SENTINELS, signature

if TYPE_CHECKING:
    from tests.fakes.picky.check import Check
    from tests.fakes.picky.refusal import JsonObject, Refusal

USER: JsonObject = {"role": "user", "content": "hi"}
SYSTEM: JsonObject = {"role": "system", "content": "be brief"}
PLAIN: JsonObject = {"model": "m", "messages": [USER], "stream": True}
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
LONG = "n" * 65


def says(*messages: JsonObject, **more: Any) -> JsonObject:
    return {**PLAIN, "messages": list(messages), **more}


def with_(**more: Any) -> JsonObject:
    return {**PLAIN, **more}


def call(call_id: str, name: str = "f", **more: Any) -> JsonObject:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": "{}"}, **more}


def called(call_id: str, **more: Any) -> JsonObject:
    return {"role": "assistant", "content": None, "tool_calls": [call(call_id)], **more}


def result(call_id: str) -> JsonObject:
    return {"role": "tool", "tool_call_id": call_id, "content": "42"}


def tool(name: str = "f", parameters: Any = None) -> JsonObject:
    return {"type": "function", "function": {"name": name, "parameters": parameters or {"type": "object"}}}


def offers(*properties: tuple[str, Any]) -> JsonObject:
    return with_(tools=[tool("f", {"type": "object", "properties": dict(properties)})])


IN_THE_MIDDLE = says(USER, SYSTEM, USER)
TWO_LEADING = says(SYSTEM, SYSTEM, USER)
THOUGHT = says(USER, {"role": "assistant", "content": "a", "reasoning_content": "hm"}, USER)
FORGOTTEN = says(USER, called("c"), result("c"))
IMAGE = says({"role": "user", "content": [{"type": "text", "text": "what?"}, PICTURE]})
JSON_SCHEMA = with_(response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": {}}})
JSON_OBJECT = with_(response_format={"type": "json_object"})
AFTER_TOOL = says(USER, called("abcdefgh1"), result("abcdefgh1"), USER)

CASES: list[tuple[str, str, JsonObject, int, str]] = [
    ("ollama-qwen", "system", IN_THE_MIDDLE, 500, r"{\"error\":{\"code\":500,\"message\":\"\\n------------\\nWhile"),
    ("ollama-qwen", "system", TWO_LEADING, 500, "System message must be at the beginning."),
    ("ollama-qwen", "system", says({"role": "developer", "content": "a"}, USER), 500, "Unexpected message role."),
    ("ollama-qwen", "system", says(SYSTEM), 500, "No user query found in messages."),
    ("llamacpp-qwen-500", "system", IN_THE_MIDDLE, 500, '"type":"server_error"'),
    ("llamacpp-qwen-400", "system", IN_THE_MIDDLE, 400, "Unable to generate parser for this template."),
    ("vllm-qwen", "system", IN_THE_MIDDLE, 400, '{"error":{"message":"System message must be at the beginning."'),
    ("vllm-qwen-old", "system", TWO_LEADING, 400, '{"object":"error","message":"System message must'),
    ("vllm-qwen-old", "stream_options", with_(stream_options={}), 400, "'loc': ('body', 'stream_options')"),
    ("lmstudio-qwen", "system", IN_THE_MIDDLE, 400, '{"error":"Error rendering prompt with jinja template: '),
    ("minimax", "system", IN_THE_MIDDLE, 400, "chat content has invalid message role: system (2013)"),
    ("minimax", "system", TWO_LEADING, 400, "invalid params, invalid chat setting (2013)"),
    ("minimax-200", "system", TWO_LEADING, 200, '"base_resp":{"status_code":2013,"status_msg":"invalid params'),
    ("groq", "reasoning", THOUGHT, 400, "property 'reasoning_content' is unsupported)]"),
    ("groq", "logit_bias", with_(logit_bias={"1": 1}), 400, "property 'logit_bias' is unsupported"),
    ("cerebras", "reasoning", THOUGHT, 400, '{"message":"messages.1.assistant.reasoning_content: property'),
    ("cerebras", "parallel_tool_calls", with_(parallel_tool_calls=False), 400, "parallel_tool_calls=False is not"),
    ("kimi", "reasoning", FORGOTTEN, 400, "is missing in assistant tool call message at index 1"),
    ("deepseek", "reasoning", FORGOTTEN, 400, "in the thinking mode must be passed back to the API."),
    ("deepseek", "response_format", JSON_SCHEMA, 400, "This response_format type is unavailable now"),
    ("deepseek", "the word json", JSON_OBJECT, 400, "Prompt must contain the word 'json'"),
    (
        "deepseek",
        "names",
        with_(tools=[tool(LONG)]),
        400,
        "maximum length 64, but got a string with length 65 instead.",
    ),
    ("deepseek-old", "response_format", JSON_SCHEMA, 422, "Failed to deserialize the JSON body into the target type"),
    ("deepseek-old", "the word json", JSON_OBJECT, 400, "Prompt must contain the word 'json'"),
    ("mistral", "roles", says({"role": "developer", "content": "a"}, USER), 422, "Input tag 'developer' found using"),
    ("mistral", "extra fields", with_(max_completion_tokens=9), 422, '{"object":"error","message":{"detail":[{"type"'),
    ("mistral", "extra fields", with_(stream_options={}), 422, '"loc":["body","stream_options"]'),
    (
        "mistral",
        "extra fields of messages",
        THOUGHT,
        422,
        '"loc":["body","messages",1,"assistant","reasoning_content"]',
    ),
    ("mistral", "ids", FORGOTTEN, 400, "Tool call id was c but must be a-z, A-Z, 0-9, with a length of 9."),
    ("mistral", "order", AFTER_TOOL, 400, "Unexpected role 'user' after role 'tool'"),
    (
        "mistral",
        "order of systems",
        says(USER, SYSTEM),
        400,
        "Expected last role User or Tool (or Assistant with prefix True)",
    ),
    (
        "mistral",
        "order of systems",
        says(USER, {**USER, "role": "assistant"}, SYSTEM, USER),
        400,
        "'system' after role 'ass",
    ),
    ("mistral", "pairs", says(USER, called("abcdefgh1"), USER), 400, "Not the same number of function calls"),
    ("mistral-2026", "roles", says({"role": "developer", "content": "a"}, USER), 422, "Input tag 'developer'"),
    ("mistral-2026", "extra fields", with_(user="me"), 422, '{"detail":[{"type":"extra_forbidden"'),
    ("mistral-2026", "extra fields of messages", THOUGHT, 422, '{"detail":[{"type":"extra_forbidden"'),
    ("mistral-2026", "ids", FORGOTTEN, 400, '"type":"invalid_function_call","param":null,"code":"3280"'),
    ("mistral-2026", "order", AFTER_TOOL, 400, '"type":"invalid_request_message_order","param":null,"code":"3230"'),
    ("mistral-2026", "order of systems", says(USER, SYSTEM), 400, "Expected last role User or Tool"),
    ("mistral-2026", "pairs", says(USER, called("abcdefgh1"), USER), 400, "Not the same number"),
    ("mistral-long-ids", "ids", FORGOTTEN, 400, "with a length of 9."),
    ("mistral-long-ids", "order", AFTER_TOOL, 400, "Unexpected role 'user' after role 'tool'"),
    ("mistral-long-ids", "order of systems", says(USER, SYSTEM), 400, "Expected last role User or Tool"),
    ("mistral-long-ids", "pairs", says(USER, called("abcdefgh1"), USER), 400, "Not the same number"),
    ("gpt", "max_tokens", with_(max_tokens=9), 400, "Use 'max_completion_tokens' instead."),
    ("gpt", "temperature", with_(temperature=0.2), 400, "does not support 0.2 with this model. Only the default (1)"),
    ("gpt", "top_p", with_(top_p=0.9), 400, "Unsupported parameter: 'top_p' is not supported with this model."),
    (
        "gpt-names",
        "user",
        with_(user=LONG),
        400,
        "Expected a string with maximum length 64, but got a string with length 65",
    ),
    ("gpt-names", "names", with_(tools=[tool("a.b")]), 400, "that matches the pattern '^[a-zA-Z0-9_-]+$'."),
    *(
        (
            "gpt-sampling",
            name,
            with_(**{name: 1}),
            400,
            f"Unsupported parameter: '{name}' is not supported with this model.",
        )
        for name in ("logprobs", "top_logprobs", "presence_penalty", "frequency_penalty", "logit_bias", "stop")
    ),
    ("gpt-levels", "reasoning_effort", with_(reasoning_effort="xhigh"), 400, "'minimal', 'low', 'medium', and 'high'."),
    ("gpt-codex", "reasoning_effort", with_(reasoning_effort="low"), 400, "'low' is not supported with the 'gpt-5.2"),
    ("gpt-low-only", "reasoning_effort", with_(reasoning_effort="none"), 400, "Supported values are: 'low'."),
    ("groq-levels", "reasoning_effort", with_(reasoning_effort="low"), 400, "must be one of `none` or `default`"),
    ("groq-llama", "reasoning_effort", with_(reasoning_effort="low"), 400, "is not supported with this model"),
    ("pydantic-levels", "reasoning_effort", with_(reasoning_effort="max"), 422, "Input should be 'low' or 'medium'"),
    ("bare-levels", "reasoning_effort", with_(reasoning_effort="max"), 400, "not supported, valid levels: low, medium"),
    ("xai", "reasoning_effort", with_(reasoning_effort="low"), 400, "does not support parameter reasoningEffort."),
    ("xai", "frequency_penalty", with_(frequency_penalty=0), 400, "Argument not supported on this model: frequencyP"),
    ("gpt-4o", "verbosity", with_(verbosity="low"), 400, "Supported values are: 'medium'."),
    ("gpt-4o", "service_tier", with_(service_tier="flex"), 400, "Invalid service_tier argument"),
    ("gpt-4o", "user", with_(user=LONG), 400, '"code":"string_above_max_length"'),
    ("github-models", "extra parameters", with_(max_completion_tokens=9), 400, "['max_completion_tokens'] are not"),
    ("fireworks", "stream_options", with_(stream_options={}), 400, "not permitted, field: 'stream_options'"),
    ("azure-phi", "stream_options", with_(stream_options={}), 400, "Validation error at #/stream_options"),
    ("crash-stream-options", "stream_options", with_(stream_options={}), 500, "unexpected keyword argument"),
    ("voyage", "encoding_format", {"model": "m", "input": "a", "encoding_format": "float"}, 400, "are null, 'base64'."),
    ("ollama-boolean", "think", with_(think="low"), 400, "cannot unmarshal string into Go struct field"),
    ("ollama-levels", "think", with_(think="max"), 400, r"invalid think value: \"max\" (must be \"high\", \"medium\""),
    ("ollama-no-levels", "think", with_(think="low"), 400, r"think value \"low\" is not supported for this model"),
    ("ollama-no-thinking", "think", with_(think=True), 400, r"\"m\" does not support thinking"),
    (
        "lmstudio",
        "tool_choice",
        with_(tool_choice={"type": "function", "function": {"name": "f"}}),
        400,
        "Invalid tool_choice type: 'object'. Supported string values: none, auto, required",
    ),
    ("lmstudio", "response_format", JSON_OBJECT, 400, "'response_format.type' must be 'json_schema' or 'text'"),
    ("llamacpp-schema", "schema", offers(("a", {"pattern": r"\S"})), 400, "Pattern must start with '^' and end with"),
    (
        "llamacpp-schema",
        "schema",
        offers(("a", True)),
        400,
        r"JSON schema conversion failed:\nUnrecognized schema: tru",
    ),
    ("llamacpp-schema", "schema", offers(("a", None)), 400, "Unrecognized schema: null"),
    ("llamacpp-schema", "schema", offers(("a", {"not": {}})), 400, "Unrecognized schema: {"),
    (
        "llamacpp-schema",
        "schema",
        offers(("a", {"$ref": "#/$defs/B"})),
        400,
        "Error resolving ref #/$defs/B: $defs not",
    ),
    ("llamacpp-schema", "schema", offers(("a", {"$ref": "b.json"})), 400, "Unsupported ref: b.json"),
    ("llamacpp-schema", "grammar", offers(("a", {"items": {"pattern": r"^\d+$"}})), 400, "failed to parse grammar"),
    ("llamacpp-schema", "grammar", offers(("a", {"maxLength": 65536})), 400, "Failed to initialize samplers"),
    ("llamacpp-schema-tools", "schema", offers(("a", {"pattern": "a"})), 400, "Unable to generate parser for this"),
    ("llamacpp-schema-tools", "grammar", offers(("a", {"maxLength": 65536})), 400, "Failed to initialize samplers"),
    ("llamacpp-schema-500", "schema", offers(("a", {"pattern": "a"})), 500, "JSON schema conversion failed"),
    ("gpt-names-2026", "names", with_(tools=[tool("a/b")]), 400, "'tools[0].function.name': string does not match"),
    (
        "gpt-names-2026",
        "names",
        says(USER, {**called("c"), "tool_calls": [call("c", LONG)]}),
        400,
        "'messages[1].tool_",
    ),
    ("dashscope", "names", with_(tools=[tool(LONG)]), 400, "The length of the tool name cannot exceed 64."),
    ("openrouter-anthropic", "names", with_(tools=[tool("a.b")]), 400, '"message":"Provider returned error"'),
    (
        "gemini",
        "names",
        with_(tools=[tool("1f"), tool(LONG)]),
        400,
        r"\n  * tools[0].function_declarations[1].name: [F",
    ),
    ("gemini", "signature", FORGOTTEN, 400, "Function call is missing a thought_signature in functionCall parts."),
    *(
        ("gemini", name, with_(**{name: 1}), 400, rf"Unknown name \"{name}\": Cannot find field.")
        for name in ("store", "prompt_cache_key", "web_search_options")
    ),
    ("vllm-room", "room", with_(max_tokens=16_380), 400, "16384 tokens and your request has"),
    ("openrouter-room", "room", with_(max_tokens=16_380), 400, "of text input, 16380 in the output)"),
    ("openrouter-credit", "credit", with_(max_tokens=4718), 402, "but can only afford 4717."),
    ("ollama-no-tools", "tools", with_(tools=[tool()]), 400, "registry.ollama.ai/library/m does not support tools"),
    ("deepseek-blind", "images", IMAGE, 400, "messages[0]: unknown variant `image_url`, expected `text`"),
    ("vllm-blind", "images", IMAGE, 400, "m is not a multimodal model"),
    ("llamacpp-blind", "images", IMAGE, 500, "image input is not supported"),
    ("ollama-blind", "images", says({**USER, "images": ["AA=="]}), 400, "model does not support multimodal requests."),
]


def first_refusal(picky: Picky, body: JsonObject) -> tuple[Check, Refusal] | None:
    for check in picky.checks:
        refused = check.look(body)
        if refused is not None:
            return check, refused
    return None


@pytest.mark.parametrize(
    ("server", "check", "body", "status", "words"),
    [pytest.param(*case, id=f"{at}-{case[0]}-{case[1].replace(' ', '-')}") for at, case in enumerate(CASES)],
)
def test_a_server_refuses_in_its_own_words(server: str, check: str, body: JsonObject, status: int, words: str) -> None:
    found = first_refusal(BY_NAME[server], body)
    assert found is not None
    assert (found[0].name, found[1].status) == (check, status)
    assert words in found[1].body.decode()
    if "json" in found[1].content_type:
        jsontext.loads(found[1].body)


def test_every_check_has_a_case() -> None:
    has = {(server, check) for server, check, *_rest in CASES}
    assert {(picky.name, check.name) for picky in SERVERS for check in picky.checks} == has


@pytest.mark.parametrize("picky", SERVERS, ids=lambda picky: picky.name)
def test_a_plain_request_is_refused_by_nobody(picky: Picky) -> None:
    assert first_refusal(picky, PLAIN) is None
    assert first_refusal(picky, says(SYSTEM, USER, temperature=1)) is None
    assert all(check.source for check in picky.checks)


@pytest.mark.parametrize(
    ("server", "body"),
    [
        ("deepseek", says(USER, called("c", reasoning_content=""), result("c"))),
        ("deepseek", says(USER, called("c"), result("c"), thinking={"type": "disabled"})),
        ("kimi", says(USER, {"role": "assistant", "content": "a"}, USER)),
        ("groq", says(USER, {"role": "assistant", "content": "a", "reasoning": "hm"}, USER)),
        ("mistral-2026", says(SYSTEM, USER, called("abcdefgh1"), result("abcdefgh1"), stream_options={})),
        ("gemini", says(USER, called("c"), result("c"), USER)),
        ("voyage", {"model": "m", "input": "a", "encoding_format": "base64"}),
        ("llamacpp-schema", offers(("a", {"pattern": "^[a-z]+$", "maxLength": 200}), ("b", {}))),
        ("deepseek-old", {**JSON_OBJECT, "messages": [{"role": "user", "content": "as JSON"}]}),
        ("gpt-levels", with_(reasoning_effort="high")),
        ("minimax", says(SYSTEM, USER)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_the_real_server_takes_is_taken(server: str, body: JsonObject) -> None:
    assert first_refusal(BY_NAME[server], body) is None


@pytest.mark.parametrize("given", [signature("c"), *SENTINELS])
def test_gemini_takes_its_own_signature_and_the_documented_sentinels(given: str) -> None:
    signed = call("c", extra_content={"google": {"thought_signature": given}})
    body = says(USER, {**called("c"), "tool_calls": [signed, call("d")]}, result("c"), result("d"))
    assert first_refusal(BY_NAME["gemini"], body) is None
