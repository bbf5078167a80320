"""A provider's notes about its reasoning travel through a client unread."""

from __future__ import annotations

from typing import Any

import pytest

from linx.dialects.shared import opaque_reasoning
from tests.dialects.shared.test_chat_body import SECRET, SIGNED


def _frame(*details: Any) -> dict[str, Any]:
    return {"choices": [{"delta": {"reasoning_details": list(details)}}]}


def test_only_opaque_details_are_taken_from_a_frame() -> None:
    plain = {"type": "reasoning.text", "text": "hm"}
    odd = [1, {}, {"type": 5}, {"type": "reasoning.encrypted", "data": 7}, {"type": "reasoning.encrypted", "data": ""}]
    assert list(opaque_reasoning.opaque_details(_frame(plain, SIGNED, *odd, SECRET))) == [SIGNED, SECRET]


@pytest.mark.parametrize(
    "frame",
    [
        {},
        {"choices": None},
        {"choices": []},
        {"choices": [None]},
        {"choices": [{"delta": None}]},
        {"choices": [{"delta": {"reasoning_details": "x"}}]},
    ],
)
def test_a_frame_without_details_has_none(frame: dict[str, Any]) -> None:
    assert list(opaque_reasoning.opaque_details(frame)) == []


def test_what_is_packed_comes_back_unmodified() -> None:
    assert opaque_reasoning.unpack(opaque_reasoning.pack([SIGNED, SECRET])) == [SIGNED, SECRET]


@pytest.mark.parametrize("text", ["", "somebody else's", "linx:", "linx:!", "linx:é", "linx:QUFB", "linx:e30="])
def test_what_linx_did_not_pack_is_nothing(text: str) -> None:
    assert opaque_reasoning.unpack(text) == []
