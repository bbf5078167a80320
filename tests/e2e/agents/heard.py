"""What an agent hears of an answer, in one form for all faces."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from linx.core import jsontext

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.e2e.http_client import Answer

JsonObject = dict[str, Any]


@dataclass
class CalledTool:
    id: str
    name: str
    arguments: str
    """JSON; the free text of a custom tool stands in it as ``input``."""

    @property
    def parsed(self) -> Any:
        return jsontext.loads(self.arguments.encode())


@dataclass
class Heard:
    text: str = ""
    reasoning: str = ""
    calls: list[CalledTool] = field(default_factory=list)
    end: str = ""
    """How the answer ended, in the face's own words."""


class Agent(Protocol):
    """A client with its history."""

    @property
    def path(self) -> str: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def ends(self) -> Sequence[str]:
        """The proper ends of an answer with calls, and of one without."""

    def body(self, model: str) -> JsonObject:
        """The next request."""

    def hear(self, answer: Answer) -> Heard:
        """Read an answer, and put it into the history as the client does."""

    def give_results(self, heard: Heard, mark: str) -> None:
        """Put a result for each call into the history; each holds the mark."""

    def say(self, text: str) -> None:
        """Put the user's next words into the history."""


def named_events(answer: Answer) -> list[JsonObject]:
    """The events of a face that names them; the name of each is that of its data."""
    found: list[JsonObject] = []
    for frame in answer.body.split(b"\n\n"):
        lines = [line for line in frame.split(b"\n") if line and not line.startswith(b":")]
        if lines:
            assert len(lines) == 2, frame
            assert lines[0].startswith(b"event: ")
            assert lines[1].startswith(b"data: ")
            event = jsontext.loads(lines[1].removeprefix(b"data: "))
            assert event["type"] == lines[0].removeprefix(b"event: ").decode()
            found.append(event)
    return found
