"""llama.cpp's own paths, relayed to a real one: each answers as it does directly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio

from linx.core import jsontext
from tests.e2e.http_client import Answer, Client, ask
from tests.e2e.linx_process import linx_here
from tests.e2e.llamacpp import KEY, running
from tests.waiting import within

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from linx.app import App
    from tests.e2e.llamacpp import LlamaCpp

BEARER = {"authorization": f"Bearer {KEY}"}
STEADY: dict[str, Any] = {"temperature": 0, "seed": 1, "n_predict": 8, "cache_prompt": False}
HI = {"messages": [{"role": "user", "content": "hi"}]}
CHANGING = {"timings", "id_slot", "tokens_cached", "index", "created", "id", "t_last_used", "id_task"}
"""Fields that differ from one request to the next."""


@pytest.fixture(scope="module")
def open_llamacpp(tiny_model: Path) -> Iterator[LlamaCpp]:
    with running(tiny_model, everything=True) as llama:
        yield llama


async def both(llama: LlamaCpp, app: App, path: str, body: Any = None, *, through: str = "") -> tuple[Answer, Answer]:
    """What llama.cpp answers directly, and what through Linx."""
    direct = await ask(llama.port, path, body, headers=BEARER)
    return direct, await ask(app.bound[0][1], through or path, body)


def steady(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: steady(one) for key, one in value.items() if key not in CHANGING}
    return [steady(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize("model", [{}, {"model": "tiny"}], ids=["no model", "its model"])
async def test_completion(llamacpp: LlamaCpp, model: dict[str, str], tmp_path: Path) -> None:
    async with linx_here(llamacpp.config(), tmp_path) as app:
        direct, through = await both(llamacpp, app, "/completion", {"prompt": "The", **STEADY, **model})
        assert (direct.status, through.status) == (200, 200)
        assert through.json["content"]
        assert steady(through.json) == steady(direct.json)


async def test_completion_streamed(llamacpp: LlamaCpp, tmp_path: Path) -> None:
    async with linx_here(llamacpp.config(), tmp_path) as app:
        direct, through = await both(llamacpp, app, "/completion", {"prompt": "The", **STEADY, "stream": True})
        assert through.headers["content-type"].startswith("text/event-stream")
        assert [steady(event) for event in through.events] == [steady(event) for event in direct.events]
        assert through.events[-1]["stop"] is True


async def test_a_streamed_completion_is_cancelled_with_its_client(llamacpp: LlamaCpp, tmp_path: Path) -> None:
    async with linx_here(llamacpp.config(), tmp_path) as app:
        client = Client(app.bound[0][1])
        await client.open()
        await client.send(
            "POST", "/completion", {"prompt": "The", "n_predict": 4000, "stream": True, "ignore_eos": True}
        )
        assert (await client.event()).status_code == 200
        await client.event()
        await client.close()
        finished = app.context.telemetry.finished
        with within(5):
            while not finished:
                await trio.sleep(0.01)
        assert (next(iter(finished)).phase, app.context.providers[0].active) == ("cancelled", 0)


async def test_apply_template(llamacpp: LlamaCpp, tmp_path: Path) -> None:
    async with linx_here(llamacpp.config(), tmp_path) as app:
        direct, through = await both(llamacpp, app, "/apply-template", HI)
        assert (through.status, through.json) == (200, direct.json)
        assert "hi" in through.json["prompt"]


async def test_props(llamacpp: LlamaCpp, tmp_path: Path) -> None:
    async with linx_here(llamacpp.config(), tmp_path) as app:
        for path in ("/props", "/props?model=tiny"):
            direct, through = await both(llamacpp, app, path)
            assert (through.status, steady(through.json)) == (200, steady(direct.json))
            assert through.json["default_generation_settings"]["n_ctx"]


async def test_embedding(open_llamacpp: LlamaCpp, tmp_path: Path) -> None:
    async with linx_here(open_llamacpp.config(), tmp_path) as app:
        direct, through = await both(open_llamacpp, app, "/embedding", {"content": "The"})
        assert (through.status, through.json) == (200, direct.json)
        assert through.json[0]["embedding"]


async def test_slots(open_llamacpp: LlamaCpp, tmp_path: Path) -> None:
    async with linx_here(open_llamacpp.config(), tmp_path) as app:
        direct, through = await both(open_llamacpp, app, "/slots")
        assert (through.status, steady(through.json)) == (200, steady(direct.json))
        assert through.json[0]["n_ctx"]


@pytest.mark.parametrize(("path", "body"), [("/embedding", {"content": "The"}), ("/slots", None)])
async def test_a_path_that_is_switched_off(
    llamacpp: LlamaCpp, path: str, body: dict[str, str] | None, tmp_path: Path
) -> None:
    async with linx_here(llamacpp.config(), tmp_path) as app:
        direct, through = await both(llamacpp, app, path, body)
        assert direct.status == 501
        assert through.status == 400
        assert through.json["error"]["code"] == "unsupported_feature"
        assert direct.json["error"]["message"] in through.json["error"]["message"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/lora-adapters", None),
        ("/props", None),
        ("/v1/models", None),
        ("/tokenize", {"content": "The"}),
        ("/slots/0?action=erase", {}),
        ("/nothing", None),
    ],
)
async def test_anything_else(llamacpp: LlamaCpp, path: str, body: Any, tmp_path: Path) -> None:
    async with linx_here(llamacpp.config(), tmp_path) as app:
        direct, through = await both(llamacpp, app, path, body, through="/upstream/llama" + path)
        assert through.status == direct.status
        assert steady(through.json) == steady(direct.json)


async def test_health(llamacpp: LlamaCpp, tmp_path: Path) -> None:
    """What waits for a llama.cpp waits for Linx as well, with a key set and without sending it."""
    async with linx_here({**llamacpp.config(), "server": {"port": 0, "api_key": "k"}}, tmp_path) as app:
        for path in ("/health", "/v1/health"):
            direct = await ask(llamacpp.port, path)
            through = await ask(app.bound[0][1], path)
            assert (through.status, through.json) == (direct.status, direct.json) == (200, {"status": "ok"})


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
async def test_durations_are_those_of_its_own_timings(llamacpp: LlamaCpp, stream: bool, tmp_path: Path) -> None:
    asked = {"model": "tiny", **HI, "stream": stream, "options": {"num_predict": 8, "seed": 1}}
    async with linx_here(llamacpp.config(), tmp_path) as app:
        answer = await ask(app.bound[0][1], "/api/chat", asked)
    done = jsontext.loads(answer.body.rstrip(b"\n").rpartition(b"\n")[2])
    assert done["load_duration"] == 0
    assert min(done["prompt_eval_duration"], done["eval_duration"]) > 0
    # Its own sum; what Linx measures has the ways to it and back as well.
    assert done["prompt_eval_duration"] + done["eval_duration"] == done["total_duration"]


async def test_what_the_list_says_of_it(llamacpp: LlamaCpp, tmp_path: Path) -> None:
    async with linx_here(llamacpp.config(), tmp_path) as app:
        (entry,) = (await ask(app.bound[0][1], "/v1/models")).json["data"]
        props = (await ask(app.bound[0][1], "/props")).json
    assert entry["context_length"] == entry["meta"]["n_ctx"] == props["default_generation_settings"]["n_ctx"]
    assert entry["capabilities"] == ["completion", "tools", "tool_use"]
    assert entry["architecture"]["input_modalities"] == ["text"]
