"""Which connection a private request demands, by what the config says and what connections have shown."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from linx.config.model import ProviderConfig
from linx.providers.permits import LOCAL_ONLY_FIELD, Permits
from linx.upstream.permit import Reach


def permits(endpoint: str, local: bool | None = None) -> Permits:
    said: Any = msgspec.UNSET if local is None else local
    return Permits(ProviderConfig(name="p", kind="openai", endpoint=endpoint, local=said))


@pytest.mark.parametrize(
    ("endpoint", "local", "usual", "private"),
    [
        ("http://127.0.0.1:1", None, Reach.ANY, Reach.LOCAL),
        ("http://gpu.lan:1", None, Reach.ANY, Reach.LOCAL),
        ("https://gpu.lan:1", None, Reach.ANY, Reach.LOCAL),
        ("http://gpu.lan:1", True, Reach.DIRECT, Reach.SHARED),
        ("http://192.168.1.20:1", True, Reach.DIRECT, Reach.SHARED),
        ("https://gpu.lan:1", True, Reach.DIRECT, Reach.DIRECT),
        ("https://gpu.example.com", True, Reach.DIRECT, Reach.DIRECT),
        ("http://gpu.example.com", True, Reach.DIRECT, Reach.DIRECT),
        ("http://100.101.102.103:1", True, Reach.DIRECT, Reach.DIRECT),
    ],
)
def test_how_near_the_peer_must_be(endpoint: str, local: bool | None, usual: Reach, private: Reach) -> None:
    made = permits(endpoint, local)
    assert made.is_local
    assert (made.open.reach, made.private().reach, made.nearest.reach) == (usual, private, private)


@pytest.mark.parametrize(
    ("endpoint", "local"),
    [("https://api.example.com", None), ("http://gpu.lan:1", False), ("http://100.64.0.1:1", None)],
)
def test_a_provider_that_is_not_local_is_asked_over_any_connection(endpoint: str, local: bool | None) -> None:
    made = permits(endpoint, local)
    assert not made.is_local
    assert made.nearest is made.open
    assert made.open.reach is Reach.ANY
    assert made.warning is None


@pytest.mark.parametrize(
    ("endpoint", "local", "warns"),
    [
        ("http://gpu.example.com", True, True),
        ("http://100.101.102.103:1", True, True),
        ("https://gpu.example.com", True, False),
        ("http://gpu.lan:1", True, False),
        ("http://127.0.0.1:1", True, False),
        ("http://127.0.0.1:1", None, False),
    ],
)
def test_who_insists_without_tls_is_warned(endpoint: str, local: bool, warns: bool) -> None:
    assert ("not encrypted" in (permits(endpoint, local).warning or "")) is warns


def test_a_provider_that_was_found_elsewhere_is_not_local_and_says_so() -> None:
    made = permits("http://gpu.lan:1")
    made.elsewhere = "gpu.lan:1 resolves to 203.0.113.7"
    assert not made.is_local
    assert made.warning == made.elsewhere


def test_only_a_server_that_says_it_is_no_linx_is_not_told_what_must_stay_local() -> None:
    made = permits("http://gpu.lan:1")
    assert made.open.headers == made.nearest.headers == ()
    assert made.private().headers == LOCAL_ONLY_FIELD
    made.is_linx = False
    assert made.private().headers == ()
    made.is_linx = True
    assert made.private().headers == LOCAL_ONLY_FIELD


def test_what_was_said_is_forgotten_when_the_server_is_away() -> None:
    made = permits("http://gpu.lan:1")
    made.is_linx = made.was_asked = True
    made.forget_linx()
    found: tuple[bool | None, bool] = (made.is_linx, made.was_asked)
    assert found == (None, False)


def test_a_reload_keeps_what_was_learnt() -> None:
    old, new, insisting = permits("http://gpu.lan:1"), permits("http://gpu.lan:1"), permits("http://gpu.lan:1", True)
    old.elsewhere, old.is_linx, old.was_asked = "x", True, True
    for made in (new, insisting):
        made.inherit(old)
        assert (made.is_linx, made.was_asked) == (True, True)
    assert new.elsewhere == "x"
    assert insisting.elsewhere is None  # another connection will do now
