"""No request ends the fake Ollama: whatever a body holds, the answer is one that the real server gives."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import pytest

from linx.core import jsontext
from tests.e2e.http_client import Answer, Client, ask
from tests.fakes import ollama_catalogue
from tests.fakes.ollama_routes import ROUTES
from tests.fakes.provider import FakeProvider

if TYPE_CHECKING:
    from tests.fakes.scripted import Whole

ENDPOINTS = [(method, path.replace("*", "x")) for path, methods in ROUTES.items() for method in methods]
IMAGE = "iVBORw0KGgo="
TOOL = {
    "type": "function",
    "function": {
        "name": "f",
        "description": "d",
        "parameters": {"type": "object", "properties": {"a": {"type": "string", "enum": ["x"]}}, "required": ["a"]},
    },
}
CALL = {"id": "c", "type": "function", "function": {"index": 0, "name": "f", "arguments": {"a": "x"}}}
MESSAGES = [
    {"role": "user", "content": "hi", "images": [IMAGE]},
    {"role": "assistant", "content": "", "thinking": "t", "tool_calls": [CALL]},
    {"role": "tool", "tool_name": "f", "tool_call_id": "c", "content": "x"},
]
FULL: dict[str, Any] = {
    "model": "smoltool",
    "name": "smoltool",
    "messages": MESSAGES,
    "prompt": "hi",
    "suffix": "",
    "input": ["a", "b"],
    "tools": [TOOL],
    "format": {"type": "object", "properties": {"a": {"type": "integer"}}},
    "options": {"num_ctx": 2048, "stop": ["x"], "temperature": 0.5, "num_predict": 4},
    "parameters": {"temperature": 0},
    "think": False,
    "keep_alive": "5m",
    "stream": False,
    "truncate": True,
    "shift": True,
    "context": [1, 2],
    "dimensions": 4,
    "source": "smol",
    "destination": "other",
    "from": "smol",
    "files": {},
    "system": "s",
    "max_tokens": 5,
    "max_output_tokens": 5,
    "stop": ["x"],
    "stream_options": {"include_usage": True},
    "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}},
    "reasoning": {"effort": "low"},
    "reasoning_effort": "low",
    "thinking": {"type": "enabled", "budget_tokens": 5},
    "encoding_format": "float",
    "logprobs": True,
    "top_logprobs": 2,
    "verbose": True,
    "images": [IMAGE],
}
ODD: list[Any] = [
    *(None, True, False, 0, -1, 1.5, 1e300, 10**30, "", "x", "a b!!", "5x", ":", "/", "//", ":cloud", "a:b:cloud"),
    *([], [None], [[]], ["x"], [5], [{}], [[[]]], {}, {"x": None}, {"model": {}}, {"type": 5}, {"properties": 5}),
    *({"items": {"type": "nope"}}, {"anyOf": [5]}, "\ud800", "\x00", "é" * 100, {"a": {"b": {"c": []}}}),
]
TEXTS = [
    *(b"", b" ", b"null", b"true", b"5", b'"x"', b"[", b"{", b"[]", b"{}", b"{nope", b'{"a"', b'{"a":', b'{"a":1'),
    *(b'{"a":1,}', b"[1,]", b'{"a" 1}', b'{"a":1 "b":2}', b"[1 2]", b"nul", b"NaN", b'{"a":NaN}', b"-", b"1.", b"\xff"),
    *(b'{"model":"\xff\xfe"}', b"\xef\xbb\xbf{}", b'"\\x"', b'"\n"', b'"abc', b"{} trailing", b"[" * 20_000, b"\x00"),
]


async def asked(client: Client, method: str, path: str, body: bytes) -> Answer:
    await client.send(method, path, body)
    return await client.answer()


def check(answer: Answer, path: str) -> None:
    """Every error is worded by Ollama, never by Python, and nothing is the fake's own fault."""
    assert answer.is_whole
    if answer.status < 400 or not answer.body or answer.headers["content-type"] == "text/plain":
        return
    error = jsontext.loads(answer.body)["error"]
    message = error if isinstance(error, str) else error["message"]
    assert isinstance(message, str)
    assert message
    assert "Traceback" not in message
    assert answer.status in (400, 401, 404, 500, 501), (path, message)


@pytest.mark.parametrize(("method", "path"), ENDPOINTS, ids=lambda value: str(value))
async def test_odd_bodies_are_answered(method: str, path: str) -> None:
    """One field after the other is something odd, at the top and inside messages and tools."""
    rng = random.Random(f"{method} {path}")
    async with FakeProvider("ollama", ollama_catalogue.RECORDED) as fake, Client(fake.port) as client:
        for text in TEXTS:
            check(await asked(client, method, path, text), path)
        for number in range(100 if method == "POST" else 10):
            body = json.loads(json.dumps(FULL))
            inner = rng.choice([body, *body["messages"], body["tools"][0], body["tools"][0]["function"]])
            holders = [inner, *(one for one in inner.values() if isinstance(one, dict))]
            holder = rng.choice([one for one in holders if one])
            holder[rng.choice(list(holder))] = rng.choice(ODD)
            body["stream"] = bool(number % 2)
            check(await asked(client, method, path, json.dumps(body).encode()), path)
        assert fake.faults == []


async def test_a_fault_of_the_fake_is_a_500_and_fails_the_test() -> None:
    def broken(_call: Any) -> Whole:
        raise KeyError("destination")

    async def test() -> None:
        async with FakeProvider("ollama") as fake:
            fake.rule = broken
            assert (await ask(fake.port, "/api/chat", {"model": "m"})).status == 500
            fake.rule = None
            assert (await ask(fake.port, "/api/chat", {"model": "m"})).status == 200

    with pytest.raises(ExceptionGroup, match="the fake provider failed") as caught:
        await test()
    assert [type(one) for one in caught.value.exceptions] == [KeyError]


async def test_by_hand_a_fault_is_printed_and_the_fake_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    def broken(_call: Any) -> Whole:
        raise KeyError("destination")

    async with FakeProvider("ollama", record=False) as fake:
        fake.rule = broken
        assert (await ask(fake.port, "/api/chat", {"model": "m"})).status == 500
    assert "KeyError: 'destination'" in capsys.readouterr().err
