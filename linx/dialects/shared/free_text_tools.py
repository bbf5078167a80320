"""Tools that take free text instead of arguments, as functions with one text: few providers know them otherwise.

OpenAI calls them custom tools. Their grammar becomes a part of the description, which every model can read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.core import jsontext
from linx.dialects.shared import chat_body, fields
from linx.dialects.shared.blocks import arguments_object

if TYPE_CHECKING:
    from linx.core.chat import JsonObject

INPUT = {
    "type": "object",
    "properties": {"input": {"type": "string", "description": "The whole input of the tool, as plain text."}},
    "required": ["input"],
    "additionalProperties": False,
}


def function_of(tool: JsonObject, name: str, where: str) -> JsonObject:
    """The function in the place of a custom tool; the description and format are in ``tool``. Raises BadRequest."""
    return chat_body.function_tool(name, _described(tool, where), INPUT, None)


def _described(tool: JsonObject, where: str) -> str:
    """The description with the tool's grammar."""
    description = fields.text(tool, "description", where) or ""
    shape = fields.mapping(tool, "format", where) or {}
    grammar = fields.text(shape, "definition", f"{where}.format")
    if grammar is None:
        return description
    syntax = fields.text(shape, "syntax", f"{where}.format") or ""
    return f"{description}\n\nThe input has to match this {syntax} grammar:\n{grammar}".strip()


def to_arguments(text: str) -> str:
    """The free text of an earlier call as the arguments of the function; those of a function stay as they are."""
    given = arguments_object(text)
    if given is not None and given.keys() == {"input"} and isinstance(given["input"], str):
        return text
    return jsontext.dumps({"input": text}).decode()


def to_text(arguments: str) -> str:
    """The free text that a model has written into the function's arguments; whatever else it wrote stays as it is."""
    given = arguments_object(arguments)
    text = given.get("input") if given is not None else None
    if isinstance(text, str):
        return text
    return "" if given == {} else arguments


class FreeTextCalls:
    """Turns the streamed calls of such functions back: their text comes at once, when the arguments are whole.

    Arguments that never become whole (a model that writes its patch without JSON, an answer that was cut off) come
    with the end of their choice: see ``rest``.
    """

    __slots__ = ("_names", "_pieces", "_told")

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names
        self._pieces: dict[tuple[int, int], list[str]] = {}  # by choice and call, of the calls under way
        self._told: set[tuple[int, int]] = set()
        """The calls whose text the client has."""

    def piece(self, choice: int, call: int, name: str | None, arguments: str) -> str | None:
        """What the client gets of a piece of the call; None where the call is of another tool."""
        key = choice, call
        pieces = self._pieces.get(key)
        if pieces is None:
            if key in self._told:
                return ""
            if name is None or name not in self._names:
                return None
            pieces = self._pieces[key] = []
        pieces.append(arguments)
        if not _may_end_here(arguments, pieces):
            return ""
        text = "".join(pieces)
        if arguments_object(text) is None:
            return ""
        del self._pieces[key]
        self._told.add(key)
        return to_text(text)

    def rest(self, choice: int) -> dict[int, str]:
        """By call, what the client is still owed where the choice ends."""
        ended = [key for key in self._pieces if key[0] == choice]
        texts = {call: "".join(self._pieces.pop((number, call))) for number, call in ended}
        return {call: to_text(text) for call, text in texts.items()}


def _may_end_here(piece: str, pieces: list[str]) -> bool:
    """May the arguments be whole now? Most pieces end in the middle of a text, and are not worth a look at all."""
    if not piece.rstrip().endswith("}"):
        return False
    ending = "".join(pieces[-8:]).rstrip()[:-1].rstrip()
    if not ending.endswith('"'):
        return not ending.strip(" \n\r\t{")
    escapes = len(ending[:-1]) - len(ending[:-1].rstrip("\\"))
    return escapes % 2 == 0
