"""Providers of every kind at fakes, for the tests of what their lists are found to say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linx.core import jsontext
from tests.fakes.scripted import Whole
from tests.routing.world import provider

if TYPE_CHECKING:
    from linx.core.chat import ChatRequest
    from linx.providers.provider import Provider
    from linx.upstream.pool import Sending
    from tests.fakes.provider import FakeProvider

KEY = "sk-secret-0123456789abcdef"


def sending(one: Provider, chat: ChatRequest, model: str = "m", hop: bytes = b"hop") -> Sending:
    """The HTTP request by which ``one`` is asked."""
    request = one.request(chat)
    return one.http.ask(request, model, request.write(chat, model, one.traits(chat, model, 0.0)), hop, chat.headers)


def at(fake: FakeProvider, **config: Any) -> Provider:
    return provider("a", kind=fake.kind, **{"endpoint": fake.endpoint, "api_key": KEY, **config})


def paths(fake: FakeProvider) -> list[str]:
    return [f"{one.method} {one.path}" for one in fake.requests]


def listing(value: object) -> Whole:
    return Whole(200, jsontext.dumps(value))
