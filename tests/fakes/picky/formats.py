"""The choice of a tool, the form of the answer, and images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fakes.picky import refusal
from tests.fakes.picky.check import Check, has_image, messages, parts

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fakes.picky.refusal import JsonObject, Refusal


def _object_choice(body: JsonObject) -> Refusal | None:
    if not isinstance(body.get("tool_choice"), dict):
        return None
    return refusal.text_error("Invalid tool_choice type: 'object'. Supported string values: none, auto, required")


LMSTUDIO_CHOICE = Check("tool_choice", _object_choice, "lmstudio-bug-tracker#670, linguito#21")


def _form(body: JsonObject) -> str:
    return str((body.get("response_format") or {}).get("type", "text"))


def _no_json_object(body: JsonObject) -> Refusal | None:
    if _form(body) in ("json_schema", "text"):
        return None
    return refusal.text_error("'response_format.type' must be 'json_schema' or 'text'")


LMSTUDIO_FORMAT = Check("response_format", _no_json_object, "tada#16, lmstudio-bug-tracker#189")


def no_json_schema(shape: Callable[[], Refusal], source: str) -> Check:
    def look(body: JsonObject) -> Refusal | None:
        return shape() if _form(body) == "json_schema" else None

    return Check("response_format", look, source)


def _deepseek_format() -> Refusal:
    return refusal.deepseek("This response_format type is unavailable now")


def _deepseek_format_old() -> Refusal:
    return refusal.deepseek_old(
        "response_format: response_format.type `json_schema` is unavailable now at line 1 column 1193"
    )


DEEPSEEK_FORMAT = no_json_schema(_deepseek_format, "llm-exe#662, inspect_ai#4916, Vane#969")
DEEPSEEK_FORMAT_OLD = no_json_schema(_deepseek_format_old, "litellm#7580, browser-use#215")


def _needs_the_word(body: JsonObject) -> Refusal | None:
    """JSON mode wants the word in the prompt, or the model writes blanks for ever."""
    if _form(body) != "json_object" or "json" in refusal.as_json(200, messages(body)).body.decode().lower():
        return None
    said = "Prompt must contain the word 'json' in some form to use 'response_format' of type 'json_object'."
    return refusal.deepseek(said)


DEEPSEEK_WORD = Check("the word json", _needs_the_word, "stagehand#1204")


def images(shape: Callable[[JsonObject], Refusal], source: str) -> Check:
    def look(body: JsonObject) -> Refusal | None:
        return shape(body) if has_image(body) else None

    return Check("images", look, source)


def _deepseek_image(body: JsonObject) -> Refusal:
    at = next(at for at, m in enumerate(messages(body)) if any(part.get("type") == "image_url" for part in parts(m)))
    said = f"messages[{at}]: unknown variant `image_url`, expected `text` at line 1 column 114708"
    return refusal.deepseek(f"Failed to deserialize the JSON body into the target type: {said}")


def _vllm_image(body: JsonObject) -> Refusal:
    return refusal.vllm_old(f"{body.get('model')} is not a multimodal model None")


def _llamacpp_image(_body: JsonObject) -> Refusal:
    return refusal.llamacpp_500(
        "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj"
    )


def _ollama_image(_body: JsonObject) -> Refusal:
    said = "Multimodal data provided, but model does not support multimodal requests."
    return refusal.text_error(refusal.llamacpp(said).body.decode())


DEEPSEEK_IMAGE = images(_deepseek_image, "jcode#310, hermes-webui#2297")
VLLM_IMAGE = images(_vllm_image, "dots.ocr#61")
LLAMACPP_IMAGE = images(_llamacpp_image, "llama.cpp tools/server")
OLLAMA_IMAGE = images(_ollama_image, "seen at Ollama 0.33")
