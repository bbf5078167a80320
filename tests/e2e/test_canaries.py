"""The search for keys and prompts that follows every test over real sockets does find them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.canaries import PROVIDER_KEY, Canaries, written

if TYPE_CHECKING:
    from pathlib import Path

PROMPT = "the patient of room 12 has a rare illness"


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [{"role": "user", "content": PROMPT}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": PROMPT}]}]},
        {"input": [PROMPT]},
        {"prompt": PROMPT},
        {"system": PROMPT, "messages": []},
    ],
    ids=["chat", "parts", "embeddings", "completions", "system"],
)
def test_what_is_written_is_searched(body: object) -> None:
    canaries = Canaries()
    canaries.note(body)
    canaries.assert_absent("the log", "a request of 41 characters")
    for told in (f"cannot read {PROMPT!r}", f"Authorization: Bearer {PROVIDER_KEY}"):
        with pytest.raises(AssertionError):
            canaries.assert_absent("the log", told)


def test_short_texts_are_no_prompts() -> None:
    canaries = Canaries()
    canaries.note({"messages": [{"role": "user", "content": "hi there"}], "model": "a long name of a model"})
    assert not canaries.prompts


def test_logs_and_what_linx_keeps_are_looked_at(tmp_path: Path) -> None:
    for name in ("linx.log", "linx/adaptations.json", "linx/ledger.db", "config.json"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    assert {path.name for path in written(tmp_path)} == {"linx.log", "adaptations.json", "ledger.db"}
