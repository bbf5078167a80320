"""The rule over prompts with a secret in them."""

from __future__ import annotations

import pytest

from linx.core.errors import NotAsked, SecretInPrompt
from linx.core.secret_shapes import Secret
from linx.dialects.shared.secrets import UNREAD
from linx.routing.candidate import Candidate
from linx.routing.demand import Demand
from linx.routing.gate import Gate
from linx.routing.secrets import Secrets
from tests.routing.world import provider

HERE, THERE = Candidate(provider("here"), "m"), Candidate(provider("there", local=False), "m")
FOUND, CLEAN = Demand(secret=lambda: Secret("GitHub token", "message 7")), Demand(secret=lambda: None)


def gate(mode: str) -> Gate:
    return Gate([Secrets(mode).rule])


def never() -> Secret | None:
    raise AssertionError("nobody wants to know")


def test_off_does_not_even_look() -> None:
    admitted = gate("off").admit([THERE, HERE], "m", Demand(secret=never))
    assert [one.provider for one in admitted.candidates] == [THERE.provider, HERE.provider]
    assert not Secrets("off").stay_home(Demand(secret=never))


@pytest.mark.parametrize("mode", ["prefer_local", "local_only"])
def test_a_prompt_without_a_secret_goes_anywhere(mode: str) -> None:
    admitted = gate(mode).admit([THERE, HERE], "m", CLEAN)
    assert [one.provider for one in admitted.candidates] == [THERE.provider, HERE.provider]
    assert not any(one.is_private for one in admitted.candidates)
    assert not Secrets(mode).stay_home(CLEAN)


def test_a_request_without_a_text_is_not_looked_through() -> None:
    assert len(gate("local_only").admit([THERE, HERE], None, Demand(secret=never)).candidates) == 2


def test_with_local_only_a_secret_stays_home() -> None:
    admitted = gate("local_only").admit([THERE, HERE], "m", FOUND)
    assert admitted.candidates == [HERE]
    assert admitted.candidates[0].is_private
    assert admitted.not_asked == (NotAsked("there", "secret in message 7"),)
    assert Secrets("local_only").stay_home(FOUND)


def test_with_prefer_local_others_are_asked_last() -> None:
    admitted = gate("prefer_local").admit([THERE, HERE], "m", FOUND)
    assert [one.provider for one in admitted.candidates] == [HERE.provider, THERE.provider]
    assert {one.provider for one in admitted.last} == {THERE.provider}
    assert admitted.not_asked == (NotAsked("there", "secret in message 7"),)
    assert not Secrets("prefer_local").stay_home(FOUND)
    assert len(gate("prefer_local").admit([THERE], "m", FOUND).candidates) == 1


def test_what_was_not_read_stays_home_too() -> None:
    assert gate("local_only").admit([THERE, HERE], "", Demand()).candidates == [HERE]
    with pytest.raises(SecretInPrompt, match="does not look through this body"):
        gate("local_only").admit([THERE], "", Demand(secret=lambda: UNREAD))


def test_the_error_says_what_was_found_where_and_what_to_do() -> None:
    with pytest.raises(SecretInPrompt) as caught:
        gate("local_only").admit([THERE], "gpt-4o", FOUND)
    error = caught.value
    assert (error.status, error.code, error.may_retry) == (503, "secret_in_prompt", False)
    for words in ("in message 7: GitHub token", "routing.secrets", "'gpt-4o'", "earlier messages"):
        assert words in error.message
    assert error.not_asked == (NotAsked("there", "secret in message 7"),)
