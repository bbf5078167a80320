"""A prompt is looked through once, before its route is chosen, and a large one beside the event loop."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from linx.config.shape import RoutingConfig
from linx.core import jsontext
from linx.core.chat import ChatBody, ChatRequest
from linx.core.telemetry import Telemetry
from linx.handlers.prompt_search import search
from linx.routing.router import Router

SAID = "my token is ghp_" + "a1B2" * 9


def chat(text: str) -> ChatRequest:
    request = ChatRequest("m", ChatBody({"messages": [{"content": text}]}))
    request.facts.size = len(text)
    return request


async def test_what_is_found_is_kept_and_counted_once() -> None:
    router, telemetry, asked = Router((), RoutingConfig(secrets="local_only")), Telemetry(), chat(SAID)
    await search(router, telemetry, asked)
    await search(router, telemetry, asked)
    await search(router, telemetry, chat("hi"))
    assert asked.facts.secret is not None
    assert telemetry.secrets == {"GitHub token": 1}


async def test_off_looks_at_nothing() -> None:
    telemetry, asked = Telemetry(), chat(SAID)
    await search(Router((), RoutingConfig()), telemetry, asked)
    assert not asked.facts.is_searched
    assert telemetry.secrets == {}


class Watched(ChatBody):
    """A body that remembers which threads have looked at it."""

    __slots__ = ("threads",)
    threads: list[threading.Thread]

    def items(self) -> Any:
        self.threads.append(threading.current_thread())
        return super().items()


@pytest.mark.parametrize("is_large", [False, True])
async def test_a_large_prompt_is_looked_through_in_a_thread(is_large: bool) -> None:
    body = Watched({"messages": [{"content": SAID}]})
    body.threads = []
    asked = ChatRequest("m", body)
    asked.facts.size = jsontext.LARGE + is_large
    await search(Router((), RoutingConfig(secrets="prefer_local")), Telemetry(), asked)
    assert [thread is not threading.main_thread() for thread in body.threads] == [is_large]
    assert asked.facts.secret is not None
