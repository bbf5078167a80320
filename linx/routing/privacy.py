"""The gate's rule of privacy: what must stay local is sent to local providers alone.

A prompt must stay local where the config says so (``routing.local_only``), the client's key, or the client itself
(``x-linx-local-only``).
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import partial
from typing import TYPE_CHECKING

from linx.core.errors import NoLocalProvider, quote
from linx.providers.kind import with_tag
from linx.routing.gate import Judge

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from linx.routing.candidate import Candidate
    from linx.routing.demand import Demand

LOCAL_ONLY = "local_only"
"""Why a candidate that is not local is not asked."""


class Privacy:
    """``routing.local_only`` of one config. ``names_provider``: does a model's name begin with that of a provider?"""

    def __init__(self, local_only: bool | Sequence[str], names_provider: Callable[[str], bool]) -> None:
        self._is_all = local_only is True
        patterns = set() if isinstance(local_only, bool) else {pattern.lower() for pattern in local_only}
        self._patterns = patterns | {pattern.removesuffix(":latest") for pattern in patterns}
        self._names_provider = names_provider

    def is_private(self, model: str | None) -> bool:
        """Must what is asked of ``model`` stay local?

        In doubt it must: all names that lead to the same model are compared with the patterns, and a text for no named
        model (``""``) may be for any. None: the request carries no text of a client's, so that no pattern matters.
        """
        if self._is_all or not self._patterns or model is None:
            return self._is_all
        if not model:
            return True
        names = {model.lower(), model.partition("/")[2].lower() if self._names_provider(model) else model.lower()}
        names |= {with_tag(name) for name in names}
        names |= {name.removesuffix(":latest") for name in names}
        return any(fnmatchcase(name, pattern) for name in names for pattern in self._patterns)

    def rule(self, model: str | None, demand: Demand) -> Judge | None:
        """See ``gate.Rule``. ``demand.local_only``: the client demands a local provider."""
        if not (demand.local_only or self.is_private(model)):
            return None
        return Judge(_reason, partial(_no_local_provider, model), is_private=True)


def _reason(one: Candidate) -> str | None:
    return None if one.provider.keeps_local(one.model) else LOCAL_ONLY


def _no_local_provider(model: str | None, candidates: Sequence[Candidate]) -> NoLocalProvider:
    problems = [_problem(one) for one in candidates]
    known = next((problem for problem in problems if problem), "")
    whose = f"Model {quote(model)!r} may only be answered" if model else "This request may only be answered"
    return NoLocalProvider(
        f"{whose} by a local provider, and no local provider has it. {known}"
        "A cloud model of an Ollama is not local. "
        "Add the model to a local provider, or remove it from routing.local_only, the header "
        "x-linx-local-only from the request, or local_only from the client's key."
    )


def _problem(one: Candidate) -> str:
    """Why a candidate that may be local is none, as far as that is known."""
    provider = one.provider
    if provider.permits.elsewhere is not None:
        return f"{provider.permits.elsewhere}. "
    if provider.is_local(one.model):
        why = "is down" if provider.health.reachable is False else f"does not list {quote(one.model)!r}"
        return f"{provider.name} {why}, so that it is not known whether that is a cloud model. "
    return ""
