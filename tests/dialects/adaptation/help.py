"""What the table makes of a refusal, for the tests of its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linx.dialects.adaptation.row import BodyFormat
from linx.dialects.adaptation.table import adapt, next_adaptation
from linx.dialects.failures.meaning import failure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linx.core.chat import Adapted

CHAT, COMPLETION, EMBEDDINGS = BodyFormat.CHAT, BodyFormat.COMPLETION, BodyFormat.EMBEDDINGS
MESSAGES, OLLAMA, RESPONSES = BodyFormat.MESSAGES, BodyFormat.OLLAMA, BodyFormat.RESPONSES


def step(
    body: dict[str, Any],
    words: bytes,
    status: int = 400,
    form: BodyFormat = BodyFormat.CHAT,
    used: Sequence[Adapted] = (),
) -> str | None:
    """The row that a refusal of ``body`` with ``used`` applied asks for, as the header tells it."""
    found = next_adaptation(failure(status, words), form, adapt(body, used, []), used)
    return None if found is None else str(found)


def asked_until_taken(
    body: dict[str, Any], words: Sequence[bytes], status: int = 400, form: BodyFormat = BodyFormat.CHAT
) -> tuple[list[str], dict[str, Any]]:
    """The rows that one refusal after the other asks for, and the body that is left."""
    used: list[Adapted] = []
    for one in words:
        found = next_adaptation(failure(status, one), form, adapt(body, used, []), used)
        if found is not None:
            used.append(found)
    return [str(one) for one in used], adapt(body, used, [])
