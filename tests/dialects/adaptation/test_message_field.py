"""Fields inside the messages that a provider does not take."""

from __future__ import annotations

import pytest

from linx.core.chat import Adapted
from linx.dialects.adaptation.table import adapt
from tests.dialects.adaptation.help import asked_until_taken, step

MESSAGES_WITH_FIELDS = {
    "messages": [
        {"role": "user", "name": "x", "content": [{"type": "text", "text": "a", "cache_control": {}}]},
        {"role": "assistant", "content": "b", "refusal": None, "annotations": []},
        "odd",
    ]
}


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (b"'messages.0' : for 'role:user' the following must be satisfied[('messages.0' : property 'name' is"
         b" unsupported)]", "name"),
        (b"messages.1.assistant.annotations: property 'messages.1.assistant.annotations' is unsupported",
         "annotations"),
        (b'{"detail":[{"loc":["body","messages",0,"user","content",0,"text","cache_control"],'
         b'"msg":"Extra inputs are not permitted"}]}', "cache_control"),
        (b"[{'type': 'extra_forbidden', 'loc': ('body', 'messages', 1, 'refusal'), 'msg': 'Extra inputs are not"
         b" permitted'}]", "refusal"),
    ],
    ids=["groq", "cerebras", "mistral", "vllm"],
)  # fmt: skip
def test_a_field_inside_the_messages_is_left_out_of_each(words: bytes, field: str) -> None:
    used, body = asked_until_taken(MESSAGES_WITH_FIELDS, [words], 422)
    assert used == [f"message_field:{field}"]
    assert field not in str(body)
    assert step(MESSAGES_WITH_FIELDS, words.replace(field.encode(), b"content")) is None


def test_what_a_message_is_made_of_stays() -> None:
    assert adapt(MESSAGES_WITH_FIELDS, [Adapted("message_field", "content")], []) is MESSAGES_WITH_FIELDS
