"""The servers that speak OpenAI's dialect toward Linx, and in what their requests differ.

Rule: each is one value of ``BodyRules``; ``provider_request`` and ``provider_messages`` know
the rules and none of the servers. ``PLAIN`` is OpenAI itself and the many that imitate it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linx.core import known_tools
from linx.dialects.openai.provider_messages import MessageRules, pick
from linx.dialects.openai.provider_request import NEVER_PASSED, BodyRules
from linx.dialects.openai.thinking import budget_of

if TYPE_CHECKING:
    from linx.core.chat import JsonObject, ModelTraits

_OPENROUTER_ONLY = frozenset(
    ("models", "plugins", "provider", "reasoning", "route", "session_id", "transforms", "usage")
)
# Samplers beyond OpenAI's own. A server that is strict answers 400 to them, so a plain one gets
# them only where the client itself, speaking that dialect, sent them.
_SAMPLERS = frozenset(("min_p", "repeat_last_n", "repeat_penalty", "repetition_penalty", "top_a", "top_k", "typical_p"))
_OLLAMA_WORDS = frozenset(("format", "shift", "truncate"))


# --- a plain server -------------------------------------------------------------------


def _think_in_levels(
    body: JsonObject, chat_body: JsonObject, wish: bool | str | None, traits: ModelTraits, speaks_openai: bool
) -> None:
    """Only levels have a name that plain servers share; on and off have none."""
    if speaks_openai and body.get("reasoning_effort") is not None:
        return
    body.pop("reasoning_effort", None)
    if traits.can_think is False:
        return
    if wish is True:
        budget = budget_of(chat_body)
        if budget is not None:
            wish = "low" if budget <= 4096 else "medium" if budget <= 16384 else "high"
    elif wish is False and "none" in (chat_body.get("reasoning_effort"), *pick(chat_body.get("reasoning"), "effort")):
        wish = "none"
    if isinstance(wish, str):
        body["reasoning_effort"] = wish


def _recall_unchanged(message: JsonObject, changes: JsonObject, speaks_openai: bool) -> None:
    """Some servers insist on getting their own reasoning back, under their own name for it."""
    if not speaks_openai and "reasoning_details" in message:
        changes["reasoning_details"] = None


PLAIN = BodyRules(
    drops=NEVER_PASSED | _OPENROUTER_ONLY,
    drops_of_others=NEVER_PASSED | _OPENROUTER_ONLY | _OLLAMA_WORDS | _SAMPLERS,
    renames={},
    think=_think_in_levels,
    messages=MessageRules(_recall_unchanged, has_developer=True),
)


# --- OpenRouter -----------------------------------------------------------------------


def _think_for_openrouter(
    body: JsonObject, chat_body: JsonObject, wish: bool | str | None, _traits: ModelTraits, speaks_openai: bool
) -> None:
    given = body.pop("reasoning", None)
    effort = body.pop("reasoning_effort", None)
    wishes = ("effort", "enabled", "max_tokens")
    if speaks_openai and any(wish is not None for wish in (effort, *pick(given, *wishes))):
        # The client speaks OpenRouter's own words: they pass as they are.
        body.update(
            {name: value for name in ("reasoning", "reasoning_effort") if (value := chat_body.get(name)) is not None}
        )
        return
    reasoning = {
        name: value for name, value in (given if isinstance(given, dict) else {}).items() if name not in wishes
    }
    budget = budget_of(chat_body)
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


def _recall_for_openrouter(message: JsonObject, changes: JsonObject, _speaks_openai: bool) -> None:
    """OpenRouter's details must come back unmodified and in order; its plain text has another name."""
    text = message.get("reasoning_content")
    if text is not None:
        changes["reasoning_content"] = None
        if message.get("reasoning") is None:
            changes["reasoning"] = text


OPENROUTER = BodyRules(
    drops=NEVER_PASSED,
    drops_of_others=NEVER_PASSED | _OLLAMA_WORDS | {"typical_p", "repeat_last_n"},
    renames={"repeat_penalty": "repetition_penalty"},
    think=_think_for_openrouter,
    messages=MessageRules(_recall_for_openrouter),
)


# --- llama.cpp ------------------------------------------------------------------------


def _think_by_template(
    body: JsonObject, chat_body: JsonObject, wish: bool | str | None, _traits: ModelTraits, _speaks_openai: bool
) -> None:
    """The chat template has a switch, which must be a real boolean; a level stands beside it."""
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
    budget = budget_of(chat_body)
    if wish and budget is not None:
        body.setdefault("thinking_budget_tokens", budget)


def _functions_only(tools: list[Any], choice: Any) -> tuple[list[Any], Any]:
    """Functions only, each with parameters. llama.cpp knows a choice as one word only: a named tool is left alone."""
    functions = known_tools.derived(tools, _with_parameters)
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


def _with_parameters(tools: list[Any]) -> list[JsonObject]:
    functions = []
    for tool in tools:
        function = tool.get("function") if isinstance(tool, dict) else None
        if isinstance(function, dict):
            if not function.get("parameters"):
                function = {**function, "parameters": {"type": "object", "properties": {}}}
                tool = {**tool, "function": function}
            functions.append(tool)
    return functions


def _name(tool: Any) -> object:
    """The name in a tool, or in the choice of a tool."""
    return next(iter(pick(tool.get("function"), "name")), tool.get("name")) if isinstance(tool, dict) else None


def _finish_for_llamacpp(body: JsonObject) -> None:
    limit = body.get("max_completion_tokens")
    if limit is not None:
        body["max_tokens"] = limit  # older builds know this name only
    if "tools" in body:
        # Refused together with a stream, and Linx always asks for a stream.
        body.pop("logprobs", None)
        body.pop("top_logprobs", None)


def _recall_for_llamacpp(message: JsonObject, changes: JsonObject, _speaks_openai: bool) -> None:
    """llama.cpp reads plain text under one name; texts that came as details are joined to it."""
    details = message.get("reasoning_details")
    if message.get("reasoning_content") is None:
        text = message.get("reasoning")
        if not isinstance(text, str) and isinstance(details, list):
            pieces = [pick(detail, "text", "summary") for detail in details]
            text = "".join(piece for pair in pieces for piece in pair if isinstance(piece, str))
        if isinstance(text, str) and text:
            changes["reasoning_content"] = text
    if message.get("reasoning") is not None:
        changes["reasoning"] = None
    if details is not None:
        changes["reasoning_details"] = None


LLAMACPP = BodyRules(
    drops=NEVER_PASSED | _OPENROUTER_ONLY,
    drops_of_others=NEVER_PASSED | _OPENROUTER_ONLY | _OLLAMA_WORDS,
    renames={"repetition_penalty": "repeat_penalty"},
    think=_think_by_template,
    tools=_functions_only,
    finish=_finish_for_llamacpp,
    messages=MessageRules(_recall_for_llamacpp, has_refusals=False, is_strict=True),
)
