"""Worlds for the page: what a Linx tells when it is empty, busy or broken. Deterministic; times are behind ``NOW``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

Json = dict[str, Any]
NOW = 1_795_780_800.0
STEP_S = 5
POINTS = 720


def provider(name: str, **fields: Any) -> Json:
    return {
        "name": name,
        "kind": "ollama",
        "enabled": True,
        "state": "up",
        "endpoint": "http://localhost:11434",
        "local": True,
        "models": ["qwen3:8b"],
        "last_error": None,
        "last_checked": NOW - 4,
        "consecutive_failures": 0,
        "retry_at": None,
        "active": 0,
        "queued": 0,
        "loaded": [],
        "budget": None,
        "price_known": True,
        "requests": 0,
        "failures": 0,
        "hedges": 0,
        "first_token_ms": {"p50": None, "p95": None},
        "tokens": {"prompt": 0, "completion": 0},
        "cost_usd": 0,
        **fields,
    }


def limit(scope: str, name: str | None, **fields: Any) -> Json:
    """A budget's limit of two dollars a day."""
    return {
        "scope": scope,
        "name": name,
        "kind": "daily_usd",
        "limit": 2.0,
        "spent": 0.0,
        "reserved": 0.0,
        "ends_at": NOW + 4 * 3600,
        "reached": False,
        **fields,
    }


def attempt(provider_name: str, model: str, started: float = 0, **fields: Any) -> Json:
    return {
        "provider": provider_name,
        "model": model,
        "started_ms": started,
        "asked_ms": started + 1,
        "first_ms": None,
        "ended_ms": None,
        "outcome": None,
        "is_hedge": False,
        "local": True,
        "adapted": [],
        **fields,
    }


def request(number: int, **fields: Any) -> Json:
    """A request that ended well at a local provider, ``number`` minutes ago."""
    model = fields.get("served_model", "qwen3:8b")
    duration = fields.get("duration_ms", 4200.0)
    return {
        "id": f"req-{number}",
        "started_at": NOW - 20 - number * 41,
        "phase": "done",
        "method": "POST",
        "path": "/v1/chat/completions",
        "model": "gpt-4o",
        "served_model": model,
        "provider": "ollama",
        "attempts": [attempt("ollama", model, first_ms=380.0, ended_ms=duration, outcome="ok")],
        "not_asked": [],
        "status": 200,
        "first_token_ms": 380.0,
        "duration_ms": duration,
        "tokens": {"prompt": 1204, "completion": 220, "cached": 0},
        "cost_usd": 0.0,
        "saved_usd": 0.0042,
        "face": "openai",
        "client": "cursor",
        "key": "-",
        "local": True,
        "outcome": "ok",
        "streamed": 220,
        "bytes": 18_220,
        "queue": None,
        "has_body": True,
        "replay_of": None,
        **fields,
    }


def running(number: int, phase: str, age_s: float, **fields: Any) -> Json:
    """A request that runs for ``age_s`` seconds and has not ended."""
    first = 420.0 if phase == "streaming" else None
    asked = None if phase == "queued" else 2.0
    model = fields.get("served_model", "qwen3:8b")
    return request(
        number,
        **{
            "phase": phase,
            "started_at": NOW - age_s,
            "duration_ms": None,
            "first_token_ms": first,
            "status": 200 if first else None,
            "tokens": None,
            "outcome": "",
            "streamed": int(age_s * 41) if first else 0,
            "cost_usd": None,
            "saved_usd": None,
            "attempts": [attempt("ollama", model, asked_ms=asked, first_ms=first)],
            **fields,
        },
    )


def remote(number: int, **fields: Any) -> Json:
    model = "anthropic/claude-sonnet-4.5"
    attempts = [attempt("openrouter", model, local=False, first_ms=910.0, ended_ms=6400.0, outcome="ok")]
    fields = {
        "model": "claude-sonnet-4-5",
        "served_model": model,
        "provider": "openrouter",
        "local": False,
        "cost_usd": 0.0213,
        "saved_usd": 0.0,
        "client": "claude-code",
        "key": "anna",
        "face": "anthropic",
        "path": "/v1/messages",
        "first_token_ms": 910.0,
        "duration_ms": 6400.0,
        "attempts": attempts,
        **fields,
    }
    return request(number, **fields)


def fallback(number: int, **fields: Any) -> Json:
    """A local provider failed, and a paid one answered."""
    tries = [
        attempt("ollama", "qwen3:8b", ended_ms=1480.0, outcome="connect_failed"),
        attempt("openrouter", "openai/gpt-4o", 1481.0, local=False, first_ms=2300.0, ended_ms=7900.0, outcome="ok"),
    ]
    return remote(
        number,
        **{
            "model": "gpt-4o",
            "served_model": "openai/gpt-4o",
            "attempts": tries,
            "first_token_ms": 2300.0,
            "duration_ms": 7900.0,
            **fields,
        },
    )


def failed(number: int, **fields: Any) -> Json:
    tries = [
        attempt("ollama", "qwen3:8b", ended_ms=1480.0, outcome="connect_failed"),
        attempt("workstation", "qwen3:32b", 1482.0, ended_ms=9000.0, outcome="timed_out"),
    ]
    fields = {
        "phase": "failed",
        "status": 502,
        "outcome": "timed_out",
        "provider": None,
        "served_model": None,
        "local": None,
        "tokens": None,
        "streamed": 0,
        "first_token_ms": None,
        "duration_ms": 9010.0,
        "cost_usd": None,
        "saved_usd": None,
        "attempts": tries,
        **fields,
    }
    return request(number, **fields)


def cancelled(number: int, **fields: Any) -> Json:
    return request(
        number,
        **{
            "phase": "cancelled",
            "status": 499,
            "outcome": "cancelled",
            "tokens": None,
            "duration_ms": 1900.0,
            "streamed": 61,
            **fields,
        },
    )


def series(*, is_busy: bool) -> Json:
    """The last hour: waves of work at home, some of it elsewhere, a bad quarter of an hour."""
    points = range(POINTS)

    def wave(length: float, phase: float = 0.0) -> list[float]:
        return [max(0.0, math.sin(point / length + phase)) for point in points]

    if not is_busy:
        zero = [0.0] * POINTS
        return {
            "step_s": STEP_S,
            "from": NOW - POINTS * STEP_S,
            "tokens_local": zero,
            "tokens_remote": zero,
            "first_token_p50": [None] * POINTS,
            "first_token_p95": [None] * POINTS,
            "ok": zero,
            "failed": zero,
        }
    local = [round(88 * a * (0.7 + 0.3 * b), 1) for a, b in zip(wave(61, 2.0), wave(3.1, 1), strict=True)]
    elsewhere = [round(61 * a * b, 1) for a, b in zip(wave(47, 4.4), wave(2.3), strict=True)]
    p50 = [
        None if here + there == 0 else 340 + 120 * math.sin(point / 19) + 60 * math.sin(point / 2.7)
        for point, here, there in zip(points, local, elsewhere, strict=True)
    ]
    return {
        "step_s": STEP_S,
        "from": NOW - POINTS * STEP_S,
        "tokens_local": local,
        "tokens_remote": elsewhere,
        "first_token_p50": p50,
        "first_token_p95": [
            None if value is None else value * (2.1 + 0.6 * math.sin(point / 11))
            for point, value in zip(points, p50, strict=True)
        ],
        "ok": [round(3 * value) for value in wave(61, 2.0)],
        "failed": [1 if 300 < point < 360 and point % 9 == 0 else 0 for point in points],
    }


def snapshot(**fields: Any) -> Json:
    return {
        "type": "snapshot",
        "now": NOW,
        "version": "0.9.0",
        "address": "http://localhost:8080",
        "needs_key": False,
        "capture": True,
        "providers": [],
        "requests": [],
        "tunnel": {"status": "stopped", "type": "localhost_run", "url": None, "since": NOW - 900, "error": None},
        "config": {"path": "/home/anna/config.json", "loaded_at": NOW - 3000, "problem": None},
        "series": series(is_busy=False),
        "totals": {
            "day": "2026-11-29",
            "local_tokens": 0,
            "remote_tokens": 0,
            "cost_usd": 0.0,
            "saved_usd": 0.0,
            "requests": 0,
            "failed": 0,
        },
        "ledger": {},
        "budget": [],
        **fields,
    }


def providers() -> list[Json]:
    return [
        provider(
            "ollama",
            active=2,
            queued=1,
            requests=412,
            loaded=[{"model": "qwen3:8b", "context": 32768}],
            models=["qwen3:8b", "llama3.2:3b", "nomic-embed-text"],
            first_token_ms={"p50": 341.0, "p95": 1210.0},
            tokens={"prompt": 918_000, "completion": 204_100},
        ),
        provider(
            "workstation",
            kind="llamacpp",
            active=1,
            requests=90,
            models=["qwen3-coder:30b"],
            loaded=[{"model": "qwen3-coder:30b", "context": 131072}],
            first_token_ms={"p50": 612.0, "p95": 2900.0},
            tokens={"prompt": 310_000, "completion": 88_000},
        ),
        provider(
            "openrouter",
            kind="openrouter",
            local=False,
            active=1,
            requests=37,
            models=["anthropic/claude-sonnet-4.5", "openai/gpt-4o"],
            first_token_ms={"p50": 905.0, "p95": 1840.0},
            tokens={"prompt": 41_000, "completion": 9_800},
            cost_usd=0.4182,
        ),
        provider("groq", kind="openai", local=False, state="unknown", models=["llama-3.3-70b"], price_known=False),
        provider("attic", enabled=False, state="disabled", models=[]),
    ]


def busy() -> Json:
    """A normal hour: work at home and elsewhere, running and done."""
    now = [
        running(900, "streaming", 7.4, model="qwen3:8b", key="anna"),
        running(
            901,
            "streaming",
            11.9,
            model="claude-sonnet-4-5",
            served_model="anthropic/claude-sonnet-4.5",
            provider="openrouter",
            local=False,
            client="claude-code",
            attempts=[attempt("openrouter", "anthropic/claude-sonnet-4.5", local=False, first_ms=900.0)],
        ),
        running(902, "waiting", 2.1, model="gpt-4o", client="zed", served_model=None, provider=None, local=None),
        running(
            903, "queued", 4.6, model="gpt-4o", served_model=None, provider=None, local=None, queue=1, client="continue"
        ),
    ]
    makers = [request, remote, request, request, fallback, request, cancelled, request, remote, failed, request]
    done = [made(number, makers[number % len(makers)]) for number in range(60)]
    return snapshot(
        providers=providers(),
        requests=sorted(now + done, key=lambda row: -row["started_at"]),
        series=series(is_busy=True),
        totals={
            "day": "2026-11-29",
            "local_tokens": 1_204_331,
            "remote_tokens": 50_812,
            "cost_usd": 0.4182,
            "saved_usd": 3.7104,
            "requests": 539,
            "failed": 6,
        },
    )


def made(number: int, make: Callable[..., Json]) -> Json:
    """One of many requests: no two have the same numbers, and the clients take turns."""
    fields: Json = {}
    tokens = 90 + 61 * (number * 5 % 13)
    if make in (request, remote):
        duration = 640.0 + tokens * (18 + number * 7 % 9)
        usage = {"prompt": 800 + 137 * (number * 3 % 11), "completion": tokens, "cached": 0}
        fields = {"duration_ms": duration, "tokens": usage, "first_token_ms": 300.0 + 37 * (number * 5 % 8)}
        if make is remote:
            fields["cost_usd"] = round(usage["prompt"] * 3e-6 + tokens * 15e-6, 6)
        else:
            fields["client"] = ("cursor", "open-webui", "cline", "zed", "continue")[number % 5]
    if make is request and number % 3 == 0:
        fields["model"] = "qwen3:8b"
    if make is request and number % 4 == 3:
        model = "qwen3-coder:30b"
        fields |= {"model": "qwen3-coder", "served_model": model, "provider": "workstation", "key": "ben"}
        fields["attempts"] = [
            attempt("workstation", model, asked_ms=260.0, first_ms=500.0, ended_ms=fields["duration_ms"], outcome="ok")
        ]
    elif fields:
        provider_name = "openrouter" if make is remote else "ollama"
        whole = make(number, **fields)
        fields["attempts"] = [
            attempt(
                provider_name,
                whole["served_model"],
                local=whole["local"],
                first_ms=fields["first_token_ms"],
                ended_ms=fields["duration_ms"],
                outcome="ok",
            )
        ]
    return make(number, **fields)


def empty() -> Json:
    return snapshot(
        providers=[
            provider("ollama", models=["qwen3:8b", "llama3.2:3b"]),
            provider("openrouter", kind="openrouter", local=False, state="unknown", models=[]),
        ]
    )


def broken() -> Json:
    """Everything that can be wrong: a config with a problem, providers that fail, paid answers, a spent budget."""
    whole = busy()
    ill = [
        provider(
            "ollama",
            state="down",
            last_error="connection refused: nothing listens on localhost:11434",
            consecutive_failures=9,
            models=["qwen3:8b"],
        ),
        provider(
            "workstation",
            kind="llamacpp",
            state="cooling",
            retry_at=NOW + 24,
            last_error="HTTP 503: model is loading",
            models=["qwen3-coder:30b"],
            requests=90,
            first_token_ms={"p50": 612.0, "p95": 2900.0},
            tokens={"prompt": 310_000, "completion": 88_000},
        ),
        provider(
            "openrouter",
            kind="openrouter",
            local=False,
            requests=37,
            models=["openai/gpt-4o"],
            first_token_ms={"p50": 905.0, "p95": 1840.0},
            cost_usd=2.0031,
            budget=[limit("provider", "openrouter", spent=2.0031, reached=True)],
            tokens={"prompt": 41_000, "completion": 9_800},
        ),
    ]
    requests = [
        fallback(0),
        failed(1),
        failed(2, model="qwen3:8b", outcome="connect_failed"),
        fallback(3),
        *whole["requests"][8:30],
    ]
    config = {
        "path": "/home/anna/config.json",
        "loaded_at": NOW - 3000,
        "problem": "config.json: providers.workstation.endpont: unknown key; did you mean endpoint?",
    }
    return {**whole, "providers": ill, "requests": requests, "config": config}
