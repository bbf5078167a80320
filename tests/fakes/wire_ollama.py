"""The Ollama kind: frames, bodies, errors and the checks that a real one makes.

Its habits: ``stream`` is on unless switched off, ``think`` is on unless switched off (and
refused by a model that cannot), content is a string, arguments are objects, tool calls come
whole, counters of zero are left out, an error after the first frame is a last line.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Any

from linx.core import jsontext
from tests.fakes.catalogue import JsonObject, Model, embedding, with_tag
from tests.fakes.wire import Frame, Pace, RequestRefused, limited

if TYPE_CHECKING:
    from tests.fakes.scripted import Answer, Call

CREATED_AT = "2026-08-21T18:48:22.123456789Z"
_OPTION_TYPES: dict[str, tuple[type | tuple[type, ...], str]] = {
    "stop": (list, "array"),
    "temperature": ((int, float), "float32"),
    "top_p": ((int, float), "float32"),
    "num_ctx": ((int, float), "integer"),
    "num_predict": ((int, float), "integer"),
    "seed": ((int, float), "integer"),
}
_DURATION = re.compile(r"-?(0|(\d+(\.\d+)?(ns|us|ms|s|m|h))+)")


def line(value: object) -> bytes:
    return jsontext.dumps(value) + b"\n"


def error_body(message: str) -> JsonObject:
    return {"error": message}


def error_frame(answer: Answer) -> bytes:
    return line(error_body(answer.error))


def not_found(name: str) -> RequestRefused:
    return RequestRefused(404, error_body(f"model '{name}' not found"))


def check(body: JsonObject, model: Model) -> None:
    """What both ways to generate refuse. Raises RequestRefused."""
    full_name = f"registry.ollama.ai/library/{with_tag(model.name)}"
    think = body.get("think")
    if isinstance(think, str) and think not in ("low", "medium", "high", "max"):
        raise _refused(f'invalid think value: "{think}" (must be "high", "medium", "low", "max", true, or false)')
    if think and not model.can("thinking"):
        raise _refused(f'"{model.name}" does not support thinking')
    if body.get("tools") and not model.can("tools"):
        raise _refused(f"{full_name} does not support tools")
    if not model.can("completion"):
        raise _refused(f'"{model.name}" does not support chat')
    keep_alive = body.get("keep_alive")
    if isinstance(keep_alive, str) and not _DURATION.fullmatch(keep_alive):
        raise _refused(f'time: missing unit in duration "{keep_alive}"')
    for name, value in (body.get("options") or {}).items():
        wanted = _OPTION_TYPES.get(name)
        if wanted is not None and value is not None and not isinstance(value, wanted[0]):
            raise RequestRefused(500, error_body(f'option "{name}" must be of type {wanted[1]}'))


def check_messages(body: JsonObject) -> None:
    for message in body["messages"]:
        content = message.get("content")
        if content is not None and not isinstance(content, str):
            got = "array" if isinstance(content, list) else "object"
            raise _refused(
                f"json: cannot unmarshal {got} into Go struct field ChatRequest.messages.content of type string"
            )
        for image in message.get("images") or ():
            try:
                base64.b64decode(image, validate=True)
            except (binascii.Error, ValueError):
                raise _refused("illegal base64 data at input byte 4") from None
        for call in message.get("tool_calls") or ():
            if not isinstance(call["function"].get("arguments"), dict):
                raise _refused("json: cannot unmarshal string into Go struct field ChatRequest.messages.tool_calls")


def _refused(message: str) -> RequestRefused:
    return RequestRefused(400, error_body(message))


def _head(model: str) -> JsonObject:
    return {"model": model, "created_at": CREATED_AT}


def _counters(answer: Answer, completion: int) -> JsonObject:
    counted = {
        "total_duration": 4_883_583_458,
        "load_duration": 1_334_875,
        "prompt_eval_count": answer.prompt_tokens,
        "prompt_eval_duration": 342_546_000,
        "eval_count": completion,
        "eval_duration": 4_535_599_000,
    }
    return {name: value for name, value in counted.items() if value}


def _thoughts(body: JsonObject, answer: Answer) -> tuple[str, ...]:
    return () if body.get("think") is False else tuple(answer.reasoning)


def _limit(body: JsonObject) -> object:
    return (body.get("options") or {}).get("num_predict")


def _end(answer: Answer, was_cut: bool, completion: int) -> JsonObject:
    reason = answer.finish or ("length" if was_cut else "stop")
    return {"done": True, "done_reason": reason, **_counters(answer, completion)}


def _call(call: Call, number: int) -> JsonObject:
    arguments: Any = call.arguments if not isinstance(call.arguments, str) else jsontext.loads(call.text.encode())
    return {
        "id": call.id or f"call_{number:08d}",
        "function": {"index": number, "name": call.name, "arguments": arguments},
    }


def loaded(body: JsonObject, model: str, empty: JsonObject) -> JsonObject:
    """The answer to an empty request, which only loads the model, or unloads it."""
    reason = "unload" if body.get("keep_alive") == 0 else "load"
    return {**_head(model), **empty, "done": True, "done_reason": reason}


def chat_frames(body: JsonObject, answer: Answer, model: str) -> list[Frame]:
    tokens, was_cut = limited(answer, _limit(body))
    thoughts = _thoughts(body, answer)
    pace = Pace(answer)

    def frame(pause_s: float, **message: Any) -> Frame:
        spoken = {"role": "assistant", "content": "", **message}
        return Frame(line({**_head(model), "message": spoken, "done": False}), pause_s)

    frames = [frame(pace(), thinking=text) for text in thoughts]
    frames += [frame(pace(), content=text) for text in tokens]
    frames += [frame(pace(), tool_calls=[_call(call, number)]) for number, call in enumerate(answer.calls)]
    completion = len(tokens) + len(thoughts) + len(answer.calls)
    last = {**_head(model), "message": {"role": "assistant", "content": ""}, **_end(answer, was_cut, completion)}
    return [*frames, Frame(line(last))]


def chat_whole(body: JsonObject, answer: Answer, model: str) -> JsonObject:
    tokens, was_cut = limited(answer, _limit(body))
    thoughts = _thoughts(body, answer)
    message: JsonObject = {"role": "assistant", "content": "".join(tokens)}
    if thoughts:
        message["thinking"] = "".join(thoughts)
    if answer.calls:
        message["tool_calls"] = [_call(call, number) for number, call in enumerate(answer.calls)]
    completion = len(tokens) + len(thoughts) + len(answer.calls)
    return {**_head(model), "message": message, **_end(answer, was_cut, completion)}


def generate_frames(body: JsonObject, answer: Answer, model: str) -> list[Frame]:
    tokens, was_cut = limited(answer, _limit(body))
    thoughts = _thoughts(body, answer)
    pace = Pace(answer)

    def frame(**piece: str) -> Frame:
        return Frame(line({**_head(model), "response": "", **piece, "done": False}), pace())

    frames = [frame(thinking=text) for text in thoughts] + [frame(response=text) for text in tokens]
    last = {**_head(model), "response": "", **_end(answer, was_cut, len(frames))}
    if not body.get("raw"):
        last["context"] = [1, 2, 3]
    return [*frames, Frame(line(last))]


def generate_whole(body: JsonObject, answer: Answer, model: str) -> JsonObject:
    tokens, was_cut = limited(answer, _limit(body))
    thoughts = _thoughts(body, answer)
    whole: JsonObject = {**_head(model), "response": "".join(tokens), **_end(answer, was_cut, len(tokens))}
    if thoughts:
        whole["thinking"] = "".join(thoughts)
    if not body.get("raw"):
        whole["context"] = [1, 2, 3]
    return whole


def embed(body: JsonObject, model: str) -> JsonObject:
    given = body.get("input")
    inputs = given if isinstance(given, list) else [given] if given else []
    if not all(isinstance(text, str) for text in inputs):
        raise _refused("invalid input type")
    vectors = [embedding(text) for text in inputs]
    return {
        "model": model,
        "embeddings": vectors,
        "total_duration": 14_143_917,
        "load_duration": 1_019_500,
        "prompt_eval_count": len(inputs),
    }


def embeddings(body: JsonObject, _model: str) -> JsonObject:
    # The old endpoint's vectors are not normalised.
    return {"embedding": [value * 2 for value in embedding(body.get("prompt"))]}


PULL = (
    {"status": "pulling manifest"},
    {"status": "pulling 0123456789ab", "digest": "sha256:" + "01" * 32, "total": 1000, "completed": 500},
    {"status": "pulling 0123456789ab", "digest": "sha256:" + "01" * 32, "total": 1000, "completed": 1000},
    {"status": "verifying sha256 digest"},
    {"status": "writing manifest"},
    {"status": "success"},
)
PUSH = ({"status": "retrieving manifest"}, {"status": "pushing manifest"}, {"status": "success"})
CREATE = ({"status": "parsing modelfile"}, {"status": "creating model layer"}, {"status": "success"})
PROGRESS = {"/api/pull": PULL, "/api/push": PUSH, "/api/create": CREATE}


def progress_frames(path: str, answer: Answer) -> list[Frame]:
    pace = Pace(answer)
    return [Frame(line(status), pace()) for status in PROGRESS[path]]
