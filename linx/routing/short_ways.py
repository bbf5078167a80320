"""Which answers may go a short way past the JSON of their frames, and how the frames of their providers look.

The rule: only a decoder in which a frame of text changes nothing, and of encoders only OpenAI's, which writes a frame
of text in the same way each time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.dialects.ollama.decoder import OllamaDecoder
from linx.dialects.ollama.frames import FRAME_OF_TEXT
from linx.dialects.openai.decoder import OpenAIDecoder
from linx.dialects.openai.encoder import OpenAIEncoder
from linx.dialects.openai.gathering import Gathering
from linx.dialects.openai.splice import PROVIDER, Splice

if TYPE_CHECKING:
    from linx.dialects.base import Decoder, Encoder


def splice_between(decoder: Decoder, encoder: Encoder) -> Splice | None:
    """A splice where a frame of text changes the state of neither; else None."""
    if type(encoder) is not OpenAIEncoder:
        return None
    if type(decoder) is OpenAIDecoder and not decoder.is_converting:
        return Splice(decoder, PROVIDER)
    if type(decoder) is OllamaDecoder and not decoder.is_generate:
        return Splice(decoder, FRAME_OF_TEXT)
    return None


def gathering_for(decoder: Decoder) -> Gathering | None:
    """A gathering where a frame of text changes nothing in the decoder but for its text; else None."""
    if type(decoder) is OpenAIDecoder and not decoder.is_converting:
        return Gathering(decoder, PROVIDER)
    if type(decoder) is OllamaDecoder and not decoder.is_generate:
        return Gathering(decoder, FRAME_OF_TEXT)
    return None
