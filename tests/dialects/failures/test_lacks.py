"""What a model lacks, by the words of a refusal."""

from __future__ import annotations

import pytest

from linx.core.attempt_errors import Fallback
from linx.dialects.failures.lacks import TOOLS, VISION, is_too_large, lacks_of
from linx.dialects.failures.meaning import failure
from tests.dialects.adaptation.shapes import refusals

WORDS = [
    (TOOLS, "registry.ollama.ai/library/gemma3:1b does not support tools"),  # Ollama
    (TOOLS, "No endpoints found that support tool use. To learn more about provider routing, visit: …"),  # mastra#2839
    (TOOLS, "`tool calling` is not supported with this model"),  # Groq
    (TOOLS, "`tools` is not supported with this model"),  # agno#137
    (TOOLS, "This model does not support function calling"),
    (TOOLS, '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'),  # vLLM
    (TOOLS, "tools param requires --jinja flag"),  # llama.cpp
    (VISION, "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj"),
    (VISION, "image input is not supported by this server"),  # llama.cpp#13566
    (VISION, "Multimodal data provided, but model does not support multimodal requests."),  # Ollama
    (VISION, "this model does not support image input"),  # ollama#17301
    (VISION, "No endpoints found that support image input"),  # OpenRouter
    (VISION, "facebook/opt-125m is not a multimodal model None"),  # vLLM: dots.ocr#61
    (VISION, "Failed to deserialize the JSON body into the target type: messages[1]: unknown variant `image_url`, "
             "expected `text` at line 1 column 679289"),  # DeepSeek: rikkahub#1433
    (VISION, "Failed to deserialize the JSON body into the target type: messages[2]: data did not match any variant of "
             "untagged enum ChatCompletionRequestContent at line 1 column 15700"),  # browser-use#159
    (VISION, "messages[0].content must be a string"),  # Groq: vercel/ai#2837
    (VISION, "Invalid content type. image_url is only supported by certain models."),  # OpenAI
    (VISION, "Failed to parse messages: Unsupported content part type: \"image_url\"; …"),  # llama.cpp#12947
]  # fmt: skip


@pytest.mark.parametrize(("capability", "words"), WORDS)
def test_it_falls_over_and_harms_nobody_in_every_shape(capability: str, words: str) -> None:
    for refusal in refusals(words):
        assert lacks_of(refusal.words) == capability
        assert (refusal.code, refusal.fallback) == ("unsupported_feature", Fallback.YES)
        assert not refusal.blames_provider
        assert refusal.status == 400


@pytest.mark.parametrize(
    "words",
    [
        "",
        "m does not support thinking",
        "No endpoints found that support the provided 'tool_choice' value.",
        "Invalid tool_choice type: 'object'. Supported string values: none, auto, required",
        "Could not process image",
        "The model produced invalid content",
    ],
)
def test_other_words_say_nothing_of_it(words: str) -> None:
    assert lacks_of(words.lower()) is None


@pytest.mark.parametrize("status", [401, 429, 503])
def test_another_status_means_what_it_means(status: int) -> None:
    assert failure(status, b"image_url is only supported by certain models").code != "unsupported_feature"


def test_a_model_that_needs_more_memory_than_there_is() -> None:
    assert is_too_large("model requires more system memory (44.0 GiB) than is available (7.6 GiB)")  # ollama#10920
    assert is_too_large("llama runner: model requires more memory than is available")
    assert not is_too_large("server busy, please try again. maximum pending requests exceeded")
