"""The file of variables, in the form of systemd's EnvironmentFile."""

from __future__ import annotations

import pytest

from linx.service.environment_file import HEAD, chosen, text_of, values_in

VALUES = {
    "LINX_API_KEY": "sk-linx-0123456789",
    "ODD": 'a "b" \\ `c` $d #e \\n é',
    "SPACES": "  x  ",
}


def test_what_is_written_is_read() -> None:
    text = text_of(VALUES)
    assert values_in(text) == VALUES
    assert text == (
        HEAD
        + 'LINX_API_KEY="sk-linx-0123456789"\n'
        + 'ODD="a \\"b\\" \\\\ \\`c\\` \\$d #e \\\\n é"\n'
        + 'SPACES="  x  "\n'
    )


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("KEY=bare", {"KEY": "bare"}),
        ("  KEY=two words  ", {"KEY": "two words"}),
        ("KEY=", {"KEY": ""}),
        ("# KEY=commented", {}),
        ("", {}),
        ("export KEY=x", {}),
        ("1KEY=x", {}),
    ],
)
def test_what_a_user_writes(line: str, values: dict[str, str]) -> None:
    assert values_in(line) == values


def test_the_service_gets_what_it_needs_and_no_more() -> None:
    env = {
        "LINX_API_KEY": "k",
        "PATH": "/bin",
        "GROQ": "g",
        "EMPTY": "",
        "PEM": "a\nb",
        "AWS_SECRET": "s",
        "HOME": "/h",
    }
    tree = {"providers": {"groq": {"api_key": "env:GROQ"}, "x": {"headers": ["env:EMPTY", "env:PEM", "env:GONE"]}}}
    assert chosen(env, tree) == {"LINX_API_KEY": "k", "PATH": "/bin", "GROQ": "g"}
    assert chosen({}, None) == {}
