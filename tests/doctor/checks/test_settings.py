"""What the user has set: cases that need no machine."""

from __future__ import annotations

import pytest

from linx.core.errors import ConfigError
from linx.doctor.checks.settings import config_file
from linx.doctor.facts import ConfigFacts
from linx.doctor.finding import Level
from tests.doctor.pieces import facts


def test_the_defaults_are_in_force() -> None:
    told = list(config_file(facts(config=ConfigFacts(facts().config.config, None, "there is no config file"))))
    assert [one.level for one in told] == [Level.OK]
    assert "built-in defaults" in told[0].what


@pytest.mark.parametrize(
    ("where", "problem", "mend"),
    [
        ("c.json: server.prot", "unknown key; did you mean port?", "rename server.prot to port in /c.json"),
        ("c.json: routing.port", "unknown key; did you mean server.port?", "move it to server.port in /c.json"),
        ("c.json: 'a.b'", "unknown key; did you mean ab?", "write ab there, in /c.json"),
        ("c.json", "can be changed by others of its group; run: chmod g-w c.json", "chmod g-w c.json"),
        ("c.json", "is empty; the least that works is {}", "echo '{}' > /c.json"),
        ("x.json", "no such file (given by LINX_CONFIG)", "unset LINX_CONFIG"),
        ("c.json: server.port", "must be at most 65535", "correct server.port in /c.json"),
    ],
)
def test_a_mistake_has_a_line_that_mends_it(where: str, problem: str, mend: str) -> None:
    config = ConfigFacts(None, "/c.json", "it is in this folder", problem=ConfigError(where, problem))
    assert [(one.level, one.mend) for one in config_file(facts(config=config))] == [(Level.BROKEN, mend)]
