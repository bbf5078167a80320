"""The rule over prompts with a secret in them: they stay at home (``routing.secrets``).

``local_only``: candidates that are not local are not asked. ``prefer_local``: they are asked after all others.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from linx.core.errors import SecretInPrompt, quote
from linx.dialects.shared.secrets import UNREAD
from linx.routing.gate import Judge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linx.core.secret_shapes import Secret
    from linx.routing.candidate import Candidate
    from linx.routing.demand import Demand

LOCAL_ONLY, PREFER_LOCAL = "local_only", "prefer_local"


class Secrets:
    """``routing.secrets`` of one config."""

    def __init__(self, mode: str) -> None:
        self.are_sought = mode != "off"
        """Are prompts looked through?"""
        self._stay_home = mode == LOCAL_ONLY

    def stay_home(self, demand: Demand) -> bool:
        """Is there a secret in the prompt that keeps it on local providers?"""
        return self._stay_home and demand.secret() is not None

    def rule(self, model: str | None, demand: Demand) -> Judge | None:
        """See ``gate.Rule``."""
        if not self.are_sought or model is None:
            return None
        secret = demand.secret()
        if secret is None:
            return None
        reason = f"secret in {secret.place}"
        return Judge(
            partial(_keeps_local if self._stay_home else _is_local, reason),
            partial(_none_left, model, secret),
            puts_last=not self._stay_home,
            is_private=self._stay_home,
        )


def _keeps_local(reason: str, one: Candidate) -> str | None:
    return None if one.provider.keeps_local(one.model) else reason


def _is_local(reason: str, one: Candidate) -> str | None:
    return None if one.is_local else reason


def _none_left(model: str, secret: Secret, _candidates: Sequence[Candidate]) -> SecretInPrompt:
    whose = f"for the model {quote(model)!r}" if model else "this request"
    found = (
        "Linx does not look through this body, so there may be a secret in it"
        if secret is UNREAD
        else f"There is a secret in the prompt (in {secret.place}: {secret.kind})"
    )
    return SecretInPrompt(
        f"{found}, and routing.secrets keeps it on local providers; none can answer {whose}. Take it out of the "
        "conversation, its earlier messages included, or ask for a model of a local provider."
    )
