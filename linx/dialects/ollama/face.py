"""The Ollama dialect toward clients: /api/chat and /api/generate.

A request keeps its client's body beside the chat body, so that an Ollama behind Linx gets
every field of it. The two endpoints are two dialects, since their frames differ.

What an endpoint's handler has to look at before it routes is ``is_load``: a request without
a prompt loads or unloads the model. Where the provider cannot do that, ``load_answer`` is
the answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from linx.core.chat import Answer, ChatBody, ChatRequest, Dialect, JsonObject, Stamp, Task, TextCompletion
from linx.core.errors import UnknownModel, quote
from linx.dialects.ollama.answer import answer_body, timestamp, whole_answer
from linx.dialects.ollama.client_request import asked_of_chat, asked_of_generate, is_unload
from linx.dialects.ollama.encoder import OllamaEncoder
from linx.dialects.ollama.model_name import is_model_name

if TYPE_CHECKING:
    from linx.core.errors import LinxError


class OllamaFace:
    """See ``base.Face``. ``endpoint``: which of the two paths this is."""

    name = Dialect.OLLAMA
    stream_type = b"application/x-ndjson"
    is_failure_torn = True

    def __init__(self, endpoint: Literal["chat", "generate"]) -> None:
        self._generate = endpoint == "generate"

    def parse(self, body: JsonObject) -> ChatRequest:
        asked = asked_of_generate(body) if self._generate else asked_of_chat(body)
        return ChatRequest(
            body["model"],
            asked,
            stream=body.get("stream") is not False,
            include_usage=True,
            task=_task(asked),
            dialect=Dialect.OLLAMA_GENERATE if self._generate else Dialect.OLLAMA,
            client_body=body,
        )

    def encoder(self, chat: ChatRequest, stamp: Stamp) -> OllamaEncoder:
        return OllamaEncoder(chat, stamp, generate=self._generate)

    def whole(self, chat: ChatRequest, answer: Answer, stamp: Stamp) -> JsonObject:
        """Raises Garbled where the model's tool calls cannot be told in this dialect."""
        return whole_answer(chat, answer, stamp, generate=self._generate)

    def error_body(self, problem: LinxError, _request_id: str) -> JsonObject:
        if _is_no_name(problem):
            return {"error": "invalid model name"}
        if isinstance(problem, UnknownModel) and problem.model:
            # Ollama's clients recognise a missing model by these words of Ollama's.
            return {"error": f"model '{quote(problem.model)}' not found: {problem.message}"}
        if problem.signin_url is not None:
            return {"error": problem.message, "signin_url": problem.signin_url}  # Ollama's clients open it
        return {"error": overflow_words(problem) or problem.message}

    def status_of(self, problem: LinxError) -> int:
        return 400 if _is_no_name(problem) else problem.status

    def is_load(self, body: JsonObject) -> bool:
        """Does a body that ``parse`` has accepted ask for no answer, only that its model be loaded or unloaded?"""
        return not body.get("prompt" if self._generate else "messages")

    def load_answer(self, chat: ChatRequest, stamp: Stamp) -> JsonObject:
        """The answer to such a request where no model can be moved."""
        reason = "unload" if is_unload(chat.client_body or {}) else "load"
        body = answer_body(self._generate, "", "", None)
        head = {"model": chat.model, "created_at": timestamp(stamp.now())}
        return {**head, **body, "done": True, "done_reason": reason}


def overflow_words(problem: LinxError) -> str | None:
    """Ollama's words for a prompt that does not fit, by which its clients know it (openclaw#36074)."""
    if problem.n_prompt_tokens is None or problem.n_ctx is None:
        return None
    over = max(problem.n_prompt_tokens - problem.n_ctx, 1)
    return f"prompt too long; exceeded max context length by {over} tokens: {problem.message}"


def _is_no_name(problem: LinxError) -> bool:
    """Is a model unknown whose name no Ollama would take? One that another provider has may be called anything."""
    return isinstance(problem, UnknownModel) and bool(problem.model) and not is_model_name(problem.model)


def _task(asked: ChatBody | TextCompletion) -> Task:
    if isinstance(asked, ChatBody):
        return Task.CHAT
    return Task.INSERT if asked.suffix else Task.COMPLETE
