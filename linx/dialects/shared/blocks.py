"""What an answer of blocks is made of, and the interface of what writes such an answer in one dialect.

Anthropic's Messages and OpenAI's Responses are lists of blocks: a text, a piece of reasoning, a tool call. In
their streams one block is open at a time. ``BlockEncoder`` decides when a block opens and closes, the same for
both; a ``BlockWriter`` knows one dialect's events and nothing of the order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from linx.core import jsontext

if TYPE_CHECKING:
    from linx.core.chat import JsonObject, ToolDelta, Usage
    from linx.core.errors import LinxError

# What a block holds. A tool call has its index in the answer, 0 and upward, as its key.
REASONING = -1
TEXT = -2
REFUSAL = -3
OPAQUE = -4
"""Reasoning that only its provider can read. Each is a block of its own, with a key from here downward."""


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
        """The pieces of its text, where the text is needed once more."""
        self.logprobs: list[JsonObject] = []
        self.details: list[JsonObject] = []
        """Opaque entries of the provider's reasoning that belong to this block."""
        self.head = b""
        """The writer's: what stands before the text in each of this block's deltas."""

    @property
    def text(self) -> str:
        return "".join(self.parts)


@dataclass(frozen=True, slots=True)
class Ending:
    """What is known of an answer when its stream ends."""

    usage: Usage | None
    finish: str | None
    frame: JsonObject | None
    """The provider's own frame that the finish came in."""
    has_calls: bool
    is_refused: bool
    size: int
    """Characters of text, reasoning and arguments."""


class BlockWriter(Protocol):
    """Writes the events of one stream; each method returns the bytes to be sent next."""

    repeats_text: bool
    """Does the end of a block or of the answer hold all of its text once more?"""

    def begin(self, usage: Usage | None, /) -> bytes:
        """What comes before the first block; ``usage`` is what is known of the prompt by then."""

    def open(self, block: Block, /) -> bytes: ...

    def delta(self, block: Block, text: str, logprobs: list[JsonObject] | None, /) -> bytes:
        """A piece of an open block; ``text`` is not empty."""

    def close(self, block: Block, finish: str | None, /) -> bytes:
        """The end of a block; ``finish`` is set if the answer is known to end with it."""

    def end(self, ending: Ending, /) -> bytes:
        """What comes after the last block."""

    def error(self, problem: LinxError, ending: Ending, /) -> bytes:
        """What comes in place of the end; perhaps nothing was written before it."""

    def heartbeat(self, is_first: bool, /) -> bytes:
        """A sign of life; ``is_first``: the beginning is sent together with it."""

    def call_id(self, delta: ToolDelta, /) -> str:
        """The id of a new tool call, which ``delta`` begins."""

    def place_of(self, detail: JsonObject, /) -> tuple[int, str] | None:
        """Which block an opaque entry of the provider's reasoning belongs to, and its text there; None: to none."""


def unique_id(call_id: str, taken: set[str]) -> str:
    """``call_id``, or an id made of it: some providers give the same id to two calls."""
    unique, count = call_id, len(taken)
    while unique in taken:
        count += 1
        unique = f"{call_id}_{count}"
    taken.add(unique)
    return unique


def arguments_object(text: str) -> JsonObject | None:
    """A tool call's arguments; None if they are no JSON object."""
    if not text.rstrip().endswith("}"):
        return None
    try:
        value = jsontext.loads_strict(text.encode("utf-8", "surrogatepass"))
    except jsontext.InvalidJSON:
        return None
    return value if isinstance(value, dict) else None
