"""A way past decoder and encoder for frames that differ in their text alone.

A provider's stream of one choice is the same frame again and again, but for the text in
it. Once such a frame has gone the long way, what stood around the text is known on both
sides; as long as the next frame is the same there, and holds a well-formed text between,
what the client gets is put together from three pieces, and no JSON is read or written.

The rule: the long way decides. A shortcut is learnt from a frame that went there and gave
one piece of text and nothing else, it is tried out on that frame's own JSON, and whatever
it does not know to the byte goes the long way and makes it forget.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.core import jsontext
from linx.core.jsontext import PLAIN
from linx.dialects.openai.decoder import OpenAIDecoder
from linx.dialects.openai.encoder import OpenAIEncoder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linx.core.chat import Chunk
    from linx.dialects.base import Decoder, Encoder

TRIES = 8  # in a row that were of no use, before a stream is left alone: each of its frames differs
_START, _END = b"data: ", b"\n\n"
_CR = 0x0D
_TEXTS = ("content", "reasoning_content", "reasoning")
_PROBE = "linx \u2603 probe"

Around = tuple[bytes, bytes]
"""What stands before and after the text of a frame, the quotes included."""


class Shortcut:
    """For one stream. ``again`` for each read; where it gives None, ``data`` goes the long way, and then ``learn``.

    It keeps the beginning of an event that a read ends with, so that the long way has none.
    """

    __slots__ = (
        "_after", "_before", "_decoder", "_fixed", "_from", "_is_used", "_may_learn", "_start", "_stop", "_tail",
        "_to", "_tries", "data",
    )  # fmt: skip

    def __init__(self, decoder: OpenAIDecoder) -> None:
        self.data = b""
        self._decoder = decoder
        self._before = self._after = b""  # of what the provider sends
        self._start = self._stop = b""  # ... and of what the client gets
        self._from = self._to = 0  # where the text is
        self._fixed = 0  # bytes of the provider's two; 0 while no frame is known
        self._tail = b""
        self._may_learn = False
        self._tries = TRIES
        self._is_used = False

    @property
    def is_ready(self) -> bool:
        """Is a frame known?"""
        return self._fixed > 0

    def again(self, data: bytes) -> bytes | None:
        """What the client gets for a read of the frame learnt last with other texts; b"" at the end of the body."""
        if self._tail:
            data, self._tail = self._tail + data, b""
        if len(data) > self._fixed > 0 and data.startswith(self._before) and data.endswith(self._after):
            text = data[self._from : self._to]
            if not text.translate(None, PLAIN):  # one frame, the commonest of all reads
                self._is_used = True
                return self._start + text + self._stop
            if (frame := self._several(text)) is not None:
                return frame
        end = data.rfind(_END) + len(_END)
        # A CR may be the end of an event too: then there is no telling where the last one ends.
        if self._tries and len(_END) <= end < len(data) and _CR not in (tail := data[end:]):
            data, self._tail = data[:end], tail
            if len(data) > self._fixed > 0 and data.startswith(self._before) and data.endswith(self._after):
                frame = self._several(data[self._from : self._to])
                if frame is not None:
                    return frame
        self.data = data
        self._fixed = 0
        self._may_learn = self._tries > 0 and self._decoder.is_between_frames
        return None

    def learn(self, chunks: Sequence[Chunk], frame: bytes) -> None:
        """``frame`` is what became of ``data``, by way of ``chunks``."""
        if not self._may_learn or not chunks or len(chunks) != max(1, self.data.count(_END)):
            return  # the last chunk may not be the last event's
        chunk = chunks[-1]
        text = chunk.text or chunk.reasoning
        if not text or not self._decoder.is_between_frames:
            return
        self._tries = TRIES if self._is_used else self._tries - 1
        self._is_used = False
        theirs = _around(_last(self.data), text, chunk.index, beside=("role",))
        ours = _around(_last(frame), text, chunk.index)
        if theirs is not None and ours is not None:
            self._before, self._after = theirs
            self._start, self._stop = ours
            self._from, self._to = len(self._before), -len(self._after)
            self._fixed = self._from - self._to

    def _several(self, text: bytes) -> bytes | None:
        """The same for what is between: a text with escapes, or frames of a busy provider that came in one read."""
        texts = text.split(self._after + self._before)
        if not all(texts) or not jsontext.is_text(b" ".join(texts)):
            return None
        self._is_used = True
        return self._start + (self._stop + self._start).join(texts) + self._stop


def shortcut_between(decoder: Decoder, encoder: Encoder) -> Shortcut | None:
    """A shortcut where both sides speak the same dialect, and frames of text leave no trace in either."""
    if type(decoder) is OpenAIDecoder and not decoder.is_converting and type(encoder) is OpenAIEncoder:
        return Shortcut(decoder)
    return None


def _last(events: bytes) -> bytes:
    end = events.rfind(_END, 0, -len(_END))
    return events[end + len(_END) :] if end >= 0 else events


def _around(data: bytes, text: str, index: int, beside: tuple[str, ...] = ()) -> Around | None:
    """One event of a choice, cut at its text; None where another text there would change anything else, or nothing.

    ``beside`` may stand in the delta; nothing else, since the pieces of a tool call are counted.
    """
    before, _, after = data.partition(jsontext.dumps(text))
    try:
        # Were it not one whole event, this would be no JSON.
        value = jsontext.loads_plain(data[len(_START) : -len(_END)])
        other = jsontext.loads_plain(before[len(_START) :] + jsontext.dumps(_PROBE) + after[: -len(_END)])
        (choice,) = value["choices"]
        delta = choice["delta"]
        (name,) = (name for name, said in delta.items() if said and name not in beside)
        if name not in _TEXTS or delta[name] != text or choice["index"] != index:
            return None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    delta[name] = _PROBE
    return (before + b'"', b'"' + after) if value == other else None
