"""A chat request as the body that a server of OpenAI's dialect takes.

Rule: a field of a client of this dialect is passed on, known to Linx or not, unless it has a
meaning to Linx or would choose a destination. The differences between servers are a value
that is handed in, a ``BodyRules`` (``servers`` has them). The chat body is never changed: the
new body shares with it whatever is the same, or each attempt would copy a long history.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from linx.core import known_tools
from linx.core.chat import Dialect
from linx.dialects.openai.provider_messages import messages_for
from linx.dialects.openai.signatures import with_signatures
from linx.dialects.openai.thinking import thinking
from linx.dialects.shared.identity import OF_PROGRAMS, hide_identity

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from linx.core.chat import ChatRequest, JsonObject, ModelTraits
    from linx.dialects.openai.provider_messages import MessageRules

# No body chooses where a request goes or with which key: a provider may itself be a gateway that would obey these.
_DESTINATIONS = frozenset(
    (
        "api_base",
        "api_key",
        "api_type",
        "api_version",
        "aws_bedrock_runtime_endpoint",
        "azure_endpoint",
        "base_url",
        "custom_llm_provider",
        "default_headers",
        "deployment_id",
        "endpoint",
        "extra_body",
        "extra_headers",
        "extra_query",
        "headers",
        "organization",
        "provider_url",
        "proxies",
        "proxy",
        "vertex_credentials",
    )
)
_NOT_OF_THE_API = _DESTINATIONS | OF_PROGRAMS
NEVER_PASSED = _NOT_OF_THE_API | frozenset(
    (
        "function_call",
        "functions",
        "keep_alive",
        "main_gpu",
        "messages",
        "model",
        "num_batch",
        "num_ctx",
        "num_gpu",
        "num_keep",
        "num_predict",
        "num_thread",
        "options",
        "stream",
        "stream_options",
        "think",
        "thinking_budget",
        "tool_choice",
        "tools",
        "use_mmap",
    )
)
"""Fields that no server gets as they are: only Ollama knows them, or ``chat_body`` writes them anew."""


def _all_tools(tools: list[Any], choice: Any) -> tuple[list[Any], Any]:
    return tools, choice


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyRules:
    """In what the chat bodies of the servers differ."""

    drops: frozenset[str]
    """Fields that are not passed on from a client of the OpenAI dialect."""
    drops_of_others: frozenset[str]
    """The same for a client of another dialect, where a face of Linx has named the fields."""
    renames: Mapping[str, str]
    think: Callable[[JsonObject, JsonObject, bool | str | None, ModelTraits, bool], None]
    """Writes the wish to think: (body, chat body, wish, traits, does the client speak OpenAI's dialect?)."""
    messages: MessageRules
    tools: Callable[[list[Any], Any], tuple[list[Any], Any]] = _all_tools
    """Tools and the choice among them, as the server takes both."""
    finish: Callable[[JsonObject], None] | None = None
    """The last changes to a body that is otherwise complete."""


def chat_body(rules: BodyRules, chat: ChatRequest, model: str, traits: ModelTraits) -> JsonObject:
    """The body for a server of ``rules``; always a stream, since Linx folds it for a client that wants none."""
    given = chat.chat_body
    speaks_openai = chat.dialect is Dialect.OPENAI
    messages = messages_for(rules.messages, given.get("messages") or [], speaks_openai)
    if traits.signed is not None:
        messages = with_signatures(messages, traits.signed)
    body: JsonObject = {"model": model, "messages": messages}
    pass_on(body, given, rules, speaks_openai)
    _put_tools(body, given, rules)
    rules.think(body, given, thinking(given, traits), traits, speaks_openai)
    if rules.finish is not None:
        rules.finish(body)
    ask_for_stream(body, given)
    return body


def pass_on(body: JsonObject, given: JsonObject, rules: BodyRules, speaks_openai: bool) -> None:
    """Put the client's fields into ``body``, but for those that have a meaning to Linx."""
    dropped = rules.drops if speaks_openai else rules.drops_of_others
    renames = rules.renames
    for name, value in given.items():
        if value is not None and name not in dropped:
            body[renames.get(name, name)] = value
    hide_identity(body)
    if not body.get("stop", True):
        del body["stop"]  # an empty list or text is refused by some and stops at once at others


def ask_for_stream(body: JsonObject, given: JsonObject) -> None:
    """Ask for a stream that ends with its usage, with the client's own options of a stream."""
    body["stream"] = True
    options = given.get("stream_options")
    body["stream_options"] = {**(options if isinstance(options, dict) else {}), "include_usage": True}


def without_destinations(body: JsonObject) -> JsonObject:
    """A body of another endpoint or dialect, without what would choose where it goes, and without who asks."""
    kept = {name: value for name, value in body.items() if name not in _NOT_OF_THE_API}
    hide_identity(kept)
    return kept


def _put_tools(body: JsonObject, given: JsonObject, rules: BodyRules) -> None:
    tools = given.get("tools")
    choice = given.get("tool_choice")
    if not tools and given.get("functions"):
        tools = [{"type": "function", "function": function} for function in given["functions"]]
        choice = given.get("function_call")
        if isinstance(choice, dict):
            choice = {"type": "function", "function": choice}
    if tools:
        tools, choice = rules.tools(known_tools.derived(tools, _tools), choice)
    if not tools:
        # Choosing among no tools is an error everywhere.
        body.pop("parallel_tool_calls", None)
        return
    body["tools"] = tools
    if choice is not None:
        body["tool_choice"] = choice


def _tools(tools: list[Any]) -> list[Any]:
    return [_tool(tool) for tool in tools]


def _tool(tool: Any) -> Any:
    if isinstance(tool, dict) and "function" in tool and not tool.get("type"):
        return {**tool, "type": "function"}
    return tool
