"""What is said of keys and servers that are there and not used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.config.load import load
from linx.config.shape import FOUND_NAMES
from linx.core import jsontext
from linx.core.addresses import Origin
from linx.discovery.hints import KEY_VARIABLES, hint_for, key_hints, provider_line
from linx.discovery.identify import Found
from linx.discovery.products import PRODUCTS
from linx.providers.kinds import KINDS
from tests.fakes.provider import closed_port

if TYPE_CHECKING:
    from pathlib import Path

HERE = Origin("http", "localhost", closed_port())


def test_each_name_that_is_found_may_have_a_priority() -> None:
    assert {product.name for product in PRODUCTS} == set(FOUND_NAMES)


def test_a_key_is_pointed_out_with_a_line_that_a_config_takes(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    for one in KEY_VARIABLES:
        (hint,) = key_hints({one.variable: "sk-secret-0123456789", "PATH": "/bin"})
        assert "secret" not in hint
        line = hint.partition("config.json: ")[2]
        path.write_bytes(jsontext.dumps({"providers": jsontext.loads(b"{" + line.encode() + b"}")}))
        path.chmod(0o600)
        found = load(str(path), {one.variable: "sk-secret-0123456789"}, KINDS)
        (section,) = [each for each in found.providers if each.enabled]
        assert (section.name, section.endpoint, section.api_key) == (one.name, one.endpoint, "sk-secret-0123456789")


def test_a_key_that_is_not_set_or_used_is_not_pointed_out() -> None:
    assert key_hints({"GROQ_API_KEY": ""}) == []
    assert key_hints({"GROQ_API_KEY": "x"}, ["https://api.groq.com/openai/v1/"]) == []


def test_what_is_found_and_not_used() -> None:
    assert hint_for(Found(HERE, "not a model server: nginx")) is None
    assert hint_for(Found(HERE, "Ollama", "ollama", "ollama")) is None
    assert "another Linx is at" in str(hint_for(Found(HERE, "another Linx", is_linx=True)))
    keyed = str(hint_for(Found(HERE, "llama.cpp", "llamacpp", "llamacpp", needs_key=True)))
    assert provider_line("llamacpp", "llamacpp", str(HERE), "env:LLAMACPP_KEY") in keyed
    unknown = str(hint_for(Found(HERE, "an OpenAI-compatible server", lists_models=True)))
    assert "not taken in by itself" in unknown
