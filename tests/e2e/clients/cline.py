"""Cline: the ``ollama`` npm package's chat, which gives up without a head after 30 seconds."""

from __future__ import annotations

import time

from tests.e2e.clients.calls import call, got, main

PATIENCE_S = 30


def run(url: str, model: str, key: str | None = None) -> None:
    assert got(url, "/api/tags", key=key)["models"]
    body = {
        "model": model,
        "messages": [
            {"role": "system", "content": "You are a coding assistant."},
            {"role": "user", "content": "Say hello."},
            {"role": "assistant", "content": "hello"},
            {"role": "user", "content": "Again."},
        ],
        "stream": True,
        "options": {"num_ctx": 32768, "num_predict": 16},
    }
    started = time.monotonic()
    answer = call(url, "/api/chat", body, key=key)
    assert time.monotonic() - started < PATIENCE_S
    assert answer.status == 200, answer.body()
    frames = answer.frames()
    assert "".join(frame["message"]["content"] for frame in frames)
    # The package throws unless a frame is done; Cline then reads the counters.
    assert frames[-1]["done"] is True
    assert frames[-1]["eval_count"] > 0
    assert frames[-1]["prompt_eval_count"] > 0


if __name__ == "__main__":
    main(run)
