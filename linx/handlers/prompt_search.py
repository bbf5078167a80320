"""Looks through a prompt for secrets, where the config wants that (``routing.secrets``), before a route is chosen.

Rule: what is found is kept in the request's facts and counted; that a large prompt is looked through in a thread is all
that this file adds. A prompt that has not passed here is looked through when a rule asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.core import jsontext
from linx.core.worker import in_thread
from linx.dialects.shared.secrets import secret_of

if TYPE_CHECKING:
    from linx.core.chat import ChatRequest
    from linx.core.telemetry import Telemetry
    from linx.routing.router import Router


async def search(router: Router, telemetry: Telemetry, chat: ChatRequest) -> None:
    """Once for each request; later calls do nothing."""
    if not router.seeks_secrets or chat.facts.is_counted:
        return
    secret = secret_of(chat) if chat.facts.size <= jsontext.LARGE else await in_thread(secret_of, chat)
    chat.facts.is_counted = True
    if secret is not None:
        telemetry.secrets[secret.kind] = telemetry.secrets.get(secret.kind, 0) + 1
