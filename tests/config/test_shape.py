"""The shape: its JSON Schema accepts what the loader accepts, and describes every key."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from linx.config.misfit import known_keys
from linx.config.shape import (
    BudgetShape,
    FileShape,
    HedgeConfig,
    LedgerConfig,
    PriceShape,
    ProviderShape,
    RoutingConfig,
    ServerConfig,
    TunnelConfig,
    json_schema,
)
from linx.core import jsontext

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLE = jsontext.loads((Path(__file__).parents[2] / "config.json").read_bytes())
TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "null": (type(None),),
}


def faults(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> list[str]:
    """What is wrong with ``value``: the part of JSON Schema that ours uses, and an error for any other."""
    schema = {key: item for key, item in schema.items() if key not in ("title", "description", "default", "$schema")}
    found: list[str] = []
    if "$ref" in schema:
        found += faults(value, root["$defs"][schema.pop("$ref").rpartition("/")[2]], root)
    if "anyOf" in schema:
        options = [faults(value, option, root) for option in schema.pop("anyOf")]
        found += [] if any(not option for option in options) else [f"none of {options}"]
    if "enum" in schema and value not in schema.pop("enum"):
        found.append(f"{value!r} is no choice")
    kinds = schema.pop("type", None)
    if kinds is not None:
        is_bool_as_number = isinstance(value, bool) and kinds in ("integer", "number")
        if not isinstance(value, TYPES[kinds]) or is_bool_as_number:
            return [*found, f"{value!r} is no {kinds}"]
    checks: dict[str, Callable[[Any], bool]] = {
        "minimum": lambda limit: value < limit,
        "maximum": lambda limit: value > limit,
        "exclusiveMinimum": lambda limit: value <= limit,
        "minLength": lambda limit: isinstance(value, str) and len(value) < limit,
        "minItems": lambda limit: len(value) < limit,
        "pattern": lambda pattern: isinstance(value, str) and not re.search(pattern, value),
    }
    for key, is_bad in checks.items():
        if key in schema and is_bad(schema.pop(key)):
            found.append(f"{value!r}: {key}")
    properties, others = schema.pop("properties", {}), schema.pop("additionalProperties", True)
    required, names = schema.pop("required", ()), schema.pop("propertyNames", {})
    if isinstance(value, dict):
        found += [f"{key} is missing" for key in required if key not in value]
        for key, item in value.items():
            found += faults(key, names, root)
            if key in properties:
                found += faults(item, properties[key], root)
            elif others is False:
                found.append(f"{key} is unknown")
            elif isinstance(others, dict):
                found += faults(item, others, root)
    items = schema.pop("items", None)
    if isinstance(value, list) and items:
        found += [fault for item in value for fault in faults(item, items, root)]
    schema.pop("$defs", None)
    assert not schema, f"not understood: {schema}"
    return found


def judged(tree: Any) -> list[str]:
    schema = json_schema()
    return faults(tree, schema, schema)


def test_the_example_is_valid() -> None:
    assert judged(EXAMPLE) == []


@pytest.mark.parametrize(
    "tree",
    [
        {},
        {"server": {"api_key": "x" * 16}},
        {"server": {"api_key": ["x", "y"]}},
        {"server": {"api_key": None, "reasoning_field": "env:FIELD"}},
        {"tunnel": {"type": "env:TYPE", "public_url": "env:URL"}},
        {"providers": {"x": {"kind": "env:KIND", "endpoint": "env:WHERE", "num_ctx": "auto", "keep_alive": -1}}},
        {"ollama": {"price": {"prompt": 1, "completion": 2}}, "llamacpp": {"price": {"*": {"prompt": 0}}}},
        {"routing": {"provider_priority": ["a", ["b", "c"]], "local_only": ["x*"], "hedge": {"after": None}}},
        {"ollama": {"budget": {"daily_tokens": 0}}, "routing": {"budget": {"daily_usd": 0.5, "monthly_usd": None}}},
        {"routing": {"budget": None}},
        {"ledger": {"compare_to": "openai/gpt-4o"}},
        {"ledger": {"enabled": False, "path": "~/l.db", "compare_to": {"prompt": 2.5, "completion": 10}}},
    ],
)
def test_good_files_are_valid(tree: Any) -> None:
    assert judged(tree) == []


@pytest.mark.parametrize(
    "tree",
    [
        [],
        {"sever": {}},
        {"ollama": {"enpoint": "http://x"}},
        {"ollama": {"endpoint": "box:11434"}},
        {"ollama": {"num_ctx": "atuo"}},
        {"server": {"port": "8080"}},
        {"server": {"port": True}},
        {"server": {"port": 70000}},
        {"server": {"api_key": 5}},
        {"server": {"reasoning_field": "x"}},
        {"providers": {"x": {"endpoint": "http://x"}}},
        {"providers": {"-x": {"kind": "ollama"}}},
        {"routing": {"provider_priority": [[]]}},
        {"routing": {"hedge": {"after": "never"}}},
        {"routing": {"budget": {"daily_usd": -1}}},
        {"routing": {"budget": {"weekly_usd": 1}}},
        {"ollama": {"budget": {"daily_tokens": 1.5}}},
        {"tunnel": {"type": "x"}},
        {"ledger": {"keep_days": 0}},
        {"ledger": {"compare_to": {"promt": 1}}},
    ],
)
def test_bad_files_are_not(tree: Any) -> None:
    assert judged(tree)


def test_the_keys_are_exactly_those_of_the_contract() -> None:
    assert known_keys(FileShape) == (
        *("ollama", "llamacpp", "openrouter", "providers", "routing", "server", "tunnel", "ledger"),
        "discovery",
    )
    assert known_keys(LedgerConfig) == ("enabled", "path", "keep_days", "compare_to")
    assert set(known_keys(ProviderShape)) == {
        "kind",
        "enabled",
        "endpoint",
        "api_key",
        "thinking_mode",
        "model_mappings",
        "headers",
        "models",
        "local",
        "price",
        "max_concurrent",
        "allow_manage",
        "native",
        "num_ctx",
        "keep_alive",
        "budget",
    }
    assert known_keys(BudgetShape) == ("daily_usd", "monthly_usd", "daily_tokens")
    assert known_keys(PriceShape) == ("prompt", "completion", "cached", "cache_write")
    assert list(known_keys(RoutingConfig)) == [*EXAMPLE["routing"], "budget", "secrets"]
    assert list(known_keys(HedgeConfig)) == list(EXAMPLE["routing"]["hedge"])
    beside = ("shutdown_delay_s", "port")  # without a port in the file, another one may be taken
    assert [key for key in known_keys(ServerConfig) if key not in beside] == list(EXAMPLE["server"])
    assert known_keys(TunnelConfig) == (
        *("use_tunnel", "type", "domain", "ssh_host", "ssh_port", "ssh_user", "ssh_identity", "ssh_known_hosts"),
        *("remote_port", "public_url", "ngrok_path"),
    )
