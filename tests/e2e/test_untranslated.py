"""The official SDKs over providers that speak their dialect themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.anthropic_sdk import with_anthropic
from tests.e2e.linx_process import config_for, linx_here
from tests.e2e.openai_sdk import with_sdk
from tests.fakes.provider import FakeProvider

if TYPE_CHECKING:
    from pathlib import Path

    import anthropic
    import openai

    from tests.fakes.catalogue import Kind

HI: Any = [{"role": "user", "content": "hi"}]
TEXT = "Hello from the fake."


@pytest.mark.parametrize("kind", ["llamacpp", "openrouter", "openai", "ollama"])
async def test_the_sdk_s_over_a_native_provider(kind: Kind, tmp_path: Path) -> None:
    async with FakeProvider(kind, ["m"]) as fake:
        config = config_for(fake, providers={f"{kind}1": {"native": True}})
        async with linx_here(config, tmp_path) as app:
            port = app.bound[0][1]

            def ask_anthropic(sdk: anthropic.Anthropic) -> list[Any]:
                whole = sdk.messages.create(model="m", max_tokens=64, messages=HI)
                with sdk.messages.stream(model="m", max_tokens=64, messages=HI) as stream:
                    return [whole, stream.get_final_message()]

            def ask_openai(sdk: openai.OpenAI) -> list[Any]:
                whole = sdk.responses.create(model="m", input="hi")
                with sdk.responses.stream(model="m", input="hi") as stream:
                    return [whole, stream.get_final_response()]

            for message in await with_anthropic(port, ask_anthropic):
                assert (message.id, message.model, message.stop_reason) == ("msg_fake", "m", "end_turn")
                assert message.content[0].text == TEXT
                assert message.usage.output_tokens == 5
            for response in await with_sdk(port, ask_openai):
                assert (response.id, response.model, response.output_text) == ("resp_fake", "m", TEXT)
            ends = [call.path.rpartition("/")[2] for call in fake.calls]
            assert ends == ["messages", "messages", "responses", "responses"]
            assert all(call.json["stream"] is True for call in fake.calls)
            records = list(app.context.telemetry.finished)
            assert all(record.usage is not None and record.usage.completion == 5 for record in records)
