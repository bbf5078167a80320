"""Models that come and go, through Linx and past it, are known at once, on every face."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from linx.providers.catalog import AGAIN_S
from tests.e2e.http_client import ask
from tests.e2e.linx_process import config_for, linx_here
from tests.fakes.catalogue import Model
from tests.fakes.provider import FakeProvider
from tests.handlers.ollama_world import HI, linx_for, port_of
from tests.providers.asked import paths

if TYPE_CHECKING:
    from pathlib import Path

ASKS: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": HI},
    "/v1/messages": {"messages": HI, "max_tokens": 9},
    "/v1/messages/count_tokens": {"messages": HI},
    "/v1/responses": {"input": "hi"},
    "/v1/completions": {"prompt": "hi"},
    "/v1/embeddings": {"input": "hi"},
    "/api/chat": {"messages": HI},
    "/api/generate": {"prompt": "hi"},
    "/api/generate (load)": {},
    "/api/embed": {"input": "hi"},
    "/api/show": {},
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("path", ASKS)
async def test_a_model_pulled_past_linx(tmp_path: Path, path: str, stream: bool) -> None:
    async with FakeProvider("ollama", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.models.append(Model("new"))
        app.context.providers[0].read_at -= AGAIN_S
        body = {"model": "new", **ASKS[path], **({"stream": stream} if "embed" not in path else {})}
        assert (await ask(port_of(app), path.split()[0], body)).status == 200


async def test_it_is_shown_by_id_too(tmp_path: Path) -> None:
    async with FakeProvider("ollama", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.models.append(Model("new"))
        app.context.providers[0].read_at -= AGAIN_S
        assert (await ask(port_of(app), "/v1/models/new:latest")).json["id"] == "new:latest"


async def test_it_does_not_go_to_the_default(tmp_path: Path) -> None:
    async with FakeProvider("ollama", ["m"]) as fake:
        config = config_for(fake, providers={"ollama1": {"model_mappings": {"default": "m"}}})
        async with linx_here(config, tmp_path) as app:
            fake.models.append(Model("new"))
            app.context.providers[0].read_at -= AGAIN_S
            for name, served in (("new", "new:latest"), ("gpt-4o", "m")):
                answer = await ask(port_of(app), "/api/chat", {"model": name, "messages": HI})
                assert answer.headers["x-linx-model"] == served


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_a_model_removed_past_linx_is_gone_with_the_first_404(tmp_path: Path, stream: bool) -> None:
    async with FakeProvider("ollama", ["m", "gone"]) as fake, linx_for(tmp_path, fake) as port:
        del fake.models[1]
        body = {"model": "gone", "messages": HI, "stream": stream}
        assert (await ask(port, "/v1/chat/completions", body)).status == 404
        assert [one["id"] for one in (await ask(port, "/v1/models")).json["data"]] == ["m:latest"]
        calls = len(fake.calls)
        assert (await ask(port, "/v1/chat/completions", body)).status == 404
        assert len(fake.calls) == calls  # nobody is asked for what nobody has
        assert (await ask(port, "/api/chat", {"model": "m", "messages": HI})).status == 200


async def test_who_looks_at_the_list_has_it_read_anew(tmp_path: Path) -> None:
    async with FakeProvider("ollama", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.models.append(Model("new"))
        app.context.providers[0].read_at -= AGAIN_S
        await ask(port_of(app), "/api/tags")
        await fake.until(lambda: paths(fake).count("GET /api/tags") == 2)


async def test_a_pull_through_linx_is_known_before_its_last_line_is_read_twice(tmp_path: Path) -> None:
    async with FakeProvider("ollama", ["m"]) as fake, linx_for(tmp_path, fake) as port:
        assert (await ask(port, "/api/show", {"model": "new"})).status == 404  # reads the list, so that it is recent
        fake.models.append(Model("new"))
        assert (await ask(port, "/api/pull", {"model": "new"})).status == 200
        assert (await ask(port, "/api/show", {"model": "new"})).status == 200
