"""``POST /v1/responses/input_tokens``: who counts, and what is counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Whole
from tests.handlers.answers.test_responses import create, post
from tests.handlers.answers.world import world

if TYPE_CHECKING:
    from tests.fakes.catalogue import Kind

PATH = "/v1/responses/input_tokens"


async def test_a_llama_cpp_counts_the_prompt_of_its_template() -> None:
    async with FakeProvider("llamacpp", ["m"]) as fake, world(fake) as here:
        fake.at["/apply-template"] = Whole(body=b'{"prompt":"how long?"}')
        fake.at["/tokenize"] = Whole(body=b'{"tokens":[1,2,3]}')
        answer = await post(here, path=PATH, input="how long?")
        assert answer.json == {"object": "response.input_tokens", "input_tokens": 3}
        assert answer.headers["x-linx-provider"] == "llamacpp1"
        assert [request.path for request in fake.requests[-2:]] == ["/apply-template", "/tokenize"]


async def test_a_native_provider_is_asked_in_its_own_words() -> None:
    async with FakeProvider("openai", ["m"]) as fake, world(fake, providers={"openai1": {"native": True}}) as here:
        fake.at[PATH] = Whole(body=b'{"object":"response.input_tokens","input_tokens":17}')
        answer = await post(here, path=PATH, previous_response_id="resp_of_the_provider")
        assert answer.json["input_tokens"] == 17
        assert fake.requests[-1].json == {"model": "m", "input": "hi", "previous_response_id": "resp_of_the_provider"}


@pytest.mark.parametrize("kind", ["openai", "ollama", "anthropic"])
async def test_otherwise_it_is_an_estimate_of_the_whole_conversation(kind: Kind) -> None:
    async with FakeProvider(kind, ["m"]) as fake, world(fake) as here:
        short = (await post(here, path=PATH)).json["input_tokens"]
        made = await create(here, input="word " * 400)
        answer = await post(here, path=PATH, previous_response_id=made["id"])
        assert answer.json["input_tokens"] > short + 300
        assert "x-linx-provider" not in answer.headers
        assert (await post(here, path=PATH, previous_response_id="resp_x")).status == 400
        assert (await post(here, path=PATH, input=[{}])).status == 400
