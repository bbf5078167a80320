"""Every provider's bytes, as they came, through a whole Linx into the official SDK: nothing is lost.

The fake plays the bytes raw: in one send, or torn at several places with a pause between
the pieces, so that each piece is a read of its own. Each is asked for as a stream and whole.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trio

from linx.core import jsontext
from tests.e2e.linx_process import config_for, linx_here
from tests.e2e.openai_sdk import Told, told_by, with_sdk
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Close, Raw, Send, Sleep, Step

if TYPE_CHECKING:
    import openai

    from tests.fakes.catalogue import Kind

TRANSCRIPTS = Path(__file__).parent.parent / "transcripts"
PAUSE_S = 0.002  # long enough for the piece before to be a read of its own
TEARS = 5
COUNTED = (26, 282)
DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True)
class Case:
    """A provider's body, and what the SDK must make of it."""

    name: str
    wire: bytes
    text: str = ""
    reasoning: str = ""
    calls: list[tuple[str, str]] = field(default_factory=list)
    finish: str = "stop"
    usage: tuple[int, int] = (0, 0)
    error: str | None = None
    """Words of the error that it ends with."""
    status: int = 502
    """The error's, where no text came before it."""


def ollama(name: str, text: str = "", **expected: Any) -> Case:
    wire = (TRANSCRIPTS / f"ollama-{name}.ndjson").read_bytes()
    return Case(name, wire, text, **{"usage": COUNTED, **expected})


def recorded(name: str, text: str = "", **expected: Any) -> Case:
    return Case(name, (TRANSCRIPTS / "openai" / name).read_bytes(), text, **expected)


def anthropic(name: str, text: str = "", **expected: Any) -> Case:
    wire = (TRANSCRIPTS / f"anthropic-{name}.sse").read_bytes()
    return Case(name, wire, text, **expected)


def line(done: bool = False, **message: Any) -> bytes:
    frame = {"model": "m", "created_at": "2026-08-21T18:48:22Z", "message": {"role": "assistant", **message}}
    counts = {"done_reason": "stop", "prompt_eval_count": 26, "eval_count": 282} if done else {}
    return jsontext.dumps({**frame, "done": done, **counts}) + b"\n"


def chunk(delta: dict[str, Any] | None, finish: str | None = None, index: int = 0, **top: Any) -> bytes:
    choice = {"index": index, "delta": delta, "finish_reason": finish}
    frame = {"id": "c", "object": "chat.completion.chunk", "created": 1755800001, "model": "served"}
    return b"data: " + jsontext.dumps({**frame, "choices": [choice], **top}) + b"\n\n"


def calling(*fragments: dict[str, Any]) -> bytes:
    return chunk({"tool_calls": list(fragments)})


def call(args: str, name: str | None = None, id: str | None = None, index: int | None = None) -> dict[str, Any]:  # noqa: A002
    function = {"name": name, "arguments": args} if name is not None else {"arguments": args}
    given = {"index": index, "id": id, "function": function, "type": "function"}
    return {key: value for key, value in given.items() if value is not None}


LONG = "wörd \N{GRINNING FACE} " * 100_000  # more than a MiB in one line
USAGE = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
TEXT = chunk({"role": "assistant", "content": "Hel"}) + chunk({"content": "lo"}) + chunk({}, "stop")
ROLE = chunk({"role": "assistant", "content": ""})

OLLAMA = [
    ollama("big-integer", calls=[("f", '{"id":123456789012345678901234567890,"x":1.5}')], finish="tool_calls"),
    ollama("cloud", "Hi"),
    ollama("error", "Hello", error="CUDA error"),
    ollama("half-emoji", "a \N{GRINNING FACE} b\N{GRINNING FACE}"),
    ollama("last-word", "Hello"),
    ollama("length", "Once upon", finish="length"),
    ollama("load", "", usage=(0, 0)),
    ollama("logprobs", "Hi"),
    ollama(
        "mixed", "Now:", reasoning="hm", calls=[("f", "{}"), ("g", '{"deep":{"er":[1,null]}}')], finish="tool_calls"
    ),
    ollama("no-counters", "Hi", usage=(0, 0)),
    ollama("no-done", "Hello", error="in the middle"),
    ollama("separators", "a\u2028b\u2029c\u0085d"),
    ollama("text", "Hello é\N{GRINNING FACE}"),
    ollama("thinking", "Hi", reasoning="Let me"),
    ollama("tools-index-0", calls=[("a", '{"x":1}'), ("b", '{"y":2}')], finish="tool_calls"),
    ollama("tools-on-done", "One moment.", calls=[("get_weather", '{"city":"Paris"}')], finish="tool_calls"),
    ollama("tools", calls=[("get_weather", '{"city":"Paris","days":2}')], finish="tool_calls"),
    ollama("whole", "Hi there", reasoning="hm"),
    Case("one long line", line(content=LONG) + line(done=True, content=""), LONG, usage=COUNTED),
    Case("an error first", b'{"error":"model crashed"}\n', error="model crashed"),
    Case(
        "blank lines and CRLF",
        b"\r\n" + line(content="x")[:-1] + b"\r\n\r\n" + line(True, content=""),
        "x",
        usage=COUNTED,
    ),
]
ANTHROPIC = [
    anthropic("empty", usage=(25, 2)),
    anthropic("error", "Hel", error="Overloaded", status=503),
    anthropic("error-first", error="Overloaded", status=503),
    anthropic("max-tokens", "cut", finish="length", usage=(25, 15)),
    anthropic("refusal", "I", finish="content_filter", usage=(25, 15)),
    anthropic("server-tools", "I'll check. It rains.", usage=(10682, 510)),
    anthropic("stop-sequence", "one", usage=(25, 15)),
    anthropic("text", "Hello! é\N{GRINNING FACE}", usage=(25, 15)),
    anthropic(
        "thinking",
        "The greatest common divisor is **21**.",
        reasoning="I need the GCD.\n\n1071 = 2 * 462\n147 = 7 * 21",
        usage=(132, 60),
    ),
    anthropic("thinking-omitted", "21", usage=(25, 15)),
    anthropic(
        "thinking-twice",
        "I look.",
        reasoning="First.Second.",
        calls=[("look", '{"at":1}')],
        finish="tool_calls",
        usage=(25, 15),
    ),
    anthropic(
        "tools",
        "Okay, let's check.",
        calls=[("get_weather", '{"location": "San Francisco, CA"}'), ("now", "{}")],
        finish="tool_calls",
        usage=(472, 89),
    ),
    anthropic("window", "cut", finish="length", usage=(25, 15)),
]
SSE = [
    recorded("emoji-halves.sse", "x\N{GRINNING FACE}y"),
    recorded("gemini-tools.sse", calls=[("a", '{"x":1}'), ("a", '{"x":2}')], finish="tool_calls", usage=(3, 4)),
    recorded("lenient.sse", "abc", calls=[("f", '{"k":[1]}')], finish="tool_calls", usage=(1, 2)),
    recorded("llamacpp-error.sse", "It", error="Compute error"),
    recorded("llamacpp-thinking.sse", "It is 4.", reasoning="Let me see.", usage=(30, 3)),
    recorded("llamacpp-tools.sse", calls=[("read_file", '{"path":"a.py"}')], finish="tool_calls", usage=(30, 3)),
    recorded("openai-text.sse", "Hello wörld \u2028\N{GRINNING FACE}", usage=(9, 4)),
    recorded("openai-tools.sse", calls=[("weather", '{"city": "Köln"}'), ("time", "{}")], finish="tool_calls"),
    recorded("openai-two-choices.sse", "One!"),
    recorded("openrouter-error.sse", "Hel", error="Provider disconnected"),
    recorded("openrouter-reasoning.sse", "42", reasoning="Think hard", usage=(11, 5)),
    recorded("whole.json", "whole", reasoning="why", usage=(1, 1)),
    Case("CRLF", (TEXT + DONE).replace(b"\n", b"\r\n"), "Hello"),
    Case("lone CR", (TEXT + DONE).replace(b"\n", b"\r"), "Hello"),
    Case("a BOM", b"\xef\xbb\xbf" + TEXT + DONE, "Hello"),
    Case(
        "comments", b": hi\n\n:\n\n" + TEXT.replace(b"\n\ndata", b"\n\n: OPENROUTER PROCESSING\n\ndata") + DONE, "Hello"
    ),
    Case("no space after data", (TEXT + DONE).replace(b"data: ", b"data:"), "Hello"),
    Case("data of several lines", TEXT.replace(b'"object"', b'\ndata: "object"') + DONE, "Hello"),
    Case("no last blank line", TEXT + b"data: [DONE]", "Hello"),
    Case("no end mark", TEXT, "Hello"),
    Case("two end marks", TEXT + DONE + DONE, "Hello"),
    Case(
        "ids, pings and retry times",
        b"id: 1\nretry: 5\nevent: ping\n\n" + TEXT + b"event: ping\ndata: {}\n\n" + DONE,
        "Hello",
    ),
    Case(
        "an error with a number",
        TEXT[: TEXT.index(b"data: ", 6)] + chunk(None, error={"code": 502, "message": "lost it"}),
        "Hel",
        error="lost it",
    ),
    Case(
        "an error with a word",
        ROLE
        + chunk({"content": "Hel"})
        + chunk({"content": ""}, "error", error={"code": "server_error", "message": "lost it"}),
        "Hel",
        error="lost it",
    ),
    Case(
        "an error field",
        chunk({"content": "Hel"}) + b'error: {"code":500,"message":"lost it"}\n\n',
        "Hel",
        error="lost it",
    ),
    Case("an error as a text", chunk({"content": "Hel"}) + b'data: {"error":"lost it"}\n\n', "Hel", error="lost it"),
    Case("null content beside the role", chunk({"role": "assistant", "content": None}) + TEXT + DONE, "Hello"),
    Case(
        "the role in every delta",
        b"".join(chunk({"role": "assistant", "content": c}) for c in "abc")
        + chunk({"role": "assistant"}, "stop")
        + DONE,
        "abc",
    ),
    Case(
        "tools without an index",
        calling(call("{", "f", "t1"))
        + calling(call("}", None, "t1"))
        + calling(call("[]", "g", "t2"))
        + chunk({}, "tool_calls")
        + DONE,
        calls=[("f", "{}"), ("g", "[]")],
        finish="tool_calls",
    ),
    Case(
        "tools counted from one, interleaved",
        calling(call('{"a"', "f", "t1", 1), call('{"b"', "g", "t2", 2))
        + calling(call(":1}", index=1))
        + calling(call(":2}", index=2))
        + chunk({}, "tool_calls")
        + DONE,
        calls=[("f", '{"a":1}'), ("g", '{"b":2}')],
        finish="tool_calls",
    ),
    Case(
        "a name and id in every fragment",
        calling(call('{"a"', "f", "t1", 0)) + calling(call(":1}", "f", "t1", 0)) + chunk({}, "stop") + DONE,
        calls=[("f", '{"a":1}')],
        finish="tool_calls",
    ),
    Case(
        "tools without ids",
        calling(call("{}", "f", "", 0)) + calling(call("{}", "g", "", 1)) + chunk({}, "tool_calls") + DONE,
        calls=[("f", "{}"), ("g", "{}")],
        finish="tool_calls",
    ),
    Case(
        "usage on the finish",
        TEXT.replace(b'"finish_reason":"stop"}]', b'"finish_reason":"stop"}],"usage":' + jsontext.dumps(USAGE)) + DONE,
        "Hello",
        usage=(3, 4),
    ),
    Case("usage with a choice", TEXT + chunk({"content": ""}, usage=USAGE) + DONE, "Hello", usage=(3, 4)),
    Case(
        "usage without a choice",
        TEXT
        + chunk({}, usage=USAGE).replace(b'"choices":[{"index":0,"delta":{},"finish_reason":null}]', b'"choices":[]')
        + DONE,
        "Hello",
        usage=(3, 4),
    ),
    Case(
        "usage in every chunk",
        b"".join(chunk({"content": c}, usage={**USAGE, "completion_tokens": n}) for n, c in enumerate("ab"))
        + chunk({}, "stop", usage=USAGE)
        + DONE,
        "ab",
        usage=(3, 4),
    ),
    Case("empty finish reasons", TEXT.replace(b'"finish_reason":null', b'"finish_reason":""') + DONE, "Hello"),
    Case(
        "a NaN",
        chunk({"content": "a"}).replace(b'"created":1755800001', b'"created":1755800001,"logprobs":NaN') + TEXT + DONE,
        "aHello",
    ),
    Case(
        "separators of lines",
        chunk({"content": "a\u2028b"}).replace(b"\\u2028", "\u2028\u0085".encode()) + chunk({}, "stop") + DONE,
        "a\u2028\u0085b",
    ),
    Case("a long frame", chunk({"content": LONG}) + chunk({}, "stop") + DONE, LONG),
    Case("EOF in a frame", TEXT[:150], error="ended its answer"),
]


def script(wire: bytes, content_type: bytes, *, torn: bool) -> Raw:
    """The body as one chunk of HTTP; or cut in pieces, the middle of a character among them, framed by the end."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: " + content_type + b"\r\n"
    if not torn:
        return Raw(
            [Send(head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(wire), wire)), Close()]
        )
    cuts = {len(wire) * n // (TEARS + 1) for n in range(1, TEARS + 1)}
    inside = next((n for n, byte in enumerate(wire) if byte & 0xC0 == 0x80), None)
    cuts |= {inside} if inside is not None else set()
    edges = [0, *sorted(cuts), len(wire)]
    steps: list[Step] = [Send(head + b"Connection: close\r\n\r\n")]
    for start, end in itertools.pairwise(edges):
        steps += [Send(wire[start:end]), Sleep(PAUSE_S)]
    return Raw([*steps, Close()])


def problem_of(case: Case, told: Told, *, stream: bool) -> str | None:
    """What is wrong with an outcome, if anything."""
    if case.error is not None:
        if told.error is None or case.error not in told.error:
            return f"expected an error with {case.error!r}, got {told.error!r} {told.said}"
        if stream and told.text != case.text:
            return f"before the error came {told.text!r}"
        expected = None if stream and case.text else case.status
        return None if told.status == expected else f"status {told.status}"
    if told.error is not None:
        return f"an error: {told.error}"
    wanted = (case.text, case.reasoning, case.calls, case.finish)
    if told.said != wanted:
        return f"{str(told.said)[:300]} is not {str(wanted)[:300]}"
    if told.usage != case.usage:
        return f"usage {told.usage} is not {case.usage}"
    return None


@pytest.mark.parametrize(
    ("kind", "torn"),
    [
        pytest.param("ollama", True, id="ollama torn"),
        pytest.param("anthropic", True, id="anthropic torn"),
        pytest.param("openai", True, id="openai torn"),
        pytest.param("openrouter", False, id="openrouter in one read"),
        pytest.param("llamacpp", False, id="llamacpp in one read"),
    ],
)
async def test_nothing_is_lost(kind: Kind, torn: bool, tmp_path: Path) -> None:
    """Each kind once, and each decoder over torn reads; that any cut gives the same is for the decoders' own tests."""
    cases = {"ollama": OLLAMA, "anthropic": ANTHROPIC}.get(kind, SSE)
    content_type = b"application/x-ndjson" if kind == "ollama" else b"text/event-stream"
    wrong: list[str] = []
    async with FakeProvider(kind, ["m"]) as fake, linx_here(config_for(fake, names=("one",)), tmp_path) as app:
        health = app.context.providers[0].health

        def ask_all(sdk: openai.OpenAI) -> None:
            for case in cases:
                for stream in (True, False):
                    trio.from_thread.run_sync(fake.next, script(case.wire, content_type, torn=torn))
                    told = told_by(sdk, stream=stream)
                    trio.from_thread.run_sync(health.succeeded)
                    trio.from_thread.run_sync(fake.forget)
                    problem = problem_of(case, told, stream=stream)
                    if problem is not None:
                        wrong.append(f"{case.name} ({'streamed' if stream else 'whole'}): {problem}")

        await with_sdk(app.bound[0][1], ask_all)
    assert not wrong, f"{len(wrong)} of {2 * len(cases)}:\n" + "\n".join(wrong)


def test_every_transcript_is_played() -> None:
    played = {case.wire for case in (*OLLAMA, *SSE, *ANTHROPIC)}
    spoken_elsewhere = {"ollama-generate.ndjson"}  # the other endpoint of Ollama, which no client of this dialect gets
    for path in [*TRANSCRIPTS.glob("*.*"), *(TRANSCRIPTS / "openai").iterdir()]:
        assert path.name in spoken_elsewhere or path.read_bytes() in played, path


async def test_a_second_choice_is_told_apart(tmp_path: Path) -> None:
    wire = (TRANSCRIPTS / "openai" / "openai-two-choices.sse").read_bytes()
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        for stream in (True, False):
            fake.next(script(wire, b"text/event-stream", torn=True))
            told = await with_sdk(app.bound[0][1], lambda sdk, s=stream: told_by(sdk, stream=s, n=2))  # type: ignore[misc]
            assert [(one.index, one.message.content, one.finish_reason) for one in told.raw.choices] == [
                (0, "One!", "stop"),
                (1, "Two?", "stop"),
            ]


async def test_what_a_provider_adds_of_its_own_reaches_the_client(tmp_path: Path) -> None:
    async with FakeProvider("llamacpp", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        port = app.bound[0][1]
        for stream in (True, False):
            fake.next(script(recorded("llamacpp-thinking.sse").wire, b"text/event-stream", torn=False))
            told = await with_sdk(port, lambda sdk, s=stream: told_by(sdk, stream=s))  # type: ignore[misc]
            last = told.chunks[-1] if stream else told.raw
            assert last.timings["predicted_n"] == 3
            assert told.raw.usage.prompt_tokens_details.cached_tokens == 4
    async with FakeProvider("ollama", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        port = app.bound[0][1]
        for stream in (True, False):
            fake.next(script(ollama("logprobs").wire, b"application/x-ndjson", torn=False))
            told = await with_sdk(port, lambda sdk, s=stream: told_by(sdk, stream=s, logprobs=True, top_logprobs=2))  # type: ignore[misc]
            logprobs = told.raw.choices[0].logprobs.content
            assert [(one.token, one.logprob) for one in logprobs] == [("Hi", -0.1), ("!", -1.5)]
            assert [one.token for one in logprobs[0].top_logprobs] == ["Hi", "é"]
            assert logprobs[1].bytes == [33]
