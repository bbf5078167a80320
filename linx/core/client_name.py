"""The short name of a client's program, from its User-Agent.

The name stands in logs, labels and the ledger, so it is a word of the table, or a plain product name of at
most MAX_NAME characters. A word with digits in it is no name: it may be a key in the wrong field.
"""

from __future__ import annotations

import functools
import re

from linx.core.telemetry import NOBODY

MAX_NAME = 24
MAX_READ = 400  # characters of a User-Agent that are looked at
OTHER = "other"
"""A program whose User-Agent begins with no plain name."""
_NAMES = (
    ("cursor", "cursor"),
    ("claude-cli", "claude-code"),
    ("claude-code", "claude-code"),
    ("codex", "codex"),
    ("open webui", "open-webui"),
    ("open-webui", "open-webui"),
    ("openwebui", "open-webui"),
    ("opencode", "opencode"),
    ("roo-code", "roo-code"),
    ("roocode", "roo-code"),
    ("kilo", "kilo"),
    ("cline", "cline"),
    ("qwencode", "qwen-code"),
    ("qwen-code", "qwen-code"),
    ("aider", "aider"),
    ("litellm", "litellm"),
    ("zed/", "zed"),
    ("continue", "continue"),
    ("githubcopilotchat", "vscode"),
    ("vscode", "vscode"),
    ("visual studio code", "vscode"),
    ("ai-sdk/", "ai-sdk"),
    ("langchain", "langchain"),
    ("asyncopenai/python", "openai-python"),
    ("openai/python", "openai-python"),
    ("openai/js", "openai-node"),
    ("asyncanthropic/python", "anthropic-python"),
    ("anthropic/python", "anthropic-python"),
    ("anthropic/js", "anthropic-node"),
    ("ollama-python", "ollama-python"),
    ("ollama-js", "ollama-js"),
    ("ollama/", "ollama"),
    ("curl/", "curl"),
    ("wget/", "wget"),
    ("python-httpx", "httpx"),
    ("python-requests", "requests"),
    ("aiohttp", "aiohttp"),
    ("go-http-client", "go"),
    ("node", "node"),
    ("bun/", "bun"),
    ("deno/", "deno"),
    ("okhttp", "okhttp"),
    ("postmanruntime", "postman"),
    ("mozilla/", "browser"),
)
"""Parts of a User-Agent in lower case, and the name for each. The first that is found counts: an app comes before the
library that it uses, and a library before the browser that both may pretend to be."""
_PRODUCT = re.compile(rf"[a-z][a-z_-]{{0,{MAX_NAME - 1}}}(?=[/ ]|$)")


@functools.lru_cache(maxsize=256)
def client_name(user_agent: bytes | None) -> str:
    """The name of the program; ``-`` without a User-Agent."""
    if not user_agent:
        return NOBODY
    text = user_agent[:MAX_READ].decode("latin-1").lower()
    for part, name in _NAMES:
        if part in text:
            return name
    product = _PRODUCT.match(text)
    return product[0] if product else OTHER
