"""What one request asks for. The plan stands in the prompt, so every provider gives the same answer to a request.

Each word of an answer names its request and the provider that wrote it. So an answer that reached the wrong client, or
was put together from two providers' answers, cannot look right.
"""

from __future__ import annotations

import re
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

from linx.core import jsontext
from tests.fakes.scripted import Call

if TYPE_CHECKING:
    import random

_WRITTEN = re.compile(rb"plan (\w+) (\d+) (\d+) (\d+) (\d+) (\d+)\.")
_FIRST_WORD = re.compile(r"(\w+)/(\w+)/0/")
TOOL = "look_up"


@dataclass(frozen=True)
class Plan:
    """``words`` words, each with ``padding`` letters more; milliseconds before the first word and between two."""

    id: str
    words: int
    padding: int = 0
    first_ms: int = 0
    every_ms: int = 0
    calls: int = 0
    """Number of tool calls after the words."""

    @property
    def prompt(self) -> str:
        return f"plan {' '.join(map(str, astuple(self)))}."

    def text(self, provider: str) -> list[str]:
        """The words of the answer by ``provider``."""
        return [f"{self.id}/{provider}/{number}/{'x' * self.padding} " for number in range(self.words)]

    def tool_calls(self) -> list[Call]:
        return [Call(TOOL, {"request": self.id, "number": number}, f"call_{number}") for number in range(self.calls)]

    def fault_in(self, text: str, calls: list[str], *, is_whole: bool) -> str:
        """What is wrong with an answer, "" if nothing is. ``calls`` are the arguments of its tool calls.

        An answer that was broken off must be a part of the right one, from its start.
        """
        found = _FIRST_WORD.match(text)
        if found is None:
            return "" if not text and not is_whole else f"no word of {self.id} at the start: {text[:80]!r}"
        wanted = "".join(self.text(found[2]))
        if found[1] != self.id:
            return f"the answer to {found[1]} came to the client of {self.id}"
        if is_whole and text != wanted:
            return f"{self.id}: {len(text)} characters instead of {len(wanted)}"
        if not wanted.startswith(text):
            return f"{self.id}: other words than the provider's: {text[:80]!r} … {text[-80:]!r}"
        if is_whole and [jsontext.loads(call.encode()) for call in calls] != [
            call.arguments for call in self.tool_calls()
        ]:
            return f"{self.id}: other tool calls: {calls[:3]}"
        return ""


def read(body: bytes) -> Plan | None:
    """The plan in the body of a request to a provider; None for a request without a plan."""
    found = _WRITTEN.search(body)
    return None if found is None else Plan(found[1].decode(), *map(int, found.groups()[1:]))


def drawn(draw: random.Random, name: str) -> Plan:
    """A plan as most requests have it: short, at times slow, at times with tool calls."""
    return Plan(
        name,
        draw.randrange(1, 30),
        draw.choice((0, 0, 10, 200)),
        draw.choice((0, 0, 5, 20, 100)),
        draw.choice((0, 0, 1, 5)),
        draw.choice((0, 0, 0, 0, 1, 2)),
    )
