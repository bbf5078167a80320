"""Texts, pictures and files as blocks."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from linx.core.attempt_errors import Fallback, Refused
from linx.core.errors import BadRequest
from linx.dialects.anthropic.provider_content import blocks_of
from tests.dialects.anthropic.help import body_for, said

PNG = "iVBORw0KGgo="
PDF = b64encode(b"%PDF-1.4 x").decode()


def blocks(*parts: Any) -> list[dict[str, Any]]:
    """The blocks of a user's message with these parts, in a body that the API takes."""
    content: list[dict[str, Any]] = body_for(said(("user", list(parts))))["messages"][0]["content"]
    assert content == blocks_of(list(parts), "")
    return content


def picture(url: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": url}


def file(data: Any, name: Any = None) -> dict[str, Any]:
    return {"type": "file", "file": {"file_data": data, "filename": name}}


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def test_texts_without_the_blank_ones() -> None:
    parts = [text("a"), text(""), text(" \n"), "b", {"type": "refusal", "refusal": "no"}, {"type": "refusal"}]
    assert blocks(*parts) == [text("a"), text("b"), text("no")]
    assert blocks_of(None, "") == []
    assert blocks_of("  ", "") == []
    assert blocks_of(" a ", "") == [text(" a ")]


@pytest.mark.parametrize(
    ("url", "source"),
    [
        (f"data:image/png;base64,{PNG}", {"type": "base64", "media_type": "image/png", "data": PNG}),
        (f"DATA:image/jpg;base64,{PNG}", {"type": "base64", "media_type": "image/jpeg", "data": PNG}),
        ("data:image/gif,GIF8", {"type": "base64", "media_type": "image/gif", "data": b64encode(b"GIF8").decode()}),
        (
            "data:image/webp;base64,iVBORw0K%0AGgo",
            {"type": "base64", "media_type": "image/webp", "data": PNG},
        ),
        ("https://example.com/a.png", {"type": "url", "url": "https://example.com/a.png"}),
    ],
)
def test_pictures(url: str, source: dict[str, Any]) -> None:
    assert blocks(picture({"url": url, "detail": "low"}), picture(url)) == [{"type": "image", "source": source}] * 2


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (
            file(f"data:application/pdf;base64,{PDF}", "a.pdf"),
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
                "title": "a.pdf",
            },
        ),
        (
            file(PDF),
            {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PDF}},
        ),
        (
            file("data:text/markdown;base64,aGk=", " "),
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "hi"}},
        ),
        (
            file("https://example.com/a.pdf"),
            {"type": "document", "source": {"type": "url", "url": "https://example.com/a.pdf"}},
        ),
    ],
)
def test_files(part: dict[str, Any], block: dict[str, Any]) -> None:
    assert blocks(part) == [block]


def test_a_client_s_own_cache_mark_stays() -> None:
    mark = {"type": "ephemeral", "ttl": "1h"}
    assert blocks({**text("a"), "cache_control": mark}) == [{**text("a"), "cache_control": mark}]
    assert blocks({**text(""), "cache_control": mark}, text("b")) == [text("b")]


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"type": "input_audio", "input_audio": {"data": "x", "format": "wav"}}, "takes no 'input_audio' part"),
        ({"type": None}, "takes no 'None' part"),
        (picture("data:image/svg+xml;base64,eA=="), "takes no picture of type"),
        (file("data:application/zip;base64,eA=="), "no file but PDF and plain text"),
        (file("eA=="), "no file but PDF and plain text"),
        ({"type": "file", "file": {"file_id": "file-1"}}, "takes no file by its id"),
        ({"type": "file"}, "takes no file by its id"),
    ],
)
def test_what_another_candidate_may_take(part: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused) as caught:
        blocks_of([part], "messages[0].content")
    assert words.replace("'", "") in caught.value.problem.replace("'", "")
    assert "messages[0].content[0]" in caught.value.problem
    assert (caught.value.fallback, caught.value.blames_provider) == (Fallback.YES, False)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (3, "must be a string or a list of parts"),
        ([3], "[0] must be an object"),
        ([{"type": "text"}], "[0] has no text"),
        ([picture({})], "[0].image_url.url must be a string"),
        ([picture("ftp://x")], "must be an http, https or data URL"),
        ([picture("data:image/png;base64")], "without data"),
        ([picture("data:image/png;base64,e=A=")], "is not valid base64"),
    ],
)
def test_what_no_provider_could_take(content: Any, words: str) -> None:
    with pytest.raises(BadRequest) as caught:
        blocks_of(content, "messages[0].content")
    assert words in str(caught.value)
