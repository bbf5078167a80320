"""Reads answers of /v1/completions and of llama.cpp's /infill as the chunks of a chat answer.

The rule: each frame is turned into a chat frame and read by OpenAIDecoder, which knows how
servers deviate. Only what differs between the frames of a text and those of a chat is here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linx.core.chat import Usage, total
from linx.dialects.openai.decoder import OpenAIDecoder

if TYPE_CHECKING:
    from collections.abc import Callable

    from linx.core.attempt_errors import AttemptError
    from linx.core.chat import Chunk, JsonObject

MAX_TOKEN = 4096  # characters of a token whose bytes are listed, each of which takes eight
_FINISHES = {"limit": "length"}  # by llama.cpp's stop_type; its others, eos and word, become "stop"


class CompletionsDecoder:
    """Reads /v1/completions. See ``base.Decoder``.

    Some servers (llama.cpp) report a usage for each choice in that choice's last frame; the
    usage of the whole answer is then the sum. A usage in a frame without choices is for the
    whole answer.
    """

    def __init__(self, new_id: Callable[[], str]) -> None:
        self.problem: AttemptError | None = None
        self.done = False
        self._frames = OpenAIDecoder(new_id, chat_of_completion)
        self._usages: dict[int, Usage] = {}

    def feed(self, data: bytes) -> list[Chunk]:
        return self._summed(self._frames.feed(data))

    def end(self) -> list[Chunk]:
        return self._summed(self._frames.end())

    def _summed(self, chunks: list[Chunk]) -> list[Chunk]:
        self.problem, self.done = self._frames.problem, self._frames.done
        for chunk in chunks:
            if chunk.usage is not None and chunk.source is not None and chunk.source.get("choices"):
                self._usages[chunk.index] = chunk.usage
                if len(self._usages) > 1:
                    chunk.usage = total(self._usages.values())
        return chunks


def infill_decoder(new_id: Callable[[], str]) -> OpenAIDecoder:
    """A decoder for llama.cpp's /infill."""
    return OpenAIDecoder(new_id, chat_of_infill)


def chat_of_completion(frame: JsonObject) -> JsonObject:
    """A frame of /v1/completions as a chat frame. Its log probabilities may be in the old shape or in that of chat."""
    choices = frame.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict) and "text" in choice:
            choice["delta"] = {"content": choice.pop("text")}
            choice["logprobs"] = _chat_logprobs(choice.get("logprobs"))
            choice.setdefault("finish_reason", None)
    return frame


def chat_of_infill(frame: JsonObject) -> JsonObject:
    """A frame of llama.cpp's own format, which has no choices, as a chat frame; the last frame has ``stop``."""
    if "content" in frame:
        finish = _FINISHES.get(str(frame.get("stop_type")), "stop") if frame.get("stop") is True else None
        text, timings = frame["content"], frame.get("timings")
        frame.clear()
        frame["choices"] = [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]
        if timings is not None:
            frame["timings"] = timings
    return frame


def _chat_logprobs(given: Any) -> JsonObject | None:
    """Log probabilities in the shape of chat; None if there are none, or if their shape is unknown."""
    if not isinstance(given, dict):
        return None
    if isinstance(given.get("content"), list):
        return given  # llama.cpp sends the shape of chat here too
    tokens, values, tops = (given.get(key) for key in ("tokens", "token_logprobs", "top_logprobs"))
    if not isinstance(tokens, list) or not isinstance(values, list) or len(tokens) != len(values):
        return None
    content = []
    for position, (token, value) in enumerate(zip(tokens, values, strict=True)):
        top = tops[position] if isinstance(tops, list) and position < len(tops) else None
        entry = _chat_logprob(token, value)
        entry["top_logprobs"] = [_chat_logprob(*pair) for pair in top.items()] if isinstance(top, dict) else []
        content.append(entry)
    return {"content": content}


def _chat_logprob(token: Any, value: Any) -> JsonObject:
    text = token if isinstance(token, str) else str(token)
    data = list(text.encode("utf-8", "replace")) if len(text) <= MAX_TOKEN else None
    return {"token": text, "logprob": value, "bytes": data}
