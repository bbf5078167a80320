"""Of what a limit is that a provider has reported: of the model that was asked, of all free models, or of the account.

Rule: it is the model's unless the provider says otherwise. OpenAI, Groq and Anthropic speak of the organization, but
name the model beside it, and count by model; so does Gemini, whose words are those of an account without credit.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from linx.core.attempt_errors import PauseScope

if TYPE_CHECKING:
    from linx.dialects.failures.conditions import Condition
    from linx.dialects.failures.reading import Reading

# OpenRouter: "Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 free model requests per day"
# (openclaude#936), free-models-per-min, free-models-per-day-high-balance (openclaude#1549). Of the account, but of its
# free models only: what is paid for is answered.
_FREE = re.compile(r"\bfree-models-per-")
_MODEL = re.compile(r"\bmodels?\b|\bpermodel")
_ACCOUNT = re.compile(
    # Anthropic: "This request would exceed your account's rate limit", "Number of concurrent connections has exceeded".
    r"\byour (?:account|(?:api )?key|ip|workspace|team|subscription)\b|concurren"
    # Moonshot: "Your account org-… request reached organization max RPM: 3".
    r"|\borganization max\b|\bmax (?:organization )?rpm\b"
    # OpenRouter: "Key limit exceeded (daily limit)".
    r"|\bkey limit\b|\bper (?:api )?key\b|\bip address\b"
)


def pause_scope(condition: Condition, reading: Reading) -> PauseScope:
    if condition.pauses_provider and not reading.has_upstream:
        return PauseScope.PROVIDER
    if _FREE.search(reading.words):
        return PauseScope.FREE_MODELS
    is_account = _ACCOUNT.search(reading.words) is not None and not reading.has_upstream
    return PauseScope.PROVIDER if is_account and _MODEL.search(reading.words) is None else PauseScope.MODEL
