"""The gate: which candidates may be asked. ``test_private`` tries to get past it."""

from __future__ import annotations

import pytest

from linx.core.errors import NoLocalProvider
from linx.routing.candidate import Candidate
from linx.routing.privacy import Privacy
from tests.routing.world import has, provider

HERE, THERE = Candidate(provider("here"), "m"), Candidate(provider("there", local=False), "m")


def privacy(local_only: bool | tuple[str, ...]) -> Privacy:
    return Privacy(local_only, lambda _model: False)


def test_who_may_go_anywhere_is_not_private_any_more() -> None:
    admitted = privacy(False).admit([HERE, THERE], "m", local_only=False)
    assert [one.provider for one in admitted] == [HERE.provider, THERE.provider]
    assert not any(one.is_private for one in admitted)


@pytest.mark.parametrize(
    ("local_only", "model", "header"),
    [(True, "m", False), (True, "", False), (True, None, False), (("m",), "m", False), (("n",), "", False)]
    + [(False, model, True) for model in ("m", "", None)],
)
def test_what_must_stay_local_goes_to_local_candidates(
    local_only: bool | tuple[str, ...], model: str | None, header: bool
) -> None:
    assert privacy(local_only).admit([THERE, HERE], model, local_only=header) == [HERE]
    with pytest.raises(NoLocalProvider, match="only be answered by a local provider"):
        privacy(local_only).admit([THERE], model, local_only=header)


@pytest.mark.parametrize(("local_only", "model"), [(("n",), "m"), (("n",), None), ((), ""), (False, "")])
def test_what_no_pattern_matches_may_go_anywhere(local_only: bool | tuple[str, ...], model: str | None) -> None:
    assert len(privacy(local_only).admit([THERE, HERE], model, local_only=False)) == 2


def test_no_candidate_is_not_the_gates_business() -> None:
    assert privacy(True).admit([], "m", local_only=True) == []


def test_a_cloud_model_is_local_nowhere() -> None:
    ollama = has(provider("ollama", kind="ollama"), "m", "m:cloud")
    assert privacy(True).admit([Candidate(ollama, "m"), Candidate(ollama, "m:cloud")], "m", local_only=False) == [
        Candidate(ollama, "m")
    ]


def test_the_error_says_where_the_provider_was_found() -> None:
    lost = provider("lost")
    lost.permits.elsewhere = "lost.test resolves to 203.0.113.7"
    with pytest.raises(NoLocalProvider, match=r"203\.0\.113\.7"):
        privacy(True).admit([Candidate(lost, "m")], "m", local_only=False)
