"""Decides the order of an answer's blocks: takes chunks and calls a ``BlockWriter``.

In a stream of blocks one block is open at a time, and blocks are numbered without gaps. Chunks come in any order:
pieces of two tool calls may alternate, with text between them. The rule:

- a piece of the open block is written at once;
- a piece of another block closes the open block. But if the open block is a tool call whose arguments are not
  complete, the piece and all further blocks wait, in order, until the finish.

Whether a call's arguments are complete is checked once for each call, when another block first has to open, so the
time stays linear whatever the order of the pieces.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.core.attempt_errors import Garbled
from linx.dialects.base import MAX_FRAME
from linx.dialects.shared import opaque_reasoning
from linx.dialects.shared.blocks import OPAQUE, REASONING, REFUSAL, TEXT, Block, Ending, arguments_object, unique_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from linx.core.chat import Chunk, JsonObject, ToolDelta, Usage
    from linx.core.errors import LinxError
    from linx.dialects.shared.blocks import BlockWriter


class BlockEncoder:
    """See ``base.Encoder``. ``used_ids`` are the ids of the tool calls in the conversation so far."""

    def __init__(self, writer: BlockWriter, used_ids: Iterable[str] = ()) -> None:
        self._writer = writer
        self._repeats_text = writer.repeats_text
        self._usage: Usage | None = None
        self._finish: str | None = None
        self._finish_frame: JsonObject | None = None
        self._is_refused = False
        self._size = 0  # characters of the answer so far
        self._kept = 0  # characters that are kept in blocks
        self._out: list[bytes] = []
        self._open: Block | None = None
        self._waiting: list[Block] = []
        self._calls: dict[int, Block] = {}
        self._call_ids = set(used_ids)
        self._count = 0
        self._next_opaque = OPAQUE
        self._is_begun = False
        self._is_over = False

    def frames(self, chunks: Sequence[Chunk]) -> bytes:
        if self._is_over:
            return b""
        if not self._is_begun:
            self._begin(chunks)
        for chunk in chunks:
            if chunk.index:
                continue  # an answer of blocks has one choice only
            if chunk.usage is not None:
                self._usage = chunk.usage
            if chunk.reasoning:
                self._piece(REASONING, chunk.reasoning)
            if chunk.source is not None:
                self._add_details(chunk.source)
            if chunk.text:
                self._piece(TEXT, chunk.text, chunk.logprobs)
            if chunk.refusal:
                self._is_refused = True
                self._piece(REFUSAL, chunk.refusal)
            if chunk.tools:
                self._add_calls(chunk.tools)
            if chunk.finish is not None:
                self._finish_with(chunk)
        return self._taken()

    def heartbeat(self) -> bytes:
        if self._is_over:
            return b""
        is_first = not self._is_begun
        self._begin()
        self._out.append(self._writer.heartbeat(is_first))
        return self._taken()

    def error(self, problem: LinxError) -> bytes:
        if self._is_over:
            return b""
        self._is_over = True
        self._out.append(self._writer.error(problem, self._ending()))
        return self._taken()

    def end(self) -> bytes:
        if self._is_over:
            return b""
        self._begin()
        self._flush()
        self._out.append(self._writer.end(self._ending()))
        self._is_over = True
        return self._taken()

    # --- from chunks to pieces of blocks ---

    def _begin(self, chunks: Sequence[Chunk] = ()) -> None:
        if self._is_begun:
            return
        self._is_begun = True
        for chunk in chunks:  # a usage in the first chunks is about the prompt, and is written at the beginning
            self._usage = chunk.usage or self._usage
        self._out.append(self._writer.begin(self._usage))

    def _add_details(self, source: JsonObject) -> None:
        for detail in opaque_reasoning.opaque_details(source):
            place = self._writer.place_of(detail)
            if place is None:
                continue
            key, text = place
            if key == OPAQUE:
                key = self._next_opaque
                self._next_opaque -= 1
            self._piece(key, text).details.append(detail)

    def _add_calls(self, deltas: Sequence[ToolDelta]) -> None:
        for delta in deltas:
            block = self._calls.get(delta.index)
            if block is None:
                call_id = unique_id(self._writer.call_id(delta), self._call_ids)
                block = self._calls[delta.index] = Block(delta.index, call_id, delta.name or "")
                self._place(block)
            if delta.arguments:
                self._add(block, delta.arguments, None)

    def _finish_with(self, chunk: Chunk) -> None:
        self._finish = chunk.finish
        if chunk.source is not None:
            self._finish_frame = chunk.source
        self._flush()

    def _ending(self) -> Ending:
        return Ending(self._usage, self._finish, self._finish_frame, bool(self._calls), self._is_refused, self._size)

    def _taken(self) -> bytes:
        data = b"".join(self._out)
        self._out.clear()
        return data

    # --- the order of the blocks ---

    def _piece(self, key: int, text: str, logprobs: list[JsonObject] | None = None) -> Block:
        """Add ``text``, which may be empty, to the last block if it has this key, else to a new block. Returns the
        block."""
        block = self._waiting[-1] if self._waiting else self._open
        if block is None or block.key != key:
            block = Block(key)
            self._place(block)
        if text:
            self._add(block, text, logprobs)
        return block

    def _place(self, block: Block) -> None:
        """Open a new block, or let it wait behind the other waiting blocks."""
        if self._waiting or not self._may_close():
            self._waiting.append(block)
            return
        self._close()
        self._open_block(block)

    def _add(self, block: Block, text: str, logprobs: list[JsonObject] | None) -> None:
        self._size += len(text)
        is_open = block is self._open
        if self._repeats_text or block.key >= 0 or not is_open:
            self._kept += len(text)
            if self._kept > MAX_FRAME:
                raise Garbled(f"sent more than {MAX_FRAME >> 20} MiB that must be kept until its end")
            block.parts.append(text)
        if is_open:
            self._out.append(self._writer.delta(block, text, logprobs))
        elif logprobs:
            block.logprobs += logprobs
        # A block that is neither open nor waiting is a call with complete arguments, after which only blanks can come.

    def _may_close(self) -> bool:
        block = self._open
        # The arguments are parsed once for each call: if they are incomplete, all further blocks wait.
        return block is None or block.key < 0 or arguments_object(block.text) is not None

    def _open_block(self, block: Block) -> None:
        block.number = self._count
        self._count += 1
        self._open = block
        self._out.append(self._writer.open(block))

    def _close(self) -> None:
        block, self._open = self._open, None
        if block is not None:
            self._out.append(self._writer.close(block, self._finish))

    def _flush(self) -> None:
        """Close the open block, then write the waiting blocks, each in one piece."""
        self._close()
        waiting, self._waiting = self._waiting, []
        for block in waiting:
            logprobs, block.logprobs = block.logprobs, []
            self._open_block(block)
            if block.parts:
                self._out.append(self._writer.delta(block, block.text, logprobs))
            self._close()
