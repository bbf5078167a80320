"""A client's own key: how each kind takes it, that it shows nowhere, and what is remembered of it."""

from __future__ import annotations

import pytest

from linx.core.attempt_errors import ConnectFailed, Refused
from linx.dialects.failures.meaning import failure
from linx.providers.client_credential import KEPT, ClientCredential, KeyPauses
from linx.providers.health import LONGEST_PAUSE_S
from linx.providers.kinds import KINDS
from linx.providers.known_hosts import known_host

API_KEY, SUBSCRIPTION = b"sk-ant-api03-" + b"w5G" * 20, b"sk-ant-oat01-" + b"qX7" * 20
IDENTITY = ((b"user-agent", b"claude-cli/2.1"), (b"x-app", b"cli"))
LIMIT = failure(429, b'{"error":{"type":"rate_limit_error","message":"limit"}}', "120", now=0.0)


@pytest.mark.parametrize(
    ("kind", "host", "token", "is_bearer", "sent"),
    [
        ("anthropic", "api.anthropic.com", API_KEY, False, {b"x-api-key": API_KEY}),
        ("anthropic", "api.anthropic.com", API_KEY, True, {b"x-api-key": API_KEY}),
        ("anthropic", "h", SUBSCRIPTION, True, {b"authorization": b"Bearer " + SUBSCRIPTION, **dict(IDENTITY)}),
        ("openai", "api.openai.com", b"sk-x1234567", True, {b"authorization": b"Bearer sk-x1234567"}),
        ("openai", "api.openai.com", b"sk-x1234567", False, {b"authorization": b"Bearer sk-x1234567"}),
        ("openai", "x.openai.azure.com", b"0123456789", True, {b"api-key": b"0123456789"}),
        ("openai", "x.openai.azure.com", b"eyJtoken123", True, {b"authorization": b"Bearer eyJtoken123"}),
    ],
)
def test_the_form_that_the_provider_takes(
    kind: str, host: str, token: bytes, is_bearer: bool, sent: dict[bytes, bytes]
) -> None:
    credential = ClientCredential(token, is_bearer=is_bearer, identity=IDENTITY if is_bearer else ())
    assert dict(credential.headers(KINDS[kind], known_host(host))) == sent


def test_it_shows_nothing() -> None:
    credential = ClientCredential(API_KEY, is_bearer=True, identity=IDENTITY)
    for text in (repr(credential), str(credential), f"{credential}"):
        assert text == "<a client's own key>"
    assert API_KEY not in credential.digest


def test_a_limit_pauses_that_key_and_no_other() -> None:
    pauses = KeyPauses()
    mine, same, other = (ClientCredential(token, is_bearer=True) for token in (API_KEY, API_KEY, SUBSCRIPTION))
    assert pauses.is_of_key(LIMIT)
    pauses.failed(mine, LIMIT, 10.0, "m")
    found = pauses.of(same, "m", 20.0)
    assert found is not None
    assert (found.until, found.status) == (130.0, 429)
    assert pauses.of(other, "m", 20.0) is None
    assert pauses.of(same, "m", 130.0) is None


def test_a_refusal_without_a_limit_pauses_nothing() -> None:
    pauses, mine = KeyPauses(), ClientCredential(API_KEY, is_bearer=True)
    error = failure(401, b'{"error":{"message":"no"}}', None)
    assert pauses.is_of_key(error)
    pauses.failed(mine, error, 0.0, "m")
    assert pauses.of(mine, "m", 0.0) is None
    mine.refused(error)
    assert (error.status, error.kind) == (401, "authentication_error")
    assert "key that you sent" in str(error)


@pytest.mark.parametrize(
    ("error", "is_of_key"),
    [
        (failure(402, b"", None), True),
        (failure(403, b"", None), True),
        (failure(400, b'{"error":{"message":"You\'re out of extra usage. Add more."}}', None), True),
        (failure(400, b'{"error":{"message":"bad"}}', None), False),
        (failure(529, b"", "3"), False),
        (failure(500, b"", None), False),
        (ConnectFailed("is away"), False),
    ],
)
def test_which_failures_are_the_keys_own(error: Refused, is_of_key: bool) -> None:
    assert KeyPauses().is_of_key(error) == is_of_key


def test_the_memory_is_bounded_and_a_pause_too() -> None:
    pauses = KeyPauses()
    first = ClientCredential(b"key-first", is_bearer=True)
    pauses.failed(first, LIMIT, 0.0, "m")
    for number in range(KEPT):
        pauses.failed(ClientCredential(b"key-%d" % number, is_bearer=True), LIMIT, 0.0, "m")
    assert pauses.of(first, "m", 1.0) is None
    long = failure(429, b"", "99999")
    pauses.failed(first, long, 0.0, "m")
    found = pauses.of(first, "m", 1.0)
    assert found is None or found.until <= LONGEST_PAUSE_S
