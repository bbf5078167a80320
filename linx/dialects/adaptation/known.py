"""What is known of hosts and models before they have refused anything, so that the first ask is right.

Each entry says where that is documented. An entry stands here only where the provider refuses the request, not where it
passes a field over in silence; what is not sure is learnt with one refusal.
"""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING, NamedTuple

from linx.core.chat import Adapted

if TYPE_CHECKING:
    from collections.abc import Iterable


class Known(NamedTuple):
    """A host (its name, or ``*.`` and the end of it), the models there (a pattern), and how these are asked."""

    host: str
    model: str
    adapted: tuple[Adapted, ...]


NEW_NAME = Adapted("answer_limit_name", "max_completion_tokens")
OLD_NAME = Adapted("answer_limit_name", "max_tokens")
OWN_NAME = Adapted("reasoning_history", "reasoning")
NO_HISTORY = Adapted("reasoning_history", "without")


def without(*fields: str) -> tuple[Adapted, ...]:
    return tuple(Adapted("parameter", field) for field in fields)


def each(hosts: Iterable[str], models: Iterable[str], *adapted: Adapted) -> tuple[Known, ...]:
    """The same for several models at several hosts."""
    models = tuple(models)
    return tuple(Known(host, model, adapted) for host in hosts for model in models)


_OPENAI = ("api.openai.com", "*.openai.azure.com", "*.services.ai.azure.com")
_GITHUB = ("models.github.ai", "models.inference.ai.azure.com")
_MISTRAL = ("api.mistral.ai", "codestral.mistral.ai")
_GOOGLE = ("generativelanguage.googleapis.com", "*aiplatform.googleapis.com")
_O_SERIES = ("o1", "o1-*", "o3", "o3-*", "o4-mini*")
_GPT_5_FIRST = ("gpt-5", "gpt-5-mini*", "gpt-5-nano*", "gpt-5-2025*")
_GPT_5 = ("gpt-5*", "gpt-6*")
_FIXED = without("temperature", "top_p", "presence_penalty", "frequency_penalty", "logit_bias")


def _of_vendor(models: Iterable[str]) -> tuple[str, ...]:
    """With the name of the vendor before them, as a marketplace lists them."""
    return tuple(name for model in models for name in (model, f"*/{model}"))


KNOWN: tuple[Known, ...] = (
    # OpenAI's guide to reasoning models, and Azure's "Azure OpenAI reasoning models": max_tokens is not supported,
    # max_completion_tokens is; the samplers are not supported. GPT-5.1 and later take them where they do not reason.
    *each(_OPENAI, (*_O_SERIES, *_GPT_5), NEW_NAME),
    *each(_OPENAI, (*_O_SERIES, *_GPT_5_FIRST), *_FIXED),
    # bifrost#1000, ida-pro-mcp#129: a user of more than 64 characters is refused, and Claude Code's is longer.
    *each(_OPENAI, ("*",), Adapted("shorter_text", "user:64")),
    # llama_index#20865: the field as such is refused.
    *each(_OPENAI, _O_SERIES, *without("parallel_tool_calls")),
    # GitHub Models takes the new name for OpenAI's reasoning models only: super-agent-party#384, openrag#398.
    *each(_GITHUB, ("*",), OLD_NAME),
    *each(_GITHUB, _of_vendor((*_O_SERIES, *_GPT_5)), NEW_NAME),
    *each(_GITHUB, _of_vendor((*_O_SERIES, *_GPT_5_FIRST)), *_FIXED),
    # console.groq.com/docs/openai: logit_bias and messages[].name are refused with 400. Its own name for reasoning is
    # "reasoning", and "reasoning_content" is refused: jan#8136, req_llm#772.
    *each(("api.groq.com",), ("*",), OWN_NAME, Adapted("message_field", "name"), *without("logit_bias")),
    # inference-docs.cerebras.ai, "OpenAI compatibility": refused with 400. Reasoning comes as "reasoning" and
    # "reasoning_content" is refused: kilocode#10375.
    *each(("api.cerebras.ai",), ("*",), OWN_NAME),
    *each(("api.cerebras.ai",), ("*",), *without("frequency_penalty", "presence_penalty", "logit_bias")),
    # Mistral forbids what it does not know (422): eca#231 max_completion_tokens, crush#1590 reasoning_content.
    *each(_MISTRAL, ("*",), OLD_NAME, NO_HISTORY),
    # docs.voyageai.com/reference/embeddings-api: encoding_format is null or "base64", the length is output_dimension.
    *each(("api.voyageai.com",), ("*",), Adapted("dimensions", "output_dimension"), *without("encoding_format")),
    # docs.x.ai, "Reasoning": grok-4 and grok-4.20 reason by themselves, and reasoning_effort is an error there.
    *each(("api.x.ai",), ("grok-4", "grok-4-0709", "grok-4-latest", "grok-4-1-fast*", "grok-4.20-0309-*reasoning"),
          *without("reasoning_effort")),
    # mistral-common, its validation of requests: ids of nine letters or digits; no user behind a tool.
    *each(_MISTRAL, ("*",), Adapted("call_ids", "9"), Adapted("message_order", "user_after_tool")),
    # Google's guide to thought signatures: the calls of Gemini 3 are validated.
    *each(_GOOGLE, ("*gemini-3*",), Adapted("thought_signature")),
    # DeepSeek's guide to JSON output: text and json_object are the formats that there are.
    *each(("api.deepseek.com",), ("*",), Adapted("response_format", "json_object")),
)  # fmt: skip


def known_beforehand(host: str, model: str) -> tuple[Adapted, ...]:
    """What is known of ``model`` at the server ``host``, in the order in which it is to be applied."""
    found: list[Adapted] = []
    for entry in KNOWN:
        if fnmatch.fnmatchcase(host.lower(), entry.host) and fnmatch.fnmatchcase(model.lower(), entry.model):
            found += (one for one in entry.adapted if one not in found)
    return tuple(found)
