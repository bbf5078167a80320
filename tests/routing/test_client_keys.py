"""Providers that are asked with the client's own key, and clients that have none."""

from __future__ import annotations

import pytest

from linx.core.errors import NoClientKey, NotAsked
from linx.providers.client_credential import ClientCredential
from linx.routing import client_keys
from linx.routing.candidate import Candidate
from linx.routing.demand import Demand
from linx.routing.gate import Gate
from tests.routing.world import provider

CLAUDE, OTHER = Candidate(provider("claude", takes_client_key=True), "m"), Candidate(provider("other"), "m")
KEY = ClientCredential(b"sk-ant-0123456789", is_bearer=True)
GATE = Gate([client_keys.rule])


def test_only_a_provider_that_is_asked_with_the_key_gets_it() -> None:
    admitted = GATE.admit([CLAUDE, OTHER], "m", Demand(credential=KEY))
    assert [(one.provider.name, one.credential) for one in admitted.candidates] == [("claude", KEY), ("other", None)]
    assert not any(one.is_private for one in admitted.candidates)
    assert "0123456789" not in repr(admitted)


def test_without_a_key_such_a_provider_is_passed_over() -> None:
    admitted = GATE.admit([CLAUDE, OTHER], "m", Demand())
    assert [one.provider.name for one in admitted.candidates] == ["other"]
    assert admitted.not_asked == (NotAsked("claude", "no client key"),)


def test_if_nobody_else_is_left_the_client_is_asked_for_its_key() -> None:
    with pytest.raises(NoClientKey, match="key of your own") as caught:
        GATE.admit([CLAUDE], "m", Demand())
    assert (caught.value.status, caught.value.code) == (401, "no_client_key")


def test_a_request_without_a_text_carries_no_key() -> None:
    assert [one.credential for one in GATE.admit([CLAUDE], None, Demand()).candidates] == [None]
