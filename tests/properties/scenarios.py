"""Requests on each road through Linx, with providers in memory that answer them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linx.core import jsontext
from tests.properties.relay_world import Scenario, Script, post

if TYPE_CHECKING:
    from collections.abc import Callable

TEXT = "Hello there, you"
_WORDS = ("Hello", " there,", " you")
_HI = [{"role": "user", "content": "hi"}]
_SSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_NDJSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
_BYTES = b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_LAST = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def event(value: Any, name: str = "") -> bytes:
    line = f"event: {name}\n".encode() if name else b""
    return chunk(line + b"data: " + jsontext.dumps(value) + b"\n\n")


def line(value: Any) -> bytes:
    return chunk(jsontext.dumps(value) + b"\n")


def whole(value: Any, status: str = "200 OK") -> Script:
    body = value if isinstance(value, bytes) else jsontext.dumps(value)
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return [head.encode() + body]


# --- what a provider answers, by the path that it is asked at ---


def openai_stream(_request: bytes = b"") -> Script:
    top = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}

    def choice(delta: dict[str, Any], finish: str | None = None) -> bytes:
        return event({**top, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})

    words = [choice({"content": word}) for word in _WORDS]
    return [
        _SSE,
        choice({"role": "assistant", "content": ""}),
        *words,
        choice({}, "stop"),
        chunk(b"data: [DONE]\n\n"),
        _LAST,
    ]


def completions_stream(_request: bytes = b"") -> Script:
    top = {"id": "c", "object": "text_completion", "created": 1, "model": "m"}
    words = [event({**top, "choices": [{"index": 0, "text": word, "finish_reason": None}]}) for word in _WORDS]
    last = event({**top, "choices": [{"index": 0, "text": "", "finish_reason": "stop"}]})
    return [_SSE, *words, last, chunk(b"data: [DONE]\n\n"), _LAST]


def ollama_stream(_request: bytes = b"") -> Script:
    def part(text: str, **more: Any) -> bytes:
        return line(
            {"model": "m", "created_at": "t", "message": {"role": "assistant", "content": text}, "done": False, **more}
        )

    return [_NDJSON, *map(part, _WORDS), part("", done=True, done_reason="stop"), _LAST]


def generate_stream(_request: bytes = b"") -> Script:
    def part(text: str, **more: Any) -> bytes:
        return line({"model": "m", "created_at": "t", "response": text, "done": False, **more})

    return [_NDJSON, *map(part, _WORDS), part("", done=True, done_reason="stop"), _LAST]


def anthropic_stream(_request: bytes = b"") -> Script:
    message: dict[str, Any] = {
        "id": "i",
        "type": "message",
        "role": "assistant",
        "content": [],
        "model": "m",
        "stop_reason": None,
    }
    frames: list[dict[str, Any]] = [
        {"type": "message_start", "message": {**message, "usage": {"input_tokens": 1, "output_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": one}} for one in _WORDS),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}},
        {"type": "message_stop"},
    ]  # fmt: skip
    return [_SSE, *(event(frame, str(frame["type"])) for frame in frames), _LAST]


def by_path(request: bytes) -> Script:
    target = request.split(b" ", 2)[1]
    for end, script in _PATHS.items():
        if target.endswith(end):
            return script(request)
    return whole({}, "404 Not Found")


def _sound(_request: bytes) -> Script:
    return [_BYTES, *(chunk(word.encode()) for word in _WORDS), _LAST]


_PATHS: dict[bytes, Callable[[bytes], Script]] = {
    b"/chat/completions": openai_stream,
    b"/completions": completions_stream,
    b"/api/chat": ollama_stream,
    b"/api/generate": generate_stream,
    b"/messages": anthropic_stream,
    b"/embeddings": lambda _: whole(
        {"object": "list", "model": "m", "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}]}
    ),
    b"/rerank": lambda _: whole({"results": [{"index": 0, "relevance_score": 0.5}], "text": TEXT}),
    b"/audio/speech": _sound,
    b"/audio/transcriptions": lambda _: whole({"text": TEXT}),
    b"/api/pull": lambda _: [_NDJSON, line({"status": TEXT}), line({"status": "success"}), _LAST],
    b"/api/create": lambda _: [_NDJSON, line({"status": TEXT}), line({"status": "success"}), _LAST],
    b"/api/tags": lambda _: whole({"models": [{"name": "m", "model": "m"}]}),
    b"/count_tokens": lambda _: whole({"input_tokens": 7}),
}


# --- how a client reads its answer: the text, is there a normal end, is there an error ---

Read = tuple[str, bool, bool]


def _data(body: bytes) -> list[Any]:
    lines = [each.removeprefix(b"data: ") for each in body.split(b"\n") if each.startswith(b"data: ")]
    return [jsontext.loads(each) for each in lines if each.startswith(b"{") and _is_json(each)]


def _is_json(text: bytes) -> bool:
    try:
        jsontext.loads(text)
    except jsontext.InvalidJSON:
        return False  # the last line of a torn answer
    return True


def read_openai(body: bytes) -> Read:
    frames = _data(body)
    choices = [choice for frame in frames for choice in frame.get("choices", ())]
    text = "".join(choice.get("delta", {}).get("content") or choice.get("text") or "" for choice in choices)
    return text, b"data: [DONE]\n" in body, any("error" in frame for frame in frames)


def read_anthropic(body: bytes) -> Read:
    frames = _data(body)
    text = "".join(frame["delta"].get("text", "") for frame in frames if frame["type"] == "content_block_delta")
    types = [frame["type"] for frame in frames]
    return text, "message_stop" in types, "error" in types


def read_responses(body: bytes) -> Read:
    frames = _data(body)
    text = "".join(frame["delta"] for frame in frames if frame["type"] == "response.output_text.delta")
    types = [frame["type"] for frame in frames]
    return text, "response.completed" in types, bool({"error", "response.failed"} & set(types))


def read_ollama(body: bytes) -> Read:
    frames = [jsontext.loads(each) for each in body.split(b"\n") if _is_json(each)]
    text = "".join(frame.get("message", {}).get("content", "") for frame in frames)
    return text, any(frame.get("done") for frame in frames), any("error" in frame for frame in frames)


def read_statuses(body: bytes) -> Read:
    """Of an Ollama's management: the last line is a success or an error."""
    frames = [jsontext.loads(each) for each in body.split(b"\n") if _is_json(each)]
    words = [frame.get("status") for frame in frames]
    return (TEXT if TEXT in words else ""), "success" in words, any("error" in frame for frame in frames)


def read_bytes(body: bytes) -> Read:
    return body.decode(), body.decode() == TEXT, False


def read_count(body: bytes) -> Read:
    """The provider's own count, or Linx's estimate where the provider does not answer."""
    return "counted" if jsontext.loads(body)["input_tokens"] > 0 else "", True, False


def field(*path: str | int) -> Callable[[bytes], Read]:
    def read(body: bytes) -> Read:
        value = jsontext.loads(body)
        for step in path:
            value = value[step]
        return str(value), True, False

    return read


# --- the roads ---

ONE = {"one": "openai"}
TWO = {"one": "openai", "two": "openai"}
REFUSAL = whole({"error": {"message": "it failed", "type": "server_error"}}, "500 Internal Server Error")
SILENT: Script = [_SSE, 40.0, *openai_stream()[1:]]
HEDGE = {"hedge": {"after": 1.0, "scope": "any", "budget": 1.0}}
FORM = (
    b'--XX\r\nContent-Disposition: form-data; name="model"\r\n\r\nm\r\n'
    b'--XX\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n' + b"a" * 300 + b"\r\n--XX--\r\n"
)
FORM_KIND = "multipart/form-data; boundary=XX"


def _chunked_form() -> bytes:
    head = (
        "POST /v1/audio/transcriptions HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Type: {FORM_KIND}\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    long = FORM.replace(b"a" * 300, b"a" * 1400)
    return head.encode() + b"".join(chunk(long[at : at + 700]) for at in range(0, len(long), 700)) + _LAST


def chat(name: str, stream: bool, kinds: dict[str, str], **more: Any) -> Scenario:
    body = {"model": "m", "messages": _HI, "stream": stream}
    read = read_openai if stream else field("choices", 0, "message", "content")
    return Scenario(name, post("/v1/chat/completions", body), kinds, by_path, TEXT, read, is_stream=stream, **more)


SCENARIOS = (
    chat("chat, streamed", True, ONE),
    chat("chat, whole", False, ONE),
    chat("chat on a kept connection", True, ONE, is_warm=True),
    chat("chat, two providers, streamed", True, TWO),
    chat("chat, two providers, whole", False, TWO),
    chat("fallback", True, TWO, scripts={"one": [REFUSAL]}),
    chat("fallback, whole, after a torn answer", False, TWO, scripts={"one": [[*openai_stream()[:3], None]]}),
    chat("hedge that wins", True, TWO, scripts={"one": [SILENT]}, routing=HEDGE),
    chat("hedge that loses", False, TWO, scripts={"one": [[1.0, *openai_stream()]], "two": [SILENT]}, routing=HEDGE),
    chat("hedge in the same instant", True, TWO,
         scripts={"one": [[2.0, *openai_stream()]], "two": [[1.0, *openai_stream()]]}, routing=HEDGE),
    chat("heartbeats before the answer", True, ONE, scripts={"one": [SILENT]}),
    Scenario("a long prompt", post("/v1/chat/completions", {
        "model": "m", "messages": [{"role": "user", "content": "hi" * 9000}], "stream": True,
    }), TWO, by_path, TEXT, read_openai, is_stream=True, narrow=2000),
    Scenario("Ollama's dialect, from OpenAI's", post("/api/chat", {"model": "m", "messages": _HI}), ONE,
             by_path, TEXT, read_ollama, is_stream=True),
    Scenario("OpenAI's dialect, from an Ollama", post("/v1/chat/completions", {
        "model": "m", "messages": _HI, "stream": True,
    }), {"one": "ollama"}, by_path, TEXT, read_openai, is_stream=True),
    Scenario("Anthropic's dialect, untranslated", post("/v1/messages", {
        "model": "m", "messages": _HI, "stream": True, "max_tokens": 9,
    }), {"one": "anthropic", "two": "anthropic"}, by_path, TEXT, read_anthropic, is_stream=True),
    Scenario("Anthropic's dialect, whole", post("/v1/messages", {"model": "m", "messages": _HI, "max_tokens": 9}),
             {"one": "anthropic"}, by_path, TEXT, field("content", 0, "text")),
    Scenario("Responses", post("/v1/responses", {"model": "m", "input": "hi", "stream": True}), TWO,
             by_path, TEXT, read_responses, is_stream=True),
    Scenario("a series of completions", post("/v1/completions", {
        "model": "m", "prompt": ["a", "b"], "max_tokens": 9, "stream": False,
    }), {"one": "ollama"}, by_path, TEXT, field("choices", 1, "text")),
    Scenario("embeddings", post("/v1/embeddings", {"model": "m", "input": "a"}), TWO, by_path, "[0.5]",
             field("data", 0, "embedding")),
    Scenario("count_tokens", post("/v1/messages/count_tokens", {"model": "m", "messages": _HI}),
             {"one": "anthropic"}, by_path, "counted", read_count, has_record=False),
    Scenario("a relayed body", post("/v1/rerank", {"model": "m", "query": "q", "documents": ["d"]}), TWO,
             by_path, TEXT, field("text")),
    Scenario("a relayed stream", post("/v1/audio/speech", {"model": "m", "input": "a", "voice": "v"}), TWO,
             by_path, TEXT, read_bytes, is_stream=True, is_opaque=True),
    Scenario("a form", post("/v1/audio/transcriptions", FORM, kind=FORM_KIND), TWO, by_path, TEXT, field("text")),
    Scenario("a form that is relayed as it comes", _chunked_form(), TWO, by_path, TEXT, field("text"),
             may_repeat=False),
    Scenario("a model that is pulled", post("/api/pull", {"model": "m"}), {"one": "ollama"}, by_path, TEXT,
             read_statuses, is_stream=True, is_opaque=True),
)  # fmt: skip
