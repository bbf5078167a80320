"""What is known of services beforehand, and the requests that this makes."""

from __future__ import annotations

from typing import Any

import pytest

from linx.providers.known_hosts import KNOWN, known_host
from tests.providers.asked import sending
from tests.providers.test_http_requests import chat, fields_of
from tests.routing.world import provider

KEY = "sk-0123456789abcdef"


@pytest.mark.parametrize(
    ("endpoint", "target"),
    [
        ("https://x.openai.azure.com", b"/openai/v1/chat/completions"),
        ("https://x.openai.azure.com/openai/v1", b"/openai/v1/chat/completions"),
        (
            "https://x.openai.azure.com/openai/v1?api-version=preview",
            b"/openai/v1/chat/completions?api-version=preview",
        ),
        (
            "https://x.openai.azure.com?api-version=2024-10-21",
            b"/openai/deployments/my%20m/chat/completions?api-version=2024-10-21",
        ),
        (
            "https://x.openai.azure.com/openai/deployments/d/?api-version=2024-10-21",
            b"/openai/deployments/d/chat/completions?api-version=2024-10-21",
        ),
        (
            "https://x.services.ai.azure.com/models?api-version=2024-05-01-preview",
            b"/models/chat/completions?api-version=2024-05-01-preview",
        ),
        ("https://api.githubcopilot.com", b"/chat/completions"),
        ("https://models.github.ai", b"/inference/chat/completions"),
        ("https://models.github.ai/orgs/o/inference", b"/orgs/o/inference/chat/completions"),
        ("https://dbc-1.cloud.databricks.com", b"/serving-endpoints/chat/completions"),
        ("https://dbc-1.cloud.databricks.com/serving-endpoints", b"/serving-endpoints/chat/completions"),
        ("https://dbc-1.cloud.databricks.com/serving-endpoints/e/invocations", b"/serving-endpoints/e/invocations"),
        (
            "https://api.cloudflare.com/client/v4/accounts/a/ai/v1",
            b"/client/v4/accounts/a/ai/v1/chat/completions",
        ),
        ("https://api.cloudflare.com/client/v4/accounts/a/ai", b"/client/v4/accounts/a/ai/v1/chat/completions"),
        ("https://generativelanguage.googleapis.com/v1beta/", b"/v1beta/openai/chat/completions"),
        ("https://api.perplexity.ai", b"/chat/completions"),
        ("https://api.cohere.com", b"/compatibility/v1/chat/completions"),
        ("https://generativelanguage.googleapis.com", b"/v1beta/openai/chat/completions"),
    ],
)
def test_the_first_ask_is_right(endpoint: str, target: bytes) -> None:
    one = provider("a", kind="openai", endpoint=endpoint, api_key=KEY)
    assert sending(one, chat(), "my m").target == target


@pytest.mark.parametrize(
    ("endpoint", "key", "field"),
    [
        ("https://x.openai.azure.com", KEY, (b"api-key", KEY.encode())),
        ("https://x.openai.azure.com", "eyJ0.a.b", (b"authorization", b"Bearer eyJ0.a.b")),
        ("https://api.githubcopilot.com", KEY, (b"authorization", b"Bearer " + KEY.encode())),
    ],
)
def test_the_header_of_the_key(endpoint: str, key: str, field: tuple[bytes, bytes]) -> None:
    sent = fields_of(provider("a", kind="openai", endpoint=endpoint, api_key=key).http.get("/x"))
    assert field in sent.items()
    assert len({b"api-key", b"authorization"} & sent.keys()) == 1


def test_copilot_gets_its_headers_and_configured_ones_win() -> None:
    config: dict[str, Any] = {"kind": "openai", "endpoint": "https://api.githubcopilot.com", "api_key": KEY}
    sent = fields_of(provider("a", **config).http.get("/x"))
    assert sent[b"editor-version"].startswith(b"linx/")
    assert sent[b"copilot-integration-id"] == b"vscode-chat"
    sent = fields_of(provider("a", **config, headers={"Editor-Version": "mine/1"}).http.get("/x"))
    assert sent[b"editor-version"] == b"mine/1"


def test_a_host_is_its_whole_name_or_its_end() -> None:
    assert known_host("X.OpenAI.Azure.com.").takes_api_key
    assert known_host("models.github.ai").list_paths == ("/catalog/models",)
    for host in ("openai.azure.com", "evil-models.github.ai", "models.github.ai.evil.test", "box", ""):
        assert known_host(host) not in KNOWN
