"""What of a refusal's words is quoted of the request."""

from __future__ import annotations

import time
from typing import Any

import pytest

from linx.dialects.adaptation.quoted import in_own_words
from linx.dialects.adaptation.row import BodyFormat
from linx.dialects.adaptation.table import next_adaptation
from linx.dialects.failures.meaning import failure

PROMPT = "Why does it say: System message must be at the beginning, and that temperature is not supported?"


def body(**fields: Any) -> dict[str, Any]:
    system, user = {"role": "system", "content": "You help."}, {"role": "user", "content": PROMPT}
    return {"model": "m", "messages": [system, user, system, user], "temperature": 0.5, **fields}


# As pydantic repeats what it could not read (vllm#9693 has such an error), and as a gateway repeats a prompt.
QUOTING = [
    f"[{{'type': 'missing', 'loc': ('body', 'x'), 'msg': 'Field required', 'input': {{'content': '{PROMPT}'}}}}]",
    f"Moderation failed for input: {PROMPT.upper()}",
    f'{{"error":{{"message":"cannot parse \\"{PROMPT}\\" of the user"}}}}',
]


@pytest.mark.parametrize("words", QUOTING)
def test_what_is_quoted_of_a_prompt_is_not_the_providers_own(words: str) -> None:
    refusal = failure(400, words.encode())
    assert next_adaptation(refusal, BodyFormat.CHAT, body(), ()) is not None
    assert next_adaptation(in_own_words(refusal, body()), BodyFormat.CHAT, body(), ()) is None


def test_nor_what_is_quoted_of_a_tool() -> None:
    told = "Sets it; note that the old parameter temperature is not supported any more."
    tool = {"type": "function", "function": {"name": "f", "description": told}}
    refusal = failure(422, f"tools[0] could not be read: {told}".encode())
    given = {"model": "m", "messages": [], "temperature": 1, "tools": [tool]}
    assert str(next_adaptation(refusal, BodyFormat.CHAT, given, ())) == "parameter:temperature"
    assert next_adaptation(in_own_words(refusal, given), BodyFormat.CHAT, given, ()) is None


def test_a_short_prompt_is_quoted_as_a_whole() -> None:
    given = {"messages": [{"role": "user", "content": "temperature not supported"}], "temperature": 1}
    own = in_own_words(failure(400, b'invalid: "temperature not supported"'), given)
    assert own.words == 'invalid: "  "'


def test_the_providers_own_words_stay_beside_a_quotation() -> None:
    words = f"Unsupported parameter: 'temperature'. You sent: {PROMPT}"
    refusal = failure(400, words.encode())
    refusal.param = "temperature"
    own = in_own_words(refusal, body())
    assert (own.param, own.upstream_status, own.labels) == ("temperature", 400, ())
    assert str(next_adaptation(own, BodyFormat.CHAT, body(), ())) == "parameter:temperature"


def test_a_refusal_that_quotes_nothing_is_the_same() -> None:
    refusal = failure(400, b"Unsupported parameter: 'temperature' is not supported with this model.")
    assert in_own_words(refusal, body()) is refusal
    assert in_own_words(failure(400, b""), {}).words == ""


def test_a_long_history_is_compared_in_a_moment() -> None:
    given = body(messages=[{"role": "user", "content": "the quick brown fox jumps over a lazy dog " * 10_000}])
    refusal = failure(400, b"the quick brown cat jumps over a dog " * 1000)
    began = time.perf_counter()
    assert in_own_words(refusal, given) is refusal
    repeated = in_own_words(failure(400, b"a " * 4000), {"prompt": "a " * 200_000})
    assert repeated.words.strip() == ""
    assert time.perf_counter() - began < 2
