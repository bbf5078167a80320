"""Sends a frame of text on without reading its JSON, where it repeats the frame before it but for the text.

A provider that streams one choice sends the same frame again and again with another text in it. Once such a frame
was decoded and encoded, the bytes around its text are known on both sides: what the provider writes there, and what
the client gets there. A next frame with the same bytes around a well-formed text becomes the client's frame by
joining three pieces.

Some providers change other fields, too. Fields of which that is known (``PASSED_ON``) are compared in the frames that
are learnt, and where one has changed, its value becomes a hole like that of the text.

The rule: decoder and encoder decide. A frame is learnt only after it went through both and gave one piece of text
and nothing else, and only if other values in the holes would change nothing but these values, which is tried out on
the frame itself. A frame that differs elsewhere is decoded normally, and the learnt frame is dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.core import jsontext
from linx.core.jsontext import PLAIN
from linx.dialects.openai.decoder import OpenAIDecoder
from linx.dialects.openai.encoder import OpenAIEncoder
from linx.dialects.openai.frame_cut import Cut, Template, Value, cut, is_simple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from linx.core.chat import Chunk, JsonObject
    from linx.dialects.base import Decoder, Encoder

TRIES = 8
"""Frames learnt one after the other and never used; then the stream is left alone, since all its frames differ."""
_START, _END = b"data: ", b"\n\n"
_CR = 0x0D
_TEXT_FIELDS = ("content", "reasoning_content", "reasoning")

PASSED_ON = {"id": False, "created": False, "system_fingerprint": True, "obfuscation": True, "p": True}
"""The fields that may change from frame to frame: does the client get the provider's value? Decoder and encoder do
nothing else with them. OpenAI fills frames up with ``obfuscation`` (openai-node#2423), Mistral with ``p``
(mistral-common#131); llama.cpp and Ollama write the time of each frame into ``created``."""


class Splice:
    """For one stream. Each read of the provider's body goes to ``try_frame`` first. Where that gives None, ``data``
    has to be decoded and encoded, and then ``learn`` be called with the outcome.

    The beginning of an event at the end of a read is kept back for the next read, so that the decoder holds no
    piece of an event and the next whole frame can be spliced again.
    """

    __slots__ = (
        "_after", "_before", "_changes", "_client_after", "_client_before", "_decoder", "_from", "_is_used", "_known",
        "_may_learn", "_tail", "_template", "_to", "_tries", "data",
    )  # fmt: skip

    def __init__(self, decoder: OpenAIDecoder) -> None:
        self.data = b""
        self._decoder = decoder
        self._before = self._after = b""  # around the text, as the provider writes it
        self._client_before = self._client_after = b""  # ... and as the client gets it
        self._from = self._to = 0  # where the text is in a provider's frame
        self._known = 0  # bytes of the provider's frame around its text; 0 while no such frame is known
        self._template: Template | None = None  # the frame that is known, if other fields change as well
        self._changes = Changes()
        self._tail = b""
        self._may_learn = False
        self._tries = TRIES
        self._is_used = False

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
        end = data.rfind(_END) + len(_END)
        # Where a CR may end an event too, there is no telling where the last event ends.
        if self._tries and len(_END) <= end < len(data) and _CR not in (tail := data[end:]):
            data, self._tail = data[:end], tail
            if len(data) > self._known > 0 and data.startswith(self._before) and data.endswith(self._after):
                frames = self._several(data[self._from : self._to])
                if frames is not None:
                    return frames
            elif self._template is not None and (frames := self._template.frames(data)) is not None:
                self._is_used = True
                return frames
        self.data = data
        self._known = 0
        self._template = None
        self._may_learn = self._tries > 0 and self._decoder.is_between_frames
        return None

    def learn(self, chunks: Sequence[Chunk], encoded: bytes) -> None:
        """``chunks`` are what the decoder made of ``data``, ``encoded`` what the encoder made of them."""
        data, self.data = self.data, b""
        if not self._may_learn or not chunks or len(chunks) != max(1, data.count(_END)):
            return  # the last chunk may not be the last event's
        chunk = chunks[-1]
        text = chunk.text or chunk.reasoning
        if not text or not self._decoder.is_between_frames:
            return
        self._tries = TRIES if self._is_used else self._tries - 1
        self._is_used = False
        event = last_event(data)
        fields = self._changes.holes_of(event)
        passed_on = {name: value for name, value in fields.items() if PASSED_ON[name]}
        theirs = cut_event(event, text, chunk.index, fields, ("role",))
        ours = cut_event(last_event(encoded), text, chunk.index, passed_on)
        if theirs is None or ours is None:
            return
        if fields:
            self._template = Template(theirs, ours)
            return
        self._before, self._after = theirs.between
        self._client_before, self._client_after = ours.between
        self._from, self._to = len(self._before), -len(self._after)
        self._known = self._from - self._to

    def _several(self, text: bytes) -> bytes | None:
        """The client's frames where ``text`` has escapes, or holds the ends and beginnings of several frames."""
        texts = text.split(self._after + self._before)
        if not all(texts) or not jsontext.is_text(b" ".join(texts)):
            return None
        self._is_used = True
        return self._client_before + (self._client_after + self._client_before).join(texts) + self._client_after


def splice_between(decoder: Decoder, encoder: Encoder) -> Splice | None:
    """A splice where both sides speak this dialect, and a frame of text changes the state of neither."""
    if type(decoder) is OpenAIDecoder and not decoder.is_converting and type(encoder) is OpenAIEncoder:
        return Splice(decoder)
    return None


class Changes:
    """Which of the fields in PASSED_ON change in one stream."""

    __slots__ = ("_changing", "_values")

    def __init__(self) -> None:
        self._values: JsonObject = {}  # in the frame that was looked at last
        self._changing: set[str] = set()

    def holes_of(self, event: bytes) -> dict[str, Value]:
        """The values in ``event`` that are to be holes: of the fields that have changed so far."""
        try:
            frame = jsontext.loads_plain(event[len(_START) : -len(_END)])
        except ValueError:
            return {}
        values = {name: frame[name] for name in PASSED_ON if name in frame} if isinstance(frame, dict) else {}
        self._changing |= {name for name, value in values.items() if self._values.get(name, value) != value}
        self._values = values
        return {name: value for name, value in values.items() if name in self._changing and is_simple(value)}


def last_event(events: bytes) -> bytes:
    end = events.rfind(_END, 0, -len(_END))
    return events[end + len(_END) :] if end >= 0 else events


def cut_event(
    event: bytes, text: str, index: int, fields: Mapping[str, Value], others: tuple[str, ...] = ()
) -> Cut | None:
    """One event of choice ``index``, cut at its text and at the values of ``fields``.

    None unless another text there would change the text alone. ``others`` are the fields that may be set beside the
    text in the delta. A tool call may not be: each of its pieces changes what the decoder knows.
    """

    def find_text(frame: JsonObject) -> tuple[JsonObject, str]:
        (choice,) = frame["choices"]
        delta = choice["delta"]
        (field,) = (name for name, value in delta.items() if value and name not in others)
        if field not in _TEXT_FIELDS or choice["index"] != index:
            raise ValueError
        return delta, field

    # Were ``event`` more than one event, this would be no JSON.
    return cut(event, len(_START), -len(_END), text, find_text, fields)
