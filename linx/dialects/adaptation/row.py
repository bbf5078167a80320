"""What one row of the table of adaptations is.

Rule: a row is a value. Its functions are pure, never change a body in place (attempts share
its parts), and return the body itself where there is nothing to change.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from linx.core.attempt_errors import Refused
    from linx.core.chat import Chunk, JsonObject


class BodyFormat(Enum):
    """The wire format of a body for a provider."""

    CHAT = "OpenAI's chat completions"
    COMPLETION = "OpenAI's text completions"
    EMBEDDINGS = "OpenAI's embeddings"
    MESSAGES = "Anthropic's Messages"
    RESPONSES = "OpenAI's Responses"
    OLLAMA = "Ollama's chat, generate and embed"
    INFILL = "llama.cpp's infill"


ALL = frozenset(BodyFormat)
DETAIL = re.compile(r"[A-Za-z0-9_.:>*+$-]{0,160}")
"""What a detail looks like. It is told in a header and in the log, and kept in a file, so a detail that holds anything
else, such as the odd name of a client's keyword, is no detail, and the refusal is passed on."""
Restore = Callable[["Chunk"], None]
"""Changes a chunk of the answer, and its ``source``, in place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A way in which some providers have to be asked."""

    name: str
    """As ``x-linx-adapted``, the log and the docs have it."""
    formats: frozenset[BodyFormat]
    """The bodies that the row can change."""
    recognise: Callable[[Refused, JsonObject], str | None]
    """(refusal, the body as it was refused) → what exactly has to change, such as the name of a field; "" where the
    row's name says all; None where the refusal is about something else."""
    change: Callable[[JsonObject, str], JsonObject]
    """(body, what exactly has to change) → the body as the provider takes it."""
    codes: frozenset[str] = frozenset()
    """The codes of refusals that are not about the form of a request, which this row nevertheless may recognise."""
    is_lasting: bool = True
    """Is it true of every request, so that it is remembered? Else it is true of this one alone."""
    restore: Callable[[JsonObject, str], Restore | None] | None = None
    """(the body before the change, what exactly was changed) → how the answer is changed back, if it must be."""
