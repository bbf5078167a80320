"""Endpoints whose API is not below /v1: where it is is found out by asking, once, and on the same host.

The shapes are those of Open WebUI (its page of API endpoints), Copilot (aichat#1030), GitHub Models and Databricks
(their own documentation) and Azure's deployments (azure-docs#114602).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import trio

from tests.dialects.openai.help import DONE, frame, sse, text
from tests.e2e.http_client import ask
from tests.e2e.linx_process import linx_here
from tests.e2e.test_odd_answers import FACES, ask_face
from tests.fakes import scripted
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Whole
from tests.providers.asked import listing

if TYPE_CHECKING:
    from pathlib import Path

ANSWER = Whole(200, sse(*text("first"), frame(finish="stop")) + DONE, "text/event-stream")
LIST = listing({"object": "list", "data": [{"id": "m"}]})
PAGE = scripted.html()


@dataclass(frozen=True)
class Case:
    """A server: where its list and its chat are, and what it has elsewhere."""

    endpoint: str
    chat: str
    models: str | None = None
    pages: tuple[str, ...] = ()
    """Paths at which it has a page for people."""
    asks: int = 1
    """How often the first prompt is sent until the API is found."""
    model: str = "m"


CASES = {
    "no version": Case("", "/chat/completions", "/models"),
    "a version that is none": Case("/v1", "/chat/completions", "/models"),
    "Open WebUI": Case("", "/api/chat/completions", "/api/models", ("/v1/models", "/models")),
    "Open WebUI, /api": Case("/api", "/api/chat/completions", "/api/models"),
    "OpenRouter's host": Case("", "/api/v1/chat/completions", "/api/v1/models", ("/models", "/api/models")),
    "no version and no list": Case("/inference", "/inference/chat/completions", asks=2),
    "Databricks": Case("/serving-endpoints", "/serving-endpoints/chat/completions", asks=2),
    "a version and no list": Case("/openai/v1", "/openai/v1/chat/completions"),
    "a query": Case("/v1?tenant=a", "/v1/chat/completions?tenant=a", "/v1/models?tenant=a"),
    "Azure, a deployment": Case(
        "/openai/deployments/gpt?api-version=2024-10-21",
        "/openai/deployments/gpt/chat/completions?api-version=2024-10-21",
        model="gpt",
    ),
    "Databricks, one endpoint": Case(
        "/serving-endpoints/dbx/invocations", "/serving-endpoints/dbx/invocations", model="dbx"
    ),
}


def config_at(fake: FakeProvider, case: Case, **more: Any) -> dict[str, Any]:
    one: dict[str, Any] = {"kind": "openai", "endpoint": fake.url + case.endpoint, **more}
    if case.models is None:
        one["models"] = [case.model]
    return {"ollama": {"enabled": False}, "providers": {"odd": one}, "server": {"port": 0}}


def prepare(fake: FakeProvider, case: Case) -> None:
    fake.models = []
    fake.at = dict.fromkeys(("/v1/models", "/models"), scripted.status(404, "Not Found"))
    fake.at |= dict.fromkeys(case.pages, PAGE)
    if case.models is not None:
        fake.at[case.models] = LIST
    fake.at["/v1/chat/completions"] = Whole(405, b'{"detail":"Method Not Allowed"}')
    fake.at[case.chat] = ANSWER


@pytest.mark.parametrize("name", CASES)
async def test_the_api_is_found_and_remembered(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    async with FakeProvider("openai") as fake:
        prepare(fake, case)
        async with linx_here(config_at(fake, case), tmp_path) as app:
            assert list(app.context.providers[0].models) == [case.model]
            assert app.context.providers[0].health.reachable
            assert not [one for one in fake.requests if one.method == "POST"]
            for number, face in enumerate((FACES["chat"], FACES["messages"], FACES["ollama chat"])):
                fake.requests.clear()
                body = {"model": case.model, **face.body, "stream": number % 2 == 0}
                answer = await ask(app.bound[0][1], face.path, body)
                assert (answer.status, b"first" in answer.body) == (200, True), answer.body
                posts = [one.target for one in fake.requests if one.method == "POST"]
                assert posts[-1] == case.chat
                assert len(posts) == (case.asks if number == 0 else 1)
                assert answer.headers["x-linx-attempts"] == "odd=ok"


async def test_several_at_once_all_find_it(tmp_path: Path) -> None:
    case = CASES["no version and no list"]
    async with FakeProvider("openai") as fake:
        prepare(fake, case)
        async with linx_here(config_at(fake, case), tmp_path) as app:
            statuses: list[int] = []

            async def one() -> None:
                statuses.append((await ask_face(app.bound[0][1], FACES["chat"], stream=True)).status)

            async with trio.open_nursery() as nursery:
                for _ in range(8):
                    nursery.start_soon(one)
            assert statuses == [200] * 8


async def test_what_is_nowhere_is_asked_for_once_in_a_while(tmp_path: Path) -> None:
    async with FakeProvider("openai") as fake:
        fake.models = []
        fake.at = {"/v1/models": scripted.status(404, "Not Found")}
        async with linx_here(config_at(fake, CASES["no version and no list"]), tmp_path) as app:
            for asks in (2, 1, 1):
                fake.requests.clear()
                answer = await ask_face(app.bound[0][1], FACES["chat"], stream=False)
                assert answer.status == 502
                assert b"check its endpoint" in answer.body
                assert len([one for one in fake.requests if one.method == "POST"]) == asks
            assert app.context.providers[0].health.reachable


async def test_an_unknown_model_is_no_unknown_path(tmp_path: Path) -> None:
    async with FakeProvider("openai") as fake:
        fake.at = {"/v1/models": scripted.status(404, "Not Found")}
        fake.at["/x/v1/chat/completions"] = scripted.status(404, "The model `m` does not exist")
        async with linx_here(config_at(fake, Case("/x", "")), tmp_path) as app:
            fake.requests.clear()
            answer = await ask_face(app.bound[0][1], FACES["chat"], stream=False)
            assert answer.status == 404
            assert [one.path for one in fake.requests if one.method == "POST"] == ["/x/v1/chat/completions"]
