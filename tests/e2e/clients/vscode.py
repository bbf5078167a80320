"""VS Code's chat with the Ollama provider: it looks for models there and then talks OpenAI.

It sends no key to the discovery paths, so where Linx wants one it stands in the URL (/k/KEY).
"""

from __future__ import annotations

from typing import Any

from tests.e2e.clients.calls import TOOL, call, got, main

OLDEST = (0, 6, 4)
USUAL_CONTEXT = 32768


def run(url: str, model: str, key: str | None = None) -> None:
    if key is not None:
        url = f"{url}/k/{key}"
    version = [int(part) for part in got(url, "/api/version")["version"].split(".")[:3]]
    assert tuple(version) >= OLDEST, version
    known: dict[str, dict[str, Any]] = {}
    for listed in got(url, "/api/tags")["models"]:
        shown = got(url, "/api/show", {"model": listed["model"]})
        info = shown["model_info"]
        context = info.get(f"{info['general.architecture']}.context_length", USUAL_CONTEXT)
        assert isinstance(context, int)
        assert context > 0
        known[listed["model"]] = {
            "name": info.get("general.basename") or shown.get("remote_model") or listed["model"],
            "has_tools": "tools" in shown["capabilities"],
            "sees": "vision" in shown["capabilities"],
        }
    chosen = model if model in known else f"{model}:latest"
    assert known[chosen]["has_tools"], known[chosen]
    assert known[chosen]["name"]

    body = {
        "model": chosen,
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Say hello."}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "tools": [TOOL],
        "temperature": 0.1,
        "max_completion_tokens": 64,
    }
    answer = call(url, "/v1/chat/completions", body, key=key or "")
    assert answer.status == 200, answer.body()
    events = answer.events()
    deltas = [event["choices"][0]["delta"] for event in events if event["choices"]]
    assert "".join(delta.get("content") or "" for delta in deltas) or any(delta.get("tool_calls") for delta in deltas)
    assert any(event["choices"] and event["choices"][0]["finish_reason"] for event in events)
    assert events[-1]["usage"]["total_tokens"] > 0


if __name__ == "__main__":
    main(run)
