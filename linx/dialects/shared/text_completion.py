"""Refuses what servers that can only continue one text cannot do with a text completion.

The rule: each refusal is a limit of this provider, so another candidate may be tried.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.dialects.failures.meaning import unsupported

if TYPE_CHECKING:
    from linx.core.chat import TextCompletion


def refuse_scoring(asked: TextCompletion) -> None:
    """Raise Refused for best_of and for echo with logprobs: such a server cannot score texts."""
    if (asked.best_of or 1) > asked.count:
        raise unsupported("does not support best_of")
    if asked.has_echo and asked.logprobs is not None:
        raise unsupported("does not support echo together with logprobs")
    if asked.has_echo and not all(isinstance(prompt, str) for prompt in asked.prompts):
        raise unsupported("does not support tokens as a prompt")  # Linx repeats the prompt, and cannot decode tokens


def only_text(asked: TextCompletion) -> str:
    """The only prompt, which must be a text. Raises Refused."""
    (prompt,) = asked.prompts
    if not isinstance(prompt, str):
        raise unsupported("does not support tokens as a prompt")
    return prompt
