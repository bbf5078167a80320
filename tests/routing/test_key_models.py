"""Which models a key may ask for: by the name that is asked for, or by PROVIDER/MODEL."""

from __future__ import annotations

import pytest

from linx.config.shape import RoutingConfig
from linx.core.client_key import ClientKey
from linx.core.errors import ModelNotAllowed, NoLocalProvider, NotAsked, UnknownModel
from linx.routing.candidate import Candidate
from linx.routing.demand import Demand
from linx.routing.key_models import is_offered, may_ask, may_name
from linx.routing.router import Router
from tests.routing.world import has, provider

OLLAMA = has(
    provider("ollama", kind="ollama", model_mappings={"gpt-4o": "qwen3:8b", "default": "llama3:latest"}),
    *("qwen3:8b", "llama3:latest", "Mixed:latest"),
)
CLOUD = has(
    provider("openrouter", local=False, model_mappings={"gpt-4o": "openai/gpt-4o", "default": "qwen/qwen3-max"}),
    *("openai/gpt-4o", "qwen/qwen3-max", "qwen/secret:free"),
)
ROUTER = Router([OLLAMA, CLOUD], RoutingConfig())


def key(*models: str, local_only: bool = False) -> ClientKey:
    return ClientKey(name="anna", models=models, local_only=local_only)


def asked(model: str, *models: str) -> list[str] | str:
    """The candidates of a request with a key for ``models``, or the code of the refusal."""
    try:
        route = ROUTER.route(model, 0.0, Demand(key=key(*models)))
    except (ModelNotAllowed, UnknownModel) as error:
        return str(error.code)
    return [str(one) for one in route.candidates]


@pytest.mark.parametrize(
    ("model", "models", "found"),
    [
        ("qwen3:8b", ("qwen*",), ["ollama/qwen3:8b"]),
        ("QWEN3:8B", ("Qwen*",), ["ollama/qwen3:8b"]),
        ("qwen3:8b", ("qwen",), "model_not_allowed"),
        ("llama3", ("qwen*",), "model_not_allowed"),
        ("llama3", ("llama3:latest",), ["ollama/llama3:latest"]),
        ("llama3:latest", ("llama3",), ["ollama/llama3:latest"]),
        ("library/llama3", ("llama3",), ["ollama/llama3:latest"]),
        ("registry.ollama.ai/library/llama3:latest", ("llama3",), ["ollama/llama3:latest"]),
        ("mixed", ("mixed",), ["ollama/Mixed:latest"]),
        ("gpt-4o", ("gpt-4o",), ["ollama/qwen3:8b", "openrouter/openai/gpt-4o"]),
        ("gpt-4o", ("qwen*",), "model_not_allowed"),
        ("gpt-4o", ("ollama/*",), ["ollama/qwen3:8b"]),
        ("gpt-4o", ("ollama/qwen*",), ["ollama/qwen3:8b"]),
        ("gpt-4o", ("ollama/gpt-4o",), ["ollama/qwen3:8b"]),
        ("gpt-4o", ("openrouter/openai/*",), ["openrouter/openai/gpt-4o"]),
        ("openrouter/gpt-4o", ("gpt-4o",), ["openrouter/openai/gpt-4o"]),
        ("openrouter/gpt-4o", ("openrouter/gpt-4o",), ["openrouter/openai/gpt-4o"]),
        ("openrouter/gpt-4o", ("ollama/*",), "model_not_allowed"),
        ("openrouter/anything", ("openrouter/*",), ["openrouter/anything"]),
        ("qwen/qwen3-max", ("qwen*",), ["openrouter/qwen/qwen3-max"]),
        ("qwen/secret:free", ("qwen/secret",), "model_not_allowed"),
        ("nobody-has-it", ("llama*",), "model_not_allowed"),
        ("llama-nobody-has", ("llama*",), ["ollama/llama3:latest"]),
        ("qwen-nobody-has", ("qwen*",), ["openrouter/qwen/qwen3-max"]),
        ("qwen-nobody-has", ("qwen-*",), "model_not_allowed"),
        ("nobody-has-it", ("ollama/*",), ["ollama/llama3:latest"]),
        ("nobody-has-it", ("*",), ["ollama/llama3:latest", "openrouter/qwen/qwen3-max"]),
        ("qwen3:8b", ("qwen[0-9]*", "qwen?:8b"), "model_not_allowed"),
        ("qwen3:8b", ("q.*",), "model_not_allowed"),
        ("qwen3:8b\nx", ("qwen3:8b",), "model_not_allowed"),
    ],
)
def test_who_answers_a_name(model: str, models: tuple[str, ...], found: list[str] | str) -> None:
    assert asked(model, *models) == found


def test_a_provider_whose_name_looks_like_a_model_opens_nothing() -> None:
    other = has(provider("qwen-server"), "gpt-4o")
    assert not may_ask(key("qwen*"), "gpt-4o", Candidate(other, "gpt-4o"))
    assert not may_ask(key("qwen*"), "qwen-server/gpt-4o", Candidate(other, "gpt-4o"))


def test_without_a_name_the_model_is_compared_that_would_answer() -> None:
    assert may_ask(key("qwen*"), "", Candidate(OLLAMA, "qwen3:8b"))
    assert not may_ask(key("qwen*"), "", Candidate(OLLAMA, "llama3:latest"))


def test_a_key_without_patterns_may_ask_for_everything() -> None:
    assert may_ask(key(), "anything", Candidate(CLOUD, "x"))
    assert may_name(key(), "anything")


def test_a_refusal_says_what_the_key_is_for_whether_or_not_somebody_has_the_model() -> None:
    for model in ("llama3", "nobody has it"):
        with pytest.raises(ModelNotAllowed, match=rf"The key anna may not ask for the model '{model}', only for zzz\*"):
            ROUTER.route(model, 0.0, Demand(key=key("zzz*")))
    with pytest.raises(ModelNotAllowed) as caught:
        ROUTER.route("llama3", 0.0, Demand(key=key(*(f"m{number}" for number in range(9)))))
    assert "only for m0, m1, m2, m3, m4, m5, m6, m7, …. GET" in str(caught.value)


def test_a_hint_names_only_what_the_key_may_ask_for() -> None:
    router = Router([has(provider("a"), "qwen-one", "qwen-two", "secret-qwen")], RoutingConfig())
    with pytest.raises(UnknownModel) as caught:
        router.route("qwen-onne", 0.0, Demand(key=key("qwen*")))
    assert "qwen-one" in str(caught.value)
    with pytest.raises(UnknownModel) as caught:
        router.route("qwenzzzzzzzzzz", 0.0, Demand(key=key("qwen*")))
    assert "secret" not in str(caught.value)


def test_the_answer_says_who_was_not_asked_for_the_key() -> None:
    route = ROUTER.route("gpt-4o", 0.0, Demand(key=key("ollama/*")))
    assert route.not_asked == (NotAsked("openrouter", "key"),)


def test_what_is_not_allowed_is_told_before_what_is_not_local() -> None:
    with pytest.raises(ModelNotAllowed):
        ROUTER.route("openai/gpt-4o", 0.0, Demand(local_only=True, key=key("qwen*")))
    with pytest.raises(NoLocalProvider):
        ROUTER.route("openai/gpt-4o", 0.0, Demand(local_only=True, key=key("*")))


def test_a_list_has_what_the_key_may_be_answered() -> None:
    def listed(one: ClientKey) -> list[str]:
        return [name for name, candidate in ROUTER.offered() if is_offered(one, name, candidate)]

    assert listed(key("qwen*")) == ["qwen3:8b", "qwen/qwen3-max", "qwen/secret:free"]
    assert listed(key("ollama/*")) == ["gpt-4o", "qwen3:8b", "llama3:latest", "Mixed:latest"]
    assert listed(key(local_only=True)) == listed(key("ollama/*"))
    assert len(listed(key())) == 8
