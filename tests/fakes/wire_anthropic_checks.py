"""What Anthropic's Messages API refuses, in its words.

The rules are those of the public reference (platform.claude.com/docs: "Create a Message", "Errors", "Troubleshooting
thinking", "Handle tool calls", "Structured outputs", "Prompt caching", "Mid-conversation system messages"); the
sentences are the API's own, as its users have quoted them in public issue trackers. A field that the API does not
know is an error there, and so it is here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.fakes.wire_anthropic import profile_of, refuse, signature_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.fakes.catalogue import JsonObject, Model
    from tests.fakes.wire_anthropic import Profile

_FIELDS: Mapping[str, tuple[type, ...]] = {
    "model": (str,),
    "tool_choice": (dict,),
    "tools": (list,),
    "messages": (list,),
    "system": (str, list),
    "thinking": (dict,),
    "output_config": (dict,),
    "cache_control": (dict,),
    "max_tokens": (int,),
    "metadata": (dict,),
    "stop_sequences": (list,),
    "temperature": (int, float),
    "service_tier": (str,),
    "top_k": (int,),
    "top_p": (int, float),
    "stream": (bool,),
    "container": (str, dict),
    "inference_geo": (str,),
    "context_management": (dict,),
    "mcp_servers": (list,),
}
"""In the order in which the API looks at them."""
_WANTED = {str: "string", list: "array", int: "integer", float: "number", bool: "boolean"}
_SAMPLERS = {"temperature": 1, "top_p": 1, "top_k": None}
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_CALL_ID = re.compile(r"[a-zA-Z0-9_-]+")
_PICTURES = ("image/jpeg", "image/png", "image/gif", "image/webp")
_THOUGHTS = ("thinking", "redacted_thinking")
_FORCED = ("any", "tool")
_KEYS: Mapping[str, frozenset[str]] = {
    "text": frozenset(("text", "citations")),
    "image": frozenset(("source",)),
    "document": frozenset(("source", "title", "context", "citations")),
    "tool_use": frozenset(("id", "name", "input", "caller")),
    "tool_result": frozenset(("tool_use_id", "content", "is_error")),
    "thinking": frozenset(("thinking", "signature")),
    "redacted_thinking": frozenset(("data",)),
}
_UNCOMPILABLE = frozenset(("minimum", "maximum", "multipleOf", "minLength", "maxLength", "maxItems", "uniqueItems"))


def check_headers(headers: Mapping[str, str], api_key: str | None) -> None:
    given = headers.get("x-api-key") or headers.get("authorization", "").removeprefix("Bearer ")
    if api_key is not None and not given:
        raise refuse("x-api-key header is required", 401)
    if api_key is not None and given != api_key:
        raise refuse("invalid x-api-key", 401)
    if not headers.get("anthropic-version"):
        raise refuse("anthropic-version: header is required")


def check_fields(body: Any, *, is_count: bool = False) -> None:
    """Which fields there are, and their types; before the model is looked at."""
    if not isinstance(body, dict):
        raise refuse("Input does not match the expected shape.")
    for name in ("model", "messages", *(() if is_count else ("max_tokens",))):
        if name not in body:
            raise refuse(f"{name}: Field required")
    for name, types in _FIELDS.items():
        if name in body and (not isinstance(body[name], types) or (type(body[name]) is bool and bool not in types)):
            wanted = _WANTED.get(types[-1])
            what = f"Input should be a valid {wanted}" if wanted else "Input should be an object"
            raise refuse(f"{name}: {what}")
    for name in body:
        if name not in _FIELDS or (is_count and name in ("max_tokens", "stream")):
            raise refuse(f"{name}: Extra inputs are not permitted")


def check(body: JsonObject, model: Model, headers: Mapping[str, str]) -> None:
    """Refuse what this model refuses. Raises RequestRefused."""
    profile = profile_of(model)
    limit = body.get("max_tokens", 1)
    if limit < 0:
        raise refuse("max_tokens: must be greater than or equal to 0")
    if limit > profile.max_tokens:
        words = "which is the maximum allowed number of output tokens for"
        raise refuse(f"max_tokens: {limit} > {profile.max_tokens}, {words} {model.name}")
    _check_tools(body)
    _check_system(body.get("system"))
    _check_thinking(body, profile)
    _check_output(body, profile)
    _check_samplers(body, profile, headers.get("anthropic-version", ""))
    for text in body.get("stop_sequences") or ():
        if not isinstance(text, str) or not text.strip():
            raise refuse("stop_sequences: each stop sequence must contain non-whitespace")
    for name in body.get("metadata") or ():
        if name != "user_id":
            raise refuse(f"metadata.{name}: Extra inputs are not permitted")
    marks = sum("cache_control" in block for block in _all_blocks(body)) + ("cache_control" in body)
    if marks > 4:
        raise refuse(f"A maximum of 4 blocks with cache_control may be provided. Found {marks}.")
    _check_messages(body, profile)


# --- beside the messages ------------------------------------------------------------------


def _check_tools(body: JsonObject) -> None:
    tools, choice = body.get("tools") or [], body.get("tool_choice")
    for number, tool in enumerate(tools):
        if tool.get("type") not in (None, "custom"):
            continue
        where = f"tools.{number}.custom"
        if "name" not in tool or "input_schema" not in tool:
            raise refuse(f"{where}.{'name' if 'name' not in tool else 'input_schema'}: Field required")
        if not _TOOL_NAME.fullmatch(tool["name"]):
            raise refuse(f"{where}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
        if tool["input_schema"].get("type") != "object":
            raise refuse(f"{where}.input_schema.type: Input should be 'object'")
        for key in tool.keys() - {"name", "description", "input_schema", "cache_control", "type", "strict"}:
            raise refuse(f"{where}.{key}: Extra inputs are not permitted")
    names = [tool.get("name") for tool in tools]
    if len(set(names)) < len(names):
        raise refuse("tools: Tool names must be unique.")
    if choice is None:
        return
    kind = choice.get("type")
    if kind == "tool" and choice.get("name") not in names:
        raise refuse(f"Tool '{choice.get('name')}' not found in provided tools")
    if kind in ("auto", "any") and not tools:
        raise refuse(f"tool_choice.{kind} may only be specified while providing tools")
    if kind not in ("auto", "any", "tool", "none"):
        raise refuse("tool_choice: Input tag does not match any of the expected tags: 'any', 'auto', 'none', 'tool'")
    if kind == "none" and "disable_parallel_tool_use" in choice:
        raise refuse("tool_choice.none.disable_parallel_tool_use: Extra inputs are not permitted")


def _check_system(system: Any) -> None:
    for number, block in enumerate(system if isinstance(system, list) else ()):
        if not isinstance(block, dict) or block.get("type") != "text":
            raise refuse(f"system.{number}: Input does not match the expected shape.")
        if not block.get("text", "").strip():
            raise refuse("system: text content blocks must be non-empty")


def _check_thinking(body: JsonObject, profile: Profile) -> None:
    thinking = body.get("thinking")
    if thinking is None:
        return
    kind = thinking.get("type")
    if kind not in profile.thinking:
        raise refuse(_REFUSED_THINKING.get(kind, f"thinking: Input tag '{kind}' does not match the expected tags"))
    if kind == "enabled":
        budget = thinking.get("budget_tokens")
        if not isinstance(budget, int) or budget < 1024:
            raise refuse("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")
        if budget >= body.get("max_tokens", budget + 1):
            raise refuse("`max_tokens` must be greater than `thinking.budget_tokens`.")
        if (body.get("tool_choice") or {}).get("type") in _FORCED:
            raise refuse("Thinking may not be enabled when tool_choice forces tool use.")
    elif "budget_tokens" in thinking:
        raise refuse(f"thinking.{kind}.budget_tokens: Extra inputs are not permitted")
    if "display" in thinking and kind not in ("adaptive", "enabled"):
        raise refuse(f"thinking.{kind}.display: Extra inputs are not permitted")


_REFUSED_THINKING = {
    "enabled": '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and '
    '"output_config.effort" to control thinking behavior.',
    "adaptive": "adaptive thinking is not supported on this model",
    "disabled": '"thinking.type.disabled" is not supported for this model. Thinking defaults to adaptive mode when not '
    'specified; use "thinking.type.enabled" with "budget_tokens" for extended thinking.',
}


def _check_output(body: JsonObject, profile: Profile) -> None:
    config = body.get("output_config") or {}
    effort, shape = config.get("effort"), config.get("format")
    if effort is not None and not profile.efforts:
        raise refuse("This model does not support the effort parameter.")
    if effort is not None and effort not in profile.efforts:
        raise refuse(f"This model does not support effort level '{effort}'.")
    if shape is None:
        return
    if not profile.schemas:
        raise refuse("This model does not support the output format.")
    if shape.get("type") != "json_schema" or not isinstance(shape.get("schema"), dict):
        raise refuse("output_config.format: Input does not match the expected shape.")
    _check_schema(shape["schema"])


def _check_schema(schema: Any) -> None:
    if isinstance(schema, list):
        for item in schema:
            _check_schema(item)
    if not isinstance(schema, dict):
        return
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        words = "For 'object' type, 'additionalProperties' must be explicitly set to false"
        raise refuse(f"output_config.format.schema: {words}")
    if found := sorted(_UNCOMPILABLE & schema.keys()):
        words = f"For '{schema.get('type')}' type, properties {', '.join(found)} are not supported"
        raise refuse(f"output_config.format.schema: {words}")
    for word, value in schema.items():
        if word in ("properties", "$defs", "definitions"):
            _check_schema(list(value.values()))
        elif word in ("items", "anyOf", "allOf"):
            _check_schema(value)


def _check_samplers(body: JsonObject, profile: Profile, version: str) -> None:
    given = {name: body[name] for name in _SAMPLERS if name in body}
    if given and version >= "2026-10-21":
        raise refuse(f"{next(iter(given))}: Extra inputs are not permitted")
    for name in given.keys() & {"temperature", "top_p"}:
        if not 0 <= given[name] <= 1:
            raise refuse(f"{name}: range: 0..1")
    for name, value in given.items():
        if profile.samplers == "none" and value != _SAMPLERS[name]:
            raise refuse(f"`{name}` is deprecated for this model.")
    if profile.samplers == "one" and {"temperature", "top_p"} <= given.keys():
        raise refuse("`temperature` and `top_p` cannot both be specified for this model. Please use only one.")
    if (body.get("thinking") or {}).get("type") not in ("enabled", "adaptive"):
        return
    if given.get("temperature", 1) != 1:
        raise refuse("`temperature` may only be set to 1 when thinking is enabled or in adaptive mode.")
    if given.get("top_p", 1) < 0.95:
        raise refuse("`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled.")
    if "top_k" in given:
        raise refuse("`top_k` must be unset when thinking is enabled.")


# --- the messages -------------------------------------------------------------------------


def _check_messages(body: JsonObject, profile: Profile) -> None:
    messages = body["messages"]
    if not messages:
        raise refuse("messages: at least one message is required")
    for number, message in enumerate(messages):
        _check_message(message, number)
    if messages[0]["role"] != "user":
        raise refuse('messages: first message must use the "user" role')
    last = messages[-1]
    if last["role"] == "assistant":
        _check_prefill(last, body, profile)
    turns = _merged(messages)
    _check_calls(turns)
    blocks = [block for turn in turns for block in turn["content"]]
    if not body.get("tools") and any(block["type"] in ("tool_use", "tool_result") for block in blocks):
        raise refuse("Requests which include `tool_use` or `tool_result` blocks must define tools")
    if (body.get("thinking") or {}).get("type") == "enabled":
        _check_last_answer(turns)


def _check_message(message: Any, number: int) -> None:
    where = f"messages.{number}"
    role = message.get("role")
    if role not in ("user", "assistant"):
        raise refuse(f'messages: Unexpected role "{role}". Allowed roles are "user" or "assistant"')
    for name in message.keys() - {"role", "content"}:
        raise refuse(f"{where}.{name}: Extra inputs are not permitted")
    content = message.get("content")
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    if not isinstance(content, list):
        raise refuse(f"{where}.content: Input should be a valid array")
    if not content:
        raise refuse(f"{where}: {role} messages must have non-empty content")
    for place, block in enumerate(content):
        _check_block(block, f"{where}.content.{place}", role)


def _check_block(block: Any, where: str, role: str) -> None:
    kind = block.get("type")
    keys = _KEYS.get(kind)
    if keys is None:
        raise refuse(f"{where}: Input tag '{kind}' found using 'type' does not match any of the expected tags")
    for name in block.keys() - keys - {"type", "cache_control"}:
        raise refuse(f"{where}.{kind}.{name}: Extra inputs are not permitted")
    if kind == "text" and not block["text"].strip():
        words = "contain non-whitespace text" if block["text"] else "be non-empty"
        raise refuse(f"messages: text content blocks must {words}")
    if kind in ("tool_use", *_THOUGHTS) and role != "assistant":
        raise refuse(f"{where}: `{kind}` blocks can only be in `assistant` messages")
    if kind == "tool_result" and role != "user":
        raise refuse(f"{where}: `tool_result` blocks can only be in `user` messages")
    if kind == "tool_use" and not _CALL_ID.fullmatch(block["id"]):
        raise refuse(f"{where}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'")
    if kind == "tool_use" and not isinstance(block["input"], dict):
        raise refuse(f"{where}.tool_use.input: Input should be an object")
    if kind == "thinking" and block["thinking"] and block.get("signature") != signature_of(block["thinking"]):
        raise refuse(f"{where}: Invalid `signature` in `thinking` block")
    if kind in _THOUGHTS and "cache_control" in block:
        raise refuse(f"{where}.{kind}.cache_control: Extra inputs are not permitted")
    if kind in ("image", "document"):
        _check_source(block["source"], f"{where}.{kind}.source", kind)
    if kind == "tool_result" and isinstance(block.get("content"), list):
        for place, inner in enumerate(block["content"]):
            _check_block(inner, f"{where}.tool_result.content.{place}", role)


def _check_source(source: JsonObject, where: str, kind: str) -> None:
    wanted = _PICTURES if kind == "image" else ("application/pdf",)
    if source.get("type") == "base64" and source.get("media_type") not in wanted:
        names = [f"'{one}'" for one in wanted]
        listed = f"{', '.join(names[:-1])} or {names[-1]}" if len(names) > 1 else names[0]
        raise refuse(f"{where}.base64.media_type: Input should be {listed}")
    if source.get("type") not in ("base64", "url", *(("text", "content") if kind == "document" else ())):
        raise refuse(f"{where}: Input tag '{source.get('type')}' does not match any of the expected tags")


def _check_prefill(last: JsonObject, body: JsonObject, profile: Profile) -> None:
    if not profile.prefill:
        words = "This model does not support assistant message prefill."
        raise refuse(f"{words} The conversation must end with a user message.")
    if (body.get("thinking") or {}).get("type") in ("enabled", "adaptive"):
        raise refuse("Prefilling assistant messages is not supported when thinking is enabled.")
    blocks = last["content"]
    text = blocks if isinstance(blocks, str) else blocks[-1].get("text", "")
    if text != text.rstrip():
        raise refuse("messages: final assistant content cannot end with trailing whitespace")


def _check_calls(turns: Sequence[JsonObject]) -> None:
    """Every call is answered in the next turn, first of all; every result answers a call; no id comes twice."""
    seen: set[str] = set()
    waiting: list[str] = []
    for number, turn in enumerate(turns):
        results = [block["tool_use_id"] for block in turn["content"] if block["type"] == "tool_result"]
        leading = [block.get("tool_use_id") for block in turn["content"][: len(results)]]
        for call_id in results:
            if call_id not in waiting:
                raise refuse(
                    f"messages.{number}.content.0: unexpected `tool_use_id` found in `tool_result` blocks: {call_id}. "
                    "Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
                )
        if len(set(results)) < len(results):
            raise refuse(f"messages.{number}: each tool_use must have a single result.")
        if missing := [call_id for call_id in waiting if call_id not in leading]:
            raise refuse(_unanswered(number - 1, missing))
        waiting = [block["id"] for block in turn["content"] if block["type"] == "tool_use"]
        if len(set(waiting)) < len(waiting) or seen & set(waiting):
            raise refuse("messages: `tool_use` ids must be unique")
        seen |= set(waiting)
    if waiting:
        raise refuse(_unanswered(len(turns) - 1, waiting))


def _unanswered(number: int, ids: Sequence[str]) -> str:
    return (
        f"messages.{number}: `tool_use` ids were found without `tool_result` blocks immediately after: "
        f"{', '.join(ids)}. Each `tool_use` block must have a corresponding `tool_result` block in the next message."
    )


def _check_last_answer(turns: Sequence[JsonObject]) -> None:
    """A model that thinks by budget wants the thought back that led to its calls."""
    number, answer = next(
        ((number, turn) for number, turn in reversed(list(enumerate(turns))) if turn["role"] == "assistant"), (0, None)
    )
    if answer is None or all(block["type"] != "tool_use" for block in answer["content"]):
        return
    kind = answer["content"][0]["type"]
    if kind not in _THOUGHTS:
        raise refuse(
            f"messages.{number}.content.0.type: Expected `thinking` or `redacted_thinking`, but found `{kind}`. When "
            "`thinking` is enabled, a final `assistant` message must start with a thinking block."
        )


def _merged(messages: Sequence[JsonObject]) -> list[JsonObject]:
    turns: list[JsonObject] = []
    for message in messages:
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else list(content)
        if turns and turns[-1]["role"] == message["role"]:
            turns[-1]["content"] += blocks
        else:
            turns.append({"role": message["role"], "content": blocks})
    return turns


def _all_blocks(body: JsonObject) -> Iterator[JsonObject]:
    yield from body.get("tools") or ()
    system = body.get("system")
    yield from system if isinstance(system, list) else ()
    for message in body["messages"]:
        if isinstance(message.get("content"), list):
            yield from message["content"]
