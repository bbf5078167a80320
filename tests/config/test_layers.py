"""Layers: whose value is in force, and under which name a complaint about it goes."""

from __future__ import annotations

from linx.config.file import ConfigFile
from linx.config.layers import DEFAULTS, Layers, Overrides
from linx.providers.kinds import KINDS


def layers(tree: dict[str, object] | None, env: dict[str, str] | None = None, **flags: str) -> Layers:
    file = None if tree is None else ConfigFile("/etc/linx.json", "linx.json", tree, is_exposed=False)
    return Layers(file, env or {}, KINDS, Overrides(**flags))  # type: ignore[arg-type]


def test_places_are_called_by_the_file_or_by_the_defaults() -> None:
    assert layers({}).at("server", "port") == "linx.json: server.port"
    assert layers(None).at("server") == f"{DEFAULTS}: server"
    assert layers({}).at() == "linx.json"


def test_the_tree_of_the_file_is_left_alone() -> None:
    tree: dict[str, object] = {"server": {"port": 1}, "ollama": {}, "providers": {"x": {"kind": "ollama"}}}
    before = repr(tree)
    laid = layers(tree, {"LINX_API_KEY": "k" * 16}, ollama="http://x", host="::1")
    assert laid.tree["server"] == {"port": 1, "api_key": "k" * 16, "hostname": "::1"}
    assert laid.tree["ollama"] == {"endpoint": "http://x", "enabled": True}
    assert repr(tree) == before


def test_a_warning_names_the_layer_the_value_came_from() -> None:
    laid = layers({"server": {"api_key": "x"}}, {"LINX_API_KEY": "y"})
    laid.warn(laid.at("server", "api_key"), "is short")
    laid.warn(laid.at("server", "port"), "is odd")
    assert laid.warnings == ["LINX_API_KEY: is short", "linx.json: server.port: is odd"]


def test_the_key_for_a_disabled_openrouter_is_not_even_looked_at() -> None:
    laid = layers({"openrouter": {"enabled": False}}, {"OPENROUTER_API_KEY": "not a key"})
    assert laid.tree["openrouter"] == {"enabled": False}
