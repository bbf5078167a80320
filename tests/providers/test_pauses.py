"""For how long a model, the free models or a whole provider ask not to be asked."""

from __future__ import annotations

from linx.core.attempt_errors import PauseScope
from linx.providers.pauses import KEPT, Pause, Pauses

MODEL, FREE, ALL = PauseScope.MODEL, PauseScope.FREE_MODELS, PauseScope.PROVIDER


def test_each_scope_reaches_its_models() -> None:
    pauses = Pauses()
    assert pauses.of("m") is pauses.of_all is None
    pauses.add(Pause(10, 429), MODEL, "m", 0)
    pauses.add(Pause(20, 429), FREE, "n:free", 0)
    asked = ("m", "n:free", "o:free", "n")
    assert [pauses.of(model) for model in asked] == [(10, 429), (20, 429), (20, 429), None]
    pauses.add(Pause(15, 503), ALL, "m", 0)
    assert [pauses.of(model) for model in asked] == [(15, 503), (20, 429), (20, 429), (15, 503)]
    assert pauses.of_all == (15, 503)


def test_a_limit_of_free_models_at_a_model_that_is_paid_for_is_its_own() -> None:
    pauses = Pauses()
    pauses.add(Pause(20, 429), FREE, "m", 0)
    assert (pauses.of("m"), pauses.of("n:free")) == ((20, 429), None)


def test_without_a_model_it_is_the_provider() -> None:
    pauses = Pauses()
    pauses.add(Pause(20, 429), MODEL, "", 0)
    assert pauses.of("m") == pauses.of_all == (20, 429)


def test_what_is_shown_is_what_is_still_paused() -> None:
    pauses = Pauses()
    pauses.add(Pause(10, 429), MODEL, "m", 0)
    pauses.add(Pause(30, 429), MODEL, "n", 0)
    pauses.add(Pause(20, 429), FREE, "n:free", 0)
    assert pauses.shown(5) == {"m": 10, "n": 30, "*:free": 20}
    assert pauses.shown(25) == {"n": 30}


def test_a_pause_is_not_shortened_and_their_number_is_bounded() -> None:
    pauses = Pauses()
    pauses.add(Pause(30, 429), MODEL, "m", 0)
    pauses.add(Pause(10, 503), MODEL, "m", 0)
    assert pauses.of("m") == (30, 429)
    for number in range(2 * KEPT):
        pauses.add(Pause(1000, 429), MODEL, f"m{number}", 0)
    assert len(pauses.shown(0)) == KEPT
    pauses.add(Pause(3000, 429), MODEL, "last", 2000)
    assert pauses.shown(2000) == {"last": 3000}
