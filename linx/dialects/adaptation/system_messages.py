"""Where the messages of the system may stand: many chat templates take one at the beginning, and some none at all.

Rule: no word of an instruction is lost, and nothing is moved to the beginning that came later, since the provider would
have to read the whole conversation anew: a later instruction becomes a message of the user that says what it is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from linx.dialects.adaptation.row import BodyFormat, Row
from linx.dialects.adaptation.wording import words_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from linx.core.attempt_errors import Refused
    from linx.core.chat import JsonObject

ONE, SYSTEM, ALTERNATING, NONE = "one", "system", "alternating", "none"
"""The steps: one message of the system, at the beginning; no role ``developer``; and after it the user and the
assistant by turns; no message of the system at all."""
_ROLES = ("system", "developer")
MARK = "[System instruction]"
_JOINT = "\n\n"

_NO_DEVELOPER = re.compile(
    r"(?:invalid|unknown|unexpected|unsupported) (?:message )?role:? ['\"`]?developer|developer['\"`]? is not one of"
    r"|does(?: not|n't) support ['\"`]?developer|developer['\"`]? role|role ['\"`]?developer"
)
_BAD_ROLE = re.compile(r"(?:unexpected|unknown|invalid|unsupported) (?:message )?role|\.role\b.{0,20}input should be")
_NO_SYSTEM = re.compile(
    r"system (?:role|messages?|prompts?) (?:is |are )?not supported|does(?: not|n't) support (?:the )?['\"`]?system"
    r"|only user and assistant roles"
)
_ALTERNATE = re.compile(r"roles must alternate|must alternate between")
_ONE = re.compile(
    r"system (?:message|prompt)s? (?:must|should|can|may|has to|have to)(?: only)? (?:be|come|appear|occur|stand)"
    r"|(?:multiple|more than one|two|consecutive) system|only (?:one|a single|the first) (?:system )?message"
    r"|unexpected role ['\"`]?system|but got system|invalid (?:message )?role:? ['\"`]?system"
    r"|invalid chat setting|system message must"
)
_TEMPLATE = re.compile(r"raise_exception|jinja|templateerror|chat template|applying template|template: ")


# --- which step -----------------------------------------------------------------------


def _step(refusal: Refused, body: JsonObject) -> str | None:
    words = words_of(refusal)
    messages = body.get("messages")
    if not isinstance(messages, list) or not any(_role(message) in _ROLES for message in messages):
        return ALTERNATING if _ALTERNATE.search(words) else None
    if _NO_DEVELOPER.search(words):
        wanted = [SYSTEM]
    elif _NO_SYSTEM.search(words):
        wanted = [NONE]
    elif _ALTERNATE.search(words):
        wanted = [ALTERNATING, NONE]
    elif _ONE.search(words) or ("system" in words and _TEMPLATE.search(words)):
        wanted = [ONE, NONE]
    elif _BAD_ROLE.search(words):
        wanted = [SYSTEM, ONE, NONE]
    else:
        return None
    return next((step for step in wanted if _change(body, step) is not body), None)


def _change(body: JsonObject, step: str) -> JsonObject:
    change = _CHANGES.get(step)
    messages = body.get("messages")
    if change is None or not isinstance(messages, list):
        return body
    changed = change(messages)
    is_same = len(changed) == len(messages) and all(new is old for new, old in zip(changed, messages, strict=True))
    return body if is_same else {**body, "messages": changed}


def _role(message: Any) -> object:
    return message.get("role") if isinstance(message, dict) else None


# --- the changes ----------------------------------------------------------------------


def _no_developer(messages: list[Any]) -> list[Any]:
    return [{**message, "role": "system"} if _role(message) == "developer" else message for message in messages]


def _one(messages: list[Any]) -> list[Any]:
    """One message of the system at the beginning; each later one becomes the user's, behind the results of tools."""
    leading = _leading(messages)
    kept: list[Any] = messages[:1] if leading == 1 else []
    if leading > 1:
        kept = [_joined(messages[:leading])]
    waiting: list[Any] = []  # no message may stand between calls of tools and their results
    for message in messages[leading:]:
        if _role(message) in _ROLES:
            waiting.append(_as_user(message))
            continue
        if _role(message) not in ("tool", "function"):
            kept += waiting
            waiting = []
        kept.append(message)
    return kept + waiting


def _alternating(messages: list[Any]) -> list[Any]:
    return _by_turns(_one(messages))


def _none(messages: list[Any]) -> list[Any]:
    """The leading instructions open the first message of the user."""
    messages = _one(messages)
    if not messages or _role(messages[0]) not in _ROLES:
        return _by_turns(messages)
    return _by_turns([{**messages[0], "role": "user"}, *messages[1:]])


def _leading(messages: list[Any]) -> int:
    """How many messages of the system the conversation begins with."""
    return next((at for at, message in enumerate(messages) if _role(message) not in _ROLES), len(messages))


def _as_user(message: JsonObject) -> JsonObject:
    return _with_content({**message, "role": "user"}, _both(MARK + "\n", message.get("content"), ""))


def _by_turns(messages: list[Any]) -> list[Any]:
    """Neighbours of one role become one message, but for those with calls of tools and their results."""
    kept: list[Any] = []
    for message in messages:
        if kept and _may_join(kept[-1], message):
            kept[-1] = _joined([kept[-1], message])
        else:
            kept.append(message)
    return kept


def _may_join(before: Any, message: Any) -> bool:
    role = _role(message)
    if role not in ("user", "assistant") or role != _role(before):
        return False
    return not (before.get("tool_calls") or message.get("tool_calls"))


def _joined(messages: list[JsonObject]) -> JsonObject:
    whole = messages[0]
    for message in messages[1:]:
        images = [*(whole.get("images") or ()), *(message.get("images") or ())]
        whole = _with_content(whole, _both(whole.get("content"), message.get("content"), _JOINT))
        if images:
            whole = {**whole, "images": images}
    return whole


def _with_content(message: JsonObject, content: Any) -> JsonObject:
    return {**message, "content": content}


def _both(first: Any, second: Any, joint: str) -> Any:
    """Two contents as one: a text where both are texts, else a list of parts."""
    if not first or not second:
        return first or second or ""
    if isinstance(first, str) and isinstance(second, str):
        return first + joint + second
    return [*_parts(first), *_parts(second)]


def _parts(content: Any) -> list[Any]:
    return content if isinstance(content, list) else [{"type": "text", "text": str(content)}]


_CHANGES: Mapping[str, Callable[[list[Any]], list[Any]]] = {
    ONE: _one,
    SYSTEM: _no_developer,
    ALTERNATING: _alternating,
    NONE: _none,
}

SYSTEM_MESSAGES = Row(
    name="system_messages",
    formats=frozenset((BodyFormat.CHAT, BodyFormat.OLLAMA)),
    recognise=_step,
    change=_change,
)
