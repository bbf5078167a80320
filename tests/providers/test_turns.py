"""Whose turn it is: the keys in turn, the loaded model first, nobody passed over too often."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.providers import turns as turns_module
from linx.providers.loaded import Loaded
from linx.providers.turns import FORESEEN, KEPT_KEYS, MOST_PASSED, Turns, Waiting

if TYPE_CHECKING:
    import pytest


class Queue:
    """The turns at a server with one model in its memory; a request is written ``key:model``."""

    def __init__(self, *requests: str, loaded: str = "") -> None:
        self.turns = Turns()
        self.loaded = Loaded()
        self.loaded.asked(loaded, 0.0)
        self.names: dict[Waiting, str] = {}
        self.add(*requests)

    def add(self, *requests: str) -> list[Waiting]:
        added = []
        for request in requests:
            key, _, model = request.partition(":")
            added.append(self.turns.add(key, model))
            self.names[added[-1]] = request
        return added

    def next(self) -> str:
        waiting = self.turns.next(self.loaded)
        self.loaded.asked(waiting.model, 0.0)
        assert waiting.has_place
        return self.names[waiting]

    def order(self) -> list[str]:
        return [self.next() for _ in range(len(self.turns))]

    def places(self) -> list[int | None]:
        return [self.turns.place(one, self.loaded) for one in self.names]


def test_one_key_and_one_model_is_first_come_first_served() -> None:
    queue = Queue()
    names = queue.add(*["-:m"] * 20)
    assert queue.places() == list(range(1, 21))
    assert [queue.turns.next(queue.loaded) for _ in range(20)] == names


def test_keys_take_turns_however_many_requests_they_have() -> None:
    queue = Queue(*["a:"] * 5, *["b:"] * 2, "c:")
    assert queue.places() == [1, 4, 6, 7, 8, 2, 5, 3]
    assert queue.order() == ["a:", "b:", "c:", "a:", "b:", "a:", "a:", "a:"]


def test_the_key_that_was_served_longest_ago_is_next() -> None:
    queue = Queue("a:", "b:", "c:")
    for key in "cab":
        queue.turns.served(key)
    assert queue.order() == ["c:", "a:", "b:"]


def test_a_key_that_was_never_served_is_next() -> None:
    queue = Queue("a:", "b:")
    queue.turns.served("a")
    assert queue.order() == ["b:", "a:"]


def test_the_loaded_model_goes_first_with_the_key_served_longest_ago() -> None:
    queue = Queue("a:y", "a:x", "b:y", "c:x", "b:x", loaded="x")
    for key in "abc":
        queue.turns.served(key)
    assert queue.places() == [4, 1, 5, 3, 2]
    assert queue.order() == ["a:x", "b:x", "c:x", "a:y", "b:y"]


def test_nothing_is_loaded_where_nothing_is_known() -> None:
    assert Queue("a:x", "b:y", "c:x").order() == ["a:x", "c:x", "b:y"]


def test_what_needs_no_loading_is_no_change_of_models() -> None:
    assert Queue("a:y", "b:", "c:x", "d:", loaded="x").order() == ["b:", "c:x", "d:", "a:y"]


def test_one_of_another_model_is_passed_over_eight_times() -> None:
    queue = Queue("-:y", *["-:x"] * 20, loaded="x")
    assert queue.order() == ["-:x"] * MOST_PASSED + ["-:y"] + ["-:x"] * 12


def test_a_busy_model_of_another_key_passes_it_over_eight_times() -> None:
    queue = Queue("a:y", *["b:x"] * 20, loaded="x")
    queue.turns.served("a")
    assert queue.turns.place(next(iter(queue.names)), queue.loaded) == MOST_PASSED + 2, "after the turn of b"
    assert queue.order() == ["b:x"] * (MOST_PASSED + 1) + ["a:y"] + ["b:x"] * 11


def test_requests_that_come_before_do_not_pass_over() -> None:
    queue = Queue(*["-:x"] * 12, "-:y", loaded="x")
    assert queue.places()[-1] == 13
    assert queue.order()[-1] == "-:y"


def test_requests_of_one_key_for_another_model_go_together() -> None:
    queue = Queue(*["-:y"] * 12, *["-:x"] * 30, loaded="x")
    order = queue.order()
    assert order[:21] == ["-:x"] * MOST_PASSED + ["-:y"] * 12 + ["-:x"]


def test_the_flood_of_a_key_is_not_passed_over_by_the_turns_of_another() -> None:
    queue = Queue(*["a:"] * 30)
    [last] = queue.add("a:")
    for _ in range(20):
        queue.add("b:")
        assert {queue.next(), queue.next()} == {"a:", "b:"}
    assert last.passed == 0


def test_a_request_that_gives_up_leaves_no_gap() -> None:
    queue = Queue()
    first, second, third = queue.add("a:", "b:", "a:")
    queue.turns.remove(first)
    assert len(queue.turns) == 2
    assert queue.turns.place(first, queue.loaded) is None
    assert [queue.turns.place(one, queue.loaded) for one in (second, third)] == [1, 2]
    queue.turns.remove(third)
    assert queue.turns.place(second, queue.loaded) == 1
    assert queue.order() == ["b:"]
    assert queue.turns.place(second, queue.loaded) is None


def test_the_place_follows_what_is_loaded() -> None:
    queue = Queue()
    [one, two] = queue.add("-:x", "-:y")
    assert [queue.turns.place(each, queue.loaded) for each in (one, two)] == [1, 2]
    queue.loaded.asked("y", 0.0)
    assert [queue.turns.place(each, queue.loaded) for each in (one, two)] == [2, 1]


def test_far_behind_the_place_is_that_of_the_turns() -> None:
    many = 3 * FORESEEN
    queue = Queue()
    added = queue.add(*["a:x"] * many, *["b:x"] * 10)
    places = [queue.turns.place(one, queue.loaded) for one in added]
    assert sorted(filter(None, places)) == list(range(1, many + 11))
    assert places[many - 1] == many + 10
    assert places[many : many + 3] == [2, 4, 6]


def test_a_look_ahead_changes_nothing() -> None:
    queue = Queue("a:y", "a:x", "b:x", loaded="x")
    places = queue.places()
    assert queue.places() == places
    assert [one.passed for one in queue.names] == [0, 0, 0]
    assert not any(one.has_place for one in queue.names)
    assert queue.order() == ["a:x", "b:x", "a:y"]


def test_the_turns_of_so_many_keys_are_remembered_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    assert KEPT_KEYS >= 1024
    monkeypatch.setattr(turns_module, "KEPT_KEYS", 3)
    queue = Queue()
    for key in "dabc":
        queue.turns.served(key)
    queue.add("c:", "b:", "a:", "d:")
    assert queue.order() == ["d:", "a:", "b:", "c:"]
