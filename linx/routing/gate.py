"""The gate before every provider: a table of rules, each of which may keep candidates from being asked.

Every road of a client's request leads through ``Gate.admit``: chat, completions, embeddings, token counts, relayed
paths, the management of models. Rule: nothing but the gate makes a candidate that is not private, and without a
candidate there is no permit to open a connection. ``tests/test_laws.py`` holds the code to that.

A rule is a function of the request, ``(model, demand) → Judge``, and None where it has nothing to say about that
request, as nearly always. A judge says of each candidate why it is not asked. Rules are applied in their order, each to
the candidates that those before it have left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from linx.core.errors import NotAsked
from linx.routing.candidate import Candidate

if TYPE_CHECKING:
    from linx.core.errors import LinxError
    from linx.providers.client_credential import ClientCredential
    from linx.routing.demand import Demand


class Judge(msgspec.Struct, frozen=True):
    """What a rule says about the candidates of one request."""

    reason: Callable[[Candidate], str | None]
    """Why the candidate is not asked, in a few words for people (see ``NotAsked``); None where it may be."""
    none_left: Callable[[Sequence[Candidate]], LinxError]
    """The error for the client where the rule has dropped all these candidates, which were left before it."""
    puts_last: bool = False
    """The candidates with a reason are not dropped: they are asked after all others."""
    is_private: bool = False
    """Those without a reason may be asked over local connections only."""


Rule = Callable[["str | None", "Demand"], Judge | None]
"""The model is ``""`` for a text that is for no named model, and None for a request that carries no text."""


class Admitted(NamedTuple):
    """What the gate says about the candidates of one request."""

    candidates: list[Candidate]
    """Those that may be asked, in the order in which they came; those that are put last at the end."""
    not_asked: tuple[NotAsked, ...] = ()
    """Those that rules have dropped or put last, with the reasons."""
    last: frozenset[Candidate] = frozenset()
    """Those of ``candidates`` that are asked after all others."""


class Gate:
    """The rules of one config."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = tuple(rules)

    def admit(self, candidates: Sequence[Candidate], model: str | None, demand: Demand) -> Admitted:
        """The candidates that may be asked for a request that names ``model`` (see ``Rule``).

        Raises the error of the rule that has left no candidate.
        """
        judges = [judge for rule in self._rules if (judge := rule(model, demand)) is not None]
        if not judges and demand.credential is None:
            return Admitted([Candidate(one.provider, one.model, False) for one in candidates])
        return _judged(candidates, judges, demand.credential)


def _judged(candidates: Sequence[Candidate], judges: Sequence[Judge], credential: ClientCredential | None) -> Admitted:
    """``credential``: the client's own key, for those candidates alone that are asked with it."""
    is_private = any(judge.is_private for judge in judges)
    left = [
        Candidate(one.provider, one.model, is_private, credential if one.provider.config.takes_client_key else None)
        for one in candidates
    ]
    not_asked: list[NotAsked] = []
    last: set[Candidate] = set()
    for judge in judges:
        before, left = left, []
        for one in before:
            reason = judge.reason(one)
            if reason is None:
                left.append(one)
                continue
            not_asked.append(NotAsked(one.provider.name, reason))
            if judge.puts_last:
                left.append(one)
                last.add(one)
        if before and not left:
            error = judge.none_left(before)
            error.not_asked = tuple(not_asked)
            raise error
    left.sort(key=last.__contains__)
    return Admitted(left, tuple(not_asked), frozenset(last.intersection(left)))
