"""The kinds of provider there are: one entry each, and no other table of Linx is keyed by a kind.

To add a kind takes a folder ``dialects/NAME`` where its wire format is a new one, an entry
here, and a word in the config's list of kinds.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from linx.core.chat import Task
from linx.dialects.anthropic.model_list import canonical_name, without_date
from linx.dialects.completions import provider_request as completions
from linx.dialects.openai import servers
from linx.providers import lists, requests
from linx.providers.credit import openrouter_credit
from linx.providers.kind import Feature, Kind, bearer, has_cloud_tag, with_tag, without_latest, x_api_key

if TYPE_CHECKING:
    from collections.abc import Mapping

OLLAMA = Kind(
    name="ollama",
    endpoint="http://localhost:11434",
    auth=bearer,
    requests={
        Task.CHAT: requests.OLLAMA_CHAT,
        Task.COMPLETE: requests.OLLAMA_COMPLETION,
        Task.INSERT: requests.OLLAMA_COMPLETION,
        Task.EMBED: requests.OLLAMA_EMBED,
    },
    own=requests.OLLAMA_OWN,
    list_models=lists.list_ollama,
    show_model=lists.show_ollama,
    canonical_name=with_tag,
    is_cloud_name=has_cloud_tag,
    features=frozenset(
        {
            Feature.MANAGES_MODELS,
            Feature.LOADS_MODELS,
            Feature.DESCRIBES_MODELS,
            Feature.LISTS_ALL,
            Feature.VERIFIES_NOTHING,
        }
    ),
    get_model="ollama pull",
    added_path="/api",
    own_keys=("num_ctx", "keep_alive"),
)
LLAMACPP = Kind(
    name="llamacpp",
    endpoint="http://localhost:8081",
    auth=bearer,
    requests={
        Task.CHAT: requests.openai_chat(servers.LLAMACPP),
        Task.COMPLETE: requests.openai_completion(completions.llamacpp_body, has_echo=False),
        Task.INSERT: requests.INFILL,
        Task.EMBED: requests.OPENAI_EMBEDDINGS,
    },
    list_models=lists.list_llamacpp,
    canonical_name=without_latest,
    features=frozenset(
        {
            Feature.SERVES_FILES,
            Feature.OWN_PATHS,
            Feature.COUNTS_TOKENS,
            Feature.APPLIES_TEMPLATE,
            Feature.VERIFIES_NOTHING,
        }
    ),
)
_OPENROUTER_COMPLETION = requests.openai_completion(partial(completions.openai_body, servers.OPENROUTER, None))
OPENROUTER = Kind(
    name="openrouter",
    endpoint="https://openrouter.ai/api/v1",
    auth=bearer,
    requests={
        Task.CHAT: requests.openai_chat(servers.OPENROUTER),
        Task.COMPLETE: _OPENROUTER_COMPLETION,
        Task.INSERT: _OPENROUTER_COMPLETION,
        Task.EMBED: requests.OPENAI_EMBEDDINGS,
    },
    list_models=lists.list_openai,
    canonical_name=without_latest,
    show_credit=openrouter_credit,
    features=frozenset({Feature.TELLS_COSTS_LATER}),
    needs_key=True,
)
_OPENAI_COMPLETION = requests.openai_completion(
    partial(completions.openai_body, servers.PLAIN, completions.USUAL_LENGTH)
)
OPENAI = Kind(
    name="openai",
    endpoint=None,
    auth=bearer,
    requests={
        Task.CHAT: requests.openai_chat(servers.PLAIN),
        Task.COMPLETE: _OPENAI_COMPLETION,
        Task.INSERT: _OPENAI_COMPLETION,
        Task.EMBED: requests.OPENAI_EMBEDDINGS,
    },
    list_models=lists.list_openai,
    canonical_name=without_latest,
)

ANTHROPIC = Kind(
    name="anthropic",
    endpoint="https://api.anthropic.com/v1",
    auth=x_api_key,
    headers=((b"anthropic-version", b"2023-06-01"),),
    requests={
        Task.CHAT: requests.ANTHROPIC_MESSAGES,
        Task.COMPLETE: requests.lacking("text completion"),
        Task.INSERT: requests.lacking("insert"),
        Task.EMBED: requests.lacking("embeddings"),
    },
    own=requests.ANTHROPIC_OWN,
    family="claude-",
    list_models=lists.list_anthropic,
    canonical_name=canonical_name,
    short_name=without_date,
    features=frozenset({Feature.COUNTS_TOKENS}),
    needs_key=True,
)

KINDS: Mapping[str, Kind] = {kind.name: kind for kind in (OLLAMA, LLAMACPP, OPENROUTER, OPENAI, ANTHROPIC)}
"""By name, as the config says it."""
