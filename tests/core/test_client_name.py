"""Which program calls, by its User-Agent."""

from __future__ import annotations

import pytest

from linx.core.client_name import MAX_NAME, client_name


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (b"curl/8.5.0", "curl"),
        (b"OpenAI/Python 1.99.9", "openai-python"),
        (b"AsyncOpenAI/Python 1.99.9", "openai-python"),
        (b"OpenAI/JS 5.1.0", "openai-node"),
        (b"Anthropic/Python 0.60.0", "anthropic-python"),
        (b"claude-cli/2.0.14 (external, cli)", "claude-code"),
        (b"codex_cli_rs/0.40.0 (Ubuntu 24.4.0; x86_64) xterm", "codex"),
        (b"Mozilla/5.0 (Windows NT 10.0) Cursor/1.7.28 Electron/34 Safari/537.36", "cursor"),
        (b"ollama-python/0.5.1 (x86_64 linux) Python/3.11", "ollama-python"),
        (b"ollama/0.11.4 (amd64 linux) Go/go1.24", "ollama"),
        (b"Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0", "browser"),
        (b"Zed/0.190.6 (linux; x86_64)", "zed"),
        (b"Python/3.11 aiohttp/3.12.15", "aiohttp"),
        (b"my-tool/1.0", "my-tool"),
        (None, "-"),
        (b"", "-"),
    ],
)
def test_known_programs(user_agent: bytes | None, name: str) -> None:
    assert client_name(user_agent) == name


@pytest.mark.parametrize(
    "user_agent",
    [b"sk-or-v1-0123456789abcdef", b"\x1b[31mred", b"\xff\xfe", b"a" * 5000, b"9lives/1.0", b"AKIA0123456789ABCDEF"],
    ids=["key", "escape", "bytes", "long", "digits", "aws"],
)
def test_what_is_no_name_is_not_repeated(user_agent: bytes) -> None:
    """Neither a key in the wrong field, nor a name without an end, nor what a terminal would obey."""
    assert client_name(user_agent) == "other"


def test_every_name_is_short_and_plain() -> None:
    for user_agent in (b"curl/1", b"x" * MAX_NAME + b"/1"):
        assert len(client_name(user_agent)) <= MAX_NAME
