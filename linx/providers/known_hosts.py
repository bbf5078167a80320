"""What is known beforehand of services that no rule for endpoints would guess right.

Only what a service's own documentation says stands here; everything else is found out by asking. A host of a row is
the whole name, or with a dot in front the end of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import linx

MODEL = "{model}"
"""Stands in a path for the name of the model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownHost:
    """One service. A path begins with a slash and stands behind the root of the endpoint."""

    hosts: tuple[str, ...]
    places: tuple[str, ...] = ()
    """Where the API is, for an endpoint without a path of its own."""
    places_with_query: tuple[str, ...] = ()
    """The same for an endpoint with a query."""
    list_paths: tuple[str, ...] = ()
    """Where the models are listed, if not below the API; a path without a slash stands beside the API's ``/v1``."""
    ending: str = ""
    """What the API's path ends with, where endpoints are often given without it."""
    has_list: bool = True
    """Are the listed names those that can be asked for?"""
    takes_api_key: bool = False
    """Does a key go into the header ``api-key``? A token of the Entra kind is a bearer's all the same."""
    headers: tuple[tuple[bytes, bytes], ...] = ()


KNOWN = (
    # The v1 API takes a deployment's name as the model; before it, the name stood in the path, and a dated api-version
    # in the query. Both list what could be deployed, and not what is (OpenAI-API-dotnet#140, litellm#8572).
    KnownHost(
        hosts=(".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com"),
        places=("/openai/v1",),
        places_with_query=(f"/openai/deployments/{MODEL}", "/openai/v1", "/models"),
        has_list=False,
        takes_api_key=True,
    ),
    # It refuses requests without an editor (tmuxai#144, aider#2227).
    KnownHost(
        hosts=("api.githubcopilot.com", ".githubcopilot.com"),
        places=("",),
        headers=(
            (b"editor-version", f"linx/{linx.__version__}".encode()),
            (b"copilot-integration-id", b"vscode-chat"),
        ),
    ),
    # GitHub Models: the catalogue is beside the inference.
    KnownHost(hosts=("models.github.ai",), places=("/inference",), list_paths=("/catalog/models",)),
    # The OpenAI client is given /serving-endpoints as its base; an endpoint's own address ends in /invocations.
    KnownHost(
        hosts=(".cloud.databricks.com", ".azuredatabricks.net", ".gcp.databricks.com"),
        places=("/serving-endpoints",),
        list_paths=("/api/2.0/serving-endpoints",),
    ),
    # Workers AI answers 405 to /ai/v1/models (aichat#1000).
    KnownHost(hosts=("api.cloudflare.com",), list_paths=("models/search?per_page=1000",), ending="/v1"),
    KnownHost(hosts=("api.perplexity.ai",), places=("",)),
    KnownHost(hosts=("api.cohere.com", "api.cohere.ai"), places=("/compatibility/v1",), list_paths=("/v1/models",)),
    KnownHost(hosts=("generativelanguage.googleapis.com",), places=("/v1beta/openai",), ending="/openai"),
)
_NOTHING = KnownHost(hosts=())


def known_host(host: str) -> KnownHost:
    """The row of ``host``; an empty one for a host of which nothing is known."""
    name = host.rstrip(".").lower()
    for row in KNOWN:
        if any(name.endswith(each) if each.startswith(".") else name == each for each in row.hosts):
            return row
    return _NOTHING
