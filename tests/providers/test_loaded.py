"""What is known to be in a server's memory: by its own words, and by what it was asked for since."""

from __future__ import annotations

from linx.providers.loaded import IDLE_S, KEPT_MODELS, SETTLE_S, Loaded


def having(*models: str) -> Loaded:
    loaded = Loaded()
    loaded.seen(models, 0.0)
    return loaded


def held(loaded: Loaded, *models: str) -> str:
    return "".join(model for model in models if loaded.has(model))


def test_without_a_word_only_the_model_that_was_asked_for_last_is_loaded() -> None:
    loaded = Loaded()
    assert held(loaded, *"ab") == ""
    loaded.asked("a", 1.0)
    loaded.asked("b", 2.0)
    assert held(loaded, *"ab") == "b"


def test_what_needs_no_loading_is_there_and_takes_no_place() -> None:
    loaded = Loaded()
    loaded.asked("a", 1.0)
    loaded.asked("", 2.0)
    assert (loaded.has(""), loaded.has("a")) == (True, True)


def test_a_server_that_held_two_at_once_holds_two_and_gives_up_the_one_asked_for_longest_ago() -> None:
    loaded = having("a", "b")
    loaded.asked("a", 1.0)
    loaded.asked("c", 2.0)
    assert held(loaded, *"abc") == "ac"
    loaded.asked("a", 3.0)
    loaded.asked("d", 4.0)
    assert held(loaded, *"abcd") == "ad"


def test_what_a_look_does_not_show_is_gone() -> None:
    loaded = having("a", "b")
    loaded.seen(["b", "c"], 100.0)
    assert held(loaded, *"abc") == "bc"


def test_a_model_asked_for_just_now_may_not_be_shown_yet() -> None:
    loaded = Loaded()
    loaded.asked("a", 10.0)
    loaded.seen(["b"], 10.0 + SETTLE_S / 2)
    assert held(loaded, *"ab") == "ab"
    loaded.seen(["b"], 10.0 + SETTLE_S)
    assert held(loaded, *"ab") == "b"


def test_an_eviction_shows_how_many_fit() -> None:
    loaded = having("a", "b")
    loaded.asked("a", 10.0)
    loaded.asked("big", 11.0)
    loaded.seen(["big"], 20.0)
    loaded.asked("a", 21.0)
    assert held(loaded, "a", "b", "big") == "a"


def test_a_model_that_was_idle_for_long_was_not_evicted() -> None:
    loaded = having("a", "b")
    loaded.asked("a", 10.0)
    loaded.seen([], 10.0 + IDLE_S)
    loaded.asked("a", 400.0)
    loaded.asked("b", 401.0)
    assert held(loaded, *"ab") == "ab"


def test_an_unloaded_model_is_gone_and_was_not_evicted() -> None:
    loaded = having("a", "b")
    before = loaded.changes
    loaded.unloaded("a")
    loaded.unloaded("never there")
    assert (held(loaded, *"ab"), loaded.changes) == ("b", before + 1)
    loaded.asked("c", 1.0)
    assert held(loaded, *"abc") == "bc"


def test_only_so_many_models_are_kept_whatever_a_server_says() -> None:
    loaded = having(*map(str, range(KEPT_MODELS + 10)))
    assert (loaded.has(str(KEPT_MODELS - 1)), loaded.has(str(KEPT_MODELS))) == (True, False)
    loaded.asked("one more", 1.0)
    assert (loaded.has("0"), loaded.has("one more")) == (False, True)


def test_changes_count_only_what_may_change_an_answer() -> None:
    loaded = Loaded()
    loaded.asked("a", 1.0)
    before = loaded.changes
    loaded.asked("a", 2.0)
    loaded.seen(["a"], 20.0)
    assert loaded.changes == before
    loaded.seen(["b"], 30.0)
    assert loaded.changes == before + 1


def test_a_copy_is_a_copy() -> None:
    loaded = having("a", "b")
    copy = loaded.copy()
    copy.asked("c", 1.0)
    assert held(copy, *"abc") == "bc"
    assert held(loaded, *"abc") == "ab"


def test_it_shows_what_it_holds() -> None:
    assert repr(Loaded()) == "<Loaded nothing>"
    assert repr(having("a", "b")) == "<Loaded a, b>"
