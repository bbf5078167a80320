"""All facts at once, in the order of the config, and never longer than the limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from linx.doctor.gather import everything
from linx.doctor.gather.everything import certificates_problem
from tests.doctor.world import World

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from linx.doctor.facts import ProviderFacts


async def test_what_is_silent_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(*_args: object) -> ProviderFacts:
        await trio.sleep_forever()
        raise AssertionError

    monkeypatch.setattr(everything, "LIMIT_S", 0.1)
    monkeypatch.setattr(everything, "probe", silent)
    world = World(tmp_path)
    world.write(a={"kind": "ollama"}, b={"kind": "ollama", "enabled": False})
    with trio.fail_after(3):
        await world.look()
    assert world.facts.providers == ()


def test_certificates_that_a_variable_names(tmp_path: Path) -> None:
    assert certificates_problem({}) == ""
    assert certificates_problem({"SSL_CERT_DIR": str(tmp_path)}) == ""
    assert "is not there" in certificates_problem({"SSL_CERT_FILE": str(tmp_path / "none")})
