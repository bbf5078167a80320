"""What is known of a host or model before it has refused anything."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from linx.core.chat import Adapted
from linx.dialects.adaptation import known
from linx.dialects.adaptation.known import Known, known_beforehand
from linx.dialects.adaptation.row import BodyFormat
from linx.dialects.adaptation.table import BY_NAME, adapt

A, B = Adapted("a"), Adapted("b")


def test_host_and_model_both_have_to_fit_and_nothing_is_said_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = (Known("api.one.test", "*", (A,)), Known("*.one.test", "o3*", (A, B)))
    monkeypatch.setattr(known, "KNOWN", entries)
    assert known_beforehand("API.one.test", "gpt") == (A,)
    assert known_beforehand("api.one.test", "O3-mini") == (A, B)
    assert known_beforehand("one.test", "o3") == ()


KNOWN_MODELS: dict[tuple[str, str], tuple[dict[str, Any], dict[str, Any]]] = {
    ("api.openai.com", "gpt-5.1"): (
        {"max_tokens": 5, "temperature": 1},
        {"max_completion_tokens": 5, "temperature": 1},
    ),
    ("api.openai.com", "o3-mini"): ({"max_tokens": 5, "temperature": 1, "top_p": 1}, {"max_completion_tokens": 5}),
    ("api.openai.com", "gpt-5-mini"): ({"max_tokens": 5, "temperature": 1}, {"max_completion_tokens": 5}),
    ("api.openai.com", "gpt-4o"): ({"max_tokens": 5, "temperature": 1}, {"max_tokens": 5, "temperature": 1}),
    ("mine.openai.azure.com", "gpt-5.2-chat"): ({"max_tokens": 5}, {"max_completion_tokens": 5}),
    ("models.github.ai", "openai/gpt-5-nano"): ({"max_tokens": 5}, {"max_completion_tokens": 5}),
    ("models.github.ai", "meta/llama-3.3-70b"): ({"max_completion_tokens": 5}, {"max_tokens": 5}),
    ("api.mistral.ai", "devstral-2512"): ({"max_completion_tokens": 5}, {"max_tokens": 5}),
    ("api.cerebras.ai", "gpt-oss-120b"): ({"logit_bias": {}, "seed": 1}, {"seed": 1}),
    ("api.x.ai", "grok-4"): ({"reasoning_effort": "low"}, {}),
    ("api.x.ai", "grok-4.5"): ({"reasoning_effort": "low"}, {"reasoning_effort": "low"}),
    ("api.openai.com", "gpt-4.1"): ({"user": "u" * 99}, {"user": sha256(b"u" * 99).hexdigest()}),
    ("localhost", "gpt-5"): ({"max_tokens": 5}, {"max_tokens": 5}),
}


@pytest.mark.parametrize("where", KNOWN_MODELS, ids=" ".join)
def test_the_first_ask_is_right(where: tuple[str, str]) -> None:
    given, asked = KNOWN_MODELS[where]
    assert adapt(given, known_beforehand(*where), [], BodyFormat.CHAT) == asked


def test_reasoning_comes_back_under_the_name_that_the_provider_has_for_it() -> None:
    history: dict[str, Any] = {
        "messages": [{"role": "assistant", "name": "x", "content": "a", "reasoning_content": "hm"}]
    }
    answers: dict[str, dict[str, Any]] = {
        "api.groq.com": {"role": "assistant", "content": "a", "reasoning": "hm"},
        "api.cerebras.ai": {"role": "assistant", "name": "x", "content": "a", "reasoning": "hm"},
        "api.mistral.ai": {"role": "assistant", "name": "x", "content": "a"},
        "api.deepseek.com": history["messages"][0],
    }
    for host, message in answers.items():
        assert adapt(history, known_beforehand(host, "m"), [], BodyFormat.CHAT) == {"messages": [message]}


def test_embeddings_at_voyage() -> None:
    body = {"model": "voyage-3", "input": "a", "encoding_format": "float", "dimensions": 256}
    asked = adapt(body, known_beforehand("api.voyageai.com", "voyage-3"), [], BodyFormat.EMBEDDINGS)
    assert asked == {"model": "voyage-3", "input": "a", "output_dimension": 256}


def test_every_entry_names_a_row_that_there_is() -> None:
    assert {one.name for entry in known.KNOWN for one in entry.adapted} <= BY_NAME.keys()
