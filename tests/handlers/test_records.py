"""The record with which a request begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linx.config.model import Config
from linx.core.client_key import key_by_place
from linx.core.telemetry import MAX_KEPT
from linx.handlers.records import begin_record
from linx.routing.router import Router
from tests.handlers.answers.world import Asked
from tests.handlers.contexts import context_for

if TYPE_CHECKING:
    from linx.handlers.context import Context


def context() -> Context:
    config = Config()
    return context_for(config, Router((), config.routing))


async def test_who_asks_and_how() -> None:
    linx = context()
    asked: Any = Asked({"user-agent": "curl/8.5.0"}, face="anthropic", key=key_by_place(2))
    record = begin_record(linx, asked, 5.0, "m")
    assert asked.record is record
    assert (record.client, record.key, record.face, record.model) == ("curl", "key-2", "anthropic", "m")
    assert (record.started, record.started_at) == (5.0, linx.at(5.0))
    assert (record.is_local, record.outcome, record.is_model_path) == (None, "", True)


async def test_no_more_is_kept_than_can_be_shown() -> None:
    asked: Any = Asked(path="/" + "x" * 8000)
    assert len(begin_record(context(), asked, 0.0, "m" * 8000).model) == MAX_KEPT
