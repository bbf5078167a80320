"""Chunks to blocks, for the dialects whose answers are a list of blocks.

Such a stream has one block open at a time, numbered without gaps, while chunks come as
they please: two tool calls in turns, text between their pieces. The rule:

- a piece of the open block goes out at once;
- a piece of another block closes the open one, unless that is a tool call whose
  arguments are not whole yet: then everything else waits, in order, until the finish.

Arguments are looked at once per call, when something else first wants its place, so the
price stays linear whatever the order of the pieces.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from linx.core import jsontext
from linx.core.errors import Garbled
from linx.dialects.base import MAX_FRAME
from linx.dialects.shared import opaque_reasoning

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from linx.core.chat import Chunk, JsonObject, ToolDelta, Usage
    from linx.core.errors import LinxError

# A block's key: tool calls have their index, the others what follows.
REASONING = -1
TEXT = -2
REFUSAL = -3
OPAQUE = -4  # and downward: each is a block of its own


class Block:
    """One block of the answer; ``parts`` are its pieces, as far as they are kept."""

    __slots__ = ("call_id", "head", "key", "logprobs", "name", "number", "parts", "signature")

    def __init__(self, key: int, call_id: str = "", name: str = "") -> None:
        self.key = key
        self.call_id = call_id
        self.name = name
        self.number = -1
        self.parts: list[str] = []
        self.logprobs: list[JsonObject] = []
        self.signature = ""
        self.head = b""
        """What stands before the text in each of this block's deltas."""

    @property
    def text(self) -> str:
        return "".join(self.parts)


class BlockEncoder(ABC):
    """An Encoder whose subclass says how blocks begin, grow and end on the wire."""

    repeats_text = False
    """Does the end of the answer hold all of its text once more, so that it is kept?"""

    def __init__(self, used_ids: Iterable[str] = ()) -> None:
        self.usage: Usage | None = None
        self.finish: str | None = None
        self.is_refused = False
        self.size = 0
        """Characters of the answer so far."""
        self._kept = 0
        self._out: list[bytes] = []
        self._open: Block | None = None
        self._waiting: list[Block] = []
        self._calls: dict[int, Block] = {}
        self._call_ids = set(used_ids)
        self._count = 0
        self._opaque = OPAQUE
        self._is_started = False
        self._is_over = False

    # --- what the dialect says ---

    @abstractmethod
    def _begin(self) -> None:
        """Write what comes before the first block."""

    @abstractmethod
    def _start(self, block: Block) -> None: ...

    @abstractmethod
    def _write(self, block: Block, text: str, logprobs: list[JsonObject] | None) -> None: ...

    @abstractmethod
    def _stop(self, block: Block) -> None: ...

    @abstractmethod
    def _finish(self) -> None:
        """Write what comes after the last block."""

    @abstractmethod
    def _fail(self, problem: LinxError) -> None:
        """Write the error."""

    @abstractmethod
    def _beat(self, is_first: bool) -> None:
        """Write a sign of life; the beginning, if it was not there yet, stands before it."""

    @abstractmethod
    def _detail(self, detail: JsonObject) -> None:
        """Take one opaque entry of a provider's reasoning details."""

    def _name_call(self, delta: ToolDelta) -> str:
        return delta.id or f"call_{delta.index}"

    # --- Encoder ---

    def frames(self, chunks: Sequence[Chunk]) -> bytes:
        if self._is_over:
            return b""
        if not self._is_started:
            for chunk in chunks:  # what is known of the prompt already belongs in the beginning
                self.usage = chunk.usage or self.usage
            self._ensure_begun()
        for chunk in chunks:
            if chunk.index:
                continue  # these dialects have one answer
            if chunk.usage is not None:
                self.usage = chunk.usage
            if chunk.reasoning:
                self._piece(REASONING, chunk.reasoning)
            if chunk.source is not None:
                for detail in opaque_reasoning.opaque_details(chunk.source):
                    self._detail(detail)
            if chunk.text:
                self._piece(TEXT, chunk.text, chunk.logprobs)
            if chunk.refusal:
                self.is_refused = True
                self._piece(REFUSAL, chunk.refusal)
            if chunk.tools:
                for delta in chunk.tools:
                    self._tool(delta)
            if chunk.finish is not None:
                self.finish = chunk.finish
                self._look_at_finish(chunk)
                self._flush()
        return self._take()

    def heartbeat(self) -> bytes:
        if self._is_over:
            return b""
        is_first = not self._is_started
        self._ensure_begun()
        self._beat(is_first)
        return self._take()

    def error(self, problem: LinxError) -> bytes:
        if self._is_over:
            return b""
        self._fail(problem)
        self._is_over = True
        return self._take()

    def end(self) -> bytes:
        if self._is_over:
            return b""
        self._ensure_begun()
        self._flush()
        self._finish()
        self._is_over = True
        return self._take()

    # --- the order of the blocks ---

    @property
    def has_calls(self) -> bool:
        return bool(self._calls)

    def _look_at_finish(self, chunk: Chunk) -> None:  # noqa: B027 - most dialects need no look
        """More than the finish reason may stand in the provider's own frame."""

    def _ensure_begun(self) -> None:
        if not self._is_started:
            self._is_started = True
            self._begin()

    def _take(self) -> bytes:
        data = b"".join(self._out)
        self._out.clear()
        return data

    def _tool(self, delta: ToolDelta) -> None:
        block = self._calls.get(delta.index)
        if block is None:
            block = Block(delta.index, unique_id(self._name_call(delta), self._call_ids), delta.name or "")
            self._calls[delta.index] = block
            self._place(block)
        if delta.arguments:
            self._grow(block, delta.arguments, None)

    def _piece(self, key: int, text: str, logprobs: list[JsonObject] | None = None) -> Block:
        block = self._waiting[-1] if self._waiting else self._open
        if block is None or block.key != key:
            block = Block(key)
            self._place(block)
        if text:
            self._grow(block, text, logprobs)
        return block

    def _opaque_piece(self, data: str) -> None:
        self._piece(self._opaque, data)
        self._opaque -= 1

    def _place(self, block: Block) -> None:
        """Give a new block its place: the open one's, or the last in the queue."""
        if self._waiting or not self._may_close():
            self._waiting.append(block)
            return
        self._close()
        self._begin_block(block)

    def _grow(self, block: Block, text: str, logprobs: list[JsonObject] | None) -> None:
        self.size += len(text)
        if self.repeats_text or block.key >= 0 or block is not self._open:
            self._kept += len(text)
            if self._kept > MAX_FRAME:
                raise Garbled(f"sent more than {MAX_FRAME >> 20} MiB that must be kept until its end")
        if block is self._open:
            self._write(block, text, logprobs)
        elif block.number < 0:
            block.parts.append(text)
            block.logprobs += logprobs or ()
        # Else it is closed, its arguments whole: nothing but blanks can follow.

    def _may_close(self) -> bool:
        block = self._open
        # Asked once per call: if it may not close, there is a queue from then on.
        return block is None or block.key < 0 or arguments_object(block.text) is not None

    def _begin_block(self, block: Block) -> None:
        block.number = self._count
        self._count += 1
        self._open = block
        self._start(block)

    def _close(self) -> None:
        block, self._open = self._open, None
        if block is not None:
            self._stop(block)

    def _flush(self) -> None:
        self._close()
        waiting, self._waiting = self._waiting, []
        for block in waiting:
            parts, block.parts = block.parts, []
            logprobs, block.logprobs = block.logprobs, []
            self._begin_block(block)
            if parts:
                self._write(block, "".join(parts), logprobs)
            self._close()


def unique_id(call_id: str, taken: set[str]) -> str:
    """``call_id``, or one made of it: some providers give the same id to two calls."""
    unique, count = call_id, len(taken)
    while unique in taken:
        count += 1
        unique = f"{call_id}_{count}"
    taken.add(unique)
    return unique


def arguments_object(text: str) -> JsonObject | None:
    """A tool call's arguments; None if they are no JSON object."""
    if not text.rstrip().endswith("}"):
        return None
    try:
        value = jsontext.loads_strict(text.encode("utf-8", "surrogatepass"))
    except jsontext.InvalidJSON:
        return None
    return value if isinstance(value, dict) else None
