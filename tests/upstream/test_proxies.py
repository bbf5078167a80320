"""Which proxy, when, and what a proxy's refusal looks like."""

from __future__ import annotations

import base64

import pytest

from linx.core.addresses import Origin
from linx.core.attempt_errors import ConnectFailed
from linx.upstream.dial import Dialer
from linx.upstream.pool import Pool, Sending
from linx.upstream.proxies import Proxies, Proxy, tunnel
from tests.upstream.permits import anywhere, connected
from tests.upstream.scripted import OK, Pieces, Script, serving

PROXY = "http://proxy.example:3128"
FAR = "api.example.com"


def found(environ: dict[str, str], *, scheme: str = "https", host: str = FAR, port: int = 443) -> str | None:
    proxy = Proxies(environ).find(scheme, host, port)
    return None if proxy is None else proxy.address


@pytest.mark.parametrize(
    ("environ", "https", "http"),
    [
        ({}, None, None),
        ({"HTTPS_PROXY": PROXY}, "proxy.example:3128", None),
        ({"https_proxy": PROXY}, "proxy.example:3128", None),
        ({"HTTP_PROXY": PROXY}, None, "proxy.example:3128"),
        ({"http_proxy": PROXY}, None, "proxy.example:3128"),
        ({"HTTP_PROXY": PROXY, "REQUEST_METHOD": "GET"}, None, None),
        ({"http_proxy": PROXY, "REQUEST_METHOD": "GET"}, None, "proxy.example:3128"),
        ({"ALL_PROXY": PROXY}, "proxy.example:3128", "proxy.example:3128"),
        ({"all_proxy": PROXY, "HTTPS_PROXY": "http://other:1"}, "other:1", "proxy.example:3128"),
        ({"HTTPS_PROXY": "  "}, None, None),
        ({"HTTPS_PROXY": "proxy.example:3128"}, "proxy.example:3128", None),
        ({"HTTPS_PROXY": "http://[::1]"}, "[::1]:80", None),
    ],
)
def test_variables(environ: dict[str, str], https: str | None, http: str | None) -> None:
    assert found(environ) == https
    assert found(environ, scheme="http", port=80) == http


@pytest.mark.parametrize(
    ("no_proxy", "host", "port", "is_direct"),
    [
        ("*", FAR, 443, True),
        ("example.com", FAR, 443, True),
        (".example.com", FAR, 443, True),
        ("*.example.com", FAR, 443, True),
        ("API.Example.Com", FAR, 443, True),
        ("example.com", "notexample.com", 443, False),
        ("other.com, example.com", FAR, 443, True),
        ("other.com", FAR, 443, False),
        ("example.com:443", FAR, 443, True),
        ("example.com:8443", FAR, 443, False),
        ("8.8.8.8", "8.8.8.8", 443, True),
        ("8.8.0.0/16", "8.8.8.8", 443, True),
        ("8.8.0.0/16", "8.9.8.8", 443, False),
        ("2001:db8::/32", "2001:db8::5", 443, True),
        ("[2001:db8::5]:443", "2001:db8::5", 443, True),
        ("8.8.8.8:80", "8.8.8.8", 443, False),
        ("8.8.0.0/16", FAR, 443, False),
        ("", FAR, 443, False),
    ],
)
def test_exemptions(no_proxy: str, host: str, port: int, is_direct: bool) -> None:
    environ = {"HTTPS_PROXY": PROXY, "NO_PROXY": no_proxy}
    assert (found(environ, host=host, port=port) is None) is is_direct


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1", "192.168.1.20", "169.254.3.4", "nas.local"])
def test_what_is_near_never_takes_a_proxy(host: str) -> None:
    assert found({"ALL_PROXY": PROXY}, host=host) is None


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("socks5://user:hunter2@proxy:1080", "not http://"),
        ("https://user:hunter2@proxy", "not http://"),
        ("http://user:hunter2@:99999", "not a proxy URL"),
        ("http://user:hunter2@proxy:99999", "not a proxy URL"),
        ("http://", "not a proxy URL"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_an_error(url: str, says: str) -> None:
    with pytest.raises(ConnectFailed, match=says) as caught:
        found({"HTTPS_PROXY": url})
    assert "HTTPS_PROXY" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert found({"HTTPS_PROXY": url}, host="localhost") is None


def test_credentials_are_sent_and_never_shown() -> None:
    proxy = Proxies({"HTTPS_PROXY": "http://us%40er:hunter2@proxy:1"}).find("https", FAR, 443)
    assert proxy is not None
    assert proxy.authorization == b"Basic " + base64.b64encode(b"us@er:hunter2")
    assert "Basic" not in repr(proxy)


async def test_connect_for_a_plain_origin_too() -> None:
    tunnelled: Script = ["head", b"HTTP/1.1 200 Connection established\r\n\r\n", "read", OK]
    async with serving(tunnelled) as server:
        environ = {"HTTP_PROXY": f"http://user:hunter2@{server.origin.address}"}
        pool = Pool(Dialer(environ))
        with await pool.open(anywhere(Origin("http", FAR, 80)), Sending(b"GET", b"/v1/models")) as exchange:
            assert await exchange.read_all(10) == b"{}"
        connect, request = server.requests
        assert connect.startswith(b"CONNECT api.example.com:80 HTTP/1.1\r\nHost: api.example.com:80\r\n")
        assert b"Proxy-Authorization: Basic " in connect
        assert request.startswith(b"GET /v1/models HTTP/1.1\r\nHost: api.example.com\r\n")
        assert b"Proxy-Authorization" not in request


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"HTTP/1.1 407 Authentication Required\r\n\r\n", "status 407"),
        (b"HTTP/1.0 503 No\r\nContent-Length: 0\r\n\r\n", "status 503"),
        (b"SSH-2.0\r\n\r\n", "no valid answer"),
        (b"HTTP/1.1 200 OK\r\n", "no valid answer"),
        (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 4000, "no valid answer"),
        (b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n", "bytes of its own"),
        (b"", "no valid answer"),
    ],
)
async def test_a_proxy_that_refuses(answer: bytes, says: str) -> None:
    proxy = Proxy("proxy", 3128, b"Basic c2VjcmV0")
    for pieces in ([answer], [answer[:9], answer[9:]]):
        with pytest.raises(ConnectFailed, match=says) as caught:
            await tunnel(Pieces(pieces), proxy, "api.example.com:443")
        assert "proxy:3128" in str(caught.value)
        assert "c2VjcmV0" not in str(caught.value)


async def test_a_proxy_that_resets() -> None:
    with pytest.raises(ConnectFailed, match="no valid answer"):
        await tunnel(Pieces([b"HTTP/1.1 2"], then="reset"), Proxy("proxy", 3128), "api.example.com:443")


async def test_a_proxy_that_is_not_there_is_named() -> None:
    async with serving(["close"]) as server:
        gone = server.origin.address
    with pytest.raises(ConnectFailed, match=f"the proxy {gone} refused"):
        await connected(Dialer({"HTTPS_PROXY": gone}), Origin("https", FAR, 443))
