"""Turns the frames of one chat answer into chunks, and keeps what is known of each choice.

The rule: what leaves here is clean, so no encoder needs to know how providers deviate. Every chunk has one choice or
none. Its ``source`` is the provider's own frame, normalised in place: one choice, no role, reasoning as
``reasoning_content``, tool calls in order, no usage (that travels in the chunk), and a finish on a frame of its own
with an empty delta.

A finish is kept back until the answer is over: some providers send one with every frame, or send text, tool calls or
usage behind it. The answer is over with its end mark, with the end of its body, or with a usage that belongs to the
whole of it while no choice is unfinished.

Most frames of a stream are one piece of text and nothing else. They are read in one pass that builds one object; a
frame that differs in anything from these is read by ``_read_any``, which assumes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linx.core.attempt_errors import EmptyAnswer, Garbled, StreamBroken
from linx.core.chat import Chunk, JsonObject
from linx.dialects.failures.meaning import event_failure
from linx.dialects.failures.reading import reported_error
from linx.dialects.openai.frames import (
    CHUNK,
    DIALECT,
    clean,
    finish_of,
    settle_delta,
)
from linx.dialects.openai.tool_calls import ToolCalls
from linx.dialects.openai.usage import timings_of, usage_of, usage_of_timings

if TYPE_CHECKING:
    from collections.abc import Callable

    from linx.core.chat import Usage

MAX_CHOICES = 1024  # OpenAI takes 128; a provider that allows more is let through, one that sends without end is not

_KNOWN_TOP = frozenset(
    ("id", "object", "created", "model", "choices", "usage", "system_fingerprint", "service_tier", "provider", "error")
)
_KNOWN_CHOICE = frozenset(("index", "delta", "finish_reason", "native_finish_reason", "logprobs", "error"))
_PLAIN_FINISHES = ("stop", "length", "tool_calls")


class _Choice:
    """What is known of one choice so far."""

    __slots__ = ("calls", "end", "has_calls", "has_reasoning", "has_text", "is_closed", "is_in_messages")

    def __init__(self, new_id: Callable[[], str]) -> None:
        self.calls = ToolCalls(new_id)
        self.has_text = False
        self.has_reasoning = False
        self.has_calls = False
        self.is_in_messages = False
        """Does the provider send its pieces as messages, and not as deltas?"""
        self.end: Chunk | None = None
        """The choice's finish, kept back. A later one takes its place, but a mere stop says less than another word."""
        self.is_closed = False
        """The finish was given out, and nothing more is."""

    @property
    def is_open(self) -> bool:
        """Has the choice content, and no finish yet?"""
        return self.end is None and (self.has_text or self.has_reasoning or self.has_calls)


class Choices:
    """The choices of one answer. ``new_id`` gives random hex for tool calls without an id."""

    __slots__ = ("_choices", "_finished", "_has_ended", "_has_usage", "_new_id")

    def __init__(self, new_id: Callable[[], str]) -> None:
        self._new_id = new_id
        self._choices: dict[int, _Choice] = {}
        self._finished: dict[int, _Choice] = {}  # whose finish is kept back, in the order in which they finished
        self._has_ended = False  # has any choice?
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
            if "role" in delta:
                del delta["role"]
            index = choice["index"]
            state = self._choices.get(index) or self._begun(index)
            is_plain = (
                len(choices) == 1
                and state is not None
                and not state.is_closed
                and choice.get("logprobs") is None
                and frame.get("usage") is None
                and "timings" not in frame
                and "error" not in frame
                and "error" not in choice
                and "message" not in choice
                and "text" not in choice
                and type(delta) is dict
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
                        if text:
                            state.has_text = True
                        else:
                            state.has_reasoning = True
                        # By position, which halves the cost of the commonest object there is.
                        chunks.append(Chunk(text, reasoning, "", None, None, index, None, None, None, frame, DIALECT))
                        return
                if not any(delta.values()) and frame.keys() <= _KNOWN_TOP and choice.keys() <= _KNOWN_CHOICE:
                    return  # it gave a role, or nothing
            elif (
                finish in _PLAIN_FINISHES
                and not any(delta.values())
                and choice.keys() <= _KNOWN_CHOICE
                and frame.keys() <= _KNOWN_TOP
            ):
                choice["delta"] = {}
                frame["object"] = CHUNK
                frame.pop("usage", None)
                self._keep_end(state, Chunk(finish=finish, index=index, source=frame, dialect=DIALECT))
                return
        self._read_each(frame, chunks)

    def end_mark(self, chunks: list[Chunk]) -> None:
        """``[DONE]``: a choice that has not finished by now has finished as it should. Raises EmptyAnswer."""
        for index, state in self._choices.items():
            if state.is_open:
                self._keep_end(state, Chunk(finish="stop", index=index, dialect=DIALECT))
        self._close_finished(chunks)
        self._check_content()

    def end_of_body(self, chunks: list[Chunk]) -> None:
        """EOF without an end mark. Raises AttemptError unless every choice that began has finished."""
        if self._is_any_open():
            raise StreamBroken("ended its answer in the middle")
        self._close_finished(chunks)
        self._check_content()

    def _is_any_open(self) -> bool:
        return True in [choice.is_open for choice in self._choices.values()]

    def _check_content(self) -> None:
        if not self._has_ended:
            raise EmptyAnswer("ended its answer without saying anything")

    def _begun(self, index: Any) -> _Choice | None:
        """A choice seen for the first time; None if its index counts nothing, or there are too many choices."""
        if type(index) is not int or index < 0 or len(self._choices) >= MAX_CHOICES:
            return None
        state = self._choices[index] = _Choice(self._new_id)
        return state

    def _read_each(self, frames: Any, chunks: list[Chunk]) -> None:
        for frame in frames if isinstance(frames, list) else (frames,):
            if isinstance(frame, dict):
                self._read_any(frame, chunks)

    def _read_any(self, frame: JsonObject, chunks: list[Chunk]) -> None:
        """One chunk per choice; usage and timings travel in the last of them, or in a chunk without a choice."""
        listed = frame.get("choices")
        if listed is None or "error" in frame or "base_resp" in frame:
            error = reported_error(frame)
            if error is not None:
                raise event_failure(error)
            frame.pop("error", None)
        timings = timings_of(frame["timings"]) if "timings" in frame else None
        choices = [choice for choice in listed if isinstance(choice, dict)] if isinstance(listed, list) else []
        if len(choices) > MAX_CHOICES:
            raise Garbled(f"sent more than {MAX_CHOICES} choices in one frame")
        usage = usage_of(frame.pop("usage", None)) or _usage_in(choices)
        if usage is not None:
            self._has_usage = True
        elif timings is not None and not self._has_usage:
            usage = usage_of_timings(frame["timings"])
        frame["object"] = CHUNK
        last: Chunk | None = None
        for choice in choices:
            last = self._read_choice(frame if len(choices) == 1 else {**frame}, choice, chunks) or last
        if last is None:
            if not (usage or timings or (listed is not None and _has_more(frame, _KNOWN_TOP))):
                return
            if (usage or timings) and not self._is_any_open():
                self._close_finished(chunks)
            last = Chunk(source={**frame, "choices": []}, dialect=DIALECT)
            chunks.append(last)
        if usage is not None:
            last.usage = usage
        if timings is not None:
            last.timings = timings

    def _read_choice(self, frame: JsonObject, choice: JsonObject, chunks: list[Chunk]) -> Chunk | None:
        """Add the chunks of one choice. ``frame`` is this choice's own, and may be changed.

        Gives the chunk in which the frame's usage travels, which may be a finish that is kept back; None if the
        choice says nothing.
        """
        error = choice.pop("error", None)
        if error:
            raise event_failure(error)
        finish = finish_of(choice.get("finish_reason"))
        index = choice.get("index")
        if type(index) is not int or index < 0:
            index = choice["index"] = 0
        state = self._choices.get(index) or self._begun(index)
        if state is None:
            raise Garbled(f"sent more than {MAX_CHOICES} choices")
        if state.is_closed:
            return None
        if "message" in choice or "text" in choice:
            self._settle_delta(state, choice)
        chunk = clean(frame, choice, index, state.calls)
        state.has_text = state.has_text or bool(chunk.text or chunk.refusal)
        state.has_reasoning = state.has_reasoning or bool(chunk.reasoning)
        state.has_calls = state.has_calls or chunk.tools is not None
        if finish is not None:
            self._finish(state, finish, chunk, chunks)
            return state.end
        if (
            chunk.is_meaningful
            or _has_more(frame, _KNOWN_TOP)
            or _has_more(choice, _KNOWN_CHOICE)
            or any(choice["delta"].values())
        ):
            chunks.append(chunk)
            return chunk
        return None

    def _settle_delta(self, state: _Choice, choice: JsonObject) -> None:
        # Behind deltas a message tells the whole answer once more; behind messages it is the next piece.
        is_repeating = not state.is_in_messages
        is_made = settle_delta(
            choice,
            has_text=is_repeating and state.has_text,
            has_reasoning=is_repeating and state.has_reasoning,
            has_calls=is_repeating and state.has_calls,
        )
        if is_made and not (state.has_text or state.has_reasoning or state.has_calls):
            state.is_in_messages = True

    def _finish(self, state: _Choice, finish: str, last: Chunk, chunks: list[Chunk]) -> None:
        """Add ``last``, which came in one frame with the finish, and keep the finish."""
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
        self._keep_end(state, Chunk(finish=finish, index=last.index, source=source, dialect=DIALECT))

    def _keep_end(self, state: _Choice, end: Chunk) -> None:
        before = state.end
        if before is not None:
            if end.finish == "stop":
                end.finish = before.finish
            end.usage, end.timings = before.usage, before.timings
        state.end = end
        self._finished[end.index] = state

    def _close_finished(self, chunks: list[Chunk]) -> None:
        """Add the finishes that were kept back, each behind what is still owed of its choice's tool calls."""
        for index, state in self._finished.items():
            end = state.end
            assert end is not None
            if state.calls:
                owed = state.calls.finish(end.finish or "stop")
                if owed:
                    chunks.append(Chunk(tools=owed, index=index, dialect=DIALECT))
                if end.finish == "stop":
                    end.finish = "tool_calls"
            if end.source is not None:
                end.source["choices"][0]["finish_reason"] = end.finish
            chunks.append(end)
            state.is_closed = self._has_ended = True
        self._finished.clear()


def _usage_in(choices: list[JsonObject]) -> Usage | None:
    """The usage that Kimi puts into a choice (pi#2017)."""
    usage = None
    for choice in choices:
        if "usage" in choice:
            usage = usage_of(choice.pop("usage")) or usage
    return usage


def _has_more(holder: JsonObject, known: frozenset[str]) -> bool:
    return not holder.keys() <= known
