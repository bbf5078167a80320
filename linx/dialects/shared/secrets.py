"""Looks for secrets in everything that a client's request says, in every dialect.

Rule: every text of the body is looked at, whatever field it stands in, since every field may reach a provider:
messages, instructions, tool results, the arguments of tool calls, the names of fields. Only pictures and other data in
base64 are passed over. The first secret counts; a place is named by Linx's words alone, never by the client's.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from linx.core.secret_shapes import MIN_TOKEN, Secret, find_secret
from linx.dialects.shared.data_urls import is_data_url

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from linx.core.chat import ChatRequest

UNREAD = Secret("text that Linx has not read", "the body")
"""In doubt there is a secret in it."""
MIN_DATA = 1024  # characters without a space from which on a text may be data in base64
_LISTS = frozenset(("messages", "input", "prompt", "contents", "documents"))
"""Fields whose items have numbers, from 1."""
_NAMES = _LISTS | frozenset(
    (
        *("system", "instructions", "suffix", "template", "tools", "functions", "metadata", "user", "model", "query"),
        *("input_prefix", "input_suffix", "input_extra", "format", "response_format", "text", "content", "options"),
    )
)
"""Fields that are called by their own names; any other name is the client's own word, and may itself be the secret."""
_DATA = re.compile(rf"[A-Za-z0-9+/_-]{{{MIN_DATA}}}", re.ASCII)
_DATA_ENDS = ' \t\r\n",;'
"""Characters that no base64 has; what stands behind the first of them is text again."""
_NO_TEXT = re.compile(r"data:(?:image/(?!svg)|audio/|video/|font/|application/(?:pdf|zip|gzip))", re.IGNORECASE)
"""All other types may be text: for .env and .pem a browser knows no type, and says application/octet-stream or none."""
_NUMBERS = frozenset((int, float))
_PROBE = 4096  # characters of base64 that tell whether a file is text


def secret_of(chat: ChatRequest) -> Secret | None:
    """The secret in a request; ``UNREAD`` for a body that Linx has not read. Looked for once, and kept in the facts."""
    facts = chat.facts
    if not facts.is_searched:
        body = chat.client_body if chat.client_body is not None else chat.asked
        facts.secret = secret_in(body) if isinstance(body, dict) else UNREAD
        facts.is_searched = True
    return facts.secret


def secret_in(body: Mapping[str, Any]) -> Secret | None:
    """The first secret in a body. For a large body: to be called in a thread."""
    for name, value in body.items():
        if (kind := _look(name)) is not None:
            return Secret(kind, "the body")
        place = name if name in _NAMES else "the body"
        if name not in _LISTS or not isinstance(value, list):
            kind = _first(value)
            if kind is not None:
                return Secret(kind, place)
            continue
        for number, item in enumerate(value, 1):
            kind = _first(item)
            if kind is not None:
                return Secret(kind, f"message {number}" if isinstance(item, dict) else f"{place} {number}")
    return None


def secret_in_form(form: bytes, boundary: bytes) -> Secret | None:
    """The first secret in a multipart form; its parts that are no text (sounds, pictures) are passed over."""
    for part in form.split(b"--" + boundary):
        if b"\0" in part:
            continue
        try:
            kind = find_secret(part.decode())
        except UnicodeDecodeError:
            continue
        if kind is not None:
            return Secret(kind, "the form")
    return None


def _first(value: Any) -> str | None:
    for text in _texts(value):
        kind = _look(text)
        if kind is not None:
            return kind
    return None


def _texts(value: Any) -> Iterator[str]:
    """Every text inside ``value``, in order."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _texts(inner)
    elif isinstance(value, list) and not _NUMBERS.issuperset(map(type, value)):  # no list of tokens
        for inner in value:
            yield from _texts(inner)


def _look(text: str) -> str | None:
    if len(text) < MIN_TOKEN:
        return None
    if is_data_url(text):
        return _look_into_file(text)
    return find_secret(_behind_data(text) if len(text) >= MIN_DATA and _DATA.match(text) else text)


def _behind_data(text: str) -> str:
    """What follows the base64 with which ``text`` begins."""
    ends = [place for end in _DATA_ENDS if (place := text.find(end)) >= 0]
    return text[min(ends) :] if ends else ""


def _look_into_file(url: str) -> str | None:
    """A file of text inside a ``data:`` URL is text like any other."""
    head, _, data = url.partition(",")
    if ";base64" not in head.lower():
        return find_secret(unquote(url))
    kind = find_secret(_behind_data(data))
    if kind is not None or _NO_TEXT.match(head) or b"\0" in _decoded(data[:_PROBE]):
        return kind
    return find_secret(_decoded(data).decode("utf-8", "replace"))


def _decoded(data: str) -> bytes:
    """As far as it is base64, in either alphabet and with or without padding."""
    try:
        return urlsafe_b64decode(unquote(data).encode("ascii", "ignore") + b"===")
    except ValueError:
        return b""
