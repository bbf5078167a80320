"""One provider: how it is asked, what its names are, what is known of its models, what a reload keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from linx.config.shape import PriceShape
from linx.core import jsontext
from linx.core.attempt_errors import Garbled
from linx.core.chat import Adapted, ChatBody, ChatRequest, Dialect
from linx.core.telemetry import Counters
from linx.dialects.anthropic.face import AnthropicFace
from linx.dialects.ollama.decoder import OllamaDecoder
from linx.dialects.ollama.face import OllamaFace
from linx.dialects.openai.decoder import OpenAIDecoder
from linx.providers import prices
from linx.providers.contexts import FORGET_CONTEXT_S, SMALLEST_CONTEXT
from linx.providers.kinds import KINDS
from linx.providers.prices import Price
from linx.providers.provider import FORGET_LACK_S, KEPT_MODELS, Provider
from tests.providers.asked import sending
from tests.routing.world import has, provider, told

if TYPE_CHECKING:
    from linx.upstream.pool import Sending

CHAT_BODY: dict[str, Any] = {"model": "asked", "messages": [{"role": "user", "content": "hi"}]}


def chat(**fields: Any) -> ChatRequest:
    return ChatRequest("asked", ChatBody({**CHAT_BODY, **fields}))


def fields_of(sending: Sending) -> dict[bytes, bytes]:
    names = [name for name, _value in sending.headers]
    assert len(names) == len(set(names))
    return dict(sending.headers)


# --- how it is asked ---


@pytest.mark.parametrize(
    ("endpoint", "origin"),
    [
        ("http://a.test", "http://a.test"),
        ("https://a.test", "https://a.test"),
        ("https://a.test:8443/v1", "https://a.test:8443"),
        ("http://[::1]:11434", "http://[::1]:11434"),
    ],
)
def test_its_origin(endpoint: str, origin: str) -> None:
    assert str(provider("a", endpoint=endpoint).origin) == origin


@pytest.mark.parametrize(
    ("kind", "accept", "decoder"),
    [
        ("ollama", b"application/x-ndjson", OllamaDecoder),
        ("openai", b"text/event-stream, application/json", OpenAIDecoder),
    ],
)
def test_chat_is_always_asked_as_a_stream(kind: Any, accept: bytes, decoder: type) -> None:
    one = provider("a", kind=kind)
    asked = sending(one, chat())
    body = jsontext.loads(asked.body)
    assert (body["model"], body["stream"], body["messages"]) == ("m", True, CHAT_BODY["messages"])
    assert fields_of(asked)[b"accept"] == accept
    assert isinstance(one.request(chat()).decoder(str), decoder)


@pytest.mark.parametrize(
    ("kind", "body", "path"),
    [
        ("ollama", {"model": "asked", "prompt": "a"}, b"/api/generate"),
        ("ollama", {"model": "asked", "prompt": "a", "suffix": "b"}, b"/api/generate"),
        ("openai", {"model": "asked", "prompt": "a"}, b"/v1/chat/completions"),
        ("openai", {"model": "asked", "prompt": "a", "raw": True}, b"/v1/completions"),
        ("openrouter", {"model": "asked", "prompt": "a", "suffix": "b"}, b"/v1/completions"),
        ("llamacpp", {"model": "asked", "prompt": "a", "raw": True}, b"/v1/completions"),
        ("llamacpp", {"model": "asked", "prompt": "a", "suffix": "b"}, b"/infill"),
    ],
)
def test_where_a_client_of_generate_is_asked(kind: Any, body: dict[str, Any], path: bytes) -> None:
    one = provider("a", kind=kind)
    assert sending(one, OllamaFace("generate").parse(body)).target == path


def test_the_client_s_own_words_only_where_that_is_configured() -> None:
    said = {"model": "asked", "messages": CHAT_BODY["messages"], "max_tokens": 5}
    asked = ChatRequest(
        "asked",
        ChatBody(CHAT_BODY),
        dialect=Dialect.ANTHROPIC,
        client_body=said,
        headers=((b"anthropic-version", b"1"),),
    )
    translated = sending(provider("a"), asked)
    assert translated.target == b"/v1/chat/completions"
    assert b"anthropic-version" not in fields_of(translated)
    relayed = sending(provider("a", native=True), asked)
    assert relayed.target == b"/v1/messages"
    assert fields_of(relayed)[b"anthropic-version"] == b"1"
    assert jsontext.loads(relayed.body)["model"] == "m"
    assert sending(provider("a", native=True), chat()).target == b"/v1/chat/completions"


def test_an_anthropic_is_asked_in_its_clients_own_words() -> None:
    one = has(provider("a", kind="anthropic", api_key="k"), "claude-x")
    assert (one.speaks(Dialect.ANTHROPIC), one.speaks(Dialect.RESPONSES), one.speaks(Dialect.OPENAI)) == (
        True,
        False,
        False,
    )
    assert not provider("b").speaks(Dialect.ANTHROPIC)
    assert provider("b", native=True).speaks(Dialect.RESPONSES)
    said = {"model": "asked", "messages": CHAT_BODY["messages"], "max_tokens": 5, "metadata": {"user_id": "me"}}
    own = sending(one, AnthropicFace().parse(said), "claude-x")
    translated = sending(one, chat(), "claude-x")
    for sent in (own, translated):
        assert (sent.target, fields_of(sent)[b"anthropic-version"]) == (b"/v1/messages", b"2023-06-01")
        assert fields_of(sent)[b"x-api-key"] == b"k"
        assert b"authorization" not in fields_of(sent)
    assert jsontext.loads(own.body) == {
        "model": "claude-x",
        "messages": CHAT_BODY["messages"],
        "max_tokens": 5,
        "stream": True,
    }
    assert jsontext.loads(translated.body)["max_tokens"] == 64_000


# --- names ---


def test_a_mapping_is_found_with_and_without_latest() -> None:
    one = provider("a", model_mappings={"gpt-4o": "big", "default": "small"})
    assert one.mapped("gpt-4o") == one.mapped("gpt-4o:latest") == "big"
    assert one.mapped("gpt-4o:other") is None
    assert one.mapped("default") is None
    assert one.mapped("small") is None


@pytest.mark.parametrize(
    ("kind", "name", "found"),
    [
        ("ollama", "llama", "llama:latest"),
        ("ollama", "LLAMA:latest", "llama:latest"),
        ("ollama", "qwen3:4B", "Qwen3:4b"),
        ("ollama", "hf.co/u/m:q4_k_m", "hf.co/u/M:Q4_K_M"),
        ("ollama", "qwen3", None),
        ("ollama", "lla", None),
        ("openai", "gpt-4o", "gpt-4o"),
        ("openai", "gpt-4o:latest", "gpt-4o"),
        ("openai", "GPT-4o", None),
        ("openai", "v:latest", "v:latest"),
        ("openai", "v", "v:latest"),
        ("anthropic", "claude-x", "claude-x-20260101"),
        ("anthropic", "claude-x-latest", "claude-x-20260101"),
        ("anthropic", "claude-x-20250505", "claude-x-20250505"),
        ("anthropic", "claude-x-20240404", None),
    ],
)
def test_the_list_is_searched_as_the_kind_does(kind: Any, name: str, found: str | None) -> None:
    names = {
        "ollama": ("llama:latest", "Qwen3:4b", "hf.co/u/M:Q4_K_M"),
        "openai": ("gpt-4o", "v:latest"),
        "anthropic": ("claude-x-20250505", "claude-x-20260101"),
    }
    one = has(provider("a", kind=kind), *names[kind])
    assert one.listed(name) == found
    known = one.find(name)
    assert (known.name if known is not None else None) == found


def test_configured_names_are_there_before_any_list() -> None:
    one = provider("a", models=("x", "y"))
    assert list(one.models) == ["x", "y"]
    assert one.listed("y") == "y"


# --- what is known of a model ---


def test_the_price_in_force() -> None:
    listed = Price(1.0, 2.0)
    far = has(provider("a", local=False), "m", "m:free", price=listed)
    assert far.price("m") == listed
    assert far.price("m:free") == prices.FREE
    assert far.price("unknown") is None
    assert has(provider("a"), "m", price=listed).price("m") == prices.FREE
    paid = provider("a", price={"m": PriceShape(prompt=1.0, completion=2.0)})
    assert paid.price("m") == Price(1e-6, 2e-6)
    assert paid.price("other") == prices.FREE
    other = {"m": PriceShape(prompt=1.0), "*": PriceShape(prompt=3.0, completion=4.0)}
    assert provider("a", price=other).price("other") == Price(3e-6, 4e-6)


def test_first_token_times_are_kept_for_so_many_models_only() -> None:
    one = provider("a")
    for number in range(KEPT_MODELS + 5):
        one.observe_first_token(f"m{number}", 0.1)
    one.observe_first_token("m0", 0.2)
    assert len(one.first_token) == KEPT_MODELS
    assert one.first_token["m0"].samples == 2


def test_traits_are_what_is_configured_and_known() -> None:
    one = has(provider("a", thinking_mode=False, num_ctx=2048, keep_alive="5m"), "m", context_length=100)
    traits = one.traits(chat(), "m", 0.0)
    assert (traits.thinking_mode, traits.num_ctx, traits.keep_alive) == (False, 2048, "5m")
    assert (traits.can_think, traits.context_length) == (None, 100)
    told(one, "m", capabilities=frozenset({"thinking"}))
    assert one.traits(chat(), "m", 0.0).can_think is True
    told(one, "m", capabilities=frozenset())
    assert one.traits(chat(), "m", 0.0).can_think is False
    told(one, "m", listed={"id": "m"})
    assert one.traits(chat(), "m", 0.0).listed == {"id": "m"}
    unknown = one.traits(chat(), "other", 0.0)
    assert (unknown.can_think, unknown.context_length, unknown.listed) == (None, None, None)
    assert one.context_length("m") == 100
    assert one.context_length("other") is None


def test_an_automatic_context_holds_the_prompt_and_the_answer_and_never_shrinks_while_loaded() -> None:
    one = has(provider("a", kind="ollama", num_ctx="auto"), "m", context_length=40_000)

    def context(size: int, now: float, **fields: Any) -> int | None:
        asked = chat(messages=[{"role": "user", "content": "x" * size}], **fields)
        found = one.traits(asked, "m", now).num_ctx
        assert found is None or isinstance(found, int)
        return found

    assert context(4, 0.0) == SMALLEST_CONTEXT
    assert context(4 * 4000, 1.0) == 8192
    assert context(4 * 4000, 1.0, max_tokens=10) == 8192  # it is loaded so
    assert context(4, 2.0) == 8192
    assert context(4, 2.0, max_completion_tokens=10_000) == 16384
    assert context(4 * 100_000, 3.0) == 40_000  # no more than the model has
    assert context(4, 3.0 + FORGET_CONTEXT_S) == SMALLEST_CONTEXT
    assert one.traits(chat(max_tokens=-1), "unlisted", 0.0).num_ctx == SMALLEST_CONTEXT


# --- what is loaded ---


def test_what_has_to_be_loaded_for_a_request() -> None:
    ollama = has(provider("a", kind="ollama"), "m:latest", "n", "c:cloud")
    assert [ollama.to_load(name) for name in ("m", "n", "unlisted", "c:cloud")] == ["m:latest", "n", "unlisted", ""]
    assert has(provider("b"), "m").to_load("any name") == "", "a llama.cpp with one model answers to all names"
    assert has(provider("c", local=False), "m", "n").to_load("m") == "", "a marketplace loads nothing"


def test_only_an_ollama_s_memory_is_known() -> None:
    ollama, other = has(provider("a", kind="ollama"), "m:latest"), has(provider("b"), "m", "n")
    other.loaded.asked("m", 0.0)
    assert (ollama.has_loaded("m"), other.has_loaded("m")) == (False, False)
    ollama.traits(chat(), "m", 0.0)
    assert ollama.has_loaded("m")


@pytest.mark.parametrize(("keep_alive", "is_loaded"), [(0, False), ("0s", False), (300, True), (None, True)])
def test_a_model_that_a_client_unloads_is_not_loaded(keep_alive: Any, is_loaded: bool) -> None:
    ollama = has(provider("a", kind="ollama"), "m:latest")
    ollama.loaded.seen(["m:latest"], 0.0)
    body = {"model": "m", "prompt": "", "keep_alive": keep_alive}
    stop = ChatRequest("m", ChatBody({"messages": []}), dialect=Dialect.OLLAMA_GENERATE, client_body=body)
    ollama.traits(stop, "m", 1.0)
    assert ollama.has_loaded("m") is is_loaded


# --- a reload ---


def learnt() -> Provider:
    old = has(provider("a", api_key="k"), "listed", "configured")
    told(old, "listed", listed={"id": "listed"})
    old.health.failed(Garbled("nonsense"), 0.0)
    old.observe_first_token("listed", 0.5)
    old.adaptations.learn("listed", Adapted("stream_options"))
    old.version = "1.2.3"
    old.listed_at = 7.0
    old.counters.requests = 3
    old.probed.set()
    old.slots.active = 2
    return old


def test_the_same_service_keeps_what_was_learnt() -> None:
    old = learnt()
    new = provider("a", api_key="k", models=("fresh", "configured"), max_concurrent=2)
    new.inherit(old)
    assert new.health is old.health
    assert new.counters is old.counters
    assert list(new.models) == ["fresh", "configured", "listed"]
    assert new.models["configured"] is old.models["configured"]
    assert new.listed("listed") == "listed"
    assert new.first_token is old.first_token
    assert new.adaptations.of("listed") == (Adapted("stream_options"),)
    assert new.signatures is old.signatures
    assert (new.version, new.listed_at) == ("1.2.3", 7.0)
    assert new.probed.is_set()
    assert new.slots is old.slots
    assert new.loaded is old.loaded
    assert (new.slots.most, new.active, new.slots.has_room) == (2, 2, False)


def test_another_key_is_another_chance() -> None:
    old = learnt()
    new = provider("a", api_key="other")
    new.inherit(old)
    assert new.health is not old.health
    assert new.health.consecutive_failures == 0
    assert new.signatures is not old.signatures  # of another account's conversations
    assert "listed" in new.models


@pytest.mark.parametrize(
    "changed", [{"kind": "llamacpp"}, {"endpoint": "http://b.test:1234"}, {"endpoint": "http://a.test:1234/other/v1"}]
)
def test_another_service_under_the_same_name_starts_anew_but_is_counted_on(changed: dict[str, Any]) -> None:
    old = learnt()
    new = provider("a", **{"api_key": "k", **changed})
    new.inherit(old)
    assert new.counters is old.counters
    assert new.health is not old.health
    assert new.models == {}
    assert not new.probed.is_set()
    assert (new.version, new.adaptations.of("listed"), new.active) == (None, (), 0)


def test_counters_may_be_given() -> None:
    counters = Counters(requests=5)
    assert Provider(provider("a").config, KINDS["openai"], counters).counters is counters


# --- words ---


def test_two_names_of_one_server() -> None:
    one = provider("a", endpoint="http://localhost:1234")
    assert one.server == provider("b", endpoint="http://127.0.0.1:1234/v1", kind="ollama").server
    assert one.server != provider("b", endpoint="http://localhost:1235").server
    assert provider("c", endpoint="http://A.test:1").server == ("a.test", 1)


def test_what_a_model_lacks_is_known_from_its_list_and_its_refusals() -> None:
    one = has(provider("a"), "m", "n")
    assert not one.lacks("m", 0.0)
    told(one, "m", capabilities=frozenset(("completion", "vision")))
    told(one, "n", capabilities=frozenset())  # an old Ollama says nothing of it
    assert set(one.lacks("m", 0.0)) == {"tools"}
    one.learn_lack("m", "vision", 10.0)
    assert set(one.lacks("m", 20.0)) == {"tools", "vision"}
    assert not one.lacks("n", 20.0)
    assert set(one.lacks("m", 11.0 + FORGET_LACK_S)) == {"tools"}
    new = provider("a")
    new.inherit(one)
    assert "vision" in new.lacks("m", 20.0)


def test_only_so_many_lacks_are_remembered() -> None:
    one = provider("a")
    for number in range(KEPT_MODELS + 1):
        one.learn_lack(str(number), "tools", 0.0)
    assert not one.lacks("0", 0.0)
    assert one.lacks(str(KEPT_MODELS), 0.0)


def test_in_doubt_a_prompt_is_not_kept_local() -> None:
    ollama = has(provider("a", kind="ollama"), "m")
    assert [ollama.keeps_local(name) for name in ("m", "unlisted", "m:cloud", "")] == [True, False, False, True]
    other = has(provider("b", kind="llamacpp"), "m")  # runs whatever it is asked for
    assert [other.keeps_local(name) for name in ("m", "unlisted", "")] == [True, True, True]
    assert not has(provider("c", local=False), "m").keeps_local("m")
    other.permits.elsewhere = "it resolves to 203.0.113.7"
    assert not other.keeps_local("m")
