"""What a running Ollama remembers beside its models: runners, blobs, its account, the way to the internet."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.fakes.catalogue import Model

Account = Literal["offline", "signed out", "signed in"]


@dataclass(frozen=True)
class Runner:
    """A loaded model. Another size or another ``shift`` starts it anew, and its cache is lost."""

    num_ctx: int
    may_shift: bool = True


@dataclass
class OllamaState:
    account: Account = "signed out"
    """Whether ollama.com and its registry are reached, and the user is known there."""
    runners: dict[str, Runner | None] = field(default_factory=dict)
    """By name; None is unloaded. A model that is not in here was loaded as the server would load it:
    the fake starts with warm models."""
    loads: list[tuple[str, Runner]] = field(default_factory=list)
    """Each start of a runner that a request caused: what a user waits for."""
    blobs: set[str] = field(default_factory=set)
    most_loaded: int | None = None
    """So many models fit into the memory; those that were asked for longest ago are unloaded for another, as by
    ``findRunnerToUnload`` in ollama's server/sched.go."""
    is_cold: bool = False
    """Are the models unloaded that ``runners`` does not name?"""

    @property
    def is_online(self) -> bool:
        return self.account != "offline"

    def runner(self, model: Model) -> Runner | None:
        started = Runner(model.default_context, model.can_shift)
        return self.runners.get(model.name, None if self.is_cold else started)

    def load(self, model: Model, num_ctx: int | None = None, *, may_shift: bool = True) -> Runner:
        """The runner for a request, started anew where the one that runs does not fit."""
        running = self.runner(model)
        wanted = Runner(model.default_context if num_ctx is None else num_ctx, may_shift)
        if running != wanted:
            self.loads.append((model.name, wanted))
        self.runners.pop(model.name, None)
        self.runners[model.name] = wanted
        if self.most_loaded is not None:
            loaded = [name for name, runner in self.runners.items() if runner is not None]
            self.runners.update(dict.fromkeys(loaded[: -self.most_loaded]))
        return wanted

    def unload(self, model: Model) -> None:
        self.runners[model.name] = None

    def unload_all(self) -> None:
        self.runners.clear()
        self.is_cold = True

    def loaded(self, models: Sequence[Model]) -> list[tuple[Model, Runner]]:
        found = [(model, self.runner(model)) for model in models if model.remote is None]
        return [(model, runner) for model, runner in found if runner is not None]
