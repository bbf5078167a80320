"""Open WebUI 0.12.4 with an Ollama connection, and with an OpenAI connection to the same place beside it.

It takes the ``model`` fields of the list for ids (routers/ollama.py), and what is not among them it does not ask for.
Models of both connections with the same id are one, that of the Ollama connection (main.py, ``get_models``).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.e2e.clients.calls import call, got, main


def run(url: str, model: str, key: str | None = None) -> None:
    assert got(url, "/api/version", key=key)["version"]
    models = {listed["model"]: listed for listed in got(url, "/api/tags", key=key)["models"]}
    assert all(listed["name"] for listed in models.values())
    name = model if model in models else f"{model}:latest"
    assert name in models, list(models)
    assert models.keys() == {listed["id"] for listed in got(url, "/v1/models", key=key)["data"]}
    for loaded in got(url, "/api/ps", key=key)["models"]:
        assert loaded["model"]
        assert datetime.fromisoformat(loaded["expires_at"])
    assert got(url, "/api/show", {"model": name}, key=key)["model_info"]

    body: dict[str, Any] = {"model": name, "messages": [{"role": "user", "content": "Say hello."}], "stream": True}
    answer = call(url, "/api/chat", {**body, "options": {"num_predict": 16}, "keep_alive": "5m"}, key=key)
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    frames = answer.frames()
    assert "".join(frame["message"]["content"] for frame in frames)
    last = frames[-1]
    # The speed that is shown below an answer is a quotient of these.
    assert last["eval_count"] / last["eval_duration"] > 0
    assert last["total_duration"] > 0

    # A title for the chat, whole.
    whole = got(url, "/api/chat", {**body, "stream": False, "options": {"num_predict": 8}}, key=key)
    assert whole["message"]["content"]
    generated = call(url, "/api/generate", {"model": name, "prompt": "Hi", "options": {"num_predict": 4}}, key=key)
    assert generated.frames()[-1]["done"]
    # The model is freed when its button is pressed.
    assert got(url, "/api/generate", {"model": name, "keep_alive": 0, "stream": False}, key=key)["done"]


if __name__ == "__main__":
    main(run)
