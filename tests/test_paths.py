"""The table of paths: every path finds its handler, in every variant that clients build, and its dialect."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from linx.handlers.answers.generation import answer_chat
from linx.handlers.models import openai as models
from linx.paths import (
    EITHER,
    EXACT_PATHS,
    LOCAL_PATHS,
    MODEL_PATHS,
    TABLE,
    VARIANTS,
    Endpoint,
    Resolved,
    find,
    resolve,
    split_key,
)

if TYPE_CHECKING:
    from linx.app import App
    from linx.paths import Handle

KEY = "linx-key-0123456789/+"
SHAPES: dict[str, set[str]] = {"openai": {"error"}, "ollama": {"error"}, "anthropic": {"type", "error", "request_id"}}


def port_of(app: App) -> int:
    return app.bound[0][1]


@pytest.mark.parametrize(
    ("path", "key", "rest"),
    [
        ("/v1/models", None, "/v1/models"),
        ("/k/secret/v1/models", b"secret", "/v1/models"),
        ("/k/a%2Fb%2b/v1", b"a/b+", "/v1"),
        ("/k/%253D/x", b"%3D", "/x"),
        ("/k/secret", b"secret", "/"),
        ("/k/secret/", b"secret", "/"),
        ("/k/secret//v1", b"secret", "//v1"),
        ("/k/", None, "/k/"),
        ("/k//v1", None, "/k//v1"),
        ("/k", None, "/k"),
        ("/kk/x", None, "/kk/x"),
        ("*", None, "*"),
        ("/k/a/k/b/x", b"a", "/k/b/x"),
    ],
)
def test_a_key_in_front_of_a_path(path: str, key: bytes | None, rest: str) -> None:
    assert split_key(path) == (key, rest)


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_model_path_in_every_variant(variant: str) -> None:
    for path, endpoint in MODEL_PATHS.items():
        assert find(variant + path) is find(variant + path + "/") is endpoint
        assert find(variant + path + "//") is not endpoint
        assert find(variant + path.upper()) is None
    one = find(variant + "/models/some/name:tag")
    assert one is not None
    assert one.handlers == {"GET": models.show_model}
    assert find(variant + "/models/") is MODEL_PATHS["/models"]
    for path in ("/audio/speech", "/audio/transcriptions", "/images/generations"):
        assert find(variant + path) is not None
        assert find(variant + path.rpartition("/")[0] + "/") is None


@pytest.mark.parametrize(
    "path",
    [
        "/linx/reload/",
        "/v1/providers/status/",
        "/v1/linx/reload",
        "/api/v1/providers/status",
        "/metrics/",
        "/healthz/",
        "//",
    ],
)
def test_management_is_matched_exactly(path: str) -> None:
    assert find(path) is None


def test_the_table_is_sound() -> None:
    for path, endpoint in TABLE.items():
        assert endpoint.handlers
        assert endpoint.allowed.endswith("OPTIONS")
        assert path.startswith("/")
    open_paths = {path for path, endpoint in TABLE.items() if endpoint.is_open}
    assert open_paths == {"/", "/healthz", "/health", "/v1/health", "/api/hello", "/dashboard", "/dashboard/"}
    managing = {path for path, endpoint in TABLE.items() if endpoint.is_management}
    assert {path for path in EXACT_PATHS if path.startswith("/linx/") or "tunnel" in path} <= managing
    assert "/metrics" in LOCAL_PATHS
    assert not {path for path, endpoint in TABLE.items() if answer_chat in endpoint.handlers.values()} & managing


@pytest.mark.parametrize(
    ("handlers", "face"),
    [
        ({}, "openai"),
        ({"get": models.list_models}, "openai"),
        ({"OPTIONS": models.list_models}, "openai"),
        ({"GET": models.list_models}, "opnai"),
        ({"GET": models.list_models}, ""),
    ],
)
def test_a_row_that_cannot_be_right_is_an_error_at_once(handlers: dict[str, Handle], face: str) -> None:
    with pytest.raises(ValueError, match="an endpoint"):
        Endpoint(handlers, face)


@pytest.mark.parametrize(
    ("path", "known", "model"),
    [
        ("/openai/deployments/gpt-4o/chat/completions", "/openai/chat/completions", "gpt-4o"),
        ("/openai/deployments/acme%2Fm%3A1/embeddings", "/openai/embeddings", "acme/m:1"),
        ("/openai/deployments/m/images/generations", "/openai/images/generations", "m"),
        ("//openai/deployments/m/completions/", "/openai/completions", "m"),
        ("/openai/deployments/acme/m/chat/completions", "/openai/chat/completions", "acme/m"),
        ("/openai/deployments/acme/m/audio/speech", "/openai/audio/speech", "acme/m"),
        ("/openai/deployments/m/providers/status", None, ""),
        ("/openai/deployments/m/healthz", None, ""),
        ("/openai/deployments/m", None, ""),
        ("/openai/deployments//chat/completions", None, ""),
    ],
)
def test_azure_s_paths_name_the_model(path: str, known: str | None, model: str) -> None:
    for start in ("", "/k/secret"):
        target = resolve(start + path, is_anthropic=False)
        assert target.model == model
        if known is None:
            assert target.endpoint is None
        else:
            assert (target.path, target.endpoint) == (known, find(known))


@pytest.mark.parametrize(
    ("methods", "allowed"),
    [
        (("GET",), "GET, HEAD, OPTIONS"),
        (("POST",), "POST, OPTIONS"),
        (("HEAD", "POST"), "HEAD, POST, OPTIONS"),
        (("GET", "HEAD"), "GET, HEAD, OPTIONS"),
    ],
)
def test_what_a_path_takes(methods: tuple[str, ...], allowed: str) -> None:
    assert Endpoint(dict.fromkeys(methods, models.list_models)).allowed == allowed


@pytest.mark.parametrize(
    ("path", "is_anthropic", "face"),
    [
        ("/v1/chat/completions", True, "openai"),
        ("/v1/messages", False, "anthropic"),
        ("/v1/models", False, "openai"),
        ("/v1/models", True, "anthropic"),
        ("/v1/models/x", True, "anthropic"),
        ("/api/chat", False, "ollama"),
        ("/api/generate", False, "ollama_generate"),
        ("/api/v1/models", False, "openai"),
        ("/nothing", False, "openai"),
        ("/nothing", True, "anthropic"),
        ("/v1/messages/batches", False, "anthropic"),
        ("/api/nothing", False, "ollama"),
        ("/api/v1/nothing", False, "openai"),
        ("/openai/v1/chat/completions", False, "openai"),
        ("/openai/completions", False, "completions"),
        ("/openai/v1/responses", False, "responses"),
        ("/upstream/a/api/chat", False, "ollama"),
        ("/upstream/a/v1/messages", False, "anthropic"),
        ("/upstream/a/upstream/b/api/chat", False, "openai"),
        ("/upstream/a/v1/models", False, "openai"),
    ],
)
def test_whose_dialect_it_is(path: str, is_anthropic: bool, face: str) -> None:
    assert resolve(path, is_anthropic=is_anthropic).face == face
    assert resolve("/k/secret" + path, is_anthropic=is_anthropic) == Resolved(path, b"secret", find(path), face)
    assert EITHER not in SHAPES


def test_which_paths_ask_a_model() -> None:
    asking = {path for path, endpoint in TABLE.items() if endpoint.is_model_path}
    assert {"/v1/chat/completions", "/v1/messages/count_tokens", "/api/chat", "/v1/rerank", "/props"} <= asking
    assert not {"/v1/models", "/api/tags", "/api/show", "/metrics", "/healthz", "/linx/tail", "/"} & asking
