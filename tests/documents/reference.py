"""The keys of config.json as Markdown tables, from the JSON Schema that ``linx schema`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linx.config.shape import json_schema
from linx.core import jsontext

if TYPE_CHECKING:
    from collections.abc import Iterator

TITLES = {
    "FileShape": "The file",
    "SectionShape": "A provider",
    "PriceShape": "A price",
    "BudgetShape": "A budget",
    "RoutingConfig": "routing",
    "HedgeConfig": "routing.hedge",
    "ServerConfig": "server",
    "KeyShape": "A named key",
    "TunnelConfig": "tunnel",
    "LedgerConfig": "ledger",
}
"""The heading of each part of the schema in docs/configuration.md."""
ALIKE = {"ProviderShape": "SectionShape"}
"""Parts that another one describes: an entry of ``providers`` has the keys of a section, and must have its kind."""
UNITS = {"_s": "seconds", "_mb": "MiB", "_usd": "USD"}
_WORDS = {"boolean": "true or false", "string": "text", "null": "null"}
_ADDRESS = "^([Hh]"
_REFERENCE = "^env:"  # a text of this form is allowed everywhere, so that no row has to say it


def section_part(name: str) -> str:
    """The table of one part of the schema."""
    part = json_schema()["$defs"][name]
    rows = [
        f"| `{key}` | {_type(key, value)} | {_default(part, key, value)} | {value['description']} |"
        for key, value in part["properties"].items()
    ]
    return "\n".join(["| key | type | default | what it is |", "| --- | --- | --- | --- |", *rows])


def _default(part: dict[str, Any], key: str, value: dict[str, Any]) -> str:
    if "default" not in value:
        return "required" if key in part.get("required", ()) else ""
    default = value["default"]
    if isinstance(default, dict) and default:
        return "its own"
    if isinstance(default, float) and default.is_integer():
        default = int(default)
    return f"`{jsontext.dumps(default).decode().replace(',', ', ')}`"


def _type(key: str, value: dict[str, Any]) -> str:
    unit = next((unit for end, unit in UNITS.items() if key.endswith(end)), "number")
    words = (unit + word.removeprefix("number") if word.startswith("number") else word for word in _types(value))
    return ", ".join(dict.fromkeys(words))


def _types(value: dict[str, Any]) -> Iterator[str]:
    """What a value may be, in words."""
    if "$ref" in value:
        yield _link(value["$ref"].rpartition("/")[2])
    elif "anyOf" in value:
        for one in value["anyOf"]:
            yield from _types(one)
    elif "enum" in value:
        yield from (f"`{jsontext.dumps(word).decode()}`" for word in value["enum"])
    elif value["type"] == "array":
        yield f"list of {' and '.join(dict.fromkeys(_types(value['items'])))}"
    elif value["type"] == "object":
        yield f"object: name → {' or '.join(dict.fromkeys(_types(value['additionalProperties'])))}"
    elif value["type"] in ("integer", "number"):
        yield ("whole number" if value["type"] == "integer" else "number") + _bounds(value)
    elif not value.get("pattern", "").startswith(_REFERENCE):
        yield "URL" if value.get("pattern", "").startswith(_ADDRESS) else _WORDS[value["type"]]


def _bounds(value: dict[str, Any]) -> str:
    """The bounds that say something: not the far ones that keep a number from being absurd."""
    least, over, most = value.get("minimum"), value.get("exclusiveMinimum"), value.get("maximum")
    if over is not None:
        return f" > {over:g}"
    if most is None or most > 100_000:
        return "" if least is None else f" ≥ {least:g}"
    return f" from {least:g} to {most:,}"


def _link(name: str) -> str:
    title = TITLES[ALIKE.get(name, name)]
    return f"[{title.removeprefix('A ').lower()}](#{title.lower().replace(' ', '-').replace('.', '')})"
