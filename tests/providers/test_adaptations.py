"""What a provider's models have taught, kept by model and bounded."""

from __future__ import annotations

from linx.core.chat import Adapted
from linx.providers.adaptations import KEPT_MODELS, Adaptations

A, B = Adapted("a"), Adapted("b", "field")


def test_a_lesson_is_kept_once_in_order_and_told() -> None:
    told: list[int] = []
    adaptations = Adaptations("host.test")
    adaptations.on_learnt = lambda: told.append(1)
    for adapted in (A, B, A):
        adaptations.learn("m", adapted)
    assert adaptations.of("m") == (A, B)
    assert adaptations.of("other") == ()
    assert len(told) == 2
    assert [str(one) for one in adaptations.of("m")] == ["a", "b:field"]


def test_no_more_models_are_kept_than_is_bounded() -> None:
    adaptations = Adaptations("host.test")
    for number in range(KEPT_MODELS + 2):
        adaptations.learn(f"m{number}", A)
    assert adaptations.of(f"m{KEPT_MODELS + 1}") == (A,)
    assert adaptations.of("m0") == ()
