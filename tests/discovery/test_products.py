"""By which answers each program is told. The bodies are those of the programs; where from stands in PRODUCTS."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linx.core import jsontext
from linx.discovery.products import HEALTH, MODELS, PRODUCTS, Answer, Answers, listed, name_in, owner_of, version_in
from linx.providers.kinds import KINDS


def answers(**bodies: Any) -> Answers:
    """Answers with 200, by path without its first slash; ``__`` stands for a slash."""
    found = {}
    for name, value in bodies.items():
        body = value if isinstance(value, bytes) else jsontext.dumps(value)
        json = None if isinstance(value, bytes) else value
        found["/" + name.replace("__", "/").replace("_root", "")] = Answer(200, body=body, value=json)
    return found


def models(*ids: str, owner: str, **more: Any) -> dict[str, Any]:
    return {"object": "list", "data": [{"id": one, "object": "model", "owned_by": owner, **more} for one in ids]}


def told(found: Answers) -> str | None:
    """The name of the first product that recognises the answers."""
    return next((product.name for product in PRODUCTS if product.recognise(found) is not None), None)


def loaded(name: str, found: Answers) -> dict[str, int]:
    return dict(next(product for product in PRODUCTS if product.name == name).loaded(found))


def test_each_product_has_a_name_of_its_own_and_a_kind_that_there_is() -> None:
    assert len({product.name for product in PRODUCTS}) == len(PRODUCTS)
    assert {product.kind for product in PRODUCTS} <= KINDS.keys()


LM_UNKNOWN = {"error": "Unexpected endpoint or method. (GET /running)"}


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("koboldcpp", answers(api__extra__version={"result": "KoboldCpp", "version": "1.120"})),
        (
            "llama-swap",
            answers(running={"running": []}, api__version={"version": "170", "commit": "abc", "build_date": "x"}),
        ),
        ("llamacpp", {"/healthz": Answer(404, "llama.cpp")}),
        ("llamacpp", answers(v1__models=models("m", owner="llamacpp"))),
        ("llamacpp", answers(props={"build_info": "b1234-abc", "default_generation_settings": {"n_ctx": 4096}})),
        ("localai", answers(readyz=b"", version={"version": "v3.5.0 (abcdef)"})),
        ("localai", answers(readyz=b"OK", version={"version": "v2.1.0 (abcdef)"}, api__version={"version": "0.9.0"})),
        ("vllm", answers(v1__models=models("m", owner="vllm"), version={"version": "0.11.0"})),
        ("vllm", {"/v1/models": Answer(401), **answers(version={"version": "0.11.0"})}),
        ("sglang", answers(v1__models=models("m", owner="sglang"))),
        ("lmstudio", answers(api__v0__models={"data": [{"id": "m", "compatibility_type": "gguf"}]})),
        ("lmstudio", answers(api__v1__models={"models": [{"key": "m", "loaded_instances": []}]})),
        ("tabbyapi", answers(v1__models=models("m", owner="tabbyAPI"))),
        ("textgen", answers(v1__internal__model__info={"model_name": "None", "lora_names": []})),
        ("jan", {"/openapi.json": Answer(200, value={"info": {"title": "Jan API Server Endpoints"}})}),
        ("ollama", answers(_root=b"Ollama is running", api__version={"version": "0.33.0"})),
    ],
)
def test_each_program_is_told_by_its_own_answers(name: str, found: Answers) -> None:
    assert told(found) == name


@pytest.mark.parametrize(
    "found",
    [
        {},
        answers(v1__models=models("gpt-4o", owner="openai")),
        answers(_root=b"Ollama is running"),  # a Linx, an Open WebUI or whoever imitates it says that too
        answers(_root=b"<html>Ollama is running</html>", api__version={"version": "0.33.0"}),
        answers(readyz=b"ready", version={"version": "1.0"}),  # any program in a cluster
        answers(readyz=b"", version={"version": 1}),
        answers(version={"version": "1.0"}),
        answers(running=True, api__version={"version": "1"}),
        answers(running=LM_UNKNOWN, api__v0__models=LM_UNKNOWN, props=LM_UNKNOWN),
        answers(v1__internal__model__info={"id": "m"}),
        answers(v1__internal__model__info=["model_name"]),
        answers(api__extra__version=["KoboldCpp"], props=[], v1__models=[1], readyz=[]),
        answers(props={"build_info": 1, "default_generation_settings": 2}),
        {"/api/extra/version": Answer(500, value={"result": "KoboldCpp", "version": "1"})},
    ],
)
def test_who_says_less_or_something_else_is_nobody(found: Answers) -> None:
    assert told(found) is None


@pytest.mark.parametrize(
    ("name", "found", "expected"),
    [
        (
            "ollama",
            answers(api__ps={"models": [{"name": "a:1", "context_length": 4096}, {"name": "b"}, 5, {"name": "x\n"}]}),
            {"a:1": 4096, "b": 0},
        ),
        (
            "llamacpp",
            answers(
                v1__models=models("m", owner="llamacpp", meta={"n_ctx_train": 131072}),
                props={"default_generation_settings": {"n_ctx": 2048}},
            ),
            {"m": 2048},
        ),
        (
            "llamacpp",
            answers(
                v1__models={
                    "data": [
                        {"id": "a", "status": {"value": "loaded"}, "meta": {"n_ctx": 8192}},
                        {"id": "b", "status": {"value": "unloaded"}},
                    ]
                }
            ),
            {"a": 8192},
        ),
        (
            "lmstudio",
            answers(
                api__v0__models={
                    "data": [
                        {"id": "a", "state": "loaded", "max_context_length": 131072, "loaded_context_length": 4096},
                        {"id": "b", "state": "not-loaded", "max_context_length": 32768},
                    ]
                }
            ),
            {"a": 4096},
        ),
        ("vllm", answers(v1__models=models("m", owner="vllm", max_model_len=32768)), {"m": 32768}),
        ("textgen", answers(v1__internal__model__info={"model_name": "m", "lora_names": []}), {"m": 0}),
        ("textgen", answers(v1__internal__model__info={"model_name": "None", "lora_names": []}), {}),
        ("llama-swap", answers(running={"running": [{"model": "a", "state": "ready"}, {"model": "b"}]}), {"a": 0}),
        (
            "koboldcpp",
            answers(
                v1__models=models("koboldcpp/m", owner="koboldcpp"),
                api__extra__true_max_context_length={"value": 8192},
            ),
            {"koboldcpp/m": 8192},
        ),
        ("koboldcpp", answers(v1__models=models("koboldcpp/inactive", owner="koboldcpp")), {}),
    ],
)
def test_what_is_loaded_and_with_which_context(name: str, found: Answers, expected: dict[str, int]) -> None:
    assert loaded(name, found) == expected


@pytest.mark.parametrize("value", [None, 1, "", "a" * 33, "1.0\n", "1 0", "\x1b[2J", ["1"], "../x"])
def test_what_is_no_version_is_not_shown(value: object) -> None:
    assert version_in(value) == ""


@pytest.mark.parametrize("value", [None, 1, "", "a" * 201, "a\n", "a\x1b[2J", ["a"]])
def test_what_is_no_name_is_not_shown(value: object) -> None:
    assert name_in(value) == ""


def test_a_list_is_read_as_far_as_it_has_a_shape() -> None:
    found = {MODELS: Answer(200, value={"data": [{"id": "a"}, {"id": 4}, 5, {}, {"id": "b\n"}, {"id": "c"}]})}
    assert list(listed(found)) == ["a", "c"]
    assert listed({MODELS: Answer(401, value={"data": [{"id": "a"}]})}) == {}
    assert owner_of(answers(v1__models={"data": [{"id": "a", "owned_by": "x"}, {"id": "b", "owned_by": "y"}]})) == ""


PATHS = sorted({HEALTH, MODELS, *(path for one in PRODUCTS for path in (*one.paths, *one.loaded_paths))})
ODD = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.sampled_from(("", "KoboldCpp")))
KEYS = st.sampled_from(
    (
        *("data", "models", "id", "name", "model", "owned_by", "status", "value", "meta", "running", "state"),
        *("commit", "version", "info", "result", "model_name", "lora_names", "build_info"),
        "default_generation_settings",
    )
)
TOLD = st.recursive(
    ODD, lambda more: st.lists(more, max_size=3) | st.dictionaries(KEYS, more, max_size=4), max_leaves=9
)


@pytest.mark.parametrize("value", [5, True, 1.5, "x", [], [5], {"model_name": 5}, None], ids=repr)
@pytest.mark.parametrize("path", PATHS)
def test_what_is_no_object_is_the_answer_of_a_stranger(path: str, value: object) -> None:
    found = {path: Answer(200, body=jsontext.dumps(value), value=value)}
    assert told(found) is None
    assert [one.loaded(found) for one in PRODUCTS] == [{}] * len(PRODUCTS)


@settings(deadline=None)
@given(found=st.dictionaries(st.sampled_from(PATHS), st.builds(Answer, st.sampled_from((200, 401)), value=TOLD)))
def test_whatever_is_answered_can_be_read(found: Answers) -> None:
    """One exception here would end Linx: the places are looked at all the time."""
    owner_of(found)
    for one in PRODUCTS:
        one.recognise(found)
        one.loaded(found)
