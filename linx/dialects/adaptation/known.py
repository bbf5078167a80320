"""What is known of hosts and models before they have refused anything, so that the first ask is right.

Each entry says where that is documented.
"""

from __future__ import annotations

import fnmatch
from typing import NamedTuple

from linx.core.chat import Adapted


class Known(NamedTuple):
    """A host (its name, or ``*.`` and the end of it), the models there (a pattern), and how these are asked."""

    host: str
    model: str
    adapted: tuple[Adapted, ...]


KNOWN: tuple[Known, ...] = (
    # mistral-common, its validation of requests: ids of nine letters or digits; no user behind a tool.
    Known("*.mistral.ai", "*", (Adapted("call_ids", "9"), Adapted("message_order", "user_after_tool"))),
    # Google's guide to thought signatures: the calls of Gemini 3 are validated.
    Known("generativelanguage.googleapis.com", "*gemini-3*", (Adapted("thought_signature"),)),
    Known("*aiplatform.googleapis.com", "*gemini-3*", (Adapted("thought_signature"),)),
    # Its guide to JSON output: text and json_object are the formats there are.
    Known("api.deepseek.com", "*", (Adapted("response_format", "json_object"),)),
)


def known_beforehand(host: str, model: str) -> tuple[Adapted, ...]:
    """What is known of ``model`` at the server ``host``, in the order in which it is to be applied."""
    found: list[Adapted] = []
    for entry in KNOWN:
        if fnmatch.fnmatchcase(host.lower(), entry.host) and fnmatch.fnmatchcase(model.lower(), entry.model):
            found += (one for one in entry.adapted if one not in found)
    return tuple(found)
