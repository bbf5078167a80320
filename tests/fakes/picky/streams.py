"""``stream_options`` refused: by name, by a place in a list, in vague words, by a crash."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fakes.picky import refusal
from tests.fakes.picky.parameters import named

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fakes.picky.check import Check
    from tests.fakes.picky.refusal import Refusal


def stream_options(said: Callable[[], Refusal], source: str) -> Check:
    return named("stream_options", lambda _value: said(), source)


def _fireworks() -> Refusal:
    said = "Extra inputs are not permitted, field: 'stream_options'"
    return refusal.as_json(400, {"error": {"object": "error", "type": "invalid_request_error", "message": said}})


def _phi() -> Refusal:
    said = "Validation error at #/stream_options: Extra inputs are not permitted"
    return refusal.as_json(400, {"error": {"requestid": "eea1c96d-fba7", "code": 400, "message": said}})


def _crash() -> Refusal:
    return refusal.plain(500, "create_completion() got an unexpected keyword argument 'stream_options'")


def _old_vllm() -> Refusal:
    """A Python list as the text of the message."""
    what = {"type": "extra_forbidden", "loc": ("body", "stream_options"), "msg": "Extra inputs are not permitted"}
    return refusal.vllm_old(str([{**what, "input": {"include_usage": True}}]))


FIREWORKS = stream_options(_fireworks, "Flowise#2866")
AZURE_PHI = stream_options(_phi, "semantic-kernel#10510")
CRASH = stream_options(_crash, "llama-cpp-python before it knew the field: a TypeError behind a 500")
VLLM = stream_options(_old_vllm, "ms-agent#489, gpustack#429")
