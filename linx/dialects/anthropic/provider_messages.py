"""The hub's messages as the system prompt and the turns of a Messages request.

The API is strict about the order, so a history is put into it, whatever its client made of it:

- the first turn is the user's, turns alternate, and no block is blank;
- every tool call is answered in the very next turn, before anything else that turn says. A call that nobody
  answered gets an error as its result; a result that no call asked for is told in words;
- ids of calls are plain and used once;
- signed thoughts come back as they were, in their place. Thoughts without a signature are left out.

System messages at the start are the system prompt. One in the middle stays in its place, in the user's turn and
marked as what it is: moved to the front, it would change the prompt's prefix and empty the provider's cache.
"""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING, Any

from linx.core.errors import BadRequest
from linx.dialects.anthropic.provider_content import blocks_of, text_blocks
from linx.dialects.shared import chat_body as hub
from linx.dialects.shared.blocks import arguments_object, unique_id

if TYPE_CHECKING:
    from collections.abc import Iterable

    from linx.core.chat import JsonObject

OPENING = "(The conversation begins here.)"
"""What the user says where a history does not begin with the user."""
BLANK = "(empty)"
"""What the user says in a turn without a visible character."""
UNANSWERED = "(The tool gave no result.)"
FORMAT = "anthropic-claude"
"""How the format of reasoning details begins that a Claude made, here or behind OpenRouter."""
TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
"""What a tool may be called, as a whole."""


class History:
    """``system`` are the blocks of the system prompt, ``turns`` the messages."""

    def __init__(self, messages: Iterable[Any]) -> None:
        self.system: list[JsonObject] = []
        self._turns: list[_Turn] = []
        self._taken: set[str] = set()
        self._open: dict[str, deque[str]] = {}
        """Calls that wait for a result: the ids in use here, by the ids of the client."""
        self._answers: dict[str, list[JsonObject]] = {}
        """The content of the results in the turn that is being made, by the client's id of the call."""
        for number, message in enumerate(messages):
            self._add(message, number)
        self._answer_open()
        self._end_cleanly()
        self.turns: list[JsonObject] = [turn.message() for turn in self._turns]

    @property
    def tool_names(self) -> list[str]:
        """Of the tools that were called, each once, in order."""
        calls = (block for turn in self.turns for block in turn["content"] if block["type"] == "tool_use")
        return list(dict.fromkeys(call["name"] for call in calls))

    @property
    def begins_answer(self) -> bool:
        """Is the last turn the assistant's, to be continued?"""
        return bool(self.turns) and self.turns[-1]["role"] == "assistant"

    @property
    def calls_without_thought(self) -> bool:
        """Does the last answer call tools and not begin with a thought? A model that thinks by budget refuses that."""
        answer = next((turn for turn in reversed(self.turns) if turn["role"] == "assistant"), None)
        if answer is None or all(block["type"] != "tool_use" for block in answer["content"]):
            return False
        return answer["content"][0]["type"] not in _THOUGHTS

    def _add(self, message: Any, number: int) -> None:
        where = f"messages[{number}]"
        if not isinstance(message, dict):
            raise BadRequest(f"{where} must be an object", param=where)
        role = message.get("role")
        content = f"{where}.content"
        if role in ("system", "developer"):
            self._instruct(blocks_of(message.get("content"), content))
        elif role == "user":
            self._turn("user").blocks += blocks_of(message.get("content"), content)
        elif role == "assistant":
            self._answer(message, where)
        elif role in ("tool", "function"):
            self._result(message, blocks_of(message.get("content"), content))
        else:
            wanted = "system, developer, user, assistant or tool"
            raise BadRequest(f"{where}.role must be {wanted}", param=f"{where}.role")

    def _instruct(self, blocks: list[JsonObject]) -> None:
        if not self._turns:
            self.system += [block for block in blocks if block["type"] == "text"]
            return
        for block in blocks:
            if block["type"] == "text":
                block["text"] = f"<system>\n{block['text']}\n</system>"
        if blocks:
            self._turn("user").blocks += blocks

    def _answer(self, message: JsonObject, where: str) -> None:
        if self._turns and self._turns[-1].role == "user":
            self._answer_open()
        blocks = _in_place(_thoughts(message), _said(message, where))
        for position, call in enumerate(message.get("tool_calls") or ()):
            blocks.append(self._call(call, f"{where}.tool_calls[{position}]"))
        if blocks:
            self._turn("assistant").blocks += blocks

    def _call(self, call: Any, where: str) -> JsonObject:
        function = call.get("function") if isinstance(call, dict) else None
        custom = call.get("custom") if isinstance(call, dict) else None
        if isinstance(custom, dict):
            function = {"name": custom.get("name"), "arguments": {"input": custom.get("input")}}
        name = function.get("name") if isinstance(function, dict) else None
        if not isinstance(function, dict) or not isinstance(name, str) or not name:
            raise BadRequest(f"{where}.function.name must be a string", param=f"{where}.function.name")
        given = call.get("id")
        given = given if isinstance(given, str) else ""
        call_id = unique_id(hub.clean_id(given or f"call_{len(self._taken)}"), self._taken)
        self._open.setdefault(given, deque()).append(call_id)
        return {"type": "tool_use", "id": call_id, "name": _plain_name(name), "input": _input(function)}

    def _result(self, message: JsonObject, content: list[JsonObject]) -> None:
        given = message.get("tool_call_id")
        given = given if isinstance(given, str) else ""
        waiting = self._open.get(given)
        if waiting:
            self._put_result(given, waiting.popleft(), content)
            if not waiting:
                del self._open[given]
        elif given in self._answers:
            self._answers[given] += content
        else:
            name = message.get("name")
            told = f"[tool {name} result]" if isinstance(name, str) else "[tool result]"
            self._turn("user").blocks += [*text_blocks(told), *content]

    def _put_result(self, given: str, call_id: str, content: list[JsonObject]) -> None:
        self._answers[given] = content
        self._turn("user").results.append({"type": "tool_result", "tool_use_id": call_id, "content": content})

    def _answer_open(self) -> None:
        """Close the calls that nobody has answered."""
        for given, waiting in self._open.items():
            for call_id in waiting:
                self._put_result(given, call_id, text_blocks(UNANSWERED))
                self._turns[-1].results[-1]["is_error"] = True
        self._open = {}
        self._answers = {}

    def _turn(self, role: str) -> _Turn:
        """The turn that is being made, a new one if the last was the other side's."""
        if not self._turns and role != "user":
            self._turns.append(_Turn("user", OPENING))
        if not self._turns or self._turns[-1].role != role:
            self._turns.append(_Turn(role))
        return self._turns[-1]

    def _end_cleanly(self) -> None:
        if not self._turns:
            self._turns.append(_Turn("user", OPENING))
        last = self._turns[-1]
        if last.role == "assistant" and last.blocks[-1]["type"] == "text":
            # An answer that is to be continued must not end in a space: the API refuses it.
            last.blocks[-1]["text"] = last.blocks[-1]["text"].rstrip()


class _Turn:
    """One message in the making: results of tools come before what else it holds."""

    __slots__ = ("blocks", "results", "role")

    def __init__(self, role: str, text: str = "") -> None:
        self.role = role
        self.results: list[JsonObject] = []
        self.blocks: list[JsonObject] = text_blocks(text)

    def message(self) -> JsonObject:
        for result in self.results:
            if not result["content"]:
                del result["content"]
        return {"role": self.role, "content": self.results + self.blocks or text_blocks(BLANK)}


_THOUGHTS = ("thinking", "redacted_thinking")


def _said(message: JsonObject, where: str) -> list[JsonObject]:
    blocks = blocks_of(message.get("content"), f"{where}.content")
    refusal = message.get("refusal")
    return blocks or (text_blocks(refusal) if isinstance(refusal, str) else [])


def _thoughts(message: JsonObject) -> list[tuple[Any, JsonObject]]:
    """The signed thoughts of an answer, each with the place that it had among the answer's blocks."""
    found: list[tuple[Any, JsonObject]] = []
    details = message.get("reasoning_details")
    for detail in details if isinstance(details, list) else ():
        if not isinstance(detail, dict) or not str(detail.get("format")).startswith(FORMAT):
            continue
        text, signature, data = detail.get("text"), detail.get("signature"), detail.get("data")
        if detail.get("type") == "reasoning.text" and isinstance(signature, str) and signature:
            thought = text if isinstance(text, str) else ""
            found.append((detail.get("index"), {"type": "thinking", "thinking": thought, "signature": signature}))
        elif detail.get("type") == "reasoning.encrypted" and isinstance(data, str) and data:
            found.append((detail.get("index"), {"type": "redacted_thinking", "data": data}))
    return found


def _in_place(thoughts: list[tuple[Any, JsonObject]], said: list[JsonObject]) -> list[JsonObject]:
    """Thoughts come first, unless their places leave a gap: what was said fills the first one."""
    gap = next((at for at, (place, _) in enumerate(thoughts) if type(place) is int and place > at), len(thoughts))
    blocks = [block for _, block in thoughts]
    return blocks[:gap] + said + blocks[gap:]


def _plain_name(name: str) -> str:
    return name if TOOL_NAME.fullmatch(name) else hub.short_name(name)


def _input(function: JsonObject) -> JsonObject:
    """A call's arguments as an object, whatever the model made of them."""
    arguments = function.get("arguments")
    if isinstance(arguments, dict):
        return arguments
    if not isinstance(arguments, str) or arguments.strip() in ("", "null"):
        return {}
    made = arguments_object(arguments)
    # A model sees its own slip in the history better than the client gets an error for it.
    return {"_raw": arguments} if made is None else made
