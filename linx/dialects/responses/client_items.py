"""Turns the input of a Responses body into chat messages.

The input is a flat list of items. Chat has messages that contain tool calls: reasoning, a message and the calls after
it become one assistant message, and only the results of its calls may follow before the next message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linx.core import jsontext
from linx.core.errors import UnknownItem
from linx.dialects.responses.client_content import parts_of
from linx.dialects.responses.stored import REFERENCE, reference_in
from linx.dialects.shared import chat_body, fields, opaque_reasoning

if TYPE_CHECKING:
    from linx.core.chat import JsonObject
    from linx.dialects.responses.tools import ToolNames

_CALLS = {
    "function_call": "arguments",
    "custom_tool_call": "input",
    "local_shell_call": "action",
    "shell_call": "action",
    "apply_patch_call": "operation",
}
"""The types of items that are tool calls, and the field of each with the tool's input."""
_RESULTS = frozenset(f"{kind}_output" for kind in _CALLS)


def messages_of(body: JsonObject, names: ToolNames) -> list[JsonObject]:
    """The chat messages of a body. Raises BadRequest."""
    conversation = Conversation(names)
    if instructions := fields.text(body, "instructions"):
        conversation.add_message({"role": "system", "content": instructions})
    items = body.get("input")
    if isinstance(items, str):
        conversation.add_message({"role": "user", "content": items})
    elif isinstance(items, list):
        for position, item in enumerate(fields.as_objects(items, "input")):
            conversation.add_item(item, f"input[{position}]")
    else:
        raise fields.wrong("input", "a string or a list of items")
    messages = conversation.end()
    if not messages:
        raise fields.wrong("input", "not empty")
    return chat_body.join_leading_system(messages)


class Conversation:
    """Makes messages of items. The *turn* is the last assistant message, to which items may still be added."""

    def __init__(self, names: ToolNames) -> None:
        self._names = names
        self._messages: list[JsonObject] = []
        self._turn: JsonObject | None = None
        # Pieces of the turn, joined when the turn ends, since adding each to a string would take quadratic time.
        self._texts: list[str] = []
        self._thoughts: list[str] = []
        # Reasoning since the last item of the assistant; it belongs to the assistant's next item.
        self._new_thoughts: list[str] = []
        self._new_details: list[JsonObject] = []
        self._pictures: list[JsonObject] = []
        """Pictures in the results of tools. A tool message cannot contain them, so they follow in a user message."""

    def add_item(self, item: JsonObject, path: str) -> None:
        """Add one item of the input. Raises BadRequest."""
        kind = fields.text(item, "type", path) or ("message" if reference_in(item) is None else REFERENCE)
        if kind == "message":
            self._add_message_item(item, path)
        elif kind in _CALLS:
            self._add_call(item, kind, path)
        elif kind in _RESULTS:
            call_id = fields.text(item, "call_id", path) or fields.need_name(item, "id", path)
            self._add_result(call_id, item.get("output"), f"{path}.output")
        elif kind == "reasoning":
            self._add_reasoning(item, path)
        elif kind == REFERENCE:
            raise UnknownItem(fields.need_text(item, "id", path))
        # Other items belong to tools that OpenAI runs itself; chat has nothing for them.

    def add_message(self, message: JsonObject) -> None:
        """Add a message of any role but assistant. It ends the assistant's turn."""
        self._close_turn()
        self._add_pictures()
        self._messages.append(message)

    def end(self) -> list[JsonObject]:
        """All messages; nothing can be added afterwards."""
        self._close_turn()
        self._add_pictures()
        return self._messages

    # --- items ---

    def _add_message_item(self, item: JsonObject, path: str) -> None:
        role = fields.need_text(item, "role", path)
        where = f"{path}.content"
        if role == "tool":
            self._add_result(fields.need_name(item, "tool_call_id", path), item.get("content"), where)
        elif role == "assistant":
            self._add_answer(item, path)
        elif role == "user":
            self.add_message(chat_body.user_message(parts_of(item.get("content"), where)))
        elif role in {"system", "developer"}:
            text, _rest = chat_body.split_text(parts_of(item.get("content"), where))
            self.add_message({"role": "system", "content": text})
        else:
            raise fields.wrong(f"{path}.role", "user, assistant, system, developer or tool")

    def _add_answer(self, item: JsonObject, path: str) -> None:
        """Add a message of the assistant, which may contain calls in the shape of chat."""
        calls = fields.objects(item, "tool_calls", path)
        content = item.get("content")
        text = "" if content is None and calls else chat_body.split_text(parts_of(content, f"{path}.content"))[0]
        turn = self._turn
        if turn is None or ("tool_calls" not in turn and turn["content"] is not None):
            turn = self._open_turn()
        if turn["content"] is None:
            turn["content"] = text or (None if calls else "")
        elif text:
            self._texts.append(text)
        self._add_new_reasoning(turn)
        for position, call in enumerate(calls):
            where = f"{path}.tool_calls[{position}]"
            function = fields.mapping(call, "function", where) or {}
            arguments = fields.text(function, "arguments", where) or ""
            name = fields.need_name(function, "name", where)
            call_id = chat_body.clean_id(fields.need_name(call, "id", where))
            turn.setdefault("tool_calls", []).append(chat_body.tool_call(call_id, name, arguments))

    def _add_call(self, item: JsonObject, kind: str, path: str) -> None:
        call_id = fields.text(item, "call_id", path) or fields.need_name(item, "id", path)
        if kind in {"function_call", "custom_tool_call"}:
            namespace = fields.text(item, "namespace", path)
            name = self._names.flat(fields.need_name(item, "name", path), namespace)
            arguments = fields.text(item, _CALLS[kind], path) or ""
            if kind == "custom_tool_call":
                arguments = jsontext.dumps({"input": arguments}).decode()
        else:
            name, arguments = kind.removesuffix("_call"), jsontext.dumps(item.get(_CALLS[kind])).decode()
        turn = self._turn or self._open_turn()
        self._add_new_reasoning(turn)
        turn.setdefault("tool_calls", []).append(chat_body.tool_call(chat_body.clean_id(call_id), name, arguments))

    def _add_result(self, call_id: str, output: Any, where: str) -> None:
        self._close_turn()
        if isinstance(output, list):
            text, rest = chat_body.split_text(parts_of(output, where))
            self._pictures += rest
        elif output is None or isinstance(output, str):
            text = output or ""
        else:
            text = jsontext.dumps(output).decode()
        self._messages.append({"role": "tool", "tool_call_id": chat_body.clean_id(call_id), "content": text})

    def _add_reasoning(self, item: JsonObject, path: str) -> None:
        parts = fields.objects(item, "content", path) or fields.objects(item, "summary", path)
        text = "\n\n".join(fields.need_text(part, "text", path) for part in parts)
        if text:
            self._new_thoughts.append(text)
        for detail in opaque_reasoning.unpack(fields.text(item, "encrypted_content", path) or ""):
            if detail.get("type") == "reasoning.text":
                detail.setdefault("text", text)
            self._new_details.append(detail)

    # --- the turn ---

    def _open_turn(self) -> JsonObject:
        self._add_pictures()
        self._join_pieces()
        turn: JsonObject = {"role": "assistant", "content": None}
        self._turn = turn
        self._messages.append(turn)
        return turn

    def _add_new_reasoning(self, turn: JsonObject) -> None:
        self._thoughts += self._new_thoughts
        if self._new_details:
            turn.setdefault("reasoning_details", []).extend(self._new_details)
        self._new_thoughts, self._new_details = [], []

    def _close_turn(self) -> None:
        self._join_pieces()
        self._turn = None
        self._new_thoughts, self._new_details = [], []

    def _join_pieces(self) -> None:
        if self._turn is not None:
            if self._texts:
                self._turn["content"] = "\n".join([self._turn["content"], *self._texts])
            if self._thoughts:
                self._turn["reasoning_content"] = "\n\n".join(self._thoughts)
        self._texts, self._thoughts = [], []

    def _add_pictures(self) -> None:
        if self._pictures:
            self._messages.append(chat_body.user_message(self._pictures))
            self._pictures = []
