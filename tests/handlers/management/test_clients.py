"""``GET /linx/clients``: the settings of every client, for this Linx."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.core import jsontext
from tests.e2e.http_client import ask
from tests.e2e.linx_process import config_for, linx_here
from tests.fakes.catalogue import Model
from tests.fakes.provider import FakeProvider

if TYPE_CHECKING:
    from pathlib import Path

KEY = "a-key-of-this-linx-0123"


async def test_each_client_with_the_models_of_this_linx(tmp_path: Path) -> None:
    fake = FakeProvider("ollama", [Model("large:8b", context_length=65_536)])
    async with fake, linx_here(config_for(fake), tmp_path) as app:
        answer = await ask(app.bound[0][1], "/linx/clients")
        assert answer.status == 200
        data = {one["client"]: one for one in jsontext.loads(answer.body)["data"]}
        assert len(data) == 13
        assert f"    export ANTHROPIC_BASE_URL={app.context.dashboard.address}" in data["claude-code"]["steps"]
        (file,) = data["claude-code"]["files"]
        assert jsontext.loads(file["text"].encode())["env"]["ANTHROPIC_MODEL"] == "large:8b"
        assert (data["cursor"]["needs_tunnel"], data["cursor"]["files"]) == (True, [])
        assert b"YOUR_KEY" not in answer.body


async def test_the_key_is_not_in_it(tmp_path: Path) -> None:
    async with linx_here(config_for(server={"api_key": KEY}), tmp_path) as app:
        answer = await ask(app.bound[0][1], "/linx/clients", headers={"x-api-key": KEY})
        assert b"YOUR_KEY" in answer.body
        assert KEY.encode() not in answer.body
        assert (await ask(app.bound[0][1], "/linx/clients")).status == 401


async def test_it_is_management(tmp_path: Path) -> None:
    async with linx_here(config_for(), tmp_path) as app:
        port = app.bound[0][1]
        assert (await ask(port, "/linx/clients", headers={"origin": "http://elsewhere.example"})).status == 403
        assert (await ask(port, "/v1/linx/clients")).status == 404
        assert (await ask(port, "/linx/clients", method="POST")).status == 405
