"""The gate before every provider: what must stay local is sent to local providers alone.

Every road of a client's request leads through ``Privacy.admit``: chat, completions, embeddings, token counts, relayed
paths, the management of models. Rule: nothing but the gate makes a candidate that is not private, and without a
candidate there is no permit to open a connection. ``tests/test_laws.py`` holds the code to that.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from linx.core.errors import NoLocalProvider, quote
from linx.providers.kind import with_tag
from linx.routing.candidate import Candidate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


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

    def admit(self, candidates: Sequence[Candidate], model: str | None, *, local_only: bool) -> list[Candidate]:
        """The candidates that may be asked, for a request that names ``model`` (see ``is_private``).

        ``local_only``: the client demands a local provider. Raises NoLocalProvider where no candidate is left.
        """
        if not (local_only or self.is_private(model)):
            return [Candidate(one.provider, one.model, False) for one in candidates]
        admitted = [one for one in candidates if one.provider.keeps_local(one.model)]
        if candidates and not admitted:
            raise _no_local_provider(candidates, model)
        return admitted


def _no_local_provider(candidates: Sequence[Candidate], model: str | None) -> NoLocalProvider:
    problems = [_problem(one) for one in candidates]
    known = next((problem for problem in problems if problem), "")
    whose = f"Model {quote(model)!r} may only be answered" if model else "This request may only be answered"
    return NoLocalProvider(
        f"{whose} by a local provider, and no local provider has it. {known}"
        "A cloud model of an Ollama is not local. "
        "Add the model to a local provider, or remove it from routing.local_only or the header "
        "x-linx-local-only from the request."
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
