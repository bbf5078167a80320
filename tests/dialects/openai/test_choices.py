"""What the frames of an answer say: how it ends, its errors, and what a chunk holds."""

from __future__ import annotations

from typing import Any

import pytest

from linx.core import jsontext
from linx.core.attempt_errors import EmptyAnswer, Fallback, Garbled, Refused, StreamBroken
from linx.core.chat import Timings, ToolDelta, Usage
from linx.dialects.openai import choices
from tests.dialects.openai.help import DONE, call, decode, feed, frame, sse, text, tools
from tests.dialects.openai.test_decoder import HELLO, USAGE

# --- how an answer ends ---


def test_an_answer_without_a_finish_or_an_end_mark_is_broken() -> None:
    result = decode(sse(*HELLO[:2]))
    assert result.text == "Hello é😀"
    assert isinstance(result.problem, StreamBroken)


def test_an_answer_cut_inside_a_frame_is_broken() -> None:
    assert isinstance(decode(sse(*HELLO[:1]) + b'data: {"id": "c1", "object": "cha').problem, StreamBroken)


@pytest.mark.parametrize(
    "wire",
    [
        b"", b" \n", b"\xef\xbb\xbf", b": ping\n\n: ping\n\n", DONE, sse(frame({"role": "assistant", "content": ""})),
        sse(frame({"role": "assistant"})) + DONE, b'data: {"choices":[{"del', b'{"choices":[]}', b'{"choices":null}',
        b"error code: 524", sse({"choices": [], "usage": USAGE}) + DONE,
    ],
)  # fmt: skip
def test_an_answer_that_says_nothing_is_empty(wire: bytes) -> None:
    result = decode(wire)
    assert isinstance(result.problem, EmptyAnswer)
    assert not any(chunk.is_meaningful for chunk in result.chunks)


def test_a_finish_alone_is_an_answer() -> None:
    assert decode(sse(frame(finish="stop"))).finishes == ["stop"]


def test_an_end_mark_finishes_what_has_not_finished() -> None:
    two = [frame({"content": "a"}), frame({"content": "b"}, index=1), frame(index=1, finish="length")]
    result = decode(sse(*two) + DONE)
    assert [(chunk.index, chunk.finish) for chunk in result.chunks if chunk.finish] == [(1, "length"), (0, "stop")]
    assert decode(sse(tools(call(0, "a", "f", "{}"))) + DONE).finishes == ["tool_calls"]


def test_every_choice_that_began_must_finish() -> None:
    two = [frame({"content": "a"}), frame({"content": "b"}, index=1), frame(finish="stop")]
    assert isinstance(decode(sse(*two)).problem, StreamBroken)
    assert decode(sse(*two, frame(index=1, finish="stop"))).done


def test_what_comes_behind_a_finish_is_not_lost_and_the_finish_comes_once() -> None:
    late = [frame({"content": "late"}), frame(finish="length"), frame({"content": ""}, usage=USAGE)]
    result = decode(sse(*HELLO, *late) + DONE)
    assert (result.text, result.finishes, result.usages) == ("Hello é😀late", ["length"], [(9, 2)])
    assert result.chunks[-1].source is not None
    assert result.chunks[-1].source["choices"] == []


def test_a_usage_of_the_whole_ends_the_answer_before_its_end_mark() -> None:
    """So that a client gets the finish, and the fields beside the usage, as soon as they are there."""
    result = feed([sse(*HELLO), sse({"choices": [], "usage": USAGE}), sse(*text("late"), frame(finish="length")), DONE])
    assert (result.text, result.finishes, result.usages) == ("Hello é😀", ["stop"], [(9, 2)])
    assert [chunk.finish for chunk in result.chunks[-2:]] == ["stop", None]


@pytest.mark.parametrize("finish", ["stop", "STOP", "tool_calls"])
def test_a_finish_with_every_frame(finish: str) -> None:
    """open-webui#16377: a stop beside each piece of reasoning; other servers send one beside each text."""
    thoughts = [frame({"reasoning_content": piece}, finish) for piece in ("h", "m")]
    pieces = [frame({"content": piece}, finish) for piece in ("a", "b", "c")]
    last = frame(finish="length", usage=USAGE)
    result = decode(sse(*thoughts, *pieces, last, frame(finish="stop")) + DONE)
    assert (result.reasoning, result.text, result.finishes, result.usages) == ("hm", "abc", ["length"], [(9, 2)])
    assert all(source["choices"][0]["finish_reason"] is None for source in result.sources[:-1])


def test_a_tool_call_behind_a_stop() -> None:
    frames = [*text("a"), frame(finish="stop", usage=USAGE), tools(call(0, "x", "f", '{"a":1}')), frame(finish="stop")]
    result = decode(sse(*frames) + DONE)
    assert (result.calls, result.finishes, result.usages) == ([("x", "f", '{"a":1}')], ["tool_calls"], [(9, 2)])


def test_a_finish_of_one_choice_waits_for_no_other() -> None:
    frames = [frame({"content": "a"}), frame({"content": "b"}, index=1), frame(finish="stop"), frame(usage=USAGE)]
    frames += [frame({"content": "c"}), frame({"content": "d"}, "length", index=1)]
    result = decode(sse(*frames) + DONE)
    ends = [(chunk.index, chunk.finish) for chunk in result.chunks if chunk.finish]
    assert (result.text, ends) == ("abcd", [(0, "stop"), (1, "length")])


@pytest.mark.parametrize("word", ["null", "None", "NULL"])
def test_the_text_null_is_no_finish(word: str) -> None:
    result = decode(sse(frame({"content": "a"}, word), frame({"content": "b"}, word)))
    assert (result.text, result.finishes) == ("ab", [])
    assert isinstance(result.problem, StreamBroken)
    assert decode(sse(frame({"content": "a"}, word), frame({"content": "b"}, "stop"))).finishes == ["stop"]


@pytest.mark.parametrize(
    "word",
    [
        "insufficient_system_resource", "network_error", "network-error", "abort", "Aborted", "cancelled", "timeout",
        "failed", "error", "function_call_filter: MALFORMED_FUNCTION_CALL", {"type": "abort", "message": "paused"},
    ],
)  # fmt: skip
def test_a_failing_end_is_a_failure(word: Any) -> None:
    bad: Any = frame()
    bad["choices"][0]["finish_reason"] = word
    for frames in ([bad], [*text("a"), bad], [*text("a"), frame(finish="stop"), bad]):
        result = decode(sse(*frames) + DONE)
        assert isinstance(result.problem, Refused)
        assert result.finishes == []
        assert result.text == "a" * (len(frames) > 1)
    assert decode(jsontext.dumps({"choices": [{"message": {"content": "a"}, "finish_reason": word}]})).chunks == []


@pytest.mark.parametrize(
    ("word", "finish"),
    [
        ("stop", "stop"), ("length", "length"), ("tool_calls", "tool_calls"), ("content_filter", "content_filter"),
        ("eos", "stop"), ("STOP", "stop"), ("MAX_TOKENS", "length"), ("function_call", "tool_calls"),
        ("SAFETY", "content_filter"), ("never heard of", "stop"),
    ],
)  # fmt: skip
def test_the_words_for_a_finish(word: str, finish: str) -> None:
    result = decode(sse(*text("a"), frame(finish=word)))
    assert result.finishes == [finish]
    assert result.sources[-1]["choices"][0]["finish_reason"] == finish


@pytest.mark.parametrize("word", ["", None, False, 0, 7, []])
def test_what_is_no_finish(word: Any) -> None:
    result = decode(sse(frame({"content": "a"}, finish=word)))
    assert result.finishes == []
    assert result.sources[0]["choices"][0]["finish_reason"] is None


def test_stop_after_tool_calls_means_tool_calls() -> None:
    assert decode(sse(tools(call(0, "a", "f", "{}")), frame(finish="stop"))).finishes == ["tool_calls"]
    assert decode(sse(tools(call(0, "a", "f", "{")), frame(finish="length"))).finishes == ["length"]


def test_text_and_finish_in_one_frame_are_sent_apart() -> None:
    both = frame({"role": "assistant", "content": "a"}, "stop", usage=USAGE, provider="X", timings={"prompt_ms": 1})
    both["choices"][0] |= {"native_finish_reason": "STOP", "logprobs": {"content": [{"token": "a"}]}}
    result = decode(sse(both))
    first, last = result.chunks
    assert (first.text, first.finish, first.usage) == ("a", None, None)
    assert (last.text, last.finish, last.usage) == ("", "stop", Usage(9, 2, source=USAGE))
    assert first.logprobs == [{"token": "a"}]
    assert first.source == {
        **frame({"content": "a"}, provider="X"),
        "choices": [
            {"index": 0, "delta": {"content": "a"}, "finish_reason": None, "logprobs": {"content": [{"token": "a"}]}}
        ],
    }
    assert last.source is not None
    assert last.source["timings"] == {"prompt_ms": 1}
    assert last.source["choices"] == [
        {"index": 0, "delta": {}, "finish_reason": "stop", "native_finish_reason": "STOP", "logprobs": None}
    ]


# --- a message or a text where a delta belongs ---


def odd(finish: str | None = None, **fields: Any) -> dict[str, Any]:
    """A frame whose choice has ``fields`` in place of a delta, or beside it."""
    made = frame(finish=finish)
    del made["choices"][0]["delta"]
    made["choices"][0] |= fields
    return made


def message(text: str | None = "Hi", **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": text, **more}


@pytest.mark.parametrize(
    "frames",
    [
        [odd("stop", message=message())],
        [odd("stop", message=message(), delta=None)],
        [odd("stop", message=message(), delta={"role": "assistant", "content": ""})],
        [odd(message=message()), odd("stop", message=message(""))],
        [odd(message=message("H")), odd(message=message("i")), frame(finish="stop")],
        [odd("stop", text="Hi")],
        [odd(text="H"), odd(text="i"), odd("stop", text="")],
        # Perplexity repeats the answer so far in a message beside each delta.
        [odd(delta={"content": "H"}, message=message("H")), odd("stop", delta={"content": "i"}, message=message("Hi"))],
        [*text("H", "i"), odd("stop", message=message("Hi"))],
        [*text("H", "i"), odd("stop", message=message("Hi"), delta={"role": "assistant", "content": ""})],
        # Together sends a text beside each delta.
        [odd(delta={"content": "H"}, text="H"), odd("stop", delta={"content": "i"}, text="i")],
    ],
)
def test_a_message_or_a_text_is_read_as_a_delta_and_leaves_nothing(frames: list[Any]) -> None:
    result = decode(sse(*frames) + DONE)
    assert (result.problem, result.text, result.finishes) == (None, "Hi", ["stop"])
    assert not any({"message", "text"} & source["choices"][0].keys() for source in result.sources)
    assert "".join(source["choices"][0]["delta"].get("content") or "" for source in result.sources) == "Hi"


def test_a_whole_message_has_reasoning_and_calls() -> None:
    calls = [{"id": "x", "type": "function", "function": {"name": "f", "arguments": {"a": 1}}}]
    calls.append({"id": "y", "type": "function", "function": {"name": "f", "arguments": "{}"}})
    whole = odd("stop", message=message(None, reasoning_content="hm", tool_calls=calls))
    result = decode(sse(whole) + DONE)
    assert (result.reasoning, result.text, result.finishes) == ("hm", "", ["tool_calls"])
    assert result.calls == [("x", "f", '{"a":1}'), ("y", "f", "{}")]
    repeated = decode(sse(frame({"reasoning_content": "h"}), odd("stop", message=message("Hi", reasoning="hm"))) + DONE)
    assert (repeated.reasoning, repeated.text) == ("h", "Hi")
    again = decode(sse(tools(*calls), whole) + DONE)
    assert again.calls == result.calls


# --- errors in a 200 ---


@pytest.mark.parametrize(
    "wire",
    [
        sse({"error": {"message": "rate limited", "code": 429}}),
        sse({"error": {"message": "rate limited", "code": "rate_limit_exceeded"}}),
        sse({"id": "gen-1", "error": {"message": "rate limited", "code": 429}, "choices": [frame(finish="error")]}),
        sse(
            {
                "choices": [
                    {"delta": {"content": ""}, "finish_reason": "error", "error": {"code": 429, "message": "m"}}
                ]
            }
        ),
        sse(jsontext.dumps([{"error": {"code": 429, "message": "m"}}])),
        b'error: {"code":429,"message":"slow down"}\n\n',
        b'event: error\ndata: {"code":429,"message":"slow down"}\n\n',
        b'event: error\ndata: {"error":{"code":429,"message":"slow down"}}\n\n',
        b'{"error":{"code":429,"message":"slow down"}}',
        b'[{"error":{"code":429,"message":"slow down"}}]',
        b' {"choices":[{"error":{"code":429,"message":"m"},"finish_reason":"error"}]}',
        sse({"object": "error", "message": "slow down", "code": 429}),
    ],
)  # fmt: skip
def test_an_error_is_classified_by_its_own_code(wire: bytes) -> None:
    result = decode(wire + DONE if wire.startswith(b"data") else wire)
    assert isinstance(result.problem, Refused)
    assert (result.problem.status, result.problem.fallback, result.chunks) == (429, Fallback.YES, [])


def test_an_error_without_words() -> None:
    assert isinstance(decode(sse(frame(finish="error"))).problem, Refused)
    assert isinstance(decode(b"event: error\ndata: it broke\n\n").problem, Refused)


def test_an_error_in_mid_stream_ends_it() -> None:
    result = decode(sse(*HELLO[:1], {"error": {"message": "x", "code": 502}}, *HELLO) + DONE)
    assert (result.text, result.finishes) == ("Hel", [])
    assert isinstance(result.problem, Refused)


def test_the_other_choices_of_a_failed_frame_are_not_looked_at() -> None:
    bad = frame(finish="error")
    bad["choices"].append({"index": 1, "delta": {"content": "x"}})
    assert decode(sse(bad)).text == ""


def test_falsy_errors_are_none() -> None:
    falsy: list[Any] = [None, "", {}, False]
    wire = sse(*(frame({"content": "a"}, error=error) for error in falsy), frame(finish="stop"))
    result = decode(wire)
    assert result.text == "aaaa"
    assert not any("error" in source for source in result.sources)


# --- what a chunk holds ---


def test_a_plain_text_keeps_the_whole_frame_of_its_provider() -> None:
    plain = frame({"content": "b"}, system_fingerprint="b1", x_unknown={"a": [1]})
    result = decode(sse(*text("a"), plain, frame(finish="stop")))
    assert result.chunks[1].source == plain
    assert result.chunks[1].dialect == "openai"


def test_roles_are_dropped_wherever_they_are() -> None:
    repeated = [frame({"role": "assistant", "content": piece}) for piece in ("", "a", "b")]
    result = decode(sse(*repeated, frame({"role": "assistant", "content": None}), frame(finish="stop")))
    assert [source["choices"][0]["delta"] for source in result.sources] == [{"content": "a"}, {"content": "b"}, {}]


def test_frames_that_say_nothing_are_dropped_unless_they_hold_something_unknown() -> None:
    progress = frame({"role": "assistant", "content": None}, prompt_progress={"total": 9, "processed": 3})
    audio = frame({"audio": {"data": "AAAA"}})
    odd = frame()
    odd["choices"][0]["x"] = 1
    empty = [
        frame({"content": ""}),
        frame({"content": "", "reasoning": ""}),
        frame(),
        {"type": "ping"},
        {"choices": [7]},
    ]
    result = decode(sse(progress, *empty, audio, odd, {"choices": [], "prompt_filter_results": []}, *HELLO))
    assert not any(chunk.is_meaningful for chunk in result.chunks[:4])
    assert result.sources[0]["prompt_progress"] == {"total": 9, "processed": 3}
    assert result.sources[1]["choices"][0]["delta"] == {"audio": {"data": "AAAA"}}
    assert result.sources[2]["choices"][0]["x"] == 1
    assert result.sources[3] == {"object": "chat.completion.chunk", "choices": [], "prompt_filter_results": []}
    assert result.chunks[4].text == "Hel"


def test_reasoning_under_either_name_comes_once_under_one() -> None:
    deltas: list[dict[str, Any]] = [
        {"reasoning_content": "a"},
        {"reasoning": "b"},
        {"reasoning": "c", "reasoning_content": "c"},
        {"content": "", "reasoning": "d", "reasoning_details": [{"type": "reasoning.text", "text": "d", "index": 0}]},
        {"reasoning_content": None, "reasoning": "e"},
        {"reasoning_content": "f"},
    ]
    result = decode(sse(*(frame(delta) for delta in deltas), *text("!"), frame(finish="stop")))
    assert (result.reasoning, result.text) == ("abcdef", "!")
    assert "".join(source["choices"][0]["delta"].get("reasoning_content", "") for source in result.sources) == "abcdef"
    assert not any("reasoning" in source["choices"][0]["delta"] for source in result.sources)


def test_choices_in_one_frame_become_one_chunk_each() -> None:
    both = frame({"content": "a"}, usage=USAGE, x=1)
    both["choices"] += [{"index": 1, "delta": {"content": "b"}}, {"index": 1, "delta": {}, "finish_reason": "length"}]
    result = decode(sse(both, frame({"content": "c"}), frame(finish="stop")))
    told = [(chunk.index, chunk.text, chunk.finish) for chunk in result.chunks]
    assert told == [(0, "a", None), (1, "b", None), (0, "c", None), (1, "", "length"), (0, "", "stop")]
    assert [source["choices"][0]["index"] for source in result.sources] == [0, 1, 0, 1, 0]
    assert all(len(source["choices"]) == 1 and source.get("x", 1) == 1 for source in result.sources)
    assert [chunk.usage is not None for chunk in result.chunks] == [False, False, False, True, False]


def test_a_choice_without_a_usable_index_is_the_first_one() -> None:
    odd: list[Any] = [None, "0", True, [1], {}]
    frames = [frame({"content": "a"}, index=index) for index in odd]
    del frames[0]["choices"][0]["index"]
    result = decode(sse(*frames, frame(finish="stop")))
    assert [(chunk.index, chunk.text) for chunk in result.chunks] == [(0, "a")] * len(odd) + [(0, "")]
    assert {source["choices"][0]["index"] for source in result.sources} == {0}


def test_choices_and_calls_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choices, "MAX_CHOICES", 2)
    many = decode(sse(*(frame({"content": "a"}, index=index) for index in range(4))))
    assert (many.text, isinstance(many.problem, Garbled)) == ("aa", True)
    calls = feed([sse(*(tools(call(index, None, "f", "{}")) for index in range(1100)))])
    assert isinstance(calls.problem, Garbled)


def test_usage_and_timings_wherever_they_come() -> None:
    details = {"prompt_tokens_details": {"cached_tokens": 4}, "completion_tokens_details": {"reasoning_tokens": 1}}
    rich = {**USAGE, **details, "cost": 0.25}
    on_finish = decode(sse(*text("a"), frame(finish="stop", usage=USAGE)))
    assert on_finish.chunks[-1].usage == Usage(9, 2, source=USAGE)
    assert "usage" not in on_finish.sources[-1]
    alone = decode(sse(*HELLO, {"choices": [], "usage": rich, "provider": "X"}) + DONE)
    assert alone.chunks[-1].usage == Usage(9, 2, 4, 1, 0.25, rich)
    assert alone.sources[-1]["choices"] == []
    with_choice = decode(sse(*HELLO[:2], frame({"role": "assistant", "content": ""}, usage=rich), HELLO[2]))
    assert with_choice.usages == [(9, 2)]
    every = decode(
        sse(*(frame({"content": "a"}, usage={**USAGE, "completion_tokens": n}) for n in (1, 2, 3)), HELLO[2])
    )
    assert every.usages == [(9, 1), (9, 2), (9, 3)]
    assert every.answer.usage == Usage(9, 3, source={**USAGE, "completion_tokens": 3})


def test_timings_of_llama_cpp_are_kept_and_stand_in_for_usage() -> None:
    timings = {"cache_n": 4, "prompt_n": 5, "prompt_ms": 342.5, "predicted_n": 2, "predicted_ms": 1.5}
    per_token = decode(sse(*text("a"), frame({"content": "b"}, timings=timings), frame(finish="stop", timings=timings)))
    assert per_token.chunks[-1].timings == Timings(344_000_000, 0, 342_500_000, 1_500_000)
    assert per_token.chunks[-1].usage == Usage(9, 2, 4)
    assert per_token.sources[-1]["timings"] == timings
    both = decode(sse(*HELLO, {"choices": [], "usage": USAGE, "timings": timings}) + DONE)
    assert both.chunks[-1].usage == Usage(9, 2, source=USAGE)
    assert both.answer.timings == Timings(344_000_000, 0, 342_500_000, 1_500_000)
    late = decode(sse(frame({"content": "a"}, usage=USAGE), frame(finish="stop", timings=timings)))
    assert late.usages == [(9, 2)]


def test_tool_calls_become_deltas_and_stay_in_the_source() -> None:
    result = decode(
        sse(tools(call(1, "x", "f", "")), tools(call(1, "x", "f", '{"a"')), tools(call(1, args=":1}"))) + DONE
    )
    assert [chunk.tools for chunk in result.chunks[:3]] == [
        [ToolDelta(0, "x", "f", "")],
        [ToolDelta(0, None, None, '{"a"')],
        [ToolDelta(0, None, None, ":1}")],
    ]
    assert [source["choices"][0]["delta"]["tool_calls"] for source in result.sources] == [
        [{"index": 0, "id": "x", "type": "function", "function": {"name": "f", "arguments": ""}}],
        [{"index": 0, "function": {"arguments": '{"a"'}}],
        [{"index": 0, "function": {"arguments": ":1}"}}],
    ]
    assert result.finishes == ["tool_calls"]


def test_a_call_without_arguments_gets_an_empty_object_before_the_finish() -> None:
    result = decode(sse(tools(call(0, "x", "f", "")), frame(finish="tool_calls")))
    assert result.calls == [("x", "f", "{}")]
    assert [chunk.finish for chunk in result.chunks] == [None, None, "tool_calls"]


def test_the_choices_in_one_frame_are_bounded() -> None:
    choice = {"index": 0, "delta": {"content": "a"}}
    result = decode(sse({"choices": [choice] * (choices.MAX_CHOICES + 1)}))
    assert isinstance(result.problem, Garbled)
    assert result.chunks == []
