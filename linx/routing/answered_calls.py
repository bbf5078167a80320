"""The tool calls of an answer, before it goes on: their names are resolved, and what the provider signed is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.core.chat import ChatBody, Dialect
from linx.dialects.adaptation.bent_names import OfferedTools
from linx.dialects.adaptation.row import BodyFormat
from linx.dialects.openai.signatures import SignatureReader

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from linx.core.chat import ChatRequest, Chunk
    from linx.dialects.openai.signatures import Signed
    from linx.providers.requests import ProviderRequest
    from linx.routing.candidate import Candidate

_RESPONSES = Dialect.RESPONSES


class AnsweredCalls:
    """Looks at the chunks of one answer. ``signatures``: where the provider may sign its calls."""

    __slots__ = ("_offered", "_reads_all", "_signatures")

    def __init__(self, offered: OfferedTools, signatures: SignatureReader | None) -> None:
        self._offered = offered
        self._signatures = signatures
        self._reads_all = signatures is not None and signatures.reads_all

    def look_at(self, chunks: Sequence[Chunk]) -> None:
        for chunk in chunks:
            if chunk.tools is not None or chunk.dialect is _RESPONSES:  # as ``call_names.may_name_a_tool``, but faster
                self._offered.resolve(chunk)
                if self._signatures is not None:
                    self._signatures.read(chunk)
            elif self._reads_all and self._signatures is not None:
                self._signatures.read(chunk)


def answered_calls(
    candidate: Candidate, chat: ChatRequest, request: ProviderRequest, clock: Callable[[], float]
) -> AnsweredCalls | None:
    """None where no tool is offered, so that such an answer is not looked at."""
    asked = chat.asked
    if not isinstance(asked, ChatBody) or not (asked.get("tools") or asked.get("functions")):
        return None
    signatures = None
    if request.format is BodyFormat.CHAT:
        kept, answer = candidate.provider.signatures, object()

        def keep(call_id: str, signed: Signed) -> None:
            kept.keep(call_id, signed, clock(), answer)

        # Google's models alone validate what OpenRouter passes on of their signatures.
        has_details = candidate.model.startswith(("google/", "~google/"))
        signatures = SignatureReader(keep, has_details=has_details)
    return AnsweredCalls(OfferedTools(asked), signatures)
