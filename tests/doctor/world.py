"""A machine that ``linx doctor`` looks at: a folder with a config, an environment, and what a user does to mend it."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any

from linx.config.layers import Overrides
from linx.config.load import Sources
from linx.core import jsontext
from linx.doctor import report
from linx.doctor.checks.table import findings
from linx.doctor.command import problem_of
from linx.doctor.finding import Level
from linx.doctor.fix import fix
from linx.doctor.gather.everything import gather
from linx.providers.kinds import KINDS
from tests.fakes.provider import closed_port

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from linx.doctor.checks.table import Found
    from linx.doctor.facts import Facts
    from linx.doctor.finding import Finding

NOTHING: Mapping[str, Any] = {name: {"enabled": False} for name in ("ollama", "llamacpp", "openrouter")}
"""The sections of a config that names no provider."""


class World:
    """``env`` is what the user's shell has."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "config.json"
        self.env = {"PATH": os.environ["PATH"], "HOME": str(folder), "LINX_PLACES": "none"}
        self.port: int | None = None
        self.endpoint: str | None = None
        """The value of ``--ollama``."""
        self.facts: Facts

    def write(self, config: Mapping[str, Any] | None = None, **providers: Mapping[str, Any]) -> None:
        """Write the config, as its owner's alone. The port is a free one unless the config names it."""
        tree = {**NOTHING, "providers": providers} if config is None else dict(config)
        tree.setdefault("server", {"port": closed_port()})
        self.write_text(jsontext.dumps_pretty(tree).decode())

    def write_text(self, text: str) -> None:
        self.path.touch(0o600)
        self.path.write_text(text)

    @property
    def config(self) -> Any:
        return jsontext.loads(self.path.read_bytes())

    def sources(self) -> Sources:
        path = str(self.path) if self.path.exists() else None
        return Sources(KINDS, path, Overrides(ollama=self.endpoint, port=self.port), self.env)

    async def look(self) -> list[Found]:
        sources = self.sources()
        self.facts = await gather(sources, KINDS)
        return report.cleaned(findings(self.facts), sources.redactor.clean)

    async def find(self, check: str, words: str) -> list[Finding]:
        """The findings of a check that have these words and that are not about what is right."""
        return [
            one.finding
            for one in await self.look()
            if one.check == check and one.finding.level is not Level.OK and words in one.finding.what
        ]

    async def the(self, check: str, words: str) -> Finding:
        """The one finding; every finding of the look has a line that mends it, or is a note."""
        found = await self.look()
        here = [one.finding for one in found if one.check == check and words in one.finding.what]
        told = "\n".join(f"{one.check}: {one.finding}" for one in found)
        assert len(here) == 1, f"{len(here)} findings of {check} with {words!r} in:\n{told}"
        for one in found:
            assert one.finding.mend or one.finding.level in (Level.OK, Level.NOTE), f"no mend: {one}"
        return here[0]

    async def is_gone(self, check: str, words: str) -> bool:
        found = await self.find(check, words)
        assert not found, f"still there: {found}"
        return True

    async def fix(self) -> list[str]:
        """What ``--fix`` does with the findings of now."""
        found = await self.look()
        return fix(self.facts, found, partial(problem_of, self.sources(), self.facts))
