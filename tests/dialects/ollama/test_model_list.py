"""Entries for models that are no Ollama's: complete, and guessed with care."""

from __future__ import annotations

from datetime import datetime

import pytest

from linx.dialects.ollama import model_list as ollama_catalog
from linx.dialects.ollama.model_list import Described


def described(served: str = "some/model", **more: object) -> Described:
    return Described(name="gpt-4o", provider="p", served=served, created=1_755_800_000.5, **more)  # type: ignore[arg-type]


def test_an_entry_has_every_field() -> None:
    entry = ollama_catalog.entry(described("qwen3-8b-instruct-q4_k_m"))
    assert entry == {
        "name": "gpt-4o",
        "model": "gpt-4o",
        "modified_at": "2025-08-21T18:13:20.500000Z",
        "size": entry["size"],
        "digest": entry["digest"],
        "details": {
            "parent_model": "",
            "format": "",
            "family": "linx",
            "families": ["linx"],
            "parameter_size": "8B",
            "quantization_level": "Q4_K_M",
        },
        "capabilities": ["completion", "tools"],
    }
    assert entry["size"] > 0
    assert len(bytes.fromhex(entry["digest"])) == 32


@pytest.mark.parametrize(
    ("served", "size", "quantization"),
    [
        ("meta-llama/llama-3.1-70b-instruct", "70B", ""),
        ("qwen2.5-coder:1.5b", "1.5B", ""),
        ("SmolLM2-135M-Instruct.Q8_0", "135M", "Q8_0"),
        ("model-iq2_xs", "", "IQ2_XS"),
        ("gpt-4o", "", ""),
        ("gemma-3n-e4b-it", "", ""),
    ],
)
def test_size_and_quantization_are_read_off_a_name(served: str, size: str, quantization: str) -> None:
    details = ollama_catalog.entry(described(served))["details"]
    assert (details["parameter_size"], details["quantization_level"]) == (size, quantization)


def test_llama_cpp_says_more_of_its_file() -> None:
    meta = {"n_params": 8_030_000_000, "size": 4_920_000_000, "n_embd": 4096}
    model = described(is_file=True, listed={"meta": meta}, context_length=8192)
    entry = ollama_catalog.entry(model)
    assert entry["size"] == 4_920_000_000
    assert entry["details"]["format"] == "gguf"
    assert entry["details"]["parameter_size"] == "8.0B"
    info = ollama_catalog.shown(model)["model_info"]
    assert info["linx.embedding_length"] == 4096
    assert info["general.parameter_count"] == 8_030_000_000


def test_two_models_have_two_digests() -> None:
    assert ollama_catalog.entry(described("a"))["digest"] != ollama_catalog.entry(described("b"))["digest"]


def test_what_is_shown_tells_abilities_and_context() -> None:
    shown = ollama_catalog.shown(described(context_length=8192, capabilities=frozenset({"thinking", "tools"})))
    info = shown["model_info"]
    assert info[f"{info['general.architecture']}.context_length"] == 8192
    assert info["general.basename"] == "gpt-4o"
    assert shown["capabilities"] == ["tools", "thinking"]
    assert "num_ctx" in shown["parameters"]
    assert datetime.fromisoformat(shown["modified_at"])
    unknown = ollama_catalog.shown(described())
    assert unknown["model_info"]["linx.context_length"] == ollama_catalog.USUAL_CONTEXT


def test_an_embedding_model_is_known_by_its_name() -> None:
    assert ollama_catalog.capabilities(described("text-embedding-3-small")) == ["embedding"]


def test_a_running_model_has_an_end_that_clients_can_read() -> None:
    running = ollama_catalog.running(described())
    assert datetime.fromisoformat(running["expires_at"]).year > 2300
    assert running["context_length"] == ollama_catalog.USUAL_CONTEXT
    assert "modified_at" not in running


def test_an_old_ollamas_answer_is_completed_and_never_changed() -> None:
    own = {"template": "t", "details": {"family": "llama"}, "capabilities": None}
    whole = ollama_catalog.completed(own, described(capabilities=frozenset({"completion"})))
    assert whole["capabilities"] == ["completion"]
    assert whole["details"] == {"family": "llama"}
    assert whole["model_info"] == {}
    assert datetime.fromisoformat(whole["modified_at"])
    assert "modelfile" not in whole
