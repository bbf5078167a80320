"""The store's bounds, its order, and whose answers are whose."""

from __future__ import annotations

import trio
import trio.testing

from linx.handlers.response_store import KEPT_S, OVERHEAD, SWEEP_S, ResponseStore, StoredResponse


def kept(
    name: str, previous: str | None = None, *, owner: bytes = b"me", size: int = 2, now: float = 0
) -> StoredResponse:
    return StoredResponse(name, owner, b"x" * (size // 2), b"y" * (size // 2), previous, now)


def names(store: ResponseStore, *wanted: str) -> str:
    return "".join(name for name in wanted if store.get(b"me", name, 0) is not None)


def test_an_answer_is_found_by_its_owner_alone() -> None:
    store = ResponseStore()
    mine, other, nobody = store.owner(b"key"), store.owner(b"kez"), store.owner(None)
    assert len({mine, other, nobody}) == 3
    assert b"key" not in mine
    assert mine != ResponseStore().owner(b"key"), "the digest of a key is worth nothing elsewhere"
    store.put(kept("a", owner=mine))
    for stranger in (other, nobody):
        assert store.get(stranger, "a", 0) is None
        assert store.chain(stranger, "a", 0) is None
        assert not store.delete(stranger, "a", 0)
    found = store.get(mine, "a", 0)
    assert found is not None
    assert store.delete(mine, "a", 0)
    assert not store.delete(mine, "a", 0)
    assert (len(store), store.bytes) == (0, 0)


def test_a_conversation_is_whole_or_not_there() -> None:
    store = ResponseStore()
    store.put(kept("a"))
    store.put(kept("b", "a"))
    store.put(kept("c", "b"))
    chain = store.chain(b"me", "c", 0)
    assert chain is not None
    assert [one.id for one in chain] == ["c", "b", "a"]
    store.delete(b"me", "b", 0)
    assert store.chain(b"me", "c", 0) is None
    assert store.chain(b"me", "a", 0) is not None


def test_the_least_recently_used_leaves_first() -> None:
    store = ResponseStore(max_count=3)
    for name in "abc":
        store.put(kept(name))
    a = store.get(b"me", "a", 0)
    assert a is not None
    store.use([a], 1)
    store.put(kept("d"))
    assert names(store, *"abcd") == "acd"


def test_of_a_conversation_in_use_its_beginning_leaves_last() -> None:
    store = ResponseStore(max_count=3)
    store.put(kept("a"))
    store.put(kept("b", "a"))
    chain = store.chain(b"me", "b", 0)
    assert chain is not None
    store.use(chain, 0)
    store.put(kept("c", "b"))
    store.put(kept("d"))
    assert names(store, *"abcd") == "acd", "b went before a"


def test_bytes_are_bounded() -> None:
    one = OVERHEAD + 100
    store = ResponseStore(max_bytes=3 * one, max_one=2 * one)
    for name in "abcd":
        store.put(kept(name, size=100))
    assert (names(store, *"abcd"), store.bytes) == ("bcd", 3 * one)
    store.put(kept("d", size=100))
    assert store.bytes == 3 * one, "the same id is counted once"
    store.put(kept("e", size=100 + one))
    assert (names(store, *"abcde"), store.bytes) == ("de", 3 * one)
    store.put(kept("f", size=102 + one))
    assert names(store, *"def") == "de", "too large to be kept"


def test_age_is_bounded() -> None:
    store = ResponseStore()
    store.put(kept("a", now=0))
    store.put(kept("b", now=10))
    assert store.get(b"me", "a", KEPT_S - 1) is not None
    assert store.get(b"me", "a", KEPT_S) is None
    b = store.get(b"me", "b", 20)
    assert b is not None
    store.use([b], 20)
    store.put(kept("c", now=KEPT_S + 10))
    assert (len(store), store.bytes) == (2, b.size * 2)
    store.use([kept("a")], 5)
    assert store.get(b"me", "a", 5) is None, "what has left is not back"


async def test_old_answers_leave_without_a_new_one(autojump_clock: trio.testing.MockClock) -> None:
    store = ResponseStore()
    store.put(kept("a", now=trio.current_time()))
    with trio.move_on_after(KEPT_S - 1):
        await store.run()
    assert len(store) == 1
    with trio.move_on_after(2 * SWEEP_S):
        await store.run()
    assert (len(store), store.bytes) == (0, 0)


def test_its_repr_tells_nothing_of_what_it_keeps() -> None:
    store = ResponseStore()
    store.put(kept("secret"))
    assert repr(store) == "<ResponseStore of 1>"
