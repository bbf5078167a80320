"""What the user is told of servers and keys that are there and not used: one line each, with what would use them.

Rule: a hint names a variable, and never its value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from linx.core import jsontext

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from linx.config.shape import Kind
    from linx.discovery.identify import Found


class KeyVariable(NamedTuple):
    """An environment variable in which the key of a service is kept, as the service's own documentation names it."""

    variable: str
    name: str
    kind: Kind
    endpoint: str


KEY_VARIABLES = (
    KeyVariable("OPENROUTER_API_KEY", "openrouter", "openrouter", "https://openrouter.ai/api/v1"),
    KeyVariable("OPENAI_API_KEY", "openai", "openai", "https://api.openai.com/v1"),
    KeyVariable("ANTHROPIC_API_KEY", "anthropic", "anthropic", "https://api.anthropic.com"),
    KeyVariable("GEMINI_API_KEY", "gemini", "openai", "https://generativelanguage.googleapis.com/v1beta/openai"),
    KeyVariable("GROQ_API_KEY", "groq", "openai", "https://api.groq.com/openai/v1"),
    KeyVariable("MISTRAL_API_KEY", "mistral", "openai", "https://api.mistral.ai/v1"),
    KeyVariable("DEEPSEEK_API_KEY", "deepseek", "openai", "https://api.deepseek.com/v1"),
    KeyVariable("XAI_API_KEY", "xai", "openai", "https://api.x.ai/v1"),
    KeyVariable("TOGETHER_API_KEY", "together", "openai", "https://api.together.xyz/v1"),
    KeyVariable("CEREBRAS_API_KEY", "cerebras", "openai", "https://api.cerebras.ai/v1"),
    KeyVariable("FIREWORKS_API_KEY", "fireworks", "openai", "https://api.fireworks.ai/inference/v1"),
)


def provider_line(name: str, kind: Kind, endpoint: str, api_key: str | None = None) -> str:
    """A provider as it stands below ``providers`` in config.json."""
    section = {"kind": kind, "endpoint": endpoint, **({"api_key": api_key} if api_key else {})}
    text = jsontext.dumps({name: section}).decode()
    return text[1:-1].replace('":', '": ').replace('","', '", "')


def key_hints(env: Mapping[str, str], used: Sequence[str] = ()) -> list[str]:
    """A line for each key in the environment that Linx does not use. ``used``: the endpoints that the config names."""
    return [
        f"{one.variable} is set and not used, since no rule says what it may be spent on; to use it, put into "
        f'"providers" of config.json: {provider_line(one.name, one.kind, one.endpoint, f"env:{one.variable}")}'
        for one in KEY_VARIABLES
        if env.get(one.variable)
        and not any(one.endpoint.partition("://")[2].partition("/")[0] in each for each in used)
    ]


def hint_for(found: Found) -> str | None:
    """Why what was found is no provider, and how it would be one; None where there is nothing to be said of it."""
    where = found.endpoint
    if found.is_linx:
        return f"another Linx is at {where}; it is not taken in by itself"
    if found.kind is not None and found.needs_key:
        line = provider_line(found.name, found.kind, where, f"env:{found.name.upper().replace('-', '_')}_KEY")
        return f'{found.title} at {where} wants a key; to use it, put into "providers" of config.json: {line}'
    if found.lists_models and found.kind is None:
        line = provider_line("local", "openai", where)
        return (
            f"{found.title} is at {where}, and nothing says where its models run, so it is not taken in by itself; "
            f'to use it, put into "providers" of config.json: {line}'
        )
    return None
