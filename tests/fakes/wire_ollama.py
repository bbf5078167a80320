"""Ollama's own frames and bodies: /api/chat, /api/generate and the two ways to embed.

Its habits: ``stream`` is on unless switched off, ``think`` is on unless switched off, content is
a string, arguments are objects, tool calls come whole, counters of zero are left out, an error
after the first frame is a last line. Keys come in the order of the structs in its api/types.go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from linx.core import jsontext
from tests.fakes.catalogue import JsonObject, Model, embedding
from tests.fakes.ollama_json import go_dumps
from tests.fakes.ollama_refusals import NO_EMBEDDINGS, refused
from tests.fakes.wire import Frame, Pace, limited

if TYPE_CHECKING:
    from tests.fakes.ollama_run import Run
    from tests.fakes.ollama_state import Runner
    from tests.fakes.scripted import Answer, Call

CREATED_AT = "2026-08-21T18:48:22.123456789Z"
_CONTEXT = [1, 2, 3]


@dataclass(frozen=True)
class Part:
    """One frame before it is written: /v1 makes chunks of the same parts."""

    value: JsonObject
    pause_s: float = 0.0


def line(value: object) -> bytes:
    return go_dumps(value) + b"\n"


def lines(parts: list[Part]) -> list[Frame]:
    return [Frame(line(part.value), part.pause_s) for part in parts]


def error_frame(answer: Answer) -> bytes:
    return line({"error": answer.error})


def _head(run: Run) -> JsonObject:
    model = run.model
    remote = {} if model.remote is None else {"remote_model": model.remote[0], "remote_host": model.remote[1]}
    return {"model": run.name, **remote, "created_at": CREATED_AT}


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


def _thoughts(run: Run) -> list[str]:
    return list(run.answer.reasoning) if run.may_think else []


def _call(call: Call, number: int) -> JsonObject:
    arguments: Any = call.arguments if not isinstance(call.arguments, str) else jsontext.loads(call.text.encode())
    return {
        "id": call.id or f"call_{number:08d}",
        "function": {"index": number, "name": call.name, "arguments": arguments},
    }


def _done(run: Run, was_cut: bool) -> JsonObject:
    return {"done": True, "done_reason": run.answer.finish or ("length" if was_cut else "stop")}


def _logprobs(run: Run, tokens: list[str]) -> JsonObject:
    if not run.body.get("logprobs") or not tokens:
        return {}
    most = run.body.get("top_logprobs", 0)

    def known(token: str) -> JsonObject:
        return {"token": token, "logprob": -0.25, "bytes": list(token.encode())}

    return {"logprobs": [{**known(one), **({"top_logprobs": [known(one)]} if most else {})} for one in tokens]}


# --- chat ---------------------------------------------------------------------------------


def chat_loaded(run: Run) -> JsonObject:
    """The answer to a request without messages, which loads the model or unloads it."""
    return {**_head(run), "message": {"role": "assistant", "content": ""}, "done": True, "done_reason": run.what}


def chat_rendered(run: Run) -> JsonObject:
    """With ``_debug_render_only``: the prompt, and no answer."""
    turns = "".join(
        f"<|im_start|>{message.get('role', '').lower()}\n{message.get('content') or ''}<|im_end|>\n"
        for message in run.body["messages"]
    )
    known = {"_debug_info": {"rendered_template": f"{turns}<|im_start|>assistant\n"}}
    return {**_head(run), "message": {"role": "", "content": ""}, "done": False, **known}


def chat_parts(run: Run) -> list[Part]:
    answer = run.answer
    tokens, was_cut = limited(answer, run.num_predict)
    thoughts = _thoughts(run)
    pace = Pace(answer)

    def part(token: str | None = None, **message: Any) -> Part:
        spoken = {"role": "assistant", "content": "", **message}
        known = _logprobs(run, [] if token is None else [token])
        return Part({**_head(run), "message": spoken, "done": False, **known}, pace())

    parts = [part(text, thinking=text) for text in thoughts]
    parts += [part(text, content=text) for text in tokens]
    parts += [part(tool_calls=[_call(call, number)]) for number, call in enumerate(answer.calls)]
    completion = len(tokens) + len(thoughts) + len(answer.calls)
    last = {**_head(run), "message": {"role": "assistant", "content": ""}, **_done(run, was_cut)}
    return [*parts, Part({**last, **_counters(answer, completion)})]


def chat_whole(run: Run) -> JsonObject:
    answer = run.answer
    tokens, was_cut = limited(answer, run.num_predict)
    thoughts = _thoughts(run)
    message: JsonObject = {"role": "assistant", "content": "".join(tokens)}
    if thoughts:
        message["thinking"] = "".join(thoughts)
    if answer.calls:
        message["tool_calls"] = [_call(call, number) for number, call in enumerate(answer.calls)]
    completion = len(tokens) + len(thoughts) + len(answer.calls)
    known = _logprobs(run, [*thoughts, *tokens])
    return {**_head(run), "message": message, **_done(run, was_cut), **known, **_counters(answer, completion)}


# --- generate -----------------------------------------------------------------------------


def generate_loaded(run: Run) -> JsonObject:
    return {**_head(run), "response": "", "done": True, "done_reason": run.what}


def _context(run: Run) -> JsonObject:
    return {} if run.body.get("raw") or run.model.remote else {"context": _CONTEXT}


def generate_parts(run: Run) -> list[Part]:
    tokens, was_cut = limited(run.answer, run.num_predict)
    thoughts = _thoughts(run)
    pace = Pace(run.answer)

    def part(token: str, **piece: str) -> Part:
        said = {"response": "", **piece, "done": False}
        return Part({**_head(run), **said, **_logprobs(run, [token] if token else [])}, pace())

    # The template's own opening tag is an empty frame before the first thought.
    parts = [Part({**_head(run), "response": "", "done": False})] if thoughts else []
    parts += [part(text, thinking=text) for text in thoughts] + [part(text, response=text) for text in tokens]
    counted = _counters(run.answer, len(thoughts) + len(tokens))
    return [*parts, Part({**_head(run), "response": "", **_done(run, was_cut), **_context(run), **counted})]


def generate_whole(run: Run) -> JsonObject:
    tokens, was_cut = limited(run.answer, run.num_predict)
    thoughts = _thoughts(run)
    said: JsonObject = {"response": "".join(tokens)}
    if thoughts:
        said["thinking"] = "".join(thoughts)
    counted = _counters(run.answer, len(thoughts) + len(tokens))
    known = _logprobs(run, [*thoughts, *tokens])
    return {**_head(run), **said, **_done(run, was_cut), **_context(run), **counted, **known}


# --- embeddings ---------------------------------------------------------------------------


def inputs_of(body: JsonObject) -> list[str]:
    given = body.get("input")
    texts = [given] if isinstance(given, str) and given else given if isinstance(given, list) else []
    if not isinstance(given, str | list | None) or not all(isinstance(text, str) for text in texts):
        raise refused("invalid input type")
    return texts


def embed(body: JsonObject, texts: list[str], counts: list[int], model: Model, runner: Runner) -> JsonObject:
    if not texts:
        return {"model": body["model"], "embeddings": []}
    if body.get("truncate") is False and any(tokens > runner.num_ctx for tokens in counts):
        raise refused("the input length exceeds the context length")
    if not model.can_embed:
        raise refused(NO_EMBEDDINGS, 501)
    if "" in texts:
        raise refused("input exceeds maximum context length and cannot be truncated further")
    wanted = body.get("dimensions", 0)
    length = wanted if 0 < wanted < model.embedding_length else model.embedding_length
    return {
        "model": body["model"],
        "embeddings": [embedding(text, length) for text in texts],
        "total_duration": 14_143_917,
        "load_duration": 1_019_500,
        "prompt_eval_count": sum(min(tokens, runner.num_ctx) for tokens in counts),
    }


def embeddings(text: str, tokens: int, model: Model, runner: Runner) -> JsonObject:
    """The old endpoint: one text, nothing is cut, and its mistakes are the server's."""
    if not text:
        return {"embedding": []}
    if not model.can_embed:
        raise refused(NO_EMBEDDINGS, 500)
    if tokens > runner.num_ctx:
        raise refused("the input length exceeds the context length", 500)
    return {"embedding": embedding(text, model.embedding_length)}
