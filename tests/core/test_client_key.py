"""A key by its digest, and which keys are limited."""

from __future__ import annotations

import pytest

from linx.core.client_key import NO_KEY, Budget, ClientKey, digest_of, key_by_place


def test_a_digest_is_the_sha256_that_other_programs_make_too() -> None:
    assert digest_of(b"abc").hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_key_without_limits_may_do_everything() -> None:
    assert not NO_KEY.is_limited
    assert not key_by_place(3).is_limited
    assert (NO_KEY.name, key_by_place(3).name) == ("-", "key-3")


@pytest.mark.parametrize(
    "limits",
    [
        {"models": ("m",)},
        {"local_only": True},
        {"max_concurrent": 1},
        {"requests_per_minute": 1},
        {"budget": Budget(daily_tokens=0)},
    ],
    ids=str,
)
def test_each_limit_makes_a_limited_key(limits: dict[str, object]) -> None:
    assert ClientKey(name="anna", **limits).is_limited  # type: ignore[arg-type]  # fields by name
