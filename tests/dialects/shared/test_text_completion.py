"""What a server that only goes on from one text refuses."""

from __future__ import annotations

from typing import Any

import pytest

from linx.core.attempt_errors import Refused
from linx.core.chat import TextCompletion
from linx.dialects.shared.text_completion import only_text, refuse_scoring


def asked(prompts: list[Any] | None = None, **more: Any) -> TextCompletion:
    return TextCompletion(prompts=["a"] if prompts is None else prompts, **more)


@pytest.mark.parametrize(
    ("completion", "word"),
    [
        (asked(best_of=2), "best_of"),
        (asked(best_of=3, count=2), "best_of"),
        (asked(has_echo=True, logprobs=0), "echo together with logprobs"),
        (asked(["a", [1, 2]], has_echo=True), "tokens as a prompt"),
    ],
)
def test_scores_are_refused(completion: TextCompletion, word: str) -> None:
    with pytest.raises(Refused, match=word) as caught:
        refuse_scoring(completion)
    assert caught.value.code == "unsupported_feature"


@pytest.mark.parametrize(
    "completion", [asked(), asked(best_of=2, count=2), asked(has_echo=True), asked(logprobs=5), asked([[1, 2]])]
)
def test_what_needs_no_score_passes(completion: TextCompletion) -> None:
    refuse_scoring(completion)


def test_tokens_are_no_text() -> None:
    assert only_text(asked(["x"])) == "x"
    with pytest.raises(Refused, match="tokens as a prompt"):
        only_text(asked([[1, 2]]))
