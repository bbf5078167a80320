"""A picky server on a loopback port: refuses what its checks refuse, answers the rest, keeps what it received.

::

    async with PickyServer(BY_NAME["groq"], ["m"]) as server:
        server.next["m"] = Spoken("Hello")
        ...
        assert server.refusals("m") == ["reasoning"]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from tests.fakes.catalogue import Model
from tests.fakes.picky.spoken import Spoken, as_answer, as_stream
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from tests.fakes.exchange import Exchange
    from tests.fakes.picky.refusal import JsonObject
    from tests.fakes.picky.servers import Picky
    from tests.fakes.scripted import Reply

_CHATS = ("/chat/completions", "/api/chat")


@dataclass(frozen=True)
class Asked:
    """One request, and the name of the check that refused it."""

    model: str
    body: JsonObject
    refused_by: str | None


class PickyServer:
    """Serves one of the table for as long as its ``async with`` block runs."""

    def __init__(self, picky: Picky, models: Sequence[str]) -> None:
        self.picky = picky
        listed = [Model(name, capabilities=picky.capabilities, context_length=262_144) for name in models]
        self.fake = FakeProvider(picky.kind, listed)
        self.fake.rule = self._reply
        self.next: dict[str, Spoken] = {}
        """What each model says, again and again."""
        self.asked: list[Asked] = []
        self._calls_made = 0

    async def __aenter__(self) -> Self:
        await self.fake.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.fake.__aexit__(kind, error, trace)

    def of(self, model: str) -> list[Asked]:
        return [asked for asked in self.asked if asked.model == model]

    def refusals(self, model: str) -> list[str]:
        return [asked.refused_by for asked in self.of(model) if asked.refused_by is not None]

    def _reply(self, exchange: Exchange) -> Reply | None:
        body = exchange.json
        name = str(body.get("model"))
        model = name.removesuffix(":latest")
        for check in self.picky.checks:
            refusal = check.look(body)
            if refusal is not None:
                self.asked.append(Asked(model, body, check.name))
                return Whole(refusal.status, refusal.body, refusal.content_type)
        self.asked.append(Asked(model, body, None))
        if not exchange.path.endswith(_CHATS):
            return None
        spoken = self.next.get(model, Spoken("Hello."))
        number = self._calls_made
        self._calls_made += len(spoken.calls)
        if self.picky.kind == "ollama":
            return as_answer(body, spoken, number)
        return as_stream(body, spoken, self.picky.habits, number)
