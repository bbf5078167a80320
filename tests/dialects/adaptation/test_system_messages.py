"""Where the messages of the system may stand."""

from __future__ import annotations

from typing import Any

import pytest

from linx.core.chat import Adapted
from linx.dialects.adaptation.system_messages import MARK
from linx.dialects.adaptation.table import adapt
from tests.dialects.adaptation.help import CHAT, MESSAGES, OLLAMA, asked_until_taken, step

LLAMACPP = (  # llama.cpp#27367, ollama#18241
    b'{"error":{"code":500,"message":"\\n------------\\nWhile executing CallExpression at line 85, column 32 in source:'
    b"\\n...first %}\\u21b5            {{- raise_exception('System message must be at the beginnin...\\n"
    b'                                           ^\\nError: Jinja Exception: System message must be at the beginning.",'
    b'"type":"server_error"}}'
)
OLLAMA_AROUND_IT = (  # ollama#18241: the inner server's JSON in a text
    b'{"error":"500 Internal Server Error: {\\"error\\":{\\"code\\":500,\\"message\\":\\"\\\\nError: Jinja Exception:'
    b' System message must be at the beginning.\\",\\"type\\":\\"server_error\\"}}"}'
)
LLAMACPP_WITH_TOOLS = (  # SillyTavern#5276
    b'{"error":{"code":400,"message":"Unable to generate parser for this template. Automatic parser generation failed:'
    b" \\n...first %}{{- raise_exception('System message must be at the beginnin...\\nError: Jinja Exception: System"
    b' message must be at the beginning.","type":"invalid_request_error"}}'
)
VLLM = (  # vllm#46976
    b'{"error":{"message":"System message must be at the beginning.","type":"BadRequestError","param":null,"code":400}}'
)
ALTERNATE = (  # autogen#1037
    b'{"object": "error", "message": "Conversation roles must alternate user/assistant/user/assistant/...",'
    b' "type": "invalid_request_error", "param": null, "code": null}'
)
MINIMAX = (  # note-gen#918
    b'{"type":"error","error":{"type":"bad_request_error","message":"invalid params, chat content has invalid message'
    b' role: system (2013)","http_code":"400"},"request_id":"0"}'
)
MINIMAX_TWO = (  # oh-my-pi#954
    b'{"type":"error","error":{"type":"bad_request_error","message":"invalid params, invalid chat setting (2013)",'
    b'"http_code":"400"},"request_id":"0"}'
)
MINIMAX_DEVELOPER = b'{"error":{"message":"invalid params, invalid role: developer (2013)"}}'  # openclaw#3022
DASHSCOPE = (  # Proma#1496
    b"{\"error\":{\"message\":\"developer is not one of ['system', 'assistant', 'user', 'tool', 'function'] -"
    b' \'messages.[0].role\'","type":"invalid_request_error"}}'
)
AZURE_DEVELOPER = (  # agno#1770
    b'{"error": {"message": "Unsupported value: \'messages[0].role\' does not support \'developer\' with this model.",'
    b' "type": "invalid_request_error", "param": "messages[0].role", "code": "unsupported_value"}}'
)
O1_SYSTEM = AZURE_DEVELOPER.replace(b"'developer'", b"'system'")  # forgecode#1177
GEMMA = b'{"object":"error","message":"System role not supported","type":"BadRequestError","code":400}'  # chat-ui#1386
MISTRAL = (
    b'{"object":"error","message":"Expected last role User or Tool (or Assistant with prefix True) for serving but got'
    b' system","type":"invalid_request_message_order","code":"3230"}'
)
MISTRAL_UNEXPECTED = b'{"object":"error","message":"Unexpected role \'system\' after role \'user\'","code":"3230"}'


def said(*messages: tuple[str, Any]) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": role, "content": content} for role, content in messages]}


def roles(body: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(message["role"], message["content"]) for message in body["messages"]]


LATER = said(("system", "a"), ("user", "b"), ("assistant", "c"), ("user", "d"), ("system", "e"))


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (LLAMACPP, 500),
        (OLLAMA_AROUND_IT, 500),
        (LLAMACPP_WITH_TOOLS, 400),
        (VLLM, 400),
        (MINIMAX, 400),
        (MINIMAX_TWO, 400),
        (MISTRAL, 400),
        (MISTRAL_UNEXPECTED, 400),
        (b"Error in input: Only one system message is allowed", 422),
        (b'{"detail": "System messages must come first"}', 422),
        (b"jinja2.exceptions.TemplateError: no system message here", 500),
    ],
)
@pytest.mark.parametrize("form", [CHAT, OLLAMA], ids=["chat", "ollama"])
def test_a_later_instruction_becomes_the_users(words: bytes, status: int, form: Any) -> None:
    used, body = asked_until_taken(LATER, [words], status, form)
    assert used == ["system_messages:one"]
    assert roles(body) == [("system", "a"), ("user", "b"), ("assistant", "c"), ("user", "d"), ("user", f"{MARK}\ne")]
    assert body["messages"][0] is LATER["messages"][0]


def test_several_leading_ones_become_one() -> None:
    given = said(("system", "a"), ("developer", [{"type": "text", "text": "b"}]), ("system", "c"), ("user", "d"))
    used, body = asked_until_taken(given, [MINIMAX_TWO])
    assert step(given, b"invalid params, invalid chat setting") == "system_messages:one"
    assert used == ["system_messages:one"]
    parts = [{"type": "text", "text": text} for text in "abc"]
    assert roles(body) == [("system", parts), ("user", "d")]
    assert roles(asked_until_taken(said(("system", "a"), ("system", "b")), [VLLM])[1]) == [("system", "a\n\nb")]


def test_no_instruction_comes_between_calls_of_tools_and_their_results() -> None:
    calls = {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}, {"id": "2"}]}
    results = [{"role": "tool", "tool_call_id": one, "content": one} for one in "12"]
    given = {"messages": [{"role": "user", "content": "a"}, calls, results[0], *said(("system", "b"))["messages"]]}
    given["messages"] += [results[1], {"role": "assistant", "content": "c"}]
    body = adapt(given, [Adapted("system_messages", "one")], [])
    assert [message["role"] for message in body["messages"]] == [
        "user",
        "assistant",
        "tool",
        "tool",
        "user",
        "assistant",
    ]
    assert body["messages"][4]["content"] == f"{MARK}\nb"


def test_images_and_parts_of_a_later_instruction_stay() -> None:
    part = {"type": "text", "text": "b"}
    body = adapt(said(("user", "a"), ("system", [part])), [Adapted("system_messages", "one")], [])
    assert body["messages"][1]["content"] == [{"type": "text", "text": f"{MARK}\n"}, part]


@pytest.mark.parametrize("words", [MINIMAX_DEVELOPER, DASHSCOPE, AZURE_DEVELOPER, b"Unexpected message role."])
def test_a_developer_becomes_the_system(words: bytes) -> None:
    given = said(("developer", "a"), ("user", "b"), ("developer", "c"))
    used, body = asked_until_taken(given, [words])
    assert (used, roles(body)) == (["system_messages:system"], [("system", "a"), ("user", "b"), ("system", "c")])


@pytest.mark.parametrize(("words", "status"), [(GEMMA, 400), (GEMMA, 500), (O1_SYSTEM, 400)])
def test_without_a_role_for_it_the_instruction_opens_the_first_message(words: bytes, status: int) -> None:
    given = said(("system", "a"), ("system", "b"), ("user", "c"), ("assistant", "d"), ("system", "e"), ("user", "f"))
    used, body = asked_until_taken(given, [words], status)
    assert used == ["system_messages:none"]
    assert roles(body) == [("user", "a\n\nb\n\nc"), ("assistant", "d"), ("user", f"{MARK}\ne\n\nf")]


def test_a_template_that_wants_turns_gets_them_and_then_no_system_at_all() -> None:
    given = said(("system", "a"), ("user", "b"), ("user", "c"), ("assistant", "d"), ("system", "e"), ("user", "f"))
    assert step(given, ALTERNATE) == "system_messages:alternating"
    used, body = asked_until_taken(given, [ALTERNATE, ALTERNATE, ALTERNATE])
    assert used == ["system_messages:alternating", "system_messages:none"]
    assert roles(body) == [("user", "a\n\nb\n\nc"), ("assistant", "d"), ("user", f"{MARK}\ne\n\nf")]


def test_turns_without_any_system_message() -> None:
    used, body = asked_until_taken(said(("user", "a"), ("user", "b")), [ALTERNATE])
    assert (used, roles(body)) == (["system_messages:alternating"], [("user", "a\n\nb")])


def test_one_refusal_leads_to_the_next_step_where_the_first_did_not_help() -> None:
    used, _body = asked_until_taken(LATER, [MINIMAX, MINIMAX, MINIMAX])
    assert used == ["system_messages:one", "system_messages:none"]


def test_images_of_an_ollamas_messages_are_joined() -> None:
    given: dict[str, Any] = said(("user", "a"), ("user", "b"))
    given["messages"][0]["images"], given["messages"][1]["images"] = ["x"], ["y"]
    body = adapt(given, [Adapted("system_messages", "alternating")], [])
    assert body["messages"] == [{"role": "user", "content": "a\n\nb", "images": ["x", "y"]}]


def test_what_the_refusal_does_not_say_is_not_changed() -> None:
    assert step(LATER, b"the system is overloaded", 500) is None
    assert step(said(("user", "a")), VLLM) is None
    assert step(LATER, VLLM, form=MESSAGES) is None
    assert step(said(("system", "a"), ("user", "b")), b"Internal template error: tools", 500) is None
