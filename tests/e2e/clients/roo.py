"""Roo: it checks lists and details against a schema, and hides models without tools."""

from __future__ import annotations

from tests.e2e.clients.calls import TOOL, call, got, main


def run(url: str, model: str, key: str | None = None) -> None:
    usable = {}
    for listed in got(url, "/api/tags", key=key)["models"]:
        assert isinstance(listed["name"], str)
        assert isinstance(listed["model"], str)
        for details in (listed["details"], got(url, "/api/show", {"model": listed["model"]}, key=key)["details"]):
            assert isinstance(details["family"], str)
            assert isinstance(details["parameter_size"], str)
        shown = got(url, "/api/show", {"model": listed["model"]}, key=key)
        assert isinstance(shown["model_info"], dict)
        if "tools" in shown["capabilities"]:
            context = next((value for name, value in shown["model_info"].items() if "context_length" in name), None)
            assert isinstance(context, int)
            usable[listed["name"]] = context
    assert model in usable or f"{model}:latest" in usable, usable

    body = {
        "model": model,
        "messages": [{"role": "user", "content": "Say hello."}],
        "stream": True,
        "options": {"temperature": 0, "num_predict": 16},
        "tools": [TOOL],
    }
    frames = call(url, "/api/chat", body, key=key).frames()
    calls = [made for frame in frames for made in frame["message"].get("tool_calls") or ()]
    assert "".join(frame["message"]["content"] for frame in frames) or calls
    assert frames[-1]["done"]


if __name__ == "__main__":
    main(run)
