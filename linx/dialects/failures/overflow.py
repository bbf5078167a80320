"""The two counts of a prompt that does not fit: its tokens, and those of the context, as providers tell them.

llama.cpp has them as fields; everybody else has words for them. Clients size by them what they leave out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from linx.dialects.failures.reading import Reading

_P, _C, _ANY = "(?P<prompt>[0-9]{1,9})", "(?P<context>[0-9]{1,9})", "[0-9]{1,9}"
_PATTERNS = tuple(
    re.compile(pattern)
    for pattern in (
        # llama.cpp (tools/server), Anthropic.
        rf"request \({_P} tokens\) exceeds the available context size \({_C} tokens\)",
        rf"prompt is too long: {_P} tokens > {_C}",
        # Anthropic, of the prompt and max_tokens together.
        rf"input length and ['\"`]?max_tokens['\"`]? exceed context limit: {_P} \+ {_ANY} > {_C}",
        # vLLM (claude-code#272); since 0.12 its count of the prompt may be a lower bound (pi#5930).
        rf"maximum context length is {_C} tokens and your request has {_P} input tokens",
        rf"maximum context length is {_C} tokens\. however, you requested {_ANY} output tokens"
        rf" and your prompt contains at least {_P} input tokens",
        rf"you passed {_P} input tokens and requested {_ANY} output tokens\. however, the model's context length is"
        rf" only {_C} tokens",
        # OpenAI's, which vLLM, DeepSeek and many others have copied.
        rf"maximum context length is {_C} tokens\. however, you requested {_ANY} tokens \({_P} in the messages",
        rf"maximum context length is {_C} tokens\. however, your messages resulted in {_P} tokens",
        # SGLang (tokenizer_manager.py).
        rf"maximum context length of {_C} tokens\. you requested a total of {_ANY} tokens: {_P} tokens from the input",
        rf"the input \({_P} tokens\) is longer than the model's context length \({_C} tokens\)",
        # TGI, Together; Gemini; Mistral.
        rf"max_new_tokens['\"`]? must be <= {_C}\. given: {_P} ['\"`]?inputs",
        rf"input token count \({_P}\) exceeds the maximum number of tokens allowed \({_C}\)",
        rf"prompt contains {_P} tokens.{{0,40}}too large for model with {_C} maximum context length",
    )
)
# OpenRouter, which counts "about", and tools and pictures apart.
_OPENROUTER = re.compile(rf"maximum context length is {_C} tokens\. however, you requested about {_ANY} tokens \(")
_PART = re.compile(rf"({_ANY}) of [a-z]+ input")


class Counts(NamedTuple):
    """Tokens of the prompt, and of the context that does not hold it."""

    prompt: int
    context: int


def counts_of(reading: Reading) -> Counts | None:
    prompt, context = reading.n_prompt_tokens, reading.n_ctx
    if prompt is not None and context is not None:
        return Counts(prompt, context)
    for pattern in _PATTERNS:
        found = pattern.search(reading.words)
        if found is not None:
            return Counts(int(found["prompt"]), int(found["context"]))
    found = _OPENROUTER.search(reading.words)
    if found is None:
        return None
    parts = _PART.findall(reading.words, found.end(), found.end() + 200)
    return Counts(sum(map(int, parts)), int(found["context"])) if parts else None
