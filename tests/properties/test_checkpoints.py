"""Whatever happens at whichever step of a request: nothing stays behind, and no answer looks whole that is not.

Each request of ``scenarios`` is asked once undisturbed, which counts its steps: the calls of a connection that Linx
holds, before and after each, and the opening of connections. Then it is asked again for each step and each fault, and
``relay_world.run`` looks at what stays: connections, places, tasks, bodies, records, and the next request.

Connections of two sorts are tried: roomy, and so narrow that each send is torn and waits. All steps with all faults are
ten thousand requests, of which the tests take a part; ``LINX_CHECKPOINTS=all`` takes all.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
import trio
from trio.testing import MockClock

from linx.dialects.openai.encoder import OpenAIEncoder
from linx.routing.attempt import Attempt
from linx.server.connection import Connection
from linx.server.reply import Reply
from linx.server.wire import Wire
from linx.upstream.connection import UpstreamConnection
from tests.properties.memory_net import ROOMY
from tests.properties.relay_world import Outcome, Scenario, run
from tests.properties.scenarios import SCENARIOS

if TYPE_CHECKING:
    from linx.core.attempt_errors import AttemptError

pytestmark = pytest.mark.untraced
TAKES_ALL = os.environ.get("LINX_CHECKPOINTS") == "all"
STRIDES = (7, 49)
"""Of so many steps of a roomy and of a narrow connection, each of the seven faults is tried at one: so each step of the
roomy one is tried."""
OURS = ("stop", "kill", "cancel")
THEIRS = ("hang_up", "reset", "broken", "fin")
"""What the other side does, or the network: at the connection whose step it is, but ``hang_up`` is the client's."""


def steps_of(count: int, is_narrow: bool, seed: int) -> range:
    stride = 1 if TAKES_ALL else STRIDES[is_narrow]
    return range(1 + seed * stride // 7 % stride, count + 1, stride)


def problems_of(scenario: Scenario, *, is_narrow: bool = False) -> list[str]:
    room = scenario.narrow if is_narrow else ROOMY
    problems: list[str] = []

    def tried(act: str, at: int, what: str) -> list[str]:
        try:
            got = trio.run(run, scenario, act, at, room, clock=MockClock(autojump_threshold=0))
            check(scenario, act, got)
        except (Exception, BaseExceptionGroup) as error:
            problems.append(f"{what}: {told(error)}")
            return []
        return got.steps

    steps = tried("", 0, "undisturbed")
    for number, act in enumerate((*OURS, *THEIRS)):
        for at in steps_of(len(steps), is_narrow, number):
            tried(act, at, f"{act} at step {at} ({steps[at - 1]})")
    return problems


@pytest.mark.parametrize("is_narrow", [False, True], ids=["roomy", "narrow"])
@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_a_fault_at_each_step(scenario: Scenario, is_narrow: bool) -> None:
    problems = problems_of(scenario, is_narrow=is_narrow)
    assert not problems, f"{len(problems)} problems:\n" + "\n".join(problems[:30])


def check(scenario: Scenario, act: str, got: Outcome) -> None:
    """What the client must have got, beyond what ``run`` demands of every answer."""
    assert act or got.verdict == "whole"
    is_at_client = act in ("hang_up", "kill", "cancel") or got.hit.startswith("client")
    if got.verdict == "torn":
        may_be_cut = act == "stop" or scenario.is_opaque
        assert is_at_client or may_be_cut, "torn, though the client is there and was to be told"
    elif (
        not is_at_client and act in THEIRS and len(scenario.kinds) > 1 and scenario.may_repeat and not scenario.scripts
    ):
        # One provider has failed, and another is well: only an answer that has begun may end in an error.
        has_begun = scenario.is_stream and got.text
        assert got.verdict == "whole" or has_begun, f"{got.verdict} {got.status}, and no second provider was asked"


def told(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return f"{type(error).__name__}: {str(error)[:500]}"


# --- that the test can fail: each of these is a mistake of which it was not told ---


def test_a_connection_that_is_not_closed_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(UpstreamConnection, "close", lambda _self: None)
    assert any("connections open" in problem for problem in problems_of(SCENARIOS[0]))


def test_a_place_that_is_not_given_back_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def failed(attempt: Attempt[Any], error: AttemptError) -> AttemptError:
        attempt._has_slot = False
        return usual(attempt, error)

    usual = Attempt.failed
    monkeypatch.setattr(Attempt, "failed", failed)
    assert any("holds 1 places" in problem for problem in problems_of(SCENARIOS[3]))


def test_a_normal_end_after_an_error_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = OpenAIEncoder.error
    monkeypatch.setattr(OpenAIEncoder, "error", lambda self, problem: usual(self, problem) + b"data: [DONE]\n\n")
    assert any("an end and an error" in problem for problem in problems_of(SCENARIOS[0]))


def test_a_frame_that_is_lost_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Wire, "send_now", lambda _self, _data: True)
    assert any("a normal end after" in problem for problem in problems_of(SCENARIOS[0]))


def test_a_hang_up_that_is_not_noticed_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection, "_client_gone", lambda _self: None)
    monkeypatch.setattr(Reply, "try_send", lambda _self, _data: True)
    assert any("after its client had gone" in problem for problem in problems_of(SCENARIOS[10]))
