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
    return chat_body.function_tool(name, described(tool, where), INPUT, None)


def described(tool: JsonObject, where: str) -> str:
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
    return text if isinstance(text, str) else arguments


class FreeTextCalls:
    """Turns the streamed calls of such functions back: their text comes at once, when the arguments are whole."""

    __slots__ = ("_names", "_pieces")

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names
        self._pieces: dict[tuple[int, int], list[str]] = {}  # by choice and call, of the calls under way

    def piece(self, choice: int, call: int, name: str | None, arguments: str) -> str | None:
        """What the client gets of a piece of the call; None where the call is of another tool."""
        pieces = self._pieces.get((choice, call))
        if pieces is None:
            if name is None or name not in self._names:
                return None
            pieces = self._pieces[choice, call] = []
        pieces.append(arguments)
        if not _may_end_here(arguments, pieces):
            return ""
        text = "".join(pieces)
        if arguments_object(text) is None:
            return ""
        pieces[:] = [text]
        return to_text(text)


def _may_end_here(piece: str, pieces: list[str]) -> bool:
    """May the arguments be whole now? Most pieces end in the middle of a text, and are not worth a look at all."""
    if not piece.rstrip().endswith("}"):
        return False
    ending = "".join(pieces[-8:]).rstrip()[:-1].rstrip()
    if not ending.endswith('"'):
        return not ending.strip(" \n\r\t{")
    escapes = len(ending[:-1]) - len(ending[:-1].rstrip("\\"))
    return escapes % 2 == 0
