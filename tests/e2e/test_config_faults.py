"""Configs with a fault: Linx does not start and says in one line what is wrong, and a reload with it changes nothing.

``tests/config/test_load.py`` has many more texts of single keys; here each kind of fault goes through the command
line, and through a reload beside a good config.
"""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Any

import pytest

from linx.cli import main
from linx.config.load import Sources
from linx.config.shape import RoutingConfig, SectionShape, ServerConfig, TunnelConfig
from linx.config.watch import ConfigWatch
from linx.core import jsontext
from linx.core.errors import ConfigError
from linx.providers.kinds import KINDS
from tests.config.help import BOX, KEY, box, loaded, written
from tests.e2e.test_process import run_to_end

if TYPE_CHECKING:
    from pathlib import Path

GOOD: dict[str, Any] = box(api_key=KEY)


@pytest.fixture(autouse=True)
def _empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("LINX_CONFIG", "LINX_API_KEY", "OPENROUTER_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def endpoint(text: object) -> dict[str, Any]:
    return box(endpoint=text)


FAULTS: dict[str, tuple[object, str]] = {
    # the text
    "empty": (b"", "config.json: is empty"),
    "not JSON": (b"port = 8080", "config.json:1:1: is not JSON"),
    "UTF-16": ("{}".encode("utf-16"), "config.json:1:1: is not UTF-8 (it looks like UTF-16)"),
    "trailing comma": (b'{\n  "server": {"port": 1,}\n}', "config.json:2:23: is not JSON: trailing comma"),
    "comment": (b"{\n  // a comment\n}", "config.json:2:3: is not JSON: comments are not allowed"),
    "duplicate key": (b'{"ollama": {}, "ollama": {}}', "config.json: ollama: is given twice"),
    "unknown key": ({"ollama": {"enpoint": "x"}}, "config.json: ollama.enpoint: unknown key; did you mean endpoint?"),
    "unknown section": ({"rooting": {}}, "config.json: rooting: unknown key; did you mean routing?"),
    "100 MB": (b"{" + b" " * (100 << 20) + b"}", "config.json: is larger than 1 MiB"),
    # ports and hosts
    "port 70000": ({"server": {"port": 70000}}, "config.json: server.port: must be at most 65535"),
    'port "8080"': ({"server": {"port": "8080"}}, "config.json: server.port: must be a whole number, not a string"),
    "hostname with a port": ({"server": {"hostname": "localhost:1"}}, "config.json: server.hostname: must be a host"),
    # endpoints
    "no scheme": (endpoint("localhost:11434"), "providers.box.endpoint: must start with http:// or https://"),
    "ftp": (endpoint("ftp://box"), "providers.box.endpoint: must start with http:// or https://"),
    "file": (endpoint("file:///etc/passwd"), "providers.box.endpoint: must start with http:// or https://"),
    "credentials": (endpoint("https://u:p4ssw0rd@box"), "providers.box.endpoint: must not contain credentials"),
    "fragment": (endpoint("https://box/v1#x"), "providers.box.endpoint: must not contain a fragment"),
    "a path of Ollama": ({"ollama": {"endpoint": "http://box/api"}}, "ollama.endpoint: must end before /api"),
    "port 0": (endpoint("http://box:0"), "providers.box.endpoint: must have a port from 1 to 65535"),
    "CR LF": (endpoint("http://box\r\nX: y"), "providers.box.endpoint: must not contain a space, a line end"),
    "space": (endpoint("http://bo x"), "providers.box.endpoint: must not contain a space"),
    "metadata": (endpoint("http://169.254.169.254/"), "providers.box.endpoint: is the metadata service"),
    # keys
    "key with a line end": (box(api_key=KEY + "\n"), "providers.box.api_key: must not contain a space, a line end"),
    "key with a space": (box(api_key=KEY + " x"), "providers.box.api_key: must not contain a space"),
    "key outside ASCII": (box(api_key="ключ" * 8), "providers.box.api_key: must not contain a space, a line end or"),
    "server key with a space": ({"server": {"api_key": "two words"}}, "server.api_key: must not contain a space"),
    "no variable for the server's key": (
        {"server": {"api_key": "env:NOT_SET"}},
        "server.api_key: environment variable NOT_SET is not set",
    ),
    # routing and tunnel
    "priority: unknown": (
        {"routing": {"provider_priority": ["olama"]}},
        "provider_priority[0]: there is no provider named 'olama'; did you mean ollama?",
    ),
    "priority: twice": (
        {"routing": {"provider_priority": ["ollama", "ollama"]}},
        "provider_priority[1]: names ollama a second time",
    ),
    "mapping to a number": (box(model_mappings={"a": 1}), "providers.box.model_mappings.a: must be a string"),
    "mapping to nothing": (box(model_mappings={"a": ""}), "providers.box.model_mappings.a: must not be empty"),
    "tunnel type": ({"tunnel": {"type": "ngrock"}}, "tunnel.type: must be one of localhost_run, ngrok, ssh; did you"),
}


SHAPES = {"ollama": SectionShape, "routing": RoutingConfig, "server": ServerConfig, "tunnel": TunnelConfig}
OF_OBJECTS = {"model_mappings", "headers", "price", "hedge"}
WRONG_TYPES: dict[str, tuple[object, str]] = {
    f"type of {section}.{key}": (
        {section: {key: {"x": [1]} if key in OF_OBJECTS else [{}]}},
        f"config.json: {section}.{key}",
    )
    for section, shape in SHAPES.items()
    for key in shape.__struct_encode_fields__
}
ALL = FAULTS | WRONG_TYPES


@pytest.mark.parametrize("fault", ALL)
async def test_a_config_with_a_fault(fault: str, capsys: pytest.CaptureFixture[str]) -> None:
    tree, complaint = ALL[fault]
    config = loaded(GOOD)
    watch = ConfigWatch(Sources(KINDS, "config.json").load, ["config.json"], config)
    written(tree)
    # at the start
    assert main([]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert complaint in err
    assert err.startswith("linx: config.json:")
    assert err.count("\n") == 1
    assert err[:-1].isprintable()
    assert not any(secret in err for secret in (KEY, "p4ssw0rd"))
    # at a reload
    told: list[object] = []

    async def changed(outcome: object) -> None:
        told.append(outcome)

    outcome = await watch.reload(changed)
    assert isinstance(outcome, ConfigError)
    assert f"linx: {outcome}\n" == err
    assert told == [outcome]
    assert watch.config is config


WARNED: dict[str, tuple[dict[str, Any], str]] = {
    "no key for 0.0.0.0": ({"server": {"hostname": "0.0.0.0"}}, ""),  # one is invented: see test_process
    "port 0": ({"server": {"port": 0}}, ""),
    "byte order mark": ({}, ""),
    "slash at the end": (endpoint("https://box.example.com/v1/"), ""),
    "https to an address": (endpoint("https://8.8.8.8/v1"), "TLS certificates rarely name an IP address"),
    "a key over http": (box(endpoint="http://box.example.com", api_key=KEY), "sends a key over http:// in the clear"),
    "placeholder": (box(api_key="sk-or-v1-your-api-key-here"), "is a placeholder and is not sent"),
    "short key": ({"server": {"api_key": "short"}}, "is shorter than 16 characters"),
    "priority: empty": ({"routing": {"provider_priority": []}}, ""),
    "priority: not all": ({"providers": {"a": BOX, "b": BOX}, "routing": {"provider_priority": ["a"]}}, ""),
    "no provider": ({"ollama": {"enabled": False}}, ""),
    "mapping in a ring": (box(model_mappings={"a": "b", "b": "a"}), ""),  # a mapping is looked up once
    "no default": (box(model_mappings={"a": "b"}), ""),
    "no variable for a provider's key": (box(api_key="env:NOT_SET"), "is not set, so this provider is disabled"),
}


@pytest.mark.parametrize("oddity", WARNED)
def test_what_is_odd_and_works_all_the_same(oddity: str) -> None:
    tree, warning = WARNED[oddity]
    data = jsontext.dumps(tree)
    config = loaded(b"\xef\xbb\xbf" + data if oddity == "byte order mark" else data)
    found = [text for text in config.warnings if warning and warning in text]
    assert len(found) == len(config.warnings) == bool(warning)


# --- the file itself ---


def test_a_file_that_is_missing_a_directory_or_open_to_all(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    written(GOOD, "open.json", mode=0o666)
    written(GOOD, "real.json")
    os.symlink("gone.json", "link.json")
    for arguments, words in (
        (["--config", "gone.json"], "gone.json: no such file (given by --config)"),
        (["--config", str(tmp_path)], "is a directory; name the file in it"),
        (["--config", "open.json"], "open.json: can be changed by every user of this machine; run: chmod o-w"),
        (["--config", "link.json"], "link.json: cannot be read: No such file or directory"),
    ):
        assert main(arguments) == 2
        out, err = capsys.readouterr()
        assert (out, words in err, err.count("\n")) == ("", True, 1), err


def test_a_link_and_a_file_that_cannot_be_written_are_fine() -> None:
    written(GOOD, "real.json", mode=0o400)
    os.symlink("real.json", "link.json")
    assert Sources(KINDS, "link.json").load().warnings == ()


# --- as a process ---


async def test_as_a_process(tmp_path: Path) -> None:
    tree, complaint = FAULTS["unknown key"]
    written(tree)
    code, out, err = await run_to_end(cwd=tmp_path)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert complaint in err
    assert "Traceback" not in err


@pytest.mark.parametrize("host", ["no-such-host.invalid", "192.0.2.1"])
async def test_a_host_on_which_it_cannot_listen(host: str, tmp_path: Path) -> None:
    """No fault of the config, since the same host may work tomorrow: exit code 1, as for a port that is taken."""
    written({"server": {"hostname": host, "port": 0}})
    code, out, err = await run_to_end(cwd=tmp_path)
    assert (code, out) == (1, "")
    last = err.strip().splitlines()[-1]
    assert host in last
    assert "Traceback" not in err


@pytest.mark.parametrize("host", ["localhost", "0.0.0.0"])
async def test_an_endpoint_that_is_linx_itself(host: str, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    written({**box(endpoint=f"http://{host}:{port}"), "server": {"port": port}})
    code, _out, err = await run_to_end(cwd=tmp_path)
    assert code == 2
    assert f"providers.box.endpoint: is Linx's own address (port {port})" in err
