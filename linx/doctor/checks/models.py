"""Checks of models: the context that they really have, mappings that lead nowhere, models without tools."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.core.redaction import escape_controls
from linx.doctor.checks.mends import change_of, mend_by, where_of
from linx.doctor.finding import Finding, note, ok, warning
from linx.providers.auto import AUTO
from linx.providers.kind import Feature
from linx.providers.missing import FIRST_CHAT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from linx.doctor.facts import Facts, ProviderFacts

ENOUGH = 32_768
"""Tokens that a tool for coding needs: Claude Code's own prompt has about 19,000, before the first file."""
SHOWN = 4  # names in one line


def contexts(facts: Facts) -> Iterator[Finding]:
    """The commonest cause of local models that seem dumb: they are loaded with a part of their context."""
    for provider in facts.providers:
        if Feature.DESCRIBES_MODELS in provider.kind.features:
            yield from _ollama_contexts(facts, provider)
        elif provider.props is not None:
            yield from _llamacpp_context(provider)


def _ollama_contexts(facts: Facts, provider: ProviderFacts) -> Iterator[Finding]:
    asked, endpoint = provider.config.num_ctx, provider.config.endpoint
    auto, edits = mend_by(facts, change_of(provider, "num_ctx", AUTO))
    if isinstance(asked, int) and asked < ENOUGH:
        larger = [name for name, model in provider.models.items() if (model.context_length or 0) > asked]
        if larger:
            yield warning(
                f"num_ctx makes every prompt fit into {asked:,} tokens, though {_names(larger)} can hold more",
                endpoint,
                auto,
                edits,
            )
    for name, tokens in sorted(provider.loaded.items()):
        model = provider.models.get(name)
        trained = model.context_length if model is not None else None
        if not tokens or trained is None or tokens >= min(trained, ENOUGH):
            if tokens and trained is not None:
                yield ok(f"{escape_controls(name)} is loaded with {tokens:,} tokens of context", endpoint)
            continue
        what = f"{escape_controls(name)} is loaded with {tokens:,} of its {trained:,} tokens of context"
        if asked is None:
            yield warning(f"{what}, and longer prompts are refused or cut", endpoint, auto, edits)
        elif asked == AUTO:
            yield note(
                f"{what}; Linx loads it with more when a prompt needs it, other programs get theirs cut",
                endpoint,
                f"OLLAMA_CONTEXT_LENGTH={ENOUGH} ollama serve",
            )
    for name, model in sorted(provider.models.items()):
        if model.set_context is not None and model.set_context < min(model.context_length or 0, ENOUGH):
            shown = escape_controls(name)
            yield warning(
                f"the Modelfile of {shown} allows {model.set_context:,} of its {model.context_length:,} tokens",
                endpoint,
                f"ollama run {shown}, and there: /set parameter num_ctx {ENOUGH}, then /save {shown}",
            )


def _llamacpp_context(provider: ProviderFacts) -> Iterator[Finding]:
    props = provider.props
    assert props is not None
    if props.context is None:
        return
    slots = f", {props.slots} requests at a time" if props.slots else ""
    what = f"one request can use {props.context:,} tokens{slots}"
    endpoint = provider.config.endpoint
    if props.context >= ENOUGH:
        yield ok(what, endpoint)
    elif props.trained is not None and props.trained <= props.context:
        yield note(
            f"{what}, which is all that its model was trained for: too little for coding tools",
            endpoint,
            "llama-server with a model that was trained for more",
        )
    else:
        of = f" of the {props.trained:,} that its model was trained for" if props.trained else ""
        wanted = min(props.trained or ENOUGH, ENOUGH)
        yield warning(
            f"one request can use {props.context:,} tokens{of}{slots}", endpoint, f"llama-server -c {wanted} -np 1 ..."
        )


# --- mappings -------------------------------------------------------------------------


def mappings(facts: Facts) -> Iterator[Finding]:
    """Names that are mapped to a model which their provider has not, and ``"auto"`` where it stands for none."""
    for provider in facts.providers:
        where = where_of(facts, provider, "model_mappings")
        for one in provider.missing:
            near = f"; there is {' or '.join(one.near)}" if one.near else ""
            yield warning(
                escape_controls(f"{one.name} is mapped to {one.model}, which is not there, so it is not used{near}"),
                where,
                escape_controls(one.command) or f"name a model that is there: {where}",
            )
        if provider.auto_problem:
            what, _, command = provider.auto_problem.partition(" yet: ")
            yield warning(escape_controls(what), where, command or f"name a model in {where}")


def tools(facts: Facts) -> Iterator[Finding]:
    """Local models that cannot call tools: coding agents do nothing with them."""
    without: list[str] = []
    able: list[str] = []
    for provider in facts.providers:
        if provider.config.is_local:
            for name, model in provider.models.items():
                if model.capabilities and "completion" in model.capabilities:
                    (able if "tools" in model.capabilities else without).append(f"{provider.config.name}/{name}")
    if without and not able:
        yield warning(
            f"no local model can call tools, so that coding agents do nothing with them: {_names(sorted(without))}",
            mend=f"ollama pull {FIRST_CHAT}, or another model of which `ollama show` lists tools",
        )
    elif without:
        yield note(f"cannot call tools, as coding agents want: {_names(sorted(without))}")


def _names(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return escape_controls(", ".join(names[:SHOWN]) + more)
