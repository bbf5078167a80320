"""The typed config: what a file may say, what is refused and in which words, who wins."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Any

import pytest

from linx.config.layers import Overrides
from linx.config.load import Sources, load, refuse_own_address, try_text
from linx.config.shape import HedgeConfig, LedgerConfig, RoutingConfig, ServerConfig, TunnelConfig
from linx.core.errors import ConfigError
from linx.providers.kinds import KINDS
from tests.config.help import BOX, EXAMPLE, KEY, SECRETS, box, loaded, provider, written

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


# --- what comes about ---


def test_without_a_file_the_servers_of_this_machine_are_looked_for() -> None:
    config = load(None, {}, KINDS)
    assert (config.providers, config.discovery, config.names_provider, config.is_port_chosen) == (
        (),
        True,
        False,
        False,
    )
    assert config.path is None
    assert config.warnings == ()
    assert (config.routing, config.server, config.tunnel) == (RoutingConfig(), ServerConfig(), TunnelConfig())


def test_openrouter_is_on_without_a_file_where_its_key_is_in_the_environment() -> None:
    openrouter = provider(load(None, {"OPENROUTER_API_KEY": KEY}, KINDS), "openrouter")
    assert openrouter.enabled
    assert openrouter.api_key == KEY
    assert openrouter.yields_to_local
    assert not openrouter.model_mappings


def test_openrouter_asks_for_no_permission_where_a_file_names_it() -> None:
    trees: list[dict[str, Any]] = [{"openrouter": {}}, {"openrouter": {}, "discovery": True}]
    for tree in trees:
        assert not provider(loaded(tree, {"OPENROUTER_API_KEY": KEY}), "openrouter").yields_to_local


@pytest.mark.parametrize(
    ("tree", "names"),
    [
        ({"discovery": True, "providers": {"x": {"kind": "ollama"}}}, ["openrouter", "x"]),
        ({"discovery": True, "ollama": {"enabled": False}}, ["ollama", "openrouter"]),
        ({"discovery": True, "openrouter": {"enabled": False}}, ["openrouter"]),
        ({"discovery": True, "providers": {"or": {"kind": "openrouter"}}}, ["or"]),
        ({"discovery": True, "providers": {"openrouter": {"kind": "openai", "endpoint": "http://x"}}}, ["openrouter"]),
        ({"server": {"port": 1}}, ["openrouter"]),
    ],
    ids=lambda value: str(value),
)
def test_discovery_beside_a_file(tree: dict[str, Any], names: list[str]) -> None:
    config = loaded(tree, {"OPENROUTER_API_KEY": KEY})
    assert [one.name for one in config.providers] == names
    assert config.discovery
    implied = [one.name for one in config.providers if one.yields_to_local]
    assert implied == [name for name in names if name == "openrouter" and "openrouter" not in str(tree)]


def test_without_discovery_and_without_a_provider_there_are_the_usual_ones() -> None:
    config = loaded({"discovery": False}, {"OPENROUTER_API_KEY": KEY})
    assert [one.name for one in config.providers if one.enabled] == ["ollama", "openrouter"]
    assert not config.discovery


def test_discovery_is_true_or_false() -> None:
    with pytest.raises(ConfigError, match=r"discovery: must be true or false"):
        loaded({"discovery": "yes"})


def test_a_port_is_chosen_by_file_or_flag() -> None:
    assert loaded({"server": {"port": 8080}}).is_port_chosen
    assert loaded({}, {}, port=8080).is_port_chosen
    assert not loaded({"server": {}}, {"LINX_API_KEY": KEY}).is_port_chosen


def test_what_may_be_found_may_have_a_priority() -> None:
    tree = {"discovery": True, "routing": {"provider_priority": ["lmstudio", "llamacpp-8081", "openrouter"]}}
    assert loaded(tree).routing.provider_priority[1] == "llamacpp-8081"
    with pytest.raises(ConfigError, match=r"no provider named 'lmstudio'"):
        loaded({**tree, "discovery": False})


def test_the_defaults_are_those_of_the_contract() -> None:
    server, routing, tunnel = ServerConfig(), RoutingConfig(), TunnelConfig()
    assert (server.port, server.hostname, server.api_keys) == (8080, "127.0.0.1", ())
    assert (server.heartbeat_s, server.drain_s, server.head_timeout_s, server.body_timeout_s) == (15, 30, 10, 30)
    assert (server.keep_alive_s, server.stalled_client_s, server.max_body_mb) == (75, 300, 64)
    assert (server.max_connections, server.capture, server.reasoning_field) == (4096, True, "reasoning_content")
    assert routing.provider_priority == ("ollama", "llamacpp", "openrouter")
    assert (routing.fallback_enabled, routing.cost_optimization) == (True, True)
    assert routing.hedge == HedgeConfig(after="auto", scope="same", budget=0.1)
    assert (routing.first_token_timeout_s, routing.local_only) == (None, False)
    assert (tunnel.use_tunnel, tunnel.type, tunnel.domain, tunnel.ssh_host) == (
        False,
        "localhost_run",
        None,
        "localhost.run",
    )
    assert (tunnel.ssh_port, tunnel.ssh_user, tunnel.remote_port, tunnel.ngrok_path) == (22, "nokey", 80, "ngrok")
    ledger = LedgerConfig()
    assert (ledger.enabled, ledger.path, ledger.keep_days, ledger.compare_to) == (True, None, 400, None)


def test_the_example_runs_as_it_is_and_shows_only_defaults() -> None:
    config = load(str(EXAMPLE), {}, KINDS)
    assert [one.name for one in config.providers] == ["ollama", "llamacpp", "openrouter", "workstation", "groq"]
    assert [one.name for one in config.providers if one.enabled] == ["ollama", "llamacpp"]
    assert provider(config, "ollama").model_mappings["default"] == "auto"
    assert (config.routing, config.server, config.tunnel) == (RoutingConfig(), ServerConfig(), TunnelConfig())
    (warning,) = config.warnings
    assert "OPENROUTER_API_KEY is not set, so this provider is disabled" in warning


def test_a_file_of_the_origin_still_works() -> None:
    config = loaded(
        {
            "openrouter": {
                "enabled": False,
                "endpoint": "https://openrouter.ai/api/v1",
                "api_key": "sk-or-v1-your-api-key-here",
                "model_mappings": {"gpt-4o": "openai/gpt-4o", "default": "openai/gpt-4o-mini"},
            },
            "ollama": {
                "enabled": True,
                "endpoint": "http://localhost:11434",
                "thinking_mode": False,
                "model_mappings": {"gpt-4o": "qwen2.5-coder:32b", "default": "qwen2.5-coder:7b"},
            },
            "llamacpp": {"enabled": True, "endpoint": "http://localhost:8090/v1", "api_key": ""},
            "routing": {"provider_priority": ["ollama"], "fallback_enabled": True, "cost_optimization": False},
            "server": {"port": 9000, "hostname": "localhost"},
            "tunnel": {"use_tunnel": False, "type": "ngrok"},
        }
    )
    assert [one.name for one in config.providers] == ["openrouter", "ollama", "llamacpp"]
    assert provider(config, "openrouter").api_key is None
    assert provider(config, "llamacpp").api_key is None
    assert provider(config, "ollama").thinking_mode is False
    assert (config.server.port, config.server.hostname) == (9000, "localhost")
    assert config.warnings == ()


def test_the_order_is_that_of_the_file_sections_first() -> None:
    config = loaded(
        {
            "providers": {"b": {"kind": "ollama"}, "a": {"kind": "ollama"}},
            "openrouter": {"enabled": False},
            "ollama": {},
        }
    )
    assert [one.name for one in config.providers] == ["openrouter", "ollama", "llamacpp", "b", "a"]


@pytest.mark.parametrize("tree", [{"providers": {"x": {"kind": "ollama"}}}, {"llamacpp": {"enabled": True}}])
def test_a_file_that_names_a_provider_has_no_other(tree: dict[str, Any]) -> None:
    config = loaded(tree, {"OPENROUTER_API_KEY": KEY})
    assert [one.name for one in config.providers if one.enabled] == [*(tree.get("providers") or tree)]


def test_a_file_that_names_no_provider_looks_for_them() -> None:
    config = loaded({"server": {"port": 1234}}, {"OPENROUTER_API_KEY": KEY})
    assert config.discovery
    assert [one.name for one in config.providers if one.enabled] == ["openrouter"]


# --- the layers ---


def test_environment_beats_file_and_flag_beats_environment() -> None:
    tree = {"server": {"api_key": "from-the-file-0123"}}
    env = {"LINX_API_KEY": "from-the-environment"}
    assert loaded(tree).server.api_keys == ("from-the-file-0123",)
    assert loaded(tree, env).server.api_keys == ("from-the-environment",)
    config = loaded(tree, env, api_key="from-the-command-line")
    assert config.server.api_keys == ("from-the-command-line",)
    assert config.warnings == (
        "--api-key: other users of this machine can see the key in the process list; use LINX_API_KEY",
    )


def test_an_empty_variable_is_no_variable() -> None:
    config = loaded({"server": {"api_key": "from-the-file-0123"}}, {"LINX_API_KEY": "", "LINX_CONFIG": ""})
    assert config.server.api_keys == ("from-the-file-0123",)


def test_the_key_of_openrouter_comes_from_the_environment() -> None:
    tree = {"openrouter": {"api_key": "sk-or-v1-your-api-key-here"}}
    config = loaded(tree, {"OPENROUTER_API_KEY": KEY})
    assert provider(config, "openrouter").api_key == KEY
    assert config.warnings == ()


def test_flags_set_host_port_tunnel_and_ollama() -> None:
    tree = {"server": {"port": 1, "hostname": "0.0.0.0"}, "ollama": {"enabled": False, "thinking_mode": True}}
    config = loaded(tree, port=0, host="::1", tunnel=True, ollama="http://box:11434")
    assert (config.server.port, config.server.hostname, config.tunnel.use_tunnel) == (0, "::1", True)
    ollama = provider(config, "ollama")
    assert (ollama.enabled, ollama.endpoint, ollama.thinking_mode) == (True, "http://box:11434", True)
    assert loaded({"tunnel": {"use_tunnel": True}}, tunnel=False).tunnel.use_tunnel is False


def test_any_string_may_come_from_the_environment() -> None:
    env = {"WHERE": "http://box:1", "MODEL": "qwen", "TOKEN": "t" * 20, "KIND": "ollama", "K1": "1" * 16, "HOST": "::1"}
    config = loaded(
        {
            "providers": {
                "x": {
                    "kind": "env:KIND",
                    "endpoint": "env:WHERE",
                    "model_mappings": {"default": "env:MODEL"},
                    "headers": {"X-Token": "env:TOKEN"},
                    "models": ["env:MODEL"],
                }
            },
            "server": {"api_key": ["env:K1"], "hostname": "env:HOST"},
        },
        env,
    )
    x = provider(config, "x")
    assert (x.kind, x.endpoint, x.model_mappings, x.models) == (
        "ollama",
        "http://box:1",
        {"default": "qwen"},
        ("qwen",),
    )
    assert x.headers == {"X-Token": "t" * 20}
    assert (config.server.api_keys, config.server.hostname) == (("1" * 16,), "::1")


def test_a_variable_that_a_disabled_provider_wants_may_be_missing() -> None:
    config = loaded(
        {
            "ollama": {},
            "openrouter": {"enabled": False, "api_key": "env:NOT_SET", "endpoint": "env:NOR_THIS"},
            "providers": {
                "x": {"kind": "openai", "enabled": False, "endpoint": "env:NOT_SET", "models": ["env:NO", "m"]}
            },
            "tunnel": {"domain": "env:NOT_SET"},
        }
    )
    assert provider(config, "openrouter").api_key is None
    assert provider(config, "x").models == ("m",)
    assert provider(config, "x").is_local is False
    assert config.tunnel.domain is None


def test_a_variable_that_is_not_set_disables_its_provider_and_no_other() -> None:
    tree = {"ollama": {}, **box(api_key="env:NOT_SET", models=["m", "env:NOT_SET"])}
    config = loaded(tree)
    assert [one.name for one in config.providers if one.enabled] == ["ollama"]
    assert provider(config, "box").models == ("m",)
    assert provider(loaded(tree, {"NOT_SET": KEY}), "box").enabled


def test_a_byte_order_mark_and_a_reference_to_the_schema_are_passed_over() -> None:
    config = loaded(b'\xef\xbb\xbf{"$schema": "./config.schema.json", "server": {"port": 81}}')
    assert config.server.port == 81
    assert config.warnings == ()


# --- what is refused ---

BAD: list[tuple[object, str]] = [
    # the file
    (b"", "config.json: is empty; the least that works is {}"),
    (b" \n\t", "config.json: is empty"),
    (b'\xef\xbb\xbf{"server": {"port": "x"}}', "config.json: server.port: must be a whole number"),
    (b"\xef\xbb\xbf", "config.json: is empty"),
    ("{}".encode("utf-16"), "config.json:1:1: is not UTF-8 (it looks like UTF-16)"),
    ("{}".encode("utf-16-le"), "config.json:1:1: is not UTF-8 (it looks like UTF-16)"),
    (b'{\n "ollama": {"endpoint": "\xff"}}', "config.json:2:26: is not UTF-8"),
    (b"nope", "config.json:1:1: is not JSON"),
    (b"[]", "config.json: must hold a JSON object"),
    (b"null", "config.json: must hold a JSON object"),
    (b'{\n  "server": {"port": 1,}\n}', "config.json:2:23: is not JSON: trailing comma"),
    (b'{\n  // a comment\n  "server": {}\n}', "config.json:2:3: is not JSON: comments are not allowed"),
    (b'{"server": /* here */ {}}', "config.json:1:12: is not JSON: comments are not allowed"),
    (b"{'server': {}}", "config.json:1:2: is not JSON: strings need double quotes"),
    (b'{"server": {"port": NaN}}', "config.json:1:21: is not JSON"),
    (b'{"server": {"port": 1e999}}', "config.json:1:21: is not JSON"),
    (b'{"server": {}} x', "config.json:1:16: is not JSON"),
    (b'{"server": {"port"', "config.json:1:19: is not JSON"),
    (b"[" * 100_000, "config.json: is not JSON: nested more than 256 deep"),
    (b'{"server": {"port": 1, "port": 2}}', "config.json: server.port: is given twice"),
    (b'{"ollama": {}, "server": {}, "ollama": {"enabled": false}}', "config.json: ollama: is given twice"),
    # keys and types
    ({"sever": {}}, "config.json: sever: unknown key; did you mean server?"),
    ({"ollama": {"enpoint": "x"}}, "config.json: ollama.enpoint: unknown key; did you mean endpoint?"),
    ({"ollama": {"apikey": "x"}}, "config.json: ollama.apikey: unknown key; did you mean api_key?"),
    ({"legder": {}}, "config.json: legder: unknown key; did you mean ledger?"),
    ({"ledger": {"keep": 30}}, "config.json: ledger.keep: unknown key; did you mean keep_days?"),
    ({"ledger": {"keep_days": 0}}, "config.json: ledger.keep_days: must be at least 1"),
    ({"ledger": {"path": ""}}, "config.json: ledger.path: must be a path"),
    (
        {"ledger": {"compare_to": {"promt": 1}}},
        "config.json: ledger.compare_to.promt: unknown key; did you mean prompt?",
    ),
    (
        {"ledger": {"compare_to": 5}},
        'config.json: ledger.compare_to: must be {"prompt": 2.5, "completion": 10}, or the',
    ),
    ({"server": {"Port": 1}}, "config.json: server.Port: unknown key; did you mean port?"),
    (
        {"routing": {"enable_fallback": True}},
        "config.json: routing.enable_fallback: unknown key; did you mean fallback",
    ),
    ({"routing": {"hedge": {"aftr": 1}}}, "config.json: routing.hedge.aftr: unknown key; did you mean after?"),
    ({"server": {"use_tunnel": True}}, "config.json: server.use_tunnel: unknown key; did you mean tunnel.use_tunnel?"),
    ({"ollama": {KEY: 1}}, "unknown key; known: kind, enabled, endpoint"),
    ({"ollama": []}, "config.json: ollama: must be an object"),
    ({"providers": []}, "config.json: providers: must be an object"),
    ({"providers": {"x": "y"}}, "config.json: providers.x: must be an object"),
    ({"server": None}, "config.json: server: must be an object"),
    ({"server": {"port": "8080"}}, "config.json: server.port: must be a whole number, not a string"),
    ({"server": {"port": True}}, "config.json: server.port: must be a whole number, not true or false"),
    ({"server": {"port": 80.5}}, "config.json: server.port: must be a whole number, not a number with a decimal point"),
    ({"server": {"port": 70000}}, "config.json: server.port: must be at most 65535"),
    ({"server": {"port": -1}}, "config.json: server.port: must be at least 0"),
    (
        {"server": {"api_key": 5}},
        "config.json: server.api_key: must be a string, null, or a list of keys and named keys, not a",
    ),
    ({"server": {"api_key": [5]}}, "config.json: server.api_key[0]: must be a key, or an object such as"),
    ({"server": {"heartbeat_s": 0}}, "config.json: server.heartbeat_s: must be more than 0"),
    ({"server": {"drain_s": -1}}, "config.json: server.drain_s: must be at least 0"),
    ({"server": {"max_connections": 0}}, "config.json: server.max_connections: must be at least 1"),
    (
        {"server": {"reasoning_field": "thinking"}},
        "server.reasoning_field: must be one of reasoning_content, reasoning",
    ),
    ({"server": {"allowed_hosts": "x"}}, "config.json: server.allowed_hosts: must be a list, not a string"),
    ({"ollama": {"enabled": "yes"}}, "config.json: ollama.enabled: must be true or false, not a string"),
    ({"ollama": {"kind": "openai"}}, "config.json: ollama.kind: is always ollama here"),
    ({"ollama": {"model_mappings": {"a": 1}}}, "config.json: ollama.model_mappings.a: must be a string, not a number"),
    ({"ollama": {"model_mappings": {"ok": "b", "a": ""}}}, "config.json: ollama.model_mappings.a: must not be empty"),
    ({"ollama": {"model_mappings": {"": "a"}}}, "config.json: ollama.model_mappings: must not have an empty name"),
    ({"ollama": {"models": ["a", 1]}}, "config.json: ollama.models[1]: must be a string, not a number"),
    ({"ollama": {"num_ctx": "atuo"}}, 'ollama.num_ctx: must be a whole number, "auto" or null'),
    ({"ollama": {"num_ctx": 0}}, "config.json: ollama.num_ctx: must be at least 1"),
    ({"ollama": {"keep_alive": "5"}}, "config.json: ollama.keep_alive: must be a number of seconds or a duration"),
    ({"ollama": {"max_concurrent": 0}}, "config.json: ollama.max_concurrent: must be at least 1"),
    ({"ollama": {"price": {"promt": 1}}}, "config.json: ollama.price.promt: unknown key; did you mean prompt?"),
    ({"ollama": {"price": {"prompt": 1, "m": {}}}}, "config.json: ollama.price.m: unknown key"),
    ({"ollama": {"price": {"prompt": 1, "completion": {}}}}, "ollama.price.completion: must be a number, since"),
    ({"ollama": {"price": {"m": {"prompt": -1}}}}, "config.json: ollama.price.m.prompt: must be at least 0"),
    (
        {"providers": {"x": {}}},
        "providers.x.kind: is missing; it must be one of ollama, llamacpp, openrouter, openai, anthropic",
    ),
    (
        {"providers": {"x": {"kind": "olama"}}},
        "providers.x.kind: must be one of ollama, llamacpp, openrouter, openai, anthropic; d",
    ),
    ({"providers": {"x": {"kind": "openai"}}}, "config.json: providers.x.endpoint: is missing"),
    ({"providers": {"-x": BOX}}, "config.json: providers.-x: is no name for a provider: use at most 64 letters"),
    ({"providers": {"a/b": BOX}}, "config.json: providers.a/b: is no name for a provider"),
    ({"providers": {"": BOX}}, "config.json: providers.'': is no name for a provider"),
    ({"providers": {"x" * 65: BOX}}, "is no name for a provider"),
    ({"ollama": {}, "providers": {"ollama": BOX}}, "config.json: providers.ollama: is configured twice"),
    # routing
    (
        {"routing": {"provider_priority": ["olama"]}},
        "provider_priority[0]: there is no provider named 'olama'; did you mean ol",
    ),
    (
        {"routing": {"provider_priority": ["zzz"]}},
        "provider_priority[0]: there is no provider named 'zzz'; known: ",
    ),
    ({"routing": {"provider_priority": ["ollama", ["ollama"]]}}, "provider_priority[1]: names ollama a second time"),
    ({"routing": {"provider_priority": "ollama"}}, "routing.provider_priority: must be a list of provider names"),
    ({"routing": {"provider_priority": [[]]}}, "config.json: routing.provider_priority[0]: must not be empty"),
    ({"routing": {"hedge": {"after": -1}}}, "config.json: routing.hedge.after: must be at least 0"),
    ({"routing": {"hedge": {"after": "never"}}}, 'routing.hedge.after: must be a number of seconds, "auto" or null'),
    ({"routing": {"hedge": {"scope": "sam"}}}, "routing.hedge.scope: must be one of same, any; did you mean same?"),
    ({"routing": {"budget": {"daily_us": 2}}}, "routing.budget.daily_us: unknown key; did you mean daily_usd?"),
    ({"routing": {"budget": {"daily_usd": -2}}}, "config.json: routing.budget.daily_usd: must be at least 0"),
    ({"routing": {"budget": {"daily_usd": "2"}}}, "routing.budget.daily_usd: must be a number or null"),
    ({"routing": {"budget": 5}}, "config.json: routing.budget: must be an object or null"),
    ({"ollama": {"budget": {"daily_tokens": 0.5}}}, "ollama.budget.daily_tokens: must be a whole number or null"),
    ({"routing": {"hedge": {"budget": 2}}}, "config.json: routing.hedge.budget: must be at most 1"),
    (
        {"routing": {"local_only": "m"}},
        "routing.local_only: must be true, false or a list of model names, not a string",
    ),
    ({"routing": {"first_token_timeout_s": 0}}, "config.json: routing.first_token_timeout_s: must be more than 0"),
    # endpoints
    (box(endpoint="localhost:11434"), "config.json: providers.box.endpoint: must start with http:// or https://"),
    (box(endpoint="ftp://box"), "providers.box.endpoint: must start with http:// or https://"),
    (box(endpoint="file:///etc/passwd"), "providers.box.endpoint: must start with http:// or https://"),
    (box(endpoint="http://user:p4ssw0rd@box/v1"), "providers.box.endpoint: must not contain credentials"),
    (box(endpoint="http://box/v1#x"), "providers.box.endpoint: must not contain a fragment"),
    (box(endpoint="http://box/v1?key=hunter2secret"), "providers.box.endpoint: must not contain a credential"),
    (box(endpoint="http://box /v1"), "providers.box.endpoint: must not contain a space"),
    (box(endpoint="http://box/\r\nX: y"), "providers.box.endpoint: must not contain a space, a line end"),
    (box(endpoint="http://box:0"), "providers.box.endpoint: must have a port from 1 to 65535"),
    (box(endpoint="http://box:99999"), "providers.box.endpoint: must have a port from 1 to 65535"),
    (box(endpoint=""), "config.json: providers.box.endpoint: must not be empty"),
    (box(endpoint=None), "config.json: providers.box.endpoint: must be a string, not null"),
    (box(endpoint="http://169.254.169.254/latest"), "providers.box.endpoint: is the metadata service"),
    (box(endpoint="http://0xa9fea9fe/"), "providers.box.endpoint: has an IP address that is not in the form"),
    # keys and headers
    (box(api_key=KEY + "\n"), "config.json: providers.box.api_key: must not contain a space, a line end"),
    (box(api_key=KEY + " x"), "config.json: providers.box.api_key: must not contain a space"),
    (box(api_key="ключ" * 8), "config.json: providers.box.api_key: must not contain a space, a line end or a char"),
    (box(api_key="k" * 1025), "config.json: providers.box.api_key: must not be longer"),
    (box(api_key="env:"), "providers.box.api_key: must have the name of an environment variable after env:"),
    (box(headers={"Host": "x"}), "config.json: providers.box.headers.Host: cannot be set"),
    (box(headers={"content-length": "1"}), "providers.box.headers.content-length: cannot be set"),
    (box(headers={"Connection": "close"}), "providers.box.headers.Connection: cannot be set"),
    (box(headers={"X Y": "1"}), "config.json: providers.box.headers: 'X Y' is not a valid header name"),
    (box(headers={"X-A": "hunter2secret\r\nX: y"}), "providers.box.headers.X-A: must be printable ASCII on one line"),
    (box(headers={"X-A": "1", "x-a": "2"}), "config.json: providers.box.headers.x-a: is given twice, also as X-A"),
    (box(headers={"X-A": 1}), "config.json: providers.box.headers.X-A: must be a string, not a number"),
    ({"server": {"api_key": ""}}, "config.json: server.api_key[0]: must not be empty"),
    ({"server": {"api_key": "hunter2secret x"}}, "config.json: server.api_key: must not contain a space"),
    ({"server": {"api_key": ["k" * 16, "a b"]}}, "config.json: server.api_key[1]: must not contain a space"),
    ({"server": {"api_key": "env:NOT_SET"}}, "server.api_key: environment variable NOT_SET is not set"),
    ({"server": {"api_key": ["env:NOT_SET"]}}, "server.api_key[0]: environment variable NOT_SET is not set"),
    # server and tunnel
    ({"server": {"hostname": "http://x"}}, "config.json: server.hostname: must be a host alone"),
    ({"server": {"hostname": "localhost:80"}}, "server.hostname: must be a host alone; the port goes to server.port"),
    ({"server": {"hostname": "256.1.1.1"}}, "config.json: server.hostname: must be a host name or an IP address"),
    ({"server": {"allowed_hosts": ["https://x"]}}, "config.json: server.allowed_hosts[0]: must be a host name alone"),
    ({"server": {"allowed_origins": ["*"]}}, "config.json: server.allowed_origins[0]: must look like https://example"),
    ({"server": {"allowed_origins": ["null"]}}, "config.json: server.allowed_origins[0]: must look like"),
    (
        {"tunnel": {"type": "localhost.run"}},
        "tunnel.type: must be one of localhost_run, ngrok, ssh; did you mean localho",
    ),
    ({"tunnel": {"ssh_host": "-oProxyCommand=x"}}, "config.json: tunnel.ssh_host: must not be empty, start with -"),
    ({"tunnel": {"domain": "a b"}}, "config.json: tunnel.domain: must not be empty, start with - or contain a space"),
    ({"tunnel": {"ngrok_path": ""}}, "config.json: tunnel.ngrok_path: must be a path"),
    ({"tunnel": {"public_url": "x"}}, "config.json: tunnel.public_url: must start with http:// or https://"),
    ({"tunnel": {"ssh_port": 0}}, "config.json: tunnel.ssh_port: must be at least 1"),
    ({"tunnel": {"use_tunnel": True, "domain": "env:NO"}}, "tunnel.domain: environment variable NO is not set"),
]


@pytest.mark.parametrize(("tree", "complaint"), BAD)
def test_a_bad_file_is_refused_in_one_line_with_its_place(tree: object, complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tree)
    text = str(caught.value)
    assert complaint in text
    assert text.startswith("config.json:")
    assert text.isprintable()
    assert len(text) < 400
    assert not any(secret in text for secret in SECRETS)


@pytest.mark.parametrize(
    ("env", "flags", "complaint"),
    [
        ({"LINX_API_KEY": "a b"}, {}, "LINX_API_KEY: must not contain a space"),
        ({"LINX_API_KEY": "k" * 20 + "\n"}, {}, "LINX_API_KEY: must not contain a space, a line end"),
        ({"OPENROUTER_API_KEY": "ключ"}, {}, "OPENROUTER_API_KEY: must not contain"),
        ({"LINX_CONFIG": "gone.json"}, {}, "gone.json: no such file (given by LINX_CONFIG)"),
        ({}, {"api_key": ""}, "--api-key: must not be empty"),
        ({}, {"ollama": "box:11434"}, "--ollama: must start with http:// or https://"),
        ({}, {"ollama": "http://box:11434/api"}, "--ollama: must end before /api"),
        ({}, {"host": "a b"}, "--host: must be a host name or an IP address"),
        ({}, {"port": 65536}, "built-in defaults: server.port: must be at most 65535"),
    ],
)
def test_a_bad_variable_or_flag_is_called_by_its_name(
    env: dict[str, str], flags: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(None, env, KINDS, Overrides(**flags))
    assert str(caught.value).startswith(complaint)


# --- what is only warned of ---

WARNED: list[tuple[dict[str, Any], dict[str, str], str]] = [
    (
        box(api_key="env:NOT_SET"),
        {},
        "config.json: providers.box.api_key: environment variable NOT_SET is not set, so this provider is disabled",
    ),
    ({"openrouter": {"endpoint": "env:NOT_SET"}}, {}, "openrouter.endpoint: environment variable NOT_SET is not set"),
    (box(headers={"X-A": "env:NOT_SET"}), {}, "providers.box.headers.X-A: environment variable NOT_SET is not set"),
    ({"server": {"api_key": "short"}}, {}, "config.json: server.api_key: is shorter than 16 characters"),
    ({"server": {"api_key": ["k" * 16, "short"]}}, {}, "config.json: server.api_key[1]: is shorter than 16"),
    ({}, {"LINX_API_KEY": "short"}, "LINX_API_KEY: is shorter than 16 characters"),
    (
        {"server": {"api_key": ["k" * 16, {"name": "anna", "key": "l" * 16}]}},
        {"LINX_API_KEY": "m" * 16},
        "LINX_API_KEY: is the only key that clients may send now, and the 1 named in the file are not valid",
    ),
    ({"server": {"api_key": "YOUR_API_KEY_GOES_HERE"}}, {}, "config.json: server.api_key: is a placeholder"),
    (
        {"openrouter": {"api_key": "sk-or-v1-your-api-key-here"}},
        {},
        "config.json: openrouter.api_key: is a placeholder",
    ),
    (box(api_key="YOUR KEY"), {}, "config.json: providers.box.api_key: is a placeholder and is not sent"),
    ({"openrouter": {}}, {}, "config.json: openrouter.api_key: is not set"),
    (box(endpoint="http://box.example.com", api_key=KEY), {}, "providers.box.endpoint: sends a key over http://"),
    (box(endpoint="http://box.example.com", headers={"Authorization": "Basic abcdef"}), {}, "sends a key over http://"),
    (box(endpoint="https://8.8.8.8/v1"), {}, "providers.box.endpoint: TLS certificates rarely name an IP address"),
    (box(api_key="short"), {}, "config.json: providers.box.api_key: is shorter than 16 characters; is it complete?"),
    (box(num_ctx=4096), {}, "config.json: providers.box.num_ctx: has no effect: only kind ollama uses it"),
]


@pytest.mark.parametrize(("tree", "env", "warning"), WARNED)
def test_what_is_unwise_is_a_warning(tree: dict[str, Any], env: dict[str, str], warning: str) -> None:
    warnings = loaded(tree, env).warnings
    assert len([text for text in warnings if warning in text]) == 1
    assert not any(secret in text for text in warnings for secret in SECRETS)


def test_a_key_on_the_command_line_is_warned_of() -> None:
    [warning] = loaded({}, {}, api_key=KEY).warnings
    assert "--api-key: other users of this machine can see the key" in warning
    assert KEY not in warning


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
@pytest.mark.parametrize(
    ("tree", "is_warned"),
    [
        (box(api_key=KEY), True),
        ({"server": {"api_key": ["env:K", KEY]}}, True),
        (box(headers={"Authorization": "Bearer x"}), True),
        (box(headers={"X-Title": "Linx"}), False),
        (box(api_key="env:K"), False),
        (box(api_key="YOUR_KEY"), False),
        ({"server": {"api_key": None}}, False),
    ],
)
def test_a_key_in_a_file_that_others_can_read(tree: dict[str, Any], is_warned: bool) -> None:
    warnings = load(written(tree, mode=0o644), {"K": KEY}, KINDS).warnings
    assert any("can be read by other users" in text for text in warnings) is is_warned
    assert not any("can be read" in text for text in load(written(tree, mode=0o600), {"K": KEY}, KINDS).warnings)


def test_sources_are_read_by_the_same_layers_and_tell_the_redactor() -> None:
    sources = Sources(KINDS, written(box(api_key=KEY)), Overrides(port=5))
    config = sources.load()
    assert config.server.port == 5
    assert KEY not in sources.redactor.clean(f"key {KEY}")
    assert sources.watched() == ("config.json",)


# --- its own address ---


def own(endpoint: str, bound: tuple[str, int], enabled: bool = True) -> None:
    refuse_own_address(loaded({"llamacpp": {"endpoint": endpoint, "enabled": enabled}}), [bound])


@pytest.mark.parametrize(
    ("endpoint", "host"),
    [
        ("http://127.0.0.1:8080", "127.0.0.1"),
        ("http://localhost:8080/v1", "127.0.0.1"),
        ("http://LOCALHOST.:8080", "127.0.0.1"),
        ("http://a.localhost:8080", "127.0.0.1"),
        ("http://[::1]:8080", "127.0.0.1"),
        ("http://0.0.0.0:8080", "127.0.0.1"),
        ("http://[::ffff:127.0.0.1]:8080", "127.0.0.1"),
        (f"http://{socket.gethostname()}:8080", "127.0.0.1"),
        ("http://127.0.0.1:8080", "::1"),
        ("http://127.0.0.1:8080", "0.0.0.0"),
        ("http://127.0.0.2:8080", "0.0.0.0"),
        ("http://localhost:8080", "::"),
        ("http://192.168.77.5:8080", "192.168.77.5"),
        ("https://localhost:8080", "127.0.0.1"),
    ],
)
def test_its_own_address_is_refused(endpoint: str, host: str) -> None:
    with pytest.raises(ConfigError, match=r"config\.json: llamacpp\.endpoint: is Linx's own address \(port 8080\)"):
        own(endpoint, (host, 8080))
    own(endpoint, (host, 8080), enabled=False)
    own(endpoint, (host, 8081))


@pytest.mark.parametrize(
    ("endpoint", "host"),
    [
        ("http://192.168.77.5:8080", "127.0.0.1"),
        ("http://192.168.77.5:8080", "0.0.0.0"),
        ("http://127.0.0.2:8080", "127.0.0.1"),
        ("http://127.0.0.1:8080", "192.168.77.5"),
        ("http://box.example.com:8080", "0.0.0.0"),
        ("http://host.docker.internal:8080", "0.0.0.0"),
    ],
)
def test_other_machines_and_addresses_are_not_its_own(endpoint: str, host: str) -> None:
    own(endpoint, (host, 8080))


def test_the_place_of_a_provider_of_ones_own_is_named() -> None:
    config = loaded(box(endpoint="http://localhost:8080"))
    with pytest.raises(ConfigError, match=r"providers\.box\.endpoint"):
        refuse_own_address(config, [("127.0.0.1", 1), ("127.0.0.1", 8080)])


def test_a_text_is_tried_as_a_file_without_being_one(tmp_path: Path) -> None:
    sources = Sources(KINDS, overrides=Overrides(host="127.0.0.2"))
    path = str(tmp_path / "new.json")
    config = try_text(b'{"server": {"port": 7}}', path, sources)
    assert (config.server.port, config.server.hostname, config.path) == (7, "127.0.0.2", path)
    with pytest.raises(ConfigError, match=r"new\.json: server\.prot: unknown key; did you mean port\?"):
        try_text(b'{"server": {"prot": 7}}', path, sources)
    assert not os.path.exists(path)
