"""No fact has a key: what the config holds of them shows as stars."""

from __future__ import annotations

from tests.doctor.pieces import facts, provider

KEY = "sk-doctor-0123456789abcdef"


def test_no_key_is_in_the_repr_of_the_facts() -> None:
    assert KEY not in repr(facts(provider(config={"api_key": KEY, "headers": {"x-token": KEY}})))
