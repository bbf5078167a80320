"""What a request needs of its route; ``test_router`` shows what the router makes of it."""

from __future__ import annotations

from linx.routing.demand import ANY, LOCAL_ONLY, Demand


def test_without_a_wish_any_provider_will_do() -> None:
    assert Demand() == ANY
    assert not ANY.local_only
    assert ANY.needs() == frozenset()


def test_local_only_demands_nothing_else() -> None:
    assert LOCAL_ONLY.local_only
    assert (LOCAL_ONLY.prompt_tokens, LOCAL_ONLY.conversation, LOCAL_ONLY.one_model) == (0, None, False)
