"""Mistral: a body without a field too many, ids of nine characters, and the order of messages."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

from tests.fakes.picky import refusal
from tests.fakes.picky.check import Check, assistants, calls, messages

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.fakes.picky.refusal import JsonObject, Refusal

FIELDS = frozenset(
    (
        *("model", "messages", "temperature", "top_p", "max_tokens", "stream", "stop", "random_seed", "metadata"),
        *("response_format", "tools", "tool_choice", "presence_penalty", "frequency_penalty", "n", "prediction"),
        *("parallel_tool_calls", "reasoning_effort", "prompt_mode", "safe_prompt", "guardrails"),
    )
)
"""ChatCompletionRequest of Mistral's API."""
MESSAGE_FIELDS = {
    "system": {"role", "content"},
    "user": {"role", "content"},
    "assistant": {"role", "content", "tool_calls", "prefix"},
    "tool": {"role", "content", "tool_call_id", "name"},
}
FOLLOWERS = {
    "system": {"system", "user", "assistant"},
    "user": {"user", "assistant", "system"},
    "assistant": {"assistant", "user", "tool"},
    "tool": {"tool", "assistant"},
}
"""Which roles may follow a role (mistral-common, protocol/instruct/validator)."""
_ID = re.compile(r"[a-zA-Z0-9]{9}")


def _of_body(body: JsonObject, allowed: frozenset[str]) -> list[JsonObject]:
    return [refusal.extra([name], value) for name, value in body.items() if name not in allowed]


def _of_messages(body: JsonObject) -> list[JsonObject]:
    return [
        refusal.extra(["messages", at, message["role"], name], value)
        for at, message in enumerate(messages(body))
        for name, value in message.items()
        if name not in MESSAGE_FIELDS.get(message["role"], {"role", "content"})
    ]


def extras(
    shape: Callable[[Sequence[JsonObject]], Refusal], source: str, *, also: Sequence[str] = ()
) -> tuple[Check, Check]:
    """All that is too much is refused at once; two checks, so that a test sees where a refusal came from."""
    allowed = FIELDS | frozenset(also)

    def look(body: JsonObject) -> Refusal | None:
        found = _of_body(body, allowed)
        return shape(found + _of_messages(body)) if found else None

    def look_at_messages(body: JsonObject) -> Refusal | None:
        found = _of_messages(body)
        return shape(found) if found else None

    return Check("extra fields", look, source), Check("extra fields of messages", look_at_messages, source)


def _roles(body: JsonObject) -> Refusal | None:
    for at, message in enumerate(messages(body)):
        if message["role"] not in FOLLOWERS:
            tags = "'system', 'user', 'assistant', 'tool'"
            what = {"type": "union_tag_invalid", "loc": ["body", "messages", at], "input": message}
            said = f"Input tag '{message['role']}' found using 'role' does not match any of the expected tags: {tags}"
            return refusal.mistral_details([{**what, "msg": said}])
    return None


def ids(kind: str, code: str | None, source: str) -> Check:
    def look(body: JsonObject) -> Refusal | None:
        given = [str(call.get("id")) for _at, message in assistants(body) for call in calls(message)]
        given += [str(message.get("tool_call_id")) for message in messages(body) if message["role"] == "tool"]
        for call_id in given:
            if not _ID.fullmatch(call_id):
                said = f"Tool call id was {call_id} but must be a-z, A-Z, 0-9, with a length of 9."
                return refusal.mistral(said, kind, code)
        return None

    return Check("ids", look, source)


def _disorder(body: JsonObject) -> tuple[str, str] | None:
    """The role that stands where it may not, and what Mistral says of it."""
    roles = [message["role"] for message in messages(body)]
    for before, role in itertools.pairwise(roles):
        if role not in FOLLOWERS[before]:
            return role, f"Unexpected role '{role}' after role '{before}'"
    if roles[-1] not in ("user", "tool") and not messages(body)[-1].get("prefix"):
        said = "Expected last role User or Tool (or Assistant with prefix True) for serving but got"
        return roles[-1], f"{said} {roles[-1]}"
    return None


def order(kind: str, code: str | None, source: str) -> tuple[Check, Check]:
    """Two checks for the same words: another row helps where a system message is the one in the way."""

    def look(body: JsonObject) -> Refusal | None:
        found = _disorder(body)
        return refusal.mistral(found[1], kind, code) if found and found[0] != "system" else None

    def look_at_systems(body: JsonObject) -> Refusal | None:
        found = _disorder(body)
        return refusal.mistral(found[1], kind, code) if found and found[0] == "system" else None

    return Check("order", look, source), Check("order of systems", look_at_systems, source)


def _pairs(body: JsonObject) -> Refusal | None:
    asked = sum(len(calls(message)) for _at, message in assistants(body))
    answered = sum(message["role"] == "tool" for message in messages(body))
    if asked == answered:
        return None
    return refusal.mistral(
        "Not the same number of function calls and responses", "invalid_request_message_order", "3230"
    )


ROLES = Check("roles", _roles, "mistral-common's union of messages, as pydantic words it")
PAIRS = Check("pairs", _pairs, "client-ts#106, php-mistral#57")
EXTRAS = extras(refusal.mistral_details, "eca#231, crush#1590, openai-agents-python#442")
EXTRAS_2026 = extras(refusal.fastapi, "zeroclaw#2693: the details without Mistral's envelope", also=("stream_options",))
IDS = ids("invalid_function_call", "3280", "ironclaw#1241, mistral-vibe#1075")
IDS_OLD = ids("invalid_request_error", None, "langchain#24668, magentic#276")
ORDER = order("invalid_request_message_order", "3230", "datapizza-ai#98, pipecat-flows#178, rig#1130")
ORDER_OLD = order("invalid_request_error", None, "ai-platform#414")
