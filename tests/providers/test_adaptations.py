"""What a provider's models have taught, kept by model and bounded."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from linx.core.chat import Adapted
from linx.dialects.adaptation import known
from linx.dialects.adaptation.known import Known
from linx.providers.adaptations import KEPT_MODELS, MAX_ADAPTED, Adaptations, Lesson

if TYPE_CHECKING:
    import pytest

A, B = Adapted("a"), Adapted("b", "field")


def test_a_lesson_is_kept_once_in_order_and_told(caplog: pytest.LogCaptureFixture) -> None:
    told: list[int] = []
    adaptations = Adaptations("host.test", "groq", lambda: 7.0)
    adaptations.on_learnt = lambda: told.append(1)
    with caplog.at_level(logging.INFO):
        for adapted in (A, B, A):
            adaptations.learn("m", adapted)
    assert adaptations.of("m") == (A, B)
    assert adaptations.of("other") == ()
    assert adaptations.lessons == {"m": Lesson((A, B), 7.0)}
    assert len(told) == 2
    assert adaptations.as_json() == {"m": ["a", "b:field"]}
    assert [record.getMessage() for record in caplog.records] == [
        "groq refuses what is asked of m: adapted from now on and remembered: a",
        "groq refuses what is asked of m: adapted from now on and remembered: b:field",
    ]


def test_no_more_models_are_kept_than_is_bounded() -> None:
    adaptations = Adaptations("host.test")
    for number in range(KEPT_MODELS + 2):
        adaptations.learn(f"m{number}", A)
    assert adaptations.of(f"m{KEPT_MODELS + 1}") == (A,)
    assert adaptations.of("m0") == ()
    assert len(adaptations.lessons) == KEPT_MODELS


def test_what_is_known_beforehand_is_no_lesson(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "KNOWN", (Known("host.test", "*", (A,)),))
    adaptations = Adaptations("host.test")
    assert adaptations.of("m") == (A,)
    adaptations.learn("m", A)
    assert adaptations.lessons == {}
    adaptations.learn("m", B)
    assert (adaptations.of("m"), adaptations.lessons["m"].adapted) == ((A, B), (B,))


def test_another_version_of_the_provider_begins_anew() -> None:
    adaptations = Adaptations("host.test", clock=lambda: 7.0)
    adaptations.learn("before", A)  # the version was not known then
    adaptations.version_is("0.30.0")
    adaptations.learn("m", A)
    adaptations.version_is(None)
    adaptations.version_is("0.30.0")
    assert adaptations.of("m") == (A,)
    told: list[int] = []
    adaptations.on_learnt = lambda: told.append(1)
    adaptations.version_is("0.33.0")
    assert (adaptations.of("m"), adaptations.of("before"), told) == ((), (A,), [1])


def test_what_was_learnt_before_a_restart_is_recalled() -> None:
    adaptations = Adaptations("host.test")
    assert adaptations.of("m") == ()
    adaptations.learn("new", B)
    adaptations.version_is("2")
    adaptations.recall({"m": Lesson((A,), 1.0), "new": Lesson((A,), 1.0), "old": Lesson((A,), 1.0, "1")})
    assert (adaptations.of("m"), adaptations.of("new"), adaptations.of("old")) == ((A,), (B,), ())


def test_a_lesson_grows_old() -> None:
    now = 1.0
    adaptations = Adaptations("host.test", clock=lambda: now)
    adaptations.learn("m", A)
    now = 5.0
    adaptations.learn("n", A)
    adaptations.forget_before(3.0)
    assert (adaptations.of("m"), adaptations.of("n")) == ((), (A,))


def test_what_was_undone_is_applied_last_from_then_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "KNOWN", (Known("host.test", "*", (A,)),))
    adaptations = Adaptations("host.test")
    adaptations.learn("m", B)
    adaptations.learn("m", A, was_undone=True)
    assert (adaptations.of("m"), adaptations.lessons["m"].adapted) == ((B, A), (B, A))
    adaptations.learn("m", B, was_undone=True)
    assert adaptations.of("m") == (A, B)


def test_a_model_that_refuses_ever_new_fields_does_not_teach_without_end() -> None:
    adaptations = Adaptations("host.test")
    for number in range(MAX_ADAPTED + 5):
        adaptations.learn("m", Adapted("parameter", f"x{number}"))
    assert len(adaptations.of("m")) == MAX_ADAPTED
    assert adaptations.of("m")[-1].detail == f"x{MAX_ADAPTED + 4}"
