"""The values of a job."""

from __future__ import annotations

from linx.service.job import Step


def test_a_step_must_succeed_at_once_unless_it_says_otherwise() -> None:
    step = Step(("systemctl",))
    assert (step.may_fail, step.tries) == (False, 1)
