"""Checks of each provider: is it there, is it what the config says, is it new enough, has its key credit?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from linx.config.shape import SECTIONS
from linx.core.redaction import escape_controls
from linx.doctor.checks.mends import change_of, mend_by
from linx.doctor.checks.servers import is_discovering
from linx.doctor.checks.troubles import TROUBLES
from linx.doctor.facts import Trouble
from linx.doctor.finding import Change, Finding, broken, note, ok, warning
from linx.providers.kind import Feature
from linx.providers.kinds import OPENAI

if TYPE_CHECKING:
    from collections.abc import Iterator

    from linx.doctor.facts import Facts, ProviderFacts

LOW_CREDIT_USD = 1.0
OLLAMA_NEEDS = (
    ((0, 6, 4), "does not say what its models can do, so that tools and images are sent to models without them"),
    ((0, 10, 0), "does not say with which context a model is loaded, so that Linx cannot see prompts being cut"),
    ((0, 12, 6), "cuts prompts that are too long without a word, since it does not know `truncate`"),
)
"""What an Ollama lacks before a version: the capabilities of /api/show (v0.6.4), ``context_length`` of /api/ps
(v0.10.0, OllamaSharp#291), ``truncate`` of /api/chat (v0.12.6)."""
UPDATE_OLLAMA = "update Ollama; on Linux: curl -fsSL https://ollama.com/install.sh | sh"


def reachable(facts: Facts) -> Iterator[Finding]:
    """Each provider, and whether any of them could answer."""
    for provider in facts.providers:
        if provider.trouble is None:
            yield ok(_summary(provider), provider.config.endpoint)
        elif not is_mistaken(provider):
            what, mend, edits = TROUBLES[provider.trouble](facts, provider)
            yield warning(escape_controls(what), provider.config.endpoint, mend, edits)
    yield from nobody(facts)


def nobody(facts: Facts) -> Iterator[Finding]:
    """Is there anybody who could answer?"""
    if facts.config.config is None or any(each.trouble in (None, Trouble.LOADING) for each in facts.providers):
        return
    if facts.found and is_discovering(facts):
        return
    if facts.found:
        first = facts.found[0]
        yield broken(
            f"no provider of the config can answer, and {first.title} at {first.endpoint} is not in it",
            mend="linx doctor --fix",
        )
    elif not facts.providers:
        yield broken("no provider is enabled, and no local server was found", mend="ollama serve, or try linx --demo")
    else:
        yield broken(
            "no provider can answer, and no local server was found",
            mend="mend one of the providers, or try linx --demo",
        )


def _summary(provider: ProviderFacts) -> str:
    count = len(provider.models)
    words = [provider.server or f"{provider.kind.name} {provider.version or ''}".rstrip()]
    words.append(f"{count} model{'' if count == 1 else 's'}")
    if provider.loaded:
        words.append("loaded: " + ", ".join(_loaded(name, tokens) for name, tokens in sorted(provider.loaded.items())))
    if provider.credit is not None and provider.credit.words:
        words.append(provider.credit.words)
    if provider.latency_s is not None:
        words.append(f"{provider.latency_s * 1000:.0f} ms")
    return escape_controls(", ".join(words))


def _loaded(name: str, tokens: int) -> str:
    return f"{name} ({tokens:,} tokens)" if tokens else name


# --- is it what the config says? ---


def is_mistaken(provider: ProviderFacts) -> bool:
    """Is it asked as a kind that it is not, so that it fails, or that its chat is not what it seems?

    llama.cpp has a few of Ollama's paths, with answers in OpenAI's dialect. Other programs that imitate an Ollama are
    left alone where they do it well; every server may be asked by its OpenAI dialect.
    """
    really = provider.really
    if really is None or provider.kind is OPENAI:
        return False
    return provider.trouble is not None or Feature.SERVES_FILES in really.features


def kinds(facts: Facts) -> Iterator[Finding]:
    """A provider of one kind at whose address a server of another kind answers."""
    for provider in facts.providers:
        really = provider.really
        if really is None:
            continue
        what = f"is {provider.server or really.name}, and is asked as {provider.kind.name}"
        if is_mistaken(provider):
            mend, edits = mend_by(facts, *_as_it_is(provider, really.name))
            yield warning(what, provider.config.endpoint, mend, edits)
        elif Feature.DESCRIBES_MODELS in really.features and provider.kind is OPENAI:
            mend, edits = mend_by(facts, change_of(provider, "kind", really.name))
            why = "so that Linx cannot ask for a larger context: longer prompts are cut"
            yield warning(f"{what}, {why}", provider.config.endpoint, mend, edits)


def _as_it_is(provider: ProviderFacts, really: str) -> tuple[Change, ...]:
    """The changes after which it is asked as what it is, by the name of that kind."""
    config = provider.config
    if config.key_path != config.name:  # below providers: its kind can be corrected
        return (change_of(provider, "kind", really),)
    section: dict[str, object] = {"enabled": True, "endpoint": config.endpoint}
    place: tuple[str, ...] = (really,)
    if really not in SECTIONS:
        place, section = ("providers", f"{really}-{config.origin.port}"), {"kind": really, "endpoint": config.endpoint}
    return Change(place, section), Change((config.name, "enabled"), False)


def versions(facts: Facts) -> Iterator[Finding]:
    """An Ollama that lacks what Linx asks of it."""
    for provider in facts.providers:
        if Feature.DESCRIBES_MODELS not in provider.kind.features or provider.version is None:
            continue
        version = numbers_of(provider.version)
        lacks = [words for since, words in OLLAMA_NEEDS if version is not None and version < since]
        if lacks:
            yield warning(f"Ollama {provider.version} is old: it {lacks[0]}", provider.config.endpoint, UPDATE_OLLAMA)


def numbers_of(version: str) -> tuple[int, ...] | None:
    """The numbers of a version such as ``0.12.6`` or ``v0.33.0-rc2``; None for 0.0.0, as a private build says."""
    found = re.match(r"v?(\d+)\.(\d+)\.(\d+)", version)
    numbers = tuple(int(each) for each in found.groups()) if found else (0, 0, 0)
    return numbers if any(numbers) else None


def credit(facts: Facts) -> Iterator[Finding]:
    """A key that is accepted and has next to nothing left."""
    for provider in facts.providers:
        key = provider.credit
        if key is None:
            continue
        if key.left is not None and key.left <= 0:
            limit = f" of its ${key.limit:,.2f}" if key.limit is not None else ""
            yield warning(
                f"the key is accepted and has nothing left{limit}: only free models answer",
                provider.config.endpoint,
                "raise the limit of the key in the account that it belongs to",
            )
        elif key.left is not None and key.left < LOW_CREDIT_USD:
            yield note(f"the key has ${key.left:,.2f} left", provider.config.endpoint)
        elif key.is_free_tier:
            yield note("the key is of the free tier: 50 requests a day of free models", provider.config.endpoint)
