from __future__ import annotations

from typing import Any

import pytest

from tests.dialects.anthropic.test_client_messages import PNG, PNG_PART, messages, text, user


@pytest.mark.parametrize(
    ("blocks", "content"),
    [
        ([text("a"), text("b")], [text("a"), text("b")]),
        ([], ""),
        ([{"type": "container_upload", "file_id": "f"}], ""),
        ([text("a"), PNG, text("b")], [text("a"), PNG_PART, text("b")]),
        (
            [{"type": "image", "source": {"type": "url", "url": "https://a/b.png"}}],
            [{"type": "image_url", "image_url": {"url": "https://a/b.png"}}],
        ),
        ([{"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}}], "words"),
        ([{"type": "document", "title": "T", "source": {"type": "text", "data": "words"}}], "T\n\nwords"),
        ([{"type": "document", "source": {"type": "content", "content": "words"}}], "words"),
        (
            [{"type": "document", "title": "T", "source": {"type": "content", "content": [text("x"), PNG]}}],
            [text("T"), text("x"), PNG_PART],
        ),
        (
            [{"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVB"}}],
            [
                {
                    "type": "file",
                    "file": {"filename": "document.pdf", "file_data": "data:application/pdf;base64,JVB"},
                }
            ],
        ),
        (
            [{"type": "document", "title": "a.pdf", "source": {"type": "url", "url": "https://a/a.pdf"}}],
            [{"type": "file", "file": {"filename": "a.pdf", "file_data": "https://a/a.pdf"}}],
        ),
        (
            [{"type": "search_result", "title": "T", "source": "https://s", "content": [text("x"), PNG]}],
            "T\nhttps://s\nx",
        ),
        ([{"type": "search_result", "content": [text("x")]}], "x"),
    ],
)
def test_blocks_of_a_user(blocks: list[Any], content: Any) -> None:
    assert messages(user(*blocks)) == [{"role": "user", "content": content}]
