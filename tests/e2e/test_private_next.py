"""A demand for privacy goes on to a next Linx and to nobody else; and what happens when a name moves in between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.http_client import ask
from tests.e2e.linx_process import config_for, linx_here, url_of
from tests.e2e.private_world import ROADS
from tests.fakes.internet import Internet
from tests.fakes.provider import FakeProvider
from tests.test_app import port_of

if TYPE_CHECKING:
    from pathlib import Path

CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "canary"}]}
PATH = "/v1/chat/completions"
PRIVATE = {"x-linx-local-only": "true"}
ELSEWHERE = {"local": False}


def behind(url: str, kind: str = "openai") -> dict[str, Any]:
    """The section of a provider that is a Linx."""
    return {"kind": kind, "endpoint": url}


@pytest.mark.parametrize("how", ["header", "config"])
async def test_the_next_linx_hears_of_it(how: str, tmp_path: Path) -> None:
    back_folder = tmp_path / "back"
    back_folder.mkdir()
    async with FakeProvider("openai", ["m"]) as far, FakeProvider("openai", ["m"]) as near:
        back = config_for(far, near, names=("far", "near"), providers={"far": {**ELSEWHERE, "price": FREE}})
        async with linx_here(back, back_folder) as second:
            front = config_for(providers={"next": behind(url_of(second))}, routing={"local_only": how == "config"})
            async with linx_here(front, tmp_path) as first:
                headers = PRIVATE if how == "header" else {}
                for _ in range(2):
                    assert (await ask(port_of(first), PATH, CHAT, headers=headers)).status == 200
                assert (len(far.calls), len(near.calls)) == (0, 2)
                if how == "header":
                    assert (await ask(port_of(first), PATH, CHAT)).status == 200
                    assert (len(far.calls), len(near.calls)) == (1, 2)
        asked = [one for fake in (far, near) for one in fake.requests]
        assert not [one for one in asked if "x-linx-local-only" in one.headers and one.is_call]


FREE = {"prompt": 0, "completion": 0}


async def test_where_the_next_linx_has_nobody_local_the_next_candidate_is_asked(tmp_path: Path) -> None:
    back_folder = tmp_path / "back"
    back_folder.mkdir()
    async with FakeProvider("openai", ["m"]) as far, FakeProvider("openai", ["m"]) as here:
        async with linx_here(config_for(far, providers={"openai1": ELSEWHERE}), back_folder) as second:
            sections = {"next": behind(url_of(second)), "here": {"kind": "openai", "endpoint": here.endpoint}}
            front = config_for(providers=sections, routing={"cost_optimization": False})
            async with linx_here(front, tmp_path) as first:
                for _ in range(5):
                    answer = await ask(port_of(first), PATH, CHAT, headers=PRIVATE)
                    assert answer.headers["x-linx-attempts"] == "next=http_503, here=ok"
                assert not far.calls
                assert len(here.calls) == 5
                assert (await ask(port_of(first), PATH, CHAT)).headers["x-linx-provider"] == "next"  # nobody blames it


@pytest.mark.parametrize("kind", ["ollama", "openai", "anthropic"])
async def test_no_road_leads_through_a_next_linx_to_a_provider_elsewhere(kind: Any, tmp_path: Path) -> None:
    back_folder = tmp_path / "back"
    back_folder.mkdir()
    async with FakeProvider("ollama", ["m"]) as ollama, FakeProvider("openai", ["m"]) as far:
        back = config_for(ollama, far, providers={"ollama1": ELSEWHERE, "openai2": ELSEWHERE})
        async with linx_here(back, back_folder) as second:
            url = url_of(second) + ("" if kind == "ollama" else "/v1")
            section = {**behind(url, kind), "native": True, "api_key": "k" * 16 if kind == "anthropic" else None}
            async with linx_here(config_for(providers={"next": section}), tmp_path) as first:
                for number, road in enumerate(ROADS):
                    await road.ask(port_of(first), "m", f"canary-{number}", x_linx_local_only="true")
        assert not [one.path for fake in (ollama, far) for one in fake.requests if b"canary" in one.body]


async def test_a_candidate_whose_name_has_moved_is_passed_over(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as gpu, FakeProvider("openai", ["m"]) as here:
        sections = {"openai1": {"endpoint": gpu.endpoint.replace("127.0.0.1", "gpu.lan")}}
        config = config_for(gpu, here, providers=sections, routing={"cost_optimization": False})
        with Internet() as internet:
            internet.names["gpu.lan"] = ["127.0.0.1"]
            internet.hosts["203.0.113.7"] = "127.0.0.1"
            async with linx_here(config, tmp_path) as app:
                answer = await ask(port_of(app), PATH, CHAT, headers=PRIVATE)
                assert answer.headers["x-linx-attempts"] == "openai1=ok"
                internet.names["gpu.lan"] = ["203.0.113.7"]
                app.pool.close_idle()
                answer = await ask(port_of(app), PATH, CHAT, headers=PRIVATE)
                assert answer.headers["x-linx-attempts"] == "openai1=not_local, openai2=ok"
                assert (len(gpu.calls), len(here.calls)) == (1, 1)
                answer = await ask(port_of(app), PATH, CHAT)
                assert answer.headers["x-linx-attempts"] == "openai1=ok"  # it may still have what need not stay local
                assert internet.dialled.count("203.0.113.7") == 1


async def test_where_all_have_moved_the_client_is_told_where_to(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as gpu:
        config = config_for(gpu, providers={"openai1": {"endpoint": gpu.endpoint.replace("127.0.0.1", "gpu.lan")}})
        with Internet() as internet:
            internet.names["gpu.lan"] = ["127.0.0.1"]
            async with linx_here(config, tmp_path) as app:
                internet.names["gpu.lan"] = ["203.0.113.7"]
                app.pool.close_idle()
                answer = await ask(port_of(app), PATH, CHAT, headers=PRIVATE)
                assert answer.status == 503
                assert answer.json["error"]["code"] == "not_local"
                assert "gpu.lan" in answer.json["error"]["message"]
                assert "203.0.113.7" in answer.json["error"]["message"]
                assert internet.dialled.count("203.0.113.7") == 0


async def test_what_is_said_to_be_local_goes_past_the_proxies_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with FakeProvider("openai", ["m"]) as gpu, FakeProvider("openai", ["m"]) as proxy:
        for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(variable, proxy.url)
        endpoint = gpu.endpoint.replace("127.0.0.1", "gpu.example.com")
        config = config_for(gpu, providers={"openai1": {"endpoint": endpoint, "local": True}})
        with Internet() as internet:
            internet.names["gpu.example.com"] = ["203.0.113.7"]
            internet.hosts["203.0.113.7"] = "127.0.0.1"
            async with linx_here(config, tmp_path) as app:
                for headers in ({}, PRIVATE):
                    assert (await ask(port_of(app), PATH, CHAT, headers=headers)).status == 200
        assert not proxy.connections
        assert len(gpu.calls) == 2
