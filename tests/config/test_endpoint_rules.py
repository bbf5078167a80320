"""Which endpoints, hosts and origins pass, and which endpoint is Linx itself."""

from __future__ import annotations

import ipaddress

import pytest

from linx.config import endpoint_rules
from linx.core.errors import ConfigError
from linx.providers.kinds import KINDS


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("http://localhost", ("http", "localhost", 80, "")),
        ("https://api.groq.com/openai/v1/", ("https", "api.groq.com", 443, "/openai/v1")),
        ("HTTP://Box.LAN:8080//", ("http", "box.lan", 8080, "")),
        ("http://[2001:DB8::1]:9/x", ("http", "2001:db8::1", 9, "/x")),
        ("http://my_box:65535/k/KEY@1/v1", ("http", "my_box", 65535, "/k/KEY@1/v1")),
        ("http://10.0.0.1:080", ("http", "10.0.0.1", 80, "")),
    ],
)
def test_an_endpoint_is_taken_apart(text: str, parts: tuple[str, str, int, str]) -> None:
    assert endpoint_rules.endpoint_parts("x", text) == parts


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("//box", "must start with"),
        ("http:/box", "must start with"),
        ("http://", "has no host"),
        ("http:///v1", "has no host"),
        ("http://:80", "has no host"),
        ("http://::1:80/", "has no host"),
        ("http://[1.2.3.4]/", "must have an IPv6 address in the square brackets"),
        ("http://[::1/", "is not a valid address"),
        ("http://[::1]x/", "is not a valid address"),
        ("http://[fe80::1%25eth0]/", "must not contain a zone"),
        ("http://b%6fx/", "must not contain a zone or a percent sign"),
        ("http://box:/", "must have a port"),
        ("http://box:http/", "must have a port"),
        ("http://box:+80/", "must have a port"),
        ("http://box\\@evil/", "is not a valid address"),
        ("http://u@box/", "must not contain credentials"),
        ("http://u:p@[::1]/", "must not contain credentials"),
        ("http://bücher/", "must be plain ASCII"),
        ("http://box/\x7f", "must not contain a space"),
        ("http://-box/", "has an invalid host name"),
        ("http://a..b/", "has an invalid host name"),
        ("http://" + "a" * 64 + "/", "has an invalid host name"),
        ("http://1.2.3/", "has an IP address that is not in the form"),
        ("http://010.0.0.1/", "has an IP address that is not in the form"),
        ("http://2852039166/", "has an IP address that is not in the form"),
        ("http://127.1./", "has an IP address that is not in the form"),
        ("http://[::ffff:169.254.169.254]/", "is the metadata service"),
        ("http://[fd00:ec2::254]/", "is the metadata service"),
        ("http://Metadata.Google.Internal./", "is the metadata service"),
        ("http://box/a/../b", "must not contain . or .."),
        ("http://box/" + "a" * 3000, "must not be longer"),
        ("http://box/v1?a=b", "must not contain a query"),
    ],
)
def test_a_bad_endpoint_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        endpoint_rules.endpoint_parts("here", text)
    assert str(caught.value).startswith(f"here: {problem}")


@pytest.mark.parametrize(
    ("text", "kind", "is_fine"),
    [
        ("http://box/v1/chat/completions", "openai", False),
        ("http://box/v1/models/", "openai", False),
        ("http://box:11434/api/chat", "ollama", False),
        ("http://box:11434/api/", "ollama", False),
        ("http://box:8080/k/KEY", "ollama", True),
        ("http://box:11434/v1", "ollama", True),
        ("https://h/api", "openai", True),
        ("https://h/openai/deployments/d?api-version=1", "openai", True),
        ("https://x.services.ai.azure.com/models?api-version=1", "openai", True),
        ("https://x.services.ai.azure.com/v1/models", "openai", False),
        ("https://h/v1/chat/completions?api-version=1", "openai", False),
    ],
)
def test_what_linx_appends_itself_is_refused(text: str, kind: str, is_fine: bool) -> None:
    if is_fine:
        endpoint_rules.check_endpoint("x", text, KINDS[kind])
    else:
        with pytest.raises(ConfigError, match="must end before /"):
            endpoint_rules.check_endpoint("x", text, KINDS[kind])


@pytest.mark.parametrize("query", ["key=x", "a=b&api_key=x", "subscription-key=x", "Token=x", "sig=1&auth=x"])
def test_a_credential_in_a_query_is_refused(query: str) -> None:
    with pytest.raises(ConfigError, match="must not contain a credential in its query"):
        endpoint_rules.check_endpoint("x", f"https://h/v1?{query}", KINDS["openai"])


@pytest.mark.parametrize("text", ["https://a.example", "http://localhost:3000", "app://obsidian.md", "file://"])
def test_origins_pass(text: str) -> None:
    endpoint_rules.check_allowed_origin("x", text)


@pytest.mark.parametrize("text", ["*", "null", "https://a/b", "https://a/", "a.example", "https://a b"])
def test_what_is_no_origin_does_not(text: str) -> None:
    with pytest.raises(ConfigError, match="must look like"):
        endpoint_rules.check_allowed_origin("x", text)


@pytest.mark.parametrize("text", ["box", "*.example.com", "192.168.1.5", "[::1]", "::1"])
def test_allowed_hosts_pass(text: str) -> None:
    endpoint_rules.check_allowed_host("x", text)


@pytest.mark.parametrize("text", ["box:80", "a/b", "*", "a b", ""])
def test_what_is_no_host_does_not(text: str) -> None:
    with pytest.raises(ConfigError, match="must be a host name alone"):
        endpoint_rules.check_allowed_host("x", text)


def test_ones_own_addresses_can_be_bound_and_no_others() -> None:
    assert endpoint_rules._is_own(ipaddress.ip_address("127.0.0.1"))
    assert not endpoint_rules._is_own(ipaddress.ip_address("203.0.113.7"))


def test_a_probe_for_ones_own_address_needs_no_network() -> None:
    assert endpoint_rules.leads_to("127.0.0.1", "0.0.0.0")
    assert endpoint_rules.leads_to("::1", "::")
    assert not endpoint_rules.leads_to("203.0.113.7", "0.0.0.0")
    assert not endpoint_rules.leads_to("2001:db8::7", "::")
