"""Any value at any place of any client's body is answered with a 400 or asked of a provider; nothing else is raised.

Each face's fullest body is taken, and each value in it, however deep, is replaced by each of ODD in turn; and each
field stands alone beside those that must be there. A body that a face takes must then be written for every kind of
provider, counted, and given an encoder.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import pytest

from linx.app import faces_for
from linx.config.model import Config
from linx.core import jsontext
from linx.core.attempt_errors import Refused
from linx.core.chat import ChatRequest, Dialect, ModelTraits, Stamp, Task, TextCompletion
from linx.core.errors import BadRequest
from linx.dialects import embeddings
from linx.dialects.ollama.client_request import is_unload
from linx.dialects.ollama.embeddings import parse_embed, parse_embeddings
from linx.dialects.ollama.face import OllamaFace
from linx.dialects.shared.needs import needs_of
from linx.dialects.shared.tokens import answer_tokens, prompt_tokens
from linx.handlers.answers.completions import parts_for
from linx.handlers.request_facts import opening
from linx.providers.kinds import KINDS
from linx.providers.requests import UNTRANSLATED

if TYPE_CHECKING:
    from linx.dialects.base import Face
    from linx.providers.requests import ProviderRequest

pytestmark = pytest.mark.untraced
ODD: tuple[Any, ...] = (
    None,
    True,
    0,
    -7,
    2.5,
    1e308,
    10**30,
    "",
    "x",
    "\ud83d",
    [],
    [5],
    [None],
    [[]],
    [{}],
    {},
    {"a": 5},
    {"type": "text"},
)
PICTURE = "data:image/png;base64,iVBORw0KGgo="
SCHEMA = {"type": "object", "properties": {"a": {"type": "string", "enum": ["x"]}}, "required": ["a"]}
FUNCTION = {"name": "f", "description": "d", "parameters": SCHEMA, "strict": True}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
SETTINGS = {
    "temperature": 0.5, "top_p": 0.5, "presence_penalty": 0.1, "frequency_penalty": 0.1, "n": 1, "seed": 1,
    "max_tokens": 5, "stop": ["x"], "logit_bias": {"5": 1}, "user": "u", "stream": True,
    "stream_options": {"include_usage": True}, "metadata": {"user_id": "u"}, "session_id": "s",
    "prompt_cache_key": "k", "options": {"num_ctx": 5, "num_predict": 5, "stop": ["x"], "seed": 1, "temperature": 1},
    "keep_alive": "5m", "think": True, "thinking": {"type": "enabled", "budget_tokens": 1024},
    "chat_template_kwargs": {"enable_thinking": True}, "top_k": 5, "min_p": 0.1, "store": False,
    "provider": {"order": ["x"]}, "service_tier": "auto", "verbosity": "low", "usage": {"include": True},
    "reasoning": {"effort": "low", "max_tokens": 5, "enabled": True, "exclude": False},
    "extra_body": {"a": 1}, "models": ["m"], "plugins": [{"id": "web"}], "web_search_options": {},
    "modalities": ["text"], "audio": {"voice": "x"}, "prediction": {"type": "content", "content": "x"},
    "cache_prompt": True, "truncate": True, "raw": False, "template": "t", "format": "json",
}  # fmt: skip
SETTINGS_RAW = {key: value for key, value in SETTINGS.items() if key not in ("raw", "template")}
CHAT: dict[str, Any] = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "s", "name": "n"},
        {"role": "developer", "content": [{"type": "text", "text": "t", "cache_control": {"type": "ephemeral"}}]},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "t"},
                {"type": "image_url", "image_url": {"url": PICTURE, "detail": "low"}},
                {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
                {"type": "file", "file": {"filename": "f", "file_data": PICTURE, "file_id": "i"}},
            ],
        },
        {
            "role": "assistant", "content": "a", "reasoning_content": "r", "reasoning": "r", "refusal": "no",
            "reasoning_details": [{"type": "reasoning.text", "text": "t", "signature": "s", "format": "f", "index": 0}],
            "tool_calls": [{**CALL, "extra_content": {"google": {"thought_signature": "s"}}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "r", "name": "f"},
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "r"},
        {"role": "user", "content": "u"},
    ],
    "max_completion_tokens": 5, "logprobs": True, "top_logprobs": 1, "parallel_tool_calls": True,
    "reasoning_effort": "low",
    "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": True}},
    "tools": [{"type": "function", "function": FUNCTION}, {"type": "custom", "custom": {"name": "c"}}],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    **SETTINGS,
}  # fmt: skip
LEGACY = {
    "model": "m", "messages": CHAT["messages"][-3:], "functions": [FUNCTION], "function_call": {"name": "f"},
    "tools": None, "response_format": {"type": "json_object", "schema": SCHEMA},
}  # fmt: skip
COMPLETION = {
    "model": "m", "prompt": "p", "best_of": 1, "echo": False, "logprobs": 1, **SETTINGS,
    # The names of a chat, which clients send to this path too.
    **{key: value for key, value in CHAT.items() if key not in SETTINGS and key not in ("model", "logprobs")},
    "functions": [FUNCTION], "function_call": {"name": "f"},
}  # fmt: skip
MESSAGES = {
    "model": "m",
    "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral", "ttl": "5m"}}],
    "messages": [
        {"role": "user", "content": "u"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "t", "citations": [{"type": "char_location"}]},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}},
                {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}},
                {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "d"}, "title": "t"},
                {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "AA=="}},
                {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "t"}]}},
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "t", "signature": "s"},
                {"type": "redacted_thinking", "data": "d"},
                {"type": "text", "text": "t"},
                {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "r"}]},
                {"type": "tool_result", "tool_use_id": "c1", "content": "r", "is_error": True},
                {"type": "search_result", "source": "s", "title": "t", "content": [{"type": "text", "text": "t"}]},
            ],
        },
    ],
    "stop_sequences": ["x"], "mcp_servers": [{"name": "n"}], "container": "c", "context_management": {"edits": []},
    "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": SCHEMA}},
    "output_format": {"type": "json_schema", "schema": SCHEMA}, "cache_control": {"type": "ephemeral"},
    **SETTINGS,
    "max_tokens": 2048,
    "tools": [{"name": "f", "description": "d", "input_schema": SCHEMA, "cache_control": {"type": "ephemeral"}}],
    "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": True},
}  # fmt: skip
RESPONSES = {
    "model": "m", "instructions": "i", **SETTINGS, "max_output_tokens": 5, "previous_response_id": None,
    "input": [
        {"role": "user", "content": "u"},
        {
            "type": "message", "role": "user", "id": "i",
            "content": [
                {"type": "input_text", "text": "t"},
                {"type": "input_image", "image_url": PICTURE, "detail": "low"},
                {"type": "input_file", "filename": "f", "file_data": PICTURE},
            ],
        },
        {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "s"}], "encrypted_content": "e",
         "content": [{"type": "reasoning_text", "text": "t"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "t", "annotations": []}]},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}", "id": "fc", "namespace": "n"},
        {"type": "function_call_output", "call_id": "c1", "output": [{"type": "input_text", "text": "t"}]},
        {"type": "custom_tool_call", "call_id": "c2", "name": "f", "input": "x"},
        {"type": "custom_tool_call_output", "call_id": "c2", "output": "x"},
    ],
    "text": {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA, "strict": True}, "verbosity": "low"},
    "reasoning": {"effort": "low", "summary": "auto"}, "include": ["reasoning.encrypted_content"],
    "tools": [
        {"type": "function", **FUNCTION},
        {"type": "custom", "name": "c", "description": "d", "format": {"type": "grammar", "syntax": "lark"}},
        {"type": "namespace", "name": "n", "description": "d", "tools": [{"type": "function", **FUNCTION}]},
    ],
    "tool_choice": {"type": "function", "name": "f"}, "parallel_tool_calls": True, "truncation": "auto",
    "top_logprobs": 1, "background": False, "conversation": None,
}  # fmt: skip
OLLAMA_CHAT = {
    "model": "m",
    "messages": [
        {"role": "user", "content": "u", "images": ["iVBORw0KGgo="]},
        {"role": "assistant", "content": "a", "thinking": "t",
         "tool_calls": [{"id": "c1", "function": {"name": "f", "arguments": {"a": 1}, "index": 0}}]},
        {"role": "tool", "content": "r", "tool_name": "f", "tool_call_id": "c1"},
    ],
    "tools": [{"type": "function", "function": FUNCTION}], "logprobs": True, "top_logprobs": 1, **SETTINGS,
    "format": SCHEMA,
}  # fmt: skip
OLLAMA_GENERATE = {
    "model": "m", "prompt": "p", "system": "s", "images": ["iVBORw0KGgo="], "context": [1, 2], **SETTINGS,
    "width": 5, "height": 5, "steps": 5,
}  # fmt: skip
EMBED = {"model": "m", "input": ["a", "b"], "dimensions": 5, "encoding_format": "float", "prompt": "p", **SETTINGS}
Parse = Callable[[dict[str, Any]], ChatRequest]


def _faces() -> dict[str, Face]:
    return dict(faces_for(Config()))


ROADS: dict[str, tuple[str, Parse, tuple[dict[str, Any], ...]]] = {
    "chat": ("openai", _faces()["openai"].parse, (CHAT, LEGACY, {**RESPONSES, "stream_options": {}})),
    "completions": (
        "completions",
        _faces()["completions"].parse,
        (COMPLETION, {**COMPLETION, "suffix": "s"}, {**COMPLETION, "prompt": ["a", "b"], "echo": True}),
    ),
    "messages": ("anthropic", _faces()["anthropic"].parse, (MESSAGES, {**MESSAGES, "system": "s"})),
    "responses": ("responses", _faces()["responses"].parse, (RESPONSES, {**RESPONSES, "input": "u"})),
    "ollama chat": ("ollama", _faces()["ollama"].parse, (OLLAMA_CHAT,)),
    "ollama generate": (
        "ollama_generate",
        _faces()["ollama_generate"].parse,
        (
            OLLAMA_GENERATE,
            {**OLLAMA_GENERATE, "suffix": "s"},
            {"model": "m", "prompt": "p", "raw": True, **SETTINGS_RAW},
        ),
    ),
    "embeddings": ("openai", embeddings.parse_openai, (EMBED, {**EMBED, "input": [[1, 2]]})),
    "ollama embed": ("ollama", parse_embed, (EMBED,)),
    "ollama embeddings": ("ollama", parse_embeddings, (EMBED,)),
}
TRAITS = (
    ModelTraits(),
    ModelTraits(thinking_mode=True, can_think=True, context_length=4096, num_ctx=4096, may_cut=False, keep_alive="5m"),
)


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of each value inside ``value``."""
    items: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    for step, item in items:
        yield (*path, step)
        yield from places(item, (*path, step))


def replaced(body: dict[str, Any], path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    """A copy of ``body`` in which ``value`` stands at ``path``; only what leads there is copied."""
    changed: Any = copy.copy(body)
    holder = changed
    for step in path[:-1]:
        holder[step] = copy.copy(holder[step])
        holder = holder[step]
    holder[path[-1]] = value
    return cast("dict[str, Any]", changed)


@cache
def requests_for(dialect: Dialect, task: Task) -> list[ProviderRequest]:
    """All that the kinds of provider are asked with, in the client's dialect or translated.

    Each once: many kinds share a request.
    """
    found: list[ProviderRequest] = []
    for kind in KINDS.values():
        translated = kind.request(task)
        found += [kind.own.get(dialect) or UNTRANSLATED.get(dialect) or translated, translated]
    return list({id(request): request for request in found}.values())


def carry(face: Face, parse: Parse, body: dict[str, Any]) -> None:
    """What Linx does with a body before and while it asks providers. May raise BadRequest, and nothing else."""
    if isinstance(face, OllamaFace):
        face.is_load(body)
        is_unload(body)
    chat = parse(body)
    if chat.task is not Task.EMBED:
        face.encoder(chat, Stamp("id", 1.0, lambda: 1.0))
    prompt_tokens(chat)
    answer_tokens(chat)
    needs_of(chat)
    opening(chat)
    is_text = isinstance(chat.asked, TextCompletion)
    for request in requests_for(chat.dialect, chat.task):
        for part in [part.chat for part in parts_for(request, chat)] if is_text else [chat]:
            for traits in TRAITS:
                with contextlib.suppress(Refused):
                    request.write(part, "m", traits)


def failures_of(road: str) -> list[str]:
    name, parse, bodies = ROADS[road]
    face = _faces()[name]
    found = []
    for body in bodies:
        carry(face, parse, body)
        least = {key: body[key] for key in body if key in ("model", "messages", "prompt", "input")}
        trials = [(body, path) for path in places(body)] + [(least, (key,)) for key in body]
        for base, path in trials:
            for odd in ODD:
                try:
                    carry(face, parse, replaced(base, path, odd))
                except BadRequest as error:
                    jsontext.dumps_ascii(face.error_body(error, "id"))
                except Exception as error:  # the failures that the test looks for
                    found.append(f"{path} = {odd!r}: {type(error).__name__}: {error}")
    return found


@pytest.mark.parametrize("road", ROADS)
def test_odd_values_are_refused_or_written(road: str) -> None:
    found = failures_of(road)
    assert not found, f"{len(found)} bodies: " + "\n".join(found[:40])


def test_every_face_is_thrown_at() -> None:
    assert {face for face, _parse, _bodies in ROADS.values()} == set(_faces())
    assert {Dialect.OPENAI, Dialect.COMPLETIONS} <= {parse(bodies[0]).dialect for _f, parse, bodies in ROADS.values()}
