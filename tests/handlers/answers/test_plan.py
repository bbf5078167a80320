"""What a request demands, and which way its answer goes."""

from __future__ import annotations

from typing import Any

import pytest

from linx.config.model import Config
from linx.core.chat import ChatBody, ChatRequest
from linx.handlers.answers.plan import chat_plan, demand_of, start_chat
from linx.handlers.answers.stream import stream
from linx.handlers.answers.whole import whole
from linx.routing.demand import Demand
from linx.routing.router import Router
from tests.handlers.answers.world import CHAT, Asked
from tests.routing.world import provider

ALONE = Router([provider("one")], Config().routing)
TWO = Router([provider("one"), provider("two")], Config().routing)


def demand(
    fields: dict[str, str] | None = None, native: dict[str, Any] | None = None, router: Router = TWO, **body: Any
) -> Demand:
    chat = ChatRequest("m", ChatBody({**CHAT, **body}), client_body=native)
    return demand_of(router, Asked(fields or {}), chat)  # type: ignore[arg-type]


def test_what_stays_the_same_over_a_conversation() -> None:
    def key(*args: Any, **kwargs: Any) -> str | None:
        return demand(*args, **kwargs).conversation

    first = [{"role": "system", "content": "s"}, {"role": "user", "content": "hi"}]
    turn = [*first, {"role": "assistant", "content": "yes?"}, {"role": "user", "content": "more"}]
    assert key(messages=first) == key(messages=turn) != key()
    assert key(messages=first) != key(messages=[{"role": "system", "content": "t"}, *first[1:]])
    assert key(messages=[{"role": "system", "content": "alone"}]) is None
    assert key(messages=[]) is None
    for name in ("x-claude-code-session-id", "session_id", "session-id", "x-session-id", "x-openwebui-chat-id"):
        assert key({name: "s1"}) == key({name: "s1"}, messages=turn) != key({name: "s2"})
    for name in ("conversation_id", "session_id", "prompt_cache_key"):
        same = {name: "s1"}
        assert key(**same) == key(**same, messages=turn) == key({"x-session-id": "s1"})
        assert key(native=same, messages=turn) == key(**same)
        assert key(**{name: ""}) == key(**{name: 7}) == key()
    user = {"metadata": {"user_id": "u\ud800"}}
    assert key(**user) == key(**user, messages=turn) != key()
    assert key(metadata="none") == key()
    assert len(key({"x-session-id": "x" * 5000}) or "") == 32


def test_what_a_route_is_told() -> None:
    long = [{"role": "user", "content": "x" * 4000}]
    asked = demand(messages=long, max_tokens=7)
    assert 1000 <= asked.prompt_tokens <= 1100
    assert asked.answer_tokens == 7
    assert demand(max_completion_tokens=9, max_tokens=7).answer_tokens == 9
    usual = demand().answer_tokens
    assert demand(max_tokens=-1).answer_tokens == demand(max_tokens="x").answer_tokens == usual
    assert not asked.local_only
    assert demand({"x-linx-local-only": "true"}).local_only


def test_nothing_is_estimated_where_there_is_no_choice() -> None:
    alone = demand({"x-linx-local-only": "true"}, router=ALONE, messages=[{"role": "user", "content": "x" * 4000}])
    assert alone == Demand(local_only=True)
    assert demand(router=ALONE) == Demand()


@pytest.mark.parametrize("is_stream", [True, False])
def test_chat_may_be_hedged_and_goes_where_its_model_is(is_stream: bool) -> None:
    plan = chat_plan(TWO, Asked(), ChatRequest("m", ChatBody(CHAT), stream=is_stream))  # type: ignore[arg-type]
    assert plan.deliver is (stream if is_stream else whole)
    assert (plan.start, plan.route, plan.may_hedge) == (start_chat, Router.route, True)
    assert plan.demand.conversation is not None
