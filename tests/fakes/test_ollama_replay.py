"""The fake Ollama answers as a real one did: every recorded case is asked again.

``tests/corpus/ollama_cases.json`` holds what an Ollama 0.33 answered, one case a line: request,
status, content type, framing and body. A body is compared word for word and key order for key
order, except where the case has a placeholder:

``<time>``, ``<digest>``, ``<id>``   differ with every server and request
``<int>``, ``<float>`` (and ``s``)   durations, token counts, sizes, vectors: a real tokenizer and
                                     clock are behind them
``<text>``                           what the tiny model wrote, or its template; never empty
``<object>``, ``<list>``             metadata of the model file: hundreds of keys and tensors
``<word>``, ``<any>``                a part of an address; the place inside a schema

Equal neighbours in a stream, and in a list of logprobs, are one here. ``says`` is how the model behind the case ended,
``account`` the state of the Ollama account, ``after`` the cases whose effects it needs.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.http_client import ask
from tests.fakes import ollama_catalogue
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer, Call, runner_killed

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.http_client import Answer as Response
    from tests.fakes.scripted import Reply

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "corpus/ollama_cases.json").read_text())
BY_ID = {case["id"]: case for case in CASES}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def _all(kind: type | tuple[type, ...]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(isinstance(one, kind) for one in value)


PLACEHOLDERS: dict[str, Callable[[Any], bool]] = {
    "<time>": lambda value: isinstance(value, str) and _TIME.fullmatch(value) is not None,
    "<digest>": lambda value: isinstance(value, str) and len(bytes.fromhex(value)) == 32,
    "<id>": lambda value: isinstance(value, str) and re.fullmatch(r"[\w-]+", value) is not None,
    "<int>": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "<ints>": _all(int),
    "<float>": lambda value: isinstance(value, float),
    "<floats>": _all((int, float)),
    "<text>": lambda value: isinstance(value, str) and bool(value),
    "<object>": lambda value: isinstance(value, dict) and bool(value),
    "<list>": lambda value: isinstance(value, list) and bool(value),
}
_PARTS = {"<int>": r"\d+", "<word>": r"[^&\s]+", "<any>": ".*"}
_PART = re.compile("|".join(_PARTS))


def difference(got: Any, wanted: Any, where: str = "") -> str | None:
    """Where and how an answer differs from the recorded one; None: it does not."""
    if isinstance(wanted, str) and wanted in PLACEHOLDERS:
        return None if PLACEHOLDERS[wanted](got) else f"{where}: {got!r} is no {wanted}"
    if isinstance(wanted, str) and isinstance(got, str):
        # The parts between the placeholders are compared as they are.
        literals, parts = _PART.split(wanted), _PART.findall(wanted)
        pattern = "".join(
            re.escape(text) + _PARTS.get(part, "") for text, part in zip(literals, [*parts, ""], strict=True)
        )
        return None if re.fullmatch(pattern, got, re.DOTALL) else f"{where}: {got!r} instead of {wanted!r}"
    if isinstance(wanted, dict) and isinstance(got, dict):
        if list(got) != list(wanted):
            return f"{where}: keys {list(got)} instead of {list(wanted)}"
        return next(filter(None, (difference(got[name], wanted[name], f"{where}.{name}") for name in wanted)), None)
    if isinstance(wanted, list) and isinstance(got, list):
        if wanted and isinstance(wanted[0], dict) and "logprob" in wanted[0]:
            got = collapsed(got, wanted)
        if len(got) != len(wanted):
            return f"{where}: {len(got)} entries instead of {len(wanted)}: {got}"
        both = enumerate(zip(got, wanted, strict=True))
        return next(filter(None, (difference(one, other, f"{where}[{n}]") for n, (one, other) in both)), None)
    return None if got == wanted and type(got) is type(wanted) else f"{where}: {got!r} instead of {wanted!r}"


def collapsed(frames: list[Any], wanted: list[Any]) -> list[Any]:
    """Each run of entries that match the same recorded entry is one."""
    kept: list[Any] = []
    for frame in frames:
        place = len(kept) - 1
        is_repeated = 0 <= place < len(wanted) and difference(frame, wanted[place]) is None
        if not is_repeated:
            kept.append(frame)
    return kept


def events_of(body: bytes) -> list[Any]:
    found: list[Any] = []
    for frame in body.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in frame.splitlines())
        if not fields:
            continue
        data = fields["data"] if fields["data"] == "[DONE]" else json.loads(fields["data"])
        found.append({"event": fields["event"], "data": data} if "event" in fields else data)
    return found


def framing_of(answer: Response) -> str:
    if "transfer-encoding" in answer.headers:
        return answer.headers["transfer-encoding"]
    return "length" if "content-length" in answer.headers else "none"


def spelled_out(value: Any) -> Any:
    """A body with its long texts, which the corpus holds as a word and a number."""
    if isinstance(value, dict):
        if value.keys() == {"repeat", "times"}:
            return value["repeat"] * value["times"]
        return {name: spelled_out(one) for name, one in value.items()}
    return [spelled_out(one) for one in value] if isinstance(value, list) else value


def reply_of(case: dict[str, Any]) -> Reply:
    says = case.get("says", {})
    if says.get("is_killed"):
        return runner_killed(3)
    calls = [Call(call["name"], call["arguments"]) for call in says.get("calls", ())]
    tokens = says.get("tokens", ["1", ".", " Red", "\n", "2"])
    return Answer(tokens, reasoning=says.get("reasoning", ()), calls=calls, finish=says.get("finish"))


async def play(fake: FakeProvider, case: dict[str, Any]) -> Response:
    for earlier in case.get("after", ()):
        await play(fake, BY_ID[earlier])
    fake.ollama.account = case.get("account", "offline")
    fake.default = reply_of(case)
    body = case["raw"].encode() if "raw" in case else spelled_out(case.get("body"))
    return await ask(fake.port, case["path"], body, method=case["method"])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
async def test_the_fake_answers_as_the_real_one_did(case: dict[str, Any]) -> None:
    async with FakeProvider("ollama", ollama_catalogue.RECORDED) as fake:
        fake.ollama.unload_all()
        fake.ollama.load(ollama_catalogue.SMOL, 4096)
        answer = await play(fake, case)
    assert (answer.status, answer.headers.get("content-type"), framing_of(answer)) == (
        case["status"],
        case["type"],
        case["framing"],
    )
    assert answer.is_whole
    if "allow" in case:
        assert answer.headers["allow"] == case["allow"]
    if "json" in case:
        assert difference(json.loads(answer.body), case["json"]) is None
        assert answer.body.endswith(b"\n") is case.get("newline", False)
    elif "lines" in case:
        lines = [json.loads(line) for line in answer.body.splitlines()]
        assert difference(collapsed(lines, case["lines"]), case["lines"]) is None
        assert answer.body.endswith(b"}\n")
    elif "events" in case:
        events = events_of(answer.body)
        assert difference(collapsed(events, case["events"]), case["events"]) is None
        assert answer.body.endswith(b"\n\n")
    else:
        assert answer.body.decode() == case.get("text", "")
