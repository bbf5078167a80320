"""Adds named keys to the text of a config file, and takes them out again; the rest of the text stays as it is.

Nothing is read or written here: a text goes in and a text comes out, or a ConfigError that says why there is none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linx.config import rules as config_rules
from linx.config import text_edit
from linx.config.file import parse
from linx.config.misfit import nearest, place
from linx.core import jsontext
from linx.core.client_key import key_by_place
from linx.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linx.core.chat import JsonObject

NEW = b'{\n  "server": {\n    "api_key": [\n    ]\n  }\n}\n'
"""The text of a config file that does not exist yet."""


def entries_in(text: bytes, label: str) -> list[Any]:
    """The entries of ``server.api_key`` as the file has them; one string is a list of one. Raises ConfigError."""
    server = parse(text, label).get("server", {})
    if not isinstance(server, dict):
        raise ConfigError(place(label, "server"), "must be an object: { ... }")
    keys = server.get("api_key")
    if keys is None:
        return []
    if isinstance(keys, str):
        return [keys]
    if not isinstance(keys, list):
        raise ConfigError(place(place(label, "server"), "api_key"), "must be a string, null or a list")
    return keys


def names_of(entries: Sequence[Any]) -> list[str]:
    """The name of each entry; that of a plain key is its place."""
    return [
        str(entry.get("name", "")) if isinstance(entry, dict) else key_by_place(number).name
        for number, entry in enumerate(entries, 1)
    ]


def with_key(text: bytes, label: str, entry: JsonObject) -> bytes:
    """The text with one more named key. Raises ConfigError where the name is no name, or taken."""
    entries, name = entries_in(text, label), str(entry["name"])
    config_rules.check_key_name("key add", name)
    if name in names_of(entries):
        raise ConfigError(label, f"there is a key named {config_rules.shown(name)} already; remove it first")
    if name == key_by_place(len(entries) + 1).name:
        raise ConfigError("key add", f"{name} is how Linx calls a key without a name; choose another name")
    value = _written(entry)
    at = text_edit.root(text)
    server = text_edit.member(text, at, "server")
    if server is None:
        return text_edit.with_member(text, at, "server", b'{"api_key": [' + value + b"]}")
    keys = text_edit.member(text, server.value, "api_key")
    if keys is None:
        return text_edit.with_member(text, server.value, "api_key", b"[" + value + b"]")
    present = text[keys.value : keys.end]
    if present.startswith(b"["):
        return text_edit.with_item(text, keys.value, value)
    beside = b"" if present == b"null" else present + b", "
    return text_edit.replaced(text, keys, b"[" + beside + value + b"]")


def without_key(text: bytes, label: str, name: str) -> bytes:
    """The text without the key of that name. Raises ConfigError where there is none, with the nearest name."""
    entries = entries_in(text, label)
    names = names_of(entries)
    if name not in names:
        near = nearest(name, names) if names else None
        known = f"known: {', '.join(map(config_rules.shown, names))}" if names else "it has no keys"
        hint = f"did you mean {config_rules.shown(near)}?" if near else known
        raise ConfigError(label, f"there is no key named {config_rules.shown(name)!r}; {hint}")
    at = text_edit.root(text)
    server = text_edit.member(text, at, "server")
    assert server is not None
    keys = text_edit.member(text, server.value, "api_key")
    assert keys is not None
    if text[keys.value : keys.value + 1] == b"[":
        return text_edit.without_item(text, keys.value, names.index(name))
    return text_edit.replaced(text, keys, b"null")


def _written(entry: JsonObject) -> bytes:
    """On one line, with spaces, as people write it."""
    members = [jsontext.dumps(key) + b": " + _value(value) for key, value in entry.items()]
    return b"{" + b", ".join(members) + b"}"


def _value(value: Any) -> bytes:
    if isinstance(value, dict):
        return _written(value)
    return b"[" + b", ".join(map(_value, value)) + b"]" if isinstance(value, list) else jsontext.dumps(value)
