"""Turns the frames of one chat answer into chunks, and keeps what is known of each choice.

The rule: what leaves here is clean, so no encoder needs to know how providers deviate. Every chunk has one choice or
none. Its ``source`` is the provider's own frame, normalised in place: one choice, no role, reasoning as
``reasoning_content``, tool calls in order, no usage (that travels in the chunk), and a finish on a frame of its own
with an empty delta.

Most frames of a stream are one piece of text and nothing else. They are read in one pass that builds one object; a
frame that differs in anything from these is read by ``_read_any``, which assumes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linx.core.chat import Chunk, JsonObject
from linx.core.errors import EmptyAnswer, Garbled, StreamBroken
from linx.dialects.failures.meaning import event_failure
from linx.dialects.openai.frames import CHUNK, DIALECT, FINISHES, clean, timings_of, usage_of, usage_of_timings
from linx.dialects.openai.tool_calls import ToolCalls

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_CHOICES = 1024  # OpenAI takes 128; a provider that allows more is let through, one that sends without end is not

_KNOWN_TOP = frozenset(
    ("id", "object", "created", "model", "choices", "usage", "system_fingerprint", "service_tier", "provider", "error")
)
_KNOWN_CHOICE = frozenset(("index", "delta", "finish_reason", "native_finish_reason", "logprobs", "error"))
_PLAIN_FINISHES = ("stop", "length", "tool_calls")


class _Choice:
    """What is known of one choice so far."""

    __slots__ = ("calls", "is_finished", "is_open")

    def __init__(self, new_id: Callable[[], str]) -> None:
        self.calls = ToolCalls(new_id)
        self.is_open = False
        """It has content, and no finish yet."""
        self.is_finished = False


class Choices:
    """The choices of one answer. ``new_id`` gives random hex for tool calls without an id."""

    __slots__ = ("_choices", "_has_usage", "_new_id")

    def __init__(self, new_id: Callable[[], str]) -> None:
        self._new_id = new_id
        self._choices: dict[int, _Choice] = {}
        self._has_usage = False

    def read(self, frame: Any, chunks: list[Chunk]) -> None:
        """Add the chunks of one frame, which may be any JSON. Raises AttemptError; the chunks added before count."""
        # The plain frame: one choice, and of it one piece of text or of reasoning, or its finish, or nothing.
        try:
            choices = frame["choices"]
            if not choices and type(frame) is dict:
                self._read_any(frame, chunks)
                return
            choice = choices[0]
            delta = choice["delta"]
            delta.pop("role", None)
            index = choice["index"]
            state = self._choices.get(index) or self._begun(index)
            is_plain = (
                len(choices) == 1
                and state is not None
                and not state.is_finished
                and choice.get("logprobs") is None
                and frame.get("usage") is None
                and "timings" not in frame
                and "error" not in frame
                and "error" not in choice
            )
            finish = choice["finish_reason"]
        except (KeyError, IndexError, TypeError, AttributeError):
            is_plain = False
        if is_plain and state is not None:
            if finish is None:
                if len(delta) == 1:
                    text = delta.get("content", "")
                    reasoning = delta.get("reasoning_content", "")
                    if type(text) is str and type(reasoning) is str and (text or reasoning):
                        state.is_open = True
                        # By position, which halves the cost of the commonest object there is.
                        chunks.append(Chunk(text, reasoning, "", None, None, index, None, None, None, frame, DIALECT))
                        return
                if not any(delta.values()) and frame.keys() <= _KNOWN_TOP and choice.keys() <= _KNOWN_CHOICE:
                    return  # it gave a role, or nothing
            elif finish in _PLAIN_FINISHES and not any(delta.values()):
                choice["delta"] = {}
                frame["object"] = CHUNK
                frame.pop("usage", None)
                self._close(index, state, finish, frame, chunks)
                return
        for item in frame if isinstance(frame, list) else (frame,):
            if isinstance(item, dict):
                self._read_any(item, chunks)

    def end_mark(self, chunks: list[Chunk]) -> None:
        """``[DONE]``: a choice that has not finished by now has finished as it should. Raises EmptyAnswer."""
        for index, state in self._choices.items():
            if state.is_open:
                self._close(index, state, "stop", None, chunks)
        self._check_content()

    def end_of_body(self) -> None:
        """EOF without an end mark. Raises AttemptError unless every choice that began has finished."""
        if any(choice.is_open for choice in self._choices.values()):
            raise StreamBroken("ended its answer in the middle")
        self._check_content()

    def _check_content(self) -> None:
        if not any(choice.is_finished for choice in self._choices.values()):
            raise EmptyAnswer("ended its answer without saying anything")

    def _begun(self, index: Any) -> _Choice | None:
        """A choice seen for the first time; None if its index is no number, or there are too many choices."""
        if type(index) is not int or len(self._choices) >= MAX_CHOICES:
            return None
        state = self._choices[index] = _Choice(self._new_id)
        return state

    def _read_any(self, frame: JsonObject, chunks: list[Chunk]) -> None:
        """One chunk per choice; usage and timings travel in the last of them, or in a chunk without a choice."""
        error = frame.pop("error", None)
        if error or frame.get("object") == "error":
            raise event_failure(error or frame)
        timings = timings_of(frame["timings"]) if "timings" in frame else None
        usage = usage_of(frame.pop("usage", None))
        if usage is not None:
            self._has_usage = True
        elif timings is not None and not self._has_usage:
            usage = usage_of_timings(frame["timings"])
        listed = frame.get("choices")
        choices = [choice for choice in listed if isinstance(choice, dict)] if isinstance(listed, list) else []
        frame["object"] = CHUNK
        before = len(chunks)
        for choice in choices:
            self._read_choice(frame if len(choices) == 1 else {**frame}, choice, chunks)
        if len(chunks) == before and (usage or timings or (listed is not None and _has_more(frame, _KNOWN_TOP))):
            chunks.append(Chunk(source={**frame, "choices": []}, dialect=DIALECT))
        if len(chunks) > before:
            chunks[-1].usage = usage
            chunks[-1].timings = timings

    def _read_choice(self, frame: JsonObject, choice: JsonObject, chunks: list[Chunk]) -> None:
        """Add the chunks of one choice. ``frame`` is this choice's own, and may be changed."""
        reason = choice.get("finish_reason")
        error = choice.pop("error", None)
        if error or reason == "error":
            raise event_failure(error or "the answer ended with an error")
        index = choice.get("index")
        if type(index) is not int:
            index = choice["index"] = 0
        state = self._choices.get(index) or self._begun(index)
        if state is None:
            raise Garbled(f"sent more than {MAX_CHOICES} choices")
        if state.is_finished:
            return
        chunk = clean(frame, choice, index, state.calls)
        finish = FINISHES.get(reason.lower(), "stop") if isinstance(reason, str) and reason else None
        if chunk.is_meaningful:
            state.is_open = True
        if finish is not None:
            self._finish(state, finish, chunk, chunks)
        elif (
            chunk.is_meaningful
            or _has_more(frame, _KNOWN_TOP)
            or _has_more(choice, _KNOWN_CHOICE)
            or any(choice["delta"].values())
        ):
            chunks.append(chunk)

    def _finish(self, state: _Choice, finish: str, last: Chunk, chunks: list[Chunk]) -> None:
        """Add ``last``, which came in one frame with the finish, then the finish alone."""
        frame: JsonObject = last.source or {}
        choice: JsonObject = frame["choices"][0]
        if any(choice["delta"].values()):
            last.source = {key: value for key, value in frame.items() if key != "timings"}
            plain = {key: choice[key] for key in ("index", "delta", "finish_reason", "logprobs") if key in choice}
            last.source["choices"] = [plain]
            chunks.append(last)
            if "logprobs" in choice:
                choice = {**choice, "logprobs": None}
        source = {**frame, "choices": [{**choice, "delta": {}}]}
        self._close(last.index, state, finish, source, chunks)

    def _close(self, index: int, state: _Choice, finish: str, source: JsonObject | None, chunks: list[Chunk]) -> None:
        """Add what is still owed of the choice's tool calls, then its finish; ``source`` is the frame of the finish."""
        owed = state.calls.finish(finish)
        if owed:
            chunks.append(Chunk(tools=owed, index=index, dialect=DIALECT))
        if finish == "stop" and state.calls:
            finish = "tool_calls"
        if source is not None:
            source["choices"][0]["finish_reason"] = finish
        chunks.append(Chunk(finish=finish, index=index, source=source, dialect=DIALECT))
        state.is_open = False
        state.is_finished = True


def _has_more(holder: JsonObject, known: frozenset[str]) -> bool:
    return not holder.keys() <= known
