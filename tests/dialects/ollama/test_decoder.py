"""Ollama's answers, recorded and broken, in whatever pieces they come."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import pytest

from linx.core import jsontext
from linx.core.attempt_errors import AttemptError, EmptyAnswer, Garbled, Refused, StreamBroken
from linx.core.chat import Answer, Chunk, Timings, ToolDelta, Usage
from linx.dialects.ollama.decoder import OllamaDecoder

TRANSCRIPTS = Path(__file__).parents[2] / "transcripts"
NAMES = sorted(path.stem for path in TRANSCRIPTS.glob("ollama-*.ndjson"))
DONE = b'{"message":{"role":"assistant","content":""},"done":true,"done_reason":"stop"}\n'


def transcript(name: str) -> bytes:
    return (TRANSCRIPTS / f"{name}.ndjson").read_bytes()


def decoder_for(name: str = "") -> OllamaDecoder:
    numbers = count(1)
    return OllamaDecoder(lambda: f"new{next(numbers)}", generate="generate" in name)


def decode(*reads: bytes, decoder: OllamaDecoder | None = None) -> tuple[list[Chunk], OllamaDecoder]:
    decoder = decoder or decoder_for()
    chunks = [chunk for read in reads for chunk in decoder.feed(read)]
    return chunks + decoder.end(), decoder


def outcome(name: str, *reads: bytes) -> tuple[list[Chunk], bool, str]:
    chunks, decoder = decode(*reads, decoder=decoder_for(name))
    return chunks, decoder.done, repr(decoder.problem)


def frame(done: bool = False, **fields: Any) -> bytes:
    message = {"role": "assistant", "content": ""} | fields
    return jsontext.dumps({"model": "m", "created_at": "t", "message": message, "done": done}) + b"\n"


def test_there_are_transcripts() -> None:
    assert len(NAMES) >= 19


@pytest.mark.parametrize("name", NAMES)
def test_whole_or_byte_by_byte_is_all_the_same(name: str) -> None:
    wire = transcript(name)
    whole = outcome(name, wire)
    assert outcome(name, *(wire[at : at + 1] for at in range(len(wire)))) == whole
    assert outcome(name, *wire.splitlines(keepends=True)) == whole
    assert outcome(name, wire.replace(b"\n", b"\r\n")) == whole
    assert outcome(name, wire.replace(b"\n", b"\n\n")) == whole
    assert outcome(name, wire.removesuffix(b"\n")) == whole
    assert outcome(name, wire + b"<trash>")[:2] == whole[:2]


@pytest.mark.parametrize("name", NAMES)
def test_a_read_may_tear_a_frame_anywhere(name: str) -> None:
    wire = transcript(name)
    whole = outcome(name, wire)
    for cut in range(len(wire) + 1):
        assert outcome(name, wire[:cut], wire[cut:]) == whole, cut


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("ollama-error", "ollama-no-done")])
def test_every_truncation_is_a_problem(name: str) -> None:
    wire = transcript(name)
    for cut in range(len(wire) - 1):
        chunks, decoder = decode(wire[:cut], decoder=decoder_for(name))
        assert not decoder.done
        begun = any(chunk.is_meaningful for chunk in chunks)
        assert type(decoder.problem) is (StreamBroken if begun else EmptyAnswer), cut


def texts(chunks: list[Chunk]) -> str:
    return "".join(chunk.text for chunk in chunks)


def test_text_usage_and_timings() -> None:
    chunks, decoder = decode(transcript("ollama-text"))
    assert [(chunk.text, chunk.finish) for chunk in chunks] == [("Hel", None), ("lo é😀", None), ("", "stop")]
    assert chunks[-1].usage == Usage(26, 282)
    assert chunks[-1].timings == Timings(4883583458, 1334875, 342546000, 4535599000)
    assert decoder.done
    assert decoder.problem is None
    assert decoder.feed(b"anything") == decoder.end() == []
    assert all(chunk.dialect == "ollama" and chunk.index == 0 for chunk in chunks)
    assert chunks[0].source == jsontext.loads(transcript("ollama-text").splitlines()[0])


def test_thinking_comes_as_reasoning() -> None:
    chunks, _decoder = decode(transcript("ollama-thinking"))
    assert [(chunk.reasoning, chunk.text) for chunk in chunks] == [("Let", ""), (" me", ""), ("", "Hi"), ("", "")]


def test_tool_calls_turn_the_finish_whichever_frame_they_came_in() -> None:
    for name in ("ollama-tools", "ollama-tools-on-done", "ollama-tools-index-0", "ollama-mixed"):
        chunks, _decoder = decode(transcript(name))
        assert chunks[-1].finish == "tool_calls", name


def test_a_tool_call_keeps_its_id() -> None:
    chunks, _decoder = decode(transcript("ollama-tools"))
    assert chunks[0].tools == [ToolDelta(0, "call_ab12cd34", "get_weather", '{"city":"Paris","days":2}')]


def test_calls_of_index_0_without_ids_are_told_apart() -> None:
    chunks, _decoder = decode(transcript("ollama-tools-index-0"))
    assert chunks[0].tools == [ToolDelta(0, "call_new1", "a", '{"x":1}')]
    assert chunks[1].tools == [ToolDelta(1, "call_new2", "b", '{"y":2}')]


def test_an_id_given_twice_is_replaced_the_second_time() -> None:
    call = {"id": "c", "function": {"name": "f", "arguments": {}}}
    chunks, _decoder = decode(frame(tool_calls=[call, call]))
    assert [delta.id for delta in chunks[0].tools or ()] == ["c", "call_new1"]


def test_thinking_text_and_tools_in_one_frame() -> None:
    chunks, _decoder = decode(transcript("ollama-mixed"))
    assert (chunks[0].reasoning, chunks[0].text) == ("hm", "Now:")
    assert chunks[0].tools == [
        ToolDelta(0, "call_new1", "f", "{}"),
        ToolDelta(1, "call_new2", "g", '{"deep":{"er":[1,null]}}'),
    ]


def test_the_done_frame_may_carry_the_last_word() -> None:
    for name, text in (("ollama-last-word", "Hello"), ("ollama-whole", "Hi there")):
        chunks, decoder = decode(transcript(name))
        assert texts(chunks) == text
        assert decoder.done


@pytest.mark.parametrize(
    ("arguments", "text", "shown"),
    [
        (None, "{}", {}),
        ("", "{}", {}),
        (" ", "{}", {}),
        ("{}", "{}", {}),
        ([], "{}", {}),
        ('{"a": 1}', '{"a": 1}', {"a": 1}),
        ({"a": "é"}, '{"a":"é"}', {"a": "é"}),
    ],
)
def test_arguments_are_text_in_the_chunk_and_an_object_in_the_source(
    arguments: object, text: str, shown: dict[str, Any]
) -> None:
    chunks, _decoder = decode(frame(tool_calls=[{"function": {"name": "f", "arguments": arguments}}]))
    assert chunks[0].tools == [ToolDelta(0, "call_new1", "f", text)]
    assert chunks[0].source is not None
    assert chunks[0].source["message"]["tool_calls"][0]["function"]["arguments"] == shown


@pytest.mark.parametrize(
    "calls",
    [
        {"function": {"name": "f"}},
        [1],
        [{}],
        [{"function": 1}],
        [{"function": {"name": ""}}],
        [{"function": {"name": 5}}],
        [{"function": {"name": "f", "arguments": "no json"}}],
        [{"function": {"name": "f", "arguments": "[1]"}}],
        [{"function": {"name": "f", "arguments": [1]}}],
        [{"function": {"name": "f", "arguments": 5}}],
    ],
)
def test_a_tool_call_that_is_none_is_garbled(calls: object) -> None:
    chunks, decoder = decode(frame(content="Hi"), frame(tool_calls=calls), frame(content="after"))
    assert texts(chunks) == "Hi"
    assert isinstance(decoder.problem, Garbled)
    assert not decoder.done


def test_long_integers_in_arguments_stay_whole() -> None:
    chunks, _decoder = decode(transcript("ollama-big-integer"))
    assert chunks[0].tools is not None
    assert chunks[0].tools[0].arguments == '{"id":123456789012345678901234567890,"x":1.5}'
    line = b'{"response":"","tool_calls":[{"function":{"name":"f","arguments":{"a":12345678901234567890123}}}]}\n'
    chunks, _decoder = decode(line, decoder=decoder_for("generate"))
    assert chunks[0].tools == [ToolDelta(0, "call_new1", "f", '{"a":12345678901234567890123}')]


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("load", "stop"),
        ("unload", "stop"),
        (None, "stop"),
        (5, "stop"),
        ("odd", "stop"),
        ("content_filter", "content_filter"),
        ("tool_calls", "tool_calls"),
    ],
)
def test_every_reason_has_a_finish(reason: object, finish: str) -> None:
    line = jsontext.dumps({"message": {"content": "x"}, "done": True, "done_reason": reason}) + b"\n"
    chunks, decoder = decode(line)
    assert chunks[0].finish == finish
    assert decoder.done


def test_length_stays_length_after_tool_calls() -> None:
    call = {"function": {"name": "f", "arguments": {}}}
    end = DONE.replace(b'"stop"', b'"length"')
    chunks, _decoder = decode(frame(tool_calls=[call]), end)
    assert chunks[-1].finish == "length"


def test_a_done_reason_error_is_an_error() -> None:
    chunks, decoder = decode(frame(content="Hi"), DONE.replace(b'"stop"', b'"error"'))
    assert texts(chunks) == "Hi"
    assert isinstance(decoder.problem, Refused)
    assert not decoder.done


def test_a_done_frame_that_reports_an_error_is_not_passed_on() -> None:
    """A client would take it for the proper end."""
    decoder = OllamaDecoder(lambda: "")
    assert len(decoder.feed(frame(content="Hi"))) == 1
    assert decoder.feed(DONE.replace(b'"stop"', b'"error"')) == []
    assert isinstance(decoder.problem, Refused)


def test_a_problem_does_not_hold_the_decoder() -> None:
    for line in (b"garbage\n", b'{"error":"x"}\n', b"[1]\n", b'{"message":'):
        _chunks, decoder = decode(line)
        assert decoder.problem is not None
        assert (decoder.problem.__traceback__, decoder.problem.__context__) == (None, None)


def test_missing_counters_are_0() -> None:
    chunks, _decoder = decode(transcript("ollama-no-counters"))
    assert chunks[-1].usage == Usage(0, 0)
    assert chunks[-1].timings == Timings()


def test_an_error_line_is_a_problem_and_the_end() -> None:
    chunks, decoder = decode(transcript("ollama-error"), DONE)
    assert texts(chunks) == "Hello"
    assert isinstance(decoder.problem, Refused)
    assert "CUDA error" in decoder.problem.problem
    assert not decoder.done


def test_an_error_line_may_come_first_or_hold_an_object() -> None:
    chunks, decoder = decode(b'{"error":{"message":"model \\"x\\" not found, try pulling it first"}}\n')
    assert chunks == []
    assert isinstance(decoder.problem, Refused)
    assert decoder.problem.status == 404


def test_an_empty_error_is_no_error() -> None:
    chunks, decoder = decode(b'{"error":"","message":{"content":"Hi"},"done":false}\n', DONE)
    assert texts(chunks) == "Hi"
    assert decoder.done


@pytest.mark.parametrize(
    ("wire", "kind"),
    [
        (b"", EmptyAnswer),
        (b"\n \r\n", EmptyAnswer),
        (frame(), EmptyAnswer),
        (frame() + frame()[:20], EmptyAnswer),
        (frame()[:20], EmptyAnswer),
        (frame(content="x"), StreamBroken),
        (frame(thinking="x"), StreamBroken),
        (frame(content="x") + b'{"message":\n', Garbled),
        (frame(content="x") + b'{"message":', StreamBroken),
        (b"<html>Bad gateway</html>", Garbled),
        (b"<html>\n<body>", Garbled),
        (b"5\n" + DONE, Garbled),
        (b"[" + DONE.strip() + b"]\n", Garbled),
        (b"{}5\n" + DONE, Garbled),
        (b'{"choices":[{"message":{"content":"Hi"}}]}\n', Garbled),
        (b'{"status":"pulling"}\n', Garbled),
        (b'{"message":"Hi","done":false}\n', Garbled),
        (b'{"message":{"content":["Hi"]},"done":false}\n' + DONE, Garbled),
        (b'{"message":{"content":"Hi","x":' + b"[" * 300 + b"]" * 300 + b'},"done":false}\n' + DONE, Garbled),
    ],
)
def test_what_is_no_answer(wire: bytes, kind: type[AttemptError]) -> None:
    _chunks, decoder = decode(wire)
    assert type(decoder.problem) is kind
    assert not decoder.done


def test_garbage_is_quoted_in_short() -> None:
    _chunks, decoder = decode(b"<html>" + b"x" * 5000 + b"\x1b[31m\n")
    assert decoder.problem is not None
    assert "<html>" in str(decoder.problem)
    assert len(str(decoder.problem)) < 300
    assert decoder.problem.summary == "sent something that is not Ollama's NDJSON"


def test_a_line_beyond_the_bound_is_garbled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("linx.dialects.shared.ndjson.MAX_FRAME", 200)
    chunks, decoder = decode(frame(content="Hi"), frame(content="x" * 500))
    assert texts(chunks) == "Hi"
    assert isinstance(decoder.problem, Garbled)


def test_a_line_of_a_mebibyte() -> None:
    wire = frame(content="é" * (512 * 1024)) + DONE
    chunks, decoder = decode(*(wire[at : at + 4096] for at in range(0, len(wire), 4096)))
    assert texts(chunks) == "é" * (512 * 1024)
    assert decoder.done


def test_lines_whose_newlines_were_lost() -> None:
    chunks, decoder = decode(frame(content="Hel").strip() + frame(content="lo").strip() + DONE.strip() + b"{}")
    assert texts(chunks) == "Hello"
    assert decoder.done
    chunks, decoder = decode(frame(content="Hi").strip() + b'{"error":"boom"}' + DONE)
    assert texts(chunks) == "Hi"
    assert isinstance(decoder.problem, Refused)
    chunks, decoder = decode(frame(content="Hel").strip() + frame(content="lo") + DONE)
    assert texts(chunks) == "Hello"
    assert decoder.done
    chunks, decoder = decode(b'{"response":"a"}{"response":"b","done":true}\n', decoder=decoder_for("generate"))
    assert texts(chunks) == "ab"
    assert decoder.done


def test_bytes_that_are_no_utf8_are_replaced() -> None:
    call = b'"tool_calls":[{"function":{"name":"f","arguments":{"n":1234567890123456789}}}]'
    chunks, decoder = decode(b'{"message":{"content":"a\xffb",' + call + b"}}\n", DONE)
    assert texts(chunks) == "a\ufffdb"
    assert chunks[0].tools == [ToolDelta(0, "call_new1", "f", '{"n":1234567890123456789}')]
    assert decoder.done


def test_a_bom_does_no_harm() -> None:
    chunks, decoder = decode(b"\xef\xbb\xbf" + transcript("ollama-text"))
    assert texts(chunks) == "Hello é😀"
    assert decoder.done


def test_nothing_counts_after_done() -> None:
    chunks, decoder = decode(frame(content="Hi"), DONE + frame(content=" again"), frame(content="!"))
    assert texts(chunks) == "Hi"
    assert decoder.done
    assert decoder.problem is None


def test_the_last_of_two_equal_keys_counts() -> None:
    chunks, decoder = decode(b'{"message":{"content":"Hi"},"done":true,"done":false}\n', DONE)
    assert len(chunks) == 2
    assert decoder.done


def test_frames_that_are_no_answer_are_passed_over() -> None:
    chunks, decoder = decode(b'{"status":"loading"}\n', frame(content="Hi"), DONE)
    assert texts(chunks) == "Hi"
    assert decoder.done


def test_what_clients_insist_on_is_put_into_the_source() -> None:
    lines = (b'{"message":{"content":null,"thinking":5},"done":false}\n', b'{"done":true}\n')
    chunks, decoder = decode(*lines)
    assert [chunk.source and chunk.source["message"] for chunk in chunks] == [
        {"role": "assistant", "content": ""},
        {"role": "assistant", "content": ""},
    ]
    assert decoder.done


def test_separators_inside_a_string_are_text() -> None:
    chunks, _decoder = decode(transcript("ollama-separators"))
    assert texts(chunks) == "a\u2028b\u2029c\u0085d"


def test_half_an_emoji_waits_for_the_other() -> None:
    chunks, _decoder = decode(transcript("ollama-half-emoji"))
    assert [chunk.text for chunk in chunks] == ["a ", "😀 b", "😀", ""]
    assert [chunk.source and chunk.source["message"]["content"] for chunk in chunks] == ["a ", "😀 b", "😀", ""]


def test_a_half_that_stays_alone_is_replaced() -> None:
    lone = b'{"message":{"content":"a\\ud83d","thinking":"b\\uD83D"},"done":false}\n'
    chunks, decoder = decode(lone, frame(content="c"), lone, DONE)
    assert texts(chunks) == "a\ufffdca\ufffd"
    assert "".join(chunk.reasoning for chunk in chunks) == "b\ufffdb\ufffd"
    assert chunks[1].source is not None
    assert chunks[1].source["message"] == {"role": "assistant", "content": "\ufffdc"}
    assert decoder.done
    chunks, _decoder = decode(b'{"message":{"content":"\\ude00"},"done":false}\n')
    assert texts(chunks) == "\ufffd"
    for chunk in chunks:
        chunk.text.encode()


def test_a_backslash_alone_is_no_half() -> None:
    chunks, _decoder = decode(frame(content='a "b"\n'))
    assert texts(chunks) == 'a "b"\n'


def test_logprobs_get_their_bytes() -> None:
    chunks, _decoder = decode(transcript("ollama-logprobs"))
    top = [{"token": "Hi", "logprob": -0.1, "bytes": [72, 105]}, {"token": "é", "logprob": -2.5, "bytes": [195, 169]}]
    assert chunks[0].logprobs == [{"token": "Hi", "logprob": -0.1, "bytes": [72, 105], "top_logprobs": top}]
    assert chunks[1].logprobs == [{"token": "!", "logprob": -1.5, "bytes": [33], "top_logprobs": []}]
    assert not chunks[1].is_meaningful


def test_generate() -> None:
    chunks, decoder = decode(transcript("ollama-generate"), decoder=decoder_for("generate"))
    assert [(chunk.reasoning, chunk.text) for chunk in chunks] == [("hm", ""), ("", "Hi"), ("", "")]
    assert chunks[-1].finish == "stop"
    assert chunks[-1].source is not None
    assert chunks[-1].source["context"] == [1, 2, 3]
    assert all(chunk.dialect == "ollama_generate" for chunk in chunks)
    assert decoder.done


def test_generate_without_a_response() -> None:
    wire = b'{"thinking":"hm"}\n{"message":{"content":"other endpoint"}}\n{"done":true}\n'
    chunks, decoder = decode(wire, decoder=decoder_for("generate"))
    assert [(chunk.reasoning, chunk.text) for chunk in chunks] == [("hm", ""), ("", "")]
    assert chunks[1].source == {"done": True, "response": ""}
    assert decoder.done


def test_chunks_fold_into_an_answer() -> None:
    answer = Answer()
    for chunk in decode(transcript("ollama-mixed"))[0]:
        answer.add(chunk)
    choice = answer.choices[0]
    assert (choice.text, choice.reasoning, choice.finish) == ("Now:", "hm", "tool_calls")
    assert [(call.id, call.name) for call in choice.tools] == [("call_new1", "f"), ("call_new2", "g")]


@pytest.mark.parametrize("reason", ["error", "abort", "cancelled", "timeout", "insufficient_system_resource"])
def test_a_failing_done_reason_is_a_failure(reason: str) -> None:
    chunks, decoder = decode(frame(content="a"), DONE.replace(b'"stop"', b'"%b"' % reason.encode()))
    assert isinstance(decoder.problem, Refused)
    assert reason in str(decoder.problem)
    assert [chunk.text for chunk in chunks] == ["a"]
    assert not decoder.done
