"""A case without a name of its own is called by its value."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import msgspec
import pytest

from tests import ids
from tests.ids import LONGEST, readable


@dataclass
class Reply:
    status: int = 200
    body: bytes = b""
    headers: list[str] = field(default_factory=list)


class Section(msgspec.Struct):
    kind: str = "openai"
    keys: list[str] = []


@pytest.mark.parametrize(
    ("value", "name"),
    [
        pytest.param("a\r\n\u2028\\d", r"a\r\n\u2028\d", id="a text on one line"),
        pytest.param(b"GET /\xe9 HTTP/1.1\r\n", r"GET /\xe9 HTTP/1.1\r\n", id="bytes that are text"),
        pytest.param(b"\x00\xff", r"\x00\xff", id="a few bytes that are none"),
        pytest.param(b"\x1f\x8b\x08" * 10, "1f8b081f 8b081f8b 081f8b08 .. (30 bytes)", id="many that are none"),
        pytest.param(b"[" * 600 + b"]" * 600, "[*600 ]*600", id="a run"),
        pytest.param(b"x" * 1_500_000, "x*1000 .. x*1000 (1500000 characters)", id="a run of megabytes"),
        pytest.param({"a": [1, "x", None], "b": ("y",)}, "{a: [1, x, None], b: (y)}", id="a tree"),
        pytest.param({"b", "a"}, "{a, b}", id="a set"),
        pytest.param(Reply(), "Reply()", id="an object as it usually is"),
        pytest.param([Reply(404, headers=["x"])], "[Reply(status=404, headers=[x])]", id="an object with a difference"),
        pytest.param(Section(keys=["k"]), "Section(keys=[k])", id="a struct"),
        pytest.param(ValueError("no"), "ValueError('no')", id="an error"),
        pytest.param(object(), None, id="an object without a word"),
        pytest.param(5, None, id="a number"),
        pytest.param(re.compile("x"), None, id="a pattern"),
        pytest.param(readable, None, id="a function"),
    ],
)
def test_its_name(value: object, name: str | None) -> None:
    assert readable(value) == name


def test_a_long_one_is_short_and_keeps_its_end() -> None:
    text = " ".join(map(str, range(500))) + " the end"
    name = readable(text)
    assert name is not None
    assert name.startswith("0 1 2 3")
    assert name.endswith(f"the end ({len(text)} characters)")
    assert len(name) < 1.5 * LONGEST


def test_pytest_asks_for_it(request: pytest.FixtureRequest) -> None:
    (name,) = (request.config.hook.pytest_make_parametrize_id(config=request.config, val={"a": 1}, argname="x"),)
    assert name == ids.readable({"a": 1}) == "{a: 1}"
