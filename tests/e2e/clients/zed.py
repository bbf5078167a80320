"""Zed: its types allow no missing field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.e2e.clients.calls import TOOL, call, got, main

if TYPE_CHECKING:
    from collections.abc import Mapping


def run(url: str, model: str, key: str | None = None) -> None:
    names = []
    for listed in got(url, "/api/tags", key=key)["models"]:
        check(listed, {"name": str, "modified_at": str, "size": int, "digest": str, "details": dict})
        details = {"format": str, "family": str, "parameter_size": str, "quantization_level": str}
        check(listed["details"], details)
        assert all(isinstance(family, str) for family in listed["details"].get("families") or ())
        shown = got(url, "/api/show", {"model": listed["name"]}, key=key)
        assert all(isinstance(capability, str) for capability in shown["capabilities"])
        names.append(listed["name"])
    assert model in names or f"{model}:latest" in names, names

    body = {
        "model": model,
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Say hello."}],
        "stream": True,
        "keep_alive": -1,
        "options": {"num_ctx": 4096, "num_predict": 16, "stop": [], "temperature": 1.0},
        "tools": [TOOL],
        "think": False,
    }
    frames = call(url, "/api/chat", body, key=key).frames()
    for frame in frames:
        check(frame, {"model": str, "created_at": str, "message": dict, "done": bool})
        check(frame["message"], {"role": str, "content": str})
        for made in frame["message"].get("tool_calls") or ():
            check(made["function"], {"name": str, "arguments": dict})
    assert [frame["done"] for frame in frames] == [False] * (len(frames) - 1) + [True]
    last = frames[-1]
    assert last.get("prompt_eval_count", 0) >= 0
    assert last.get("eval_count", 0) >= 0


def check(value: dict[str, Any], types: Mapping[str, type]) -> None:
    for name, wanted in types.items():
        assert type(value[name]) is wanted, (name, value)


if __name__ == "__main__":
    main(run)
