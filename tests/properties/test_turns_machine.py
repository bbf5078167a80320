"""The queue of a provider beside a slow reference that writes out whose turn it is, through any order of events.

The reference lists all waiting requests in the order in which they would be served if only turns counted. Everything
else is said of that list.
"""

from __future__ import annotations

from collections import Counter

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from linx.providers.loaded import Loaded
from linx.providers.turns import MOST_PASSED, Turns, Waiting
from tests.properties.machines import QUICK

KEYS, MODELS = ("-", "a", "b", "c"), ("", "x", "y", "z")


class TurnsMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.turns = Turns()
        self.loaded = Loaded()
        self.waiting: list[Waiting] = []
        """In the order in which they came."""
        self.served: list[str] = []
        self.passed: Counter[Waiting] = Counter()
        self.overtaken: Counter[Waiting] = Counter()
        """How often a request that came later was served before this one."""
        self.in_front: Counter[Waiting] = Counter()
        """Of the oldest request of each key: how many were served since it was that."""

    def by_turns(self) -> list[Waiting]:
        lines = {key: [one for one in self.waiting if one.key == key] for key in KEYS}
        last = {key: max((at for at, one in enumerate(self.served) if one == key), default=-1) for key in KEYS}
        keys = sorted(KEYS, key=lambda key: (last[key], self.waiting.index(lines[key][0]) if lines[key] else 0))
        rounds = max(map(len, lines.values()), default=0)
        return [lines[key][depth] for depth in range(rounds) for key in keys if depth < len(lines[key])]

    def expected(self) -> Waiting:
        order = self.by_turns()
        due = [one for one in order if self.passed[one] >= MOST_PASSED]
        # ``order`` has the keys in turn, and ``loaded`` the oldest request for a loaded model of the first such key.
        keys = list(dict.fromkeys(one.key for one in order))
        loaded = [one for key in keys for one in order if one.key == key and self.loaded.has(one.model)]
        return (due or loaded or order)[0]

    @rule(key=st.sampled_from(KEYS), model=st.sampled_from(MODELS), times=st.sampled_from([1, 1, 3, 12]))
    def come(self, key: str, model: str, times: int) -> None:
        for _ in range(times):
            self.waiting.append(self.turns.add(key, model))

    @precondition(lambda self: self.waiting)
    @rule(times=st.sampled_from([1, 2, 10]))
    def places_are_free(self, times: int) -> None:
        for _ in range(min(times, len(self.waiting))):
            self.serve()

    def serve(self) -> None:
        expected = self.expected()
        order = self.by_turns()
        heads = {one.key: one for one in reversed(order)}
        place = self.turns.place(expected, self.loaded)
        chosen = self.turns.next(self.loaded)
        assert chosen is expected
        assert place == 1
        assert chosen.has_place
        self.passed.update(order[: order.index(chosen)])
        self.overtaken.update(self.waiting[: self.waiting.index(chosen)])
        self.in_front.update(heads.values())
        self.waiting.remove(chosen)
        self.served.append(chosen.key)
        self.loaded.asked(chosen.model, 0.0)

    @rule(key=st.sampled_from(KEYS))
    def one_is_served_without_waiting(self, key: str) -> None:
        if not self.waiting:
            self.turns.served(key)
            self.served.append(key)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def one_gives_up(self, data: st.DataObject) -> None:
        gone = data.draw(st.sampled_from(self.waiting))
        self.waiting.remove(gone)
        self.turns.remove(gone)
        assert self.turns.place(gone, self.loaded) is None

    @rule(models=st.sets(st.sampled_from(MODELS[1:])))
    def the_server_tells_what_is_loaded(self, models: set[str]) -> None:
        self.loaded.seen(models, 10.0)

    @invariant()
    def nobody_is_lost(self) -> None:
        assert len(self.turns) == len(self.waiting)
        places = [self.turns.place(one, self.loaded) for one in self.waiting]
        assert sorted(place for place in places if place) == list(range(1, len(self.waiting) + 1)) or len(places) > 64

    @invariant()
    def nobody_is_passed_over_too_often(self) -> None:
        for one in self.waiting:
            assert one.passed == self.passed[one] <= MOST_PASSED
            # Its own key is served at most so often before it, and each other key has one turn for each of those.
            assert self.in_front[one] <= MOST_PASSED + (MOST_PASSED + 1) * (len(KEYS) - 1)
            if len(set(self.served) | {each.key for each in self.waiting}) == 1:
                assert self.overtaken[one] <= MOST_PASSED, "with a single key, turns are the order of arrival"

    def teardown(self) -> None:
        while self.waiting:
            self.serve()
        assert len(self.turns) == 0


class OneModelMachine(RuleBasedStateMachine):
    """Where no model is loaded for another, keys that wait are served equally often: one turn each."""

    def __init__(self) -> None:
        super().__init__()
        self.turns = Turns()
        self.loaded = Loaded()
        self.waiting: list[Waiting] = []
        self.since: Counter[tuple[str, str]] = Counter()
        """By two keys of which the first waits: how often the second was served since the first was served or came."""

    @rule(key=st.sampled_from(KEYS), times=st.integers(1, 6))
    def come(self, key: str, times: int) -> None:
        if all(one.key != key for one in self.waiting):
            for other in KEYS:
                self.since[key, other] = 0
        self.waiting += [self.turns.add(key, "m") for _ in range(times)]

    @precondition(lambda self: self.waiting)
    @rule(times=st.integers(1, 6))
    def places_are_free(self, times: int) -> None:
        for _ in range(min(times, len(self.waiting))):
            chosen = self.turns.next(self.loaded)
            self.loaded.asked("m", 0.0)
            self.waiting.remove(chosen)
            for key in KEYS:
                self.since[key, chosen.key] += 1
                self.since[chosen.key, key] = 0

    @invariant()
    def each_key_has_one_turn(self) -> None:
        for key in {one.key for one in self.waiting}:
            assert all(self.since[key, other] <= 1 for other in KEYS)


TestTurns = TurnsMachine.TestCase
TestTurns.settings = QUICK
TestOneModel = OneModelMachine.TestCase
TestOneModel.settings = QUICK
