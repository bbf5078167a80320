from __future__ import annotations

import pytest

from linx.core.errors import BadRequest
from linx.dialects.shared import chat_body


@pytest.mark.parametrize("url", ["https://a/b.png", "HTTP://a/b", "data:image/png;base64,AA=="])
def test_an_image_has_a_web_or_data_url(url: str) -> None:
    assert chat_body.image_part(url, "x") == {"type": "image_url", "image_url": {"url": url}}
    assert chat_body.image_part(url, "x", "low")["image_url"]["detail"] == "low"


@pytest.mark.parametrize("url", ["file:///etc/passwd", "/etc/passwd", "", "ftp://a/b"])
def test_an_image_is_no_file_of_the_provider(url: str) -> None:
    with pytest.raises(BadRequest, match=r"^where: must be an http"):
        chat_body.image_part(url, "where")


def test_a_user_message_is_a_string_when_it_is_one_text() -> None:
    texts = [chat_body.text_part("a"), chat_body.text_part("b")]
    assert chat_body.user_message(texts[:1]) == {"role": "user", "content": "a"}
    assert chat_body.user_message(texts) == {"role": "user", "content": texts}
    assert chat_body.user_message([]) == {"role": "user", "content": ""}
    parts = [chat_body.text_part("a"), chat_body.file_part("f.pdf", "data:,")]
    assert chat_body.user_message(parts) == {"role": "user", "content": parts}


@pytest.mark.parametrize(
    ("roles", "joined"),
    [
        ([], []),
        (["user", "system", "system"], ["user", "system", "system"]),
        (["system", "user"], ["system", "user"]),
        (["system", "system", "user", "system"], ["system", "user", "system"]),
        (["system", "system"], ["system"]),
    ],
)
def test_system_messages_are_joined_at_the_start_only(roles: list[str], joined: list[str]) -> None:
    messages = [{"role": role, "content": str(number)} for number, role in enumerate(roles)]
    made = chat_body.join_leading_system(messages)
    assert [message["role"] for message in made] == joined
    assert "".join(message["content"] for message in made).replace("\n\n", "") == "".join(
        str(number) for number in range(len(roles))
    )


def test_a_clean_id_stays_and_an_unclean_one_is_told_apart() -> None:
    for clean in ("call_1", "toolu_01-A", "a" * 64):
        assert chat_body.clean_id(clean) == clean
    unclean = ["functions.f:0", "functions.f:1", "functions_f:0", "functions.f_0", "é", "a" * 65, "x y" * 50, "\ud83d"]
    made = [chat_body.clean_id(call_id) for call_id in unclean]
    assert len(set(made)) == len(unclean)
    assert made == [chat_body.clean_id(call_id) for call_id in unclean]
    for call_id in made:
        assert chat_body.clean_id(call_id) == call_id
        assert len(call_id) <= 40
        assert call_id.isascii()
    assert made[0].startswith("functions_f_0_")


def test_a_name_keeps_its_limit() -> None:
    assert chat_body.short_name("a" * 64) == "a" * 64
    assert len(chat_body.short_name("a" * 65)) == 64
    assert chat_body.short_name("a" * 65) != chat_body.short_name("a" * 66)


def test_a_function_tool_always_has_parameters() -> None:
    assert chat_body.function_tool("f", None, None, None) == {
        "type": "function",
        "function": {"name": "f", "parameters": {"type": "object", "properties": {}}},
    }
    assert chat_body.function_tool("f", "d", {"type": "object"}, True)["function"] == {
        "name": "f",
        "description": "d",
        "parameters": {"type": "object"},
        "strict": True,
    }


SIGNED = {"type": "reasoning.text", "text": "hm", "signature": "sig", "index": 0}
SECRET = {"type": "reasoning.encrypted", "data": "AAA", "id": "call_1", "format": "google-gemini-v1"}


def test_ids_of_calls_that_a_history_has() -> None:
    calls = [chat_body.tool_call("a", "f", "{}"), chat_body.tool_call("b", "f", "{}")]
    messages = [{"role": "user", "content": "x"}, {"role": "assistant", "tool_calls": calls}, {"role": "assistant"}]
    assert chat_body.used_ids({"messages": messages}) == {"a", "b"}
