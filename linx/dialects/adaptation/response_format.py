"""Another form of the answer's format, at servers that know one of JSON's two forms, or none.

The details: ``json_schema`` (of any object, in place of ``json_object``), ``json_object`` (the schema stands in the
prompt), ``prompt`` (no format, all of it stands in the prompt), ``prompt_with_tools`` (the same where there are
tools), ``word`` (the prompt gets the word JSON, without which some servers refuse ``json_object``).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from linx.core import jsontext
from linx.dialects.adaptation.row import BodyFormat, Row

if TYPE_CHECKING:
    from collections.abc import Callable

    from linx.core.attempt_errors import Refused
    from linx.core.chat import JsonObject

_ANY_OBJECT = {"type": "json_schema", "json_schema": {"name": "any_object", "schema": {"type": "object"}}}
_JSON_ONLY = "Answer with one JSON object and nothing else: no other words, no code fence."
_FITS = " It must fit this JSON Schema:\n"
_NOT_WITH_TOOLS = (
    "cannot be combined with tool",
    "cannot use custom grammar constraints with tools",
    "function calling with a response mime type",
)
_REFUSED = re.compile(
    r"(?:response_format|json_object|json_schema).{0,80}?"
    r"(?:must|should|support|invalid|not |unavailable|unknown|only)"
    r"|(?:support|invalid|unknown|unrecognized|unexpected|must contain|not permitted).{0,80}?(?:response_format|json_)",
    re.DOTALL,
)  # an error that repeats the whole request names the field as well
# A mistake in the schema, or in its name, is the client's own: another client's schema may be right.
_OF_THE_SCHEMA = re.compile(r"schema for response_format|response_format\.(?:json_schema\.)?(?:name|schema|strict)\b")


def _refuses_form(refusal: Refused, body: JsonObject) -> str | None:
    form, words = _form(body), refusal.words
    if form not in ("json_object", "json_schema"):
        return None
    if body.get("tools") and any(phrase in words for phrase in _NOT_WITH_TOOLS):
        return "prompt_with_tools"
    if not _REFUSED.search(words) or _OF_THE_SCHEMA.search(words):
        return None
    if form == "json_schema":
        return "prompt" if body["response_format"] == _ANY_OBJECT else "json_object"
    if "word 'json'" in words or 'word "json"' in words:
        return "word"
    return "json_schema" if "json_schema" in words else "prompt"


def _form(body: JsonObject) -> str:
    """The type of the format that is asked for; "" where there is none, or no name of one."""
    wanted = body.get("response_format")
    form = wanted.get("type") if isinstance(wanted, dict) else None
    return form if isinstance(form, str) else ""


def _in_other_form(body: JsonObject, detail: str) -> JsonObject:
    change = _CHANGES.get((_form(body), detail))
    return body if change is None else change(body)


def _any_object(body: JsonObject) -> JsonObject:
    return {**body, "response_format": _ANY_OBJECT}


def _schema_in_prompt(body: JsonObject) -> JsonObject:
    return {**_with_words(body, _wish(body)), "response_format": {"type": "json_object"}}


def _all_in_prompt(body: JsonObject) -> JsonObject:
    # Where a row before this one has put the schema into the prompt, nothing more has to be said there.
    new = body if _form(body) == "json_object" and _says_json(body) else _with_words(body, _wish(body))
    return {name: value for name, value in new.items() if name != "response_format"}


def _all_in_prompt_with_tools(body: JsonObject) -> JsonObject:
    return _all_in_prompt(body) if body.get("tools") else body


def _word_in_prompt(body: JsonObject) -> JsonObject:
    return body if _says_json(body) else _with_words(body, _JSON_ONLY)


_CHANGES: dict[tuple[str, str], Callable[[JsonObject], JsonObject]] = {
    ("json_object", "json_schema"): _any_object,
    ("json_object", "prompt"): _all_in_prompt,
    ("json_object", "prompt_with_tools"): _all_in_prompt_with_tools,
    ("json_object", "word"): _word_in_prompt,
    ("json_schema", "json_object"): _schema_in_prompt,
    ("json_schema", "prompt"): _all_in_prompt,
    ("json_schema", "prompt_with_tools"): _all_in_prompt_with_tools,
}
"""By the form that is asked for, and the detail; a form that is not here stays."""


def _wish(body: JsonObject) -> str:
    wanted = body["response_format"].get("json_schema")
    schema = wanted.get("schema") if isinstance(wanted, dict) else None
    return _JSON_ONLY + (_FITS + jsontext.dumps(schema).decode() if isinstance(schema, dict) else "")


def _says_json(body: JsonObject) -> bool:
    messages = body.get("messages")
    return isinstance(messages, list) and b"json" in jsontext.dumps(messages).lower()


def _with_words(body: JsonObject, words: str) -> JsonObject:
    """``body`` with words at the end of its first system message, or with one that consists of them."""
    messages = body.get("messages")
    messages = messages if isinstance(messages, list) else []
    first = messages[0] if messages and isinstance(messages[0], dict) else {}
    content = first.get("content")
    if first.get("role") not in ("system", "developer") or not isinstance(content, str | list):
        return {**body, "messages": [{"role": "system", "content": words}, *messages]}
    if isinstance(content, str):
        content = f"{content}\n\n{words}" if content else words
    else:
        content = [*content, {"type": "text", "text": words}]
    return {**body, "messages": [{**first, "content": content}, *messages[1:]]}


RESPONSE_FORMAT = Row(
    name="response_format",
    formats=frozenset((BodyFormat.CHAT,)),
    recognise=_refuses_form,
    change=_in_other_form,
)
