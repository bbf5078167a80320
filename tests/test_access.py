"""Keys, hosts and origins: who may call, and what a refused one is told."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from linx.access import Access, Keys, Policy, is_local_name, is_only_this_machine, machine_names
from linx.core.client_key import NO_KEY, ClientKey, digest_of
from linx.core.errors import BadRequest, Forbidden, TooManyWrongKeys, Unauthorized, UnsupportedEncoding
from linx.core.redaction import Redactor
from tests.keys import plain

KEY = b"a-key-of-sixteen-characters"


@dataclass
class Ask:
    headers: dict[bytes, bytes] = field(default_factory=dict)
    method: str = "GET"
    host: bytes = b"localhost:8080"
    has_body: bool = False
    key: ClientKey = NO_KEY

    def header(self, name: bytes) -> bytes | None:
        return self.headers.get(name)


def test_the_name_of_a_key_is_its_place() -> None:
    """And a request without a key, or on a path that needs none, has no name."""
    access = Access(Policy(plain(b"the-first-key", KEY)))
    for headers, is_open, name in (
        ({b"authorization": b"Bearer the-first-key"}, False, "key-1"),
        ({b"x-api-key": KEY}, False, "key-2"),
        ({}, True, "-"),
    ):
        ask = Ask(headers)
        access.check(ask, None, is_open=is_open, is_management=False, now=0.0)
        assert ask.key.name == name


def test_a_named_key_brings_its_limits() -> None:
    anna = ClientKey(name="anna", models=("qwen*",), requests_per_minute=20)
    access = Access(Policy({**plain(b"the-first-key"), digest_of(KEY): anna}))
    ask = Ask({b"x-api-key": KEY})
    access.check(ask, None, is_open=False, is_management=False, now=0.0)
    assert ask.key is anna


def test_the_digest_of_a_key_opens_nothing() -> None:
    for digest in (digest_of(KEY), digest_of(KEY).hex().encode()):
        with pytest.raises(Unauthorized):
            check(Policy(plain(KEY)), Ask({b"x-api-key": digest}))


def check(
    policy: Policy, ask: Ask, path_key: bytes | None = None, *, is_open: bool = False, manage: bool = False
) -> None:
    Access(policy).check(ask, path_key, is_open=is_open, is_management=manage, now=0.0)


@pytest.mark.parametrize(
    "headers",
    [
        {b"authorization": b"Bearer " + KEY},
        {b"authorization": b"bearer  " + KEY},
        {b"authorization": KEY},
        {b"x-api-key": KEY},
        {b"api-key": KEY},
    ],
)
def test_the_right_key_opens(headers: dict[bytes, bytes]) -> None:
    check(Policy(plain(b"other", KEY)), Ask({**headers, b"origin": b"https://any.example"}, host=b"any.example"))


def test_the_key_may_stand_in_the_path() -> None:
    check(Policy(plain(KEY)), Ask(), KEY)
    with pytest.raises(Unauthorized, match="Wrong key"):
        check(Policy(plain(KEY)), Ask({b"x-api-key": KEY}), b"wrong")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {b"authorization": b"Bearer wrong"},
        {b"authorization": b"Bearer " + KEY[:-1]},
        {b"authorization": b"Bearer \xc3\xa9\xff"},
        {b"authorization": b"Bearer"},
        {b"authorization": b""},
        {b"x-api-key": b"wrong"},
        {b"x-api-key": b"wrong", b"api-key": KEY},
        {b"api-key": b"wrong"},
        {b"api-key": b""},
        {b"authorization_": b"Bearer " + KEY},
        {b"proxy-authorization": b"Bearer " + KEY},
    ],
)
def test_no_key_or_a_wrong_one_is_401(headers: dict[bytes, bytes]) -> None:
    with pytest.raises(Unauthorized) as caught:
        check(Policy(plain(KEY)), Ask(headers))
    assert (b"www-authenticate", b"Bearer") in caught.value.headers
    assert KEY.decode() not in str(caught.value)


def test_what_needs_no_key() -> None:
    check(Policy(plain(KEY)), Ask(), is_open=True)
    preflight = {b"origin": b"https://app.example", b"access-control-request-method": b"POST"}
    check(Policy(plain(KEY)), Ask(preflight, method="OPTIONS"))
    with pytest.raises(Unauthorized):
        check(Policy(plain(KEY)), Ask(method="OPTIONS"))


@pytest.mark.parametrize(
    "host",
    [
        b"localhost",
        b"localhost:1",
        b"LOCALHOST",
        b"a.localhost",
        b"127.0.0.1:8080",
        b"127.9.9.9",
        b"[::1]:8080",
        b"",
        b"host.docker.internal",
        b"host.containers.internal:8080",
        b"HOST.orb.internal",
        b"host.lima.internal",
        b"my.name",
        b"[fd00::1]:80",
    ],
)
def test_names_of_this_machine(host: bytes) -> None:
    check(Policy(hosts=machine_names(["my.name", "fd00::1", "0.0.0.0"])), Ask(host=host))


def test_a_star_allows_every_name_below_and_no_other() -> None:
    policy = Policy(hosts=machine_names(["*.home.Example"]))
    for host in (b"box.home.example", b"a.b.home.example:8080"):
        check(policy, Ask(host=host))
        check(policy, Ask({b"origin": b"http://" + host}))
    for host in (b"home.example", b"evilhome.example", b"box.home.example.evil", b"example"):
        with pytest.raises(Forbidden, match="allowed_hosts"):
            check(policy, Ask(host=host))


@pytest.mark.parametrize(
    "host",
    [
        b"evil.example",
        b"localhost.evil.example",
        b"127.0.0.1.nip.io",
        b"2130706433",
        b"0x7f000001",
        b"127.1",
        b"0177.0.0.1",
        b"0.0.0.0",
        b"[::]",
        b"10.0.0.1",
        b"evil.example@localhost",
        b"[::1",
        b"evillocalhost",
        b"evil.host.docker.internal",
        b"host.docker.internal.evil.example",
        b"other.internal",
    ],
)
def test_other_names_are_403_with_the_line_to_add(host: bytes) -> None:
    with pytest.raises(Forbidden, match="allowed_hosts"):
        check(Policy(), Ask(host=host))


@pytest.mark.parametrize(
    "origin",
    [
        b"http://localhost:3000",
        b"https://127.0.0.1",
        b"http://[::1]:5173",
        b"app://obsidian.md",
        b"tauri://localhost",
        b"vscode-webview://abc",
        b"vscode-file://vscode-app",
        b"file://",
        b"https://mine.example",
    ],
)
def test_pages_of_this_machine(origin: bytes) -> None:
    access = Access(Policy(origins=frozenset({b"https://mine.example"})))
    # Such a page and Linx are different sites to a browser all the same.
    headers = {b"origin": origin, b"content-type": b"application/json; charset=utf-8", b"sec-fetch-site": b"cross-site"}
    answer = access.check(Ask(headers, "POST", has_body=True), None, is_open=False, is_management=False, now=0.0)
    assert answer[0] == (b"access-control-allow-origin", origin)
    assert (b"vary", b"Origin") in answer


@pytest.mark.parametrize(
    "origin",
    [
        b"https://evil.example",
        b"null",
        b"http://localhost.evil.example",
        b"http://evillocalhost",
        b"http://localhost:8080@evil.example",
        b"chrome-extension://abc",
        b"http://localhost:3000/path",
        b"http://[::1",
        b"",
    ],
)
def test_other_pages_are_403_with_the_line_to_add(origin: bytes) -> None:
    with pytest.raises(Forbidden, match="allowed_origins"):
        check(Policy(), Ask({b"origin": origin, b"content-type": b"application/json"}, "POST", has_body=True))


@pytest.mark.parametrize("kind", [None, b"text/plain", b"application/x-www-form-urlencoded"])
def test_a_browser_must_send_json(kind: bytes | None) -> None:
    headers = {b"origin": b"http://localhost:3000"} | ({} if kind is None else {b"content-type": kind})
    with pytest.raises(UnsupportedEncoding):
        check(Policy(), Ask(headers, "POST", has_body=True))
    del headers[b"origin"]
    check(Policy(), Ask(headers, "POST", has_body=True))  # curl may send what it likes
    with pytest.raises(UnsupportedEncoding):
        check(Policy(), Ask({**headers, b"sec-fetch-site": b"same-origin"}, "POST", has_body=True))


def test_a_foreign_page_without_an_origin() -> None:
    image = {b"sec-fetch-site": b"cross-site", b"sec-fetch-mode": b"no-cors"}
    with pytest.raises(Forbidden):
        check(Policy(), Ask(image))
    check(Policy(), Ask({**image, b"sec-fetch-mode": b"navigate"}))
    with pytest.raises(Forbidden):
        check(Policy(), Ask({**image, b"sec-fetch-mode": b"navigate"}, "POST"))
    check(Policy(), Ask({b"sec-fetch-site": b"none"}))


@pytest.mark.parametrize("keys", [(), (KEY,)])
def test_management_answers_no_other_origin(keys: tuple[bytes, ...]) -> None:
    for origin in (b"http://localhost:3000", b"https://localhost:8080", b"vscode-webview://abc", b"null"):
        ask = Ask({b"origin": origin, b"x-api-key": KEY}, host=b"localhost:8080")
        with pytest.raises(Forbidden):
            check(Policy(plain(*keys)), ask, manage=True)
    own = Ask({b"origin": b"http://localhost:8080", b"x-api-key": KEY}, host=b"localhost:8080")
    assert Access(Policy(plain(*keys))).check(own, None, is_open=False, is_management=True, now=0.0) == []


def test_a_preflight_says_what_is_allowed() -> None:
    headers = {
        b"origin": b"http://localhost:3000",
        b"access-control-request-method": b"POST",
        b"access-control-request-headers": b"authorization,x-stainless-lang",
        b"access-control-request-private-network": b"true",
    }
    access = Access(Policy())
    answer = dict(access.check(Ask(headers, "OPTIONS"), None, is_open=False, is_management=False, now=0.0))
    assert answer[b"access-control-allow-headers"] == b"authorization,x-stainless-lang"
    assert answer[b"access-control-allow-private-network"] == b"true"
    assert answer[b"access-control-max-age"] == b"600"
    with pytest.raises(BadRequest):
        check(Policy(), Ask({**headers, b"access-control-request-headers": b"x\xff"}, "OPTIONS"))
    with pytest.raises(Forbidden):
        check(Policy(), Ask({**headers, b"origin": b"https://evil.example"}, "OPTIONS"))


def test_local_names_are_canonical_text() -> None:
    assert is_local_name("127.0.0.1")
    assert not is_local_name("127.0.0.01")
    assert not is_local_name("[::g]")


# --- the tunnel's listener ---

NAME = b"abc123.lhr.life"
TUNNEL = Policy(plain(KEY), hosts=machine_names(["abc123.lhr.life"]), model_paths_only=True)


@pytest.mark.parametrize("host", [NAME, NAME.upper(), NAME + b":443"])
def test_the_tunnel_answers_its_live_name_with_the_key(host: bytes) -> None:
    check(TUNNEL, Ask({b"x-api-key": KEY}, host=host))
    check(TUNNEL, Ask(host=host), KEY)


@pytest.mark.parametrize(
    "host", [b"localhost", b"127.0.0.1", b"[::1]", b"", b"evil.example", b"x." + NAME, NAME + b"."]
)
def test_it_answers_no_other_name_whatever_the_key(host: bytes) -> None:
    for is_open in (False, True):
        with pytest.raises(Forbidden, match="tunnel's present name"):
            check(TUNNEL, Ask({b"x-api-key": KEY}, host=host), is_open=is_open)
    preflight = {b"origin": b"https://app.example", b"access-control-request-method": b"POST"}
    with pytest.raises(Forbidden):
        check(TUNNEL, Ask(preflight, method="OPTIONS", host=host))


def test_nothing_there_goes_without_a_key_but_a_preflight() -> None:
    with pytest.raises(Unauthorized):
        check(TUNNEL, Ask(host=NAME), is_open=True)
    check(
        TUNNEL,
        Ask({b"origin": b"https://app.example", b"access-control-request-method": b"POST"}, "OPTIONS", host=NAME),
    )


def test_a_tunnel_that_has_no_key_yet_lets_nobody_in() -> None:
    policy = Policy(hosts=TUNNEL.hosts, model_paths_only=True)
    for headers in ({}, {b"x-api-key": b""}, {b"authorization": b"Bearer "}, {b"x-api-key": b"None"}):
        with pytest.raises(Unauthorized):
            check(policy, Ask(headers, host=NAME))


def test_wrong_keys_there_are_counted_for_a_minute() -> None:
    access = Access(TUNNEL)

    def ask(key: bytes, now: float) -> None:
        access.check(Ask({b"x-api-key": key}, host=NAME), None, is_open=False, is_management=False, now=now)

    for number in range(10):
        with pytest.raises(Unauthorized):
            ask(b"wrong", float(number))
    with pytest.raises(TooManyWrongKeys) as caught:
        ask(b"wrong", 20.0)
    assert caught.value.retry_after_s == 40
    ask(KEY, 20.0)
    with pytest.raises(Unauthorized):
        ask(b"wrong", 60.5)
    with pytest.raises(TooManyWrongKeys):
        ask(b"wrong", 60.6)


# --- invented keys ---


def test_configured_keys_are_in_force_and_none_is_invented_beside_them() -> None:
    keys = Keys(plain("one-key", "two-key"), "an-invented-one")
    assert keys.in_force == plain("one-key", "two-key")
    assert keys.or_invented(Redactor()) is keys


def test_an_invented_key_is_random_kept_and_known_to_the_redactor() -> None:
    redactor = Redactor()
    keys = Keys().or_invented(redactor)
    assert keys.invented is not None
    assert len(keys.invented) >= 43  # 32 bytes
    assert keys.in_force == plain(keys.invented)
    assert keys.or_invented(redactor) is keys
    assert keys.invented not in redactor.clean(f"the key is {keys.invented}") + repr(keys)
    assert Keys().or_invented(redactor).invented != keys.invented
    assert Keys().in_force == {}


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [(["127.0.0.1", "::1"], True), (["127.0.0.1", "0.0.0.0"], False), (["::"], False), (["10.0.0.1"], False)],
)
def test_what_is_only_this_machine(hosts: list[str], expected: bool) -> None:
    assert all(map(is_only_this_machine, hosts)) is expected
