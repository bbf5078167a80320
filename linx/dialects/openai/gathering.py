"""Makes one frame of many that differ in their texts, before they are decoded, for an answer that is collected.

A provider that streams one choice sends the same frame again and again with another text in it. Where a client waits
for the whole answer, a read brings dozens of them, and nobody needs their texts one by one. The frame in which their
texts follow each other says the same, since a provider may cut its answer into texts wherever it likes. Where other
fields change as well (``Shape.passed_on``), the joined frame has those of the last frame: of such fields the last one
counts.

The rule: the decoder decides. It reads the joined frame as any other, and a read that has anything else in it than
frames like the learnt one is joined as far as they reach, and left as it is from there on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.core import jsontext
from linx.dialects.openai.frame_cut import Changes, Shape, Template, cut, last_event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linx.core.chat import Chunk
    from linx.dialects.openai.frame_cut import Framed

_CR = 0x0D
FEW = 4
"""Fewer frames in a read are decoded as they are: that costs less than to learn what they have in common."""
_SAMPLE = FEW + 1
"""Frames from which is learnt what the rest of a read looks like."""


class Gathering:
    """For one answer. Each read of the body goes through ``join``, and what the decoder makes of it to ``learn``."""

    __slots__ = (
        "_after",
        "_before",
        "_changes",
        "_decoder",
        "_end",
        "_has_joined",
        "_shape",
        "_tail",
        "_template",
        "joined",
    )

    def __init__(self, decoder: Framed, shape: Shape) -> None:
        self.joined = 0
        """Frames of the last read that are not there any more, since their texts are in another."""
        self._decoder = decoder
        self._shape = shape
        self._end = shape.end
        self._before = self._after = b""  # around the text of the learnt frame, the quotes included; b"": none
        self._template: Template | None = None  # the learnt frame, if other fields change as well
        self._changes = Changes(shape)
        self._tail = b""  # the beginning of an event, kept for the next read
        self._has_joined = False

    def samples(self, data: bytes) -> list[bytes]:
        """``data`` in the pieces in which it goes through ``join``, ``learn`` and the decoder.

        Until frames have been joined, these are twice a few frames and the rest. The first few show what a frame looks
        like, the next ones which other fields change, and the rest can be joined: a first read may bring hundreds.
        """
        if self._has_joined:
            return [data]
        parts: list[bytes] = []
        begin = 0
        for _part in range(2):
            at = begin
            for _frame in range(_SAMPLE):
                at = data.find(self._end, at) + len(self._end)
                if at < len(self._end):
                    return [*parts, data[begin:]]
            parts.append(data[begin:at])
            begin = at
        return [*parts, data[begin:]] if begin < len(data) else parts

    def join(self, data: bytes) -> bytes:
        """What the decoder has to read instead of ``data``. At the end of the body, b"", it is what was kept."""
        self.joined = 0
        data, self._tail = self._tail + data, b""
        end = data.rfind(self._end) + len(self._end)
        if end < len(self._end) or _CR in data:
            return data  # where a CR may end an event too, there is no telling where the last event ends
        data, self._tail = data[:end], data[end:]
        if self._template is not None and self._decoder.is_between_frames:
            return self._joined(self._template, data)
        before, after = self._before, self._after
        if not before or not data.startswith(before) or not self._decoder.is_between_frames:
            return data
        *texts, rest = data[len(before) :].split(after + before)
        text, found, rest = rest.partition(after)
        if found:
            texts.append(text)
        else:
            rest = before + text  # the last frame that begins like the learnt one goes on otherwise
        if len(texts) < FEW or not jsontext.is_text(b" ".join(texts)) or not any(texts):
            return data
        self.joined, self._has_joined = len(texts) - 1, True
        return before + b"".join(texts) + after + rest

    def _joined(self, template: Template, data: bytes) -> bytes:
        """``data`` with one frame for those that fit, if there are many. For frames with more holes than the text's."""
        frame, count, end = template.joined(data)
        if count < FEW:
            return data
        self.joined, self._has_joined = count - 1, True
        return frame + data[end:]

    def flush(self) -> bytes:
        """What was kept of the end of the body, which is no whole event."""
        data, self._tail = self._tail, b""
        return data

    def learn(self, data: bytes, chunks: Sequence[Chunk]) -> None:
        """``chunks`` are what the decoder made of ``data``. Learn its last frame, if the next ones may be like it."""
        if len(chunks) < FEW:
            return
        chunk = chunks[-1]
        text = chunk.text or chunk.reasoning
        if not text or not self._decoder.is_between_frames or not data.endswith(self._end):
            return
        event = last_event(data, self._end)
        fields = self._changes.holes_of(event)
        found = cut(event, self._shape, text, chunk.index, fields)
        if found is None:
            return
        if fields:
            self._template = Template(found, found)
        else:
            self._before, self._after = found.between
