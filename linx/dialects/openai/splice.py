"""Sends a frame of text on without reading its JSON, where it repeats the frame before it but for the text.

A provider that streams one choice sends the same frame again and again with another text in it. Once such a frame
was decoded and encoded, the bytes around its text are known on both sides: what the provider writes there, and what
the client gets there. A next frame with the same bytes around a well-formed text becomes the client's frame by
joining three pieces.

Some providers change other fields, too. Fields of which that is known (``Shape.passed_on``) are compared in the frames
that are learnt, and where one has changed, its value becomes a hole like that of the text.

The rule: decoder and encoder decide. A frame is learnt only after it went through both and gave one piece of text
and nothing else, and only if other values in the holes would change nothing but these values, which is tried out on
the frame itself. A frame that differs elsewhere is decoded normally, and the learnt frame is dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.core import jsontext
from linx.core.jsontext import PLAIN
from linx.dialects.openai.frame_cut import Changes, Shape, Template, cut, last_event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linx.core.chat import Chunk, JsonObject
    from linx.dialects.openai.frame_cut import Framed

TRIES = 8
"""Frames learnt one after the other and never used; then the stream is left alone, since all its frames differ."""
_CR = 0x0D
_TEXT_FIELDS = ("content", "reasoning_content", "reasoning")


def _find_text(frame: JsonObject, index: int, others: tuple[str, ...] = ()) -> tuple[JsonObject, str]:
    """``others`` are the fields that may be set beside the text in the delta.

    A tool call may not be: each of its pieces changes what the decoder knows.
    """
    (choice,) = frame["choices"]
    delta = choice["delta"]
    (field,) = (name for name, value in delta.items() if value and name not in others)
    if field not in _TEXT_FIELDS or choice["index"] != index:
        raise ValueError
    return delta, field


def _find_with_role(frame: JsonObject, index: int) -> tuple[JsonObject, str]:
    return _find_text(frame, index, ("role",))


PROVIDER = Shape(
    b"data: ",
    b"\n\n",
    {"id": False, "created": False, "system_fingerprint": True, "obfuscation": True, "p": True},
    _find_with_role,
)
"""OpenAI fills frames up with ``obfuscation`` (openai-node#2423), Mistral with ``p`` (mistral-common#131); llama.cpp
and Ollama write the time of each frame into ``created``."""
_CLIENT = Shape(b"data: ", b"\n\n", {}, _find_text)


class Splice:
    """For one stream. Each read of the provider's body goes to ``try_frame`` first. Where that gives None, ``data``
    has to be decoded and encoded, and then ``learn`` be called with the outcome.

    The beginning of an event at the end of a read is kept back for the next read, so that the decoder holds no
    piece of an event and the next whole frame can be spliced again.
    """

    __slots__ = (
        "_after", "_before", "_changes", "_client_after", "_client_before", "_decoder", "_end", "_from",
        "_is_used", "_known", "_may_learn", "_odd_text", "_shape", "_tail", "_template", "_to", "_tries", "data",
        "is_growing",
    )  # fmt: skip

    def __init__(self, decoder: Framed, shape: Shape) -> None:
        self.data = b""
        self.is_growing = shape is not PROVIDER
        """Are the client's frames longer than the provider's, which are not OpenAI's?"""
        self._shape = shape
        self._end = shape.end
        self._decoder = decoder
        self._before = self._after = b""  # around the text, as the provider writes it
        self._client_before = self._client_after = b""  # ... and as the client gets it
        self._from = self._to = 0  # where the text is in a provider's frame
        self._known = 0  # bytes of the provider's frame around its text; 0 while no such frame is known
        self._template: Template | None = None  # the frame that is known, if other fields change as well
        self._changes = Changes(shape)
        self._tail = b""
        self._may_learn = False
        self._tries = TRIES
        self._is_used = False
        self._odd_text = b""  # what ``data`` has in the place of the text, if it looks like the known frame

    def try_frame(self, data: bytes) -> bytes | None:
        """The client's frames for a read that repeats the learnt frame with other texts; None for any other read.

        At the end of the body, ``data`` is b"".
        """
        if self._tail:
            data, self._tail = self._tail + data, b""
        if len(data) > self._known > 0 and data.startswith(self._before) and data.endswith(self._after):
            text = data[self._from : self._to]
            if not text.translate(None, PLAIN):  # one frame whose text has no escapes: the commonest of all reads
                self._is_used = True
                return self._client_before + text + self._client_after
            if (frames := self._several(text)) is not None:
                return frames
        elif self._template is not None and data and (frames := self._template.frames(data)) is not None:
            self._is_used = True
            return frames
        end = data.rfind(self._end) + len(self._end)
        # Where a CR may end an event too, there is no telling where the last event ends.
        if self._tries and len(self._end) <= end < len(data) and _CR not in (tail := data[end:]):
            data, self._tail = data[:end], tail
            if len(data) > self._known > 0 and data.startswith(self._before) and data.endswith(self._after):
                frames = self._several(data[self._from : self._to])
                if frames is not None:
                    return frames
            elif self._template is not None and (frames := self._template.frames(data)) is not None:
                self._is_used = True
                return frames
        self.data = data
        self._odd_text = self._text_in(data)
        self._may_learn = self._tries > 0 and self._decoder.is_between_frames
        return None

    def learn(self, chunks: Sequence[Chunk], encoded: bytes) -> None:
        """``chunks`` are what the decoder made of ``data``, ``encoded`` what the encoder made of them."""
        data, self.data = self.data, b""
        if self._odd_text and self._decoder.is_between_frames and _say_only(chunks, self._odd_text):
            return  # the known frame, with an escape by number in its text: the next frame may be spliced again
        self._known = 0
        self._template = None
        if not self._may_learn or not chunks or len(chunks) != max(1, data.count(self._end)):
            return  # the last chunk may not be the last event's
        chunk = chunks[-1]
        text = chunk.text or chunk.reasoning
        if not text or not self._decoder.is_between_frames:
            return
        self._tries = TRIES if self._is_used else self._tries - 1
        self._is_used = False
        event, passed_on = last_event(data, self._end), self._shape.passed_on
        fields = self._changes.holes_of(event)
        theirs = cut(event, self._shape, text, chunk.index, fields)
        kept = {name: value for name, value in fields.items() if passed_on[name]}
        ours = cut(last_event(encoded, _CLIENT.end), _CLIENT, text, chunk.index, kept)
        if theirs is None or ours is None:
            return
        if fields:
            self._template = Template(theirs, ours)
            return
        self._before, self._after = theirs.between
        self._client_before, self._client_after = ours.between
        self._from, self._to = len(self._before), -len(self._after)
        self._known = self._from - self._to

    def _text_in(self, data: bytes) -> bytes:
        if self._template is not None:
            return self._template.text_in(data)
        looks_known = len(data) > self._known > 0 and data.startswith(self._before) and data.endswith(self._after)
        return data[self._from : self._to] if looks_known else b""

    def _several(self, text: bytes) -> bytes | None:
        """The client's frames where ``text`` has escapes, or holds the ends and beginnings of several frames."""
        texts = text.split(self._after + self._before)
        if not all(texts) or not jsontext.is_text(b" ".join(texts)):
            return None
        self._is_used = True
        return self._client_before + (self._client_after + self._client_before).join(texts) + self._client_after


def _say_only(chunks: Sequence[Chunk], text: bytes) -> bool:
    """Is it one chunk of this text, the inside of a JSON string, which leaves decoder and encoder as they were?"""
    if len(chunks) != 1:
        return False
    (chunk,) = chunks
    if chunk.tools or chunk.usage is not None or chunk.finish is not None or chunk.refusal:
        return False
    try:
        return bool(jsontext.loads_plain(b'"%b"' % text) == (chunk.text or chunk.reasoning))
    except ValueError:
        return False
