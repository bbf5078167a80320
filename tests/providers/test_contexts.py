"""Which num_ctx is asked for: no reload that is not needed, and none that would cut a prompt."""

from __future__ import annotations

import pytest

from linx.providers.contexts import (
    FORGET_CONTEXT_S,
    FRESH_S,
    KEPT_MODELS,
    SETTLE_S,
    SMALLEST_CONTEXT,
    Contexts,
)


def loaded(**tokens: int) -> Contexts:
    contexts = Contexts()
    contexts.seen(tokens, 0.0)
    return contexts


@pytest.mark.parametrize(
    ("needed", "most", "wanted"),
    [
        (1, None, None),
        (8192, None, None),
        (8193, None, 16384),
        (40_000, None, 65536),
        (40_000, 40_960, 40_960),
        (100_000, 40_960, 40_960),
    ],
)
def test_it_is_left_out_while_the_prompt_fits_what_is_loaded(needed: int, most: int | None, wanted: int | None) -> None:
    assert loaded(m=8192).choose("m", needed, most, 0.0) == wanted


@pytest.mark.parametrize(
    ("needed", "most", "wanted"), [(1, None, 4096), (4097, None, 8192), (4097, 5000, 5000), (1, 512, 512)]
)
def test_for_a_model_that_is_not_loaded_it_is_a_power_of_two(needed: int, most: int | None, wanted: int) -> None:
    assert loaded(other=8192).choose("m", needed, most, 0.0) == wanted


def test_an_odd_context_grows_to_a_power_of_two_and_never_shrinks() -> None:
    contexts = loaded(m=5000)
    assert contexts.choose("m", 5001, None, 0.0) == 8192
    assert contexts.choose("m", 1, None, 1.0) == 8192  # to leave it out would load the default anew
    assert contexts.current("m", 1.0) == 8192


def test_what_another_client_asked_for_is_asked_for_again() -> None:
    contexts = loaded(m=4096)
    contexts.asked("m", 16384, 0.0)
    assert contexts.choose("m", 100, None, 1.0) == 16384
    assert contexts.choose("m", 20_000, None, 1.0) == 32768
    assert contexts.choose("m", 100, None, 1.0 + FORGET_CONTEXT_S) is None  # it was unloaded long ago


def test_a_small_context_that_a_client_asked_for_is_kept_while_the_prompt_fits() -> None:
    contexts = loaded(m=8192)
    contexts.asked("m", 2048, 0.0)
    assert contexts.choose("m", 2048, None, 1.0) == 2048  # a smaller one than Linx would ask for by itself
    assert contexts.choose("m", 0, None, 1.0) == 2048
    assert contexts.choose("m", 2049, None, 2.0) == 8192
    assert Contexts().choose("m", 1, None, 0.0) == SMALLEST_CONTEXT


def test_who_loads_it_anew_past_linx_is_noticed() -> None:
    contexts = loaded(m=4096)
    assert contexts.choose("m", 5000, None, 0.0) == 8192
    contexts.seen({"m": 4096}, 1.0)  # the load is still under way
    assert contexts.choose("m", 100, None, 1.0) == 8192
    contexts.seen({"m": 32768}, 1.0 + SETTLE_S)
    assert contexts.choose("m", 100, None, 7.0) is None
    contexts.seen({}, 8.0)
    assert contexts.loaded("m") is None
    assert contexts.choose("m", 100, None, 8.0) == SMALLEST_CONTEXT


def test_a_context_that_is_not_the_default_is_asked_for_once_that_is_known() -> None:
    contexts = loaded(m=16384)
    assert contexts.choose("m", 100, None, 0.0) is None
    contexts.seen({"m": 4096}, 1.0)  # so 16384 had been asked for, past Linx
    assert contexts.choose("m", 100, None, 1.0) is None
    contexts.seen({"m": 16384}, 2.0)
    assert contexts.choose("m", 100, None, 2.0) == 16384


def test_what_has_no_prompt_asks_for_the_same_again() -> None:
    contexts = loaded(m=4096)
    assert contexts.again("m", 0.0) is None
    contexts.asked("m", 8192, 0.0)
    assert contexts.again("m", 1.0) == 8192
    assert contexts.again("other", 1.0) is None


def test_when_a_look_is_worth_its_time() -> None:
    contexts = Contexts()
    assert not contexts.is_unsure(0.0)  # the first list will tell
    contexts.seen({"m": 8192}, 0.0)
    assert not contexts.is_unsure(FRESH_S - 1)
    assert contexts.is_unsure(FRESH_S)
    contexts.choose("m", 100, None, FRESH_S)
    assert contexts.is_unsure(FRESH_S)  # a request through Linx does not show what is asked past it


def test_only_so_many_models_are_kept() -> None:
    contexts = Contexts()
    for number in range(KEPT_MODELS + 1):
        contexts.asked(f"m{number}", 8192, 0.0)
    assert contexts.current("m0", 0.0) is None
    assert contexts.current("m1", 0.0) == 8192
