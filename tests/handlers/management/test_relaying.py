"""The record of a relayed request: what is kept of it, however it ends."""

from __future__ import annotations

import contextlib

import pytest

from linx.core.attempt_errors import Stalled
from linx.core.errors import BadRequest, UnsupportedEncoding
from linx.handlers.management.relaying import refuse_packed, relay_headers, relaying
from tests.fakes.provider import FakeProvider
from tests.handlers.answers.world import Asked, World, world


def asked() -> Asked:
    return Asked(path="/api/pull")


@pytest.mark.parametrize(
    ("error", "phase", "outcome"),
    [
        (None, "done", "ok"),
        (BadRequest("no"), "failed", "lost"),
        (Stalled("was silent"), "failed", "timeout"),
        (KeyError("bug"), "cancelled", "lost"),
    ],
    ids=["whole", "refused", "failed", "a bug"],
)
async def test_what_is_kept(error: Exception | None, phase: str, outcome: str) -> None:
    async with FakeProvider("ollama", ["m"]) as fake, world(fake) as here:
        (one,) = here.providers
        await _run(here, error)
        record = here.last
        assert (record.phase, record.attempts[0].outcome, one.relaying) == (phase, outcome, 0)
        assert one.health.consecutive_failures == (isinstance(error, Stalled))
        if isinstance(error, Stalled):
            assert error.provider == "ollama1"
            assert (b"x-linx-provider", b"ollama1") in error.headers


async def _run(here: World, error: Exception | None) -> None:
    (one,) = here.providers
    with contextlib.suppress(BadRequest, Stalled, KeyError):
        with relaying(here.context, asked(), one, "m") as record:  # type: ignore[arg-type] # as much as is read of it
            assert one.relaying == 1
            assert relay_headers(record, one)[1] == (b"x-linx-provider", b"ollama1")
            if error is not None:
                raise error


def test_a_compressed_body_is_refused() -> None:
    class Sent:
        is_packed = True

    with pytest.raises(UnsupportedEncoding, match="as it is"):
        refuse_packed(Sent())  # type: ignore[arg-type] # as much as is read of it
