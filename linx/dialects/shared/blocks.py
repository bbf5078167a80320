"""A block of an answer, and the interface that writes blocks in one dialect.

An answer in Anthropic's Messages or OpenAI's Responses is a list of blocks: a text, a piece of reasoning, a tool
call. In a stream one block is open at a time. ``BlockEncoder`` decides for both dialects when a block opens and
closes; a ``BlockWriter`` writes the events of one dialect and decides no order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from linx.core import jsontext

if TYPE_CHECKING:
    from linx.core.chat import JsonObject, ToolDelta, Usage
    from linx.core.errors import LinxError

# The keys of blocks. The key of a tool call is its index in the answer, from 0 on.
REASONING = -1
TEXT = -2
REFUSAL = -3
OPAQUE = -4
"""Reasoning that only its provider can read. Each piece is a block of its own, with keys from OPAQUE downward."""


class Block:
    """One block of the answer."""

    __slots__ = ("call_id", "details", "head", "key", "logprobs", "name", "number", "parts")

    def __init__(self, key: int, call_id: str = "", name: str = "") -> None:
        self.key = key
        self.call_id = call_id
        self.name = name
        self.number = -1
        """The block's place in the answer; -1 until it is opened."""
        self.parts: list[str] = []
        """The pieces of the block's text, if the whole text is needed again."""
        self.logprobs: list[JsonObject] = []
        self.details: list[JsonObject] = []
        """Opaque entries of the provider's reasoning that belong to this block."""
        self.head = b""
        """For the writer: the bytes before the text in each delta of this block."""

    @property
    def text(self) -> str:
        return "".join(self.parts)


@dataclass(frozen=True, slots=True)
class Ending:
    """What is known about an answer when its stream ends."""

    usage: Usage | None
    finish: str | None
    frame: JsonObject | None
    """The provider's own frame with the finish."""
    has_calls: bool
    is_refused: bool
    size: int
    """Characters of text, reasoning and arguments."""


class BlockWriter(Protocol):
    """Writes the events of one stream; each method returns the bytes to be sent next."""

    repeats_text: bool
    """Does the end of a block, or of the answer, repeat the whole text?"""

    def begin(self, usage: Usage | None, /) -> bytes:
        """The events before the first block; ``usage`` is what is known about the prompt at that time."""

    def open(self, block: Block, /) -> bytes:
        """The beginning of a block."""

    def delta(self, block: Block, text: str, logprobs: list[JsonObject] | None, /) -> bytes:
        """A piece of an open block; ``text`` is not empty."""

    def close(self, block: Block, finish: str | None, /) -> bytes:
        """The end of a block; ``finish`` is set if the answer is known to end with this block."""

    def end(self, ending: Ending, /) -> bytes:
        """The events after the last block."""

    def error(self, problem: LinxError, ending: Ending, /) -> bytes:
        """The events in place of the end; perhaps nothing has been written before."""

    def heartbeat(self, is_first: bool, /) -> bytes:
        """A heartbeat; ``is_first``: ``begin`` is sent together with it."""

    def call_id(self, delta: ToolDelta, /) -> str:
        """The id of a new tool call, which ``delta`` begins."""

    def place_of(self, detail: JsonObject, /) -> tuple[int, str] | None:
        """The key of the block that an opaque entry of the provider's reasoning belongs to, and the entry's text in it;
        None if it belongs to no block."""


def unique_id(call_id: str, taken: set[str]) -> str:
    """``call_id``, or a new id made from it if it is taken: some providers give the same id to two calls."""
    unique, count = call_id, len(taken)
    while unique in taken:
        count += 1
        unique = f"{call_id}_{count}"
    taken.add(unique)
    return unique


def arguments_object(text: str) -> JsonObject | None:
    """A tool call's arguments; None if the text is not a JSON object."""
    if not text.rstrip().endswith("}"):
        return None
    try:
        value = jsontext.loads_strict(text.encode("utf-8", "surrogatepass"))
    except jsontext.InvalidJSON:
        return None
    return value if isinstance(value, dict) else None
