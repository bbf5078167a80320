"""What is left to a key: read from OpenRouter's answer, whatever that answer is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio

from linx.providers import catalog
from linx.providers.catalog import learn_credit, refresh
from linx.providers.credit import Credit
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Reply, Whole, hang
from tests.providers.asked import KEY, at, listing, paths

if TYPE_CHECKING:
    from linx.core.redaction import Redactor
    from linx.upstream.pool import Pool


@pytest.mark.parametrize(
    ("told", "credit", "words"),
    [
        ({"limit": 5, "limit_remaining": 4.5, "is_free_tier": False}, Credit(5.0, 4.5), "$4.50 of credit left"),
        ({"limit": 2000, "limit_remaining": 1999.999}, Credit(2000.0, 1999.999), "$2,000.00 of credit left"),
        ({"limit": None, "limit_remaining": None, "is_free_tier": True}, Credit(is_free_tier=True), ""),
        ({"limit_remaining": True}, Credit(), ""),
        ({"limit_remaining": 1e300}, Credit(), ""),
        ({"limit_remaining": 0}, Credit(left=0.0), "$0.00 of credit left"),
    ],
    ids=["limited", "rounded", "without a limit", "no number", "no sum", "nothing"],
)
async def test_what_is_left(told: dict[str, Any], credit: Credit, words: str, pool: Pool, redactor: Redactor) -> None:
    async with FakeProvider("openrouter", ["m"], api_key=KEY) as fake:
        fake.at["/api/v1/key"] = listing({"data": told})
        one = at(fake)
        await refresh(one, pool, redactor)
        assert one.credit == credit
        assert credit.words == words


@pytest.mark.parametrize(
    "reply",
    [Whole(body=b"[]"), Whole(body=b'{"data":[]}'), Whole(body=b"<html>"), Whole(401, b"{}"), Whole(body=b"[" * 9000)],
    ids=["list", "no object", "no JSON", "refused", "nested"],
)
async def test_an_answer_that_tells_nothing_changes_nothing_else(reply: Reply, pool: Pool, redactor: Redactor) -> None:
    async with FakeProvider("openrouter", ["m"], api_key=KEY) as fake:
        fake.at["/api/v1/key"] = reply
        one = at(fake)
        await refresh(one, pool, redactor)
        assert (one.credit, list(one.models), one.health.state(trio.current_time())) == (None, ["m"], "up")


async def test_a_provider_that_is_slow_to_tell_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, pool: Pool) -> None:
    monkeypatch.setattr(catalog, "CREDIT_S", 0.05)
    async with FakeProvider("openrouter", ["m"], api_key=KEY) as fake:
        fake.at["/api/v1/key"] = hang()
        one = at(fake)
        one.credit = known = Credit(left=1.0)
        with trio.fail_after(1):
            await learn_credit(one, pool)
        assert one.credit is known


async def test_no_other_kind_is_asked(pool: Pool, redactor: Redactor) -> None:
    async with FakeProvider("openai", ["m"], api_key=KEY) as fake:
        one = at(fake)
        await refresh(one, pool, redactor)
        assert paths(fake) == ["GET /v1/models"]
