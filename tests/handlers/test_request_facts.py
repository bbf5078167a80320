"""What a request says of itself: its charset, its body, its wishes, its hops."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from linx.core.errors import BadRequest, LoopDetected, UnsupportedEncoding
from linx.handlers.request_facts import MAX_HOPS, check_charset, is_local_only, next_hop, read_object
from tests.e2e.linx_process import config_for, linx_here
from tests.handlers.answers.world import Asked

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "value", ["application/json", "text/plain; charset=utf-8", 'x; charset="UTF-8"', "x;charset=us-ascii", ""]
)
def test_json_is_utf_8(value: str) -> None:
    check_charset(Asked({"content-type": value}))  # type: ignore[arg-type]


@pytest.mark.parametrize("value", ["application/json; charset=utf-16", "a;b=c;Charset=latin1", 'x; charset = "koi8-r"'])
def test_and_nothing_else(value: str) -> None:
    with pytest.raises(UnsupportedEncoding, match="UTF-8"):
        check_charset(Asked({"content-type": value}))  # type: ignore[arg-type]


def test_no_type_is_no_charset() -> None:
    check_charset(Asked())  # type: ignore[arg-type]


def test_a_body_is_an_object() -> None:
    assert read_object(b' {"a": 1} ') == {"a": 1}
    for body, says in (
        (b" ", "no body"),
        (b"[]", "a JSON object"),
        (b"{a}", "not valid JSON"),
        (b"7", "a JSON object"),
    ):
        with pytest.raises(BadRequest, match=says) as caught:
            read_object(body)
        assert caught.value.code == "invalid_json"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, False),
        ("", False),
        ("false", False),
        ("0", False),
        (" False ", False),
        ("true", True),
        ("1", True),
        ("yes", True),
    ],
)
def test_who_wants_to_stay_on_this_machine(value: str | None, expected: bool) -> None:
    fields = {} if value is None else {"x-linx-local-only": value}
    assert is_local_only(Asked(fields)) is expected  # type: ignore[arg-type]


async def test_hops_add_up_and_a_loop_is_seen(tmp_path: Path) -> None:
    async with linx_here(config_for(), tmp_path) as app:
        context = app.context
        mine = context.instance.decode()
        assert next_hop(context, Asked()) == context.instance  # type: ignore[arg-type]
        assert next_hop(context, Asked({"x-linx-hop": "a, b"})) == b"a, b, " + context.instance  # type: ignore[arg-type]
        assert next_hop(context, Asked({"x-linx-hop": "\u00ff, a b,, \t, c"})) == b"c, " + context.instance  # type: ignore[arg-type]
        many = next_hop(context, Asked({"x-linx-hop": ",".join(["a"] * 5000)}))  # type: ignore[arg-type]
        assert many.count(b"a, ") == MAX_HOPS
        for hops in (mine, f"a,{mine}", f"{mine} , b"):
            with pytest.raises(LoopDetected, match="the endpoint of a provider leads to Linx itself"):
                next_hop(context, Asked({"x-linx-hop": hops}))  # type: ignore[arg-type]
