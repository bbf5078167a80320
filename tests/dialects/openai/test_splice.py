"""A splice must never be seen: with it and without it a client gets the same."""

from __future__ import annotations

import itertools
import json
import random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linx.core import jsontext
from linx.dialects.anthropic.face import AnthropicFace
from linx.dialects.ollama.decoder import OllamaDecoder
from linx.dialects.openai.decoder import OpenAIDecoder
from linx.dialects.openai.encoder import OpenAIEncoder
from linx.dialects.openai.splice import TRIES, Splice
from linx.routing.short_ways import splice_between
from tests.dialects.openai.help import DONE, TRANSCRIPTS, frame, payloads, request, sse, stamp, text, tools

if TYPE_CHECKING:
    from collections.abc import Iterable

    from linx.core.chat import Chunk, JsonObject


class Told:
    """What a client got, and how."""

    def __init__(self) -> None:
        self.frames: list[Any] = []
        self.problem = ""
        self.spliced = 0
        """Reads that were not decoded."""


def relay(
    reads: Iterable[bytes],
    *,
    is_spliced: bool = True,
    to_eof: bool = True,
    field: str = "reasoning_content",
    **asked: Any,
) -> Told:
    numbers = itertools.count()
    decoder = OpenAIDecoder(lambda: f"made{next(numbers)}")
    encoder = OpenAIEncoder(request(**asked), stamp(), field)
    splice = splice_between(decoder, encoder) if is_spliced else None
    told, out = Told(), b""
    for data in (*reads, *(b"", b"") * to_eof):
        known = splice.try_frame(data) if splice is not None else None
        if known is not None:
            told.spliced += 1
            out += known
            continue
        data = splice.data if splice is not None else data
        chunks: list[Chunk] = decoder.feed(data) if data else decoder.end()
        encoded = encoder.frames(chunks)
        if splice is not None:
            splice.learn(chunks, encoded)
        out += encoded
    told.problem = repr(decoder.problem)
    told.frames = payloads(out + (encoder.end() if decoder.done else b""))
    return told


def same(reads: Iterable[bytes], **asked: Any) -> Told:
    reads = list(reads)
    told, plain = relay(reads, **asked), relay(reads, is_spliced=False, **asked)
    assert (told.frames, told.problem) == (plain.frames, plain.problem)
    return told


def each(*frames: JsonObject | bytes) -> list[bytes]:
    return [sse(item) for item in frames]


ROLE = frame({"role": "assistant", "content": ""})
END = [sse(frame(finish="stop")), DONE]
USAGE: JsonObject = {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2}}


def test_a_usual_stream_goes_the_short_way() -> None:
    pieces = ["Hel", "lo", " world", "\n\n", 'a "quote"', "back\\slash", "tab\t", " "]
    told = same([sse(ROLE), *each(*text(*pieces)), *END])
    # The first text carries the role out, the second one is learnt from.
    assert told.spliced == len(pieces) - 2
    assert "".join(item["choices"][0]["delta"].get("content", "") for item in told.frames[:-1]) == "".join(pieces)


def test_several_frames_in_one_read() -> None:
    reads = [sse(*text(*pieces)) for pieces in ("abc", "d", "efg", ["h", "", "i"], "jk", ["l\\", "n"], "op")]
    told = same([sse(ROLE), *each(*text("x", "y")), *reads, *END])
    assert told.spliced == 5
    assert same([sse(ROLE, *text("w")), *reads, *END]).spliced == 4, "the last of several is learnt from"
    crlf = [read.replace(b"\n", b"\r\n") for read in (*each(*text("x", "y")), *reads)]
    assert same([*crlf, *END]).spliced == 3, "with other line ends only from a read of one"


def test_other_line_ends_and_the_beginning_of_the_next_event() -> None:
    plain, torn = sse(*text("a")).replace(b"\n", b"\r\n"), sse(*text("b")).replace(b"\n", b"\r\n") + b"da"
    same([plain, plain, torn, torn, torn, plain, *END])
    same([plain, torn, b"ta: " + plain[6:], plain, plain + b": x", b"y\r\n", plain, *END])


def test_reads_that_end_anywhere() -> None:
    wire = sse(ROLE, *text(*"The quick brown fox jumps over the lazy dog and so on for quite a while"))
    for size in (7, 100, 150, 200, 400, 900):
        told = same([*(wire[at : at + size] for at in range(0, len(wire), size)), *END])
        assert told.spliced >= len(wire) // size // 2 or size < 200
    # What was kept of a torn event is not lost at the end.
    same([*each(*text("a", "b", "c")), sse(*text("d"))[:-1]])
    same([*each(*text("a", "b", "c")), sse(*text("d", "e")) + b"data: [DONE]"])


def test_an_escape_cannot_reach_into_the_next_frame() -> None:
    before, after = sse(frame({"content": "HOLE"})).split(b"HOLE")
    for one, two in ((b"a\\", b"n"), (b"\xc3", b"\xa9")):
        told = same([*each(*text("x", "y", "z")), before + one + after + before + two + after, *END])
        assert told.spliced == 1


def test_a_frame_that_is_dropped_is_not_the_one_that_was_sent() -> None:
    """Choice 1 is over; of two frames with the same text the first is sent, the last is not."""
    over = sse(frame({"content": "b"}, index=1), frame(finish="stop", index=1), frame(finish="stop"), USAGE)
    both = sse(frame({"content": "a"}, index=2), frame({"content": "a"}, index=1))
    told = same([*each(*text("x", "y")), over, both, sse(frame({"content": "c"}, index=1)), *END])
    assert "c" not in [item["choices"][0]["delta"].get("content") for item in told.frames[:-1]]


@pytest.mark.parametrize("more", [{"role": "assistant"}, {"reasoning": None}, {"role": "assistant", "refusal": None}])
def test_what_some_providers_send_in_each_delta(more: JsonObject) -> None:
    frames = [frame({**more, "content": piece}) for piece in "abcdef"]
    assert same([*each(*frames), *END]).spliced == 4


def test_of_one_event_several_chunks_and_of_another_none() -> None:
    """As many chunks as events, but the last chunk is not the last event's."""
    both = frame({"content": "x"}, finish="stop")
    reads = [*each(*text("h"), frame({"content": "h"}, index=1))]
    over = [both, frame(finish="stop", index=1), USAGE]
    reads.append(sse(*over, frame({"content": "a"}, index=2), frame({"content": "a"})))
    told = same([*reads, *each(*text("LEAK"), frame({"content": "b"}, index=1)), *END])
    assert "LEAK" not in str(told.frames)
    glued = jsontext.dumps(frame({"content": "x"})) * 2
    same([*each(*text("a", "b")), sse(glued, frame({"role": "x"})), *each(frame({"role": "b"}), *text("c")), *END])


@pytest.mark.parametrize("function", [{"arguments": "b"}, {"name": "f", "arguments": "b"}])
def test_the_pieces_of_a_tool_call_are_counted(function: JsonObject) -> None:
    call = {"index": 0, "id": "x", "function": function}
    frames = [frame({"content": piece, "tool_calls": [call]}) for piece in "abcd"]
    assert same([*each(*text("x", "y"), *frames), *END]).spliced == 0


def test_line_ends_of_two_kinds_in_one_read() -> None:
    """Whatever is complete goes out with the read that completed it."""
    first = each(*text("a", "b", "c"))
    for reads in (
        [b": keep\n\n" + sse(*text("d")).replace(b"\n", b"\r\n")],
        [sse(frame(finish="stop")) + DONE.replace(b"\n", b"\r\n")],
        [sse(*text("d")) + sse(*text("e")).replace(b"\n", b"\r")],
    ):
        assert (
            relay([*first, *reads], to_eof=False).frames
            == relay([*first, *reads], is_spliced=False, to_eof=False).frames
        )


def test_what_the_provider_adds_and_the_names_of_the_client() -> None:
    frames = [frame({"content": piece}, provider="X", usage=None, x_new=[1.5, None]) for piece in "abcd"]
    told = same([*each(*frames), *END], include_usage=True)
    assert told.spliced == 2
    for item in told.frames[1:4]:
        assert (item["model"], item["provider"], item["x_new"], item["usage"]) == ("asked", "X", [1.5, None], None)


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning", "both"])
@pytest.mark.parametrize("theirs", ["reasoning_content", "reasoning"])
def test_reasoning(field: str, theirs: str) -> None:
    frames = [frame({theirs: piece}) for piece in ("a", "b", "c", "d", "e")]
    told = same([*each(*frames), *each(*text("x", "y", "z", "w")), *END], field=field)
    assert told.spliced >= 2


@pytest.mark.parametrize(
    "piece",
    [
        b"",
        b"\\u00e9",
        b"\\ud83d",
        b"\\ud83d\\ude00",
        b"\\x41",
        b"\\",
        b'"',
        b'","refusal":"no',
        b'"},"finish_reason":"stop","x":{"a":"',
        b"a\x00b",
        b"a\tb",
        b"a\nb",
        b"a\n\ndata: b",
        b"\xff",
        b"\xc3",
        b"\xed\xa0\x80",
        b"\xe2\x80\xa8",
        b"\xe2\x80\xa9",
        b"\xc2\x85",
    ],
)
def test_a_text_that_is_not_plain_goes_the_long_way(piece: bytes) -> None:
    before, after = sse(frame({"content": "HOLE"})).split(b"HOLE")
    reads = [*each(*text("a", "b", "c")), before + piece + after, *each(*text("d", "e", "f")), *END]
    assert relay(reads[:3]).spliced == relay(reads[:4]).spliced == 1
    same(reads)


@pytest.mark.parametrize("fields", [{}, {"obfuscation": "a"}], ids=["same", "changing"])
def test_after_an_odd_text_the_next_frame_is_spliced_again(fields: JsonObject) -> None:
    def read(text: bytes, number: int) -> bytes:
        return sse({**frame({"content": "HOLE"}), **dict.fromkeys(fields, "x" * number)}).replace(b"HOLE", text)

    texts = [
        b"a",
        b"b",
        b"c",
        b"d",
        b"\\u003cb\\u003e",
        b"e",
        b"\\u00e9",
        b"f",
        b"\xff",
        b"g",
        b"\\ud83d",
        b"\\ude00",
        b"h",
    ]
    told = same([*(read(text, number) for number, text in enumerate(texts)), *END])
    assert told.spliced >= 3
    assert same([*(read(text, number) for number, text in enumerate(texts[:8])), *END]).spliced == 4 - len(fields)
    for odd in (
        b'a"},"finish_reason":"stop","x":{"a":"b',
        b'a","refusal":"no',
        b'a","tool_calls":[{"index":0}],"x":"y',
    ):
        for after in ([], [frame(finish="stop")], [frame(finish="stop"), USAGE], [USAGE]):
            reads = [read(b"t", 1), read(b"u", 2), read(b"v", 3), read(b"w", 4), read(odd, 5), *each(*after)]
            same([*reads, read(b"x", 6), read(b"y", 7), read(odd, 8), read(b"z", 9), *END])


@pytest.mark.parametrize("piece", ["é", "日本語", "😀", "\x7f", "\u2027", "/", "\\", '"', "\r\n"])
def test_a_text_that_is_plain(piece: str) -> None:
    assert same([*each(*text("a", "b", piece, piece, piece)), *END]).spliced == 3


@pytest.mark.parametrize(
    "within",
    [
        sse(frame({"content": "\u00e9"})).replace("\u00e9".encode(), b"\\u00e9"),
        sse(*text("d"), frame({"content": "e"}, index=1), *text("f")),
        sse(*text("d", "", "f")),
    ],
    ids=["an escape by number", "another choice in between", "an empty text in between"],
)
@pytest.mark.parametrize("cut", [3, 60])
def test_frames_that_are_not_plain_before_the_beginning_of_another(within: bytes, cut: int) -> None:
    """The whole of them begins and ends as the frame that is known, and still goes the long way."""
    torn, before = sse(*text("g")), each(*text("a", "b", "c"))
    reads = [*before, within + torn[:cut], torn[cut:], *each(*text("h", "i")), *END]
    assert relay(reads[:3]).spliced == relay(reads[:4]).spliced == 1
    same(reads)


def test_what_comes_after_the_finish_is_read_as_ever() -> None:
    told = same([*each(*text("a", "b", "c")), END[0], *each(*text("d", "e", "f")), DONE])
    assert told.spliced == 3
    ended = same([*each(*text("a", "b", "c")), END[0], sse(USAGE), *each(*text("d", "e", "f")), DONE])
    assert ended.spliced == 1


def test_frames_that_each_have_a_finish_are_spliced() -> None:
    frames = [frame({"content": piece}, "stop") for piece in "abcdef"]
    told = same([*each(*frames), DONE])
    assert told.spliced == 4
    assert [item["choices"][0]["finish_reason"] for item in told.frames[:-1]] == [None] * 6 + ["stop"]


def test_half_an_emoji_waits_for_the_other() -> None:
    before, after = sse(frame({"content": "HOLE"})).split(b"HOLE")
    halves = [before + half + after for half in (b"\\ud83d", b"\\ude00")]
    assert same([*each(*text("a", "b", "c")), *halves, *each(*text("d", "e", "f")), *END]).spliced >= 2
    assert same([*each(*text("a", "b", "c")), halves[0], *each(*text("d", "e", "f")), *END]).spliced >= 2


@pytest.mark.parametrize(
    "between",
    [
        [b": a comment\n\n"],
        [b": half of a"],
        [b"data: "],
        [b"event: x\n"],
        [b"data: 1\r"],
        [sse(frame({"content": "torn"}))[:-1]],
        [sse(frame({"content": "torn"}))[:-1], b"\n"],
        [sse(*text("two", "in one"))],
        [sse({"error": {"message": "broken"}})],
        [sse(tools({"index": 0, "id": "x", "function": {"name": "f", "arguments": "{}"}}))],
        [sse(frame({"content": "b"}, index=1))],
        [sse(frame({"content": "b"}, finish="stop"))],
        [sse(frame({"content": "b"}, usage={"prompt_tokens": 1, "completion_tokens": 1}))],
        [DONE],
    ],
)
def test_anything_else_in_between(between: list[bytes]) -> None:
    plain = each(*text("a", "b", "c", "d"))
    same([*plain, *between, *plain, *END])


def test_the_text_may_be_the_name_of_something() -> None:
    for word in ("content", "stop", "index", "chat.completion.chunk", "served", "asked", "c1", "role"):
        same([*each(*text("a", word, word, "b", word, "c", "d", word)), *END])


def test_a_name_spelt_by_number_is_not_taken_for_the_text() -> None:
    """The literal ``"x"`` stands once, but as the value of another field, which the client does not get."""
    spelt = sse(frame({"content": "HOLE"}, model="x")).replace(b'"HOLE"', b'"\\u0078"')
    told = same([*each(*text("a", "b")), spelt, spelt, spelt, *END])
    assert told.spliced == 0


def test_a_key_that_stands_twice() -> None:
    twice = sse(frame({"content": "HOLE"})).replace(b'"content":"HOLE"', b'"content":"b","content":"%b"')
    same([twice % b"c", twice % b"d", twice % b"e", twice % b"f", *END])


def test_a_stream_whose_frames_all_differ_is_left_alone() -> None:
    frames = [frame({"content": "a"}, x_new="x" * number) for number in range(1, 60)]
    alike = each(*text("a", "b", "c", "d"))
    assert same([*each(*frames[: TRIES + 1]), *alike, *END]).spliced == 0, "the first frame of a stream teaches nothing"
    assert same([*each(*frames[:TRIES]), *alike, *END]).spliced == 3
    # A frame that differs now and then is learnt again each time.
    frames = [frame({"content": "a"}, created=1 + number // 3) for number in range(1, 90)]
    told = same([*each(*frames), *END])
    assert told.spliced >= 25


# The frames of OpenAI as they come (GoModel#46), the padding of Mistral (hermes-agent#106006), and the times of frames.
CHANGING: list[tuple[str, list[Any]]] = [
    ("obfuscation", ["ZGF", "lRK2aBv", "kJ", "0wmdEAC", "x", "", "aaaaaaaaaaaaaaaaaa"]),
    ("p", ["abcdefghijk", "ab", "abcde", "a", "xyz", "q", "w"]),
    ("created", [1769092764, 1769092765, 1769092766, 1, 999999999999999, 17, 1769092770]),
    ("created", ["a", "b", "c", "d", "e", "f", "g"]),
    ("id", ["c-1", "c-2", "c-3", "c-4", "c-5", "c-6", "c-7"]),
    ("system_fingerprint", ["fp_1", "fp_2", "fp_1", "fp_1", "fp_2", "fp_3", "fp_1"]),
]


@pytest.mark.parametrize(("name", "values"), CHANGING, ids=[f"{name}-{values[0]}" for name, values in CHANGING])
@pytest.mark.parametrize("spaces", [False, True], ids=["compact", "as Python writes it"])
def test_a_field_that_changes_in_each_frame(name: str, values: list[Any], *, spaces: bool) -> None:
    frames = [frame({"content": f"t{number}"}, **{name: value}) for number, value in enumerate(values)]
    reads = [f"data: {json.dumps(item)}\n\n".encode() for item in frames] if spaces else each(*frames)
    told = same([*reads, *END])
    assert told.spliced == len(values) - 3, "the first has the role, the next two show what changes"
    assert same([*reads[:3], b"".join(reads[3:]), *END]).spliced == 1
    assert same([*reads[:3], reads[3] + reads[4][:50], reads[4][50:], *reads[5:], *END]).spliced == 4
    for read in (reads[3] + reads[4], b"".join(reads[3:])):
        assert same([*reads[:3], read, *reads[:2], *END], include_usage=True).spliced >= 2


def test_several_fields_that_change() -> None:
    frames = [
        frame({"content": f"t{at}"}, id=f"c{at}", created=1700000000 + at, p="pp" * at, obfuscation="x" * at)
        for at in range(12)
    ]
    told = same([*each(*frames), *END])
    assert told.spliced == 9
    assert [item["obfuscation"] for item in told.frames[:12]] == ["x" * at for at in range(12)]
    assert {item["id"] for item in told.frames[:-1]} == {"c0"}


@pytest.mark.parametrize("name", ["obfuscation", "id", "created"])
@pytest.mark.parametrize(
    "odd",
    [
        *[b"null", b"true", b"7", b"0", b"-7", b"1.5", b"1e3", b"007", b"7 7", b"12345678901234567890", b"[]", b"{}"],
        *[b'"a\\u0041"', b'"\\""', b'"\\\\"', b'"', b'""', b'"a', b'a"', b'"\xc3\xa9"', b'"\xff"', b'"\xe2\x80\xa8"'],
        *[
            b'"a","choices":[]',
            b'"a","error":{"message":"x"}',
            b'"a"},{"b":"c"',
            b'7,"created":8',
            b'"a","usage":{"x":"y"}',
        ],
        *[b'"a\x00b"', b'"a\nb"', b'"a"}\n\ndata: {"b":"c"', b"7}", b"", b" 7", b"7\xb2"],
    ],
)
def test_a_field_with_an_odd_value_in_between(name: str, odd: bytes) -> None:
    def read(number: int, value: bytes | None = None) -> bytes:
        usual = b"%d" % (1700000000 + number) if name == "created" else b'"v%d"' % number
        whole = sse({**frame({"content": f"t{number}"}), name: "HOLE"})
        return whole.replace(b'"HOLE"', usual if value is None else value)

    reads = [read(number) for number in range(8)]
    told = same([*reads[:5], read(5, odd), *reads[5:], *END])
    assert told.spliced >= 2
    same([*reads[:5], b"".join([reads[5], read(6, odd), reads[7]]), *reads[5:], *END])
    same([read(0), read(1, odd), read(2, odd), read(3), read(4, odd), *reads, *END])


def test_a_field_that_stands_twice_or_elsewhere_too() -> None:
    inner = [frame({"content": "x"}, obfuscation=f"o{at}", x_new={"obfuscation": f"o{at}"}) for at in range(9)]
    same([*each(*inner), *END])
    before = [
        frame({"content": "x"}, x_new={"obfuscation": "same"}, obfuscation="same" if at % 2 else "b") for at in range(9)
    ]
    same([*each(*before), *END])
    for number in range(3):
        reads = [
            sse(frame({"content": f"t{at}"}, p="HOLE")).replace(
                b'"p":"HOLE"', b'"p":"a%d","p":"b%d"' % (at % 2, at % 3 + number)
            )
            for at in range(12)
        ]
        same([*reads, *END])


def test_the_text_is_the_value_of_the_field() -> None:
    for at, word in enumerate(("obfuscation", "p", "c1", "created", "1700", "%b", "%%", "{}")):
        frames = [
            frame({"content": word if at % 2 else "t"}, obfuscation=word, p=f"{word}{n}", created=1700 + n)
            for n in range(8)
        ]
        same([*each(*frames), *END])


def test_a_text_beside_a_tool_call() -> None:
    """The first fragment of a call begins it, the next is a piece of its arguments: the frame is the same."""
    call = {"index": 0, "id": "x", "type": "function", "function": {"name": "f", "arguments": "1"}}
    frames = [frame({"content": piece, "tool_calls": [call]}) for piece in "abcd"]
    assert same([*each(*text("x", "y"), *frames), *END]).spliced == 0


def test_it_is_for_two_that_speak_alike() -> None:
    openai = OpenAIEncoder(request(), stamp(), "reasoning")
    assert isinstance(splice_between(OpenAIDecoder(lambda: ""), openai), Splice)
    assert isinstance(splice_between(OllamaDecoder(lambda: ""), openai), Splice)
    assert splice_between(OllamaDecoder(lambda: "", generate=True), openai) is None
    assert splice_between(OpenAIDecoder(lambda: "", dict), openai) is None
    assert splice_between(OpenAIDecoder(lambda: ""), AnthropicFace().encoder(request(), stamp())) is None


@pytest.mark.parametrize("path", sorted(TRANSCRIPTS.glob("*.sse")), ids=lambda path: path.name)
def test_recorded_streams(path: Any) -> None:
    wire = path.read_bytes()
    events = [event + b"\n\n" for event in wire.split(b"\n\n") if event]
    same(events)
    same(events, include_usage=True)
    same(itertools.chain.from_iterable((event[:9], event[9:]) for event in events))


_PIECES = st.sampled_from(["a", "b c", "\n", '"', "\\", "é", "😀", "content", "null", "", "\u2028", "x" * 700])
_DELTAS = st.one_of(
    _PIECES.map(lambda piece: {"content": piece}),
    _PIECES.map(lambda piece: {"content": piece}),
    _PIECES.map(lambda piece: {"reasoning_content": piece}),
    _PIECES.map(lambda piece: {"role": "assistant", "content": piece}),
    st.just({"content": "a", "reasoning": "b"}),
    st.just({"refusal": "a"}),
    st.just({}),
)
_FRAMES = st.builds(
    lambda delta, index, created, extra, padding: frame(delta, index=index, **{"created": created, **extra, **padding}),
    _DELTAS,
    st.sampled_from([0, 0, 0, 0, 1]),
    st.sampled_from([1, 1, 1, 2]),
    st.sampled_from([{}, {}, {}, {"usage": None}, {"logprobs": None}, {"x": "a"}]),
    st.sampled_from(
        [
            {},
            {},
            *[{"obfuscation": value} for value in ("a", "bc", "", "%b", "é", 7)],
            {"p": "x"},
            {"p": "y", "id": "z"},
        ]
    ),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(_FRAMES, max_size=12), st.integers(0, 2**32), st.booleans())
def test_any_stream(frames: list[JsonObject], seed: int, has_usage: bool) -> None:
    chance = random.Random(seed)
    reads: list[bytes] = []
    for item in frames:
        data = sse(item)
        if chance.random() < 0.1:  # a fault
            at = chance.randrange(len(data))
            data = data[:at] + chance.choice((b"", b'"', b"\\", b"\n", b"\r", b"}", b"\x00")) + data[at + 1 :]
        if chance.random() < 0.1:  # torn
            at = chance.randrange(len(data))
            reads += [data[:at], data[at:]]
        elif reads and chance.random() < 0.1:  # two in one read
            reads[-1] += data
        else:
            reads.append(data)
        if chance.random() < 0.3:
            reads.append(reads[-1])
    same([*reads, *END], include_usage=has_usage)


def test_a_torn_escape_in_a_long_text() -> None:
    """The text of the short way is read by one expression, which must not be slow on anything."""
    assert jsontext.is_text(b"a" * 10**6 + b"\\n" * 10**5)
    assert not jsontext.is_text(b"a\\n" * 10**6 + b'"')
