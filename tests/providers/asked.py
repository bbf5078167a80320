"""Providers of every kind at fakes, for the tests of what their lists are found to say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linx.core import jsontext
from tests.fakes.scripted import Whole
from tests.routing.world import provider

if TYPE_CHECKING:
    from linx.providers.provider import Provider
    from tests.fakes.provider import FakeProvider

KEY = "sk-secret-0123456789abcdef"


def at(fake: FakeProvider, **config: Any) -> Provider:
    return provider("a", kind=fake.kind, **{"endpoint": fake.endpoint, "api_key": KEY, **config})


def paths(fake: FakeProvider) -> list[str]:
    return [f"{one.method} {one.path}" for one in fake.requests]


def listing(value: object) -> Whole:
    return Whole(200, jsontext.dumps(value))
