"""The rule over what must stay local. ``test_private`` tries to get past it."""

from __future__ import annotations

import pytest

from linx.core.errors import NoLocalProvider, NotAsked
from linx.routing.candidate import Candidate
from linx.routing.demand import Demand
from linx.routing.gate import Gate
from linx.routing.privacy import Privacy
from tests.routing.world import has, provider

HERE, THERE = Candidate(provider("here"), "m"), Candidate(provider("there", local=False), "m")


def gate(local_only: bool | tuple[str, ...]) -> Gate:
    return Gate([Privacy(local_only, lambda _model: False).rule])


def test_who_may_go_anywhere_is_not_private_any_more() -> None:
    admitted = gate(False).admit([HERE, THERE], "m", Demand())
    assert [one.provider for one in admitted.candidates] == [HERE.provider, THERE.provider]
    assert not any(one.is_private for one in admitted.candidates)
    assert admitted.not_asked == ()


@pytest.mark.parametrize(
    ("local_only", "model", "header"),
    [(True, "m", False), (True, "", False), (True, None, False), (("m",), "m", False), (("n",), "", False)]
    + [(False, model, True) for model in ("m", "", None)],
)
def test_what_must_stay_local_goes_to_local_candidates(
    local_only: bool | tuple[str, ...], model: str | None, header: bool
) -> None:
    admitted = gate(local_only).admit([THERE, HERE], model, Demand(local_only=header))
    assert admitted.candidates == [HERE]
    assert admitted.candidates[0].is_private
    assert admitted.not_asked == (NotAsked("there", "local_only"),)
    with pytest.raises(NoLocalProvider, match="only be answered by a local provider") as caught:
        gate(local_only).admit([THERE], model, Demand(local_only=header))
    assert caught.value.not_asked == (NotAsked("there", "local_only"),)


@pytest.mark.parametrize(("local_only", "model"), [(("n",), "m"), (("n",), None), ((), ""), (False, "")])
def test_what_no_pattern_matches_may_go_anywhere(local_only: bool | tuple[str, ...], model: str | None) -> None:
    assert len(gate(local_only).admit([THERE, HERE], model, Demand()).candidates) == 2


def test_no_candidate_is_not_the_gates_business() -> None:
    assert gate(True).admit([], "m", Demand(local_only=True)).candidates == []


def test_a_cloud_model_is_local_nowhere() -> None:
    ollama = has(provider("ollama", kind="ollama"), "m", "m:cloud")
    both = [Candidate(ollama, "m"), Candidate(ollama, "m:cloud")]
    assert gate(True).admit(both, "m", Demand()).candidates == [Candidate(ollama, "m")]


def test_the_error_says_where_the_provider_was_found() -> None:
    lost = provider("lost")
    lost.permits.elsewhere = "lost.test resolves to 203.0.113.7"
    with pytest.raises(NoLocalProvider, match=r"203\.0\.113\.7"):
        gate(True).admit([Candidate(lost, "m")], "m", Demand())
