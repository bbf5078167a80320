"""Who has a model of a name, and what is said where nobody has."""

from __future__ import annotations

from typing import Any

import pytest

from linx.config.shape import RoutingConfig
from linx.core.client_key import ClientKey
from linx.core.errors import UnknownModel
from linx.routing.demand import Demand
from linx.routing.router import Router
from tests.routing.world import down, has, ollama, provider, routed, router, told


def test_mappings_and_lists_count_alike_and_give_one_candidate_each() -> None:
    one = has(provider("a", model_mappings={"m": "big"}), "m", "big")
    two = has(provider("b", kind="ollama"), "m:latest")
    three = provider("c", model_mappings={"default": "other"})
    route = router(one, two, three).route("m", 0.0, Demand())
    assert [str(candidate) for candidate in route.candidates] == ["a/big", "b/m:latest"]
    assert (route.model, route.wait_s) == ("m", None)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("b/m", ["b/m"]),
        ("b/gpt", ["b/mapped"]),
        ("b/M", ["b/m:latest"]),
        ("b/what/ever:x", ["b/what/ever:x"]),
        ("a/m", ["a/m"]),
        ("x/y", ["c/x/y"]),  # a name of a list goes before the name of a provider
        ("b/", ["a/fallback"]),
        ("/m", ["a/fallback"]),
        ("nobody/m", ["a/fallback"]),
        ("nothing", ["a/fallback"]),
        ("default", ["a/fallback"]),
    ],
)
def test_a_provider_may_be_named_and_a_default_takes_the_rest(asked: str, found: list[str]) -> None:
    one = provider("a", model_mappings={"default": "fallback"})
    two = has(provider("b", kind="ollama", model_mappings={"gpt": "mapped"}), "m:latest")
    three = has(provider("c"), "x/y")
    if asked == "b/m":
        found = ["b/m:latest"]
    assert routed(router(one, two, three), asked) == found


def test_nobody_has_it() -> None:
    with pytest.raises(UnknownModel, match=r"'m'\. No provider has a model yet; GET /v1/providers/status") as caught:
        routed(router(provider("a")))
    assert caught.value.model == "m"
    many = has(provider("a", model_mappings={"default-not": "x"}), "llama3:8b", "llama3:70b", "qwen", "phi")
    with pytest.raises(UnknownModel, match="Did you mean 'llama3:8b' or 'llama3:70b'"):
        routed(router(many), "lama3:8b")
    with pytest.raises(UnknownModel, match="Some known models: 'default-not', 'llama3:8b', 'llama3:70b'; GET"):
        routed(router(many), "zzzzzz")


def test_every_name_but_default() -> None:
    one = has(provider("a", model_mappings={"gpt": "big", "default": "big"}), "big", "m")
    two = has(provider("b"), "m")
    names = router(one, two).names()
    assert {name: [str(candidate) for candidate in found] for name, found in names.items()} == {
        "gpt": ["a/big"],
        "big": ["a/big"],
        "m": ["a/m", "b/m"],
    }
    for name in (*names, "default", "gpt:latest", "x"):
        assert router(one, two).first_offered(name) == names.get(name, [None])[0]


def test_an_unknown_model_names_who_is_down() -> None:
    ollama = provider("ollama")
    ollama.health.probed(0.0, "localhost:11434 refused the connection: is it running?")
    with pytest.raises(UnknownModel, match=r"Providers that are down: ollama \(localhost:11434 refused the connection"):
        Router([ollama], RoutingConfig()).route("m", 0.0, Demand())


def test_auto_is_chosen_anew_for_each_request() -> None:
    one = ollama("small:1b", "big:9b", "x-embed", default="auto")
    told(one, "small:1b", size=1, capabilities=frozenset({"completion", "tools"}))
    told(one, "big:9b", size=9, capabilities=frozenset({"completion"}))
    told(one, "x-embed", size=3, capabilities=frozenset({"embedding"}))
    asks = router(one)
    assert asks.chooses_models
    assert routed(asks, "gpt-4o") == ["ollama/big:9b"]
    assert routed(asks, "gpt-4o", needs=lambda: frozenset({"tools"})) == ["ollama/small:1b"]
    assert routed(asks, "ada-002", one_model=True) == ["ollama/x-embed"]
    one.answered("small:1b")
    assert routed(asks, "gpt-4o") == ["ollama/small:1b"]
    one.loaded.seen(["big:9b"], 0.0)
    assert routed(asks, "gpt-4o") == ["ollama/big:9b"]


def test_auto_is_no_cloud_model_unless_it_is_named() -> None:
    one = ollama("gpt-oss:120b-cloud", "copy", "m:1b", default="auto", cloud="gpt-oss:120b-cloud")
    told(one, "copy", is_remote=True)
    one.answered("gpt-oss:120b-cloud")
    one.loaded.seen(["copy"], 0.0)
    assert routed(router(one), "what") == ["ollama/m:1b"]
    assert routed(router(one), "cloud") == routed(router(one), "gpt-oss:120b-cloud") == ["ollama/gpt-oss:120b-cloud"]


def test_of_many_remote_models_auto_is_the_one_used_last() -> None:
    one = has(provider("far", local=False, model_mappings={"m": "auto"}), "a", "b")
    with pytest.raises(UnknownModel, match="there are several"):
        routed(router(one))
    one.answered("b")
    assert routed(router(one)) == ["far/b"]


def test_a_server_whose_list_is_not_known_is_asked_for_the_name_itself() -> None:
    assert routed(router(ollama(is_read=False, m="auto", default="auto"))) == ["ollama/m"]
    assert routed(router(down(ollama(is_read=False, default="auto"))), "x") == ["ollama/x"]


@pytest.mark.parametrize("mapping", [{"default": "auto"}, {"m": "auto"}, {"m": "gone:7b"}, {"default": "gone:7b"}])
def test_without_a_model_the_error_says_what_to_type(mapping: dict[str, Any]) -> None:
    with pytest.raises(UnknownModel) as caught:
        routed(router(ollama(**mapping)))
    wanted = "gone:7b" if "gone:7b" in mapping.values() else "qwen3:4b"
    assert f"ollama pull {wanted}" in str(caught.value)


def test_a_key_for_some_models_is_not_told_of_others() -> None:
    one = ollama("secret-big:7b", m="secret-big:32b")
    with pytest.raises(UnknownModel) as caught:
        routed(router(one), key=ClientKey(name="anna", models=("m",)))
    assert "secret" not in str(caught.value)


def test_a_mapping_whose_model_is_not_there_is_no_candidate() -> None:
    one = ollama("here", m="gone:7b", default="here")
    two = provider("b", model_mappings={"m": "far"})
    assert routed(router(one, two)) == ["b/far"]
    assert routed(router(one)) == ["ollama/here"]
    assert routed(router(one), "ollama/m") == ["ollama/m"]
    assert list(router(one).names()) == ["here"]
    has(one, "here", "gone:7b")
    assert routed(router(one)) == ["ollama/gone:7b"]
    assert list(router(one).names()) == ["m", "here", "gone:7b"]
    one.lost("gone:7b")
    assert routed(router(one)) == ["ollama/here"]


def test_an_unlisted_cloud_model_is_there() -> None:
    assert routed(router(ollama(m="gpt-oss:120b-cloud"))) == ["ollama/gpt-oss:120b-cloud"]


def test_a_pattern_takes_no_name_that_the_provider_has() -> None:
    mappings: dict[str, Any] = {"gpt-*": "q"}
    one = ollama("gpt-oss:20b", "q", **mappings)
    assert routed(router(one), "gpt-4o") == ["ollama/q"]
    assert routed(router(one), "gpt-oss:20b") == ["ollama/gpt-oss:20b"]
    assert list(router(one).names()) == ["gpt-oss:20b", "q"]


def test_that_a_model_has_to_be_pulled_is_told_rather_than_that_another_server_was_never_started() -> None:
    never = down(provider("llamacpp", kind="llamacpp", model_mappings={"default": "auto"}))
    with pytest.raises(UnknownModel, match=r"ollama pull qwen3:4b.*Providers that are down: llamacpp"):
        routed(router(ollama(default="auto"), never))
    assert routed(router(ollama("m", default="auto"), never), "x") == ["ollama/m", "llamacpp/x"]
    assert routed(router(never), "x") == ["llamacpp/x"]
