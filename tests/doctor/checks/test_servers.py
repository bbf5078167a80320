"""Local servers that no provider of the config is."""

from __future__ import annotations

from typing import Any

from linx.config.model import Config
from linx.doctor.checks.providers import reachable
from linx.doctor.checks.servers import unlisted
from linx.doctor.facts import ConfigFacts, FoundServer
from linx.doctor.finding import Level
from tests.doctor.pieces import facts, provider


def test_a_server_that_is_in_no_config_gets_a_name_that_is_free() -> None:
    tree: dict[str, Any] = {"ollama": {}, "providers": {"lmstudio": {}}}
    config = ConfigFacts(facts().config.config, "/c.json", "", tree)
    found = (
        FoundServer("LM Studio", "lmstudio", "openai", "http://127.0.0.1:1234", ("m",)),
        FoundServer("llama.cpp b1", "llamacpp", "llamacpp", "http://127.0.0.1:8080"),
        FoundServer("Ollama 0.33.0", "ollama", "ollama", "http://127.0.0.1:11435"),
        FoundServer("vLLM", "vllm", "openai", "http://127.0.0.1:8000"),
    )
    told = list(unlisted(facts(config=config, found=found)))
    keys = ["providers.lmstudio-1234", "llamacpp", "providers.ollama-11435", "providers.vllm"]
    assert [one.edits[0].key for one in told] == keys
    assert {one.level for one in told} == {Level.NOTE}


def test_a_server_that_is_switched_off_stays_so() -> None:
    tree = {"llamacpp": {"enabled": False, "endpoint": "http://127.0.0.1:8081"}}
    off = provider("llamacpp", "llamacpp", "http://127.0.0.1:8081", config={"enabled": False}).config
    config = ConfigFacts(Config(providers=(off,)), "/c.json", "", tree)
    found = (FoundServer("llama.cpp b1", "llamacpp", "llamacpp", "http://localhost:8081"),)
    (told,) = unlisted(facts(config=config, found=found))
    assert told.mend == '"llamacpp": {"enabled": true} in /c.json'
    assert not told.edits


def test_servers_that_linx_takes_in_by_itself() -> None:
    found = (FoundServer("vLLM", "vllm", "openai", "http://127.0.0.1:8000"),)
    alone = ConfigFacts(facts().config.config, None, "there is no config file")
    for config in (alone, ConfigFacts(alone.config, "/c.json", "", {"discovery": True})):
        here = facts(config=config, found=found)
        assert [one.level for one in unlisted(here)] == [Level.OK]
        assert not list(reachable(here)), "somebody can answer"
