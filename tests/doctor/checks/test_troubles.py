"""What keeps a provider from answering is told with what mends it."""

from __future__ import annotations

import pytest

from linx.doctor.checks.providers import reachable
from linx.doctor.facts import Trouble
from linx.doctor.finding import Level
from tests.doctor.pieces import facts, provider


@pytest.mark.parametrize("trouble", Trouble)
def test_every_trouble_has_words_and_a_mend(trouble: Trouble) -> None:
    found = list(reachable(facts(provider(trouble=trouble, problem="went wrong"))))
    assert found[0].level is Level.WARNING
    assert found[0].what
    assert found[0].mend
    is_broken = any(one.level is Level.BROKEN for one in found)
    assert is_broken == (trouble is not Trouble.LOADING)


def test_a_server_elsewhere_is_started_there() -> None:
    away = provider(endpoint="http://192.168.1.20:11434", trouble=Trouble.REFUSED, problem="refused")
    assert next(iter(reachable(facts(away)))).mend.startswith("start the server, or correct providers.box.endpoint")
