"""Config files for tests, in the folder that the test runs in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from linx.config.layers import Overrides
from linx.config.load import load
from linx.core import jsontext
from linx.providers.kinds import KINDS

if TYPE_CHECKING:
    from linx.config.model import Config, ProviderConfig

EXAMPLE = Path(__file__).parents[2] / "config.json"
KEY = "sk-or-v1-0123456789abcdef0123456789abcdef"
SECRETS = (KEY, "hunter2secret", "p4ssw0rd")
BOX = {"kind": "openai", "endpoint": "https://box.example.com/v1"}


def box(**keys: object) -> dict[str, Any]:
    return {"providers": {"box": {**BOX, **keys}}}


def written(tree: object, path: str = "config.json", mode: int = 0o600) -> str:
    data = tree if isinstance(tree, bytes) else jsontext.dumps(tree)
    Path(path).write_bytes(data)
    os.chmod(path, mode)
    return path


def loaded(tree: object, env: dict[str, str] | None = None, **flags: Any) -> Config:
    return load(written(tree), env or {}, KINDS, Overrides(**flags))


def provider(config: Config, name: str) -> ProviderConfig:
    return next(one for one in config.providers if one.name == name)
