"""Continue with its Ollama provider: models found by themselves, chat, and autocompletion."""

from __future__ import annotations

from tests.e2e.clients.calls import TOOL, call, got, main


def run(url: str, model: str, key: str | None = None) -> None:
    names = [listed["name"] for listed in got(url, "/api/tags", key=key)["models"]]
    assert model in names or f"{model}:latest" in names, names
    shown = got(url, "/api/show", {"name": model}, key=key)  # by its old name
    context = None
    for line in shown["parameters"].split("\n"):
        words = line.split()
        if words and words[0] == "num_ctx":
            context = int(words[1])
        if words and words[0] == "stop":
            assert len(words) > 1
    assert isinstance(shown["template"], str)

    options = {"num_ctx": context or 4096, "num_predict": 16, "temperature": 0.0, "stop": ["\n\n\n"]}
    body = {
        "model": model,
        "messages": [{"role": "user", "content": "Say hello."}],
        "options": options,
        "keep_alive": 1800,
        "stream": True,
    }
    frames = call(url, "/api/chat", body, key=key).frames()
    assert "".join(frame["message"]["content"] for frame in frames)
    assert frames[-1]["done"]

    # With tools it does not stream.
    whole = got(url, "/api/chat", {**body, "tools": [TOOL], "stream": False}, key=key)
    assert whole["message"]["role"] == "assistant"
    for made in whole["message"].get("tool_calls", ()):
        assert isinstance(made["function"]["arguments"], dict)

    # Autocompletion: with its own template around the cursor, past the model's.
    raw = {"model": model, "prompt": "def add(a, b):\n    return ", "raw": True, "options": options, "keep_alive": 1800}
    frames = call(url, "/api/generate", raw, key=key).frames()
    assert all(isinstance(frame["response"], str) for frame in frames)
    assert frames[-1]["done"]


if __name__ == "__main__":
    main(run)
