from __future__ import annotations

from typing import Any

import pytest

from linx.dialects.shared import chat_body
from tests.dialects.responses.test_client_items import PNG, PNG_PART, messages, says, text


@pytest.mark.parametrize(
    ("part", "made"),
    [
        (text("a"), chat_body.text_part("a")),
        (text("a", "text"), chat_body.text_part("a")),
        ({"type": "input_image", "image_url": PNG}, PNG_PART),
        (
            {"type": "input_image", "image_url": PNG, "detail": "low"},
            {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}},
        ),
        ({"type": "image_url", "image_url": {"url": PNG}}, PNG_PART),
        (
            {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVB"},
            chat_body.file_part("a.pdf", "data:application/pdf;base64,JVB"),
        ),
        ({"type": "input_file", "file_url": "https://a/a.pdf"}, chat_body.file_part("file", "https://a/a.pdf")),
        ({"type": "file", "file": {"file_id": "f"}}, {"type": "file", "file": {"file_id": "f"}}),
        (
            {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}},
            {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}},
        ),
        (
            {"type": "input_audio", "data": "AA", "format": "mp3"},
            {"type": "input_audio", "input_audio": {"data": "AA", "format": "mp3"}},
        ),
    ],
)
def test_parts_of_a_user(part: dict[str, Any], made: dict[str, Any]) -> None:
    more = {"type": "input_image", "image_url": "https://a/b.png"}
    content = messages(says("user", part, more))[0]["content"]
    assert content == [made, {"type": "image_url", "image_url": {"url": "https://a/b.png"}}]
