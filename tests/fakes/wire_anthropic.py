"""Anthropic's Messages API as a provider: events, whole messages, errors, the model list.

The shapes are those of the public reference (platform.claude.com/docs: "Streaming messages", "Thinking", "Errors",
"List Models"), and the official SDK's types read them. What the API refuses is in ``wire_anthropic_checks``.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from linx.core import jsontext
from tests.fakes.wire import Frame, Pace, RequestRefused, halves, limited

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.fakes.catalogue import JsonObject, Model
    from tests.fakes.scripted import Answer

REQUEST_ID = "req_018EeWyXxfu5pfWkrYcMdjWG"
TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
EFFORTS = ("low", "medium", "high", "xhigh", "max")


@dataclass(frozen=True)
class Profile:
    """What a model takes ("Thinking support, defaults, and rejected configurations by model")."""

    thinking: tuple[str, ...]
    """The values of ``thinking.type`` that it takes."""
    thinks_by_itself: bool = False
    shows_thoughts: bool = True
    """Is ``display`` "summarized" where the request does not say?"""
    efforts: tuple[str, ...] = ()
    samplers: str = "one"
    """one: temperature or top_p; any: both; none: the defaults only."""
    prefill: bool = True
    schemas: bool = True
    max_tokens: int = 64_000
    max_input_tokens: int = 200_000


_NEW = Profile(
    ("adaptive", "disabled"),
    thinks_by_itself=True,
    shows_thoughts=False,
    efforts=EFFORTS,
    samplers="none",
    prefill=False,
    max_tokens=128_000,
    max_input_tokens=1_000_000,
)
PROFILES: Mapping[str, Profile] = {
    "claude-3-5-haiku": Profile(("disabled",), samplers="any", schemas=False, max_tokens=8192),
    "claude-haiku-4-5": Profile(("enabled", "disabled")),
    "claude-sonnet-4-6": Profile(
        ("adaptive", "enabled", "disabled"), efforts=("low", "medium", "high", "max"), prefill=False, max_tokens=128_000
    ),
    "claude-opus-4-8": Profile(
        ("adaptive", "disabled"), False, False, EFFORTS, "none", False, True, 128_000, 1_000_000
    ),
    "claude-sonnet-5-5": Profile(("adaptive", "between_tools"), True, False, EFFORTS, "none", False, True, 128_000),
    "claude-sonnet-5": _NEW,
    "claude-opus-5-5": Profile(("adaptive",), True, False, EFFORTS, "none", False, True, 128_000, 1_000_000),
}
"""By the beginning of the name, the first that fits; other models are like claude-haiku-4-5."""


def profile_of(model: Model) -> Profile:
    found = next((profile for start, profile in PROFILES.items() if model.name.startswith(start)), None)
    return found or PROFILES["claude-haiku-4-5"]


# --- errors -------------------------------------------------------------------------------


def error_body(status: int, message: str, kind: str | None = None) -> JsonObject:
    error = {"type": kind or TYPES.get(status, "api_error"), "message": message}
    return {"type": "error", "error": error, "request_id": REQUEST_ID}


def refuse(message: str, status: int = 400) -> RequestRefused:
    return RequestRefused(status, error_body(status, message))


def error_frame(answer: Answer) -> bytes:
    """An error inside a stream; ``error_code`` is its type where it is a text."""
    kind = answer.error_code if isinstance(answer.error_code, str) else "api_error"
    return event({"type": "error", "error": {"type": kind, "message": answer.error}})


# --- answers ------------------------------------------------------------------------------


def signature_of(thought: str) -> str:
    """What proves that a thought is this server's own."""
    return "Eq" + hashlib.sha256(b"signed" + thought.encode()).hexdigest()


def event(value: JsonObject) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (value["type"].encode(), jsontext.dumps(value))


def messages_frames(body: JsonObject, answer: Answer, model: Model) -> list[Frame]:
    maker = _Maker(Pace(answer))
    tokens, was_cut = limited(answer, body.get("max_tokens"))
    thoughts = _thoughts(body, answer, model)
    opening = _message(body, [], None, _usage(answer, 1))
    maker.add({"type": "message_start", "message": opening})
    if thoughts is not None:
        pieces = [{"type": "thinking_delta", "thinking": text} for text in thoughts]
        proof = {"type": "signature_delta", "signature": signature_of("".join(answer.reasoning))}
        maker.block({"type": "thinking", "thinking": "", "signature": ""}, pieces, proof)
    if tokens:
        maker.block({"type": "text", "text": ""}, [{"type": "text_delta", "text": text} for text in tokens])
    for number, call in enumerate(answer.calls):
        start = {"type": "tool_use", "id": call.id or f"toolu_{number:04}", "name": call.name, "input": {}}
        pieces = [{"type": "input_json_delta", "partial_json": text} for text in ("", *halves(call.text))]
        maker.block(start, pieces)
    delta = {"stop_reason": _reason(answer, was_cut), "stop_sequence": None}
    maker.add({"type": "message_delta", "delta": delta, "usage": _usage(answer, _spent(tokens, answer, thoughts))})
    maker.add({"type": "message_stop"})
    return maker.frames


def messages_whole(body: JsonObject, answer: Answer, model: Model) -> JsonObject:
    tokens, was_cut = limited(answer, body.get("max_tokens"))
    thoughts = _thoughts(body, answer, model)
    content: list[JsonObject] = []
    if thoughts is not None:
        proof = signature_of("".join(answer.reasoning))
        content.append({"type": "thinking", "thinking": "".join(thoughts), "signature": proof})
    if tokens:
        content.append({"type": "text", "text": "".join(tokens)})
    for number, call in enumerate(answer.calls):
        made = {"id": call.id or f"toolu_{number:04}", "name": call.name, "input": jsontext.loads(call.text.encode())}
        content.append({"type": "tool_use", **made})
    spent = _spent(tokens, answer, thoughts)
    return _message(body, content, _reason(answer, was_cut), _usage(answer, spent))


@dataclass
class _Maker:
    pace: Pace
    frames: list[Frame] = field(default_factory=list)
    blocks: int = 0

    def add(self, value: JsonObject, pause_s: float = 0.0) -> None:
        self.frames.append(Frame(event(value), pause_s))

    def block(self, start: JsonObject, pieces: Sequence[JsonObject], proof: JsonObject | None = None) -> None:
        at = {"index": self.blocks}
        self.add({"type": "content_block_start", **at, "content_block": start})
        if not self.blocks:
            self.frames.append(Frame(b'event: ping\ndata: {"type": "ping"}\n\n', counts=False))
        for piece in pieces:
            self.add({"type": "content_block_delta", **at, "delta": piece}, self.pace())
        if proof is not None:
            self.add({"type": "content_block_delta", **at, "delta": proof})
        self.add({"type": "content_block_stop", **at})
        self.blocks += 1


def _thoughts(body: JsonObject, answer: Answer, model: Model) -> Sequence[str] | None:
    """The texts of the thought; none of them where they are not to be shown; None without a thought."""
    profile = profile_of(model)
    thinking = body.get("thinking") or {}
    kind = thinking.get("type", "adaptive" if profile.thinks_by_itself else "disabled")
    if not answer.reasoning or kind not in ("adaptive", "enabled"):
        return None
    display = thinking.get("display") or ("summarized" if profile.shows_thoughts else "omitted")
    return answer.reasoning if display == "summarized" else ()


def _message(body: JsonObject, content: list[JsonObject], reason: str | None, usage: JsonObject) -> JsonObject:
    head = {"id": "msg_fake", "type": "message", "role": "assistant", "model": body["model"]}
    return {**head, "content": content, "stop_reason": reason, "stop_sequence": None, "usage": usage}


def _usage(answer: Answer, completion: int) -> JsonObject:
    return {
        "input_tokens": answer.prompt_tokens - answer.cached_tokens - answer.written_tokens,
        "cache_creation_input_tokens": answer.written_tokens,
        "cache_read_input_tokens": answer.cached_tokens,
        "output_tokens": completion,
        "service_tier": "standard",
    }


def _spent(tokens: Sequence[str], answer: Answer, thoughts: Sequence[str] | None) -> int:
    return len(tokens) + len(answer.calls) + (0 if thoughts is None else len(answer.reasoning))


def _reason(answer: Answer, was_cut: bool) -> str:
    if was_cut:
        return "max_tokens"
    return answer.finish or ("tool_use" if answer.calls else "end_turn")


# --- the model list -----------------------------------------------------------------------


def model_list(models: Sequence[Model], query: Mapping[str, str]) -> JsonObject:
    """A page; 20 models where the request does not say how many."""
    names = [model.name for model in models]
    after = query.get("after_id")
    first = names.index(after) + 1 if after in names else 0
    limit = int(query.get("limit", 20))
    if not 1 <= limit <= 1000:
        raise refuse("limit: Input should be less than or equal to 1000")
    page = [model_info(model) for model in models[first : first + limit]]
    ends = {"first_id": page[0]["id"] if page else None, "last_id": page[-1]["id"] if page else None}
    return {"data": page, "has_more": first + limit < len(models), **ends}


def model_info(model: Model) -> JsonObject:
    profile = profile_of(model)
    types = ("adaptive", "between_tools", "disabled", "enabled")
    can_think = profile.thinking != ("disabled",)
    return {
        "type": "model",
        "id": model.name,
        "display_name": model.name,
        "created_at": "2025-10-01T00:00:00Z",
        "lifecycle": "active",
        "deprecated_at": None,
        "retires_at": None,
        "line": None,
        "max_input_tokens": profile.max_input_tokens,
        "max_tokens": profile.max_tokens,
        "capabilities": {
            "batch": _can(True),
            "citations": _can(True),
            "code_execution": _can(False),
            "context_management": {"supported": False},
            "effort": {
                "supported": bool(profile.efforts),
                **{level: _can(level in profile.efforts) for level in EFFORTS},
            },
            "image_input": _can(True),
            "pdf_input": _can(True),
            "server_tools": {"supported": False, "web_search": _can(False), "code_execution": _can(False)},
            "structured_outputs": _can(profile.schemas),
            "thinking": {"supported": can_think, "types": {one: _can(one in profile.thinking) for one in types}},
        },
    }


def _can(supported: Any) -> JsonObject:
    return {"supported": bool(supported)}
