"""A listener's share of the server's connections."""

from __future__ import annotations

import pytest

from linx.server.listener import Listener
from tests.server.client import echo


@pytest.mark.parametrize(
    ("share", "connections", "is_full"),
    [(1.0, 7, False), (1.0, 8, True), (0.25, 1, False), (0.25, 2, True), (0.3, 2, False)],
)
def test_a_listener_is_full_when_its_share_is_taken(share: float, connections: int, is_full: bool) -> None:
    assert Listener("tunnel", echo, share, connections).is_full(8) is is_full


def test_each_listener_has_a_watch_of_its_own() -> None:
    assert Listener("a", echo).watch is not Listener("b", echo).watch
