"""Where in a request a secret is found, in every dialect. None of these is one."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from linx.core.chat import ChatBody, ChatRequest, Opaque
from linx.core.secret_shapes import Secret
from linx.dialects.shared.secrets import UNREAD, secret_in, secret_in_form, secret_of

TOKEN = "ghp_" + "a1B2" * 9
SAID = f"my token is {TOKEN}, keep it"
ENV = "HOST=localhost\nPORT=8080\nDB_PASSWORD=hunter22"
HI = {"role": "user", "content": "hi"}
FILE = "data:{};base64," + b64encode(SAID.encode()).decode()
IMAGE = b64encode(bytes(range(256)) * 20).decode()

PLACES: dict[str, tuple[str, dict[str, Any]]] = {
    "openai": ("message 2", {"messages": [HI, {"role": "user", "content": SAID}]}),
    "openai parts": ("message 1", {"messages": [{"role": "user", "content": [{"type": "text", "text": SAID}]}]}),
    "tool result": ("message 3", {"messages": [HI, HI, {"role": "tool", "content": SAID}]}),
    "arguments": (
        "message 2",
        {"messages": [HI, {"tool_calls": [{"function": {"name": "f", "arguments": f'{{"text":"\\n{TOKEN}"}}'}}]}]},
    ),
    "env in arguments": (
        "message 1",
        {"messages": [{"tool_calls": [{"function": {"arguments": '{"c":"' + ENV.replace("\n", "\\n") + '"}'}}]}]},
    ),
    "system message": ("message 1", {"messages": [{"role": "system", "content": SAID}, HI]}),
    "tools": ("tools", {"messages": [HI], "tools": [{"function": {"description": SAID}}]}),
    "anthropic system": ("system", {"system": SAID, "messages": [HI]}),
    "anthropic system parts": ("system", {"system": [{"type": "text", "text": SAID}], "messages": [HI]}),
    "anthropic result": (
        "message 1",
        {
            "messages": [
                {"role": "user", "content": [{"type": "tool_result", "content": [{"type": "text", "text": ENV}]}]}
            ]
        },
    ),
    "anthropic call": (
        "message 1",
        {
            "messages": [
                {"role": "assistant", "content": [{"type": "tool_use", "input": {"path": ".env", "text": ENV}}]}
            ]
        },
    ),
    "anthropic document": (
        "message 1",
        {"messages": [{"content": [{"type": "document", "source": {"type": "text", "data": SAID}}]}]},
    ),
    "name of a field": ("message 1", {"messages": [{"content": [{"type": "tool_use", "input": {TOKEN: 1}}]}]}),
    "responses text": ("input", {"input": SAID}),
    "responses instructions": ("instructions", {"instructions": SAID, "input": "hi"}),
    "responses items": ("message 2", {"input": [HI, {"type": "function_call_output", "output": SAID}]}),
    "responses file": (
        "message 1",
        {"input": [{"content": [{"file_data": "data:text/plain;base64," + b64encode(SAID.encode()).decode()}]}]},
    ),
    "file of a browser that knows no type": (
        "message 1",
        {"messages": [{"content": [{"file": {"file_data": FILE.format("application/octet-stream")}}]}]},
    ),
    "file without a type": ("message 1", {"messages": [{"content": [{"file": {"file_data": FILE.format("")}}]}]}),
    "drawing": ("message 1", {"messages": [{"content": [{"image_url": {"url": FILE.format("image/svg+xml")}}]}]}),
    "file in base64 that is quoted": (
        "message 1",
        {"messages": [{"content": [{"file": {"file_data": FILE.format("text/plain").replace("=", "%3D")}}]}]},
    ),
    "text that begins as a data URL": (
        "message 1",
        {"messages": [{"role": "user", "content": f"data:image/png;base64,{IMAGE}\n{SAID}"}]},
    ),
    "behind base64 in the same text": ("message 1", {"messages": [{"role": "user", "content": f"{IMAGE}\n{SAID}"}]}),
    "behind a line of dashes": ("message 1", {"messages": [{"role": "user", "content": "-" * 1200 + f"\n{SAID}"}]}),
    "among numbers": ("tools", {"messages": [HI], "tools": [{"function": {"parameters": {"enum": [1, SAID]}}}]}),
    "prompt": ("prompt", {"prompt": SAID}),
    "prompts": ("prompt 2", {"prompt": ["a", SAID]}),
    "suffix": ("suffix", {"prompt": "a", "suffix": SAID}),
    "embeddings": ("input 3", {"input": ["a", "b", SAID]}),
    "ollama generate": ("system", {"prompt": "a", "system": SAID}),
    "rerank": ("documents 2", {"query": "q", "documents": ["a", SAID]}),
    "unknown field": ("the body", {"messages": [HI], "made_up": {"deep": [[SAID]]}}),
    "unknown name": ("the body", {"messages": [HI], TOKEN: 1}),
    "behind a picture": (
        "message 1",
        {"messages": [{"content": [{"image_url": {"url": f"data:image/png;base64,{IMAGE}"}}, {"text": SAID}]}]},
    ),
}
CLEAN: dict[str, dict[str, Any]] = {
    "words": {"messages": [HI] * 3, "system": "be brief"},
    "picture": {"messages": [{"content": [{"image_url": {"url": f"data:image/png;base64,{TOKEN}{IMAGE}"}}]}]},
    "raw picture": {"messages": [{"content": "see", "images": [IMAGE]}]},
    "tokens": {"input": list(range(2000)), "prompt": [[1, 2], [3]]},
    "broken file": {"input": [{"file_data": "data:text/plain;base64,ab"}]},
    "numbers": {"messages": [], "n": 1, "temperature": 0.5, "stop": None, "stream": True},
}


@pytest.mark.parametrize(("place", "body"), PLACES.values(), ids=PLACES)
def test_the_place_of_a_secret(place: str, body: dict[str, Any]) -> None:
    found = secret_in(body)
    assert found is not None
    assert found.place == place
    assert TOKEN not in repr(found)


@pytest.mark.parametrize("body", CLEAN.values(), ids=CLEAN)
def test_a_body_without_a_secret(body: dict[str, Any]) -> None:
    assert secret_in(body) is None


def test_a_request_is_looked_through_once() -> None:
    body = ChatBody({"messages": [{"content": SAID}]})
    chat = ChatRequest("m", body)
    assert secret_of(chat) == Secret("GitHub token", "message 1")
    body["messages"] = []
    assert secret_of(chat) == Secret("GitHub token", "message 1")


def test_the_clients_own_body_counts_and_not_what_became_of_it() -> None:
    chat = ChatRequest("m", ChatBody({"messages": [HI, {"content": SAID}]}), client_body={"system": SAID})
    assert secret_of(chat) == Secret("GitHub token", "system")


def test_what_was_not_read_counts_as_a_secret() -> None:
    assert secret_of(ChatRequest("m", Opaque())) is UNREAD


def test_the_texts_of_a_form_are_looked_through_and_its_sounds_are_not() -> None:
    def form(text: bytes, sound: bytes) -> bytes:
        head = b"Content-Disposition: form-data; name="
        return b'--X\r\n%b"prompt"\r\n\r\n%b\r\n--X\r\n%b"file"\r\n\r\n%b\r\n--X--\r\n' % (head, text, head, sound)

    said = SAID.encode()
    assert secret_in_form(form(said, b"RIFF\0\xff"), b"X") == Secret("GitHub token", "the form")
    assert secret_in_form(form(b"hi", b"RIFF\0" + said), b"X") is None
    assert secret_in_form(form(b"hi", b"\xff" + said), b"X") is None
