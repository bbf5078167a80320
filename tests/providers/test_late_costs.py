"""What OpenRouter says of an answer's cost afterwards."""

from __future__ import annotations

from typing import Any

import pytest

from linx.core.attempt_errors import Refused
from linx.providers.late_costs import LateCost, answer_id_of, cost_of, look_up
from linx.upstream.dial import Dialer
from linx.upstream.pool import Pool
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Whole
from tests.routing.world import provider

CANCELLED = {
    "data": {
        "id": "gen-1",
        "model": "openai/gpt-4o-mini",
        "total_cost": 0.00014,
        "streamed": True,
        "cancelled": True,
        "tokens_prompt": 65,
        "tokens_completion": 116,
        "native_tokens_prompt": 64,
        "native_tokens_completion": 98,
        "native_tokens_reasoning": None,
        "usage": 0.00014,
        "is_byok": False,
        "finish_reason": None,
    }
}
"""Of a stream that its client has left, as the API reference and such an answer have it (get-generation)."""


def test_of_a_stream_that_was_left() -> None:
    assert cost_of(CANCELLED) == LateCost(0.00014, 64, 98)


@pytest.mark.parametrize(
    ("value", "cost"),
    [
        ({"data": {"total_cost": 0}}, LateCost(0.0, 0, 0)),
        ({"data": {"total_cost": 1, "tokens_prompt": 5, "native_tokens_prompt": None}}, LateCost(1.0, 5, 0)),
        ({"data": {"total_cost": 1, "tokens_prompt": -5, "tokens_completion": 2.5}}, LateCost(1.0, 0, 0)),
        ({"data": {"total_cost": "1"}}, None),
        ({"data": {"total_cost": True}}, None),
        ({"data": {"total_cost": -1}}, None),
        ({"data": {"total_cost": 1e999}}, None),
        ({"data": {}}, None),
        ({"data": []}, None),
        ([], None),
    ],
    ids=str,
)
def test_what_may_stand_there(value: Any, cost: LateCost | None) -> None:
    assert cost_of(value) == cost


@pytest.mark.parametrize(
    ("header", "answer_id"),
    [
        ("gen-1771967930-1gsys6ZhRaY0", "gen-1771967930-1gsys6ZhRaY0"),
        (None, None),
        ("", None),
        ("a&b=c", None),
        ("x" * 129, None),
    ],
)
def test_the_id_of_an_answer(header: str | None, answer_id: str | None) -> None:
    class Head:
        def header(self, name: str) -> str | None:
            return header if name == "x-generation-id" else None

    assert answer_id_of(Head()) == answer_id


async def test_it_is_asked_with_the_key_and_refused_where_it_is_too_early() -> None:
    async with FakeProvider("openrouter", ["m"], api_key="sk-or-0123456789") as fake:
        one = provider("router", kind="openrouter", endpoint=fake.endpoint, api_key="sk-or-0123456789")
        pool = Pool(Dialer())
        with pytest.raises(Refused):
            await look_up(one, pool, "gen-1")
        fake.at["/api/v1/generation?id=gen-1"] = Whole(200, b'{"data":{"total_cost":0.5,"native_tokens_prompt":3}}')
        assert await look_up(one, pool, "gen-1") == LateCost(0.5, 3, 0)
        assert fake.requests[-1].headers["authorization"] == "Bearer sk-or-0123456789"
        pool.close_idle()
