"""A kind: how it sends a key, when two names mean one model, what it says of a task it has no request for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from linx.core.attempt_errors import Refused
from linx.core.chat import Task
from linx.providers.kind import api_key, bearer, has_cloud_tag, with_tag, without_latest, x_api_key
from linx.providers.kinds import OPENAI


def test_a_key_is_sent_as_the_kind_wants_it() -> None:
    assert bearer(b"k") == ((b"authorization", b"Bearer k"),)
    assert x_api_key(b"k") == ((b"x-api-key", b"k"),)
    assert api_key(b"k") == ((b"api-key", b"k"),)


@pytest.mark.parametrize(
    ("name", "plain", "tagged"),
    [
        ("m", "m", "m:latest"),
        ("m:latest", "m", "m:latest"),
        ("M:4B", "M:4B", "m:4b"),
        ("hf.co:80/u/M", "hf.co:80/u/M", "hf.co:80/u/m:latest"),
        ("library/m", "library/m", "m:latest"),
        ("registry.ollama.ai/library/m:latest", "registry.ollama.ai/library/m", "m:latest"),
        ("https://registry.ollama.ai/u/m", "https://registry.ollama.ai/u/m", "u/m:latest"),
        ("registry.ollama.ai/m", "registry.ollama.ai/m", "registry.ollama.ai/m:latest"),
        ("m:local", "m:local", "m:latest"),
        ("m:7b:local", "m:7b:local", "m:7b"),
        ("m:cloud", "m:cloud", "m:cloud"),
        ("m:120b:cloud", "m:120b:cloud", "m:120b-cloud"),
    ],
)
def test_when_two_names_mean_one_model(name: str, plain: str, tagged: str) -> None:
    assert without_latest(name) == plain
    assert with_tag(name) == tagged


@pytest.mark.parametrize(
    ("name", "is_cloud"),
    [
        ("m:cloud", True),
        ("m:120b-cloud", True),
        ("u/M:Cloud ", True),
        ("m:7b:cloud", True),
        ("m", False),
        ("cloud", False),
        ("m-cloud", False),
        ("cloud:latest", False),
        ("m:cloudy", False),
        ("host:80/m-cloud", False),
    ],
)
def test_which_names_an_ollama_sends_to_its_cloud(name: str, is_cloud: bool) -> None:
    assert has_cloud_tag(name) is is_cloud


def test_a_task_without_a_request_is_refused_and_never_asked_as_chat() -> None:
    kind = replace(OPENAI, requests={Task.CHAT: OPENAI.requests[Task.CHAT]})
    assert kind.request(Task.CHAT) is OPENAI.requests[Task.CHAT]
    with pytest.raises(Refused, match="does not support embed") as caught:
        kind.request(Task.EMBED)
    assert caught.value.code == "unsupported_feature"


def test_a_kind_shows_its_name_alone() -> None:
    assert repr(OPENAI) == "<Kind openai>"
