"""Contents that are lists of texts."""

from __future__ import annotations

import copy

import pytest

from linx.core.chat import Adapted
from linx.dialects.adaptation.row import BodyFormat
from linx.dialects.adaptation.table import next_adaptation
from linx.dialects.adaptation.text_parts import TEXT_PARTS
from tests.dialects.adaptation.shapes import refusals

WORDS = (
    "messages[0].content must be a string",  # Groq: vercel/ai#2837
    "'messages.0' : for 'role:system' the following must be satisfied[('messages.0.content' : value must be a string)]",
    # DeepSeek: chatbox#1740
    "Failed to deserialize the JSON body into the target type: messages[2]: invalid type: sequence, expected a string "
    "at line 1 column 2901",
    "can only concatenate str (not \"list\") to str",  # llama-cpp-python#1168
)  # fmt: skip
TEXTS = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}


@pytest.mark.parametrize("words", WORDS)
def test_a_refused_list_is_recognised_in_every_shape(words: str) -> None:
    for refusal in refusals(words):
        body = {"messages": [{"role": "system", "content": TEXTS}]}
        assert next_adaptation(refusal, BodyFormat.CHAT, body, ()) == Adapted("text_parts")
        assert next_adaptation(refusal, BodyFormat.CHAT, {"messages": [{"role": "user", "content": "a"}]}, ()) is None


def test_texts_become_one_and_a_picture_is_never_lost() -> None:
    messages = [{"role": "system", "content": TEXTS}, {"role": "user", "content": [*TEXTS, IMAGE]}, None]
    body = {"messages": messages}
    before = copy.deepcopy(body)
    changed = TEXT_PARTS.change(body, "")["messages"]
    assert changed[0] == {"role": "system", "content": "a\nb"}
    assert changed[1] is messages[1]
    assert body == before
    assert TEXT_PARTS.change({"messages": changed}, "")["messages"] is changed
