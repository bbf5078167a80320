"""What providers send: whatever it is, chunks that every client's encoder can write, or an AttemptError.

How the bytes are cut into reads makes no difference, and a torn answer has no normal end that its provider did not
send.
"""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.fuzz.bodies import almost
from benchmarks.fuzz.choices import Broken, Choices
from benchmarks.fuzz.frames import reference_sse
from linx.app import faces_for
from linx.config.model import Config
from linx.core import jsontext
from linx.core.attempt_errors import AttemptError, StreamBroken
from linx.core.chat import Answer, Chunk, Dialect
from linx.dialects.untranslated.decoder import untranslated_decoder
from linx.dialects.untranslated.face import UntranslatedFace
from tests.handlers.answers.test_odd_frames import ASKED, ROADS, STAMP, Road, events

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from linx.dialects.base import Decoder, Face

_FACES: dict[str, Face] = {
    **faces_for(Config()),
    "own messages": UntranslatedFace(faces_for(Config())["anthropic"]),
    "own responses": UntranslatedFace(faces_for(Config())["responses"]),
}
_ASKED = {**ASKED, "own messages": ASKED["anthropic"], "own responses": ASKED["responses"]}
_RESPONSE = {"id": "r", "object": "response", "status": "in_progress", "model": "m", "output": [], "created_at": 1}
_MESSAGE = {"type": "message", "id": "m1", "role": "assistant", "content": []}
_RESPONSES: list[Any] = [
    {"type": "response.created", "response": _RESPONSE, "sequence_number": 0},
    {"type": "response.output_item.added", "output_index": 0, "item": _MESSAGE},
    {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "item_id": "m1", "delta": "a"},
    {"type": "response.reasoning_summary_text.delta", "output_index": 1, "summary_index": 0, "delta": "t"},
    {"type": "response.output_item.added", "output_index": 2,
     "item": {"type": "function_call", "id": "f", "call_id": "c", "name": "f", "arguments": ""}},
    {"type": "response.function_call_arguments.delta", "output_index": 2, "item_id": "f", "delta": "{}"},
    {"type": "response.completed",
     "response": {**_RESPONSE, "status": "completed", "output": [_MESSAGE],
                  "usage": {"input_tokens": 1, "output_tokens": 1, "input_tokens_details": {"cached_tokens": 0}}}},
]  # fmt: skip
_ROADS: dict[str, Road] = {
    **ROADS,
    "own messages": (lambda: untranslated_decoder(Dialect.ANTHROPIC), events, ROADS["anthropic"][2], ("own messages",)),
    "own responses": (lambda: untranslated_decoder(Dialect.RESPONSES), events, _RESPONSES, ("own responses",)),
}
_NOISE = (
    b"\n", b"\r\n", b"\n\n", b"data: ", b"data: [DONE]\n\n", b": x\n\n", b"{", b"}", b'"', b",", b"\x00", b"\xff",
    b"null", b"event: error\n", b'{"error":{"message":"e","code":500}}', b'data: {"error":"e"}\n\n', b"<html>",
    b"\\ud83d", b"1e400", b"[[[[[[[[",
)  # fmt: skip


def _answer(road: str, data: bytes) -> None:
    new_decoder, write, frames, names = _ROADS[road]
    choices = Choices(data)
    sent = _frames(frames, choices)
    try:
        body = write(sent)
    except (TypeError, ValueError, IndexError):
        return  # not a list of frames any more
    for _ in range(choices.below(3)):
        at = choices.below(len(body) + 1)
        body = body[:at] + choices.one_of(_NOISE) + body[at + choices.below(4) :]
    try:
        whole = _read(new_decoder(), [body])
        _check_cuts(new_decoder, body, whole, choices)
        name = choices.one_of(names)
        decoder = new_decoder()
        batches = [decoder.feed(read) for read in choices.cuts(body)]
        batches.append(decoder.end())
        _deliver(name, batches, is_done=decoder.done)
    except Broken:
        raise
    except Exception as error:
        raise Broken(f"{road}: {type(error).__name__}: {error}\n{body!r}") from error


def _deliver(name: str, batches: list[list[Chunk]], *, is_done: bool) -> None:
    """Write the answer streamed and whole: what the client reads is what the chunks say."""
    face, asked = _FACES[name], _ASKED[name]
    with contextlib.suppress(AttemptError):
        chat = face.parse({**asked, "stream": True})
        encoder = face.encoder(chat, STAMP)
        said = "".join(chunk.text for chunks in batches for chunk in chunks if not chunk.index)
        # Dialects that know no choices or no refusals write these as well as they can.
        has_one = not any(chunk.index or chunk.refusal for chunks in batches for chunk in chunks)
        body = b"".join(encoder.frames(chunks) for chunks in batches)
        body += encoder.end() if is_done else encoder.error(StreamBroken("broke off"))
        _check_stream(name, face, body, said if has_one else None, is_done=is_done)
    if is_done:
        with contextlib.suppress(AttemptError):
            chat = face.parse({**asked, "stream": False})
            answer = Answer()
            for chunks in batches:
                for chunk in chunks:
                    answer.add(chunk)
            jsontext.dumps(face.whole(chat, answer, STAMP))


def _check_stream(name: str, face: Face, body: bytes, said: str | None, *, is_done: bool) -> None:
    events = (
        [(b"", line) for line in body.split(b"\n") if line]
        if face.stream_type.startswith(b"application/x-ndjson")
        else reference_sse(body)
    )
    if body and not body.endswith(b"\n"):
        raise Broken(f"{name}: a frame without its end: {body!r}")
    frames = []
    for number, (kind, text) in enumerate(events):
        if text == b"[DONE]":
            if not is_done or number != len(events) - 1:
                raise Broken(f"{name}: an end mark that is no end: {body!r}")
            continue
        frame = jsontext.loads_strict(text)
        frames.append(frame)
        wanted = "error" if "error" in frame else None  # OpenAI's frames have no type
        if kind and kind.decode() != frame.get("type", wanted):
            raise Broken(f"{name}: the event {kind!r} has the type {frame.get('type')!r}: {body!r}")
    read = _READ.get(name)
    if read is not None and said is not None and (shown := "".join(map(read, frames))) != said:
        raise Broken(f"{name}: {shown!r} instead of {said!r}, in {body!r}")


def _of_choices(frame: Any) -> str:
    return "".join(
        choice.get("text") or choice.get("delta", {}).get("content") or "" for choice in frame.get("choices") or ()
    )


def _of_anthropic(frame: Any) -> str:
    return str(frame["delta"].get("text", "")) if frame["type"] == "content_block_delta" else ""


def _of_responses(frame: Any) -> str:
    return str(frame["delta"]) if frame["type"] == "response.output_text.delta" else ""


_READ: Mapping[str, Callable[[Any], str]] = {
    "openai": _of_choices,
    "completions": _of_choices,
    "anthropic": _of_anthropic,
    "responses": _of_responses,
    "ollama": lambda frame: str(frame.get("message", {}).get("content") or ""),
    "ollama_generate": lambda frame: str(frame.get("response") or ""),
}
"""The text that a client takes from a frame. Untranslated answers have it where their provider has put it."""


def _frames(frames: list[Any], choices: Choices) -> list[Any]:
    sent = [almost([frame], choices, frames) if choices.is_rare(3) else frame for frame in frames]
    for _ in range(choices.below(3)):
        at = choices.below(len(sent) + 1)
        how = choices.below(3)
        if how == 0 and at < len(sent):
            del sent[at]
        elif how == 1:
            sent.insert(at, choices.one_of(frames))
        elif sent:
            sent.insert(at, sent.pop(choices.below(len(sent))))
    return sent


Read = tuple[Answer, bool, type[AttemptError] | None, bool]
"""The whole answer, is it done, with which problem, and was there a reason to finish."""


def _read(decoder: Decoder, reads: Sequence[bytes]) -> Read:
    answer, has_finish = Answer(), False
    chunks: list[Chunk] = []
    for read in reads:
        chunks += decoder.feed(read)
    chunks += decoder.end()
    for chunk in chunks:
        answer.add(chunk)
        has_finish = has_finish or chunk.finish is not None
    if decoder.done == (decoder.problem is not None):
        raise Broken(f"done {decoder.done}, problem {decoder.problem!r} after the end, of {reads!r}")
    return answer, decoder.done, type(decoder.problem) if decoder.problem is not None else None, has_finish


def _check_cuts(new_decoder: Callable[[], Decoder], body: bytes, whole: Read, choices: Choices) -> None:
    other_ways = [choices.cuts(body)]
    if len(body) < 600:
        other_ways.append([body[at : at + 1] for at in range(len(body))])
    for reads in other_ways:
        cut = _read(new_decoder(), reads)
        if cut[1:] != whole[1:] or cut[0].choices != whole[0].choices or cut[0].usage != whole[0].usage:
            raise Broken(
                f"the cuts matter: {cut[0].choices} {cut[1:]} instead of {whole[0].choices} {whole[1:]}, of {reads!r}"
            )
    beginning = body[: choices.below(len(body) + 1)]
    torn = _read(new_decoder(), [beginning])
    if torn[1] and not torn[3] and not whole[1]:
        raise Broken(f"a normal end that nobody sent, of {beginning!r}")
    text, all_text = _text(torn[0]), _text(whole[0])
    if not all_text.startswith(text.rstrip("\ufffd")):
        raise Broken(f"torn, {text!r} is no beginning of {all_text!r}, of {beginning!r}")


def _text(answer: Answer) -> str:
    choice = answer.choices.get(0)
    return choice.text if choice is not None else ""


ANSWERS: Mapping[str, Callable[[bytes], None]] = {f"answer {road}": partial(_answer, road) for road in _ROADS}
