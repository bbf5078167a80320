"""That the state machines can fail, and that the trio between their rules works."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
from hypothesis import Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from linx.providers.health import Health
from linx.routing.decision import Decision
from linx.routing.hedging import HedgeBudget, Rules
from linx.server.reply import Reply
from linx.server.wire import Wire
from linx.upstream.pool import Pool
from tests.properties.machines import QUICK, Guest
from tests.properties.test_health_machine import BudgetMachine, HealthMachine
from tests.properties.test_pool_machine import PoolMachine
from tests.properties.test_race_machine import RaceMachine
from tests.properties.test_reply_machine import ReplyMachine

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.untraced
UNSHRUNK = settings(QUICK, max_examples=200, stateful_step_count=12, phases=[Phase.generate])


@pytest.mark.parametrize(
    ("machine", "holder", "name", "mistake"),
    [
        (HealthMachine, Health, "first_chunk_seen", lambda _self: None),
        (HealthMachine, Health, "pause", lambda _self, *_: None),
        (BudgetMachine, HedgeBudget, "_forget", lambda _self, _now: None),
        (RaceMachine, Rules, "may_run_beside", lambda _self, _candidate, _running: True),
        (RaceMachine, Decision, "won", lambda _self: None),
        (ReplyMachine, Reply, "abort", lambda self: setattr(self, "is_aborted", True)),
        (ReplyMachine, Wire, "send_now", lambda _self, _data: True),
        (PoolMachine, Pool, "_is_fit", lambda _self, _idle, _now: True),
        (PoolMachine, Pool, "drain_later", lambda _self, _exchange: False),
    ],
    ids=["no healing", "no pause", "no window", "out of scope", "no end", "no abort", "lost", "spoilt", "no drain"],
)
def test_a_mistake_is_found(
    machine: type[RuleBasedStateMachine],
    holder: object,
    name: str,
    mistake: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(holder, name, mistake)
    with pytest.raises(BaseException):  # noqa: B017 - whatever the machine stumbles over
        run_state_machine_as_test(machine, settings=UNSHRUNK)


def test_a_guest_runs_what_it_is_given_and_its_clock_stands_still() -> None:
    guest = Guest()

    async def later(seconds: float) -> float:
        with trio.move_on_after(seconds):
            guest.clock.jump(seconds)
            await trio.sleep_forever()
        return trio.current_time()

    async def fails() -> None:
        raise KeyError("x")

    assert guest.run(later, 5.0) == 5.0
    assert guest.run(later, 2.0) == 7.0
    with pytest.raises(KeyError):
        guest.run(fails)
    guest.close()
