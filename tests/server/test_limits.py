"""What the connections of a server count together."""

from __future__ import annotations

import pytest

from linx.errors import Overloaded
from linx.server.limits import Limits, Shared


def test_bodies_are_held_up_to_the_bound() -> None:
    shared = Shared(Limits(max_bodies=10))
    shared.hold(10)
    with pytest.raises(Overloaded) as caught:
        shared.hold(1)
    assert shared.bodies == 10, "what was refused is not counted"
    assert caught.value.retry_after_s


def test_the_defaults() -> None:
    limits = Limits()
    assert (limits.max_body, limits.max_bodies) == (64 * 2**20, 256 * 2**20)
    assert (limits.head_timeout_s, limits.body_timeout_s, limits.keep_alive_s) == (10, 30, 75)
    assert (limits.stalled_client_s, limits.max_connections) == (300, 4096)
