"""Requests with their bodies, as ``GET /linx/requests/{id}`` tells of them, and what the other views ask for."""

from __future__ import annotations

import json
from typing import Any

from tests.e2e.dashboard import worlds

Json = dict[str, Any]
MODELS: Json = {
    "object": "list",
    "data": [
        {"id": "qwen3:8b", "object": "model", "owned_by": "ollama", "context_length": 40960},
        {"id": "llama3.2:3b", "object": "model", "owned_by": "ollama", "context_length": 131072},
        {"id": "qwen3-coder:30b", "object": "model", "owned_by": "workstation", "context_length": 131072},
        {"id": "openai/gpt-4o", "object": "model", "owned_by": "openrouter", "context_length": 128000},
    ],
}
ASKED: Json = {
    "model": "gpt-4o",
    "stream": True,
    "temperature": 0.2,
    "messages": [
        {"role": "system", "content": "You are a careful reviewer. Answer in Markdown."},
        {"role": "user", "content": "Why is the sky blue?"},
    ],
}
SENT: Json = {**ASKED, "model": "openai/gpt-4o", "max_tokens": 1024, "stream_options": {"include_usage": True}}
ANSWER = """The sky is blue because of **Rayleigh scattering**:

1. Sunlight has all colours.
2. Air scatters *short* waves about 5.5 times more than long ones.

```python
def scattered(wavelength: float) -> float:
    return 1 / wavelength**4
```

| colour | nm | share |
|:--|--:|--:|
| blue | 450 | 5.5 |
| red | 690 | 1.0 |

> Violet is scattered even more, but the eye sees less of it."""


def events(text: str = ANSWER, thinking: str = "The user asks about the sky. Rayleigh scattering.") -> str:
    """An answer as a stream of OpenAI's dialect."""
    chunks: list[Json] = [
        {"model": "openai/gpt-4o", "choices": [{"index": 0, "delta": {"reasoning_content": thinking}}]}
    ]
    for start in range(0, len(text), 24):
        delta = {"content": text[start : start + 24]}
        chunks.append({"model": "openai/gpt-4o", "choices": [{"index": 0, "delta": delta}]})
    chunks.append({"choices": [], "usage": {"prompt_tokens": 31, "completion_tokens": 143}})
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"


def opened(request: Json, **fields: Any) -> Json:
    """The request with its bodies: one for each attempt, the last one answered."""
    headers = [
        ["Host", "localhost:8080"],
        ["Content-Type", "application/json"],
        ["Authorization", "…"],
        ["User-Agent", "cursor/1.2"],
        ["X-Title", "it's a review"],
    ]
    asked = [
        {
            "attempt": place,
            "provider": attempt["provider"],
            "model": attempt["model"],
            "path": "/v1/chat/completions",
            "headers": [["content-type", "application/json"], ["authorization", "…"]],
            "body": json.dumps({**SENT, "model": attempt["model"]}),
            "truncated": False,
        }
        for place, attempt in enumerate(request["attempts"])
    ]
    answer = {
        "status": 200,
        "headers": [["content-type", "text/event-stream"], ["x-linx-provider", "openrouter"]],
        "body": events(),
        "truncated": False,
    }
    return {
        **request,
        "client_request": {"headers": headers, "body": json.dumps(ASKED), "truncated": False},
        "provider_requests": asked,
        "answer": answer,
        **fields,
    }


def with_all(**fields: Any) -> Json:
    """A request with everything that the detail shows: not asked, failed, adapted, answered elsewhere."""
    tries = [
        worlds.attempt("ollama", "qwen3:8b", asked_ms=240.0, ended_ms=1480.0, outcome="connect_failed"),
        worlds.attempt(
            "workstation",
            "qwen3-coder:30b",
            1482.0,
            ended_ms=4100.0,
            outcome="lost",
            adapted=["thinking_wish"],
        ),
        worlds.attempt(
            "openrouter",
            "openai/gpt-4o",
            2900.0,
            local=False,
            is_hedge=True,
            first_ms=3950.0,
            ended_ms=7900.0,
            outcome="ok",
            adapted=["answer_limit:max_completion_tokens", "stream_options"],
        ),
    ]
    left_out = [{"provider": "groq", "reason": "secret in message 2"}, {"provider": "paid", "reason": "budget"}]
    return worlds.fallback(500, attempts=tries, not_asked=left_out, first_token_ms=3950.0, key="anna", **fields)


def usage(by: str) -> Json:
    """The answer of ``GET /linx/usage``."""
    names = {
        "day": ["2026-11-23", "2026-11-24", "2026-11-25", "2026-11-26", "2026-11-27", "2026-11-28", "2026-11-29"],
        "model": ["qwen3:8b", "openai/gpt-4o", "qwen3-coder:30b"],
        "provider": ["ollama", "openrouter", "workstation"],
        "key": ["anna", "ben", "-"],
        "client": ["cursor", "claude-code", "open-webui"],
    }[by]
    rows: list[Json] = []
    for place, name in enumerate(names):
        requests = 40 + 31 * ((place * 5) % 7)
        is_paid = name in ("openai/gpt-4o", "openrouter")
        local = 0 if is_paid else requests - 7 * (place % 3)
        rows.append(
            {
                by: name,
                **({"asked": "gpt-4o"} if by == "model" else {}),
                "requests": requests,
                "failed": place % 3,
                "local_requests": local,
                "prompt_tokens": requests * 1204,
                "cached_tokens": requests * 300,
                "completion_tokens": requests * 221,
                "cost_usd": round((requests - local) * 0.0123, 6),
                "saved_usd": round(local * 0.0042, 6),
            }
        )
    numbers = [name for name in rows[0] if name not in (by, "asked")]
    total = {name: sum(row[name] for row in rows) for name in numbers}
    return {"by": by, "since": "2026-11-23", "rows": rows, "total": total}


CLIENTS: Json = {
    "data": [
        {
            "client": "claude-code",
            "title": "Claude Code",
            "steps": [
                "Set these in the shell:",
                "    export ANTHROPIC_BASE_URL=http://localhost:8080",
                "    export ANTHROPIC_AUTH_TOKEN=YOUR_KEY",
                "or write them into its settings:",
            ],
            "files": [
                {
                    "path": "~/.claude/settings.json",
                    "text": '{\n  "env": {\n    "ANTHROPIC_AUTH_TOKEN": "YOUR_KEY"\n  }\n}\n',
                }
            ],
            "needs_tunnel": False,
        },
        {
            "client": "cursor",
            "title": "Cursor",
            "steps": ["Open Settings, Models, and put in:", "    http://localhost:8080/v1"],
            "files": [],
            "needs_tunnel": True,
        },
        *(
            {"client": name, "title": title, "steps": [f"In {title}:", "    x"], "files": [], "needs_tunnel": False}
            for name, title in (
                ("open-webui", "Open WebUI"),
                ("zed", "Zed"),
                ("cline", "Cline"),
                ("continue", "Continue"),
                ("codex", "Codex CLI"),
            )
        ),
    ]
}
LOADED: Json = {
    "models": [
        {
            "name": "qwen3:8b",
            "model": "qwen3:8b",
            "size": 6_654_289_920,
            "size_vram": 6_654_289_920,
            "expires_at": "2026-11-27T12:03:59Z",
            "context_length": 32768,
        }
    ]
}


def prepare(answers: dict[str, Any]) -> None:
    """What the views ask for when they are opened."""
    answers["/v1/models"] = (200, MODELS)
    answers["/api/ps"] = (200, LOADED)
    answers["/linx/clients"] = (200, CLIENTS)
    for by in ("day", "model", "provider", "key", "client"):
        for since in ("24h", "7d", "30d", "365d", "all"):
            answers[f"/linx/usage?by={by}&since={since}"] = (200, usage(by))
