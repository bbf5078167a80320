"""The two ways in which Claude is asked to think."""

from __future__ import annotations

from typing import Any

import pytest

from linx.core.chat import Adapted
from linx.dialects.adaptation.table import adapt
from tests.dialects.adaptation.help import MESSAGES, asked_until_taken

NO_ENABLED = (  # Anthropic's documentation of adaptive thinking
    b'{"type":"error","error":{"type":"invalid_request_error","message":"\\"thinking.type.enabled\\" is not supported'
    b' for this model. Use \\"thinking.type.adaptive\\" and \\"output_config.effort\\" to control thinking behavior."}}'
)
NO_ADAPTIVE = (
    b'{"type":"error","error":{"type":"invalid_request_error","message":"adaptive thinking is not supported on this'
    b' model"}}'
)


def body(limit: Any = 32000, **thinking: Any) -> dict[str, Any]:
    return {"model": "m", "max_tokens": limit, "messages": [], "thinking": thinking}


@pytest.mark.parametrize(
    ("words", "given", "asked"),
    [
        (NO_ENABLED, body(type="enabled", budget_tokens=9), body(type="adaptive")),
        (
            NO_ENABLED,
            body(type="enabled", budget_tokens=9, display="summarized"),
            body(type="adaptive", display="summarized"),
        ),
        (NO_ADAPTIVE, body(type="adaptive"), body(type="enabled", budget_tokens=8192)),
        (NO_ADAPTIVE, body(4096, type="adaptive"), body(4096, type="enabled", budget_tokens=2048)),
        (NO_ADAPTIVE, body(1500, type="adaptive"), {"model": "m", "max_tokens": 1500, "messages": []}),
    ],
    ids=["to adaptive", "display stays", "to enabled", "within the limit", "no room to think"],
)
def test_the_other_way_is_asked_for(words: bytes, given: dict[str, Any], asked: dict[str, Any]) -> None:
    used, left = asked_until_taken(given, [words], form=MESSAGES)
    assert left == asked
    assert [one.partition(":")[0] for one in used] == ["thinking_kind"]


def test_who_does_not_ask_to_think_is_not_changed() -> None:
    for given in (body(type="disabled"), {"model": "m"}, {"thinking": "x"}):
        for detail in ("adaptive", "enabled", "?"):
            assert adapt(given, [Adapted("thinking_kind", detail)], []) is given
