"""What counts as this machine, as near, as far."""

from __future__ import annotations

import pytest

from linx.core.addresses import Origin, address_of, is_loopback, is_near

LOOPBACK = ["localhost", "LOCALHOST.", "api.localhost", "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "0.0.0.0"]
NEAR = ["10.1.2.3", "172.16.0.1", "192.168.1.20", "169.254.1.1", "fe80::1%eth0", "fd00::1", "workstation", "nas.local"]
FAR = ["openrouter.ai", "api.groq.com.", "8.8.8.8", "172.32.0.1", "203.0.113.5", "2001:db8::1", "localhost.evil.com"]


@pytest.mark.parametrize(
    ("origin", "authority", "address"),
    [
        (Origin("http", "localhost", 11434), "localhost:11434", "localhost:11434"),
        (Origin("http", "example.com", 80), "example.com", "example.com:80"),
        (Origin("https", "example.com", 443), "example.com", "example.com:443"),
        (Origin("https", "example.com", 80), "example.com:80", "example.com:80"),
        (Origin("http", "::1", 8081), "[::1]:8081", "[::1]:8081"),
        (Origin("http", "::1", 80), "[::1]", "[::1]:80"),
        (Origin("http", "fe80::1%eth0", 1), "[fe80::1]:1", "[fe80::1%eth0]:1"),
        (Origin("https", "bücher.example", 443), "xn--bcher-kva.example", "bücher.example:443"),
    ],
)
def test_origin(origin: Origin, authority: str, address: str) -> None:
    assert origin.authority == authority
    assert origin.address == address
    assert str(origin) == f"{origin.scheme}://{authority}"


@pytest.mark.parametrize("host", LOOPBACK)
def test_loopback_is_near(host: str) -> None:
    assert is_loopback(host)
    assert is_near(host)


@pytest.mark.parametrize("host", NEAR)
def test_near(host: str) -> None:
    assert is_near(host)
    assert not is_loopback(host)


@pytest.mark.parametrize("host", FAR)
def test_far(host: str) -> None:
    assert not is_near(host)
    assert not is_loopback(host)


def test_only_what_spells_an_address_is_one() -> None:
    assert address_of("10.0.0.256") is None
    assert address_of("example.com") is None
    assert str(address_of("::ffff:10.0.0.1")) == "10.0.0.1"


@pytest.mark.parametrize(
    ("host", "loopback", "near"),
    [
        ("localhost", True, True),
        ("a.localhost", True, True),
        ("LOCALHOST.", True, True),
        ("127.8.8.8", True, True),
        ("::1", True, True),
        ("0.0.0.0", True, True),
        ("::ffff:127.0.0.1", True, True),
        ("10.1.2.3", False, True),
        ("172.31.0.1", False, True),
        ("172.32.0.1", False, False),
        ("192.168.1.20", False, True),
        ("169.254.1.1", False, True),
        ("fe80::1", False, True),
        ("fd12::1", False, True),
        ("::ffff:10.0.0.1", False, True),
        ("100.64.0.1", False, False),
        ("192.0.2.1", False, False),
        ("8.8.8.8", False, False),
        ("2001:db8::1", False, False),
        ("host.docker.internal", False, True),
        ("box.local", False, True),
        ("ollama", False, True),
        ("openrouter.ai", False, False),
        ("local.example.com", False, False),
        ("evil-localhost", False, True),
        ("notlocalhost.com", False, False),
    ],
)
def test_near_and_far_hosts_by_their_text(host: str, loopback: bool, near: bool) -> None:
    assert (is_loopback(host), is_near(host)) == (loopback, near)
