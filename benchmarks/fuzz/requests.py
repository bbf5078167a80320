"""What clients send, and what stands in the config file.

A body that Linx takes can be written for every provider, and all else is a BadRequest; a config is read, or is a
ConfigError that tells no key.
"""

from __future__ import annotations

import os
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.fuzz.bodies import almost
from benchmarks.fuzz.choices import Broken, Choices
from linx.app import faces_for
from linx.config.layers import Overrides
from linx.config.load import load
from linx.config.model import Config
from linx.core import jsontext
from linx.core.errors import BadRequest, ConfigError, LinxError
from linx.providers.kinds import KINDS
from tests.handlers.answers.test_odd_types import ROADS, carry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_FACES = faces_for(Config())


def _request(road: str, data: bytes) -> None:
    name, parse, bases = ROADS[road]
    body = almost(bases, Choices(data))
    try:
        asked = jsontext.loads_strict(jsontext.dumps(body))
    except jsontext.InvalidJSON:
        return  # nested too deep
    if not isinstance(asked, dict):
        return  # refused before a dialect sees it
    face = _FACES[name]
    try:
        carry(face, parse, asked)
    except BadRequest as error:
        jsontext.dumps_ascii(face.error_body(error, "id"))
        _check_error(error)
    except Exception as error:
        raise Broken(f"{road}: {type(error).__name__}: {error}\n{body!r}") from error


def _check_error(error: LinxError) -> None:
    if not 400 <= error.status < 500:
        raise Broken(f"a client's mistake has the status {error.status}: {error}")


REQUESTS: Mapping[str, Callable[[bytes], None]] = {
    f"request {road}": partial(_request, road) for road in ROADS
}  # fmt: skip

# --- config ---

_KEY = "sk-canary-0123456789abcdef0123456789"
_PROVIDER = {
    "kind": "openai", "endpoint": "https://box.example.com/v1", "api_key": _KEY, "headers": {"X-Team": _KEY},
    "model_mappings": {"a": "b", "default": "c"}, "models": ["a"], "enabled": True, "local": False,
    "max_concurrent": 4, "price": {"*": {"prompt": 1, "completion": 2}}, "native": True,
}  # fmt: skip
_CONFIGS: tuple[Any, ...] = (
    {"providers": {"box": _PROVIDER, "here": {"kind": "ollama", "endpoint": "http://127.0.0.1:11434"}},
     "routing": {"provider_priority": ["box", ["here"]], "fallback_enabled": True, "cost_optimization": True,
                 "hedge": {"after": 1.5, "scope": "any", "budget": 0.1}, "local_only": ["a*"],
                 "first_token_timeout_s": 5},
     "server": {"port": 8080, "hostname": "127.0.0.1", "api_key": [_KEY, _KEY], "max_body_mb": 64, "heartbeat_s": 15,
                "allowed_origins": ["https://a.example"]},
     "tunnel": {"use_tunnel": False}},
    {"ollama": {"enabled": True, "endpoint": "http://localhost:11434", "allow_manage": False},
     "openrouter": {"api_key": "env:OPENROUTER_API_KEY", "enabled": True},
     "llamacpp": {"enabled": True, "endpoint": "http://[::1]:8081", "api_key": _KEY}},
    {"providers": {f"p{number}": {**_PROVIDER, "kind": kind, "endpoint": "http://10.0.0.1/v1"}
                   for number, kind in enumerate(KINDS)}},
)  # fmt: skip
_ENVIRONS: tuple[dict[str, str], ...] = (
    {},
    {"OPENROUTER_API_KEY": _KEY},
    {"LINX_API_KEY": _KEY},
    {"LINX_API_KEY": "é"},
)
_FLAGS = (
    Overrides(), Overrides(port=0), Overrides(host="::"), Overrides(ollama="http://127.0.0.1:1"),
    Overrides(tunnel=True),    Overrides(host="a b"), Overrides(ollama="ftp://x"), Overrides(api_key=_KEY),
)  # fmt: skip
_folder = tempfile.TemporaryDirectory(prefix="linx-fuzz-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
_PATH = os.path.join(_folder.name, "config.json")


def config(data: bytes) -> None:
    choices = Choices(data)
    env, flags = choices.one_of(_ENVIRONS), choices.one_of(_FLAGS)
    body = almost(_CONFIGS, choices)
    text = jsontext.dumps(body)
    if choices.is_rare():
        at = choices.below(len(text) + 1)
        text = text[:at] + choices.take(12) + text[at + choices.below(4) :]
    Path(_PATH).write_bytes(text)
    os.chmod(_PATH, 0o600)
    try:
        loaded = load(_PATH, env, KINDS, flags)
    except ConfigError as error:
        said = str(error)
    except Exception as error:
        raise Broken(f"{type(error).__name__}: {error}\n{text!r} {env} {flags}") from error
    else:
        said = repr(loaded) + "".join(loaded.warnings)
    if _KEY in said and text.count(_KEY.encode()) == jsontext.dumps(_keys_of(body)).count(_KEY.encode()):
        raise Broken(f"a key is told: {said}\n{text!r}")


def _keys_of(value: Any) -> list[Any]:
    """What stands where a key may stand."""
    if isinstance(value, list):
        return [found for item in value for found in _keys_of(item)]
    if not isinstance(value, dict):
        return []
    own = [value[name] for name in ("api_key", "headers") if name in value]
    return own + [
        found for name, item in value.items() if name not in ("api_key", "headers") for found in _keys_of(item)
    ]
