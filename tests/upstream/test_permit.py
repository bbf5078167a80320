"""How near a peer is, by its address."""

from __future__ import annotations

import pytest

from linx.core.addresses import address_of
from linx.upstream.permit import Reach, reach_of

NEAR = [
    *["127.0.0.1", "127.9.9.9", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.20", "169.254.1.1"],
    *["::1", "fe80::1", "fe80::1%eth0", "febf::1", "fc00::1", "fd7a:115c:a1e0::1", "::ffff:192.168.1.1"],
]
SHARED = ["100.64.0.1", "100.127.255.254", "::ffff:100.64.0.1"]
FAR = [
    *[
        "8.8.8.8",
        "172.32.0.1",
        "172.15.0.1",
        "192.169.0.1",
        "100.63.255.255",
        "100.128.0.1",
        "203.0.113.1",
        "198.18.0.1",
    ],
    *[
        "2001:4860:4860::8888",
        "fec0::1",
        "::ffff:8.8.8.8",
        "2002:a00:1::1",
        "2001:0:a00:1::1",
        "::10.0.0.1",
        "198.18.0.1",
    ],
    *["64:ff9b::8.8.8.8", "64:ff9b::10.0.0.1", "64:ff9b:1::10.0.0.1", "255.255.255.255", "224.0.0.1", "ff02::1"],
]


@pytest.mark.parametrize(
    ("written", "reach"),
    [
        *[(each, Reach.LOCAL) for each in NEAR],
        *[(each, Reach.SHARED) for each in SHARED],
        *[(each, Reach.DIRECT) for each in FAR],
    ],
)
def test_the_address_of_the_peer_decides(written: str, reach: Reach) -> None:
    address = address_of(written)
    assert address is not None
    assert reach_of(address) is reach


def test_a_peer_that_cannot_be_named_is_not_local() -> None:
    assert reach_of(None) is Reach.DIRECT


def test_nearer_is_more() -> None:
    assert Reach.ANY < Reach.DIRECT < Reach.SHARED < Reach.LOCAL
