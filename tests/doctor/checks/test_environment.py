"""Variables: cases that need no machine."""

from __future__ import annotations

import pytest

from linx.doctor.checks.environment import environment
from linx.doctor.facts import ConfigFacts
from linx.doctor.finding import Level
from tests.doctor.pieces import facts, provider


@pytest.mark.parametrize("no_proxy", ["*", "localhost, 127.0.0.1", "127.0.0.1 localhost ::1"])
def test_a_proxy_that_leaves_local_requests_alone(no_proxy: str) -> None:
    assert not list(environment(facts(env={"HTTP_PROXY": "http://p:1", "NO_PROXY": no_proxy})))


def test_ollama_host_that_a_provider_asks() -> None:
    assert not list(environment(facts(provider(endpoint="http://localhost:11434"), env={"OLLAMA_HOST": "0.0.0.0"})))


def test_keys_that_no_provider_uses_are_told_with_the_line_that_uses_them() -> None:
    env = {"GROQ_API_KEY": "gsk_0123456789", "ANTHROPIC_API_KEY": "", "OPENAI_API_KEY": "sk-0123456789"}
    here = facts(provider("o", "openai", "https://api.openai.com/v1"), env=env)
    (found,) = environment(here)
    assert (found.level, found.where) == (Level.NOTE, "GROQ_API_KEY")
    assert '"api_key": "env:GROQ_API_KEY"' in found.mend
    assert not found.edits
    used = ConfigFacts(here.config.config, "/c.json", "", {"providers": {"x": {"api_key": "env:GROQ_API_KEY"}}})
    assert not list(environment(facts(config=used, env=env | {"OPENAI_API_KEY": ""})))
