"""What servers that only go on from one text cannot do with a text completion.

Rule: each refusal is this provider's limit, so that another candidate may take the request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.dialects.failures.meaning import unsupported

if TYPE_CHECKING:
    from linx.core.chat import TextCompletion


def refuse_scoring(asked: TextCompletion) -> None:
    """Such a server neither chooses the best of many answers nor scores a prompt. Raises Refused."""
    if (asked.best_of or 1) > asked.count:
        raise unsupported("does not support best_of")
    if asked.has_echo and asked.logprobs is not None:
        raise unsupported("does not support echo together with logprobs")
    if asked.has_echo and not all(isinstance(prompt, str) for prompt in asked.prompts):
        raise unsupported("does not support tokens as a prompt")  # Linx itself repeats them, and knows no tokens


def only_text(asked: TextCompletion) -> str:
    """The one prompt, which must be a text. Raises Refused."""
    (prompt,) = asked.prompts
    if not isinstance(prompt, str):
        raise unsupported("does not support tokens as a prompt")
    return prompt
