"""A chat request in the body that an OpenAI-type provider takes: openai, openrouter, llamacpp.

Rule: what the client of an OpenAI dialect said is passed on, known or not; what has a
meaning to Linx, or would choose a destination, is not. The kinds differ in the table at
the end. The client's body is never changed: the new one shares with it whatever is the
same, since a long history is copied for each attempt otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from linx.dialects.openai.provider_messages import messages_for, pick

if TYPE_CHECKING:
    from collections.abc import Callable

    from linx.core.chat import ChatRequest, JsonObject, ModelTraits

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
# What only Ollama knows, or what is said in other words below.
_NEVER = _DESTINATIONS | frozenset(
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
_OPENROUTER_ONLY = frozenset(("models", "plugins", "provider", "reasoning", "route", "transforms", "usage"))
# Samplers beyond OpenAI's own. A server that is strict answers 400 to them, so they are sent to a
# plain OpenAI provider only if the client itself, speaking that dialect, sent them.
_SAMPLERS = frozenset(("min_p", "repeat_last_n", "repeat_penalty", "repetition_penalty", "top_a", "top_k", "typical_p"))
_OLLAMA_WORDS = frozenset(("format", "shift", "truncate"))
_WISHES = (
    "reasoning_effort", "reasoning", "think", "chat_template_kwargs", "enable_thinking", "thinking", "thinking_budget",
)  # fmt: skip
"""Where ``thinking`` looks."""
_OFF = frozenset(("none", "off", "disabled", "false", "no"))
_ON = frozenset(("on", "enabled", "true", "yes"))
_UNSAID = frozenset(("", "auto", "default", "adaptive"))


def chat_body(chat: ChatRequest, model: str, kind: str, traits: ModelTraits) -> JsonObject:
    """The body for a provider of ``kind``; always a stream, since Linx folds it where none was asked."""
    rules = _KINDS[kind]
    said = chat.body
    is_native = chat.dialect == "openai"
    dropped = rules.drops if is_native else rules.drops_of_others
    body: JsonObject = {"model": model, "messages": messages_for(kind, said.get("messages") or [], is_native)}
    for name, value in said.items():
        if value is not None and name not in dropped:
            body[rules.renames.get(name, name)] = value
    if not body.get("stop", True):
        del body["stop"]  # an empty list or text is refused by some and stops at once at others
    _put_tools(body, said, rules)
    rules.think(body, said, thinking(said, traits), traits, is_native)
    if rules.finish is not None:
        rules.finish(body)
    body["stream"] = True
    if traits.takes_stream_options:
        given = said.get("stream_options")
        body["stream_options"] = {**(given if isinstance(given, dict) else {}), "include_usage": True}
    return body


def without_destinations(body: JsonObject) -> JsonObject:
    """A body of another endpoint of this dialect, without what would choose where it goes."""
    return {name: value for name, value in body.items() if name not in _DESTINATIONS}


def thinking(body: JsonObject, traits: ModelTraits) -> bool | str | None:
    """Shall the model think: True, False, a level such as "low", or None where nobody said.

    The client's own wish comes first, in whichever of the many ways it is put; then the
    provider's ``thinking_mode``.
    """
    if body.keys().isdisjoint(_WISHES):
        return traits.thinking_mode
    reasoning = body.get("reasoning")
    kwargs = body.get("chat_template_kwargs")
    thought = body.get("thinking")
    wishes = (
        body.get("reasoning_effort"),
        *pick(reasoning, "effort", "enabled"),
        body.get("think"),
        *pick(kwargs, "enable_thinking", "thinking", "reasoning_effort"),
        body.get("enable_thinking"),
        *pick(thought, "type"),
    )
    # Off beats a level (clients send their usual level along with it), and a level beats a mere on.
    said = [wish for wish in map(_wish, wishes) if wish is not None]
    if False in said:
        return False
    level = next((wish for wish in said if isinstance(wish, str)), None)
    if level or said:
        return level or True
    budget = _budget(body)
    if budget is not None:
        return budget > 0
    return traits.thinking_mode


def _wish(given: object) -> bool | str | None:
    if isinstance(given, bool):
        return given
    if not isinstance(given, str):
        return None
    word = given.strip().lower()
    if word in _OFF:
        return False
    if word in _ON:
        return True
    return None if word in _UNSAID else word


def _budget(body: JsonObject) -> int | None:
    """Tokens to think with, if the client named them."""
    for given in (body.get("thinking_budget"), *pick(body.get("reasoning"), "max_tokens")):
        if isinstance(given, int) and not isinstance(given, bool):
            return given
    return None


# --- tools -----------------------------------------------------------------------------


def _put_tools(body: JsonObject, said: JsonObject, rules: _Kind) -> None:
    tools = said.get("tools")
    choice = said.get("tool_choice")
    if not tools and said.get("functions"):
        tools = [{"type": "function", "function": function} for function in said["functions"]]
        choice = said.get("function_call")
        if isinstance(choice, dict):
            choice = {"type": "function", "function": choice}
    if tools:
        tools, choice = rules.tools([_tool(tool) for tool in tools], choice)
    if not tools:
        # Choosing among no tools is an error everywhere.
        body.pop("parallel_tool_calls", None)
        return
    body["tools"] = tools
    if choice is not None:
        body["tool_choice"] = choice


def _tool(tool: Any) -> Any:
    if isinstance(tool, dict) and "function" in tool and not tool.get("type"):
        return {**tool, "type": "function"}
    return tool


def _all_tools(tools: list[Any], choice: Any) -> tuple[list[Any], Any]:
    return tools, choice


def _tools_for_llamacpp(tools: list[Any], choice: Any) -> tuple[list[Any], Any]:
    """Functions only, each with parameters; a choice is one word there, so a named tool is left alone with it."""
    functions = []
    for tool in tools:
        function = tool.get("function") if isinstance(tool, dict) else None
        if isinstance(function, dict):
            if not function.get("parameters"):
                function = {**function, "parameters": {"type": "object", "properties": {}}}
                tool = {**tool, "function": function}
            functions.append(tool)
    if not isinstance(choice, dict):
        return functions, choice
    allowed = choice.get("allowed_tools")
    if isinstance(allowed, dict):
        named = {str(_name(tool)) for tool in allowed.get("tools") or ()}
        word = "required" if allowed.get("mode") == "required" else "auto"
    else:
        named = {str(_name(choice))}
        word = "required"
    kept = [tool for tool in functions if str(_name(tool)) in named]
    return (kept, word) if kept else (functions, "auto")


def _name(tool: Any) -> object:
    """The name in a tool, or in the choice of one."""
    return next(iter(pick(tool.get("function"), "name")), tool.get("name")) if isinstance(tool, dict) else None


# --- thinking --------------------------------------------------------------------------


def _think_openai(
    body: JsonObject, said: JsonObject, wish: bool | str | None, traits: ModelTraits, is_native: bool
) -> None:
    """Only levels have a name that plain OpenAI providers share; on and off have none."""
    if is_native and body.get("reasoning_effort") is not None:
        return
    body.pop("reasoning_effort", None)
    if traits.can_think is False:
        return
    if wish is True:
        budget = _budget(said)
        if budget is not None:
            wish = "low" if budget <= 4096 else "medium" if budget <= 16384 else "high"
    elif wish is False and "none" in (said.get("reasoning_effort"), *pick(said.get("reasoning"), "effort")):
        wish = "none"
    if isinstance(wish, str):
        body["reasoning_effort"] = wish


def _think_openrouter(
    body: JsonObject, said: JsonObject, wish: bool | str | None, traits: ModelTraits, is_native: bool
) -> None:
    given = body.pop("reasoning", None)
    effort = body.pop("reasoning_effort", None)
    wishes = ("effort", "enabled", "max_tokens")
    if is_native and any(wish is not None for wish in (effort, *pick(given, *wishes))):
        # The client speaks OpenRouter's own words: they pass as they are.
        body.update(
            {name: value for name in ("reasoning", "reasoning_effort") if (value := said.get(name)) is not None}
        )
        return
    reasoning = {
        name: value for name, value in (given if isinstance(given, dict) else {}).items() if name not in wishes
    }
    budget = _budget(said)
    if wish is False:
        reasoning["effort"] = "none"
    elif isinstance(wish, str):
        reasoning["effort"] = wish
    elif wish and budget is not None:
        reasoning["max_tokens"] = budget
    elif wish:
        reasoning["enabled"] = True
    if reasoning:
        body["reasoning"] = reasoning


def _think_llamacpp(
    body: JsonObject, said: JsonObject, wish: bool | str | None, traits: ModelTraits, is_native: bool
) -> None:
    """A template's switch, which must be a real boolean, and a level beside it."""
    messages = body["messages"]
    if messages and messages[-1].get("role") == "assistant":
        wish = False  # beginning the answer for a model and letting it think first exclude each other
    body.pop("reasoning_effort", None)
    given = body.pop("chat_template_kwargs", None)
    kwargs = dict(given) if isinstance(given, dict) else {}
    if wish is not None:
        kwargs["enable_thinking"] = wish is not False
    if kwargs:
        body["chat_template_kwargs"] = kwargs
    if isinstance(wish, str):
        body["reasoning_effort"] = wish
    budget = _budget(said)
    if wish and budget is not None:
        body.setdefault("thinking_budget_tokens", budget)


# --- the kinds -------------------------------------------------------------------------


def _finish_llamacpp(body: JsonObject) -> None:
    limit = body.get("max_completion_tokens")
    if limit is not None:
        body["max_tokens"] = limit  # older servers know this name only
    if "tools" in body:
        # Refused together with a stream, and Linx always streams.
        body.pop("logprobs", None)
        body.pop("top_logprobs", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """In what the bodies differ."""

    drops: frozenset[str]
    """Fields that are not passed on from a client of the OpenAI dialect."""
    drops_of_others: frozenset[str]
    """The same for a client of another dialect, whose fields a face of Linx has named."""
    renames: dict[str, str]
    think: Callable[[JsonObject, JsonObject, bool | str | None, ModelTraits, bool], None]
    tools: Callable[[list[Any], Any], tuple[list[Any], Any]] = _all_tools
    finish: Callable[[JsonObject], None] | None = None


_KINDS = {
    "openai": _Kind(
        drops=_NEVER | _OPENROUTER_ONLY,
        drops_of_others=_NEVER | _OPENROUTER_ONLY | _OLLAMA_WORDS | _SAMPLERS,
        renames={},
        think=_think_openai,
    ),
    "openrouter": _Kind(
        drops=_NEVER,
        drops_of_others=_NEVER | _OLLAMA_WORDS | {"typical_p", "repeat_last_n"},
        renames={"repeat_penalty": "repetition_penalty"},
        think=_think_openrouter,
    ),
    "llamacpp": _Kind(
        drops=_NEVER | _OPENROUTER_ONLY,
        drops_of_others=_NEVER | _OPENROUTER_ONLY | _OLLAMA_WORDS,
        renames={"repetition_penalty": "repeat_penalty"},
        think=_think_llamacpp,
        tools=_tools_for_llamacpp,
        finish=_finish_llamacpp,
    ),
}
