"""A candidate."""

from __future__ import annotations

import pytest

from linx.core.attempt_errors import NotLocal
from linx.providers.model import Model
from linx.routing.candidate import Candidate
from linx.upstream.dial import Dialer
from linx.upstream.permit import Reach
from linx.upstream.pool import Pool
from tests.routing.world import has, provider, told


def test_how_it_shows_itself() -> None:
    one = has(provider("a"), "m")
    one.slots.active, one.relaying = 2, 1
    assert repr(one) == "<Provider a (openai) 1 models, 3 active>"
    assert str(Candidate(one, "m")) == "a/m"
    assert Model("m").listed == {}


async def test_no_permit_for_a_private_prompt_that_would_leave() -> None:
    pool = Pool(Dialer({}))
    ollama = has(provider("a", kind="ollama"), "m", "m:cloud")
    for one in (Candidate(provider("b", local=False), "m"), Candidate(ollama, "m:cloud")):
        one.provider.permits.was_asked = True
        with pytest.raises(NotLocal, match="machine of the user's own") as caught:
            await one.permit(pool)
        assert caught.value.outcome == "not_local"
    here = Candidate(ollama, "m")
    here.provider.permits.was_asked = True
    assert (await here.permit(pool)).reach is Reach.SHARED
    assert (await Candidate(ollama, "m:cloud", is_private=False).permit(pool)).reach is Reach.DIRECT


async def test_what_was_local_when_it_was_admitted_need_not_be_so_when_it_is_asked() -> None:
    ollama = has(provider("a", kind="ollama"), "m")
    ollama.permits.was_asked = True
    admitted = Candidate(ollama, "m")
    told(ollama, "m", is_remote=True)
    with pytest.raises(NotLocal):
        await admitted.permit(Pool(Dialer({})))
