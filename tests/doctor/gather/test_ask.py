"""What the head of an answer tells."""

from __future__ import annotations

import pytest

from linx.doctor.gather.ask import Asker, skew_of, stranger
from linx.upstream.dial import Dialer
from linx.upstream.pool import Pool
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Whole


@pytest.mark.parametrize(
    ("date", "skew"),
    [
        ("Thu, 01 Jan 1970 00:10:00 GMT", 500.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", -100.0),
        ("yesterday", 7.0),
        (None, 7.0),
    ],
)
def test_the_clock_of_a_server(date: str | None, skew: float) -> None:
    assert skew_of(date, 100.0, 7.0) == skew


async def test_a_stranger_is_asked_without_a_key_of_anybody() -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        fake.at["/"] = Whole(body=b'"hello"', headers=[("Date", "Thu, 01 Jan 1970 00:00:00 GMT")])
        pool = Pool(Dialer({}))
        asker = Asker(stranger(fake.url), pool)
        assert await asker.get("/") == "hello"
        assert asker.skew_s is not None
        assert asker.skew_s < -1e9
        assert asker.latency_s is not None
        assert not any("auth" in str(name).lower() for name in fake.requests[0].headers)
        pool.close_idle()
