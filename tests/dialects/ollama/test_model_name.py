"""Which texts an Ollama takes for the name of a model."""

from __future__ import annotations

import pytest

from linx.dialects.ollama.model_name import is_model_name

# Each of these was asked of an Ollama 0.33, on /api/chat, /api/generate, /api/show, /api/embed and /api/embeddings.
INVALID = ("a b", "a:b:c", ":x", "x:", "/x", "x/", ".a", "a@b", "é", "", "a" * 81, "m:" + "t" * 81)


@pytest.mark.parametrize("name", INVALID)
def test_an_ollama_does_not_look_for_these(name: str) -> None:
    assert not is_model_name(name)


@pytest.mark.parametrize(
    "name",
    [
        *("m", "m:latest", "SMOL", "qwen3:32b", "a.b-c_d:1.5", "_x", "x:cloud", "gpt-oss:120b-cloud", "m:tag:local"),
        *("library/m", "registry.ollama.ai/library/m:latest", "hf.co/bartowski/Llama-3.2-1B-GGUF:Q4_K_M"),
        *("http://localhost:5000/a/b", "host:5000/a/b:c", "work station/m", "ollama/hf.co/a/b:c", " m "),
    ],
)
def test_these_may_be_somewhere(name: str) -> None:
    assert is_model_name(name)
