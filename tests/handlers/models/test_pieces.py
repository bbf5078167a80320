"""Long lists in steps: nothing is lost at the seams, and no step is long."""

from __future__ import annotations

import pytest

from linx.config.shape import RoutingConfig
from linx.core import jsontext
from linx.core.client_key import NO_KEY
from linx.handlers.models.pieces import PIECE, STEP, joined, names
from linx.routing.router import Router
from tests.routing.world import has, provider


@pytest.mark.parametrize("count", [0, 1, 2, 100, 3000])
@pytest.mark.parametrize("size", [1, 100, PIECE])
def test_the_pieces_are_one_text(count: int, size: int) -> None:
    count = min(count, 3_000_000 // size)
    entries = [jsontext.dumps("x" * (size + number % 3)) for number in range(count)]
    pieces = list(joined(b'{"data":[', entries, b"]}"))
    assert jsontext.loads(b"".join(pieces)) == {"data": [jsontext.loads(entry) for entry in entries]}
    assert max(map(len, pieces)) <= PIECE + size + 20
    assert len(pieces) <= 1 + count * (size + 5) // PIECE


def test_a_turn_is_passed_on_and_leaves_no_trace() -> None:
    pieces = list(joined(b"[", [b"", b"1", b"", b"", b"2", b""], b"]"))
    assert pieces == [b"", b"", b"", b"", b"[1,2]"]


def test_each_name_once_with_its_first_candidate_and_turns_between() -> None:
    one = has(provider("a", model_mappings={"gpt": "m1", "default": "m1"}), *(f"m{n}" for n in range(STEP)))
    two = has(provider("b"), *(f"m{n}" for n in range(2 * STEP)))
    router = Router([one, two], RoutingConfig())
    found = list(names(router, NO_KEY))
    expected = {name: candidates[0] for name, candidates in router.names().items()}
    assert dict(each for each in found if each is not None) == expected
    assert len(found) - found.count(None) == len(expected)
    assert found.count(None) == (len(one.models) + 1 + len(two.models)) // STEP
    silent = 0
    for each in found[STEP + 2 :]:  # names of the second provider, of which it shares the first
        silent = 0 if each is None else silent + 1
        assert silent <= STEP
